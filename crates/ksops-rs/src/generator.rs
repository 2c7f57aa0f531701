//! The generator manifest as data (ksops-behaviour §2 and §4).
//!
//! Read from YAML nodes and not through serde, because KSOPS reads it as Go
//! reads JSON: names of fields in any case, scalars turned into text, the
//! last duplicate wins. Nodes also know their lines.

mod nearest;
mod reader;
mod scalar;

use std::{collections::BTreeMap, fmt};

use go_yaml::{Document, NodeId};

use crate::{Error, Result, error::quoted, yaml};

/// A generator: which files to print, and which Secrets to make of files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Generator {
    /// The files whose decrypted text is printed as it is.
    pub files: Vec<Entry>,
    /// The Secrets to make.
    pub secrets: Vec<SecretSource>,
    /// What looks like a mistake and is none to KSOPS, one line each.
    pub warnings: Vec<String>,
    /// How messages call it: by its path, or by its name where kustomize made
    /// a file of it.
    pub title: String,
}

/// One entry of `secretFrom`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretSource {
    /// `metadata.name`; empty where there is none.
    pub name: String,
    /// `metadata.namespace`; empty where there is none.
    pub namespace: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `type`; empty where there is none.
    pub kind: String,
    /// Files that become texts under `stringData`.
    pub files: Vec<KeyedEntry>,
    /// Files that become base64 under `data`.
    pub binary_files: Vec<KeyedEntry>,
    /// Env files whose variables become texts under `stringData`.
    pub envs: Vec<Entry>,
}

/// A file that a generator names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path as it was written.
    pub path: String,
    /// Where it was written.
    pub place: Place,
}

/// A file with its key in a Secret, written `key=path` or just `path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedEntry {
    /// The key; the file's name where none was written.
    pub key: String,
    /// The file.
    pub entry: Entry,
}

/// Where in a generator a file is named. Displayed as
/// `line 7: secretFrom[0].envs[1]`, or without the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1; `None` where lines mean nothing.
    pub line: Option<u32>,
    /// The entry of `secretFrom`, counted from 0; `None` for the generator's
    /// own `files`.
    pub secret: Option<usize>,
    /// The name of the list: `files`, `binaryFiles` or `envs`.
    pub list: &'static str,
    /// The item of the list, counted from 0.
    pub index: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(secret) = self.secret {
            write!(f, "secretFrom[{secret}].")?;
        }
        write!(f, "{}[{}]", self.list, self.index)
    }
}

impl Generator {
    /// Reads the first document of a manifest. `name` is what messages call
    /// it.
    ///
    /// # Errors
    ///
    /// Where the text is not YAML, or not a generator.
    ///
    /// ```
    /// use ksops_rs::generator::Generator;
    /// let generator = Generator::parse("g.yaml", b"files: [a.enc.yaml]\n")?;
    /// assert_eq!(generator.files[0].path, "a.enc.yaml");
    /// # Ok::<(), ksops_rs::Error>(())
    /// ```
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let document = yaml::parse_first(name, bytes).map_err(|error| {
            error.advise("mend the YAML there or on the line above; the file is to be UTF-8")
        })?;
        let Some((document, root)) = document.as_ref().and_then(|doc| Some((doc, doc.root()?)))
        else {
            return Err(missing_lists().at(name));
        };
        if is_written_by_kustomize(name) {
            let name = match title(document, root) {
                Some(title) => format!("generator {}", quoted(title)),
                None => "generator without a name".into(),
            };
            reader::read(&name, document, root, false)
        } else {
            reader::read(name, document, root, true)
        }
    }

    /// Reads a generator that is part of a document, whose lines mean nothing
    /// to anyone.
    ///
    /// # Errors
    ///
    /// Where it is not a generator.
    pub fn from_node(name: &str, document: &Document<'_>, node: NodeId) -> Result<Self> {
        reader::read(name, document, node, false)
    }
}

/// Whether a manifest is one that kustomize wrote for a legacy plugin: then
/// neither its path nor its lines are those that a person knows.
fn is_written_by_kustomize(path: &str) -> bool {
    base_name(path).starts_with("kust-plugin-config-")
}

/// `metadata.name` of a Kubernetes object.
pub(crate) fn title<'a>(document: &'a Document<'_>, object: NodeId) -> Option<&'a str> {
    let metadata = yaml::field(document, object, "metadata")?;
    yaml::text(document, yaml::field(document, metadata, "name")?)
}

fn missing_lists() -> Error {
    Error::new("neither `files` nor `secretFrom` is there").advise(
        "a generator names encrypted files: list them under `files:`, or under `secretFrom:` to make a Secret of them",
    )
}

/// Splits `key=path`; a path alone has its last part as key. `None` where
/// there is more than one `=`, which KSOPS has no reading for.
fn split_key(text: &str) -> Option<(&str, &str)> {
    match text.split_once('=') {
        None => Some((base_name(text), text)),
        Some((_, path)) if path.contains('=') => None,
        Some(split) => Some(split),
    }
}

/// The last part of a path, as Go's `filepath.Base` finds it.
pub(crate) fn base_name(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    match path.trim_end_matches('/') {
        "" => "/",
        path => path.rsplit('/').next().unwrap_or(path),
    }
}

fn two_equal_signs(text: &str, place: Place) -> Error {
    Error::new(format!("{place}: {} has more than one `=`", quoted(text))).advise(
        "write `key=path` or `path`; neither a key nor a path may hold `=`, so rename the file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_before_the_path() {
        assert_eq!(split_key("k=a/b.yaml"), Some(("k", "a/b.yaml")));
        assert_eq!(split_key("=a"), Some(("", "a")));
        assert_eq!(split_key("a="), Some(("a", "")));
        assert_eq!(split_key("a=b=c"), None);
        assert_eq!(split_key("a=="), None);
    }

    #[test]
    fn a_path_alone_has_its_base_name_as_key() {
        for (path, base) in [
            ("./sub/x.enc.yaml", "x.enc.yaml"),
            ("x", "x"),
            ("a/b/", "b"),
            ("..", ".."),
            (".", "."),
            ("", "."),
            ("/", "/"),
            ("///", "/"),
        ] {
            assert_eq!(split_key(path), Some((base, path)), "{path:?}");
        }
    }
}

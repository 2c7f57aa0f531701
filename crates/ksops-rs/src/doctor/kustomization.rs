//! Finds the generators below a kustomization.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use go_yaml::{Document, Kind, NodeId};

use super::{Report, Status, shown};
use crate::{Error, Result, generator::Generator, read, yaml};

pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The most folders that one kustomization may lead to.
const MAX_FOLDERS: usize = 1_000;

/// The annotation that makes a generator a KRM function; and its older name.
const FUNCTION: [&str; 2] = ["config.kubernetes.io/function", "config.k8s.io/function"];

/// A generator that a kustomization lists.
pub(super) struct Found {
    /// Its file, as it is called in messages.
    pub(super) name: String,
    /// The folder of the kustomization: where the plugin runs.
    pub(super) dir: PathBuf,
    /// The text of its file.
    pub(super) text: String,
    /// How it is run in KRM style; `None` for legacy style.
    pub(super) function: Option<Function>,
    /// What it says.
    pub(super) generator: Result<Generator>,
}

/// The annotation `config.kubernetes.io/function`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    /// `exec.path`; `None` where it is no program.
    pub(super) path: Option<String>,
    /// Whether there are `exec.args`.
    pub(super) has_args: bool,
}

/// All generators of ksops below a kustomization. What is in the way is
/// reported.
pub(super) fn explore(dir: &Path, name: &Path, report: &mut Report) -> Vec<Found> {
    let mut search = Search {
        report,
        seen: HashSet::new(),
        found: Vec::new(),
    };
    search.folder(dir, name);
    let found = search.found;
    if found.is_empty() && report.is_ok() {
        report.bad(
            Status::Warning,
            shown(name),
            "no ksops generator is listed here or below",
            "list the generator's file under `generators:` in kustomization.yaml",
        );
    }
    found
}

struct Search<'a> {
    report: &'a mut Report,
    seen: HashSet<PathBuf>,
    found: Vec<Found>,
}

impl Search<'_> {
    fn folder(&mut self, dir: &Path, name: &Path) {
        let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        if self.seen.len() >= MAX_FOLDERS || !self.seen.insert(real) {
            return;
        }
        let Some(file) = NAMES.into_iter().find(|file| dir.join(file).is_file()) else {
            self.fail(
                shown(name),
                "there is no kustomization.yaml",
                "name a folder that kustomize can build",
            );
            return;
        };
        let shown_file = shown(&name.join(file));
        let text = match self.read(&dir.join(file), &shown_file) {
            Some(text) => text,
            None => return,
        };
        let documents = match yaml::parse(&shown_file, text.as_bytes()) {
            Ok(documents) => documents,
            Err(error) => return self.error(&error),
        };
        let Some((document, root)) = documents.first().and_then(|d| Some((d, d.root()?))) else {
            return;
        };
        for entry in texts(document, root, "generators") {
            self.generator(dir, name, &entry);
        }
        for field in ["transformers", "validators"] {
            for entry in texts(document, root, field) {
                self.other_plugin(dir, name, &entry);
            }
        }
        for field in ["resources", "bases", "components"] {
            for entry in texts(document, root, field) {
                let path = dir.join(&entry);
                if path.is_dir() {
                    self.folder(&path, &name.join(&entry));
                } else if path.is_file() {
                    self.resource(&path, &shown(&name.join(&entry)));
                }
            }
        }
    }

    fn generator(&mut self, dir: &Path, name: &Path, entry: &str) {
        if entry.contains('\n') {
            let name = format!("{} (inline)", shown(name));
            return self.manifest(dir, name, entry.to_owned());
        }
        let path = dir.join(entry);
        if path.is_dir() {
            // A kustomization whose resources are generators.
            for file in generators_of(&path) {
                self.generator(dir, name, &format!("{entry}/{file}"));
            }
            return;
        }
        let name = shown(&name.join(entry));
        if let Some(text) = self.read(&path, &name) {
            self.manifest(dir, name, text);
        }
    }

    /// What kustomize looks for a plugin for, other than generators: an inline
    /// manifest or a file.
    fn other_plugin(&mut self, dir: &Path, name: &Path, entry: &str) {
        let (name, text) = if entry.contains('\n') {
            (
                format!("{} (inline)", shown(name)),
                entry.as_bytes().to_vec(),
            )
        } else {
            let Ok(bytes) = read::file(&dir.join(entry)) else {
                return;
            };
            (shown(&name.join(entry)), bytes)
        };
        for document in yaml::parse(&name, &text).unwrap_or_default() {
            if let Some(root) = document.root() {
                self.plain_names(&name, &document, root);
            }
        }
    }

    /// kustomize makes a path of `apiVersion` and `kind`, and runs the program
    /// that it leads to: with `..` in it, any that the repository holds.
    fn plain_names(&mut self, name: &str, document: &Document<'_>, root: NodeId) -> bool {
        let text = |field| field_text(document, root, field).unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let mut parts = version.split('/');
        let is_plain_version = parts.clone().count() <= 2 && parts.all(is_plain);
        let fields = [
            ("apiVersion", version.is_empty() || is_plain_version),
            ("kind", kind.is_empty() || is_plain(kind)),
        ];
        for (field, good) in fields {
            if !good {
                self.fail(
                    name,
                    format!("`{field}` is not a plain name: kustomize looks for a program where it leads, which may be one of the repository, and runs it"),
                    "write `apiVersion: viaduct.ai/v1` and `kind: ksops`; if you did not write this, somebody wants a program of theirs to be run",
                );
            }
        }
        fields.iter().all(|(_, good)| *good)
    }

    fn manifest(&mut self, dir: &Path, name: String, text: String) {
        let documents = match yaml::parse(&name, text.as_bytes()) {
            Ok(documents) => documents,
            Err(error) => return self.error(&error),
        };
        for document in &documents {
            let Some(root) = document.root() else {
                continue;
            };
            if !self.plain_names(&name, document, root) {
                continue;
            }
            let function = function(document, root);
            let is_exec = function.as_ref().is_some_and(|f| f.path.is_some());
            if !is_ours(document, root) && !is_exec {
                if is_nearly_ours(document, root) {
                    self.fail(
                        &name,
                        "kustomize looks for a plugin by apiVersion and kind, and would not find this one",
                        "write `apiVersion: viaduct.ai/v1` and `kind: ksops`",
                    );
                }
                continue;
            }
            let metadata = yaml::field(document, root, "metadata");
            if metadata.is_none_or(|node| yaml::field(document, node, "name").is_none()) {
                self.fail(
                    &name,
                    "a generator without `metadata.name`, which kustomize refuses",
                    "give it a name",
                );
            }
            let generator = Generator::from_node(&name, document, root);
            // Some other function's own configuration.
            if !is_ours(document, root) && generator.is_err() {
                continue;
            }
            self.found.push(Found {
                name: name.clone(),
                dir: dir.to_owned(),
                text: text.clone(),
                function,
                generator,
            });
        }
    }

    /// A file under `resources`: neither a generator nor an encrypted file
    /// belongs there.
    fn resource(&mut self, path: &Path, name: &str) {
        let Ok(bytes) = read::file(path) else { return };
        let Ok(documents) = yaml::parse(name, &bytes) else {
            return;
        };
        for document in &documents {
            let Some(root) = document.root() else {
                continue;
            };
            if is_ours(document, root) {
                self.fail(
                    name,
                    "a generator under `resources:`, where kustomize takes it for a resource",
                    "list it under `generators:`",
                );
            } else if yaml::field(document, root, "sops").is_some() {
                self.fail(
                    name,
                    "an encrypted file under `resources:`, which would be applied encrypted",
                    "name it in the `files:` of a generator, and list that under `generators:`",
                );
            }
        }
    }

    fn read(&mut self, path: &Path, name: &str) -> Option<String> {
        let text = read::file(path).map(String::from_utf8);
        match text {
            Ok(Ok(text)) => return Some(text),
            Ok(Err(_)) => self.fail(name, "not UTF-8 text", "save it as UTF-8"),
            Err(error) => self.fail(
                name,
                crate::error::io_reason(&error),
                "correct the path, which starts from the folder of the kustomization.yaml that lists it",
            ),
        }
        None
    }

    fn error(&mut self, error: &Error) {
        let text = error.to_string();
        let (detail, fix) = text.split_once('\n').unwrap_or((&text, ""));
        self.fail("YAML", detail, fix);
    }

    fn fail(&mut self, name: impl Into<String>, detail: impl Into<String>, fix: &str) {
        self.report.bad(Status::Failure, name, detail, fix);
    }
}

/// Whether a text can be a name, and no way to another folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

pub(super) fn is_ours(document: &Document<'_>, root: NodeId) -> bool {
    let is = |name, expected| field_text(document, root, name) == Some(expected);
    is("apiVersion", "viaduct.ai/v1") && is("kind", "ksops")
}

/// Whether a generator was meant for this plugin, and misses it.
fn is_nearly_ours(document: &Document<'_>, root: NodeId) -> bool {
    let text = |name| field_text(document, root, name).unwrap_or_default();
    text("apiVersion").starts_with("viaduct.ai/") || text("kind").eq_ignore_ascii_case("ksops")
}

fn field_text<'a>(document: &'a Document<'_>, root: NodeId, name: &str) -> Option<&'a str> {
    yaml::field(document, root, name).and_then(|node| yaml::text(document, node))
}

/// The texts of a list.
fn texts(document: &Document<'_>, root: NodeId, name: &str) -> Vec<String> {
    let Some(list) = yaml::field(document, root, name) else {
        return Vec::new();
    };
    match &document.node(document.follow(list)).kind {
        Kind::Sequence { items, .. } => items
            .iter()
            .filter_map(|&item| yaml::text(document, item))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// What a kustomization that serves as a list of generators names.
fn generators_of(dir: &Path) -> Vec<String> {
    let Some(file) = NAMES.into_iter().find(|file| dir.join(file).is_file()) else {
        return Vec::new();
    };
    let Ok(bytes) = read::file(&dir.join(file)) else {
        return Vec::new();
    };
    let Ok(documents) = yaml::parse(file, &bytes) else {
        return Vec::new();
    };
    let first = documents.first().and_then(|d| Some((d, d.root()?)));
    first.map_or(Vec::new(), |(document, root)| {
        texts(document, root, "resources")
    })
}

fn function(document: &Document<'_>, root: NodeId) -> Option<Function> {
    let metadata = yaml::field(document, root, "metadata")?;
    let annotations = yaml::field(document, metadata, "annotations")?;
    let text = FUNCTION
        .iter()
        .find_map(|name| yaml::field(document, annotations, name))?;
    let text = yaml::text(document, text)?;
    let none = Function {
        path: None,
        has_args: false,
    };
    let documents = yaml::parse("", text.as_bytes()).unwrap_or_default();
    let exec = documents.first().and_then(|document| {
        let root = document.root()?;
        Some((document, yaml::field(document, root, "exec")?))
    });
    let Some((document, exec)) = exec else {
        return Some(none);
    };
    let path = yaml::field(document, exec, "path");
    Some(Function {
        path: path
            .and_then(|path| yaml::text(document, path))
            .map(str::to_owned),
        has_args: yaml::field(document, exec, "args")
            .is_some_and(|args| !yaml::is_null(document, args)),
    })
}

/// A manifest without its function annotation: the same generator in legacy
/// style. `None` where the lines do not show how to take it out.
pub(super) fn legacy_form(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| {
        let key = line.trim_start().trim_start_matches(['"', '\'']);
        FUNCTION.iter().any(|name| key.starts_with(name))
    })?;
    let without = |from: usize| {
        let indent = indent_of(lines.get(from)?);
        let rest = lines.iter().skip(from + 1);
        let length = rest
            .take_while(|line| line.trim().is_empty() || indent_of(line) > indent)
            .count();
        Some((indent, from + 1 + length))
    };
    let (indent, end) = without(start)?;
    let mut from = start;
    // `annotations:` with nothing left below it goes too.
    let next = lines.get(end).map_or(0, |line| indent_of(line));
    let above = lines.get(start.checked_sub(1)?)?;
    if above.trim_end().trim_start() == "annotations:" && indent_of(above) < indent && next < indent
    {
        from -= 1;
    }
    let kept = lines.iter().take(from).chain(lines.iter().skip(end));
    let mut form: String = kept.flat_map(|line| [line, "\n"]).collect();
    form.truncate(form.trim_end().len());
    // The same generator, and no function any more.
    let of = |text: &str| {
        let documents = yaml::parse("", text.as_bytes()).ok()?;
        let [document] = documents.as_slice() else {
            return None;
        };
        let root = document.root()?;
        let generator = Generator::from_node("", document, root).ok()?;
        let paths: Vec<_> = generator
            .files
            .into_iter()
            .map(|entry| entry.path)
            .collect();
        Some((
            paths,
            generator.secrets.len(),
            is_ours(document, root),
            function(document, root).is_some(),
        ))
    };
    let (before, after) = (of(text)?, of(&form)?);
    let is_same = (&before.0, before.1, true, false) == (&after.0, after.1, after.2, after.3);
    is_same.then_some(form)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

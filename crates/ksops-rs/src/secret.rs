//! The Secret that `secretFrom` makes (ksops-behaviour §6).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use go_yaml::{
    Comments,
    emit::{Emitter, Profile, Start, first_forbidden_char},
    natural::natural_sort_by,
};
use zeroize::Zeroizing;

use crate::{Error, Result, error::quoted, generator::SecretSource};

/// A Kubernetes Secret.
pub struct Secret<'a> {
    source: &'a SecretSource,
    string_data: BTreeMap<String, Zeroizing<String>>,
    /// The keys of `string_data` that are variables of an env file.
    variables: BTreeSet<String>,
    data: BTreeMap<String, Zeroizing<String>>,
}

impl<'a> Secret<'a> {
    /// A Secret without data, with the metadata and the type of a manifest's
    /// `secretFrom` entry.
    pub fn named(source: &'a SecretSource) -> Self {
        Secret {
            source,
            string_data: BTreeMap::new(),
            variables: BTreeSet::new(),
            data: BTreeMap::new(),
        }
    }

    /// Puts a text into `stringData`, in the place of an earlier one.
    pub fn add_text(&mut self, key: String, text: Zeroizing<String>) {
        self.variables.remove(&key);
        self.string_data.insert(key, text);
    }

    /// Puts a variable of an env file into `stringData`, in the place of an
    /// earlier text.
    pub fn add_variable(&mut self, name: String, value: Zeroizing<String>) {
        self.variables.insert(name.clone());
        self.string_data.insert(name, value);
    }

    /// Whether anything was put under this key.
    pub fn has(&self, key: &str) -> bool {
        self.string_data.contains_key(key) || self.data.contains_key(key)
    }

    /// Puts bytes into `data`, in the place of earlier ones.
    pub fn add_bytes(&mut self, key: String, bytes: &[u8]) {
        self.data
            .insert(key, Zeroizing::new(STANDARD.encode(bytes)));
    }

    /// The Secret as KSOPS prints it: keys in natural order at every level,
    /// YAML v2's quoting and folding.
    ///
    /// # Errors
    ///
    /// Where a text holds a character that YAML v2 cannot carry, or would
    /// change.
    pub fn to_yaml(&self) -> Result<Zeroizing<String>> {
        self.check_characters()?;
        let mut out = Zeroizing::new(String::with_capacity(self.size()));
        self.write(&mut out)
            .map_err(|fmt::Error| Error::new("cannot be written as YAML"))?;
        Ok(out)
    }

    /// About how long the YAML gets: a buffer that grows leaves copies behind.
    fn size(&self) -> usize {
        let data = self.string_data.iter().chain(&self.data);
        1024 + data
            .map(|(k, v)| 2 * (k.len() + v.len()) + 16)
            .sum::<usize>()
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let mut yaml = Yaml(Emitter::new(out, Profile::v2()));
        yaml.0.document_start("")?;
        yaml.0.mapping_start(Start::default())?;
        yaml.entry("apiVersion", "v1")?;
        yaml.mapping_unless_empty("data", self.data.iter().map(as_text))?;
        yaml.entry("kind", "Secret")?;

        let source = self.source;
        yaml.key("metadata")?;
        yaml.0.mapping_start(Start::default())?;
        yaml.mapping_unless_empty("annotations", &source.annotations)?;
        yaml.mapping_unless_empty("labels", &source.labels)?;
        yaml.entry_unless_empty("name", &source.name)?;
        yaml.entry_unless_empty("namespace", &source.namespace)?;
        yaml.0.mapping_end(&Comments::default())?;

        yaml.mapping_unless_empty("stringData", self.string_data.iter().map(as_text))?;
        yaml.entry_unless_empty("type", &source.kind)?;
        yaml.0.mapping_end(&Comments::default())?;
        yaml.0.document_end("")
    }

    fn check_characters(&self) -> Result<()> {
        let source = self.source;
        let single = [
            ("metadata.name", &source.name),
            ("metadata.namespace", &source.namespace),
            ("type", &source.kind),
        ];
        for (place, text) in single {
            check(text, || place.into(), MANIFEST_ADVICE)?;
        }
        for (place, texts) in [
            ("metadata.labels", &source.labels),
            ("metadata.annotations", &source.annotations),
        ] {
            for (key, text) in texts {
                check(key, || format!("a key of {place}"), MANIFEST_ADVICE)?;
                check(
                    text,
                    || format!("{place}[{}]", quoted(key)),
                    MANIFEST_ADVICE,
                )?;
            }
        }
        for key in self.data.keys() {
            check(key, || "a key of data".into(), MANIFEST_ADVICE)?;
        }
        for (key, text) in &self.string_data {
            check(key, || "a key of stringData".into(), MANIFEST_ADVICE)?;
            let advice = if self.variables.contains(key) {
                VARIABLE_ADVICE
            } else {
                DATA_ADVICE
            };
            check(text, || format!("stringData[{}]", quoted(key)), advice)?;
        }
        Ok(())
    }
}

fn as_text<'a>((key, value): (&'a String, &'a Zeroizing<String>)) -> (&'a String, &'a String) {
    (key, value)
}

struct Yaml<'a>(Emitter<&'a mut String>);

impl Yaml<'_> {
    fn key(&mut self, key: &str) -> fmt::Result {
        self.0.string(key, &Comments::default())
    }

    fn entry(&mut self, key: &str, value: &str) -> fmt::Result {
        self.key(key)?;
        self.0.string(value, &Comments::default())
    }

    fn entry_unless_empty(&mut self, key: &str, value: &str) -> fmt::Result {
        if value.is_empty() {
            return Ok(());
        }
        self.entry(key, value)
    }

    fn mapping_unless_empty<'t>(
        &mut self,
        key: &str,
        entries: impl IntoIterator<Item = (&'t String, &'t String)>,
    ) -> fmt::Result {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if entries.is_empty() {
            return Ok(());
        }
        natural_sort_by(&mut entries, |(key, _)| key);
        self.key(key)?;
        self.0.mapping_start(Start::default())?;
        for (key, value) in entries {
            self.entry(key, value)?;
        }
        self.0.mapping_end(&Comments::default())
    }
}

const MANIFEST_ADVICE: &str = "write it without that character";
const VARIABLE_ADVICE: &str = "take the character out of the variable with `sops edit`; a value that needs it goes into a file of its own, listed under `binaryFiles:`";
const DATA_ADVICE: &str = "list the file under `binaryFiles:`; the pod sees the same bytes";

/// Refuses what sigs.k8s.io/yaml cannot read back from JSON, and U+0085,
/// which it silently turns into a space.
fn check(text: &str, place: impl FnOnce() -> String, advice: &str) -> Result<()> {
    match first_forbidden_char(text) {
        None => Ok(()),
        Some(bad) => Err(Error::new(format!(
            "{} holds the character U+{:04X}, which YAML cannot carry unchanged",
            place(),
            u32::from(bad)
        ))
        .advise(advice)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> SecretSource {
        SecretSource {
            name: name.into(),
            ..SecretSource::default()
        }
    }

    fn yaml(texts: &[(&str, &str)]) -> Result<String> {
        let source = source("s");
        let mut secret = Secret::named(&source);
        for (key, text) in texts {
            secret.add_text((*key).into(), Zeroizing::new((*text).into()));
        }
        secret.to_yaml().map(|text| text.to_string())
    }

    /// The texts that sigs.k8s.io/yaml printed, as value and as key.
    #[test]
    fn texts_are_written_as_ksops_writes_them() {
        const HEAD: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n";
        let vectors = include_str!("../../../testdata/vectors/secret-scalars.jsonl");
        let (mut equal, mut refused) = (0, 0);
        for line in vectors.lines() {
            let vector: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| vector[name].as_str().unwrap();
            let text = field("in");
            let (value, key) = (yaml(&[("k", text), ("z", "1")]), yaml(&[(text, "v")]));
            if !field("err").is_empty() || text.contains('\u{85}') {
                assert!(value.is_err() && key.is_err(), "{text:?}");
                refused += 1;
                continue;
            }
            assert_eq!(value.unwrap(), format!("{HEAD}{}", field("value")));
            // Keys over 1024 bytes fail in sigs.k8s.io/yaml.
            if !field("key").is_empty() {
                assert_eq!(key.unwrap(), format!("{HEAD}{}", field("key")));
            }
            equal += 1;
        }
        assert_eq!((equal, refused), (1710, 8));
    }

    #[test]
    fn a_later_text_takes_the_place_of_an_earlier_one() {
        let text = yaml(&[("a10", "x"), ("a2", "y"), ("a10", "z")]).unwrap();
        assert!(
            text.ends_with("stringData:\n  a2: \"y\"\n  a10: z\n"),
            "{text}"
        );
    }

    #[test]
    fn bytes_are_base64_on_one_line() {
        let source = source("s");
        let mut secret = Secret::named(&source);
        secret.add_bytes("b".into(), &[0xFF; 300]);
        let text = secret.to_yaml().unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("////")).count(), 1);
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let source = SecretSource::default();
        let text = Secret::named(&source).to_yaml().unwrap();
        assert_eq!(*text, "apiVersion: v1\nkind: Secret\nmetadata: {}\n");
    }
}

//! What the tests of this crate share: where test data is, and how two files
//! are compared.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::{fs, path::PathBuf, process::Command};

use sops_core::{
    Document, EncryptOptions, Format, Keyring, Plain, Result, Style, keys::Recipient,
    metadata::Rule,
};
pub use testkit::files::{folders, key, testdata};

/// The recipient of `age-a.txt`.
const AGE_A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

/// A keyring of key files below `testdata/corpus/keys`.
pub fn keyring(names: &[&str]) -> Keyring {
    let mut keyring = Keyring::new();
    for name in names {
        let path = key(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if name.starts_with("ssh-") {
            let _ = keyring.add_ssh_key(&text);
        } else {
            let _ = keyring.add_identities(&text);
        }
    }
    keyring
}

/// Encryption for the recipient of `age-a.txt`, by a rule.
pub fn options(rule: Rule) -> EncryptOptions {
    EncryptOptions::new([Recipient::age(AGE_A)]).with_rule(rule)
}

/// One folder of `testdata/corpus/cases`.
pub struct Case {
    pub path: PathBuf,
    /// `json/basic`
    pub name: String,
    pub format: Format,
    extension: &'static str,
}

impl Case {
    /// All cases of a format.
    pub fn all(format: Format) -> Vec<Case> {
        let extension = match format {
            Format::Yaml => "yaml",
            Format::Json => "json",
            Format::Dotenv => "env",
            Format::Ini => "ini",
            _ => "bin",
        };
        let name = format.name();
        folders(&testdata().join("corpus/cases").join(name))
            .into_iter()
            .map(|path| Case {
                name: format!("{name}/{}", path.file_name().unwrap().to_string_lossy()),
                path,
                format,
                extension,
            })
            .collect()
    }

    /// The file of this stem (`enc`, `plain`, `in`), if there is one.
    pub fn file(&self, stem: &str) -> Option<Vec<u8>> {
        fs::read(self.path.join(format!("{stem}.{}", self.extension))).ok()
    }

    /// The file of this whole name, if there is one.
    pub fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path.join(name)).ok()
    }

    /// The keys that the case names.
    pub fn keyring(&self) -> Keyring {
        let names = self.text("identities").unwrap_or("age-a.txt".into());
        keyring(&names.lines().collect::<Vec<_>>())
    }

    /// Reads and decrypts the case's encrypted file.
    pub fn decrypt(&self) -> Result<Document<Plain>> {
        Document::parse(&self.file("enc").unwrap(), self.format)?.decrypt(&self.keyring())
    }
}

/// The bytes of a document, or the error as text.
pub fn written(document: &Document<Plain>, format: Format) -> std::result::Result<String, String> {
    match document.to_bytes(format, &Style::default()) {
        Ok(bytes) => Ok(show(&bytes)),
        Err(e) => Err(format!("{e:?}")),
    }
}

/// Bytes as text that tells any two apart.
pub fn show(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

/// Go sops with the keys of the corpus, in an empty environment; `None` where
/// there is none, which was said.
pub fn sops() -> Option<impl Fn(&[&str]) -> Command> {
    let program = testkit::servers::sops()?;
    Some(move |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command
            .env_clear()
            // Away from the `.sops.yaml` of this repository.
            .current_dir(std::env::temp_dir())
            .env("SOPS_AGE_KEY_FILE", key("age-a.txt"))
            .args(arguments);
        command
    })
}

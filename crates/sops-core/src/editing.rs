//! Changing an encrypted file: its values, its recipients, its data key.
//!
//! A change rewrites what changed: values that stay keep their ciphertext,
//! recipients that stay their wrapped key, comments their place, and the file
//! its indentation.

mod finish;
mod keyed;
mod path;
mod recipients;
mod start;

use crate::{
    Document, Error, ErrorKind, Format, Readable, Result, Timestamp,
    decrypt::Nonces,
    document, encrypt, format,
    metadata::{Metadata, Rule, version},
    query::Step,
    tree::{self, Mapping, Tree, Value},
};

pub use finish::Finish;
pub use keyed::Keyed;
use recipients::Recipients;
pub use recipients::Wanted;

/// The state of a document that is being changed: it was decrypted and its
/// MAC holds, and what its file needs to be written again is remembered.
pub struct Editing {
    metadata: Metadata,
    recipients: Recipients,
    nonces: Nonces,
    /// The format and the time that it is written with, unless told otherwise.
    output: Format,
    time: Option<Timestamp>,
}

/// The state of a document whose data key is known and whose values are
/// ciphertext still: its recipients can be changed, and nothing else.
pub struct Rekeying {
    metadata: Metadata,
    recipients: Recipients,
}

impl Readable for Editing {}
impl document::sealed::Readable for Editing {}

impl Document<Editing> {
    /// The documents of the file, to be changed in any way.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// let secret = &mut document.tree_mut()[0];
    /// secret.push("immutable", true);
    /// let changed = document.finish(&Finish::new())?;
    /// assert!(String::from_utf8(changed)?.contains("\nimmutable: true\nsops:\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tree_mut(&mut self) -> &mut Tree {
        self.raw_tree_mut()
    }

    /// Replaces all values: by those that came back from an editor, for
    /// instance.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, Style};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// let text = document.to_bytes(Format::Yaml, &Style::default())?;
    /// // … which an editor gives back changed:
    /// let edited = std::str::from_utf8(&text)?.replace("alice", "bob");
    /// let edited = Document::parse_plain(edited.as_bytes(), Format::Yaml)?;
    /// document.set_tree(edited.tree().to_vec());
    /// let changed = document.finish(&Finish::new())?;
    /// let differ = changed.split(|b| *b == b'\n').zip(file.split(|b| *b == b'\n'));
    /// // The value, `lastmodified` and `mac`.
    /// assert_eq!(differ.filter(|(a, b)| a != b).count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_tree(&mut self, tree: Tree) {
        *self.tree_mut() = tree;
    }

    fn first_document(&mut self) -> Result<&mut Mapping> {
        self.tree_mut().first_mut().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the file has no document")
                .advise("write an empty mapping, {}, at least")
        })
    }

    /// Sets the value at a path of the first document, as `sops set` does
    /// (sops-encrypt-and-edit §7), and tells whether that changes it.
    /// [`query::parse_path`](crate::query::parse_path) and
    /// [`query::parse_value`](crate::query::parse_value) read what its command
    /// line takes.
    ///
    /// What is missing on the way is made, at the end of what it stands in; a
    /// single value on the way is replaced. A place behind the end of a list
    /// is its end.
    ///
    /// ```
    /// use sops_core::{Document, EncryptOptions, Format, Style, keys::Recipient};
    ///
    /// # let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
    /// # let options = EncryptOptions::new([Recipient::age(recipient)]);
    /// let plain = Document::parse_plain(b"a: 1\n", Format::Yaml)?;
    /// let mut document = plain.into_editing(&options)?;
    /// assert!(!document.set(&["a".into()], 1)?);
    /// assert!(document.set(&["b".into(), 0.into(), "c".into()], "x")?);
    /// let yaml = document.to_bytes(Format::Yaml, &Style::default())?;
    /// assert_eq!(yaml.as_slice(), b"a: 1\nb:\n    - c: x\n");
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Path`] for an empty path, a key where a list stands, a
    /// number where a mapping stands, and a number that is a comment's.
    pub fn set(&mut self, path: &[Step], value: impl Into<Value>) -> Result<bool> {
        path::set(self.first_document()?, path, value.into())
    }

    /// Removes the value at a path of the first document, with its key, as
    /// `sops unset` does. Comments stay.
    ///
    /// ```
    /// use sops_core::{Document, ErrorKind, Finish, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// let user = ["stringData".into(), "user".into()];
    /// document.unset(&user)?;
    /// assert_eq!(document.unset(&user).unwrap_err().kind(), ErrorKind::NotFound);
    /// let changed = document.finish(&Finish::new())?;
    /// assert!(!String::from_utf8(changed)?.contains("user:"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] where no such key or place is: what sops
    /// forgives with `--idempotent`; [`ErrorKind::Path`] where the path does
    /// not fit what stands there.
    pub fn unset(&mut self, path: &[Step]) -> Result<()> {
        path::unset(self.first_document()?, path)
    }

    /// The value at a path of the first document, to be changed.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, tree::Value};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// if let Value::Mapping(data) = document.get_mut(&["stringData".into()])? {
    ///     data.push("token", "x");
    /// }
    /// document.finish(&Finish::new())?;
    /// assert!(document.get(&["stringData".into(), "token".into()]).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`unset`](Self::unset).
    pub fn get_mut(&mut self, path: &[Step]) -> Result<&mut Value> {
        path::find(self.first_document()?, path)
    }

    /// Takes a new data key: every value is encrypted anew and every recipient
    /// needs a wrapped key again, which says as before when it was made. Who
    /// knew the old key can open no later version of the file.
    ///
    /// The recipients are those that the file names, and nothing authenticates
    /// them: who can write to the file may have added themselves.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, Keyring};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = Keyring::new();
    /// # keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// document.rotate()?;
    /// document.wrap(&keyring)?;
    /// let rotated = document.finish(&Finish::new())?;
    /// Document::parse(&rotated, Format::Yaml)?.verify(&keyring)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where the system has no randomness to give.
    pub fn rotate(&mut self) -> Result<()> {
        let state = self.state_mut();
        state.recipients.rotate()?;
        state.nonces = Nonces::default();
        Ok(())
    }

    /// Values that are as they are in another version of the file, under the
    /// same data key, keep their ciphertext of there. Of no effect where the
    /// data key is another one.
    ///
    /// ```
    /// use sops_core::{Document, EncryptOptions, Finish, Format, keys::Recipient};
    ///
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_identities("AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y");
    /// # let recipient = Recipient::age("age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc");
    /// # let plain = Document::parse_plain(b"a: 1\n", Format::Yaml)?;
    /// # let file = plain.encrypt(&EncryptOptions::new([recipient]), &keyring)?;
    /// let open = |file: &[u8]| Document::parse(file, Format::Yaml)?.edit(&keyring);
    /// let mut theirs = open(&file)?;
    /// theirs.set(&["b".into()], "x")?;
    /// let changed = theirs.finish(&Finish::new())?;
    ///
    /// let mut ours = open(&file)?;
    /// ours.keep_ciphertexts_of(&open(&changed)?);
    /// ours.set(&["b".into()], "x")?;
    /// let same = ours.finish(&Finish::new())?;
    /// let line = |file: &[u8]| String::from_utf8_lossy(file).lines().nth(1).map(str::to_owned);
    /// assert_eq!(line(&same), line(&changed));
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    pub fn keep_ciphertexts_of(&mut self, other: &Document<Editing>) {
        if self.data_key() == other.data_key() {
            self.state_mut().nonces.add(&other.state().nonces);
        }
    }

    /// Changes which values are encrypted. Of no effect for binary files.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, metadata::Rule};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// document.set_rule(Rule::EncryptedRegex("^password$".into()))?;
    /// let changed = document.finish(&Finish::new())?;
    /// assert!(String::from_utf8(changed)?.contains("    user: alice\n    password: ENC["));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] for a rule that would read back as another one.
    pub fn set_rule(&mut self, rule: Rule) -> Result<()> {
        if self.format() != Format::Binary {
            encrypt::check_rule(&rule)?;
            let metadata = &mut self.state_mut().metadata;
            (metadata.rule, metadata.names_rule) = (rule, true);
        }
        Ok(())
    }

    /// Changes whether only encrypted values count for the MAC.
    pub fn set_mac_only_encrypted(&mut self, only_encrypted: bool) {
        self.state_mut().metadata.mac_only_encrypted = only_encrypted;
    }

    /// Raises the `version` in the file to the release of sops whose files
    /// ours are like (3.13.2), as `sops edit` does; a higher one stays. `sops
    /// set`, `unset`, `rotate` and `updatekeys` leave it alone.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let old = String::from_utf8(file)?.replace("version: 3.13.2", "version: 3.9.0");
    /// let mut document = Document::parse(old.as_bytes(), Format::Yaml)?.edit(&keyring)?;
    /// document.raise_version();
    /// let changed = document.finish(&Finish::new())?;
    /// assert_eq!(Document::parse(&changed, Format::Yaml)?.metadata().version, "3.13.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn raise_version(&mut self) {
        let metadata = &mut self.state_mut().metadata;
        metadata.version = version::raised(&metadata.version).to_owned();
    }

    /// Encrypts, and proves that what was written reads back. Values that did
    /// not change keep their ciphertext.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, Timestamp};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// document.set(&["metadata".into(), "name".into()], "t")?;
    /// let now = Timestamp::from_unix(1_700_000_000).ok_or("no such time")?;
    /// let changed = document.finish(&Finish::new().at(now))?;
    /// let metadata = Document::parse(&changed, Format::Yaml)?.metadata().clone();
    /// assert_eq!(metadata.last_modified, now);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where a recipient has no wrapped key yet, or the
    /// data or the recipients do not allow it; `AlreadyEncrypted` where the
    /// data has keys that belong to sops; `Emit` where the format cannot hold
    /// the data.
    pub fn finish(&self, finish: &Finish) -> Result<Vec<u8>> {
        let state = self.state();
        let time = finish.time(state.time)?;
        let mut metadata = state.metadata.clone();
        (metadata.key_groups, metadata.shamir_threshold) = state.recipients.finish(time)?;
        metadata.last_modified = time;
        encrypt::seal(
            self.tree().to_vec(),
            &mut metadata,
            state.recipients.data_key(),
            &mut state.nonces.copy(),
            finish.format.unwrap_or(state.output),
            &finish.style.unwrap_or(self.style()),
        )
    }
}

impl Document<Rekeying> {
    /// Writes the file with its new recipients: nothing else in it changes.
    /// The time is that of new keys, and the format the file's own.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?.rekey(&keyring)?;
    /// // Nothing was changed.
    /// assert_eq!(document.finish(&Finish::new())?, file);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where a recipient has no wrapped key yet, or the
    /// recipients do not allow it.
    pub fn finish(&self, finish: &Finish) -> Result<Vec<u8>> {
        let state = self.state();
        let mut metadata = state.metadata.clone();
        (metadata.key_groups, metadata.shamir_threshold) =
            state.recipients.finish(finish.time(None)?)?;
        let style = finish.style.unwrap_or(self.style());
        let (tree, format) = (self.raw_tree(), self.format());
        let bytes = format::write_encrypted(tree.to_vec(), &metadata, format, &style)?;
        let (tree_again, metadata_again) = format::read_encrypted(&bytes, format)?;
        let same = tree::same_data(&tree_again, tree) && metadata_again.mac == metadata.mac;
        if !same {
            return Err(Error::new(
                ErrorKind::Encrypt,
                format!("{} cannot hold this data", format.file()),
            )
            .advise("edit the file with `sops edit`, and write what it holds in another way"));
        }
        Ok(bytes)
    }
}

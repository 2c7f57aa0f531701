//! Changing an encrypted file: its values, its recipients, its data key.
//!
//! A change rewrites what changed: values that stay keep their ciphertext,
//! recipients that stay their wrapped key, comments their place, and the file
//! its indentation.

mod finish;
mod path;
mod recipients;

use crate::{
    Document, EncryptOptions, Encrypted, Error, ErrorKind, Format, Keyring, Plain, Result,
    Timestamp,
    decrypt::{self, Nonces},
    encrypt, format,
    keys::{DataKey, Position, Recipient, WrappedKey},
    metadata::{Metadata, Rule, version},
    query::Step,
    tree::{self, Mapping, Tree, Value},
};

pub use finish::Finish;
pub(crate) use recipients::Recipients;
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

/// States that know the data key, so that recipients can be changed.
pub trait Keyed: sealed::Keyed {}

impl Keyed for Editing {}
impl Keyed for Rekeying {}

mod sealed {
    use super::{Editing, Metadata, Recipients, Rekeying};

    pub trait Keyed {
        fn recipients(&self) -> &Recipients;
        fn recipients_mut(&mut self) -> &mut Recipients;
        fn metadata(&self) -> &Metadata;
    }

    impl Keyed for Editing {
        fn recipients(&self) -> &Recipients {
            &self.recipients
        }
        fn recipients_mut(&mut self) -> &mut Recipients {
            &mut self.recipients
        }
        fn metadata(&self) -> &Metadata {
            &self.metadata
        }
    }

    impl Keyed for Rekeying {
        fn recipients(&self) -> &Recipients {
            &self.recipients
        }
        fn recipients_mut(&mut self) -> &mut Recipients {
            &mut self.recipients
        }
        fn metadata(&self) -> &Metadata {
            &self.metadata
        }
    }
}

impl Document<Encrypted> {
    /// Decrypts a file to change it: every value is opened and the MAC is
    /// checked, as [`decrypt`](Document::decrypt) does, and the data key and
    /// the ciphertexts are remembered.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, Keyring};
    ///
    /// # let file = std::fs::read("../../testdata/corpus/ksops/single/app/secret.enc.yaml")?;
    /// # let mut keyring = Keyring::new();
    /// # keyring.add_file("../../testdata/corpus/keys/age-a.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// document.set(&["stringData".into(), "password".into()], "correct horse")?;
    /// let changed = document.finish(&Finish::new())?;
    ///
    /// // The value, the time, the MAC.
    /// let (old, new) = (String::from_utf8(file)?, String::from_utf8(changed)?);
    /// assert_eq!(old.lines().count(), new.lines().count());
    /// let differ = old.lines().zip(new.lines()).filter(|(old, new)| old != new);
    /// assert_eq!(differ.count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Document::decrypt).
    pub fn edit(self, keyring: &Keyring) -> Result<Document<Editing>> {
        let data_key = keyring.open(self.metadata())?;
        self.edit_with(data_key)
    }

    /// As [`edit`](Self::edit), with a data key that was opened elsewhere: by
    /// the steps of an [`Opening`](crate::keys::Opening), for instance.
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Document::decrypt); a wrong key is `Decrypt` or `Mac`.
    pub fn edit_with(self, data_key: DataKey) -> Result<Document<Editing>> {
        let output = self.format();
        self.replace(|tree, metadata| {
            let cipher = decrypt::cipher(&data_key)?;
            let mut nonces = Nonces::default();
            let (mac, outcome) = decrypt::open(tree, &metadata, &cipher, Some(&mut nonces))?;
            decrypt::check_mac(mac, &metadata, &cipher, Some(&mut nonces))?;
            let groups = &metadata.key_groups;
            let state = Editing {
                recipients: Recipients::of_file(data_key, groups, metadata.shamir_threshold),
                metadata,
                nonces,
                output,
                time: None,
            };
            Ok((outcome, state))
        })
    }

    /// Opens the data key, and no value, to change who can open the file.
    /// Values, MAC and `lastmodified` stay what they are, byte for byte.
    ///
    /// As in `sops updatekeys`, the values are not verified. That the data key
    /// is the file's own is: it opens the MAC.
    ///
    /// Who was removed knew the data key, and may have kept it.
    /// [`edit`](Self::edit) and [`rotate`](Document::rotate) shut them out.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, Keyring, keys::Recipient};
    ///
    /// # let file = std::fs::read("../../testdata/corpus/ksops/single/app/secret.enc.yaml")?;
    /// # let mut keyring = Keyring::new();
    /// # keyring.add_file("../../testdata/corpus/keys/age-a.txt");
    /// let colleague = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";
    /// let mut document = Document::parse(&file, Format::Yaml)?.rekey(&keyring)?;
    /// document.add_recipient(0, Recipient::age(colleague))?;
    /// document.wrap(&keyring)?;
    /// let changed = document.finish(&Finish::new())?;
    ///
    /// let document = Document::parse(&changed, Format::Yaml)?;
    /// assert_eq!(document.recipients().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::DataKey`] where no key fits, [`ErrorKind::Mac`] where the
    /// data key is not the one that encrypted the MAC.
    pub fn rekey(self, keyring: &Keyring) -> Result<Document<Rekeying>> {
        let data_key = keyring.open(self.metadata())?;
        self.rekey_with(data_key)
    }

    /// As [`rekey`](Self::rekey), with a data key that was opened elsewhere.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mac`] where it is not the one that encrypted the MAC.
    pub fn rekey_with(self, data_key: DataKey) -> Result<Document<Rekeying>> {
        self.replace(|_, metadata| {
            decrypt::open_mac(&metadata, &decrypt::cipher(&data_key)?, None)?;
            let groups = &metadata.key_groups;
            let state = Rekeying {
                recipients: Recipients::of_file(data_key, groups, metadata.shamir_threshold),
                metadata,
            };
            Ok((decrypt::Outcome::default(), state))
        })
    }
}

impl Document<Plain> {
    /// Makes a new file of it, in steps: with a new data key that is still to
    /// be wrapped, and values that can still be changed.
    /// [`encrypt`](Self::encrypt) does it all.
    ///
    /// ```
    /// use sops_core::{Document, EncryptOptions, Finish, Format, Keyring, keys::Recipient};
    ///
    /// # let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
    /// let options = EncryptOptions::new([Recipient::age(recipient)]);
    /// let plain = Document::parse_plain(b"a: x\n", Format::Yaml)?;
    /// let mut document = plain.into_editing(&options)?;
    /// document.wrap(&Keyring::new())?;
    /// document.set(&["b".into()], 1)?;
    /// let file = document.finish(&Finish::new())?;
    /// assert!(file.starts_with(b"a: ENC["));
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where the options do not allow it.
    pub fn into_editing(self, options: &EncryptOptions) -> Result<Document<Editing>> {
        let output = options.format.unwrap_or(self.format());
        let metadata = encrypt::new_metadata(self.format(), options)?;
        let threshold = options.shamir_threshold;
        let data_key = DataKey::generate()?;
        let state = Editing {
            recipients: Recipients::new(data_key, &options.key_groups, threshold)?,
            metadata,
            nonces: Nonces::default(),
            output,
            time: options.last_modified,
        };
        Ok(self.into_state(state, options.style))
    }
}

impl<State: Keyed> Document<State> {
    /// The `sops` block as it was read, without what was changed since.
    pub fn metadata(&self) -> &Metadata {
        self.state().metadata()
    }

    /// The data key. Who has it can open the file.
    pub fn data_key(&self) -> &DataKey {
        self.state().recipients().data_key()
    }

    /// Who is to open the file, by key group.
    pub fn key_groups(&self) -> Vec<Vec<&Recipient>> {
        self.state().recipients().groups()
    }

    /// How many groups must be opened; 0 where it is not said.
    pub fn shamir_threshold(&self) -> usize {
        self.state().recipients().threshold()
    }

    /// Adds a recipient to a key group, counted from 0. Tells whether it is
    /// new there; nobody is listed twice.
    ///
    /// With several groups all recipients need a new share: only those of a
    /// group know its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where there is no such group.
    pub fn add_recipient(&mut self, group: usize, recipient: Recipient) -> Result<bool> {
        self.state_mut().recipients_mut().add(group, recipient)
    }

    /// Removes a recipient from all groups: every entry that reads the same
    /// ([`Recipient`]'s `Display`), as sops compares them. Returns how many
    /// there were. A group that is left empty is an error when the document is
    /// finished.
    pub fn remove_recipient(&mut self, recipient: &Recipient) -> usize {
        self.state_mut().recipients_mut().remove(recipient)
    }

    /// Replaces all key groups. Recipients that stay in their group keep their
    /// wrapped key, and when it was made, as long as that can be: where groups
    /// are more or fewer than before, or one of several gets a recipient, the
    /// data key is split anew and wrapped for all.
    /// [`renew_recipients`](Self::renew_recipients) does that in any case.
    ///
    /// As in `sops updatekeys`, a threshold that is above the number of groups
    /// becomes that number.
    pub fn set_key_groups(&mut self, groups: Vec<Vec<Recipient>>) {
        self.state_mut().recipients_mut().set(groups);
    }

    /// How many groups must be opened; 0 means all of them. With one group the
    /// number is written and of no effect, as in sops.
    pub fn set_shamir_threshold(&mut self, threshold: usize) {
        self.state_mut().recipients_mut().set_threshold(threshold);
    }

    /// Wraps the data key anew for every recipient, as of now: `created_at` is
    /// that of the document's end. `sops updatekeys` always does; here, who
    /// stays keeps what there is unless this is called.
    pub fn renew_recipients(&mut self) {
        self.state_mut().recipients_mut().renew();
    }

    /// The recipients that have no wrapped key yet, with what is to be wrapped
    /// for them, for programs that ask servers in their own way and await the
    /// answers: [`supply`](Self::supply) takes them.
    /// [`wrap`](Self::wrap) does it all.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] for groups without recipients and for a
    /// threshold that cannot be.
    pub fn wanted(&mut self) -> Result<Vec<Wanted>> {
        self.state_mut().recipients_mut().wanted()
    }

    /// Takes what was [`wanted`](Self::wanted) for one recipient.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where no such recipient is, or the key is of
    /// another kind or empty.
    pub fn supply(&mut self, at: Position, key: WrappedKey) -> Result<()> {
        self.state_mut().recipients_mut().supply(at, key)
    }

    /// Wraps the data key for every recipient that has no wrapped key yet.
    ///
    /// # Errors
    ///
    /// As [`wanted`](Self::wanted); where a recipient is not valid, or its
    /// service cannot wrap.
    pub fn wrap(&mut self, keyring: &Keyring) -> Result<()> {
        self.state_mut().recipients_mut().wrap(keyring)
    }
}

impl Document<Editing> {
    /// The documents of the file, to be changed in any way.
    pub fn tree_mut(&mut self) -> &mut Tree {
        self.raw_tree_mut()
    }

    /// Replaces all values: by those that came back from an editor, for
    /// instance.
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
    /// # let file = std::fs::read("../../testdata/corpus/ksops/single/app/secret.enc.yaml")?;
    /// # let mut keyring = Keyring::new();
    /// # keyring.add_file("../../testdata/corpus/keys/age-a.txt");
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

    /// Changes which values are encrypted. Of no effect for binary files.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] for a rule that would read back as another one.
    pub fn set_rule(&mut self, rule: Rule) -> Result<()> {
        if self.format() != Format::Binary {
            encrypt::check_rule(&rule)?;
            self.state_mut().metadata.rule = rule;
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
    pub fn raise_version(&mut self) {
        let metadata = &mut self.state_mut().metadata;
        metadata.version = version::raised(&metadata.version).to_owned();
    }

    /// Encrypts, and proves that what was written reads back. Values that did
    /// not change keep their ciphertext.
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
                format!("a {} file cannot hold this data", format.name()),
            )
            .advise("edit the file with `sops edit`, and write what it holds in another way"));
        }
        Ok(bytes)
    }
}

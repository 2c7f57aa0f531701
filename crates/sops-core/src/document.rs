//! The front door.

use std::fmt;

use zeroize::Zeroizing;

use crate::{
    EncryptOptions, Format, Keyring, Result, Style, Timestamp,
    decrypt::{self, Nonces, Outcome, Warning},
    encrypt, format,
    keys::{DataKey, Recipient, WrappedKey},
    metadata::Metadata,
    placeholder::Placeholders,
    query::{self, Step},
    tree::{Mapping, Text, Tree, Value},
};

/// The state of a document whose values are ciphertext.
pub struct Encrypted {
    metadata: Metadata,
}

/// The state of a document that was decrypted and whose MAC holds, or that
/// was plain from the start.
pub struct Plain {
    editing: Option<Box<Editing>>,
}

/// The state of a document that was decrypted without a look at its MAC:
/// anybody may have swapped, added or removed values.
pub struct Unverified(());

/// What re-encryption needs to keep unchanged values as they were.
struct Editing {
    metadata: Metadata,
    data_key: DataKey,
    nonces: Nonces,
}

/// States in which the values can be read.
pub trait Readable: sealed::Readable {}

impl Readable for Plain {}
impl Readable for Unverified {}
impl Readable for Placeholders {}

mod sealed {
    pub trait Readable {}
    impl Readable for super::Plain {}
    impl Readable for super::Unverified {}
    impl Readable for super::Placeholders {}
}

/// A SOPS file in memory: `Document<Encrypted>` cannot be read,
/// `Document<Plain>` can.
///
/// ```
/// use sops_core::{Document, EncryptOptions, Format, Keyring, Style, keys::Recipient};
///
/// # fn main() -> sops_core::Result<()> {
/// # let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
/// # let identity = "AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y";
/// let plain = Document::parse_plain(br#"{"password": "x"}"#, Format::Json)?;
/// let mut keyring = Keyring::new();
/// let options = EncryptOptions {
///     key_groups: vec![vec![Recipient::age(recipient)]],
///     ..EncryptOptions::default()
/// };
/// let encrypted = plain.encrypt(&options, &keyring)?;
///
/// let _ = keyring.add_identities(identity);
/// let document = Document::parse(&encrypted, Format::Json)?.decrypt(&keyring)?;
/// assert_eq!(
///     document.to_bytes(Format::Json, &Style::default())?.as_slice(),
///     b"{\n\t\"password\": \"x\"\n}\n",
/// );
/// # Ok(())
/// # }
/// ```
pub struct Document<State> {
    format: Format,
    tree: Tree,
    outcome: Outcome,
    state: State,
}

/// Shows the format, and how many documents there are.
impl<State> fmt::Debug for Document<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("format", &self.format)
            .field("documents", &self.tree.len())
            .finish_non_exhaustive()
    }
}

impl<State> Document<State> {
    /// The format that the document was read from.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl AsRef<Metadata> for Document<Encrypted> {
    fn as_ref(&self) -> &Metadata {
        self.metadata()
    }
}

impl Document<Encrypted> {
    /// Reads an encrypted file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Syntax`, `NotEncrypted`, `Metadata`
    /// or `Limit`.
    pub fn parse(bytes: &[u8], format: Format) -> Result<Self> {
        let (tree, metadata) = format::read_encrypted(bytes, format)?;
        Ok(Document {
            format,
            tree,
            outcome: Outcome::default(),
            state: Encrypted { metadata },
        })
    }

    /// The `sops` block.
    pub fn metadata(&self) -> &Metadata {
        &self.state.metadata
    }

    /// Who can open the file, in file order. Labels only, which nothing
    /// authenticates.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.state.metadata.keys().map(WrappedKey::recipient)
    }

    /// Decrypts every value and checks the MAC.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::DataKey` where no key fits, `Decrypt`
    /// with the key path of a value that is damaged, `Mac` where anything was
    /// changed after encryption.
    pub fn decrypt(self, keyring: &Keyring) -> Result<Document<Plain>> {
        let data_key = keyring.open(self.metadata())?;
        self.open(&data_key, None)
    }

    /// As [`decrypt`](Self::decrypt), with a data key that was opened
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Self::decrypt); a wrong key is `Decrypt` or `Mac`.
    pub fn decrypt_with(self, data_key: &DataKey) -> Result<Document<Plain>> {
        self.open(data_key, None)
    }

    /// As [`decrypt`](Self::decrypt), and remembers the data key and how each
    /// value was encrypted, so that [`reencrypt`](Document::reencrypt) changes
    /// no more of the file than was edited.
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_for_editing(self, keyring: &Keyring) -> Result<Document<Plain>> {
        let metadata = self.state.metadata.clone();
        let data_key = keyring.open(&metadata)?;
        let mut nonces = Nonces::default();
        let mut document = self.open(&data_key, Some(&mut nonces))?;
        document.state.editing = Some(Box::new(Editing {
            metadata,
            data_key,
            nonces,
        }));
        Ok(document)
    }

    /// Checks that the file can be decrypted and its MAC holds, and forgets
    /// the values.
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Self::decrypt).
    pub fn verify(self, keyring: &Keyring) -> Result<()> {
        self.decrypt(keyring).map(drop)
    }

    /// Decrypts every value and does not look at the MAC: values may have
    /// been removed, repeated, or moved within their list, and those in clear
    /// may be anything. For rescuing data by hand only.
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Self::decrypt), without `Mac`.
    pub fn decrypt_without_mac(mut self, keyring: &Keyring) -> Result<Document<Unverified>> {
        let data_key = keyring.open(self.metadata())?;
        let cipher = decrypt::cipher(&data_key)?;
        let (_, outcome) = decrypt::open(&mut self.tree, &self.state.metadata, &cipher, None)?;
        Ok(Document {
            format: self.format,
            tree: self.tree,
            outcome,
            state: Unverified(()),
        })
    }

    /// Goes on in another state, with a tree that was worked on in place.
    pub(crate) fn replace<State>(
        mut self,
        work: impl FnOnce(&mut Tree, &Metadata) -> Result<(Outcome, State)>,
    ) -> Result<Document<State>> {
        let (outcome, state) = work(&mut self.tree, &self.state.metadata)?;
        Ok(Document {
            format: self.format,
            tree: self.tree,
            outcome,
            state,
        })
    }

    fn open(
        mut self,
        data_key: &DataKey,
        mut nonces: Option<&mut Nonces>,
    ) -> Result<Document<Plain>> {
        let metadata = &self.state.metadata;
        let cipher = decrypt::cipher(data_key)?;
        let (mac, outcome) =
            decrypt::open(&mut self.tree, metadata, &cipher, nonces.as_deref_mut())?;
        decrypt::check_mac(mac, metadata, &cipher, nonces)?;
        Ok(Document {
            format: self.format,
            tree: self.tree,
            outcome,
            state: Plain { editing: None },
        })
    }
}

impl Document<Plain> {
    /// Reads a file that is not encrypted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Syntax` or `Limit`.
    pub fn parse_plain(bytes: &[u8], format: Format) -> Result<Self> {
        Ok(Self::from_tree(format::read_plain(bytes, format)?, format))
    }

    /// A document made by hand.
    ///
    /// ```
    /// use sops_core::{Document, Format, Style, tree::Mapping};
    /// let mut mapping = Mapping::default();
    /// mapping.push("A", "1");
    /// let document = Document::from_tree(vec![mapping], Format::Dotenv);
    /// let bytes = document.to_bytes(Format::Dotenv, &Style::default()).unwrap();
    /// assert_eq!(bytes.as_slice(), b"A=1\n");
    /// ```
    pub fn from_tree(tree: Tree, format: Format) -> Self {
        Document {
            format,
            tree,
            outcome: Outcome::default(),
            state: Plain { editing: None },
        }
    }

    /// Changes the values; what [`reencrypt`](Self::reencrypt) needs is kept.
    pub fn set_tree(&mut self, tree: Tree) {
        self.tree = tree;
    }

    /// Encrypts with a new data key, which the keyring wraps for every
    /// recipient.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Encrypt` where the data or the
    /// options do not allow it, `AlreadyEncrypted` where the data has keys
    /// that belong to sops, `Emit` where the format cannot hold the data.
    pub fn encrypt(&self, options: &EncryptOptions, keyring: &Keyring) -> Result<Vec<u8>> {
        encrypt::encrypt(&self.tree, self.format, options, keyring)
    }

    /// Encrypts again a document from
    /// [`decrypt_for_editing`](Document::decrypt_for_editing): with the same
    /// data key, recipients and rule, values that did not change keeping their
    /// ciphertext. `last_modified` is the system's time where there is none.
    ///
    /// # Errors
    ///
    /// As [`encrypt`](Self::encrypt); `Encrypt` for a document that was read
    /// in another way.
    pub fn reencrypt(&self, last_modified: Option<Timestamp>, style: &Style) -> Result<Vec<u8>> {
        let Some(editing) = &self.state.editing else {
            return Err(crate::Error::new(
                crate::ErrorKind::Encrypt,
                "the document was not decrypted for editing",
            )
            .advise("use `decrypt_for_editing`, or `encrypt` for a new file"));
        };
        let mut metadata = editing.metadata.clone();
        metadata.last_modified = match last_modified {
            Some(time) => time,
            None => encrypt::now()?,
        };
        encrypt::seal(
            self.tree.clone(),
            &mut metadata,
            &editing.data_key,
            &mut editing.nonces.copy(),
            self.format,
            style,
        )
    }
}

impl<State: Readable> Document<State> {
    /// The documents of the file.
    pub fn tree(&self) -> &[Mapping] {
        &self.tree
    }

    /// What was odd about the file: the first
    /// [`WARNINGS`](crate::limits::WARNINGS) things.
    pub fn warnings(&self) -> &[Warning] {
        &self.outcome.warnings
    }

    /// The key paths of values that the file's rule leaves in clear and that
    /// look like ciphertext (`ENC[…]`): somebody who uses the plaintext would
    /// be given these. The first [`WARNINGS`](crate::limits::WARNINGS) of them.
    pub fn clear_ciphertexts(&self) -> &[String] {
        &self.outcome.clear_ciphertexts
    }

    /// The plaintext in this format, byte for byte what `sops decrypt` prints.
    /// Where the format has no room for it, comments are dropped, and all
    /// documents but the first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Emit`](crate::ErrorKind::Emit) where the format cannot
    /// hold a value.
    pub fn to_bytes(&self, format: Format, style: &Style) -> Result<Zeroizing<Vec<u8>>> {
        format::write_plain(&self.tree, format, style)
    }

    /// The value at a path of the first document.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    /// let document = Document::parse_plain(br#"{"a": [{"b": "x"}]}"#, Format::Json).unwrap();
    /// let value = document.get(&["a".into(), 0.into(), "b".into()]);
    /// assert_eq!(value.and_then(|v| v.as_str()), Some("x"));
    /// ```
    pub fn get(&self, path: &[Step]) -> Option<&Value> {
        query::find(self.tree.first()?, path).ok()
    }

    /// What `sops decrypt --extract` prints for a path such as
    /// `["a"]["b"][0]`: a string as it is, a mapping as a document in this
    /// format, other values alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Path` for a path that is not one,
    /// `NotFound` where it leads nowhere, `Emit` where the format cannot hold
    /// the value.
    pub fn extract(&self, path: &str, format: Format, style: &Style) -> Result<Zeroizing<Vec<u8>>> {
        let path = query::parse_path(path)?;
        let value = query::find(format::first_document(&self.tree)?, &path)?;
        format::write_extracted(value, format, style)
    }

    /// Every scalar of the first document with its path, as the Terraform
    /// provider for sops flattens it: keys and places in lists joined with
    /// dots, null as `null`, numbers as Go's `fmt.Sprint` prints them (a
    /// number of a JSON file is a float there). Empty mappings and lists yield
    /// nothing.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    /// let json = br#"{"a": {"b": [1000000, null, {}]}}"#;
    /// let flat = Document::parse_plain(json, Format::Json).unwrap().flatten();
    /// let flat: Vec<_> = flat.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
    /// assert_eq!(flat, [("a.b.0", "1e+06"), ("a.b.1", "null")]);
    /// ```
    pub fn flatten(&self) -> Vec<(String, Text)> {
        let json = matches!(self.format, Format::Json | Format::Binary);
        self.tree
            .first()
            .map(|document| query::flatten(document, json))
            .unwrap_or_default()
    }
}

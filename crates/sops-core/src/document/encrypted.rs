//! What can be done with a file that is still encrypted.

use crate::{
    Document, Encrypted, ErrorKind, Format, Keyring, Plain, Result, Unverified,
    decrypt::{self, Outcome},
    format,
    keys::{DataKey, Recipient, WrappedKey},
    metadata::Metadata,
    tree::Tree,
};

/// Whether a file is encrypted, as `sops filestatus` tells (sops-cli §3): it
/// has a `sops` block with a MAC and a version. Takes no key, and proves
/// nothing.
///
/// ```
/// use sops_core::{Format, is_encrypted};
/// # let file = std::fs::read("examples/secret.enc.yaml")?;
/// assert!(is_encrypted(&file, Format::Yaml)?);
/// assert!(!is_encrypted(b"password: x\n", Format::Yaml)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`Document::parse`], but for `NotEncrypted`.
pub fn is_encrypted(bytes: &[u8], format: Format) -> Result<bool> {
    match Document::parse(bytes, format) {
        Ok(document) => {
            let metadata = document.metadata();
            Ok(!metadata.version.is_empty() && !metadata.mac.is_empty())
        }
        Err(error) if error.kind() == ErrorKind::NotEncrypted => Ok(false),
        Err(error) => Err(error),
    }
}

impl Document<Encrypted> {
    /// Reads an encrypted file.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// assert_eq!(document.metadata().version, "3.13.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Syntax`, `NotEncrypted`, `Metadata`
    /// or `Limit`.
    pub fn parse(bytes: &[u8], format: Format) -> Result<Self> {
        let (tree, metadata) = format::read_encrypted(bytes, format)?;
        Ok(Document {
            format,
            style: format::style_of(bytes, format),
            tree,
            outcome: Outcome::default(),
            state: Encrypted { metadata },
        })
    }

    /// The `sops` block.
    #[must_use]
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
        self.decrypt_with(&data_key)
    }

    /// As [`decrypt`](Self::decrypt), with a data key that was opened
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Self::decrypt); a wrong key is `Decrypt` or `Mac`.
    pub fn decrypt_with(self, data_key: &DataKey) -> Result<Document<Plain>> {
        let format = self.format;
        self.replace(|tree, metadata| {
            let cipher = decrypt::cipher(data_key)?;
            let (mac, outcome) = decrypt::open(tree, format, &metadata, &cipher, None)?;
            decrypt::check_mac(mac, &metadata, &cipher, None)?;
            Ok((outcome, Plain(())))
        })
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
    pub fn decrypt_without_mac(self, keyring: &Keyring) -> Result<Document<Unverified>> {
        let data_key = keyring.open(self.metadata())?;
        let format = self.format;
        self.replace(|tree, metadata| {
            let cipher = decrypt::cipher(&data_key)?;
            let (_, outcome) = decrypt::open(tree, format, &metadata, &cipher, None)?;
            Ok((outcome, Unverified(())))
        })
    }

    /// Goes on in another state, with a tree that was worked on in place.
    pub(crate) fn replace<State>(
        mut self,
        work: impl FnOnce(&mut Tree, Metadata) -> Result<(Outcome, State)>,
    ) -> Result<Document<State>> {
        let (outcome, state) = work(&mut self.tree, self.state.metadata)?;
        Ok(Document {
            format: self.format,
            style: self.style,
            tree: self.tree,
            outcome,
            state,
        })
    }
}

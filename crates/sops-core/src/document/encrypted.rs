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
    ///
    /// ```
    /// use sops_core::{Document, Format, metadata::Rule};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// let metadata = document.metadata();
    /// assert_eq!(metadata.version, "3.13.2");
    /// assert_eq!(metadata.keys().count(), 1);
    /// assert_eq!(metadata.rule.field(), ("encrypted_regex", "^(data|stringData)$"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use sops_core::{Document, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?.decrypt(&keyring)?;
    /// let password = document.get(&["stringData".into(), "password".into()])?;
    /// assert_eq!(password.as_str(), Some("hunter2"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use sops_core::{Document, Format, keys::DataKey};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// // Kept by a program that opens the same file again and again.
    /// let kept = keyring.open(document.metadata())?.as_bytes().to_vec();
    /// let data_key = DataKey::from_bytes(&kept).ok_or("no data key")?;
    /// assert!(document.decrypt_with(&data_key).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use sops_core::{Document, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// Document::parse(&file, Format::Yaml)?.verify(&keyring)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use sops_core::{Document, Format, Style};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// // Somebody changed what is in clear.
    /// let forged = String::from_utf8(file)?.replace("name: s", "name: t");
    /// let parse = || Document::parse(forged.as_bytes(), Format::Yaml);
    /// assert!(parse()?.decrypt(&keyring).is_err());
    /// let rescued = parse()?.decrypt_without_mac(&keyring)?;
    /// let text = rescued.to_bytes(Format::Yaml, &Style::default())?;
    /// assert!(text.ends_with(b"password: hunter2\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

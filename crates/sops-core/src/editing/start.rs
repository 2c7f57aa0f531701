//! Where an encrypted file begins to change, and where a new one begins.

use super::{Editing, Recipients, Rekeying};
use crate::{
    Document, EncryptOptions, Encrypted, Format, Keyring, Plain, Result,
    decrypt::{self, Nonces},
    encrypt,
    keys::DataKey,
    metadata::Metadata,
};

impl Document<Encrypted> {
    /// Decrypts a file to change it: every value is opened and the MAC is
    /// checked, as [`decrypt`](Document::decrypt) does, and the data key and
    /// the ciphertexts are remembered.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, Keyring};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = Keyring::new();
    /// # keyring.add_file("examples/age.txt");
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
    /// the steps of an [`Opening`](crate::Opening), for instance.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// let data_key = keyring.open(document.metadata())?;
    /// let document = document.edit_with(data_key)?;
    /// assert!(document.get(&["stringData".into(), "password".into()]).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Document::decrypt); a wrong key is `Decrypt` or `Mac`.
    pub fn edit_with(self, data_key: DataKey) -> Result<Document<Editing>> {
        let output = self.format();
        let format = self.format();
        self.replace(|tree, metadata| {
            let cipher = decrypt::cipher(&data_key)?;
            let mut nonces = Nonces::default();
            let (mac, outcome) =
                decrypt::open(tree, format, &metadata, &cipher, Some(&mut nonces))?;
            decrypt::check_mac(mac, &metadata, &cipher, Some(&mut nonces))?;
            let groups = &metadata.key_groups;
            let state = Editing {
                recipients: Recipients::of_file(data_key, groups, metadata.shamir_threshold),
                metadata: named(metadata, format),
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
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = Keyring::new();
    /// # keyring.add_file("examples/age.txt");
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
    /// [`ErrorKind`](crate::ErrorKind)`::DataKey` where no key fits, `Mac`
    /// where the data key is not the one that encrypted the MAC.
    pub fn rekey(self, keyring: &Keyring) -> Result<Document<Rekeying>> {
        let data_key = keyring.open(self.metadata())?;
        self.rekey_with(data_key)
    }

    /// As [`rekey`](Self::rekey), with a data key that was opened elsewhere.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// let data_key = keyring.open(document.metadata())?;
    /// assert_eq!(document.rekey_with(data_key)?.key_groups().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Mac` where it is not the one that
    /// encrypted the MAC.
    pub fn rekey_with(self, data_key: DataKey) -> Result<Document<Rekeying>> {
        let format = self.format();
        self.replace(|_, metadata| {
            decrypt::open_mac(&metadata, &decrypt::cipher(&data_key)?, None)?;
            let groups = &metadata.key_groups;
            let state = Rekeying {
                recipients: Recipients::of_file(data_key, groups, metadata.shamir_threshold),
                metadata: named(metadata, format),
            };
            Ok((decrypt::Outcome::default(), state))
        })
    }
}

/// As sops, a changed file names the rule that it goes by without saying so;
/// but not a binary one, in which no value could be left in clear.
fn named(metadata: Metadata, format: Format) -> Metadata {
    Metadata {
        names_rule: metadata.names_rule || format != Format::Binary,
        ..metadata
    }
}

impl Document<Plain> {
    /// Encrypts with a new data key, which the keyring wraps for every
    /// recipient.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Encrypt` where the data or the
    /// options do not allow it, `AlreadyEncrypted` where the data has keys
    /// that belong to sops, `Emit` where the format cannot hold the data.
    ///
    /// ```
    /// use sops_core::{Document, EncryptOptions, Format, Keyring, keys::Recipient};
    ///
    /// # let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
    /// let plain = Document::parse_plain(b"password=x\n", Format::Dotenv)?;
    /// let options = EncryptOptions::new([Recipient::age(recipient)]);
    /// let file = plain.encrypt(&options, &Keyring::new())?;
    /// assert!(file.starts_with(b"password=ENC[AES256_GCM,"));
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    pub fn encrypt(&self, options: &EncryptOptions, keyring: &Keyring) -> Result<Vec<u8>> {
        let mut metadata = encrypt::new_metadata(self.format(), options)?;
        let data_key = DataKey::generate()?;
        let mut recipients =
            Recipients::new(data_key, &options.key_groups, options.shamir_threshold)?;
        let time = options.last_modified.map_or_else(encrypt::now, Ok)?;
        recipients.wrap(keyring)?;
        (metadata.key_groups, metadata.shamir_threshold) = recipients.finish(time)?;
        metadata.last_modified = time;
        encrypt::seal(
            self.tree().to_vec(),
            &mut metadata,
            recipients.data_key(),
            &mut Nonces::default(),
            options.format.unwrap_or(self.format()),
            &options.style,
        )
    }

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
    /// [`ErrorKind`](crate::ErrorKind)`::Encrypt` where the options do not
    /// allow it.
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

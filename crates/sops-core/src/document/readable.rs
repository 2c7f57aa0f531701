//! What can be done with a document whose values can be read.

use zeroize::Zeroizing;

use crate::{
    Document, Format, Readable, Result, Style, de, format,
    query::{self, Step},
    tree::{Mapping, Text, Value},
    warning::Warning,
};

impl<State: Readable> Document<State> {
    /// The documents of the file.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    ///
    /// let document = Document::parse_plain(b"a: 1\n---\nb: 2\n", Format::Yaml)?;
    /// let [first, second] = document.tree() else { panic!("two documents") };
    /// assert!(first.get("a").is_some() && second.get("b").is_some());
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    pub fn tree(&self) -> &[Mapping] {
        &self.tree
    }

    /// What was odd about the file: of each kind the first
    /// [`WARNINGS`](crate::limits::WARNINGS) things.
    ///
    /// ```
    /// use sops_core::{Document, EncryptOptions, Format, Keyring, WarningKind, keys::Recipient};
    ///
    /// # let mut keyring = Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// # let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
    /// let plain = Document::parse_plain(b"a: x\nb: ''\n", Format::Yaml)?;
    /// let file = plain.encrypt(&EncryptOptions::new([Recipient::age(recipient)]), &keyring)?;
    /// let document = Document::parse(&file, Format::Yaml)?.decrypt(&keyring)?;
    /// let warnings: Vec<_> = document.warnings().iter().map(|w| (w.kind(), w.key_path())).collect();
    /// assert_eq!(warnings, [(WarningKind::EmptyValue, "b")]);
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    pub fn warnings(&self) -> &[Warning] {
        self.outcome.warnings.list()
    }

    /// The key paths of values that the file's rule leaves in clear and that
    /// look like ciphertext (`ENC[…]`): somebody who uses the plaintext would
    /// be given these. The first [`WARNINGS`](crate::limits::WARNINGS) of them.
    pub fn clear_ciphertexts(&self) -> &[String] {
        &self.outcome.clear_ciphertexts
    }

    /// Whether the file's rule leaves any value in clear that is not empty.
    /// Nothing keeps such a value under its key: the MAC does not cover names
    /// of keys whose values are in clear.
    #[must_use]
    pub fn has_clear_values(&self) -> bool {
        self.outcome.has_clear_values
    }

    /// Finds a key or a text that is not UTF-8: where it stands. In JSON it
    /// becomes something else (U+FFFD), here as with sops.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    /// let plain = Document::parse_plain(b"a: {b: !!binary gA==}", Format::Yaml)?;
    /// assert_eq!(plain.not_utf8().as_deref(), Some("a.b"));
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    #[must_use]
    pub fn not_utf8(&self) -> Option<String> {
        let mut documents = self.tree.iter();
        let path = documents.find_map(query::not_utf8)?;
        Some(query::shown(&path))
    }

    /// The plaintext in this format, byte for byte what `sops decrypt` prints.
    /// Where the format has no room for it, comments are dropped, and all
    /// documents but the first.
    ///
    /// ```
    /// use sops_core::{Document, Format, Style};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?.decrypt(&keyring)?;
    /// let json = document.to_bytes(Format::Json, &Style::default())?;
    /// assert!(json.starts_with(b"{\n\t\"apiVersion\": \"v1\",\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Emit`](crate::ErrorKind::Emit) where the format cannot
    /// hold a value.
    pub fn to_bytes(&self, format: Format, style: &Style) -> Result<Zeroizing<Vec<u8>>> {
        format::write_plain(&self.tree, format, style)
    }

    /// The first document as a value of a type of yours, by serde. Texts can
    /// be borrowed (`&str`), and are then wiped with the document.
    ///
    /// Dotenv and INI know texts only: what a type asks for there (a number,
    /// `true`) is read from the text. INI keys before any section stand under
    /// `DEFAULT`, as in the JSON that sops makes of them; a binary file is a
    /// mapping with `data`. Moments are texts of RFC 3339.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Database<'a> {
    ///     user: &'a str,
    ///     port: u16,
    /// }
    ///
    /// let document = Document::parse_plain(b"user: alice\nport: 5432\n", Format::Yaml)?;
    /// let database: Database<'_> = document.deserialize()?;
    /// assert_eq!((database.user, database.port), ("alice", 5432));
    ///
    /// let document = Document::parse_plain(b"user: alice\nport: high\n", Format::Yaml)?;
    /// let error = document.deserialize::<Database<'_>>().err().unwrap();
    /// assert_eq!(error.to_string(), "port: expected u16, found text");
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Deserialize`](crate::ErrorKind::Deserialize) with the key
    /// path, and never a value, nor what a type of yours says of one: that may
    /// quote it.
    pub fn deserialize<'de, T: serde::Deserialize<'de>>(&'de self) -> Result<T> {
        de::from_document(format::first_document(&self.tree)?, self.format)
    }

    /// As [`deserialize`](Self::deserialize), of the value at a path.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    /// let document = Document::parse_plain(b"a: {b: [1, 2]}", Format::Yaml)?;
    /// let list: Vec<u8> = document.deserialize_at(&["a".into(), "b".into()])?;
    /// assert_eq!(list, [1, 2]);
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`deserialize`](Self::deserialize) and [`get`](Self::get).
    pub fn deserialize_at<'de, T: serde::Deserialize<'de>>(&'de self, path: &[Step]) -> Result<T> {
        de::from_value(self.get(path)?, path, self.format)
    }

    /// The value at a path of the first document.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    /// let document = Document::parse_plain(br#"{"a": [{"b": "x"}]}"#, Format::Json).unwrap();
    /// let value = document.get(&["a".into(), 0.into(), "b".into()]).unwrap();
    /// assert_eq!(value.as_str(), Some("x"));
    ///
    /// let error = document.get(&["a".into(), 1.into()]).unwrap_err();
    /// assert_eq!(error.to_string(), "a[1]: the list is shorter than that");
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::NotFound` where it leads nowhere,
    /// `Path` where it is empty.
    pub fn get(&self, path: &[Step]) -> Result<&Value> {
        query::find(format::first_document(&self.tree)?, path)
    }

    /// What `sops decrypt --extract` prints for a path such as
    /// `["a"]["b"][0]`: a string as it is, a mapping as a document in this
    /// format, with the further documents of the file behind it, other values
    /// alone.
    ///
    /// ```
    /// use sops_core::{Document, Format, Style};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?.decrypt(&keyring)?;
    /// let path = r#"["stringData"]["user"]"#;
    /// let user = document.extract(path, Format::Yaml, &Style::default())?;
    /// assert_eq!(*user, b"alice");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Path` for a path that is not one,
    /// `NotFound` where it leads nowhere, `Emit` where the format cannot hold
    /// the value.
    pub fn extract(&self, path: &str, format: Format, style: &Style) -> Result<Zeroizing<Vec<u8>>> {
        let path = query::parse_path(path)?;
        let value = query::find(format::first_document(&self.tree)?, &path)?;
        let rest = self.tree.get(1..).unwrap_or_default();
        format::write_extracted(value, rest, format, style)
    }

    /// Every scalar of the first document with its path, as the Terraform
    /// provider for sops flattens it: keys and places in lists joined with
    /// dots, null as `null`, numbers as Go's `fmt.Sprint` prints them (a
    /// number of a JSON file is a float there). Empty mappings and lists yield
    /// nothing. Keys of an INI file that stand before any section have no
    /// section in front; where one of them has the name of a section, the
    /// section counts.
    ///
    /// A binary file has its one value under `data`, as in sops; the
    /// provider's format `raw` has none.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    /// let json = br#"{"a": {"b": [1000000, null, {}]}}"#;
    /// let flat = Document::parse_plain(json, Format::Json).unwrap().flatten();
    /// let flat: Vec<_> = flat.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
    /// assert_eq!(flat, [("a.b.0", "1e+06"), ("a.b.1", "null")]);
    ///
    /// let ini = b"top = 1\n[db]\nuser = alice\n";
    /// let flat = Document::parse_plain(ini, Format::Ini).unwrap().flatten();
    /// let keys: Vec<_> = flat.iter().map(|(key, _)| key.as_str()).collect();
    /// assert_eq!(keys, ["top", "db.user"]);
    /// ```
    pub fn flatten(&self) -> Vec<(String, Text)> {
        self.tree
            .first()
            .map(|document| query::flatten(document, self.format))
            .unwrap_or_default()
    }
}

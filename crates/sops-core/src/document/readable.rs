//! What can be done with a document whose values can be read.

use zeroize::Zeroizing;

use crate::{
    Document, Format, Readable, Result, Style, format,
    query::{self, Step},
    tree::{Mapping, Text, Value},
    warning::Warning,
};

impl<State: Readable> Document<State> {
    /// The documents of the file.
    pub fn tree(&self) -> &[Mapping] {
        &self.tree
    }

    /// What was odd about the file: of each kind the first
    /// [`WARNINGS`](crate::limits::WARNINGS) things.
    pub fn warnings(&self) -> &[Warning] {
        self.outcome.warnings.list()
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

//! What can be said of an encrypted file without any key: whether each value
//! that its rule encrypts is ciphertext, and which keys stand twice.
//!
//! The MAC is not looked at: that takes the data key.

mod lines;

use std::fmt;

use crate::{
    Document, Encrypted, Format, Result,
    cipher::Sealed,
    limits,
    repeated::{self, Values},
    selection::Selection,
    shown::key_path,
    tree::{Comment, Value},
    walk::{Place, Visitor, walk},
};

pub use lines::Lines;

/// Something that [`Document::inspect`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    kind: RemarkKind,
    key_path: String,
}

/// The kinds of [`Remark`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RemarkKind {
    /// A value in clear under the file's rule, which encrypts it: it was put
    /// there by hand, and nothing opens the file any more.
    ClearValue,
    /// A comment in clear that the rule encrypts. Very old releases of sops
    /// left them so.
    ClearComment,
    /// An empty text that the rule would encrypt. SOPS leaves these in clear,
    /// and the MAC does not cover them.
    EmptyText,
    /// A null that the rule would encrypt. SOPS leaves these in clear, and the
    /// MAC does not cover them.
    Null,
    /// A key that stands more than once in one mapping, or a section in one
    /// INI file.
    RepeatedKey,
}

impl RemarkKind {
    const COUNT: usize = 5;

    fn number(self) -> usize {
        match self {
            RemarkKind::ClearValue => 0,
            RemarkKind::ClearComment => 1,
            RemarkKind::EmptyText => 2,
            RemarkKind::Null => 3,
            RemarkKind::RepeatedKey => 4,
        }
    }
}

impl Remark {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> RemarkKind {
        self.kind
    }

    /// Where: the key path of the value, or of what the comment stands in.
    #[must_use]
    pub fn key_path(&self) -> &str {
        &self.key_path
    }
}

/// The key path, and what is so there. Never the value.
impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.key_path)?;
        f.write_str(match self.kind {
            RemarkKind::ClearValue => "a value in clear that the file's rule encrypts",
            RemarkKind::ClearComment => "a comment in clear that the file's rule encrypts",
            RemarkKind::EmptyText => {
                "an empty text, which is never encrypted: anybody may have put it there"
            }
            RemarkKind::Null => "a null, which is never encrypted: anybody may have put it there",
            RemarkKind::RepeatedKey => "the key stands here more than once",
        })
    }
}

impl Document<Encrypted> {
    /// Looks at every value without any key. Of each kind of remark
    /// [`limits::WARNINGS`] are given at most. The MAC is not checked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Limit`.
    ///
    /// ```
    /// use sops_core::{Document, Format, inspect::RemarkKind};
    /// # let file = std::fs::read_to_string("examples/secret.enc.yaml")?;
    /// let tampered = file.replace("stringData:\n", "stringData:\n    by-hand: hunter2\n");
    /// let document = Document::parse(tampered.as_bytes(), Format::Yaml)?;
    /// let remarks = document.inspect()?;
    /// assert_eq!(remarks[0].kind(), RemarkKind::ClearValue);
    /// assert_eq!(remarks[0].key_path(), "stringData.by-hand");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inspect(&self) -> Result<Vec<Remark>> {
        let mut inspector = Inspector {
            has_sections: self.format() == Format::Ini,
            remarks: Vec::new(),
            counts: [0; RemarkKind::COUNT],
        };
        // The walk is one that may change what it sees.
        let mut tree = self.raw_tree().clone();
        let metadata = self.metadata();
        walk(
            &mut tree,
            &mut Selection::new(&metadata.rule),
            &mut inspector,
        )?;
        if inspector.has_sections {
            for document in &tree {
                repeated::sections(document, metadata.mac_only_encrypted, |keys, _| {
                    inspector.add(RemarkKind::RepeatedKey, || key_path(keys));
                });
            }
        }
        Ok(inspector.remarks)
    }
}

struct Inspector {
    has_sections: bool,
    remarks: Vec<Remark>,
    counts: [usize; RemarkKind::COUNT],
}

impl Inspector {
    fn add(&mut self, kind: RemarkKind, key_path: impl FnOnce() -> String) {
        if let Some(count) = self.counts.get_mut(kind.number())
            && *count < limits::WARNINGS
        {
            *count += 1;
            self.remarks.push(Remark {
                kind,
                key_path: key_path(),
            });
        }
    }
}

impl Visitor for Inspector {
    fn value(&mut self, place: &Place<'_>, value: &mut Value) -> Result<Option<Comment>> {
        if place.selected {
            match value {
                Value::String(text) if text.is_empty() => {
                    self.add(RemarkKind::EmptyText, || place.key_path());
                }
                Value::String(text) if Sealed::parse(text.as_bytes()).is_some() => {}
                _ => self.add(RemarkKind::ClearValue, || place.key_path()),
            }
        }
        Ok(None)
    }

    fn comment(&mut self, place: &Place<'_>, comment: &mut Comment) -> Result<Option<Value>> {
        let text = comment.text.as_bytes();
        if place.selected && !text.is_empty() && Sealed::parse(text).is_none() {
            self.add(RemarkKind::ClearComment, || place.key_path());
        }
        Ok(None)
    }

    fn misplaced_comment(&mut self, _: &Place<'_>) {}

    fn null(&mut self, place: &Place<'_>) {
        if place.selected {
            self.add(RemarkKind::Null, || place.key_path());
        }
    }

    fn repeated(&mut self, place: &Place<'_>, _: &Values) {
        if !(self.has_sections && place.keys().len() == 1) {
            self.add(RemarkKind::RepeatedKey, || place.key_path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOPS: &str = "sops:\n    age:\n        - recipient: x\n          enc: y\n    lastmodified: \"2026-01-01T00:00:00Z\"\n    mac: ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]\n    encrypted_regex: ^(data|b)$\n    version: 3.11.0\n";

    fn remarks(text: &str, format: Format) -> Vec<String> {
        let document = Document::parse(text.as_bytes(), format).unwrap();
        let remarks = document.inspect().unwrap();
        remarks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_in_clear_is_told_apart() {
        let sealed = "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]";
        let text = format!(
            "kind: x\ndata:\n    a: hunter2\n    b: \"\"\n    c: null\n    d: [1, '{sealed}', {{e: {{}}}}]\n    # hunter3\n    f: ENC[AES256_GCM,data:AA==]\nother: 1\n{SOPS}"
        );
        let expected = [
            "data.a: a value in clear that the file's rule encrypts",
            "data.b: an empty text, which is never encrypted: anybody may have put it there",
            "data.c: a null, which is never encrypted: anybody may have put it there",
            "data.d[0]: a value in clear that the file's rule encrypts",
            "data: a comment in clear that the file's rule encrypts",
            "data.f: a value in clear that the file's rule encrypts",
        ];
        assert_eq!(remarks(&text, Format::Yaml), expected);
        let text = format!(
            r#"{{"a": 1, "a": 2, "sops": {{"mac": "{sealed}", "lastmodified": "2026-01-01T00:00:00Z", "encrypted_regex": "^b$", "version": "3.11.0", "age": [{{"recipient": "x", "enc": "y"}}]}}}}"#
        );
        assert_eq!(
            remarks(&text, Format::Json),
            ["a: the key stands here more than once"]
        );
    }
}

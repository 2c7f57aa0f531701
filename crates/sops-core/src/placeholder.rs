//! A document's shape without its secrets: fixed values in the place of the
//! encrypted ones, for tools that check structure where no key is.

use crate::{
    Document, Encrypted, Error, ErrorKind, Readable, Result, Timestamp,
    cipher::{Failure, Sealed},
    decrypt::Outcome,
    document,
    selection::Selection,
    tree::{Comment, Text, Value},
    walk::{Place, Visitor, walk},
};

/// The state of a document whose encrypted values were replaced by fixed
/// ones. No key was used, and nothing about the file was verified.
pub struct Placeholders(());

impl Readable for Placeholders {}
impl document::sealed::Readable for Placeholders {}

/// An encrypted text that a placeholder is wanted for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Slot<'a> {
    /// The keys on the way to it, without places in lists.
    pub keys: Vec<&'a Text>,
    /// The way to it, for messages: `data.list[2].password`.
    pub key_path: String,
}

impl Document<Encrypted> {
    /// Replaces every encrypted value by a fixed one of its type: `false`, 0,
    /// 0.5, 1970-01-01T00:00:00Z, and for texts what `text` says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decrypt`] where a value that the file's rule encrypts is
    /// no `ENC[…]` text.
    ///
    /// ```
    /// use sops_core::{Document, EncryptOptions, Format, Keyring, Style, keys::Recipient};
    ///
    /// # let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
    /// let plain = Document::parse_plain(br#"{"a": {"b": "x", "n": 3}}"#, Format::Json)?;
    /// let options = EncryptOptions::new([Recipient::age(recipient)]);
    /// let encrypted = plain.encrypt(&options, &Keyring::new())?;
    /// let document = Document::parse(&encrypted, Format::Json)?;
    /// let shape = document.placeholders(|slot| slot.key_path.clone())?;
    /// assert_eq!(
    ///     shape.to_bytes(Format::Json, &Style::default())?.as_slice(),
    ///     b"{\n\t\"a\": {\n\t\t\"b\": \"a.b\",\n\t\t\"n\": 0\n\t}\n}\n",
    /// );
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    pub fn placeholders(
        self,
        text: impl FnMut(&Slot<'_>) -> String,
    ) -> Result<Document<Placeholders>> {
        self.replace(|tree, metadata| {
            let mut replacer = Replacer {
                text,
                outcome: Outcome::default(),
            };
            walk(tree, &mut Selection::new(&metadata.rule), &mut replacer)?;
            Ok((replacer.outcome, Placeholders(())))
        })
    }
}

struct Replacer<F> {
    text: F,
    outcome: Outcome,
}

impl<F: FnMut(&Slot<'_>) -> String> Visitor for Replacer<F> {
    fn value(&mut self, place: &Place<'_>, value: &mut Value) -> Result<Option<Comment>> {
        let Value::String(sealed) = value else {
            return if place.selected {
                Err(not_sealed(place))
            } else {
                Ok(None)
            };
        };
        let kind = Sealed::parse(sealed.as_bytes()).map(|sealed| sealed.kind());
        match kind {
            Some(_) if !place.selected => {
                self.outcome.clear_ciphertexts.push(place.key_path());
            }
            Some(b"comment") => return Ok(Some(comment())),
            Some(b"bool") => *value = Value::Bool(false),
            Some(b"int") => *value = Value::Int(0),
            Some(b"float") => *value = Value::Float(0.5),
            Some(b"time") => *value = Timestamp::from_unix(0).map_or(Value::Null, Value::Time),
            Some(_) => {
                let slot = Slot {
                    keys: place.keys(),
                    key_path: place.key_path(),
                };
                *value = Value::String((self.text)(&slot).into());
            }
            // The empty string is never encrypted.
            None if place.selected && !sealed.is_empty() => return Err(not_sealed(place)),
            None => {}
        }
        Ok(None)
    }

    fn comment(&mut self, place: &Place<'_>, text: &mut Comment) -> Result<Option<Value>> {
        if place.selected && Sealed::parse(text.text.as_bytes()).is_some() {
            text.text = comment().text;
        }
        Ok(None)
    }

    /// Becomes null, as it does when decrypted.
    fn misplaced_comment(&mut self, _: &Place<'_>) {}
}

fn comment() -> Comment {
    Comment {
        text: " placeholder".into(),
        inline: false,
    }
}

fn not_sealed(place: &Place<'_>) -> Error {
    Error::new(ErrorKind::Decrypt, Failure::NotSealed.to_string())
        .at_key(place.key_path())
        .advise(Failure::NotSealed.advice())
}

#[cfg(test)]
mod tests {
    use crate::{Document, EncryptOptions, Format, Style, metadata::Rule};

    #[test]
    fn types_and_comments_have_placeholders_of_their_kind() {
        let yaml = b"clear: ENC[x]\nsecret:\n    # hush\n    s: hunter2\n    n: 4711\n    f: 47.11\n    b: true\n    t: 2024-02-03T04:05:06Z\n    e: \"\"\n    z: null\n    l:\n        - hunter2\n        # hush\n        - 47\n";
        let options = EncryptOptions::new([crate::keys::Recipient::age(
            "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc",
        )])
        .with_rule(Rule::EncryptedRegex("^secret$".into()));
        let plain = Document::parse_plain(yaml, Format::Yaml).unwrap();
        let encrypted = plain.encrypt(&options, &crate::Keyring::new()).unwrap();
        let mut paths = Vec::new();
        let shape = Document::parse(&encrypted, Format::Yaml)
            .unwrap()
            .placeholders(|slot| {
                paths.push((slot.key_path.clone(), slot.keys.len()));
                "P".into()
            })
            .unwrap();
        let text = shape.to_bytes(Format::Yaml, &Style::default()).unwrap();
        insta::assert_snapshot!(String::from_utf8_lossy(&text), @r#"
        clear: ENC[x]
        secret:
            # placeholder
            s: P
            "n": 0
            f: 0.5
            b: false
            t: 1970-01-01T00:00:00Z
            e: ""
            z: null
            l:
                - P
                # placeholder
                - 0
        "#);
        assert_eq!(paths, [("secret.s".into(), 2), ("secret.l[0]".into(), 2)]);

        let broken = String::from_utf8(encrypted)
            .unwrap()
            .replace("s: ENC[", "s: NOT[");
        let error = Document::parse(broken.as_bytes(), Format::Yaml)
            .unwrap()
            .placeholders(|_| String::new())
            .err()
            .unwrap();
        assert_eq!(error.key_path(), Some("secret.s"));
    }
}

//! Inputs for benchmarks: documents of a given size, encrypted for the public
//! key of the example.
//!
//! Values are the same in every run; data keys and nonces are not, so that
//! instruction counts differ by a few in a thousand.

use std::fmt::Write;

use sops_core::{
    Document, EncryptOptions, Format, Keyring, Plain, Result,
    keys::Recipient,
    metadata::Rule,
    tree::{Comment, List, ListItem, Mapping, MappingItem, Value},
};

/// The identity file that opens everything here. It is public.
pub const IDENTITIES: &str = include_str!("../../testdata/keys/example.txt");

/// Its recipient.
pub const RECIPIENT: &str = "age1xjyfeju25cdqd6suw8s33tqprqt07zn5tmj8t408hfje7cnh550qzksnst";

/// A keyring with [`IDENTITIES`], which has opened nothing yet.
pub fn keyring() -> Keyring {
    let mut keyring = Keyring::new();
    let _ = keyring.add_identities(IDENTITIES);
    keyring
}

/// The shape of a generated document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Mappings of a hundred entries.
    Sections,
    /// One mapping.
    Flat,
    /// One list.
    List,
    /// Mappings of a hundred entries, each with a comment above it and one
    /// behind it.
    Commented,
}

/// Entries of one section.
const SECTION: usize = 100;

/// A deterministic text of the length that passwords and tokens have, 30 to
/// 49 characters. Every tenth value is a number, a boolean or has two lines.
fn value(n: usize) -> Value {
    match n % 40 {
        10 => return Value::Int(n as i64),
        20 => return Value::Bool(n.is_multiple_of(80)),
        30 => return Value::Float(n as f64 / 8.0),
        _ => {}
    }
    let mut state = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut text = String::new();
    while text.len() < 30 + n % 20 {
        // xorshift64: spread enough to look like a password.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = write!(text, "{:x}", state & 0xFFFF_FFFF);
        if n % 40 == 35 {
            text.push('\n');
        }
    }
    text.truncate(30 + n % 20);
    Value::from(text)
}

fn comment(n: usize, inline: bool) -> Comment {
    Comment {
        text: format!(" what entry {n} is for").into(),
        inline,
    }
}

/// A document of so many values.
pub fn document(values: usize, format: Format, shape: Shape) -> Document<Plain> {
    let mut root = Mapping::default();
    match (format, shape) {
        // A binary file is one value: of 32 bytes for each that was asked for.
        (Format::Binary, _) => {
            let bytes: Vec<u8> = (0..values * 32).map(|n| ((n * 131) >> 3) as u8).collect();
            root.push("data", Value::String(bytes.into()));
        }
        (Format::Dotenv, _) | (_, Shape::Flat) => {
            for n in 0..values {
                root.push(format!("key_{n:06}"), value(n));
            }
        }
        (_, Shape::List) => {
            let items = (0..values).map(|n| ListItem::Value(value(n))).collect();
            root.push("list", Value::List(List { items }));
        }
        (_, Shape::Sections | Shape::Commented) => {
            for section in 0..values.div_ceil(SECTION) {
                let mut mapping = Mapping::default();
                let first = section * SECTION;
                for n in first..values.min(first + SECTION) {
                    if shape == Shape::Commented {
                        let items = &mut mapping.items;
                        items.push(MappingItem::Comment(comment(n, false)));
                        items.push(MappingItem::Comment(comment(n, true)));
                    }
                    mapping.push(format!("key_{n:06}"), value(n));
                }
                root.push(format!("section_{section:04}"), Value::Mapping(mapping));
            }
        }
    }
    Document::from_tree(vec![root], format)
}

/// A Kubernetes Secret with so many values under `stringData`.
pub fn secret(name: &str, values: usize) -> Document<Plain> {
    let mut metadata = Mapping::default();
    metadata.push("name", name);
    metadata.push("namespace", "shop");
    let mut data = Mapping::default();
    for n in 0..values {
        data.push(format!("KEY_{n}"), value(n));
    }
    let mut root = Mapping::default();
    root.push("apiVersion", "v1");
    root.push("kind", "Secret");
    root.push("metadata", Value::Mapping(metadata));
    root.push("type", "Opaque");
    root.push("stringData", Value::Mapping(data));
    Document::from_tree(vec![root], Format::Yaml)
}

/// Encrypts all values, with a data key of its own.
///
/// # Errors
///
/// Those of [`Document::encrypt`].
pub fn encrypt(document: &Document<Plain>) -> Result<Vec<u8>> {
    let options = EncryptOptions::new([Recipient::age(RECIPIENT)]);
    document.encrypt(&options, &Keyring::new())
}

/// Encrypts what is secret in a Secret.
///
/// # Errors
///
/// Those of [`Document::encrypt`].
pub fn encrypt_secret(document: &Document<Plain>) -> Result<Vec<u8>> {
    encrypt_secret_for(document, Recipient::age(RECIPIENT), &Keyring::new())
}

/// Encrypts what is secret in a Secret for a key of whatever kind.
///
/// # Errors
///
/// Those of [`Document::encrypt`].
pub fn encrypt_secret_for(
    document: &Document<Plain>,
    to: Recipient,
    keyring: &Keyring,
) -> Result<Vec<u8>> {
    let rule = Rule::EncryptedRegex("^(data|stringData)$".into());
    document.encrypt(&EncryptOptions::new([to]).with_rule(rule), keyring)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sops_core::Style;

    #[test]
    fn what_is_encrypted_can_be_decrypted() {
        let shapes = [Shape::Sections, Shape::Flat, Shape::List, Shape::Commented];
        for format in Format::ALL {
            for shape in shapes {
                if format == Format::Ini && shape != Shape::Sections {
                    continue;
                }
                let plain = document(250, format, shape);
                let encrypted = encrypt(&plain).unwrap();
                let opened = Document::parse(&encrypted, format)
                    .and_then(|document| document.decrypt(&keyring()))
                    .unwrap();
                // A decrypted comment stands above its value, as in sops.
                let style = Style::default().with_inline_comments(false);
                assert_eq!(
                    opened.to_bytes(format, &style).unwrap(),
                    plain.to_bytes(format, &style).unwrap(),
                    "{format:?} {shape:?}"
                );
            }
        }
    }
}

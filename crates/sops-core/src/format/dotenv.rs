//! The dotenv files of sops: `KEY=value` lines without quotes, escapes or
//! expansion, but for `\n` (sops-format §11.1).

use std::fmt::Write;

use super::{Style, emit_error, first_document, flat, not_encrypted, syntax_error};
use crate::{
    Error, Result, limits,
    secret::SecretBuf,
    shown::push_printable,
    tree::{Comment, Mapping, MappingItem, Text, Value},
};

/// What metadata keys start with.
const METADATA: &[u8] = b"sops_";

/// Reads lines. Key and value are the bytes around the first `=`.
///
/// # Errors
///
/// [`ErrorKind::Syntax`](crate::ErrorKind::Syntax) for a line without `=`.
pub(crate) fn read(text: &[u8]) -> Result<Vec<Mapping>> {
    let mut mapping = Mapping::default();
    let mut at = 0;
    for line in text.split(|b| *b == b'\n') {
        if mapping.items.len() == limits::NODES {
            return Err(Error::too_many());
        }
        if let Some(comment) = line.strip_prefix(b"#") {
            mapping.items.push(MappingItem::Comment(Comment {
                text: comment.into(),
                inline: false,
            }));
        } else if let Some(equals) = line.iter().position(|b| *b == b'=') {
            let (key, value) = line.split_at(equals);
            mapping.push(
                key,
                Value::String(unescape(value.get(1..).unwrap_or_default())),
            );
        } else if !line.is_empty() {
            return Err(syntax_error(text, at, "neither KEY=value nor a # comment")
                .advise("write each variable as KEY=value on one line, newlines as \\n"));
        }
        at += line.len() + 1;
    }
    Ok(vec![mapping])
}

/// Every `\n` of two characters becomes a newline.
fn unescape(value: &[u8]) -> Text {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(tail) = rest.strip_prefix(br"\n") {
            out.push(b'\n');
            rest = tail;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out.into()
}

/// Takes the metadata lines out of a file; they may stand anywhere.
///
/// # Errors
///
/// [`ErrorKind::NotEncrypted`](crate::ErrorKind::NotEncrypted) where there
/// are none.
pub(crate) fn take_metadata(tree: &mut [Mapping]) -> Result<Mapping> {
    let mut lines = Vec::new();
    for document in tree {
        document.items.retain(|item| match item {
            MappingItem::Entry { key, value } => {
                let Some(name) = key.as_bytes().strip_prefix(METADATA) else {
                    return true;
                };
                if let Value::String(text) = value {
                    lines.push((name.to_vec(), text.clone()));
                }
                false
            }
            MappingItem::Comment(_) => true,
        });
    }
    if lines.is_empty() {
        return Err(not_encrypted());
    }
    flat::unflatten(lines.iter().map(|(name, text)| (name.as_slice(), text)))
}

/// Whether a key is one of sops's own.
pub(crate) fn is_reserved(key: &Text) -> bool {
    key.as_bytes().starts_with(METADATA)
}

/// The metadata as entries behind the data.
pub(crate) fn put_metadata(document: &mut Mapping, metadata: &Mapping) {
    for (name, text) in flat::flatten(metadata) {
        document.push(format!("sops_{name}"), Value::String(text));
    }
}

/// Writes the first document.
///
/// # Errors
///
/// [`ErrorKind::Emit`](crate::ErrorKind::Emit) for mappings and lists, and
/// for keys that would not read back.
pub(crate) fn write(tree: &[Mapping], _style: &Style, out: &mut SecretBuf) -> Result<()> {
    for item in &first_document(tree)?.items {
        match item {
            MappingItem::Comment(comment) => {
                for line in comment.text.as_bytes().split(|b| *b == b'\n') {
                    out.push(b"#");
                    out.push(line);
                    out.push(b"\n");
                }
            }
            MappingItem::Entry { key, value } => {
                write_entry(key, value, out)?;
            }
        }
    }
    Ok(())
}

fn write_entry(key: &Text, value: &Value, out: &mut SecretBuf) -> Result<()> {
    let error = |message: String| {
        let mut shown = String::new();
        push_printable(&mut shown, key);
        emit_error(message).at_key(shown)
    };
    if key.as_bytes().starts_with(b"#") || key.as_bytes().iter().any(|b| b"=\n".contains(b)) {
        return Err(
            error("a dotenv key can hold no = or newline, and not start with #".into())
                .advise("choose another output type, such as json"),
        );
    }
    out.push(key.as_bytes());
    out.push(b"=");
    if !write_scalar(value, out) {
        return Err(error(format!("a dotenv file cannot hold {}", value.kind()))
            .advise("keep nested data in YAML or JSON"));
    }
    out.push(b"\n");
    Ok(())
}

/// Writes a scalar as dotenv and INI files hold it, newlines as `\n`; `false`
/// for mappings and lists.
fn write_scalar(value: &Value, out: &mut SecretBuf) -> bool {
    if let Value::String(text) = value {
        for (i, line) in text.as_bytes().split(|b| *b == b'\n').enumerate() {
            if i > 0 {
                out.push(br"\n");
            }
            out.push(line);
        }
        return true;
    }
    plain_scalar(value, out)
}

/// Writes a scalar as dotenv and INI files hold it, strings as they are;
/// `false` for mappings and lists.
pub(crate) fn plain_scalar(value: &Value, out: &mut SecretBuf) -> bool {
    let written = match value {
        Value::Null => out.write_str("<nil>"),
        Value::Bool(bool) => write!(out, "{bool}"),
        Value::Int(int) => write!(out, "{int}"),
        Value::Float(float) => write!(out, "{}", super::number::dotenv(*float)),
        Value::Time(time) => out.write_str(&time.to_rfc3339_seconds()),
        Value::String(text) => {
            out.push(text.as_bytes());
            Ok(())
        }
        Value::Mapping(_) | Value::List(_) => return false,
    };
    // That the buffer is full is said at the end.
    let _ = written;
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(tree: &[Mapping]) -> Result<String> {
        let mut out = SecretBuf::default();
        write(tree, &Style::default(), &mut out)?;
        Ok(String::from_utf8(out.into_vec()).unwrap())
    }

    #[test]
    fn bytes_around_the_first_equals_sign() {
        let text = "A=1\n#c\n\n B = x \nexport C=\"q\"\nD=a\\nb\nE=\n=e\nF=x=y\nG=\r\n";
        let tree = read(text.as_bytes()).unwrap();
        assert_eq!(written(&tree).unwrap(), text.replace("\n\n", "\n"));
        assert_eq!(tree[0].get("D").and_then(Value::as_str), Some("a\nb"));
        assert_eq!(tree[0].get(" B ").and_then(Value::as_str), Some(" x "));
        assert_eq!(tree[0].get("G").and_then(Value::as_str), Some("\r"));
    }

    #[test]
    fn a_line_without_equals_sign() {
        let error = read(b"A=1\nsecret\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2: neither KEY=value nor a # comment"
        );
    }

    #[test]
    fn what_it_cannot_hold() {
        let mut tree = vec![Mapping::default()];
        tree[0].push("a", Value::List(Default::default()));
        let error = written(&tree).unwrap_err();
        assert_eq!(error.to_string(), "a: a dotenv file cannot hold a list");
        for key in ["#a", "a=b", "a\nb"] {
            let mut tree = vec![Mapping::default()];
            tree[0].push(key, "x");
            assert!(written(&tree).is_err());
        }
    }

    #[test]
    fn scalars() {
        let mut tree = vec![Mapping::default()];
        tree[0].push("a", Value::Null);
        tree[0].push("b", Value::Bool(true));
        tree[0].push("c", Value::Float(1.0));
        tree[0].push("d", Value::Float(1e6));
        tree[0].push("e", Value::Int(-1));
        assert_eq!(
            written(&tree).unwrap(),
            "a=<nil>\nb=true\nc=1.0\nd=1E+06\ne=-1\n"
        );
    }

    proptest! {
        #[test]
        fn read_write_read(text: Vec<u8>) {
            if let Ok(tree) = read(&text) {
                let mut out = SecretBuf::default();
                write(&tree, &Style::default(), &mut out).unwrap();
                prop_assert_eq!(read(out.as_bytes()).unwrap(), tree);
            }
        }
    }
}

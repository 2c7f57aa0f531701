//! INI as sops reads and writes it, which is as the Go library go-ini does
//! (sops-format §11.2).

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::{write, write_back};

use super::flat;
use crate::{
    Result,
    tree::{Mapping, MappingItem, Text, Value},
};

/// The section of keys that stand before any section header. It always
/// exists.
pub(super) const DEFAULT_SECTION: &[u8] = b"DEFAULT";

/// Every sign that starts a comment, on its own line or behind a value.
const COMMENT: &[u8] = b"#;";

/// What may stand between key and value.
const DELIMITERS: &[u8] = b"=:";

const TRIPLE: &[u8] = br#"""""#;

/// The nested form of the metadata in the section `[sops]`.
///
/// # Errors
///
/// As [`flat::unflatten`].
pub(crate) fn unflatten_metadata(section: &Mapping) -> Result<Mapping> {
    let lines: Vec<(&Text, Text)> = section
        .items
        .iter()
        .filter_map(|item| match item {
            MappingItem::Entry {
                key,
                value: Value::String(text),
            } => Some((key, unescape(text))),
            _ => None,
        })
        .collect();
    flat::unflatten(lines.iter().map(|(key, text)| (key.as_bytes(), text)))
}

/// The metadata as the section `[sops]`.
pub(crate) fn flatten_metadata(metadata: &Mapping) -> Mapping {
    let mut section = Mapping::default();
    for (name, text) in flat::flatten(metadata) {
        section.push(name, Value::String(escape(&text)));
    }
    section
}

fn escape(text: &Text) -> Text {
    text.to_string_lossy().replace('\n', r"\n").into()
}

/// `\n` of two characters becomes a newline. Armor, which knows no backslash,
/// was escaped twice by some releases.
fn unescape(text: &Text) -> Text {
    let text = text.to_string_lossy();
    if text.starts_with("-----BEGIN") {
        return text.replace(r"\\n", "\n").replace(r"\n", "\n").into();
    }
    text.replace(r"\n", "\n").into()
}

/// Text without white space at its ends, as Go's `TrimSpace`.
fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

fn trim_start(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(n) = leading_space(rest) {
        rest = rest.get(n..).unwrap_or_default();
    }
    rest
}

fn trim_end(text: &[u8]) -> &[u8] {
    let mut rest = text;
    'next: loop {
        for n in 1..=3 {
            let start = rest.len().saturating_sub(n);
            if let Some(tail) = rest.get(start..)
                && leading_space(tail) == Some(tail.len())
                && !tail.is_empty()
            {
                rest = rest.get(..start).unwrap_or_default();
                continue 'next;
            }
        }
        return rest;
    }
}

/// The length of the white space character (Unicode's) that a text starts
/// with.
fn leading_space(text: &[u8]) -> Option<usize> {
    let head = text.get(..3).unwrap_or(text);
    let good = match std::str::from_utf8(head) {
        Ok(good) => good,
        Err(e) => std::str::from_utf8(head.get(..e.valid_up_to())?).ok()?,
    };
    let c = good.chars().next()?;
    c.is_whitespace().then(|| c.len_utf8())
}

/// Where a text first holds one of these bytes.
fn find_any(text: &[u8], any: &[u8]) -> Option<usize> {
    text.iter().position(|b| any.contains(b))
}

/// Where a text first holds another.
fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Where a text last holds another.
fn rfind(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).rposition(|window| window == what)
}

#[cfg(test)]
mod tests;

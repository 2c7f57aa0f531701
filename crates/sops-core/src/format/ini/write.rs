//! Tree to INI text.

use std::collections::HashMap;

use super::{COMMENT, DEFAULT_SECTION, DELIMITERS, TRIPLE, find_any, read, trim};
use crate::{
    Result,
    format::{Style, dotenv::plain_scalar, emit_error},
    secret::SecretBuf,
    shown::key_path,
    tree::{Mapping, MappingItem, Text, Value},
};

/// Writes every section, keys aligned, a blank line between sections.
///
/// go-ini knows no escapes, and some values do not read back from what it
/// writes: with quotes of their own around them, a backslash at the end, or
/// all the quotes that there are inside. The bytes are its bytes all the same;
/// that an *encrypted* file reads back is seen to when it is encrypted.
///
/// # Errors
///
/// [`ErrorKind::Emit`](crate::ErrorKind::Emit) for a top-level value that is
/// no section, a mapping or list in a section, and names without text or of
/// several lines.
pub(crate) fn write(tree: &[Mapping], _style: &Style, out: &mut SecretBuf) -> Result<()> {
    let mut sections = tree
        .iter()
        .flat_map(Mapping::entries)
        .enumerate()
        .peekable();
    while let Some((i, (name, value))) = sections.next() {
        let Value::Mapping(section) = value else {
            return Err(emit_error(format!(
                "an INI file consists of sections, and this is {}",
                value.kind()
            ))
            .at_key(key_path(&[name]))
            .advise("choose another output type, such as json"));
        };
        if name.is_empty() || name.as_bytes().contains(&b'\n') {
            return Err(emit_error("an INI section needs a name of one line")
                .advise("choose another output type, such as json"));
        }
        let mut items = section.items.iter().peekable();
        if let Some(MappingItem::Comment(comment)) =
            items.next_if(|item| matches!(item, MappingItem::Comment(_)))
        {
            write_comment(&comment.text, out, <[u8]>::as_ref);
        }
        let is_default = i == 0 && name.as_bytes().eq_ignore_ascii_case(DEFAULT_SECTION);
        let keys = Key::collect(name, items)?;
        if is_default && keys.is_empty() {
            continue;
        }
        if !is_default {
            out.push(b"[");
            out.push(name.as_bytes());
            out.push(b"]\n");
        }
        write_keys(name, &keys, out)?;
        if sections.peek().is_some() {
            out.push(b"\n");
        }
    }
    Ok(())
}

/// As [`write`], for a file that must read back: names with blanks around
/// them, `-` and some with quotes inside would come back as others.
///
/// # Errors
///
/// As [`write`]; [`ErrorKind::Emit`](crate::ErrorKind::Emit) for such a name.
pub(crate) fn write_back(tree: &[Mapping], style: &Style, out: &mut SecretBuf) -> Result<()> {
    write(tree, style, out)?;
    let written = names(tree);
    let back = read(out.as_bytes()).map_err(|why| {
        emit_error("data that an INI file cannot hold")
            .because(why)
            .advise("encrypt all values, or choose another format, such as json")
    })?;
    let back = names(&back);
    let same = |n: &usize| written.get(*n) == back.get(*n);
    match (0..written.len().max(back.len())).find(|n| !same(n)) {
        None => Ok(()),
        Some(n) => {
            let path = written.get(n).or(written.last());
            Err(emit_error("a name that an INI file cannot hold")
                .at_key(path.map_or(String::new(), |path| key_path(path)))
                .advise("rename it, or choose another format, such as json"))
        }
    }
}

/// The names of all sections and their keys, in order; without the section of
/// keys that stand before any section, where there are none.
fn names(tree: &[Mapping]) -> Vec<Vec<&Text>> {
    let mut names = Vec::new();
    for (n, (name, value)) in tree.iter().flat_map(Mapping::entries).enumerate() {
        let keys = value.as_mapping().into_iter().flat_map(Mapping::entries);
        let before = names.len();
        names.push(vec![name]);
        names.extend(keys.map(|(key, _)| vec![name, key]));
        if n == 0 && names.len() == 1 && name.as_bytes().eq_ignore_ascii_case(DEFAULT_SECTION) {
            names.truncate(before);
        }
    }
    names
}

struct Key<'a> {
    name: &'a Text,
    value: &'a Value,
    comment: Option<&'a Text>,
}

impl<'a> Key<'a> {
    /// A section's keys, each with the comment behind it. A repeated key takes
    /// the place of the first, as when it is read.
    fn collect(
        section: &Text,
        items: impl Iterator<Item = &'a MappingItem>,
    ) -> Result<Vec<Key<'a>>> {
        let mut keys: Vec<Key<'a>> = Vec::new();
        let mut places: HashMap<&Text, usize> = HashMap::new();
        // The key that the next comment belongs to.
        let mut last = None;
        for item in items {
            match item {
                MappingItem::Comment(comment) => {
                    if let Some(key) = last.and_then(|at: usize| keys.get_mut(at)) {
                        key.comment = Some(&comment.text);
                    }
                }
                MappingItem::Entry { key: name, value } => {
                    if name.is_empty() || name.as_bytes().contains(&b'\n') {
                        return Err(emit_error("an INI key needs a name of one line")
                            .at_key(key_path(&[section]))
                            .advise("choose another output type, such as json"));
                    }
                    let at = *places.entry(name).or_insert(keys.len());
                    match keys.get_mut(at) {
                        Some(key) => key.value = value,
                        None => keys.push(Key {
                            name,
                            value,
                            comment: None,
                        }),
                    }
                    last = Some(at);
                }
            }
        }
        Ok(keys)
    }

    /// What stands around the name.
    fn quote(&self) -> &'static [u8] {
        let name = self.name.as_bytes();
        if name.contains(&b'"') || find_any(name, DELIMITERS).is_some() {
            b"`"
        } else if name.contains(&b'`') {
            TRIPLE
        } else {
            b""
        }
    }
}

fn write_keys(section: &Text, keys: &[Key<'_>], out: &mut SecretBuf) -> Result<()> {
    let width = keys
        .iter()
        .map(|key| key.name.len() + 2 * key.quote().len())
        .max()
        .unwrap_or(0);
    for key in keys {
        out.check_room()?;
        if let Some(comment) = key.comment {
            write_comment(comment, out, trim);
        }
        let mut value = SecretBuf::default();
        if !plain_scalar(key.value, &mut value) {
            return Err(
                emit_error(format!("an INI key cannot hold {}", key.value.kind()))
                    .at_key(key_path(&[section, key.name]))
                    .advise("keep nested data in YAML or JSON"),
            );
        }
        let quote = value_quote(value.as_bytes());
        out.push(key.quote());
        out.push(key.name.as_bytes());
        out.push(key.quote());
        out.push(&vec![b' '; width - key.name.len() - 2 * key.quote().len()]);
        out.push(b" = ");
        out.push(quote);
        out.push(value.as_bytes());
        out.push(quote);
        out.push(b"\n");
    }
    Ok(())
}

/// The quotes that go-ini puts around a value.
fn value_quote(value: &[u8]) -> &'static [u8] {
    if find_any(value, b"\n`").is_some() {
        TRIPLE
    } else if find_any(value, COMMENT).is_some() {
        b"`"
    } else if trim(value).len() != value.len() {
        b"\""
    } else {
        b""
    }
}

/// Writes a comment above what it belongs to. Of a line without a sign, go-ini
/// trims what stands above a key, and not what stands above a section.
fn write_comment(comment: &Text, out: &mut SecretBuf, bare: fn(&[u8]) -> &[u8]) {
    if comment.is_empty() {
        return;
    }
    for line in comment.as_bytes().split(|b| *b == b'\n') {
        let (sign, text): (&[u8], &[u8]) = match line {
            [sign @ (b'#' | b';'), ..] => (
                std::slice::from_ref(sign),
                trim(line.get(1..).unwrap_or_default()),
            ),
            _ => (b";", bare(line)),
        };
        out.push(sign);
        out.push(b" ");
        out.push(text);
        out.push(b"\n");
    }
}

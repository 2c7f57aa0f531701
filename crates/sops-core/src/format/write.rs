//! Tree to bytes, in the format that was asked for.

use zeroize::Zeroizing;

use super::{Format, METADATA, Style, binary, dotenv, emit_error, ini, json, yaml};
use crate::{
    Result,
    metadata::Metadata,
    secret::SecretBuf,
    tree::{ListItem, Mapping, MappingItem, Tree, Value},
};

/// Writes a decrypted tree.
pub(crate) fn write_plain(
    tree: &[Mapping],
    format: Format,
    style: &Style,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = SecretBuf::with_capacity(room_for(tree));
    let written = match format {
        Format::Yaml => yaml::write(tree, style, &mut out),
        Format::Json => json::write(tree, style, &mut out),
        Format::Dotenv => dotenv::write(tree, style, &mut out),
        Format::Ini => ini::write(tree, style, &mut out),
        Format::Binary => binary::write(tree, style, &mut out),
    };
    out.check_room()?;
    written?;
    Ok(out.into_zeroizing())
}

/// About how many bytes a tree takes as text, so that the buffer for it grows
/// seldom: every time, what was written is copied and wiped. A tree made by
/// hand may be of any depth, so nothing here calls itself.
fn room_for(tree: &[Mapping]) -> usize {
    /// Of an item beside its text: separators, quotes, the line break.
    const SIGNS: usize = 8;
    const INDENT: usize = 4;
    enum Items<'a> {
        Mapping(std::slice::Iter<'a, MappingItem>),
        List(std::slice::Iter<'a, ListItem>),
    }
    let mut room = 0;
    for document in tree {
        let mut open = vec![Items::Mapping(document.items.iter())];
        while let Some(innermost) = open.last_mut() {
            let value = match innermost {
                Items::Mapping(items) => items.next().map(|item| match item {
                    MappingItem::Entry { key, value } => (key.len(), Some(value)),
                    MappingItem::Comment(comment) => (comment.text.len(), None),
                }),
                Items::List(items) => items.next().map(|item| match item {
                    ListItem::Value(value) => (0, Some(value)),
                    ListItem::Comment(comment) => (comment.text.len(), None),
                }),
            };
            let Some((len, value)) = value else {
                open.pop();
                continue;
            };
            room += len + SIGNS + INDENT * open.len();
            match value {
                Some(Value::String(text)) => room += text.len(),
                Some(Value::Mapping(mapping)) => open.push(Items::Mapping(mapping.items.iter())),
                Some(Value::List(list)) => open.push(Items::List(list.items.iter())),
                _ => room += SIGNS,
            }
        }
    }
    room
}

/// Writes an encrypted tree with its metadata behind the data of every
/// document.
pub(crate) fn write_encrypted(
    mut tree: Tree,
    metadata: &Metadata,
    format: Format,
    style: &Style,
) -> Result<Vec<u8>> {
    let block = metadata.to_mapping();
    for document in &mut tree {
        match format {
            Format::Dotenv => dotenv::put_metadata(document, &block),
            Format::Ini => {
                let section = ini::flatten_metadata(&block);
                document.push(METADATA, Value::Mapping(section));
            }
            _ => document.push(METADATA, Value::Mapping(block.clone())),
        }
    }
    let mut out = SecretBuf::with_capacity(4096);
    let written = match format {
        Format::Yaml => yaml::write(&tree, style, &mut out),
        Format::Json | Format::Binary => json::write(&tree, style, &mut out),
        Format::Dotenv => dotenv::write(&tree, style, &mut out),
        Format::Ini => ini::write_back(&tree, style, &mut out),
    };
    out.check_room()?;
    written?;
    Ok(out.into_vec())
}

/// Writes one value alone, as `--extract` prints it: strings as they are,
/// mappings as a document.
pub(crate) fn write_extracted(
    value: &Value,
    rest: &[Mapping],
    format: Format,
    style: &Style,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = SecretBuf::default();
    match (value, format) {
        (Value::String(text), _) => out.push(text.as_bytes()),
        // As in sops it takes the place of the document that it stands in.
        (Value::Mapping(mapping), Format::Yaml) if !rest.is_empty() => {
            let all = [std::slice::from_ref(mapping), rest].concat();
            return write_plain(&all, format, style);
        }
        (Value::Mapping(mapping), _) => {
            return write_plain(std::slice::from_ref(mapping), format, style);
        }
        (_, Format::Yaml) => {
            let written = yaml::write_value(value, style, &mut out);
            out.check_room()?;
            written?;
        }
        (_, Format::Json) => json::write_value(value, style, &mut out)?,
        (_, Format::Dotenv | Format::Ini | Format::Binary) => {
            return Err(emit_error(format!(
                "{} cannot stand alone in a file of type {}, only a string can",
                value.kind(),
                format.name()
            ))
            .advise("choose yaml or json as output type"));
        }
    }
    out.check_room()?;
    Ok(out.into_zeroizing())
}

//! File formats: bytes to tree and back, and where each keeps the metadata.

pub(crate) mod binary;
pub(crate) mod dotenv;
pub(crate) mod flat;
pub(crate) mod ini;
pub(crate) mod json;
mod number;
pub(crate) mod yaml;

use std::{fmt, path::Path};

use zeroize::Zeroizing;

use crate::{
    Error, ErrorKind, Result, limits,
    mac::with_plaintext,
    metadata::Metadata,
    secret::SecretBuf,
    tree::{ListItem, Mapping, MappingItem, Text, Tree, Value},
};

/// A file format that sops knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// `KEY=value` lines.
    Dotenv,
    /// INI.
    Ini,
    /// Any bytes, kept in a JSON file.
    Binary,
}

impl Format {
    /// The format that sops takes a file of this name for: by the end of the
    /// name, in this very case, and binary where it knows none (sops-format
    /// §13).
    ///
    /// ```
    /// use sops_core::Format;
    /// assert_eq!(Format::from_path("a/secret.enc.yaml"), Format::Yaml);
    /// assert_eq!(Format::from_path(".env"), Format::Dotenv);
    /// assert_eq!(Format::from_path("secret.yaml.enc"), Format::Binary);
    /// assert_eq!(Format::from_path("SECRET.YAML"), Format::Binary);
    /// ```
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().as_os_str().as_encoded_bytes();
        [
            (".yaml", Format::Yaml),
            (".yml", Format::Yaml),
            (".json", Format::Json),
            (".env", Format::Dotenv),
            (".ini", Format::Ini),
        ]
        .into_iter()
        .find(|(suffix, _)| path.ends_with(suffix.as_bytes()))
        .map_or(Format::Binary, |(_, format)| format)
    }

    /// The format of this name, as `--input-type` takes it.
    ///
    /// ```
    /// use sops_core::Format;
    /// assert_eq!(Format::from_name("dotenv"), Some(Format::Dotenv));
    /// assert_eq!(Format::from_name("YAML"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Format::Yaml,
            Format::Json,
            Format::Dotenv,
            Format::Ini,
            Format::Binary,
        ]
        .into_iter()
        .find(|format| format.name() == name)
    }

    /// Its name, as `--input-type` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Yaml => "yaml",
            Format::Json => "json",
            Format::Dotenv => "dotenv",
            Format::Ini => "ini",
            Format::Binary => "binary",
        }
    }
}

impl Format {
    /// What one is called in messages: `an INI file`.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Format::Yaml => "a YAML file",
            Format::Json => "a JSON file",
            Format::Dotenv => "a dotenv file",
            Format::Ini => "an INI file",
            Format::Binary => "a binary file",
        }
    }
}

/// Its [name](Format::name).
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a file is written. The default is what `sops decrypt` 3.13 uses where
/// no `.sops.yaml` says otherwise.
///
/// ```
/// use sops_core::Style;
/// let style = Style::default().with_yaml_indent(2).with_json_indent(Some(2));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Style {
    /// Spaces per level of YAML (sops-yaml-emitter §2); 4 unless a
    /// `.sops.yaml` says otherwise.
    pub yaml_indent: usize,
    /// Spaces per level of JSON; `None` is one tab, the default.
    pub json_indent: Option<usize>,
    /// Whether YAML comments that stood behind a value stay there, as sops
    /// 3.13 keeps them, or move to the line above, as sops 3.12 (and so
    /// KSOPS 4.5.1) does.
    pub inline_comments: bool,
}

impl Style {
    /// What `sops decrypt` 3.13 uses where no `.sops.yaml` says otherwise, as
    /// a constant.
    pub const DEFAULT: Style = Style {
        yaml_indent: 4,
        json_indent: None,
        inline_comments: true,
    };

    /// Spaces per level of YAML.
    #[must_use]
    pub const fn with_yaml_indent(mut self, spaces: usize) -> Self {
        self.yaml_indent = spaces;
        self
    }

    /// Spaces per level of JSON; `None` is one tab.
    #[must_use]
    pub const fn with_json_indent(mut self, spaces: Option<usize>) -> Self {
        self.json_indent = spaces;
        self
    }

    /// Whether YAML comments behind a value stay there.
    #[must_use]
    pub const fn with_inline_comments(mut self, stay: bool) -> Self {
        self.inline_comments = stay;
        self
    }
}

impl Default for Style {
    fn default() -> Self {
        Style::DEFAULT
    }
}

/// How an encrypted file was written, as far as a look at its text tells: the
/// indentation of the `sops` block in YAML, of the first line in JSON.
pub(crate) fn style_of(bytes: &[u8], format: Format) -> Style {
    let spaces = |line: &[u8]| line.iter().take_while(|b| **b == b' ').count();
    let style = Style::default();
    match format {
        Format::Yaml => {
            // The block is the last entry.
            let mut below: &[u8] = b"";
            for line in bytes.rsplit(|b| *b == b'\n') {
                if line.starts_with(b"sops:") {
                    break;
                }
                if spaces(line) < line.trim_ascii_end().len() {
                    below = line;
                }
            }
            match spaces(below) {
                indent @ 2..=9 => style.with_yaml_indent(indent),
                _ => style,
            }
        }
        Format::Json | Format::Binary => {
            let mut lines = bytes.split(|b| *b == b'\n');
            let first = lines.next().unwrap_or_default();
            match lines.next().map(spaces) {
                Some(indent @ 1..) if first.trim_ascii() == b"{" => {
                    style.with_json_indent(Some(indent))
                }
                _ => style,
            }
        }
        Format::Dotenv | Format::Ini => style,
    }
}

/// Reads a file that is not encrypted.
pub(crate) fn read_plain(bytes: &[u8], format: Format) -> Result<Tree> {
    check_size(bytes)?;
    match format {
        Format::Yaml => yaml::read(bytes)
            .map_err(|e| e.or_advise("mend the line that is named, with a YAML linter's help")),
        Format::Json => json::read(bytes),
        Format::Dotenv => dotenv::read(bytes),
        Format::Ini => ini::read(bytes),
        Format::Binary => Ok(binary::read(bytes)),
    }
}

/// Reads an encrypted file and takes the metadata out of its tree.
pub(crate) fn read_encrypted(bytes: &[u8], format: Format) -> Result<(Tree, Metadata)> {
    check_size(bytes)?;
    let mut tree = match format {
        Format::Binary => json::read(bytes),
        _ => read_plain(bytes, format),
    }?;
    let block = match format {
        Format::Dotenv => dotenv::take_metadata(&mut tree)?,
        Format::Ini => ini::unflatten_metadata(&take_metadata(&mut tree)?)?,
        Format::Yaml | Format::Json | Format::Binary => take_metadata(&mut tree)?,
    };
    Ok((tree, Metadata::from_mapping(&block)?))
}

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
    let block = metadata.to_mapping(format != Format::Binary);
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
    format: Format,
    style: &Style,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = SecretBuf::default();
    match (value, format) {
        (Value::String(text), _) => out.push(text.as_bytes()),
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

/// Whether dotenv and INI write a value with the very bytes that were
/// encrypted. sops makes texts of all values of such files, of which that is
/// true; the label of a type is not authenticated.
pub(crate) fn is_written_as_encrypted(value: &Value) -> bool {
    if matches!(value, Value::String(_)) {
        return true;
    }
    let mut written = SecretBuf::default();
    dotenv::plain_scalar(value, &mut written)
        && with_plaintext(value, |bytes| bytes == written.as_bytes())
}

/// Makes texts of the scalars of a tree that is to be a dotenv or INI file, as
/// they would be printed: such files know nothing else, and another type is
/// refused when they are decrypted. Null has no text.
pub(crate) fn make_texts(tree: &mut [Mapping], format: Format) {
    fn make(mapping: &mut Mapping, sections: bool) {
        for item in &mut mapping.items {
            match item {
                MappingItem::Entry {
                    value: Value::Mapping(section),
                    ..
                } if sections => make(section, false),
                MappingItem::Entry { value, .. }
                    if !matches!(
                        value,
                        Value::Null | Value::String(_) | Value::Mapping(_) | Value::List(_)
                    ) =>
                {
                    let mut text = SecretBuf::default();
                    dotenv::plain_scalar(value, &mut text);
                    *value = Value::String(text.into_vec().into());
                }
                _ => {}
            }
        }
    }
    if matches!(format, Format::Dotenv | Format::Ini) {
        for document in tree {
            make(document, format == Format::Ini);
        }
    }
}

/// The key that nested metadata stands under.
const METADATA: &str = "sops";

/// Whether a top-level key belongs to sops itself, so that data cannot use
/// it.
pub(crate) fn is_reserved(key: &Text, format: Format) -> bool {
    match format {
        Format::Dotenv => dotenv::is_reserved(key),
        _ => key.as_bytes() == METADATA.as_bytes(),
    }
}

/// Takes the entry `sops` out of the first document; in others it is dropped
/// unread (sops-format §2.8).
fn take_metadata(tree: &mut [Mapping]) -> Result<Mapping> {
    let is_metadata = |item: &mut MappingItem| matches!(item, MappingItem::Entry { key, .. } if key.as_bytes() == METADATA.as_bytes());
    let mut found = Vec::new();
    for (i, document) in tree.iter_mut().enumerate() {
        for item in document.items.extract_if(.., is_metadata) {
            if let (0, MappingItem::Entry { value, .. }) = (i, item) {
                found.push(value);
            }
        }
    }
    let error = |message: String| {
        Error::new(ErrorKind::Metadata, message)
            .at_key(METADATA)
            .advise("restore the sops entry as sops wrote it")
    };
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(not_encrypted()),
        (Some(_), false) => Err(error("the entry occurs more than once".into())),
        (Some(Value::Mapping(block)), true) => Ok(block),
        (Some(other), true) => Err(error(format!("{} where a mapping belongs", other.kind()))),
    }
}

fn check_size(bytes: &[u8]) -> Result<()> {
    if bytes.len() <= limits::FILE_SIZE {
        return Ok(());
    }
    Err(limits::too_large())
}

/// The error for a file without metadata.
fn not_encrypted() -> Error {
    Error::new(
        ErrorKind::NotEncrypted,
        "the file is not encrypted: it has no sops metadata",
    )
    .advise(
        "encrypt it with `sops encrypt --in-place`, or check that it is the right file and format",
    )
}

/// An error at a byte of the text; it names the line.
fn syntax_error(text: &[u8], at: usize, message: &str) -> Error {
    let before = text.get(..at).unwrap_or(text);
    let newlines = before.iter().filter(|b| **b == b'\n').count();
    let line = u32::try_from(newlines + 1).unwrap_or(u32::MAX);
    Error::new(ErrorKind::Syntax, message).at_line(line)
}

/// An error of writing.
fn emit_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Emit, message)
}

/// The document that formats with room for one write; others are lost, as in
/// sops.
pub(crate) fn first_document(tree: &[Mapping]) -> Result<&Mapping> {
    tree.first().ok_or_else(|| {
        emit_error("the file has no document").advise("write an empty mapping, {}, at least")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_taken_from_the_first_document_only() {
        let entry = |value: Value| {
            let mut mapping = Mapping::default();
            mapping.push("sops", value);
            mapping
        };
        let mut tree = vec![
            entry(Value::Mapping(Mapping::default())),
            entry(Value::Null),
        ];
        assert!(take_metadata(&mut tree).unwrap().items.is_empty());
        assert!(tree.iter().all(|document| document.items.is_empty()));

        let mut tree = vec![
            Mapping::default(),
            entry(Value::Mapping(Mapping::default())),
        ];
        let error = take_metadata(&mut tree).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotEncrypted);

        let error = take_metadata(&mut [entry(Value::from("x"))]).unwrap_err();
        assert_eq!(error.to_string(), "sops: a string where a mapping belongs");

        let mut twice = entry(Value::Null);
        twice.push("sops", Value::Null);
        let error = take_metadata(&mut [twice]).unwrap_err();
        assert_eq!(error.to_string(), "sops: the entry occurs more than once");
    }
}

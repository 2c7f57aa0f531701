//! File formats: bytes to tree and back, and where each keeps the metadata.

mod binary;
mod dotenv;
mod flat;
mod ini;
pub(crate) mod json;
mod number;
mod read;
mod style;
mod texts;
mod write;
pub(crate) mod yaml;

use std::{fmt, path::Path, str::FromStr};

pub(crate) use read::{read_encrypted, read_plain};
pub use style::Style;
pub(crate) use style::style_of;
pub(crate) use texts::{is_written_as_encrypted, make_texts};
pub(crate) use write::{write_encrypted, write_extracted, write_plain};

use crate::{
    Error, ErrorKind, Result,
    tree::{Mapping, Text},
};

/// A file format that sops knows.
///
/// ```
/// use sops_core::Format;
///
/// assert_eq!(Format::from_path("prod/db.env"), Format::Dotenv);
/// assert_eq!("yaml".parse(), Ok(Format::Yaml));
/// assert_eq!(Format::Ini.to_string(), "ini");
/// ```
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

    /// All formats.
    pub const ALL: [Format; 5] = [
        Format::Yaml,
        Format::Json,
        Format::Dotenv,
        Format::Ini,
        Format::Binary,
    ];

    /// Its name, as `--input-type` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Yaml => "yaml",
            Format::Json => "json",
            Format::Dotenv => "dotenv",
            Format::Ini => "ini",
            Format::Binary => "binary",
        }
    }

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

/// The format of this [name](Format::name).
///
/// ```
/// use sops_core::Format;
/// assert_eq!("dotenv".parse(), Ok(Format::Dotenv));
/// let error = "YAML".parse::<Format>().unwrap_err();
/// assert_eq!(error.to_string(), "not one of the formats yaml, json, dotenv, ini and binary");
/// ```
impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownFormat> {
        let mut all = Format::ALL.into_iter();
        all.find(|format| format.name() == name)
            .ok_or(UnknownFormat)
    }
}

/// A text is not the name of a [`Format`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not one of the formats yaml, json, dotenv, ini and binary")]
pub struct UnknownFormat;

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

/// Whether this top-level key is the section of an INI file for keys that have
/// none.
pub(crate) fn is_without_section(key: &Text, format: Format) -> bool {
    format == Format::Ini && key.as_bytes() == ini::DEFAULT_SECTION
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

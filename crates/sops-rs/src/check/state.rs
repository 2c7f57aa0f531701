//! What a file is: encrypted, plain, or neither.

use std::path::Path;

use sops_core::{Document, Encrypted, Error, ErrorKind, Format, foreign::Foreign};

/// What a file is.
pub(super) enum State {
    Encrypted(Box<Document<Encrypted>>),
    Plain,
    /// There is nothing in it to be kept secret.
    Empty,
    /// A merge is to be settled first.
    Conflict {
        line: usize,
        /// Whether it is an encrypted file that was merged.
        was_encrypted: bool,
    },
    /// Another tool's.
    Foreign(Foreign),
    /// It has the marks of an encrypted file, and cannot be read as one.
    Broken(Error),
}

impl State {
    pub(super) fn of(path: &Path, bytes: &[u8]) -> Self {
        if bytes.trim_ascii().is_empty() {
            return State::Empty;
        }
        match Foreign::recognise(bytes) {
            Some(Foreign::Conflict { line }) => {
                return State::Conflict {
                    line,
                    was_encrypted: has_ciphertext(bytes) && has_metadata(bytes),
                };
            }
            Some(foreign) => return State::Foreign(foreign),
            None => {}
        }
        if !contains(bytes, b"sops") {
            return State::Plain;
        }
        let format = Format::from_path(path);
        match Document::parse(bytes, format) {
            Ok(document) => State::Encrypted(Box::new(document)),
            Err(_) if format == Format::Binary => by_content(bytes),
            Err(error) if error.kind() == ErrorKind::NotEncrypted => State::Plain,
            Err(error) if has_ciphertext(bytes) && has_metadata(bytes) => State::Broken(error),
            Err(_) => State::Plain,
        }
    }
}

/// A file whose name says nothing: `secret.yaml.enc`.
fn by_content(bytes: &[u8]) -> State {
    if !has_ciphertext(bytes) || !has_metadata(bytes) {
        return State::Plain;
    }
    let formats = [Format::Json, Format::Yaml, Format::Dotenv, Format::Ini];
    let mut documents = formats
        .into_iter()
        .filter_map(|format| Document::parse(bytes, format).ok());
    documents.next().map_or(State::Plain, |document| {
        State::Encrypted(Box::new(document))
    })
}

fn has_ciphertext(bytes: &[u8]) -> bool {
    contains(bytes, b"ENC[AES256_GCM,")
}

/// Whether a line looks like the start of a sops block.
fn has_metadata(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|b| *b == b'\n');
    lines.any(|line| {
        [&b"sops:"[..], b"sops_", b"[sops]"]
            .iter()
            .any(|sign| line.starts_with(sign))
    }) || contains(bytes, b"\"sops\"")
}

fn contains(bytes: &[u8], sign: &[u8]) -> bool {
    let Some((first, rest)) = sign.split_first() else {
        return true;
    };
    let mut from = bytes;
    while let Some(at) = from.iter().position(|b| b == first) {
        from = from.get(at + 1..).unwrap_or_default();
        if from.starts_with(rest) {
            return true;
        }
    }
    false
}

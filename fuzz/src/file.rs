//! Whole files of each format: read, written, encrypted and opened.

use sops_core::{
    Document, EncryptOptions, Format, Keyring, Plain, Style, WarningKind,
    keys::Recipient,
    tree::{Text, Value},
};

use super::{
    RECIPIENT, keyring,
    same::{any_key, repeats_a_key, same_documents},
    show,
};

/// A YAML file of sops, plain or encrypted.
pub fn yaml(data: &[u8]) {
    file(data, Format::Yaml);
}

/// A JSON file.
pub fn json(data: &[u8]) {
    file(data, Format::Json);
}

/// A dotenv file.
pub fn dotenv(data: &[u8]) {
    file(data, Format::Dotenv);
}

/// An INI file.
pub fn ini(data: &[u8]) {
    file(data, Format::Ini);
}

/// A binary file.
pub fn binary(data: &[u8]) {
    file(data, Format::Binary);
}

fn file(data: &[u8], format: Format) {
    if let Ok(document) = Document::parse(data, format) {
        let _ = document.recipients().count();
        if let Ok(document) = document.decrypt(keyring()) {
            let _ = document.flatten();
            convert(&document);
        }
        if let Ok(document) = Document::parse(data, format)
            && let Ok(document) = document.decrypt_without_mac(keyring())
        {
            let _ = document.to_bytes(format, &Style::default());
        }
    }
    if let Ok(document) = Document::parse_plain(data, format) {
        let _ = document.flatten();
        convert(&document);
        encrypted_and_opened(&document);
    }
}

/// Encrypts a document and opens it: it is the same, and what a reader may
/// take for something else is told, neither more nor less.
fn encrypted_and_opened(document: &Document<Plain>) {
    let format = document.format();
    let options = EncryptOptions::new([Recipient::age(RECIPIENT)]);
    let Ok(file) = document.encrypt(&options, &Keyring::new()) else {
        return;
    };
    let opened = Document::parse(&file, format).and_then(|file| file.decrypt(keyring()));
    let Ok(opened) = opened else {
        panic!("encrypted so that it cannot be opened:\n{}", show(&file));
    };
    assert!(
        same_documents(document.tree(), opened.tree()),
        "opened as something else:\n{}",
        show(&file)
    );
    let warned = |which: fn(&WarningKind) -> bool| {
        let mut kinds = opened.warnings().iter().map(|warning| warning.kind());
        kinds.any(|kind| which(&kind))
    };
    // Sections of INI files are compared in a way of their own.
    if format != Format::Ini {
        let repeats = opened.tree().iter().any(repeats_a_key);
        let is_warned = warned(|kind| matches!(kind, WarningKind::RepeatedKey { .. }));
        assert_eq!(repeats, is_warned, "a key twice:\n{}", show(&file));
    }
    let empty = opened.tree().iter().any(|document| {
        let mut entries = document.entries();
        entries.any(|(key, value)| !has_clear_suffix(key) && is_empty(value))
    });
    let is_warned = warned(|kind| *kind == WarningKind::EmptyValue);
    assert!(!empty || is_warned, "an empty value:\n{}", show(&file));
}

/// Whether the rule of new files leaves what is under a key in clear.
fn has_clear_suffix(key: &Text) -> bool {
    key.as_bytes().ends_with(b"_unencrypted")
}

/// Whether a value is an empty text or null.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Writes a document in every format. In its own it must read back.
fn convert(document: &Document<Plain>) {
    for inline_comments in [true, false] {
        let style = Style::default().with_inline_comments(inline_comments);
        for format in Format::ALL {
            let written = document.to_bytes(format, &style);
            if format != document.format() {
                continue;
            }
            let Ok(written) = written else {
                let can_hold_all = matches!(format, Format::Yaml | Format::Dotenv);
                assert!(!can_hold_all, "what was read cannot be written");
                continue;
            };
            // Keys that were told apart as written may be the same as read.
            if format == Format::Yaml && document.tree().iter().any(repeats_a_key) {
                continue;
            }
            // As sops writes these, they cannot be read: a text `<<` for a key
            // (a merge of what is no mapping), and a key of INI files that is
            // numbered, `#1`.
            let is_odd = |key: &Text| match format {
                Format::Yaml => key.as_str() == Some("<<"),
                Format::Ini => key.as_bytes().starts_with(b"#"),
                _ => false,
            };
            if document.tree().iter().any(|tree| any_key(tree, &is_odd)) {
                continue;
            }
            let again = Document::parse_plain(&written, format);
            let Ok(again) = again else {
                panic!("written so that it cannot be read:\n{}", show(&written));
            };
            assert!(
                same_documents(document.tree(), again.tree()),
                "reads back otherwise:\n{}",
                show(&written)
            );
        }
    }
}

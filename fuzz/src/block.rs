//! What stands in values and in the `sops` block, and identities.

use std::sync::OnceLock;

use sops_core::{
    Document, EncryptOptions, Format, Keyring, Style,
    cipher::Sealed,
    keys::Recipient,
    metadata::Metadata,
    tree::{Mapping, Value},
};

use super::{RECIPIENT, keyring};

/// An encrypted JSON file whose only value is `"x"`.
fn encrypted() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| {
        let plain = Document::parse_plain(br#"{"a": "x"}"#, Format::Json).expect("JSON");
        let options = EncryptOptions::new([Recipient::age(RECIPIENT)]);
        let bytes = plain
            .encrypt(&options, &Keyring::new())
            .expect("a recipient is there");
        String::from_utf8(bytes).expect("JSON is UTF-8")
    })
}

/// Opens that file with the text between two of its marks replaced: whatever
/// is there instead, the only value that can come out is the one encrypted.
fn open_with(start: &str, end: &str, replacement: &[u8]) {
    let file = encrypted();
    let from = file.find(start).expect("the mark is there") + start.len();
    let to = from + file[from..].find(end).expect("the mark is there");
    let mut text = Mapping::default();
    text.push("a", Value::String(replacement.into()));
    let json = Document::from_tree(vec![text], Format::Json)
        .to_bytes(Format::Json, &Style::default())
        .expect("JSON takes every text");
    let json = std::str::from_utf8(&json).expect("JSON is UTF-8");
    // `{\n\t"a": "…"\n}\n`
    let escaped = &json[9..json.len() - 4];
    let changed = format!("{}{escaped}{}", &file[..from], &file[to..]);
    let document = Document::parse(changed.as_bytes(), Format::Json);
    if let Ok(document) = document.and_then(|document| document.decrypt(keyring())) {
        let value = document.tree()[0].get("a").and_then(Value::as_str);
        assert_eq!(value, Some("x"), "a forged value was accepted");
    }
}

/// An `ENC[…]` text.
pub fn sealed(data: &[u8]) {
    let _ = Sealed::parse(data);
    open_with("\"a\": \"", "\"", data);
}

/// The armored age file of a data key.
pub fn wrapped_key(data: &[u8]) {
    open_with("\"enc\": \"", "\"", data);
}

/// An identity file.
pub fn identities(data: &[u8]) {
    let mut keyring = Keyring::new();
    let _ = keyring.add_identities(data);
    let _ = keyring.add_ssh_key(data);
    let document = Document::parse(encrypted().as_bytes(), Format::Json).expect("our own file");
    if keyring.can_open(document.metadata()) {
        return;
    }
    // Nothing of a key may be in a message.
    let report = keyring.report(document.metadata()).to_string();
    assert!(!report.contains("AGE-SECRET-KEY-1"), "{report}");
}

/// The `sops` block, from YAML.
pub fn metadata(data: &[u8]) {
    let Ok(document) = Document::parse_plain(data, Format::Yaml) else {
        return;
    };
    let Some(block) = document.tree().first() else {
        return;
    };
    if let Ok(read) = Metadata::from_mapping(block) {
        let again = Metadata::from_mapping(&read.to_mapping());
        assert!(again.is_ok_and(|again| again == read), "metadata changes");
    }
}

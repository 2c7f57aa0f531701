//! Files that somebody without a key changed.

use super::*;

/// A file with one thing changed, decrypted: what sops's types and metadata
/// let somebody without a key try.
fn changed(text: &str, format: Format, from: &str, to: &str) -> sops_core::Result<String> {
    let encrypted = plain(text, format)
        .encrypt(&options(Rule::default()), &Keyring::new())
        .unwrap();
    let encrypted = String::from_utf8(encrypted).unwrap();
    assert!(encrypted.contains(from), "{from} is not in {encrypted}");
    let document = Document::parse(encrypted.replacen(from, to, 1).as_bytes(), format)?;
    let document = document.decrypt(&keyring(&["age-a.txt"]))?;
    let bytes = document.to_bytes(format, &Style::default())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The label of a type is not authenticated: in files that hold texts only, it
/// must not change one.
#[test]
fn a_type_label_changes_no_text() {
    for (format, text) in [(Format::Dotenv, "A=@\n"), (Format::Ini, "[s]\nA = @\n")] {
        let label = |value: &str, label: &str| {
            changed(&text.replace('@', value), format, "type:str", label)
        };
        for (value, name) in [
            ("123456", "float"),
            ("1e3", "float"),
            ("True", "bool"),
            ("2024-02-03T04:05:06.7Z", "time"),
        ] {
            let error = label(value, &format!("type:{name}")).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Decrypt | ErrorKind::Mac),
                "{error}"
            );
            assert!(!error.to_string().contains(value));
        }
        for (value, name) in [("12", "int"), ("1.5", "float"), ("x", "str")] {
            let same = label(value, &format!("type:{name}")).unwrap();
            assert_eq!(same, text.replace('@', value), "{name}");
        }
        // A text that such a number is hashed as is another text.
        assert!(label("007", "type:int").is_err());
    }
    // Elsewhere the types are the format's own.
    let json = changed("{\"a\": \"12\"}", Format::Json, "type:str", "type:int");
    assert_eq!(json.unwrap(), "{\n\t\"a\": 12\n}\n");
}

/// What another format has types for becomes texts, and is the same text when
/// it is decrypted.
#[test]
fn values_of_other_types_become_texts() {
    let json = plain(
        r#"{"s": {"a": true, "b": 1.5, "c": 1000000.0, "d": -1}}"#,
        Format::Json,
    );
    let mut options = options(Rule::EncryptedRegex("a|c".into()));
    options.format = Some(Format::Ini);
    let encrypted = json.encrypt(&options, &Keyring::new()).unwrap();
    let text = String::from_utf8_lossy(&encrypted);
    assert!(!text.contains("type:bool") && !text.contains("type:float"));
    let back = Document::parse(&encrypted, Format::Ini)
        .unwrap()
        .decrypt(&keyring(&["age-a.txt"]))
        .unwrap();
    let written = |document: &Document<Plain>| {
        let bytes = document.to_bytes(Format::Ini, &Style::default()).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    assert_eq!(written(&back), written(&json));
}

#[test]
fn a_mac_is_not_longer_than_a_mac_can_be() {
    let long = format!("mac: ENC[{}", "A".repeat(limits::MAC_SIZE));
    let error = changed("a: b\n", Format::Yaml, "mac: ENC[", &long).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(error.key_path(), Some("sops.mac"));
}

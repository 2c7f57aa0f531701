//! Any tree survives encryption in every format that can hold it, any damage
//! is noticed, and no input makes anything panic.

use crate::support::{keyring, options};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use sops_core::{
    Document, ErrorKind, Format, Keyring, Style,
    metadata::Rule,
    tree::{List, ListItem, Mapping, MappingItem, Tree, Value},
};

fn ours() -> Keyring {
    keyring(&["age-a.txt"])
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[a-z]{1,4}_unencrypted",
        "[ -~é\u{2028}\n\t]{1,12}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "[a-zé😀 \n\t:#'\"\\-]{0,40}",
        any::<String>()
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        // Integral floats read back as integers where they are left in clear.
        any::<f64>()
            .prop_filter("fraction", |f| f.is_finite() && f.fract() != 0.0)
            .prop_map(Value::Float),
        text().prop_map(Value::from),
    ]
}

fn mapping(entries: Vec<(String, Value)>) -> Mapping {
    let mut mapping = Mapping::default();
    for (key, value) in entries {
        if mapping.get(&key).is_none() && key != "sops" {
            mapping.push(key, value);
        }
    }
    mapping
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| Value::List(List {
                items: values.into_iter().map(ListItem::Value).collect(),
            })),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|entries| Value::Mapping(mapping(entries))),
        ]
    })
}

fn nested() -> impl Strategy<Value = Tree> {
    prop::collection::vec((key(), value()), 0..6).prop_map(|entries| vec![mapping(entries)])
}

/// Keys and texts only, as dotenv files hold them.
fn flat() -> impl Strategy<Value = Tree> {
    prop::collection::vec((key(), text().prop_map(Value::from)), 0..6)
        .prop_map(|entries| vec![mapping(entries)])
}

/// Sections of keys and texts, as INI files hold them.
fn sections() -> impl Strategy<Value = Tree> {
    prop::collection::vec((key(), flat()), 0..3).prop_map(|sections| {
        let mut document = Mapping::default();
        document.push("DEFAULT", Value::Mapping(Mapping::default()));
        for (name, mut tree) in sections {
            document.push(name, Value::Mapping(tree.remove(0)));
        }
        vec![document]
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        Just(Rule::default()),
        Just(Rule::EncryptedRegex("^[a-m]".into())),
        Just(Rule::UnencryptedRegex("^[a-m]".into())),
        Just(Rule::EncryptedSuffix("e".into())),
    ]
}

/// Encrypts, reads back and compares. `strict` says that the format can hold
/// every such tree.
fn survives(tree: Tree, format: Format, rule: Rule, strict: bool) -> Result<(), TestCaseError> {
    let document = Document::from_tree(tree.clone(), format);
    let encrypted = match document.encrypt(&options(rule), &Keyring::new()) {
        Ok(encrypted) => encrypted,
        Err(e) if strict => return Err(TestCaseError::fail(format!("{e:?}"))),
        Err(e) => {
            let kind = e.kind();
            prop_assert!(
                matches!(
                    kind,
                    ErrorKind::Emit | ErrorKind::Encrypt | ErrorKind::AlreadyEncrypted
                ),
                "{:?}",
                e
            );
            return Ok(());
        }
    };
    let read = Document::parse(&encrypted, format).and_then(|d| d.decrypt(&ours()));
    let read = read.map_err(|e| TestCaseError::fail(format!("{e:?}")))?;
    prop_assert!(
        read.tree() == tree,
        "{}",
        String::from_utf8_lossy(&encrypted)
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn json_survives(tree in nested(), rule in rule()) {
        survives(tree, Format::Json, rule, true)?;
    }

    #[test]
    fn yaml_survives(tree in nested(), rule in rule()) {
        survives(tree, Format::Yaml, rule, true)?;
    }

    #[test]
    fn dotenv_survives(tree in flat(), rule in rule()) {
        survives(tree, Format::Dotenv, rule, false)?;
    }

    #[test]
    fn ini_survives(tree in sections(), rule in rule()) {
        survives(tree, Format::Ini, rule, false)?;
    }

    #[test]
    fn binary_survives(bytes: Vec<u8>) {
        let document = Document::parse_plain(&bytes, Format::Binary).unwrap();
        let encrypted = document.encrypt(&options(Rule::default()), &Keyring::new()).unwrap();
        let read = Document::parse(&encrypted, Format::Binary).unwrap().decrypt(&ours()).unwrap();
        let read = read.to_bytes(Format::Binary, &Style::default()).unwrap();
        prop_assert_eq!(read.as_slice(), bytes.as_slice());
    }

    /// One changed bit of the decoded data, nonce or tag of a value or of the
    /// MAC, or of the wrapped key.
    #[test]
    fn a_changed_bit_is_refused(text in "[a-z]{1,20}", part in 0..7usize, bit: prop::sample::Index) {
        let document = Document::from_tree(vec![mapping(vec![("a".into(), text.into())])], Format::Json);
        let encrypted = document.encrypt(&options(Rule::default()), &Keyring::new()).unwrap();
        let encrypted = String::from_utf8(encrypted).unwrap();
        let (start, end) = match part {
            6 => (r"FILE-----\n", r"\n-----END"),
            0 | 3 => ("data:", ","),
            1 | 4 => ("iv:", ","),
            _ => ("tag:", ","),
        };
        let from = if part < 3 { 0 } else { encrypted.find("\"mac\"").unwrap() };
        let from = if part == 6 { 0 } else { from };
        let at = from + encrypted[from..].find(start).unwrap() + start.len();
        let len = encrypted[at..].find(end).unwrap();
        let base64 = encrypted[at..at + len].replace(r"\n", "");
        let mut bytes = STANDARD.decode(base64).unwrap();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut damaged = STANDARD.encode(bytes);
        if part == 6 {
            let lines: Vec<&str> = damaged.as_bytes().chunks(64)
                .map(|line| std::str::from_utf8(line).unwrap()).collect();
            damaged = lines.join(r"\n");
        }
        let damaged = format!("{}{damaged}{}", &encrypted[..at], &encrypted[at + len..]);
        prop_assert_ne!(&damaged, &encrypted);
        let outcome = Document::parse(damaged.as_bytes(), Format::Json).and_then(|d| d.decrypt(&ours()));
        let expected = match part { 0..3 => ErrorKind::Decrypt, 3..6 => ErrorKind::Mac, _ => ErrorKind::DataKey };
        prop_assert_eq!(outcome.map(|_| ()).unwrap_err().kind(), expected);
    }
}

/// Feeds a text to everything that reads or writes.
fn exercise(bytes: &[u8]) {
    for format in Format::ALL {
        let _ = Document::parse(bytes, format).map(|d| d.decrypt(&Keyring::new()).is_ok());
        if let Ok(document) = Document::parse_plain(bytes, format) {
            for output in Format::ALL {
                let _ = document.to_bytes(output, &Style::default());
            }
            document.flatten();
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        exercise(&bytes);
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}a:=,#;\"'`|>\\\\&*! \n\r\t-]{0,60}") {
        exercise(text.as_bytes());
    }

    #[test]
    fn no_metadata_panics(name in "(age|kms|pgp|key_groups|mac|version|lastmodified|shamir_threshold)(__list_[0-9]{0,3}|__map_[a-z]{0,3}){0,3}", value in ".{0,20}") {
        exercise(format!("A=ENC[AES256_GCM,data:{value}]\nsops_{name}={value}\n").as_bytes());
        exercise(format!("[sops]\n{name} = {value}\n").as_bytes());
    }

    #[test]
    fn no_path_panics(path in "[\\[\\]\"'0-9a-]{0,12}", tree in nested()) {
        let document = Document::from_tree(tree, Format::Json);
        for format in Format::ALL {
            let _ = document.extract(&path, format, &Style::default());
        }
    }
}

#[test]
fn the_number_of_values_is_bounded() {
    for (text, format) in [
        (
            format!("{{\"a\": [{}1]}}", "1,".repeat(2_000_000)),
            Format::Json,
        ),
        ("=\n".repeat(2_000_001), Format::Dotenv),
        ("a=\n".repeat(2_000_001), Format::Ini),
        ("x".repeat((64 << 20) + 1), Format::Binary),
    ] {
        let error = Document::parse_plain(text.as_bytes(), format).map(|_| ());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit, "{format:?}");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |open: &str, close: &str| {
        format!(
            "{{\"a\": {}{}}}",
            open.repeat(100_000),
            close.repeat(100_000)
        )
    };
    for text in [deep("[", "]"), deep("{\"a\":", "}")] {
        for format in [Format::Json, Format::Yaml] {
            let error = Document::parse_plain(text.as_bytes(), format)
                .map(|_| ())
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Limit, "{format:?} {error}");
        }
    }
    // A tree made by hand, too deep to encrypt or write.
    let mut tree = vec![mapping(vec![("a".into(), Value::Int(1))])];
    for _ in 0..600 {
        let inner = Value::Mapping(tree.remove(0));
        tree = vec![mapping(vec![("a".into(), inner)])];
    }
    assert!(matches!(tree[0].items[0], MappingItem::Entry { .. }));
    let document = Document::from_tree(tree, Format::Json);
    let error = document
        .encrypt(&options(Rule::default()), &Keyring::new())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    let error = document
        .to_bytes(Format::Json, &Style::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

//! What is said of files that cannot be read, opened, changed or written: each
//! message as a snapshot, the long form with what a person can do last.

use std::fmt::Write;

use sops_core::{
    Document, EncryptOptions, Error, Finish, Format, Keyring, Style,
    foreign::Foreign,
    keys::{
        DataKey, KeyError, KeyKind, Recipient, Secret, WrappedKey,
        shamir::{combine, split},
    },
    metadata::Rule,
    tree::{List, Mapping, Value},
};

use crate::support::{keyring, options};

/// A list of what was tried, and what was said.
#[derive(Default)]
struct Said(String);

impl Said {
    /// Something that must fail.
    fn of<T>(&mut self, what: &str, result: Result<T, Error>) {
        let Err(error) = result else {
            panic!("{what}: nothing is wrong");
        };
        assert!(error.advice().is_some(), "{what}: {error} without advice");
        let what = what.escape_debug();
        writeln!(self.0, "$ {what:.60}\n{}: {error:#}\n", error.kind()).unwrap();
    }

    /// A line without an advice: the cause of another one.
    fn line(&mut self, what: &str, line: impl ToString) {
        writeln!(self.0, "$ {what}\n{}\n", line.to_string()).unwrap();
    }
}

/// An encrypted file of these values.
fn encrypted(text: &str, format: Format) -> String {
    let plain = Document::parse_plain(text.as_bytes(), format).unwrap();
    let file = plain.encrypt(&options(Rule::default()), &Keyring::new());
    String::from_utf8(file.unwrap()).unwrap()
}

/// A document of one entry.
fn entry(key: &str, value: impl Into<Value>, format: Format) -> Document<sops_core::Plain> {
    let mut mapping = Mapping::default();
    mapping.push(key, value);
    Document::from_tree(vec![mapping], format)
}

#[test]
fn texts_that_are_not_of_their_format() {
    let mut said = Said::default();
    for (format, texts) in [
        (
            Format::Yaml,
            &[
                "a: [",
                "- a",
                "x",
                "# nothing",
                "1: x",
                "true: x",
                "null: x",
                "2001-01-01: x",
                "? [a]\n: x",
                "a: 18446744073709551615",
                "a: !!int x",
                "<<: x",
                "a: \u{1}",
            ][..],
        ),
        (
            Format::Json,
            &[
                "",
                "x",
                "[1]",
                "{",
                "{1",
                "{\"a\" 1}",
                "{\"a\": }",
                "{\"a\":",
                "{\"a\": nul}",
                "{\"a\": -}",
                "{\"a\": 1e999}",
                "{\"a\": \"x",
                "{\"a\": \"\\x\"}",
                "{\"a\": \"\\u12\"}",
                "{\"a\": 1 2}",
            ],
        ),
        (Format::Dotenv, &["a"]),
        (
            Format::Ini,
            &["[a", "[]", "= x", "a", "\"a", "a = \"\"\"x", "a = `x"],
        ),
    ] {
        for text in texts {
            let what = format!("{format} {text}");
            said.of(&what, Document::parse_plain(text.as_bytes(), format));
        }
    }
    insta::assert_snapshot!(said.0);
}

#[test]
fn data_that_a_format_cannot_hold() {
    let mut said = Said::default();
    let style = Style::default();
    let list = || Value::List(List { items: vec![] });
    for (what, document, format) in [
        ("a list", entry("a", list(), Format::Yaml), Format::Dotenv),
        (
            "a key with =",
            entry("a=b", "x", Format::Yaml),
            Format::Dotenv,
        ),
        ("no section", entry("a", "x", Format::Yaml), Format::Ini),
        (
            "a section without a name",
            entry("", Mapping::default(), Format::Yaml),
            Format::Ini,
        ),
        (
            "a key of two lines",
            entry(
                "a",
                entry("b\nc", "x", Format::Yaml).tree()[0].clone(),
                Format::Yaml,
            ),
            Format::Ini,
        ),
        (
            "a list in a section",
            entry(
                "a",
                entry("b", list(), Format::Yaml).tree()[0].clone(),
                Format::Yaml,
            ),
            Format::Ini,
        ),
        (
            "not a number",
            entry("a", f64::NAN, Format::Yaml),
            Format::Json,
        ),
        ("no data", entry("a", "x", Format::Yaml), Format::Binary),
        ("an integer", entry("data", 1, Format::Yaml), Format::Binary),
        (
            "two documents",
            Document::from_tree(vec![Mapping::default(); 2], Format::Yaml),
            Format::Binary,
        ),
    ] {
        said.of(
            &format!("{format}: {what}"),
            document.to_bytes(format, &style),
        );
    }
    let nested = entry(
        "a",
        entry("b", 1, Format::Yaml).tree()[0].clone(),
        Format::Yaml,
    );
    said.of(
        "extract an integer as dotenv",
        nested.extract(r#"["a"]["b"]"#, Format::Dotenv, &style),
    );
    insta::assert_snapshot!(said.0);
}

#[test]
fn data_that_cannot_be_encrypted() {
    let mut said = Said::default();
    let encrypt = |document: &Document<_>, format: Format, rule: Rule| {
        document.encrypt(&options(rule).with_format(format), &Keyring::new())
    };
    for (what, text, format) in [
        ("no document", "", Format::Yaml),
        ("two documents", "a: 1\n---\nb: 2\n", Format::Json),
        ("a key of sops", "sops: 1\n", Format::Yaml),
        ("a name with blanks", "' a ': {' b ': x}\n", Format::Ini),
    ] {
        let document = Document::parse_plain(text.as_bytes(), Format::Yaml);
        said.of(
            what,
            document.and_then(|document| encrypt(&document, format, Rule::default())),
        );
    }
    let document = Document::parse_plain(b"a: x\n", Format::Yaml).unwrap();
    for rule in [
        Rule::EncryptedRegex("(".into()),
        Rule::UnencryptedRegex("(?=a)".into()),
        Rule::EncryptedSuffix(String::new()),
    ] {
        let what = format!("{rule:?}");
        said.of(&what, encrypt(&document, Format::Yaml, rule));
    }
    said.of(
        "nobody",
        document.encrypt(&EncryptOptions::new([]), &Keyring::new()),
    );
    said.of(
        "a cloud that is not known",
        document.encrypt(
            &EncryptOptions::new([Recipient::huawei_kms("moon:1")]),
            &Keyring::new(),
        ),
    );
    insta::assert_snapshot!(said.0);
}

/// A file in which one thing was changed by somebody without a key.
#[test]
fn files_that_were_changed() {
    let mut said = Said::default();
    let file = encrypted("a: x\nm: 1\nclear_unencrypted: why\n", Format::Yaml);
    let line = |start: &str| file.lines().find(|line| line.starts_with(start)).unwrap();
    let (a, m) = (line("a: "), line("m: "));
    let part = |start: &str, end: char| {
        let (_, rest) = a.split_once(start).unwrap();
        format!("{start}{}", rest.split(end).next().unwrap())
    };
    let (iv, tag) = (part("iv:", ','), part("tag:", ','));
    let mac = line("    mac: ");
    for (what, from, to) in [
        ("a value in clear", a, "a: x"),
        ("another type of value", a, "a: 1"),
        ("something behind it", a, &format!("{a} x")),
        ("another place", a, &format!("a: {}", &m[3..])),
        ("no base64", &*iv, "iv:?"),
        ("a long nonce", &*iv, &format!("iv:{}", "AAAA".repeat(50))),
        ("no tag", &*tag, "tag:AAAA"),
        ("an unknown type", "type:str]\nm", "type:moon]\nm"),
        ("type bytes", "type:str]\nm", "type:bytes]\nm"),
        ("another type", "type:str]\nm", "type:int]\nm"),
        (
            "a value that is not encrypted",
            "clear_unencrypted: why",
            "clear_unencrypted: not",
        ),
        ("no MAC", mac, "    mac: ''"),
        ("a MAC that is none", mac, "    mac: x"),
        (
            "a long MAC",
            mac,
            &format!("    mac: {}", "x".repeat(5_000)),
        ),
        ("a MAC that is a list", mac, "    mac: []"),
        ("no time", "    lastmodified: ", "    lastmodified: x"),
        ("no keys", "    age:", "    age_:"),
        (
            "a threshold",
            mac,
            &format!("{mac}\n    shamir_threshold: x"),
        ),
        (
            "a switch",
            mac,
            &format!("{mac}\n    mac_only_encrypted: x"),
        ),
        (
            "a rule that is none",
            "    unencrypted_suffix: _unencrypted",
            "    encrypted_regex: (",
        ),
        (
            "a key that is too long",
            "        - enc: |",
            &format!("        - enc: {}\n          x: |", "x".repeat(70_000)),
        ),
        (
            "many groups",
            "    age:",
            &format!(
                "    age: []\n    key_groups: [{}]\n    age_:",
                "{},".repeat(300)
            ),
        ),
    ] {
        let changed = file.replace(from, to);
        assert_ne!(changed, file, "{what}");
        let opened = Document::parse(changed.as_bytes(), Format::Yaml)
            .and_then(|document| document.decrypt(&keyring(&["age-a.txt"])));
        said.of(what, opened);
    }
    let parse = || Document::parse(file.as_bytes(), Format::Yaml).unwrap();
    let key = |length: u8| DataKey::from_bytes(&vec![0; length.into()]).unwrap();
    said.of("a wrong data key", parse().decrypt_with(&key(32)));
    said.of("a short data key", parse().decrypt_with(&key(16)));
    said.of(
        "the type of a text",
        Document::parse(
            encrypted("a=1\n", Format::Dotenv)
                .replace("type:str]\ns", "type:float]\ns")
                .as_bytes(),
            Format::Dotenv,
        )
        .and_then(|document| document.decrypt(&keyring(&["age-a.txt"]))),
    );
    insta::assert_snapshot!(said.0);
}

#[test]
fn changes_that_cannot_be_made() {
    let mut said = Said::default();
    let file = encrypted("a: x\nl:\n    # c\n    - y\n", Format::Yaml);
    let open = || {
        let document = Document::parse(file.as_bytes(), Format::Yaml).unwrap();
        document.edit(&keyring(&["age-a.txt"])).unwrap()
    };
    let path = |text: &str| sops_core::query::parse_path(text).unwrap();
    said.of("set []", open().set(&[], "x"));
    for text in [r#"[0]"#, r#"["l"][0]"#, r#"["l"]["k"]"#] {
        said.of(&format!("set {text}"), open().set(&path(text), "x"));
    }
    for text in [
        r#"["b"]"#,
        r#"[0]"#,
        r#"["a"][0]"#,
        r#"["a"]["b"]"#,
        r#"["l"][0]"#,
        r#"["l"][9]"#,
    ] {
        said.of(&format!("unset {text}"), open().unset(&path(text)));
        said.of(&format!("get {text}"), open().get(&path(text)).map(drop));
    }
    for value in ["", "[]", "{\"a\": 1, \"a\": 2}", "1 2", "x"] {
        said.of(
            &format!("value {value}"),
            sops_core::query::parse_value(value),
        );
    }
    let mut many = open();
    let recipients = (0..3_000).map(|n| Recipient::age(format!("age1{n}")));
    many.set_key_groups(vec![recipients.collect()]);
    said.of("many recipients", many.wanted());
    let mut split = open();
    split.set_key_groups(
        (0..300)
            .map(|n| vec![Recipient::age(format!("age1{n}"))])
            .collect(),
    );
    said.of("many groups", split.wanted());
    let mut two = open();
    said.of(
        "a group that is not there",
        two.add_recipient(1, Recipient::age("age1b")),
    );
    two.add_recipient(0, Recipient::huawei_kms("moon:1"))
        .unwrap();
    let position = two.wanted().unwrap()[0].position;
    let key = || WrappedKey::new(Recipient::age("age1b"), "x");
    said.of("a key of another kind", two.supply(position, key()));
    said.of("a key that is missing", two.finish(&Finish::new()));
    let mut nowhere = position;
    nowhere.group = 7;
    said.of("a key for nobody", two.supply(nowhere, key()));
    let mut empty = open();
    empty.set_tree(Vec::new());
    said.of("no document", empty.set(&["a".into()], "x"));
    insta::assert_snapshot!(said.0);
}

/// What is a part of other messages.
#[test]
fn parts_of_messages() {
    let mut said = Said::default();
    for bytes in [
        &b"<<<<<<< a\n=======\n>>>>>>> b\n"[..],
        b"version https://git-lfs.github.com/spec/v1\n",
        b"$ANSIBLE_VAULT;1.1;AES256\n",
        b"\0GITCRYPT\0",
        b"age-encryption.org/v1\n",
        b"-----BEGIN PGP MESSAGE-----\n",
    ] {
        let foreign = Foreign::recognise(bytes).unwrap();
        said.line(
            &format!("{foreign:?}"),
            format!("{foreign}\n{}", foreign.advice()),
        );
    }
    let shamir = [
        split(b"x", 1, 2).map(drop).unwrap_err(),
        combine(&[b"xy"]).map(drop).unwrap_err(),
        combine(&[&b"xy"[..], b"x"]).map(drop).unwrap_err(),
        combine(&[b"xy", b"xy"]).map(drop).unwrap_err(),
    ];
    for error in shamir {
        said.line("shamir", error);
    }
    said.line("a kind of key", "moon".parse::<KeyKind>().unwrap_err());
    said.line("a format", "moon".parse::<Format>().unwrap_err());
    for kind in KeyKind::ALL {
        if let Err(error) = Recipient::parse(kind, "moon") {
            said.line(&format!("a recipient of {kind}"), error);
        }
    }
    said.line("a recipient", "moon".parse::<Recipient>().unwrap_err());
    let wrapped = Keyring::new().wrap(&Recipient::gcp_kms("x"), &Secret::from(vec![0; 32]));
    said.line("a key service", wrapped.map(drop).unwrap_err());
    said.line("not ours", KeyError::not_ours());
    insta::assert_snapshot!(said.0);
}

//! What somebody without a key can add to a file so that a secret is read as
//! empty, or as something else that is in clear: the MAC does not notice it,
//! and the document says so.

use crate::support::keyring;
use sops_core::{
    Document, EncryptOptions, Format, Keyring, Plain, WarningKind, limits, metadata::Rule,
};

const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

fn encrypt(plain: &str, format: Format, mut options: EncryptOptions) -> String {
    options.key_groups = vec![vec![RECIPIENT.parse().unwrap()]];
    let plain = Document::<Plain>::parse_plain(plain.as_bytes(), format).unwrap();
    String::from_utf8(plain.encrypt(&options, &Keyring::new()).unwrap()).unwrap()
}

fn decrypt(file: &str, format: Format) -> Document<Plain> {
    let document = Document::parse(file.as_bytes(), format).unwrap();
    document.decrypt(&keyring(&["age-a.txt"])).unwrap()
}

/// What is said of a file.
fn warnings(file: &str, format: Format) -> Vec<String> {
    let document = decrypt(file, format);
    let shown = document.warnings().iter().map(|warning| {
        let kind = match warning.kind() {
            WarningKind::RepeatedKey { covered: true } => "covered",
            WarningKind::RepeatedKey { covered: false } => "uncovered",
            WarningKind::EmptyValue => "empty",
            other => panic!("{other:?}"),
        };
        format!("{kind} {}", warning.key_path())
    });
    shown.collect()
}

/// A file with what somebody puts behind or in place of a piece of it.
fn changed(plain: &str, format: Format, from: &str, to: &str) -> Vec<String> {
    let file = encrypt(plain, format, EncryptOptions::default());
    assert!(warnings(&file, format).is_empty());
    assert!(file.contains(from), "{from} is not in\n{file}");
    warnings(&file.replacen(from, to, 1), format)
}

#[test]
fn an_empty_value_under_a_key_that_is_there() {
    let env = |to: &str| changed("URL=x\nPASSWORD=y\n", Format::Dotenv, "sops_", to);
    assert_eq!(
        env("PASSWORD=\nsops_"),
        ["empty PASSWORD", "uncovered PASSWORD"]
    );
    assert_eq!(env("OTHER=\nsops_"), ["empty OTHER"]);

    let json = |to: &str| {
        let plain = r#"{"a": {"password": "x"}, "b": {"password": "x"}}"#;
        changed(plain, Format::Json, "\"password\"", to)
    };
    let both = ["empty a.password", "uncovered a.password"];
    assert_eq!(json(r#""password": "", "password""#), both);
    assert_eq!(json(r#""password": null, "password""#), both);
    assert_eq!(json(r#""password": {}, "password""#), both[1..]);
    assert_eq!(json(r#""password": [], "password""#), both[1..]);
    assert_eq!(json(r#""pass\u0077ord": "", "password""#), both);

    let bin = changed("x", Format::Binary, "\"data\"", r#""data": "", "data""#);
    assert_eq!(bin, ["empty data", "uncovered data"]);

    // The first document of YAML refuses what is spelled alike.
    let yaml = |to: &str| {
        let plain = "a: &k x\nl: [{b: y}]\n---\np: x\nq: z\n---\nr: x\n";
        let file = encrypt(plain, Format::Yaml, EncryptOptions::default());
        let (from, to) = to.split_once(" => ").unwrap();
        assert!(file.contains(from));
        warnings(&file.replacen(from, to, 1), Format::Yaml)
    };
    let p = ["empty p", "uncovered p"];
    assert_eq!(yaml("\nq: => \np: \"\"\nq:"), p);
    assert_eq!(yaml("\nq: => \n\"p\": ~\nq:"), p);
    assert_eq!(yaml("\nq: => \n!!binary cA==: \"\"\nq:"), p);
    assert_eq!(
        yaml("\nr: => \nr: !!str\nr:"),
        ["empty r", "uncovered r"],
        "the last document"
    );
    assert_eq!(
        yaml("a: => !!binary YQ==: \"\"\na:"),
        ["empty a", "uncovered a"],
        "the first document"
    );
    assert_eq!(
        yaml("a: => x: &n \"\"\n*n : \"\"\n\"\": \"\"\na:"),
        [
            "empty x",
            "empty the top level",
            "empty the top level",
            "uncovered the top level"
        ],
        "an alias"
    );
    assert_eq!(
        yaml("b: => !!binary Yg==: \"\"\n      b:"),
        ["empty l[0].b", "uncovered l[0].b"],
        "in a list"
    );
}

#[test]
fn sections_of_one_name_are_read_as_one() {
    let ini = |to: &str| changed("[s]\nk = x\nl = y\n", Format::Ini, "\n[sops]", to);
    assert_eq!(
        ini("\n[s]\nk =\n[sops]"),
        ["empty s.k", "uncovered s", "uncovered s.k"]
    );
    assert_eq!(ini("\n[s]\n[sops]"), ["uncovered s"]);
    // Cut in two, and nothing lost where sections are read as one.
    let plain = "[s]\nk = x\nl = y\n[t]\nm = z\n";
    assert_eq!(
        changed(plain, Format::Ini, "\nl ", "\n[s]\nl "),
        ["covered s"]
    );
    // As honest files have it.
    let honest = |plain: &str| {
        warnings(
            &encrypt(plain, Format::Ini, EncryptOptions::default()),
            Format::Ini,
        )
    };
    assert_eq!(honest("[DEFAULT]\na = 1\n"), [""; 0]);
    assert_eq!(honest("a = 1\n[DEFAULT]\nb = 1\n"), ["covered DEFAULT"]);
    assert_eq!(
        honest("[s]\na = 1\n[s]\na = 2\n"),
        ["covered s", "covered s.a"]
    );
    assert_eq!(honest("[s]\na = 1\n[t]\na = 2\n"), [""; 0]);
}

#[test]
fn honest_repetition_is_covered() {
    let file = encrypt("A=1\nA=2\nB=\n", Format::Dotenv, EncryptOptions::default());
    assert_eq!(warnings(&file, Format::Dotenv), ["covered A", "empty B"]);
    let file = encrypt(
        r#"{"a": 1, "a": true}"#,
        Format::Json,
        EncryptOptions::default(),
    );
    assert_eq!(warnings(&file, Format::Json), ["covered a"]);
}

/// Containers are not hashed: a mapping can be cut in two.
#[test]
fn a_mapping_that_was_cut_in_two() {
    let plain = r#"{"db": {"user": "x", "password": "y"}}"#;
    let cut = changed(
        plain,
        Format::Json,
        "\"password\"",
        "\"\": \"\"}, \"db\": {\"password\"",
    );
    assert_eq!(cut, ["empty db.", "uncovered db"]);
}

/// Clear values do not count where the file says `mac_only_encrypted`; and
/// where they count, the name of their key does not.
#[test]
fn clear_values_under_a_key_that_is_there() {
    let plain = "# why\nsecret: x\nclear_unencrypted: y\nother_unencrypted: z\n";
    let repeat = |mac_only_encrypted| {
        let mut options = EncryptOptions::default();
        options.mac_only_encrypted = mac_only_encrypted;
        let file = encrypt(&format!("a: b\n---\n{plain}"), Format::Yaml, options);
        warnings(
            &file.replacen("other_unencrypted", "clear_unencrypted", 1),
            Format::Yaml,
        )
    };
    assert_eq!(repeat(false), ["covered clear_unencrypted"]);
    assert_eq!(repeat(true), ["uncovered clear_unencrypted"]);

    // The rule goes by comments: one key has values of both kinds.
    let mut options = EncryptOptions::default();
    options.rule = Rule::EncryptedCommentRegex("why".into());
    let file = encrypt(&format!("a: b\n---\n{plain}"), Format::Yaml, options);
    let renamed = file.replacen("other_unencrypted", "secret", 1);
    assert_eq!(warnings(&renamed, Format::Yaml), ["uncovered secret"]);
}

/// A flood of one kind hides no other.
#[test]
fn each_kind_has_room_of_its_own() {
    let file = encrypt("p=x\n", Format::Dotenv, EncryptOptions::default());
    let mut flood = String::new();
    for n in 0..2 * limits::WARNINGS {
        flood += &format!("k{n}=\n");
    }
    let found = warnings(&format!("{flood}p=\n{file}"), Format::Dotenv);
    assert_eq!(found.len(), limits::WARNINGS + 1);
    assert_eq!(found.last().unwrap(), "uncovered p");
}

#[test]
fn what_is_said() {
    let file = encrypt("A=1\nA=2\nB=3\n", Format::Dotenv, EncryptOptions::default());
    let document = decrypt(&format!("B=\n{file}"), Format::Dotenv);
    let said: Vec<_> = document
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

//! Changing encrypted files: what a git diff shows of it, and that nothing
//! gets lost.

mod real_sops;
mod recipients;

use crate::support::{keyring, show, sops};
use sops_core::{
    Document, Editing, EncryptOptions, ErrorKind, Finish, Format, Keyring, Rekeying, Result,
    Timestamp,
    keys::{Effort, KeyError, KeyKind, KeyService, Recipient, Secret, WrappedKey},
    metadata::Rule,
};

const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";

const FORMATS: [(Format, &str); 5] = [
    (
        Format::Yaml,
        "# head\nuser: alice # who\nlist:\n    - x # first\n    # between\n    - x\nn: 1\n\
         clear_unencrypted: 7 # why\n---\nsecond: document\n---\nthird: document\nthird: again\n",
    ),
    (
        Format::Json,
        r#"{"user": "alice", "list": ["x", "x"], "n": 1, "twice": 1, "twice": 2}"#,
    ),
    (Format::Dotenv, "# head\nuser=alice\n# between\nn=1\nn=2\n"),
    (
        Format::Ini,
        "; head\nuser = alice\n\n[section]\n; inside\nn = 1\nlong_name = 2\n",
    ),
    (Format::Binary, "any bytes \u{0} at all"),
];

fn old() -> Timestamp {
    Timestamp::from_unix(1_600_000_000).unwrap()
}

fn new() -> Finish {
    Finish::new().at(Timestamp::from_unix(1_700_000_000).unwrap())
}

fn encrypted(text: &str, format: Format) -> String {
    let plain = Document::parse_plain(text.as_bytes(), format).unwrap();
    let options = EncryptOptions::new([Recipient::age(A)]).at(old());
    String::from_utf8(plain.encrypt(&options, &Keyring::new()).unwrap()).unwrap()
}

fn parse(file: &str, format: Format) -> Document<sops_core::Encrypted> {
    Document::parse(file.as_bytes(), format).unwrap()
}

/// A file opened with the first key, to be edited.
fn edit(file: &str, format: Format) -> Document<Editing> {
    parse(file, format).edit(&keyring(&["age-a.txt"])).unwrap()
}

/// The same, to change its recipients alone.
fn rekey(file: &str, format: Format) -> Document<Rekeying> {
    parse(file, format).rekey(&keyring(&["age-a.txt"])).unwrap()
}

/// A file that was written, as text.
fn written(file: Result<Vec<u8>>) -> String {
    String::from_utf8(file.unwrap()).unwrap()
}

/// These keys open a file, and its MAC is right.
fn verify(file: &str, format: Format, keys: &[&str]) {
    parse(file, format).verify(&keyring(keys)).unwrap();
}

/// The lines that a diff shows: `-` those of the old file, `+` those of the
/// new one. Ciphertext is masked.
fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // The longest common subsequence, by the book.
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            out.push_str(&format!("-{}\n", mask(old[i])));
            i += 1;
        } else {
            out.push_str(&format!("+{}\n", mask(new[j])));
            j += 1;
        }
    }
    // How many lines an age file has is up to chance.
    let lines = regex::Regex::new(r"(?m)^([-+] *BASE64)\n(?:[-+] *BASE64\n)+").unwrap();
    lines.replace_all(&out, "$1\n").into_owned()
}

fn mask(line: &str) -> String {
    let ciphertext = regex::Regex::new(r"ENC\[AES256_GCM,[^\]]*,type:(\w+)\]").unwrap();
    let armored = regex::Regex::new(r"^( *)[A-Za-z0-9+/=]+$").unwrap();
    let file = regex::Regex::new(r"-----BEGIN.*END AGE ENCRYPTED FILE-----").unwrap();
    let line = ciphertext.replace_all(line, "ENC[$1]");
    let line = file.replace_all(&line, "ARMOR");
    armored.replace(&line, "${1}BASE64").into_owned()
}

fn path(format: Format) -> Vec<sops_core::query::Step> {
    match format {
        Format::Ini => vec!["DEFAULT".into(), "user".into()],
        Format::Binary => vec!["data".into()],
        _ => vec!["user".into()],
    }
}

#[test]
fn setting_a_value_is_a_diff_of_three_lines() {
    let mut diffs = String::new();
    for (format, text) in FORMATS {
        let before = encrypted(text, format);
        let mut document = edit(&before, format);
        assert!(document.set(&path(format), "bob").unwrap());
        let after = written(document.finish(&new()));
        diffs.push_str(&format!("{format}\n{}", diff(&before, &after)));

        let read = parse(&after, format)
            .decrypt(&keyring(&["age-a.txt"]))
            .unwrap();
        assert_eq!(read.get(&path(format)).unwrap().as_str(), Some("bob"));
    }
    insta::assert_snapshot!("set", diffs);
}

#[test]
fn nothing_is_lost_where_nothing_changes() {
    for (format, text) in FORMATS {
        let before = encrypted(text, format);
        let document = edit(&before, format);
        let after = document.finish(&Finish::new().at(old())).unwrap();
        assert_eq!(show(&after), before);

        let document = rekey(&before, format);
        let after = document.finish(&new()).unwrap();
        assert_eq!(show(&after), before);
    }
}

#[test]
fn removing_a_value_is_a_diff_of_its_line() {
    let mut diffs = String::new();
    for (format, text) in &FORMATS[..4] {
        let before = encrypted(text, *format);
        let mut document = parse(&before, *format)
            .edit(&keyring(&["age-a.txt"]))
            .unwrap();
        document.unset(&path(*format)).unwrap();
        let after = written(document.finish(&new()));
        diffs.push_str(&format!("{format}\n{}", diff(&before, &after)));
        let error = document.unset(&path(*format)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    insta::assert_snapshot!("unset", diffs);
}

#[test]
fn other_recipients_leave_everything_else_as_it_was() {
    let mut diffs = String::new();
    for (format, text) in FORMATS {
        let before = encrypted(text, format);
        let mut document = rekey(&before, format);
        assert!(document.add_recipient(0, Recipient::age(B)).unwrap());
        assert!(!document.add_recipient(0, Recipient::age(B)).unwrap());
        document.wrap(&Keyring::new()).unwrap();
        let both = written(document.finish(&new()));
        diffs.push_str(&format!("{format}\n{}", diff(&before, &both)));
        for name in ["age-a.txt", "age-b.txt"] {
            parse(&both, format).verify(&keyring(&[name])).unwrap();
        }

        // And away again: the file as it was, to the last byte.
        let mut document = parse(&both, format)
            .rekey(&keyring(&["age-b.txt"]))
            .unwrap();
        assert_eq!(document.remove_recipient(&Recipient::age(B)), 1);
        assert_eq!(document.remove_recipient(&Recipient::age(B)), 0);
        assert_eq!(show(&document.finish(&new()).unwrap()), before);
    }
    insta::assert_snapshot!("updatekeys", diffs);
}

/// Who types a fingerprint twice types it in two ways; whom it names loses the
/// access that is to be taken away.
#[test]
fn a_pgp_key_however_it_is_spelled() {
    const KEY: &str = "BA3A264E92A55AF8E505589B966CC7C0D2A557A8";
    let (format, text) = FORMATS[0];
    let before = encrypted(text, format);
    let document = parse(&before, format);
    let mut document = document.rekey(&keyring(&["age-a.txt"])).unwrap();
    let mut add = |text: &str| document.add_recipient(0, Recipient::pgp(text)).unwrap();
    let spelled = [
        KEY.to_lowercase(),
        format!("0x{KEY}"),
        format!("0x{}", KEY.to_lowercase()),
        format!("{} {}", &KEY[..20], &KEY[20..]),
    ];
    assert!(add(KEY));
    assert!(!spelled.iter().any(|text| add(text)));
    // The very key is another than whatever belongs to it.
    let exact = format!("{KEY}!");
    assert!(add(&exact));
    let document = parse(&before, format);
    let mut document = document.rekey(&keyring(&["age-a.txt"])).unwrap();
    let ids = [
        KEY[24..].to_owned(),
        format!("0x{}", KEY[24..].to_lowercase()),
    ];
    for text in spelled.iter().chain(&ids).chain([&exact]) {
        for (listed, removed) in [(text.as_str(), KEY), (KEY, text)] {
            let listed = Recipient::pgp(listed);
            assert!(document.add_recipient(0, listed.clone()).unwrap());
            let others = [&KEY[8..], &KEY[32..], "", "!", "966CC7C0D2A557A9"];
            for other in others {
                assert_eq!(document.remove_recipient(&Recipient::pgp(other)), 0);
            }
            let removed = document.remove_recipient(&Recipient::pgp(removed));
            assert_eq!(removed, 1, "{text}");
        }
    }
}

#[test]
fn a_new_data_key_is_another_for_every_value() {
    let mut diffs = String::new();
    for (format, text) in FORMATS {
        let before = encrypted(text, format);
        let mut document = edit(&before, format);
        let key = document.data_key().clone();
        document.rotate().unwrap();
        assert!(*document.data_key() != key);
        document.wrap(&Keyring::new()).unwrap();
        let after = written(document.finish(&new()));
        diffs.push_str(&format!("{format}\n{}", diff(&before, &after)));
        verify(&after, format, &["age-a.txt"]);
        let error = parse(&after, format)
            .decrypt_with(&key)
            .map(drop)
            .unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Decrypt | ErrorKind::Mac));
        for line in after.lines().filter(|line| line.contains("ENC[")) {
            assert!(!before.contains(line), "{line}");
        }
    }
    insta::assert_snapshot!("rotate", diffs);
}

/// One of ten thousand, in the middle.
#[test]
fn one_change_in_a_large_file() {
    for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini] {
        let text: String = match format {
            Format::Json => {
                let entries = (0..10_000).map(|n| format!("\"key_{n}\": \"value\""));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }
            Format::Yaml => (0..10_000)
                .map(|n| format!("key_{n}: value # c\n"))
                .collect(),
            _ => (0..10_000).map(|n| format!("key_{n}=value\n")).collect(),
        };
        let before = encrypted(&text, format);
        let mut document = edit(&before, format);
        let mut path = path(format);
        *path.last_mut().unwrap() = "key_5000".into();
        document.set(&path, "other").unwrap();
        let after = written(document.finish(&new()));
        assert_eq!(before.lines().count(), after.lines().count());
        let differ = before.lines().zip(after.lines()).filter(|(a, b)| a != b);
        let differ: Vec<String> = differ.map(|(_, b)| mask(b)).collect();
        assert_eq!(differ.len(), 3, "{format}: {differ:?}");
    }
}

/// A file keeps its indentation, unless the caller says otherwise.
#[test]
fn the_indentation_is_the_files_own() {
    for (format, text) in [
        (Format::Yaml, "a:\n  b: x\n  c:\n    - y\n"),
        (Format::Json, r#"{"a": {"b": "x"}}"#),
    ] {
        for indent in [2, 3, 8] {
            let style = sops_core::Style::default()
                .with_yaml_indent(indent)
                .with_json_indent(Some(indent));
            let plain = Document::parse_plain(text.as_bytes(), format).unwrap();
            let options = EncryptOptions::new([Recipient::age(A)])
                .at(old())
                .with_style(style);
            let before = plain.encrypt(&options, &Keyring::new()).unwrap();
            let before = String::from_utf8(before).unwrap();
            let parse = || edit(&before, format);
            let document = parse();
            assert_eq!(
                document.finish(&Finish::new().at(old())).unwrap(),
                before.as_bytes()
            );
            let again = document.finish(&new().with_style(sops_core::Style::default()));
            let default = again.unwrap();
            assert_eq!(
                Document::parse(&default, format).unwrap().style(),
                sops_core::Style::default()
            );
        }
    }
}

#[test]
fn what_cannot_be_finished() {
    let file = encrypted("a: x\n", Format::Yaml);
    let open = || edit(&file, Format::Yaml);
    let refused = |change: &dyn Fn(&mut Document<Editing>)| {
        let mut document = open();
        change(&mut document);
        let error = document
            .wrap(&Keyring::new())
            .and_then(|()| document.finish(&new()));
        let error = error.unwrap_err();
        assert!(error.advice().is_some());
        format!("{}: {error:#}", error.kind())
    };
    let group = |name: &str| vec![Recipient::age(name)];
    let unwrapped = {
        let mut document = open();
        document.rotate().unwrap();
        document.finish(&new()).unwrap_err()
    };
    insta::assert_snapshot!(
        [
            refused(&|d| {
                d.remove_recipient(&Recipient::age(A));
            }),
            refused(&|d| d.set_key_groups(Vec::new())),
            refused(&|d| d.set_key_groups(vec![group(A), Vec::new()])),
            refused(&|d| {
                d.set_key_groups(vec![group(A), group(B)]);
                d.set_shamir_threshold(3);
            }),
            refused(&|d| d.set_key_groups(vec![group("age1")])),
            refused(&|d| d.set_key_groups(vec![vec![Recipient::huawei_kms("moon:1")]])),
            refused(&|d| {
                d.set(&["sops".into()], "x").unwrap();
            }),
            refused(&|d| d.set_tree(Vec::new())),
            open()
                .add_recipient(1, Recipient::age(B))
                .unwrap_err()
                .to_string(),
            open()
                .set_rule(Rule::EncryptedRegex("(".into()))
                .unwrap_err()
                .to_string(),
            format!("{unwrapped:#}"),
        ]
        .join("\n")
    );
}

#[test]
fn the_version_is_raised_when_asked() {
    let file = encrypted("a: x\n", Format::Yaml).replace("version: 3.13.2", "version: 3.9.0");
    let mut document = edit(&file, Format::Yaml);
    let version = |document: &Document<Editing>| {
        let file = written(document.finish(&new()));
        parse(&file, Format::Yaml).metadata().version.clone()
    };
    assert_eq!(version(&document), "3.9.0");
    document.raise_version();
    assert_eq!(version(&document), "3.13.2");
}

#[test]
fn a_rule_that_changes() {
    let file = encrypted("a: x\nb: y\n", Format::Yaml);
    let mut document = edit(&file, Format::Yaml);
    document
        .set_rule(Rule::EncryptedRegex("^a$".into()))
        .unwrap();
    document.set_mac_only_encrypted(true);
    let after = written(document.finish(&new()));
    insta::assert_snapshot!("rule", diff(&file, &after));
    verify(&after, Format::Yaml, &["age-a.txt"]);
}

/// The data key of a file is its own: one that does not open its MAC is
/// refused, before anything is wrapped.
#[test]
fn a_wrong_data_key() {
    let (file, other) = (
        encrypted("a: x\n", Format::Yaml),
        encrypted("a: x\n", Format::Yaml),
    );
    let key = keyring(&["age-a.txt"])
        .open(parse(&other, Format::Yaml).metadata())
        .unwrap();
    let error = parse(&file, Format::Yaml)
        .rekey_with(key.clone())
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mac);
    let error = parse(&file, Format::Yaml)
        .edit_with(key)
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decrypt);
    // Nothing that was forged is signed.
    let forged = file.replace("a: ENC[", "b_unencrypted: 1\na: ENC[");
    let error = parse(&forged, Format::Yaml)
        .edit(&keyring(&["age-a.txt"]))
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mac);
}

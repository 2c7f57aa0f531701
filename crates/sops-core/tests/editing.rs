//! Changing encrypted files: what a git diff shows of it, and that nothing
//! gets lost.

mod support;

use sops_core::{
    Document, EncryptOptions, ErrorKind, Finish, Format, Keyring, Timestamp, keys::Recipient,
    metadata::Rule,
};
use support::{keyring, show};

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
    out
}

fn mask(line: &str) -> String {
    let ciphertext = regex::Regex::new(r"ENC\[AES256_GCM,[^\]]*,type:(\w+)\]").unwrap();
    let armored = regex::Regex::new(r"^( *)[A-Za-z0-9+/=]{20,}$").unwrap();
    let line = ciphertext.replace_all(line, "ENC[$1]");
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
        let mut document = parse(&before, format)
            .edit(&keyring(&["age-a.txt"]))
            .unwrap();
        assert!(document.set(&path(format), "bob").unwrap());
        let after = String::from_utf8(document.finish(&new()).unwrap()).unwrap();
        diffs.push_str(&format!("{format}\n{}", diff(&before, &after)));

        let read = parse(&after, format)
            .decrypt(&keyring(&["age-a.txt"]))
            .unwrap();
        assert_eq!(read.get(&path(format)).unwrap().as_str(), Some("bob"));
    }
    insta::assert_snapshot!(diffs, @"");
}

#[test]
fn nothing_is_lost_where_nothing_changes() {
    for (format, text) in FORMATS {
        let before = encrypted(text, format);
        let document = parse(&before, format)
            .edit(&keyring(&["age-a.txt"]))
            .unwrap();
        let after = document.finish(&Finish::new().at(old())).unwrap();
        assert_eq!(show(&after), before);

        let document = parse(&before, format)
            .rekey(&keyring(&["age-a.txt"]))
            .unwrap();
        let after = document.finish(&new()).unwrap();
        assert_eq!(show(&after), before);
    }
}

//! What SOPS's MAC covers and what it does not: each sentence of
//! `docs/THREAT-MODEL.md` about it, tried out.

use crate::support::{keyring, show};
use sops_core::{Document, EncryptOptions, ErrorKind, Format, Style, metadata::Rule};

const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

const PLAIN: &str = "\
# above
secret: hunter2
number: 4711
list:
    - one
    - two
first_unencrypted: ab
second_unencrypted: c
";

fn options() -> EncryptOptions {
    EncryptOptions::new([sops_core::keys::Recipient::age(RECIPIENT)])
}

fn encrypt(plain: &str, options: EncryptOptions) -> String {
    let plain = Document::parse_plain(plain.as_bytes(), Format::Yaml).unwrap();
    String::from_utf8(plain.encrypt(&options, &sops_core::Keyring::new()).unwrap()).unwrap()
}

fn decrypt(file: &str) -> Result<String, ErrorKind> {
    let document = Document::parse(file.as_bytes(), Format::Yaml);
    let document = document.and_then(|document| document.decrypt(&keyring(&["age-a.txt"])));
    let document = document.map_err(|error| error.kind())?;
    let bytes = document.to_bytes(Format::Yaml, &Style::default());
    Ok(show(&bytes.unwrap()))
}

/// The encrypted line that starts so.
fn line<'a>(file: &'a str, start: &str) -> &'a str {
    let line = file.lines().find(|line| line.starts_with(start));
    line.unwrap_or_else(|| panic!("no line {start:?} in {file}"))
}

/// The file with one thing changed, decrypted.
fn changed(from: &str, to: &str) -> Result<String, ErrorKind> {
    let file = encrypt(PLAIN, options());
    // `{line: key}` stands for the encrypted line that starts so.
    let expand = |text: &str| {
        let mut text = text.to_owned();
        for start in ["# above", "#ENC", "secret:", "number:", "    - "] {
            if let Some(found) = file.lines().find(|line| line.starts_with(start)) {
                text = text.replace(&format!("{{{start}}}"), found);
            }
        }
        text
    };
    let (from, to) = (expand(from), expand(to));
    assert!(file.contains(&from), "{from} is not in {file}");
    decrypt(&file.replacen(&from, &to, 1))
}

#[test]
fn values_and_their_places_are_covered() {
    use ErrorKind::{Decrypt, Mac};
    assert_eq!(changed("secret:", "secret:").as_deref(), Ok(PLAIN));
    // Changed, removed, repeated, put elsewhere.
    assert_eq!(changed("_unencrypted: ab", "_unencrypted: ax"), Err(Mac));
    assert_eq!(changed("{secret:}\n", ""), Err(Mac));
    assert_eq!(changed("    - ", "    - x\n    - "), Err(Decrypt));
    assert_eq!(changed("{    - }\n", "{    - }\n{    - }\n"), Err(Mac));
    assert_eq!(changed("secret:", "other:"), Err(Decrypt));
    // In another order.
    let file = encrypt(PLAIN, options());
    let (a, b) = (line(&file, "secret:"), line(&file, "number:"));
    let swapped = file.replace(&format!("{a}\n{b}\n"), &format!("{b}\n{a}\n"));
    assert_eq!(decrypt(&swapped), Err(Mac));
    // The time belongs to the MAC.
    assert_eq!(changed("lastmodified: \"2", "lastmodified: \"3"), Err(Mac));
}

#[test]
fn what_is_not_a_value_is_not_covered() {
    let accepted = |from: &str, to: &str, plain_from: &str, plain_to: &str| {
        assert!(PLAIN.contains(plain_from));
        let expected = PLAIN.replacen(plain_from, plain_to, 1);
        assert_eq!(changed(from, to), Ok(expected), "{from} → {to}");
    };
    // Names of keys whose values are in clear.
    accepted("first_un", "other_un", "first_un", "other_un");
    // Types.
    accepted("type:int]", "type:str]", "4711", "\"4711\"");
    // Empty and null values, empty mappings and lists.
    accepted(
        "secret:",
        "added: \"\"\nsecret:",
        "secret:",
        "added: \"\"\nsecret:",
    );
    accepted(
        "secret:",
        "added: null\nsecret:",
        "secret:",
        "added: null\nsecret:",
    );
    accepted(
        "secret:",
        "added: {}\nsecret:",
        "secret:",
        "added: {}\nsecret:",
    );
    // Comments.
    accepted("{#ENC}\n", "", "# above\n", "");
    // Nesting, where the names of keys stay in order.
    accepted("{    - }", "    - {    - }", "    - one", "    - - one");
    // The border between clear values that are neighbours.
    accepted(
        "first_unencrypted: ab\nsecond_unencrypted: c",
        "first_unencrypted: a\nsecond_unencrypted: bc",
        "first_unencrypted: ab\nsecond_unencrypted: c",
        "first_unencrypted: a\nsecond_unencrypted: bc",
    );
}

#[test]
fn a_colon_in_the_name_of_a_key_is_like_a_key_above() {
    let file = encrypt("a:\n    b: x\n", options());
    let flat = file.replacen("a:\n    b:", "\"a:b\":", 1);
    assert_ne!(flat, file);
    assert_eq!(decrypt(&flat).as_deref(), Ok("a:b: x\n"));
}

#[test]
fn metadata_is_covered_only_as_far_as_it_matters_to_values() {
    let same = |from: &str, to: &str| assert_eq!(changed(from, to).as_deref(), Ok(PLAIN));
    // Labels of keys, and the version.
    same(
        RECIPIENT,
        "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun",
    );
    same("version: 3.13.2", "version: 3.0.0");
    // The rule, where it changes what is taken for encrypted.
    let rule = "unencrypted_suffix: _unencrypted";
    assert!(changed(rule, "unencrypted_suffix: _x").is_err());
    assert!(changed(rule, "encrypted_regex: ^number$").is_err());
    assert!(changed(rule, &format!("{rule}\n    mac_only_encrypted: true")).is_err());
}

#[test]
fn clear_values_are_not_covered_with_mac_only_encrypted() {
    let options = options().with_mac_only_encrypted(true);
    let file = encrypt(PLAIN, options).replace("_unencrypted: ab", "_unencrypted: evil");
    assert_eq!(decrypt(&file), Ok(PLAIN.replace(": ab", ": evil")));
}

/// Nothing but public keys is needed to write a file, and nothing in it says
/// where it belongs.
#[test]
fn anybody_can_write_a_file() {
    let options = options().with_rule(Rule::EncryptedRegex("^secret$".into()));
    let plain = "secret: of somebody else\n";
    assert_eq!(decrypt(&encrypt(plain, options)).as_deref(), Ok(plain));
}

/// The end of a document may become the head of the next: order and paths of
/// the values stay the same. An encrypted value moves from a Secret into a
/// ConfigMap.
#[test]
fn the_border_between_documents_is_not_covered() {
    let plain = "\
kind: Secret
stringData:
    password: hunter2
---
kind: ConfigMap
data:
    a: b
";
    let rule = Rule::EncryptedRegex("^(data|stringData)$".into());
    let file = encrypt(plain, options().with_rule(rule));
    assert_eq!(decrypt(&file).as_deref(), Ok(plain));
    let moving = format!("stringData:\n{}\n", line(&file, "    password:"));
    let moved = file.replacen(&moving, "", 1);
    let moved = moved.replacen("\n---\n", &format!("\n---\n{moving}"), 1);
    let expected = "\
kind: Secret
---
stringData:
    password: hunter2
kind: ConfigMap
data:
    a: b
";
    assert_eq!(decrypt(&moved).as_deref(), Ok(expected));
    // Two documents become one, and one two.
    let sops = &file[file.find("sops:\n").unwrap()..file.find("\n---\n").unwrap() + 1];
    let joined = file.replacen(
        &format!("{sops}---\nkind: ConfigMap\n"),
        "name: ConfigMap\n",
        1,
    );
    assert_eq!(
        decrypt(&joined).as_deref(),
        Ok(plain.replace("---\nkind:", "name:").as_str())
    );
    let cut = file.replacen("data:\n    a:", &format!("{sops}---\ndata:\n    a:"), 1);
    assert_eq!(
        decrypt(&cut).as_deref(),
        Ok(plain.replace("data:\n    a", "---\ndata:\n    a").as_str())
    );
}

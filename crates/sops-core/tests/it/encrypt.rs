//! Our encryption against that of sops: the same but for randomness and time.

use std::fs;

use crate::support::{Case, keyring, show, testdata};
use regex::bytes::Regex;
use sops_core::{
    Document, EncryptOptions, ErrorKind, Finish, Format, keys::Recipient, metadata::Metadata,
};

/// Replaces what differs from one encryption to the next.
fn mask(file: &[u8]) -> String {
    let mut file = file.to_vec();
    for (pattern, token) in [
        (r"ENC\[AES256_GCM,data:[^\]]*,type:([a-z]*)\]", "ENC[$1]"),
        (r"(?s)-----BEGIN AGE.*?END AGE ENCRYPTED FILE-----", "ARMOR"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    ] {
        let regex = Regex::new(pattern).unwrap();
        file = regex.replace_all(&file, token.as_bytes()).into_owned();
    }
    show(&file)
}

/// The options that sops was given, as far as the file tells.
fn options(metadata: &Metadata) -> Option<EncryptOptions> {
    let groups = metadata.key_groups.iter().map(|group| {
        let keys = group.keys.iter().map(|key| match key.recipient() {
            recipient @ Recipient::Age { .. } => Some(recipient.clone()),
            _ => None,
        });
        keys.collect::<Option<Vec<_>>>()
    });
    let groups: Vec<_> = groups.collect::<Option<_>>()?;
    let options = EncryptOptions::with_key_groups(groups)
        .with_shamir_threshold(metadata.shamir_threshold)
        .with_rule(metadata.rule.clone())
        .with_mac_only_encrypted(metadata.mac_only_encrypted);
    Some(options)
}

/// Files that sops wrote and cannot read: go-yaml's emitter broke them.
const BROKEN: [&str; 2] = ["yaml/random-008", "yaml/random-014"];

fn judge(case: &Case) -> Result<(), String> {
    if BROKEN.contains(&case.name.as_str()) {
        return ours_reads_back(case);
    }
    let theirs = case.file("enc").ok_or("no enc file")?;
    let parsed = Document::parse(&theirs, case.format).map_err(|e| format!("{e:?}"))?;
    let options = options(parsed.metadata()).ok_or("not an age file")?;
    let plain = Document::parse_plain(&case.file("in").unwrap(), case.format)
        .map_err(|e| format!("{e:?}"))?;
    let ours = plain
        .encrypt(&options, &sops_core::Keyring::new())
        .map_err(|e| format!("{e:?} {:?}", std::error::Error::source(&e)))?;
    let (ours, theirs) = (mask(&ours), mask(&theirs));
    if ours != theirs {
        return Err(format!("encrypts to\n{ours}\nnot\n{theirs}"));
    }
    Ok(())
}

/// Where theirs is broken, ours must be sound.
fn ours_reads_back(case: &Case) -> Result<(), String> {
    let text = |e: sops_core::Error| format!("{e:?}");
    let plain = Document::parse_plain(&case.file("in").unwrap(), case.format).map_err(text)?;
    let ours = plain
        .encrypt(&options_for_a(), &sops_core::Keyring::new())
        .map_err(text)?;
    let read = Document::parse(&ours, case.format).map_err(text)?;
    let read = read.decrypt(&case.keyring()).map_err(text)?;
    match read.tree() == plain.tree() {
        true => Ok(()),
        false => Err("reads back as something else".into()),
    }
}

fn check(format: Format) {
    let cases = Case::all(format);
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, judge(case).err()?)))
        .collect();
    println!(
        "{}: {} cases, {} wrong",
        format.name(),
        cases.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn json_as_sops_encrypts_it() {
    check(Format::Json);
}

#[test]
fn dotenv_as_sops_encrypts_it() {
    check(Format::Dotenv);
}

#[test]
fn ini_as_sops_encrypts_it() {
    check(Format::Ini);
}

#[test]
fn binary_as_sops_encrypts_it() {
    check(Format::Binary);
}

#[test]
fn yaml_as_sops_encrypts_it() {
    check(Format::Yaml);
}

/// What sops refuses, we refuse, and name no value.
fn refused(format: Format) {
    let folder = testdata().join("corpus/encrypt-fails").join(format.name());
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "fail") {
            continue;
        }
        count += 1;
        let text = fs::read(&path).unwrap();
        let options = EncryptOptions::new([sops_core::keys::Recipient::age(RECIPIENT)]);
        let outcome = Document::parse_plain(&text, format)
            .and_then(|d| d.encrypt(&options, &sops_core::Keyring::new()));
        let error = outcome.expect_err(&path.display().to_string());
        let code = fs::read_to_string(path.with_extension("fail")).unwrap();
        assert_eq!(
            error.kind() == ErrorKind::AlreadyEncrypted,
            code.starts_with("203"),
            "{}: {error:?}",
            path.display()
        );
    }
    assert!(count > 1);
}

#[test]
fn json_that_sops_refuses() {
    refused(Format::Json);
}

#[test]
fn dotenv_that_sops_refuses() {
    refused(Format::Dotenv);
}

#[test]
fn ini_that_sops_refuses() {
    refused(Format::Ini);
}

#[test]
fn yaml_that_sops_refuses() {
    refused(Format::Yaml);
}

const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

fn options_for_a() -> EncryptOptions {
    EncryptOptions::new([sops_core::keys::Recipient::age(RECIPIENT)])
}

#[test]
fn reencryption_changes_only_what_was_edited() {
    let json = br#"{"a": "one", "b": [1, 1, "x", "x"], "c": {"a": "one"}, "d": ""}"#;
    let first = Document::parse_plain(json, Format::Json)
        .unwrap()
        .encrypt(&options_for_a(), &sops_core::Keyring::new())
        .unwrap();
    let parsed = Document::parse(&first, Format::Json).unwrap();
    let finish = Finish::new().at(parsed.metadata().last_modified);
    let mut document = parsed.edit(&keyring(&["age-a.txt"])).unwrap();

    // Nothing edited, same time: the same file, to the last byte.
    let again = document.finish(&finish).unwrap();
    assert_eq!(show(&again), show(&first));

    let edited = br#"{"a": "one", "b": [1, 1, "x", "y"], "c": {"a": "one"}, "d": ""}"#;
    let edited = Document::parse_plain(edited, Format::Json).unwrap();
    document.set_tree(edited.tree().to_vec());
    let again = show(&document.finish(&finish).unwrap());
    let first = show(&first);
    let changed: Vec<&str> = again
        .lines()
        .zip(first.lines())
        .filter(|(new, old)| new != old)
        .map(|(new, _)| new.trim().split(':').next().unwrap())
        .collect();
    // The last item of the list, and the MAC.
    assert_eq!(changed.len(), 2, "{again}");
    assert_eq!(changed[1], "\"mac\"");

    let bytes = again.as_bytes();
    let read = Document::parse(bytes, Format::Json).unwrap();
    let read = read.decrypt(&keyring(&["age-a.txt"])).unwrap();
    assert_eq!(read.tree(), edited.tree());
}

#[test]
fn a_new_encryption_shares_no_nonce() {
    let document = Document::parse_plain(br#"{"a": "one"}"#, Format::Json).unwrap();
    let line = |bytes: Vec<u8>| show(&bytes).lines().nth(1).unwrap().to_owned();
    let first = line(
        document
            .encrypt(&options_for_a(), &sops_core::Keyring::new())
            .unwrap(),
    );
    let second = line(
        document
            .encrypt(&options_for_a(), &sops_core::Keyring::new())
            .unwrap(),
    );
    assert_ne!(first, second);
}

#[test]
fn options_that_cannot_be() {
    let document = Document::parse_plain(br#"{"a": "one"}"#, Format::Json).unwrap();
    let refused = |change: &dyn Fn(&mut EncryptOptions)| {
        let mut options = options_for_a();
        change(&mut options);
        let error = document
            .encrypt(&options, &sops_core::Keyring::new())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encrypt);
        assert!(error.advice().is_some());
        error.to_string()
    };
    use sops_core::metadata::Rule;
    let group = || vec![Recipient::age(RECIPIENT.to_owned())];
    insta::assert_debug_snapshot!(
        [
            refused(&|o| o.key_groups.clear()),
            refused(&|o| o.key_groups.push(Vec::new())),
            refused(&|o| {
                o.key_groups = vec![group(), group()];
                o.shamir_threshold = 1;
            }),
            refused(&|o| {
                o.key_groups = vec![group(), group()];
                o.shamir_threshold = 3;
            }),
            refused(&|o| o.key_groups = vec![group(); 256]),
            refused(&|o| o.rule = Rule::EncryptedRegex("(".into())),
            refused(&|o| o.rule = Rule::UnencryptedSuffix(String::new())),
        ],
        @r#"
    [
        "a key group without recipients",
        "a key group without recipients",
        "a threshold of 1 is impossible with 2 key groups",
        "a threshold of 3 is impossible with 2 key groups",
        "more than 255 key groups",
        "the selection rule encrypted_regex is not a valid regular expression",
        "the selection rule unencrypted_suffix is empty",
    ]
    "#
    );
}

#[test]
fn data_that_a_format_cannot_hold() {
    let json = |text: &[u8]| Document::parse_plain(text, Format::Json).unwrap();
    let refused = |document: &Document<_>, format| {
        let options = options_for_a().with_format(format);
        document
            .encrypt(&options, &sops_core::Keyring::new())
            .unwrap_err()
            .to_string()
    };
    // A null reads back from dotenv as a text.
    let clear = json(br#"{"a": null}"#);
    let mut mapping = sops_core::tree::Mapping::default();
    mapping.push("sops", "x");
    let reserved = Document::from_tree(vec![mapping], Format::Json);
    insta::assert_debug_snapshot!(
        [
            refused(&clear, Format::Dotenv),
            refused(&json(br#"{"a": [1]}"#), Format::Dotenv),
            refused(&json(br#"{"a": "x"}"#), Format::Ini),
            refused(&json(br#"{"s": {"-": "x"}}"#), Format::Ini),
            refused(&reserved, Format::Json),
            refused(&json(br#"{"sops_a": "x"}"#), Format::Dotenv),
        ],
        @r#"
    [
        "a dotenv file cannot hold this data",
        "a: a dotenv file cannot hold a list",
        "a: an INI file consists of sections, and this is a string",
        "s.-: a name that an INI file cannot hold",
        "sops: this top-level key is reserved for the metadata of sops",
        "sops_a: this top-level key is reserved for the metadata of sops",
    ]
    "#
    );
}

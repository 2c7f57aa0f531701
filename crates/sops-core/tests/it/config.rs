//! `.sops.yaml`, judged by what real sops made of the same files
//! (`testdata/vectors/sops-config.py`).

use std::path::Path;

use serde_json::Value;
use sops_core::config::{Config, CreationRule, subject};
use sops_core::{ErrorKind, Format};

const ROOT: &str = "/some/root";
const OTHER: &str = "/some/other";

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/vectors/sops-config-3.11.0.jsonl");
    let text = std::fs::read_to_string(path).expect("the vectors are in testdata");
    let parse = |line| serde_json::from_str(line).expect("one JSON value a line");
    text.lines().map(parse).collect()
}

fn text<'a>(case: &'a Value, field: &str, otherwise: &'a str) -> &'a str {
    case[field].as_str().unwrap_or(otherwise)
}

/// What a rule's path is matched with in a case.
fn subject_of(case: &Value) -> std::path::PathBuf {
    let file = text(case, "file", "p.yaml")
        .replace("{root}", ROOT)
        .replace("{otherdir}", "other")
        .replace("{other}", OTHER);
    let cwd = Path::new(ROOT).join(text(case, "cwd", ""));
    subject(&Path::new(ROOT).join(".sops.yaml"), &cwd, Path::new(&file))
}

fn names(rule: &CreationRule) -> Vec<String> {
    rule.key_groups()
        .iter()
        .flatten()
        .map(ToString::to_string)
        .collect()
}

/// What we make of a case, in few words.
fn ours(case: &Value) -> (String, Option<u32>) {
    let config = match Config::parse(text(case, "config", "").as_bytes()) {
        Ok(config) => config,
        Err(error) => {
            assert!(
                matches!(error.kind(), ErrorKind::Config | ErrorKind::Syntax),
                "{error}"
            );
            assert!(error.advice().is_some(), "{error}");
            return ("unreadable".into(), error.line());
        }
    };
    if !config.has_creation_rules() {
        return ("no rules".into(), None);
    }
    let rule = match config.creation_rule(&subject_of(case)) {
        Ok(Some(rule)) => rule,
        Ok(None) => return ("no rule".into(), None),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            assert!(
                error.advice().is_some() && error.key_path().is_some(),
                "{error}"
            );
            return ("unusable rule".into(), error.line());
        }
    };
    if rule.key_groups().iter().any(Vec::is_empty) {
        return ("empty group".into(), None);
    }
    let indent = match config.style(Format::Yaml) {
        Ok(style) => style.yaml_indent,
        Err(_) => return ("unusable indent".into(), None),
    };
    let others = names(&rule)
        .into_iter()
        .filter(|name| !name.starts_with("age1"));
    let others: Vec<_> = others.collect();
    if !others.is_empty() {
        return (format!("for {others:?}"), None);
    }
    let selection = rule.selection().map(|rule| rule.field());
    let groups = rule.key_groups().len();
    let threshold = match rule.shamir_threshold() {
        // All of them, which sops then writes.
        0 if groups > 1 => groups,
        threshold => threshold,
    };
    let encrypted = format!(
        "{:?} of {} {selection:?} {} {indent}",
        names(&rule),
        threshold,
        rule.mac_only_encrypted()
    );
    (encrypted, None)
}

/// What sops made of it, in the same words.
fn theirs(case: &Value) -> (String, Option<u32>) {
    let list = |field: &str| -> Vec<String> {
        let list = case[field].as_array().into_iter().flatten();
        list.map(|name| name.as_str().unwrap_or_default().to_owned())
            .collect()
    };
    if case.get("names").is_some() {
        return (format!("for {:?}", list("names")), None);
    }
    let Some(error) = case.get("error").and_then(Value::as_str) else {
        let selection = case.get("selection").map(|_| {
            let selection = list("selection");
            (selection[0].clone(), selection[1].clone())
        });
        let encrypted = format!(
            "{:?} of {} {selection:?} {} {}",
            list("recipients"),
            case["shamir_threshold"].as_u64().unwrap_or(0),
            case["mac_only_encrypted"].as_bool().unwrap_or(false),
            case["indent"].as_u64().unwrap_or(0),
        );
        return (encrypted, None);
    };
    let words = [
        ("Could not unmarshal config file", "unreadable"),
        ("no matching creation rules found", "no rule"),
        ("config file not found", "no rules"),
        ("empty key group provided", "empty group"),
        ("Negative indentation", "unusable indent"),
        ("", "unusable rule"),
    ];
    let word = words.iter().find(|(part, _)| error.contains(part));
    // Only what is of the wrong type has a line that can be relied on.
    let line = error
        .contains("unmarshal errors")
        .then(|| error.split("line ").nth(1)?.split(':').next()?.parse().ok())
        .flatten();
    (word.expect("the last one fits").1.to_owned(), line)
}

/// Where we are stricter, or other than sops 3.11.0.
fn is_known(case: &Value) -> bool {
    let config = text(case, "config", "");
    let is_date_key = config.contains("pgp: 2001") || config.contains("kms: [2001");
    // A negative threshold is written by sops, and a moment is text to us.
    config.contains("shamir_threshold: -1")
        || config.contains("shamir_threshold: -.inf")
        || is_date_key
        // Quotes and line breaks of the `sops` block are not parsed here.
        || text(case, "config", "").contains("suffix: |")
        // Found when encrypting.
        || text(case, "error", "").contains("Shamir")
        || text(case, "error", "").contains("SSH recipient")
}

#[test]
fn reads_as_sops_does() {
    let mut differ = Vec::new();
    let (mut total, mut known) = (0, 0);
    for case in cases() {
        total += 1;
        let (ours, our_line) = ours(&case);
        let (theirs, their_line) = theirs(&case);
        let same_line = their_line.is_none() || our_line == their_line;
        if ours == theirs && same_line {
            continue;
        }
        if is_known(&case) {
            known += 1;
            continue;
        }
        differ.push(format!(
            "{}\n  ours {ours} {our_line:?}\n  theirs {theirs} {their_line:?} {}\n",
            text(&case, "config", ""),
            text(&case, "error", ""),
        ));
    }
    println!("{total} configurations, {known} differ as is known");
    assert!(
        differ.is_empty(),
        "{}\n{} of {total}",
        differ.join("\n"),
        differ.len()
    );
    assert!(total > 1200);
}

const AGE: &str = "age1xjyfeju25cdqd6suw8s33tqprqt07zn5tmj8t408hfje7cnh550qzksnst";

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The error of whatever in a configuration is used first.
fn message(text: &[u8]) -> String {
    let error = Config::parse(text).and_then(|config| {
        config.creation_rule(Path::new("p.yaml"))?;
        config.destination_rule(Path::new("p.yaml"))?;
        for format in [
            Format::Yaml,
            Format::Json,
            Format::Binary,
            Format::Dotenv,
            Format::Ini,
        ] {
            config.style(format)?;
        }
        Ok(())
    });
    let error = error.expect_err(&String::from_utf8_lossy(text));
    format!("{error}\n  {}", error.advice().unwrap_or("NO ADVICE"))
}

#[test]
fn messages() {
    let texts: Vec<Vec<u8>> = [
        "foo: [",
        "- a",
        "creation_rules: secret",
        "creation_rules: [secret]",
        "creation_rules:\n- age: a\n  age: b",
        "creation_rules: [{shamir_threshold: '2'}]",
        "creation_rules: [{mac_only_encrypted: 'true'}]",
        "creation_rules: [{path_regex: [a]}]",
        "creation_rules: [{key_groups: secret}]",
        "creation_rules: [{key_groups: [secret]}]",
        "creation_rules: [{key_groups: [{age: secret}]}]",
        "creation_rules: [{key_groups: [{kms: [arn]}]}]",
        "creation_rules: [{key_groups: [{merge: {}}]}]",
        "creation_rules: [{hckms: a:b}]",
        "creation_rules: [{<<: secret}]",
        "creation_rules: [{age: &a [*a]}]",
        "creation_rules: [{age: !!int secret}]",
        "stores: secret",
        "stores: {yaml: {indent: secret}}",
        "stores: {yaml: {indent: -1}}",
        "stores: {json: {indent: 65}}",
        "stores: {json_binary: {indent: -2}}",
        "creation_rules: [{path_regex: '('}]",
        "creation_rules: [{shamir_threshold: -1}]",
        "creation_rules: [{encrypted_regex: a, unencrypted_suffix: b}]",
        "creation_rules: [{age: 5}]",
        "creation_rules:\n- path_regex: x\n- age:\n  - age1\n  - 5",
        "creation_rules: [{age: [~]}]",
        "creation_rules: [{pgp: {a: b}}]",
        "creation_rules: [{age: 'foo'}]",
        "creation_rules: [{age: [age1, foo]}]",
        // Of nobody: the bytes are zero.
        "creation_rules: [{age: AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S9VX3Z6}]",
        "a: {b: ",
        "x: &x [x]\ncreation_rules: [{aws_profile: *x}]",
        "creation_rules: [{hckms: [foo]}]",
        "creation_rules: [{azure_keyvault: foo}]",
        "creation_rules: [{hc_vault_transit_uri: foo}]",
        "creation_rules: [{key_groups: [~, {merge: [{age: [age1, foo]}]}]}]",
        "creation_rules: [{key_groups: [{hc_vault: ['']}]}]",
        "creation_rules: [{key_groups: [{hckms: [{key_id: foo}]}]}]",
        "creation_rules: [{key_groups: [{kms: [{arn: a, context: {b: ~}}]}]}]",
        "destination_rules: [{s3_bucket: a, gcs_bucket: b}]",
        "destination_rules: [{s3_bucket: a, recreation_rule: {age: foo}}]",
        "destination_rules: [{vault_kv_version: two}]",
    ]
    .into_iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([
        b"a: \xff".to_vec(),
        b"\xff\xfea".to_vec(),
        vec![b'\n'; (1 << 20) + 1],
        format!("creation_rules: [{}]", "{}, ".repeat(10_001)).into_bytes(),
        format!(
            "creation_rules:\n- key_groups:\n  - age: [{}]",
            "age1x, ".repeat(2001)
        )
        .into_bytes(),
    ])
    .collect();
    let shown = |text: &Vec<u8>| {
        let shown: String = String::from_utf8_lossy(text).chars().take(80).collect();
        format!("{:?}\n{}", shown, message(text))
    };
    let all: Vec<String> = texts.iter().map(shown).collect();
    let all = all.join("\n\n");
    let quoted = all
        .lines()
        .filter(|line| !line.starts_with('"') && line.contains("secret"));
    assert_eq!(quoted.count(), 0, "{all}");
    assert_eq!(
        all.matches("AGE-SECRET-KEY-1QQ").count(),
        1,
        "only in the text itself"
    );
    assert!(!all.contains("NO ADVICE"));
    insta::assert_snapshot!(all);
}

#[test]
fn rules_in_order() {
    let config = config(&format!(
        "creation_rules:\n- path_regex: ^prod/\n  age: {AGE}\n-\n- path_regex: '[.]env$'\n  pgp: AB\n"
    ));
    let kind = |path: &str| {
        let rule = config.creation_rule(Path::new(path)).unwrap()?;
        Some((rule.line(), rule.key_groups()[0][0].kind().name()))
    };
    assert_eq!(kind("prod/a.yaml"), Some((2, "age")));
    assert_eq!(kind("prod/.env"), Some((2, "age")));
    assert_eq!(kind("a.env"), Some((5, "pgp")));
    assert_eq!(kind("/w/prod/a.yaml"), None);
}

#[cfg(unix)]
#[test]
fn a_path_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let config = config(&format!(
        "creation_rules: [{{path_regex: 'p..yaml$', age: {AGE}}}]"
    ));
    let path = Path::new(std::ffi::OsStr::from_bytes(b"\xffp\xfe.yaml"));
    assert!(config.creation_rule(path).unwrap().is_none());
    let path = Path::new(std::ffi::OsStr::from_bytes(b"\xffp\xc3\xa9.yaml"));
    assert!(config.creation_rule(path).unwrap().is_some());
}

#[test]
fn styles() {
    for (text, yaml, json, binary) in [
        ("", 4, None, None),
        ("stores: {yaml: {indent: 2}}", 2, None, None),
        ("stores: {yaml: {indent: 0}}", 4, None, None),
        ("stores: {yaml: {indent: 1}}", 2, None, None),
        ("stores: {yaml: {indent: 10}}", 2, None, None),
        ("stores: {yaml: {indent: 2.0}}", 2, None, None),
        ("stores: {yaml: {indent: 011}}", 9, None, None),
        (
            "x: &x {indent: 3}\nstores: {yaml: {<<: *x}, json: *x}",
            3,
            Some(3),
            None,
        ),
        ("stores: {json: {indent: 0}}", 4, Some(0), None),
        ("stores: {json: {indent: -1}}", 4, None, None),
        (
            "stores: {json: {indent: }, json_binary: {indent: 2}}",
            4,
            None,
            Some(2),
        ),
        ("stores:\n---\nstores: 1", 4, None, None),
    ] {
        let config = config(text);
        assert_eq!(
            config.style(Format::Yaml).unwrap().yaml_indent,
            yaml,
            "{text}"
        );
        assert_eq!(
            config.style(Format::Json).unwrap().json_indent,
            json,
            "{text}"
        );
        assert_eq!(
            config.style(Format::Binary).unwrap().json_indent,
            binary,
            "{text}"
        );
    }
}

#[test]
fn destinations() {
    let config = config(&format!(
        "destination_rules:
- path_regex: '('
  s3_bucket: never
- path_regex: ^s3/
  s3_bucket: b
  s3_prefix: p/
  recreation_rule: {{path_regex: nothing, age: {AGE}}}
- path_regex: ^gcs/
  gcs_bucket: b
  omit_extensions: yes
- path_regex: ^vault1/
  vault_path: x
  vault_kv_mount_name: kv
  vault_kv_version: 1
  vault_address: https://vault.example.org
- path_regex: ^vault/
  vault_path: x/
- {{}}
"
    ));
    let rule = |path: &str| config.destination_rule(Path::new(path)).unwrap().unwrap();
    let shown = ["s3/a.yaml", "gcs/a", "vault1/a", "vault/a", "./s3/a"].map(|path| {
        let rule = rule(path);
        let keys = rule.recreation().map(names);
        format!(
            "{path}: {:?} {keys:?} {}",
            rule.destination(),
            rule.omit_extensions()
        )
    });
    insta::assert_snapshot!(shown.join("\n"));
    let none = Config::default();
    assert!(none.destination_rule(Path::new("a")).unwrap().is_none());
    assert!(!none.has_creation_rules());
}

#[test]
fn groups_may_be_nested_as_deep_as_yaml_may() {
    let deep = |levels: usize| {
        format!(
            "creation_rules: [{{key_groups: [{}{{age: [{AGE}]}}{}]}}]",
            "{merge: [".repeat(levels),
            "]}".repeat(levels)
        )
    };
    let config = config(&deep(120));
    let rule = config.creation_rule(Path::new("p")).unwrap().unwrap();
    assert_eq!(names(&rule), [AGE]);
    let error = Config::parse(deep(1000).as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// No text panics, and no error quotes it.
        #[test]
        fn any_text(tokens in prop::collection::vec(prop_oneof![
            Just("creation_rules:"), Just("path_regex: "), Just("age: "), Just("key_groups:"), Just("merge: "),
            Just("kms: "), Just("arn: "), Just("stores: "), Just("yaml: "), Just("indent: "), Just("pgp: "),
            Just("destination_rules: "), Just("recreation_rule: "), Just("shamir_threshold: "), Just("\n"),
            Just("\n- "), Just("\n  "), Just("\n    "), Just("- "), Just("["), Just("]"), Just("{"), Just("}"),
            Just(", "), Just("SECRET"), Just("5"), Just("-5"), Just("~"), Just("&a "), Just("*a"), Just("<<: "),
            Just("!!int "), Just("'SECRET'"),
        ], 0..24)) {
            let text = tokens.concat();
            if let Err(error) = Config::parse(text.as_bytes()) {
                prop_assert!(!format!("{error}{error:?}").contains("SECRET"), "{error}");
            } else {
                let config = config(&text);
                let _ = config.creation_rule(Path::new("p.yaml"));
                let _ = config.destination_rule(Path::new("p.yaml"));
            }
        }

        /// As Go's `filepath.Abs` and a cut: no `.`, no `..`, nothing doubled.
        #[test]
        fn subjects(file in "[a./]{0,12}", cwd in "(/[ab]){0,3}", config in "([ab.]{1,2}/){0,3}") {
            let cwd = format!("/{cwd}");
            let seen = subject(&Path::new(&config).join(".sops.yaml"), Path::new(&cwd), Path::new(&file));
            let seen = seen.to_str().unwrap();
            prop_assert!(!seen.contains("//") && !seen.split('/').any(|part| part == "." || part == ".."));
        }
    }
}

use super::*;
use crate::ErrorKind;
use crate::tree::{List, ListItem, Mapping, Value};

fn list(values: impl IntoIterator<Item = Mapping>) -> Value {
    Value::List(List {
        items: values
            .into_iter()
            .map(|m| ListItem::Value(Value::Mapping(m)))
            .collect(),
    })
}

fn mapping(fields: &[(&str, &str)]) -> Mapping {
    let mut mapping = Mapping::default();
    for (key, value) in fields {
        mapping.push(*key, *value);
    }
    mapping
}

fn age(recipient: &str) -> Mapping {
    mapping(&[("recipient", recipient), ("enc", "armor\n")])
}

/// A block that loads.
fn block() -> Mapping {
    let mut block = mapping(&[
        ("lastmodified", "2026-11-22T02:04:40Z"),
        ("version", "3.13.2"),
    ]);
    block.push("age", list([age("age1a")]));
    block
}

fn keys(mapping: &Mapping) -> Vec<&str> {
    mapping.entries().filter_map(|(k, _)| k.as_str()).collect()
}

#[test]
fn defaults() {
    let metadata = Metadata::from_mapping(&block()).unwrap();
    assert_eq!(
        metadata.rule,
        Rule::UnencryptedSuffix("_unencrypted".into())
    );
    assert_eq!(metadata.shamir_threshold, 0);
    assert!(!metadata.mac_only_encrypted);
    assert_eq!(metadata.mac, "");
    assert_eq!(metadata.key_groups.len(), 1);
}

#[test]
fn written_in_sorted_order() {
    let mut block = block();
    block.push("mac", "ENC");
    block.push("shamir_threshold", Value::Int(2));
    block.push("mac_only_encrypted", Value::Bool(true));
    block.push("encrypted_regex", "^data$");
    block.push("unknown", "dropped");
    let metadata = Metadata::from_mapping(&block).unwrap();
    let written = metadata.to_mapping();
    assert_eq!(
        keys(&written),
        [
            "age",
            "encrypted_regex",
            "lastmodified",
            "mac",
            "mac_only_encrypted",
            "shamir_threshold",
            "version"
        ]
    );
    assert_eq!(Metadata::from_mapping(&written).unwrap(), metadata);
    let unnamed = Metadata {
        names_rule: false,
        ..metadata
    };
    assert!(!keys(&unnamed.to_mapping()).contains(&"encrypted_regex"));
}

#[test]
fn groups() {
    let mut group = Mapping::default();
    group.push("age", list([age("age1b")]));
    let mut with_groups = mapping(&[("lastmodified", "2026-11-22T02:04:40Z")]);
    with_groups.push("key_groups", list([group.clone(), group.clone()]));
    let metadata = Metadata::from_mapping(&with_groups).unwrap();
    assert_eq!(metadata.key_groups.len(), 2);
    let written = metadata.to_mapping();
    let Some(Value::List(groups)) = written.get("key_groups") else {
        panic!("no groups");
    };
    for group in groups.values() {
        assert_eq!(keys(group.as_mapping().unwrap()), ["age", "hc_vault"]);
    }
    assert_eq!(Metadata::from_mapping(&written).unwrap(), metadata);

    // Flat lists make the groups ignored.
    let mut both = with_groups.clone();
    both.push("age", list([age("age1a")]));
    let metadata = Metadata::from_mapping(&both).unwrap();
    let recipients: Vec<_> = metadata
        .keys()
        .map(|key| key.recipient().to_string())
        .collect();
    assert_eq!(recipients, ["age1a"]);
}

#[test]
fn other_keys_are_kept_in_order() {
    let pgp = mapping(&[
        ("created_at", "2026-11-22T02:04:40Z"),
        ("enc", "-----BEGIN PGP MESSAGE-----"),
        ("fp", "ABCD"),
    ]);
    let mut kms = mapping(&[
        ("arn", "arn:aws:kms:1"),
        ("created_at", "2026-11-22T02:04:40Z"),
        ("enc", "x"),
        ("role", ""),
    ]);
    kms.push(
        "context",
        Value::Mapping(mapping(&[("b", "2"), ("a", "1")])),
    );
    let mut block = block();
    block.push("pgp", list([pgp]));
    // A mapping alone counts as a list of one.
    block.push("kms", Value::Mapping(kms));
    let metadata = Metadata::from_mapping(&block).unwrap();
    let ids: Vec<_> = metadata
        .keys()
        .map(|key| key.recipient().to_string())
        .collect();
    assert_eq!(ids, ["arn:aws:kms:1|a:1,b:2", "ABCD", "age1a"]);
    let written = metadata.to_mapping();
    let again = Metadata::from_mapping(&written).unwrap();
    assert_eq!(again.to_mapping(), written);
    let Some(Value::List(kms)) = written.get("kms") else {
        panic!("no kms");
    };
    let kms = kms.values().next().unwrap().as_mapping().unwrap();
    assert_eq!(
        keys(kms),
        ["arn", "aws_profile", "context", "created_at", "enc"]
    );
    assert_eq!(
        keys(kms.get("context").unwrap().as_mapping().unwrap()),
        ["a", "b"]
    );
}

#[test]
fn types_are_weak() {
    let read = |name: &str, value: Value| {
        let mut block = block();
        block.push(name, value);
        Metadata::from_mapping(&block)
    };
    let threshold = |value: Value| {
        read("shamir_threshold", value)
            .map(|m| m.shamir_threshold)
            .ok()
    };
    for (value, expected) in [
        (Value::from("2"), Some(2)),
        (Value::from("0x10"), Some(16)),
        (Value::from("010"), Some(8)),
        (Value::from("0b11"), Some(3)),
        (Value::from("2.0"), Some(2)),
        (Value::from(""), Some(0)),
        (Value::Float(2.0), Some(2)),
        (Value::Bool(true), Some(1)),
        (Value::Null, Some(0)),
        (Value::Int(-1), None),
        (Value::from("two"), None),
        (Value::from("2.5"), None),
        (Value::List(List::default()), None),
    ] {
        assert_eq!(threshold(value.clone()), expected, "{value:?}");
    }
    let flag = |value: Value| {
        read("mac_only_encrypted", value)
            .map(|m| m.mac_only_encrypted)
            .ok()
    };
    for (value, expected) in [
        (Value::from("true"), Some(true)),
        (Value::from("t"), Some(true)),
        (Value::from("0"), Some(false)),
        (Value::from(""), Some(false)),
        (Value::Int(1), Some(true)),
        (Value::from("yes"), None),
    ] {
        assert_eq!(flag(value.clone()), expected, "{value:?}");
    }
    let version = |value: Value| {
        let mut block = mapping(&[("lastmodified", "2026-11-22T02:04:40Z")]);
        block.push("age", list([age("a")]));
        block.push("VERSION", value);
        Metadata::from_mapping(&block).unwrap().version
    };
    assert_eq!(version(Value::Float(1.0)), "1");
    assert_eq!(version(Value::Int(3)), "3");
    assert_eq!(version(Value::Bool(true)), "1");
}

#[test]
fn errors_name_the_field() {
    let error = |change: &dyn Fn(&mut Mapping)| {
        let mut block = block();
        change(&mut block);
        Metadata::from_mapping(&block).unwrap_err().to_string()
    };
    let push = |name: &'static str, value: Value| error(&move |b| b.push(name, value.clone()));
    assert_eq!(
        push("lastmodified", "foo".into()),
        "sops.lastmodified: not a time such as 2006-01-02T15:04:05Z"
    );
    assert_eq!(
        push("lastmodified", Value::Null),
        "sops.lastmodified: missing"
    );
    assert_eq!(
        push("age", "x".into()),
        "sops.age: a string where a list belongs"
    );
    assert_eq!(
        push("mac", Value::List(List::default())),
        "sops.mac: a list where a string belongs"
    );
    assert_eq!(
        error(&|b| {
            b.push("encrypted_suffix", "a");
            b.push("encrypted_regex", "b");
        }),
        "sops.encrypted_regex: a file can have only one selection rule, and this one has \
         encrypted_suffix too"
    );
    assert_eq!(
        error(&|b| b.push("age", Value::Null)),
        "sops: the file lists no keys that could open it"
    );
    assert_eq!(
        push("pgp", list([mapping(&[("fp", "x")])])),
        "sops.pgp[0].created_at: not a time such as 2006-01-02T15:04:05Z"
    );
}

#[test]
fn an_unquoted_time_is_read() {
    let mut block = block();
    let time = crate::Timestamp::parse_rfc3339("2026-11-22T02:04:40+01:00").unwrap();
    block.push("lastmodified", Value::Time(time));
    let metadata = Metadata::from_mapping(&block).unwrap();
    assert_eq!(metadata.last_modified, time);
    assert_eq!(
        metadata
            .to_mapping()
            .get("lastmodified")
            .and_then(Value::as_str),
        Some("2026-11-22T02:04:40+01:00")
    );
}

#[test]
fn limits_hold() {
    let kind = |block: &Mapping| Metadata::from_mapping(block).unwrap_err().kind();
    let mut many = mapping(&[("lastmodified", "2026-11-22T02:04:40Z")]);
    many.push("age", list((0..2001).map(|_| age("a"))));
    assert_eq!(kind(&many), ErrorKind::Limit);
    let mut group = Mapping::default();
    group.push("age", list([age("a")]));
    let mut groups = mapping(&[("lastmodified", "2026-11-22T02:04:40Z")]);
    groups.push("key_groups", list((0..256).map(|_| group.clone())));
    assert_eq!(kind(&groups), ErrorKind::Limit);
    let mut large = mapping(&[("lastmodified", "2026-11-22T02:04:40Z")]);
    large.push(
        "age",
        list([mapping(&[("recipient", "a"), ("enc", &"x".repeat(70_000))])]),
    );
    assert_eq!(kind(&large), ErrorKind::Limit);
}

#[test]
fn versions() {
    for good in [
        "3.13.2",
        "v3.7.1",
        "99.0.0",
        "1.0",
        "1.",
        "3.8.0-rc.1",
        "3.0.0+build.01",
        "0.0.0",
        "3.0.0--",
    ] {
        assert!(is_release(good), "{good}");
    }
    for bad in [
        "",
        "3.7",
        "1",
        "v",
        "03.1.0",
        "3.1.0.0",
        "3.1.x",
        "3.1.0-",
        "3.1.0-01",
        "3.1.0+",
        " 3.1.0",
        "99999999999999999999.0.0",
    ] {
        assert!(!is_release(bad), "{bad}");
    }
}

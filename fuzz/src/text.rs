//! YAML as text: written with its styles, and read as a value.

use std::collections::BTreeMap;

use go_yaml::{
    Kind, Limits, Node, ScalarStyle,
    emit::{Emitter, Profile},
    resolve::{Resolved, resolve},
};

use super::show;

/// YAML written with its styles, as ResourceLists are.
pub fn go_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let limits = Limits {
        nodes: 100_000,
        ..Limits::default()
    };
    let Ok(documents) = go_yaml::parse(text, &limits) else {
        return;
    };
    // Nothing is written for an empty document, as in go-yaml; ResourceLists
    // leave them out.
    let is_empty = |document: &go_yaml::Document<'_>| {
        let root = document.root().map(|root| document.node(root));
        root.is_none_or(|node| {
            matches!(&node.kind, Kind::Scalar { value, style: ScalarStyle::Plain } if value.is_empty())
        })
    };
    if documents.iter().any(is_empty) {
        return;
    }
    let mut yaml = Emitter::new(String::new(), Profile::kyaml());
    for document in &documents {
        yaml.document(document)
            .expect("what was read can be written");
    }
    let written = yaml.into_inner();
    let again = go_yaml::parse(&written, &limits)
        .unwrap_or_else(|error| panic!("{error}\n{}", show(written.as_bytes())));
    assert_eq!(documents.len(), again.len(), "{}", show(written.as_bytes()));
    for (one, other) in documents.iter().zip(&again) {
        let same = one.ids().count() == other.ids().count()
            && one
                .ids()
                .zip(other.ids())
                .all(|(a, b)| same_node(one.node(a), other.node(b)));
        assert!(same, "reads back otherwise:\n{}", show(written.as_bytes()));
    }
}

/// Whether two nodes mean the same. Nodes are numbered in the order of the
/// text, so their children can be compared by number.
fn same_node(one: &Node<'_>, other: &Node<'_>) -> bool {
    let kinds = match (&one.kind, &other.kind) {
        (Kind::Scalar { value, .. }, Kind::Scalar { value: other, .. }) => value == other,
        (Kind::Sequence { items, .. }, Kind::Sequence { items: other, .. }) => items == other,
        (Kind::Mapping { entries, .. }, Kind::Mapping { entries: other, .. }) => entries == other,
        (one, other) => one == other,
    };
    // A null may be written in other words.
    let null = meaning(one) == "!!null";
    (kinds || null) && meaning(one) == meaning(other) && one.anchor() == other.anchor()
}

/// The tag of a node, or the one that its text stands for.
fn meaning<'a>(node: &'a Node<'_>) -> &'a str {
    match (&node.kind, node.tag().filter(|tag| *tag != "!")) {
        (_, Some(tag)) => tag,
        (Kind::Scalar { value, style }, None) if *style == ScalarStyle::Plain => {
            match resolve(value) {
                Resolved::Null => "!!null",
                Resolved::Bool(_) => "!!bool",
                Resolved::Int(_) | Resolved::Uint(_) => "!!int",
                Resolved::Float(_) => "!!float",
                Resolved::Timestamp(_) => "!!timestamp",
                Resolved::Merge => "!!merge",
                Resolved::Str => "!!str",
            }
        }
        (Kind::Scalar { .. }, None) => "!!str",
        _ => "",
    }
}

/// YAML as a value: what is read is what its JSON, which is YAML, is read as.
pub fn deserializer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let limits = Limits {
        nodes: 100_000,
        ..Limits::default()
    };
    let _ = go_yaml::de::from_str::<BTreeMap<String, Option<Vec<i8>>>>(text, &limits);
    let _ = go_yaml::de::from_str::<Vec<(bool, f32, char)>>(text, &limits);
    let Ok(value) = go_yaml::de::from_str::<serde_json::Value>(text, &limits) else {
        return;
    };
    let json = value.to_string();
    // What cannot stand in a text as it is, and keys that are too long for one
    // line.
    if json.chars().any(|c| {
        matches!(
            c,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
    }) || has_long_key(&value)
    {
        return;
    }
    let again = go_yaml::de::from_str::<serde_json::Value>(&json, &Limits::default());
    match again {
        Ok(again) => assert!(again == value, "{}", show(data)),
        // Aliases of aliases may be more than are written in one piece.
        Err(error) => assert!(error.is_limit(), "{error}\n{}", show(data)),
    }
}

fn has_long_key(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Array(items) => items.iter().any(has_long_key),
        serde_json::Value::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.len() > 150 || has_long_key(value)),
        _ => false,
    }
}

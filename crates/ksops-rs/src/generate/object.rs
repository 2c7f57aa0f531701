//! The Kubernetes objects in a decrypted file.

use std::collections::{HashMap, HashSet};

use sops_core::{
    Document, Format, Readable,
    tree::{ListItem, Mapping, MappingItem, Text, Tree, Value},
};

/// The key under which YAML takes over the entries of other mappings.
const MERGE: &str = "<<";

/// An entry of `stringData` that takes the place of one of `data`.
pub(super) struct Shadowed {
    pub(super) key: String,
    pub(super) is_empty: bool,
}

/// Finds an entry of `stringData` that takes the place of one of `data`, in
/// the API server, and is empty or whatever it is. Empty values can be added
/// without a key, so that anybody could blank a secret.
pub(super) fn shadowed(objects: &[&Mapping], any: bool) -> Option<Shadowed> {
    objects.iter().find_map(|object| {
        let mut texts = entries_of(object, "stringData");
        texts.retain(|(_, value)| any || is_nothing(value));
        if texts.is_empty() {
            return None;
        }
        let data = entries_of(object, "data");
        let data: HashSet<&[u8]> = data.iter().map(|(key, _)| key.as_bytes()).collect();
        let mut texts = texts.into_iter();
        let (key, value) = texts.find(|(key, _)| data.contains(key.as_bytes()))?;
        Some(Shadowed {
            key: shown(key),
            is_empty: is_nothing(value),
        })
    })
}

/// The annotation with which kustomize leaves a resource out, whatever the value.
pub(super) const LEFT_OUT: &str = "config.kubernetes.io/local-config";

/// Whether an object has [`LEFT_OUT`] with a value that says nothing, or any:
/// with it anybody could take a Secret away.
pub(super) fn left_out(objects: &[&Mapping], any: bool) -> bool {
    let within = |mapping, name| named(mapping, name).into_iter();
    let metadata = objects
        .iter()
        .flat_map(|object| within(object, "metadata").filter_map(Value::as_mapping));
    metadata
        .flat_map(|metadata| within(metadata, "annotations").filter_map(Value::as_mapping))
        .flat_map(|annotations| within(annotations, LEFT_OUT))
        .any(|value| any || is_nothing(value))
}

/// The entries of all mappings of this name.
fn entries_of<'a>(object: &'a Mapping, name: &str) -> Vec<(&'a Text, &'a Value)> {
    let mappings = named(object, name).into_iter();
    mappings
        .filter_map(Value::as_mapping)
        .flat_map(entries)
        .collect()
}

/// Finds a key that a mapping has more than once when what `<<` takes over is
/// counted, with a value among them that says nothing, or whatever they are.
/// Such a value can be added without a key, and may win. So may a part of a
/// mapping that was cut in two between values in clear.
pub(super) fn merged_twice(document: &Document<impl Readable>, any: bool) -> Option<String> {
    let weak = |value: &Value| {
        let is_whole = !matches!(value, Value::Mapping(_) | Value::List(_));
        any || is_nothing(value) || (!is_whole && document.has_clear_values())
    };
    document
        .tree()
        .iter()
        .find_map(|mapping| twice(mapping, &weak))
}

fn twice(mapping: &Mapping, weak: &dyn Fn(&Value) -> bool) -> Option<String> {
    if mapping.get(MERGE).is_some() {
        let mut known: HashMap<&[u8], bool> = HashMap::new();
        for (key, value) in entries(mapping) {
            let is_weak = weak(value);
            if let Some(earlier) = known.insert(key.as_bytes(), is_weak)
                && (earlier || is_weak)
            {
                return Some(shown(key));
            }
        }
    }
    mapping
        .entries()
        .find_map(|(_, value)| twice_in(value, weak))
}

fn twice_in(value: &Value, weak: &dyn Fn(&Value) -> bool) -> Option<String> {
    match value {
        Value::Mapping(mapping) => twice(mapping, weak),
        Value::List(list) => list.values().find_map(|value| twice_in(value, weak)),
        _ => None,
    }
}

/// The entries of a mapping, and those that it takes over.
fn entries(mapping: &Mapping) -> Vec<(&Text, &Value)> {
    let mut found = Vec::new();
    for_each(mapping, &mut |key, value| found.push((key, value)));
    found
}

/// The values of this name in a mapping, and in those that it takes over.
fn named<'a>(mapping: &'a Mapping, name: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for_each(mapping, &mut |key, value| {
        if key.as_str() == Some(name) {
            found.push(value);
        }
    });
    found
}

fn for_each<'a>(mapping: &'a Mapping, work: &mut dyn FnMut(&'a Text, &'a Value)) {
    for (key, value) in mapping.entries() {
        match value {
            Value::Mapping(merged) if key.as_str() == Some(MERGE) => for_each(merged, work),
            Value::List(merged) if key.as_str() == Some(MERGE) => {
                for merged in merged.values().filter_map(Value::as_mapping) {
                    for_each(merged, work);
                }
            }
            _ => work(key, value),
        }
    }
}

/// Whether the MAC covers nothing of a value.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Mapping(mapping) => mapping.entries().all(|(_, value)| is_nothing(value)),
        Value::List(list) => list.values().all(is_nothing),
        _ => false,
    }
}

fn shown(key: &Text) -> String {
    String::from_utf8_lossy(key.as_bytes()).into_owned()
}

/// The objects of a file, those of a `List` among them, as kustomize finds
/// them.
pub(super) fn objects(tree: &[Mapping]) -> Vec<&Mapping> {
    fn add<'a>(object: &'a Mapping, found: &mut Vec<&'a Mapping>) {
        found.push(object);
        for list in named(object, "items")
            .into_iter()
            .filter_map(Value::as_list)
        {
            for object in list.values().filter_map(Value::as_mapping) {
                add(object, found);
            }
        }
    }
    let mut found = Vec::new();
    for object in tree {
        add(object, &mut found);
    }
    found
}

/// The file with an annotation in each of its objects.
pub(super) fn annotated(document: &Document<impl Readable>, name: &str) -> Tree {
    let mut tree = document.tree().to_vec();
    if matches!(document.format(), Format::Yaml | Format::Json) {
        for object in &mut tree {
            annotate(object, name);
        }
    }
    tree
}

fn annotate(object: &mut Mapping, name: &str) {
    let Some(kind) = object.get("kind") else {
        return;
    };
    let is_list = matches!(kind, Value::String(kind) if kind.as_bytes().ends_with(b"List"));
    if is_list && let Some(Value::List(list)) = entry(object, "items") {
        for item in &mut list.items {
            if let ListItem::Value(Value::Mapping(object)) = item {
                annotate_item(object, name);
            }
        }
        return;
    }
    mark(object, name);
}

/// An item of a list needs no kind of its own.
fn annotate_item(object: &mut Mapping, name: &str) {
    match object.get("kind") {
        Some(_) => annotate(object, name),
        None => mark(object, name),
    }
}

fn mark(object: &mut Mapping, name: &str) {
    if let Some(metadata) = mapping(object, "metadata")
        && let Some(annotations) = mapping(metadata, "annotations")
    {
        match entry(annotations, name) {
            Some(value) => *value = "true".into(),
            None => annotations.push(name, "true"),
        }
    }
}

/// The mapping under a key, where there is none the one that is taken over
/// under `<<`, else a new one; `None` where something else is there.
fn mapping<'a>(object: &'a mut Mapping, key: &str) -> Option<&'a mut Mapping> {
    if object.get(key).is_none() {
        let is_merged = |merged: &Value| merged.as_mapping().is_some_and(|m| m.get(key).is_some());
        if object.get(MERGE).is_some_and(is_merged) {
            let Value::Mapping(merged) = entry(object, MERGE)? else {
                return None;
            };
            return mapping(merged, key);
        }
        object.push(key, Mapping::default());
    }
    match entry(object, key)? {
        Value::Mapping(mapping) => Some(mapping),
        null @ Value::Null => {
            *null = Value::Mapping(Mapping::default());
            match null {
                Value::Mapping(mapping) => Some(mapping),
                _ => None,
            }
        }
        _ => None,
    }
}

fn entry<'a>(object: &'a mut Mapping, name: &str) -> Option<&'a mut Value> {
    object.items.iter_mut().find_map(|item| match item {
        MappingItem::Entry { key, value } if key.as_str() == Some(name) => Some(value),
        _ => None,
    })
}

//! The Kubernetes objects in a decrypted file.

use sops_core::{
    Document, Format, Readable,
    tree::{ListItem, Mapping, MappingItem, Tree, Value},
};

/// An entry of `stringData` that takes the place of one of `data`.
pub(super) struct Shadowed {
    pub(super) key: String,
    pub(super) is_empty: bool,
}

/// Finds an entry of `stringData` that takes the place of one of `data`, in
/// the API server, and is empty or whatever it is. Empty values can be added
/// without a key, so that anybody could blank a secret.
pub(super) fn shadowed(document: &Document<impl Readable>, any: bool) -> Option<Shadowed> {
    objects(document.tree()).find_map(|object| {
        let data = object.get("data")?.as_mapping()?;
        let texts = object
            .entries()
            .filter(|(key, _)| key.as_str() == Some("stringData"));
        let mut entries = texts
            .filter_map(|(_, value)| value.as_mapping())
            .flat_map(Mapping::entries);
        entries.find_map(|(key, value)| {
            let is_empty = match value {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                _ => false,
            };
            let is_shadow = (is_empty || any) && data.get(key).is_some();
            is_shadow.then(|| Shadowed {
                key: String::from_utf8_lossy(key.as_bytes()).into_owned(),
                is_empty,
            })
        })
    })
}

/// The objects of a file, those of a `List` among them.
fn objects(tree: &[Mapping]) -> impl Iterator<Item = &Mapping> {
    tree.iter().flat_map(|document| {
        let items = document.get("items").and_then(Value::as_list);
        let items = items.into_iter().flat_map(|list| list.values());
        std::iter::once(document).chain(items.filter_map(Value::as_mapping))
    })
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
    if object.get("kind").is_none() {
        return;
    }
    if let Some(Value::List(list)) = entry(object, "items") {
        for item in &mut list.items {
            if let ListItem::Value(Value::Mapping(object)) = item {
                annotate(object, name);
            }
        }
        return;
    }
    if let Some(metadata) = mapping(object, "metadata")
        && let Some(annotations) = mapping(metadata, "annotations")
    {
        annotations.push(name, "true");
    }
}

/// The mapping under a key, made where there is none; `None` where something
/// else is there.
fn mapping<'a>(object: &'a mut Mapping, key: &str) -> Option<&'a mut Mapping> {
    if object.get(key).is_none() {
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

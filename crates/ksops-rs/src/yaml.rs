//! YAML texts that people or kustomize wrote.

use std::collections::HashSet;

use go_yaml::{Document, Kind, Limits, NodeId};

use crate::{Error, Result};

/// Bounds for manifests, ResourceLists and the texts that go into them.
const LIMITS: Limits = Limits {
    depth: 200,
    nodes: 2_000_000,
    documents: 100_000,
};

/// Reads all documents of a text; `name` is what messages call it. What a
/// person can do about an error is for the caller to say.
pub(crate) fn parse<'a>(name: &str, bytes: &'a [u8]) -> Result<Vec<Document<'a>>> {
    go_yaml::parse(utf8(name, bytes)?, &LIMITS).map_err(at(name))
}

/// As [`parse`], but for what stands behind the first document.
pub(crate) fn parse_first<'a>(name: &str, bytes: &'a [u8]) -> Result<Option<Document<'a>>> {
    go_yaml::parse_first(utf8(name, bytes)?, &LIMITS).map_err(at(name))
}

fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Error::new(format!("{name}: line {line}: not UTF-8 text"))
    })
}

fn at(name: &str) -> impl Fn(go_yaml::Error) -> Error {
    move |error| Error::new(format!("{name}: {error}"))
}

/// Whether these nodes hold no more than [`LIMITS`] allows once aliases are
/// expanded into copies. Long texts count as several nodes.
pub(crate) fn is_bounded(document: &Document<'_>, nodes: &[NodeId]) -> bool {
    const NODE_SIZE: usize = 128;
    let mut open = nodes.to_vec();
    let mut budget = LIMITS.nodes;
    while let Some(node) = open.pop() {
        let size = match &document.node(document.follow(node)).kind {
            Kind::Scalar { value, .. } => 1 + value.len() / NODE_SIZE,
            Kind::Sequence { items, .. } => {
                open.extend(items);
                1
            }
            Kind::Mapping { entries, .. } => {
                open.extend(entries.iter().flat_map(|(key, value)| [key, value]));
                1
            }
            Kind::Alias(_) => 1,
        };
        let Some(left) = budget.checked_sub(size) else {
            return false;
        };
        if open.len() > left {
            return false;
        }
        budget = left;
    }
    true
}

/// Whether a node can be written alone: the aliases in it name anchors in it.
pub(crate) fn is_self_contained(document: &Document<'_>, root: NodeId) -> bool {
    let mut open = vec![root];
    let mut inside = HashSet::new();
    let mut named = Vec::new();
    while let Some(id) = open.pop() {
        inside.insert(id);
        match &document.node(id).kind {
            Kind::Scalar { .. } => {}
            Kind::Sequence { items, .. } => open.extend(items),
            Kind::Mapping { entries, .. } => {
                open.extend(entries.iter().flat_map(|(key, value)| [key, value]));
            }
            Kind::Alias(_) => named.push(document.follow(id)),
        }
    }
    named.iter().all(|anchor| inside.contains(anchor))
}

/// The value of a field of a mapping; the last one where there are several.
pub(crate) fn field(document: &Document<'_>, mapping: NodeId, name: &str) -> Option<NodeId> {
    let Kind::Mapping { entries, .. } = &document.node(document.follow(mapping)).kind else {
        return None;
    };
    entries
        .iter()
        .rev()
        .find(|&&(key, _)| text(document, key) == Some(name))
        .map(|&(_, value)| value)
}

/// The values of a field of a kustomization, by its name in any case: kustomize
/// reads it as Go reads JSON, by simple folding.
pub(crate) fn fields_in_any_case(
    document: &Document<'_>,
    mapping: NodeId,
    name: &str,
) -> Vec<NodeId> {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    let is_it = |key: &str| key.chars().map(fold).eq(name.chars().map(fold));
    match &document.node(document.follow(mapping)).kind {
        Kind::Mapping { entries, .. } => entries
            .iter()
            .filter(|&&(key, _)| text(document, key).is_some_and(is_it))
            .map(|&(_, value)| value)
            .collect(),
        _ => Vec::new(),
    }
}

/// The text of a scalar.
pub(crate) fn text<'a>(document: &'a Document<'_>, node: NodeId) -> Option<&'a str> {
    match &document.node(document.follow(node)).kind {
        Kind::Scalar { value, .. } => Some(value),
        _ => None,
    }
}

/// Whether the node is a plain null.
pub(crate) fn is_null(document: &Document<'_>, node: NodeId) -> bool {
    let node = document.node(document.follow(node));
    matches!(
        &node.kind,
        Kind::Scalar { value, style: go_yaml::ScalarStyle::Plain }
            if node.tag().is_none() && matches!(&**value, "" | "~" | "null" | "Null" | "NULL")
    )
}

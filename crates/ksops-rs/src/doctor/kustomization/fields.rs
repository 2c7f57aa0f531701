//! What the fields of a kustomization and of a generator say.

use go_yaml::{Document, Kind, NodeId};

use crate::yaml;

/// Whether a text can be a name, and no way to another folder.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// Whether a manifest is a generator of this plugin.
pub(in super::super) fn is_ours(document: &Document<'_>, root: NodeId) -> bool {
    let is = |name, expected| field_text(document, root, name) == Some(expected);
    is("apiVersion", "viaduct.ai/v1") && is("kind", "ksops")
}

/// Whether a generator was meant for this plugin, and misses it.
pub(super) fn is_nearly_ours(document: &Document<'_>, root: NodeId) -> bool {
    let text = |name| field_text(document, root, name).unwrap_or_default();
    text("apiVersion").starts_with("viaduct.ai/") || text("kind").eq_ignore_ascii_case("ksops")
}

/// The text of a field.
pub(super) fn field_text<'a>(
    document: &'a Document<'_>,
    root: NodeId,
    name: &str,
) -> Option<&'a str> {
    yaml::field(document, root, name).and_then(|node| yaml::text(document, node))
}

/// The texts of a field of a kustomization that is a list.
pub(super) fn texts(document: &Document<'_>, root: NodeId, name: &str) -> Vec<String> {
    let items = items(document, root, name).into_iter();
    let texts = items.filter_map(|item| yaml::text(document, item));
    texts.map(str::to_owned).collect()
}

/// The items of a field of a kustomization that is a list.
fn items(document: &Document<'_>, root: NodeId, name: &str) -> Vec<NodeId> {
    let lists = yaml::fields_in_any_case(document, root, name).into_iter();
    let items = lists.map(|list| match &document.node(document.follow(list)).kind {
        Kind::Sequence { items, .. } => items.clone(),
        _ => Vec::new(),
    });
    items.flatten().collect()
}

/// The files that a kustomization names, other than resources, generators and
/// the like.
pub(super) fn files(document: &Document<'_>, root: NodeId) -> Vec<String> {
    let mut files = Vec::new();
    for name in ["patchesStrategicMerge", "configurations", "crds"] {
        files.extend(texts(document, root, name));
    }
    let text_of = |node, name: &str| {
        let nodes = yaml::fields_in_any_case(document, node, name).into_iter();
        let texts = nodes.filter_map(|node| yaml::text(document, node));
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    for name in ["patches", "patchesJson6902", "replacements"] {
        for item in items(document, root, name) {
            files.extend(text_of(item, "path"));
        }
    }
    for node in yaml::fields_in_any_case(document, root, "openapi") {
        files.extend(text_of(node, "path"));
    }
    for name in ["configMapGenerator", "secretGenerator"] {
        for item in items(document, root, name) {
            files.extend(text_of(item, "env"));
            files.extend(texts(document, item, "envs"));
            // `key=path` or the path alone.
            let paths = texts(document, item, "files").into_iter();
            files.extend(paths.map(|file| match file.split_once('=') {
                Some((_, path)) => path.to_owned(),
                None => file,
            }));
        }
    }
    // Inline ones.
    files.retain(|file| !file.is_empty() && !file.contains('\n'));
    files
}

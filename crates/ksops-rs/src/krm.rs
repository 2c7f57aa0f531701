//! The KRM function: a ResourceList in, a ResourceList out
//! (ksops-behaviour §9).

mod write;

use std::{collections::HashMap, sync::Arc};

use go_yaml::{Document, Kind, NodeId};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    error::quoted,
    generate::{Part, Rendered},
    generator::title,
    yaml,
};

/// Renders one item of the input: its name for messages, and where it is.
pub type RenderItem<'a> = dyn FnMut(&str, &Document<'_>, NodeId) -> Result<Rendered> + 'a;

/// What is said to a ResourceList.
pub struct Answer {
    /// The ResourceList for stdout.
    pub text: Zeroizing<String>,
    /// One line each, for stderr.
    pub warnings: Vec<String>,
    /// Why the items are still those of the input; also among `results`.
    pub error: Option<Error>,
}

/// Replaces each item of a ResourceList, a generator, by what it generates.
///
/// # Errors
///
/// Where the input is no ResourceList, so that there is none to answer with.
/// Where an item fails, the answer holds the items of the input and the
/// error.
pub fn answer(input: &[u8], render: &mut RenderItem<'_>) -> Result<Answer> {
    let documents = yaml::parse("stdin", input).map_err(not_a_list)?;
    let list = ResourceList::read(&documents)?;
    let mut warnings = Vec::new();
    let mut parts = Vec::new();
    let mut errors = Vec::new();
    for (n, &item) in list.items.iter().enumerate() {
        let name = list.item_name(n, item);
        match render(&name, list.document, item) {
            Ok(rendered) => {
                warnings.extend(rendered.warnings);
                parts.extend(rendered.parts);
            }
            Err(error) => errors.push(error),
        }
    }
    // Indented by two, a line takes twice its length at most.
    let size: usize = parts.iter().map(|part| part.text.len()).sum();
    let generated = match one_of(errors) {
        Some(error) => Err(error),
        None => generated_documents(&parts),
    };
    let size = if generated.is_ok() { size } else { 0 };
    let capacity = 2 * (input.len() + size);
    Ok(match &generated {
        Ok(generated) => {
            let resources = generated.documents().filter_map(Resource::of_document);
            Answer {
                text: list.write(resources.collect(), None, capacity)?,
                warnings,
                error: None,
            }
        }
        Err(error) => {
            let resources = list.items.iter().map(|&item| Resource {
                document: list.document,
                root: item,
            });
            Answer {
                text: list.write(resources.collect(), Some(error), capacity)?,
                warnings,
                error: Some(error.clone()),
            }
        }
    })
}

fn one_of(mut errors: Vec<Error>) -> Option<Error> {
    let error = errors.pop()?;
    if errors.is_empty() {
        return Some(error);
    }
    errors.push(error);
    let headline = format!("{} generators failed", errors.len());
    Some(Error::several(headline, errors))
}

/// The input.
struct ResourceList<'a> {
    document: &'a Document<'a>,
    items: Vec<NodeId>,
    function_config: Option<NodeId>,
    results: Vec<NodeId>,
}

impl<'a> ResourceList<'a> {
    fn read(documents: &'a [Document<'a>]) -> Result<Self> {
        let (document, root) = match documents {
            [document] => (document, document.root()),
            _ => (documents.first().ok_or_else(empty_input)?, None),
        };
        let root = root.ok_or_else(|| {
            no_list(&format!(
                "{} documents, where one ResourceList is expected",
                documents.len()
            ))
        })?;
        if yaml::is_null(document, root) {
            return Err(empty_input());
        }
        let kind = yaml::field(document, root, "kind").and_then(|kind| yaml::text(document, kind));
        if kind != Some("ResourceList") {
            let found = match kind {
                Some(kind) => format!("the kind is {}", quoted(kind)),
                None => "there is no `kind`".into(),
            };
            return Err(no_list(&format!("{found}, where ResourceList is expected")));
        }
        let function_config = yaml::field(document, root, "functionConfig")
            .filter(|&node| !yaml::is_null(document, node));
        if let Some(node) = function_config
            && !is_mapping(document, node)
        {
            return Err(no_list("functionConfig is not a mapping"));
        }
        let list = ResourceList {
            document,
            items: sequence(document, root, "items")?,
            function_config: function_config.filter(|&node| !is_empty_mapping(document, node)),
            results: sequence(document, root, "results")?,
        };
        if !yaml::is_bounded(document, &list.items) {
            return Err(
                Error::new("stdin: the items are too large once aliases are expanded")
                    .advise("write fewer aliases"),
            );
        }
        // They are written as they are, the rest is not.
        let kept = function_config.iter().chain(&list.results);
        if !kept
            .copied()
            .all(|node| yaml::is_self_contained(document, node))
        {
            return Err(
                Error::new("stdin: an alias names an anchor that stands elsewhere")
                    .advise("write out what the aliases of functionConfig and results stand for"),
            );
        }
        match list
            .items
            .iter()
            .position(|&item| !is_mapping(document, item))
        {
            Some(n) => Err(no_list(&format!("items[{n}] is not a mapping"))),
            None => Ok(list),
        }
    }

    /// How messages call an item: by its name, or by its place.
    fn item_name(&self, n: usize, item: NodeId) -> String {
        match title(self.document, item) {
            Some(name) => format!("generator {}", quoted(name)),
            None => format!("generator items[{n}] of the ResourceList"),
        }
    }
}

fn empty_input() -> Error {
    no_list("nothing is there")
}

fn no_list(what: &str) -> Error {
    not_a_list(Error::new(format!("stdin: {what}")))
}

fn not_a_list(error: Error) -> Error {
    error.advise(
        "without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`",
    )
}

fn is_mapping(document: &Document<'_>, node: NodeId) -> bool {
    matches!(
        document.node(document.follow(node)).kind,
        Kind::Mapping { .. }
    )
}

fn is_empty_mapping(document: &Document<'_>, node: NodeId) -> bool {
    matches!(
        &document.node(document.follow(node)).kind,
        Kind::Mapping { entries, .. } if entries.is_empty()
    )
}

fn sequence(document: &Document<'_>, root: NodeId, name: &str) -> Result<Vec<NodeId>> {
    let Some(node) = yaml::field(document, root, name).filter(|&n| !yaml::is_null(document, n))
    else {
        return Ok(Vec::new());
    };
    match &document.node(document.follow(node)).kind {
        Kind::Sequence { items, .. } => Ok(items.clone()),
        _ => Err(no_list(&format!("{name} is not a list"))),
    }
}

/// A Kubernetes object in some document.
#[derive(Clone, Copy)]
struct Resource<'a> {
    document: &'a Document<'a>,
    root: NodeId,
}

impl<'a> Resource<'a> {
    /// `None` for an empty document, which KSOPS passes on and kustomize then
    /// refuses.
    fn of_document(document: &'a Document<'a>) -> Option<Self> {
        let root = document.root()?;
        let is_empty = yaml::is_null(document, root) || is_empty_mapping(document, root);
        (!is_empty).then_some(Resource { document, root })
    }

    /// What items are sorted by: apiVersion, kind, namespace and name with
    /// blanks between. Cut where no name of Kubernetes is so long: items may be
    /// aliases of one another.
    fn sort_key(&self) -> String {
        const MAX: usize = 512;
        let text = |parent: Option<NodeId>, name: &str| {
            parent
                .and_then(|parent| yaml::field(self.document, parent, name))
                .and_then(|node| yaml::text(self.document, node))
                .map_or("", |text| {
                    let end = text.char_indices().nth(MAX);
                    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
                })
        };
        let root = Some(self.root);
        let metadata = yaml::field(self.document, self.root, "metadata");
        [
            text(root, "apiVersion"),
            text(root, "kind"),
            text(metadata, "namespace"),
            text(metadata, "name"),
        ]
        .join(" ")
    }
}

/// What was generated, read once for each text; and the texts of the parts in
/// order.
struct Generated<'a> {
    texts: Vec<Vec<Document<'a>>>,
    order: Vec<usize>,
}

impl Generated<'_> {
    fn documents(&self) -> impl Iterator<Item = &Document<'_>> {
        let texts = self.order.iter().filter_map(|&n| self.texts.get(n));
        texts.flatten()
    }
}

/// Reads what was generated; each document must be an object.
fn generated_documents(parts: &[Part]) -> Result<Generated<'_>> {
    let mut known = HashMap::new();
    let mut generated = Generated {
        texts: Vec::new(),
        order: Vec::with_capacity(parts.len()),
    };
    for part in parts {
        let next = generated.texts.len();
        let n = *known.entry(Arc::as_ptr(&part.text)).or_insert(next);
        generated.order.push(n);
        if n < next {
            continue;
        }
        let documents = yaml::parse(&part.origin, &part.text).map_err(not_an_object)?;
        for document in &documents {
            if let Some(root) = document.root()
                && !is_mapping(document, root)
                && !yaml::is_null(document, root)
            {
                let line = document.node(root).mark.line;
                return Err(not_an_object(Error::new(format!(
                    "{}: line {line} of the decrypted file starts no mapping, so it is no Kubernetes object",
                    part.origin
                ))));
            }
        }
        generated.texts.push(documents);
    }
    Ok(generated)
}

fn not_an_object(error: Error) -> Error {
    error.advise(
        "a KRM function prints Kubernetes objects only; to put a file into a Secret, list it under `secretFrom:`",
    )
}

#[cfg(test)]
mod tests;

//! The entries of a mapping: each key once, and `<<` merged in.

use std::collections::HashSet;

use super::{DEPTH, Deserializer, Error};
use crate::resolve::{Resolved, resolve_tagged};
use crate::{Kind, Node, NodeId};

/// Key and value, in the order of the text, what was merged last.
pub(super) type Entries = Vec<(NodeId, NodeId)>;

/// `Kind` and text of a key, which are what go-yaml compares: all lists are
/// the same to it, and so are all mappings.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Text(&'a str),
    Alias(Option<&'a str>),
    List,
    Mapping,
}

fn key<'a>(node: &'a Node<'_>) -> Key<'a> {
    match &node.kind {
        Kind::Scalar { value, .. } => Key::Text(value),
        Kind::Alias(_) => Key::Alias(node.anchor()),
        Kind::Sequence { .. } => Key::List,
        Kind::Mapping { .. } => Key::Mapping,
    }
}

impl<'de> Deserializer<'de> {
    /// The node, `None` where a document built by hand has none of that name.
    pub(super) fn node(&self, id: NodeId) -> Option<&'de Node<'de>> {
        self.document.get(id)
    }

    /// The entries of a mapping.
    pub(super) fn entries(&self, written: &[(NodeId, NodeId)]) -> Result<Entries, Error> {
        self.check_unique(written)?;
        let merged = written
            .iter()
            .find(|(key, _)| self.node(*key).is_some_and(is_merge));
        let Some((_, merged)) = merged else {
            return Ok(written.to_vec());
        };
        let mut merging = Merging {
            all: self,
            entries: Entries::with_capacity(written.len()),
            seen: HashSet::new(),
        };
        merging.add(written);
        merging.merge(*merged, 0)?;
        Ok(merging.entries)
    }

    fn check_unique(&self, written: &[(NodeId, NodeId)]) -> Result<(), Error> {
        /// Of so few keys, comparing all is quicker than hashing them.
        const FEW: usize = 16;
        let nodes = || written.iter().filter_map(|(key, _)| self.node(*key));
        let again = if written.len() <= FEW {
            nodes()
                .enumerate()
                .find(|(n, node)| nodes().take(*n).any(|before| key(before) == key(node)))
                .map(|(_, node)| node)
        } else {
            let mut seen = HashSet::with_capacity(written.len());
            nodes().find(|node| !seen.insert(key(node)))
        };
        match again {
            Some(node) => Err(Error::new("a mapping has the same key twice").at(node)),
            None => Ok(()),
        }
    }
}

/// `<<` without quotes, and without a tag that says otherwise.
fn is_merge(node: &Node<'_>) -> bool {
    let Kind::Scalar { value, style } = &node.kind else {
        return false;
    };
    value == "<<"
        && match node.tag() {
            Some(tag) => tag == "!!merge",
            None => resolve_tagged(None, *style, value) == Ok(Resolved::Merge),
        }
}

/// A mapping into which others are merged.
struct Merging<'s, 'de> {
    all: &'s Deserializer<'de>,
    entries: Entries,
    /// The texts of the keys so far.
    seen: HashSet<&'de str>,
}

impl<'de> Merging<'_, 'de> {
    /// Entries of one mapping, but for keys that are there.
    fn add(&mut self, written: &[(NodeId, NodeId)]) {
        for &(key, value) in written {
            if self.all.node(key).is_none_or(is_merge) {
                continue;
            }
            let text = match self
                .all
                .node(self.all.document.follow(key))
                .map(|n| &n.kind)
            {
                Some(Kind::Scalar { value, .. }) => Some(value.as_ref()),
                _ => None,
            };
            if text.is_none_or(|text| self.seen.insert(text)) {
                self.entries.push((key, value));
            }
        }
    }

    /// A mapping, an alias of one, or a list of these.
    fn merge(&mut self, id: NodeId, depth: usize) -> Result<(), Error> {
        let Some(node) = self.all.node(id) else {
            return Err(no_mapping());
        };
        match &node.kind {
            Kind::Sequence { items, .. } => {
                for item in items {
                    self.mapping(*item, depth)?;
                }
                Ok(())
            }
            _ => self.mapping(id, depth),
        }
    }

    fn mapping(&mut self, id: NodeId, depth: usize) -> Result<(), Error> {
        let node = self.all.node(id).ok_or_else(no_mapping)?;
        self.all.visit(node)?;
        if depth >= DEPTH {
            return Err(Error::limit("nested too deeply").at(node));
        }
        match &node.kind {
            Kind::Mapping { entries, .. } => {
                for key in entries.iter().filter_map(|(key, _)| self.all.node(*key)) {
                    self.all.visit(key)?;
                }
                self.all.check_unique(entries)?;
                self.add(entries);
                let inner = entries
                    .iter()
                    .find(|(key, _)| self.all.node(*key).is_some_and(is_merge));
                match inner {
                    Some((_, merged)) => self.merge(*merged, depth + 1),
                    None => Ok(()),
                }
            }
            Kind::Alias(target) => self.all.through_alias(node, *target, || {
                match self.all.node(*target).map(|node| &node.kind) {
                    Some(Kind::Mapping { .. }) => self.mapping(*target, depth),
                    _ => Err(no_mapping().at(node)),
                }
            }),
            _ => Err(no_mapping().at(node)),
        }
    }
}

fn no_mapping() -> Error {
    Error::new("`<<` merges a mapping or a list of mappings, and nothing else")
}

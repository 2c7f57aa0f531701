//! Documents as serde types, read as go-yaml v3 decodes into typed fields.
//!
//! * The **first** document of a stream is read, as by Go's `yaml.Unmarshal`;
//!   of an empty text every field has its default.
//! * A **null** leaves a struct's field at its default, and is otherwise the
//!   empty value of what is asked for: `""`, `0`, `false`, an empty list, an
//!   empty mapping, `None`.
//! * **Text** may be any scalar, by what stands in the file: `5` and `yes` are
//!   fine for a `String`. A **boolean** may be one of YAML 1.1 (`yes`, `off`),
//!   an **integer** a float, which loses its fraction (`2.0`). Nothing but
//!   text is made from quotes: `'3'` is no integer.
//! * **Anchors** are followed, and `<<` merges mappings: what stands in the
//!   mapping itself goes before what is merged, and what is merged first
//!   before what is merged later.
//! * **The same key twice** in one mapping is an error, but not inside what
//!   nobody asks for.
//!
//! Errors name the line and the path, and never quote the text.
//!
//! Unlike in Go the first error ends it, `null` in a list is an empty value
//! and not left out (ask for a list of `Option`), and `#[serde(flatten)]`
//! takes away what serde knows of a field's type, so that no text is made of
//! numbers there.
//!
//! # Examples
//!
//! ```
//! use go_yaml::{Limits, de};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     stores: Stores,
//! }
//!
//! #[derive(Deserialize)]
//! struct Stores {
//!     indent: u8,
//!     suffix: String,
//!     #[serde(default)]
//!     compact: bool,
//! }
//!
//! let text = "\
//! defaults: &defaults {indent: 012, compact: yes}
//! stores:
//!   <<: *defaults
//!   suffix: 5
//! ";
//! let config: Config = de::from_str(text, &Limits::default())?;
//! assert_eq!(config.stores.indent, 10);
//! assert_eq!(config.stores.suffix, "5");
//! assert!(config.stores.compact);
//!
//! let error = de::from_str::<Config>("stores:\n  indent: [1]\n", &Limits::default());
//! assert_eq!(
//!     error.err().unwrap().to_string(),
//!     "line 2: stores.indent: expected an integer, found a list",
//! );
//! # Ok::<(), de::Error>(())
//! ```

mod collections;
mod entries;
mod enums;
mod error;
mod here;
mod hints;
mod located;
mod node;

use std::cell::{Cell, RefCell};

use serde::de::DeserializeOwned;

use crate::{Document, Kind, Limits, Node, NodeId, parse_first};
use here::Here;

pub use error::{Error, kind_of, one_of};
pub use located::Located;

/// How deep values may be nested once aliases are followed. Each level takes
/// stack.
const DEPTH: usize = 256;

/// How many more nodes than are written aliases may stand for. go-yaml allows
/// as many while a document is small.
const ALIASED_NODES: usize = 400_000;

/// Bytes of text that count as one more node.
const TEXT_PER_NODE: usize = 64;

/// Reads the first document of a text.
///
/// # Errors
///
/// [`Error`] where the text is not YAML, goes beyond a limit, or is not what
/// the type asks for.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
///
/// let ages: BTreeMap<String, u8> = go_yaml::de::from_str("ann: 30\nbob: 0x20\n", &Default::default())?;
/// assert_eq!(ages["bob"], 32);
/// # Ok::<(), go_yaml::de::Error>(())
/// ```
pub fn from_str<T: DeserializeOwned>(text: &str, limits: &Limits) -> Result<T, Error> {
    let mut limits = *limits;
    limits.depth = limits.depth.min(DEPTH);
    let document = parse_first(text, &limits)?.unwrap_or_default();
    T::deserialize(&Deserializer::new(&document))
}

/// Reads one document.
///
/// Text that stands in the file as it is meant can be borrowed, `&str`.
///
/// # Errors
///
/// [`Error`] where the document is not what the type asks for, or an alias
/// names what it is a part of.
///
/// # Examples
///
/// ```
/// use go_yaml::{Limits, de, parse};
///
/// let documents = parse("[a, b]\n---\n[c]\n", &Limits::default())?;
/// let lists: Vec<Vec<&str>> = documents.iter().map(de::from_document).collect::<Result<_, _>>()?;
/// assert_eq!(lists, [vec!["a", "b"], vec!["c"]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_document<'de, T: serde::Deserialize<'de>>(
    document: &'de Document<'de>,
) -> Result<T, Error> {
    T::deserialize(&Deserializer::new(document))
}

/// A [`serde::Deserializer`] over one document.
///
/// One reads as much as the document holds and aliases may stand for, so make
/// one for each reading.
///
/// # Examples
///
/// ```
/// use go_yaml::{Limits, de::Deserializer, parse};
/// use serde::Deserialize;
///
/// let documents = parse("[1, 2]", &Limits::default())?;
/// let numbers = Vec::<i32>::deserialize(&Deserializer::new(&documents[0]))?;
/// assert_eq!(numbers, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Deserializer<'de> {
    document: &'de Document<'de>,
    /// What may still be visited.
    budget: Cell<usize>,
    /// Aliases that are being followed.
    open: RefCell<Vec<NodeId>>,
}

impl<'de> Deserializer<'de> {
    /// Over this document; one without a root is null.
    #[must_use]
    pub fn new(document: &'de Document<'de>) -> Self {
        let written = document.ids().filter_map(|id| document.get(id)).map(weight);
        Deserializer {
            document,
            budget: Cell::new(written.sum::<usize>().saturating_add(ALIASED_NODES)),
            open: RefCell::default(),
        }
    }

    fn root(&self) -> Here<'_, 'de> {
        Here {
            all: self,
            id: self.document.root(),
            depth: 0,
        }
    }

    /// Pays for a visit of a node.
    fn visit(&self, node: &Node<'_>) -> Result<(), Error> {
        let left = self
            .budget
            .get()
            .checked_sub(weight(node))
            .ok_or_else(|| Error::limit("aliases stand for too much").at(node))?;
        self.budget.set(left);
        Ok(())
    }
}

/// What a visit costs: text may be copied each time.
fn weight(node: &Node<'_>) -> usize {
    match &node.kind {
        Kind::Scalar { value, .. } => 1 + value.len() / TEXT_PER_NODE,
        _ => 1,
    }
}

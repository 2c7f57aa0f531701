//! What is open around the place where the pen stands.

use super::Pending;

/// An open document or collection.
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) next: Next,
    /// The indentation to go back to at its end.
    pub(super) outer: Option<usize>,
    /// The foot comment of the last key.
    pub(super) key_foot: Pending,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Document,
    /// Not decided before the first child: an empty one is in flow style.
    Sequence {
        flow: bool,
        in_mapping: bool,
    },
    Mapping {
        flow: bool,
    },
}

/// What may come next in a frame.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Next {
    First,
    /// Another item or key.
    Item,
    /// As `Item`, but its comma is written already.
    AfterComma,
    Value {
        simple_key: bool,
    },
    /// Nothing: the document has its root.
    End,
}

/// What the place of a node needs to know about it.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Bytes it would take as a key on one line, if it can be that.
    pub(super) key_len: Option<usize>,
    pub(super) scalar: bool,
}

/// go-yaml writes longer keys behind a `?`.
const MAX_SIMPLE_KEY: usize = 128;

impl Shape {
    pub(super) fn is_simple_key(&self) -> bool {
        self.key_len.is_some_and(|len| len <= MAX_SIMPLE_KEY)
    }
}

impl Frame {
    pub(super) fn is_flow(&self) -> bool {
        matches!(
            self.kind,
            Kind::Sequence { flow: true, .. } | Kind::Mapping { flow: true }
        )
    }

    pub(super) fn is_at_key(&self) -> bool {
        matches!(self.kind, Kind::Mapping { .. }) && !matches!(self.next, Next::Value { .. })
    }
}

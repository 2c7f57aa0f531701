//! A place in a document, before anything is asked of it.

use super::{Deserializer, Error};
use crate::resolve::{Resolved, resolve_tagged};
use crate::{Kind, Node, NodeId};

/// A place in a document: a node, or the null of a document without any.
#[derive(Clone, Copy)]
pub(super) struct Here<'s, 'de> {
    pub(super) all: &'s Deserializer<'de>,
    pub(super) id: Option<NodeId>,
    pub(super) depth: usize,
}

impl<'s, 'de> Here<'s, 'de> {
    pub(super) fn below(self, id: NodeId) -> Self {
        Here {
            id: Some(id),
            depth: self.depth + 1,
            ..self
        }
    }

    /// The line, 0 where nothing was written.
    pub(super) fn line(self) -> u32 {
        let node = self.id.and_then(|id| self.all.node(id));
        node.map_or(0, |node| node.mark.line)
    }

    /// Whether this is null, or an alias of one.
    pub(super) fn is_null(self) -> bool {
        let node = self
            .id
            .and_then(|id| self.all.node(self.all.document.follow(id)));
        node.is_none_or(|node| match &node.kind {
            Kind::Scalar { value, style } => {
                resolve_tagged(node.tag(), *style, value) == Ok(Resolved::Null)
            }
            _ => false,
        })
    }

    /// The text of a scalar, if it is one; nothing is paid for it.
    pub(super) fn key_text(self) -> &'de str {
        let node = self
            .id
            .and_then(|id| self.all.node(self.all.document.follow(id)));
        match node.map(|node| &node.kind) {
            Some(Kind::Scalar { value, .. }) => value,
            _ => "",
        }
    }
}

impl<'de> Deserializer<'de> {
    /// Does something with the target of an alias, which may not be one that
    /// the alias is part of.
    pub(super) fn through_alias<R>(
        &self,
        alias: &Node<'_>,
        target: NodeId,
        read: impl FnOnce() -> Result<R, Error>,
    ) -> Result<R, Error> {
        if self.open.borrow().contains(&target) {
            return Err(Error::new("an alias names a value that contains it").at(alias));
        }
        self.open.borrow_mut().push(target);
        let result = read();
        self.open.borrow_mut().pop();
        result
    }
}

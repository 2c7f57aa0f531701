//! Anchors and what names them again.

use std::borrow::Cow;

use super::Parser;
use super::properties::Found;
use crate::scan::{Pos, Token};
use crate::{Error, Kind, Node, NodeId, Result};

impl<'a> Parser<'a> {
    pub(super) fn alias(&mut self, start: Pos) -> Result<NodeId> {
        let comments = self.pending_comments();
        let Some(Token { name, .. }) = self.take() else {
            return Err(self.error(start, "did not find expected alias"));
        };
        let target = match self.anchors.get(name) {
            Some(&(document, id)) if document == self.finished.len() => id,
            Some(&(document, id)) => self.import(document, id, start)?,
            None => return Err(self.error(start, "an alias names an unknown anchor")),
        };
        let properties = Found {
            tag: None,
            anchor: Some(name),
        };
        let node = Node {
            properties: properties.boxed(),
            comments,
            ..Node::new(Kind::Alias(target))
        };
        self.add(start, node)
    }

    /// Copies a node of an earlier document into this one.
    pub(super) fn import(&mut self, document: usize, id: NodeId, start: Pos) -> Result<NodeId> {
        let mut node = self.finished[document].node(id).clone();
        // What is copied and not borrowed counts as nodes of this size.
        let mut text = node.head().len() + node.line().len() + node.foot().len();
        if let Kind::Scalar {
            value: Cow::Owned(value),
            ..
        } = &node.kind
        {
            text += value.len();
        }
        self.nodes += text / size_of::<Node<'_>>();
        let mark = node.mark;
        let copied = self.add(start, Node::scalar(""))?;
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(Error {
                is_limit: true,
                ..self.error(start, "nested too deeply")
            });
        }
        match &mut node.kind {
            Kind::Scalar { .. } => {}
            Kind::Sequence { items, .. } => {
                for item in items {
                    *item = self.import(document, *item, start)?;
                }
            }
            Kind::Mapping { entries, .. } => {
                for (key, value) in entries {
                    *key = self.import(document, *key, start)?;
                    *value = self.import(document, *value, start)?;
                }
            }
            Kind::Alias(target) => *target = self.import(document, *target, start)?,
        }
        self.depth -= 1;
        *self.document.node_mut(copied) = Node { mark, ..node };
        Ok(copied)
    }

    pub(super) fn remember(&mut self, anchor: Option<&'a str>, id: NodeId) {
        if let Some(name) = anchor {
            self.anchors.insert(name, (self.finished.len(), id));
        }
    }
}

//! One node, of whatever kind.

use super::Parser;
use super::properties::Found;
use crate::scan::{Pos, Token, TokenKind};
use crate::{Error, Kind, Mark, Node, NodeId, Result};

impl<'a> Parser<'a> {
    pub(super) fn add(&mut self, start: Pos, node: Node<'a>) -> Result<NodeId> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Error {
                is_limit: true,
                ..self.error(start, "too many nodes")
            });
        }
        let mark = Mark {
            line: start.line + 1,
            column: (start.column + 1).unsigned_abs(),
        };
        Ok(self.document.add(Node { mark, ..node }))
    }

    /// A null that nothing was written for. Comments pass it by.
    pub(super) fn empty_scalar(&mut self, at: Pos) -> Result<NodeId> {
        self.add(at, Node::scalar(""))
    }

    pub(super) fn node(&mut self, block: bool, indentless: bool) -> Result<NodeId> {
        let (next, start) = self.peek()?;
        if next == TokenKind::Alias {
            return self.alias(start);
        }
        let mut properties = Found::default();
        let (mut next, mut here) = (next, start);
        if matches!(next, TokenKind::Anchor | TokenKind::Tag) {
            properties = self.properties(start)?;
            (next, here) = self.peek()?;
        }
        if indentless && next == TokenKind::BlockEntry {
            return self.collection(start, properties, Self::indentless_sequence);
        }
        match next {
            TokenKind::Scalar => self.scalar(start, properties),
            TokenKind::FlowSequenceStart => self.collection(start, properties, Self::flow_sequence),
            TokenKind::FlowMappingStart => self.collection(start, properties, Self::flow_mapping),
            TokenKind::BlockSequenceStart if block => {
                self.collection(start, properties, Self::block_sequence)
            }
            TokenKind::BlockMappingStart if block => {
                self.collection(start, properties, Self::block_mapping)
            }
            _ if properties.tag.is_some() || properties.anchor.is_some() => {
                let anchor = properties.anchor;
                let node = Node {
                    properties: properties.of_scalar(),
                    ..Node::scalar("")
                };
                let id = self.add(start, node)?;
                self.remember(anchor, id);
                Ok(id)
            }
            _ => Err(self.error(here, "did not find expected node content")),
        }
    }

    pub(super) fn scalar(&mut self, start: Pos, properties: Found<'a>) -> Result<NodeId> {
        let comments = self.pending_comments();
        let Some(Token { text, style, .. }) = self.take() else {
            return Err(self.error(start, "did not find expected node content"));
        };
        let anchor = properties.anchor;
        let node = Node {
            properties: properties.of_scalar(),
            comments,
            ..Node::new(Kind::Scalar { value: text, style })
        };
        let id = self.add(start, node)?;
        self.remember(anchor, id);
        Ok(id)
    }

    /// A collection: the node is made before its content, so that an alias
    /// inside can name it.
    pub(super) fn collection(
        &mut self,
        start: Pos,
        properties: Found<'a>,
        content: fn(&mut Self, NodeId) -> Result<Kind<'a>>,
    ) -> Result<NodeId> {
        let anchor = properties.anchor;
        let node = Node {
            properties: properties.boxed(),
            ..Node::scalar("")
        };
        // Dashes at the column of their key, and `[a: b]`, are levels that the
        // scanner does not count.
        if self.depth >= self.limits.depth {
            return Err(Error {
                is_limit: true,
                ..self.error(start, "nested too deeply")
            });
        }
        let id = self.add(start, node)?;
        self.remember(anchor, id);
        self.depth += 1;
        let kind = content(self, id)?;
        self.depth -= 1;
        self.document.node_mut(id).kind = kind;
        Ok(id)
    }

    pub(super) fn stem_comment(&mut self, id: NodeId) {
        if !self.stem.is_empty() {
            let stem = std::mem::take(&mut self.stem);
            self.document.node_mut(id).comments_mut().head = stem.into();
        }
    }
}

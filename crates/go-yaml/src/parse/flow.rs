//! Sequences and mappings in brackets.

use super::Parser;
use super::properties::Found;
use crate::scan::TokenKind;
use crate::{Kind, NodeId, Result};

impl<'a> Parser<'a> {
    /// Comments at the end of a flow collection replace those of its start.
    pub(super) fn end_flow(&mut self, id: NodeId) {
        let end = self.pending_comments();
        self.take();
        let node = self.document.node_mut(id);
        if end.is_none() && node.comments.is_none() {
            return;
        }
        let comments = node.comments_mut();
        let end = end.unwrap_or_default();
        comments.line = end.line;
        comments.foot = end.foot;
    }

    pub(super) fn start_flow(&mut self, id: NodeId) {
        let comments = self.pending_comments();
        self.document.node_mut(id).comments = comments;
        self.take();
    }

    pub(super) fn flow_sequence(&mut self, id: NodeId) -> Result<Kind<'a>> {
        self.start_flow(id);
        let mut items = Vec::new();
        loop {
            let (mut next, mut start) = self.peek()?;
            if next != TokenKind::FlowSequenceEnd && !items.is_empty() {
                if next != TokenKind::FlowEntry {
                    return Err(self.error(start, "did not find expected ',' or ']'"));
                }
                self.take();
                (next, start) = self.peek()?;
            }
            match next {
                TokenKind::FlowSequenceEnd => {
                    self.end_flow(id);
                    return Ok(Kind::Sequence { items, flow: true });
                }
                TokenKind::Key => {
                    let none = Found::default();
                    items.push(self.collection(start, none, Self::flow_pair)?);
                }
                _ => items.push(self.node(false, false)?),
            }
        }
    }

    /// `[a: b]`: a mapping of one entry without braces.
    pub(super) fn flow_pair(&mut self, _: NodeId) -> Result<Kind<'a>> {
        self.take();
        let (next, at) = self.peek()?;
        let key = if matches!(
            next,
            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd
        ) {
            self.take();
            self.empty_scalar(at)?
        } else {
            self.node(false, false)?
        };
        let (mut next, mut at) = self.peek()?;
        if next == TokenKind::Value {
            self.take();
            (next, at) = self.peek()?;
            if !matches!(next, TokenKind::FlowEntry | TokenKind::FlowSequenceEnd) {
                let value = self.node(false, false)?;
                self.foot_of_value_to_key(key, value);
                return Ok(Kind::Mapping {
                    entries: vec![(key, value)],
                    flow: true,
                });
            }
        }
        let value = self.empty_scalar(at)?;
        Ok(Kind::Mapping {
            entries: vec![(key, value)],
            flow: true,
        })
    }

    pub(super) fn flow_mapping(&mut self, id: NodeId) -> Result<Kind<'a>> {
        self.start_flow(id);
        let mut entries = Vec::new();
        loop {
            let (mut next, start) = self.peek()?;
            if next != TokenKind::FlowMappingEnd && !entries.is_empty() {
                if next != TokenKind::FlowEntry {
                    return Err(self.error(start, "did not find expected ',' or '}'"));
                }
                self.take();
                (next, _) = self.peek()?;
            }
            if next == TokenKind::FlowMappingEnd {
                self.end_flow(id);
                return Ok(Kind::Mapping {
                    entries,
                    flow: true,
                });
            }
            let (key, value);
            if next == TokenKind::Key {
                self.take();
                key = match self.peek()? {
                    (TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd, at) => {
                        self.empty_scalar(at)?
                    }
                    _ => self.node(false, false)?,
                };
                let (mut next, mut at) = self.peek()?;
                let has_value = next == TokenKind::Value && {
                    self.take();
                    (next, at) = self.peek()?;
                    !matches!(next, TokenKind::FlowEntry | TokenKind::FlowMappingEnd)
                };
                value = if has_value {
                    self.node(false, false)?
                } else {
                    self.empty_scalar(at)?
                };
            } else {
                key = self.node(false, false)?;
                let (_, at) = self.peek()?;
                value = self.empty_scalar(at)?;
            }
            self.foot_of_value_to_key(key, value);
            entries.push((key, value));
        }
    }
}

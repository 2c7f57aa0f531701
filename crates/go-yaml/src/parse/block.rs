//! Sequences and mappings that are told apart by their columns.

use super::Parser;
use crate::scan::{Pos, TokenKind};
use crate::{Comments, Kind, NodeId, Result};

impl<'a> Parser<'a> {
    pub(super) fn block_sequence(&mut self, id: NodeId) -> Result<Kind<'a>> {
        self.stem_comment(id);
        self.take();
        let mut items = Vec::new();
        loop {
            let (next, start) = self.peek()?;
            match next {
                TokenKind::BlockEntry => items.push(self.block_entry(start, false)?),
                TokenKind::BlockEnd => {
                    self.take();
                    return Ok(Kind::Sequence { items, flow: false });
                }
                _ => return Err(self.error(start, "did not find expected '-' indicator")),
            }
        }
    }

    /// A sequence whose dashes stand at the column of the key above.
    pub(super) fn indentless_sequence(&mut self, _: NodeId) -> Result<Kind<'a>> {
        let mut items = Vec::new();
        loop {
            let (next, start) = self.peek()?;
            if next != TokenKind::BlockEntry {
                return Ok(Kind::Sequence { items, flow: false });
            }
            items.push(self.block_entry(start, true)?);
        }
    }

    pub(super) fn block_entry(&mut self, start: Pos, indentless: bool) -> Result<NodeId> {
        let stem_len = self.head.len();
        self.take();
        let (next, _) = self.peek()?;
        if stem_len > 0
            && matches!(
                next,
                TokenKind::BlockSequenceStart | TokenKind::BlockMappingStart
            )
        {
            let rest = if self.head.len() > stem_len {
                self.head.split_off(stem_len + 1)
            } else {
                String::new()
            };
            self.head.truncate(stem_len);
            self.stem = std::mem::replace(&mut self.head, rest);
        }
        let empty = match next {
            TokenKind::BlockEntry | TokenKind::BlockEnd => true,
            TokenKind::Key | TokenKind::Value => indentless,
            _ => false,
        };
        if empty {
            self.empty_scalar(start)
        } else {
            self.node(true, false)
        }
    }

    pub(super) fn block_mapping(&mut self, id: NodeId) -> Result<Kind<'a>> {
        self.stem_comment(id);
        self.take();
        let mut entries: Vec<(NodeId, NodeId)> = Vec::new();
        loop {
            let (next, start) = self.peek()?;
            match next {
                TokenKind::Key => {}
                TokenKind::BlockEnd => {
                    let end = self.pending_comments();
                    self.take();
                    self.end_block_mapping(id, entries.last().map(|(key, _)| *key), end);
                    return Ok(Kind::Mapping {
                        entries,
                        flow: false,
                    });
                }
                _ => return Err(self.error(start, "did not find expected key")),
            }
            self.take();
            let key = match self.peek()? {
                (TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd, at) => {
                    self.empty_scalar(at)?
                }
                _ => self.node(true, true)?,
            };
            if let Some((previous, _)) = entries.last()
                && !self.document.node(key).foot().is_empty()
            {
                // Seen only after the dedent: it is below the entry before.
                self.move_foot(key, *previous);
            }
            let (next, at) = self.peek()?;
            let value = if next == TokenKind::Value {
                self.take();
                match self.peek()? {
                    (TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd, at) => {
                        self.empty_scalar(at)?
                    }
                    _ => self.node(true, true)?,
                }
            } else {
                self.empty_scalar(at)?
            };
            self.foot_of_value_to_key(key, value);
            entries.push((key, value));
        }
    }

    pub(super) fn end_block_mapping(
        &mut self,
        id: NodeId,
        last_key: Option<NodeId>,
        end: Option<Box<Comments<'a>>>,
    ) {
        let Some(end) = end else { return };
        let node = self.document.node_mut(id);
        node.comments_mut().line = end.line;
        if !end.foot.is_empty() {
            let owner = last_key.unwrap_or(id);
            self.document.node_mut(owner).comments_mut().foot = end.foot;
        }
    }

    pub(super) fn move_foot(&mut self, from: NodeId, to: NodeId) {
        let Some(comments) = &mut self.document.node_mut(from).comments else {
            return;
        };
        let foot = std::mem::take(&mut comments.foot);
        self.document.node_mut(to).comments_mut().foot = foot;
    }

    pub(super) fn foot_of_value_to_key(&mut self, key: NodeId, value: NodeId) {
        if self.document.node(key).foot().is_empty() && !self.document.node(value).foot().is_empty()
        {
            self.move_foot(value, key);
        }
    }
}

//! Documents of a stream, and what stands between them.

use super::{Parser, TAG_PREFIX_MAX, TEXT_PER_NODE};
use crate::scan::{Token, TokenKind};
use crate::{Comments, Document, Error, NodeId, Result};

impl<'a> Parser<'a> {
    /// Reads one more document; `false` at the end of the stream.
    pub(super) fn next_document(&mut self) -> Result<bool> {
        let first = self.finished.is_empty();
        let (mut next, mut start) = self.peek()?;
        if !first {
            while next == TokenKind::DocumentEnd {
                self.take();
                (next, start) = self.peek()?;
            }
        }
        if next == TokenKind::StreamEnd {
            return Ok(false);
        }
        if self.finished.len() >= self.limits.documents {
            return Err(Error {
                is_limit: true,
                ..self.error(start, "too many documents")
            });
        }
        let explicit = matches!(
            next,
            TokenKind::VersionDirective | TokenKind::TagDirective | TokenKind::DocumentStart
        );
        self.document = Document::new();
        if first {
            self.document
                .reserve(self.scanner.text_len() / TEXT_PER_NODE);
        }
        let root = if first && !explicit {
            self.split_document_head();
            self.node(true, false)?
        } else {
            self.explicit_document()?
        };
        self.document.set_root(root);
        if self.peek()?.0 == TokenKind::DocumentEnd {
            self.take();
        }
        if let Some(comments) = self.pending_comments() {
            let Comments { head, foot, .. } = *comments;
            self.document.comments.foot = if foot.is_empty() { head } else { foot };
        }
        self.tag_handles.clear();
        self.finished.push(std::mem::take(&mut self.document));
        Ok(true)
    }

    /// In a stream that begins without `---`, what stands above the last blank
    /// line of the first comment is about the document, the rest about its
    /// first node.
    pub(super) fn split_document_head(&mut self) {
        let bytes = self.head.as_bytes();
        for at in (1..bytes.len()).rev() {
            if bytes[at] != b'\n' {
                continue;
            }
            let ends_head = at == bytes.len() - 1;
            if ends_head || bytes[at - 1] == b'\n' {
                let rest = self.head.split_off(at + 1);
                self.head.truncate(if ends_head { at } else { at - 1 });
                self.document.comments.head = std::mem::replace(&mut self.head, rest).into();
                return;
            }
        }
    }

    pub(super) fn explicit_document(&mut self) -> Result<NodeId> {
        let mut version_seen = false;
        loop {
            let (next, start) = self.peek()?;
            let token = self.take();
            match (next, token) {
                (TokenKind::VersionDirective, _) => {
                    if version_seen {
                        return Err(self.error(start, "found duplicate %YAML directive"));
                    }
                    version_seen = true;
                }
                (TokenKind::TagDirective, Some(Token { name, text, .. })) => {
                    if text.len() > TAG_PREFIX_MAX {
                        return Err(Error {
                            is_limit: true,
                            ..self.error(start, "the prefix of a %TAG directive is too long")
                        });
                    }
                    if self.tag_handles.insert(name, text).is_some() {
                        return Err(self.error(start, "found duplicate %TAG directive"));
                    }
                }
                (TokenKind::DocumentStart, _) => break,
                _ => return Err(self.error(start, "did not find expected <document start>")),
            }
        }
        let (next, start) = self.peek()?;
        match next {
            TokenKind::VersionDirective
            | TokenKind::TagDirective
            | TokenKind::DocumentStart
            | TokenKind::DocumentEnd
            | TokenKind::StreamEnd => self.empty_scalar(start),
            _ => self.node(true, false),
        }
    }
}

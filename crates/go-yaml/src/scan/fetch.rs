//! One token at a time, by the character that it starts with.

use super::keys::SimpleKey;
use super::{Scanner, TokenKind};
use crate::Result;

impl Scanner<'_> {
    pub(super) fn fetch_next_token(&mut self) -> Result<()> {
        let skipped = self.pos;
        self.skip_to_next_token();
        self.dedent_to(self.pos.column, skipped);

        if self.is_end(0) {
            return self.fetch_stream_end();
        }
        if self.pos.column == 0 {
            if self.byte(0) == b'%' {
                return self.fetch_directive();
            }
            if self.at_document_indicator() {
                return self.fetch_document_indicator();
            }
        }

        // A comment behind `:` or `,` belongs to what stands before the sign.
        let sign = self.byte(0);
        let of_token = match self.last {
            Some((_, start))
                if (self.flow_level == 0 && sign == b':')
                    || (self.flow_level > 0 && sign == b',') =>
            {
                start
            }
            _ => self.pos,
        };
        self.fetch_content_token()?;
        if !matches!(self.last, Some((TokenKind::BlockEntry, _))) {
            self.scan_line_comment(of_token);
        }
        Ok(())
    }

    pub(super) fn fetch_content_token(&mut self) -> Result<()> {
        let in_flow = self.flow_level > 0;
        let next_ends = self.is_blank_or_end(1);
        match self.byte(0) {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' if in_flow => self.fetch_flow_entry(),
            b'-' if next_ends => self.fetch_block_entry(),
            b'?' if in_flow || next_ends => self.fetch_key(),
            b':' if in_flow || next_ends => self.fetch_value(),
            b'*' => self.fetch_anchor(true),
            b'&' => self.fetch_anchor(false),
            b'!' => self.fetch_tag(),
            b'|' if !in_flow => self.fetch_block_scalar(true),
            b'>' if !in_flow => self.fetch_block_scalar(false),
            b'\'' => self.fetch_flow_scalar(true),
            b'"' => self.fetch_flow_scalar(false),
            b'-' if !self.is_blank(1) => self.fetch_plain_scalar(),
            b'?' | b':' if !in_flow => self.fetch_plain_scalar(),
            b'\t' | b'-' | b'?' | b':' | b',' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                Err(self.error("found character that cannot start any token"))
            }
            _ => self.fetch_plain_scalar(),
        }
    }

    pub(super) fn skip_to_next_token(&mut self) {
        let skipped = self.pos;
        loop {
            if self.pos.column == 0 && self.rest().starts_with('\u{FEFF}') {
                self.advance(3);
            }
            // A tab may not stand where indentation is counted.
            let tabs = self.flow_level > 0 || !self.simple_key_allowed;
            let is_skipped = |b: &&u8| **b == b' ' || (tabs && **b == b'\t');
            let blanks = self.rest().as_bytes().iter().take_while(is_skipped).count();
            self.pass_blanks(blanks);
            self.head_comment_of_first_item();
            if self.byte(0) == b'#' {
                self.scan_own_line_comments(skipped);
            }
            if self.break_len(0) == 0 {
                return;
            }
            self.advance_line();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    pub(super) fn at_document_indicator(&self) -> bool {
        self.pos.column == 0
            && (self.rest().starts_with("---") || self.rest().starts_with("..."))
            && self.is_blank_or_end(3)
    }

    pub(super) fn fetch_stream_end(&mut self) -> Result<()> {
        if self.pos.column != 0 {
            self.pos.column = 0;
            self.pos.line += 1;
        }
        self.dedent_to(-1, self.pos);
        self.drop_simple_key()?;
        self.simple_key_allowed = false;
        self.push(TokenKind::StreamEnd, self.pos);
        self.stream_ended = true;
        Ok(())
    }

    pub(super) fn fetch_document_indicator(&mut self) -> Result<()> {
        self.dedent_to(-1, self.pos);
        self.drop_simple_key()?;
        self.simple_key_allowed = false;
        let kind = match self.byte(0) {
            b'-' => TokenKind::DocumentStart,
            _ => TokenKind::DocumentEnd,
        };
        let start = self.pos;
        self.advance(3);
        self.push(kind, start);
        Ok(())
    }

    pub(super) fn fetch_flow_start(&mut self, kind: TokenKind) -> Result<()> {
        self.save_simple_key()?;
        self.check_depth()?;
        self.simple_keys.push(SimpleKey {
            token_number: self.taken + self.tokens.len(),
            ..SimpleKey::NONE
        });
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.push_sign(kind);
        Ok(())
    }

    pub(super) fn fetch_flow_end(&mut self, kind: TokenKind) -> Result<()> {
        self.drop_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.push_sign(kind);
        Ok(())
    }

    pub(super) fn fetch_flow_entry(&mut self) -> Result<()> {
        self.drop_simple_key()?;
        self.simple_key_allowed = true;
        self.push_sign(TokenKind::FlowEntry);
        Ok(())
    }

    pub(super) fn fetch_block_entry(&mut self) -> Result<()> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("block sequence entries are not allowed in this context"));
            }
            self.indent_to(
                self.pos.column,
                None,
                TokenKind::BlockSequenceStart,
                self.pos,
            )?;
        }
        self.drop_simple_key()?;
        self.simple_key_allowed = true;
        self.push_sign(TokenKind::BlockEntry);
        Ok(())
    }

    pub(super) fn fetch_key(&mut self) -> Result<()> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("mapping keys are not allowed in this context"));
            }
            self.indent_to(
                self.pos.column,
                None,
                TokenKind::BlockMappingStart,
                self.pos,
            )?;
        }
        self.drop_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.push_sign(TokenKind::Key);
        Ok(())
    }

    pub(super) fn fetch_value(&mut self) -> Result<()> {
        let last = self.simple_keys.len() - 1;
        if self.simple_key_holds(last)? {
            let key = self.simple_keys[last];
            self.insert(key.token_number, TokenKind::Key, key.pos);
            let mapping = TokenKind::BlockMappingStart;
            self.indent_to(key.pos.column, Some(key.token_number), mapping, key.pos)?;
            self.simple_keys[last].possible = false;
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.error("mapping values are not allowed in this context"));
                }
                let mapping = TokenKind::BlockMappingStart;
                self.indent_to(self.pos.column, None, mapping, self.pos)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.push_sign(TokenKind::Value);
        Ok(())
    }

    /// Queues a token of one character.
    pub(super) fn push_sign(&mut self, kind: TokenKind) {
        let start = self.pos;
        self.pos.index += 1;
        self.pos.column += 1;
        self.newlines = 0;
        self.push(kind, start);
    }
}

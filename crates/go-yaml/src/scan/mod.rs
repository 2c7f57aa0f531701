//! Text to tokens.
//!
//! The tokens are those of the YAML 1.1 grammar as libyaml cut it, because
//! go-yaml's scanner descends from libyaml and accepts and refuses the same
//! texts. Comments are not tokens: they are queued beside them (see
//! [`comments`]) and handed to the parser when it has come to the token that
//! they belong to.

mod comments;
mod properties;
mod scalars;

use std::borrow::Cow;
use std::collections::VecDeque;

pub(crate) use comments::{CommentKind, CommentRecord};

use crate::{Error, Result, ScalarStyle};

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pos {
    /// Bytes before it. Signed, because a block may be said to end just before
    /// the first byte.
    pub(crate) index: i64,
    /// Lines before it.
    pub(crate) line: u32,
    /// Characters before it on its line.
    pub(crate) column: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenKind {
    StreamEnd,
    VersionDirective,
    TagDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    Scalar,
}

#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) start: Pos,
    /// The name of an anchor or alias; the handle of a tag.
    pub(crate) name: &'a str,
    /// The text of a scalar; the suffix of a tag; the prefix that a `%TAG`
    /// directive declares.
    pub(crate) text: Cow<'a, str>,
    /// Of a scalar.
    pub(crate) style: ScalarStyle,
}

impl Token<'_> {
    /// A token that is nothing but its kind.
    fn new(kind: TokenKind, start: Pos) -> Self {
        Token {
            kind,
            start,
            name: "",
            text: Cow::Borrowed(""),
            style: ScalarStyle::Plain,
        }
    }
}

/// A place where a key without `?` may have begun: known to be one only when
/// its `:` is found.
#[derive(Clone, Copy)]
struct SimpleKey {
    possible: bool,
    /// In block context at the indentation of the mapping nothing but a key
    /// can stand, so that a missing `:` is an error.
    required: bool,
    token_number: usize,
    pos: Pos,
}

impl SimpleKey {
    const NONE: SimpleKey = SimpleKey {
        possible: false,
        required: false,
        token_number: 0,
        pos: Pos {
            index: 0,
            line: 0,
            column: 0,
        },
    };
}

/// A key without `?` is at most this long, in characters (YAML 1.1, §7.3).
const SIMPLE_KEY_MAX: usize = 1024;

pub(crate) struct Scanner<'a> {
    text: &'a str,
    pos: Pos,
    /// Line breaks since the last character that was not blank.
    newlines: u32,
    tokens: VecDeque<Token<'a>>,
    /// Tokens that were handed out.
    taken: usize,
    /// The last token of the queue and the one before it, also when they were
    /// handed out already.
    last: Option<(TokenKind, Pos)>,
    before_last: Option<(TokenKind, Pos)>,
    comments: VecDeque<CommentRecord>,
    /// Column of the innermost block collection; -1 outside of any.
    indent: i32,
    indents: Vec<i32>,
    flow_level: usize,
    simple_key_allowed: bool,
    simple_keys: Vec<SimpleKey>,
    stream_ended: bool,
    max_depth: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str, max_depth: usize) -> Self {
        Scanner {
            text,
            pos: Pos {
                index: 0,
                line: 0,
                column: 0,
            },
            newlines: 0,
            tokens: VecDeque::with_capacity(16),
            taken: 0,
            last: None,
            before_last: None,
            comments: VecDeque::new(),
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::NONE],
            stream_ended: false,
            max_depth,
        }
    }

    /// Bytes of the whole text.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The next token, not yet taken.
    pub(crate) fn peek(&mut self) -> Result<&Token<'a>> {
        while self.needs_more_tokens()? {
            self.fetch_next_token()?;
        }
        self.tokens
            .front()
            .ok_or_else(|| self.error("unexpected end of stream"))
    }

    /// Takes the token that was peeked at.
    pub(crate) fn take(&mut self) -> Option<Token<'a>> {
        self.taken += 1;
        self.tokens.pop_front()
    }

    /// The next comment whose token has come, if the token is at `index`. A
    /// head comment waits while the token ends a block.
    pub(crate) fn next_comment(
        &mut self,
        index: i64,
        is_block_end: bool,
    ) -> Option<(CommentKind, String)> {
        let first = self.comments.front()?;
        if index < first.token || (is_block_end && first.kind == CommentKind::Head) {
            return None;
        }
        self.comments.pop_front().map(|c| (c.kind, c.text))
    }

    pub(crate) fn error(&self, message: &str) -> Error {
        Error {
            line: self.pos.line + 1,
            column: (self.pos.column + 1).unsigned_abs(),
            message: message.to_owned(),
            is_limit: false,
        }
    }

    fn limit(&self, message: &str) -> Error {
        Error {
            is_limit: true,
            ..self.error(message)
        }
    }

    // ---- reading characters -------------------------------------------

    fn offset(&self) -> usize {
        self.pos.index as usize
    }

    /// The byte `n` bytes ahead; 0 at the end. (A text holds no NUL.)
    fn byte(&self, n: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.offset() + n)
            .copied()
            .unwrap_or(0)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset()..).unwrap_or("")
    }

    /// Length in bytes of the line break `n` bytes ahead; 0 if there is none.
    fn break_len(&self, n: usize) -> usize {
        break_len(self.text.as_bytes(), self.offset() + n)
    }

    fn is_blank(&self, n: usize) -> bool {
        matches!(self.byte(n), b' ' | b'\t')
    }

    fn is_end(&self, n: usize) -> bool {
        self.byte(n) == 0
    }

    fn is_break_or_end(&self, n: usize) -> bool {
        self.is_end(n) || self.break_len(n) > 0
    }

    fn is_blank_or_end(&self, n: usize) -> bool {
        self.is_blank(n) || self.is_break_or_end(n)
    }

    /// The blanks ahead.
    fn blanks(&self) -> &'a str {
        let rest = self.rest();
        let is_blank = |b: &&u8| matches!(**b, b' ' | b'\t');
        &rest[..rest.as_bytes().iter().take_while(is_blank).count()]
    }

    /// The rest of the line, without its break.
    fn rest_of_line(&self) -> &'a str {
        let rest = self.rest();
        &rest[..scalars::line_len(rest.as_bytes())]
    }

    /// Moves over `len` bytes, which hold no line break.
    fn advance(&mut self, len: usize) {
        let passed = &self.text.as_bytes()[self.offset()..self.offset() + len];
        let continuations = if passed.is_ascii() {
            0
        } else {
            passed.iter().filter(|&&b| b & 0xC0 == 0x80).count() as i32
        };
        if passed.iter().any(|b| !matches!(b, b' ' | b'\t')) {
            self.newlines = 0;
        }
        self.pos.index += len as i64;
        self.pos.column += len as i32 - continuations;
    }

    /// Moves over `len` blanks.
    fn pass_blanks(&mut self, len: usize) {
        self.pos.index += len as i64;
        self.pos.column += len as i32;
    }

    /// Moves over one line break, if there is one.
    fn advance_line(&mut self) {
        let len = self.break_len(0);
        if len > 0 {
            self.pos.index += len as i64;
            self.pos.line += 1;
            self.pos.column = 0;
            self.newlines += 1;
        }
    }

    /// Moves over one line break, if there is one. It stands for `\n`, except
    /// for the Unicode line and paragraph separators, which stay themselves.
    fn line_break(&mut self) -> &'a str {
        let stands_for = match self.break_len(0) {
            0 => "",
            3 => &self.rest()[..3],
            _ => "\n",
        };
        self.advance_line();
        stands_for
    }

    // ---- the queue ----------------------------------------------------

    fn push(&mut self, kind: TokenKind, start: Pos) {
        self.push_token(Token::new(kind, start));
    }

    fn push_token(&mut self, token: Token<'a>) {
        self.before_last = self.last;
        self.last = Some((token.kind, token.start));
        self.tokens.push_back(token);
    }

    /// Puts a token in front of the one with that number.
    fn insert(&mut self, number: usize, kind: TokenKind, start: Pos) {
        let at = number - self.taken;
        if at >= self.tokens.len() {
            self.push(kind, start);
            return;
        }
        if at + 1 == self.tokens.len() {
            self.before_last = Some((kind, start));
        }
        self.tokens.insert(at, Token::new(kind, start));
    }

    fn needs_more_tokens(&mut self) -> Result<bool> {
        if self.stream_ended {
            return Ok(false);
        }
        // Two tokens ahead of the parser, so that a foot comment is known by
        // the time the token before it is used.
        if self.tokens.len() <= 2 {
            return Ok(true);
        }
        // Of deeper levels the numbers are higher.
        let next = self.taken;
        let mut at = self
            .simple_keys
            .partition_point(|key| key.token_number < next);
        while let Some(key) = self.simple_keys.get(at)
            && key.token_number == next
        {
            if key.possible {
                return self.simple_key_holds(at);
            }
            at += 1;
        }
        Ok(false)
    }

    // ---- keys without `?` ---------------------------------------------

    fn simple_key_holds(&mut self, at: usize) -> Result<bool> {
        let key = self.simple_keys[at];
        if !key.possible {
            return Ok(false);
        }
        let start = key.pos.index as usize;
        let too_far = key.pos.line < self.pos.line
            || (self.offset() - start > SIMPLE_KEY_MAX
                && self.text[start..self.offset()].chars().count() > SIMPLE_KEY_MAX);
        if !too_far {
            return Ok(true);
        }
        if key.required {
            return Err(self.error("could not find expected ':'"));
        }
        self.simple_keys[at].possible = false;
        Ok(false)
    }

    fn save_simple_key(&mut self) -> Result<()> {
        if self.simple_key_allowed {
            self.drop_simple_key()?;
            if let Some(last) = self.simple_keys.last_mut() {
                *last = SimpleKey {
                    possible: true,
                    required: self.flow_level == 0 && self.indent == self.pos.column,
                    token_number: self.taken + self.tokens.len(),
                    pos: self.pos,
                };
            }
        }
        Ok(())
    }

    fn drop_simple_key(&mut self) -> Result<()> {
        let Some(last) = self.simple_keys.last_mut() else {
            return Ok(());
        };
        if last.possible && last.required {
            return Err(self.error("could not find expected ':'"));
        }
        last.possible = false;
        Ok(())
    }

    // ---- indentation ---------------------------------------------------

    /// Opens a block collection at `column`, if that is deeper.
    fn indent_to(
        &mut self,
        column: i32,
        number: Option<usize>,
        kind: TokenKind,
        at: Pos,
    ) -> Result<()> {
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        self.check_depth()?;
        self.indents.push(self.indent);
        self.indent = column;
        match number {
            Some(number) => self.insert(number, kind, at),
            None => self.push(kind, at),
        }
        Ok(())
    }

    /// Closes the block collections that are deeper than `column`. `skipped`
    /// is where the blanks and comments began that lead to here.
    fn dedent_to(&mut self, column: i32, skipped: Pos) {
        if self.flow_level > 0 {
            return;
        }
        let mut end = Pos {
            index: skipped.index - 1,
            ..skipped
        };
        if self.indent <= column {
            return;
        }
        let comments = self.comments_before(end);
        while self.indent > column {
            // In front of the comments that stand at the block's own column,
            // so that they become part of it.
            let column = self.indent + 1;
            let first = comments.iter().find(|(at, _)| *at == column);
            end = first.map_or(end, |(_, start)| *start);
            self.push(TokenKind::BlockEnd, end);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn check_depth(&self) -> Result<()> {
        if self.indents.len() + self.flow_level >= self.max_depth {
            return Err(self.limit("nested too deeply"));
        }
        Ok(())
    }

    // ---- fetching tokens -------------------------------------------------

    fn fetch_next_token(&mut self) -> Result<()> {
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

    fn fetch_content_token(&mut self) -> Result<()> {
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

    fn skip_to_next_token(&mut self) {
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

    fn at_document_indicator(&self) -> bool {
        self.pos.column == 0
            && (self.rest().starts_with("---") || self.rest().starts_with("..."))
            && self.is_blank_or_end(3)
    }

    fn fetch_stream_end(&mut self) -> Result<()> {
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

    fn fetch_document_indicator(&mut self) -> Result<()> {
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

    fn fetch_flow_start(&mut self, kind: TokenKind) -> Result<()> {
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

    fn fetch_flow_end(&mut self, kind: TokenKind) -> Result<()> {
        self.drop_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.push_sign(kind);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<()> {
        self.drop_simple_key()?;
        self.simple_key_allowed = true;
        self.push_sign(TokenKind::FlowEntry);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<()> {
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

    fn fetch_key(&mut self) -> Result<()> {
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

    fn fetch_value(&mut self) -> Result<()> {
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
    fn push_sign(&mut self, kind: TokenKind) {
        let start = self.pos;
        self.pos.index += 1;
        self.pos.column += 1;
        self.newlines = 0;
        self.push(kind, start);
    }
}

/// Length in bytes of the line break at `at`: CR LF, CR, LF, NEL, LS or PS; 0
/// if there is none.
pub(crate) fn break_len(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'\n') => 1,
        Some(b'\r') if bytes.get(at + 1) == Some(&b'\n') => 2,
        Some(b'\r') => 1,
        Some(0xC2) if bytes.get(at + 1) == Some(&0x85) => 2,
        Some(0xE2)
            if bytes.get(at + 1) == Some(&0x80)
                && matches!(bytes.get(at + 2), Some(0xA8 | 0xA9)) =>
        {
            3
        }
        _ => 0,
    }
}

//! Text to tokens.
//!
//! The tokens are those of the YAML 1.1 grammar as libyaml cut it, because
//! go-yaml's scanner descends from libyaml and accepts and refuses the same
//! texts. Comments are not tokens: they are queued beside them (see
//! [`comments`]) and handed to the parser when it has come to the token that
//! they belong to.

mod comments;
mod cursor;
mod fetch;
mod find;
mod indent;
mod keys;
mod properties;
mod scalars;
mod token;

use std::collections::VecDeque;

pub(crate) use comments::CommentKind;
pub(crate) use token::{Pos, Token, TokenKind};

use crate::{Error, Result};
use comments::CommentRecord;
use keys::SimpleKey;

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
}

//! Reading characters, and counting lines and columns on the way.

use super::Scanner;
use super::find::{break_len, line_len};

impl<'a> Scanner<'a> {
    pub(super) fn offset(&self) -> usize {
        self.pos.index as usize
    }

    /// The byte `n` bytes ahead; 0 at the end. (A text holds no NUL.)
    pub(super) fn byte(&self, n: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.offset() + n)
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.offset()..).unwrap_or("")
    }

    /// Length in bytes of the line break `n` bytes ahead; 0 if there is none.
    pub(super) fn break_len(&self, n: usize) -> usize {
        break_len(self.text.as_bytes(), self.offset() + n)
    }

    pub(super) fn is_blank(&self, n: usize) -> bool {
        matches!(self.byte(n), b' ' | b'\t')
    }

    pub(super) fn is_end(&self, n: usize) -> bool {
        self.byte(n) == 0
    }

    pub(super) fn is_break_or_end(&self, n: usize) -> bool {
        self.is_end(n) || self.break_len(n) > 0
    }

    pub(super) fn is_blank_or_end(&self, n: usize) -> bool {
        self.is_blank(n) || self.is_break_or_end(n)
    }

    /// The blanks ahead.
    pub(super) fn blanks(&self) -> &'a str {
        let rest = self.rest();
        let is_blank = |b: &&u8| matches!(**b, b' ' | b'\t');
        &rest[..rest.as_bytes().iter().take_while(is_blank).count()]
    }

    /// The rest of the line, without its break.
    pub(super) fn rest_of_line(&self) -> &'a str {
        let rest = self.rest();
        &rest[..line_len(rest.as_bytes())]
    }

    /// Moves over `len` bytes, which hold no line break.
    pub(super) fn advance(&mut self, len: usize) {
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
    pub(super) fn pass_blanks(&mut self, len: usize) {
        self.pos.index += len as i64;
        self.pos.column += len as i32;
    }

    /// Moves over one line break, if there is one.
    pub(super) fn advance_line(&mut self) {
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
    pub(super) fn line_break(&mut self) -> &'a str {
        let stands_for = match self.break_len(0) {
            0 => "",
            3 => &self.rest()[..3],
            _ => "\n",
        };
        self.advance_line();
        stands_for
    }
}

//! Scalars: plain, quoted, literal and folded.
//!
//! A scalar that stands in the text as it is meant (most do) is borrowed from
//! it; one that is folded, escaped or indented is copied.

mod block;
mod plain;
mod quoted;

use std::borrow::Cow;

use super::{Pos, Scanner, Token, TokenKind};
use crate::ScalarStyle;

/// Line breaks and blanks that turn out to be content or not only when the
/// next character is seen.
#[derive(Default)]
struct Gap<'a> {
    blanks: &'a str,
    /// The first line break.
    first: &'a str,
    /// The line breaks after it.
    more: String,
    folded: bool,
}

impl Gap<'_> {
    /// Writes what the gap stands for: its blanks, or a fold.
    fn resolve(&mut self, to: &mut String) {
        if self.folded {
            if self.first.starts_with('\n') {
                if self.more.is_empty() {
                    to.push(' ');
                }
            } else {
                to.push_str(self.first);
            }
            to.push_str(&self.more);
        } else {
            to.push_str(self.blanks);
        }
        self.blanks = "";
        self.first = "";
        self.more.clear();
        self.folded = false;
    }
}

impl<'a> Scanner<'a> {
    fn push_scalar(&mut self, text: Cow<'a, str>, style: ScalarStyle, start: Pos) {
        self.push_token(Token {
            text,
            style,
            ..Token::new(TokenKind::Scalar, start)
        });
    }

    fn fold_break(&mut self, gap: &mut Gap<'a>) {
        let line_break = self.line_break();
        if gap.folded {
            gap.more.push_str(line_break);
        } else {
            gap.blanks = "";
            gap.folded = true;
            gap.first = line_break;
        }
    }
}

//! `|` and `>`.

use std::borrow::Cow;

use crate::scan::Scanner;
use crate::{Result, ScalarStyle};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Clip,
    Strip,
    Keep,
}

impl Scanner<'_> {
    pub(in crate::scan) fn fetch_block_scalar(&mut self, literal: bool) -> Result<()> {
        self.drop_simple_key()?;
        self.simple_key_allowed = true;
        let start = self.pos;
        self.advance(1);
        let (chomping, increment) = self.block_header()?;
        self.pass_blanks(self.blanks().len());
        if self.byte(0) == b'#' {
            self.scan_line_comment(start);
        }
        if !self.is_break_or_end(0) {
            return Err(self.error("did not find expected comment or line break"));
        }
        self.advance_line();

        let mut indent = match increment {
            0 => 0,
            n => self.indent.max(0) + n,
        };
        let mut value = String::new();
        let mut first_break = "";
        let mut more_breaks = String::new();
        self.block_breaks(&mut indent, &mut more_breaks)?;
        let mut was_blank = false;
        while self.pos.column == indent && !self.is_end(0) {
            let is_blank = self.is_blank(0);
            let folds = !literal && !was_blank && !is_blank && first_break.starts_with('\n');
            if folds {
                if more_breaks.is_empty() {
                    value.push(' ');
                }
            } else {
                value.push_str(first_break);
            }
            value.push_str(&more_breaks);
            more_breaks.clear();
            was_blank = is_blank;
            let line = self.rest_of_line();
            value.push_str(line);
            self.advance(line.len());
            first_break = self.line_break();
            self.block_breaks(&mut indent, &mut more_breaks)?;
        }
        if chomping != Chomping::Strip {
            value.push_str(first_break);
        }
        if chomping == Chomping::Keep {
            value.push_str(&more_breaks);
        }
        let style = if literal {
            ScalarStyle::Literal
        } else {
            ScalarStyle::Folded
        };
        self.push_scalar(Cow::Owned(value), style, start);
        Ok(())
    }

    /// Chomping and indentation signs, in either order.
    fn block_header(&mut self) -> Result<(Chomping, i32)> {
        let mut chomping = Chomping::Clip;
        let mut increment = 0;
        let mut chomping_seen = false;
        loop {
            match self.byte(0) {
                sign @ (b'+' | b'-') if !chomping_seen => {
                    chomping_seen = true;
                    chomping = if sign == b'+' {
                        Chomping::Keep
                    } else {
                        Chomping::Strip
                    };
                }
                b'0' if increment == 0 => {
                    return Err(self.error("found an indentation indicator equal to 0"));
                }
                digit @ b'1'..=b'9' if increment == 0 => increment = i32::from(digit - b'0'),
                _ => return Ok((chomping, increment)),
            }
            self.advance(1);
        }
    }

    /// Indentation and empty lines inside a block scalar. Where `indent` is 0
    /// it becomes what the first line with content has.
    fn block_breaks(&mut self, indent: &mut i32, breaks: &mut String) -> Result<()> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.pos.column < *indent) && self.byte(0) == b' ' {
                self.pass_blanks(1);
            }
            deepest = deepest.max(self.pos.column);
            if (*indent == 0 || self.pos.column < *indent) && self.byte(0) == b'\t' {
                return Err(
                    self.error("found a tab character where an indentation space is expected")
                );
            }
            if self.break_len(0) == 0 {
                break;
            }
            breaks.push_str(self.line_break());
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}

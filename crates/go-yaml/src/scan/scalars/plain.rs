//! Scalars without quotes, which end where something else begins.

use std::borrow::Cow;

use super::Gap;
use crate::scan::Scanner;
use crate::scan::find::{MAY_END_PLAIN_IN_FLOW, end_of_plain};
use crate::{Result, ScalarStyle};

impl<'a> Scanner<'a> {
    pub(in crate::scan) fn fetch_plain_scalar(&mut self) -> Result<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.pos;
        let first_line = self.plain_run();
        let mut value = Cow::Borrowed(first_line);
        let mut gap = Gap::default();
        loop {
            if !self.is_blank(0) && self.break_len(0) == 0 {
                break;
            }
            self.plain_gap(&mut gap)?;
            if (self.flow_level == 0 && self.pos.column <= self.indent)
                || self.at_document_indicator()
                || self.byte(0) == b'#'
            {
                break;
            }
            let before = self.pos.index;
            let from = self.offset();
            let run = self.plain_run();
            if self.pos.index == before {
                break;
            }
            if gap.folded {
                let owned = value.to_mut();
                gap.resolve(owned);
                owned.push_str(run);
            } else {
                // Blanks between words of one line: still as written.
                match &mut value {
                    Cow::Borrowed(text) => {
                        let begin = start.index as usize;
                        *text = &self.text[begin..from + run.len()];
                    }
                    Cow::Owned(text) => {
                        text.push_str(gap.blanks);
                        text.push_str(run);
                    }
                }
                gap.blanks = "";
            }
        }
        if gap.folded {
            self.simple_key_allowed = true;
        }
        self.push_scalar(value, ScalarStyle::Plain, start);
        Ok(())
    }

    /// Characters of a plain scalar up to a blank, a break or a sign that ends
    /// it.
    fn plain_run(&mut self) -> &'a str {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let in_flow = self.flow_level > 0;
        let next_end = |bytes: &[u8]| {
            if in_flow {
                let may_end = |b: &u8| MAY_END_PLAIN_IN_FLOW[usize::from(*b)];
                bytes.iter().position(may_end)
            } else {
                end_of_plain(bytes)
            }
        };
        let mut len = 0;
        while let Some(more) = next_end(&bytes[len..]) {
            len += more;
            let ends = match bytes[len] {
                b':' => self.is_blank_or_end(len + 1),
                0xC2 | 0xE2 => self.break_len(len) > 0,
                _ => true,
            };
            if ends {
                self.advance(len);
                return &rest[..len];
            }
            len += 1;
        }
        self.advance(rest.len());
        rest
    }

    /// Blanks and line breaks behind a run.
    fn plain_gap(&mut self, gap: &mut Gap<'a>) -> Result<()> {
        loop {
            if self.is_blank(0) {
                if gap.folded {
                    if self.byte(0) == b'\t' && self.pos.column <= self.indent {
                        return Err(self.error("found a tab character that violates indentation"));
                    }
                    self.pass_blanks(1);
                } else {
                    gap.blanks = self.blanks();
                    self.pass_blanks(gap.blanks.len());
                }
            } else if self.break_len(0) > 0 {
                self.fold_break(gap);
            } else {
                return Ok(());
            }
        }
    }
}

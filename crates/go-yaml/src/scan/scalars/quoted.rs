//! `'…'` and `"…"`.

use std::borrow::Cow;

use super::Gap;
use crate::scan::Scanner;
use crate::{Result, ScalarStyle};

impl<'a> Scanner<'a> {
    pub(in crate::scan) fn fetch_flow_scalar(&mut self, single: bool) -> Result<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.pos;
        let (quote, style) = if single {
            (b'\'', ScalarStyle::SingleQuoted)
        } else {
            (b'"', ScalarStyle::DoubleQuoted)
        };
        self.advance(1);
        let value = match self.unescaped_flow_scalar(quote) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.escaped_flow_scalar(quote)?),
        };
        self.push_scalar(value, style, start);
        Ok(())
    }

    /// The common case: one line, no escapes.
    fn unescaped_flow_scalar(&mut self, quote: u8) -> Option<&'a str> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let len = bytes
            .iter()
            .position(|&b| b == quote || b == b'\\' || b == b'\n' || b == b'\r')?;
        let doubled = quote == b'\'' && bytes.get(len + 1) == Some(&quote);
        let text = &rest[..len];
        let odd_breaks = ['\u{85}', '\u{2028}', '\u{2029}'];
        if bytes[len] != quote || doubled || (!text.is_ascii() && text.contains(odd_breaks)) {
            return None;
        }
        self.advance(len + 1);
        Some(text)
    }

    fn escaped_flow_scalar(&mut self, quote: u8) -> Result<String> {
        let mut value = String::new();
        let mut gap = Gap::default();
        loop {
            if self.at_document_indicator() {
                return Err(self.error("found unexpected document indicator"));
            }
            if self.is_end(0) {
                return Err(self.error("found unexpected end of stream"));
            }
            while !self.is_blank_or_end(0) {
                let byte = self.byte(0);
                if byte == b'\'' && quote == b'\'' && self.byte(1) == b'\'' {
                    value.push('\'');
                    self.advance(2);
                } else if byte == quote {
                    break;
                } else if byte == b'\\' && quote == b'"' {
                    if self.break_len(1) > 0 {
                        self.advance(1);
                        self.advance_line();
                        gap.folded = true;
                        break;
                    }
                    value.push(self.escape()?);
                } else {
                    let len = self.rest().chars().next().map_or(1, char::len_utf8);
                    value.push_str(&self.rest()[..len]);
                    self.advance(len);
                }
            }
            if self.byte(0) == quote {
                self.advance(1);
                return Ok(value);
            }
            // An escaped line break leaves `folded` set with no first break:
            // nothing is written for it.
            let escaped_break = gap.folded;
            while self.is_blank(0) || self.break_len(0) > 0 {
                if self.break_len(0) > 0 {
                    self.fold_break(&mut gap);
                } else {
                    let blanks = self.blanks();
                    if !gap.folded {
                        gap.blanks = blanks;
                    }
                    self.pass_blanks(blanks.len());
                }
            }
            if escaped_break {
                value.push_str(&gap.more);
                gap = Gap::default();
            } else {
                gap.resolve(&mut value);
            }
        }
    }

    /// One escape of a double-quoted scalar.
    fn escape(&mut self) -> Result<char> {
        let digits = match self.byte(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        if digits > 0 {
            let mut code = 0;
            for n in 0..digits {
                let digit = char::from(self.byte(2 + n)).to_digit(16);
                let digit =
                    digit.ok_or_else(|| self.error("did not find expected hexdecimal number"))?;
                code = code * 16 + digit;
            }
            let escaped = char::from_u32(code)
                .ok_or_else(|| self.error("found invalid Unicode character escape code"))?;
            self.advance(2 + digits);
            return Ok(escaped);
        }
        let escaped = match self.byte(1) {
            b'0' => '\0',
            b'a' => '\u{7}',
            b'b' => '\u{8}',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\u{B}',
            b'f' => '\u{C}',
            b'r' => '\r',
            b'e' => '\u{1B}',
            b' ' => ' ',
            b'"' => '"',
            b'\'' => '\'',
            b'\\' => '\\',
            b'N' => '\u{85}',
            b'_' => '\u{A0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            _ => return Err(self.error("found unknown escape character")),
        };
        self.advance(2);
        Ok(escaped)
    }
}

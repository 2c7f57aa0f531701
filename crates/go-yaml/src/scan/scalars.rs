//! Scalars: plain, quoted, literal and folded.
//!
//! A scalar that stands in the text as it is meant (most do) is borrowed from
//! it; one that is folded, escaped or indented is copied.

use std::borrow::Cow;

use super::{Pos, Scanner, Token, TokenKind, break_len};
use crate::{Result, ScalarStyle};

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

/// The bytes at which a plain scalar may end, or where a character begins that
/// ends it.
static MAY_END_PLAIN: [bool; 256] = table(b" \t\n\r:\xC2\xE2");
static MAY_END_PLAIN_IN_FLOW: [bool; 256] = table(b" \t\n\r:\xC2\xE2,?[]{}");
/// The bytes at which a line may end.
static MAY_END_LINE: [bool; 256] = table(b"\n\r\xC2\xE2");

const fn table(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Where the first byte of a table stands. Eight bytes are looked at as one
/// number, of which `marks` sets the top bit of every byte that the table may
/// hold: of more than it holds, and never of less.
fn find(bytes: &[u8], table: &[bool; 256], marks: impl Fn(u64) -> u64) -> Option<usize> {
    let is_wanted = |b: &u8| table[usize::from(*b)];
    let (blocks, rest) = bytes.as_chunks();
    for (number, block) in blocks.iter().enumerate() {
        if marks(u64::from_le_bytes(*block)) & TOPS != 0
            && let Some(found) = block.iter().position(is_wanted)
        {
            return Some(8 * number + found);
        }
    }
    let found = rest.iter().position(is_wanted)?;
    Some(8 * blocks.len() + found)
}

/// Where the first byte of the table [`MAY_END_PLAIN`] stands.
fn end_of_plain(bytes: &[u8]) -> Option<usize> {
    find(bytes, &MAY_END_PLAIN, |word| {
        let colons = word ^ (ONES * u64::from(b':'));
        let is_colon = colons.wrapping_sub(ONES) & !colons;
        let is_blank_or_control = word.wrapping_sub(ONES * u64::from(b'!')) & !word;
        is_colon | is_blank_or_control | word
    })
}

/// Length in bytes of the first line, without its break.
pub(super) fn line_len(bytes: &[u8]) -> usize {
    let mut len = 0;
    let is_control = |word: u64| word.wrapping_sub(ONES * u64::from(b' ')) & !word | word;
    while let Some(more) = find(&bytes[len..], &MAY_END_LINE, is_control) {
        len += more;
        if break_len(bytes, len) > 0 {
            return len;
        }
        len += 1;
    }
    bytes.len()
}

impl<'a> Scanner<'a> {
    pub(super) fn fetch_plain_scalar(&mut self) -> Result<()> {
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

    fn push_scalar(&mut self, text: Cow<'a, str>, style: ScalarStyle, start: Pos) {
        self.push_token(Token {
            text,
            style,
            ..Token::new(TokenKind::Scalar, start)
        });
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

    pub(super) fn fetch_flow_scalar(&mut self, single: bool) -> Result<()> {
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

    pub(super) fn fetch_block_scalar(&mut self, literal: bool) -> Result<()> {
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Clip,
    Strip,
    Keep,
}

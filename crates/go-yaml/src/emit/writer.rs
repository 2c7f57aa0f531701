//! The text written so far: where the pen stands and what is left of it.

use std::fmt;

use super::analysis::break_len;

/// A sink that knows its column and what the line holds.
pub(super) struct Writer<W> {
    pub(super) out: W,
    /// Characters since the last break.
    pub(super) column: usize,
    /// Whether a blank, or nothing, stands before the pen.
    pub(super) whitespace: bool,
    /// Whether the line holds only indentation and `- `, `? `, `: `.
    pub(super) indention: bool,
    /// The indentation of a foot comment just written: what follows there is
    /// set off by a blank line.
    pub(super) foot_indent: Option<usize>,
    /// Whether a scalar just ended that keeps all breaks behind it.
    pub(super) keeps_breaks: bool,
}

impl<W: fmt::Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Writer {
            out,
            column: 0,
            whitespace: true,
            indention: true,
            foot_indent: None,
            keeps_breaks: false,
        }
    }

    /// Text without breaks.
    pub(super) fn run(&mut self, text: &str) -> fmt::Result {
        self.keeps_breaks = false;
        self.column += if text.is_ascii() {
            text.len()
        } else {
            text.bytes().filter(|byte| byte & 0xc0 != 0x80).count()
        };
        self.out.write_str(text)
    }

    /// Ends the line.
    pub(super) fn end_line(&mut self) -> fmt::Result {
        self.line_break("\n")
    }

    /// A break of the text itself, of whatever kind.
    pub(super) fn line_break(&mut self, text: &str) -> fmt::Result {
        self.column = 0;
        self.indention = true;
        self.out.write_str(text)
    }

    /// Moves to a column, on a new line where this one is used.
    pub(super) fn indent_to(&mut self, indent: usize) -> fmt::Result {
        const SPACES: &str = "                                                                ";
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.end_line()?;
        }
        if self.foot_indent.take() == Some(indent) && !self.keeps_breaks {
            self.end_line()?;
        }
        while self.column < indent {
            let missing = (indent - self.column).min(SPACES.len());
            self.out
                .write_str(SPACES.get(..missing).unwrap_or(SPACES))?;
            self.column += missing;
        }
        self.whitespace = true;
        Ok(())
    }

    /// A space, unless a blank is there.
    pub(super) fn separate(&mut self) -> fmt::Result {
        if self.whitespace {
            Ok(())
        } else {
            self.run(" ")
        }
    }

    /// An indicator after which the line counts as used.
    pub(super) fn indicator(&mut self, text: &str) -> fmt::Result {
        self.run(text)?;
        self.whitespace = false;
        self.indention = false;
        Ok(())
    }

    /// `-`, `?` or `:` after which a block collection may start on the line.
    pub(super) fn block_indicator(&mut self, text: &str) -> fmt::Result {
        self.separate()?;
        self.run(text)?;
        self.whitespace = false;
        Ok(())
    }

    /// The lines of a comment; the first where the pen stands, the others at
    /// `indent`. Ends the line.
    pub(super) fn comment(&mut self, mut text: &str, indent: usize) -> fmt::Result {
        let mut first = true;
        while !text.is_empty() {
            let (line, line_break, rest) = split_line(text);
            if !line.is_empty() {
                if !first {
                    self.indent_to(indent)?;
                }
                if !line.starts_with('#') {
                    self.run("# ")?;
                }
                self.run(line)?;
                self.indention = false;
            }
            if line_break.is_empty() {
                self.end_line()?;
            } else {
                self.line_break(line_break)?;
            }
            first = false;
            text = rest;
        }
        self.whitespace = true;
        Ok(())
    }
}

/// The text up to its first break, that break, and the rest.
pub(super) fn split_line(text: &str) -> (&str, &str, &str) {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        // Bytes that can start a break.
        let start = bytes
            .iter()
            .skip(at)
            .position(|byte| matches!(byte, b'\n' | b'\r' | 0xc2 | 0xe2));
        let Some(start) = start.map(|start| at + start) else {
            return (text, "", "");
        };
        let len = break_len(bytes.get(start..).unwrap_or_default());
        if len > 0 {
            let (line, rest) = text.split_at(start);
            let (line_break, rest) = rest.split_at(len);
            return (line, line_break, rest);
        }
        at = start + 1;
    }
}

/// Numbers and the like are printed right into the text.
impl<W: fmt::Write> fmt::Write for Writer<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.run(text)
    }
}

//! The five ways to write a scalar (sops-yaml-emitter §3.2). Each expects a
//! text that [`Analysis::choose`](super::analysis::Analysis::choose) found
//! fit for it.

use std::fmt;

use super::analysis::{break_len, ends_with_break, is_break, is_special_sequence};
use super::writer::{Writer, split_line};

/// Where a scalar may be folded.
#[derive(Clone, Copy)]
pub(super) struct Folding {
    /// The column of the lines that follow the first.
    pub(super) indent: usize,
    /// The column after which a space becomes a new line.
    pub(super) width: Option<usize>,
}

impl<W: fmt::Write> Writer<W> {
    pub(super) fn plain(&mut self, text: &str, folding: Folding) -> fmt::Result {
        if !text.is_empty() {
            self.separate()?;
            self.words(text, folding, false)?;
            self.whitespace = false;
        }
        self.indention = false;
        Ok(())
    }

    pub(super) fn single_quoted(&mut self, text: &str, folding: Folding) -> fmt::Result {
        self.separate()?;
        self.indicator("'")?;
        let mut rest = text;
        let mut after_break = false;
        while !rest.is_empty() {
            let (line, line_break, next) = split_line(rest);
            if !line.is_empty() {
                if after_break {
                    self.indent_to(folding.indent)?;
                }
                self.words(line, folding, true)?;
                self.indention = false;
            }
            if !line_break.is_empty() {
                // A single line feed would be folded to a space.
                if line_break == "\n" && !(after_break && line.is_empty()) {
                    self.end_line()?;
                }
                self.line_break(line_break)?;
                after_break = true;
            }
            rest = next;
        }
        self.indicator("'")
    }

    /// A line of words; a space beyond the width becomes a new line.
    fn words(&mut self, text: &str, folding: Folding, quoted: bool) -> fmt::Result {
        let Some(width) = folding.width else {
            return self.quotes_doubled(text, quoted);
        };
        let bytes = text.as_bytes();
        let mut start = 0;
        for (i, byte) in bytes.iter().enumerate() {
            if *byte != b' ' || i < start {
                continue;
            }
            self.quotes_doubled(text.get(start..i).unwrap_or_default(), quoted)?;
            start = i;
            let alone = i > 0 && bytes.get(i - 1) != Some(&b' ') && bytes.get(i + 1) != Some(&b' ');
            if alone && i + 1 < bytes.len() && self.column > width {
                self.indention = false;
                self.indent_to(folding.indent)?;
                start = i + 1;
            }
        }
        self.quotes_doubled(text.get(start..).unwrap_or_default(), quoted)
    }

    fn quotes_doubled(&mut self, text: &str, quoted: bool) -> fmt::Result {
        if !quoted {
            return self.run(text);
        }
        for (i, part) in text.split('\'').enumerate() {
            if i > 0 {
                self.run("''")?;
            }
            self.run(part)?;
        }
        Ok(())
    }

    pub(super) fn double_quoted(&mut self, text: &str, folding: Folding) -> fmt::Result {
        self.separate()?;
        self.indicator("\"")?;
        // go-yaml looks for the mark at the start of the text, wherever it is.
        let escape_all = text.starts_with('\u{feff}');
        let bytes = text.as_bytes();
        let mut start = 0;
        let mut i = 0;
        while let Some(byte) = bytes.get(i) {
            let rest = bytes.get(i..).unwrap_or_default();
            let escape = escape_all
                || match byte {
                    ..0x20 | 0x7f | b'"' | b'\\' => true,
                    0x80.. => break_len(rest) > 0 || is_special_sequence(rest),
                    _ => false,
                };
            if escape {
                self.run(text.get(start..i).unwrap_or_default())?;
                let Some(c) = text.get(i..).and_then(|rest| rest.chars().next()) else {
                    return Err(fmt::Error);
                };
                self.escaped(c)?;
                i += c.len_utf8();
                start = i;
                continue;
            }
            if let (b' ', Some(width)) = (byte, folding.width) {
                self.run(text.get(start..i).unwrap_or_default())?;
                start = i;
                let inside = i > 0 && i + 1 < bytes.len();
                if inside && bytes.get(i - 1) != Some(&b' ') && self.column > width {
                    self.indent_to(folding.indent)?;
                    start = i + 1;
                    if bytes.get(i + 1) == Some(&b' ') {
                        self.run("\\")?;
                    }
                }
            }
            i += 1;
        }
        self.run(text.get(start..).unwrap_or_default())?;
        self.indicator("\"")
    }

    fn escaped(&mut self, c: char) -> fmt::Result {
        use fmt::Write as _;
        match c {
            '\0' => self.run("\\0"),
            '\x07' => self.run("\\a"),
            '\x08' => self.run("\\b"),
            '\t' => self.run("\\t"),
            '\n' => self.run("\\n"),
            '\x0b' => self.run("\\v"),
            '\x0c' => self.run("\\f"),
            '\r' => self.run("\\r"),
            '\x1b' => self.run("\\e"),
            '"' => self.run("\\\""),
            '\\' => self.run("\\\\"),
            '\u{85}' => self.run("\\N"),
            '\u{a0}' => self.run("\\_"),
            '\u{2028}' => self.run("\\L"),
            '\u{2029}' => self.run("\\P"),
            '\0'..='\u{ff}' => write!(self, "\\x{:02X}", u32::from(c)),
            '\0'..='\u{ffff}' => write!(self, "\\u{:04X}", u32::from(c)),
            _ => write!(self, "\\U{:08X}", u32::from(c)),
        }
    }

    /// `|` or `>` with the hints that a reader needs: `digit`, the columns
    /// from the parent to the text, where the text starts with a blank, and
    /// how to treat the breaks at its end.
    /// Returns whether all of those are kept.
    pub(super) fn block_header(
        &mut self,
        style: &str,
        text: &str,
        digit: usize,
    ) -> Result<bool, fmt::Error> {
        use fmt::Write as _;
        self.separate()?;
        self.indicator(style)?;
        let bytes = text.as_bytes();
        if bytes.first() == Some(&b' ') || break_len(bytes) > 0 {
            write!(self, "{digit}")?;
        }
        match text.chars().next_back() {
            Some(last) if ends_with_break(bytes) => {
                let before = bytes.len() - last.len_utf8();
                let before = bytes.get(..before).unwrap_or_default();
                if before.is_empty() || ends_with_break(before) {
                    self.run("+")?;
                    return Ok(true);
                }
            }
            _ => self.run("-")?,
        }
        Ok(false)
    }

    /// The lines below a `|`.
    pub(super) fn literal_lines(&mut self, text: &str, indent: usize) -> fmt::Result {
        self.whitespace = true;
        let mut rest = text;
        while !rest.is_empty() {
            let (line, line_break, next) = split_line(rest);
            if !line.is_empty() {
                self.indent_to(indent)?;
                self.run(line)?;
                self.indention = false;
            }
            if !line_break.is_empty() {
                self.line_break(line_break)?;
            }
            rest = next;
        }
        Ok(())
    }

    /// The lines below a `>`. Between two lines a break is doubled, since a
    /// reader folds a single one into a space.
    ///
    /// go-yaml decides that by the first character of the whole text, and so
    /// loses or adds breaks around lines that start with a blank. Here each
    /// line counts; of go-yaml's habit only the harmless part is kept, an
    /// empty line at the end.
    pub(super) fn folded_lines(&mut self, text: &str, indent: usize) -> fmt::Result {
        self.whitespace = true;
        let starts_blank = |text: &str| text.trim_start_matches(is_break).starts_with([' ', '\t']);
        let empty_line_at_end = !starts_blank(text);
        let mut rest = text;
        while !rest.is_empty() {
            let (line, line_break, next) = split_line(rest);
            if !line.is_empty() {
                self.indent_to(indent)?;
                self.run(line)?;
                self.indention = false;
                let folds = if next.is_empty() {
                    empty_line_at_end
                } else {
                    !next.chars().all(is_break) && !starts_blank(next)
                };
                if line_break == "\n" && folds && !line.starts_with([' ', '\t']) {
                    self.end_line()?;
                }
            }
            if !line_break.is_empty() {
                self.line_break(line_break)?;
            }
            rest = next;
        }
        Ok(())
    }
}

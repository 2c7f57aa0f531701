//! Scalars and aliases as events.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use zeroize::Zeroizing;

use super::analysis::{Analysis, is_break};
use super::frame::Shape;
use super::style::Folding;
use super::{Emitter, Scalar};
use crate::resolve::needs_quotes;
use crate::{Comments, ScalarStyle};

impl<W: fmt::Write> Emitter<W> {
    /// A string, as key or value, in the style that the profile gives it.
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn string(&mut self, text: &str, comments: &Comments<'_>) -> fmt::Result {
        let analysis = Analysis::of(text, self.profile.escape_tabs);
        let style = if analysis.line_feed {
            ScalarStyle::Literal
        } else if needs_quotes(text) {
            ScalarStyle::DoubleQuoted
        } else {
            ScalarStyle::Plain
        };
        let scalar = Scalar {
            text,
            style,
            tag: (self.profile.tag_merge && text == "<<").then_some("!!merge"),
            anchor: None,
        };
        self.analyzed(scalar, analysis, comments)
    }

    /// Bytes, as key or value: as [`string`](Self::string) if they are UTF-8,
    /// else `!!binary` (sops-yaml-emitter §3.3).
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn bytes(&mut self, bytes: &[u8], comments: &Comments<'_>) -> fmt::Result {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.string(text, comments);
        }
        let text = base64_lines(bytes)?;
        let style = if text.ends_with('\n') {
            ScalarStyle::Literal
        } else {
            ScalarStyle::Plain
        };
        let scalar = Scalar {
            text: &text,
            style,
            tag: Some("!!binary"),
            anchor: None,
        };
        self.scalar(scalar, comments)
    }

    /// A null, boolean, number or moment, whose text needs no quotes.
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn plain(&mut self, value: impl fmt::Display, comments: &Comments<'_>) -> fmt::Result {
        let shape = Shape {
            key_len: Some(0),
            scalar: true,
        };
        self.await_comments(comments)?;
        self.begin(shape)?;
        self.writer.separate()?;
        write!(self.writer, "{value}")?;
        self.writer.whitespace = false;
        self.writer.indention = false;
        self.finish()
    }

    /// A scalar in a given style.
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn scalar(&mut self, scalar: Scalar<'_>, comments: &Comments<'_>) -> fmt::Result {
        let analysis = Analysis::of(scalar.text, self.profile.escape_tabs);
        self.analyzed(scalar, analysis, comments)
    }

    /// Another mention of an anchor, `*name`.
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn alias(&mut self, name: &str, comments: &Comments<'_>) -> fmt::Result {
        let shape = Shape {
            key_len: Some(name.len()),
            scalar: false,
        };
        self.await_comments(comments)?;
        let simple_key = self.begin(shape)?;
        self.writer.separate()?;
        self.writer.indicator("*")?;
        self.writer.indicator(name)?;
        if simple_key {
            // `*a:` would be an alias named `a:`.
            self.writer.run(" ")?;
        }
        self.finish()
    }

    fn analyzed(
        &mut self,
        scalar: Scalar<'_>,
        analysis: Analysis,
        comments: &Comments<'_>,
    ) -> fmt::Result {
        let Scalar { text, tag, .. } = scalar;
        let properties_len = tag.map_or(0, str::len) + scalar.anchor.map_or(0, str::len);
        let shape = Shape {
            key_len: (!analysis.multiline).then_some(properties_len + text.len()),
            scalar: true,
        };
        self.await_comments(comments)?;
        let simple_key = self.begin(shape)?;
        // A block scalar has room for one line of comment behind its header;
        // go-yaml writes a second one into the text.
        let no_block = self.line.contains(is_break);
        let style = analysis.choose(scalar.style, simple_key, self.flow_level > 0, no_block);
        self.properties(scalar.anchor, tag)?;

        let indent = self.deeper(self.frames.len(), true);
        let folding = Folding {
            indent,
            width: self.profile.width.filter(|_| !simple_key),
        };
        // A null without any text. Where that cannot stand, go-yaml writes the
        // empty string, or a document that is none.
        let null = analysis.empty && scalar.style == ScalarStyle::Plain && tag.is_none();
        let root = self.frames.len() == 1;
        match style {
            _ if null && (root || style != ScalarStyle::Plain) => {
                self.writer.plain("null", folding)?;
            }
            ScalarStyle::Plain => self.writer.plain(text, folding)?,
            ScalarStyle::SingleQuoted => self.writer.single_quoted(text, folding)?,
            ScalarStyle::DoubleQuoted => self.writer.double_quoted(text, folding)?,
            ScalarStyle::Literal | ScalarStyle::Folded => {
                // go-yaml writes the profile's indentation as the digit, even
                // where the text is indented by less (sops-yaml-emitter §3.4).
                // That is harmless only where no line is indented.
                let digit = if text.chars().all(is_break) {
                    self.profile.indent
                } else {
                    indent - self.indent.unwrap_or(0)
                };
                let literal = style == ScalarStyle::Literal;
                let indicator = if literal { "|" } else { ">" };
                let keeps_breaks = self.writer.block_header(indicator, text, digit)?;
                if self.line.is_empty() {
                    self.writer.end_line()?;
                } else {
                    self.write_line(indent)?;
                }
                if literal {
                    self.writer.literal_lines(text, indent)?;
                } else {
                    self.writer.folded_lines(text, indent)?;
                }
                self.writer.keeps_breaks = keeps_breaks;
            }
        }
        self.finish()
    }
}

/// Base64 in lines of 70 characters, or without a break where that is one
/// line and not full.
fn base64_lines(bytes: &[u8]) -> Result<Zeroizing<String>, fmt::Error> {
    const LINE: usize = 70;
    let engine = base64::engine::general_purpose::STANDARD;
    let len = base64::encoded_len(bytes.len(), true).ok_or(fmt::Error)?;
    // With room from the start, so that no copy is left behind.
    let mut encoded = Zeroizing::new(String::with_capacity(len));
    engine.encode_string(bytes, &mut encoded);
    if len < LINE {
        return Ok(encoded);
    }
    let mut lines = Zeroizing::new(String::with_capacity(len + len / LINE + 1));
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        lines.push_str(line);
        lines.push('\n');
        rest = next;
    }
    Ok(lines)
}

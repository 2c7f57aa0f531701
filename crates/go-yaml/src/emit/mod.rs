//! Writing YAML, as go-yaml writes it.
//!
//! An [`Emitter`] is driven by events and writes as it goes: nothing is
//! buffered but the comments that wait for their place. Text goes to any
//! [`fmt::Write`], so that secrets can go to a buffer that wipes itself.
//!
//! Comments are passed as go-yaml attaches them to nodes, with the start of a
//! node (`head`), with its end (`line`, `foot`), or both at once for a scalar.
//! Where they end up, and which are lost on the way, is go-yaml's doing
//! (sops-yaml-emitter §6).

mod analysis;
mod node;
mod place;
mod profile;
mod scalar;
mod writer;

use std::fmt::{self, Write as _};
use std::mem;

use base64::Engine as _;
use zeroize::Zeroizing;

pub use profile::{Profile, first_forbidden_char};

use crate::resolve::needs_quotes;
use crate::{Comments, ScalarStyle};
use analysis::{Analysis, is_break};
use scalar::Folding;
use writer::Writer;

/// A comment that waits for its place. It may be decrypted text.
type Pending = Zeroizing<String>;

/// How a sequence or mapping starts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start<'a> {
    /// The comment above it, lines with their `#` signs.
    pub head: &'a str,
    /// Whether to write it `[…]` or `{…}`. An empty one always is.
    pub flow: bool,
    /// Its tag in short form (`!!set`, `!local`).
    pub tag: Option<&'a str>,
    /// Its anchor, without the `&`.
    pub anchor: Option<&'a str>,
}

/// A scalar whose style was kept.
#[derive(Clone, Copy)]
pub struct Scalar<'a> {
    /// The text.
    pub text: &'a str,
    /// The style to write it in, if that style can carry the text.
    pub style: ScalarStyle,
    /// Its tag in short form (`!!binary`, `!local`).
    pub tag: Option<&'a str>,
    /// Its anchor, without the `&`.
    pub anchor: Option<&'a str>,
}

/// Writes YAML, event by event.
///
/// Inside a mapping, events are keys and values in turn. Every method fails
/// when the sink does, and when an event has no place where it comes, such as
/// an end without a start.
pub struct Emitter<W> {
    writer: Writer<W>,
    profile: Profile,
    /// The column of the innermost collection; `None` around the root.
    indent: Option<usize>,
    /// How many of the open collections are in flow style.
    flow_level: usize,
    frames: Vec<Frame>,
    /// Whether a document was written before this one.
    later_document: bool,
    head: Pending,
    line: Pending,
    foot: Pending,
    /// The foot of the key before, written when all of its value is.
    tail: Pending,
    /// The line comment of a key, which waits for the value.
    key_line: Pending,
}

/// An open document or collection.
struct Frame {
    kind: Kind,
    next: Next,
    /// The indentation to go back to at its end.
    outer: Option<usize>,
    /// The foot comment of the last key.
    key_foot: Pending,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Document,
    /// Not decided before the first child: an empty one is in flow style.
    Sequence {
        flow: bool,
        in_mapping: bool,
    },
    Mapping {
        flow: bool,
    },
}

/// What may come next in a frame.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    First,
    /// Another item or key.
    Item,
    /// As `Item`, but its comma is written already.
    AfterComma,
    Value {
        simple_key: bool,
    },
    /// Nothing: the document has its root.
    End,
}

/// What the place of a node needs to know about it.
#[derive(Clone, Copy)]
struct Shape {
    /// Bytes it would take as a key on one line, if it can be that.
    key_len: Option<usize>,
    scalar: bool,
}

const MAX_SIMPLE_KEY: usize = 128;

impl<W: fmt::Write> Emitter<W> {
    /// An emitter that writes into `out`.
    pub fn new(out: W, profile: Profile) -> Self {
        Emitter {
            writer: Writer::new(out),
            profile,
            indent: None,
            flow_level: 0,
            frames: Vec::new(),
            later_document: false,
            head: Pending::default(),
            line: Pending::default(),
            foot: Pending::default(),
            tail: Pending::default(),
            key_line: Pending::default(),
        }
    }

    /// The sink, with all that was written.
    pub fn into_inner(self) -> W {
        self.writer.out
    }

    /// Starts a document, with a `---` where it is not the first. The comment
    /// is set off from the root by a blank line.
    pub fn document_start(&mut self, head: &str) -> fmt::Result {
        if !self.frames.is_empty() {
            return Err(fmt::Error);
        }
        wait(&mut self.head, head);
        if mem::replace(&mut self.later_document, true) {
            self.writer.indent_to(0)?;
            self.writer.separate()?;
            self.writer.indicator("---")?;
            self.writer.indent_to(0)?;
        }
        if !self.head.is_empty() {
            self.write_head()?;
            self.writer.end_line()?;
        }
        self.open(Kind::Document);
        Ok(())
    }

    /// Ends a document, with a comment set off by a blank line.
    pub fn document_end(&mut self, foot: &str) -> fmt::Result {
        match self.frames.pop() {
            Some(frame) if frame.kind == Kind::Document && frame.next == Next::End => {}
            _ => return Err(fmt::Error),
        }
        wait(&mut self.foot, foot);
        self.writer.foot_indent = Some(0);
        self.write_foot()?;
        self.writer.foot_indent = None;
        self.writer.indent_to(0)
    }

    /// Starts a mapping; its keys and values follow in turn.
    pub fn mapping_start(&mut self, start: Start<'_>) -> fmt::Result {
        let flow = start.flow || self.flow_level > 0;
        self.collection_start(start, Kind::Mapping { flow })
    }

    /// Starts a sequence; its items follow.
    pub fn sequence_start(&mut self, start: Start<'_>) -> fmt::Result {
        let flow = start.flow || self.flow_level > 0;
        let parent = self.frames.last();
        let in_mapping = parent.is_some_and(|frame| matches!(frame.kind, Kind::Mapping { .. }));
        self.collection_start(start, Kind::Sequence { flow, in_mapping })
    }

    /// Ends a mapping, with the comments on and below its end.
    pub fn mapping_end(&mut self, comments: &Comments<'_>) -> fmt::Result {
        let frame = self.collection_end(comments)?;
        let Kind::Mapping { flow } = frame.kind else {
            return Err(fmt::Error);
        };
        if !frame.key_foot.is_empty() {
            self.tail = frame.key_foot;
        }
        let empty = frame.next == Next::First;
        if !flow && !empty {
            self.write_head()?;
            self.indent = frame.outer;
            return Ok(());
        }
        if empty {
            self.open_flow("{", self.frames.len())?;
        }
        let more = !self.head.is_empty() || !self.foot.is_empty() || !self.tail.is_empty();
        if more && frame.next == Next::Item {
            self.writer.indicator(",")?;
        }
        self.write_head()?;
        self.close_flow("}", frame.outer)
    }

    /// Ends a sequence, with the comments on and below its end.
    pub fn sequence_end(&mut self, comments: &Comments<'_>) -> fmt::Result {
        let frame = self.collection_end(comments)?;
        let Kind::Sequence { flow, .. } = frame.kind else {
            return Err(fmt::Error);
        };
        let empty = frame.next == Next::First;
        if !flow && !empty {
            self.indent = frame.outer;
            return Ok(());
        }
        if empty {
            self.open_flow("[", self.frames.len())?;
        }
        if self.writer.column == 0 {
            self.writer.indent_to(frame.outer.unwrap_or(0))?;
        }
        self.close_flow("]", frame.outer)
    }

    /// A string, as key or value, in the style that the profile gives it.
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
    pub fn scalar(&mut self, scalar: Scalar<'_>, comments: &Comments<'_>) -> fmt::Result {
        let analysis = Analysis::of(scalar.text, self.profile.escape_tabs);
        self.analyzed(scalar, analysis, comments)
    }

    /// Another mention of an anchor, `*name`.
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

    fn collection_start(&mut self, start: Start<'_>, kind: Kind) -> fmt::Result {
        self.await_comments(&Comments::borrowed(start.head, "", ""))?;
        self.begin(Shape {
            key_len: None,
            scalar: false,
        })?;
        self.properties(start.anchor, start.tag)?;
        self.open(kind);
        Ok(())
    }

    /// Takes the innermost collection and the comments at its end.
    fn collection_end(&mut self, comments: &Comments<'_>) -> Result<Frame, fmt::Error> {
        let frame = self.frames.pop().ok_or(fmt::Error)?;
        let complete = matches!(frame.next, Next::First | Next::Item | Next::AfterComma);
        if !complete {
            return Err(fmt::Error);
        }
        self.await_end_comments(&frame, comments);
        Ok(frame)
    }

    fn open(&mut self, kind: Kind) {
        self.frames.push(Frame {
            kind,
            next: Next::First,
            outer: self.indent,
            key_foot: Pending::default(),
        });
    }
}

/// Keeps a comment until its place comes. One that waits already is lost, as
/// in go-yaml.
fn wait(slot: &mut Pending, text: &str) {
    if !text.is_empty() {
        *slot = Zeroizing::new(text.to_owned());
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

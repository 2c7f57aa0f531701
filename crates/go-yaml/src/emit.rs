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
mod collection;
mod frame;
mod node;
mod place;
mod profile;
mod scalar;
mod style;
mod writer;

use std::{fmt, mem};

use zeroize::Zeroizing;

pub use profile::{Profile, first_forbidden_char};

use crate::ScalarStyle;
use frame::{Frame, Kind, Next};
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
/// Inside a mapping, events are keys and values in turn.
///
/// # Errors
///
/// Every method fails when the sink does, and when an event has no place where
/// it comes, such as an end without a start.
///
/// # Examples
///
/// ```
/// use go_yaml::{Comments, emit::{Emitter, Profile, Start}};
///
/// let mut yaml = Emitter::new(String::new(), Profile::v3(2));
/// yaml.document_start("# who may come in")?;
/// yaml.mapping_start(Start::default())?;
/// yaml.string("guests", Comments::NONE)?;
/// yaml.sequence_start(Start::default())?;
/// yaml.string("yes", &Comments::borrowed("", "# Mr Yes, not true", ""))?;
/// yaml.plain(12, Comments::NONE)?;
/// yaml.sequence_end(Comments::NONE)?;
/// yaml.mapping_end(Comments::NONE)?;
/// yaml.document_end("")?;
/// let expected = "\
/// ## who may come in
///
/// guests:
///   - \"yes\" # Mr Yes, not true
///   - 12
/// ";
/// assert_eq!(yaml.into_inner(), expected);
/// # Ok::<(), std::fmt::Error>(())
/// ```
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
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
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
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
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
}

/// Keeps a comment until its place comes. One that waits already is lost, as
/// in go-yaml.
fn wait(slot: &mut Pending, text: &str) {
    if !text.is_empty() {
        *slot = Zeroizing::new(text.to_owned());
    }
}

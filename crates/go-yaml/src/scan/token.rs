//! What the text is cut into.

use std::borrow::Cow;

use crate::ScalarStyle;

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pos {
    /// Bytes before it. Signed, because a block may be said to end just before
    /// the first byte.
    pub(crate) index: i64,
    /// Lines before it.
    pub(crate) line: u32,
    /// Characters before it on its line.
    pub(crate) column: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenKind {
    StreamEnd,
    VersionDirective,
    TagDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    Scalar,
}

#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) start: Pos,
    /// The name of an anchor or alias; the handle of a tag.
    pub(crate) name: &'a str,
    /// The text of a scalar; the suffix of a tag; the prefix that a `%TAG`
    /// directive declares.
    pub(crate) text: Cow<'a, str>,
    /// Of a scalar.
    pub(crate) style: ScalarStyle,
}

impl Token<'_> {
    /// A token that is nothing but its kind.
    pub(super) fn new(kind: TokenKind, start: Pos) -> Self {
        Token {
            kind,
            start,
            name: "",
            text: Cow::Borrowed(""),
            style: ScalarStyle::Plain,
        }
    }
}

//! Tokens to nodes, with comments where go-yaml puts them.

mod anchors;
mod block;
mod characters;
mod document;
mod flow;
mod node;
mod properties;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::scan::{CommentKind, Pos, Scanner, Token, TokenKind};
use crate::{Comments, Document, Error, NodeId, Result};

/// Bounds on what is read, so that a hostile text costs an error and not the
/// process.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep collections may be nested.
    pub depth: usize,
    /// How many nodes a stream may hold, all documents together.
    pub nodes: usize,
    /// How many documents a stream may hold.
    pub documents: usize,
}

/// Bytes of the prefix that a `%TAG` directive declares: each tag that uses it
/// gets a copy.
const TAG_PREFIX_MAX: usize = 64;

/// Bytes of text that stand for one node, at least, in nearly all files.
const TEXT_PER_NODE: usize = 24;

impl Default for Limits {
    /// Depth 512, a million documents, 2³¹ nodes.
    fn default() -> Self {
        Limits {
            depth: 512,
            nodes: 1 << 31,
            documents: 1_000_000,
        }
    }
}

/// Reads all documents of a YAML stream.
///
/// Accepts and refuses what go-yaml v3's parser does; what needs meaning
/// (duplicate keys, wrong values for a tag) is left to the caller. An alias
/// may point at a node that contains it.
///
/// # Errors
///
/// [`Error`] with the line where the syntax breaks, or where a limit is
/// crossed.
///
/// # Examples
///
/// ```
/// use go_yaml::{Kind, Limits, parse};
///
/// let documents = parse("a: 1 # one\n", &Limits::default())?;
/// let root = documents[0].node(documents[0].root().unwrap());
/// let Kind::Mapping { entries, .. } = &root.kind else { panic!("not a mapping") };
/// assert_eq!(documents[0].node(entries[0].1).line(), "# one");
/// # Ok::<(), go_yaml::Error>(())
/// ```
pub fn parse<'a>(text: &'a str, limits: &Limits) -> Result<Vec<Document<'a>>> {
    let mut parser = Parser::new(text, limits)?;
    while parser.next_document()? {}
    Ok(parser.finished)
}

/// Reads the first document of a YAML stream, `None` where there is none, as
/// Go's `yaml.Unmarshal` does: what stands behind it is not looked at.
///
/// # Errors
///
/// As for [`parse()`].
///
/// # Examples
///
/// ```
/// use go_yaml::{Limits, parse_first};
///
/// assert!(parse_first("a: 1\n---\n]", &Limits::default())?.is_some());
/// assert!(parse_first("# nothing", &Limits::default())?.is_none());
/// # Ok::<(), go_yaml::Error>(())
/// ```
pub fn parse_first<'a>(text: &'a str, limits: &Limits) -> Result<Option<Document<'a>>> {
    let mut parser = Parser::new(text, limits)?;
    parser.next_document()?;
    Ok(parser.finished.pop())
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    limits: Limits,
    document: Document<'a>,
    finished: Vec<Document<'a>>,
    nodes: usize,
    depth: usize,
    /// Anchors are known to later documents too, as in go-yaml: the document's
    /// number and the node.
    anchors: HashMap<&'a str, (usize, NodeId)>,
    tag_handles: HashMap<&'a str, Cow<'a, str>>,
    // Comments that have come up and belong to no node yet.
    head: String,
    line: String,
    foot: String,
    /// Head comment of a sequence item, for the collection that the item is.
    stem: String,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, limits: &Limits) -> Result<Self> {
        // A byte order mark is no part of the text, and takes no column.
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        characters::check(text)?;
        Ok(Parser {
            scanner: Scanner::new(text, limits.depth),
            limits: *limits,
            document: Document::new(),
            finished: Vec::new(),
            nodes: 0,
            depth: 0,
            anchors: HashMap::new(),
            tag_handles: HashMap::new(),
            head: String::new(),
            line: String::new(),
            foot: String::new(),
            stem: String::new(),
        })
    }

    fn peek(&mut self) -> Result<(TokenKind, Pos)> {
        let token = self.scanner.peek()?;
        let (next, start) = (token.kind, token.start);
        while let Some((kind, text)) = self
            .scanner
            .next_comment(start.index, next == TokenKind::BlockEnd)
        {
            let pending = match kind {
                CommentKind::Head => &mut self.head,
                CommentKind::Line => &mut self.line,
                CommentKind::Foot => &mut self.foot,
            };
            if !pending.is_empty() {
                pending.push('\n');
            }
            pending.push_str(&text);
        }
        Ok((next, start))
    }

    fn take(&mut self) -> Option<Token<'a>> {
        self.scanner.take()
    }

    fn error(&self, at: Pos, message: &str) -> Error {
        Error {
            line: at.line + 1,
            column: (at.column + 1).unsigned_abs(),
            message: message.to_owned(),
            is_limit: false,
        }
    }

    /// The comments that have come up so far.
    fn pending_comments(&mut self) -> Option<Box<Comments<'a>>> {
        self.stem.clear();
        if self.head.is_empty() && self.line.is_empty() && self.foot.is_empty() {
            return None;
        }
        Some(Box::new(Comments {
            head: std::mem::take(&mut self.head).into(),
            line: std::mem::take(&mut self.line).into(),
            foot: std::mem::take(&mut self.foot).into(),
        }))
    }
}

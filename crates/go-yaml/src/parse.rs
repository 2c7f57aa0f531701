//! Tokens to nodes, with comments where go-yaml puts them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::scan::{CommentKind, Pos, Scanner, Token, TokenKind};
use crate::{Comments, Document, Error, Kind, Mark, Node, NodeId, Result};

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
const TAG_PREFIX_MAX: usize = 256;

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

/// YAML allows printable characters only (YAML 1.1, §5.1).
fn check_characters(text: &str) -> Result<()> {
    // Plain ASCII, which is nearly everything, goes by in blocks.
    const BLOCK: usize = 64;
    let is_odd = |b: u8| !(matches!(b, 0x20..0x7F) | matches!(b, b'\n' | b'\t' | b'\r'));
    let mut next = 0;
    for (number, block) in text.as_bytes().chunks(BLOCK).enumerate() {
        if !block.iter().fold(false, |odd, &b| odd | is_odd(b)) {
            continue;
        }
        let block_start = number * BLOCK;
        let mut at = block_start.max(next);
        while at < block_start + block.len() {
            let Some(c) = text[at..].chars().next() else {
                break;
            };
            let is_printable = matches!(c, '\n' | '\t' | '\r' | '\u{20}'..'\u{7F}' | '\u{85}'
                | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
            if !is_printable {
                return Err(control_character(text, at));
            }
            at += c.len_utf8();
        }
        next = at;
    }
    Ok(())
}

fn control_character(text: &str, at: usize) -> Error {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    Error {
        line: before.matches('\n').count() as u32 + 1,
        column: before[line_start..].chars().count() as u32 + 1,
        message: "control characters are not allowed".into(),
        is_limit: false,
    }
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
        check_characters(text)?;
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

    // ---- tokens ---------------------------------------------------------

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

    // ---- documents -------------------------------------------------------

    /// Reads one more document; `false` at the end of the stream.
    fn next_document(&mut self) -> Result<bool> {
        let first = self.finished.is_empty();
        let (mut next, mut start) = self.peek()?;
        if !first {
            while next == TokenKind::DocumentEnd {
                self.take();
                (next, start) = self.peek()?;
            }
        }
        if next == TokenKind::StreamEnd {
            return Ok(false);
        }
        if self.finished.len() >= self.limits.documents {
            return Err(Error {
                is_limit: true,
                ..self.error(start, "too many documents")
            });
        }
        let explicit = matches!(
            next,
            TokenKind::VersionDirective | TokenKind::TagDirective | TokenKind::DocumentStart
        );
        self.document = Document::new();
        if first {
            self.document
                .reserve(self.scanner.text_len() / TEXT_PER_NODE);
        }
        let root = if first && !explicit {
            self.split_document_head();
            self.node(true, false)?
        } else {
            self.explicit_document()?
        };
        self.document.set_root(root);
        if self.peek()?.0 == TokenKind::DocumentEnd {
            self.take();
        }
        if let Some(comments) = self.pending_comments() {
            let Comments { head, foot, .. } = *comments;
            self.document.comments.foot = if foot.is_empty() { head } else { foot };
        }
        self.tag_handles.clear();
        self.finished.push(std::mem::take(&mut self.document));
        Ok(true)
    }

    /// In a stream that begins without `---`, what stands above the last blank
    /// line of the first comment is about the document, the rest about its
    /// first node.
    fn split_document_head(&mut self) {
        let bytes = self.head.as_bytes();
        for at in (1..bytes.len()).rev() {
            if bytes[at] != b'\n' {
                continue;
            }
            let ends_head = at == bytes.len() - 1;
            if ends_head || bytes[at - 1] == b'\n' {
                let rest = self.head.split_off(at + 1);
                self.head.truncate(if ends_head { at } else { at - 1 });
                self.document.comments.head = std::mem::replace(&mut self.head, rest).into();
                return;
            }
        }
    }

    fn explicit_document(&mut self) -> Result<NodeId> {
        let mut version_seen = false;
        loop {
            let (next, start) = self.peek()?;
            let token = self.take();
            match (next, token) {
                (TokenKind::VersionDirective, _) => {
                    if version_seen {
                        return Err(self.error(start, "found duplicate %YAML directive"));
                    }
                    version_seen = true;
                }
                (TokenKind::TagDirective, Some(Token { name, text, .. })) => {
                    if text.len() > TAG_PREFIX_MAX {
                        return Err(Error {
                            is_limit: true,
                            ..self.error(start, "the prefix of a %TAG directive is too long")
                        });
                    }
                    if self.tag_handles.insert(name, text).is_some() {
                        return Err(self.error(start, "found duplicate %TAG directive"));
                    }
                }
                (TokenKind::DocumentStart, _) => break,
                _ => return Err(self.error(start, "did not find expected <document start>")),
            }
        }
        let (next, start) = self.peek()?;
        match next {
            TokenKind::VersionDirective
            | TokenKind::TagDirective
            | TokenKind::DocumentStart
            | TokenKind::DocumentEnd
            | TokenKind::StreamEnd => self.empty_scalar(start),
            _ => self.node(true, false),
        }
    }

    // ---- nodes -----------------------------------------------------------

    fn add(&mut self, start: Pos, node: Node<'a>) -> Result<NodeId> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Error {
                is_limit: true,
                ..self.error(start, "too many nodes")
            });
        }
        let mark = Mark {
            line: start.line + 1,
            column: (start.column + 1).unsigned_abs(),
        };
        Ok(self.document.add(Node { mark, ..node }))
    }

    /// A null that nothing was written for. Comments pass it by.
    fn empty_scalar(&mut self, at: Pos) -> Result<NodeId> {
        self.add(at, Node::scalar(""))
    }

    fn node(&mut self, block: bool, indentless: bool) -> Result<NodeId> {
        let (next, start) = self.peek()?;
        if next == TokenKind::Alias {
            return self.alias(start);
        }
        let mut properties = Properties::default();
        let (mut next, mut here) = (next, start);
        if matches!(next, TokenKind::Anchor | TokenKind::Tag) {
            properties = self.properties(start)?;
            (next, here) = self.peek()?;
        }
        if indentless && next == TokenKind::BlockEntry {
            return self.collection(start, properties, Self::indentless_sequence);
        }
        match next {
            TokenKind::Scalar => self.scalar(start, properties),
            TokenKind::FlowSequenceStart => self.collection(start, properties, Self::flow_sequence),
            TokenKind::FlowMappingStart => self.collection(start, properties, Self::flow_mapping),
            TokenKind::BlockSequenceStart if block => {
                self.collection(start, properties, Self::block_sequence)
            }
            TokenKind::BlockMappingStart if block => {
                self.collection(start, properties, Self::block_mapping)
            }
            _ if properties.tag.is_some() || properties.anchor.is_some() => {
                let anchor = properties.anchor;
                let node = Node {
                    properties: properties.of_scalar(),
                    ..Node::scalar("")
                };
                let id = self.add(start, node)?;
                self.remember(anchor, id);
                Ok(id)
            }
            _ => Err(self.error(here, "did not find expected node content")),
        }
    }

    fn alias(&mut self, start: Pos) -> Result<NodeId> {
        let comments = self.pending_comments();
        let Some(Token { name, .. }) = self.take() else {
            return Err(self.error(start, "did not find expected alias"));
        };
        let target = match self.anchors.get(name) {
            Some(&(document, id)) if document == self.finished.len() => id,
            Some(&(document, id)) => self.import(document, id, start)?,
            None => return Err(self.error(start, "an alias names an unknown anchor")),
        };
        let properties = Properties {
            tag: None,
            anchor: Some(name),
        };
        let node = Node {
            properties: properties.boxed(),
            comments,
            ..Node::new(Kind::Alias(target))
        };
        self.add(start, node)
    }

    /// Copies a node of an earlier document into this one.
    fn import(&mut self, document: usize, id: NodeId, start: Pos) -> Result<NodeId> {
        let mut node = self.finished[document].node(id).clone();
        // What is copied and not borrowed counts as nodes of this size.
        let mut text = node.head().len() + node.line().len() + node.foot().len();
        if let Kind::Scalar {
            value: Cow::Owned(value),
            ..
        } = &node.kind
        {
            text += value.len();
        }
        self.nodes += text / size_of::<Node<'_>>();
        let mark = node.mark;
        let copied = self.add(start, Node::scalar(""))?;
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(Error {
                is_limit: true,
                ..self.error(start, "nested too deeply")
            });
        }
        match &mut node.kind {
            Kind::Scalar { .. } => {}
            Kind::Sequence { items, .. } => {
                for item in items {
                    *item = self.import(document, *item, start)?;
                }
            }
            Kind::Mapping { entries, .. } => {
                for (key, value) in entries {
                    *key = self.import(document, *key, start)?;
                    *value = self.import(document, *value, start)?;
                }
            }
            Kind::Alias(target) => *target = self.import(document, *target, start)?,
        }
        self.depth -= 1;
        *self.document.node_mut(copied) = Node { mark, ..node };
        Ok(copied)
    }

    fn remember(&mut self, anchor: Option<&'a str>, id: NodeId) {
        if let Some(name) = anchor {
            self.anchors.insert(name, (self.finished.len(), id));
        }
    }

    /// A tag and an anchor, in either order.
    fn properties(&mut self, start: Pos) -> Result<Properties<'a>> {
        let mut properties = Properties::default();
        loop {
            let (next, at) = self.peek()?;
            match next {
                TokenKind::Anchor if properties.anchor.is_none() => {
                    properties.anchor = self.take().map(|token| token.name);
                }
                TokenKind::Tag if properties.tag.is_none() => {
                    if let Some(Token { name, text, .. }) = self.take() {
                        properties.tag = Some(self.resolve_tag(name, text, start)?);
                    }
                }
                TokenKind::Anchor | TokenKind::Tag => {
                    return Err(self.error(at, "did not find expected node content"));
                }
                _ => return Ok(properties),
            }
        }
    }

    fn resolve_tag(
        &self,
        handle: &'a str,
        suffix: Cow<'a, str>,
        start: Pos,
    ) -> Result<Cow<'a, str>> {
        const CORE: &str = "tag:yaml.org,2002:";
        let known = self.tag_handles.get(handle);
        let prefix: &str = match (known, handle) {
            (Some(prefix), _) => prefix,
            (None, "") => "",
            (None, "!") => "!",
            (None, "!!") => return Ok(Cow::Owned(format!("!!{suffix}"))),
            _ => return Err(self.error(start, "found undefined tag handle")),
        };
        let tag = if prefix.is_empty() {
            suffix
        } else {
            Cow::Owned(format!("{prefix}{suffix}"))
        };
        Ok(match tag.strip_prefix(CORE) {
            Some(short) => Cow::Owned(format!("!!{short}")),
            None => tag,
        })
    }

    fn scalar(&mut self, start: Pos, properties: Properties<'a>) -> Result<NodeId> {
        let comments = self.pending_comments();
        let Some(Token { text, style, .. }) = self.take() else {
            return Err(self.error(start, "did not find expected node content"));
        };
        let anchor = properties.anchor;
        let node = Node {
            properties: properties.of_scalar(),
            comments,
            ..Node::new(Kind::Scalar { value: text, style })
        };
        let id = self.add(start, node)?;
        self.remember(anchor, id);
        Ok(id)
    }

    /// A collection: the node is made before its content, so that an alias
    /// inside can name it.
    fn collection(
        &mut self,
        start: Pos,
        properties: Properties<'a>,
        content: fn(&mut Self, NodeId) -> Result<Kind<'a>>,
    ) -> Result<NodeId> {
        let anchor = properties.anchor;
        let node = Node {
            properties: properties.boxed(),
            ..Node::scalar("")
        };
        // Dashes at the column of their key, and `[a: b]`, are levels that the
        // scanner does not count.
        if self.depth >= self.limits.depth {
            return Err(Error {
                is_limit: true,
                ..self.error(start, "nested too deeply")
            });
        }
        let id = self.add(start, node)?;
        self.remember(anchor, id);
        self.depth += 1;
        let kind = content(self, id)?;
        self.depth -= 1;
        self.document.node_mut(id).kind = kind;
        Ok(id)
    }

    fn stem_comment(&mut self, id: NodeId) {
        if !self.stem.is_empty() {
            let stem = std::mem::take(&mut self.stem);
            self.document.node_mut(id).comments_mut().head = stem.into();
        }
    }

    // ---- block collections -------------------------------------------------

    fn block_sequence(&mut self, id: NodeId) -> Result<Kind<'a>> {
        self.stem_comment(id);
        self.take();
        let mut items = Vec::new();
        loop {
            let (next, start) = self.peek()?;
            match next {
                TokenKind::BlockEntry => items.push(self.block_entry(start, false)?),
                TokenKind::BlockEnd => {
                    self.take();
                    return Ok(Kind::Sequence { items, flow: false });
                }
                _ => return Err(self.error(start, "did not find expected '-' indicator")),
            }
        }
    }

    /// A sequence whose dashes stand at the column of the key above.
    fn indentless_sequence(&mut self, _: NodeId) -> Result<Kind<'a>> {
        let mut items = Vec::new();
        loop {
            let (next, start) = self.peek()?;
            if next != TokenKind::BlockEntry {
                return Ok(Kind::Sequence { items, flow: false });
            }
            items.push(self.block_entry(start, true)?);
        }
    }

    fn block_entry(&mut self, start: Pos, indentless: bool) -> Result<NodeId> {
        let stem_len = self.head.len();
        self.take();
        let (next, _) = self.peek()?;
        if stem_len > 0
            && matches!(
                next,
                TokenKind::BlockSequenceStart | TokenKind::BlockMappingStart
            )
        {
            let rest = if self.head.len() > stem_len {
                self.head.split_off(stem_len + 1)
            } else {
                String::new()
            };
            self.head.truncate(stem_len);
            self.stem = std::mem::replace(&mut self.head, rest);
        }
        let empty = match next {
            TokenKind::BlockEntry | TokenKind::BlockEnd => true,
            TokenKind::Key | TokenKind::Value => indentless,
            _ => false,
        };
        if empty {
            self.empty_scalar(start)
        } else {
            self.node(true, false)
        }
    }

    fn block_mapping(&mut self, id: NodeId) -> Result<Kind<'a>> {
        self.stem_comment(id);
        self.take();
        let mut entries: Vec<(NodeId, NodeId)> = Vec::new();
        loop {
            let (next, start) = self.peek()?;
            match next {
                TokenKind::Key => {}
                TokenKind::BlockEnd => {
                    let end = self.pending_comments();
                    self.take();
                    self.end_block_mapping(id, entries.last().map(|(key, _)| *key), end);
                    return Ok(Kind::Mapping {
                        entries,
                        flow: false,
                    });
                }
                _ => return Err(self.error(start, "did not find expected key")),
            }
            self.take();
            let key = match self.peek()? {
                (TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd, at) => {
                    self.empty_scalar(at)?
                }
                _ => self.node(true, true)?,
            };
            if let Some((previous, _)) = entries.last()
                && !self.document.node(key).foot().is_empty()
            {
                // Seen only after the dedent: it is below the entry before.
                self.move_foot(key, *previous);
            }
            let (next, at) = self.peek()?;
            let value = if next == TokenKind::Value {
                self.take();
                match self.peek()? {
                    (TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd, at) => {
                        self.empty_scalar(at)?
                    }
                    _ => self.node(true, true)?,
                }
            } else {
                self.empty_scalar(at)?
            };
            self.foot_of_value_to_key(key, value);
            entries.push((key, value));
        }
    }

    fn end_block_mapping(
        &mut self,
        id: NodeId,
        last_key: Option<NodeId>,
        end: Option<Box<Comments<'a>>>,
    ) {
        let Some(end) = end else { return };
        let node = self.document.node_mut(id);
        node.comments_mut().line = end.line;
        if !end.foot.is_empty() {
            let owner = last_key.unwrap_or(id);
            self.document.node_mut(owner).comments_mut().foot = end.foot;
        }
    }

    fn move_foot(&mut self, from: NodeId, to: NodeId) {
        let Some(comments) = &mut self.document.node_mut(from).comments else {
            return;
        };
        let foot = std::mem::take(&mut comments.foot);
        self.document.node_mut(to).comments_mut().foot = foot;
    }

    fn foot_of_value_to_key(&mut self, key: NodeId, value: NodeId) {
        if self.document.node(key).foot().is_empty() && !self.document.node(value).foot().is_empty()
        {
            self.move_foot(value, key);
        }
    }

    // ---- flow collections ----------------------------------------------------

    /// Comments at the end of a flow collection replace those of its start.
    fn end_flow(&mut self, id: NodeId) {
        let end = self.pending_comments();
        self.take();
        let node = self.document.node_mut(id);
        if end.is_none() && node.comments.is_none() {
            return;
        }
        let comments = node.comments_mut();
        let end = end.unwrap_or_default();
        comments.line = end.line;
        comments.foot = end.foot;
    }

    fn start_flow(&mut self, id: NodeId) {
        let comments = self.pending_comments();
        self.document.node_mut(id).comments = comments;
        self.take();
    }

    fn flow_sequence(&mut self, id: NodeId) -> Result<Kind<'a>> {
        self.start_flow(id);
        let mut items = Vec::new();
        loop {
            let (mut next, mut start) = self.peek()?;
            if next != TokenKind::FlowSequenceEnd && !items.is_empty() {
                if next != TokenKind::FlowEntry {
                    return Err(self.error(start, "did not find expected ',' or ']'"));
                }
                self.take();
                (next, start) = self.peek()?;
            }
            match next {
                TokenKind::FlowSequenceEnd => {
                    self.end_flow(id);
                    return Ok(Kind::Sequence { items, flow: true });
                }
                TokenKind::Key => {
                    let none = Properties::default();
                    items.push(self.collection(start, none, Self::flow_pair)?);
                }
                _ => items.push(self.node(false, false)?),
            }
        }
    }

    /// `[a: b]`: a mapping of one entry without braces.
    fn flow_pair(&mut self, _: NodeId) -> Result<Kind<'a>> {
        self.take();
        let (next, at) = self.peek()?;
        let key = if matches!(
            next,
            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd
        ) {
            self.take();
            self.empty_scalar(at)?
        } else {
            self.node(false, false)?
        };
        let (mut next, mut at) = self.peek()?;
        if next == TokenKind::Value {
            self.take();
            (next, at) = self.peek()?;
            if !matches!(next, TokenKind::FlowEntry | TokenKind::FlowSequenceEnd) {
                let value = self.node(false, false)?;
                self.foot_of_value_to_key(key, value);
                return Ok(Kind::Mapping {
                    entries: vec![(key, value)],
                    flow: true,
                });
            }
        }
        let value = self.empty_scalar(at)?;
        Ok(Kind::Mapping {
            entries: vec![(key, value)],
            flow: true,
        })
    }

    fn flow_mapping(&mut self, id: NodeId) -> Result<Kind<'a>> {
        self.start_flow(id);
        let mut entries = Vec::new();
        loop {
            let (mut next, start) = self.peek()?;
            if next != TokenKind::FlowMappingEnd && !entries.is_empty() {
                if next != TokenKind::FlowEntry {
                    return Err(self.error(start, "did not find expected ',' or '}'"));
                }
                self.take();
                (next, _) = self.peek()?;
            }
            if next == TokenKind::FlowMappingEnd {
                self.end_flow(id);
                return Ok(Kind::Mapping {
                    entries,
                    flow: true,
                });
            }
            let (key, value);
            if next == TokenKind::Key {
                self.take();
                key = match self.peek()? {
                    (TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd, at) => {
                        self.empty_scalar(at)?
                    }
                    _ => self.node(false, false)?,
                };
                let (mut next, mut at) = self.peek()?;
                let has_value = next == TokenKind::Value && {
                    self.take();
                    (next, at) = self.peek()?;
                    !matches!(next, TokenKind::FlowEntry | TokenKind::FlowMappingEnd)
                };
                value = if has_value {
                    self.node(false, false)?
                } else {
                    self.empty_scalar(at)?
                };
            } else {
                key = self.node(false, false)?;
                let (_, at) = self.peek()?;
                value = self.empty_scalar(at)?;
            }
            self.foot_of_value_to_key(key, value);
            entries.push((key, value));
        }
    }
}

#[derive(Default)]
struct Properties<'a> {
    tag: Option<Cow<'a, str>>,
    anchor: Option<&'a str>,
}

impl<'a> Properties<'a> {
    fn boxed(self) -> Option<Box<crate::Properties<'a>>> {
        if self.tag.is_none() && self.anchor.is_none() {
            return None;
        }
        Some(Box::new(crate::Properties {
            tag: self.tag,
            anchor: self.anchor.map(Cow::Borrowed),
        }))
    }

    /// As [`boxed`](Self::boxed); a lone `!` says no more of a scalar than its
    /// style does.
    fn of_scalar(mut self) -> Option<Box<crate::Properties<'a>>> {
        self.tag = self.tag.filter(|tag| tag != "!");
        self.boxed()
    }
}

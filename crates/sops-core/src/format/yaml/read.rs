//! YAML text to tree.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use go_yaml::resolve::{Resolved, resolve};
use go_yaml::{Document, Kind, Node, NodeId, ScalarStyle};

use crate::tree::{Comment, List, ListItem, Mapping, MappingItem, Text, Tree, Value};
use crate::{Error, ErrorKind, Result, limits};

/// Reads every document of a YAML file, comments included, with the `sops`
/// entry still in its place.
///
/// # Errors
///
/// [`ErrorKind::Syntax`] where the text is not YAML or its documents are not
/// mappings; [`ErrorKind::Unsupported`] where it is YAML that SOPS has no value for
/// (keys that are not text, integers beyond 64 bits);
/// [`ErrorKind::Limit`].
pub(crate) fn read(bytes: &[u8]) -> Result<Tree> {
    let text = decode(bytes)?;
    let bounds = go_yaml::Limits {
        depth: limits::DEPTH,
        nodes: limits::NODES,
        documents: limits::DOCUMENTS,
    };
    let documents = go_yaml::parse(&text, &bounds).map_err(|error| {
        let why = match (error.is_limit, error.message.as_str()) {
            (false, message) => Error::new(ErrorKind::Syntax, format!("not valid YAML: {message}")),
            (true, "nested too deeply") => Error::too_deep(),
            (true, message) => {
                Error::new(ErrorKind::Limit, message).advise("split the file, or simplify it")
            }
        };
        why.at_line(error.line)
    })?;
    if documents.is_empty() && !text.is_empty() {
        return Err(
            Error::new(ErrorKind::Syntax, "the file holds no YAML document")
                .advise("write an empty mapping, {}, at least"),
        );
    }
    let mut budget = limits::NODES;
    let mut expansion = limits::EXPANSION;
    let mut tree = Tree::with_capacity(documents.len());
    for (number, document) in documents.iter().enumerate() {
        let mut reader = Reader {
            document,
            budget,
            expansion,
            open: Vec::new(),
            depth: 0,
        };
        if number == 0 {
            reader.check_keys()?;
        }
        tree.push(reader.document()?);
        budget = reader.budget;
        expansion = reader.expansion;
    }
    Ok(tree)
}

/// go-yaml reads UTF-8, and UTF-16 where a byte order mark says so.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>> {
    let utf16 = |from: fn([u8; 2]) -> u16| {
        let units = bytes[2..]
            .chunks_exact(2)
            .map(|pair| from([pair[0], pair[1]]));
        let text: std::result::Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) if bytes.len().is_multiple_of(2) => Ok(Cow::Owned(text)),
            _ => Err(Error::new(ErrorKind::Syntax, "not valid UTF-16")),
        }
    };
    if bytes.starts_with(&[0xFF, 0xFE]) {
        return utf16(u16::from_le_bytes);
    }
    if bytes.starts_with(&[0xFE, 0xFF]) {
        return utf16(u16::from_be_bytes);
    }
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| {
            let line = bytes[..error.valid_up_to()]
                .iter()
                .filter(|&&b| b == b'\n')
                .count()
                + 1;
            Error::new(ErrorKind::Syntax, "not valid UTF-8").at_line(line as u32)
        })
}

struct Reader<'d, 'a> {
    document: &'d Document<'a>,
    /// Values that may still be made, aliases expanded.
    budget: usize,
    /// Bytes of text that aliases may still be expanded to.
    expansion: usize,
    /// Aliases that are being expanded.
    open: Vec<NodeId>,
    depth: usize,
}

impl<'d, 'a> Reader<'d, 'a> {
    fn node(&self, id: NodeId) -> &'d Node<'a> {
        self.document.node(id)
    }

    fn error(&self, id: NodeId, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message).at_line(self.node(id).mark.line)
    }

    /// Every key once, at any depth, by its text, and what can be merged under
    /// `<<`: asked of the first document only, as sops does.
    fn check_keys(&self) -> Result<()> {
        for id in self.document.ids() {
            let Kind::Mapping { entries, .. } = &self.node(id).kind else {
                continue;
            };
            if let Some(again) = self.key_again(entries) {
                let message = "a mapping has the same key twice";
                return Err(self.error(again, ErrorKind::Syntax, message));
            }
            for (key, value) in entries {
                if self.is_merge(*key) && !self.can_be_merged(*value) {
                    let message = "under << there must be a mapping, or a list of mappings";
                    return Err(self.error(*key, ErrorKind::Syntax, message));
                }
            }
        }
        Ok(())
    }

    /// Whether a key is YAML's `<<`: plain, or with the tag that says so.
    fn is_merge(&self, key: NodeId) -> bool {
        let node = self.node(key);
        match &node.kind {
            Kind::Scalar { value, style } if value == "<<" => match node.tag() {
                None => *style == ScalarStyle::Plain,
                Some(tag) => tag == "!!merge",
            },
            _ => false,
        }
    }

    fn can_be_merged(&self, value: NodeId) -> bool {
        let is_mapping = |id: NodeId| match self.node(id).kind {
            Kind::Mapping { .. } => true,
            Kind::Alias(target) => matches!(self.node(target).kind, Kind::Mapping { .. }),
            _ => false,
        };
        match &self.node(value).kind {
            Kind::Sequence { items, .. } => items.iter().all(|item| is_mapping(*item)),
            _ => is_mapping(value),
        }
    }

    /// The first key that stands a second time.
    fn key_again(&self, entries: &[(NodeId, NodeId)]) -> Option<NodeId> {
        /// Of so few keys, comparing all is quicker than hashing them.
        const FEW: usize = 16;
        let text = |key: NodeId| match &self.node(key).kind {
            Kind::Scalar { value, .. } => Some(value.as_ref()),
            _ => None,
        };
        let mut keys = entries.iter().map(|(key, _)| *key);
        if entries.len() <= FEW {
            let before = |n| entries.iter().take(n).map(|(key, _)| text(*key));
            let mut numbered = keys.enumerate();
            let again = numbered.find(|(n, key)| {
                let text = text(*key);
                text.is_some() && before(*n).any(|other| other == text)
            });
            return again.map(|(_, key)| key);
        }
        let mut seen = HashSet::with_capacity(entries.len());
        keys.find(|key| text(*key).is_some_and(|text| !seen.insert(text)))
    }

    fn document(&mut self) -> Result<Mapping> {
        let mut mapping = Mapping::default();
        let comments = &self.document.comments;
        self.comments(&mut mapping.items, &comments.head, false)?;
        if let Some(root) = self.document.root() {
            self.root(root, &mut mapping)?;
        }
        self.comments(&mut mapping.items, &comments.foot, false)?;
        Ok(mapping)
    }

    fn root(&mut self, id: NodeId, mapping: &mut Mapping) -> Result<()> {
        let node = self.node(id);
        match &node.kind {
            Kind::Mapping { .. } => self.mapping(id, true, mapping),
            Kind::Alias(target) => self.expand(id, *target, |reader| reader.root(*target, mapping)),
            Kind::Scalar { .. } if matches!(self.scalar(id)?, Value::Null) => Ok(()),
            Kind::Scalar { .. } => Err(self
                .error(
                    id,
                    ErrorKind::Syntax,
                    "the document is a single value, not a mapping",
                )
                .advise("SOPS encrypts mappings: put the value under a key")),
            Kind::Sequence { .. } => Err(self
                .error(
                    id,
                    ErrorKind::Syntax,
                    "the document is a list, not a mapping",
                )
                .advise("SOPS encrypts mappings: put the list under a key")),
        }
    }

    /// Appends a mapping's entries, and its own comments if nobody else did.
    fn mapping(&mut self, id: NodeId, own_comments: bool, to: &mut Mapping) -> Result<()> {
        let node = self.node(id);
        let Kind::Mapping { entries, .. } = &node.kind else {
            return Ok(());
        };
        to.items.reserve(entries.len());
        if own_comments {
            self.comments(&mut to.items, node.head(), false)?;
            self.comments(&mut to.items, node.line(), false)?;
        }
        self.nested(id, |reader| {
            for (key, value) in entries {
                let key_node = reader.node(*key);
                let value_node = reader.node(*value);
                let beside = matches!(value_node.kind, Kind::Scalar { .. } | Kind::Alias(_));
                reader.comments(&mut to.items, key_node.head(), false)?;
                reader.comments(&mut to.items, key_node.line(), false)?;
                if beside {
                    reader.comments(&mut to.items, value_node.head(), false)?;
                    reader.comments(&mut to.items, value_node.line(), true)?;
                }
                let entry = MappingItem::Entry {
                    key: reader.key(*key)?,
                    value: reader.value(*value, !beside)?,
                };
                to.items.push(entry);
                if beside {
                    reader.comments(&mut to.items, value_node.foot(), false)?;
                }
                reader.comments(&mut to.items, key_node.foot(), false)?;
            }
            Ok(())
        })?;
        if own_comments {
            self.comments(&mut to.items, node.foot(), false)?;
        }
        Ok(())
    }

    fn list(&mut self, id: NodeId, own_comments: bool) -> Result<List> {
        let node = self.node(id);
        let Kind::Sequence { items, .. } = &node.kind else {
            return Ok(List::default());
        };
        let mut list = List {
            items: Vec::with_capacity(items.len()),
        };
        if own_comments {
            self.comments(&mut list.items, node.head(), false)?;
            self.comments(&mut list.items, node.line(), false)?;
        }
        self.nested(id, |reader| {
            for item in items {
                let item_node = reader.node(*item);
                reader.comments(&mut list.items, item_node.head(), false)?;
                reader.comments(&mut list.items, item_node.line(), true)?;
                let value = reader.value(*item, false)?;
                list.items.push(ListItem::Value(value));
                reader.comments(&mut list.items, item_node.foot(), false)?;
            }
            Ok(())
        })?;
        if own_comments {
            self.comments(&mut list.items, node.foot(), false)?;
        }
        Ok(list)
    }

    fn value(&mut self, id: NodeId, own_comments: bool) -> Result<Value> {
        self.spend(1)
            .map_err(|error| error.at_line(self.node(id).mark.line))?;
        if !self.open.is_empty() {
            self.copy_text(id)?;
        }
        match &self.node(id).kind {
            Kind::Scalar { .. } => self.scalar(id),
            Kind::Sequence { .. } => self.list(id, own_comments).map(Value::List),
            Kind::Mapping { .. } => {
                let mut mapping = Mapping::default();
                self.mapping(id, own_comments, &mut mapping)?;
                Ok(Value::Mapping(mapping))
            }
            Kind::Alias(target) => self.expand(id, *target, |reader| reader.value(*target, true)),
        }
    }

    /// Takes into account that a node's text is copied by an alias.
    fn copy_text(&mut self, id: NodeId) -> Result<()> {
        let node = self.node(id);
        let text = match &node.kind {
            Kind::Scalar { value, .. } => value.len(),
            _ => 0,
        };
        let size = text + node.head().len() + node.line().len() + node.foot().len();
        self.expansion = self
            .expansion
            .checked_sub(size)
            .ok_or_else(|| Error::too_much_text().at_line(self.node(id).mark.line))?;
        Ok(())
    }

    /// Takes into account that values or comments are made.
    fn spend(&mut self, count: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(count).ok_or_else(Error::too_many)?;
        Ok(())
    }

    /// Appends one item for each line of a comment; blank lines are dropped,
    /// and so is the `#` in front (sops-format §8.1).
    fn comments<T: FromComment>(
        &mut self,
        items: &mut Vec<T>,
        text: &str,
        inline: bool,
    ) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            self.spend(1)?;
            let text = Text::from(line.strip_prefix('#').unwrap_or(line));
            items.push(T::from_comment(Comment { text, inline }));
        }
        Ok(())
    }

    fn expand<T>(
        &mut self,
        alias: NodeId,
        target: NodeId,
        content: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.open.contains(&target) {
            let message = "an alias names a value that contains it";
            return Err(self.error(alias, ErrorKind::Syntax, message));
        }
        self.open.push(target);
        let result = content(self);
        self.open.pop();
        result
    }

    fn nested(&mut self, id: NodeId, content: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.depth >= limits::DEPTH {
            return Err(Error::too_deep().at_line(self.node(id).mark.line));
        }
        self.depth += 1;
        let result = content(self);
        self.depth -= 1;
        result
    }

    fn key(&mut self, id: NodeId) -> Result<Text> {
        if !self.open.is_empty() || matches!(self.node(id).kind, Kind::Alias(_)) {
            self.copy_text(match self.node(id).kind {
                Kind::Alias(target) => target,
                _ => id,
            })?;
        }
        let refused = |kind, what| {
            let message = format!("a key is {what}; SOPS knows only text keys");
            self.error(id, kind, message)
                .advise("put the key in quotes")
        };
        let refuse = |what| refused(ErrorKind::Unsupported, what);
        // Which sops cannot even read.
        let unreadable = || refused(ErrorKind::Syntax, "a collection");
        match &self.node(id).kind {
            Kind::Alias(target) => return self.key(*target),
            Kind::Scalar { .. } => {}
            _ => return Err(unreadable()),
        }
        match self.scalar(id)? {
            Value::String(text) => Ok(text),
            Value::Null => Err(refuse("null")),
            Value::Bool(_) => Err(refuse("a boolean")),
            Value::Int(_) | Value::Float(_) => Err(refuse("a number")),
            Value::Time(_) => Err(refuse("a timestamp")),
            Value::Mapping(_) | Value::List(_) => Err(unreadable()),
        }
    }

    /// The typed value of a scalar, by its tag, style and text.
    fn scalar(&self, id: NodeId) -> Result<Value> {
        let node = self.node(id);
        let Kind::Scalar { value: text, style } = &node.kind else {
            return Ok(Value::Null);
        };
        let string = || Value::String(Text::from(text.as_ref()));
        let resolved = match node.tag() {
            None if *style == ScalarStyle::Plain => resolve(text),
            Some("!!bool" | "!!int" | "!!float" | "!!null" | "!!timestamp") => resolve(text),
            Some("!!binary") => {
                // Go's decoder passes over line breaks.
                let compact: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
                let bytes = STANDARD.decode(compact).map_err(|_| {
                    self.error(
                        id,
                        ErrorKind::Syntax,
                        "a !!binary value is not valid base64",
                    )
                })?;
                return Ok(Value::String(Text::from(bytes)));
            }
            None | Some(_) => return Ok(string()),
        };
        let value = match resolved {
            Resolved::Null => Value::Null,
            Resolved::Bool(value) => Value::Bool(value),
            Resolved::Int(value) => Value::Int(value),
            Resolved::Float(value) => Value::Float(value),
            Resolved::Timestamp(value) => Value::Time(value),
            Resolved::Merge | Resolved::Str => string(),
            Resolved::Uint(_) => {
                let message = "an integer is beyond 64 bits with sign, which SOPS cannot hold";
                let error = self.error(id, ErrorKind::Unsupported, message);
                return Err(error.advise("put the number in quotes"));
            }
        };
        let Some(tag) = node.tag() else {
            return Ok(value);
        };
        match (tag, value) {
            ("!!float", Value::Int(value)) => Ok(Value::Float(value as f64)),
            ("!!bool", value @ Value::Bool(_))
            | ("!!int", value @ Value::Int(_))
            | ("!!float", value @ Value::Float(_))
            | ("!!null", value @ Value::Null)
            | ("!!timestamp", value @ Value::Time(_)) => Ok(value),
            _ => Err(self.error(
                id,
                ErrorKind::Syntax,
                format!("a value does not fit its tag {tag}"),
            )),
        }
    }
}

/// An item that can be made from a comment.
trait FromComment {
    fn from_comment(comment: Comment) -> Self;
}

impl FromComment for MappingItem {
    fn from_comment(comment: Comment) -> Self {
        MappingItem::Comment(comment)
    }
}

impl FromComment for ListItem {
    fn from_comment(comment: Comment) -> Self {
        ListItem::Comment(comment)
    }
}

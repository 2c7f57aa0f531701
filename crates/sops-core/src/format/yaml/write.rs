//! Tree to YAML text.

use std::borrow::Cow;
use std::fmt;

use go_yaml::emit::{Emitter, Profile, Start};
use go_yaml::{Comments, number};
use zeroize::Zeroizing;

use crate::format::Style;
use crate::secret::SecretBuf;
use crate::tree::{Comment, List, ListItem, Mapping, MappingItem, Value};
use crate::{Error, ErrorKind, Result};

/// Writes every document, `---` between them, as sops does.
///
/// # Errors
///
/// [`ErrorKind::Emit`] where the emitter cannot write the tree.
pub(crate) fn write(documents: &[Mapping], style: &Style, out: &mut SecretBuf) -> Result<()> {
    let mut writer = Writer {
        emitter: Emitter::new(out, Profile::v3(style.yaml_indent)),
        inline: style.inline_comments,
    };
    let none = Comments::default();
    let mut write = || {
        for document in documents {
            writer.emitter.document_start("")?;
            writer.mapping(document, &none)?;
            writer.emitter.document_end("")?;
        }
        Ok(())
    };
    write().map_err(|_: fmt::Error| Error::new(ErrorKind::Emit, "cannot write this as YAML"))
}

/// Writes one value alone, as `--extract` prints it: at indent 4 whatever the
/// style (sops-yaml-emitter §9).
///
/// # Errors
///
/// As [`write()`].
pub(crate) fn write_value(value: &Value, style: &Style, out: &mut SecretBuf) -> Result<()> {
    let mut writer = Writer {
        emitter: Emitter::new(out, Profile::v3(4)),
        inline: style.inline_comments,
    };
    let mut write = || {
        writer.emitter.document_start("")?;
        writer.value(value, &Comments::default())?;
        writer.emitter.document_end("")
    };
    write().map_err(|_: fmt::Error| Error::new(ErrorKind::Emit, "cannot write this as YAML"))
}

struct Writer<'o> {
    emitter: Emitter<&'o mut SecretBuf>,
    /// Whether inline comments stay on the line of their value.
    inline: bool,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, comments: &Comments<'_>) -> fmt::Result {
        match value {
            Value::Null => self.emitter.plain("null", comments),
            Value::Bool(value) => self.emitter.plain(value, comments),
            Value::Int(value) => self.emitter.plain(value, comments),
            Value::Float(value) => self.emitter.plain(number::yaml(*value), comments),
            Value::String(text) => self.emitter.bytes(text.as_bytes(), comments),
            Value::Time(time) => self.emitter.plain(time, comments),
            Value::Mapping(mapping) => self.mapping(mapping, comments),
            Value::List(list) => self.list(list, comments),
        }
    }

    /// The comments of a mapping that it does not hold itself are those of the
    /// list item that it is.
    fn mapping(&mut self, mapping: &Mapping, outer: &Comments<'_>) -> fmt::Result {
        let items = &mapping.items;
        let (first, last) = ends(items);
        let mut pending = Pending::new(self.inline);
        pending.gather(&items[..first]);
        self.emitter.mapping_start(Start {
            head: &pending.take_head(outer),
            ..Start::default()
        })?;
        let foot = Pending::foot(&items[last..]);
        for (at, item) in items.iter().enumerate().take(last).skip(first) {
            match item {
                MappingItem::Comment(comment) => pending.push(comment),
                MappingItem::Entry { key, value } => {
                    let foot = if at + 1 == last { foot.as_str() } else { "" };
                    let of_key = Comments {
                        head: Cow::Borrowed(&pending.normal),
                        foot: Cow::Borrowed(foot),
                        ..Comments::default()
                    };
                    self.emitter.bytes(key.as_bytes(), &of_key)?;
                    let of_value = Comments {
                        line: Cow::Borrowed(&pending.inline),
                        ..Comments::default()
                    };
                    self.value(value, &of_value)?;
                    pending.clear();
                }
            }
        }
        self.emitter.mapping_end(&without_head(outer))
    }

    fn list(&mut self, list: &List, outer: &Comments<'_>) -> fmt::Result {
        let items = &list.items;
        let (first, last) = ends(items);
        let mut pending = Pending::new(self.inline);
        pending.gather(&items[..first]);
        self.emitter.sequence_start(Start {
            head: &pending.take_head(outer),
            ..Start::default()
        })?;
        let foot = Pending::foot(&items[last..]);
        for (at, item) in items.iter().enumerate().take(last).skip(first) {
            match item {
                ListItem::Comment(comment) => pending.push(comment),
                ListItem::Value(value) => {
                    let foot = if at + 1 == last { foot.as_str() } else { "" };
                    let of_value = Comments {
                        head: Cow::Borrowed(&pending.normal),
                        line: Cow::Borrowed(&pending.inline),
                        foot: Cow::Borrowed(foot),
                    };
                    self.value(value, &of_value)?;
                    pending.clear();
                }
            }
        }
        self.emitter.sequence_end(&without_head(outer))
    }
}

fn without_head<'a>(comments: &'a Comments<'_>) -> Comments<'a> {
    Comments {
        head: Cow::Borrowed(""),
        line: Cow::Borrowed(&comments.line),
        foot: Cow::Borrowed(&comments.foot),
    }
}

/// An item of a mapping or list, which may be a comment.
trait Item {
    fn comment(&self) -> Option<&Comment>;
}

impl Item for MappingItem {
    fn comment(&self) -> Option<&Comment> {
        match self {
            MappingItem::Comment(comment) => Some(comment),
            MappingItem::Entry { .. } => None,
        }
    }
}

impl Item for ListItem {
    fn comment(&self) -> Option<&Comment> {
        match self {
            ListItem::Comment(comment) => Some(comment),
            ListItem::Value(_) => None,
        }
    }
}

/// Where the first item is that is no comment, and where the comments begin
/// that no such item follows. Both are the length where all are comments.
fn ends<T: Item>(items: &[T]) -> (usize, usize) {
    let is_content = |item: &T| item.comment().is_none();
    match items.iter().position(is_content) {
        Some(first) => (
            first,
            items
                .iter()
                .rposition(is_content)
                .map_or(first, |last| last + 1),
        ),
        None => (items.len(), items.len()),
    }
}

/// Comments that wait for the item that follows them (sops-format §8.4). They
/// may be decrypted text, so they are wiped.
struct Pending {
    normal: Zeroizing<String>,
    inline: Zeroizing<String>,
    keep_inline: bool,
}

impl Pending {
    fn new(keep_inline: bool) -> Self {
        Pending {
            normal: Zeroizing::default(),
            inline: Zeroizing::default(),
            keep_inline,
        }
    }

    fn gather<T: Item>(&mut self, items: &[T]) {
        items
            .iter()
            .filter_map(Item::comment)
            .for_each(|comment| self.push(comment));
    }

    fn foot<T: Item>(items: &[T]) -> Zeroizing<String> {
        let mut foot = Pending::new(false);
        foot.gather(items);
        foot.normal
    }

    fn push(&mut self, comment: &Comment) {
        let inline = self.keep_inline && comment.inline;
        let text = if inline {
            &mut self.inline
        } else {
            &mut self.normal
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push('#');
        text.push_str(&String::from_utf8_lossy(comment.text.as_bytes()));
    }

    /// The comments above the first item are those of the collection; below
    /// the comments that the collection has as an item itself.
    fn take_head(&mut self, outer: &Comments<'_>) -> Zeroizing<String> {
        let own = std::mem::take(&mut self.normal);
        if outer.head.is_empty() {
            return own;
        }
        let separator = if own.is_empty() { "" } else { "\n" };
        Zeroizing::new(format!("{}{separator}{}", outer.head, *own))
    }

    fn clear(&mut self) {
        self.normal.clear();
        self.inline.clear();
    }
}

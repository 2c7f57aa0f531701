//! The data of a SOPS file, whatever its format: documents of ordered
//! mappings whose comments are entries of their own (sops-format §1).
//!
//! It is a model to build and match on, and open for that: [`Value`],
//! [`Mapping`], [`List`], their items and [`Comment`] have all their parts in
//! public, and get no others without a new major release.

use std::{borrow::Cow, fmt};

use crate::{Timestamp, secret};

/// Text of a file: any bytes, mostly UTF-8. May be a secret, so it is wiped
/// when dropped and its `Debug` prints the length only.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text as UTF-8 the way Go converts it: each byte that is not part
    /// of a character becomes U+FFFD.
    ///
    /// ```
    /// use sops_core::tree::Text;
    /// assert_eq!(Text::from(b"a\xff\xfe".as_slice()).to_string_lossy(), "a\u{fffd}\u{fffd}");
    /// ```
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        lossy(&self.0)
    }

    /// The bytes, no longer wiped when dropped.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// The text, no longer wiped when dropped.
    ///
    /// ```
    /// use sops_core::tree::Text;
    /// assert_eq!(Text::from("x").into_string().unwrap(), "x");
    /// assert!(Text::from(b"\xff".as_slice()).into_string().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the text back where it is not UTF-8.
    pub fn into_string(self) -> Result<String, Text> {
        String::from_utf8(self.into_bytes()).map_err(|error| error.into_bytes().into())
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Text(bytes)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(text.into_bytes())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Text(bytes.to_vec())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        secret::wipe(&mut self.0);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// Bytes as UTF-8 the way Go converts them: one U+FFFD for each byte that is
/// not part of a character (`String::from_utf8_lossy` joins some).
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    let mut rest = bytes;
    let mut out = String::new();
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) if out.is_empty() => return Cow::Borrowed(text),
            Ok(text) => {
                out.push_str(text);
                return Cow::Owned(out);
            }
            Err(e) => {
                let (good, bad) = rest.split_at(e.valid_up_to());
                out.push_str(std::str::from_utf8(good).unwrap_or_default());
                out.push('\u{FFFD}');
                rest = bad.get(1..).unwrap_or_default();
            }
        }
    }
}

/// The documents of a file, in order. Only YAML can hold another number than
/// one.
pub type Tree = Vec<Mapping>;

/// One value. `Debug` prints the shape, never what is in it.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Null: never encrypted, never hashed.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    String(Text),
    /// A moment (YAML only).
    Time(Timestamp),
    /// A nested mapping.
    Mapping(Mapping),
    /// A list.
    List(List),
}

impl Value {
    /// What kind of value this is, in words for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Time(_) => "a timestamp",
            Value::Mapping(_) => "a mapping",
            Value::List(_) => "a list",
        }
    }

    /// The text, if this is a string, of whatever bytes.
    ///
    /// ```
    /// use sops_core::tree::Value;
    /// assert_eq!(Value::from("x").as_text().unwrap().as_bytes(), b"x");
    /// ```
    #[must_use]
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text, if this is a string of UTF-8.
    ///
    /// ```
    /// use sops_core::tree::Value;
    /// assert_eq!(Value::from("x").as_str(), Some("x"));
    /// assert_eq!(Value::Int(1).as_str(), None);
    /// ```
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => text.as_str(),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The integer, if this is one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The number, if this is one; of an integer the float that is nearest.
    ///
    /// ```
    /// use sops_core::tree::Value;
    /// assert_eq!(Value::Int(1).as_f64(), Some(1.0));
    /// assert_eq!(Value::from("1").as_f64(), None);
    /// ```
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(int) => Some(*int as f64),
            Value::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// The moment, if this is one.
    #[must_use]
    pub fn as_time(&self) -> Option<Timestamp> {
        match self {
            Value::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// Whether this is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The list, if this is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The mapping, if this is one.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match self {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Value::Bool(bool)
    }
}

impl From<i32> for Value {
    fn from(int: i32) -> Self {
        Value::Int(int.into())
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Value::Int(int)
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Value::Float(float)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Value::Time(time)
    }
}

impl From<Mapping> for Value {
    fn from(mapping: Mapping) -> Self {
        Value::Mapping(mapping)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Value::List(list)
    }
}

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(values: Vec<V>) -> Self {
        Value::List(values.into_iter().collect())
    }
}

impl<V: Into<Value>> FromIterator<V> for List {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        let items = values.into_iter();
        List {
            items: items.map(|value| ListItem::Value(value.into())).collect(),
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text.into())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("Null"),
            Value::Bool(_) => f.write_str("Bool"),
            Value::Int(_) => f.write_str("Int"),
            Value::Float(_) => f.write_str("Float"),
            Value::String(text) => write!(f, "String({} bytes)", text.len()),
            Value::Time(_) => f.write_str("Time"),
            Value::Mapping(mapping) => mapping.fmt(f),
            Value::List(list) => list.fmt(f),
        }
    }
}

/// A comment: what stands after its first `#`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    /// The text after the sign, blanks included.
    pub text: Text,
    /// Whether it stands on the line of the entry that follows it in the tree
    /// (YAML only).
    pub inline: bool,
}

/// An ordered mapping. Keys may repeat; comments are items too.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mapping {
    /// Entries and comments in file order.
    pub items: Vec<MappingItem>,
}

impl Mapping {
    /// The entries without the comments, in order.
    ///
    /// ```
    /// use sops_core::tree::{Mapping, Value};
    /// let mut mapping = Mapping::default();
    /// mapping.push("a", Value::Int(1));
    /// let keys: Vec<_> = mapping.entries().filter_map(|(k, _)| k.as_str()).collect();
    /// assert_eq!(keys, ["a"]);
    /// ```
    #[must_use]
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (&Text, &Value)> {
        self.items.iter().filter_map(|item| match item {
            MappingItem::Entry { key, value } => Some((key, value)),
            MappingItem::Comment(_) => None,
        })
    }

    /// The value of the first entry with this key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Value> {
        let key = key.as_ref();
        self.entries()
            .find(|(k, _)| k.as_bytes() == key)
            .map(|(_, v)| v)
    }

    /// The value of the first entry with this key, to be changed.
    pub fn get_mut(&mut self, key: impl AsRef<[u8]>) -> Option<&mut Value> {
        let key = key.as_ref();
        self.items.iter_mut().find_map(|item| match item {
            MappingItem::Entry { key: k, value } if k.as_bytes() == key => Some(value),
            _ => None,
        })
    }

    /// Appends an entry.
    pub fn push(&mut self, key: impl Into<Text>, value: impl Into<Value>) {
        self.items.push(MappingItem::Entry {
            key: key.into(),
            value: value.into(),
        });
    }
}

impl List {
    /// The values without the comments, in order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.items.iter().filter_map(|item| match item {
            ListItem::Value(value) => Some(value),
            ListItem::Comment(_) => None,
        })
    }
}

/// One item of a [`Mapping`].
#[derive(Clone, PartialEq, Debug)]
pub enum MappingItem {
    /// A key with its value.
    Entry {
        /// The key.
        key: Text,
        /// The value.
        value: Value,
    },
    /// A comment.
    Comment(Comment),
}

/// A list; comments are items too.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct List {
    /// Values and comments in file order.
    pub items: Vec<ListItem>,
}

/// Whether two trees hold the same keys and values in the same order,
/// wherever their comments stand.
pub(crate) fn same_data(a: &[Mapping], b: &[Mapping]) -> bool {
    fn mappings(a: &Mapping, b: &Mapping) -> bool {
        let (mut a, mut b) = (a.entries(), b.entries());
        let same = (&mut a)
            .zip(&mut b)
            .all(|((k, v), (l, w))| k == l && values(v, w));
        same && a.next().is_none() && b.next().is_none()
    }
    fn values(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Mapping(a), Value::Mapping(b)) => mappings(a, b),
            (Value::List(a), Value::List(b)) => {
                a.values().count() == b.values().count()
                    && a.values().zip(b.values()).all(|(a, b)| values(a, b))
            }
            // What is not a number is not even the same as itself.
            (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (a, b) => a == b,
        }
    }
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| mappings(a, b))
}

/// One item of a [`List`].
#[derive(Clone, PartialEq, Debug)]
pub enum ListItem {
    /// A value.
    Value(Value),
    /// A comment.
    Comment(Comment),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let mut inner = Mapping::default();
        inner.push("k", "hunter2");
        let value = Value::List(List {
            items: vec![
                ListItem::Value(Value::Mapping(inner)),
                ListItem::Value(Value::Int(4711)),
                ListItem::Value(Value::Float(47.11)),
                ListItem::Value(Value::Bool(true)),
                ListItem::Comment(Comment {
                    text: "hunter2".into(),
                    inline: false,
                }),
            ],
        });
        let text = format!("{value:?}");
        for secret in ["hunter2", "47", "11", "true"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn lossy_replaces_every_bad_byte() {
        assert_eq!(lossy(b"a\xE2\x82b\xFF"), "a\u{FFFD}\u{FFFD}b\u{FFFD}");
        assert_eq!(lossy("é".as_bytes()), "é");
        assert_eq!(lossy(b"\xFF"), "\u{FFFD}");
    }
}

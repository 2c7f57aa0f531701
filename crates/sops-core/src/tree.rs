//! The data of a SOPS file, whatever its format: documents of ordered
//! mappings whose comments are entries of their own (sops-format §1).
//!
//! It is a model to build and match on, and open for that: [`Value`],
//! [`Mapping`], [`List`], their items and [`Comment`] have all their parts in
//! public, and get no others without a new major release.

mod text;
mod value;

pub use text::Text;
pub(crate) use text::lossy;
pub use value::Value;

/// The documents of a file, in order. Only YAML can hold another number than
/// one.
pub type Tree = Vec<Mapping>;

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
///
/// ```
/// use sops_core::tree::{List, ListItem, Mapping, Value};
///
/// let mut mapping = Mapping::default();
/// mapping.push("list", vec!["a", "b"]);
/// if let Some(Value::List(List { items })) = mapping.get_mut("list") {
///     items.push(ListItem::Value("c".into()));
/// }
/// let list = mapping.get("list").and_then(Value::as_list).unwrap();
/// assert_eq!(list.values().filter_map(Value::as_str).collect::<String>(), "abc");
/// ```
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

impl List {
    /// The values without the comments, in order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.items.iter().filter_map(|item| match item {
            ListItem::Value(value) => Some(value),
            ListItem::Comment(_) => None,
        })
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

/// One item of a [`List`].
#[derive(Clone, PartialEq, Debug)]
pub enum ListItem {
    /// A value.
    Value(Value),
    /// A comment.
    Comment(Comment),
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
}

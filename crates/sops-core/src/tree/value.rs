//! One value, and what makes one.

use std::fmt;

use super::{List, Mapping, Text};
use crate::Timestamp;

/// One value. `Debug` prints the shape, never what is in it.
///
/// ```
/// use sops_core::tree::Value;
///
/// let values = [Value::from("x"), Value::from(1), Value::from(true), Value::Null];
/// assert_eq!(values[0].as_str(), Some("x"));
/// assert_eq!(values[1].as_i64(), Some(1));
/// assert_eq!(values[2].as_bool(), Some(true));
/// assert!(values[3].is_null());
/// assert_eq!(format!("{values:?}"), "[String(1 bytes), Int, Bool, Null]");
/// ```
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

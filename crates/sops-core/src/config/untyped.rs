//! A field that sops reads without a type (sops-config §4).

use std::fmt;

use go_yaml::de::Located;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// What should be a text, a list of texts, or nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Untyped {
    pub(super) line: u32,
    pub(super) value: Value,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Value {
    /// `null`, or the field is not there.
    #[default]
    Nothing,
    Text(String),
    List(Vec<Untyped>),
    /// Something else, by its name in a message.
    Other(&'static str),
}

impl Value {
    pub(super) fn found(&self) -> &'static str {
        match self {
            Value::Nothing => "null",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Other(name) => name,
        }
    }
}

impl<'de> Deserialize<'de> for Untyped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let Located { line, value } = Located::deserialize(deserializer)?;
        Ok(Untyped { line, value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list of texts")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Value, E> {
        Ok(Value::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Value, E> {
        Ok(Value::Other("an integer"))
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Value, E> {
        Ok(Value::Other("an integer"))
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        // To its end, so that a broken one is an error here, as in sops.
        while map.next_entry::<Untyped, Untyped>()?.is_some() {}
        Ok(Value::Other("a mapping"))
    }
}

//! Decrypted values into a caller's own types, by serde.
//!
//! Nothing is copied on the way: a text may be borrowed from the document. No
//! message holds a value, nor what a type says about one.

mod failure;

use std::str::FromStr;

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
        Visitor, value::BorrowedStrDeserializer,
    },
    forward_to_deserialize_any,
};

use crate::{
    Format, limits,
    query::Step,
    tree::{List, ListItem, Mapping, Text, Value},
};
use failure::Failure;

/// A document as a value of this type. In formats that know texts only, texts
/// become what the type asks for.
pub(crate) fn from_document<'de, T: Deserialize<'de>>(
    document: &'de Mapping,
    format: Format,
) -> crate::Result<T> {
    from(Node::Mapping(document), &[], format)
}

/// The same of the value at a path.
pub(crate) fn from_value<'de, T: Deserialize<'de>>(
    value: &'de Value,
    path: &[Step],
    format: Format,
) -> crate::Result<T> {
    from(Node::Value(value), path, format)
}

fn from<'de, T: Deserialize<'de>>(
    node: Node<'de>,
    path: &[Step],
    format: Format,
) -> crate::Result<T> {
    let here = Here {
        node,
        has_texts_only: matches!(format, Format::Dotenv | Format::Ini),
        depth: 0,
    };
    T::deserialize(here).map_err(|why| why.into_error(path))
}

#[derive(Clone, Copy)]
enum Node<'de> {
    Key(&'de Text),
    Mapping(&'de Mapping),
    Value(&'de Value),
}

/// A place in the tree.
#[derive(Clone, Copy)]
struct Here<'de> {
    node: Node<'de>,
    has_texts_only: bool,
    depth: usize,
}

impl<'de> Here<'de> {
    fn text(&self) -> Option<&'de Text> {
        match self.node {
            Node::Key(text) | Node::Value(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn mapping(&self) -> Option<&'de Mapping> {
        match self.node {
            Node::Mapping(mapping) | Node::Value(Value::Mapping(mapping)) => Some(mapping),
            _ => None,
        }
    }

    /// What a text stands for that can be nothing but a text.
    fn parsed<T: FromStr>(&self) -> Option<T> {
        let is_text = self.has_texts_only || matches!(self.node, Node::Key(_));
        self.text().filter(|_| is_text)?.as_str()?.parse().ok()
    }

    fn inside(&self, node: Node<'de>) -> Self {
        Here {
            node,
            depth: self.depth + 1,
            ..*self
        }
    }

    fn check_depth(&self) -> Result<(), Failure> {
        // A tree that was made by hand may be of any depth.
        if self.depth > limits::DEPTH {
            return Err(Failure::too_deep());
        }
        Ok(())
    }
}

/// Numbers and booleans: of a text that can be nothing else, what it says.
macro_rules! parsed {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            match self.parsed() {
                Some(value) => visitor.$visit(value),
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Here<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if let Some(text) = self.text() {
            return match text.as_str() {
                Some(text) => visitor.visit_borrowed_str(text),
                None => visitor.visit_borrowed_bytes(text.as_bytes()),
            };
        }
        if let Some(mapping) = self.mapping() {
            self.check_depth()?;
            return visitor.visit_map(Entries {
                here: self,
                entries: Box::new(mapping.entries()),
                value: None,
            });
        }
        match self.node {
            Node::Value(Value::Bool(bool)) => visitor.visit_bool(*bool),
            Node::Value(Value::Int(int)) => visitor.visit_i64(*int),
            Node::Value(Value::Float(float)) => visitor.visit_f64(*float),
            Node::Value(Value::Time(time)) => visitor.visit_string(time.to_rfc3339_nano()),
            Node::Value(Value::List(list)) => {
                self.check_depth()?;
                visitor.visit_seq(Items {
                    here: self,
                    list,
                    at: 0,
                })
            }
            _ => visitor.visit_unit(),
        }
    }

    parsed! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8
        deserialize_i16 visit_i16
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_f32 visit_f32
        deserialize_f64 visit_f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node {
            Node::Value(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.text() {
            Some(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if let Some(name) = self.text().and_then(Text::as_str) {
            return visitor.visit_enum(BorrowedStrDeserializer::new(name));
        }
        self.check_depth()?;
        let mut entries = self.mapping().into_iter().flat_map(Mapping::entries);
        match (entries.next(), entries.next()) {
            (Some((name, value)), None) => visitor.visit_enum(Variant {
                name,
                value: self.inside(Node::Value(value)),
            }),
            _ => Err(Failure::new(
                "expected the name of a variant, or a mapping of one to its content",
            )),
        }
    }

    forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The entries of a mapping. A key that stands twice comes twice.
struct Entries<'de> {
    here: Here<'de>,
    entries: Box<dyn Iterator<Item = (&'de Text, &'de Value)> + 'de>,
    value: Option<(&'de Text, &'de Value)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        self.value = self.entries.next();
        let Some((key, _)) = self.value else {
            return Ok(None);
        };
        seed.deserialize(self.here.inside(Node::Key(key)))
            .map(Some)
            .map_err(|why| why.inside_key(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let Some((key, value)) = self.value.take() else {
            return Err(Failure::new("a value was asked for before its key"));
        };
        seed.deserialize(self.here.inside(Node::Value(value)))
            .map_err(|why| why.inside_key(key))
    }
}

/// The values of a list, without its comments.
struct Items<'de> {
    here: Here<'de>,
    list: &'de List,
    at: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        while let Some(item) = self.list.items.get(self.at) {
            let at = self.at;
            self.at += 1;
            if let ListItem::Value(value) = item {
                return seed
                    .deserialize(self.here.inside(Node::Value(value)))
                    .map(Some)
                    .map_err(|why| why.inside_item(at));
            }
        }
        Ok(None)
    }
}

/// A variant with content: the one entry of a mapping.
struct Variant<'de> {
    name: &'de Text,
    value: Here<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        let name = self.name.as_str().unwrap_or_default();
        let name: BorrowedStrDeserializer<'de, Failure> = BorrowedStrDeserializer::new(name);
        Ok((seed.deserialize(name.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        <()>::deserialize(self.value).map_err(|why| why.inside_key(self.name))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(self.value)
            .map_err(|why| why.inside_key(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.value
            .deserialize_any(visitor)
            .map_err(|why| why.inside_key(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.value
            .deserialize_any(visitor)
            .map_err(|why| why.inside_key(self.name))
    }
}

#[cfg(test)]
mod tests;

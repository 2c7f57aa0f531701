//! Enums: a word, or a mapping of one entry from a word to the content.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer as _, EnumAccess, VariantAccess, Visitor};

use super::Error;
use super::here::Here;

/// A variant by name, and its content.
pub(super) struct Choice<'s, 'de> {
    name: &'de str,
    content: Option<Here<'s, 'de>>,
}

impl<'s, 'de> Choice<'s, 'de> {
    pub(super) fn named(name: &'de str) -> Self {
        Choice {
            name,
            content: None,
        }
    }

    pub(super) fn with(name: &'de str, content: Here<'s, 'de>) -> Self {
        Choice {
            name,
            content: Some(content),
        }
    }

    fn content(self) -> Result<Here<'s, 'de>, Error> {
        self.content
            .ok_or_else(|| Error::new("expected a mapping of one entry, found text"))
    }
}

impl<'s, 'de> EnumAccess<'de> for Choice<'s, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name = BorrowedStrDeserializer::<Error>::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.content {
            None => Ok(()),
            Some(content) => serde::Deserialize::deserialize(content),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.content()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}

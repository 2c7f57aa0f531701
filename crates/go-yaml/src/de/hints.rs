//! What serde asks for, and what answers it.

use serde::de::Visitor;

use super::here::Here;
use super::{Deserializer, Error, located};

/// The methods of a `serde::Deserializer` that take nothing but a visitor.
macro_rules! each_hint {
    ($use:ident) => {
        $use! {
            any: deserialize_any,
            boolean: deserialize_bool,
            integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
                deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128,
            float: deserialize_f32 deserialize_f64,
            text: deserialize_char deserialize_str deserialize_string deserialize_identifier,
            bytes: deserialize_bytes deserialize_byte_buf,
            unit: deserialize_unit,
            list: deserialize_seq,
            mapping: deserialize_map,
        }
    };
}

macro_rules! answer {
    ($($answer:ident: $($hint:ident)+,)+) => {
        $($(
            fn $hint<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                self.read(|what| what.$answer(visitor))
            }
        )+)+
    };
}

macro_rules! pass_on {
    ($($answer:ident: $($hint:ident)+,)+) => {
        $($(
            fn $hint<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                self.root().$hint(visitor)
            }
        )+)+
    };
}

impl<'de> serde::Deserializer<'de> for Here<'_, 'de> {
    type Error = Error;

    each_hint!(answer);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    /// What nobody asks for is not looked at.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == located::NAME {
            return visitor.visit_seq(located::LineAndValue::new(self));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.read(|what| what.fields(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.read(|what| what.choice(visitor))
    }
}

impl<'de> serde::Deserializer<'de> for &Deserializer<'de> {
    type Error = Error;

    each_hint!(pass_on);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.root().deserialize_option(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.root().deserialize_ignored_any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.root().deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.root().deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.root().deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.root().deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.root().deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.root().deserialize_enum(name, variants, visitor)
    }
}

//! A value and where it stands.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::U32Deserializer;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::Error;
use super::here::Here;

/// By this name [`Located`] asks for a line.
pub(super) const NAME: &str = "$go_yaml::de::Located";

/// A value with the line where it starts, to be asked for in the place of the
/// value. From other deserializers it comes without a line, as 0.
///
/// ```
/// use go_yaml::{Limits, de, de::Located};
///
/// let words: Vec<Located<String>> = de::from_str("- a\n\n- b\n", &Limits::default())?;
/// assert_eq!((words[1].line, words[1].value.as_str()), (3, "b"));
/// # Ok::<(), de::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Located<T> {
    /// The line, counted from 1.
    pub line: u32,
    /// The value.
    pub value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, LocatedVisitor(PhantomData))
    }
}

struct LocatedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
    type Value = Located<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        let value = T::deserialize(deserializer)?;
        Ok(Located { line: 0, value })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Self::Value, A::Error> {
        let nothing = || serde::de::Error::custom("expected a value");
        Ok(Located {
            line: pair.next_element()?.ok_or_else(nothing)?,
            value: pair.next_element()?.ok_or_else(nothing)?,
        })
    }
}

/// A line, then the value that stands there.
pub(super) struct LineAndValue<'s, 'de> {
    line: Option<u32>,
    value: Option<Here<'s, 'de>>,
}

impl<'s, 'de> LineAndValue<'s, 'de> {
    pub(super) fn new(value: Here<'s, 'de>) -> Self {
        LineAndValue {
            line: Some(value.line()),
            value: Some(value),
        }
    }
}

impl<'de> SeqAccess<'de> for LineAndValue<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if let Some(line) = self.line.take() {
            return seed.deserialize(U32Deserializer::new(line)).map(Some);
        }
        match self.value.take() {
            Some(value) => seed.deserialize(value).map(Some),
            None => Ok(None),
        }
    }
}

//! Lists and mappings, item by item.

use std::vec;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::Error;
use super::entries::Entries;
use super::here::Here;
use crate::NodeId;

/// The items of a list.
pub(super) struct Items<'s, 'de> {
    list: Here<'s, 'de>,
    items: &'de [NodeId],
    next: usize,
}

impl<'s, 'de> Items<'s, 'de> {
    pub(super) fn new(list: Here<'s, 'de>, items: &'de [NodeId]) -> Self {
        Items {
            list,
            items,
            next: 0,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.items.get(self.next) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        seed.deserialize(self.list.below(*item))
            .map(Some)
            .map_err(|error| error.inside_item(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

/// The entries of a mapping.
pub(super) struct Pairs<'s, 'de> {
    mapping: Here<'s, 'de>,
    entries: vec::IntoIter<(NodeId, NodeId)>,
    /// Key and value whose key was given out.
    open: Option<(NodeId, NodeId)>,
}

impl<'s, 'de> Pairs<'s, 'de> {
    pub(super) fn new(mapping: Here<'s, 'de>, entries: Entries) -> Self {
        Pairs {
            mapping,
            entries: entries.into_iter(),
            open: None,
        }
    }
}

impl<'de> MapAccess<'de> for Pairs<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.open = self.entries.next();
        let Some((key, _)) = self.open else {
            return Ok(None);
        };
        seed.deserialize(self.mapping.below(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((key, value)) = self.open.take() else {
            return Err(Error::new("a value was asked for before its key"));
        };
        seed.deserialize(self.mapping.below(value))
            .map_err(|error| error.inside_key(self.mapping.below(key).key_text()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

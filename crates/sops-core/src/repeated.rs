//! Keys that stand more than once in a mapping, and whether the MAC covers
//! every value that they have: what it does not cover, somebody without a key
//! may have added, and whoever reads the plaintext may take that one.

use std::collections::HashMap;

use crate::{
    cipher::kind_of,
    tree::{Mapping, MappingItem, Text, Value},
};

/// The keys of one mapping that stand in it more than once.
pub(crate) struct Repeated {
    /// The number of the group that an item belongs to.
    groups: HashMap<usize, usize>,
    values: Vec<Values>,
}

/// What the values of one key are.
#[derive(Clone, Copy)]
pub(crate) struct Values {
    /// How many are still to come.
    left: usize,
    /// Whether each is a scalar that is not empty.
    hashed: bool,
    any_selected: bool,
    any_clear: bool,
}

impl Values {
    /// Whether the MAC covers all of them. Names of keys whose values are in
    /// clear are not covered: another one may have been renamed to this.
    pub(crate) fn covered(&self, only_encrypted: bool) -> bool {
        self.hashed
            && match (self.any_selected, self.any_clear) {
                (true, true) => false,
                (_, clear) => !(clear && only_encrypted),
            }
    }
}

impl Repeated {
    /// `None` where every key stands once, as nearly always.
    pub(crate) fn of(items: &[MappingItem]) -> Option<Self> {
        if !may_repeat(items) {
            return None;
        }
        let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (at, item) in items.iter().enumerate() {
            if let MappingItem::Entry { key, .. } = item {
                places.entry(key.as_bytes()).or_default().push(at);
            }
        }
        let mut repeated = Repeated {
            groups: HashMap::new(),
            values: Vec::new(),
        };
        for group in places.into_values().filter(|group| group.len() > 1) {
            let number = repeated.values.len();
            repeated.values.push(Values {
                left: group.len(),
                hashed: true,
                any_selected: false,
                any_clear: false,
            });
            repeated
                .groups
                .extend(group.into_iter().map(|at| (at, number)));
        }
        (!repeated.values.is_empty()).then_some(repeated)
    }

    /// Whether the item at this place has a key that stands more than once.
    pub(crate) fn has(&self, at: usize) -> bool {
        self.groups.contains_key(&at)
    }

    /// Takes a value into account; the last one of its key gives what all are.
    pub(crate) fn add(&mut self, at: usize, value: &Value, selected: bool) -> Option<Values> {
        let values = self.values.get_mut(*self.groups.get(&at)?)?;
        values.left = values.left.saturating_sub(1);
        values.hashed &= is_hashed(value);
        values.any_selected |= selected;
        values.any_clear |= !selected;
        (values.left == 0).then_some(*values)
    }
}

/// Whether a key may stand more than once: never a wrong no. Nearly all
/// mappings end here, so this looks at numbers only. A yes costs one look at
/// the keys themselves, so that nobody gains by keys made to look alike.
fn may_repeat(items: &[MappingItem]) -> bool {
    /// Of so few keys, comparing all is quicker than sorting them.
    const FEW: usize = 16;
    let keys = || {
        items.iter().filter_map(|item| match item {
            MappingItem::Entry { key, .. } => Some(key.as_bytes()),
            MappingItem::Comment(_) => None,
        })
    };
    if items.len() <= FEW {
        let mut numbered = keys().enumerate();
        return numbered.any(|(n, key)| keys().take(n).any(|other| other == key));
    }
    let mut seen: Vec<u64> = keys().map(fingerprint).collect();
    seen.sort_unstable();
    seen.windows(2).any(|pair| pair[0] == pair[1])
}

/// FNV-1a over eight bytes at a time.
fn fingerprint(key: &[u8]) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut chunks = key.chunks_exact(8);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ key.len() as u64;
    let mut add = |number: u64| hash = (hash ^ number).wrapping_mul(PRIME).rotate_left(29);
    for chunk in &mut chunks {
        add(chunk
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)));
    }
    add(chunks
        .remainder()
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte)));
    hash
}

/// Whether a decrypted value has bytes that count for the MAC.
pub(crate) fn is_hashed(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        other => kind_of(other).is_some(),
    }
}

/// The sections of an INI file that have one name, and their keys that have:
/// readers take them for one section. Tells for each whether the MAC covers
/// all of it: a section that holds no value but empty ones may have been
/// added.
pub(crate) fn sections(
    document: &Mapping,
    only_encrypted: bool,
    mut found: impl FnMut(&[&Text], bool),
) {
    let mut named: HashMap<&[u8], Vec<(&Text, &Mapping)>> = HashMap::new();
    let mut order = Vec::new();
    for (n, (name, value)) in document.entries().enumerate() {
        let Value::Mapping(section) = value else {
            continue;
        };
        // Where keys without a section belong, which is always there.
        if n == 0 && section.entries().next().is_none() {
            continue;
        }
        let same = named.entry(name.as_bytes()).or_default();
        same.push((name, section));
        if same.len() == 2 {
            order.push(name);
        }
    }
    for name in order {
        let Some(sections) = named.get(name.as_bytes()) else {
            continue;
        };
        let holds = |section: &Mapping| section.entries().any(|(_, value)| is_hashed(value));
        let covered = sections.iter().all(|(_, section)| holds(section));
        found(&[name], covered && !only_encrypted);
        let mut keys: HashMap<&[u8], (usize, bool)> = HashMap::new();
        let mut twice = Vec::new();
        for (key, value) in sections.iter().flat_map(|(_, section)| section.entries()) {
            let (count, hashed) = keys.entry(key.as_bytes()).or_insert((0, true));
            *count += 1;
            *hashed &= is_hashed(value);
            if *count == 2 {
                twice.push(key);
            }
        }
        for key in twice {
            let hashed = keys.get(key.as_bytes()).is_some_and(|(_, hashed)| *hashed);
            found(&[name, key], hashed && !only_encrypted);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_that_stands_twice_is_found_and_no_other(
            keys in prop::collection::vec("[a-c]{0,3}|[a-z]{7,17}", 0..60)
        ) {
            let items: Vec<MappingItem> = keys
                .iter()
                .map(|key| MappingItem::Entry { key: Text::from(key.as_str()), value: Value::Null })
                .collect();
            let twice = |at: usize| keys.iter().filter(|key| **key == keys[at]).count() > 1;
            let repeated = Repeated::of(&items);
            for at in 0..keys.len() {
                let found = repeated.as_ref().is_some_and(|repeated| repeated.has(at));
                prop_assert_eq!(found, twice(at), "{}", at);
            }
        }
    }
}

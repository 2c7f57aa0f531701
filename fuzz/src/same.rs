//! Whether two trees are the same, and what is odd about one.

use sops_core::tree::{List, Mapping, Text, Value};

/// Whether a mapping has such a key, at any depth.
pub fn any_key(mapping: &Mapping, which: &dyn Fn(&Text) -> bool) -> bool {
    fn below(value: &Value, which: &dyn Fn(&Text) -> bool) -> bool {
        match value {
            Value::Mapping(mapping) => any_key(mapping, which),
            Value::List(list) => list.values().any(|value| below(value, which)),
            _ => false,
        }
    }
    let mut entries = mapping.entries();
    entries.any(|(key, value)| which(key) || below(value, which))
}

/// Whether a mapping has a key twice, at any depth.
pub fn repeats_a_key(mapping: &Mapping) -> bool {
    let mut keys: Vec<_> = mapping.entries().map(|(key, _)| key.as_bytes()).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    keys.len() < count || mapping.entries().any(|(_, value)| repeats_below(value))
}

fn repeats_below(value: &Value) -> bool {
    match value {
        Value::Mapping(mapping) => repeats_a_key(mapping),
        Value::List(list) => list.values().any(repeats_below),
        _ => false,
    }
}

/// Whether documents hold the same values in the same order. Comments aside,
/// which sops does not always keep.
pub fn same_documents(one: &[Mapping], other: &[Mapping]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same_mapping(a, b))
}

fn same_mapping(one: &Mapping, other: &Mapping) -> bool {
    one.entries().count() == other.entries().count()
        && one
            .entries()
            .zip(other.entries())
            .all(|((k, v), (l, w))| k == l && same(v, w))
}

fn same_list(one: &List, other: &List) -> bool {
    one.values().count() == other.values().count()
        && one.values().zip(other.values()).all(|(a, b)| same(a, b))
}

/// Whether two values are the same. A whole number is written without a
/// point, so it reads back as an integer.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Float(a), Value::Int(b)) => *a == *b as f64,
        (Value::Mapping(a), Value::Mapping(b)) => same_mapping(a, b),
        (Value::List(a), Value::List(b)) => same_list(a, b),
        _ => one == other,
    }
}

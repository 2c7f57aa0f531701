//! Setting and removing values by path, as `sops set` and `sops unset` do
//! (sops-encrypt-and-edit §7).

use crate::{
    Error, ErrorKind, Result, limits,
    query::{Step, shown},
    tree::{List, ListItem, Mapping, MappingItem, Text, Value},
};

const LOOK: &str = "look the path up in the encrypted file: its keys are readable";

fn error(kind: ErrorKind, way: &[Step], message: &str) -> Error {
    Error::new(kind, message).at_key(shown(way)).advise(LOOK)
}

fn is_comment(way: &[Step]) -> Error {
    error(ErrorKind::Path, way, "this is a comment")
        .advise("comments in a list have a number of their own: take that of the value")
}

fn check(path: &[Step]) -> Result<()> {
    if path.is_empty() {
        return Err(Error::new(ErrorKind::Path, "the path is empty")
            .advise(r#"write it as in '["a"]["b"][0]'"#));
    }
    if path.len() > limits::DEPTH {
        return Err(Error::too_deep());
    }
    Ok(())
}

/// Puts a value in its place, making what is missing on the way. Tells whether
/// that changed anything.
pub(super) fn set(document: &mut Mapping, path: &[Step], value: Value) -> Result<bool> {
    check(path)?;
    set_in_mapping(document, path, 0, value)
}

fn set_in_mapping(
    mapping: &mut Mapping,
    path: &[Step],
    depth: usize,
    value: Value,
) -> Result<bool> {
    let (way, rest) = path.split_at((depth + 1).min(path.len()));
    let key = match way.last() {
        Some(Step::Key(key)) => key,
        _ => {
            let message = "a number, but a mapping stands there";
            return Err(error(ErrorKind::Path, way, message));
        }
    };
    match mapping.get_mut(key) {
        Some(found) => set_value(found, path, depth + 1, value),
        None => {
            mapping.push(key.clone(), around(rest, value));
            Ok(true)
        }
    }
}

fn set_in_list(list: &mut List, path: &[Step], depth: usize, value: Value) -> Result<bool> {
    let (way, rest) = path.split_at((depth + 1).min(path.len()));
    let Some(Step::Index(index)) = way.last() else {
        let message = "a key, but a list stands there";
        return Err(error(ErrorKind::Path, way, message));
    };
    match list.items.get_mut(*index) {
        Some(ListItem::Value(found)) => set_value(found, path, depth + 1, value),
        Some(ListItem::Comment(_)) => Err(is_comment(way)),
        // However far behind the end.
        None => {
            list.items.push(ListItem::Value(around(rest, value)));
            Ok(true)
        }
    }
}

fn set_value(place: &mut Value, path: &[Step], depth: usize, value: Value) -> Result<bool> {
    match place {
        _ if depth == path.len() => {
            let changed = *place != value;
            *place = value;
            Ok(changed)
        }
        Value::Mapping(mapping) => set_in_mapping(mapping, path, depth, value),
        Value::List(list) => set_in_list(list, path, depth, value),
        // As in sops, a path through a single value replaces it.
        scalar => {
            *scalar = around(path.get(depth..).unwrap_or_default(), value);
            Ok(true)
        }
    }
}

/// The mappings and lists that a path goes through, around a value. A new
/// list has one item, whatever its number.
fn around(path: &[Step], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, step| match step {
        Step::Key(key) => {
            let mut mapping = Mapping::default();
            mapping.push(key.clone(), inner);
            Value::Mapping(mapping)
        }
        Step::Index(_) => Value::List(List {
            items: vec![ListItem::Value(inner)],
        }),
    })
}

/// Removes the value that stands at a path, and its key.
pub(super) fn unset(document: &mut Mapping, path: &[Step]) -> Result<()> {
    check(path)?;
    let (last, way) = path.split_last().unwrap_or((&Step::Index(0), &[]));
    let not_found = |message| Err(error(ErrorKind::NotFound, path, message));
    let does_not_fit = |message| Err(error(ErrorKind::Path, path, message));
    if way.is_empty() {
        return match last {
            Step::Key(key) if remove_entry(document, key) => Ok(()),
            Step::Key(_) => not_found(NO_KEY),
            Step::Index(_) => not_found("a number, but a mapping stands there"),
        };
    }
    match (find(document, way)?, last) {
        (Value::Mapping(mapping), Step::Key(key)) => {
            if remove_entry(mapping, key) {
                Ok(())
            } else {
                not_found(NO_KEY)
            }
        }
        (Value::Mapping(_), Step::Index(_)) => not_found("a number, but a mapping stands there"),
        (Value::List(list), Step::Index(index)) => match list.items.get(*index) {
            Some(ListItem::Value(_)) => {
                uncouple(&mut list.items, *index);
                list.items.remove(*index);
                Ok(())
            }
            Some(ListItem::Comment(_)) => Err(is_comment(path)),
            None => not_found(TOO_SHORT),
        },
        (Value::List(_), Step::Key(_)) => does_not_fit("a key, but a list stands there"),
        (_, Step::Key(_)) => does_not_fit("a key, but no mapping stands there"),
        (_, Step::Index(_)) => does_not_fit("a number, but no list stands there"),
    }
}

const NO_KEY: &str = "there is no such key";
const TOO_SHORT: &str = "the list is shorter than that";

/// The value that stands at a path, to be changed.
pub(super) fn find<'a>(document: &'a mut Mapping, path: &[Step]) -> Result<&'a mut Value> {
    check(path)?;
    let mut steps = path.iter().enumerate();
    let mut here = match steps.next() {
        Some((_, Step::Key(key))) => document
            .get_mut(key)
            .ok_or_else(|| error(ErrorKind::NotFound, &path[..1], NO_KEY))?,
        _ => {
            let message = "a number, but a mapping stands there";
            return Err(error(ErrorKind::NotFound, &path[..1], message));
        }
    };
    for (at, step) in steps {
        let fail = |kind, message| Err(error(kind, &path[..=at], message));
        here = match (here, step) {
            (Value::Mapping(mapping), Step::Key(key)) => match mapping.get_mut(key) {
                Some(value) => value,
                None => return fail(ErrorKind::NotFound, NO_KEY),
            },
            (Value::List(list), Step::Index(index)) => match list.items.get_mut(*index) {
                Some(ListItem::Value(value)) => value,
                Some(ListItem::Comment(_)) => return Err(is_comment(&path[..=at])),
                None => return fail(ErrorKind::NotFound, TOO_SHORT),
            },
            (Value::Mapping(_), Step::Index(_)) => {
                let message = "a number, but a mapping stands there";
                return fail(ErrorKind::NotFound, message);
            }
            (Value::List(_), Step::Key(_)) => {
                return fail(ErrorKind::Path, "a key, but a list stands there");
            }
            (_, Step::Key(_)) => {
                return fail(ErrorKind::Path, "a key, but no mapping stands there");
            }
            (_, Step::Index(_)) => {
                return fail(ErrorKind::Path, "a number, but no list stands there");
            }
        };
    }
    Ok(here)
}

/// Removes the first entry with this key; tells whether there was one.
fn remove_entry(mapping: &mut Mapping, key: &Text) -> bool {
    let is_entry = |item: &MappingItem| matches!(item, MappingItem::Entry { key: k, .. } if k.as_bytes() == key.as_bytes());
    let Some(at) = mapping.items.iter().position(is_entry) else {
        return false;
    };
    uncouple(&mut mapping.items, at);
    mapping.items.remove(at);
    true
}

/// Comments stay when their value goes, as in sops; those beside it must not
/// move to the line of the next.
fn uncouple<T: MayBeComment>(items: &mut [T], at: usize) {
    for item in items.iter_mut().take(at).rev() {
        match item.comment() {
            Some(comment) => comment.inline = false,
            None => break,
        }
    }
}

trait MayBeComment {
    fn comment(&mut self) -> Option<&mut crate::tree::Comment>;
}

impl MayBeComment for MappingItem {
    fn comment(&mut self) -> Option<&mut crate::tree::Comment> {
        match self {
            MappingItem::Comment(comment) => Some(comment),
            MappingItem::Entry { .. } => None,
        }
    }
}

impl MayBeComment for ListItem {
    fn comment(&mut self) -> Option<&mut crate::tree::Comment> {
        match self {
            ListItem::Comment(comment) => Some(comment),
            ListItem::Value(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;

//! Three versions of the plaintext made into one: mappings by key, all else
//! as one value.

use std::collections::{HashMap, HashSet};

use sops_core::tree::{Comment, Mapping, MappingItem, Text, Tree, Value};

/// Who wins where both sides changed the same value in different ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The version that the other is merged into.
    Ours,
    /// The version that is merged.
    Theirs,
}

/// The one version, and where the sides could not agree.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) tree: Tree,
    /// The key paths of the conflicts: `data.password`. Empty for the whole
    /// file.
    pub(crate) conflicts: Vec<String>,
}

/// Merges what two sides made of a base; conflicts are decided for one side.
///
/// A document is merged by key. Several documents of a stream are one value:
/// nothing says which is which.
pub(crate) fn trees(base: &[Mapping], ours: &[Mapping], theirs: &[Mapping], side: Side) -> Merged {
    let mut conflicts = Vec::new();
    let tree = match (ours, theirs) {
        ([ours], [theirs]) => {
            let nothing = Mapping::default();
            let base = match base {
                [base] => base,
                _ => &nothing,
            };
            vec![mappings(base, ours, theirs, side, "", &mut conflicts)]
        }
        _ if ours == theirs || theirs == base => ours.to_vec(),
        _ if ours == base => theirs.to_vec(),
        _ => {
            conflicts.push(String::new());
            match side {
                Side::Ours => ours.to_vec(),
                Side::Theirs => theirs.to_vec(),
            }
        }
    };
    Merged { tree, conflicts }
}

/// An entry with the comments in front of it.
struct Entry<'a> {
    comments: Vec<&'a Comment>,
    value: &'a Value,
}

/// A mapping cut into entries; `None` where a key stands twice, so that
/// entries cannot be told apart.
struct Cut<'a> {
    order: Vec<&'a [u8]>,
    entries: HashMap<&'a [u8], (&'a Text, Entry<'a>)>,
    /// Comments behind the last entry.
    rest: Vec<&'a Comment>,
}

impl<'a> Cut<'a> {
    fn new(mapping: &'a Mapping) -> Option<Self> {
        let mut cut = Cut {
            order: Vec::new(),
            entries: HashMap::new(),
            rest: Vec::new(),
        };
        for item in &mapping.items {
            match item {
                MappingItem::Comment(comment) => cut.rest.push(comment),
                MappingItem::Entry { key, value } => {
                    let comments = std::mem::take(&mut cut.rest);
                    let entry = (key, Entry { comments, value });
                    if cut.entries.insert(key.as_bytes(), entry).is_some() {
                        return None;
                    }
                    cut.order.push(key.as_bytes());
                }
            }
        }
        Some(cut)
    }

    fn value(&self, key: &[u8]) -> Option<&'a Value> {
        self.entries.get(key).map(|(_, entry)| entry.value)
    }

    fn comments(&self, key: &[u8]) -> &[&'a Comment] {
        self.entries
            .get(key)
            .map_or(&[], |(_, entry)| entry.comments.as_slice())
    }
}

fn mappings(
    base: &Mapping,
    ours: &Mapping,
    theirs: &Mapping,
    side: Side,
    path: &str,
    conflicts: &mut Vec<String>,
) -> Mapping {
    let cuts = (Cut::new(base), Cut::new(ours), Cut::new(theirs));
    let (Some(base_cut), Some(ours_cut), Some(theirs_cut)) = cuts else {
        return whole(base, ours, theirs, side, path, conflicts).clone();
    };
    let mut merged = Mapping::default();
    for key in order(&base_cut, &ours_cut, &theirs_cut) {
        let (a, b) = (ours_cut.value(key), theirs_cut.value(key));
        let below = join(path, key);
        let value = entry(base_cut.value(key), a, b, side, &below, conflicts);
        let comments = comments(
            base_cut.comments(key),
            ours_cut.comments(key),
            theirs_cut.comments(key),
        );
        let Some(value) = value else {
            continue;
        };
        let text = [&ours_cut, &theirs_cut, &base_cut]
            .iter()
            .find_map(|cut| cut.entries.get(key))
            .map(|(text, _)| (*text).clone());
        let comments = comments.into_iter().cloned().map(MappingItem::Comment);
        merged.items.extend(comments);
        if let Some(key) = text {
            merged.items.push(MappingItem::Entry { key, value });
        }
    }
    let rest = comments(&base_cut.rest, &ours_cut.rest, &theirs_cut.rest);
    let rest = rest.into_iter().cloned().map(MappingItem::Comment);
    merged.items.extend(rest);
    merged
}

/// Ours in order; what only theirs has stands behind what stands before it
/// there.
fn order<'a>(base: &Cut<'a>, ours: &Cut<'a>, theirs: &Cut<'a>) -> Vec<&'a [u8]> {
    // What only theirs has, by the key of ours that it stands behind; the
    // first of all behind none.
    let mut behind: HashMap<Option<&[u8]>, Vec<&'a [u8]>> = HashMap::new();
    let mut anchor = None;
    for key in &theirs.order {
        if ours.entries.contains_key(key) {
            anchor = Some(*key);
        } else {
            behind.entry(anchor).or_default().push(key);
        }
    }
    let mut order = behind.remove(&None).unwrap_or_default();
    for key in &ours.order {
        order.push(key);
        order.extend(behind.remove(&Some(*key)).unwrap_or_default());
    }
    // What both removed is still asked for, in no order that matters.
    let is_there = |key: &&&[u8]| {
        [ours, theirs]
            .iter()
            .any(|cut| cut.entries.contains_key(**key))
    };
    order.extend(base.order.iter().filter(|key| !is_there(key)).copied());
    order
}

/// One entry: `None` stands for its absence.
fn entry(
    base: Option<&Value>,
    ours: Option<&Value>,
    theirs: Option<&Value>,
    side: Side,
    path: &str,
    conflicts: &mut Vec<String>,
) -> Option<Value> {
    if let (Some(Value::Mapping(a)), Some(Value::Mapping(b))) = (ours, theirs) {
        let nothing = Mapping::default();
        let base = match base {
            Some(Value::Mapping(base)) => base,
            _ => &nothing,
        };
        return Some(Value::Mapping(mappings(base, a, b, side, path, conflicts)));
    }
    whole_option(base, ours, theirs, side, path, conflicts).cloned()
}

fn whole_option<'v>(
    base: Option<&Value>,
    ours: Option<&'v Value>,
    theirs: Option<&'v Value>,
    side: Side,
    path: &str,
    conflicts: &mut Vec<String>,
) -> Option<&'v Value> {
    if same(ours, theirs) || same(theirs, base) {
        return ours;
    }
    if same(ours, base) {
        return theirs;
    }
    conflicts.push(path.to_owned());
    match side {
        Side::Ours => ours,
        Side::Theirs => theirs,
    }
}

fn whole<'m>(
    base: &Mapping,
    ours: &'m Mapping,
    theirs: &'m Mapping,
    side: Side,
    path: &str,
    conflicts: &mut Vec<String>,
) -> &'m Mapping {
    if ours == theirs || theirs == base {
        return ours;
    }
    if ours == base {
        return theirs;
    }
    conflicts.push(path.to_owned());
    match side {
        Side::Ours => ours,
        Side::Theirs => theirs,
    }
}

/// Whether two values are the same and of the same type. A number that is none
/// is the same as itself here: nobody changed it.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Float(a)), Some(Value::Float(b))) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

/// Comments never conflict: those that both have or one added, ours first.
fn comments<'a>(
    base: &[&'a Comment],
    ours: &[&'a Comment],
    theirs: &[&'a Comment],
) -> Vec<&'a Comment> {
    let texts = |list: &[&'a Comment]| -> HashSet<&'a [u8]> {
        list.iter().map(|comment| comment.text.as_bytes()).collect()
    };
    let (in_base, in_ours, in_theirs) = (texts(base), texts(ours), texts(theirs));
    let has = |texts: &HashSet<&[u8]>, comment: &Comment| texts.contains(comment.text.as_bytes());
    let kept = ours
        .iter()
        .filter(|comment| has(&in_theirs, comment) || !has(&in_base, comment));
    let added = theirs
        .iter()
        .filter(|comment| !has(&in_ours, comment) && !has(&in_base, comment));
    kept.chain(added).copied().collect()
}

fn join(path: &str, key: &[u8]) -> String {
    let key = sops_core::shown::printable(&String::from_utf8_lossy(key));
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests;

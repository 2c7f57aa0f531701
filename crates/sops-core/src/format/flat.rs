//! Metadata in formats that know no nesting: `age__list_0__map_enc`
//! (sops-format §2.9).

use std::collections::BTreeMap;

use crate::{
    Error, ErrorKind, Result, limits,
    shown::push_printable,
    tree::{List, ListItem, Mapping, Text, Value},
};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

/// One line for each scalar of the metadata, in order. Empty mappings and
/// lists vanish.
pub(crate) fn flatten(metadata: &Mapping) -> Vec<(String, Text)> {
    let mut lines = Vec::new();
    for (key, value) in metadata.entries() {
        flatten_into(key.to_string_lossy().into_owned(), value, &mut lines);
    }
    lines
}

/// Metadata is three levels deep, so this goes no deeper either.
fn flatten_into(path: String, value: &Value, lines: &mut Vec<(String, Text)>) {
    let text = match value {
        Value::Mapping(mapping) => {
            for (key, value) in mapping.entries() {
                let path = format!("{path}{MAP}{}", key.to_string_lossy());
                flatten_into(path, value, lines);
            }
            return;
        }
        Value::List(list) => {
            for (i, value) in list.values().enumerate() {
                flatten_into(format!("{path}{LIST}{i}"), value, lines);
            }
            return;
        }
        Value::String(text) => text.clone(),
        Value::Int(int) => int.to_string().into(),
        Value::Bool(bool) => bool.to_string().into(),
        // Metadata has no others.
        Value::Null | Value::Float(_) | Value::Time(_) => return,
    };
    lines.push((path, text));
}

/// The metadata that such lines stand for.
///
/// # Errors
///
/// [`ErrorKind::Metadata`] where a path occurs twice, is both a scalar and a
/// container, or leaves a hole in a list.
pub(crate) fn unflatten<'a>(
    lines: impl IntoIterator<Item = (&'a [u8], &'a Text)>,
) -> Result<Mapping> {
    let mut root = BTreeMap::new();
    for (path, text) in lines {
        insert(&mut root, path, text)?;
    }
    mapping(root)
}

enum Node {
    Scalar(Text),
    Mapping(BTreeMap<Vec<u8>, Node>),
    List(BTreeMap<usize, Node>),
}

enum Step<'a> {
    Key(&'a [u8]),
    Index(usize),
}

fn insert(root: &mut BTreeMap<Vec<u8>, Node>, path: &[u8], text: &Text) -> Result<()> {
    let error = |message: &str| {
        let mut shown = String::from("sops.");
        push_printable(&mut shown, path);
        Error::new(ErrorKind::Metadata, message)
            .at_key(shown)
            .advise("restore the sops entries as sops wrote them")
    };
    let (first, rest) = split(path)?;
    let mut steps = rest.into_iter().peekable();
    let mut place = root.entry(first.to_vec());
    let new_node = |next: Option<&Step<'_>>| match next {
        None => Node::Scalar(text.clone()),
        Some(Step::Key(_)) => Node::Mapping(BTreeMap::new()),
        Some(Step::Index(_)) => Node::List(BTreeMap::new()),
    };
    // One node is made or found in each turn.
    let mut node = match &mut place {
        std::collections::btree_map::Entry::Occupied(_) if steps.peek().is_none() => {
            return Err(error("occurs twice"));
        }
        _ => place.or_insert_with(|| new_node(steps.peek())),
    };
    while let Some(step) = steps.next() {
        let next = steps.peek();
        let mut fresh = false;
        let mut make = || {
            fresh = true;
            new_node(next)
        };
        node = match (node, step) {
            (Node::Mapping(mapping), Step::Key(key)) => {
                mapping.entry(key.to_vec()).or_insert_with(&mut make)
            }
            (Node::List(list), Step::Index(i)) => list.entry(i).or_insert_with(&mut make),
            _ => return Err(error("is used in two different ways")),
        };
        if next.is_none() && !fresh {
            return Err(error("occurs twice"));
        }
    }
    Ok(())
}

/// A path's first name and the steps behind it.
fn split(path: &[u8]) -> Result<(&[u8], Vec<Step<'_>>)> {
    let (first, mut rest) = path.split_at(separator(path));
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == limits::DEPTH {
            return Err(Error::too_deep());
        }
        let is_map = rest.starts_with(MAP.as_bytes());
        let prefix = if is_map { MAP.len() } else { LIST.len() };
        let body = rest.get(prefix..).unwrap_or_default();
        let (name, tail) = body.split_at(separator(body));
        steps.push(if is_map {
            Step::Key(name)
        } else {
            // What is not a number counts as 0, as in sops.
            let index = std::str::from_utf8(name).ok().and_then(|n| n.parse().ok());
            Step::Index(index.unwrap_or(0))
        });
        rest = tail;
    }
    Ok((first, steps))
}

/// Where the next separator starts; the length of the text if there is none.
fn separator(text: &[u8]) -> usize {
    (0..text.len())
        .find(|at| {
            text.get(*at..).is_some_and(|rest| {
                rest.starts_with(MAP.as_bytes()) || rest.starts_with(LIST.as_bytes())
            })
        })
        .unwrap_or(text.len())
}

fn mapping(nodes: BTreeMap<Vec<u8>, Node>) -> Result<Mapping> {
    let mut out = Mapping::default();
    for (key, node) in nodes {
        out.push(key, value(node)?);
    }
    Ok(out)
}

fn value(node: Node) -> Result<Value> {
    Ok(match node {
        Node::Scalar(text) => Value::String(text),
        Node::Mapping(nodes) => Value::Mapping(mapping(nodes)?),
        Node::List(nodes) => {
            if nodes.keys().enumerate().any(|(i, index)| i != *index) {
                return Err(Error::new(
                    ErrorKind::Metadata,
                    "a list of the sops entries lacks an item",
                )
                .advise("restore the sops entries as sops wrote them"));
            }
            let items = nodes
                .into_values()
                .map(|node| value(node).map(ListItem::Value));
            Value::List(List {
                items: items.collect::<Result<_>>()?,
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[(&str, &str)]) -> Result<Mapping> {
        let lines: Vec<(Vec<u8>, Text)> = lines
            .iter()
            .map(|(k, v)| (k.as_bytes().to_vec(), Text::from(*v)))
            .collect();
        unflatten(lines.iter().map(|(k, v)| (k.as_slice(), v)))
    }

    #[test]
    fn there_and_back() {
        let flat = [
            ("age__list_0__map_enc", "a\nb"),
            ("age__list_0__map_recipient", "age1"),
            ("age__list_1__map_enc", "c"),
            ("kms__list_0__map_context__map_Env", "x"),
            ("version", "3.13.2"),
        ];
        let block = lines(&flat).unwrap();
        let back = flatten(&block);
        let back: Vec<(&str, &str)> = back
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str().unwrap()))
            .collect();
        assert_eq!(back, flat);
    }

    #[test]
    fn contradictions_are_refused() {
        for (flat, message) in [
            (&[("a", "1"), ("a", "2")][..], "sops.a: occurs twice"),
            (
                &[("a__map_b", "1"), ("a__map_b", "2")],
                "sops.a__map_b: occurs twice",
            ),
            (
                &[("a", "1"), ("a__map_b", "2")],
                "sops.a__map_b: is used in two different ways",
            ),
            (&[("a__map_b", "1"), ("a", "2")], "sops.a: occurs twice"),
            (
                &[("a__list_0", "1"), ("a__map_b", "2")],
                "sops.a__map_b: is used in two different ways",
            ),
            (
                &[("a__list_1", "1")],
                "a list of the sops entries lacks an item",
            ),
            (
                &[("a__list_x", "1"), ("a__list_0", "2")],
                "sops.a__list_0: occurs twice",
            ),
        ] {
            assert_eq!(lines(flat).unwrap_err().to_string(), message);
        }
        let deep = format!("a{}", "__map_b".repeat(600));
        assert_eq!(lines(&[(&deep, "1")]).unwrap_err().kind(), ErrorKind::Limit);
    }
}

//! On which lines of a file its keys stand.

use std::{collections::HashMap, fmt::Write};

use go_yaml::{Document, Kind, Node, NodeId};

use super::{Remark, RemarkKind};
use crate::{Format, limits, shown::push_printable};

/// The lines, counted from 1, that the keys of a file stand on, by their key
/// paths as messages show them. A document holds no lines itself: they are
/// looked for in its text, where somebody asks.
///
/// ```
/// use sops_core::{Format, inspect::Lines};
/// let lines = Lines::of(b"a: 1\nb:\n    c: [2]\n", Format::Yaml);
/// assert_eq!(lines.of_key("b.c"), Some(3));
/// assert_eq!(lines.of_key("x"), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Lines(HashMap<String, Vec<u32>>);

impl Lines {
    /// Those of a file; none where it cannot be read, or has no lines, as a
    /// binary file.
    #[must_use]
    pub fn of(bytes: &[u8], format: Format) -> Self {
        let mut lines = Lines::default();
        match format {
            Format::Yaml => lines.yaml(bytes),
            Format::Json => lines.yaml(&as_yaml(bytes)),
            Format::Dotenv => lines.dotenv(bytes),
            Format::Ini => lines.ini(bytes),
            Format::Binary => {}
        }
        lines
    }

    /// The line of a key. `None` where it stands nowhere, or more than once,
    /// as in a stream of documents: a wrong line is worse than none.
    #[must_use]
    pub fn of_key(&self, key_path: &str) -> Option<u32> {
        match self.0.get(key_path)?.as_slice() {
            [line] => Some(*line),
            _ => None,
        }
    }

    /// The line of a remark; of a key that is repeated its second one.
    #[must_use]
    pub fn of_remark(&self, remark: &Remark) -> Option<u32> {
        if remark.kind() == RemarkKind::RepeatedKey
            && let [_, line] = self.0.get(remark.key_path())?.as_slice()
        {
            return Some(*line);
        }
        self.of_key(remark.key_path())
    }

    fn add(&mut self, key_path: String, line: u32) {
        if !key_path.is_empty() && key_path.len() <= limits::SHOWN_PATH {
            self.0.entry(key_path).or_default().push(line);
        }
    }

    fn yaml(&mut self, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let bounds = go_yaml::Limits {
            depth: limits::DEPTH,
            nodes: limits::NODES,
            documents: limits::DOCUMENTS,
        };
        for document in go_yaml::parse(text, &bounds).unwrap_or_default() {
            if let Some(root) = document.root() {
                self.node(&document, root, String::new());
            }
        }
    }

    /// What stands below a node; an alias has its lines where its anchor is.
    /// As deep as the parser goes.
    fn node(&mut self, document: &Document<'_>, id: NodeId, path: String) {
        match document.get(id).map(|node| &node.kind) {
            Some(Kind::Mapping { entries, .. }) => {
                for (key, value) in entries {
                    let Some(Node {
                        kind: Kind::Scalar { value: text, .. },
                        mark,
                        ..
                    }) = document.get(*key)
                    else {
                        continue;
                    };
                    let mut below = path.clone();
                    if !below.is_empty() {
                        below.push('.');
                    }
                    push_printable(&mut below, text.as_bytes());
                    self.add(below.clone(), mark.line);
                    self.node(document, *value, below);
                }
            }
            Some(Kind::Sequence { items, .. }) => {
                for (i, item) in items.iter().enumerate() {
                    let Some(node) = document.get(*item) else {
                        return;
                    };
                    // Comments are items of their own: what follows one has
                    // another number.
                    if node.comments.is_some() || has_comment_in_front(document, node) {
                        return;
                    }
                    let mut below = path.clone();
                    let _ = write!(below, "[{i}]");
                    self.add(below.clone(), node.mark.line);
                    self.node(document, *item, below);
                }
            }
            _ => {}
        }
    }

    fn dotenv(&mut self, bytes: &[u8]) {
        for (line, text) in numbered(bytes) {
            if text.starts_with(b"#") {
                continue;
            }
            let Some(end) = text.iter().position(|b| *b == b'=') else {
                continue;
            };
            let key = text.get(..end).unwrap_or_default();
            match key.strip_prefix(b"sops_") {
                Some(field) => self.metadata(field, line),
                None => self.add(shown(&[key]), line),
            }
        }
    }

    fn ini(&mut self, bytes: &[u8]) {
        let mut section = b"DEFAULT".to_vec();
        for (line, text) in numbered(bytes) {
            let text = text.trim_ascii();
            if let Some(name) = text.strip_prefix(b"[") {
                let end = name.iter().position(|b| *b == b']').unwrap_or(name.len());
                section = name.get(..end).unwrap_or_default().trim_ascii().to_vec();
                self.add(shown(&[&section]), line);
            } else if !text.starts_with(b"#")
                && !text.starts_with(b";")
                && let Some(end) = text.iter().position(|b| matches!(b, b'=' | b':'))
            {
                let key = text.get(..end).unwrap_or_default().trim_ascii();
                match section.as_slice() {
                    b"sops" => self.metadata(key, line),
                    section => self.add(shown(&[section, key]), line),
                }
            }
        }
    }

    /// A field of the metadata of a flat file.
    fn metadata(&mut self, field: &[u8], line: u32) {
        if !self.0.contains_key("sops") {
            self.add("sops".into(), line);
        }
        self.add(shown(&[b"sops", field]), line);
    }
}

/// Whether the first key below an item has the comment that stands above both.
fn has_comment_in_front(document: &Document<'_>, item: &Node<'_>) -> bool {
    let Kind::Mapping { entries, .. } = &item.kind else {
        return false;
    };
    let first = entries.first().and_then(|(key, _)| document.get(*key));
    first.is_some_and(|key| !key.head().is_empty())
}

/// JSON as the YAML that it is but for tabs in front and for two escapes. What
/// these stand for is of no interest, but in keys, which are then not found.
fn as_yaml(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'\t', rest @ ..] => {
                out.push(b' ');
                rest
            }
            [b'\\', b'/', rest @ ..] => {
                out.extend_from_slice(b" /");
                rest
            }
            // Half a character.
            [
                b'\\',
                b'u',
                b'd' | b'D',
                b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F',
                _,
                _,
                rest @ ..,
            ] => {
                out.push(b' ');
                rest
            }
            [b'\\', escaped, rest @ ..] => {
                out.extend_from_slice(&[b'\\', *escaped]);
                rest
            }
            [other, rest @ ..] => {
                out.push(*other);
                rest
            }
            [] => return out,
        };
    }
}

fn numbered(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let lines = bytes.split(|b| *b == b'\n');
    (1..).zip(lines)
}

fn shown(keys: &[&[u8]]) -> String {
    let mut path = String::new();
    for (i, key) in keys.iter().enumerate() {
        if i > 0 {
            path.push('.');
        }
        push_printable(&mut path, key);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_its_keys_on_lines() {
        for (format, text, expected) in [
            (
                Format::Yaml,
                "# a\na: 1\nb:\n    - x\n    - c: 2\nd: |\n    a: 9\ne: {f: 1,\n  g: 2}\nsops:\n    mac: x\n",
                &[
                    ("a", 2),
                    ("b", 3),
                    ("b[0]", 4),
                    ("b[1].c", 5),
                    ("d", 6),
                    ("e.g", 9),
                    ("sops.mac", 11),
                ][..],
            ),
            (
                Format::Json,
                "{\n\t\"a\": \"x\\/\\u00e9\\ud83d\\ude00\",\n\t\"b\": [\n\t\t{\"c\": 1}\n\t],\n\t\"sops\": {\n\t\t\"mac\": \"\"\n\t}\n}\n",
                &[("a", 2), ("b[0].c", 4), ("sops", 6), ("sops.mac", 7)],
            ),
            (
                Format::Dotenv,
                "#A=0\nA=1\nB=x=y\nsops_mac=x\nsops_version=3\n",
                &[("A", 2), ("B", 3), ("sops", 4), ("sops.version", 5)],
            ),
            (
                Format::Ini,
                "x = 0\n[s]\n; a = 1\na = 1\n[sops]\nmac = x\n",
                &[
                    ("DEFAULT.x", 1),
                    ("s", 2),
                    ("s.a", 4),
                    ("sops", 5),
                    ("sops.mac", 6),
                ],
            ),
            (Format::Binary, "a: 1\n", &[]),
        ] {
            let lines = Lines::of(text.as_bytes(), format);
            for (key, line) in expected {
                assert_eq!(lines.of_key(key), Some(*line), "{format}: {key}: {lines:?}");
            }
            assert_eq!(lines.of_key("none"), None);
        }
    }

    #[test]
    fn no_line_is_better_than_a_wrong_one() {
        let yaml = |text: &str| Lines::of(text.as_bytes(), Format::Yaml);
        assert_eq!(yaml("a: 1\n---\na: 2\n").of_key("a"), None);
        // A comment is an item: [2] is the second value.
        assert_eq!(yaml("l:\n  - a\n  # why\n  - b\n").of_key("l[1]"), None);
        assert_eq!(
            yaml("l:\n  - a: 1\n  # why\n  - a: 2\n").of_key("l[1].a"),
            None
        );
        assert_eq!(yaml("a: [\n"), Lines::default());
        let ini = Lines::of(b"[s]\na=1\n[s]\na=2\n", Format::Ini);
        assert_eq!(ini.of_key("s.a"), None);
        let twice = Remark {
            kind: RemarkKind::RepeatedKey,
            key_path: "s.a".into(),
        };
        assert_eq!(ini.of_remark(&twice), Some(4));
    }
}

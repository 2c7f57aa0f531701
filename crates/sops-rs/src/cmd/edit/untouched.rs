//! Values that nobody touched in the editor: they stay what they are, also
//! where the text that the editor showed would read back as another type.
//!
//! A float without a fraction is written as `3`, and so is every integer of a
//! JSON file that sops up to 3.12 encrypted, which is a float there
//! (sops-format §9). In dotenv all values look alike.

use std::collections::{HashMap, VecDeque};

use sops_core::{
    Document, Format, Style,
    tree::{List, ListItem, Mapping, MappingItem, Text, Value},
};
use zeroize::Zeroizing;

/// How the editor showed values.
pub(super) struct Shown<'s> {
    pub(super) format: Format,
    pub(super) style: &'s Style,
}

impl Shown<'_> {
    /// Takes from the tree before all values that the one behind shows in the
    /// same words.
    pub(super) fn keep(&self, before: &[Mapping], after: &mut [Mapping]) {
        for (before, after) in before.iter().zip(after) {
            self.mapping(before, after);
        }
    }

    fn mapping(&self, before: &Mapping, after: &mut Mapping) {
        let mut values: HashMap<&Text, VecDeque<&Value>> = HashMap::new();
        for (key, value) in before.entries() {
            values.entry(key).or_default().push_back(value);
        }
        for item in &mut after.items {
            if let MappingItem::Entry { key, value } = item
                && let Some(before) = values.get_mut(key).and_then(VecDeque::pop_front)
            {
                self.value(before, value);
            }
        }
    }

    fn value(&self, before: &Value, after: &mut Value) {
        match (before, after) {
            (Value::Mapping(before), Value::Mapping(after)) => self.mapping(before, after),
            (Value::List(before), Value::List(after)) => self.list(before, after),
            (before, after) => {
                if self.same(before, after) {
                    *after = before.clone();
                }
            }
        }
    }

    /// Items are told apart by what stands in front of them and behind them;
    /// those between are taken in pairs where none came or went.
    fn list(&self, before: &List, after: &mut List) {
        let old: Vec<&Value> = before.values().collect();
        let mut new: Vec<&mut Value> = after
            .items
            .iter_mut()
            .filter_map(|item| match item {
                ListItem::Value(value) => Some(value),
                ListItem::Comment(_) => None,
            })
            .collect();
        if old.len() == new.len() {
            for (old, new) in old.iter().zip(&mut new) {
                self.value(old, new);
            }
            return;
        }
        let mut front = 0;
        for (old, new) in old.iter().zip(&mut new) {
            if !self.same(old, new) {
                break;
            }
            self.value(old, new);
            front += 1;
        }
        let (old, new) = (
            old.get(front..).unwrap_or_default(),
            new.get_mut(front..).unwrap_or_default(),
        );
        for (old, new) in old.iter().rev().zip(new.iter_mut().rev()) {
            if !self.same(old, new) {
                break;
            }
            self.value(old, new);
        }
    }

    fn same(&self, before: &Value, after: &Value) -> bool {
        before == after || {
            let text = self.text(before);
            text.is_some() && text == self.text(after)
        }
    }

    /// A value as the editor showed it; `None` where the format has no place
    /// for it.
    fn text(&self, value: &Value) -> Option<Zeroizing<Vec<u8>>> {
        let mut document = Mapping::default();
        document.push("v", value.clone());
        if self.format == Format::Ini {
            let mut sections = Mapping::default();
            sections.push("s", Value::Mapping(document));
            document = sections;
        }
        Document::from_tree(vec![document], self.format)
            .to_bytes(self.format, self.style)
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(yaml: &str) -> Vec<Mapping> {
        let document = Document::parse_plain(yaml.as_bytes(), Format::Yaml).unwrap();
        document.tree().to_vec()
    }

    /// What stays a float is written as one here.
    fn kept(before: &str, after: &str) -> String {
        let (before, mut after) = (tree(before), tree(after));
        let style = Style::default();
        let shown = Shown {
            format: Format::Yaml,
            style: &style,
        };
        shown.keep(&before, &mut after);
        fn words(value: &Value) -> String {
            match value {
                Value::Float(float) => format!("{float:?}"),
                Value::Int(int) => int.to_string(),
                Value::String(text) => text.to_string_lossy().into_owned(),
                Value::List(list) => {
                    let words: Vec<_> = list.values().map(words).collect();
                    format!("[{}]", words.join(" "))
                }
                Value::Mapping(mapping) => {
                    let words = mapping
                        .entries()
                        .map(|(key, value)| format!("{}={}", key.to_string_lossy(), words(value)));
                    format!("{{{}}}", words.collect::<Vec<_>>().join(" "))
                }
                other => other.kind().to_owned(),
            }
        }
        let documents = after.iter().map(|it| words(&Value::Mapping(it.clone())));
        documents.collect()
    }

    #[test]
    fn what_looks_as_before_is_as_before() {
        for (before, after, expected) in [
            ("a: 3.0\nb: x\n", "a: 3\nb: y\n", "{a=3.0 b=y}"),
            ("a: 3.0\n", "a: 4\n", "{a=4}"),
            ("a: 3\n", "a: 3\n", "{a=3}"),
            ("a: 3\n", "a: '3'\n", "{a=3}"),
            ("a: 3.0\n", "b: 3\n", "{b=3}"),
            ("a: {b: 1.0}\n", "a: {b: 1, c: 1}\n", "{a={b=1.0 c=1}}"),
            ("a: [1.0, x]\n", "a: [1, y]\n", "{a=[1.0 y]}"),
            (
                "a: [1.0, x, 2.0]\n",
                "a: [1, x, y, 2]\n",
                "{a=[1.0 x y 2.0]}",
            ),
            ("a: [1.0, x, 2.0]\n", "a: [1, 2]\n", "{a=[1.0 2.0]}"),
            ("a: [{b: 1.0}]\n", "a: [{b: 1}, z]\n", "{a=[{b=1.0} z]}"),
            (
                "a: 1.0\n---\na: 2.0\n",
                "a: 1\n---\na: 2\n",
                "{a=1.0}{a=2.0}",
            ),
        ] {
            assert_eq!(kept(before, after), expected, "{before} {after}");
        }
    }
}

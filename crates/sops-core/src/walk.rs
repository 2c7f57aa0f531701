//! The one walk that encrypting, decrypting and the MAC share: order, path
//! and selection (sops-format §3, §6).

use std::fmt::Write;

use crate::{
    Error, Result, limits,
    repeated::{Repeated, Values},
    selection::{Scope, Selection},
    shown::push_printable,
    tree::{Comment, List, ListItem, Mapping, MappingItem, Text, Value},
};

/// Where in the file a value or comment stands.
pub(crate) struct Place<'a> {
    /// What binds a value to its place: the keys on the way to it, each with
    /// a colon behind it (sops-format §4).
    pub(crate) aad: &'a [u8],
    /// Whether the file's rule encrypts it.
    pub(crate) selected: bool,
    path: Path<'a>,
}

impl Place<'_> {
    /// The way to here, for messages: `data.list[2].password`.
    pub(crate) fn key_path(&self) -> String {
        self.path.render()
    }

    /// The keys on the way to here, without places in lists.
    pub(crate) fn keys(&self) -> Vec<&Text> {
        let mut keys = Vec::new();
        let mut path = Some(&self.path);
        while let Some(here) = path {
            if let Step::Key(key) = here.step {
                keys.push(key);
            }
            path = here.parent;
        }
        keys.reverse();
        keys
    }

    /// The way to what this stands in.
    pub(crate) fn parent_path(&self) -> String {
        self.path.parent.unwrap_or(&Path::ROOT).render()
    }
}

/// The way to a value, linked from the inside out.
#[derive(Clone, Copy)]
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a Text),
    Index(usize),
}

impl<'a> Path<'a> {
    const ROOT: Path<'static> = Path {
        parent: None,
        step: Step::Root,
    };

    fn child<'b>(&'b self, step: Step<'b>) -> Path<'b>
    where
        'a: 'b,
    {
        Path {
            parent: Some(self),
            step,
        }
    }

    fn render(&self) -> String {
        let mut steps = vec![self.step];
        let mut parent = self.parent;
        while let Some(path) = parent {
            steps.push(path.step);
            parent = path.parent;
        }
        let mut out = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Key(key) => {
                    if !out.is_empty() {
                        out.push('.');
                    }
                    push_printable(&mut out, key);
                }
                Step::Index(i) => {
                    let _ = write!(out, "[{i}]");
                }
            }
            if out.len() > limits::SHOWN_PATH {
                let end = (0..=limits::SHOWN_PATH)
                    .rev()
                    .find(|at| out.is_char_boundary(*at));
                out.truncate(end.unwrap_or(0));
                out.push('…');
                break;
            }
        }
        if out.is_empty() {
            out.push_str("the top level");
        }
        out
    }
}

/// What happens to each value and comment on the way.
pub(crate) trait Visitor {
    /// A value that is neither null nor a mapping nor a list. It is replaced
    /// in place; a returned comment says that it turned out to be one.
    fn value(&mut self, place: &Place<'_>, value: &mut Value) -> Result<Option<Comment>>;

    /// A comment. A returned value takes its place where it stands in a list:
    /// that is how sops stores encrypted comments there.
    fn comment(&mut self, place: &Place<'_>, comment: &mut Comment) -> Result<Option<Value>>;

    /// A value that turned out to be a comment, under a key, where no comment
    /// can stand. It becomes null and does not count for the MAC.
    fn misplaced_comment(&mut self, place: &Place<'_>);

    /// A null.
    fn null(&mut self, _: &Place<'_>) {}

    /// A key that stands more than once in its mapping, after the last of its
    /// values, and what these are.
    fn repeated(&mut self, _: &Place<'_>, _: &Values) {}
}

/// Walks all documents in order, depth first.
pub(crate) fn walk<V: Visitor>(
    tree: &mut [Mapping],
    selection: &mut Selection,
    visitor: &mut V,
) -> Result<()> {
    let mut walk = Walk {
        selection,
        visitor,
        aad: Vec::new(),
        authenticated: 0,
        depth: 0,
    };
    for document in tree {
        walk.mapping(document, Scope::default(), &Path::ROOT)?;
    }
    Ok(())
}

struct Walk<'a, V> {
    selection: &'a mut Selection,
    visitor: &'a mut V,
    aad: Vec<u8>,
    /// Bytes of key paths that were bound to values so far.
    authenticated: usize,
    depth: usize,
}

impl<V: Visitor> Walk<'_, V> {
    fn mapping(&mut self, mapping: &mut Mapping, mut scope: Scope, path: &Path<'_>) -> Result<()> {
        let mut repeated = Repeated::of(&mapping.items);
        for (at, item) in mapping.items.iter_mut().enumerate() {
            match item {
                MappingItem::Comment(comment) => {
                    self.comment(comment, &mut scope, path)?;
                }
                MappingItem::Entry { key, value } => {
                    let path = path.child(Step::Key(key));
                    let outer = self.aad.len();
                    self.aad.extend_from_slice(key.as_bytes());
                    self.aad.push(b':');
                    if self.value(value, scope, Some(key), &path)?.is_some() {
                        *value = Value::Null;
                        self.visitor.misplaced_comment(&Place {
                            aad: &self.aad,
                            selected: true,
                            path,
                        });
                    }
                    if let Some(repeated) = repeated.as_mut().filter(|r| r.has(at)) {
                        let selected = self.selection.selects(scope, Some(key));
                        if let Some(values) = repeated.add(at, value, selected) {
                            let place = Place {
                                aad: &self.aad,
                                selected,
                                path,
                            };
                            self.visitor.repeated(&place, &values);
                        }
                    }
                    self.aad.truncate(outer);
                    scope.after_value();
                }
            }
        }
        Ok(())
    }

    fn list(&mut self, list: &mut List, mut scope: Scope, path: &Path<'_>) -> Result<()> {
        for (i, item) in list.items.iter_mut().enumerate() {
            match item {
                ListItem::Comment(comment) => {
                    if let Some(value) = self.comment(comment, &mut scope, path)? {
                        *item = ListItem::Value(value);
                    }
                }
                ListItem::Value(value) => {
                    let path = path.child(Step::Index(i));
                    match self.value(value, scope, None, &path)? {
                        // The comments before it go on counting, as they did
                        // when it was encrypted.
                        Some(comment) => *item = ListItem::Comment(comment),
                        None => scope.after_value(),
                    }
                }
            }
        }
        Ok(())
    }

    fn value(
        &mut self,
        value: &mut Value,
        scope: Scope,
        key: Option<&Text>,
        path: &Path<'_>,
    ) -> Result<Option<Comment>> {
        match value {
            Value::Null => {
                let selected = self.selection.selects(scope, key);
                self.check_rule(path)?;
                let place = Place {
                    aad: &self.aad,
                    selected,
                    path: *path,
                };
                self.visitor.null(&place);
                Ok(None)
            }
            Value::Mapping(_) | Value::List(_) => {
                if self.depth == limits::DEPTH {
                    return Err(Error::too_deep());
                }
                self.depth += 1;
                let inside = self.selection.enter(scope, key);
                self.check_rule(path)?;
                match value {
                    Value::Mapping(mapping) => self.mapping(mapping, inside, path)?,
                    Value::List(list) => self.list(list, inside, path)?,
                    _ => {}
                }
                self.depth -= 1;
                Ok(None)
            }
            leaf => {
                let selected = self.selection.selects(scope, key);
                self.check_rule(path)?;
                self.authenticate(selected)?;
                let place = Place {
                    aad: &self.aad,
                    selected,
                    path: *path,
                };
                self.visitor.value(&place, leaf)
            }
        }
    }

    /// Whether the rule could still be asked about what stands here.
    fn check_rule(&self, path: &Path<'_>) -> Result<()> {
        if !self.selection.is_exhausted() {
            return Ok(());
        }
        Err(Error::too_much_matching().at_key(path.render()))
    }

    /// Takes into account that the path is bound to a value.
    fn authenticate(&mut self, selected: bool) -> Result<()> {
        if selected {
            self.authenticated += self.aad.len();
        }
        if self.authenticated <= limits::PATHS {
            return Ok(());
        }
        Err(Error::paths_too_long())
    }

    fn comment(
        &mut self,
        comment: &mut Comment,
        scope: &mut Scope,
        path: &Path<'_>,
    ) -> Result<Option<Value>> {
        let selected = self.selection.selects_comment(scope, &comment.text);
        self.check_rule(path)?;
        self.authenticate(selected)?;
        let place = Place {
            // The path of the mapping or list that it stands in.
            aad: if self.aad.is_empty() { b":" } else { &self.aad },
            selected,
            path: *path,
        };
        self.visitor.comment(&place, comment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, metadata::Rule};

    struct Nothing;

    impl Visitor for Nothing {
        fn value(&mut self, _: &Place<'_>, _: &mut Value) -> Result<Option<Comment>> {
            Ok(None)
        }

        fn comment(&mut self, _: &Place<'_>, _: &mut Comment) -> Result<Option<Value>> {
            Ok(None)
        }

        fn misplaced_comment(&mut self, _: &Place<'_>) {}
    }

    /// Values below one very long key.
    fn below_a_long_key(rule: Rule) -> Result<()> {
        let mut inner = Mapping::default();
        for n in 0..600 {
            inner.push(n.to_string(), "x");
        }
        let mut document = Mapping::default();
        document.push("k".repeat(500_000), Value::Mapping(inner));
        walk(&mut [document], &mut Selection::new(&rule), &mut Nothing)
    }

    #[test]
    fn key_paths_are_bounded() {
        let error = below_a_long_key(Rule::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("key paths"), "{error}");
        // In clear nothing is bound to its path.
        assert!(below_a_long_key(Rule::EncryptedSuffix("_".into())).is_ok());
    }

    /// A key that a rule takes long to match is refused, with its place, and
    /// so are many keys together.
    #[test]
    fn what_a_rule_is_matched_against_is_bounded() {
        let matched = |rule: &str, keys: &[String]| {
            let mut inner = Mapping::default();
            for key in keys {
                inner.push(key.as_str(), "x");
            }
            let mut document = Mapping::default();
            document.push("a", Value::Mapping(inner));
            let rule = Rule::EncryptedRegex(rule.into());
            walk(&mut [document], &mut Selection::new(&rule), &mut Nothing)
        };
        let hard = "[ab]*a[ab]{900}c";
        let long = || "ab".repeat(2 << 20);
        assert!(matched("^pass(word)?", &[long(), "b".into()]).is_ok());
        let error = matched(hard, &["b".into(), long()]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.key_path().unwrap().starts_with("a.abab"), "{error}");
        let many = |count| -> Vec<_> { (0..count).map(|n| format!("{n:0>1000}")).collect() };
        assert!(matched(hard, &many(50)).is_ok());
        assert!(matched(hard, &many(3_000)).is_err());
    }
}

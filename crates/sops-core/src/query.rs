//! Single values out of a tree.

use std::{collections::HashSet, fmt};

use go_yaml::number;

use crate::{
    Error, ErrorKind, Result,
    format::{self, Format, json},
    shown::{key_path, push_printable},
    tree::{List, ListItem, Mapping, Text, Value},
};

/// One step on the way to a value.
///
/// ```
/// use sops_core::{query::Step, tree::Text};
/// let path: [Step; 3] = ["list".into(), 2.into(), Text::from(b"\xff".as_slice()).into()];
/// assert_eq!(format!("{path:?}"), r#"[Key("list"), Index(2), Key("\xff")]"#);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Into a mapping, by key: any bytes, as keys are.
    Key(Text),
    /// Into a list, by place, counted from 0. As in sops, comments in the
    /// list count too.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Step::Key(key.into())
    }
}

impl From<String> for Step {
    fn from(key: String) -> Self {
        Step::Key(key.into())
    }
}

impl From<Text> for Step {
    fn from(key: Text) -> Self {
        Step::Key(key)
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// Keys are no secret: files have them in clear.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Key(key) => write!(f, "Key(\"{}\")", key_path(&[key])),
            Step::Index(index) => write!(f, "Index({index})"),
        }
    }
}

/// Reads a path as `sops decrypt --extract` takes it: `["a"]['b'][0]`, without
/// escapes.
///
/// # Errors
///
/// [`ErrorKind::Path`].
///
/// ```
/// use sops_core::query::{Step, parse_path};
/// assert_eq!(
///     parse_path(r#"["a"][0]"#).unwrap(),
///     [Step::Key("a".into()), Step::Index(0)]
/// );
/// assert!(parse_path("a.b").is_err());
/// ```
pub fn parse_path(path: &str) -> Result<Vec<Step>> {
    let error = |message: &str| {
        Error::new(ErrorKind::Path, message).advise(r#"write it as in '["a"]["b"][0]'"#)
    };
    let mut components = path.split('[');
    if components.next().is_some_and(|before| !before.is_empty()) {
        return Err(error("the path does not start with ["));
    }
    let mut steps = Vec::new();
    for component in components {
        let component = component
            .strip_suffix(']')
            .ok_or_else(|| error("a component of the path does not end with ]"))?;
        let quoted = ['"', '\''].into_iter().find_map(|quote| {
            component.strip_prefix(quote).map(|rest| {
                rest.strip_suffix(quote)
                    .ok_or_else(|| error("a key of the path has no closing quote"))
            })
        });
        steps.push(match quoted {
            Some(key) => Step::Key(key?.into()),
            None => Step::Index(component.parse().map_err(|_| {
                error("a component of the path is neither a key in quotes nor a number")
            })?),
        });
    }
    if steps.is_empty() {
        return Err(error("the path is empty"));
    }
    Ok(steps)
}

/// A path as messages show it: `data.list[2].password`.
///
/// ```
/// use sops_core::query::shown;
/// assert_eq!(shown(&["data".into(), "list".into(), 2.into()]), "data.list[2]");
/// ```
#[must_use]
pub fn shown(path: &[Step]) -> String {
    let mut shown = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !shown.is_empty() {
                    shown.push('.');
                }
                push_printable(&mut shown, key);
            }
            Step::Index(index) => shown.push_str(&format!("[{index}]")),
        }
    }
    shown
}

/// Reads a value as `sops set` takes it: one JSON text. As in sops, a number
/// alone is a float; inside an object it is an integer where it fits 64 bits;
/// a list alone is refused. A key that stands twice in an object, which sops
/// writes to a file that it cannot read again, is refused too.
///
/// ```
/// use sops_core::{query::parse_value, tree::Value};
/// assert_eq!(parse_value("1")?, Value::Float(1.0));
/// let object = parse_value(r#"{"a": 1}"#)?;
/// assert_eq!(object.as_mapping().unwrap().get("a"), Some(&Value::Int(1)));
/// assert!(parse_value("[]").is_err());
/// # Ok::<(), sops_core::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Syntax`], [`ErrorKind::Limit`].
pub fn parse_value(json: &str) -> Result<Value> {
    let error = |message| {
        Error::new(ErrorKind::Syntax, message)
            .advise(r#"write it as JSON: '"text"', '1', 'true', 'null', '{"key": "value"}'"#)
    };
    let value = json::read_value(json.as_bytes())
        .map_err(|why| error("the value is not JSON").because(why))?;
    match value {
        Value::Int(int) => Ok(Value::Float(int as f64)),
        Value::List(_) => Err(error("a list cannot be set as a whole, as in sops")),
        value if has_key_twice(&value) => Err(error("an object has the same key twice")),
        value => Ok(value),
    }
}

fn has_key_twice(value: &Value) -> bool {
    match value {
        Value::Mapping(mapping) => {
            let mut seen = HashSet::new();
            mapping
                .entries()
                .any(|(key, value)| !seen.insert(key.as_bytes()) || has_key_twice(value))
        }
        Value::List(list) => list.values().any(has_key_twice),
        _ => false,
    }
}

/// The path of every value that is no mapping and no list, and of those that
/// are empty.
pub(crate) fn paths(document: &Mapping) -> Vec<Vec<Step>> {
    fn mapping(mapping: &Mapping, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
        for (key, inner) in mapping.entries() {
            path.push(Step::Key(key.clone()));
            value(inner, path, found);
            path.pop();
        }
    }
    fn value(value_here: &Value, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
        let before = found.len();
        match value_here {
            Value::Mapping(inner) => mapping(inner, path, found),
            Value::List(list) => {
                for (at, item) in list.items.iter().enumerate() {
                    if let ListItem::Value(inner) = item {
                        path.push(Step::Index(at));
                        value(inner, path, found);
                        path.pop();
                    }
                }
            }
            _ => {}
        }
        if found.len() == before {
            found.push(path.clone());
        }
    }
    let mut found = Vec::new();
    mapping(document, &mut Vec::new(), &mut found);
    found
}

/// The value that stands at a path.
///
/// # Errors
///
/// [`ErrorKind::NotFound`] with the path up to where it leads nowhere.
pub(crate) fn find<'a>(document: &'a Mapping, path: &[Step]) -> Result<&'a Value> {
    let mut mapping = Some(document);
    let mut found: Option<&'a Value> = None;
    for (at, step) in path.iter().enumerate() {
        let error = |message: &str| {
            Error::new(ErrorKind::NotFound, message)
                .at_key(shown(path.get(..=at).unwrap_or(path)))
                .advise("look the path up in the encrypted file: its keys are readable")
        };
        let value = match (step, mapping, found) {
            (Step::Key(key), Some(mapping), _) => mapping
                .get(key)
                .ok_or_else(|| error("there is no such key"))?,
            (Step::Index(index), _, Some(Value::List(list))) => match list.items.get(*index) {
                Some(ListItem::Value(value)) => value,
                Some(ListItem::Comment(_)) => return Err(comment(list, *index, error)),
                None => return Err(error("the list is shorter than that")),
            },
            (Step::Key(_), ..) => return Err(error("a key, but no mapping stands there")),
            (Step::Index(_), ..) => return Err(error("a number, but no list stands there")),
        };
        mapping = value.as_mapping();
        found = Some(value);
    }
    found.ok_or_else(|| Error::new(ErrorKind::Path, "the path is empty"))
}

/// The error for a place in a list where a comment stands.
fn comment(list: &List, at: usize, error: impl Fn(&str) -> Error) -> Error {
    let rest = list.items.get(at..).unwrap_or_default();
    let next = rest
        .iter()
        .position(|item| matches!(item, ListItem::Value(_)));
    error("a comment stands there").advise(match next {
        Some(next) => format!(
            "comments in a list count, as in sops: the next item is [{}]",
            at + next
        ),
        None => "comments in a list count, as in sops: no item stands behind this one".into(),
    })
}

/// The path of the first key or text that is not UTF-8.
pub(crate) fn not_utf8(mapping: &Mapping) -> Option<Vec<Step>> {
    fn find(value: &Value) -> Option<Vec<Step>> {
        match value {
            Value::String(text) => text.as_str().is_none().then(Vec::new),
            Value::Mapping(mapping) => in_mapping(mapping),
            Value::List(list) => list.items.iter().enumerate().find_map(|(at, item)| {
                let ListItem::Value(value) = item else {
                    return None;
                };
                find(value).map(|path| with(Step::Index(at), path))
            }),
            _ => None,
        }
    }
    fn in_mapping(mapping: &Mapping) -> Option<Vec<Step>> {
        mapping.entries().find_map(|(key, value)| {
            let path = match key.as_str() {
                Some(_) => find(value)?,
                None => Vec::new(),
            };
            Some(with(Step::Key(key.clone()), path))
        })
    }
    /// Turned round at the end.
    fn with(step: Step, mut path: Vec<Step>) -> Vec<Step> {
        path.push(step);
        path
    }
    let mut path = in_mapping(mapping)?;
    path.reverse();
    Some(path)
}

/// Every scalar of a document with its path: keys and places joined with dots.
/// Ints of JSON files were floats to those who flatten with Go.
pub(crate) fn flatten(document: &Mapping, format: Format) -> Vec<(String, Text)> {
    let json_numbers = matches!(format, Format::Json | Format::Binary);
    let mut out = Vec::new();
    let sections: HashSet<&[u8]> = match format {
        Format::Ini => document
            .entries()
            .skip(1)
            .map(|(name, _)| name.as_bytes())
            .collect(),
        _ => HashSet::new(),
    };
    let mut flatten_into = |key: &Text, value: &Value| {
        let path = key.to_string_lossy().into_owned();
        flatten_value(path, value, json_numbers, &mut out);
    };
    for (key, value) in document.entries() {
        match value {
            Value::Mapping(section) if format::is_without_section(key, format) => {
                for (key, value) in section.entries() {
                    if !sections.contains(key.as_bytes()) {
                        flatten_into(key, value);
                    }
                }
            }
            _ => flatten_into(key, value),
        }
    }
    out
}

fn flatten_value(path: String, value: &Value, json: bool, out: &mut Vec<(String, Text)>) {
    let text: Text = match value {
        Value::Mapping(mapping) => {
            for (key, value) in mapping.entries() {
                flatten_value(
                    format!("{path}.{}", key.to_string_lossy()),
                    value,
                    json,
                    out,
                );
            }
            return;
        }
        Value::List(list) => {
            for (i, value) in list.values().enumerate() {
                flatten_value(format!("{path}.{i}"), value, json, out);
            }
            return;
        }
        Value::Null => "null".into(),
        Value::Bool(bool) => bool.to_string().into(),
        Value::Int(int) if json => number::general(*int as f64).to_string().into(),
        Value::Int(int) => int.to_string().into(),
        Value::Float(float) => number::general(*float).to_string().into(),
        Value::String(text) => text.clone(),
        Value::Time(time) => go_time(time).into(),
    };
    out.push((path, text));
}

/// A moment as Go's `fmt.Sprint` prints it: `2001-12-14 21:59:43.1 -0500
/// -0500`.
fn go_time(time: &crate::Timestamp) -> String {
    let text = time.to_rfc3339_nano();
    let (date, rest) = text.split_once('T').unwrap_or((&text, ""));
    let clock = rest.split(['Z', '+', '-']).next().unwrap_or_default();
    if time.offset_minutes == 0 {
        return format!("{date} {clock} +0000 UTC");
    }
    let sign = if time.offset_minutes < 0 { '-' } else { '+' };
    let offset = time.offset_minutes.unsigned_abs();
    let zone = format!("{sign}{:02}{:02}", offset / 60, offset % 60);
    format!("{date} {clock} {zone} {zone}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(
            parse_path(r#"["a b"]['c"'][12]"#).unwrap(),
            ["a b".into(), "c\"".into(), Step::Index(12)]
        );
        for (path, message) in [
            ("", "the path is empty"),
            ("a", "the path does not start with ["),
            ("[\"a\"", "a component of the path does not end with ]"),
            (
                "[a]",
                "a component of the path is neither a key in quotes nor a number",
            ),
            ("[\"a]", "a key of the path has no closing quote"),
            ("[\"]", "a key of the path has no closing quote"),
            (
                "[]",
                "a component of the path is neither a key in quotes nor a number",
            ),
            (
                "[-1]",
                "a component of the path is neither a key in quotes nor a number",
            ),
        ] {
            assert_eq!(parse_path(path).unwrap_err().to_string(), message, "{path}");
        }
    }

    /// As the Terraform provider's own reader of INI.
    #[test]
    fn ini_keys_without_a_section_are_flat() {
        let text = "a = 1\nDEFAULT = 2\nb = 3\n[b]\n[c]\na = 4\n";
        let document = crate::Document::parse_plain(text.as_bytes(), Format::Ini).unwrap();
        let flat = document.flatten();
        let flat: Vec<_> = flat
            .iter()
            .map(|(k, v)| (&**k, v.as_str().unwrap()))
            .collect();
        assert_eq!(flat, [("a", "1"), ("DEFAULT", "2"), ("c.a", "4")]);
        let yaml = crate::Document::parse_plain(b"DEFAULT: {a: 1}", Format::Yaml).unwrap();
        assert_eq!(yaml.flatten()[0].0, "DEFAULT.a");
    }

    #[test]
    fn paths_of_all_values() {
        let text = "a: {b: x, c: [1, {}, [2]]}\n# d\ne: []\n---\nf: 1\n";
        let document = crate::Document::parse_plain(text.as_bytes(), Format::Yaml).unwrap();
        let paths: Vec<_> = document
            .key_paths()
            .iter()
            .map(|path| shown(path))
            .collect();
        assert_eq!(paths, ["a.b", "a.c[0]", "a.c[1]", "a.c[2][0]", "e"]);
        for path in document.key_paths() {
            assert!(document.get(&path).is_ok());
        }
    }

    /// Each of two keys that are no UTF-8 has a path of its own, shown and to
    /// be followed.
    #[test]
    fn paths_of_keys_that_are_no_utf8() {
        let text = b"a\xfe=1\na\xff=2\na\\xff=3\n";
        let document = crate::Document::parse_plain(text, Format::Dotenv).unwrap();
        let paths = document.key_paths();
        let seen: Vec<_> = paths.iter().map(|path| shown(path)).collect();
        assert_eq!(seen, [r"a\xfe", r"a\xff", r"a\\xff"]);
        for (path, value) in paths.iter().zip(["1", "2", "3"]) {
            assert_eq!(document.get(path).unwrap().as_str(), Some(value));
        }
        assert_eq!(document.not_utf8().as_deref(), Some(r"a\xfe"));
    }

    #[test]
    fn moments() {
        for (text, expected) in [
            ("2001-12-14T00:00:00Z", "2001-12-14 00:00:00 +0000 UTC"),
            (
                "2001-12-14T21:59:43.1-05:00",
                "2001-12-14 21:59:43.1 -0500 -0500",
            ),
        ] {
            let time = crate::Timestamp::parse_rfc3339(text).unwrap();
            assert_eq!(go_time(&time), expected);
        }
    }
}

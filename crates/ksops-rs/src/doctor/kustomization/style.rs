//! The style that a generator is written for, by its annotation.

use go_yaml::{Document, NodeId};

use super::fields::is_ours;
use crate::{generator::Generator, yaml};

/// The annotation that makes a generator a KRM function; and its older name.
const FUNCTION: [&str; 2] = ["config.kubernetes.io/function", "config.k8s.io/function"];

/// The annotation `config.kubernetes.io/function`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Function {
    /// `exec.path`; `None` where it is no program.
    pub(in super::super) path: Option<String>,
    /// Whether there are `exec.args`.
    pub(in super::super) has_args: bool,
}

/// How a generator is run in KRM style; `None` for legacy style.
pub(super) fn function(document: &Document<'_>, root: NodeId) -> Option<Function> {
    let metadata = yaml::field(document, root, "metadata")?;
    let annotations = yaml::field(document, metadata, "annotations")?;
    let text = FUNCTION
        .iter()
        .find_map(|name| yaml::field(document, annotations, name))?;
    let text = yaml::text(document, text)?;
    let none = Function {
        path: None,
        has_args: false,
    };
    let documents = yaml::parse("", text.as_bytes()).unwrap_or_default();
    let exec = documents.first().and_then(|document| {
        let root = document.root()?;
        Some((document, yaml::field(document, root, "exec")?))
    });
    let Some((document, exec)) = exec else {
        return Some(none);
    };
    let path = yaml::field(document, exec, "path");
    Some(Function {
        path: path
            .and_then(|path| yaml::text(document, path))
            .map(str::to_owned),
        has_args: yaml::field(document, exec, "args")
            .is_some_and(|args| !yaml::is_null(document, args)),
    })
}

/// A manifest without its function annotation: the same generator in legacy
/// style. `None` where the lines do not show how to take it out.
pub(in super::super) fn legacy_form(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| {
        let key = line.trim_start().trim_start_matches(['"', '\'']);
        FUNCTION.iter().any(|name| key.starts_with(name))
    })?;
    let without = |from: usize| {
        let indent = indent_of(lines.get(from)?);
        let rest = lines.iter().skip(from + 1);
        let length = rest
            .take_while(|line| line.trim().is_empty() || indent_of(line) > indent)
            .count();
        Some((indent, from + 1 + length))
    };
    let (indent, end) = without(start)?;
    let mut from = start;
    // `annotations:` with nothing left below it goes too.
    let next = lines.get(end).map_or(0, |line| indent_of(line));
    let above = lines.get(start.checked_sub(1)?)?;
    if above.trim_end().trim_start() == "annotations:" && indent_of(above) < indent && next < indent
    {
        from -= 1;
    }
    let kept = lines.iter().take(from).chain(lines.iter().skip(end));
    let mut form: String = kept.flat_map(|line| [line, "\n"]).collect();
    form.truncate(form.trim_end().len());
    // The same generator, and no function any more.
    let of = |text: &str| {
        let documents = yaml::parse("", text.as_bytes()).ok()?;
        let [document] = documents.as_slice() else {
            return None;
        };
        let root = document.root()?;
        let generator = Generator::from_node("", document, root).ok()?;
        let paths: Vec<_> = generator
            .files
            .into_iter()
            .map(|entry| entry.path)
            .collect();
        Some((
            paths,
            generator.secrets.len(),
            is_ours(document, root),
            function(document, root).is_some(),
        ))
    };
    let (before, after) = (of(text)?, of(&form)?);
    let is_same = (&before.0, before.1, true, false) == (&after.0, after.1, after.2, after.3);
    is_same.then_some(form)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

//! Paths and imports, from code without comments and strings.

use std::collections::BTreeMap;

type Paths = Vec<(Vec<String>, usize)>;
type Imports = BTreeMap<String, Vec<String>>;

/// A word or a sign, and its line.
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Every path that starts with `crate`, `self` or `super` and every one that
/// is imported; and what the imported names stand for.
pub(super) fn paths(code: &str) -> (Paths, Imports) {
    let tokens = tokens(code);
    let (mut paths, mut imports) = (Paths::new(), Imports::new());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let is_use = token.text == "use";
        let starts = matches!(token.text, "crate" | "self" | "super");
        let goes_on = tokens.get(at + 1).is_some_and(|next| next.text == "::");
        if is_use || (starts && goes_on) {
            let line = token.line;
            let mut found = Vec::new();
            at = tree(&tokens, at + usize::from(is_use), &[], &mut found);
            for (path, name) in found {
                if is_use && let Some(name) = name {
                    imports.insert(name, path.clone());
                }
                paths.push((path, line));
            }
        } else {
            at += 1;
        }
    }
    (paths, imports)
}

/// A path, or a tree of them in braces: each with the name that it gets. The
/// number of the token behind it.
fn tree(
    tokens: &[Token<'_>],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<(Vec<String>, Option<String>)>,
) -> usize {
    let mut path = prefix.to_vec();
    loop {
        let text = tokens.get(at).map_or("", |token| token.text);
        if text == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token.text != "}") {
                at = tree(tokens, at, &path, found);
                if tokens.get(at).is_some_and(|token| token.text == ",") {
                    at += 1;
                }
            }
            return at + 1;
        }
        if text == "*" {
            found.push((path, None));
            return at + 1;
        }
        if !text.starts_with(is_word) {
            // Not a tree after all.
            return at + 1;
        }
        // `self` at the end of a tree is what stands before it.
        if text != "self" || path.is_empty() {
            path.push(text.to_owned());
        }
        at += 1;
        match tokens.get(at).map_or("", |token| token.text) {
            "::" => at += 1,
            "as" => {
                let name = tokens.get(at + 1).map(|token| token.text.to_owned());
                found.push((path, name));
                return at + 2;
            }
            _ => {
                let name = path.last().cloned();
                found.push((path, name));
                return at;
            }
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let len = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (text, next) = rest.split_at(len);
            if !first.is_whitespace() {
                tokens.push(Token {
                    text,
                    line: number + 1,
                });
            }
            rest = next;
        }
    }
    tokens
}

#[cfg(test)]
mod tests {

    #[test]
    fn trees_are_unfolded() {
        let code = "use crate::{a, b::{self, C as D}, e::*};\nfn f() { crate::g::h(); x::y(); }\npub use i::J;";
        let (paths, imports) = super::paths(code);
        let paths: Vec<String> = paths
            .iter()
            .map(|(path, line)| format!("{} {line}", path.join("::")))
            .collect();
        assert_eq!(
            paths,
            [
                "crate::a 1",
                "crate::b 1",
                "crate::b::C 1",
                "crate::e 1",
                "crate::g::h 2",
                "i::J 3"
            ]
        );
        let names: Vec<&str> = imports.keys().map(String::as_str).collect();
        assert_eq!(names, ["D", "J", "a", "b"]);
    }

    #[test]
    fn nothing_strange_makes_it_loop() {
        for code in [
            "use",
            "use {",
            "use a::",
            "crate::",
            "use ::a;",
            "pub(in crate::x) fn",
            "use <",
            "self::{",
        ] {
            let _ = super::paths(code);
        }
    }
}

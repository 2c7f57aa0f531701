//! Patterns for paths, as `.gitignore` has them: `*` and `?` within a name,
//! `**` across folders. A pattern without `/` is for a name anywhere on the
//! way, one with `/` for a path from its start; what it matches, it matches
//! with all that is below.

use std::path::Path;

use regex::bytes::Regex;

use crate::{Error, Result, error::quoted};

/// A pattern.
#[derive(Debug)]
pub(crate) struct Glob {
    regex: Regex,
    /// Whether it is for one name of the path.
    is_name: bool,
}

impl Glob {
    /// # Errors
    ///
    /// Where it is no pattern: a `[` that is not closed.
    pub(crate) fn new(pattern: &str) -> Result<Self> {
        let wrong = || {
            Error::new(format!("{} is not a pattern", quoted(pattern)))
                .advise("write names with *, ? and [abc] in them, and ** for any number of folders")
                .of_kind("usage")
        };
        let trimmed = pattern.trim_start_matches("./").trim_end_matches('/');
        let is_name = !trimmed.contains('/');
        let trimmed = trimmed.trim_start_matches('/');
        if trimmed.is_empty() {
            return Err(wrong());
        }
        let regex = translated(trimmed).ok_or_else(wrong)?;
        let regex = Regex::new(&regex).map_err(|_| wrong())?;
        Ok(Glob { regex, is_name })
    }

    /// Whether the path, or a folder that it is in, is matched.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        let bytes = path.as_os_str().as_encoded_bytes();
        let bytes = bytes.strip_prefix(b"./").unwrap_or(bytes);
        if self.is_name {
            let mut names = bytes.split(|b| *b == b'/');
            return names.any(|name| self.regex.is_match(name));
        }
        let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'/');
        let mut ends = ends.map(|(at, _)| at).chain([bytes.len()]);
        ends.any(|end| {
            bytes
                .get(..end)
                .is_some_and(|path| self.regex.is_match(path))
        })
    }
}

/// The pattern as a regular expression; `None` where it is none.
fn translated(pattern: &str) -> Option<String> {
    let mut out = String::from("(?s-u)^");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' if rest.starts_with('*') => {
                rest = rest.trim_start_matches('*');
                match rest.strip_prefix('/') {
                    Some(after) => {
                        out.push_str("(?:.*/)?");
                        rest = after;
                    }
                    None => out.push_str(".*"),
                }
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("(?:[^/\\x80-\\xff]|[\\xc0-\\xff][\\x80-\\xbf]*)"),
            '[' => {
                let end = rest.char_indices().skip(1).find(|(_, c)| *c == ']')?.0;
                let (class, after) = rest.split_at(end);
                rest = after.strip_prefix(']')?;
                let (not, class) = match class.strip_prefix(['!', '^']) {
                    Some(class) => ("^/", class),
                    None => ("", class),
                };
                if class.is_empty() || !class.is_ascii() || class.contains('/') {
                    return None;
                }
                out.push('[');
                out.push_str(not);
                for c in class.chars() {
                    if !c.is_ascii_alphanumeric() && c != '-' {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push(']');
            }
            '\\' => {
                let c = rest.chars().next()?;
                rest = &rest[c.len_utf8()..];
                out.push_str(&literal(c));
            }
            c => out.push_str(&literal(c)),
        }
    }
    out.push('$');
    Some(out)
}

/// A character as nothing but itself, byte by byte.
fn literal(c: char) -> String {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).bytes();
    bytes.map(|b| format!("\\x{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_gitignore() {
        for (pattern, yes, no) in [
            (
                "testdata",
                &["testdata/a.yaml", "x/testdata/y/z"][..],
                &["testdata2/a"][..],
            ),
            ("*.tmp", &["a.tmp", "x/b.tmp", "c.tmp/inside"], &["a.tmpl"]),
            ("/a/*.yaml", &["a/b.yaml"], &["a/b/c.yaml", "x/a/b.yaml"]),
            ("./a/b", &["a/b", "a/b/c", "./a/b"], &["b", "a/bc"]),
            ("a/**/c", &["a/c", "a/b/c", "a/x/y/c/z"], &["a/bc", "c"]),
            ("**/x", &["x", "a/x", "a/b/x/y"], &["ax"]),
            ("docs/**", &["docs/a", "docs/a/b"], &["doc/a"]),
            ("a?c", &["abc", "aüc"], &["a/c", "abbc"]),
            ("[a-c]x", &["bx"], &["dx", "-x"]),
            ("[!a]x", &["bx"], &["ax", "/x"]),
            ("a.c", &["a.c"], &["abc"]),
            (r"\*", &["*"], &["a"]),
        ] {
            let glob = Glob::new(pattern).unwrap();
            for path in yes {
                assert!(glob.matches(Path::new(path)), "{pattern} {path}");
            }
            for path in no {
                assert!(!glob.matches(Path::new(path)), "{pattern} {path}");
            }
        }
        for pattern in ["", "/", "[a", "[]", "a\\"] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
    }
}

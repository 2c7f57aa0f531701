//! Which values are encrypted (sops-format §3).

use std::collections::HashMap;

use regex::bytes::{Regex, RegexBuilder};

use crate::{
    limits,
    metadata::Rule,
    re2,
    tree::{Text, lossy},
};

/// A [`Rule`] made ready for one document: its regex compiled once, the
/// regex's verdict on each distinct key remembered.
pub(crate) struct Selection {
    matcher: Matcher,
    /// Whether the rule looks at comments rather than keys.
    by_comment: bool,
    /// What the rule says about a value that nothing matches.
    default: bool,
    verdicts: HashMap<Box<[u8]>, bool>,
    /// What may still be matched, see [`limits::RULE_WORK`].
    work: u64,
}

enum Matcher {
    Suffix(Vec<u8>),
    /// `^(data|stringData)$`, which nearly every Kubernetes file has: a regex
    /// engine takes longer to build than such a file to decrypt.
    Words(Vec<Box<[u8]>>),
    Regex(Compiled),
    /// An invalid regex: it never matches, as in sops.
    Never,
}

/// What is known about a mapping or list when its items are looked at.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scope {
    /// Whether a key of the path matches.
    key: bool,
    /// Whether a comment before an ancestor matches.
    outer_comment: bool,
    /// Whether a comment directly before the next item matches.
    comment: bool,
}

impl Selection {
    /// Makes a rule ready.
    pub(crate) fn new(rule: &Rule) -> Self {
        let suffix = |s: &String| Matcher::Suffix(s.as_bytes().to_vec());
        let regex = |r: &String| {
            words(r).map_or_else(
                || compile(r).map_or(Matcher::Never, Matcher::Regex),
                Matcher::Words,
            )
        };
        let (matcher, by_comment, default) = match rule {
            Rule::UnencryptedSuffix(s) => (suffix(s), false, true),
            Rule::EncryptedSuffix(s) => (suffix(s), false, false),
            Rule::UnencryptedRegex(r) => (regex(r), false, true),
            Rule::EncryptedRegex(r) => (regex(r), false, false),
            Rule::UnencryptedCommentRegex(r) => (regex(r), true, true),
            Rule::EncryptedCommentRegex(r) => (regex(r), true, false),
        };
        Selection {
            matcher,
            by_comment,
            default,
            verdicts: HashMap::new(),
            work: limits::RULE_WORK,
        }
    }

    /// The scope inside the mapping or list that stands under `key`; `None`
    /// for a list in a list.
    pub(crate) fn enter(&mut self, scope: Scope, key: Option<&Text>) -> Scope {
        Scope {
            key: scope.key || key.is_some_and(|k| self.key_matches(k)),
            outer_comment: scope.outer_comment || scope.comment,
            comment: false,
        }
    }

    /// Whether a value is encrypted. `scope` is that of its mapping or list,
    /// `key` its key (`None` in a list).
    pub(crate) fn selects(&mut self, scope: Scope, key: Option<&Text>) -> bool {
        let inside = self.enter(scope, key);
        let hit = if self.by_comment {
            inside.outer_comment
        } else {
            inside.key
        };
        hit != self.default
    }

    /// Whether a comment is encrypted; then takes it into account for what
    /// follows.
    pub(crate) fn selects_comment(&mut self, scope: &mut Scope, text: &Text) -> bool {
        if !self.by_comment {
            return scope.key != self.default;
        }
        let before = scope.outer_comment || scope.comment;
        let this = self.matches(text.as_bytes());
        scope.comment |= this;
        // A marker that switches encryption on stays readable itself.
        if self.default {
            !(before || this)
        } else {
            before
        }
    }

    fn key_matches(&mut self, key: &Text) -> bool {
        if self.by_comment {
            return false;
        }
        if !matches!(self.matcher, Matcher::Regex(_)) {
            return self.matches(key.as_bytes());
        }
        if let Some(verdict) = self.verdicts.get(key.as_bytes()) {
            return *verdict;
        }
        let verdict = self.matches(key.as_bytes());
        self.verdicts.insert(key.as_bytes().into(), verdict);
        verdict
    }

    /// Whether the rule could not be matched any more: then what was selected
    /// since means nothing.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.work == 0
    }

    fn matches(&mut self, text: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Suffix(suffix) => text.ends_with(suffix),
            Matcher::Words(words) => words.iter().any(|word| **word == *text),
            Matcher::Regex(regex) => {
                let cost = (text.len() as u64).saturating_mul(regex.size as u64);
                self.work = self.work.saturating_sub(cost);
                self.work > 0 && regex.is_match(lossy(text).as_bytes())
            }
            Matcher::Never => false,
        }
    }
}

impl Scope {
    /// After a value: the comments before it no longer count.
    pub(crate) fn after_value(&mut self) {
        self.comment = false;
    }
}

/// The words that a regex stands for, if it is `^word$`, `^(word|word)$` or
/// `^(?:word|word)$` with words of ASCII letters, digits, `_` and `-`.
fn words(pattern: &str) -> Option<Vec<Box<[u8]>>> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let words = match inner.strip_prefix('(') {
        Some(rest) => {
            let rest = rest.strip_suffix(')')?;
            rest.strip_prefix("?:").unwrap_or(rest)
        }
        None if inner.contains('|') => return None,
        None => inner,
    };
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    words
        .split('|')
        .map(|word| word.bytes().all(is_plain).then(|| word.as_bytes().into()))
        .collect()
}

/// A compiled regex, and about how many bytes it takes: each byte of a text
/// may cost a look at all of it.
pub(crate) struct Compiled {
    regex: Regex,
    size: usize,
}

impl Compiled {
    /// Whether it matches anywhere in a text.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }
}

/// Compiles a regex in Go's syntax; `None` where it is invalid or beyond
/// [`limits`].
pub(crate) fn compile(pattern: &str) -> Option<Compiled> {
    /// Sizes that are told apart: what a rule has that a person wrote, and
    /// three more on the way to [`limits::REGEX_SIZE`].
    const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, limits::REGEX_SIZE];
    if pattern.len() > limits::REGEX_TEXT {
        return None;
    }
    let pattern = re2::translate(pattern)?;
    SIZES.into_iter().find_map(|size| {
        let regex = RegexBuilder::new(&pattern).size_limit(size).build().ok()?;
        Some(Compiled { regex, size })
    })
}

#[cfg(test)]
mod tests;

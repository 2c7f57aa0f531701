//! Why a document is not what was asked for.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::Node;

/// A text that is not YAML, or a document that is not what the type asks for.
///
/// The message is a lower-case fragment that names the line and the path of
/// keys and never quotes a value: it may be a secret.
///
/// ```
/// use go_yaml::{Limits, de};
///
/// let text = "ports:\n- 80\n- https\n";
/// let error = de::from_str::<std::collections::HashMap<String, Vec<u16>>>(text, &Limits::default())
///     .unwrap_err();
/// assert_eq!(error.line(), Some(3));
/// assert_eq!(error.path(), "ports[1]");
/// assert_eq!(error.message(), "expected an integer, found text");
/// assert_eq!(error.to_string(), "line 3: ports[1]: expected an integer, found text");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    line: Option<u32>,
    path: String,
    message: String,
    is_limit: bool,
}

/// Bytes of a key that a path shows.
const KEY_SHOWN: usize = 64;

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Error {
            line: None,
            path: String::new(),
            message: message.into(),
            is_limit: false,
        }
    }

    pub(super) fn limit(message: &str) -> Self {
        Error {
            is_limit: true,
            ..Error::new(message)
        }
    }

    /// The line, unless a node inside has said where.
    pub(super) fn at(mut self, node: &Node<'_>) -> Self {
        if node.mark.line > 0 {
            self.line.get_or_insert(node.mark.line);
        }
        self
    }

    pub(super) fn inside_key(self, key: &str) -> Self {
        let shown: String = key
            .char_indices()
            .take_while(|(at, _)| *at < KEY_SHOWN)
            .flat_map(|(_, c)| c.escape_debug())
            .collect();
        let more = if key.len() > KEY_SHOWN { "…" } else { "" };
        self.inside(format!("{shown}{more}"))
    }

    pub(super) fn inside_item(self, index: usize) -> Self {
        self.inside(format!("[{index}]"))
    }

    fn inside(mut self, outer: String) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{outer}{dot}{}", self.path);
        self
    }

    /// The line that the error is about, counted from 1, where it is about
    /// one.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// Where it is in the document, as `creation_rules[1].age`; empty for the
    /// document itself and for a text that is not YAML.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there: a lower-case fragment.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether a bound on hostile input was hit.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        self.is_limit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        Error {
            line: Some(error.line),
            path: String::new(),
            message: error.message,
            is_limit: error.is_limit,
        }
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::new(format!("expected {expected}, found {}", kind_of(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::new(format!(
            "expected {expected}, found {} that is not",
            kind_of(found)
        ))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Error::new(format!("expected {}", one_of(expected)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Error::new(format!("a key is unknown: expected {}", one_of(expected)))
    }
}

/// What serde found, in words without its value: for the errors of any
/// [`Deserializer`](serde::Deserializer) whose data is secret.
///
/// ```
/// use go_yaml::de::kind_of;
/// use serde::de::Unexpected;
/// assert_eq!(kind_of(Unexpected::Str("hunter2")), "text");
/// ```
#[must_use]
pub fn kind_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a mapping",
        _ => "something else",
    }
}

/// What may stand in a place, for the same errors.
///
/// ```
/// assert_eq!(go_yaml::de::one_of(&["a", "b", "c"]), "`a`, `b` or `c`");
/// ```
#[must_use]
pub fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => format!("`{word}`"),
        [words @ .., last] => format!("`{}` or `{last}`", words.join("`, `")),
    }
}

//! Why data does not fit a type, without a word of the data.

use std::fmt;

use go_yaml::de::{kind_of, one_of};
use serde::de::{Expected, Unexpected};

use crate::{
    Error, ErrorKind,
    query::{Step, shown},
    tree::Text,
};

/// What is wrong, and the way to it, from the inside out.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    is_too_deep: bool,
    path: Vec<Step>,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            is_too_deep: false,
            path: Vec::new(),
        }
    }

    pub(super) fn too_deep() -> Self {
        Failure {
            is_too_deep: true,
            ..Failure::new("")
        }
    }

    pub(super) fn inside_key(mut self, key: &Text) -> Self {
        self.path.push(Step::Key(key.clone()));
        self
    }

    pub(super) fn inside_item(mut self, at: usize) -> Self {
        self.path.push(Step::Index(at));
        self
    }

    /// What a caller is told, who asked for what stands at this path.
    pub(super) fn into_error(self, at: &[Step]) -> Error {
        if self.is_too_deep {
            return Error::too_deep();
        }
        let path: Vec<Step> = at
            .iter()
            .cloned()
            .chain(self.path.into_iter().rev())
            .collect();
        let error = Error::new(ErrorKind::Deserialize, self.message)
            .advise("make the file and the type that reads it agree");
        if path.is_empty() {
            error
        } else {
            error.at_key(shown(&path))
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    /// What a type has to say about a value may quote it.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Failure::new("the type does not take this value")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Failure::new(format!("expected {expected}, found {}", kind(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = kind(found);
        Failure::new(format!("expected {expected}, found {found} that is not"))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Failure::new(format!("expected {expected}, found {length}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Failure::new(format!("expected {}", one_of(expected)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        let expected = one_of(expected);
        Failure::new(format!("the key is unknown: expected {expected}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Failure::new(format!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Failure::new(format!("the key `{field}` stands there twice"))
    }
}

/// What serde found, without its value.
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bytes(_) => "text that is not UTF-8",
        found => kind_of(found),
    }
}

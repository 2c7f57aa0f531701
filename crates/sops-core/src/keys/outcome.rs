//! What came of a wrapped key, for a report.

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer};

use super::{KeyError, Reason};

/// What came of trying to open one entry of a key group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was opened.
    Opened,
    /// Another key of the group was opened before.
    NotNeeded,
    /// No identity at hand is its recipient.
    NoMatch,
    /// It was changed or cut: no identity can open it.
    Damaged {
        /// What is wrong.
        damage: Damage,
    },
    /// A kind of key that no service of the keyring opens.
    Unsupported,
    /// A service could not open it.
    Failed {
        /// Why.
        #[serde(flatten)]
        why: KeyError,
    },
}

/// What is wrong with a wrapped key: a name for programs, and words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    name: Cow<'static, str>,
    text: String,
}

impl Damage {
    /// Its name, in lower case with hyphens: `header-mac`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Damage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl From<&KeyError> for Outcome {
    fn from(why: &KeyError) -> Self {
        match (why.reason(), why.name()) {
            (Reason::NotOurs, _) if why.detail().is_empty() => Outcome::NoMatch,
            (Reason::Damaged, Some(name)) => Outcome::Damaged {
                damage: Damage {
                    name: name.to_owned().into(),
                    text: why.detail().into(),
                },
            },
            _ => Outcome::Failed { why: why.clone() },
        }
    }
}

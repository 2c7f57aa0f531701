//! Why a key could not be opened or wrapped, as data.

use std::{borrow::Cow, fmt};

use serde::{Serialize, ser::SerializeMap};

use crate::shown::clean;

/// Why a key could not be opened or wrapped, for callers that act on it.
///
/// Ordered by how much it says: of several failures for one key, a report
/// shows the greatest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// No key at hand is the one that it was wrapped for.
    NotOurs,
    /// The kind, or what it was made with, is not supported.
    Unsupported,
    /// There are no credentials to ask with.
    NoCredentials,
    /// Whoever would have to be asked does not answer, or not now.
    Unavailable,
    /// A policy of the caller's forbids the attempt: a server that is not on
    /// the list, a program that must not be run.
    Refused,
    /// There is no such key.
    NotFound,
    /// The credentials do not allow it.
    Denied,
    /// The recipient is not valid, so nothing can be wrapped for it.
    Invalid,
    /// The wrapped key was changed or cut: nobody can open it. Say so only
    /// where that is certain: no other service is asked after that.
    Damaged,
}

impl Reason {
    /// The name in lower case, with hyphens: `no-credentials`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::NotOurs => "not-ours",
            Reason::Unsupported => "unsupported",
            Reason::NoCredentials => "no-credentials",
            Reason::Unavailable => "unavailable",
            Reason::Refused => "refused",
            Reason::NotFound => "not-found",
            Reason::Denied => "denied",
            Reason::Invalid => "invalid",
            Reason::Damaged => "damaged",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Reason::NotOurs => "no matching identity",
            Reason::Unsupported => "not supported",
            Reason::NoCredentials => "no credentials",
            Reason::Unavailable => "unavailable",
            Reason::Refused => "refused",
            Reason::NotFound => "there is no such key",
            Reason::Denied => "denied",
            Reason::Invalid => "not a valid recipient",
            Reason::Damaged => "damaged",
        }
    }
}

/// Why a key could not be opened or wrapped.
///
/// It may be shown, logged and kept: it holds no secret, no part of the
/// wrapped key, and nothing of what a server answered but a status, an error
/// code and a request's number. What is given to it is made fit to be shown.
///
/// ```
/// use sops_core::keys::{KeyError, Reason};
///
/// let error = KeyError::new(Reason::Unavailable, "the server answered 503")
///     .may_help_to_retry()
///     .advise("try again later");
/// assert!(error.is_transient());
/// assert_eq!(error.to_string(), "unavailable: the server answered 503");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyError {
    reason: Reason,
    name: Option<Cow<'static, str>>,
    detail: String,
    transient: bool,
    needs: Option<String>,
    advice: Option<String>,
}

impl KeyError {
    /// A failure for this reason. `detail` is a lower-case fragment, or empty.
    pub fn new(reason: Reason, detail: impl AsRef<str>) -> Self {
        KeyError {
            reason,
            name: None,
            detail: clean(detail.as_ref()),
            transient: false,
            needs: None,
            advice: None,
        }
    }

    /// No key at hand is the one that it was wrapped for.
    #[must_use]
    pub fn not_ours() -> Self {
        Self::new(Reason::NotOurs, "")
    }

    /// Gives the detail a name, for programs: in lower case, with hyphens.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same attempt may succeed later.
    #[must_use]
    pub fn may_help_to_retry(mut self) -> Self {
        self.transient = true;
        self
    }

    /// What it would take: `the age plugin yubikey`.
    #[must_use]
    pub fn needing(mut self, what: impl AsRef<str>) -> Self {
        self.needs = Some(clean(what.as_ref()));
        self
    }

    /// What a person can do, in one line.
    #[must_use]
    pub fn advise(mut self, advice: impl AsRef<str>) -> Self {
        self.advice = Some(clean(advice.as_ref()));
        self
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The name of the detail, if it has one: `header-mac`.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// More than the reason says: a lower-case fragment, or empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the same attempt may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// What it would take to open the key.
    #[must_use]
    pub fn needs(&self) -> Option<&str> {
        self.needs.as_deref()
    }

    /// What a person can do.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.text())?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for KeyError {}

/// The fields of a report's entry: `reason`, `detail`, `transient`.
impl Serialize for KeyError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("reason", self.reason.name())?;
        if let Some(name) = &self.name {
            map.serialize_entry("name", name)?;
        }
        if !self.detail.is_empty() {
            map.serialize_entry("detail", &self.detail)?;
        }
        map.serialize_entry("transient", &self.transient)?;
        map.end()
    }
}

//! The joint: whatever opens and wraps data keys is a [`KeyService`].

use std::{any::Any, borrow::Cow, fmt};

use serde::{Serialize, ser::SerializeMap};
use zeroize::Zeroizing;

use super::{KeyKind, Place, Recipient, Report, WrappedKey};
use crate::shown::clean;

/// What a key service opens and wraps: a data key, or a share of one. Wiped
/// when dropped; never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// A buffer that grew has left copies behind: give one that did not.
impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Secret(Zeroizing::new(bytes))
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Secret(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What an attempt costs. Cheaper ones are made first, for all keys of a file,
/// and dearer ones only while the file is not open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Effort {
    /// Arithmetic with what is in memory or in files.
    AtHand,
    /// A program is run, or a process on this machine is asked.
    Command,
    /// A server is asked.
    Network,
    /// A person is asked.
    Person,
}

impl Effort {
    /// All of them, cheapest first.
    pub const ALL: [Effort; 4] = [
        Effort::AtHand,
        Effort::Command,
        Effort::Network,
        Effort::Person,
    ];
}

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

/// A line that says what a person can do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Advice {
    /// Something that was meant to work does not: mend it.
    Mend(String),
    /// Nothing is broken; something is missing.
    Supply(String),
}

impl Advice {
    /// The line.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Advice::Mend(text) | Advice::Supply(text) => text,
        }
    }
}

/// Opens and wraps data keys of one kind or several: with keys in memory, a
/// program, a server, a person. [`Keyring::add_service`](super::Keyring::add_service)
/// takes any number of them.
///
/// It is synchronous: a data key is opened once per file. Programs that await
/// do so between the steps of an [`Opening`](super::Opening) instead.
///
/// A file is written by somebody else. What it says (an address, a region, a
/// role, a profile) must not decide where a credential goes or which program
/// runs: a service is made with what it may reach, and answers
/// [`Reason::Refused`] to the rest.
///
/// ```
/// use sops_core::keys::*;
///
/// /// "Wraps" by reversing: for tests only.
/// struct Reversed;
///
/// impl KeyService for Reversed {
///     fn handles(&self, kind: KeyKind) -> bool {
///         kind == KeyKind::HuaweiKms
///     }
///     fn unwrap(&self, key: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
///         let bytes = key.enc().split(' ').rev().map(str::parse);
///         let bytes: Result<Vec<u8>, _> = bytes.collect();
///         Ok(bytes.map_err(|_| KeyError::new(Reason::Damaged, "not numbers"))?.into())
///     }
///     fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
///         let bytes: Vec<_> = secret.as_bytes().iter().rev().map(u8::to_string).collect();
///         Ok(WrappedKey::new(to.clone(), bytes.join(" ")))
///     }
/// }
///
/// let key = Reversed.wrap(&Recipient::huawei_kms("moon:1"), &Secret::from(vec![1, 2, 3]))?;
/// assert_eq!(key.enc(), "3 2 1");
/// assert_eq!(Reversed.unwrap(&key, Effort::AtHand)?.as_bytes(), [1, 2, 3]);
/// # Ok::<(), KeyError>(())
/// ```
pub trait KeyService: Any + Send + Sync {
    /// Whether it opens and wraps keys of this kind.
    fn handles(&self, kind: KeyKind) -> bool;

    /// The efforts at which an attempt on this key may succeed: each is one
    /// call of [`unwrap`](Self::unwrap). Cheap to say, and without any I/O.
    fn efforts(&self, key: &WrappedKey) -> &[Effort] {
        let _ = key;
        &[Effort::AtHand]
    }

    /// Whether the key names a recipient whose private half is at hand: such
    /// keys of a group are tried first. A hint, from labels that prove
    /// nothing.
    fn recognizes(&self, key: &WrappedKey) -> bool {
        let _ = key;
        false
    }

    /// Opens a wrapped key, with no more than this effort that was not made
    /// at a lower one.
    ///
    /// # Errors
    ///
    /// Says why not; [`Reason::NotOurs`] where no key at hand fits.
    fn unwrap(&self, key: &WrappedKey, effort: Effort) -> Result<Secret, KeyError>;

    /// Wraps a data key, or a share of one, for a recipient.
    ///
    /// # Errors
    ///
    /// Says why not; [`Reason::Invalid`] where the recipient is not one.
    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError>;

    /// The places where it looked for keys or credentials, with what was
    /// found there so far, in the order of the search.
    fn places(&self) -> Vec<Place> {
        Vec::new()
    }

    /// What a person can do where a file was not opened, as far as this
    /// service can tell. [`KeyError::advice`] serves where it is about one
    /// key.
    fn advice(&self, report: &Report) -> Option<Advice> {
        let _ = report;
        None
    }

    /// Forgets failures that were remembered (a command that failed, a wrong
    /// passphrase, a server that did not answer), so that the next attempt is
    /// made anew. For programs that run long.
    fn forget_failures(&self) {}
}

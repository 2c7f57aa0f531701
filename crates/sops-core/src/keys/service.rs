//! The joint: whatever opens and wraps data keys is a [`KeyService`].

use std::any::Any;

use super::{KeyError, KeyKind, Place, Recipient, Report, Secret, WrappedKey};

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
/// program, a server, a person. [`Keyring::add_service`](crate::Keyring::add_service)
/// takes any number of them.
///
/// It is synchronous: a data key is opened once per file. Programs that await
/// do so between the steps of an [`Opening`](crate::Opening) instead.
///
/// A file is written by somebody else. What it says (an address, a region, a
/// role, a profile) must not decide where a credential goes or which program
/// runs: a service is made with what it may reach, and answers
/// [`Reason::Refused`](super::Reason::Refused) to the rest.
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

    /// About how many operations with private keys an attempt takes at most
    /// that is [at hand](Effort::AtHand): a file may not cost any number of
    /// them ([`limits::OPERATIONS`](crate::limits::OPERATIONS)). Cheap to say.
    fn operations(&self, key: &WrappedKey) -> usize {
        let _ = key;
        1
    }

    /// Opens a wrapped key, with no more than this effort that was not made
    /// at a lower one.
    ///
    /// # Errors
    ///
    /// Says why not; [`Reason::NotOurs`](super::Reason::NotOurs) where no key at hand fits.
    fn unwrap(&self, key: &WrappedKey, effort: Effort) -> Result<Secret, KeyError>;

    /// Wraps a data key, or a share of one, for a recipient.
    ///
    /// # Errors
    ///
    /// Says why not; [`Reason::Invalid`](super::Reason::Invalid) where the recipient is not one.
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

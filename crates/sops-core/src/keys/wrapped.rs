//! A data key, or a share of one, wrapped for one recipient.

use std::fmt;

use super::{KeyKind, Recipient};
use crate::{Timestamp, shown::printable, tree::Mapping};

/// One entry of a key group: for whom the data key (or a share of it) was
/// wrapped, and what came of it (sops-format §2.1).
///
/// ```
/// use sops_core::keys::{Recipient, WrappedKey};
///
/// let key = WrappedKey::new(Recipient::pgp("FBC7…"), "-----BEGIN PGP MESSAGE-----\n…");
/// assert_eq!(key.kind().name(), "pgp");
/// assert_eq!(format!("{key:?}"), "WrappedKey(pgp FBC7…)");
/// ```
#[derive(Clone, PartialEq)]
pub struct WrappedKey {
    recipient: Recipient,
    enc: String,
    created_at: Option<Timestamp>,
    pub(crate) unknown: Mapping,
}

impl WrappedKey {
    /// What a service gave: the text for the field `enc`. `created_at` is
    /// still to be said: whoever writes the file knows the time.
    pub fn new(recipient: Recipient, enc: impl Into<String>) -> Self {
        WrappedKey {
            recipient,
            enc: enc.into(),
            created_at: None,
            unknown: Mapping::default(),
        }
    }

    /// The same, made at this time. Files say it of all kinds but age.
    #[must_use]
    pub fn with_created_at(mut self, time: Timestamp) -> Self {
        self.created_at = Some(time);
        self
    }

    /// The kind of key.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.recipient.kind()
    }

    /// Whom it was wrapped for. A label that proves nothing.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The wrapped key as the file holds it: an armored age file or PGP
    /// message, base64, Vault's own text.
    #[must_use]
    pub fn enc(&self) -> &str {
        &self.enc
    }

    /// When it was made, where the file says so. age entries do not.
    #[must_use]
    pub fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// Fields of the entry that no release of sops that we know has. They are
    /// written back.
    #[must_use]
    pub fn unknown_fields(&self) -> &Mapping {
        &self.unknown
    }
}

/// Leaves out the wrapped key.
impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recipient = printable(&self.recipient.to_string());
        write!(f, "WrappedKey({} {recipient})", self.kind())
    }
}

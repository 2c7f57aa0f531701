//! Keys: how a file's data key is opened and wrapped, whatever kind of key
//! does it.
//!
//! A [`Keyring`] holds [`KeyService`]s, each of which opens and wraps keys of
//! one [`KeyKind`] or several. It opens the data key of a file, or says in a
//! [`Report`] what was tried and why nothing did. [`crate::age`] is the
//! service that this crate has; others live in crates of their own.
//!
//! | what | where |
//! |---|---|
//! | for whom a data key is wrapped | [`Recipient`], [`KeyKind`] |
//! | what came of it, in the file | [`WrappedKey`] |
//! | who opens and wraps | [`KeyService`], with [`Effort`], [`KeyError`], [`Reason`] |
//! | a quorum of key groups, without I/O | [`Opening`] |
//! | why it did not open | [`Report`], [`Place`], [`Outcome`] |

mod flaw;
mod keyring;
mod kind;
mod opening;
mod place;
mod recipient;
mod report;
mod service;
pub mod shamir;
mod wrapped;

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use flaw::Flaw;
pub use keyring::Keyring;
pub use kind::{KeyKind, UnknownKind};
#[cfg(test)]
pub(crate) use opening::opens_mac;
pub use opening::{Damage, Opening, Outcome, Position};
pub use place::{Found, Location, PathHint, Place};
pub use recipient::{InvalidRecipient, Recipient};
pub use report::{GroupReport, RecipientReport, Report};
pub use service::{Advice, Effort, KeyError, KeyService, Reason, Secret};
pub use wrapped::WrappedKey;

use crate::{Error, ErrorKind, Result};

/// The key that encrypts the values of one file: 32 bytes as sops makes it;
/// 16 and 24 are accepted on reading (sops-format §4). Wiped when dropped.
#[derive(Clone)]
pub struct DataKey(pub(crate) Zeroizing<Vec<u8>>);

impl DataKey {
    /// A new key of 32 bytes from the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where the system has no randomness to give.
    pub fn generate() -> Result<Self> {
        let mut key = Zeroizing::new(vec![0; 32]);
        getrandom::getrandom(&mut key).map_err(|e| {
            Error::new(
                ErrorKind::Encrypt,
                "the operating system gave no randomness",
            )
            .because(e.to_string())
        })?;
        Ok(DataKey(key))
    }

    /// A key that was kept or opened elsewhere: 16, 24 or 32 bytes; `None` for
    /// any other number.
    ///
    /// ```
    /// use sops_core::keys::DataKey;
    /// assert!(DataKey::from_bytes(&[0; 32]).is_some());
    /// assert!(DataKey::from_bytes(&[0; 33]).is_none());
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 16 | 24 | 32).then(|| DataKey(Zeroizing::new(bytes.to_vec())))
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for DataKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for DataKey {}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Reads a list of kinds as `SOPS_DECRYPTION_ORDER` holds it: names with
/// commas between. As in sops, names that nobody knows are of no effect, and
/// the empty text gives an empty order; the caller's default is `age,pgp`.
///
/// ```
/// use sops_core::keys::{KeyKind, parse_order};
/// assert_eq!(parse_order("pgp,moon,age"), Ok(vec![KeyKind::Pgp, KeyKind::Age]));
/// assert_eq!(parse_order("age,age").unwrap_err().to_string(), "age is named twice");
/// ```
///
/// # Errors
///
/// [`RepeatedKind`] where a name stands twice.
pub fn parse_order(text: &str) -> std::result::Result<Vec<KeyKind>, RepeatedKind> {
    let mut order = Vec::new();
    for kind in text.split(',').filter_map(|name| name.parse().ok()) {
        if order.contains(&kind) {
            return Err(RepeatedKind(kind));
        }
        order.push(kind);
    }
    Ok(order)
}

/// A kind of key stands twice in an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is named twice")]
pub struct RepeatedKind(pub KeyKind);

#[cfg(test)]
mod tests;

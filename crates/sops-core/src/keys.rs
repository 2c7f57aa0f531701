//! Keys: how a file's data key is opened and wrapped, whatever kind of key
//! does it.
//!
//! A [`Keyring`](crate::Keyring) holds [`KeyService`]s, each of which opens and
//! wraps keys of one [`KeyKind`] or several. It opens the data key of a file,
//! or says in a [`Report`] what was tried and why nothing did. [`crate::age`]
//! is the service that this crate has; others live in crates of their own.
//!
//! | what | where |
//! |---|---|
//! | for whom a data key is wrapped | [`Recipient`], [`KeyKind`] |
//! | what came of it, in the file | [`WrappedKey`] |
//! | who opens and wraps | [`KeyService`], with [`Effort`], [`KeyError`], [`Reason`] |
//! | why it did not open | [`Report`], [`Place`], [`Outcome`] |

mod failure;
mod flaw;
mod kind;
mod outcome;
mod place;
mod prompt;
mod recipient;
mod report;
mod secret;
mod service;
pub mod shamir;
mod wrapped;

pub use failure::{KeyError, Reason};
pub use flaw::Flaw;
pub use kind::{KeyKind, UnknownKind};
pub use outcome::{Damage, Outcome};
pub use place::{Found, Location, PathHint, Place};
pub use prompt::Prompt;
pub use recipient::{InvalidRecipient, Recipient};
pub use report::{GroupReport, RecipientReport, Report};
pub use secret::{DataKey, Secret};
pub use service::{Advice, Effort, KeyService};
pub use wrapped::WrappedKey;

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
pub fn parse_order(text: &str) -> Result<Vec<KeyKind>, RepeatedKind> {
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

//! A key service of one's own for [`sops_core`]: a store that keeps data keys
//! and hands out tickets for them. For the example it lives in memory; a real
//! one would be a server, and that is how it is written: it is asked, it may
//! deny, it may not answer.
//!
//! A data key that is kept there opens files like any other of SOPS: it stands
//! in their metadata among Vault's keys (`hc_vault`), with the store's address
//! and the name of a drawer.
//!
//! There are two ways to use it:
//!
//! * [`ToyService`] is a [`KeyService`]: a [`Keyring`](sops_core::Keyring)
//!   asks it whenever a file names the store. Synchronous, and all that most
//!   programs need.
//! * [`asynchronous`] asks the store between the steps of an
//!   [`Opening`](sops_core::Opening), and awaits the answers.

pub mod asynchronous;
mod store;

use std::sync::Arc;

use sops_core::keys::{
    Effort, KeyError, KeyKind, KeyService, Reason, Recipient, Secret, WrappedKey,
};

pub use store::{Denied, Store};

/// Opens and wraps data keys with one [`Store`].
///
/// A file is written by somebody else: whatever address it names, this service
/// talks to the store that it was made with, and to no other.
pub struct ToyService {
    store: Arc<Store>,
    user: String,
}

impl ToyService {
    /// A service that asks this store in the name of this user.
    pub fn new(store: Arc<Store>, user: &str) -> Self {
        ToyService {
            store,
            user: user.into(),
        }
    }
}

impl KeyService for ToyService {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::Vault
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::Network]
    }

    fn unwrap(&self, key: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        let drawer = drawer(&self.store, key.recipient())?;
        let secret = self.store.take(&self.user, drawer, key.enc());
        secret.map(Secret::from).map_err(explain)
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let drawer = drawer(&self.store, to)?;
        let ticket = self.store.put(&self.user, drawer, secret.as_bytes());
        ticket
            .map(|ticket| WrappedKey::new(to.clone(), ticket))
            .map_err(explain)
    }
}

/// The drawer that a recipient names, if it is one of this store.
pub(crate) fn drawer<'r>(store: &Store, recipient: &'r Recipient) -> Result<&'r str, KeyError> {
    match recipient {
        Recipient::Vault {
            address, key_name, ..
        } if address == store.address() => Ok(key_name),
        Recipient::Vault { .. } => Err(KeyError::new(Reason::Refused, "another store")
            .advise(format!("use a key of {}", store.address()))),
        _ => Err(KeyError::not_ours()),
    }
}

pub(crate) fn explain(why: Denied) -> KeyError {
    match why {
        Denied::NoSuchDrawer => KeyError::new(Reason::NotFound, "no such drawer"),
        Denied::NotYours => KeyError::new(Reason::Denied, "the drawer is not yours")
            .advise("ask whoever owns the drawer"),
        Denied::NoSuchTicket => KeyError::new(Reason::Damaged, "no such ticket").named("ticket"),
        Denied::Closed => {
            KeyError::new(Reason::Unavailable, "the store is closed").may_help_to_retry()
        }
    }
}

//! The gpg program as a place of keys.

use std::sync::{Mutex, PoisonError};

use sops_core::keys::{Found, Location, Place, Secret};

use super::Attempt;
use crate::{
    gpg::{Gpg, Trouble},
    message::Message,
};

/// The gpg program, if it is there and may be run.
pub(crate) struct Program {
    location: Location,
    gpg: Result<Gpg, Found>,
    last: Mutex<Option<Found>>,
}

impl Program {
    /// A program, or why there is none.
    pub(crate) fn new(location: Location, gpg: Result<Gpg, Found>) -> Self {
        Program {
            location,
            gpg,
            last: Mutex::default(),
        }
    }

    /// Whether there is a program to run.
    pub(crate) fn may_run(&self) -> bool {
        self.gpg.is_ok()
    }

    fn note(&self, found: Found) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    fn failed(&self, trouble: &Trouble) {
        self.note(Found::Unusable {
            why: trouble.to_string(),
        });
    }

    /// Opens a message. gpg asks nobody where this program may ask nobody. A
    /// message that a passphrase opens, too, it does not get: it would ask
    /// whoever sits here for one, in a stranger's name.
    pub(crate) fn open(&self, attempt: &mut Attempt<'_>) -> Option<Secret> {
        if Message::is_for_passphrase(attempt.armored) {
            self.note(Found::Unusable {
                why: "not run for a message that takes a passphrase".into(),
            });
            return None;
        }
        let may_ask = attempt.callbacks.prompt.is_given();
        match self.gpg.as_ref().ok()?.decrypt(attempt.armored, may_ask) {
            Ok(data) => {
                self.note(Found::Usable {
                    what: "it opened the key".into(),
                });
                Some(data.into())
            }
            Err(trouble) => {
                self.failed(&trouble);
                None
            }
        }
    }

    /// Encrypts for a recipient; `None` where there is no program to run.
    pub(crate) fn encrypt(&self, recipient: &str, data: &[u8]) -> Option<Result<String, Trouble>> {
        let result = self.gpg.as_ref().ok()?.encrypt(recipient, data);
        if let Err(trouble) = &result {
            self.failed(trouble);
        }
        Some(result)
    }

    /// Forgets what came of running it.
    pub(crate) fn forget_failures(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The place, and what came of running it.
    pub(crate) fn place(&self) -> Place {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match (&self.gpg, &*last) {
            (Err(found), _) => found.clone(),
            (Ok(_), Some(found)) => found.clone(),
            (Ok(_), None) => Found::NotRun,
        };
        Place::new(self.location.clone(), found)
    }
}

//! One place where private keys are, each in its way: a file, GnuPG's home, an
//! agent, the gpg program.

pub(crate) mod agent;
pub(crate) mod file;
pub(crate) mod home;
pub(crate) mod passphrase;
pub(crate) mod program;

use sops_core::keys::Secret;
use zeroize::Zeroizing;

use crate::{
    callbacks::Callbacks,
    failure::{Failure, Failures},
    key::Fingerprint,
    message::{Message, SessionKey, WrappedSessionKey},
    private::{PrivateKey, Refusal},
    work::Work,
};

/// One attempt on one message.
pub(crate) struct Attempt<'a> {
    /// As the file holds it.
    pub(crate) armored: &'a str,
    /// Its packets, where they can be read.
    pub(crate) message: Option<&'a Message>,
    /// What may be done.
    pub(crate) callbacks: &'a Callbacks,
    /// Whether a person may be asked now.
    pub(crate) ask: bool,
    /// What strangers' messages may still cost.
    pub(crate) work: &'a Work,
    /// What went wrong so far.
    pub(crate) failures: Failures,
}

/// A passphrase that was given, or that nobody has.
pub(crate) type Passphrase = Option<Zeroizing<Vec<u8>>>;

impl<'a> Attempt<'a> {
    /// The session keys of the message.
    pub(crate) fn session_keys(&self) -> &'a [WrappedSessionKey] {
        self.message.map_or(&[], |message| &message.session_keys)
    }

    /// Tries a private key on a session key; `None` where it does not open the
    /// message, and then the failure is noted.
    pub(crate) fn try_key(
        &mut self,
        key: &PrivateKey,
        wrapped: &WrappedSessionKey,
        passphrase: Option<&[u8]>,
        name: impl FnOnce() -> String,
    ) -> Result<Option<Secret>, Refusal> {
        if !self.work.spend() {
            self.failures.add(Failure::TooMuchWork);
            return Ok(None);
        }
        match key.session_key(wrapped, passphrase) {
            Ok(session_key) => Ok(self.open(&session_key, wrapped)),
            // Of a key that was guessed it says nothing.
            Err(Refusal::Mismatch) if wrapped.is_anonymous() => Err(Refusal::Mismatch),
            Err(Refusal::Mismatch) => {
                self.failures.add(Failure::Mismatch { name: name() });
                Err(Refusal::Mismatch)
            }
            Err(refusal) => {
                self.failures.add(Failure::Key {
                    name: name(),
                    refusal: refusal.clone(),
                });
                Err(refusal)
            }
        }
    }

    /// Opens the message with a session key. Its cost is given back.
    pub(crate) fn open(&mut self, key: &SessionKey, wrapped: &WrappedSessionKey) -> Option<Secret> {
        match self.message?.open(key) {
            Ok(data) => {
                self.work.refund();
                Some(data.into())
            }
            // A key that was guessed may give a session key by chance.
            Err(_) if wrapped.is_anonymous() => None,
            Err(flaw) => {
                self.failures.add(Failure::Message(flaw));
                None
            }
        }
    }

    /// Asks for the passphrase of a key.
    pub(crate) fn prompt(&self, fingerprint: &Fingerprint, user: Option<&str>) -> Passphrase {
        let name = crate::failure::key_name(fingerprint, user);
        let given = self.callbacks.prompt.ask(&format!("the PGP key {name}"))?;
        Some(Zeroizing::new(given.as_bytes().to_vec()))
    }
}

//! Wrapping data keys, and why that cannot be.

use std::time::SystemTime;

use sops_core::{
    keys::{KeyError, Reason, Recipient, Secret, WrappedKey},
    shown::printable,
};

use super::{Pgp, Source};
use crate::{
    certificate::{EncryptionKey, Unfit, encryption_key},
    failure::{Reads, key_name},
    seal::seal,
    wanted::Wanted,
};

impl Pgp {
    /// Wraps a data key: for a public key of the rings, else by gpg.
    pub(super) fn encrypt(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let Recipient::Pgp { fingerprint, .. } = to else {
            return Err(KeyError::not_ours());
        };
        let shown = printable(fingerprint);
        let wanted = Wanted::parse(fingerprint).ok_or_else(|| {
            let text = format!("{shown:?} is not a fingerprint of 40 digits or a key id of 16");
            KeyError::new(Reason::Invalid, text)
                .named("not-a-fingerprint")
                .advise("give the fingerprint that `gpg --list-keys` shows")
        })?;
        let wrapped = |enc: String| WrappedKey::new(to.clone(), enc);
        let unfit = match self.public_key(&wanted, SystemTime::now()) {
            Ok(key) => match seal(&key, secret.as_bytes()) {
                Ok(enc) => return Ok(wrapped(enc)),
                Err(_) => Some((shown.clone(), Unfit::Broken)),
            },
            Err(why) => why,
        };
        let refused = matches!(
            unfit,
            Some((
                _,
                Unfit::Expired
                    | Unfit::Revoked
                    | Unfit::SubkeyExpired
                    | Unfit::SubkeyRevoked
                    | Unfit::NoEncryption
                    | Unfit::NotYet
            ))
        );
        let mut said = None;
        if !refused {
            let text: String = fingerprint.split_whitespace().collect();
            for source in &self.sources {
                let Source::Program(program) = source else {
                    continue;
                };
                match program.encrypt(&text, secret.as_bytes()) {
                    Some(Ok(enc)) => return Ok(wrapped(enc)),
                    Some(Err(trouble)) => said = Some(trouble),
                    None => {}
                }
            }
        }
        Err(match (unfit, said) {
            (Some((name, why)), _) => unfit_key(&name, &why),
            (None, Some(trouble)) => {
                let text = format!("no public key of {shown} was found, and of gpg: {trouble}");
                missing_key(&shown, text, self.reads)
            }
            (None, None) => {
                let text = format!("no public key of {shown} was found");
                missing_key(&shown, text, self.reads)
            }
        })
    }

    /// The key to encrypt for; else why the first that was found is none.
    ///
    /// Whose primary key it is, is meant: anybody may bind somebody else's key
    /// to a certificate of their own.
    fn public_key(
        &self,
        wanted: &Wanted,
        now: SystemTime,
    ) -> Result<EncryptionKey, Option<(String, Unfit)>> {
        for only_primary in [true, false] {
            let mut unfit = None;
            let fit = self.with_rings(|ring| {
                wanted.find(ring).find_map(|key| {
                    let primary = &key.members.first()?.fingerprint;
                    if only_primary && !wanted.names(primary) {
                        return None;
                    }
                    match encryption_key(ring, key, wanted, now) {
                        Ok(key) => Some(key),
                        Err(why) => {
                            let name = key_name(primary, key.user.as_deref());
                            unfit.get_or_insert((name, why));
                            None
                        }
                    }
                })
            });
            match (fit, unfit) {
                (Some(key), _) => return Ok(key),
                (None, unfit @ Some(_)) => return Err(unfit),
                (None, None) => {}
            }
        }
        Err(None)
    }
}

fn unfit_key(name: &str, why: &Unfit) -> KeyError {
    let (reason, short) = match why {
        Unfit::Broken => (Reason::Invalid, "broken"),
        Unfit::Unbound => (Reason::Invalid, "unbound"),
        Unfit::Revoked => (Reason::Invalid, "revoked"),
        Unfit::Expired => (Reason::Invalid, "expired"),
        Unfit::NotYet => (Reason::Invalid, "not-yet-valid"),
        Unfit::SubkeyRevoked => (Reason::Invalid, "subkey-revoked"),
        Unfit::SubkeyExpired => (Reason::Invalid, "subkey-expired"),
        Unfit::NoEncryption => (Reason::Invalid, "no-encryption"),
        Unfit::Unsupported(_) => (Reason::Unsupported, "key-kind"),
    };
    let error = KeyError::new(reason, format!("the PGP key {name}: {why}")).named(short);
    error.advise(match why {
        Unfit::Expired => {
            "have the owner extend it (gpg --quick-set-expire), import it anew, or leave it out"
        }
        Unfit::Revoked => "leave it out: its owner says that it must not be used",
        Unfit::SubkeyExpired => {
            "have the owner extend the subkey (gpg --quick-set-expire FINGERPRINT 1y '*') and \
             import it anew; if a newer one is there, name the primary key"
        }
        Unfit::SubkeyRevoked => {
            "have the owner add another subkey for encryption (gpg --quick-add-key) and import it \
             anew; if one is there, name the primary key"
        }
        Unfit::NoEncryption => "have the owner add a subkey for encryption (gpg --quick-add-key)",
        Unfit::NotYet => "set the clock of this machine",
        Unfit::Unsupported(_) => "let gpg do it, or use a key of RSA, Curve25519 or NIST",
        Unfit::Broken | Unfit::Unbound => "import the public key anew",
    })
}

fn missing_key(shown: &str, text: String, reads: Reads) -> KeyError {
    let error = KeyError::new(Reason::NotFound, text).named("no-public-key");
    error.advise(if reads == Reads::All {
        format!(
            "import the public key of {shown} (gpg --import), or name its file in \
             KSOPS_PGP_KEY_FILE"
        )
    } else {
        format!("give the public key of {shown}")
    })
}

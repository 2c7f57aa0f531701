//! Wrapping data keys, and why that cannot be.

use std::time::SystemTime;

use sops_core::{
    keys::{KeyError, Reason, Recipient, Secret, WrappedKey},
    shown::printable,
};

use super::{Pgp, Source};
use crate::{
    certificate::{Unfit, encryption_key},
    failure::key_name,
    ring::{Ring, RingKey},
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
        let now = SystemTime::now();
        // Whose primary key it is, is meant: anybody may bind somebody else's
        // key to a certificate of their own.
        let is_primary = |key: &RingKey| {
            let mut members = key.members.iter();
            members.next().is_some_and(|m| wanted.names(&m.fingerprint))
        };
        let find_primary = |ring: &Ring| wanted.find(ring).any(is_primary).then_some(());
        let as_primary = self.with_rings(find_primary).is_some();
        let is_meant = |key: &&RingKey| !as_primary || is_primary(key);
        // The first ring that has a key to encrypt for, else the first that
        // has the key.
        let mut unfit: Option<(String, Unfit)> = None;
        let sealed = self.with_rings(|ring| {
            wanted.find(ring).filter(is_meant).find_map(|key| {
                let key = encryption_key(ring, key, &wanted, now).ok()?;
                seal(&key, secret.as_bytes()).ok()
            })
        });
        if let Some(enc) = sealed {
            return Ok(wrapped(enc));
        }
        let known = self.with_rings(|ring| {
            let key = wanted.find(ring).find(is_meant)?;
            let why = encryption_key(ring, key, &wanted, now).err()?;
            let primary = key.members.first().map(|m| m.fingerprint.clone())?;
            Some((key_name(&primary, key.user.as_deref()), why))
        });
        unfit = known.or(unfit);
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
                missing_key(&shown, text, self.names_variables)
            }
            (None, None) => {
                let text = format!("no public key of {shown} was found");
                missing_key(&shown, text, self.names_variables)
            }
        })
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
            "have the owner extend the subkey (gpg --quick-set-expire FINGERPRINT 1y '*'), and \
             import it anew"
        }
        Unfit::SubkeyRevoked => {
            "have the owner add another subkey for encryption (gpg --quick-add-key), and import \
             it anew"
        }
        Unfit::NoEncryption => "have the owner add a subkey for encryption (gpg --quick-add-key)",
        Unfit::NotYet => "set the clock of this machine",
        Unfit::Unsupported(_) => "let gpg do it, or use a key of RSA, Curve25519 or NIST",
        Unfit::Broken | Unfit::Unbound => "import the public key anew",
    })
}

fn missing_key(shown: &str, text: String, names_variables: bool) -> KeyError {
    let error = KeyError::new(Reason::NotFound, text).named("no-public-key");
    error.advise(if names_variables {
        format!(
            "import the public key of {shown} (gpg --import), or name its file in \
             KSOPS_PGP_KEY_FILE"
        )
    } else {
        format!("give the public key of {shown}")
    })
}

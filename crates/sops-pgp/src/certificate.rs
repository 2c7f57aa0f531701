//! Public keys as they may be encrypted for: bound by signatures, not expired,
//! not revoked, and meant for encryption (RFC 9580 §5.2.3, §10.1).
//!
//! Who vouches for a key is not asked, as sops does not (`--trusted-key`):
//! whoever typed the fingerprint did.

mod parts;
mod signature;

use std::{fmt, time::SystemTime};

use pgp::{
    crypto::sym::SymmetricKeyAlgorithm as Cipher,
    packet::{PublicKey, PublicSubkey, Signature, SignatureType as Kind},
    ser::Serialize,
    types::{KeyDetails, Tag, VerifyingKey},
};

use crate::{
    flaw::algorithm_name,
    key::Fingerprint,
    ring::{Ring, RingKey},
    wanted::Wanted,
};
use parts::{Certificate, Subkey};
use signature::{created, flags, is_current, is_sound, seconds};

/// Why a key is not one to encrypt for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    /// Its packets cannot be read.
    Broken,
    /// No valid signature of its own binds it.
    Unbound,
    /// It was revoked.
    Revoked,
    /// It is no longer valid.
    Expired,
    /// Its time is yet to come, by the clock here.
    NotYet,
    /// Its key for encryption, which is a subkey, was revoked.
    SubkeyRevoked,
    /// Its key for encryption, which is a subkey, is no longer valid.
    SubkeyExpired,
    /// It has no key for encryption.
    NoEncryption,
    /// The key for encryption is of a kind that this crate cannot do.
    Unsupported(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::Broken => "its public key cannot be read",
            Unfit::Unbound => "no valid signature binds its public key",
            Unfit::Revoked => "it was revoked",
            Unfit::Expired => "it is expired",
            Unfit::NotYet => "it was made in the future, by the clock of this machine",
            Unfit::SubkeyRevoked => "its subkey for encryption was revoked",
            Unfit::SubkeyExpired => "its subkey for encryption is expired",
            Unfit::NoEncryption => "it has no key for encryption",
            Unfit::Unsupported(what) => return write!(f, "{what} is not supported"),
        })
    }
}

impl Unfit {
    fn of_subkey(self) -> Self {
        match self {
            Unfit::Revoked => Unfit::SubkeyRevoked,
            Unfit::Expired => Unfit::SubkeyExpired,
            why => why,
        }
    }
}

/// A key to encrypt for.
pub(crate) struct EncryptionKey {
    /// The key itself.
    pub(crate) half: PublicHalf,
    /// The cipher that its owner can decrypt.
    pub(crate) cipher: Cipher,
}

/// A primary key or a subkey.
pub(crate) enum PublicHalf {
    /// A primary key.
    Primary(PublicKey),
    /// A subkey.
    Subkey(PublicSubkey),
}

/// The key to encrypt for, of one that was found in a ring.
///
/// As in GnuPG: the newest subkey for encryption, else the primary key; only
/// with `!`, the very key that was named. Other than there, a subkey that is
/// named is taken itself: anybody may bind somebody else's subkey to a
/// certificate of their own, and a newer one beside it. One for signing cannot
/// be taken so: it answers with a signature of its own.
///
/// # Errors
///
/// Why there is none.
pub(crate) fn encryption_key(
    ring: &Ring,
    key: &RingKey,
    wanted: &Wanted,
    now: SystemTime,
) -> Result<EncryptionKey, Unfit> {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let certificate = Certificate::parse(ring.packets(key)).ok_or(Unfit::Broken)?;
    certificate.choose(wanted, now)
}

impl Certificate {
    fn choose(&self, wanted: &Wanted, now: u64) -> Result<EncryptionKey, Unfit> {
        let own = self.own_signatures(now)?;
        let cipher = cipher(&own);
        let primary = fingerprint_of(&self.primary);
        if !wanted.names(&primary)
            && let Some(subkey) = self.named(wanted)
        {
            match self.check(subkey, now) {
                Ok(key) => {
                    let half = PublicHalf::Subkey(key.clone());
                    return Ok(EncryptionKey { half, cipher });
                }
                Err(Unfit::NoEncryption) if self.answers(subkey, now) => {}
                Err(Unfit::NoEncryption) => return Err(Unfit::Unbound),
                Err(why) => return Err(why.of_subkey()),
            }
        }
        let mut unfit = Unfit::NoEncryption;
        let mut subkeys: Vec<&Subkey> = self
            .subkeys
            .iter()
            .filter(|subkey| wanted.allows(&subkey.fingerprint))
            .collect();
        subkeys.sort_by_key(|subkey| std::cmp::Reverse(subkey.created));
        for subkey in subkeys {
            match self.check(subkey, now) {
                Ok(key) => {
                    let half = PublicHalf::Subkey(key.clone());
                    return Ok(EncryptionKey { half, cipher });
                }
                // A subkey for signing says nothing about the others.
                Err(Unfit::NoEncryption) => {}
                // The newest key is what GnuPG takes: not an older one because
                // the newest cannot be done here.
                Err(why @ Unfit::Unsupported(_)) => return Err(why),
                Err(why) if unfit == Unfit::NoEncryption => {
                    unfit = why.of_subkey();
                }
                Err(_) => {}
            }
        }
        if wanted.allows(&primary) {
            match usable(
                &self.primary,
                own.iter().find_map(|s| flags(s)),
                primary_kind(&self.primary),
            ) {
                Ok(()) => {
                    return Ok(EncryptionKey {
                        half: PublicHalf::Primary(self.primary.clone()),
                        cipher,
                    });
                }
                Err(why @ Unfit::Unsupported(_)) => return Err(why),
                Err(_) => {}
            }
        }
        Err(unfit)
    }

    /// The valid signatures of the primary key on itself and on its user ids,
    /// newest first.
    fn own_signatures(&self, now: u64) -> Result<Vec<&Signature>, Unfit> {
        let key = &self.primary;
        let revoked = self.direct.iter().any(|s| {
            s.typ() == Some(Kind::KeyRevocation) && is_sound(s) && s.verify_key(key).is_ok()
        });
        if revoked {
            return Err(Unfit::Revoked);
        }
        let mut own: Vec<&Signature> = self
            .direct
            .iter()
            .filter(|s| s.typ() == Some(Kind::Key) && is_current(s, now))
            .filter(|s| s.verify_key(key).is_ok())
            .collect();
        for (user, signatures) in &self.users {
            let valid = |s: &Signature| {
                is_sound(s) && s.verify_certification(key, Tag::UserId, user).is_ok()
            };
            let mut newest: Vec<&Signature> = signatures.iter().collect();
            newest.sort_by_key(|s| std::cmp::Reverse(created(s)));
            for signature in newest {
                let revokes = signature.typ() == Some(Kind::CertRevocation);
                if !(revokes || is_current(signature, now)) || !valid(signature) {
                    continue;
                }
                if !revokes && signature.is_certification() {
                    own.push(signature);
                }
                break;
            }
        }
        own.sort_by_key(|s| std::cmp::Reverse(created(s)));
        if own.is_empty() {
            return Err(match self.curve {
                Some(curve) => Unfit::Unsupported(curve.into()),
                None => Unfit::Unbound,
            });
        }
        let expiry = own.iter().find_map(|s| s.key_expiration_time());
        check_time(key, expiry.map(seconds), now)?;
        Ok(own)
    }

    /// The subkey that is named without `!`.
    fn named(&self, wanted: &Wanted) -> Option<&Subkey> {
        let mut subkeys = self.subkeys.iter();
        subkeys.find(|subkey| !wanted.is_exact() && wanted.names(&subkey.fingerprint))
    }

    /// Whether a subkey for signing says itself that it belongs to this primary
    /// key (§5.2.1.9).
    fn answers(&self, subkey: &Subkey, now: u64) -> bool {
        let Some(key) = &subkey.key else {
            return false;
        };
        let bindings = subkey.signatures.iter();
        bindings
            .filter(|s| s.typ() == Some(Kind::SubkeyBinding) && is_current(s, now))
            .filter(|s| s.verify_subkey_binding(&self.primary, key).is_ok())
            .filter_map(|s| s.embedded_signature())
            .any(|s| is_sound(s) && s.verify_primary_key_binding(key, &self.primary).is_ok())
    }

    fn check<'s>(&self, subkey: &'s Subkey, now: u64) -> Result<&'s PublicSubkey, Unfit> {
        if !subkey.may_encrypt {
            return Err(Unfit::NoEncryption);
        }
        let unsupported = || Unfit::Unsupported(subkey.unsupported.clone().unwrap_or_default());
        let key = subkey.key.as_ref().ok_or_else(unsupported)?;
        check_time(key, None, now)?;
        let valid =
            |s: &&Signature| is_sound(s) && s.verify_subkey_binding(&self.primary, key).is_ok();
        let of_kind = |kind| {
            subkey
                .signatures
                .iter()
                .filter(move |s| s.typ() == Some(kind))
        };
        if of_kind(Kind::SubkeyRevocation).any(|s| valid(&s)) {
            return Err(Unfit::Revoked);
        }
        let binding = of_kind(Kind::SubkeyBinding)
            .filter(|s| is_current(s, now))
            .filter(valid)
            .max_by_key(|s| created(s))
            .ok_or(Unfit::Unbound)?;
        check_time(key, binding.key_expiration_time().map(seconds), now)?;
        usable(key, flags(binding), subkey.unsupported.clone())?;
        Ok(key)
    }
}

/// Whether the time of a key has come and is not over.
fn check_time(key: &impl KeyDetails, lasts: Option<u64>, now: u64) -> Result<(), Unfit> {
    let made = u64::from(key.created_at().as_secs());
    match lasts {
        _ if made > now => Err(Unfit::NotYet),
        Some(lasts) if lasts > 0 && made + lasts <= now => Err(Unfit::Expired),
        _ => Ok(()),
    }
}

fn usable<K: VerifyingKey + Serialize>(
    key: &K,
    allowed: Option<bool>,
    unsupported: Option<String>,
) -> Result<(), Unfit> {
    match (allowed, unsupported) {
        (Some(false), _) => Err(Unfit::NoEncryption),
        _ if !may_encrypt(key) => Err(Unfit::NoEncryption),
        (_, Some(what)) => Err(Unfit::Unsupported(what)),
        _ => Ok(()),
    }
}

fn may_encrypt(key: &impl KeyDetails) -> bool {
    matches!(u8::from(key.algorithm()), 1 | 2 | 16 | 18 | 25 | 26)
}

/// Why a primary key cannot be encrypted for by its kind.
fn primary_kind(key: &PublicKey) -> Option<String> {
    match u8::from(key.algorithm()) {
        1 | 2 => None,
        other => Some(algorithm_name(other)),
    }
}

fn fingerprint_of(key: &PublicKey) -> Fingerprint {
    Fingerprint::new(key.fingerprint().as_bytes())
}

/// The best cipher that the owner of a key can decrypt: AES-256 unless the
/// key's preferences leave it out.
fn cipher(own: &[&Signature]) -> Cipher {
    let preferred = own.iter().map(|s| s.preferred_symmetric_algs());
    match preferred.into_iter().find(|list| !list.is_empty()) {
        None => Cipher::AES256,
        Some(list) => [Cipher::AES256, Cipher::AES192]
            .into_iter()
            .find(|cipher| list.contains(cipher))
            .unwrap_or(Cipher::AES128),
    }
}

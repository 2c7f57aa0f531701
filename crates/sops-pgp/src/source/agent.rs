//! gpg-agent as a place of keys.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use pgp::{
    crypto::{
        ecc_curve::{ECCCurve, ecc_curve_from_oid},
        ecdh,
        hash::HashAlgorithm,
        sym::SymmetricKeyAlgorithm,
    },
    types::PkeskBytes,
};
use sops_core::{
    keys::{Found, Location, Place, Secret},
    shown::printable,
};
use zeroize::Zeroizing;

use super::Attempt;
use crate::{
    agent::{Question, Trouble, ask, keygrips},
    failure::Failure,
    home::Home,
    key::{Fingerprint, KeyPacket, mpi, oid},
    keygrip::Keygrip,
    limits,
    message::{SessionKey, WrappedSessionKey},
};

/// The agent of a home.
pub(crate) struct AgentKeys {
    home: Arc<Home>,
    sockets: Vec<PathBuf>,
    /// What came of asking it last.
    last: Mutex<Option<Found>>,
}

impl AgentKeys {
    /// The agent of a home, which listens at one of these sockets.
    pub(crate) fn new(home: Arc<Home>, sockets: Vec<PathBuf>) -> Self {
        AgentKeys {
            home,
            sockets,
            last: Mutex::default(),
        }
    }

    fn socket(&self) -> Option<&PathBuf> {
        self.sockets.iter().find(|socket| socket.exists())
    }

    fn note(&self, found: Found) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    /// Opens a message.
    pub(crate) fn open(&self, attempt: &mut Attempt<'_>) -> Option<Secret> {
        let Some(socket) = self.socket().cloned() else {
            self.note(unusable(&Trouble::Missing));
            return None;
        };
        let rings = self.home.rings();
        let mut trouble = Trouble::NoKey;
        for wrapped in attempt.session_keys() {
            let candidates = rings.candidates(&wrapped.recipient);
            for candidate in &candidates {
                let (Some(key), Some(keygrip)) =
                    (candidate.ring.packet(candidate.member), candidate.keygrip)
                else {
                    continue;
                };
                if !attempt.work.spend() {
                    attempt.failures.add(Failure::TooMuchWork);
                    return None;
                }
                let fingerprint = &candidate.member.fingerprint;
                match decrypt(&socket, &keygrip, wrapped, Some((&key, fingerprint))) {
                    Ok(Some(key)) => {
                        if let Some(secret) = self.try_session_key(attempt, &key, wrapped) {
                            return Some(secret);
                        }
                        trouble = Trouble::Vain;
                    }
                    Ok(None) if wrapped.is_anonymous() => {}
                    Ok(None) => trouble = Trouble::Vain,
                    Err(why @ (Trouble::Missing | Trouble::Dead | Trouble::Protocol)) => {
                        self.note(unusable(&why));
                        return None;
                    }
                    Err(Trouble::NoKey) => {}
                    Err(why) => trouble = why,
                }
            }
            // Without public keys, each key of the agent may be the one. What
            // its number is good for, only RSA tells.
            if candidates.is_empty()
                && rings.keyboxd
                && matches!(wrapped.values, PkeskBytes::Rsa { .. })
            {
                let all = keygrips(&socket).unwrap_or_default();
                for keygrip in all.iter().take(limits::AGENT_KEYS) {
                    if !attempt.work.spend() {
                        attempt.failures.add(Failure::TooMuchWork);
                        break;
                    }
                    match decrypt(&socket, keygrip, wrapped, None) {
                        Ok(Some(key)) => {
                            if let Some(secret) = self.try_session_key(attempt, &key, wrapped) {
                                return Some(secret);
                            }
                        }
                        Ok(None) | Err(Trouble::NoKey) => {}
                        Err(why) => trouble = why,
                    }
                }
            }
        }
        self.note(unusable(&trouble));
        None
    }

    fn try_session_key(
        &self,
        attempt: &mut Attempt<'_>,
        key: &SessionKey,
        wrapped: &WrappedSessionKey,
    ) -> Option<Secret> {
        let secret = attempt.open(key, wrapped)?;
        self.note(Found::Usable {
            what: "it opened the key".into(),
        });
        Some(secret)
    }

    /// Forgets what came of asking.
    pub(crate) fn forget_failures(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The place, and what came of asking there.
    pub(crate) fn place(&self) -> Place {
        let socket = self.socket().or(self.sockets.last());
        let path = socket.map_or_else(String::new, |s| printable(&s.to_string_lossy()));
        let name = format!("gpg-agent ({path})");
        let found = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.clone().unwrap_or(Found::NotRun);
        Place::new(Location::Other { name }, found)
    }
}

fn unusable(trouble: &Trouble) -> Found {
    Found::Unusable {
        why: trouble.to_string(),
    }
}

/// The session key that an agent helps to decrypt; `None` where its answer
/// gives none.
fn decrypt(
    socket: &std::path::Path,
    keygrip: &Keygrip,
    wrapped: &WrappedSessionKey,
    key: Option<(&KeyPacket<'_>, &Fingerprint)>,
) -> Result<Option<SessionKey>, Trouble> {
    let bytes = match (&wrapped.values, key) {
        (PkeskBytes::Rsa { mpi }, _) => {
            let answer = ask(socket, keygrip, &Question::Rsa(mpi.as_ref()))?;
            unpad(&answer)
        }
        (
            PkeskBytes::Ecdh {
                public_point,
                encrypted_session_key,
            },
            Some((key, fingerprint)),
        ) => {
            let question = Question::Ecdh {
                point: public_point.as_ref(),
                wrapped: encrypted_session_key,
            };
            let point = ask(socket, keygrip, &question)?;
            derive(&point, encrypted_session_key, key, fingerprint)
        }
        _ => return Ok(None),
    };
    Ok(bytes.and_then(|bytes| {
        if wrapped.v6 {
            SessionKey::v6(&bytes)
        } else {
            SessionKey::v3(&bytes)
        }
    }))
}

/// What an RSA key gave: a padded block without the zeros in front, or, of
/// some smartcards, its contents alone (RFC 8017 §7.2.2).
fn unpad(block: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let zeros = block.iter().take_while(|byte| **byte == 0).count();
    let block = block.get(zeros..)?;
    let data = match block.split_first()? {
        (2, rest) if rest.len() > 64 => {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest.get(end + 1..)?
        }
        _ => block,
    };
    Some(Zeroizing::new(data.to_vec()))
}

/// The session key that a shared point unwraps (RFC 9580 §11.5).
fn derive(
    point: &[u8],
    wrapped: &[u8],
    key: &KeyPacket<'_>,
    fingerprint: &Fingerprint,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut numbers = key.numbers;
    let curve = ecc_curve_from_oid(oid(&mut numbers)?)?;
    mpi(&mut numbers)?;
    let [3, 1, hash, cipher] = numbers.get(..4)? else {
        return None;
    };
    let (hash, cipher) = (
        HashAlgorithm::from(*hash),
        SymmetricKeyAlgorithm::from(*cipher),
    );
    let size = match curve {
        ECCCurve::Curve25519Legacy | ECCCurve::P256 => 32,
        ECCCurve::P384 => 48,
        ECCCurve::P521 => 66,
        _ => return None,
    };
    let x = match point {
        x if x.len() == size => x,
        [0x40, x @ ..] if x.len() == size => x,
        [4, xy @ ..] if xy.len() == 2 * size => xy.get(..size)?,
        _ => return None,
    };
    let length = wrapped.len();
    let bytes = fingerprint.as_bytes();
    ecdh::derive_session_key(x, wrapped, length, curve, hash, cipher, bytes).ok()
}

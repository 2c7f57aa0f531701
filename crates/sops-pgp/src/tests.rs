//! Against GnuPG, with keys that it makes on the spot.

mod bounds;
mod claims;
mod conformance;
mod failures;
mod hostile;
mod opening;
mod places;
mod writing;

use std::{ffi::OsString, path::Path};

use sops_core::keys::{Effort, KeyError, KeyService, Recipient, Secret, WrappedKey};

use crate::{Callbacks, Pgp};

/// What stands for a data key: 32 bytes, some of which text would not survive.
const SECRET: &[u8] = b"\0\r\n thirty-two bytes of a key\n\xff";

/// An entry of a file.
fn key(fingerprint: &str, enc: &str) -> WrappedKey {
    WrappedKey::new(Recipient::pgp(fingerprint), enc)
}

/// Opens with this effort and all that are cheaper.
fn open(pgp: &Pgp, enc: &str, most: Effort) -> Result<Vec<u8>, KeyError> {
    let key = key("", enc);
    let mut failure = None;
    for effort in pgp.efforts(&key).iter().filter(|effort| **effort <= most) {
        match pgp.unwrap(&key, *effort) {
            Ok(secret) => return Ok(secret.as_bytes().to_vec()),
            Err(why) => failure = failure.max_by_reason(why),
        }
    }
    Err(failure.unwrap())
}

trait MaxByReason {
    fn max_by_reason(self, other: KeyError) -> Self;
}

impl MaxByReason for Option<KeyError> {
    fn max_by_reason(self, other: KeyError) -> Self {
        match self {
            Some(first) if first.reason() > other.reason() => Some(first),
            _ => Some(other),
        }
    }
}

/// Opens with what is at hand.
fn at_hand(pgp: &Pgp, enc: &str) -> Result<Vec<u8>, KeyError> {
    open(pgp, enc, Effort::AtHand)
}

/// The keys that lie in a home.
fn home(path: &Path) -> Pgp {
    let mut pgp = Pgp::default();
    pgp.add_home(path);
    pgp
}

/// The keys of an exported file.
fn file(bytes: &[u8]) -> Pgp {
    let mut pgp = Pgp::default();
    let _ = pgp.add_keys(bytes);
    pgp
}

/// An environment.
fn vars<'a>(pairs: &'a [(&'a str, &'a Path)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| {
        let pair = pairs.iter().find(|(n, _)| *n == name);
        pair.map(|(_, value)| value.as_os_str().into())
    }
}

/// All that GnuPG has, with this environment.
fn gnupg(callbacks: Callbacks, pairs: &[(&str, &Path)]) -> Pgp {
    let mut pgp = Pgp::new(callbacks);
    pgp.add_gnupg_vars(vars(pairs));
    pgp
}

fn secret() -> Secret {
    SECRET.to_vec().into()
}

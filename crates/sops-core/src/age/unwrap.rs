//! Opening one wrapped key with the identities at hand (age-identities §7).

use std::io::Read;

use age::{DecryptError, armor::ArmoredReader};
use zeroize::Zeroizing;

use super::identity::Identity;
use crate::{
    keys::{KeyError, Reason, Secret},
    limits,
};

/// One byte more than a share of a data key has.
const MAX_SECRET: usize = 34;

/// Opens one wrapped key: an armored age file.
pub(super) fn unwrap(
    armor: &str,
    identities: impl FnOnce() -> Vec<Identity>,
) -> Result<Secret, KeyError> {
    let file = dearmor(armor)?;
    let identities = identities();
    open_with(&file, &identities).or_else(|why| {
        if why.reason() == Reason::NotOurs {
            return Err(why);
        }
        // An identity that finds its stanza damaged keeps the age crate from
        // trying the next one.
        let mut each = identities.iter().map(std::slice::from_ref);
        each.find_map(|one| open_with(&file, one).ok()).ok_or(why)
    })
}

fn damaged(name: &'static str, text: &str) -> KeyError {
    KeyError::new(Reason::Damaged, text).named(name)
}

/// The age file in an armor, with white space around it or not.
pub(super) fn dearmor(armor: &str) -> Result<Vec<u8>, KeyError> {
    let broken = || damaged("armor", "the armor is broken");
    let armor = armor.trim();
    if armor.is_empty() {
        return Err(damaged("missing", "the wrapped key is missing"));
    }
    if armor.len() > limits::ARMOR_SIZE {
        return Err(damaged("too-large", "more than 64 KiB"));
    }
    // The age crate takes a file without armor for one with it.
    if !armor.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
        return Err(broken());
    }
    let mut file = Vec::with_capacity(armor.len());
    ArmoredReader::new(armor.as_bytes())
        .read_to_end(&mut file)
        .map_err(|_| broken())?;
    if file.windows(4).filter(|w| *w == b"\n-> ").count() > limits::STANZAS {
        return Err(damaged("too-many-stanzas", "more than 64 stanzas"));
    }
    Ok(file)
}

fn open_with(file: &[u8], identities: &[Identity]) -> Result<Secret, KeyError> {
    let header = || damaged("header", "its header is not that of an age file");
    let decryptor = age::Decryptor::new_buffered(file).map_err(|why| match why {
        DecryptError::UnknownFormat => damaged("version", "an unknown version of the age format"),
        _ => header(),
    })?;
    let payload = decryptor
        .decrypt(identities.iter().map(|i| i as _))
        .map_err(|why| match why {
            DecryptError::NoMatchingKeys => KeyError::not_ours(),
            DecryptError::InvalidMac => damaged("header-mac", "its header was changed"),
            DecryptError::InvalidHeader => header(),
            _ => damaged("stanza", "its stanza was changed"),
        })?;
    // A buffer that need not grow leaves no copies behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(MAX_SECRET));
    payload
        .take(MAX_SECRET as u64)
        .read_to_end(&mut secret)
        .map_err(|_| damaged("payload", "its payload was changed or cut"))?;
    Ok(secret.into())
}

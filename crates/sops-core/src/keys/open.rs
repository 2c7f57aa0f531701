//! Opening: one wrapped key with the identities at hand, and a quorum of key
//! groups (sops-format §5, age-identities §7).

use std::{io::Read, sync::PoisonError};

use age::{DecryptError, armor::ArmoredReader};
use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Cache, DataKey, Keyring, identity::Identity, shamir, source::Stage};
use crate::{
    cipher::Cipher,
    limits,
    metadata::{MasterKey, Metadata},
};

/// One byte more than a share of a data key has.
const MAX_SECRET: usize = 34;

type Secret = Zeroizing<Vec<u8>>;

/// What came of trying to open one entry of a key group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was opened.
    Opened,
    /// Another key of the group was opened before.
    NotNeeded,
    /// No identity at hand is its recipient.
    NoMatch,
    /// It was changed or cut: no identity can open it.
    Damaged {
        /// What is wrong.
        damage: Damage,
    },
    /// A kind of key that this crate cannot open.
    Unsupported,
}

/// What is wrong with a wrapped key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Damage {
    /// There is nothing.
    Missing,
    /// More than 64 KiB.
    TooLarge,
    /// More than 64 stanzas.
    TooManyStanzas,
    /// The armor: a broken line, or no armor at all.
    Armor,
    /// The header is not that of an age file.
    Header,
    /// An age format of a version that does not exist yet.
    Version,
    /// The header was changed after it was made.
    HeaderMac,
    /// The stanza of our identity cannot be opened.
    Stanza,
    /// The payload was changed or cut.
    Payload,
    /// It holds something that is not as long as a data key, or a share of
    /// one.
    Length,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Damage::Missing => "the wrapped key is missing",
            Damage::TooLarge => "more than 64 KiB",
            Damage::TooManyStanzas => "more than 64 stanzas",
            Damage::Armor => "the armor is broken",
            Damage::Header => "its header is not that of an age file",
            Damage::Version => "an unknown version of the age format",
            Damage::HeaderMac => "its header was changed",
            Damage::Stanza => "its stanza was changed",
            Damage::Payload => "its payload was changed or cut",
            Damage::Length => "what it holds is no data key",
        })
    }
}

/// What came of trying a file's key groups.
pub(super) struct Attempt<'m> {
    pub(super) groups: Vec<GroupAttempt<'m>>,
    /// How many groups must be opened.
    pub(super) needed: usize,
}

/// What came of trying one key group.
pub(super) struct GroupAttempt<'m> {
    pub(super) keys: &'m [MasterKey],
    /// For each key of the group.
    pub(super) outcomes: Vec<Outcome>,
    share: Option<Secret>,
}

impl GroupAttempt<'_> {
    pub(super) fn opened(&self) -> bool {
        self.share.is_some()
    }
}

impl<'m> Attempt<'m> {
    /// Tries every group with the identities at hand; then, while there are
    /// too few open, with those that a command prints; then with those that
    /// need a passphrase.
    pub(super) fn new(keyring: &Keyring, metadata: &'m Metadata) -> Self {
        let groups = metadata.key_groups.iter().map(|group| GroupAttempt {
            keys: &group.keys,
            outcomes: group.keys.iter().map(untried).collect(),
            share: None,
        });
        let mut attempt = Attempt {
            groups: groups.collect(),
            needed: match (metadata.key_groups.len(), metadata.shamir_threshold) {
                (0 | 1, _) => 1,
                (all, 0) => all,
                (_, threshold) => threshold.max(2),
            },
        };
        for stage in [Stage::Ready, Stage::Commands, Stage::Passphrases] {
            for i in 0..attempt.groups.len() {
                if stage != Stage::Ready && attempt.opened() >= attempt.needed {
                    break;
                }
                let shares = attempt.groups.len() > 1;
                if let Some(group) = attempt.groups.get_mut(i)
                    && !group.opened()
                {
                    group.attempt(keyring, stage, shares);
                }
            }
        }
        attempt
    }

    /// How many groups were opened.
    pub(super) fn opened(&self) -> usize {
        self.groups.iter().filter(|g| g.opened()).count()
    }

    /// The data key, where enough groups were opened.
    ///
    /// As in sops, all the shares that were obtained are combined. A wrong
    /// share beyond the threshold spoils that: where the key does not open
    /// the file's MAC, a quorum is searched for whose key does. Where there is
    /// none, the key is what all shares give, and the values will say that it
    /// is wrong.
    pub(super) fn data_key(&self, metadata: &Metadata) -> Option<DataKey> {
        let shares: Vec<&Secret> = self
            .groups
            .iter()
            .filter_map(|g| g.share.as_ref())
            .collect();
        if let [group] = self.groups.as_slice() {
            return group.share.clone().map(DataKey);
        }
        if shares.len() < self.needed {
            return None;
        }
        let accept = |key: &DataKey| opens_mac(key, metadata);
        let all = combine(&shares);
        if shares.len() == self.needed || all.as_ref().is_some_and(accept) {
            return all;
        }
        quorums(&shares, self.needed)
            .filter_map(|quorum| combine(&quorum))
            .find(accept)
            .or(all)
    }
}

/// Whether a key is the one that encrypted a file's MAC.
pub(super) fn opens_mac(key: &DataKey, metadata: &Metadata) -> bool {
    let time = metadata.last_modified.to_rfc3339_seconds();
    Cipher::new(key.as_bytes()).is_some_and(|cipher| {
        let mac = metadata.mac.as_bytes();
        cipher.open(mac, time.as_bytes(), None).is_ok()
    })
}

fn combine(shares: &[&Secret]) -> Option<DataKey> {
    let shares: Vec<&[u8]> = shares.iter().map(|share| share.as_slice()).collect();
    shamir::combine(&shares).ok().map(DataKey)
}

/// Every choice of so many of the first ten shares.
fn quorums<'s>(shares: &[&'s Secret], size: usize) -> impl Iterator<Item = Vec<&'s Secret>> {
    let shares: Vec<_> = shares
        .iter()
        .copied()
        .take(limits::SEARCHED_SHARES)
        .collect();
    (0u32..1 << shares.len())
        .filter(move |choice| choice.count_ones() as usize == size)
        .map(move |choice| {
            let chosen = shares
                .iter()
                .enumerate()
                .filter(|(i, _)| choice >> i & 1 == 1);
            chosen.map(|(_, share)| *share).collect()
        })
}

fn untried(key: &MasterKey) -> Outcome {
    match key {
        MasterKey::Age { .. } => Outcome::NotNeeded,
        MasterKey::Other { .. } => Outcome::Unsupported,
    }
}

impl GroupAttempt<'_> {
    fn attempt(&mut self, keyring: &Keyring, stage: Stage, is_share: bool) {
        // The recipient is a label that proves nothing, but it is mostly
        // right: keys that name one of our identities come first.
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        if order.len() > 1 {
            let ours = keyring.recipients();
            order.sort_by_key(|i| match self.keys.get(*i) {
                Some(MasterKey::Age { recipient, .. }) => !ours.iter().any(|r| names(recipient, r)),
                _ => true,
            });
        }
        for i in order {
            let (Some(MasterKey::Age { recipient, enc }), Some(outcome)) =
                (self.keys.get(i), self.outcomes.get_mut(i))
            else {
                continue;
            };
            if matches!(outcome, Outcome::Damaged { .. }) {
                continue;
            }
            let identities = || {
                let mut identities = keyring.identities(stage, recipient);
                if identities.len() > 1 {
                    identities.sort_by_key(|i| !names(recipient, i.recipient()));
                }
                identities
            };
            let opened = keyring.cache.open(enc, identities).and_then(|secret| {
                let key = secret.len().saturating_sub(usize::from(is_share));
                if matches!(key, 16 | 24 | 32) {
                    Ok(secret)
                } else {
                    Err(Outcome::Damaged {
                        damage: Damage::Length,
                    })
                }
            });
            match opened {
                Ok(share) => {
                    *outcome = Outcome::Opened;
                    self.share = Some(share);
                    return;
                }
                Err(why) => *outcome = why,
            }
        }
    }
}

/// Whether an entry's label names a recipient: labels of SSH keys may have a
/// comment at the end.
fn names(label: &str, recipient: &str) -> bool {
    label
        .strip_prefix(recipient)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

impl Cache {
    /// Opens a wrapped key; from memory, if it was opened before.
    fn open(
        &self,
        armor: &str,
        identities: impl FnOnce() -> Vec<Identity>,
    ) -> Result<Secret, Outcome> {
        let hash: [u8; 32] = Sha256::digest(armor).into();
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = lock().get(&hash) {
            return Ok(secret.clone());
        }
        let secret = unwrap(armor, &identities())?;
        let mut cache = lock();
        if cache.len() >= limits::REMEMBERED_KEYS {
            cache.clear();
        }
        cache.insert(hash, secret.clone());
        Ok(secret)
    }
}

/// Opens one wrapped key: an armored age file.
pub(super) fn unwrap(armor: &str, identities: &[Identity]) -> Result<Secret, Outcome> {
    let file = dearmor(armor).map_err(|damage| Outcome::Damaged { damage })?;
    open_with(&file, identities).or_else(|why| {
        if why == Outcome::NoMatch {
            return Err(why);
        }
        // An identity that finds its stanza damaged keeps the age crate from
        // trying the next one.
        let mut each = identities.iter().map(std::slice::from_ref);
        each.find_map(|one| open_with(&file, one).ok()).ok_or(why)
    })
}

/// The age file in an armor, with white space around it or not.
pub(super) fn dearmor(armor: &str) -> Result<Vec<u8>, Damage> {
    let armor = armor.trim();
    if armor.is_empty() {
        return Err(Damage::Missing);
    }
    if armor.len() > limits::ARMOR_SIZE {
        return Err(Damage::TooLarge);
    }
    // The age crate takes a file without armor for one with it.
    if !armor.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
        return Err(Damage::Armor);
    }
    let mut file = Vec::with_capacity(armor.len());
    ArmoredReader::new(armor.as_bytes())
        .read_to_end(&mut file)
        .map_err(|_| Damage::Armor)?;
    if file.windows(4).filter(|w| *w == b"\n-> ").count() > limits::STANZAS {
        return Err(Damage::TooManyStanzas);
    }
    Ok(file)
}

fn open_with(file: &[u8], identities: &[Identity]) -> Result<Secret, Outcome> {
    let damaged = |damage| Outcome::Damaged { damage };
    let decryptor = age::Decryptor::new_buffered(file).map_err(|why| {
        damaged(match why {
            DecryptError::UnknownFormat => Damage::Version,
            _ => Damage::Header,
        })
    })?;
    let payload = decryptor
        .decrypt(identities.iter().map(|i| i as _))
        .map_err(|why| match why {
            DecryptError::NoMatchingKeys => Outcome::NoMatch,
            DecryptError::InvalidMac => damaged(Damage::HeaderMac),
            DecryptError::InvalidHeader => damaged(Damage::Header),
            _ => damaged(Damage::Stanza),
        })?;
    // A buffer that need not grow leaves no copies behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(MAX_SECRET));
    payload
        .take(MAX_SECRET as u64)
        .read_to_end(&mut secret)
        .map_err(|_| damaged(Damage::Payload))?;
    Ok(secret)
}

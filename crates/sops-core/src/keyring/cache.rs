//! What a keyring remembers.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    keys::{Effort, KeyError, Secret, WrappedKey},
    limits,
};

/// Wrapped keys that were opened, by two keyed hashes of 64 bits: nobody outside
/// can foresee them, they cost a fraction of SHA-256, and a collision would give
/// a data key that no MAC agrees with. When there are too many, all are
/// forgotten.
#[derive(Default)]
pub(super) struct Cache {
    hashers: [RandomState; 2],
    opened: Mutex<HashMap<[u64; 2], Secret>>,
    /// Whoever asks a program, a server or a person for a key does so alone:
    /// others who want the same key wait for the answer.
    turns: Mutex<HashMap<[u64; 2], Arc<Mutex<()>>>>,
}

impl Cache {
    /// Opens a wrapped key; from memory, if it was opened before.
    pub(super) fn get_or(
        &self,
        key: &WrappedKey,
        effort: Effort,
        unwrap: impl FnOnce() -> Result<Secret, KeyError>,
    ) -> Result<Secret, KeyError> {
        let name = (key.enc(), key.recipient().to_string());
        let hash = self.hashers.each_ref().map(|hasher| hasher.hash_one(&name));
        let opened = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = || opened().get(&hash).cloned();
        if let Some(secret) = remembered() {
            return Ok(secret);
        }
        let turn = (effort > Effort::AtHand).then(|| {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= limits::REMEMBERED_KEYS {
                turns.clear();
            }
            Arc::clone(turns.entry(hash).or_default())
        });
        let _turn = turn
            .as_ref()
            .map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        if turn.is_some()
            && let Some(secret) = remembered()
        {
            return Ok(secret);
        }
        let secret = unwrap()?;
        let mut opened = opened();
        if opened.len() >= limits::REMEMBERED_KEYS {
            opened.clear();
        }
        opened.insert(hash, secret.clone());
        Ok(secret)
    }
}

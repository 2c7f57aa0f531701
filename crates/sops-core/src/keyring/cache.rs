//! What a keyring remembers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{
    keys::{Effort, KeyError, Secret, WrappedKey},
    limits,
};

/// Wrapped keys that were opened, by their hash. When there are too many, all
/// are forgotten.
#[derive(Default)]
pub(super) struct Cache {
    opened: Mutex<HashMap<[u8; 32], Secret>>,
    /// Whoever asks a program, a server or a person for a key does so alone:
    /// others who want the same key wait for the answer.
    turns: Mutex<HashMap<[u8; 32], Arc<Mutex<()>>>>,
}

impl Cache {
    /// Opens a wrapped key; from memory, if it was opened before.
    pub(super) fn get_or(
        &self,
        key: &WrappedKey,
        effort: Effort,
        unwrap: impl FnOnce() -> Result<Secret, KeyError>,
    ) -> Result<Secret, KeyError> {
        let mut hash = Sha256::new();
        hash.update(key.enc());
        hash.update([0]);
        hash.update(key.recipient().to_string());
        let hash: [u8; 32] = hash.finalize().into();
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

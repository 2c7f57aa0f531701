//! Private keys from a file, or given as bytes.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sops_core::{
    keys::{Found, Location, Place, Secret},
    shown::printable,
};

use super::{Attempt, passphrase::PassphraseFile};
use crate::{
    failure::{Failure, key_name},
    home::read_file,
    key::Fingerprint,
    limits,
    private::{PrivateKeys, Protection, Refusal},
    ring::Ring,
};

/// A file with keys, or bytes.
pub(crate) struct KeyFile {
    location: Location,
    /// What is wrong with the file, if anything is.
    trouble: Option<Found>,
    keys: PrivateKeys,
    /// The public halves.
    pub(crate) public: Ring,
    passphrase: Arc<PassphraseFile>,
    unlocking: Mutex<Unlocking>,
}

/// What came of unlocking keys. Whoever unlocks one does so alone: others wait
/// for what comes of it.
#[derive(Default)]
struct Unlocking {
    /// Keys whose passphrase was asked for.
    asked: HashSet<Fingerprint>,
    /// Keys that the passphrase file is wrong for.
    wrong: HashSet<Fingerprint>,
    /// Whether a key was needed that nothing unlocks.
    needed: bool,
}

impl KeyFile {
    /// Reads keys that are at hand as bytes.
    pub(crate) fn bytes(location: Location, bytes: &[u8], passphrase: Arc<PassphraseFile>) -> Self {
        let keys = PrivateKeys::read(bytes);
        KeyFile {
            trouble: trouble(&keys, bytes),
            keys,
            public: Ring::read(bytes),
            ..Self::nothing(location, passphrase)
        }
    }

    /// Reads a file now.
    pub(crate) fn read(
        variable: Option<&'static str>,
        path: &Path,
        passphrase: Arc<PassphraseFile>,
    ) -> Self {
        let location = Location::File {
            variable: variable.map(Into::into),
            path: printable(&path.to_string_lossy()),
        };
        match read_file(path, limits::KEY_FILE) {
            Ok(bytes) => Self::bytes(location, &bytes, passphrase),
            Err(error) => Self {
                trouble: Some(Found::from_io(&error, path)),
                ..Self::nothing(location, passphrase)
            },
        }
    }

    /// Reads a file of a folder now.
    pub(crate) fn of_folder(path: &Path, passphrase: Arc<PassphraseFile>) -> Self {
        let kind = path.metadata().map(|metadata| metadata.file_type());
        if kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) {
            let location = Location::File {
                variable: None,
                path: printable(&path.to_string_lossy()),
            };
            let why = "not a plain file".into();
            return Self::not_there(location, Found::Unusable { why });
        }
        Self::read(None, path, passphrase)
    }

    /// A place with nothing in it.
    pub(crate) fn not_there(location: Location, found: Found) -> Self {
        Self {
            trouble: Some(found),
            ..Self::nothing(location, Arc::default())
        }
    }

    fn nothing(location: Location, passphrase: Arc<PassphraseFile>) -> Self {
        KeyFile {
            location,
            trouble: None,
            keys: PrivateKeys::default(),
            public: Ring::default(),
            passphrase,
            unlocking: Mutex::default(),
        }
    }

    /// Whether a key of this file, or its primary key, is the one.
    pub(crate) fn has(&self, is: impl Fn(&Fingerprint) -> bool) -> bool {
        let mut keys = self.keys.keys.iter();
        keys.any(|key| is(&key.fingerprint) || is(&key.primary))
    }

    /// Whether some key takes a passphrase, for which a person may be asked.
    pub(crate) fn has_locked(&self) -> bool {
        let mut keys = self.keys.keys.iter();
        keys.any(|key| key.protection() == Protection::Passphrase)
    }

    /// Opens a message.
    pub(crate) fn open(&self, attempt: &mut Attempt<'_>) -> Option<Secret> {
        for wrapped in attempt.session_keys() {
            for key in &self.keys.keys {
                if !key.fingerprint.is(&wrapped.recipient) {
                    continue;
                }
                let name = || key_name(&key.fingerprint, key.user.as_deref());
                let mut unlocking = (!key.is_open()).then(|| self.unlocking());
                let passphrase = match &mut unlocking {
                    _ if key.is_open() => None,
                    Some(unlocking) if attempt.ask => {
                        if !unlocking.asked.insert(key.fingerprint.clone()) {
                            continue;
                        }
                        match attempt.prompt(&key.fingerprint, key.user.as_deref()) {
                            None => continue,
                            given => given,
                        }
                    }
                    Some(unlocking) if unlocking.wrong.contains(&key.fingerprint) => {
                        let refusal = Refusal::WrongPassphrase;
                        let name = name();
                        attempt.failures.add(Failure::Key { name, refusal });
                        continue;
                    }
                    _ => self.passphrase.get(),
                };
                if let Some(unlocking) = &mut unlocking
                    && passphrase.is_none()
                {
                    unlocking.needed = true;
                    if self.passphrase.is_set() {
                        attempt
                            .failures
                            .add(Failure::PassphraseFile { name: name() });
                        continue;
                    }
                }
                let passphrase = passphrase.as_ref().map(|p| p.as_slice());
                match attempt.try_key(key, wrapped, passphrase, name) {
                    Ok(None) => {}
                    Ok(opened) => return opened,
                    Err(Refusal::WrongPassphrase) => {
                        if let Some(unlocking) = &mut unlocking {
                            unlocking.wrong.insert(key.fingerprint.clone());
                        }
                    }
                    Err(_) => {}
                }
            }
        }
        None
    }

    fn unlocking(&self) -> MutexGuard<'_, Unlocking> {
        self.unlocking
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets which passphrases were asked for, and which were wrong.
    pub(crate) fn forget_failures(&self) {
        *self.unlocking() = Unlocking::default();
        self.passphrase.forget();
    }

    /// The place, and what is there.
    pub(crate) fn place(&self) -> Place {
        Place::new(self.location.clone(), self.found())
    }

    /// What is there.
    pub(crate) fn found(&self) -> Found {
        if let Some(found) = &self.trouble {
            return found.clone();
        }
        let mut primaries: Vec<String> = Vec::new();
        for key in &self.keys.keys {
            let primary = key.primary.to_string();
            if !primaries.contains(&primary) {
                primaries.push(primary);
            }
        }
        let locked = self.keys.keys.iter().all(|key| !key.is_open());
        if !locked {
            return Found::identities(primaries);
        }
        let unlocking = self.unlocking();
        match (unlocking.wrong.is_empty(), unlocking.needed) {
            (false, _) => Found::WrongPassphrase,
            (true, true) => Found::NeedsPassphrase,
            (true, false) if self.passphrase.is_set() => Found::identities(primaries),
            (true, false) => Found::Locked,
        }
    }
}

/// What is wrong with a file that was read.
fn trouble(keys: &PrivateKeys, bytes: &[u8]) -> Option<Found> {
    if !keys.keys.is_empty() {
        return None;
    }
    let why = match (keys.broken, keys.public) {
        _ if bytes.trim_ascii().is_empty() => return Some(Found::Empty),
        (1.., _) => "not an OpenPGP key: the text is damaged, or of another kind",
        (0, 1..) => "public keys only, where the private one belongs (gpg --export-secret-keys)",
        (0, 0) => "no private key for decryption in it",
    };
    Some(Found::Unusable { why: why.into() })
}

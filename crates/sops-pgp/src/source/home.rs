//! GnuPG's home, without GnuPG.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use sops_core::{
    keys::{Found, Location, Place, Secret},
    shown::printable,
};

use super::{Attempt, passphrase::PassphraseFile};
use crate::{
    failure::{Failure, key_name},
    home::{Candidate, Home, Refusal as HomeRefusal},
    key::Recipient,
    keygrip::Keygrip,
    message::WrappedSessionKey,
    private::{PrivateKey, Refusal},
};

/// The private keys that lie in a home.
pub(crate) struct HomeKeys {
    home: Arc<Home>,
    passphrase: Arc<PassphraseFile>,
    state: Mutex<State>,
    /// Whoever asks a person does so alone: others wait for what comes of it.
    asking: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Keys that were read, by their keygrip.
    keys: HashMap<Keygrip, Arc<PrivateKey>>,
    /// Keys whose passphrase was asked for in vain.
    asked: HashSet<Keygrip>,
    /// Keys that the passphrase file is wrong for.
    wrong: HashSet<Keygrip>,
    /// What was found: the worst of it is shown.
    tried: bool,
    locked: Vec<String>,
    opened: Vec<String>,
    /// Keys that a message names and that did not open it.
    vain: Vec<String>,
    /// The kind of a key that this crate cannot do.
    unsupported: Option<String>,
    unreadable: Option<Found>,
}

impl HomeKeys {
    /// The keys of a home, and what unlocks them without asking.
    pub(crate) fn new(home: Arc<Home>, passphrase: Arc<PassphraseFile>) -> Self {
        HomeKeys {
            home,
            passphrase,
            state: Mutex::default(),
            asking: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a key that was needed takes a passphrase.
    pub(crate) fn has_locked(&self) -> bool {
        let state = self.state();
        !state.locked.is_empty() || !state.wrong.is_empty()
    }

    /// Opens a message.
    pub(crate) fn open(&self, attempt: &mut Attempt<'_>) -> Option<Secret> {
        let rings = self.home.rings();
        self.state().tried = true;
        if !rings.unreadable.is_empty() {
            attempt.failures.add(Failure::Ring);
        }
        for wrapped in attempt.session_keys() {
            for candidate in rings.candidates(&wrapped.recipient) {
                if let Some(secret) = self.try_candidate(attempt, wrapped, &candidate) {
                    return Some(secret);
                }
            }
            for key in &rings.secret.keys {
                if !attempt.ask && key.fingerprint.is(&wrapped.recipient) {
                    let name = || key_name(&key.fingerprint, key.user.as_deref());
                    if let Ok(Some(secret)) = attempt.try_key(key, wrapped, None, name) {
                        return Some(secret);
                    }
                }
            }
        }
        None
    }

    fn try_candidate(
        &self,
        attempt: &mut Attempt<'_>,
        wrapped: &WrappedSessionKey,
        candidate: &Candidate<'_>,
    ) -> Option<Secret> {
        let fingerprint = &candidate.member.fingerprint;
        let user = candidate.key.user.as_deref();
        let Some(keygrip) = candidate.keygrip else {
            let kind = candidate
                .ring
                .packet(candidate.member)
                .and_then(|key| key.unsupported());
            let kind = kind.unwrap_or_default();
            self.state().unsupported = Some(kind.clone());
            attempt.failures.add(Failure::Kind(kind));
            return None;
        };
        let asking = || self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let _turn = attempt.ask.then(asking);
        let known = self.state().keys.get(&keygrip).cloned();
        let key = match known {
            Some(key) => key,
            None => match self.read(attempt, candidate, &keygrip) {
                Ok(Some(key)) => {
                    Arc::clone(self.state().keys.entry(keygrip).or_insert(Arc::new(key)))
                }
                Ok(None) => return None,
                Err(refusal) => {
                    let name = key_name(fingerprint, user);
                    if refusal == Refusal::Locked {
                        let mut state = self.state();
                        if !state.locked.contains(&name) {
                            state.locked.push(name.clone());
                        }
                    }
                    attempt.failures.add(match refusal {
                        Refusal::Locked if self.passphrase.is_set() => {
                            Failure::PassphraseFile { name }
                        }
                        refusal => Failure::Key { name, refusal },
                    });
                    return None;
                }
            },
        };
        let name = || key_name(fingerprint, user);
        let tried = attempt.try_key(&key, wrapped, None, name);
        let mut state = self.state();
        let in_vain = matches!(tried, Ok(None) | Err(Refusal::Mismatch));
        if in_vain && !wrapped.is_anonymous() {
            state.vain.push(name());
        }
        let opened = tried.ok().flatten()?;
        let primary = key.primary.to_string();
        if !state.opened.contains(&primary) {
            state.opened.push(primary);
        }
        Some(opened)
    }

    /// The private key of a candidate; `None` where it is not in this home.
    fn read(
        &self,
        attempt: &Attempt<'_>,
        candidate: &Candidate<'_>,
        keygrip: &Keygrip,
    ) -> Result<Option<PrivateKey>, Refusal> {
        let file = match self.home.agent_key(keygrip) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(error) => {
                let path = self.home.agent_key_path(keygrip);
                let found = Found::from_io(&error, &path);
                let name = path.strip_prefix(self.home.path()).unwrap_or(&path);
                let why = format!("{}: {found}", printable(&name.to_string_lossy()));
                self.state().unreadable = Some(Found::Unusable { why });
                return Err(Refusal::Unreadable);
            }
        };
        let passphrase = match (file.is_locked(), attempt.ask) {
            (false, true) => return Ok(None),
            (false, false) => None,
            (true, false) if self.state().wrong.contains(keygrip) => {
                return Err(Refusal::WrongPassphrase);
            }
            (true, false) => match self.passphrase.get() {
                None => return Err(Refusal::Locked),
                given => given,
            },
            (true, true) => match self.ask(attempt, candidate, keygrip) {
                None => return Err(Refusal::Locked),
                given => given,
            },
        };
        let passphrase = passphrase.as_ref().map(|p| p.as_slice());
        match candidate.private_key(&file, passphrase).map_err(refusal) {
            Ok(key) => Ok(Some(key)),
            Err(Refusal::WrongPassphrase) => {
                if !attempt.ask {
                    self.state().wrong.insert(*keygrip);
                }
                Err(Refusal::WrongPassphrase)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Asks for a passphrase, once for each key.
    fn ask(
        &self,
        attempt: &Attempt<'_>,
        candidate: &Candidate<'_>,
        keygrip: &Keygrip,
    ) -> super::Passphrase {
        if !self.state().asked.insert(*keygrip) {
            return None;
        }
        let user = candidate.key.user.as_deref();
        attempt.prompt(&candidate.member.fingerprint, user)
    }

    /// Forgets what was read and what was asked.
    pub(crate) fn forget_failures(&self) {
        self.home.forget();
        self.passphrase.forget();
        *self.state() = State::default();
    }

    /// The place, and what is there so far.
    pub(crate) fn place(&self) -> Place {
        let path = printable(&self.home.path().to_string_lossy());
        Place::new(Location::Directory { path }, self.found())
    }

    /// The place, and which of its keys could open something.
    pub(crate) fn survey(&self) -> Place {
        let path = printable(&self.home.path().to_string_lossy());
        let rings = self.home.rings();
        let (mut clear, mut locked) = (Vec::new(), 0usize);
        for candidate in rings.candidates(&Recipient::Anonymous) {
            let file = candidate
                .keygrip
                .map(|keygrip| self.home.agent_key(&keygrip));
            let Some(Ok(Some(file))) = file else {
                continue;
            };
            let primary = candidate.key.members.first().unwrap_or(candidate.member);
            let primary = primary.fingerprint.to_string();
            if file.is_locked() {
                locked += 1;
            } else if !clear.contains(&primary) {
                clear.push(primary);
            }
        }
        for key in &rings.secret.keys {
            let primary = key.primary.to_string();
            if !clear.contains(&primary) {
                clear.push(primary);
            }
        }
        let found = match (clear.is_empty(), locked, rings.exists) {
            (false, _, _) => Found::identities(clear),
            (true, 1.., _) => Found::Locked,
            (true, 0, true) => Found::Empty,
            (true, 0, false) => Found::NotFound { hint: None },
        };
        Place::new(Location::Directory { path }, found)
    }

    fn found(&self) -> Found {
        let state = self.state();
        if !state.tried {
            return Found::Usable {
                what: "not looked at; not needed".into(),
            };
        }
        let rings = self.home.rings();
        if !rings.exists {
            return Found::NotFound { hint: None };
        }
        if !state.opened.is_empty() {
            return Found::identities(state.opened.clone());
        }
        if let Some(found) = &state.unreadable {
            return found.clone();
        }
        if let Some((path, kind)) = rings.unreadable.first() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            return Found::Unusable {
                why: format!("{name} cannot be read: {kind}"),
            };
        }
        if let [key, ..] = state.locked.as_slice() {
            return Found::Unusable {
                why: format!("the private key of {key} takes a passphrase"),
            };
        }
        if !state.wrong.is_empty() {
            return Found::WrongPassphrase;
        }
        if let [key, ..] = state.vain.as_slice() {
            return Found::Unusable {
                why: format!("the private key of {key} does not open the message"),
            };
        }
        if let Some(kind) = &state.unsupported {
            return Found::Unusable {
                why: format!("the key for this file is of {kind}, which is not supported"),
            };
        }
        let public = rings
            .public
            .iter()
            .map(|ring| ring.keys().len())
            .sum::<usize>();
        let why = match (public, rings.keyboxd) {
            (0, true) => "its public keys are in keyboxd's database, which is not read".into(),
            (0, false) => "no keys in it".into(),
            (1, _) => "1 public key, and no private key for this file".into(),
            (more, _) => format!("{more} public keys, and no private key for this file"),
        };
        Found::Unusable { why }
    }
}

/// Why a key of a home cannot be used.
fn refusal(why: HomeRefusal) -> Refusal {
    match why {
        HomeRefusal::Locked => Refusal::Locked,
        HomeRefusal::WrongPassphrase => Refusal::WrongPassphrase,
        HomeRefusal::TooMuchWork => Refusal::TooMuchWork,
        HomeRefusal::Shadowed => Refusal::Elsewhere,
        HomeRefusal::Unknown => Refusal::Flaw(crate::flaw::Flaw::Packets),
    }
}

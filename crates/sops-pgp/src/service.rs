//! PGP keys as a key service.

mod writing;

use std::{
    ffi::OsStr,
    fmt, fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sops_core::{
    keys::{
        Effort, Found, KeyError, KeyKind, KeyService, Location, Place, Recipient, Secret,
        WrappedKey,
    },
    shown::printable,
};

use crate::{
    agent,
    callbacks::Callbacks,
    failure::{Failure, Failures, Reads, key_name, of_message, recipient_id},
    flaw::{Flaw, algorithm_name},
    gpg::{self, Gpg},
    home::Home,
    message::Message,
    ring::Ring,
    source::{
        Attempt, agent::AgentKeys, file::KeyFile, home::HomeKeys, passphrase::PassphraseFile,
        program::Program,
    },
    wanted::Wanted,
    work::Work,
};

/// Whether [`Pgp::add_dir`] reads a file of this name: `*.asc` and `*.gpg`,
/// without a dot in front.
///
/// ```
/// use sops_pgp::is_key_file;
/// assert!(is_key_file("cluster.asc".as_ref()));
/// assert!(!is_key_file("..data".as_ref()));
/// ```
#[must_use]
pub fn is_key_file(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with('.') && (name.ends_with(".asc") || name.ends_with(".gpg"))
}

/// PGP keys, and the places where they are.
///
/// Files with keys are read when they are added; GnuPG's home when a key is
/// first asked for; an agent, the gpg program and a person are asked only
/// where that opens nothing. A place that cannot be used is remembered for the
/// report and does not keep others from being used.
///
/// ```
/// use sops_core::keys::{Effort, KeyService, Recipient, Secret};
/// use sops_pgp::Pgp;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/alice.sec.asc");
/// let mut pgp = Pgp::default();
/// let found = pgp.add_file(file);
/// assert_eq!(found.to_string(), "1 identity, for CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC");
///
/// let alice = Recipient::pgp("CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC");
/// let key = pgp.wrap(&alice, &Secret::from(vec![7; 32]))?;
/// assert!(key.enc().starts_with("-----BEGIN PGP MESSAGE-----"));
/// assert_eq!(pgp.unwrap(&key, Effort::AtHand)?.as_bytes(), [7; 32]);
/// # Ok::<(), sops_core::keys::KeyError>(())
/// ```
#[derive(Default)]
pub struct Pgp {
    callbacks: Callbacks,
    sources: Vec<Source>,
    passphrase: Arc<PassphraseFile>,
    efforts: Vec<Effort>,
    work: Work,
    /// Whether a key was asked for: until then, places are of no interest.
    asked: AtomicBool,
    /// What of the environment counts: advice names nothing else.
    pub(crate) reads: Reads,
}

enum Source {
    File(KeyFile),
    Home(HomeKeys, Arc<Home>),
    Agent(AgentKeys),
    Program(Program),
}

impl Pgp {
    /// No keys yet, and what may be done to get at them.
    #[must_use]
    pub fn new(callbacks: Callbacks) -> Self {
        Pgp {
            callbacks,
            ..Self::default()
        }
    }

    /// Adds keys, armored or not. Says what was found.
    ///
    /// ```
    /// use sops_pgp::Pgp;
    ///
    /// let mut pgp = Pgp::default();
    /// let found = pgp.add_keys(b"no key at all");
    /// assert!(found.to_string().starts_with("not an OpenPGP key"), "{found}");
    /// ```
    #[must_use = "it says whether the bytes hold a private key"]
    pub fn add_keys(&mut self, keys: impl AsRef<[u8]>) -> Found {
        let passphrase = Arc::clone(&self.passphrase);
        self.add_key_file(KeyFile::bytes(Location::Given, keys.as_ref(), passphrase))
    }

    /// Adds a file with one key or many, armored or not. Says what was found.
    #[must_use = "it says whether the file holds a private key"]
    pub fn add_file(&mut self, path: impl AsRef<Path>) -> Found {
        let passphrase = Arc::clone(&self.passphrase);
        self.add_key_file(KeyFile::read(None, path.as_ref(), passphrase))
    }

    /// Adds every `*.asc` and `*.gpg` of a directory, in the order of their
    /// names: the keys of a Kubernetes Secret that is mounted there, as Flux
    /// has them. Says how many files there are. Symbolic links are followed,
    /// directories below are not, and names that start with a dot are left out.
    pub fn add_dir(&mut self, path: impl AsRef<Path>) -> usize {
        self.reads = self.reads.max(Reads::Folders);
        let path = path.as_ref();
        let names = fs::read_dir(path).into_iter().flatten();
        let names = names.filter_map(|entry| Some(entry.ok()?.file_name()));
        let mut names: Vec<_> = names.filter(|name| is_key_file(name)).collect();
        names.sort();
        for name in &names {
            let path = path.join(name);
            let passphrase = Arc::clone(&self.passphrase);
            let _ = self.add_key_file(KeyFile::of_folder(&path, passphrase));
        }
        names.len()
    }

    /// Sets the file that holds the passphrase of the keys that are added
    /// afterwards: its text, up to a line break at its end. It is read when it
    /// is first needed.
    pub fn set_passphrase_file(&mut self, path: impl AsRef<Path>) {
        self.passphrase = Arc::new(PassphraseFile::new(None, path.as_ref().into()));
    }

    /// Adds the keys that lie in a home of GnuPG.
    pub fn add_home(&mut self, path: impl AsRef<Path>) {
        self.add_gnupg(Home::new(path.as_ref().into()), None);
    }

    pub(crate) fn set_passphrase(&mut self, file: PassphraseFile) {
        self.passphrase = Arc::new(file);
    }

    pub(crate) fn passphrase(&self) -> Arc<PassphraseFile> {
        Arc::clone(&self.passphrase)
    }

    pub(crate) fn add_key_file(&mut self, file: KeyFile) -> Found {
        let found = file.found();
        if file.has_locked() && self.callbacks.prompt.is_given() {
            self.add_effort(Effort::Person);
        }
        self.sources.push(Source::File(file));
        found
    }

    /// Adds a home, and the agent that listens at one of these sockets.
    pub(crate) fn add_gnupg(&mut self, home: Home, sockets: Option<Vec<std::path::PathBuf>>) {
        let home = Arc::new(home);
        let keys = HomeKeys::new(Arc::clone(&home), Arc::clone(&self.passphrase));
        self.sources.push(Source::Home(keys, Arc::clone(&home)));
        if let Some(sockets) = sockets {
            self.sources
                .push(Source::Agent(AgentKeys::new(home, sockets)));
            self.add_effort(Effort::Command);
        }
        if self.callbacks.prompt.is_given() {
            self.add_effort(Effort::Person);
        }
    }

    /// Adds the gpg program of this name, if programs may be run.
    pub(crate) fn add_program(
        &mut self,
        location: Location,
        name: &OsStr,
        path: Option<std::ffi::OsString>,
        home: Option<std::path::PathBuf>,
    ) {
        let program = if self.callbacks.programs {
            gpg::find(name, path)
                .map(|program| Gpg::new(program, home))
                .ok_or(Found::NotFound { hint: None })
        } else {
            Err(Found::NotAllowed)
        };
        let program = Program::new(location, program);
        if program.may_run() {
            self.add_effort(Effort::Command);
        }
        self.sources.push(Source::Program(program));
    }

    fn add_effort(&mut self, effort: Effort) {
        if !self.efforts.contains(&effort) {
            self.efforts.push(effort);
        }
    }

    /// All places, whether a key was asked for or not.
    #[must_use]
    pub fn all_places(&self) -> Vec<Place> {
        let passphrases = self.sources.iter().any(|s| match s {
            Source::File(file) => file.has_locked(),
            Source::Home(home, _) => home.has_locked(),
            Source::Agent(_) | Source::Program(_) => false,
        });
        let passphrase = self.passphrase.place().filter(|_| passphrases);
        let places = self.sources.iter().map(|source| match source {
            Source::File(file) => file.place(),
            Source::Home(home, _) => home.place(),
            Source::Agent(agent) => agent.place(),
            Source::Program(program) => program.place(),
        });
        places.chain(passphrase).collect()
    }

    /// All places, with what lies in GnuPG's home read for the purpose: for
    /// programs that look after a set-up. Nobody is asked and nothing is run.
    #[must_use]
    pub fn survey(&self) -> Vec<Place> {
        let places = self.sources.iter().map(|source| match source {
            Source::File(file) => file.place(),
            Source::Home(home, _) => home.survey(),
            Source::Agent(agent) => agent.place(),
            Source::Program(program) => program.place(),
        });
        places.chain(self.passphrase.place()).collect()
    }

    /// The recipients of a message, by name where their public keys are known.
    fn recipients(&self, message: &Message, label: &str) -> Vec<String> {
        let mut names = Vec::new();
        for wrapped in &message.session_keys {
            let Some(id) = recipient_id(&wrapped.recipient) else {
                continue;
            };
            let known = self.with_rings(|ring| {
                ring.keys().iter().find_map(|key| {
                    let mut members = key.members.iter();
                    let member = members.find(|m| m.fingerprint.is(&wrapped.recipient))?;
                    Some(key_name(&member.fingerprint, key.user.as_deref()))
                })
            });
            let name = known.unwrap_or(id);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() && !label.is_empty() {
            names.push(printable(label));
        }
        names
    }

    /// The first answer that a key ring gives.
    fn with_rings<T>(&self, mut ask: impl FnMut(&Ring) -> Option<T>) -> Option<T> {
        self.sources.iter().find_map(|source| match source {
            Source::File(file) => ask(&file.public),
            Source::Home(_, home) => home.rings().public.iter().find_map(&mut ask),
            Source::Agent(_) | Source::Program(_) => None,
        })
    }
}

impl KeyService for Pgp {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::Pgp
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        match self.efforts.as_slice() {
            [] => &[Effort::AtHand],
            [Effort::Command] => &[Effort::AtHand, Effort::Command],
            [Effort::Person] => &[Effort::AtHand, Effort::Person],
            _ => &[Effort::AtHand, Effort::Command, Effort::Person],
        }
    }

    fn recognizes(&self, key: &WrappedKey) -> bool {
        let Recipient::Pgp { fingerprint, .. } = key.recipient() else {
            return false;
        };
        let Some(wanted) = Wanted::parse(fingerprint) else {
            return false;
        };
        self.sources
            .iter()
            .any(|source| matches!(source, Source::File(file) if file.has(|key| wanted.names(key))))
    }

    fn unwrap(&self, key: &WrappedKey, effort: Effort) -> Result<Secret, KeyError> {
        let Recipient::Pgp { fingerprint, .. } = key.recipient() else {
            return Err(KeyError::not_ours());
        };
        self.asked.store(true, Ordering::Relaxed);
        let message = Message::read(key.enc());
        let message = match &message {
            Ok(message) => Some(message),
            // gpg may be able to do what is not supported here.
            Err(Flaw::Unsupported(_)) if effort == Effort::Command => None,
            Err(flaw) => return Err(of_message(flaw, self.reads)),
        };
        let mut attempt = Attempt {
            armored: key.enc(),
            message,
            callbacks: &self.callbacks,
            ask: effort == Effort::Person,
            work: &self.work,
            failures: Failures::default(),
        };
        for wrapped in attempt.session_keys() {
            if !matches!(wrapped.algorithm, 1..=3 | 18 | 25 | 26) {
                let what = algorithm_name(wrapped.algorithm);
                attempt.failures.add(Failure::Kind(what));
            }
        }
        let opened = self.sources.iter().find_map(|source| match source {
            Source::File(file) if effort != Effort::Command => file.open(&mut attempt),
            Source::Home(home, _) if effort != Effort::Command => home.open(&mut attempt),
            Source::Agent(agent) if effort == Effort::Command => agent.open(&mut attempt),
            Source::Program(gpg) if effort == Effort::Command => gpg.open(&mut attempt),
            _ => None,
        });
        opened.ok_or_else(|| {
            let recipients = message.map(|message| self.recipients(message, fingerprint));
            let recipients = recipients.unwrap_or_default();
            attempt.failures.into_error(&recipients, self.reads)
        })
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        self.encrypt(to, secret)
    }

    /// Nothing until a key was asked for: then every place.
    fn places(&self) -> Vec<Place> {
        if self.asked.load(Ordering::Relaxed) {
            self.all_places()
        } else {
            Vec::new()
        }
    }

    fn forget_failures(&self) {
        for source in &self.sources {
            match source {
                Source::File(file) => file.forget_failures(),
                Source::Home(home, _) => home.forget_failures(),
                Source::Agent(agent) => agent.forget_failures(),
                Source::Program(program) => program.forget_failures(),
            }
        }
    }
}

/// Shows the places, and what was found there.
impl fmt::Debug for Pgp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all_places()).finish()
    }
}

pub(crate) use agent::sockets;

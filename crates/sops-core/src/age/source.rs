//! Sources of identities: what is read at once, what is run or unlocked only
//! when it is needed (age-identities §1, §2, §5).

use std::{
    collections::HashMap,
    fs, io,
    io::Read,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use age::{DecryptError, armor::ArmoredReader, secrecy::SecretString};
use zeroize::Zeroizing;

use super::{
    callbacks::{Callbacks, KeyCommand, program_name},
    identity::{self, Identity, Parsed, Words},
    once::Once,
    ssh,
};
use crate::{
    keys::{Effort, Flaw, Found, Location},
    limits,
    shown::printable,
};

const MAX_FILE: u64 = limits::KEY_FILE_SIZE as u64;

/// What a source holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Age identities.
    Age(Words),
    /// One SSH private key.
    Ssh,
}

/// One place, and its identities if they could be had.
pub(super) struct Source {
    pub(super) location: Location,
    content: Content,
}

enum Content {
    None(Found),
    Identities(Parsed),
    LockedFile(LockedFile),
    LockedSsh(Arc<ssh::Locked>),
    Command(Command),
}

impl Source {
    /// A place where there was nothing to be had.
    pub(super) fn nothing(location: Location, found: Found) -> Self {
        Source {
            location,
            content: Content::None(found),
        }
    }

    /// Identities that are at hand as bytes.
    pub(super) fn bytes(
        location: Location,
        kind: Kind,
        bytes: &[u8],
        callbacks: &Arc<Callbacks>,
    ) -> Self {
        Source {
            content: Content::read(kind, bytes, &location.to_string(), callbacks),
            location,
        }
    }

    /// What a stanza costs that is tried with all identities at hand here, in
    /// operations of X25519.
    pub(super) fn operations(&self) -> usize {
        match &self.content {
            Content::Identities(parsed) => parsed.identities.iter().map(|i| i.operations).sum(),
            _ => 0,
        }
    }

    /// The public key of the SSH key that is here, if there is one; also of
    /// one that is behind a passphrase.
    pub(super) fn ssh_recipient(&self) -> Option<&str> {
        match &self.content {
            Content::Identities(parsed) => {
                let mut recipients = parsed.identities.iter().map(Identity::recipient);
                recipients.find(|recipient| recipient.starts_with("ssh-"))
            }
            Content::LockedSsh(locked) => Some(locked.recipient()),
            _ => None,
        }
    }

    /// The file at a path, read now.
    pub(super) fn file(
        variable: Option<&'static str>,
        path: &Path,
        kind: Kind,
        callbacks: &Arc<Callbacks>,
    ) -> Self {
        let location = Location::File {
            variable: variable.map(Into::into),
            path: printable(&path.to_string_lossy()),
        };
        match read_file(path) {
            Ok(bytes) => Self::bytes(location, kind, &bytes, callbacks),
            Err(found) => Self::nothing(location, found),
        }
    }

    /// A file of a folder, read now. Nobody named it: of a pipe, nobody knows
    /// whether there is ever anything to read.
    pub(super) fn listed(path: &Path, callbacks: &Arc<Callbacks>) -> Self {
        let kind = path.metadata().map(|metadata| metadata.file_type());
        if kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) {
            let location = Location::File {
                variable: None,
                path: printable(&path.to_string_lossy()),
            };
            let why = "not a plain file".into();
            return Self::nothing(location, Found::Unusable { why });
        }
        Self::file(None, path, Kind::Age(Words::One), callbacks)
    }

    /// A command, run when it is needed.
    pub(super) fn command(
        variable: &'static str,
        command: &str,
        kind: Kind,
        callbacks: &Arc<Callbacks>,
    ) -> Self {
        let words = shlex::split(command).map(Zeroizing::new);
        let program = words.as_ref().and_then(|w| w.first());
        let location = Location::Command {
            variable: variable.into(),
            program: program.map(|word| program_name(word)),
        };
        let content = match words {
            None => Content::None(Found::NotACommand),
            Some(words) if words.is_empty() => Content::None(Found::Empty),
            Some(words) => Content::Command(Command {
                words,
                kind,
                name: location.to_string(),
                callbacks: Arc::clone(callbacks),
                runs: Mutex::default(),
            }),
        };
        Source { location, content }
    }

    /// The identities that an attempt of this effort adds, for a key with this recipient.
    pub(super) fn identities(&self, effort: Effort, recipient: &str) -> Vec<Identity> {
        self.content.identities(effort, recipient)
    }

    /// The efforts that add identities.
    pub(super) fn efforts(&self) -> &'static [Effort] {
        match self.content {
            Content::None(_) => &[],
            Content::Identities(_) => &[Effort::AtHand],
            Content::LockedFile(_) | Content::LockedSsh(_) => &[Effort::Person],
            Content::Command(_) => &[Effort::Command, Effort::Person],
        }
    }

    /// What was found here so far.
    pub(super) fn found(&self) -> Found {
        self.content.found()
    }

    /// Has commands run again that failed, and passphrases asked for again
    /// that were wrong or not given.
    pub(super) fn forget_failures(&self) {
        self.content.forget_failures();
    }
}

impl Content {
    fn read(kind: Kind, bytes: &[u8], name: &str, callbacks: &Arc<Callbacks>) -> Self {
        match kind {
            Kind::Age(_) if is_encrypted(bytes) => Content::LockedFile(LockedFile {
                name: name.into(),
                bytes: Zeroizing::new(bytes.to_vec()),
                callbacks: Arc::clone(callbacks),
                unlocked: Once::default(),
            }),
            Kind::Age(words) => match identity::parse(bytes, words) {
                Ok(parsed) => Content::Identities(parsed),
                Err(bad) => Content::None(bad.into()),
            },
            Kind::Ssh => match ssh::parse(bytes, name, callbacks) {
                Ok(ssh::Key::Open(identity)) => Content::Identities(vec![identity].into()),
                Ok(ssh::Key::Locked(locked)) => Content::LockedSsh(locked),
                Err(flaw) => Content::None(Found::Bad { line: None, flaw }),
            },
        }
    }

    fn identities(&self, effort: Effort, recipient: &str) -> Vec<Identity> {
        match (self, effort) {
            (Content::Identities(parsed), Effort::AtHand) => parsed.identities.clone(),
            (Content::LockedFile(file), Effort::Person) => {
                let unlocked = file.unlocked.get_or(|| file.try_unlock());
                unlocked.map_or(Vec::new(), |parsed| parsed.identities.clone())
            }
            (Content::LockedSsh(ssh), Effort::Person) => {
                vec![ssh::Locked::identity(ssh)]
            }
            (Content::Command(command), Effort::Command) => {
                command.identities(Effort::AtHand, recipient)
            }
            (Content::Command(command), Effort::Person) => command.identities(effort, recipient),
            _ => Vec::new(),
        }
    }

    fn found(&self) -> Found {
        match self {
            Content::None(found) => found.clone(),
            Content::Identities(parsed) => identity::found(parsed),
            Content::LockedFile(file) => match file.unlocked.get() {
                None => Found::Locked,
                Some(Ok(parsed)) => identity::found(&parsed),
                Some(Err(found)) => found,
            },
            Content::LockedSsh(ssh) => ssh.found(),
            Content::Command(command) => command.found(),
        }
    }

    fn forget_failures(&self) {
        match self {
            Content::None(_) | Content::Identities(_) => {}
            Content::LockedFile(file) => file.unlocked.forget_failure(),
            Content::LockedSsh(ssh) => ssh.forget_failure(),
            Content::Command(command) => command.forget_failures(),
        }
    }
}

/// An identity file that is encrypted with a passphrase.
struct LockedFile {
    name: String,
    bytes: Zeroizing<Vec<u8>>,
    callbacks: Arc<Callbacks>,
    unlocked: Once<Parsed>,
}

/// age-identities §5: how an encrypted identity file is told from a plain one.
fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption") || bytes.starts_with(b"-----BEGIN AGE")
}

impl LockedFile {
    fn try_unlock(&self) -> Result<Parsed, Found> {
        let bad = |flaw| Found::Bad { line: None, flaw };
        let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(self.bytes.as_slice()))
            .map_err(|_| bad(Flaw::AgeFile))?;
        if !decryptor.is_scrypt() {
            return Err(bad(Flaw::NotPassphrase));
        }
        let passphrase = self.callbacks.ask(&self.name)?;
        let mut identity = age::scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(limits::SCRYPT_WORK_FACTOR);
        let plain =
            decryptor
                .decrypt(std::iter::once(&identity as _))
                .map_err(|why| match why {
                    DecryptError::DecryptionFailed
                    | DecryptError::KeyDecryptionFailed
                    | DecryptError::NoMatchingKeys => Found::WrongPassphrase,
                    DecryptError::ExcessiveWork { .. } => Found::TooMuchWork,
                    _ => bad(Flaw::AgeFile),
                })?;
        let mut text = Zeroizing::new(Vec::with_capacity(self.bytes.len()));
        plain
            .take(MAX_FILE)
            .read_to_end(&mut text)
            .map_err(|_| bad(Flaw::AgeFile))?;
        Ok(identity::parse(&text, Words::One)?)
    }
}

impl Callbacks {
    pub(super) fn ask(&self, name: &str) -> Result<SecretString, Found> {
        let passphrase = self.prompt.ask(name).ok_or(Found::NeedsPassphrase)?;
        Ok(SecretString::from(passphrase.as_str()))
    }
}

/// A command, and what it gave for each recipient that it was run for.
struct Command {
    words: Zeroizing<Vec<String>>,
    kind: Kind,
    name: String,
    callbacks: Arc<Callbacks>,
    runs: Mutex<HashMap<String, Arc<Once<Content>>>>,
}

impl Command {
    fn runs(&self) -> MutexGuard<'_, HashMap<String, Arc<Once<Content>>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identities(&self, effort: Effort, recipient: &str) -> Vec<Identity> {
        let run = Arc::clone(self.runs().entry(recipient.into()).or_default());
        match run.get_or(|| self.try_run(recipient)) {
            Ok(content) => content.identities(effort, recipient),
            Err(_) => Vec::new(),
        }
    }

    fn try_run(&self, recipient: &str) -> Result<Content, Found> {
        let run = self.callbacks.run.as_ref().ok_or(Found::NotAllowed)?;
        let out = run(&KeyCommand {
            words: &self.words,
            recipient,
        })?;
        if out.len() as u64 > MAX_FILE {
            return Err(Found::Bad {
                line: None,
                flaw: Flaw::TooLarge,
            });
        }
        match Content::read(self.kind, &out, &self.name, &self.callbacks) {
            Content::None(found) => Err(found),
            content => Ok(content),
        }
    }

    fn forget_failures(&self) {
        for run in self.runs().values() {
            run.forget_failure();
            if let Some(Ok(content)) = run.get() {
                content.forget_failures();
            }
        }
    }

    /// All that its runs gave; where they gave nothing, why.
    fn found(&self) -> Found {
        let mut all = Vec::new();
        let mut left_alone = 0;
        let mut failure = None;
        for run in self.runs().values().filter_map(|run| run.get()) {
            match run.map_or_else(|found| found, |content| content.found()) {
                Found::Identities {
                    recipients,
                    plugins,
                    ..
                } => {
                    all.extend(recipients);
                    left_alone += plugins;
                }
                other => failure = Some(other),
            }
        }
        all.sort_unstable();
        all.dedup();
        match (all.is_empty(), failure) {
            (false, _) => Found::of(all, left_alone),
            (true, Some(failure)) => failure,
            (true, None) => Found::NotRun,
        }
    }
}

/// Reads a key file: a bounded number of bytes.
fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Found> {
    if path.as_os_str().is_empty() {
        return Err(Found::Empty);
    }
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        let file = fs::File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // All the room at once: a buffer that grows leaves copies behind.
        let room = metadata.len().min(MAX_FILE) as usize + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| Found::from_io(&error, path))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Found::Bad {
            line: None,
            flaw: Flaw::TooLarge,
        });
    }
    Ok(bytes)
}

//! Sources of identities: what is read at once, what is run or unlocked only
//! when it is needed (age-identities §1, §2, §5).

use std::{
    collections::HashMap,
    fs, io,
    io::Read,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use age::{DecryptError, armor::ArmoredReader, secrecy::SecretString};
use age_core::format::{FileKey, Stanza};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::limits;

use super::{
    callbacks::{Callbacks, KeyCommand, program_name},
    identity::{self, Flaw, Identity, Parsed, Ssh, Words},
    place::{Found, Location},
    report::printable,
};

const MAX_FILE: u64 = limits::KEY_FILE_SIZE as u64;

/// When identities may be used: later ones only where earlier ones do not do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Identities that are at hand.
    Ready,
    /// Commands are run.
    Commands,
    /// A person is asked for passphrases.
    Passphrases,
}

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
    LockedSsh(Arc<LockedSsh>),
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

    /// The file at a path, read now.
    pub(super) fn file(
        variable: Option<&'static str>,
        path: &Path,
        kind: Kind,
        callbacks: &Arc<Callbacks>,
    ) -> Self {
        let location = Location::File {
            variable,
            path: printable(&path.to_string_lossy()),
        };
        match read_file(path) {
            Ok(bytes) => Self::bytes(location, kind, &bytes, callbacks),
            Err(found) => Self::nothing(location, found),
        }
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
            variable,
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

    /// The identities that this stage adds, for a key with this recipient.
    pub(super) fn identities(&self, stage: Stage, recipient: &str) -> Vec<Identity> {
        self.content.identities(stage, recipient)
    }

    /// What was found here so far.
    pub(super) fn found(&self) -> Found {
        self.content.found()
    }
}

impl Content {
    fn read(kind: Kind, bytes: &[u8], name: &str, callbacks: &Arc<Callbacks>) -> Self {
        match kind {
            Kind::Age(_) if is_encrypted(bytes) => Content::LockedFile(LockedFile {
                name: name.into(),
                bytes: Zeroizing::new(bytes.to_vec()),
                callbacks: Arc::clone(callbacks),
                unlocked: OnceLock::new(),
            }),
            Kind::Age(words) => match identity::parse(bytes, words) {
                Ok(parsed) => Content::Identities(parsed),
                Err(bad) => Content::None(bad.into()),
            },
            Kind::Ssh => match identity::parse_ssh(bytes) {
                Ok(Ssh::Open(identity)) => Content::Identities(vec![identity].into()),
                Ok(Ssh::Encrypted { recipient, key }) => Content::LockedSsh(Arc::new(LockedSsh {
                    name: name.into(),
                    tag: ssh_tag(&recipient),
                    recipient,
                    key,
                    callbacks: Arc::clone(callbacks),
                    unlocked: OnceLock::new(),
                })),
                Err(flaw) => Content::None(Found::Bad { line: None, flaw }),
            },
        }
    }

    fn identities(&self, stage: Stage, recipient: &str) -> Vec<Identity> {
        match (self, stage) {
            (Content::Identities(parsed), Stage::Ready) => parsed.identities.clone(),
            (Content::LockedFile(file), Stage::Passphrases) => {
                let unlocked = file.unlock().as_ref();
                unlocked.map_or(Vec::new(), |parsed| parsed.identities.clone())
            }
            (Content::LockedSsh(ssh), Stage::Passphrases) => {
                vec![Identity::new(ssh.recipient.clone(), Arc::clone(ssh) as _)]
            }
            (Content::Command(command), Stage::Commands) => {
                command.identities(Stage::Ready, recipient)
            }
            (Content::Command(command), Stage::Passphrases) => command.identities(stage, recipient),
            _ => Vec::new(),
        }
    }

    fn found(&self) -> Found {
        match self {
            Content::None(found) => found.clone(),
            Content::Identities(parsed) => Found::identities(parsed),
            Content::LockedFile(file) => match file.unlocked.get() {
                None => Found::Locked,
                Some(Ok(parsed)) => Found::identities(parsed),
                Some(Err(found)) => found.clone(),
            },
            Content::LockedSsh(ssh) => match ssh.unlocked.get() {
                None => Found::Locked,
                Some(Ok(_)) => Found::of(vec![ssh.recipient.clone()], 0),
                Some(Err(found)) => found.clone(),
            },
            Content::Command(command) => command.found(),
        }
    }
}

/// An identity file that is encrypted with a passphrase.
struct LockedFile {
    name: String,
    bytes: Zeroizing<Vec<u8>>,
    callbacks: Arc<Callbacks>,
    unlocked: OnceLock<Result<Parsed, Found>>,
}

/// age-identities §5: how an encrypted identity file is told from a plain one.
fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption") || bytes.starts_with(b"-----BEGIN AGE")
}

impl LockedFile {
    fn unlock(&self) -> &Result<Parsed, Found> {
        self.unlocked.get_or_init(|| self.try_unlock())
    }

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

/// An SSH key that is encrypted with a passphrase. It is asked for when a
/// stanza is met that names this key.
struct LockedSsh {
    name: String,
    recipient: String,
    tag: Option<String>,
    key: Box<age::ssh::EncryptedKey>,
    callbacks: Arc<Callbacks>,
    unlocked: OnceLock<Result<Identity, Found>>,
}

/// What a stanza names an SSH key by: the start of its hash (C2SP age,
/// ssh recipients).
fn ssh_tag(recipient: &str) -> Option<String> {
    let key = BASE64_STANDARD.decode(recipient.split(' ').nth(1)?).ok()?;
    let hash = Sha256::digest(key);
    Some(BASE64_STANDARD_NO_PAD.encode(hash.get(..4)?))
}

impl LockedSsh {
    fn try_unlock(&self) -> Result<Identity, Found> {
        let passphrase = self.callbacks.ask(&self.name)?;
        let key = self
            .key
            .decrypt(passphrase)
            .map_err(|_| Found::WrongPassphrase)?;
        let key = Arc::new(age::ssh::Identity::from(key));
        Ok(Identity::new(self.recipient.clone(), key))
    }
}

impl age::Identity for LockedSsh {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if !stanza.tag.starts_with("ssh-") || stanza.args.first() != self.tag.as_ref() {
            return None;
        }
        let unlocked = self.unlocked.get_or_init(|| self.try_unlock());
        unlocked.as_ref().ok()?.unwrap_stanza(stanza)
    }
}

impl Callbacks {
    fn ask(&self, name: &str) -> Result<SecretString, Found> {
        let prompt = self.prompt.as_ref().ok_or(Found::NeedsPassphrase)?;
        let passphrase = prompt(name).ok_or(Found::NeedsPassphrase)?;
        Ok(SecretString::from(passphrase.as_str()))
    }
}

/// A command, and what it gave for each recipient that it was run for.
struct Command {
    words: Zeroizing<Vec<String>>,
    kind: Kind,
    name: String,
    callbacks: Arc<Callbacks>,
    runs: Mutex<HashMap<String, Arc<OnceLock<Content>>>>,
}

impl Command {
    fn identities(&self, stage: Stage, recipient: &str) -> Vec<Identity> {
        let run = {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(runs.entry(recipient.into()).or_default())
        };
        let content = run.get_or_init(|| self.try_run(recipient));
        content.identities(stage, recipient)
    }

    fn try_run(&self, recipient: &str) -> Content {
        let Some(run) = &self.callbacks.run else {
            return Content::None(Found::NotAllowed);
        };
        let command = KeyCommand {
            words: &self.words,
            recipient,
        };
        match run(&command) {
            Ok(out) if out.len() as u64 > MAX_FILE => Content::None(Found::Bad {
                line: None,
                flaw: Flaw::TooLarge,
            }),
            Ok(out) => Content::read(self.kind, &out, &self.name, &self.callbacks),
            Err(found) => Content::None(found),
        }
    }

    /// All that its runs gave; where they gave nothing, why.
    fn found(&self) -> Found {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        let mut left_alone = 0;
        let mut failure = None;
        for found in runs
            .values()
            .filter_map(|run| run.get())
            .map(Content::found)
        {
            match found {
                Found::Identities {
                    recipients,
                    plugins,
                    ..
                } => {
                    all.extend(recipients);
                    left_alone = left_alone.max(plugins);
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

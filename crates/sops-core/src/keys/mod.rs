//! Keys: where identities come from, and how they open a file's data key.
//!
//! A [`Keyring`] holds identities (private keys) and remembers every place
//! where they were looked for. It opens the data key of a file, or says in a
//! [`Report`] what was tried and why nothing did.
//!
//! Nothing here reads the environment, runs a program or asks a person for a
//! passphrase unless the caller says so by name.

mod advice;
mod callbacks;
mod hybrid;
mod identity;
mod open;
mod place;
mod recipient;
mod report;
pub mod shamir;
mod source;
mod vars;

use std::{
    collections::HashMap,
    ffi::OsStr,
    fmt, fs,
    path::Path,
    sync::{Arc, Mutex},
};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use callbacks::{Callbacks, KeyCommand};
pub use identity::Flaw;
pub use open::{Damage, Outcome};
pub use place::{Found, Location, PathHint};
pub use recipient::wrap;
pub use report::{GroupReport, Place, RecipientReport, Report, may_be_key};

use crate::{Error, ErrorKind, Result, metadata::Metadata};
use identity::{Identity, Words};
use open::Attempt;
pub(crate) use report::printable;
use source::{Kind, Source, Stage};

/// The key that encrypts the values of one file: 32 bytes as sops makes it;
/// 16 and 24 are accepted on reading (sops-format §4). Wiped when dropped.
#[derive(Clone)]
pub struct DataKey(pub(crate) Zeroizing<Vec<u8>>);

impl DataKey {
    /// A new key of 32 bytes from the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where the system has no randomness to give.
    pub fn generate() -> Result<Self> {
        let mut key = Zeroizing::new(vec![0; 32]);
        getrandom::getrandom(&mut key).map_err(|e| {
            Error::new(
                ErrorKind::Encrypt,
                "the operating system gave no randomness",
            )
            .because(e.to_string())
        })?;
        Ok(DataKey(key))
    }

    /// The bytes of the key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for DataKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for DataKey {}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Whether [`Keyring::add_dir`] reads a file of this name: `*.agekey` and
/// `*.txt`, without a dot in front.
///
/// ```
/// use sops_core::keys::is_key_file;
/// assert!(is_key_file("cluster.agekey".as_ref()));
/// assert!(!is_key_file("..data".as_ref()));
/// ```
pub fn is_key_file(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with('.') && (name.ends_with(".agekey") || name.ends_with(".txt"))
}

/// Identities, and where each came from.
///
/// Identities are read once, when their place is added; places that cannot be
/// used are remembered for the [`Report`] and do not keep others from being
/// used. Commands are run, and passphrases asked for, when the identities at
/// hand do not open a file. A keyring may be shared among threads.
///
/// ```
/// use sops_core::Keyring;
///
/// let mut keyring = Keyring::new();
/// keyring.add_identities(
///     "# public key: age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc\n\
///      AGE-SECRET-KEY-1…",
/// );
/// ```
#[derive(Default)]
pub struct Keyring {
    sources: Vec<Source>,
    callbacks: Arc<Callbacks>,
    cache: Cache,
}

/// Wrapped keys that were opened, by the hash of their armor: files are often
/// encrypted with one data key. When there are too many, all are forgotten.
#[derive(Default)]
struct Cache(Mutex<HashMap<[u8; 32], Zeroizing<Vec<u8>>>>);

impl Keyring {
    /// A keyring without identities, which neither asks for passphrases nor
    /// runs commands.
    pub fn new() -> Self {
        Self::default()
    }

    /// A keyring without identities, which may ask for passphrases or run
    /// commands.
    pub fn with_callbacks(callbacks: Callbacks) -> Self {
        Keyring {
            callbacks: Arc::new(callbacks),
            ..Self::default()
        }
    }

    /// Adds the identities of an identity file's text (age-identities §3), or
    /// of one that is encrypted with a passphrase. Says what was found.
    pub fn add_identities(&mut self, text: impl AsRef<[u8]>) -> Found {
        let kind = Kind::Age(Words::One);
        let source = Source::bytes(Location::Given, kind, text.as_ref(), &self.callbacks);
        self.add(source)
    }

    /// Adds an SSH private key, ed25519 or RSA. Says what was found.
    pub fn add_ssh_key(&mut self, key: impl AsRef<[u8]>) -> Found {
        let source = Source::bytes(Location::Given, Kind::Ssh, key.as_ref(), &self.callbacks);
        self.add(source)
    }

    /// Adds an identity file. Says what was found.
    pub fn add_file(&mut self, path: impl AsRef<Path>) -> Found {
        let kind = Kind::Age(Words::One);
        self.add(Source::file(None, path.as_ref(), kind, &self.callbacks))
    }

    /// Adds a file with an SSH private key. Says what was found.
    pub fn add_ssh_key_file(&mut self, path: impl AsRef<Path>) -> Found {
        self.add(Source::file(
            None,
            path.as_ref(),
            Kind::Ssh,
            &self.callbacks,
        ))
    }

    /// Adds every `*.agekey` and `*.txt` of a directory, in the order of their
    /// names: the keys of a Kubernetes Secret that is mounted there. Symbolic
    /// links are followed, directories below are not, and names that start
    /// with a dot are left out.
    pub fn add_dir(&mut self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        let nothing = |found| {
            let path = printable(&path.to_string_lossy());
            Source::nothing(Location::Directory { path }, found)
        };
        let entries = fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.add(nothing(Found::from_io(&error, path)));
                return;
            }
        };
        let mut names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
        names.retain(|name| is_key_file(name));
        names.sort();
        if names.is_empty() {
            self.add(nothing(Found::NoKeyFiles));
        }
        for name in names {
            self.add_file(path.join(name));
        }
    }

    fn add(&mut self, source: Source) -> Found {
        let found = source.found();
        self.sources.push(source);
        found
    }

    /// Opens the data key of a file.
    ///
    /// Identities are not filtered by the recipients that the file names,
    /// which are labels: a wrong one does no harm. Of several key groups, all
    /// that can be opened count, in any order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::DataKey`] with a [`Report`] where no quorum of key groups
    /// could be opened.
    pub fn open(&self, metadata: &Metadata) -> Result<DataKey> {
        let attempt = Attempt::new(self, metadata);
        attempt.data_key(metadata).ok_or_else(|| {
            let report = Report::new(&attempt, self.places());
            Error::new(ErrorKind::DataKey, report.summary())
                .advise(report.advice())
                .with_report(report)
        })
    }

    /// Whether the data key of a file can be opened: of an encrypted
    /// [`Document`](crate::Document), or of its [`Metadata`] alone. Decrypts no
    /// value.
    pub fn can_open(&self, file: &impl AsRef<Metadata>) -> bool {
        self.open(file.as_ref()).is_ok()
    }

    /// What comes of trying to open the data key of a file, whether that
    /// works or not: each recipient with its outcome, and each place with
    /// what was found there.
    pub fn report(&self, metadata: &Metadata) -> Report {
        Report::new(&Attempt::new(self, metadata), self.places())
    }

    /// Every place where identities were looked for, with what was found
    /// there so far.
    pub fn places(&self) -> Vec<Place> {
        let places = self.sources.iter().map(|source| Place {
            location: source.location.clone(),
            found: source.found(),
        });
        places.collect()
    }

    /// The identities of all places that this stage adds.
    fn identities(&self, stage: Stage, recipient: &str) -> Vec<Identity> {
        let sources = self.sources.iter();
        sources
            .flat_map(|source| source.identities(stage, recipient))
            .collect()
    }

    /// The recipients of the identities at hand.
    fn recipients(&self) -> Vec<String> {
        let identities = self.identities(Stage::Ready, "");
        identities.iter().map(|i| i.recipient().into()).collect()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.places()).finish()
    }
}

#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod tests;

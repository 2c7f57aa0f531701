//! age keys: the [`KeyService`] that this crate has.
//!
//! X25519, post-quantum hybrid and SSH recipients; identities behind a
//! passphrase; sops's places for them. [`Age`] remembers every place where
//! identities were looked for.
//!
//! Nothing here reads the environment, runs a program or asks a person for a
//! passphrase unless the caller says so by name.

mod absent;
mod advice;
mod callbacks;
#[cfg(feature = "post-quantum")]
mod hybrid;
mod identity;
mod keyring;
mod once;
mod source;
#[cfg(feature = "ssh")]
mod ssh;
mod unwrap;
mod vars;
mod wrap;

use std::{ffi::OsStr, fmt, fs, path::Path, sync::Arc};

pub use callbacks::{Callbacks, CommandFailure, KeyCommand};
pub use wrap::wrap;

use crate::{
    keys::{
        Advice, Effort, Found, KeyError, KeyKind, KeyService, Location, Place, Recipient, Report,
        Secret, WrappedKey,
    },
    shown::printable,
};
#[cfg(not(feature = "post-quantum"))]
use absent::hybrid;
#[cfg(not(feature = "ssh"))]
use absent::ssh;
use identity::{Identity, Words};
use source::{Kind, Source};

/// Whether [`Age::add_dir`] reads a file of this name: `*.agekey` and
/// `*.txt`, without a dot in front.
///
/// ```
/// use sops_core::age::is_key_file;
/// assert!(is_key_file("cluster.agekey".as_ref()));
/// assert!(!is_key_file("..data".as_ref()));
/// ```
#[must_use]
pub fn is_key_file(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with('.') && (name.ends_with(".agekey") || name.ends_with(".txt"))
}

/// age identities, and where each came from.
///
/// Identities are read once, when their place is added; places that cannot be
/// used are remembered for the [`Report`] and do not keep others from being
/// used. Commands are run, and passphrases asked for, when the identities at
/// hand do not open a file.
///
/// ```
/// use sops_core::{age::Age, keys::{Effort, KeyService, Recipient, Secret}};
///
/// let mut age = Age::default();
/// age.add_identities(
///     "# public key: age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc\n\
///      AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y",
/// );
/// let recipient = Recipient::age("age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc");
/// let key = age.wrap(&recipient, &Secret::from(vec![0; 32]))?;
/// assert_eq!(age.unwrap(&key, Effort::AtHand)?.as_bytes(), [0; 32]);
/// # Ok::<(), sops_core::keys::KeyError>(())
/// ```
#[derive(Default)]
pub struct Age {
    sources: Vec<Source>,
    callbacks: Arc<Callbacks>,
    efforts: Vec<Effort>,
}

impl Age {
    /// No identities yet, and what may be done to get at them.
    #[must_use]
    pub fn new(callbacks: Callbacks) -> Self {
        Age {
            callbacks: Arc::new(callbacks),
            ..Self::default()
        }
    }

    /// Adds the identities of an identity file's text (age-identities §3), or
    /// of one that is encrypted with a passphrase. Says what was found.
    #[must_use = "it says whether the text holds an identity"]
    pub fn add_identities(&mut self, text: impl AsRef<[u8]>) -> Found {
        let kind = Kind::Age(Words::One);
        self.add_told(Source::bytes(
            Location::Given,
            kind,
            text.as_ref(),
            &self.callbacks,
        ))
    }

    /// Adds an SSH private key, ed25519 or RSA. Says what was found.
    #[must_use = "it says whether the text is an SSH key"]
    pub fn add_ssh_key(&mut self, key: impl AsRef<[u8]>) -> Found {
        self.add_told(Source::bytes(
            Location::Given,
            Kind::Ssh,
            key.as_ref(),
            &self.callbacks,
        ))
    }

    /// Adds an identity file. Says what was found.
    #[must_use = "it says whether the file holds an identity"]
    pub fn add_file(&mut self, path: impl AsRef<Path>) -> Found {
        let kind = Kind::Age(Words::One);
        self.add_told(Source::file(None, path.as_ref(), kind, &self.callbacks))
    }

    /// Adds a file with an SSH private key. Says what was found.
    #[must_use = "it says whether the file holds an SSH key"]
    pub fn add_ssh_key_file(&mut self, path: impl AsRef<Path>) -> Found {
        self.add_told(Source::file(
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
            self.add(Source::listed(&path.join(name), &self.callbacks));
        }
    }

    /// Adds a source, and says what it holds. That takes a public key for each
    /// identity, so whoever only reads files leaves it to the report.
    fn add_told(&mut self, source: Source) -> Found {
        let found = source.found();
        self.add(source);
        found
    }

    fn add(&mut self, source: Source) {
        for effort in source.efforts() {
            if !self.efforts.contains(effort) {
                self.efforts.push(*effort);
            }
        }
        self.sources.push(source);
    }

    /// What to do where the file is for an SSH key that is at hand, converted
    /// by ssh-to-age into a key of another kind.
    fn converted(&self, report: &Report) -> Option<Advice> {
        let closed = report.missing().filter(|r| r.kind == KeyKind::Age);
        let closed: Vec<&str> = closed.map(|r| r.recipient.as_str()).collect();
        self.sources.iter().find_map(|source| {
            let recipient = ssh::to_age(source.ssh_recipient()?)?;
            let is_closed = closed.contains(&recipient.as_str());
            is_closed.then(|| advice::converted(&recipient, &source.location))
        })
    }

    /// The identities of all places that an attempt of this effort adds; those
    /// first that the key names.
    fn identities(&self, effort: Effort, recipient: &str) -> Vec<Identity> {
        let sources = self.sources.iter();
        let mut identities: Vec<_> = sources
            .flat_map(|source| source.identities(effort, recipient))
            .collect();
        if identities.len() > 1 {
            identities.sort_by_key(|i| !names(recipient, i.recipient()));
        }
        identities
    }
}

/// Whether an entry's label names a recipient: labels of SSH keys may have a
/// comment at the end.
fn names(label: &str, recipient: &str) -> bool {
    label
        .strip_prefix(recipient)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

impl KeyService for Age {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::Age
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        // An attempt without any identity says what is damaged.
        if self.efforts.is_empty() {
            &[Effort::AtHand]
        } else {
            &self.efforts
        }
    }

    fn recognizes(&self, key: &WrappedKey) -> bool {
        let Recipient::Age { recipient } = key.recipient() else {
            return false;
        };
        let identities = self.identities(Effort::AtHand, "");
        identities.iter().any(|i| names(recipient, i.recipient()))
    }

    fn operations(&self, key: &WrappedKey) -> usize {
        /// Characters of armor that one stanza takes at least.
        const STANZA: usize = 131;
        let stanzas = (key.enc().len() / STANZA).max(1);
        let each: usize = self.sources.iter().map(Source::operations).sum();
        stanzas.saturating_mul(each)
    }

    fn unwrap(&self, key: &WrappedKey, effort: Effort) -> Result<Secret, KeyError> {
        let Recipient::Age { recipient } = key.recipient() else {
            return Err(KeyError::not_ours());
        };
        unwrap::unwrap(key.enc(), || self.identities(effort, recipient)).map_err(|why| {
            match wrap::plugin(recipient) {
                Some(plugin) => why.needing(format!("the age plugin {plugin}")),
                None => why,
            }
        })
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let Recipient::Age { recipient } = to else {
            return Err(KeyError::not_ours());
        };
        wrap(secret.as_bytes(), recipient).map(|enc| WrappedKey::new(to.clone(), enc))
    }

    fn places(&self) -> Vec<Place> {
        let places = self.sources.iter().map(|source| Place {
            location: source.location.clone(),
            found: source.found(),
        });
        places.collect()
    }

    fn advice(&self, report: &Report) -> Option<Advice> {
        Some(
            self.converted(report)
                .unwrap_or_else(|| advice::choose(report)),
        )
    }

    fn forget_failures(&self) {
        self.sources.iter().for_each(Source::forget_failures);
    }
}

/// Shows the places, and what was found there.
impl fmt::Debug for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.places()).finish()
    }
}

#[cfg(test)]
mod tests;

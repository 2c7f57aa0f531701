//! The file with the passphrase of private keys.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sops_core::{
    keys::{Found, Location, Place},
    shown::printable,
};
use zeroize::Zeroizing;

use super::Passphrase;
use crate::{home::read_file, limits};

/// The file that holds the passphrase of the keys in files and in GnuPG's home,
/// read when it is first needed.
#[derive(Default)]
pub(crate) struct PassphraseFile {
    place: Option<(Option<&'static str>, PathBuf)>,
    read: Mutex<Option<Result<Zeroizing<Vec<u8>>, Found>>>,
}

impl PassphraseFile {
    /// A file at a path.
    pub(crate) fn new(variable: Option<&'static str>, path: PathBuf) -> Self {
        PassphraseFile {
            place: Some((variable, path)),
            read: Mutex::default(),
        }
    }

    /// Whether it is the file at a path.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        self.place.as_ref().is_some_and(|(_, own)| own == path)
    }

    /// Whether a file was named.
    pub(crate) fn is_set(&self) -> bool {
        self.place.is_some()
    }

    /// The passphrase, where the file holds one.
    pub(crate) fn get(&self) -> Passphrase {
        let (_, path) = self.place.as_ref()?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read.get_or_insert_with(|| {
            let file = read_file(path, limits::PASSPHRASE);
            let file = file.map_err(|error| Found::from_io(&error, path))?;
            // What `echo` and editors put at the end is no part of it.
            let text = file.strip_suffix(b"\n").unwrap_or(&file);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.is_empty() {
                return Err(Found::Unusable {
                    why: "no passphrase in it".into(),
                });
            }
            Ok(Zeroizing::new(text.to_vec()))
        });
        read.as_ref().ok().cloned()
    }

    /// Forgets what was read.
    pub(crate) fn forget(&self) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The place, where one was named.
    pub(crate) fn place(&self) -> Option<Place> {
        let (variable, path) = self.place.as_ref()?;
        let location = Location::File {
            variable: variable.map(Into::into),
            path: printable(&path.to_string_lossy()),
        };
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &*read {
            None => Found::Usable {
                what: "a passphrase; not needed".into(),
            },
            Some(Ok(_)) => Found::Usable {
                what: "a passphrase".into(),
            },
            Some(Err(found)) => found.clone(),
        };
        Some(Place::new(location, found))
    }
}

//! Plaintext in files, for other programs: in a folder of its owner alone,
//! gone when it is no longer needed, also where this process is ended by a
//! signal.

use std::{
    fs::{DirBuilder, OpenOptions},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{
    process::Lookup,
    signals::{self, OnSignal, Temporary},
};

/// A folder that is removed with all that is in it.
pub(crate) struct PrivateDir(Temporary);

impl PrivateDir {
    /// A new folder in `TMPDIR`, else in `/tmp`.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(crate) fn new(var: &Lookup<'_>, prefix: &str, on_signal: OnSignal) -> io::Result<Self> {
        signals::watch(on_signal)?;
        let parent = var("TMPDIR").filter(|dir| !dir.is_empty());
        let parent = parent.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        for _ in 0..100 {
            let path = parent.join(format!("{prefix}{}", random()));
            match Temporary::make(&path, |path| DirBuilder::new().mode(0o700).create(path)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => return other.map(|(folder, ())| PrivateDir(folder)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A new file of this name, for its owner alone.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(crate) fn write(&self, name: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(&path)?.write_all(bytes)?;
        Ok(path)
    }
}

/// A number for the name of a file: nobody knows it before.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

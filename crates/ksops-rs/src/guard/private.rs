//! A folder for the temporary files of one build: of its owner alone, removed
//! at the end, and by the next start where a build was killed.

mod remove;

use std::{
    fs::{self, DirBuilder, File},
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    process::geteuid,
};

use remove::remove;

/// What the names of such folders begin with.
const PREFIX: &str = "ksops-guard-";

/// A folder that is removed with all that is in it.
pub(super) struct PrivateDir {
    path: PathBuf,
    /// Locked as long as this process lives: so the next one knows.
    _lock: File,
}

impl PrivateDir {
    /// A new folder in this one, from which what killed builds left is removed.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        for _ in 0..100 {
            let number = RandomState::new().build_hasher().finish();
            let path = parent.join(format!("{PREFIX}{number:016x}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            // Another one that starts may take it for a leftover before it is
            // locked.
            if let Some(lock) = lock(&path) {
                return Ok(PrivateDir { path, _lock: lock });
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        remove(&self.path, &mut { ALL });
    }
}

/// How many entries of others' leftovers a build removes before it starts: a
/// few milliseconds of work.
const SWEPT: usize = 1_000;

/// How many of its own it removes in the end. One whose programs make files
/// faster than they are removed is not waited for.
const ALL: usize = 1_000_000;

/// Opens and locks a folder, if nobody else holds it and it is still there.
fn lock(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty()).ok()?);
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    let (there, opened) = (fs::symlink_metadata(path).ok()?, file.metadata().ok()?);
    ((there.dev(), there.ino()) == (opened.dev(), opened.ino())).then_some(file)
}

/// Removes the folders of builds that were killed, a part of them where they
/// are large: the next build goes on. Those of others stay.
fn sweep(parent: &Path) {
    let own = geteuid().as_raw();
    let mut effort = SWEPT;
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_private = name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if !is_private || entry.metadata().map_or(true, |found| found.uid() != own) {
            continue;
        }
        let path = entry.path();
        if let Some(_lock) = lock(&path) {
            remove(&path, &mut effort);
        }
    }
}

#[cfg(test)]
mod tests;

//! A folder for the temporary files of one build: of its owner alone, removed
//! at the end, and by the next start where a build was killed.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    process::geteuid,
};

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
        remove(&self.path);
    }
}

/// Opens and locks a folder, if nobody else holds it and it is still there.
fn lock(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty()).ok()?);
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    let (there, opened) = (fs::symlink_metadata(path).ok()?, file.metadata().ok()?);
    ((there.dev(), there.ino()) == (opened.dev(), opened.ino())).then_some(file)
}

/// Removes the folders of builds that were killed. Those of others, and what
/// cannot be removed, stay.
fn sweep(parent: &Path) {
    let own = geteuid().as_raw();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_private = name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if !is_private || entry.metadata().map_or(true, |found| found.uid() != own) {
            continue;
        }
        let path = entry.path();
        if let Some(_lock) = lock(&path) {
            remove(&path);
        }
    }
}

/// Removes a folder, also one in which somebody closed folders to their owner.
fn remove(path: &Path) {
    if fs::remove_dir_all(path).is_err() {
        open_up(path, 0);
        let _ = fs::remove_dir_all(path);
    }
}

fn open_up(folder: &Path, depth: u32) {
    const DEEPEST: u32 = 1000;
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth < DEEPEST {
            open_up(&entry.path(), depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn it_is_gone_at_the_end_whatever_is_in_it() {
        let temp = tempfile::tempdir().unwrap();
        let outside = temp.path().join("outside");
        fs::write(&outside, "").unwrap();
        let dir = PrivateDir::new(temp.path()).unwrap();
        assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o7777, 0o700);
        let closed = dir.path().join("closed/more");
        fs::create_dir_all(&closed).unwrap();
        symlink(&outside, closed.join("link")).unwrap();
        symlink(temp.path(), dir.path().join("up")).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        drop(dir);
        assert_eq!(names(temp.path()), [outside]);
    }

    #[test]
    fn what_a_killed_build_left_is_removed_by_the_next() {
        let temp = tempfile::tempdir().unwrap();
        let left = temp.path().join(format!("{PREFIX}0123"));
        fs::create_dir_all(left.join("clone")).unwrap();
        let others = ["ksops", "ksops-guard", "x"].map(|name| temp.path().join(name));
        for other in &others {
            fs::create_dir(other).unwrap();
        }
        symlink(&others[2], temp.path().join(format!("{PREFIX}link"))).unwrap();
        fs::write(others[2].join("kept"), "").unwrap();
        let first = PrivateDir::new(temp.path()).unwrap();
        assert!(!left.exists());
        // One that is in use stays.
        let second = PrivateDir::new(temp.path()).unwrap();
        assert!(first.path().exists() && second.path().exists());
        assert!(others[2].join("kept").exists());
        drop((first, second));
        assert_eq!(names(temp.path()).len(), 4);
    }
}

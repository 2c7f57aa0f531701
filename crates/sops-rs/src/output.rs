//! Writing a file so that it is whole or not there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
};

/// Who may read a file that was not there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum New {
    /// Its owner alone: it holds plaintext.
    Private,
    /// Whoever the umask lets: it is encrypted.
    ForAll,
}

/// Puts `bytes` in the place of the file at `path`, through a temporary file
/// beside it. A new file is readable by whom [`New`]
/// says; an existing one keeps its mode and owner. What is no regular file (a pipe), or is one that
/// somebody has open (`/dev/stdout`), is written to as it is.
///
/// # Errors
///
/// Those of the operating system; the file at `path` is then as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8], new: New) -> io::Result<()> {
    let existing = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() || is_descriptor(path) => {
            let mut options = OpenOptions::new();
            return options
                .write(true)
                .truncate(true)
                .open(path)?
                .write_all(bytes);
        }
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // Through symbolic links, which are to stay. A dangling one is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mode = match (&existing, new) {
        (None, New::ForAll) => 0o666,
        _ => 0o600,
    };
    let (temporary, mut file) = create_beside(&target, mode)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| match &existing {
            Some(metadata) => keep_owner_and_mode(&file, &temporary, metadata),
            None => Ok(()),
        })
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Whether a path stands for an open descriptor: another file in its place
/// would not be seen by those who hold it open.
fn is_descriptor(path: &Path) -> bool {
    ["/dev", "/proc"].iter().any(|dir| path.starts_with(dir))
}

/// A new file in the directory of `target`, of this mode, without what the
/// umask takes away.
fn create_beside(target: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    if target.file_name().is_none() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for attempt in 0..100 {
        // Not made of the target's name, which may be as long as names can be.
        let path = target.with_file_name(format!(".ksops-rs-{}-{attempt}.tmp", process::id()));
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
        {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|file| (path, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn keep_owner_and_mode(file: &File, path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
        // Only root may give files away; for anyone else the new file is
        // theirs, as it is with most editors.
        let _ = std::os::unix::fs::chown(path, Some(metadata.uid()), Some(metadata.gid()));
    }
    file.set_permissions(metadata.permissions())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        replace(&path, b"one", New::Private).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn an_existing_file_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "long content").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"two", New::Private).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn a_symbolic_link_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink("file", &link).unwrap();
        replace(&link, b"new", New::Private).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn a_name_may_be_as_long_as_names_can_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n".repeat(255));
        fs::write(&path, "old").unwrap();
        replace(&path, b"new", New::Private).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    /// As `/dev/stdout` where stdout is a file.
    #[test]
    #[cfg(target_os = "linux")]
    fn an_open_file_stays_the_same_file() {
        use std::{io::Read, os::fd::AsRawFd};

        let mut open = tempfile::tempfile().unwrap();
        open.write_all(b"long content").unwrap();
        let path = format!("/proc/self/fd/{}", open.as_raw_fd());
        replace(Path::new(&path), b"new", New::Private).unwrap();
        let mut text = String::new();
        io::Seek::rewind(&mut open).unwrap();
        open.read_to_string(&mut text).unwrap();
        assert_eq!(text, "new");
    }

    #[test]
    fn failure_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(replace(dir.path(), b"x", New::Private).is_err());
        assert!(replace(&dir.path().join("none/a"), b"x", New::Private).is_err());
        assert!(names(dir.path()).is_empty());
    }
}

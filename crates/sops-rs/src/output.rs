//! Writing a file so that it is whole or not there, and nothing besides it,
//! also where the process is ended while it writes.
//!
//! A file is written without a name (`O_TMPFILE`): it is gone when the process
//! is. Finished, it gets the name it is for, where that is free; else a name
//! of its own, and takes the other's place at once. Between these two, and
//! nowhere else, SIGKILL leaves a second file. Where that cannot be done (a
//! file system without such files, a folder that cannot be written, a file
//! that is mounted or has an owner that we cannot give to another) the file is
//! written in place, as sops does; where it holds nothing but ciphertext,
//! beside its place first.

mod attributes;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{
    private::random,
    signals::{self, OnSignal, Temporary},
};

/// Who may read a file that was not there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum New {
    /// Its owner alone: it holds plaintext.
    Private,
    /// Whoever the umask lets: it is encrypted.
    ForAll,
}

/// Why a file was not written.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: io::Error,
    /// Whether what was in the file before is gone.
    pub(crate) is_cut: bool,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure {
            error,
            is_cut: false,
        }
    }
}

/// Puts `bytes` in the place of the file at `path`. A new file is readable by
/// whom [`New`] says; an existing one keeps its mode, its owner, its access
/// control list and other attributes, and its other names, and symbolic links
/// stay. One that must not be written is not replaced either. What is no regular file (a pipe), or is one
/// that somebody has open (`/dev/stdout`), is written to as it is.
///
/// # Errors
///
/// Those of the operating system.
pub(crate) fn replace(path: &Path, bytes: &[u8], new: New) -> Result<(), Failure> {
    // Where signals cannot be watched they end the process at once.
    let _ = signals::watch(OnSignal::Die);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(io::Error::from(io::ErrorKind::IsADirectory).into())
        }
        // Another file in the place of one that has several names would not
        // be seen under the others.
        Ok(metadata) if !metadata.is_file() || is_descriptor(path) || metadata.nlink() > 1 => {
            in_place(path, bytes)
        }
        Ok(metadata) => exchange(&fs::canonicalize(path)?, bytes, new, &metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(create(&followed(path)?, bytes, new)?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a path stands for an open descriptor: another file in its place
/// would not be seen by those who hold it open.
fn is_descriptor(path: &Path) -> bool {
    ["/dev", "/proc"].iter().any(|dir| path.starts_with(dir))
}

/// Where a path leads that may be a symbolic link to what is not there.
fn followed(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        match fs::read_link(&path) {
            Ok(next) => path = folder(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The folder that a path's last name is in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file that was not there.
fn create(target: &Path, bytes: &[u8], new: New) -> io::Result<()> {
    if target.file_name().is_none() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mode = match new {
        New::Private => 0o600,
        New::ForAll => 0o666,
    };
    if let Ok(mut file) = unnamed(folder(target), mode) {
        write(&mut file, bytes)?;
        match link(&file, target) {
            Ok(()) => return step("linked"),
            // Somebody else made one meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return through_a_name(&file, target);
            }
            Err(_) => {}
        }
    }
    let open = |path: &Path| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode).open(path)
    };
    let (made, mut file) = Temporary::make(target, open)?;
    step("opened")?;
    write(&mut file, bytes)?;
    made.keep(|_| Ok(()))
}

/// A file in the place of another.
fn exchange(target: &Path, bytes: &[u8], new: New, metadata: &fs::Metadata) -> Result<(), Failure> {
    // Whoever took the right to write away from a file meant its content.
    let old = OpenOptions::new().write(true).open(target)?;
    if let Ok(mut file) = unnamed(folder(target), 0o600) {
        write(&mut file, bytes)?;
        let placed = keep_rights(&file, &old, metadata);
        if placed.and_then(|()| through_a_name(&file, target)).is_ok() {
            return Ok(());
        }
    } else if new == New::ForAll
        && let Ok(done) = from_beside(target, bytes, &old, metadata)
    {
        return Ok(done?);
    }
    in_place(target, bytes)
}

/// Through a file beside it, which is there while it is written: for
/// ciphertext. The outer error says that it cannot be done in this way.
fn from_beside(
    target: &Path,
    bytes: &[u8],
    old: &File,
    metadata: &fs::Metadata,
) -> io::Result<io::Result<()>> {
    let open = |path: &Path| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(path)
    };
    let (made, mut file) = Temporary::make(&beside(target), open)?;
    step("opened")?;
    if let Err(error) = write(&mut file, bytes) {
        return Ok(Err(error));
    }
    keep_rights(&file, old, metadata)?;
    made.keep(|path| fs::rename(path, target))?;
    Ok(step("renamed"))
}

/// Into the file that is there.
fn in_place(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    step("cut")
        .and_then(|()| file.write_all(bytes))
        .map_err(|error| Failure {
            error,
            is_cut: true,
        })?;
    // Of a pipe there is nothing to be kept.
    let _ = file.sync_all();
    Ok(())
}

fn write(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()?;
    step("written")
}

/// A name beside a file that nobody else uses. Not made of the file's own,
/// which may be as long as names can be.
fn beside(target: &Path) -> PathBuf {
    target.with_file_name(format!(".sops-rs-{:016x}.tmp", random()))
}

/// A file without a name in a folder, of this mode without what the umask
/// takes away.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path, mode: u32) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    step("unnamed")?;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = open(folder, flags, Mode::from_raw_mode(mode))?;
    step("opened")?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &Path, _: u32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives a file without a name one that is free.
#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd;
    step("link")?;
    // The file itself can be linked by root alone.
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, &own, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn link(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Puts a file without a name in the place of another: no call of the system
/// does that, so that it has a name of its own for a moment.
fn through_a_name(file: &File, target: &Path) -> io::Result<()> {
    signals::uninterrupted(|| {
        let name = beside(target);
        link(file, &name)?;
        let renamed = step("named").and_then(|()| fs::rename(&name, target));
        if renamed.is_err() {
            let _ = fs::remove_file(&name);
        }
        renamed
    })?;
    step("renamed")
}

/// Owner, mode and attributes of the file whose place another takes.
///
/// # Errors
///
/// Where the owner would be another one: only root may give files away.
fn keep_rights(file: &File, old: &File, metadata: &fs::Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
        std::os::unix::fs::fchown(file, Some(metadata.uid()), Some(metadata.gid()))?;
    }
    file.set_permissions(metadata.permissions())?;
    attributes::copy(old, file)
}

/// What tests look at, and where they let things fail.
#[cfg(not(test))]
fn step(_: &str) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use tests::step;

#[cfg(test)]
mod tests;

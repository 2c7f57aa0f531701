//! Puts a chart that helm unpacked into the checkout.

use std::{
    collections::hash_map::RandomState,
    ffi::OsStr,
    fs,
    hash::{BuildHasher, Hasher},
    io,
    path::{Component, Path},
};

use rustix::{
    fs::{Mode, OFlags, mkdirat, open, openat},
    io::Errno,
};

/// The most that a chart may hold: entries, bytes, and folders in folders.
const MAX_ENTRIES: usize = 20_000;
const MAX_BYTES: u64 = 512 << 20;
const MAX_DEPTH: usize = 64;

/// Copies the folder `name` in `from` to `folder` below the root, whose folders
/// are made: all of it or nothing, so that a build that runs at the same time,
/// or the next one after this process was killed, finds no half of it.
///
/// Folders and files only, and nothing that is called `.git`: git would take
/// the folder that holds it for a repository, with the settings and hooks that
/// are in it.
///
/// # Errors
///
/// Those of the operating system; where a symbolic link is in the way, or the
/// chart is out of all measure.
pub(in crate::guard) fn place(
    root: &Path,
    folder: &Path,
    from: &Path,
    name: &str,
) -> io::Result<()> {
    let from = from.join(name);
    if !fs::symlink_metadata(&from)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    make(root, folder)?;
    let folder = root.join(folder);
    let number = RandomState::new().build_hasher().finish();
    let part = folder.join(format!(".ksops-guard-{number:016x}"));
    let mut left = Left {
        entries: MAX_ENTRIES,
        bytes: MAX_BYTES,
    };
    let copied = copy(&from, &part, &mut left, MAX_DEPTH).and_then(|()| {
        match fs::rename(&part, folder.join(name)) {
            // Another build was faster.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                fs::remove_dir_all(&part)
            }
            renamed => renamed,
        }
    });
    if copied.is_err() {
        let _ = fs::remove_dir_all(&part);
    }
    copied
}

/// What may still be copied.
struct Left {
    entries: usize,
    bytes: u64,
}

fn copy(from: &Path, to: &Path, left: &mut Left, depth: usize) -> io::Result<()> {
    let too_much = || io::Error::other("the chart is too large");
    let deeper = depth.checked_sub(1).ok_or_else(too_much)?;
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_of_git(&name) {
            continue;
        }
        left.entries = left.entries.checked_sub(1).ok_or_else(too_much)?;
        // Of the entry itself, not of where a link leads.
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            copy(&entry.path(), &to.join(name), left, deeper)?;
        } else if metadata.is_file() {
            left.bytes = left
                .bytes
                .checked_sub(metadata.len())
                .ok_or_else(too_much)?;
            fs::write(to.join(name), fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

fn is_of_git(name: &OsStr) -> bool {
    name.eq_ignore_ascii_case(".git")
}

/// Makes a folder below the root, step by step through real folders.
fn make(root: &Path, path: &Path) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = open(root, flags, Mode::empty())?;
    for step in path.components() {
        let name = match step {
            Component::Normal(name) if !is_of_git(name) => name,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        at = match openat(&at, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                let mode = Mode::RWXU | Mode::RGRP | Mode::XGRP;
                match mkdirat(&at, name, mode) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                openat(&at, name, flags, Mode::empty())?
            }
            opened => opened?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::PathBuf};

    use super::*;

    fn names(dir: &Path) -> Vec<PathBuf> {
        let mut all: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap())
            .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
                true => names(&entry.path()),
                false => vec![entry.path()],
            })
            .collect();
        all.sort();
        all
    }

    fn write(path: PathBuf) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }

    #[test]
    fn nothing_that_git_would_take_for_a_repository_comes_with_it() {
        let temp = tempfile::tempdir().unwrap();
        let (root, from) = (temp.path().join("root"), temp.path().join("from"));
        fs::create_dir(&root).unwrap();
        for file in [
            "web/Chart.yaml",
            "web/templates/a.yaml",
            "web/.git/config",
            "web/.GIT/hooks/x",
            "web/sub/.git",
            "web/.gitignore",
            "other/file",
        ] {
            write(from.join(file));
        }
        symlink("/etc", from.join("web/link")).unwrap();
        place(&root, Path::new("app/charts/web-1"), &from, "web").unwrap();
        let web = root.join("app/charts/web-1/web");
        let expected = [".gitignore", "Chart.yaml", "templates/a.yaml"].map(|name| web.join(name));
        assert_eq!(names(&root), expected);
        // What is there stays.
        write(from.join("web/new"));
        place(&root, Path::new("app/charts/web-1"), &from, "web").unwrap();
        assert_eq!(names(&root), expected);
    }

    #[test]
    fn no_link_is_followed_and_nothing_is_made_in_git() {
        let temp = tempfile::tempdir().unwrap();
        let (root, from) = (temp.path().join("root"), temp.path().join("from"));
        fs::create_dir_all(root.join(".git/hooks")).unwrap();
        fs::create_dir(temp.path().join("outside")).unwrap();
        write(from.join("web/Chart.yaml"));
        for target in [".git/hooks", "../outside", "/tmp", ".."] {
            let link = root.join("charts");
            symlink(target, &link).unwrap();
            assert!(
                place(&root, Path::new("charts"), &from, "web").is_err(),
                "{target}"
            );
            assert!(
                place(&root, Path::new("charts/x"), &from, "web").is_err(),
                "{target}"
            );
            fs::remove_file(link).unwrap();
        }
        for folder in [".git/hooks", "../outside", "x/.GIT"] {
            assert!(
                place(&root, Path::new(folder), &from, "web").is_err(),
                "{folder}"
            );
        }
        assert_eq!(names(&root), [""; 0].map(PathBuf::from));
        assert_eq!(
            names(&temp.path().join("outside")),
            [""; 0].map(PathBuf::from)
        );
        // Nor is a chart that is a link itself.
        symlink("/etc", from.join("linked")).unwrap();
        assert!(place(&root, Path::new("charts"), &from, "linked").is_err());
    }

    #[test]
    fn a_chart_without_end_leaves_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let (root, from) = (temp.path().join("root"), temp.path().join("from"));
        fs::create_dir(&root).unwrap();
        write(from.join("web").join("d/".repeat(MAX_DEPTH)).join("x"));
        let error = place(&root, Path::new("charts"), &from, "web").unwrap_err();
        assert_eq!(error.to_string(), "the chart is too large");
        assert_eq!(names(&root), [""; 0].map(PathBuf::from));
    }
}

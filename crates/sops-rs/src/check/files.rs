//! Which files are looked at: those that are named, and of folders all, or in
//! a repository of git those that are tracked.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Error, Result,
    error::{io_reason, path_name},
    glob::Glob,
    process::Process,
};

/// A file that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listed {
    /// As it was typed, or found below what was typed.
    pub(crate) path: PathBuf,
    /// Whether somebody named this very file.
    pub(crate) named: bool,
}

/// What is looked at, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) listed: Vec<Listed>,
    pub(crate) failed: Vec<Error>,
    pub(crate) warnings: Vec<String>,
}

/// How deep folders are looked into.
const MAX_DEPTH: usize = 100;

impl Files {
    /// The files among and below what was named, without those that are
    /// excluded; each once, in order.
    pub(crate) fn find(process: &Process<'_>, named: &[PathBuf], exclude: &[Glob]) -> Self {
        let mut files = Files::default();
        for path in named {
            match process.resolve(path).metadata() {
                Ok(metadata) if metadata.is_dir() => files.folder(process, path, 0),
                Ok(metadata) if metadata.is_file() => files.listed.push(Listed {
                    path: path.clone(),
                    named: true,
                }),
                Ok(_) => files.fail(path, "neither a file nor a folder"),
                Err(error) => files.fail(path, &io_reason(&error)),
            }
        }
        let is_excluded = |path: &Path| exclude.iter().any(|glob| glob.matches(path));
        files.listed.retain(|file| !is_excluded(&file.path));
        // Of two mentions the one that names the file is kept.
        files
            .listed
            .sort_by(|a, b| (&a.path, !a.named).cmp(&(&b.path, !b.named)));
        files.listed.dedup_by(|a, b| a.path == b.path);
        files
    }

    fn fail(&mut self, path: &Path, reason: &str) {
        let error = Error::new(format!("cannot read {}: {reason}", path_name(path)))
            .advise("name files and folders that can be read")
            .about(path.to_string_lossy().into_owned())
            .of_kind("read");
        self.failed.push(error);
    }

    fn folder(&mut self, process: &Process<'_>, folder: &Path, depth: usize) {
        let is_repository = if depth == 0 {
            is_in_repository(&process.resolve(folder))
        } else {
            process.resolve(&folder.join(".git")).exists()
        };
        if is_repository {
            match tracked(process, folder) {
                Ok(Some(paths)) => return self.listed.extend(paths),
                Ok(None) => {
                    let warning =
                        "git is not on PATH: files that are not tracked are looked at too";
                    if !self.warnings.iter().any(|known| known == warning) {
                        self.warnings.push(warning.into());
                    }
                }
                Err(error) => return self.failed.push(error),
            }
        }
        self.walk(process, folder, depth);
    }

    /// All files below a folder. Links are not followed: what they lead to is
    /// found where it stands.
    fn walk(&mut self, process: &Process<'_>, folder: &Path, depth: usize) {
        if depth == MAX_DEPTH {
            return self.fail(folder, "too many folders within each other");
        }
        let entries = fs::read_dir(process.resolve(folder))
            .and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.fail(folder, &io_reason(&error)),
        };
        for entry in entries {
            let path = below(folder, &entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && entry.file_name() != ".git" => {
                    self.folder(process, &path, depth + 1);
                }
                Ok(kind) if kind.is_file() => self.listed.push(Listed { path, named: false }),
                Ok(_) => {}
                Err(error) => self.fail(&path, &io_reason(&error)),
            }
        }
    }
}

/// `a/b`, and `b` below the working directory.
fn below(folder: &Path, name: &OsStr) -> PathBuf {
    if folder == Path::new(".") {
        PathBuf::from(name)
    } else {
        folder.join(name)
    }
}

fn is_in_repository(folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else {
        return false;
    };
    let mut folders = folder.ancestors();
    folders.any(|folder| folder.join(".git").exists())
}

/// The files below a folder that git tracks; `None` where there is no git.
fn tracked(process: &Process<'_>, folder: &Path) -> Result<Option<Vec<Listed>>> {
    let output = Command::new("git")
        // Nothing that the repository's own configuration names is run.
        .args(["-c", "core.fsmonitor=false"])
        .arg("-C")
        .arg(process.resolve(folder).join(""))
        .args(["ls-files", "-z", "--cached"])
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let failed = |reason: &str| {
        let place = path_name(folder);
        Error::new(format!("git does not list the files of {place}: {reason}"))
            .advise(format!(
                "`git -C {place} ls-files` shows why; a repository of somebody else takes `git config --global --add safe.directory`"
            ))
            .about(folder.to_string_lossy().into_owned())
            .of_kind("read")
    };
    match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&io_reason(&error))),
        Ok(output) if !output.status.success() => Err(failed("it failed")),
        Ok(output) => {
            let names = output.stdout.split(|b| *b == 0);
            let paths = names
                .filter(|name| !name.is_empty())
                .map(|name| below(folder, OsStr::from_bytes(name)))
                // Not links, submodules, and what is not checked out.
                .filter(|path| {
                    let metadata = process.resolve(path).symlink_metadata();
                    metadata.is_ok_and(|metadata| metadata.is_file())
                });
            Ok(Some(
                paths.map(|path| Listed { path, named: false }).collect(),
            ))
        }
    }
}

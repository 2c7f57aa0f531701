//! Which files may be read, and whose keys are used, where several teams
//! share one Argo CD repo-server.
//!
//! Nothing here is meant to hold against a process that runs beside this one
//! as the same user: see `docs/THREAT-MODEL.md` for what is promised.

mod projects;

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

use crate::{
    Error, Result,
    error::{io_reason, quoted},
    read,
    settings::Lookup,
};

pub use projects::{KEY_DIR, Keys, PROJECT, SHARED, has_projects, is_dns_label, key_dir};

/// `auto`, `off` or an absolute path: see [`Policy::from_vars`].
pub const CONFINE: &str = "KSOPS_CONFINE";

/// Set by Argo CD for every program that renders an application.
pub const APP_NAME: &str = "ARGOCD_APP_NAME";

/// How many symbolic links one path may lead through, as in Linux.
const MAX_LINKS: usize = 40;

/// Whether an application of Argo CD is being rendered. Being set is enough,
/// even to nothing: a KRM function can have variables set, but not unset.
pub fn in_argo_cd(var: &Lookup<'_>) -> bool {
    var(APP_NAME).is_some()
}

/// Which files may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Where relative paths start.
    dir: PathBuf,
    /// The folder outside of which nothing is read; resolved. `None` where
    /// there is no limit.
    root: Option<PathBuf>,
}

/// Why a file is not read.
#[derive(Debug)]
pub enum Refusal {
    /// It is outside of the root, or would be if it was there.
    Outside,
    /// It is a device, a pipe or a socket.
    NotAFile,
    /// The operating system refuses.
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Refusal::Io(error)
    }
}

impl Refusal {
    /// Why, as a lower-case fragment.
    pub fn reason(&self) -> String {
        match self {
            Refusal::Outside => {
                "outside of the repository, where this application may read nothing".into()
            }
            Refusal::NotAFile => "not a regular file".into(),
            Refusal::Io(error) => io_reason(error),
        }
    }

    /// What a person can do.
    pub fn advice(&self) -> String {
        match self {
            Refusal::Outside => format!(
                "keep encrypted files in the repository of the application; the limit is that of {CONFINE} on the repo-server"
            ),
            Refusal::NotAFile => "name a regular file".into(),
            Refusal::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => {
                    "check the path: it starts from the folder of the kustomization.yaml that lists the generator".into()
                }
                io::ErrorKind::PermissionDenied => {
                    "make the file readable by the user that runs kustomize".into()
                }
                io::ErrorKind::IsADirectory => {
                    "name the files in that folder one by one, or by a glob such as `folder/*.enc.yaml`".into()
                }
                _ => "check the path and the file".into(),
            },
        }
    }
}

impl Policy {
    /// No limit: paths start from `dir`.
    pub fn unlimited(dir: &Path) -> Self {
        Policy {
            dir: dir.to_owned(),
            root: None,
        }
    }

    /// What `KSOPS_CONFINE` asks for:
    ///
    /// * `auto`, or nothing: no limit, unless `ARGOCD_APP_NAME` is set; then
    ///   the root is the outermost folder around `dir` that holds `.git`,
    ///   else `dir`;
    /// * `off`: no limit;
    /// * an absolute path: that folder, with or without Argo CD.
    ///
    /// # Errors
    ///
    /// Where it is anything else, or a folder that is not there.
    pub fn from_vars(var: &Lookup<'_>, dir: &Path) -> Result<Self> {
        let value = var(CONFINE).unwrap_or_default();
        match value.to_str() {
            Some("off") => Ok(Policy::unlimited(dir)),
            Some("" | "auto") if in_argo_cd(var) => Policy::repository(dir),
            Some("" | "auto") => Ok(Policy::unlimited(dir)),
            _ if Path::new(&value).is_absolute() => Policy::confined(dir, Path::new(&value)),
            _ => Err(Error::new(format!(
                "{CONFINE} is {}, which is none of: auto, off, an absolute path",
                quoted(&value.to_string_lossy())
            ))
            .advise(format!(
                "unset {CONFINE}, or set it to the folder that files may be read in"
            ))),
        }
    }

    /// Confined to the repository that `dir` is in.
    ///
    /// # Errors
    ///
    /// Where `dir` cannot be resolved.
    pub fn repository(dir: &Path) -> Result<Self> {
        let dir = resolved(dir)?;
        let root = dir
            .ancestors()
            .filter(|folder| folder.join(".git").symlink_metadata().is_ok())
            .last()
            .unwrap_or(&dir)
            .to_owned();
        Ok(Policy {
            dir,
            root: Some(root),
        })
    }

    /// Confined to a folder.
    ///
    /// # Errors
    ///
    /// Where `dir` or `root` cannot be resolved.
    pub fn confined(dir: &Path, root: &Path) -> Result<Self> {
        let root = resolved(root).map_err(|error| error.at(CONFINE))?;
        Ok(Policy {
            dir: resolved(dir)?,
            root: Some(root),
        })
    }

    /// The folder outside of which nothing is read.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Where a path leads, through all symbolic links; as it is where there
    /// is no limit.
    ///
    /// Below the root each name is looked up, and outside of it none is: of
    /// what is there or not, an answer says nothing.
    ///
    /// # Errors
    ///
    /// Where it leads outside, or to nothing.
    pub fn resolve(&self, path: &Path) -> std::result::Result<PathBuf, Refusal> {
        let Some(root) = &self.root else {
            return Ok(self.dir.join(path));
        };
        let mut at = self.dir.clone();
        let mut links = 0;
        let mut rest = steps(path);
        while let Some(step) = rest.pop() {
            match step {
                Step::Root => at = PathBuf::from("/"),
                Step::Up => {
                    at.pop();
                }
                Step::Down(name) => {
                    let next = at.join(name);
                    // The folders around the root are there, as it is.
                    if root.starts_with(&next) {
                        at = next;
                        continue;
                    }
                    if !next.starts_with(root) {
                        return Err(Refusal::Outside);
                    }
                    if !fs::symlink_metadata(&next)?.is_symlink() {
                        at = next;
                        continue;
                    }
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Refusal::Io(io::Error::other("too many symbolic links")));
                    }
                    rest.extend(steps(&fs::read_link(&next)?));
                }
            }
        }
        if at.starts_with(root) {
            Ok(at)
        } else {
            Err(Refusal::Outside)
        }
    }

    /// Reads a file whole.
    ///
    /// # Errors
    ///
    /// Where the policy or the operating system refuses.
    pub fn read(&self, path: &Path) -> std::result::Result<Vec<u8>, Refusal> {
        let real = self.resolve(path)?;
        if self.root.is_none() {
            return Ok(read::file(&real)?);
        }
        // A pipe would have to be opened from both ends.
        regular(&fs::symlink_metadata(&real)?)?;
        let file = File::open(&real)?;
        regular(&file.metadata()?)?;
        self.check_opened(&file, path)?;
        Ok(read::opened(file)?)
    }

    /// Whether the file that was opened is inside: between looking at a path
    /// and opening it, a link may have been put there.
    fn check_opened(&self, file: &File, path: &Path) -> std::result::Result<(), Refusal> {
        let root = self.root.as_deref().unwrap_or(Path::new("/"));
        let inside = match fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) {
            Ok(opened) => opened.starts_with(root),
            // Without /proc: that the path still leads to the same file.
            Err(_) => {
                let there = fs::symlink_metadata(self.resolve(path)?)?;
                let opened = file.metadata()?;
                (there.dev(), there.ino()) == (opened.dev(), opened.ino())
            }
        };
        if inside {
            Ok(())
        } else {
            Err(Refusal::Outside)
        }
    }
}

fn regular(metadata: &fs::Metadata) -> std::result::Result<(), Refusal> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(Refusal::Io(io::ErrorKind::IsADirectory.into()))
    } else {
        Err(Refusal::NotAFile)
    }
}

enum Step {
    Root,
    Up,
    Down(OsString),
}

/// The steps of a path, the first one last.
fn steps(path: &Path) -> Vec<Step> {
    let steps = path.components().filter_map(|component| match component {
        Component::RootDir => Some(Step::Root),
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    });
    let mut steps: Vec<_> = steps.collect();
    steps.reverse();
    steps
}

fn resolved(dir: &Path) -> Result<PathBuf> {
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    fs::canonicalize(dir).map_err(|error| {
        Error::io(
            format_args!("cannot find the folder {}", quoted(&dir.to_string_lossy())),
            &error,
        )
    })
}

#[cfg(test)]
mod tests;

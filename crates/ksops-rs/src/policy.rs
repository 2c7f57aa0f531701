//! Which files may be read where several teams share one Argo CD repo-server.
//!
//! Nothing here is meant to hold against a process that runs beside this one
//! as the same user: see `docs/THREAT-MODEL.md` for what is promised.

mod root;
mod tenant;

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

use sops_core::limits;

use crate::{
    Error, Result, Settings,
    error::{io_reason, quoted},
    read,
    settings::{CONFINE, Confine, FILE_SIZE},
};

pub use root::{Root, Why};
pub use tenant::Tenant;

/// How many symbolic links one path may lead through, as in Linux.
const MAX_LINKS: usize = 40;

/// Which files may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Where relative paths start.
    dir: PathBuf,
    /// The folder outside of which nothing is read. `None` where there is no
    /// limit.
    root: Option<Root>,
}

/// A file, told apart from others by what it is and not by its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// Why a file is not read.
#[derive(Debug)]
pub enum Refusal {
    /// It is outside of this root, or would be if it was there.
    Outside(Box<Root>),
    /// It is a device, a pipe or a socket.
    NotAFile,
    /// It has more bytes than this.
    TooLarge(usize),
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
            Refusal::Outside(root) => format!("outside of {root}"),
            Refusal::NotAFile => "not a regular file".into(),
            Refusal::TooLarge(most) => format!("more than {}", size(*most)),
            Refusal::Io(error) => io_reason(error),
        }
    }

    /// What a person can do.
    pub fn advice(&self) -> String {
        match self {
            Refusal::Outside(_) => format!(
                "keep encrypted files in the repository of the application; the limit is that of {CONFINE} on the repo-server"
            ),
            Refusal::TooLarge(most) if *most < limits::FILE_SIZE => format!(
                "split the file, as Kubernetes takes no Secret above 1 MiB; or raise {FILE_SIZE}, up to {}",
                size(limits::FILE_SIZE)
            ),
            Refusal::TooLarge(_) => "split the file".into(),
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

    /// What the settings ask for: no limit, the repository that `dir` is in
    /// ([`Root::around`]), or a folder of the administrator's choice. `parent`
    /// is the working directory of the process that started this one.
    ///
    /// # Errors
    ///
    /// Where a folder cannot be resolved.
    pub fn new(settings: &Settings, dir: &Path, parent: Option<&Path>) -> Result<Self> {
        match &settings.confine {
            Confine::Off => Ok(Policy::unlimited(dir)),
            Confine::Auto if settings.guard_root.is_some() => {
                let mut policy = Policy::repository(dir, settings.source_path.as_deref(), parent)?;
                // A remote base is outside, and a repository of its own.
                if let Some(root) = &settings.guard_root
                    && policy.dir.starts_with(root)
                {
                    policy.root = Some(Root {
                        folder: root.clone(),
                        why: Why::Guard,
                    });
                }
                Ok(policy)
            }
            Confine::Auto if settings.argo_cd => {
                Policy::repository(dir, settings.source_path.as_deref(), parent)
            }
            Confine::Auto => Ok(Policy::unlimited(dir)),
            Confine::Folder(root) => Ok(Policy {
                root: Some(Root {
                    folder: resolved(root).map_err(|error| error.at(CONFINE))?,
                    why: Why::Set,
                }),
                dir: resolved(dir)?,
            }),
        }
    }

    /// Confined to the repository that `dir` is in, see [`Root::around`].
    ///
    /// # Errors
    ///
    /// Where `dir` cannot be resolved.
    pub fn repository(
        dir: &Path,
        source_path: Option<&Path>,
        parent: Option<&Path>,
    ) -> Result<Self> {
        let dir = resolved(dir)?;
        Ok(Policy {
            root: Some(Root::around(&dir, source_path, parent)),
            dir,
        })
    }

    /// The folder outside of which nothing is read.
    pub fn root(&self) -> Option<&Root> {
        self.root.as_ref()
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
        let Some(Root { folder: root, .. }) = &self.root else {
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
                        return Err(self.outside());
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
            Err(self.outside())
        }
    }

    fn outside(&self) -> Refusal {
        let root = self.root.clone().map(Box::new);
        root.map_or(Refusal::NotAFile, Refusal::Outside)
    }

    /// Which file a path leads to, whatever it is called.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn identity(&self, path: &Path) -> std::result::Result<Identity, Refusal> {
        let metadata = fs::metadata(self.resolve(path)?)?;
        Ok(Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// Reads a file whole, of so many bytes at most.
    ///
    /// # Errors
    ///
    /// Where the policy or the operating system refuses, or it is larger.
    pub fn read(&self, path: &Path, most: usize) -> std::result::Result<Vec<u8>, Refusal> {
        let real = self.resolve(path)?;
        if self.root.is_none() {
            return read::opened(File::open(&real)?, most)?.ok_or(Refusal::TooLarge(most));
        }
        // A pipe would have to be opened from both ends.
        regular(&fs::symlink_metadata(&real)?)?;
        let file = File::open(&real)?;
        regular(&file.metadata()?)?;
        let opened = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
        self.check_opened(&file, opened, path)?;
        read::opened(file, most)?.ok_or(Refusal::TooLarge(most))
    }

    /// Whether the file that was opened, at this place if that can be told, is
    /// inside: between looking at a path and opening it, a link may have been
    /// put there.
    fn check_opened(
        &self,
        file: &File,
        opened: io::Result<PathBuf>,
        path: &Path,
    ) -> std::result::Result<(), Refusal> {
        let root = self.root.as_ref();
        let root = root.map_or(Path::new("/"), |root| &root.folder);
        let inside = match opened {
            Ok(opened) => opened.starts_with(root),
            // Without /proc: that the path still leads to the same file.
            Err(_) => {
                let there = fs::symlink_metadata(self.resolve(path)?)?;
                let opened = file.metadata()?;
                (there.dev(), there.ino()) == (opened.dev(), opened.ino())
            }
        };
        if inside { Ok(()) } else { Err(self.outside()) }
    }
}

/// A number of bytes for people.
fn size(bytes: usize) -> String {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
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

//! The folder that the files of an application may be in.

use std::{
    fmt,
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use crate::{error::path_name, settings::SOURCE_PATH};

/// The folder outside of which nothing is read. Displayed as
/// `/checkout, the repository (its .git)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The folder; resolved.
    pub folder: PathBuf,
    /// Why it is that one.
    pub why: Why,
}

/// Why a folder is the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// `KSOPS_CONFINE` names it.
    Set,
    /// `ksops guard` found it, and lets nothing else be read.
    Guard,
    /// It holds `.git`.
    Git,
    /// It is what stands before `ARGOCD_APP_SOURCE_PATH`.
    SourcePath,
    /// The process that started this one works there.
    Parent,
    /// This process works there, and nothing else is known.
    Working,
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&path_name(&self.folder))?;
        match self.why {
            Why::Set => f.write_str(", the folder that KSOPS_CONFINE names"),
            Why::Guard => f.write_str(", the repository that ksops guard lets this build read"),
            Why::Git => f.write_str(", the repository (the nearest .git is there)"),
            Why::SourcePath => write!(f, ", the repository (what stands before {SOURCE_PATH})"),
            Why::Parent => f.write_str(
                ", the repository (there is no .git, and kustomize was started in that folder)",
            ),
            Why::Working => {
                f.write_str(", the working directory (nothing shows where the repository is)")
            }
        }
    }
}

impl Root {
    /// The repository that a resolved folder is in:
    ///
    /// * the folder of the nearest `.git` that is a repository, a folder with
    ///   `HEAD`. On the way out there `.git` files are passed, which
    ///   submodules and worktrees have; what they say is never followed.
    ///   Without such a folder, the nearest `.git` file that is one of git's.
    /// * else what stands before `ARGOCD_APP_SOURCE_PATH`, where that is the
    ///   end of the folder's path, but nothing above a folder around this one
    ///   that the parent process works in;
    /// * else the folder that the parent process works in, if this one is
    ///   below it: Argo CD starts kustomize in the repository;
    /// * else the folder itself.
    ///
    /// A folder that everybody may write into, such as `/tmp`, is not taken
    /// for a repository, nor is `/`, nor one of Argo CD's for all checkouts.
    pub fn around(dir: &Path, source_path: Option<&Path>, parent: Option<&Path>) -> Self {
        let root = |folder: &Path, why| Root {
            folder: folder.to_owned(),
            why,
        };
        if let Some(folder) = git(dir) {
            return root(folder, Why::Git);
        }
        // It is resolved, as the kernel tells it.
        let parent = parent.filter(|parent| dir.starts_with(parent) && may_be(parent));
        // A link of the repository may make the end of a path look so.
        let is_too_far = |folder: &Path| parent.is_some_and(|p| p != dir && p.starts_with(folder));
        match (source_path.and_then(|path| before(dir, path)), parent) {
            (Some(folder), _) if !is_too_far(folder) => root(folder, Why::SourcePath),
            (_, Some(folder)) => root(folder, Why::Parent),
            (_, None) => root(dir, Why::Working),
        }
    }
}

/// The folder of the repository around a folder.
fn git(dir: &Path) -> Option<&Path> {
    let mut link = None;
    for folder in dir.ancestors().filter(|folder| may_be(folder)) {
        let git = folder.join(".git");
        match fs::symlink_metadata(&git) {
            Ok(metadata) if metadata.is_dir() && has_head(&git) => return Some(folder),
            Ok(metadata) if metadata.is_file() && is_link_of_git(&git) => {
                link = link.or(Some(folder));
            }
            _ => {}
        }
    }
    link
}

/// Whether a `.git` folder is a repository. Of an old release of git, `HEAD`
/// may be a link to what is not there yet.
fn has_head(git: &Path) -> bool {
    fs::symlink_metadata(git.join("HEAD")).is_ok()
}

/// Whether a `.git` file is one that git wrote. Where it points does not
/// matter.
fn is_link_of_git(file: &Path) -> bool {
    let mut start = [0; 8];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"gitdir: "
}

/// What stands before a relative path at the end of a folder's. A path of no
/// steps (`.`) is at the end of all.
fn before<'a>(dir: &'a Path, path: &Path) -> Option<&'a Path> {
    let steps = path.components().filter(|step| *step != Component::CurDir);
    let path: PathBuf = steps.collect();
    let levels = path.components().count();
    let folder = (levels > 0 && dir.ends_with(&path))
        .then(|| dir.ancestors().nth(levels))
        .flatten();
    folder.filter(|folder| may_be(folder))
}

/// Whether a folder can be one repository's: not that of everybody, nor of all
/// checkouts.
fn may_be(folder: &Path) -> bool {
    const OTHERS_WRITE: u32 = 0o002;
    /// Where Argo CD's repo-server and its plugins' servers keep checkouts.
    const OF_ALL: [&str; 2] = ["_argocd-repo", "_cmp_server"];
    folder
        .file_name()
        .is_some_and(|name| !OF_ALL.iter().any(|of_all| name == *of_all))
        && fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & OTHERS_WRITE == 0)
}

#[cfg(test)]
mod tests;

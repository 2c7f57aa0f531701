//! What doctor sees of the machine: the real one, or one made up by a test.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, Metadata},
    io,
    os::unix::{ffi::OsStringExt, fs::MetadataExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{guard::kernel::Kernel, settings::Lookup};

/// Runs a program with arguments and gives back what it prints.
pub type Run<'a> = dyn Fn(&Path, &[&str]) -> io::Result<String> + 'a;

/// The machine around this process. Files are those of the real file system.
pub struct Host<'a> {
    /// The environment.
    pub var: &'a Lookup<'a>,
    /// The environment, for what asks later: the key services of clouds.
    pub var_later: fn(&str) -> Option<OsString>,
    /// The directory that relative paths start from.
    pub dir: PathBuf,
    /// The program that runs.
    pub program: PathBuf,
    /// The user that it runs as.
    pub user: User,
    /// The text of `/proc/self/mountinfo`; empty where there is none.
    pub mounts: String,
    /// How programs are run.
    pub run: &'a Run<'a>,
    /// The names of all variables.
    pub names: Vec<String>,
    /// What the kernel offers the guard.
    pub kernel: Kernel,
}

/// A user as the kernel sees one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The number of the user.
    pub uid: u32,
    /// The numbers of all groups.
    pub groups: BTreeSet<u32>,
}

/// What a user wants to do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Read it.
    Read,
    /// Run it, or enter it if it is a folder.
    Execute,
}

impl User {
    /// The user of this process, from the text of `/proc/self/status`.
    pub fn of_status(status: &str) -> Option<Self> {
        let numbers = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().filter_map(|n| n.parse().ok()))
        };
        // Real, effective, saved, for files.
        let uid = numbers("Uid:")?.nth(1)?;
        let mut groups: BTreeSet<u32> = numbers("Groups:")?.collect();
        groups.extend(numbers("Gid:")?.nth(1));
        Some(User { uid, groups })
    }

    fn may(&self, metadata: &Metadata, want: Want) -> bool {
        let bit = match want {
            Want::Read => 4,
            Want::Execute => 1,
        };
        let mode = metadata.mode();
        if self.uid == 0 {
            return want == Want::Read || metadata.is_dir() || mode & 0o111 != 0;
        }
        let bits = if metadata.uid() == self.uid {
            mode >> 6
        } else if self.groups.contains(&metadata.gid()) {
            mode >> 3
        } else {
            mode
        };
        bits & bit != 0
    }

    /// Why this user may not do that with a file, as a lower-case fragment;
    /// `None` where it may.
    pub fn refused(&self, path: &Path, want: Want) -> Option<String> {
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) => return Some(crate::error::io_reason(&error)),
        };
        let describe = |what: &str, path: &Path, metadata: &Metadata| {
            format!(
                "{what} by user {}: mode {:04o}, owner {}, group {}{}",
                self.uid,
                metadata.mode() & 0o7777,
                metadata.uid(),
                metadata.gid(),
                if path == real.as_path() {
                    String::new()
                } else {
                    format!(" of {}", path.display())
                }
            )
        };
        let mut folders: Vec<_> = real.ancestors().skip(1).collect();
        folders.reverse();
        for folder in folders {
            let metadata = fs::metadata(folder).ok()?;
            if !self.may(&metadata, Want::Execute) {
                return Some(describe("cannot be reached", folder, &metadata));
            }
        }
        let metadata = fs::metadata(&real).ok()?;
        let what = match want {
            Want::Read => "cannot be read",
            Want::Execute => "cannot be run",
        };
        (!self.may(&metadata, want)).then(|| describe(what, &real, &metadata))
    }
}

impl Host<'_> {
    /// A variable that is set to something.
    pub fn set(&self, name: &str) -> Option<OsString> {
        (self.var)(name).filter(|value| !value.is_empty())
    }

    /// The folders of `PATH`.
    pub fn path(&self) -> Vec<PathBuf> {
        let path = self.set("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .filter(|folder| !folder.as_os_str().is_empty())
            .collect()
    }

    /// Where a program is on `PATH`, as a shell finds it; or the first file of
    /// that name that cannot be run.
    pub fn which(&self, name: &str) -> Option<PathBuf> {
        let there = self.path().into_iter().map(|folder| folder.join(name));
        let there: Vec<_> = there.filter(|path| path.is_file()).collect();
        let good = there
            .iter()
            .find(|path| self.user.refused(path, Want::Execute).is_none());
        good.or(there.first()).cloned()
    }

    /// Where something is mounted.
    pub fn mount_points(&self) -> Vec<PathBuf> {
        self.mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(unescape)
            .collect()
    }

    /// Whether programs in the file system of this path are never run.
    pub fn is_noexec(&self, path: &Path) -> bool {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mount = self.mounts.lines().filter_map(|line| {
            let point = unescape(line.split(' ').nth(4)?);
            let options = line.split(' ').nth(5)?;
            real.starts_with(&point).then(|| {
                let depth = point.components().count();
                (depth, options.split(',').any(|option| option == "noexec"))
            })
        });
        // Of mounts over one another the last one counts.
        mount
            .max_by_key(|(depth, _)| *depth)
            .is_some_and(|(_, noexec)| noexec)
    }

    /// Whether this looks like Argo CD's repo-server.
    pub fn is_repo_server(&self) -> bool {
        self.set("HOME").is_some_and(|home| home == "/home/argocd")
            || self.set("ARGOCD_APP_NAME").is_some()
            || self.which("argocd-repo-server").is_some()
    }
}

/// `mountinfo` writes blanks and the like as octal numbers.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|_| byte == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(octal) => {
                bytes.push(octal);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Runs a program without input and gives back what it prints, stderr behind
/// stdout: programs differ in where they print their help.
///
/// # Errors
///
/// Where it cannot be started, or a signal ends it.
pub fn run(program: &Path, args: &[&str]) -> io::Result<String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()?;
    if let Some(signal) = output.status.signal() {
        return Err(io::Error::other(format!("it was ended by signal {signal}")));
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_the_effective_one() {
        let status = "Name:\tx\nUid:\t1\t999\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t0 42 \n";
        let user = User::of_status(status).unwrap();
        assert_eq!(user.uid, 999);
        assert_eq!(user.groups, BTreeSet::from([0, 6, 42]));
        assert!(User::of_status("").is_none());
    }

    #[test]
    fn the_deepest_mount_decides() {
        let host = Host {
            var: &|_| None,
            var_later: |_| None,
            dir: PathBuf::new(),
            program: PathBuf::new(),
            user: User {
                uid: 0,
                groups: BTreeSet::new(),
            },
            mounts: "1 0 0:1 / / rw - x x rw\n\
                     2 1 0:1 / /no rw,noexec shared:1 - x x rw\n\
                     3 2 0:1 / /no/yes\\040now rw - x x rw\n"
                .into(),
            run: &run,
            names: Vec::new(),
            kernel: Kernel::NotLinux,
        };
        assert!(!host.is_noexec(Path::new("/bin-none/x")));
        assert!(host.is_noexec(Path::new("/no/x")));
        assert!(!host.is_noexec(Path::new("/no/yes now/x")));
        assert_eq!(host.mount_points()[2], Path::new("/no/yes now"));
    }
}

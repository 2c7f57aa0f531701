//! The places where identities are looked for, and what can be there, as data
//! (age-identities §1).

mod text;

use std::{borrow::Cow, fs, io, path::Path};

use serde::Serialize;

use super::Flaw;
use crate::shown::printable;

/// A place where identities were looked for.
///
/// ```
/// use sops_core::keys::{Found, Location, Place};
///
/// // What a service found where its keys might be.
/// let error = std::fs::read("/nonexistent/token").unwrap_err();
/// let path = std::path::Path::new("/nonexistent/token");
/// let location = Location::File { variable: Some("MY_TOKEN_FILE".into()), path: path.display().to_string() };
/// let place = Place::new(location, Found::from_io(&error, path));
/// assert_eq!(place.to_string(), "MY_TOKEN_FILE (/nonexistent/token): not found");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The place.
    pub location: Location,
    /// What was there.
    pub found: Found,
}

impl Place {
    /// What was found at a place: for [`KeyService::places`](super::KeyService::places).
    #[must_use]
    pub fn new(location: Location, found: Found) -> Self {
        Place { location, found }
    }
}

/// A place where identities are looked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Location {
    /// Given by the program that uses this library.
    Given,
    /// In an environment variable.
    Variable {
        /// Its name.
        variable: Cow<'static, str>,
    },
    /// In a file.
    File {
        /// The variable that names it, if any does.
        variable: Option<Cow<'static, str>>,
        /// Its path. Bytes that are not UTF-8 are replaced.
        path: String,
    },
    /// Printed by a command.
    Command {
        /// The variable that holds the command.
        variable: Cow<'static, str>,
        /// The first word of the command: all that is ever shown of it.
        program: Option<String>,
    },
    /// The files of a directory.
    Directory {
        /// Its path. Bytes that are not UTF-8 are replaced.
        path: String,
    },
    /// Somewhere else: an agent, a metadata server, a profile.
    Other {
        /// Its name, as people know it.
        name: String,
    },
}

impl Location {
    /// The environment variable that it is, or that names it.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Location::Variable { variable } | Location::Command { variable, .. } => Some(variable),
            Location::File { variable, .. } => variable.as_deref(),
            _ => None,
        }
    }
}

/// What was found in a [`Location`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Found {
    /// The variable is not set.
    NotSet,
    /// There is no such file or program.
    NotFound {
        /// What may be wrong with the path.
        hint: Option<PathHint>,
    },
    /// The path is a directory.
    Directory,
    /// The directory holds no `*.agekey` and no `*.txt`.
    NoKeyFiles,
    /// The file is there, and cannot be read.
    NotReadable {
        /// What the operating system says.
        why: String,
        /// The permission bits, if they can be seen.
        mode: Option<u32>,
        /// The owner's number, if it can be seen.
        owner: Option<u32>,
        /// The number of the user that this process runs as, if known.
        user: Option<u32>,
    },
    /// Nothing, or comments only.
    Empty,
    /// Identities.
    Identities {
        /// How many.
        count: usize,
        /// Their public keys; fewer than `count` in a redacted report.
        recipients: Vec<String>,
        /// How many identities of age plugins there are besides, which are
        /// left alone: a key file must not choose a program to run.
        #[serde(skip_serializing_if = "is_zero")]
        plugins: usize,
    },
    /// Text that is not what it should be; none of it was used.
    Bad {
        /// The line, counted from 1, where it is about one.
        line: Option<usize>,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// A key that is protected by a passphrase, and was not needed so far.
    Locked,
    /// A passphrase is needed and cannot be asked for, or was not given.
    NeedsPassphrase,
    /// The passphrase that was given is not the right one.
    WrongPassphrase,
    /// Unlocking would take more work than is allowed.
    TooMuchWork,
    /// A command that was not needed so far.
    NotRun,
    /// The command cannot be split into words: a quote is not closed.
    NotACommand,
    /// Running commands was not allowed by the program that uses this library.
    NotAllowed,
    /// The command failed.
    CommandFailed {
        /// Its exit code, where it ended by itself.
        code: Option<i32>,
    },
    /// The path depends on `$HOME`, which is not set.
    NoHome,
    /// `$XDG_CONFIG_HOME` is relative, which is not allowed.
    RelativeConfig,
    /// Something that a key service can use, in its own words.
    Usable {
        /// What it is: never a secret.
        what: String,
    },
    /// Nothing that a key service can use, in its own words.
    Unusable {
        /// Why: never a secret.
        why: String,
    },
}

/// What may be wrong with the path of a file that does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PathHint {
    /// It is a list with commas; the variable names one file.
    CommaList,
    /// It starts with `~`, which only a shell expands.
    Tilde,
    /// It is in quotes, which only a shell removes.
    Quoted,
    /// It is a key, not a path. Never shown.
    Key,
}

impl Found {
    pub(crate) fn of(recipients: Vec<String>, plugins: usize) -> Self {
        Found::Identities {
            count: recipients.len(),
            recipients,
            plugins,
        }
    }

    /// Identities, by their public keys.
    #[must_use]
    pub fn identities(recipients: Vec<String>) -> Self {
        Found::of(recipients, 0)
    }

    /// What an error from the file system means.
    #[must_use]
    pub fn from_io(error: &io::Error, path: &Path) -> Self {
        use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound};
        match error.kind() {
            NotFound | NotADirectory | InvalidInput => Found::NotFound {
                hint: PathHint::of(&path.to_string_lossy()),
            },
            IsADirectory => Found::Directory,
            kind => {
                let (mode, owner) = permissions(path);
                Found::NotReadable {
                    why: kind.to_string(),
                    mode,
                    owner,
                    user: effective_user(),
                }
            }
        }
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl PathHint {
    fn of(path: &str) -> Option<Self> {
        if printable(path) != path {
            Some(PathHint::Key)
        } else if path.starts_with(['"', '\'']) {
            Some(PathHint::Quoted)
        } else if path.contains(',') {
            Some(PathHint::CommaList)
        } else if path.starts_with('~') {
            Some(PathHint::Tilde)
        } else {
            None
        }
    }
}

/// The permission bits and the owner of a file, where they can be seen.
#[cfg(unix)]
fn permissions(path: &Path) -> (Option<u32>, Option<u32>) {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or((None, None), |m| (Some(m.mode() & 0o7777), Some(m.uid())))
}

#[cfg(not(unix))]
fn permissions(_: &Path) -> (Option<u32>, Option<u32>) {
    (None, None)
}

/// The user that this process acts as, where the system tells it in a file.
fn effective_user() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

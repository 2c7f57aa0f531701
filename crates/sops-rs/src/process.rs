//! A process as the commands see it: what it was given, and where it writes.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{Error, Result};

/// Looks up an environment variable: `None` where it is not set.
pub type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// What a process has around it.
pub struct Process<'a> {
    /// The arguments behind the program's name.
    pub args: Vec<OsString>,
    /// The environment.
    pub var: &'a Lookup<'a>,
    /// The environment once more, for what looks at it later and from other
    /// threads.
    pub var_later: fn(&str) -> Option<OsString>,
    /// The directory that relative paths start from; the empty path is the
    /// working directory.
    pub dir: PathBuf,
    /// The directory that the process works in which started this one, where
    /// it is known.
    pub parent_dir: Option<PathBuf>,
    /// Standard input.
    pub stdin: Box<dyn Read + 'a>,
    /// Whether stdin is a terminal or another character device such as
    /// `/dev/null`, so that nothing is to be expected from it.
    pub stdin_is_device: bool,
    /// Looks at what stands first in stdin where that is a pipe, without
    /// taking it away. Gives nothing where none comes within two seconds.
    pub first_of_stdin: &'a dyn Fn() -> io::Result<Vec<u8>>,
    /// Standard output: gets a whole answer or nothing.
    pub stdout: &'a mut dyn Write,
    /// Standard error.
    pub stderr: &'a mut dyn Write,
    /// Asks a person for the passphrase of a key, whose place is named; gives
    /// `None` where there is nobody.
    pub ask_passphrase: fn(&str) -> Option<Zeroizing<String>>,
}

impl<'a> Process<'a> {
    /// Writes a whole answer to stdout.
    ///
    /// # Errors
    ///
    /// Where it cannot be written; quietly where whoever read has gone, as
    /// `head` does.
    pub fn print(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self
            .stdout
            .write_all(bytes)
            .and_then(|()| self.stdout.flush());
        written.map_err(|error| {
            let own = Error::io("cannot write to stdout", &error);
            match error.kind() {
                io::ErrorKind::BrokenPipe => own.quietly(),
                _ => own,
            }
        })
    }

    /// Writes warnings to stderr.
    pub fn warn(&mut self, warnings: &[String]) {
        for warning in warnings {
            self.say("warning", warning);
        }
    }

    /// Writes a message to stderr. Where that fails nobody can be told.
    pub fn say(&mut self, kind: &str, text: &str) {
        let _ = writeln!(self.stderr, "{kind}: {text}");
    }

    /// Tells a person what was done, on stderr.
    pub fn tell(&mut self, text: &str) {
        let _ = writeln!(self.stderr, "{text}");
    }

    /// A path as seen from the directory of the process.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }
}

//! What a program left behind.

use std::{
    io::Write,
    process::{Command, Stdio},
};

/// A run of a program, in a process or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its exit code; -1 where a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it said.
    pub stderr: String,
}

impl Run {
    /// Runs a command with these bytes on its stdin.
    ///
    /// ```
    /// use testkit::run::Run;
    /// let run = Run::of(&mut std::process::Command::new("cat"), b"x");
    /// assert_eq!(run.ok(), "x");
    /// ```
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn of(command: &mut Command, stdin: &[u8]) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        // It need not read what it is given.
        let _ = pipe.write_all(stdin);
        drop(pipe);
        let output = child.wait_with_output().expect("a process");
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What it printed, as text.
    ///
    /// # Panics
    ///
    /// Where that is none.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is text")
    }

    /// The same of a run that succeeded.
    ///
    /// # Panics
    ///
    /// Where it did not.
    #[expect(
        clippy::must_use_candidate,
        reason = "it is also how success is asserted"
    )]
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.text()
    }
}

//! What a keyring may do beyond reading files, if its owner says so.

use std::{
    fmt,
    io::Read,
    process::{Command, Stdio},
};

use zeroize::Zeroizing;

use crate::{
    keys::{Found, Prompt},
    shown::printable,
};

type Run = dyn Fn(&KeyCommand<'_>) -> Result<Zeroizing<Vec<u8>>, CommandFailure> + Send + Sync;

/// What a [`Keyring`](crate::Keyring) may do to get at identities: nothing,
/// unless said so. Without a way to ask for passphrases, protected keys are
/// reported as such; without a way to run commands, so are
/// `SOPS_AGE_KEY_CMD` and `SOPS_AGE_SSH_PRIVATE_KEY_CMD`.
///
/// ```
/// use sops_core::age::Callbacks;
///
/// let callbacks = Callbacks::none()
///     .prompt(|what| {
///         eprintln!("the passphrase of {what}, please");
///         None
///     })
///     .run_commands();
/// ```
#[derive(Default)]
pub struct Callbacks {
    pub(super) prompt: Prompt,
    pub(super) run: Option<Box<Run>>,
}

impl Callbacks {
    /// Neither prompts nor commands.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Asks for passphrases with this function. It is given the place of the
    /// key, as in `SOPS_AGE_KEY_FILE (/keys/age.txt)`, and called at most once
    /// for each key, when no other identity will do; `None` means that no
    /// passphrase can be had.
    #[must_use]
    pub fn prompt(
        mut self,
        ask: impl Fn(&str) -> Option<Zeroizing<String>> + Send + Sync + 'static,
    ) -> Self {
        self.prompt = Prompt::new(ask);
        self
    }

    /// How they ask for passphrases, for services of other kinds of key.
    #[must_use]
    pub fn asks(&self) -> Prompt {
        self.prompt.clone()
    }

    /// Runs commands with this function, which gives back what they print. It
    /// is called at most once for each command and recipient, when the
    /// identities at hand will not do.
    ///
    /// ```
    /// use sops_core::age::{Callbacks, CommandFailure};
    ///
    /// // In a sandbox there is one command alone, and no process is started.
    /// let callbacks = Callbacks::none().run(|command| match command.program() {
    ///     "print-key" => Ok(std::fs::read("examples/age.txt").unwrap().into()),
    ///     _ => Err(CommandFailure::NotFound),
    /// });
    /// ```
    #[must_use]
    pub fn run(
        mut self,
        run: impl Fn(&KeyCommand<'_>) -> Result<Zeroizing<Vec<u8>>, CommandFailure>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.run = Some(Box::new(run));
        self
    }

    /// Runs commands as subprocesses, as sops does: found in `PATH`, with the
    /// environment of this process and `SOPS_AGE_RECIPIENT`, without standard
    /// input, and with standard error thrown away.
    #[must_use]
    pub fn run_commands(self) -> Self {
        self.run(subprocess)
    }
}

/// Why a command printed no identities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CommandFailure {
    /// There is no such program.
    NotFound,
    /// It ran, or was to run, and failed.
    Failed {
        /// Its exit code, where it ended with one.
        code: Option<i32>,
    },
}

impl From<CommandFailure> for Found {
    fn from(failure: CommandFailure) -> Self {
        match failure {
            CommandFailure::NotFound => Found::NotFound { hint: None },
            CommandFailure::Failed { code } => Found::CommandFailed { code },
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks")
            .field("prompt", &self.prompt)
            .field("run", &self.run.is_some())
            .finish()
    }
}

/// A command that prints identities: the words of `SOPS_AGE_KEY_CMD` or
/// `SOPS_AGE_SSH_PRIVATE_KEY_CMD`.
///
/// They are split with the rules of a POSIX shell (quotes, backslashes, `#`
/// comments), and nothing is expanded. Unlike in Go's `shlex`, which sops
/// uses, a backslash in double quotes stays before all but `$`, `` ` ``, `"`,
/// `\` and the end of a line, as in a shell.
pub struct KeyCommand<'a> {
    pub(super) words: &'a [String],
    pub(super) recipient: &'a str,
}

impl KeyCommand<'_> {
    /// The program.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Its arguments. They may be secret.
    #[must_use]
    pub fn args(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The recipient that an identity is wanted for: to be the value of
    /// `SOPS_AGE_RECIPIENT`.
    #[must_use]
    pub fn recipient(&self) -> &str {
        self.recipient
    }
}

impl fmt::Debug for KeyCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyCommand({} …)", program_name(self.program()))
    }
}

/// How [`program_name`] ends where the word was an assignment.
pub(super) const ASSIGNMENT: &str = "=…";

/// The first word of a command, fit to be shown. `PASSWORD=… program` is for a
/// shell: what stands behind `=` is no part of a program's name.
pub(super) fn program_name(word: &str) -> String {
    match word.split_once('=') {
        Some((name, _)) => printable(&format!("{name}{ASSIGNMENT}")),
        None => printable(word),
    }
}

fn subprocess(command: &KeyCommand<'_>) -> Result<Zeroizing<Vec<u8>>, CommandFailure> {
    let failed = |code| CommandFailure::Failed { code };
    let mut child = Command::new(command.program())
        .args(command.args())
        .env("SOPS_AGE_RECIPIENT", command.recipient())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => CommandFailure::NotFound,
            _ => failed(None),
        })?;
    let mut out = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let read = match child.stdout.take() {
        // One byte more than is allowed shows that there is too much.
        Some(stdout) => stdout
            .take(crate::limits::KEY_FILE_SIZE as u64 + 1)
            .read_to_end(&mut out),
        None => Ok(0),
    };
    let status = child.wait().map_err(|_| failed(None))?;
    if read.is_err() || !status.success() {
        return Err(failed(status.code()));
    }
    Ok(out)
}

//! The gpg program, as sops runs it (sops-master-keys §7): for keys that
//! nothing else here can use.

use std::{
    ffi::{OsStr, OsString},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use zeroize::Zeroizing;

use crate::limits;

/// The gpg program, and the home it is to use.
pub(crate) struct Gpg {
    program: PathBuf,
    home: Option<PathBuf>,
}

/// Why gpg was of no help.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// It cannot be started.
    NotStarted,
    /// It failed, and this is the last line that it said.
    Failed(String),
    /// It succeeded, and printed nothing or far too much.
    Output,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::NotStarted => f.write_str("it cannot be started"),
            Trouble::Failed(line) if line.is_empty() => f.write_str("it failed"),
            Trouble::Failed(line) => write!(f, "it failed: {line}"),
            Trouble::Output => f.write_str("it printed nothing, or too much"),
        }
    }
}

impl Gpg {
    /// A program that is there. `home` is passed on where the caller's
    /// `GNUPGHOME` says so.
    pub(crate) fn new(program: PathBuf, home: Option<PathBuf>) -> Self {
        Gpg { program, home }
    }

    /// What an armored message holds. As sops, `gpg -d`; where nobody may be
    /// asked, its agent is told so.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) fn decrypt(
        &self,
        armored: &str,
        may_ask: bool,
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let silent = ["--batch", "--no-tty", "--pinentry-mode", "error"];
        let mut args = if may_ask { Vec::new() } else { silent.to_vec() };
        args.push("-d");
        self.run(&args, armored.as_bytes())
    }

    /// An armored message for a recipient as it was typed.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) fn encrypt(&self, recipient: &str, data: &[u8]) -> Result<String, Trouble> {
        // The long key id, and an exclamation mark where there is one.
        let length = 16 + usize::from(recipient.ends_with('!'));
        let start = recipient.len().saturating_sub(length);
        let key_id = recipient.get(start..).unwrap_or(recipient);
        let args = [
            "--no-default-recipient",
            "--yes",
            "--encrypt",
            "-a",
            "-r",
            recipient,
            "--trusted-key",
            key_id,
            "--no-encrypt-to",
        ];
        let out = self.run(&args, data)?;
        let text = std::str::from_utf8(&out).map_err(|_| Trouble::Output)?;
        Ok(text.trim().into())
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let mut command = Command::new(&self.program);
        if let Some(home) = &self.home {
            command.env("GNUPGHOME", home);
        }
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|_| Trouble::NotStarted)?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut out = Zeroizing::new(Vec::with_capacity(limits::MESSAGE + 1));
        let mut errors = Vec::new();
        thread::scope(|scope| {
            scope.spawn(move || {
                // Whoever does not read to the end has its reasons, and says
                // them.
                stdin.map(|mut stdin| stdin.write_all(input))
            });
            scope.spawn(|| {
                let part = stderr.map(|stderr| stderr.take(64 << 10).read_to_end(&mut errors));
                let _ = part;
            });
            if let Some(stdout) = stdout {
                let _ = stdout
                    .take(limits::MESSAGE as u64 + 1)
                    .read_to_end(&mut out);
            }
        });
        let status = child.wait().map_err(|_| Trouble::NotStarted)?;
        if !status.success() {
            return Err(Trouble::Failed(last_line(&errors)));
        }
        if out.is_empty() || out.len() > limits::MESSAGE {
            return Err(Trouble::Output);
        }
        Ok(out)
    }
}

/// The program that a name stands for: a path as it is, else in the
/// directories of `PATH`.
pub(crate) fn find(name: &OsStr, path: Option<OsString>) -> Option<PathBuf> {
    let named = Path::new(name);
    if named.components().count() > 1 {
        return is_program(named).then(|| named.into());
    }
    let dirs = path.as_deref().map(std::env::split_paths);
    let mut all = dirs.into_iter().flatten().filter(|dir| dir.is_absolute());
    all.find_map(|dir| Some(dir.join(named)).filter(|path| is_program(path)))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file() || path.with_extension("exe").is_file()
}

/// The last line that gpg said, without its name in front.
fn last_line(errors: &[u8]) -> String {
    let text = String::from_utf8_lossy(errors);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    let line = line.strip_prefix("gpg: ").unwrap_or(line);
    line.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn one_line_of_what_gpg_says() {
        let said =
            b"gpg: encrypted with RSA key\n      \"me\"\ngpg: decryption failed: No secret key\n\n";
        assert_eq!(last_line(said), "decryption failed: No secret key");
        assert_eq!(last_line(b""), "");
    }
}

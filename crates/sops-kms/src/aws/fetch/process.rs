//! `credential_process`: a program that prints credentials.

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use sops_core::keys::KeyError;
use zeroize::Zeroizing;

use super::missing;
use crate::environment::FILE_SIZE;

/// As long as AWS's SDKs wait: a minute, in which a person may log in.
const TIME: Duration = Duration::from_secs(60);

/// Runs the command as AWS's SDKs do: by the shell, with this process's
/// environment. Whether it may be run was asked before.
pub(super) fn run(profile: &str, command: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |how: &str| {
        missing(format!("the credential_process of profile {profile} {how}")).advise(format!(
            "run it by hand: it stands in the profile {profile} of ~/.aws/config"
        ))
    };
    let (shell, option) = if cfg!(windows) {
        ("cmd.exe", "/C")
    } else {
        ("/bin/sh", "-c")
    };
    let mut child = Command::new(shell)
        .args([option, command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|_| failed("cannot be started"))?;
    let Some(output) = child.stdout.take() else {
        return Err(failed("has no output"));
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Room for any answer: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 << 10));
        let read = output.take(FILE_SIZE).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    let output = receiver.recv_timeout(TIME);
    if output.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|_| failed("was lost"))?;
    match output {
        Err(_) => Err(failed("took longer than a minute")),
        Ok(Ok(bytes)) if status.success() => Ok(bytes),
        Ok(_) => Err(failed("failed")),
    }
}

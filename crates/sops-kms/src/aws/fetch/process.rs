//! `credential_process`: a program that prints credentials.

use std::{process::Command, time::Duration};

use sops_core::keys::KeyError;
use zeroize::Zeroizing;

use super::missing;
use crate::program::{self, Failed};

/// As long as AWS's SDKs wait: a minute, in which a person may log in.
const TIME: Duration = Duration::from_secs(60);

/// Runs the command as AWS's SDKs do: by the shell, with this process's
/// environment. Whether it may be run was asked before.
pub(super) fn run(profile: &str, command: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (shell, option) = if cfg!(windows) {
        ("cmd.exe", "/C")
    } else {
        ("/bin/sh", "-c")
    };
    program::run(Command::new(shell).args([option, command]), TIME).map_err(|why| {
        let how = match why {
            Failed::NotStarted => "cannot be started",
            Failed::TooLong => "took longer than a minute",
            Failed::Unsuccessful => "failed",
        };
        missing(format!("the credential_process of profile {profile} {how}")).advise(format!(
            "run it by hand: it stands in the profile {profile} of ~/.aws/config"
        ))
    })
}

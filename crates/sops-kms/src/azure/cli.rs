//! Tokens of whoever is logged in with `az`.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use sops_core::keys::{KeyError, Reason};

use super::challenge::Challenge;
use crate::{
    kept::Fresh,
    oauth::Token,
    program::{self, Failed},
    wire::Text,
};

/// `az` is a program in Python, which takes its time.
const TIME: Duration = Duration::from_secs(30);

/// Asks `az`. Whether it may be run was asked before.
pub(super) fn token(program: &Path, challenge: &Challenge) -> Result<Fresh<Token>, KeyError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Printed<'a> {
        #[serde(borrow)]
        access_token: Text<'a>,
        /// Seconds since 1970. Old releases have a local time only.
        #[serde(rename = "expires_on")]
        expires_on: Option<u64>,
    }
    let failed = |how: &str| {
        KeyError::new(Reason::NoCredentials, format!("az {how}"))
            .advise(format!("run `az login --tenant {}`", challenge.tenant))
    };
    let mut command = Command::new(program);
    command
        .args(["account", "get-access-token", "--output", "json"])
        .args(["--resource", &challenge.resource])
        .args(["--tenant", &challenge.tenant])
        // What it says is about the account, for people: it is not ours to show.
        .stderr(Stdio::null());
    let output = program::run(&mut command, TIME).map_err(|why| {
        failed(match why {
            Failed::NotStarted => "cannot be started",
            Failed::TooLong => "took longer than 30 seconds",
            Failed::Unsuccessful => "gave no token: nobody is logged in, or not for this tenant",
        })
    })?;
    let printed: Printed<'_> =
        serde_json::from_slice(&output).map_err(|_| failed("printed something else"))?;
    let until = match printed.expires_on {
        Some(seconds) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        // It hands out tokens that are good for 5 minutes at least.
        None => SystemTime::now().checked_add(Duration::from_secs(300)),
    };
    Ok(Fresh {
        value: Token::new(printed.access_token.to_owned()),
        until,
    })
}

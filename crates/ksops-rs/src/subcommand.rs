//! The subcommands by name: the one place where they are named.

use std::ffi::{OsStr, OsString};

use crate::{Error, Process, Result, completion, decrypt, doctor, guard, install};

/// Runs a subcommand; the first argument is its name.
pub(crate) type Run = fn(&mut Process<'_>, Vec<OsString>) -> Result<()>;

/// They win over a file of the same name.
const ALL: &[(&str, Run)] = &[
    ("completion", |process, args| {
        completion::run(process, &args, names())
    }),
    ("decrypt", decrypt::run),
    ("doctor", doctor::run),
    ("guard", |process, args| ended(guard::run(process, args)?)),
    ("install", |process, args| install::run(process, &args)),
];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// The subcommand of this name.
pub(crate) fn named(name: &OsStr) -> Option<Run> {
    let found = ALL.iter().find(|(known, _)| name == *known);
    found.map(|(_, run)| *run)
}

/// The exit code of a program that was run, as this program's.
fn ended(code: u8) -> Result<()> {
    match code {
        0 => Ok(()),
        code => Err(Error::new("what was run failed")
            .quietly()
            .with_exit_code(code)),
    }
}

//! The subcommands by name: the one place where they are named.

use std::ffi::{OsStr, OsString};

use crate::{Process, Result, completion, decrypt, doctor, install};

/// Runs a subcommand; the first argument is its name.
pub(crate) type Run = fn(&mut Process<'_>, Vec<OsString>) -> Result<()>;

/// They win over a file of the same name.
const ALL: &[(&str, Run)] = &[
    ("completion", |process, args| {
        completion::run(process, &args)
    }),
    ("decrypt", decrypt::run),
    ("doctor", doctor::run),
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

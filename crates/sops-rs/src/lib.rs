//! The sops command line: the rooms that every command needs, and the
//! commands ([`cmd`]).
//!
//! [`run`] is the whole program, with everything outside of it as an argument
//! ([`Process`]); `main.rs` only fills that in ([`start`]). Programs that
//! have commands of sops among their own call them one by one, with an
//! [`Access`] that says which files are read and whose keys open them.

mod access;
pub mod cmd;
mod config;
pub mod error;
mod exit;
mod messages;
mod output;
mod process;
pub mod read;
mod start;
pub mod terminal;
mod version;

pub use access::{Access, Keys, Own, Refusal};
pub use error::{Error, Result};
pub use process::{Lookup, Process};
pub use start::start;

/// The commands by name, in the order of the help text: the one place where
/// they are named.
const COMMANDS: &[(&str, Command)] = &[
    ("decrypt", cmd::decrypt::run),
    ("filestatus", cmd::filestatus::run),
];

type Command = fn(&mut Process<'_>, &dyn Access, Vec<std::ffi::OsString>) -> Result<()>;

/// Runs the program and gives back its exit code.
pub fn run(mut process: Process<'_>) -> u8 {
    let args = std::mem::take(&mut process.args);
    let name = args.first().and_then(|name| name.to_str());
    let command = COMMANDS.iter().find(|(known, _)| Some(*known) == name);
    let result = match (command, name) {
        (Some((_, command)), _) => command(&mut process, &Own, args),
        (None, Some("--version" | "-v")) => process.print(VERSION.as_bytes()),
        (None, Some("--help" | "-h" | "help")) => process.print(help().as_bytes()),
        (None, _) => {
            process.tell(&help());
            return exit::GENERIC;
        }
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            if !error.is_quiet() {
                process.say("error", &error.to_string());
            }
            error.exit_code()
        }
    }
}

/// Programs that look for a version of sops read the first line.
const VERSION: &str = concat!("sops 3.13.2\nsops-rs ", env!("CARGO_PKG_VERSION"), "\n");

fn help() -> String {
    let names: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
    format!(
        "sops-rs reads and writes SOPS files.\n\nsops-rs COMMAND …: {}\n",
        names.join(", ")
    )
}

/// The examples of README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

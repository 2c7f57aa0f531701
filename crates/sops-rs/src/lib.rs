//! The sops command line: the rooms that every command needs, and the
//! commands ([`cmd`]).
//!
//! [`run`] is the whole program, with everything outside of it as an argument
//! ([`Process`]); `main.rs` only fills that in ([`start`]). Programs that
//! have commands of sops among their own call them one by one, with an
//! [`Access`] that says which files are read and whose keys open them.

mod access;
mod args;
mod changed;
mod check;
mod child;
pub mod cmd;
mod command_line;
pub mod completion;
mod config;
mod creation;
mod diff;
mod editor;
pub mod error;
mod exit;
mod glob;
mod help;
mod input;
#[cfg(feature = "keyservice")]
mod keyservice;
pub mod merge;
pub mod messages;
mod output;
mod pipe;
mod private;
mod process;
pub mod read;
mod session;
mod signals;
mod start;
mod target;
pub mod terminal;
mod version;

use std::ffi::OsString;

pub use access::{Access, Keys, Own, Refusal};
use args::{
    Flag, flag,
    parse::{self, Wrong},
};
use cmd::{COMMANDS, Command};
pub use command_line::CommandLine;
pub use error::{Error, Result};
pub use process::{Lookup, Process};
pub use session::Opening;
use session::{Options, Session};
pub use start::start;

/// Programs that look for a version of sops read the first line.
const VERSION: &str = concat!("sops 3.13.2\nsops-rs ", env!("CARGO_PKG_VERSION"), "\n");

/// The name in usage and advice.
const PROGRAM: &str = "sops-rs";

/// Runs the program and gives back its exit code.
pub fn run(mut process: Process<'_>) -> u8 {
    let args = std::mem::take(&mut process.args);
    let messages = messages::Format::of(&args);
    match dispatch(&mut process, messages, args) {
        Ok(()) => 0,
        Err(error) => {
            let error = messages.error(&mut process, error);
            if !error.is_quiet() {
                process.tell(&error.line());
            }
            error.exit_code()
        }
    }
}

fn dispatch(
    process: &mut Process<'_>,
    messages: messages::Format,
    args: Vec<OsString>,
) -> Result<()> {
    if let Some(candidates) = cmd::completion::requested(process, &args) {
        return process.print(candidates.as_bytes());
    }
    let flags: Vec<&'static Flag> = flag::GLOBAL.iter().copied().flatten().copied().collect();
    let given = match parse::options(&flags, args, process.var) {
        Ok(given) => given,
        Err(wrong) => return refuse(process, wrong, &help::program(PROGRAM), true),
    };
    if given.switch(&flag::VERSION) {
        return process.print(VERSION.as_bytes());
    }
    let mut session = Session {
        options: Options::of(&given, messages),
        process,
        access: &Own,
    };
    let name = given.positionals.first();
    if let Some(command) = name.and_then(|name| Command::named(COMMANDS, name)) {
        let rest = given.positionals.get(1..).unwrap_or_default();
        return run_command(&mut session, PROGRAM, command, rest.to_vec());
    }
    if name.is_some_and(|name| name == "help" || name == "h") {
        let topics = given.positionals.get(1..).unwrap_or_default();
        return topic(&mut session, topics);
    }
    cmd::old_style::run(&mut session, &given)
}

fn run_command(
    session: &mut Session<'_, '_>,
    parent: &str,
    command: &'static Command,
    args: Vec<OsString>,
) -> Result<()> {
    let name = format!("{parent} {}", command.name);
    if !command.commands.is_empty() {
        let below = args.first().filter(|arg| *arg != "help" && *arg != "h");
        if let Some(below) = below.and_then(|name| Command::named(command.commands, name)) {
            return run_command(
                session,
                &name,
                below,
                args.get(1..).unwrap_or_default().to_vec(),
            );
        }
        if below.is_some_and(|arg| !arg.as_encoded_bytes().starts_with(b"-")) {
            return Err(no_topic(below));
        }
    }
    let args = match cmd::merge::is_driver(command, &args) {
        true => [vec![OsString::from("--")], args].concat(),
        false => args,
    };
    let help = || help::command(&name, command);
    let given = match parse::command(&command.flags(), args, session.process.var) {
        Ok(given) => given,
        Err(wrong) => return refuse(session.process, wrong, &help(), false),
    };
    if !command.commands.is_empty() {
        return session.process.print(help().as_bytes());
    }
    (command.run)(session, &given)
}

/// `help COMMAND`.
fn topic(session: &mut Session<'_, '_>, topics: &[OsString]) -> Result<()> {
    let Some(topic) = topics.first() else {
        return session.process.print(help::program(PROGRAM).as_bytes());
    };
    match Command::named(COMMANDS, topic) {
        Some(command) => {
            let name = format!("{PROGRAM} {}", command.name);
            session
                .process
                .print(help::command(&name, command).as_bytes())
        }
        None => Err(no_topic(Some(topic))),
    }
}

fn no_topic(topic: Option<&OsString>) -> Error {
    let topic = topic.map(|topic| error::quoted(&topic.to_string_lossy()));
    Error::new(format!("no help topic for {}", topic.unwrap_or_default()))
        .advise(format!("see `{PROGRAM} --help`"))
        .with_exit_code(exit::NO_TOPIC)
        .of_kind("usage")
}

/// Help, or that the arguments make no sense. As with sops both stand on
/// stdout, and the reason on stderr too.
fn refuse(process: &mut Process<'_>, wrong: Wrong, help: &str, global: bool) -> Result<()> {
    match wrong {
        Wrong::Help => process.print(help.as_bytes()),
        Wrong::Usage(reason) => {
            let sign = if global { '.' } else { ':' };
            process.print(format!("Incorrect Usage{sign} {reason}\n\n{help}").as_bytes())?;
            Err(Error::new(reason)
                .advise(format!("see `{PROGRAM} --help`"))
                .of_kind("usage"))
        }
        Wrong::Variable(reason) => Err(Error::new(reason)
            .advise("set the variable to true or false, or unset it")
            .of_kind("configuration")),
    }
}

/// The examples of README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

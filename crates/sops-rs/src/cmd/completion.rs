//! `completion`: scripts for shells, and the manual page, made of the
//! definitions of commands and options.

use std::ffi::OsString;

use crate::{
    Process, Result,
    args::{Flag, Given, flag},
    cmd::{self, COMMANDS},
    completion::{Command, Opt, Program, Shell},
    session::Session,
};

/// What the scripts of sops put behind what was typed: candidates are wanted,
/// one on each line.
const REQUEST: &str = "--generate-bash-completion";

/// Set by the scripts of sops for zsh: an explanation stands behind each name.
const EXPLAINED: &str = "_CLI_ZSH_AUTOCOMPLETE_HACK";

pub(crate) fn bash(session: &mut Session<'_, '_>, _: &Given) -> Result<()> {
    print(session, &program().script(Shell::Bash))
}

pub(crate) fn zsh(session: &mut Session<'_, '_>, _: &Given) -> Result<()> {
    print(session, &program().script(Shell::Zsh))
}

pub(crate) fn fish(session: &mut Session<'_, '_>, _: &Given) -> Result<()> {
    print(session, &program().script(Shell::Fish))
}

pub(crate) fn man(session: &mut Session<'_, '_>, _: &Given) -> Result<()> {
    print(session, &program().man())
}

fn print(session: &mut Session<'_, '_>, text: &str) -> Result<()> {
    session.process.print(text.as_bytes())
}

/// What may follow what was typed, for a script that sops made; `None` where
/// nothing of the kind is asked.
pub(crate) fn requested(process: &Process<'_>, args: &[OsString]) -> Option<String> {
    let (last, typed) = args.split_last()?;
    if last != REQUEST {
        return None;
    }
    let explained = (process.var)(EXPLAINED).is_some_and(|value| value == "1");
    Some(program().candidates(typed, explained))
}

/// The program as completions know it.
fn program() -> Program {
    let mut commands: Vec<Command> = COMMANDS.iter().map(command).collect();
    commands.push(Command {
        name: "help".into(),
        arguments: "[COMMAND]".into(),
        summary: "Show help".into(),
        ..Command::default()
    });
    Program {
        names: &["sops-rs", "sops"],
        root: Command {
            summary: "reads, makes and edits SOPS files".into(),
            options: flag::GLOBAL
                .iter()
                .copied()
                .flatten()
                .map(|it| option(it))
                .collect(),
            commands,
            ..Command::default()
        },
        synopsis: &["COMMAND [OPTIONS] ...", "[OPTIONS] FILE"],
        description: "",
    }
}

fn command(own: &cmd::Command) -> Command {
    Command {
        name: own.name.into(),
        arguments: own.arguments.into(),
        summary: own.summary.into(),
        options: own.flags().into_iter().map(option).collect(),
        commands: own.commands.iter().map(command).collect(),
    }
}

fn option(flag: &Flag) -> Opt {
    Opt {
        names: flag.names.iter().map(|name| (*name).into()).collect(),
        value: (!flag.value.is_empty()).then(|| flag.value.into()),
        help: flag.help.into(),
        variable: flag.env.map(Into::into),
    }
}

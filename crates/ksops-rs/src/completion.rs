//! `ksops-rs completion`: scripts for shells, and the manual page, made of the
//! definitions of the subcommands.

use std::ffi::OsString;

use clap::CommandFactory;
use sops_rs::completion::{Command, Opt, Program, Shell};

use crate::{Error, Process, Result, decrypt, doctor, guard, help, install};

const USAGE: &str = "usage: ksops-rs completion bash|zsh|fish|man";

const HELP: &str = "\
Usage: ksops-rs completion bash|zsh|fish|man

Prints a script that completes commands and options, or the manual page:
  source <(ksops-rs completion bash)
  ksops-rs completion zsh >\"${fpath[1]}/_ksops-rs\"
  ksops-rs completion fish >~/.config/fish/completions/ksops-rs.fish
  ksops-rs completion man >~/.local/share/man/man1/ksops-rs.1
";

/// Runs the subcommand; the first argument is its name, `names` are those of
/// every subcommand.
///
/// # Errors
///
/// Where no shell of these is named.
pub(crate) fn run(
    process: &mut Process<'_>,
    args: &[OsString],
    names: impl Iterator<Item = &'static str>,
) -> Result<()> {
    let program = program(names);
    let text = match args.get(1).and_then(|name| name.to_str()) {
        Some("bash") => program.script(Shell::Bash),
        Some("zsh") => program.script(Shell::Zsh),
        Some("fish") => program.script(Shell::Fish),
        Some("man") => program.man(),
        Some("--help" | "-h") => HELP.into(),
        _ => {
            return Err(Error::new("completion: name one of bash, zsh, fish, man").advise(USAGE));
        }
    };
    process.print(text.as_bytes())
}

/// The program as completions know it: every subcommand by its own definition.
fn program(names: impl Iterator<Item = &'static str>) -> Program {
    let switch = |name: &str, help: &str| option(name, None, help);
    Program {
        names: &["ksops-rs", "ksops"],
        root: Command {
            summary: "decrypts SOPS files for kustomize".into(),
            options: vec![
                switch("--help", "Print help"),
                switch("--version", "Print the version"),
            ],
            commands: names.map(command).collect(),
            ..Command::default()
        },
        synopsis: &["GENERATOR", "< RESOURCELIST", "COMMAND [OPTIONS]"],
        description: help::HELP,
    }
}

fn command(name: &'static str) -> Command {
    let own = |arguments: &str, summary: &str, options: Vec<Opt>| Command {
        name: name.into(),
        arguments: arguments.into(),
        summary: summary.into(),
        options,
        commands: Vec::new(),
    };
    match name {
        "decrypt" => of_clap(name, "[FILE]", &decrypt::Arguments::command()),
        "doctor" => of_clap(name, "[DIR]", &doctor::Arguments::command()),
        "install" => own(
            "DIR",
            "Copies the plugin into DIR, as Argo CD needs it",
            install::OPTIONS
                .map(|(name, help)| option(name, None, help))
                .into(),
        ),
        "guard" => own(
            "-- kustomize build",
            "Runs kustomize so that tenants stay apart, even when they run programs",
            guard::OPTIONS
                .map(|(name, value, help)| option(name, value, help))
                .into(),
        ),
        "completion" => Command {
            commands: vec![
                script("bash", "For bash: source it"),
                script("zsh", "For zsh: source it, or a file of $fpath"),
                script("fish", "For fish: source it"),
                script("man", "The manual page, for man"),
            ],
            ..own(
                "",
                "Prints a script for a shell, or the manual page",
                Vec::new(),
            )
        },
        _ => own("", "", Vec::new()),
    }
}

fn script(shell: &str, summary: &str) -> Command {
    Command {
        name: shell.into(),
        summary: summary.into(),
        ..Command::default()
    }
}

/// An option whose name has its dashes.
fn option(name: &str, value: Option<&str>, help: &str) -> Opt {
    Opt {
        names: vec![name.trim_start_matches('-').into()],
        value: value.map(Into::into),
        help: help.into(),
        variable: None,
    }
}

fn of_clap(name: &str, arguments: &str, command: &clap::Command) -> Command {
    let options = command.get_arguments().filter_map(|argument| {
        let takes = argument.get_action().takes_values();
        let value = argument.get_value_names().and_then(|names| names.first());
        let short = argument.get_short().map(String::from);
        Some(Opt {
            names: [argument.get_long()?.to_owned()]
                .into_iter()
                .chain(short)
                .collect(),
            value: value.filter(|_| takes).map(ToString::to_string),
            help: argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default(),
            variable: None,
        })
    });
    let summary = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    Command {
        name: name.into(),
        arguments: arguments.into(),
        summary: summary.trim_end_matches('.').into(),
        options: options.collect(),
        commands: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_and_option_is_in_each() {
        let program = program(crate::subcommand::names());
        let shells = [Shell::Bash, Shell::Zsh, Shell::Fish];
        let texts = shells.map(|shell| program.script(shell));
        for text in texts.into_iter().chain([program.man()]) {
            for name in crate::subcommand::names() {
                assert!(text.contains(name), "{name}: {text}");
            }
            let plain = text.replace("\\-", "-");
            for option in ["extract", "build-options", "with-kustomize", "best-effort"] {
                assert!(plain.contains(option), "{option}: {text}");
            }
        }
        assert!(program.man().lines().all(|line| !line.starts_with('\'')));
        insta::assert_snapshot!(program.script(Shell::Bash));
    }
}

//! `ksops-rs completion`: scripts for shells, and the manual page, made of the
//! definitions of the subcommands.

use std::{ffi::OsString, fmt::Write};

use clap::CommandFactory;
use sops_rs::roff;

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

/// The programs that are completed.
const PROGRAMS: [&str; 2] = ["ksops-rs", "ksops"];

/// A subcommand as people see it.
#[derive(Default)]
struct Described {
    name: &'static str,
    summary: String,
    /// What follows the options: `FILE`.
    arguments: &'static str,
    options: Vec<Opt>,
}

/// An option.
struct Opt {
    /// Without dashes.
    name: String,
    /// What is to follow it, if anything: `TYPE`.
    value: Option<String>,
    help: String,
}

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
    let all = described(names);
    let text = match args.get(1).and_then(|name| name.to_str()) {
        Some("bash") => bash(&all),
        Some("zsh") => zsh(&all),
        Some("fish") => fish(&all),
        Some("man") => man(&all),
        Some("--help" | "-h") => HELP.into(),
        _ => {
            return Err(Error::new("completion: name one of bash, zsh, fish, man").advise(USAGE));
        }
    };
    process.print(text.as_bytes())
}

/// Every subcommand, by its own definition.
fn described(names: impl Iterator<Item = &'static str>) -> Vec<Described> {
    let all = names.map(|name| match name {
        "decrypt" => of_clap(name, "[FILE]", &decrypt::Arguments::command()),
        "doctor" => of_clap(name, "[DIR]", &doctor::Arguments::command()),
        "install" => Described {
            name,
            summary: "Copies the plugin into DIR, as Argo CD needs it".into(),
            arguments: "DIR",
            options: install::OPTIONS
                .map(|(name, help)| Opt {
                    name: name.trim_start_matches('-').into(),
                    value: None,
                    help: help.into(),
                })
                .into(),
        },
        "guard" => Described {
            name,
            summary: "Runs kustomize so that tenants stay apart, even when they run programs"
                .into(),
            arguments: "-- kustomize build",
            options: guard::OPTIONS
                .map(|(name, value, help)| Opt {
                    name: name.trim_start_matches('-').into(),
                    value: value.map(Into::into),
                    help: help.into(),
                })
                .into(),
        },
        "completion" => Described {
            name,
            summary: "Prints a script for a shell, or the manual page".into(),
            arguments: "bash|zsh|fish|man",
            options: Vec::new(),
        },
        name => Described {
            name,
            ..Described::default()
        },
    });
    all.collect()
}

fn of_clap(name: &'static str, arguments: &'static str, command: &clap::Command) -> Described {
    let options = command.get_arguments().filter_map(|argument| {
        let takes = argument.get_action().takes_values();
        let value = argument.get_value_names().and_then(|names| names.first());
        Some(Opt {
            name: argument.get_long()?.into(),
            value: value.filter(|_| takes).map(ToString::to_string),
            help: argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default(),
        })
    });
    let summary = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    Described {
        name,
        summary: summary.trim_end_matches('.').into(),
        arguments,
        options: options.collect(),
    }
}

fn bash(all: &[Described]) -> String {
    let names: Vec<_> = all.iter().map(|command| command.name).collect();
    let mut cases = String::new();
    for command in all {
        let mut words: Vec<_> = command
            .options
            .iter()
            .map(|option| format!("--{}", option.name))
            .collect();
        if command.arguments.contains('|') {
            words.extend(command.arguments.split('|').map(str::to_owned));
        }
        let words = words.join(" ");
        let _ = writeln!(cases, "        {}:*) words=\"{words}\" ;;", command.name);
    }
    format!(
        "_ksops_rs() {{\n    local current=\"${{COMP_WORDS[COMP_CWORD]}}\" words=\"\"\n    \
         case \"${{COMP_WORDS[1]}}:$COMP_CWORD\" in\n        \
         *:1) words=\"{} help --help --version\" ;;\n{cases}    esac\n    \
         COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}}\n\
         complete -o bashdefault -o default -F _ksops_rs {}\n",
        names.join(" "),
        PROGRAMS.join(" ")
    )
}

fn zsh(all: &[Described]) -> String {
    // Within single quotes, and within the brackets of an explanation.
    let quoted = |text: &str| {
        let text = text.replace('\'', "'\\''");
        text.replace('[', "\\[")
            .replace(']', "\\]")
            .replace(':', "\\:")
    };
    let mut script = format!("#compdef {}\n_ksops_rs() {{\n", PROGRAMS.join(" "));
    script.push_str(
        "    if (( CURRENT == 2 )); then\n        local -a commands\n        commands=(\n",
    );
    for command in all {
        let _ = writeln!(
            script,
            "            '{}:{}'",
            command.name,
            quoted(&command.summary)
        );
    }
    script.push_str(
        "        )\n        _describe command commands\n        _files\n        return\n    fi\n    \
         local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n",
    );
    for command in all {
        let _ = write!(script, "        {}) _arguments", command.name);
        for option in &command.options {
            let value = option.value.as_ref();
            let value = value.map_or(String::new(), |value| format!(":{value}:_files"));
            let _ = write!(
                script,
                " '--{}[{}]{value}'",
                option.name,
                quoted(&option.help)
            );
        }
        let rest = match command.arguments.contains('|') {
            true => format!("*:argument:({})", command.arguments.replace('|', " ")),
            false => "*:file:_files".into(),
        };
        let _ = writeln!(script, " '{rest}' ;;");
    }
    script.push_str("    esac\n}\ncompdef _ksops_rs ");
    script.push_str(&PROGRAMS.join(" "));
    script.push('\n');
    script
}

fn fish(all: &[Described]) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut script = String::new();
    for program in PROGRAMS {
        for command in all {
            let (name, summary) = (command.name, quoted(&command.summary));
            let _ = writeln!(
                script,
                "complete -c {program} -n __fish_use_subcommand -a {name} -d '{summary}'"
            );
            let seen = format!("'__fish_seen_subcommand_from {name}'");
            for option in &command.options {
                let value = if option.value.is_some() { " -r" } else { "" };
                let _ = writeln!(
                    script,
                    "complete -c {program} -n {seen} -l {}{value} -d '{}'",
                    option.name,
                    quoted(&option.help)
                );
            }
            if command.arguments.contains('|') {
                let words = command.arguments.replace('|', " ");
                let _ = writeln!(script, "complete -c {program} -n {seen} -f -a '{words}'");
            }
        }
    }
    script
}

/// The manual page, for `man`.
fn man(all: &[Described]) -> String {
    let mut page = String::from(
        ".TH KSOPS-RS 1\n.SH NAME\nksops-rs \\- decrypts SOPS files for kustomize\n.SH SYNOPSIS\n\
         .B ksops-rs\nGENERATOR\n.br\n.B ksops-rs\n< RESOURCELIST\n.br\n.B ksops-rs\nCOMMAND [OPTIONS]\n\
         .SH DESCRIPTION\n.nf\n",
    );
    for line in help::HELP.lines() {
        let _ = writeln!(page, "{}", roff::escaped(line));
    }
    page.push_str(".fi\n.SH COMMANDS\n");
    for command in all {
        let usage = format!("{} {}", command.name, command.arguments);
        let _ = writeln!(
            page,
            ".SS \"{}\"\n{}.",
            roff::escaped(usage.trim()),
            roff::escaped(&command.summary)
        );
        for option in &command.options {
            let value = option.value.as_ref();
            let value = value.map_or(String::new(), |value| format!(" {}", roff::escaped(value)));
            let _ = writeln!(
                page,
                ".TP\n.BR \"\\-\\-{}{value}\"\n{}",
                roff::escaped(&option.name),
                roff::escaped(&option.help)
            );
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_and_option_is_in_each() {
        let all = described(crate::subcommand::names());
        for text in [bash(&all), zsh(&all), fish(&all), man(&all)] {
            for name in crate::subcommand::names() {
                assert!(text.contains(name), "{name}: {text}");
            }
            let plain = text.replace("\\-", "-");
            for option in ["extract", "build-options", "with-kustomize"] {
                assert!(plain.contains(option), "{option}: {text}");
            }
        }
        assert!(man(&all).lines().all(|line| !line.starts_with('\'')));
        insta::assert_snapshot!(bash(&all));
    }
}

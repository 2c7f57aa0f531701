//! `completion`: scripts for shells, and the manual page, made of the
//! definitions of commands and options.

use std::{ffi::OsString, fmt::Write};

use crate::{
    Process, Result,
    args::{Flag, Given, flag},
    cmd::{COMMANDS, Command},
    roff,
    session::Session,
};

/// What a completion script puts behind what was typed: candidates are wanted,
/// one on each line. The name is that of sops.
pub(crate) const REQUEST: &str = "--generate-bash-completion";

/// Set by scripts for zsh: an explanation stands behind each name.
const EXPLAINED: &str = "_CLI_ZSH_AUTOCOMPLETE_HACK";

pub(crate) fn bash(session: &mut Session<'_, '_>, _: &Given) -> Result<()> {
    let script = format!(
        r#"
_sops_complete() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}"
    local words=("${{COMP_WORDS[@]:0:COMP_CWORD}}")
    case "$current" in -*) words+=("$current") ;; esac
    COMPREPLY=($(compgen -W "$("${{words[@]}}" {REQUEST} 2>/dev/null)" -- "$current"))
}}
complete -o bashdefault -o default -o nospace -F _sops_complete sops sops-rs
"#
    );
    session.process.print(script.as_bytes())
}

pub(crate) fn zsh(session: &mut Session<'_, '_>, _: &Given) -> Result<()> {
    let script = format!(
        r#"
#compdef sops sops-rs
_sops_complete() {{
    local -a typed candidates
    typed=("${{words[@]:0:$((CURRENT - 1))}}")
    [[ "${{words[CURRENT]}}" == -* ]] && typed+=("${{words[CURRENT]}}")
    candidates=("${{(@f)$({EXPLAINED}=1 "${{typed[@]}}" {REQUEST} 2>/dev/null)}}")
    if [[ -n "${{candidates[1]}}" ]]; then
        _describe 'values' candidates
    else
        _files
    fi
}}
compdef _sops_complete sops sops-rs
"#
    );
    session.process.print(script.as_bytes())
}

pub(crate) fn fish(session: &mut Session<'_, '_>, _: &Given) -> Result<()> {
    let mut script = String::new();
    for program in ["sops", "sops-rs"] {
        let _ = writeln!(
            script,
            "complete -c {program} -n 'not string match -q -- \"-*\" (commandline -ct)' -n __fish_use_subcommand -a '(set -lx {EXPLAINED} 1; {program} {REQUEST} | string replace : \\t)'"
        );
        let _ = writeln!(
            script,
            "complete -c {program} -n 'string match -q -- \"-*\" (commandline -ct)' -a '(set -lx {EXPLAINED} 1; eval (commandline -opc) (commandline -ct) {REQUEST} | string replace : \\t)'"
        );
    }
    session.process.print(script.as_bytes())
}

/// What may follow what was typed; `None` where nothing of the kind is asked.
pub(crate) fn requested(process: &Process<'_>, args: &[OsString]) -> Option<String> {
    let (last, typed) = args.split_last()?;
    if last != REQUEST {
        return None;
    }
    let explained = (process.var)(EXPLAINED).is_some_and(|value| value == "1");
    let mut text = String::new();
    let mut line = |name: &str, what: &str| {
        let _ = if explained {
            writeln!(text, "{name}:{}", what.replace(':', "\\:"))
        } else {
            writeln!(text, "{name}")
        };
    };
    let (command, above) = command(typed);
    match typed.last().and_then(|word| word.to_str()) {
        Some(prefix) if prefix.starts_with('-') => {
            let mut flags: Vec<&Flag> = command.map(Command::flags).unwrap_or_default();
            flags.extend(flag::GLOBAL.iter().copied().flatten());
            let mut seen: Vec<String> = Vec::new();
            for flag in flags {
                for name in flag.names.iter().filter(|name| name.len() > 1) {
                    let name = format!("--{name}");
                    if name.starts_with(prefix) && !seen.contains(&name) {
                        line(&name, flag.help);
                        seen.push(name);
                    }
                }
            }
        }
        _ => {
            for command in above {
                line(command.name, command.summary);
            }
            if command.is_none() {
                line("help", "Show help");
            }
        }
    }
    Some(text)
}

/// The command among the words, and the commands that may follow.
fn command(words: &[OsString]) -> (Option<&'static Command>, &'static [Command]) {
    let (mut found, mut below): (Option<&'static Command>, _) = (None, COMMANDS);
    for word in words {
        if let Some(command) = Command::named(below, word) {
            found = Some(command);
            below = command.commands;
        }
    }
    (found, below)
}

/// The manual page, for `man`.
pub(crate) fn man(session: &mut Session<'_, '_>, _: &Given) -> Result<()> {
    let mut page = String::from(
        ".TH SOPS-RS 1\n.SH NAME\nsops-rs \\- reads, makes and edits SOPS files\n\
         .SH SYNOPSIS\n.B sops-rs\nCOMMAND [OPTIONS] ...\n.br\n.B sops-rs\n[OPTIONS] FILE\n\
         .SH COMMANDS\n",
    );
    for command in COMMANDS {
        section(&mut page, "", command);
    }
    page.push_str(".SH OPTIONS\nIn front of a file or a command:\n");
    let global: Vec<_> = flag::GLOBAL.iter().copied().flatten().copied().collect();
    options(&mut page, &global);
    session.process.print(page.as_bytes())
}

fn section(page: &mut String, above: &str, command: &Command) {
    let name = format!("{above}{}", command.name);
    if command.commands.is_empty() {
        let _ = writeln!(
            page,
            ".SS \"{name} {}\"\n{}.",
            roff::escaped(command.arguments),
            roff::escaped(command.summary)
        );
        options(page, &command.flags());
    }
    for below in command.commands {
        section(page, &format!("{name} "), below);
    }
}

fn options(page: &mut String, flags: &[&Flag]) {
    for flag in flags {
        let forms = flag.names.iter().map(|name| match name.len() {
            1 => format!("\\-{name}"),
            _ => format!("\\-\\-{}", name.replace('-', "\\-")),
        });
        let forms: Vec<_> = forms.collect();
        let value = roff::escaped(flag.value);
        let _ = writeln!(
            page,
            ".TP\n.BR \"{} {value}\"\n{}",
            forms.join(", "),
            roff::escaped(flag.help)
        );
        if let Some(name) = flag.env {
            let _ = writeln!(page, "Its default is\n.BR {name} .");
        }
    }
}

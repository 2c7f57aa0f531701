//! The text of `--help`, made of the definitions of commands and options.

use std::fmt::Write;

use crate::{
    args::{Flag, flag},
    cmd::{COMMANDS, Command},
};

/// How wide a text is wrapped.
const WIDTH: usize = 80;

/// What `sops-rs --help` prints.
pub(crate) fn program(name: &str) -> String {
    let mut text = format!(
        "{name} reads, makes and edits SOPS files.\n\n\
         Usage:\n  {name} COMMAND [OPTIONS] …    see `{name} COMMAND --help`\n  \
         {name} [OPTIONS] FILE         edit a file; -d decrypts, -e encrypts, -r rotates, --set sets a value\n\n\
         Commands:\n"
    );
    list(&mut text, COMMANDS);
    text.push_str("\nOptions, in front of a file or a command:\n");
    let flags: Vec<_> = flag::GLOBAL.iter().copied().flatten().copied().collect();
    options(&mut text, &flags);
    text
}

/// What `--help` prints behind a command, whose full name is given.
pub(crate) fn command(name: &str, command: &Command) -> String {
    let mut text = format!("{}.\n\nUsage:\n", command.summary);
    if command.commands.is_empty() {
        let _ = writeln!(text, "  {name} [OPTIONS] {}", command.arguments);
    } else {
        let _ = writeln!(text, "  {name} COMMAND [OPTIONS] …\n\nCommands:");
        list(&mut text, command.commands);
    }
    text.push_str("\nOptions:\n");
    options(&mut text, &command.flags());
    text
}

fn list(text: &mut String, commands: &[Command]) {
    for command in commands {
        let _ = writeln!(text, "  {:<12}{}", command.name, command.summary);
    }
}

fn options(text: &mut String, flags: &[&Flag]) {
    const COLUMN: usize = 30;
    for flag in flags {
        let mut left = format!("  {}", forms(flag));
        if !flag.value.is_empty() {
            let _ = write!(left, " {}", flag.value);
        }
        if left.chars().count() + 2 > COLUMN {
            let _ = writeln!(text, "{left}");
            left.clear();
        }
        let mut help = flag.help.to_owned();
        if let Some(name) = flag.env {
            let _ = write!(help, " [{name}]");
        }
        let mut column = COLUMN;
        let _ = write!(text, "{left:<COLUMN$}");
        for (n, word) in help.split(' ').enumerate() {
            let width = word.chars().count() + usize::from(n > 0);
            if n > 0 && column + width > WIDTH {
                let _ = write!(text, "\n{:COLUMN$}", "");
                column = COLUMN;
            } else if n > 0 {
                text.push(' ');
            }
            text.push_str(word);
            column += width;
        }
        text.push('\n');
    }
}

/// `--in-place, -i`.
fn forms(flag: &Flag) -> String {
    let form = |name: &&str| match name.len() {
        1 => format!("-{name}"),
        _ => format!("--{name}"),
    };
    let forms: Vec<_> = flag.names.iter().map(form).collect();
    forms.join(", ")
}

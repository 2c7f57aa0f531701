//! Completions for shells and the manual page, made of what a program says
//! about itself: its commands and their options, in one place.

mod man;
mod shells;

use std::{ffi::OsString, fmt::Write};

/// A program as its completions and its manual page know it.
pub struct Program {
    /// The names under which it is called; the first is its own.
    pub names: &'static [&'static str],
    /// What stands in front of a command: options; and the commands.
    pub root: Command,
    /// Behind the name, in the synopsis of the manual page.
    pub synopsis: &'static [&'static str],
    /// More for the manual page, printed as it is; empty for nothing.
    pub description: &'static str,
}

/// A command, or the program without one.
#[derive(Default)]
pub struct Command {
    /// The word on the command line.
    pub name: String,
    /// What stands behind its options: `FILE PATH`.
    pub arguments: String,
    /// What it does, without a full stop.
    pub summary: String,
    /// Its options.
    pub options: Vec<Opt>,
    /// Commands below it.
    pub commands: Vec<Command>,
}

/// An option.
#[derive(Default)]
pub struct Opt {
    /// Its names without dashes, the long one first.
    pub names: Vec<String>,
    /// What is to follow it: `FILE`; `None` for a switch.
    pub value: Option<String>,
    /// What it does.
    pub help: String,
    /// The variable that is its default.
    pub variable: Option<String>,
}

/// What a completion is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shell {
    /// bash, with or without the package bash-completion.
    Bash,
    /// zsh: to be sourced, or a file of `$fpath`.
    Zsh,
    /// fish.
    Fish,
}

impl Program {
    /// The script that makes a shell complete the program. It runs nothing.
    ///
    /// ```
    /// use sops_rs::completion::{Command, Program, Shell};
    ///
    /// let show = Command { name: "show".into(), ..Command::default() };
    /// let program = Program {
    ///     names: &["toy"],
    ///     root: Command { commands: vec![show], ..Command::default() },
    ///     synopsis: &["COMMAND"],
    ///     description: "",
    /// };
    /// assert!(program.script(Shell::Bash).contains("commands=\"show\""));
    /// assert!(program.man().starts_with(".TH TOY 1\n"));
    /// ```
    #[must_use]
    pub fn script(&self, shell: Shell) -> String {
        match shell {
            Shell::Bash => shells::bash(self),
            Shell::Zsh => shells::zsh(self),
            Shell::Fish => shells::fish(self),
        }
    }

    /// The manual page, for `man`.
    #[must_use]
    pub fn man(&self) -> String {
        man::page(self)
    }

    /// What may follow what was typed, without the program's name: commands,
    /// or options where the last word begins with a dash. One on each line,
    /// `explained` with what it does behind a colon.
    #[must_use]
    pub fn candidates(&self, typed: &[OsString], explained: bool) -> String {
        let mut found = &self.root;
        for word in typed {
            let mut below = found.commands.iter();
            found = below
                .find(|command| *word == *command.name)
                .unwrap_or(found);
        }
        let mut text = String::new();
        let mut line = |name: &str, what: &str| {
            let _ = match explained {
                true => writeln!(text, "{name}:{}", what.replace(':', "\\:")),
                false => writeln!(text, "{name}"),
            };
        };
        match typed.last().and_then(|word| word.to_str()) {
            Some(prefix) if prefix.starts_with('-') => {
                for option in &found.options {
                    for name in option.long().filter(|name| name.starts_with(prefix)) {
                        line(&name, &option.help);
                    }
                }
            }
            _ => {
                for command in &found.commands {
                    line(&command.name, &command.summary);
                }
            }
        }
        text
    }

    fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Every command with the way to it: `:` for the program itself,
    /// `:groups:add:` for a command below another.
    fn routes(&self) -> Vec<(String, &Command)> {
        let mut routes = vec![(":".to_owned(), &self.root)];
        let mut at = 0;
        while let Some((route, command)) = routes.get(at) {
            let below: Vec<_> = command
                .commands
                .iter()
                .map(|below| (format!("{route}{}:", below.name), below))
                .collect();
            routes.extend(below);
            at += 1;
        }
        routes
    }
}

impl Opt {
    /// The names of more than one letter, with their dashes.
    fn long(&self) -> impl Iterator<Item = String> {
        let long = self.names.iter().filter(|name| name.len() > 1);
        long.map(|name| format!("--{name}"))
    }

    /// All names, with their dashes.
    fn forms(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|name| match name.len() {
            1 => format!("-{name}"),
            _ => format!("--{name}"),
        })
    }
}

#[cfg(test)]
mod tests;

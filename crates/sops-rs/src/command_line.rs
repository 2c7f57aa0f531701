//! How a command line is understood, without running it.

use std::ffi::{OsStr, OsString};

use crate::{
    args::parse::{self, Wrong},
    cmd::{COMMANDS, Command},
};

/// The options and the arguments of a command, as the program reads them: with
/// sops's rules of which word is an option's value and which one a file
/// (sops-encrypt-and-edit §1). For programs that wrap `sops-rs` and have to
/// know which files it would touch.
///
/// ```
/// use sops_rs::CommandLine;
///
/// let args = ["secret.yaml", "--output-type", "json"];
/// let line = CommandLine::of("decrypt", args).unwrap().unwrap();
/// assert_eq!(line.arguments(), ["secret.yaml"]);
/// assert_eq!(line.options(), [("output-type", "json".into())]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    options: Vec<(&'static str, OsString)>,
    arguments: Vec<OsString>,
}

impl CommandLine {
    /// Reads what follows `sops-rs COMMAND`. `None` where there is no such
    /// command; variables of the environment are not looked at.
    ///
    /// # Errors
    ///
    /// Inside, where the arguments make no sense, or ask for help: in the words
    /// of sops's parser.
    pub fn of<A: Into<OsString>>(
        command: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Option<Result<Self, String>> {
        let command = Command::named(COMMANDS, command.as_ref())?;
        let args = args.into_iter().map(Into::into).collect();
        let given = parse::command(&command.flags(), args, &|_| None);
        Some(match given {
            Ok(given) => Ok(CommandLine {
                options: given.options(),
                arguments: given.positionals,
            }),
            Err(Wrong::Usage(reason) | Wrong::Variable(reason)) => Err(reason),
            Err(Wrong::Help) => Err("help is wanted".into()),
        })
    }

    /// The options by their long names, with their values: `true` or `false`
    /// for a switch, as often as one stands that may be repeated.
    pub fn options(&self) -> &[(&'static str, OsString)] {
        &self.options
    }

    /// What is neither an option nor the value of one: files, and what `set`
    /// and `exec-env` take besides.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// The same command line so that no word can be taken for another thing:
    /// each option with its value in it, then `--`, then the arguments.
    ///
    /// ```
    /// # use sops_rs::CommandLine;
    /// let line = CommandLine::of("rotate", ["-i", "a.yaml"]).unwrap().unwrap();
    /// assert_eq!(line.to_args(), ["--in-place=true", "--", "a.yaml"]);
    /// ```
    pub fn to_args(&self) -> Vec<OsString> {
        let option = |(name, value): &(&str, OsString)| {
            let mut arg = OsString::from(format!("--{name}="));
            arg.push(value);
            arg
        };
        let options = self.options.iter().map(option);
        let arguments = self.arguments.iter().cloned();
        options.chain(["--".into()]).chain(arguments).collect()
    }
}

//! Places as people read them.

use std::fmt;

use super::{Found, Location, PathHint, Place};
use crate::shown::shorten;

/// The most recipients of one place that are shown.
const MAX_SHOWN: usize = 8;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        match (&self.found, &self.location) {
            (Found::NotFound { hint: None }, Location::Command { .. }) => {
                f.write_str("there is no such program")
            }
            (
                Found::Empty,
                Location::File {
                    variable: Some(_),
                    path,
                },
            ) if path.is_empty() => f.write_str("set, but empty"),
            (found, location) => {
                found.fmt(f)?;
                match found {
                    Found::Bad { flaw, .. } if location.variable().is_some() => {
                        // Where a variable was looked at, so is another one.
                        let other = flaw
                            .variable()
                            .map(|other| format!("; name its file in {other} instead"));
                        f.write_str(&other.unwrap_or_default())
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Given => f.write_str("given by the program"),
            Location::Variable { variable } => f.write_str(variable),
            Location::File {
                variable: Some(variable),
                path,
            } if path.is_empty() => f.write_str(variable),
            Location::File {
                variable: Some(variable),
                path,
            } => write!(f, "{variable} ({path})"),
            Location::File {
                variable: None,
                path,
            }
            | Location::Directory { path }
            | Location::Other { name: path } => f.write_str(path),
            Location::Command {
                variable,
                program: Some(program),
            } => {
                write!(f, "{variable} ({program} …)")
            }
            Location::Command {
                variable,
                program: None,
            } => f.write_str(variable),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::NotSet => f.write_str("not set"),
            Found::NotFound { hint: None } => f.write_str("not found"),
            Found::NotFound { hint: Some(hint) } => write!(f, "not found; {hint}"),
            Found::Directory => f.write_str("a directory, not a file"),
            Found::NoKeyFiles => f.write_str("no file with keys in it"),
            Found::NotReadable {
                why,
                mode,
                owner,
                user,
            } => {
                write!(f, "cannot be read: {why}")?;
                if let Some(mode) = mode {
                    write!(f, ", mode {mode:04o}")?;
                }
                if let Some(owner) = owner {
                    write!(f, ", owner uid {owner}")?;
                }
                if let Some(user) = user {
                    write!(f, ", read as uid {user}")?;
                }
                Ok(())
            }
            Found::Empty => f.write_str("no identity in it"),
            Found::Identities {
                count,
                recipients,
                plugins,
            } => {
                let s = if *count == 1 { "y" } else { "ies" };
                write!(f, "{count} identit{s}")?;
                let shown: Vec<_> = recipients
                    .iter()
                    .take(MAX_SHOWN)
                    .map(|r| shorten(r))
                    .collect();
                if !shown.is_empty() {
                    write!(f, ", for {}", shown.join(", "))?;
                }
                if recipients.len() > shown.len() {
                    f.write_str(", …")?;
                }
                match plugins {
                    0 => Ok(()),
                    1 => f.write_str("; an identity of an age plugin was left alone"),
                    more => write!(f, "; {more} identities of age plugins were left alone"),
                }
            }
            Found::Bad {
                line: Some(line),
                flaw,
            } => write!(f, "not used: line {line}: {flaw}"),
            Found::Bad { line: None, flaw } => write!(f, "not used: {flaw}"),
            Found::Locked => f.write_str("protected by a passphrase; not needed"),
            Found::NeedsPassphrase => {
                f.write_str("protected by a passphrase, which cannot be asked for here")
            }
            Found::WrongPassphrase => f.write_str("protected by a passphrase, not the one given"),
            Found::TooMuchWork => f.write_str("protected with more work than is allowed (2^22)"),
            Found::NotRun => f.write_str("not run; not needed"),
            Found::NotACommand => f.write_str("not a command: a quote is not closed"),
            Found::NotAllowed => f.write_str("not run: this program runs no commands"),
            Found::CommandFailed { code: Some(code) } => {
                write!(f, "the command failed with exit code {code}")
            }
            Found::CommandFailed { code: None } => f.write_str("the command could not be run"),
            Found::NoHome => f.write_str("not looked at: the home directory is not known"),
            Found::Usable { what: text } | Found::Unusable { why: text } => f.write_str(text),
            Found::RelativeConfig => {
                f.write_str("not looked at: XDG_CONFIG_HOME is relative, and must not be")
            }
        }
    }
}

impl fmt::Display for PathHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PathHint::CommaList => "it takes one path, not a list",
            PathHint::Tilde => "only a shell expands ~",
            PathHint::Quoted => "the path is in quotes, which only a shell removes",
            PathHint::Key => "it takes a path, not a key",
        })
    }
}

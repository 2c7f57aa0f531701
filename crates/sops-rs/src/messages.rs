//! What is said on stderr: text for people, or JSON for programs.

use std::ffi::OsString;

use serde_json::{Value, json};

use crate::{Error, Process};

/// How errors and warnings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// A JSON object on each line, for programs.
    Json,
}

impl Format {
    /// What the arguments ask for, even where they make no sense as a whole:
    /// that is an error to be written too.
    #[must_use]
    pub fn of(arguments: &[OsString]) -> Self {
        let mut asked = Format::Text;
        let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
        while let Some(argument) = arguments.next() {
            let value = match argument {
                "--" => break,
                "--error-format" => arguments.next(),
                _ => argument.strip_prefix("--error-format="),
            };
            if let Some(value) = value {
                asked = match value {
                    "json" => Format::Json,
                    _ => Format::Text,
                };
            }
        }
        asked
    }

    /// Writes a warning.
    pub fn warn(self, process: &mut Process<'_>, text: &str) {
        match self {
            Format::Text => process.say("warning", text),
            Format::Json => write(process, &json!({ "warning": { "message": text } })),
        }
    }

    /// Writes what was done.
    pub(crate) fn info(self, process: &mut Process<'_>, text: &str) {
        match self {
            Format::Text => process.say("info", text),
            Format::Json => write(process, &json!({ "info": { "message": text } })),
        }
    }

    /// Writes an error, if it is to be written here; gives back what is left
    /// to be done with it.
    pub fn error(self, process: &mut Process<'_>, error: Error) -> Error {
        match self {
            Format::Json if !error.is_quiet() => {
                write(process, &json!({ "error": error.to_json() }));
                error.quietly()
            }
            _ => error,
        }
    }
}

/// One line for each message.
fn write(process: &mut Process<'_>, message: &Value) {
    let _ = writeln!(process.stderr, "{message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_known_before_the_arguments_are_understood() {
        let of = |arguments: &[&str]| {
            Format::of(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
        };
        for json in [
            &["decrypt", "--error-format", "json"][..],
            &["decrypt", "--error-format=json", "--bogus"],
            &["--error-format=text", "--error-format=json"],
        ] {
            assert_eq!(of(json), Format::Json, "{json:?}");
        }
        for text in [
            &["decrypt"][..],
            &["--error-format"],
            &["--error-format", "text", "json"],
            &["--", "--error-format=json"],
            &["--error-format=xml"],
        ] {
            assert_eq!(of(text), Format::Text, "{text:?}");
        }
    }
}

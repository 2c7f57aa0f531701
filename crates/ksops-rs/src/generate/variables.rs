//! The variables of an env file, which are those of the file's tree.
//!
//! What was authenticated is the tree: names and values as sops reads them.
//! What makes a Secret is a second reading of the printed text, by godotenv's
//! rules, where `:` ends a name, `#` starts a comment and a quoted value goes
//! on in the next line. Names, empty values and comments are not covered by
//! the MAC, so that a line added without any key could set a variable, or
//! send another one's value somewhere. Hence the two readings must agree.

use std::collections::{BTreeMap, HashMap, HashSet};

use sops_core::{
    Document, Format, Readable,
    tree::{Text, Value},
};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    env_file::{self, EnvFile, Statement},
    error::quoted,
};

/// The names at the top of a tree, and what is known of their values.
pub(super) enum Outline {
    /// One authenticated value holds the whole text: whatever stands in it
    /// was written by its author.
    Whole,
    /// Entries in the order of the file.
    Entries {
        format: Format,
        entries: Vec<Entry>,
        /// Whether any value of the file is in clear: it may be under another
        /// name than that of its author.
        has_clear: bool,
    },
}

pub(super) struct Entry {
    name: Text,
    value: Covered,
}

/// Whether the MAC covers a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Covered {
    Yes,
    /// Empty: it can be added and taken away without a key.
    Empty,
    /// Null, an empty mapping or an empty list, as the name of its kind says.
    Nothing(&'static str),
}

impl Outline {
    pub(super) fn of(document: &Document<impl Readable>) -> Self {
        if document.format() == Format::Binary {
            return Outline::Whole;
        }
        let entries = document.tree().iter().flat_map(|document| {
            document.entries().map(|(name, value)| Entry {
                name: name.clone(),
                value: match value {
                    Value::String(text) if text.is_empty() => Covered::Empty,
                    Value::Null => Covered::Nothing("null"),
                    Value::Mapping(mapping) if mapping.entries().next().is_none() => {
                        Covered::Nothing("an empty mapping")
                    }
                    Value::List(list) if list.values().next().is_none() => {
                        Covered::Nothing("an empty list")
                    }
                    _ => Covered::Yes,
                },
            })
        });
        Outline::Entries {
            format: document.format(),
            entries: entries.collect(),
            has_clear: document.has_clear_values(),
        }
    }

    /// Whether any value of the file is in clear.
    pub(super) fn has_clear(&self) -> bool {
        matches!(self, Outline::Entries { has_clear, .. } if *has_clear)
    }
}

/// Values by name.
pub(super) type Variables = BTreeMap<String, Zeroizing<String>>;

/// Reads the variables of a decrypted file, and checks that they are those of
/// its tree. `at` puts the place of the file in front of a message.
///
/// # Errors
///
/// Where the text is no env file, or says something else than its tree.
pub(super) fn read(
    text: &str,
    outline: &Outline,
    at: &dyn Fn(&str) -> String,
    warnings: &mut Vec<String>,
) -> Result<Variables> {
    let env = env_file::parse(text).map_err(|error| {
        Error::new(at(&error.to_string()))
            .because("lines are those of the decrypted file")
            .advise(error.problem.advice())
    })?;
    if let Outline::Entries {
        format,
        entries,
        has_clear,
    } = outline
    {
        let lines = match format {
            Format::Dotenv => lines_of(text),
            _ => Vec::new(),
        };
        check(&env, entries, &lines)
            .and_then(|()| check_repeated(&env, entries, *has_clear))
            .map_err(|difference| difference.error(at))?;
    }
    warn(&env, at, warnings);
    Ok(env.variables)
}

/// The lines of a dotenv file's entries, counted from 1.
fn lines_of(text: &str) -> Vec<usize> {
    let lines = text.split('\n').enumerate();
    let entries = lines.filter(|(_, line)| !line.starts_with('#') && line.contains('='));
    entries.map(|(n, _)| n + 1).collect()
}

/// Where the second reading says something else than the tree.
struct Difference {
    line: usize,
    what: String,
    why: &'static str,
    advice: String,
}

const READ_AGAIN: &str = "the text is read by other rules than the encrypted file, in which names, empty values and comments can be changed without a key: what does not say the same to both may be anybody's";

const NAME_ADVICE: &str = "name each variable with letters, digits, `_` and `.`, and write it on one line: NAME=value; where the file is meant to be read as it is, list it under `files:`";

impl Difference {
    fn error(self, at: &dyn Fn(&str) -> String) -> Error {
        Error::new(at(&format!("line {}: {}", self.line, self.what)))
            .because(self.why)
            .because("lines are those of the decrypted file")
            .advise(self.advice)
    }
}

fn check(env: &EnvFile, entries: &[Entry], lines: &[usize]) -> std::result::Result<(), Difference> {
    let end = env.statements.last().map_or(1, |statement| statement.line);
    let mut statements = env.statements.iter();
    for (n, entry) in entries.iter().enumerate() {
        let statement = statements.next();
        let line = lines.get(n).copied();
        let line = line.or(statement.map(|s| s.line)).unwrap_or(end);
        let key = quoted_key(&entry.name);
        let differs = |what: String| Difference {
            line,
            what,
            why: READ_AGAIN,
            advice: NAME_ADVICE.into(),
        };
        let is_of = |s: &&Statement| s.line == line && is_name_of(s, &entry.name);
        let Some(statement) = statement.filter(is_of) else {
            return Err(differs(format!(
                "the key {key} of the file sets no variable of that name"
            )));
        };
        if statement.spans_lines {
            return Err(Difference {
                line: statement.line,
                what: format!("the value of {key} goes on in the lines below, as it starts with a quote"),
                why: READ_AGAIN,
                advice: "write line breaks as `\\n` between double quotes; put other quotes around a value that starts with one".into(),
            });
        }
        if let Covered::Nothing(kind) = entry.value {
            return Err(Difference {
                line,
                what: format!("the value of {key} is {kind}, and would be that word as a text"),
                why: "such a value can be added without a key",
                advice: "take it out, or write an encrypted text".into(),
            });
        }
    }
    if let Some(more) = statements.next() {
        return Err(Difference {
            line: more.line,
            what: "a variable that is no key of the file".into(),
            why: READ_AGAIN,
            advice: NAME_ADVICE.into(),
        });
    }
    Ok(())
}

/// Of two lines for one variable the last counts: both must be honest ones.
/// (Keys that are spelled alike were compared when the file was opened.)
fn check_repeated(
    env: &EnvFile,
    entries: &[Entry],
    has_clear: bool,
) -> std::result::Result<(), Difference> {
    let mut seen: HashMap<&str, &Entry> = HashMap::new();
    for (statement, entry) in env.statements.iter().zip(entries) {
        let Some(earlier) = seen.insert(&statement.name, entry) else {
            continue;
        };
        if has_clear && earlier.name != entry.name {
            return Err(Difference {
                line: statement.line,
                what: format!(
                    "{} is set a second time, spelled in another way, in a file with values in clear",
                    quoted_key(&entry.name)
                ),
                why: "a value in clear can be put under another name without a key",
                advice: "take out the line that is not meant".into(),
            });
        }
        if [earlier.value, entry.value] != [Covered::Yes; 2] {
            return Err(Difference {
                line: statement.line,
                what: format!(
                    "{} is set a second time, and one of the two values is empty",
                    quoted_key(&entry.name)
                ),
                why: "an empty value can be added without a key",
                advice: "take out the line that is not meant".into(),
            });
        }
    }
    Ok(())
}

/// A key of the tree, safe to be shown.
fn quoted_key(name: &Text) -> String {
    let name = String::from_utf8_lossy(name.as_bytes());
    let end = name.find("ENC[").unwrap_or(name.len());
    quoted(name.get(..end).unwrap_or_default())
}

/// Whether a statement sets the variable of that name: with or without
/// `export`, and blanks around it, which godotenv takes off.
fn is_name_of(statement: &Statement, name: &Text) -> bool {
    let Some(name) = name.as_str() else {
        return false;
    };
    env_file::bare_name(name) == statement.name.as_str()
}

fn warn(env: &EnvFile, at: &dyn Fn(&str) -> String, warnings: &mut Vec<String>) {
    let mut say = |which: &dyn Fn(&Statement) -> bool, what: &str, help: &str| {
        let mut seen = HashSet::new();
        let names = env.statements.iter().filter(|s| which(s));
        let names = names.map(|statement| statement.name.as_str());
        let names: Vec<_> = names.filter(|name| seen.insert(*name)).collect();
        if !names.is_empty() {
            let text = at(&format!("{what} {}", shown(&names)));
            warnings.push(format!("{text}; {help}"));
        }
    };
    say(
        &|s| s.changes.expanded,
        "`$NAME` was replaced in",
        "put single quotes around a value to keep its `$`",
    );
    say(
        &|s| s.changes.cut,
        "what stands behind ` #` was cut off in",
        "put quotes around a value to keep it",
    );
    say(
        &|s| s.changes.unescaped,
        "a backslash was taken out in",
        "put single quotes around a value to keep its `\\`",
    );
    let mut times: HashMap<&str, usize> = HashMap::new();
    for statement in &env.statements {
        *times.entry(&statement.name).or_default() += 1;
    }
    say(
        &|s| times.get(s.name.as_str()).is_some_and(|&count| count > 1),
        "more than one line sets",
        "the last one counts",
    );
}

/// Names in a message: not all of a thousand.
fn shown(names: &[&str]) -> String {
    const MAX: usize = 20;
    let first = names.get(..MAX).unwrap_or(names).join(", ");
    match names.len().checked_sub(MAX) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests;

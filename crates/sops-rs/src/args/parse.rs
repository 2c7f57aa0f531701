//! Reading a command line as sops's parser does, with its corners
//! (sops-encrypt-and-edit §1).

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use super::{
    flag::{Flag, Kind},
    given::{Given, Value},
};
use crate::process::Lookup;

/// Why a command line makes no sense, in the words of sops's parser.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// What follows `Incorrect Usage: `.
    Usage(String),
    /// A variable of the environment is no default.
    Variable(String),
    /// Help is wanted.
    Help,
}

/// Options up to the first argument that is none, then whatever follows.
pub(crate) fn options(
    flags: &[&'static Flag],
    args: impl IntoIterator<Item = OsString>,
    var: &Lookup<'_>,
) -> Result<Given, Wrong> {
    let mut given = Given::default();
    let mut names: Vec<(&'static str, String)> = Vec::new();
    let mut args = args.into_iter();
    let mut help = false;
    while let Some(arg) = args.next() {
        let Some(option) = Written::of(&arg) else {
            // A single dash is a name.
            if arg != "--" {
                given.positionals.push(arg);
            }
            break;
        };
        if option.name.is_empty() || option.name.starts_with(['-', '=']) {
            return Err(Wrong::Usage(format!(
                "bad flag syntax: {}",
                arg.to_string_lossy()
            )));
        }
        let Some(flag) = find(flags, &option.name) else {
            return Err(Wrong::Usage(format!(
                "flag provided but not defined: -{}",
                option.name
            )));
        };
        let name = &option.name;
        let value = match (flag.kind, option.value) {
            (Kind::Switch(_), None) => Value::Switch(true),
            (Kind::Switch(_), Some(text)) => Value::Switch(boolean(&text).ok_or_else(|| {
                let text = text.to_string_lossy().into_owned();
                Wrong::Usage(format!(
                    "invalid boolean value {text:?} for -{name}: parse error"
                ))
            })?),
            (_, value) => {
                let needs = || Wrong::Usage(format!("flag needs an argument: -{name}"));
                let text = value.or_else(|| args.next()).ok_or_else(needs)?;
                match flag.kind {
                    Kind::Number => Value::Number(number(&text).ok_or_else(|| {
                        let text = text.to_string_lossy().into_owned();
                        Wrong::Usage(format!(
                            "invalid value {text:?} for flag -{name}: parse error"
                        ))
                    })?),
                    Kind::Texts => {
                        given.push(flag, text);
                        names.push((flag.name(), option.name));
                        continue;
                    }
                    _ => Value::Text(text),
                }
            }
        };
        help |= flag.name() == "help" && matches!(value, Value::Switch(true));
        given.put(flag, value);
        names.push((flag.name(), option.name));
    }
    given.positionals.extend(args);
    if help {
        return Err(Wrong::Help);
    }
    for flag in flags {
        one_form(flag, &names)?;
    }
    for flag in flags
        .iter()
        .filter(|flag| !given.has(flag))
        .copied()
        .collect::<Vec<_>>()
    {
        if let Some(value) = flag.env.and_then(var) {
            by_variable(&mut given, flag, value)?;
        }
    }
    Ok(given)
}

/// The same for the arguments of a command, which sops sorts first: options
/// that the command has move to the front, each with the argument that
/// follows it, if that may be its value.
pub(crate) fn command(
    flags: &[&'static Flag],
    args: Vec<OsString>,
    var: &Lookup<'_>,
) -> Result<Given, Wrong> {
    options(flags, sorted(flags, args), var)
}

/// Whether a switch swallows what follows it is not asked, here as in sops:
/// `decrypt --ignore-mac FILE --output-type json` has three names of files.
fn sorted(flags: &[&'static Flag], args: Vec<OsString>) -> Vec<OsString> {
    let is_known =
        |arg: &OsStr| Written::of(arg).is_some_and(|option| find(flags, &option.name).is_some());
    let (mut front, mut rest) = (Vec::new(), Vec::new());
    let mut may_be_value = false;
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if is_known(&arg) {
            may_be_value = !arg.as_bytes().contains(&b'=');
            front.push(arg);
        } else if may_be_value {
            may_be_value = false;
            front.push(arg);
        } else if arg == "--" {
            rest.push(arg);
            rest.extend(args.by_ref());
        } else {
            rest.push(arg);
        }
    }
    front.append(&mut rest);
    front
}

fn find(flags: &[&'static Flag], name: &str) -> Option<&'static Flag> {
    let mut flags = flags.iter().copied();
    flags.find(|flag| flag.names.contains(&name))
}

/// `-name`, `--name`, or with `=value`.
struct Written {
    name: String,
    value: Option<OsString>,
}

impl Written {
    fn of(arg: &OsStr) -> Option<Self> {
        let text = arg.as_bytes().strip_prefix(b"-")?;
        let text = text.strip_prefix(b"-").unwrap_or(text);
        if text.is_empty() {
            return None;
        }
        // A name does not start with the sign.
        let at = text
            .iter()
            .skip(1)
            .position(|b| *b == b'=')
            .map(|at| at + 1);
        let (name, value) = match at {
            Some(at) => (
                text.get(..at).unwrap_or_default(),
                text.get(at + 1..)
                    .map(|value| OsString::from_vec(value.to_vec())),
            ),
            None => (text, None),
        };
        Some(Written {
            name: String::from_utf8_lossy(name).into_owned(),
            value,
        })
    }
}

/// Two names of one option must not meet.
fn one_form(flag: &Flag, names: &[(&'static str, String)]) -> Result<(), Wrong> {
    let used = |form: &&&str| names.iter().any(|(_, name)| name == **form);
    let mut forms: Vec<&str> = flag.names.iter().filter(used).copied().collect();
    if forms.len() < 2 {
        return Ok(());
    }
    forms.sort_by_key(|form| form.len());
    Err(Wrong::Usage(format!(
        "Cannot use two forms of the same flag: {}",
        forms.join(" ")
    )))
}

fn by_variable(given: &mut Given, flag: &'static Flag, value: OsString) -> Result<(), Wrong> {
    match flag.kind {
        Kind::Switch(_) => {
            let on = if value.is_empty() {
                false
            } else {
                boolean(&value).ok_or_else(|| {
                    let text = value.to_string_lossy().into_owned();
                    Wrong::Variable(format!(
                        "could not parse {text} as bool value for flag {}: strconv.ParseBool: parsing {text:?}: invalid syntax",
                        flag.name()
                    ))
                })?
            };
            given.put(flag, Value::Switch(on));
        }
        Kind::Texts => {
            for part in value.as_bytes().split(|b| *b == b',') {
                given.push(flag, OsString::from_vec(part.trim_ascii().to_vec()));
            }
        }
        Kind::Number => {}
        Kind::Text => given.put(flag, Value::Text(value)),
    }
    Ok(())
}

/// As Go's `strconv.ParseBool`.
fn boolean(text: &OsStr) -> Option<bool> {
    match text.to_str()? {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// As Go's `strconv.ParseInt` with base 0, without the underscores.
fn number(text: &OsStr) -> Option<i64> {
    let text = text.to_str()?;
    let (minus, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if let Some(octal) = lower.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        (8, octal)
    } else {
        (10, lower.as_str())
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    i64::from_str_radix(&format!("{minus}{digits}"), radix).ok()
}

#[cfg(test)]
mod tests;

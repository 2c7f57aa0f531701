//! The one line of a report that says what a person can do.

use super::callbacks::ASSIGNMENT;
use crate::{
    keys::{
        Advice, Flaw, Found, KeyKind, Location, Outcome, PathHint, Place, RecipientReport, Report,
    },
    shown::{MASK, shorten},
};

/// Chooses the advice that is most likely to help.
pub(super) fn choose(report: &Report) -> Advice {
    let age = || report.recipients().filter(|r| r.kind == KeyKind::Age);
    let closed = || {
        let groups = report.groups().iter().filter(|group| !group.opened);
        groups
            .flat_map(|group| &group.recipients)
            .filter(|r| r.kind == KeyKind::Age)
    };
    if age().next().is_none() {
        return Advice::Supply(
            "have somebody who can open the file add an age recipient: \
             sops rotate -i --add-age <recipient> <file>"
                .into(),
        );
    }
    let ssh = age().any(|r| r.recipient.starts_with("ssh-"));
    if let Some(advice) = report
        .places()
        .iter()
        .find_map(|place| repair(place, ssh, reads_variables(report)))
    {
        return Advice::Mend(advice);
    }
    if closed().all(|r| matches!(r.outcome, Outcome::Damaged { .. })) {
        return Advice::Mend(
            "restore the file from version control: it was changed after it was encrypted".into(),
        );
    }
    Advice::Supply(missing(report, closed()))
}

/// For whom has an SSH key that a recipient was made of.
pub(super) fn converted(recipient: &str, location: &Location) -> Advice {
    let recipient = shorten(recipient);
    let convert = match location {
        Location::File { path, .. } => format!("`ssh-to-age -private-key -i {path}`"),
        _ => "`ssh-to-age -private-key`".into(),
    };
    Advice::Mend(format!(
        "{recipient} is what ssh-to-age makes of the SSH key in {location}, which as it is \
         does not open it: give what {convert} prints in SOPS_AGE_KEY, or have the file encrypted for \
         the SSH key itself, by its ssh-ed25519 line"
    ))
}

/// Which private key to give, or whom to ask.
fn missing<'r>(report: &Report, closed: impl Iterator<Item = &'r RecipientReport>) -> String {
    let wanted: Vec<_> = closed
        .filter(|r| r.outcome == Outcome::NoMatch && r.needs.is_none())
        .map(|r| shorten(&r.recipient))
        .collect();
    let Some(first) = wanted.first() else {
        return "have somebody who can open the file add an age1… recipient: \
                sops rotate -i --add-age <recipient> <file>"
            .into();
    };
    let wanted = match wanted.len() {
        1 => first.clone(),
        2 | 3 => wanted.join(" or "),
        more => format!("{first} or one of the {} others", more - 1),
    };
    let have: Vec<&String> = report
        .places()
        .iter()
        .filter_map(|place| match &place.found {
            Found::Identities { recipients, .. } => Some(recipients),
            _ => None,
        })
        .flatten()
        // Those of other kinds cannot be added so.
        .filter(|recipient| recipient.starts_with("age1") || recipient.starts_with("ssh-"))
        .collect();
    let any = report
        .places()
        .iter()
        .any(|place| matches!(place.found, Found::Identities { .. }));
    if report.groups().len() > 1 {
        let missing = report.needed() - report.opened();
        let s = if missing == 1 { "" } else { "s" };
        return format!(
            "{missing} more key group{s} must be opened: give the private key of {wanted}"
        );
    }
    match have.as_slice() {
        [] if !any && !reads_variables(report) => format!("give the private key of {wanted}"),
        [] if !any => format!(
            "give the private key of {wanted}: its text in SOPS_AGE_KEY, or the path of its file \
             in SOPS_AGE_KEY_FILE"
        ),
        [only] if only.len() < 100 => format!(
            "give the private key of {wanted}, or have its owner add yours: \
             sops rotate -i --add-age {only} <file>"
        ),
        _ => format!(
            "the identities at hand are for other files: give the private key of {wanted}, or \
             have its owner add your recipient with sops rotate -i --add-age"
        ),
    }
}

/// Whether variables were looked at: only then is it of use to set one.
fn reads_variables(report: &Report) -> bool {
    let mut places = report.places().iter();
    places.any(|place| place.location.variable().is_some())
}

/// What to do about a place that was meant to have an identity and has none.
fn repair(Place { location, found }: &Place, ssh: bool, environment: bool) -> Option<String> {
    let named = match location {
        Location::File {
            variable: None,
            path,
        } => {
            // Keys for logging in, which are there for other reasons.
            if path.contains(".ssh") && !ssh {
                return None;
            }
            false
        }
        _ => true,
    };
    let place = match location {
        Location::Given => "what the program gives".into(),
        _ => location.to_string(),
    };
    Some(match found {
        Found::Bad { line, flaw } => {
            let line = line.map_or(String::new(), |line| format!("line {line} of "));
            match flaw {
                Flaw::PublicKey => format!("put the private key in place of {line}{place}"),
                Flaw::Plugin => {
                    format!("add an identity to {place} that needs no plugin: AGE-SECRET-KEY-…")
                }
                _ => format!("repair {line}{place}: until then none of it is used"),
            }
        }
        Found::NotReadable { user, .. } => {
            let user = user.map_or("this process".into(), |user| format!("uid {user}"));
            let mut text = format!("let {user} read {place}");
            // A program that looks for keys by itself knows where they are from.
            if environment {
                text.push_str(
                    "; for a Secret that Kubernetes mounts, by fsGroup and defaultMode 0440",
                );
            }
            text
        }
        Found::NotFound { hint } => match (hint, location) {
            _ if !named => return None,
            (
                Some(PathHint::Key),
                Location::File {
                    variable: Some(variable),
                    ..
                },
            ) if variable == "SOPS_AGE_KEY_FILE" => {
                "put the key itself in SOPS_AGE_KEY; SOPS_AGE_KEY_FILE takes the path of a file"
                    .into()
            }
            (Some(PathHint::Key), _) => {
                format!(
                    "put the key into a file, and its path in {}",
                    variable(location)
                )
            }
            (Some(PathHint::CommaList), _) => {
                format!(
                    "put all the keys into one file, and its path in {}",
                    variable(location)
                )
            }
            (_, Location::Directory { path }) => {
                format!("mount the keys at {path}, or correct that path")
            }
            (_, Location::Command { program, .. }) => match program.as_deref() {
                Some(name) if name.ends_with(ASSIGNMENT) => format!(
                    "{} is run without a shell: write sh -c '…' around it",
                    variable(location)
                ),
                Some(MASK) => format!(
                    "put the key itself in SOPS_AGE_KEY; {} takes a command that prints it",
                    variable(location)
                ),
                _ => format!("install the program of {place}, or give the whole path"),
            },
            _ => format!(
                "correct the path in {}, or mount the key there",
                variable(location)
            ),
        },
        Found::Directory => format!("name a file in {}, not a directory", variable(location)),
        Found::NoKeyFiles => format!("put the keys into {place} as *.agekey or *.txt"),
        Found::Empty => match location {
            Location::Command { variable, .. } => {
                format!("unset {variable}, or give it a command that prints a key")
            }
            Location::File {
                variable: Some(variable),
                path,
            } if path.is_empty() => {
                format!("unset {variable}, or give it the path of a key file")
            }
            _ => format!("put an identity into {place}: a line AGE-SECRET-KEY-…"),
        },
        Found::NeedsPassphrase => {
            format!("give a key without a passphrase in place of {place}: nobody can be asked here")
        }
        Found::WrongPassphrase => format!("give the right passphrase for {place}"),
        Found::TooMuchWork => format!("encrypt {place} again with a lower scrypt work factor"),
        Found::NotACommand | Found::CommandFailed { .. } => {
            format!(
                "run the command of {} by hand to see why it fails",
                variable(location)
            )
        }
        Found::NotAllowed => format!(
            "give the identity in SOPS_AGE_KEY or SOPS_AGE_KEY_FILE: this program does not run {}",
            variable(location)
        ),
        Found::RelativeConfig => "make XDG_CONFIG_HOME an absolute path".into(),
        _ => return None,
    })
}

/// The variable of a place, or the place itself.
fn variable(location: &Location) -> String {
    match location.variable() {
        Some(variable) => variable.to_owned(),
        None => location.to_string(),
    }
}

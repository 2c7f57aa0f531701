//! Why a data key could not be opened, as data and as text.

use std::fmt;

use serde::Serialize;

use super::{
    advice, identity,
    open::{Attempt, GroupAttempt, Outcome},
    place::{Found, Location, PathHint},
};
use crate::metadata::{MasterKey, OtherKind};

/// Why the data key of a file could not be opened: what came of each
/// recipient of the file, every place where identities were looked for with
/// what was found there, and what a person can do.
///
/// Holds public keys, names and paths; never a private key, nor any part of a
/// line that is none. As text it has several lines, the last of which is
/// `help: ` and [`Report::advice`].
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    summary: String,
    needed: usize,
    opened: usize,
    groups: Vec<GroupReport>,
    places: Vec<Place>,
    advice: String,
}

/// One key group of the file.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct GroupReport {
    /// Whether one of its keys was opened.
    pub opened: bool,
    /// Its keys, in the order of the file.
    pub recipients: Vec<RecipientReport>,
}

/// One key of a key group.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RecipientReport {
    /// Which kind of key: `age`, `AWS KMS`, `PGP`, …
    pub kind: &'static str,
    /// How the file names it: recipient, ARN, fingerprint, URL. A label that
    /// proves nothing.
    pub recipient: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What it takes to open it, where this crate cannot.
    pub needs: Option<String>,
}

/// A place where identities were looked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The place.
    pub location: Location,
    /// What was there.
    pub found: Found,
}

impl Report {
    pub(super) fn new(attempt: &Attempt<'_>, places: Vec<Place>) -> Self {
        let mut report = Report {
            summary: String::new(),
            needed: attempt.needed,
            opened: attempt.opened(),
            groups: attempt.groups.iter().map(GroupReport::new).collect(),
            places,
            advice: String::new(),
        };
        report.summary = report.summarize();
        report.advice = advice::choose(&report);
        report
    }

    /// One line: what could not be done.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// One line: what a person can do.
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// The key groups of the file, in its order. Most files have one.
    pub fn groups(&self) -> &[GroupReport] {
        &self.groups
    }

    /// How many key groups must be opened.
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// How many key groups were opened.
    pub fn opened(&self) -> usize {
        self.opened
    }

    /// Every place where identities were looked for, in the order of the
    /// search.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The same for the eyes of more people than those who run this program:
    /// without the numbers of users, and without the recipients of identities
    /// that are not for this file.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        let names: Vec<String> = self.recipients().map(|r| r.recipient.clone()).collect();
        for place in &mut self.places {
            match &mut place.found {
                Found::NotReadable { owner, user, .. } => (*owner, *user) = (None, None),
                Found::Identities { recipients, .. } => {
                    recipients.retain(|r| names.iter().any(|name| name.starts_with(r.as_str())));
                }
                _ => {}
            }
        }
        self.advice = advice::choose(&self);
        self
    }

    pub(super) fn recipients(&self) -> impl Iterator<Item = &RecipientReport> {
        self.groups.iter().flat_map(|group| &group.recipients)
    }

    fn summarize(&self) -> String {
        if self.recipients().next().is_none() {
            "the file names no key that could open it".into()
        } else if self.opened >= self.needed && self.groups.len() > 1 {
            "the shares of the key groups do not fit together".into()
        } else if self.groups.len() > 1 {
            format!(
                "{} of {} key groups must be opened, and {} could be",
                self.needed,
                self.groups.len(),
                self.opened
            )
        } else if self.recipients().all(|r| r.outcome == Outcome::Unsupported) {
            "the file is encrypted for no age recipient".into()
        } else {
            "no identity at hand opens the data key".into()
        }
    }
}

impl GroupReport {
    fn new(group: &GroupAttempt<'_>) -> Self {
        let recipients = group.keys.iter().zip(&group.outcomes);
        GroupReport {
            opened: group.opened(),
            recipients: recipients
                .map(|(key, outcome)| RecipientReport::new(key, *outcome))
                .collect(),
        }
    }
}

impl RecipientReport {
    fn new(key: &MasterKey, outcome: Outcome) -> Self {
        match key {
            MasterKey::Age { recipient, .. } => RecipientReport {
                kind: "age",
                needs: plugin(recipient).map(|name| format!("the age plugin {name}")),
                recipient: printable(recipient.trim()),
                outcome,
            },
            MasterKey::Other { kind, id, .. } => {
                let (kind, needs) = describe(*kind);
                RecipientReport {
                    kind,
                    recipient: printable(id),
                    outcome,
                    needs: Some(needs.into()),
                }
            }
        }
    }
}

/// The name of a kind, and what sops needs to open a key of that kind.
fn describe(kind: OtherKind) -> (&'static str, &'static str) {
    match kind {
        OtherKind::AwsKms => ("AWS KMS", "AWS credentials"),
        OtherKind::GcpKms => ("Google Cloud KMS", "Google Cloud credentials"),
        OtherKind::HuaweiKms => ("Huawei Cloud KMS", "Huawei Cloud credentials"),
        OtherKind::AzureKeyVault => ("Azure Key Vault", "Azure credentials"),
        OtherKind::Vault => ("HashiCorp Vault", "a Vault token"),
        OtherKind::Pgp => ("PGP", "GnuPG and the private key"),
    }
}

/// The name of the plugin that a recipient is for (age-identities §6).
fn plugin(recipient: &str) -> Option<String> {
    let (name, _) = recipient.strip_prefix("age1")?.rsplit_once('1')?;
    (name != "pq").then(|| shorten(name))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the file's recipients:")?;
        for (number, group) in (1..).zip(&self.groups) {
            if self.groups.len() > 1 {
                let state = if group.opened { "opened" } else { "not opened" };
                writeln!(f, "  key group {number}: {state}")?;
            }
            // Who did not open a group that is open is of no interest.
            if !group.opened {
                for recipient in &group.recipients {
                    let indent = if self.groups.len() > 1 { 4 } else { 2 };
                    writeln!(f, "{:indent$}{recipient}", "")?;
                }
            }
        }
        writeln!(f, "identities were looked for in:")?;
        let mut not_set = Vec::new();
        let mut not_found = Vec::new();
        for place in &self.places {
            match (&place.found, &place.location) {
                (Found::NotSet, location) => not_set.push(location.to_string()),
                (
                    Found::NotFound { .. },
                    Location::File {
                        variable: None,
                        path,
                    },
                ) => {
                    not_found.push(path.clone());
                }
                _ => writeln!(f, "  {place}")?,
            }
        }
        if self.places.is_empty() {
            writeln!(f, "  no place at all")?;
        }
        if !not_found.is_empty() {
            writeln!(f, "  not found: {}", not_found.join(", "))?;
        }
        if !not_set.is_empty() {
            writeln!(f, "  not set: {}", not_set.join(", "))?;
        }
        write!(f, "help: {}", self.advice)
    }
}

impl fmt::Display for RecipientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != "age" {
            write!(f, "{} ", self.kind)?;
        }
        write!(f, "{}: ", shorten(&self.recipient))?;
        match (self.outcome, &self.needs) {
            (Outcome::Opened, _) => f.write_str("opened"),
            (Outcome::NotNeeded, _) => f.write_str("not needed"),
            (Outcome::Damaged { damage }, _) => write!(f, "damaged: {damage}"),
            (Outcome::NoMatch, None) => f.write_str("no matching identity"),
            (Outcome::NoMatch | Outcome::Unsupported, Some(needs)) => {
                write!(f, "not supported (needs {needs})")
            }
            (Outcome::Unsupported, None) => f.write_str("not supported"),
        }
    }
}

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
            (found, _) => found.fmt(f),
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
            | Location::Directory { path } => f.write_str(path),
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
            Found::NoKeyFiles => f.write_str("no *.agekey and no *.txt in it"),
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

/// The most recipients of one place that are shown.
const MAX_SHOWN: usize = 8;

/// What stands in messages for a text that may be a key.
pub(super) const MASK: &str = "<a private key>";

/// Whether a text from outside could be a private key, or hold one: a path or
/// a setting where a person put the key itself. Such a text is not for
/// messages.
///
/// ```
/// use sops_core::keys::may_be_key;
/// assert!(may_be_key("AGE-SECRET-KEY-1…"));
/// assert!(!may_be_key("/home/argocd/.config/sops/age/keys.txt"));
/// ```
pub fn may_be_key(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    [
        "AGE-SECRET-KEY-",
        "AGE-PLUGIN-",
        "PRIVATE KEY",
        "-----BEGIN ",
    ]
    .iter()
    .any(|mark| upper.contains(mark))
        || identity::is_base64(text)
}

/// A text from outside, fit to be shown: without what could be a private key,
/// without control characters, and of bounded length.
pub(crate) fn printable(text: &str) -> String {
    if may_be_key(text) {
        return MASK.into();
    }
    let shown = |c: char| if c.is_control() || is_bidi(c) { '?' } else { c };
    text.chars().take(MAX_PRINTABLE).map(shown).collect()
}

/// A post-quantum recipient has 1,959 characters.
const MAX_PRINTABLE: usize = 4096;

/// Characters that change the direction of the text around them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A recipient, shortened but recognisable.
pub(super) fn shorten(recipient: &str) -> String {
    let recipient = printable(recipient);
    let middle = |text: &str, first: usize, last: usize| {
        let chars: Vec<char> = text.chars().collect();
        match (chars.get(..first), chars.len().checked_sub(last)) {
            (Some(start), Some(rest)) if rest > first + 1 => {
                let end = chars.get(rest..).unwrap_or_default();
                start.iter().chain(&['…']).chain(end).collect()
            }
            _ => text.to_owned(),
        }
    };
    let mut words = recipient.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(kind), Some(key), comment) if kind.starts_with("ssh-") => {
            let comment = comment.map(|c| format!(" {}", middle(c, 32, 0)));
            format!(
                "{kind} {}{}",
                middle(key, 0, 8),
                comment.unwrap_or_default()
            )
        }
        _ if recipient.starts_with("age1") => middle(&recipient, 16, 6),
        _ => middle(&recipient, 72, 24),
    }
}

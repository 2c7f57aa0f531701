//! Why a data key could not be opened, as data and as text.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Found, KeyKind, Location, Outcome, Place, WrappedKey};
use crate::shown::{printable, shorten};

/// Why the data key of a file could not be opened: what came of each
/// recipient of the file, every place where identities were looked for with
/// what was found there, and what a person can do.
///
/// Holds public keys, names and paths; never a private key, nor any part of a
/// line that is none. As text it has several lines, the last of which is
/// `help: ` and [`Report::advice`].
///
/// ```
/// use sops_core::{Document, Format, Keyring};
///
/// # let file = std::fs::read("examples/secret.enc.yaml")?;
/// let document = Document::parse(&file, Format::Yaml)?;
/// let report = Keyring::new().report(document.metadata());
/// assert_eq!(report.summary(), "no identity at hand opens the data key");
/// assert_eq!(report.advice(), "give the private key of age1a7zz5jawu8m8…eetzuc");
/// assert_eq!(
///     serde_json::to_value(&report)?["groups"][0]["recipients"][0]["result"],
///     "no-match"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    summary: String,
    needed: usize,
    opened: usize,
    groups: Vec<GroupReport>,
    places: Vec<Place>,
    advice: String,
    /// The advice of the [redacted](Report::redacted) report.
    #[serde(skip)]
    public_advice: String,
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
    /// Which kind of key. Written as people know it: `age`, `AWS KMS`, `PGP`.
    #[serde(serialize_with = "title")]
    pub kind: KeyKind,
    /// How the file names it: recipient, ARN, fingerprint, URL. A label that
    /// proves nothing.
    pub recipient: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What it takes to open it, where this crate cannot.
    pub needs: Option<String>,
}

impl Report {
    /// A report on these groups, to which keys of these kinds were at hand.
    /// `choose` gives the advice for a report that has none yet.
    pub(crate) fn new(
        needed: usize,
        groups: Vec<GroupReport>,
        places: Vec<Place>,
        handled: &[KeyKind],
        choose: impl Fn(&Report) -> String,
    ) -> Self {
        let mut report = Report {
            summary: String::new(),
            needed,
            opened: groups.iter().filter(|group| group.opened).count(),
            groups,
            places,
            advice: String::new(),
            public_advice: String::new(),
        };
        report.summary = report.summarize(handled);
        report.public_advice = choose(&report.clone().without_details());
        report.advice = choose(&report);
        report
    }

    /// One line: what could not be done.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// One line: what a person can do.
    #[must_use]
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// The key groups of the file, in its order. Most files have one.
    #[must_use]
    pub fn groups(&self) -> &[GroupReport] {
        &self.groups
    }

    /// How many key groups must be opened.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// How many key groups were opened.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.opened
    }

    /// The recipients that it would help to have a key for: those of key
    /// groups that are not open, without what nobody can open. Of each group,
    /// one is enough. None where enough groups are open.
    ///
    /// ```
    /// use sops_core::{Document, Format, Keyring};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// let report = Keyring::new().report(document.metadata());
    /// for recipient in report.missing() {
    ///     println!("give the {} key of {}", recipient.kind, recipient.recipient);
    /// }
    /// # assert_eq!(report.missing().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn missing(&self) -> impl Iterator<Item = &RecipientReport> {
        let is_lost =
            |recipient: &&RecipientReport| matches!(recipient.outcome, Outcome::Damaged { .. });
        self.groups
            .iter()
            .filter(|group| !group.opened && self.opened < self.needed)
            .flat_map(|group| &group.recipients)
            .filter(move |recipient| !is_lost(recipient))
    }

    /// Every place where identities were looked for, in the order of the
    /// search.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The same for the eyes of more people than those who run this program:
    /// without the numbers of users, and without the recipients of identities
    /// that are not for this file.
    #[must_use]
    pub fn redacted(self) -> Self {
        let mut report = self.without_details();
        report.advice.clone_from(&report.public_advice);
        report
    }

    fn without_details(mut self) -> Self {
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
        self
    }

    /// All recipients, in the order of the file.
    pub fn recipients(&self) -> impl Iterator<Item = &RecipientReport> {
        self.groups.iter().flat_map(|group| &group.recipients)
    }

    fn summarize(&self, handled: &[KeyKind]) -> String {
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
            let of_file = |kind: &KeyKind| self.recipients().any(|r| r.kind == *kind);
            let of_file: Vec<KeyKind> = KeyKind::ALL.into_iter().filter(of_file).collect();
            format!(
                "the file is encrypted for {}; kinds of key known here: {}",
                listed(&of_file),
                listed(handled)
            )
        } else {
            "no identity at hand opens the data key".into()
        }
    }
}

impl RecipientReport {
    pub(crate) fn new(key: &WrappedKey, outcome: Outcome, needs: Option<&str>) -> Self {
        let kind = key.kind();
        RecipientReport {
            kind,
            recipient: printable(key.recipient().to_string().trim()),
            needs: match outcome {
                Outcome::Unsupported => Some(kind.needs().into()),
                _ => needs.map(Into::into),
            },
            outcome,
        }
    }
}

/// Kinds as people list them: `AWS KMS, PGP and age`.
fn listed(kinds: &[KeyKind]) -> String {
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.title()).collect();
    match titles.as_slice() {
        [] => "none".into(),
        [only] => (*only).into(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn title<S: Serializer>(kind: &KeyKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.title())
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
        if self.kind != KeyKind::Age {
            write!(f, "{} ", self.kind.title())?;
        }
        write!(f, "{}: ", shorten(&self.recipient))?;
        match (&self.outcome, &self.needs) {
            (Outcome::Opened, _) => f.write_str("opened"),
            (Outcome::NotNeeded, _) => f.write_str("not needed"),
            (Outcome::Damaged { damage }, _) => write!(f, "damaged: {damage}"),
            (Outcome::NoMatch, None) => f.write_str("no matching identity"),
            (Outcome::NoMatch | Outcome::Unsupported, Some(needs)) => {
                write!(f, "not supported (needs {needs})")
            }
            (Outcome::Unsupported, None) => f.write_str("not supported"),
            (Outcome::Failed { why }, Some(needs)) => write!(f, "{why} (needs {needs})"),
            (Outcome::Failed { why }, None) => why.fmt(f),
        }
    }
}

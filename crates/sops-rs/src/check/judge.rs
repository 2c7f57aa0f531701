//! One file against the creation rule that is for it.

use std::{cell::LazyCell, path::Path};

use sops_core::{
    Document, Encrypted, Format,
    cipher::Sealed,
    config::CreationRule,
    foreign::Foreign,
    inspect::{Lines, Remark, RemarkKind},
    keys::{KeyKind, WrappedKey},
    metadata::Rule,
    shown::shorten,
};

use super::{
    finding::{Finding, Kind},
    state::State,
};
use crate::{Error, diff::Diff, error::path_name, version};

/// What the configuration says of a file.
pub(crate) struct Configured<'a> {
    /// The configuration, if there is one.
    pub(crate) path: Option<&'a Path>,
    /// The rule that is for the file.
    pub(crate) rule: Option<&'a CreationRule>,
    /// Whether somebody named the file.
    pub(crate) named: bool,
}

/// What came of a file.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) encrypted: bool,
    pub(crate) findings: Vec<Finding>,
    /// Why it could not be judged.
    pub(crate) failed: Option<Error>,
}

impl Verdict {
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// Judges a file.
pub(crate) fn judge(path: &Path, bytes: &[u8], configured: &Configured<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    match State::of(path, bytes) {
        State::Empty => {}
        State::Plain => {
            if let Some(why) = configured.wanting() {
                let message = format!("not encrypted, and {why} is for it");
                verdict.add(Finding::new(Kind::Plaintext, message));
            }
        }
        State::Conflict {
            line,
            was_encrypted,
        } => {
            if was_encrypted || configured.wants_encryption() {
                let message = "the conflict markers of a merge";
                let line = u32::try_from(line).ok();
                verdict.add(Finding::new(Kind::Conflict, message).at_line(line));
            }
        }
        State::Foreign(foreign) => foreigner(&mut verdict, foreign, configured),
        State::Broken(error) => {
            verdict.encrypted = true;
            // YAML with a key twice is none that Go reads.
            let kind = if error.message().contains("same key twice") {
                Kind::RepeatedKey
            } else {
                Kind::Metadata
            };
            verdict.add(
                Finding::new(kind, error.message())
                    .at_line(error.line())
                    .at_key(error.key_path()),
            );
        }
        State::Encrypted(document) => {
            verdict.encrypted = true;
            encrypted(&mut verdict, &document, bytes, configured);
        }
    }
    verdict
}

impl Configured<'_> {
    /// Whether the file is to be encrypted: a rule without `path_regex` is for
    /// files that somebody took for secrets.
    pub(crate) fn wants_encryption(&self) -> bool {
        self.wanting().is_some()
    }

    /// The rule that wants it, for messages.
    fn wanting(&self) -> Option<String> {
        let rule = self.rule?;
        (rule.names_paths() || self.named).then(|| self.call(rule))
    }

    fn call(&self, rule: &CreationRule) -> String {
        let config = self.path.map_or(".sops.yaml".into(), path_name);
        format!("the rule on line {} of {config}", rule.line())
    }
}

fn foreigner(verdict: &mut Verdict, foreign: Foreign, configured: &Configured<'_>) {
    let Some(why) = configured.wanting() else {
        return;
    };
    if foreign == Foreign::LfsPointer {
        let error = Error::new(foreign.to_string()).advise(foreign.advice());
        verdict.failed = Some(error);
    } else {
        let message = format!("{foreign}, and {why} is for it");
        verdict.add(Finding::new(Kind::Foreign, message));
    }
}

fn encrypted(
    verdict: &mut Verdict,
    document: &Document<Encrypted>,
    bytes: &[u8],
    configured: &Configured<'_>,
) {
    let metadata = document.metadata();
    // Looked for where something is found.
    let lines = LazyCell::new(|| Lines::of(bytes, document.format()));
    let in_block = |kind: Kind, message: String, field: &str| {
        let line = lines.of_key(field).or_else(|| lines.of_key("sops"));
        Finding::new(kind, message).at_line(line)
    };
    let wrong = |message: &str, field: &str| {
        in_block(Kind::Metadata, message.into(), field).at_key(Some(field))
    };
    if version::check(&metadata.version).is_err() {
        verdict.add(wrong(
            "the version in the sops block is none",
            "sops.version",
        ));
    }
    if metadata.mac.is_empty() {
        verdict.add(wrong("there is no MAC", "sops.mac"));
    } else if Sealed::parse(metadata.mac.as_bytes()).is_none() {
        verdict.add(wrong("the MAC is none", "sops.mac"));
    }
    let keys = metadata.key_groups.iter().flat_map(|group| &group.keys);
    for key in keys.filter(|key| !may_be_wrapped(key)) {
        let who = shorten(&key.recipient().to_string());
        let message = format!("the data key is not wrapped for {who}: its enc is something else");
        verdict.add(wrong(&message, "sops"));
    }
    match document.inspect() {
        Ok(remarks) => remark(verdict, &remarks, &lines),
        Err(error) => {
            let own = Error::new(error.message()).advise(error.advice().unwrap_or_default());
            verdict.failed = Some(own);
        }
    }
    let Some(rule) = configured.rule else {
        let message = match configured.path {
            Some(path) => format!("no creation rule of {} is for it", path_name(path)),
            None => "there is no .sops.yaml at or above its folder".into(),
        };
        return verdict.add(in_block(Kind::NoRule, message, "sops"));
    };
    let called = configured.call(rule);
    if let Some(difference) = other_selection(document, rule) {
        let message = format!("{difference} ({called})");
        let field = format!("sops.{}", metadata.rule.field().0);
        verdict.add(in_block(Kind::Selection, message, &field));
    }
    if let Some(difference) = Diff::new(document, rule).in_words() {
        let message = format!("{difference} ({called})");
        verdict.add(in_block(Kind::Recipients, message, "sops"));
    }
}

/// Whether what is said to be a wrapped key looks like one. Nothing signs this
/// part of a file: whoever can write it can put a recipient there.
fn may_be_wrapped(key: &WrappedKey) -> bool {
    let enc = key.enc().trim_start();
    match key.recipient().kind() {
        KeyKind::Age => enc.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"),
        KeyKind::Pgp => enc.starts_with("-----BEGIN PGP MESSAGE-----"),
        _ => !enc.is_empty(),
    }
}

/// One finding for each value; where nothing need be done one for all.
fn remark(
    verdict: &mut Verdict,
    remarks: &[Remark],
    lines: &LazyCell<Lines, impl FnOnce() -> Lines>,
) {
    let kind = |kind| match kind {
        RemarkKind::ClearValue => Some((
            Kind::ClearValue,
            "in clear, and the file's rule encrypts it",
        )),
        RemarkKind::RepeatedKey => Some((Kind::RepeatedKey, "the key stands here more than once")),
        RemarkKind::ClearComment => Some((Kind::ClearComment, "a comment in clear")),
        RemarkKind::EmptyText => Some((Kind::EmptyText, "an empty text, which is never encrypted")),
        RemarkKind::Null => Some((Kind::Null, "a null, which is never encrypted")),
        _ => None,
    };
    let mut counted: Vec<(Kind, usize)> = Vec::new();
    for remark in remarks {
        let Some((kind, message)) = kind(remark.kind()) else {
            continue;
        };
        if kind.is_note() {
            if let Some((_, count)) = counted.iter_mut().find(|(known, _)| *known == kind) {
                *count += 1;
                continue;
            }
            counted.push((kind, 1));
        }
        verdict.add(
            Finding::new(kind, message)
                .at_line(lines.of_remark(remark))
                .at_key(Some(remark.key_path())),
        );
    }
    for finding in &mut verdict.findings {
        let found = counted.iter().find(|(kind, _)| *kind == finding.kind);
        if let Some((_, count)) = found.filter(|(_, count)| *count > 1) {
            let places = if *count == 2 { "place" } else { "places" };
            finding.message = format!("{} ({} more {places})", finding.message, count - 1);
        }
    }
}

/// In which way the values that are encrypted are selected otherwise than the
/// creation rule says. Its text is not told: somebody may have put anything
/// there.
fn other_selection(document: &Document<Encrypted>, rule: &CreationRule) -> Option<String> {
    if document.format() == Format::Binary {
        return None;
    }
    let metadata = document.metadata();
    let default = Rule::default();
    let (file, wanted) = (&metadata.rule, rule.selection().unwrap_or(&default));
    let ((field, text), (wanted_field, wanted_text)) = (file.field(), wanted.field());
    if field != wanted_field {
        return Some(format!(
            "values were selected by {field}, and are to be by {wanted_field}"
        ));
    }
    if text != wanted_text {
        return Some(format!("values were selected by another {field}"));
    }
    match (metadata.mac_only_encrypted, rule.mac_only_encrypted()) {
        (true, false) => Some("mac_only_encrypted is set, and is not to be".into()),
        (false, true) => Some("mac_only_encrypted is not set, and is to be".into()),
        _ => None,
    }
}

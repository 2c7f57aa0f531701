//! For whom and how a new file is encrypted.

use std::path::Path;

use go_yaml::de::Located;

use super::file::{self, present};
use super::patterns::Patterns;
use super::{groups, keys};
use crate::{Error, ErrorKind, Result, keys::Recipient, metadata::Rule};

/// A creation rule that fits a file, its recipients parsed.
#[derive(Clone, Debug)]
pub struct CreationRule {
    key_groups: Vec<Vec<Recipient>>,
    has_groups: bool,
    shamir_threshold: usize,
    selection: Option<Rule>,
    mac_only_encrypted: bool,
    names_paths: bool,
    line: u32,
}

impl CreationRule {
    /// The recipients of each key group: one group unless the rule has
    /// `key_groups`. A group may be without recipients, and nothing can be
    /// encrypted then.
    #[must_use]
    pub fn key_groups(&self) -> &[Vec<Recipient>] {
        &self.key_groups
    }

    /// Whether the rule has `key_groups`, which an encryption context given on
    /// the command line has no effect on (sops-config §6).
    #[must_use]
    pub fn has_groups(&self) -> bool {
        self.has_groups
    }

    /// How many groups must be opened; 0 where the rule does not say, which is
    /// all of them.
    #[must_use]
    pub fn shamir_threshold(&self) -> usize {
        self.shamir_threshold
    }

    /// Which values are encrypted, where the rule says. Its regex is not
    /// looked at, as in sops.
    #[must_use]
    pub fn selection(&self) -> Option<&Rule> {
        self.selection.as_ref()
    }

    /// Whether only encrypted values count for the MAC.
    #[must_use]
    pub fn mac_only_encrypted(&self) -> bool {
        self.mac_only_encrypted
    }

    /// Whether the rule has a `path_regex`. One without takes every file that
    /// no rule before it took.
    #[must_use]
    pub fn names_paths(&self) -> bool {
        self.names_paths
    }

    /// The line of the configuration where the rule starts, counted from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    pub(super) fn new(rule: &Located<file::Rule>, place: &str) -> Result<Self> {
        let Located { line, value: rule } = rule;
        let groups: Vec<_> = present(rule.key_groups.iter()).collect();
        let has_groups = !groups.is_empty();
        let key_groups = if has_groups {
            let group =
                |(index, group)| groups::group(group, &format!("{place}.key_groups[{index}]"));
            groups.into_iter().map(group).collect::<Result<_>>()?
        } else {
            vec![keys::flat(rule, place)?]
        };
        let threshold = &rule.shamir_threshold;
        let shamir_threshold = usize::try_from(threshold.value).map_err(|_| {
            Error::new(ErrorKind::Config, "the threshold is negative")
                .at_line(threshold.line)
                .at_key(format!("{place}.shamir_threshold"))
                .advise("write how many groups must be opened, or nothing for all of them")
        })?;
        Ok(CreationRule {
            key_groups,
            has_groups,
            shamir_threshold,
            selection: selection(rule)
                .map_err(|error| error.at_line(*line).at_key(place.to_owned()))?,
            mac_only_encrypted: rule.mac_only_encrypted,
            names_paths: !rule.path_regex.value.is_empty(),
            line: *line,
        })
    }
}

/// Whether a rule is for this path.
pub(super) fn matches(
    rule: &file::Rule,
    subject: &Path,
    place: &str,
    patterns: &Patterns,
) -> Result<bool> {
    let pattern = &rule.path_regex;
    if pattern.value.is_empty() {
        return Ok(true);
    }
    let regex = patterns.compiled(&pattern.value).ok_or_else(|| {
        Error::new(
            ErrorKind::Config,
            "not a regular expression that Go understands (RE2), or one that takes too much memory",
        )
        .at_line(pattern.line)
        .at_key(format!("{place}.path_regex"))
        .advise("mend the expression; there is no look-around in RE2, and a `\\` stays one only in single quotes or none")
    })?;
    Ok(regex.is_match(subject.as_os_str().as_encoded_bytes()))
}

/// At most one of the six.
fn selection(rule: &file::Rule) -> Result<Option<Rule>> {
    let rules = [
        Rule::UnencryptedSuffix(rule.unencrypted_suffix.clone()),
        Rule::EncryptedSuffix(rule.encrypted_suffix.clone()),
        Rule::UnencryptedRegex(rule.unencrypted_regex.clone()),
        Rule::EncryptedRegex(rule.encrypted_regex.clone()),
        Rule::UnencryptedCommentRegex(rule.unencrypted_comment_regex.clone()),
        Rule::EncryptedCommentRegex(rule.encrypted_comment_regex.clone()),
    ];
    let named = rules.into_iter().filter(|rule| !rule.field().1.is_empty());
    let rules: Vec<Rule> = named.collect();
    match rules.as_slice() {
        [] => Ok(None),
        [rule] => Ok(Some(rule.clone())),
        [one, other, ..] => Err(Error::new(
            ErrorKind::Config,
            format!("both {} and {}", one.field().0, other.field().0),
        )
        .advise(
            "a rule may have one suffix or regex that says what is encrypted: leave out all others",
        )),
    }
}

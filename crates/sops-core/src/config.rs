//! `.sops.yaml` as data: which keys, which values, which indentation
//! (sops-config).
//!
//! Nothing here looks for the file or reads it; [`Config::parse`] takes its
//! bytes and [`subject`] says what a rule's `path_regex` is matched with.
//!
//! The file is read as sops reads it, with go-yaml: anchors and `<<` merges
//! work, keys that sops does not know are passed over, a key that stands twice
//! is an error, text may be any scalar. What is of the wrong type is an error
//! at once; what is wrong *inside* a rule (a recipient, a regex) only when
//! that rule is the one that is asked for.
//!
//! # Examples
//!
//! ```
//! use std::path::Path;
//! use sops_core::config::{Config, subject};
//!
//! let config = Config::parse(b"\
//! stores: {yaml: {indent: 2}}
//! creation_rules:
//! - path_regex: ^prod/
//!   encrypted_regex: ^(data|stringData)$
//!   age: age1xjyfeju25cdqd6suw8s33tqprqt07zn5tmj8t408hfje7cnh550qzksnst
//! - pgp: FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4
//! ")?;
//!
//! let subject = subject(Path::new("/r/.sops.yaml"), Path::new("/r/prod"), Path::new("db.yaml"));
//! assert_eq!(subject, Path::new("prod/db.yaml"));
//! let rule = config.creation_rule(&subject)?.unwrap();
//! assert_eq!(rule.key_groups()[0][0].kind().name(), "age");
//! assert_eq!(rule.selection().unwrap().field().0, "encrypted_regex");
//!
//! // The second rule takes everything else.
//! let rule = config.creation_rule(Path::new("dev/db.yaml"))?.unwrap();
//! assert_eq!(rule.key_groups()[0][0].kind().name(), "pgp");
//! # Ok::<(), sops_core::Error>(())
//! ```

mod creation;
mod destination;
mod file;
mod groups;
mod keys;
mod path;
mod patterns;
mod untyped;

use std::path::Path;

use go_yaml::de;

use crate::{Error, ErrorKind, Format, Result, Style, format::yaml::decode, limits};
use file::File;
use patterns::Patterns;

pub use creation::CreationRule;
pub use destination::{Destination, DestinationRule, VaultVersion};
pub use path::subject;

/// A `.sops.yaml` that was read.
///
/// ```
/// use std::path::Path;
/// use sops_core::{EncryptOptions, config::Config};
///
/// let config = Config::parse(
///     b"creation_rules:\n\
///       - path_regex: ^prod/\n\
///       \x20 age: age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc\n\
///       \x20 encrypted_regex: ^(data|stringData)$\n",
/// )?;
/// let rule = config.creation_rule(Path::new("prod/secret.yaml"))?.unwrap();
/// let mut options = EncryptOptions::with_key_groups(rule.key_groups().to_vec())
///     .with_shamir_threshold(rule.shamir_threshold());
/// if let Some(selection) = rule.selection() {
///     options = options.with_rule(selection.clone());
/// }
/// assert_eq!(options.rule.field().1, "^(data|stringData)$");
/// assert!(config.creation_rule(Path::new("dev/secret.yaml"))?.is_none());
/// # Ok::<(), sops_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Config {
    file: File,
    patterns: Patterns,
}

impl Config {
    /// Reads a `.sops.yaml`: UTF-8, of which the first document counts. An
    /// empty one is a configuration that says nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] with the line and the path of keys where it is
    /// not YAML or a field is of the wrong type, as far as sops refuses it
    /// (sops-config §2); [`ErrorKind::Limit`] where it goes beyond
    /// [`limits`]. The text is not quoted: anything may bear the name.
    ///
    /// ```
    /// # use sops_core::config::Config;
    /// let error = Config::parse(b"creation_rules:\n- shamir_threshold: two\n").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "line 2: creation_rules[0].shamir_threshold: expected an integer, found text"
    /// );
    /// assert_eq!(error.advice(), Some("write a number without quotes"));
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > limits::CONFIG_SIZE {
            let message = format!(
                "the configuration is larger than {} MiB",
                limits::CONFIG_SIZE >> 20
            );
            return Err(Error::new(ErrorKind::Limit, message)
                .advise("name the configuration that was meant, or split the folder"));
        }
        let text = decode(bytes).map_err(|error| {
            let own = Error::new(ErrorKind::Config, error.message()).advise("save it as UTF-8");
            match error.line() {
                Some(line) => own.at_line(line),
                None => own,
            }
        })?;
        let bounds = go_yaml::Limits::default();
        let file: File = de::from_str(&text, &bounds).map_err(|error| refused(&error))?;
        let rules = [
            file.creation_rules.as_ref().map_or(0, Vec::len),
            file.destination_rules.as_ref().map_or(0, Vec::len),
        ];
        if rules.iter().any(|rules| *rules > limits::CONFIG_RULES) {
            let message = format!("more than {} rules", limits::CONFIG_RULES);
            return Err(Error::new(ErrorKind::Limit, message)
                .advise("write fewer rules: a `path_regex` may fit many files"));
        }
        Ok(Config {
            file,
            patterns: Patterns::default(),
        })
    }

    /// Whether there are `creation_rules`, if only an empty list. Without any
    /// sops behaves as if there were no configuration, and takes the keys from
    /// flags alone; with an empty list no file has a rule (sops-config §3).
    #[must_use]
    pub fn has_creation_rules(&self) -> bool {
        self.file.creation_rules.is_some()
    }

    /// The first creation rule whose `path_regex` is found in the path, or
    /// that has none; `None` where there is no such rule. See [`subject`] for
    /// the path.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where a `path_regex` on the way is not one, or
    /// the rule cannot be used: a recipient that is none, more than one
    /// selection. Later rules are not looked at.
    pub fn creation_rule(&self, subject: &Path) -> Result<Option<CreationRule>> {
        let rules = self.file.creation_rules.iter().flatten();
        for (index, rule) in file::present(rules) {
            let place = format!("creation_rules[{index}]");
            if !creation::matches(&rule.value, subject, &place, &self.patterns)? {
                continue;
            }
            return CreationRule::new(rule, &place).map(Some);
        }
        Ok(None)
    }

    /// The first destination rule whose `path_regex` is found in the path as
    /// it was typed, or that has none; `None` where there is no such rule. One
    /// that is no regex matches nothing, as in sops (sops-config §8).
    ///
    /// ```
    /// use std::path::Path;
    /// use sops_core::config::{Config, Destination};
    ///
    /// let config = Config::parse(b"destination_rules:\n- s3_bucket: backup\n  s3_prefix: sops/\n")?;
    /// let rule = config.destination_rule(Path::new("a.yaml"))?.unwrap();
    /// assert!(matches!(rule.destination(), Some(Destination::S3 { bucket, .. }) if bucket == "backup"));
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where the rule has more than one destination, or
    /// its `recreation_rule` cannot be used.
    pub fn destination_rule(&self, typed: &Path) -> Result<Option<DestinationRule>> {
        let rules = self.file.destination_rules.iter().flatten();
        for (index, rule) in file::present(rules) {
            let pattern = &rule.value.path_regex.value;
            let text = typed.as_os_str().as_encoded_bytes();
            if pattern.is_empty()
                || self
                    .patterns
                    .compiled(pattern)
                    .is_some_and(|regex| regex.is_match(text))
            {
                let place = format!("destination_rules[{index}]");
                return DestinationRule::new(rule, &place).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether `stores` says how files of this format are indented, if only
    /// what is done anyway. A width of 0 says nothing for YAML, as in sops.
    ///
    /// ```
    /// # use sops_core::{Format, config::Config};
    /// let config = Config::parse(b"stores: {yaml: {indent: 4}}")?;
    /// assert!(config.says_style(Format::Yaml));
    /// assert!(!config.says_style(Format::Json));
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    #[must_use]
    pub fn says_style(&self, format: Format) -> bool {
        let stores = &self.file.stores;
        match format {
            Format::Yaml => stores.yaml.indent.value != 0,
            Format::Json => stores.json.indent.line > 0,
            Format::Binary => stores.json_binary.indent.line > 0,
            Format::Dotenv | Format::Ini => false,
        }
    }

    /// How files of this format are to be written: `stores`, and where it says
    /// nothing what sops does anyway (sops-config §7).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where the indentation for this format is one that
    /// sops cannot do either, or beyond [`limits`].
    ///
    /// ```
    /// # use sops_core::{Format, config::Config};
    /// let config = Config::parse(b"stores: {yaml: {indent: 2}, json: {indent: -7}}")?;
    /// assert_eq!(config.style(Format::Yaml)?.yaml_indent, 2);
    /// assert!(config.style(Format::Json).is_err());
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    pub fn style(&self, format: Format) -> Result<Style> {
        let stores = &self.file.stores;
        let mut style = Style::default();
        match format {
            Format::Yaml => {
                let indent = &stores.yaml.indent;
                style.yaml_indent = match indent.value {
                    0 => style.yaml_indent,
                    spaces @ 2..=9 => usize::try_from(spaces).unwrap_or(style.yaml_indent),
                    // What go-yaml makes of widths that it cannot do.
                    1 | 10.. => 2,
                    i64::MIN..0 => {
                        return Err(bad_indent(indent.line, "yaml", "negative", "2 to 9 spaces"));
                    }
                };
            }
            Format::Json => style.json_indent = json_indent(&stores.json, "json")?,
            Format::Binary => style.json_indent = json_indent(&stores.json_binary, "json_binary")?,
            Format::Dotenv | Format::Ini => {}
        }
        Ok(style)
    }
}

fn json_indent(store: &file::JsonStore, name: &str) -> Result<Option<usize>> {
    let indent = &store.indent;
    let spaces = match indent.value {
        -1 => return Ok(None),
        spaces => usize::try_from(spaces).ok(),
    };
    let fits = spaces.filter(|spaces| *spaces <= limits::JSON_INDENT);
    fits.map(Some).ok_or_else(|| {
        let what = format!("not between -1 and {}", limits::JSON_INDENT);
        bad_indent(
            indent.line,
            name,
            &what,
            "a number of spaces, or -1 for a tab",
        )
    })
}

fn bad_indent(line: u32, store: &str, what: &str, advice: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the indentation is {what}"))
        .at_line(line)
        .at_key(format!("stores.{store}.indent"))
        .advise(format!("write {advice}"))
}

/// A file that is not a configuration.
fn refused(error: &de::Error) -> Error {
    let kind = if error.is_limit() {
        ErrorKind::Limit
    } else {
        ErrorKind::Config
    };
    let mut refused = Error::new(kind, error.message()).advise(advice(error));
    if let Some(line) = error.line() {
        refused = refused.at_line(line);
    }
    if !error.path().is_empty() {
        refused = refused.at_key(error.path());
    }
    refused
}

/// What to do about it.
fn advice(error: &de::Error) -> &'static str {
    let (path, message) = (error.path(), error.message());
    let in_list = path.ends_with(']');
    let field = path.rsplit('.').next().unwrap_or_default();
    let name = field.split('[').next().unwrap_or_default();
    match (message, name) {
        _ if error.is_limit() => "write it out flatter, and with fewer aliases",
        ("a mapping has the same key twice", _) => "leave one of the two",
        (message, _) if message.starts_with("`<<`") => {
            "write `<<: *anchor`, or a list of such aliases"
        }
        (message, _) if message.starts_with("an alias") => "write out what was meant",
        (message, _) if message.starts_with("a value does not fit its tag") => {
            "leave out the tag (`!!…`), or mend the value"
        }
        (_, "") => {
            "mend it there, or name another configuration; `creation_rules` and `stores` are keys of one mapping"
        }
        (_, "creation_rules" | "destination_rules") if in_list => {
            "a rule is a mapping: `- path_regex: …`, and its other fields below"
        }
        (_, "creation_rules" | "destination_rules") => "write a list of rules, each behind a `- `",
        (_, "key_groups" | "merge") if in_list => "a group is a mapping: `- age: […]`",
        (_, "key_groups" | "merge") => "write a list of groups, each behind a `- `",
        (_, "indent" | "shamir_threshold" | "vault_kv_version") => "write a number without quotes",
        (_, "mac_only_encrypted" | "omit_extensions") => "write true or false without quotes",
        (_, "age" | "pgp" | "hc_vault" | "hckms") if !in_list => "write a list, even of one: `[…]`",
        (_, "kms" | "gcp_kms" | "azure_keyvault") => {
            "inside key_groups these are lists of mappings: `- arn: …`, `- resource_id: …`, `- vaultUrl: …`"
        }
        (message, _) if message.starts_with("expected text") => {
            "write one text, in quotes where it has signs of YAML in it"
        }
        (message, _) if message.starts_with("expected a mapping") => {
            "write a mapping: each key on a line of its own, with a colon and its value"
        }
        _ => "mend it there",
    }
}

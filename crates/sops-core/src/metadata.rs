//! The `sops` block as plain data (sops-format §2).

mod read;
pub(crate) mod version;
mod write;

use std::fmt;

pub use version::is_release;

use crate::keys::{KeyKind, WrappedKey};

/// Who can open the file, which values are encrypted, and the MAC.
#[derive(Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// The key groups: one in most files; more with Shamir's secret sharing.
    pub key_groups: Vec<KeyGroup>,
    /// How many groups must be opened; 0 where the file does not say.
    pub shamir_threshold: usize,
    /// When the file was encrypted: the time that authenticates the MAC.
    pub last_modified: crate::Timestamp,
    /// The encrypted MAC (`ENC[…]`); empty where the file has none.
    pub mac: String,
    /// Which values are encrypted.
    pub rule: Rule,
    /// Whether the file names that rule: one that was made from binary data
    /// does not, whatever its format.
    pub names_rule: bool,
    /// Whether only encrypted values count for the MAC.
    pub mac_only_encrypted: bool,
    /// The sops release that wrote the file; empty where the file does not
    /// say.
    pub version: String,
}

/// Leaves out the MAC, which is an encrypted value like others.
impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("key_groups", &self.key_groups)
            .field("shamir_threshold", &self.shamir_threshold)
            .field("last_modified", &self.last_modified)
            .field("rule", &self.rule)
            .field("names_rule", &self.names_rule)
            .field("mac_only_encrypted", &self.mac_only_encrypted)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl AsRef<Metadata> for Metadata {
    fn as_ref(&self) -> &Metadata {
        self
    }
}

impl Metadata {
    /// The wrapped keys of all key groups, in file order.
    pub fn keys(&self) -> impl Iterator<Item = &WrappedKey> {
        self.key_groups.iter().flat_map(|group| &group.keys)
    }
}

/// Which values are encrypted: at most one rule per file (sops-format §2.7).
///
/// ```
/// use sops_core::metadata::Rule;
///
/// let rule = Rule::EncryptedRegex("^(data|stringData)$".into());
/// assert_eq!(rule.field(), ("encrypted_regex", "^(data|stringData)$"));
/// // What sops does where nobody says otherwise.
/// assert_eq!(Rule::default().field(), ("unencrypted_suffix", "_unencrypted"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// All but those under a key that ends so. `_unencrypted` where the file
    /// names no rule.
    UnencryptedSuffix(String),
    /// Only those under a key that ends so.
    EncryptedSuffix(String),
    /// All but those under a key that matches.
    UnencryptedRegex(String),
    /// Only those under a key that matches.
    EncryptedRegex(String),
    /// All but those below a comment that matches.
    UnencryptedCommentRegex(String),
    /// Only those below a comment that matches.
    EncryptedCommentRegex(String),
}

impl Default for Rule {
    fn default() -> Self {
        Rule::UnencryptedSuffix("_unencrypted".into())
    }
}

impl Rule {
    /// The name of the metadata field that holds this rule, and its text.
    #[must_use]
    pub fn field(&self) -> (&'static str, &str) {
        match self {
            Rule::UnencryptedSuffix(text) => ("unencrypted_suffix", text),
            Rule::EncryptedSuffix(text) => ("encrypted_suffix", text),
            Rule::UnencryptedRegex(text) => ("unencrypted_regex", text),
            Rule::EncryptedRegex(text) => ("encrypted_regex", text),
            Rule::UnencryptedCommentRegex(text) => ("unencrypted_comment_regex", text),
            Rule::EncryptedCommentRegex(text) => ("encrypted_comment_regex", text),
        }
    }

    /// The regex of the rule, if it is one.
    pub(crate) fn regex(&self) -> Option<&str> {
        match self {
            Rule::UnencryptedSuffix(_) | Rule::EncryptedSuffix(_) => None,
            rule => Some(rule.field().1),
        }
    }
}

/// One key group: any key of it opens the group's share of the data key.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct KeyGroup {
    /// The keys in the order in which the file lists them (sops-format §2.6).
    pub keys: Vec<WrappedKey>,
}

impl From<Vec<WrappedKey>> for KeyGroup {
    fn from(keys: Vec<WrappedKey>) -> Self {
        KeyGroup { keys }
    }
}

/// Where a wrapped key stands in the metadata.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub struct Position {
    /// The key group, counted from 0.
    pub group: usize,
    /// The key of that group, counted from 0.
    pub key: usize,
}

/// The fields of an entry of this kind.
fn fields(kind: KeyKind) -> &'static [&'static str] {
    match kind {
        KeyKind::Age => &["recipient", "enc"],
        KeyKind::Pgp => &["fp", "created_at", "enc"],
        KeyKind::AwsKms => &["arn", "aws_profile", "role", "context", "created_at", "enc"],
        KeyKind::GcpKms => &["resource_id", "created_at", "enc"],
        KeyKind::HuaweiKms => &["key_id", "created_at", "enc"],
        KeyKind::AzureKeyVault => &["vault_url", "name", "version", "created_at", "enc"],
        KeyKind::Vault => &[
            "vault_address",
            "engine_path",
            "key_name",
            "created_at",
            "enc",
        ],
    }
}

#[cfg(test)]
mod tests;

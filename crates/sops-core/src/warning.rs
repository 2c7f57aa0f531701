//! What is odd about a file and does not keep it from being read.

use std::fmt;

use crate::limits;

/// Something odd about a file that does not keep it from being read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    kind: WarningKind,
    key_path: String,
}

/// The kinds of [`Warning`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WarningKind {
    /// A comment that should be encrypted cannot be decrypted. It is kept as
    /// it stands: very old releases of sops left comments in clear.
    ClearComment,
    /// A value is marked as a comment where no comment can stand. It counts as
    /// null, so the MAC does not hold.
    MisplacedComment,
    /// A key stands more than once in one mapping, or a section in one INI
    /// file; a key of an INI section counts together with those of other
    /// sections of that name. Whoever reads the plaintext takes one of the
    /// values, most often the last. Of keys that are spelled in different ways
    /// (`!!binary`, aliases) the decoded text counts.
    RepeatedKey {
        /// Whether the MAC covers all of its values. Where it does not, one of
        /// them may have been added by somebody without a key: it is empty or
        /// null; or a mapping or list, which could have been split in two; or
        /// in clear beside an encrypted one, or in a file with
        /// `mac_only_encrypted`.
        covered: bool,
    },
    /// An empty text or null where the file's rule encrypts the value. SOPS
    /// never encrypts these and its MAC does not cover them, so somebody
    /// without a key may have added it.
    EmptyValue,
}

impl Warning {
    pub(crate) fn new(kind: WarningKind, key_path: String) -> Self {
        Warning { kind, key_path }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> WarningKind {
        self.kind
    }

    /// Where: the key path of the value, or of what the comment stands in.
    #[must_use]
    pub fn key_path(&self) -> &str {
        &self.key_path
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.key_path)?;
        f.write_str(match self.kind {
            WarningKind::ClearComment => {
                "a comment is not encrypted, or not for this place; it is kept as it stands"
            }
            WarningKind::MisplacedComment => {
                "a value is marked as a comment, which only an item of a list can be"
            }
            WarningKind::RepeatedKey { covered: true } => {
                "the key stands here more than once, and one value wins where it is read"
            }
            WarningKind::RepeatedKey { covered: false } => {
                "the key stands here more than once, and the MAC does not cover all of its \
                 values: anybody may have added one that wins where it is read"
            }
            WarningKind::EmptyValue => {
                "an empty value, which is never encrypted: anybody may have put it there"
            }
        })
    }
}

/// Warnings as they are found: [`limits::WARNINGS`] of each kind, so that a
/// flood of one hides no other.
#[derive(Default)]
pub(crate) struct Warnings {
    list: Vec<Warning>,
    counts: [usize; 5],
}

impl Warnings {
    /// Adds a warning while there is room for its kind.
    pub(crate) fn add(&mut self, kind: WarningKind, key_path: impl FnOnce() -> String) {
        let number = match kind {
            WarningKind::ClearComment => 0,
            WarningKind::MisplacedComment => 1,
            WarningKind::RepeatedKey { covered: true } => 2,
            WarningKind::RepeatedKey { covered: false } => 3,
            WarningKind::EmptyValue => 4,
        };
        if let Some(count) = self.counts.get_mut(number)
            && *count < limits::WARNINGS
        {
            *count += 1;
            self.list.push(Warning::new(kind, key_path()));
        }
    }

    /// All that were added, in order.
    pub(crate) fn list(&self) -> &[Warning] {
        &self.list
    }
}

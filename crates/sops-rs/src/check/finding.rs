//! What can be wrong with a file, by name.

/// The kinds of findings. Their names are part of the interface: programs and
/// suppressions go by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Plaintext,
    Foreign,
    Conflict,
    Metadata,
    ClearValue,
    RepeatedKey,
    Selection,
    Recipients,
    InvalidRule,
    NoRule,
    ClearComment,
    EmptyText,
    Null,
}

impl Kind {
    /// All of them, in the order of reports.
    pub(crate) const ALL: [Kind; 13] = [
        Kind::Plaintext,
        Kind::Foreign,
        Kind::Conflict,
        Kind::Metadata,
        Kind::ClearValue,
        Kind::RepeatedKey,
        Kind::Selection,
        Kind::Recipients,
        Kind::InvalidRule,
        Kind::NoRule,
        Kind::ClearComment,
        Kind::EmptyText,
        Kind::Null,
    ];

    /// Its name for programs.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Kind::Plaintext => "plaintext",
            Kind::Foreign => "not-sops",
            Kind::Conflict => "conflict",
            Kind::Metadata => "metadata",
            Kind::ClearValue => "clear-value",
            Kind::RepeatedKey => "repeated-key",
            Kind::Selection => "selection",
            Kind::Recipients => "recipients",
            Kind::InvalidRule => "invalid-rule",
            Kind::NoRule => "no-rule",
            Kind::ClearComment => "clear-comment",
            Kind::EmptyText => "empty-text",
            Kind::Null => "null",
        }
    }

    /// Whether it is worth a word and no more: the exit code stays 0.
    pub(crate) fn is_note(self) -> bool {
        matches!(
            self,
            Kind::NoRule | Kind::ClearComment | Kind::EmptyText | Kind::Null
        )
    }

    pub(crate) fn level(self) -> &'static str {
        if self.is_note() { "note" } else { "error" }
    }

    /// What it means, in one line.
    pub(crate) fn summary(self) -> &'static str {
        match self {
            Kind::Plaintext => "A file that a creation rule names is not encrypted",
            Kind::Foreign => {
                "A file that a creation rule names is encrypted by something else than SOPS"
            }
            Kind::Conflict => "An encrypted file holds the conflict markers of a merge",
            Kind::Metadata => "The file or its sops block cannot be read",
            Kind::ClearValue => "A value is in clear where the file's own rule encrypts it",
            Kind::RepeatedKey => "A key stands more than once, and readers take one of its values",
            Kind::Selection => {
                "The file was encrypted by another selection of values than the creation rule's"
            }
            Kind::Recipients => {
                "The file's recipients or threshold are not those of the creation rule"
            }
            Kind::InvalidRule => "A creation rule selects values by what is no regular expression",
            Kind::NoRule => "No creation rule is for this encrypted file",
            Kind::ClearComment => "A comment is in clear where the file's own rule encrypts it",
            Kind::EmptyText => {
                "An empty text, which SOPS never encrypts and its MAC does not cover"
            }
            Kind::Null => "A null, which SOPS never encrypts and its MAC does not cover",
        }
    }

    /// What a person can do.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Kind::Plaintext => {
                "encrypt with `sops-rs encrypt -i FILE`, and change what was in a pushed file: it is known; what is no secret is left out with --exclude, or by another path_regex"
            }
            Kind::Foreign => {
                "decrypt with the program that made it, then `sops-rs encrypt -i FILE`"
            }
            Kind::Conflict => "settle it with `sops-rs merge --resolve ours|theirs|edit FILE`",
            Kind::Metadata => "restore the file from version control",
            Kind::ClearValue => {
                "take the value out and set it with `sops-rs set FILE PATH VALUE` or `sops-rs edit FILE`; if it was pushed, change it: it is known"
            }
            Kind::RepeatedKey => "leave one of them, with `sops-rs edit FILE`",
            Kind::Selection => {
                "encrypt anew with the rule: `sops-rs decrypt -i FILE`, then `sops-rs encrypt -i FILE`"
            }
            Kind::Recipients => "`sops-rs updatekeys FILE`",
            Kind::InvalidRule => "mend the expression (RE2): sops would encrypt nothing by it",
            Kind::NoRule => "add a rule to creation_rules, so that the recipients are looked after",
            Kind::ClearComment => "nothing need be done: the next `sops-rs edit FILE` encrypts it",
            Kind::EmptyText | Kind::Null => "nothing need be done, if it was you who put it there",
        }
    }
}

/// Something that was found in a file. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) key_path: Option<String>,
    /// Counted from 1, where it is known.
    pub(crate) line: Option<u32>,
    /// A lower-case fragment.
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Finding {
            kind,
            key_path: None,
            line: None,
            message: message.into(),
        }
    }

    #[must_use]
    pub(crate) fn at_line(mut self, line: Option<u32>) -> Self {
        self.line = line;
        self
    }

    #[must_use]
    pub(crate) fn at_key(mut self, key_path: Option<&str>) -> Self {
        self.key_path = key_path.map(Into::into);
        self
    }
}

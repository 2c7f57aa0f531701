//! What can be wrong with the text of a private key.

use std::fmt;

use serde::Serialize;

/// What is wrong with the text of a key. Never holds any of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Flaw {
    /// `age1…` or `ssh-…`.
    PublicKey,
    /// UTF-16, as PowerShell's `>` writes it.
    Utf16,
    /// UTF-8 with a byte order mark.
    ByteOrderMark,
    /// Neither UTF-8 nor anything else that was recognised.
    NotText,
    /// The key stands in quotes.
    Quoted,
    /// Something stands before or after the key on its line.
    Surrounded,
    /// The key is in lower case.
    LowerCase,
    /// Base64 of an identity file.
    Base64,
    /// A key of the right kind, but incomplete or mistyped.
    Damaged,
    /// An identity of an age plugin.
    Plugin,
    /// An SSH private key in a place for age identities.
    SshKey,
    /// An age identity in a place for SSH private keys.
    AgeIdentity,
    /// An OpenPGP key.
    PgpKey,
    /// No SSH private key, where one is expected.
    NotSsh,
    /// An SSH private key that is cut short or mistyped.
    SshDamaged,
    /// An SSH private key that is neither ed25519 nor RSA.
    SshKind,
    /// A private key in PEM forms other than OpenSSH's.
    SshForm,
    /// No identity at all.
    Unknown,
    /// A line of more than 64 KiB.
    LongLine,
    /// More than 1024 identities.
    TooMany,
    /// An age file that is not encrypted with a passphrase.
    NotPassphrase,
    /// An age file that cannot be read.
    AgeFile,
    /// More than 16 MiB.
    TooLarge,
}

impl Flaw {
    /// The variable that takes the path of such a key.
    pub(crate) fn variable(self) -> Option<&'static str> {
        match self {
            Flaw::SshKey => Some("SOPS_AGE_SSH_PRIVATE_KEY_FILE"),
            Flaw::AgeIdentity => Some("SOPS_AGE_KEY_FILE"),
            Flaw::PgpKey => Some("KSOPS_PGP_KEY_FILE"),
            _ => None,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flaw::PublicKey => {
                "a public key, where the private one belongs (it starts with AGE-SECRET-KEY-)"
            }
            Flaw::Utf16 => "the text is UTF-16; save it as UTF-8",
            Flaw::ByteOrderMark => {
                "the text starts with a byte order mark; save it as UTF-8 without one"
            }
            Flaw::NotText => "not text",
            Flaw::Quoted => "the key stands in quotes; remove them",
            Flaw::Surrounded => {
                "there is something before or after the key; it must have the line to itself, \
                 without blanks"
            }
            Flaw::LowerCase => "the key is in lower case; it must be in upper case",
            Flaw::Base64 => "the text is Base64; decode it first",
            Flaw::Damaged => "a damaged private key: characters are missing or wrong",
            Flaw::Plugin => {
                "an identity of an age plugin, which is not supported: a key file must not \
                 choose a program to run"
            }
            Flaw::SshKey => "an SSH private key",
            Flaw::AgeIdentity => "an age identity, where an SSH private key belongs",
            Flaw::PgpKey => "an OpenPGP key, where an age identity belongs",
            Flaw::NotSsh => "not an SSH private key",
            Flaw::SshDamaged => "a damaged SSH private key",
            Flaw::SshKind => "an SSH key of a kind that age cannot use; only ed25519 and RSA work",
            Flaw::SshForm => {
                "a private key in an old form; `ssh-keygen -p -f <file>` rewrites it in OpenSSH's"
            }
            Flaw::Unknown => "not an age identity (it starts with AGE-SECRET-KEY-)",
            Flaw::LongLine => "a line of more than 64 KiB",
            Flaw::TooMany => "more than 1024 identities",
            Flaw::NotPassphrase => "an age file that is not encrypted with a passphrase",
            Flaw::AgeFile => "a damaged age file",
            Flaw::TooLarge => "more than 16 MiB",
        })
    }
}

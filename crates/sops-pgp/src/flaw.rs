//! What can be wrong with a message or a key.

use std::fmt;

/// Why a message cannot be opened by any key, or a key cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// There is nothing.
    Missing,
    /// More bytes than [`limits::MESSAGE`](crate::limits::MESSAGE).
    TooLarge,
    /// No armor of a message, or a broken one.
    Armor,
    /// Packets that are cut short or in an order that makes no message.
    Packets,
    /// More packets or more recipients than are allowed.
    TooMany,
    /// A message for a passphrase, not for a key.
    ForPassphrase,
    /// What this crate cannot do, by its name.
    Unsupported(String),
    /// The message was changed after it was made.
    Changed,
    /// What was decrypted is not what a message holds.
    Contents,
}

impl Flaw {
    /// [`Flaw::Unsupported`], with the name of what is not.
    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Flaw::Unsupported(what.into())
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flaw::Missing => "the wrapped key is missing",
            Flaw::TooLarge => "more than 64 KiB",
            Flaw::Armor => "the armor is broken",
            Flaw::Packets => "its packets are no OpenPGP message",
            Flaw::TooMany => "more packets or recipients than a data key has",
            Flaw::ForPassphrase => "it is encrypted for a passphrase, not for a key",
            Flaw::Unsupported(what) => return write!(f, "{what} is not supported"),
            Flaw::Changed => "it was changed or cut",
            Flaw::Contents => "what it holds is no OpenPGP data",
        })
    }
}

impl std::error::Error for Flaw {}

/// The name of a public key algorithm (RFC 9580 §9.1).
pub(crate) fn algorithm_name(number: u8) -> String {
    match number {
        1..=3 => "RSA",
        16 | 20 => "Elgamal",
        17 => "DSA",
        18 => "ECDH",
        19 => "ECDSA",
        22 => "EdDSA",
        25 => "X25519",
        26 => "X448",
        27 => "Ed25519",
        28 => "Ed448",
        8 | 29 | 30 | 35 | 36 => "a post-quantum key",
        other => return format!("public key algorithm {other}"),
    }
    .into()
}

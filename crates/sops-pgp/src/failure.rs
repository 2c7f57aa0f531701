//! What came of the attempts on one message, and what a report says of it.

use sops_core::keys::{KeyError, Reason};

use crate::{
    flaw::Flaw,
    key::{Fingerprint, Recipient},
    private::Refusal,
};

/// What of the environment was read: advice names nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Reads {
    /// Nothing.
    #[default]
    Nothing,
    /// Nothing, or the passphrase's file alone, for keys in folders, which are
    /// the caller's to choose.
    Folders,
    /// All variables of this project, GnuPG and sops.
    All,
}

/// The most telling of several failures.
#[derive(Default)]
pub(crate) struct Failures {
    worst: Option<(Rank, Failure)>,
}

/// How much a failure says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Ring,
    Elsewhere,
    Unsupported,
    Mismatch,
    Locked,
    WrongPassphrase,
    Broken,
    TooMuchWork,
    Changed,
}

/// Why a key that a message is for did not open it.
pub(crate) enum Failure {
    /// A private key that is there, or would be.
    Key {
        /// As people know it.
        name: String,
        /// Why it did not.
        refusal: Refusal,
    },
    /// A private key that the message names gives no session key for it.
    Mismatch {
        /// As people know it.
        name: String,
    },
    /// A private key takes a passphrase, and the file that should hold it
    /// cannot be used.
    PassphraseFile {
        /// As people know the key.
        name: String,
    },
    /// A file of GnuPG's home with many keys cannot be read.
    Ring,
    /// The message itself.
    Message(Flaw),
    /// The kind of a recipient's key is not supported.
    Kind(String),
    /// Too many attempts gave nothing.
    TooMuchWork,
}

impl Failures {
    /// Adds one.
    pub(crate) fn add(&mut self, failure: Failure) {
        let rank = match &failure {
            Failure::Ring => Rank::Ring,
            Failure::Message(_) => Rank::Changed,
            Failure::Kind(_) => Rank::Unsupported,
            Failure::TooMuchWork => Rank::TooMuchWork,
            Failure::Mismatch { .. } => Rank::Mismatch,
            Failure::PassphraseFile { .. } => Rank::WrongPassphrase,
            Failure::Key { refusal, .. } => match refusal {
                Refusal::Mismatch => return,
                Refusal::Elsewhere => Rank::Elsewhere,
                Refusal::Locked => Rank::Locked,
                Refusal::WrongPassphrase => Rank::WrongPassphrase,
                Refusal::TooMuchWork | Refusal::Unreadable | Refusal::Flaw(Flaw::Packets) => {
                    Rank::Broken
                }
                Refusal::Flaw(_) => Rank::Unsupported,
            },
        };
        if self.worst.as_ref().is_none_or(|(worst, _)| *worst < rank) {
            self.worst = Some((rank, failure));
        }
    }

    /// The error for a report. `recipients` are those of the message that are
    /// known by name, or their ids.
    pub(crate) fn into_error(self, recipients: &[String], reads: Reads) -> KeyError {
        match self.worst.map(|(_, failure)| failure) {
            None => missing(recipients, reads),
            Some(Failure::Ring) => missing(recipients, reads).advise(
                "let the user of this program read the file of GnuPG's home that the list of \
                 places names: the key may be in it",
            ),
            Some(Failure::Message(flaw)) => of_message(&flaw, reads),
            Some(Failure::Kind(what)) => {
                of_message(&Flaw::Unsupported(what), reads).named("key-kind")
            }
            Some(Failure::Mismatch { name }) => KeyError::new(
                Reason::Damaged,
                format!("it names the private key of {name}, which does not open it"),
            )
            .named("mismatch")
            .advise(RESTORE),
            Some(Failure::PassphraseFile { name }) => KeyError::new(
                Reason::NoCredentials,
                format!(
                    "the private key of {name} takes a passphrase, and its file cannot be used"
                ),
            )
            .named("passphrase-file")
            .advise(if reads == Reads::All {
                "mend the file that KSOPS_PGP_PASSPHRASE_FILE names: it holds the passphrase, and \
                 nothing else"
            } else {
                "put the passphrase, and nothing else, into the file that the list of places names"
            }),
            Some(Failure::TooMuchWork) => KeyError::new(
                Reason::Refused,
                "too many PGP messages that name no recipient, or a wrong one",
            )
            .named("too-much-work")
            .advise(
                "encrypt the file anew, without `--throw-keyids`, for the keys that are to open it",
            ),
            Some(Failure::Key { name, refusal }) => of_key(&name, &refusal, reads),
        }
    }
}

/// What is wrong with a message, so that nobody can open it or this crate
/// cannot.
pub(crate) fn of_message(flaw: &Flaw, reads: Reads) -> KeyError {
    let (reason, name) = match flaw {
        Flaw::Unsupported(_) => (Reason::Unsupported, "message-kind"),
        Flaw::ForPassphrase => (Reason::Unsupported, "passphrase"),
        Flaw::Missing => (Reason::Damaged, "missing"),
        Flaw::TooLarge => (Reason::Damaged, "too-large"),
        Flaw::TooMany => (Reason::Damaged, "too-many-packets"),
        Flaw::Armor => (Reason::Damaged, "armor"),
        Flaw::Packets => (Reason::Damaged, "header"),
        Flaw::Changed | Flaw::Contents => (Reason::Damaged, "payload"),
    };
    let error = KeyError::new(reason, flaw.to_string()).named(name);
    match (flaw, reason) {
        (_, Reason::Damaged) => error.advise(RESTORE),
        (Flaw::ForPassphrase, _) => error.advise(
            "encrypt the file anew for a key: what is encrypted for a passphrase, nobody is asked \
             for",
        ),
        _ if reads == Reads::All => error.advise(
            "run this where gpg is installed (SOPS_GPG_EXEC names it), or encrypt the file anew \
             for a key of RSA, Curve25519 or NIST",
        ),
        _ => error.advise("encrypt the file anew for a key of RSA, Curve25519 or NIST"),
    }
}

/// Advice for what nobody can open any more.
const RESTORE: &str = "restore the file's `sops` block from version control";

fn missing(recipients: &[String], reads: Reads) -> KeyError {
    let who = match recipients {
        [] => "a recipient that the message hides".into(),
        [one] => one.clone(),
        [one, two] => format!("{one} or {two}"),
        [one, rest @ ..] => format!("{one} or one of {} others", rest.len()),
    };
    let error = KeyError::new(Reason::NotOurs, format!("no private key of {who}"));
    error.named("no-private-key").advise(match reads {
        Reads::All => format!(
            "give the private key of {who}: `gpg --armor --export-secret-keys` writes it, and \
             KSOPS_PGP_KEY_FILE names its file"
        ),
        Reads::Folders => format!(
            "put the private key of {who} into the folder of keys as NAME.asc: \
             `gpg --armor --export-secret-keys` writes it"
        ),
        Reads::Nothing => format!("give the private key of {who}"),
    })
}

fn of_key(name: &str, refusal: &Refusal, reads: Reads) -> KeyError {
    let error =
        |reason, text: String, short: &'static str| KeyError::new(reason, text).named(short);
    match refusal {
        Refusal::Locked => {
            let error = error(
                Reason::NoCredentials,
                format!("the private key of {name} takes a passphrase"),
                "passphrase-needed",
            );
            error.advise(if reads == Reads::All {
                "put the passphrase into a file and name that in KSOPS_PGP_PASSPHRASE_FILE, or \
                 take the passphrase off the key"
            } else {
                "give the passphrase, or take it off the key"
            })
        }
        Refusal::WrongPassphrase => error(
            Reason::NoCredentials,
            format!("the passphrase given is not that of the private key of {name}"),
            "wrong-passphrase",
        )
        .advise("give the right passphrase, without a line break before its end"),
        Refusal::Unreadable => error(
            Reason::NoCredentials,
            format!("the file of the private key of {name} cannot be read"),
            "key-not-readable",
        )
        .advise("let the user of this program read the file that the list of places names"),
        Refusal::TooMuchWork => error(
            Reason::Refused,
            format!("unlocking the private key of {name} would take more work than is allowed"),
            "too-much-work",
        )
        .advise("export the key anew, with gpg's usual protection"),
        Refusal::Elsewhere => error(
            Reason::NoCredentials,
            format!("the private key of {name} is on a smartcard, or was left out of the export"),
            "key-elsewhere",
        )
        .advise("export the key with its secret subkeys, or let gpg-agent use the smartcard"),
        Refusal::Flaw(Flaw::Unsupported(what)) => error(
            Reason::Unsupported,
            format!("{what}, of which the private key of {name} is, is not supported"),
            "key-kind",
        )
        .advise("use a key of RSA, Curve25519 or NIST"),
        Refusal::Flaw(_) => error(
            Reason::NoCredentials,
            format!("the private key of {name} cannot be read"),
            "key-broken",
        )
        .advise("export it anew: gpg --armor --export-secret-keys"),
        Refusal::Mismatch => KeyError::not_ours(),
    }
}

/// A key as people know it: its fingerprint, and its user id where there is
/// one.
pub(crate) fn key_name(fingerprint: &Fingerprint, user: Option<&str>) -> String {
    match user {
        Some(user) => format!("{fingerprint} ({user})"),
        None => fingerprint.to_string(),
    }
}

/// What a message says of a recipient; `None` where it hides it.
pub(crate) fn recipient_id(recipient: &Recipient) -> Option<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    match recipient {
        Recipient::KeyId(id) => Some(hex(id)),
        Recipient::Fingerprint(fingerprint) => Some(hex(fingerprint)),
        Recipient::Anonymous => None,
    }
}

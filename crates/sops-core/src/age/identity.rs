//! Private keys as text: which kinds there are, and what is wrong with a line
//! that is none (age-identities §3, §4).

use std::sync::{Arc, LazyLock};

use age::DecryptError;
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::hybrid;
use crate::{
    keys::{Flaw, Found},
    limits,
    shown::is_base64,
};

/// One private key, and its public one.
#[derive(Clone)]
pub(super) struct Identity {
    recipient: Arc<LazyRecipient>,
    /// What one use of it costs, in operations of X25519.
    pub(super) operations: usize,
    key: Arc<dyn age::Identity + Send + Sync>,
}

/// A public key is computed when somebody asks: to open a file with the only
/// identity there is, nobody does.
type LazyRecipient = LazyLock<String, Box<dyn FnOnce() -> String + Send>>;

impl Identity {
    pub(super) fn new(recipient: String, key: Arc<dyn age::Identity + Send + Sync>) -> Self {
        let operations = match recipient.starts_with("ssh-rsa") {
            true => limits::RSA_OPERATIONS,
            false => 1,
        };
        Identity {
            operations,
            ..Self::lazy(Box::new(|| recipient), key)
        }
    }

    fn lazy(
        recipient: Box<dyn FnOnce() -> String + Send>,
        key: Arc<dyn age::Identity + Send + Sync>,
    ) -> Self {
        Identity {
            recipient: Arc::new(LazyLock::new(recipient)),
            operations: 1,
            key,
        }
    }

    /// The public key, as a file's metadata names it.
    pub(super) fn recipient(&self) -> &str {
        &self.recipient
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.key.unwrap_stanza(stanza)
    }
}

/// A source that cannot be used, because one of its lines is no identity.
pub(super) struct Bad {
    /// Counted from 1; `None` where it is not about one line.
    pub(super) line: Option<usize>,
    pub(super) flaw: Flaw,
}

impl From<Bad> for Found {
    fn from(Bad { line, flaw }: Bad) -> Self {
        Found::Bad { line, flaw }
    }
}

/// What a place with these identities holds.
pub(super) fn found(parsed: &Parsed) -> Found {
    if parsed.identities.is_empty() {
        return Found::Empty;
    }
    let recipients = parsed.identities.iter().map(|i| i.recipient().into());
    Found::of(recipients.collect(), parsed.plugins)
}

/// How many identities a line may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// One: a file.
    One,
    /// Several with white space between: `SOPS_AGE_KEY`.
    Several,
}

/// What the text of an identity file holds.
#[derive(Clone, Default)]
pub(super) struct Parsed {
    pub(super) identities: Vec<Identity>,
    /// How many identities of age plugins there are besides, which are left
    /// alone.
    pub(super) plugins: usize,
}

impl From<Vec<Identity>> for Parsed {
    fn from(identities: Vec<Identity>) -> Self {
        Parsed {
            identities,
            plugins: 0,
        }
    }
}

/// Reads the text of an identity file. One bad line makes all of it bad, as
/// in sops; but an identity of a plugin does not keep the others from being
/// used, and is bad only where there is no other.
pub(super) fn parse(bytes: &[u8], words: Words) -> Result<Parsed, Bad> {
    let text = text(bytes)?;
    let mut parsed = Parsed::default();
    let mut first_plugin = None;
    for (number, line) in (1..).zip(text.split('\n')) {
        let bad = |flaw| Bad {
            line: Some(number),
            flaw,
        };
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.len() > limits::IDENTITY_LINE {
            return Err(bad(Flaw::LongLine));
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut read = |word: &str| {
            if parsed.identities.len() + parsed.plugins >= limits::IDENTITIES {
                return Err(bad(Flaw::TooMany));
            }
            if is_plugin(word) {
                parsed.plugins += 1;
                first_plugin.get_or_insert(number);
            } else {
                parsed.identities.push(identity(word).map_err(bad)?);
            }
            Ok(())
        };
        match words {
            Words::One => read(line)?,
            Words::Several => {
                for word in line.split_whitespace() {
                    // The whole line says more of what is wrong than a word.
                    read(word).map_err(|Bad { flaw, .. }| match flaw {
                        Flaw::Unknown => bad(diagnose(line)),
                        flaw => bad(flaw),
                    })?;
                }
            }
        }
    }
    match first_plugin {
        Some(line) if parsed.identities.is_empty() => Err(Bad {
            line: Some(line),
            flaw: Flaw::Plugin,
        }),
        _ => Ok(parsed),
    }
}

/// Whether it is an identity of a plugin, and nothing besides.
fn is_plugin(word: &str) -> bool {
    word.starts_with("AGE-PLUGIN-") && word.bytes().all(|b| b.is_ascii_graphic())
}

/// The bytes as text, if they are UTF-8 without a byte order mark.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Bad> {
    let bad = |flaw| Err(Bad { line: None, flaw });
    // Keys are ASCII: without a mark, every other byte of UTF-16 is zero.
    let zeros_at = |parity| {
        bytes.len() >= 4
            && bytes
                .iter()
                .take(64)
                .skip(parity)
                .step_by(2)
                .all(|b| *b == 0)
    };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return bad(Flaw::Utf16);
    }
    if zeros_at(0) || zeros_at(1) {
        return bad(Flaw::Utf16);
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return bad(Flaw::ByteOrderMark);
    }
    std::str::from_utf8(bytes).or_else(|_| bad(Flaw::NotText))
}

/// Reads one identity, which must be all of the text.
fn identity(text: &str) -> Result<Identity, Flaw> {
    if text.starts_with(hybrid::IDENTITY_PREFIX) {
        if let Some(key) = hybrid::Identity::parse(text) {
            return Ok(Identity::new(key.recipient().to_string(), Arc::new(key)));
        }
    } else if text.starts_with("AGE-SECRET-KEY-1")
        && let Ok(key) = text.parse::<age::x25519::Identity>()
    {
        let secret = key.clone();
        let recipient = move || secret.to_public().to_string();
        return Ok(Identity::lazy(Box::new(recipient), Arc::new(key)));
    }
    Err(diagnose(text))
}

/// Why a line is no identity.
fn diagnose(line: &str) -> Flaw {
    const SECRET: &str = "AGE-SECRET-KEY-";
    let bare = line.trim().trim_matches(['"', '\'', '`', '“', '”']);
    let upper = line.to_ascii_uppercase();
    let upper = Zeroizing::new(upper);
    if bare.starts_with("AGE-PLUGIN-") {
        Flaw::Plugin
    } else if let Some(start) = upper.find(SECRET) {
        let key = line.get(start..).unwrap_or_default();
        let length = key
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .unwrap_or(key.len());
        let quotes = |c: Option<char>| c.is_some_and(|c| "\"'`“”".contains(c));
        if quotes(line.get(..start).and_then(|l| l.chars().next_back()))
            || quotes(key.get(length..).and_then(|l| l.chars().next()))
        {
            Flaw::Quoted
        } else if start > 0 || length < key.len() {
            Flaw::Surrounded
        } else if !line.starts_with(SECRET) {
            Flaw::LowerCase
        } else {
            Flaw::Damaged
        }
    } else if bare.starts_with("age1") || bare.starts_with("ssh-") {
        Flaw::PublicKey
    } else if bare.starts_with("-----BEGIN PGP") {
        Flaw::PgpKey
    } else if bare.starts_with("-----BEGIN") {
        Flaw::SshKey
    } else if is_base64(bare) {
        Flaw::Base64
    } else {
        Flaw::Unknown
    }
}

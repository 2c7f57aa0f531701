//! Wrapping a data key, or a share of one, for a recipient.

use std::io::Write;

use age::armor::{ArmoredWriter, Format};

use super::{absent, hybrid, ssh};
use crate::{
    keys::{KeyError, Reason},
    shown::shorten,
};

/// Wraps a data key (or a share of one) for one recipient: an ASCII-armored
/// age file with a trailing newline, as the `enc` field of an age entry holds
/// it (sops-format §2.1).
///
/// The recipient is an `age1…`, `age1pq1…`, `ssh-ed25519 …` or `ssh-rsa …`
/// public key (age-identities §6). Recipients of plugins are refused by
/// design: a key must not choose a program to run.
///
/// ```
/// let enc = sops_core::age::wrap(
///     &[0; 32],
///     "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc",
/// )?;
/// assert!(enc.ends_with("-----END AGE ENCRYPTED FILE-----\n"));
/// # Ok::<(), sops_core::keys::KeyError>(())
/// ```
///
/// # Errors
///
/// [`Reason::Invalid`] where the recipient is not one that this crate can
/// encrypt to.
pub fn wrap(secret: &[u8], recipient: &str) -> Result<String, KeyError> {
    let recipient = parse(recipient)?;
    armored(secret, &*recipient)
        .map_err(|why| failure(format!("the data key cannot be wrapped: {why}")))
}

fn armored(secret: &[u8], recipient: &dyn age::Recipient) -> Result<String, age::EncryptError> {
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient))?;
    let mut out = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut out, Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armor)?;
    writer.write_all(secret)?;
    writer.finish()?.finish()?;
    // The age crate ends lines as the platform does.
    Ok(String::from_utf8_lossy(&out).replace("\r\n", "\n"))
}

/// By prefix, as sops decides.
fn parse(text: &str) -> Result<Box<dyn age::Recipient>, KeyError> {
    let text = text.trim();
    let damaged = |what: &str| {
        failure(format!("{}: not a valid {what}", shorten(text)))
            .advise("copy the recipient again, all of it")
    };
    if let Some(feature) = absent::feature_of(text) {
        Err(KeyError::new(
            Reason::Unsupported,
            format!(
                "{}: this program was built without {feature}",
                shorten(text)
            ),
        )
        .advise(format!(
            "use a program that was built with the feature {feature}"
        )))
    } else if text.starts_with(hybrid::RECIPIENT_PREFIX) {
        hybrid::Recipient::parse(text)
            .map(|r| Box::new(r) as _)
            .ok_or_else(|| damaged("post-quantum age recipient"))
    } else if text.starts_with("age1") && text.matches('1').count() > 1 {
        // Bech32 data has no `1`: the part before the last one names a plugin.
        Err(failure(format!(
            "{}: a recipient of an age plugin, which this program never runs",
            shorten(text)
        ))
        .advise("use an age1…, age1pq1…, ssh-ed25519 or ssh-rsa recipient"))
    } else if text.starts_with("age1") {
        text.parse::<age::x25519::Recipient>()
            .map(|r| Box::new(r) as _)
            .map_err(|_| damaged("age recipient"))
    } else if text.starts_with("ssh-") {
        ssh::recipient(text)
            .ok_or_else(|| damaged("SSH recipient (ssh-ed25519, or ssh-rsa of 2048 to 4096 bits)"))
    } else if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        Err(
            failure("a private key stands where a recipient belongs").advise(
                "treat that key as known to others if it was written to a file; \
                 its recipient is what `age-keygen -y` prints",
            ),
        )
    } else {
        Err(failure("a recipient of an unknown type")
            .advise("use an age1…, age1pq1…, ssh-ed25519 or ssh-rsa recipient"))
    }
}

/// The name of the plugin that a recipient is for (age-identities §6).
pub(super) fn plugin(recipient: &str) -> Option<String> {
    let (name, _) = recipient.trim().strip_prefix("age1")?.rsplit_once('1')?;
    (name != "pq").then(|| shorten(name))
}

fn failure(message: impl AsRef<str>) -> KeyError {
    KeyError::new(Reason::Invalid, message)
}

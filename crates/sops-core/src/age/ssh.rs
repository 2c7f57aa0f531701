//! SSH keys: ed25519 and RSA (C2SP age, ssh recipients; age-identities §4).

use std::sync::Arc;

use age::DecryptError;
use age_core::{
    format::{FileKey, Stanza},
    primitives::bech32_encode,
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use bech32::Hrp;
use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    Callbacks,
    identity::{Identity, text},
    once::Once,
};
use crate::keys::{Flaw, Found};

/// A public key, `ssh-ed25519 …` or `ssh-rsa …`.
pub(super) fn recipient(text: &str) -> Option<Box<dyn age::Recipient>> {
    let recipient: age::ssh::Recipient = text.parse().ok()?;
    Some(Box::new(recipient))
}

/// The age recipient that ssh-to-age makes of an ed25519 public key: the same
/// point of the curve in Montgomery's form (RFC 7748 §4.1).
pub(super) fn to_age(recipient: &str) -> Option<String> {
    let key = recipient.strip_prefix("ssh-ed25519 ")?.split(' ').next()?;
    let key = BASE64_STANDARD.decode(key).ok()?;
    let point = key.strip_prefix(b"\0\0\0\x0bssh-ed25519\0\0\0\x20")?;
    let point = CompressedEdwardsY::from_slice(point).ok()?.decompress()?;
    let age = Hrp::parse("age").ok()?;
    Some(bech32_encode(age, point.to_montgomery().as_bytes()))
}

/// An SSH private key, perhaps encrypted.
pub(super) enum Key {
    /// A key that is at hand.
    Open(Identity),
    /// A key behind a passphrase.
    Locked(Arc<Locked>),
}

/// Reads an SSH private key: OpenSSH's form, or PKCS #1 of an RSA key.
pub(super) fn parse(bytes: &[u8], name: &str, callbacks: &Arc<Callbacks>) -> Result<Key, Flaw> {
    let text = text(bytes).map_err(|bad| bad.flaw)?;
    let Some(start) = text.find("-----BEGIN ") else {
        return Err(if text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
            Flaw::AgeIdentity
        } else if text.trim_start().starts_with("ssh-") {
            Flaw::PublicKey
        } else {
            Flaw::NotSsh
        });
    };
    let pem = Zeroizing::new(text.get(start..).unwrap_or_default().replace("\r\n", "\n"));
    if pem.starts_with("-----BEGIN AGE ") {
        return Err(Flaw::AgeIdentity);
    } else if pem.starts_with("-----BEGIN PGP ") {
        return Err(Flaw::PgpKey);
    } else if !["OPENSSH", "RSA"]
        .iter()
        .any(|form| pem.starts_with(&format!("-----BEGIN {form} PRIVATE KEY-----")))
    {
        return Err(Flaw::SshForm);
    }
    let key =
        age::ssh::Identity::from_buffer(pem.as_bytes(), None).map_err(|_| Flaw::SshDamaged)?;
    let recipient = || {
        age::ssh::Recipient::try_from(key.clone())
            .map(|r| r.to_string())
            .map_err(|_| Flaw::SshKind)
    };
    match &key {
        age::ssh::Identity::Unencrypted(_) => {
            let recipient = recipient()?;
            Ok(Key::Open(Identity::new(recipient, Arc::new(key))))
        }
        age::ssh::Identity::Encrypted(encrypted) => {
            let recipient = recipient()?;
            Ok(Key::Locked(Arc::new(Locked {
                name: name.into(),
                tag: tag(&recipient),
                recipient,
                key: Box::new(encrypted.clone()),
                callbacks: Arc::clone(callbacks),
                unlocked: Once::default(),
            })))
        }
        age::ssh::Identity::Unsupported(age::ssh::UnsupportedKey::EncryptedPem) => {
            Err(Flaw::SshForm)
        }
        age::ssh::Identity::Unsupported(_) => Err(Flaw::SshKind),
    }
}

/// An SSH key that is encrypted with a passphrase. It is asked for when a
/// stanza is met that names this key.
pub(super) struct Locked {
    name: String,
    recipient: String,
    tag: Option<String>,
    key: Box<age::ssh::EncryptedKey>,
    callbacks: Arc<Callbacks>,
    unlocked: Once<Identity>,
}

/// What a stanza names an SSH key by: the start of its hash (C2SP age,
/// ssh recipients).
fn tag(recipient: &str) -> Option<String> {
    let key = BASE64_STANDARD.decode(recipient.split(' ').nth(1)?).ok()?;
    let hash = Sha256::digest(key);
    Some(BASE64_STANDARD_NO_PAD.encode(hash.get(..4)?))
}

impl Locked {
    /// The public key, which is not encrypted.
    pub(super) fn recipient(&self) -> &str {
        &self.recipient
    }

    /// The key as an identity, which asks for the passphrase when it is needed.
    pub(super) fn identity(this: &Arc<Self>) -> Identity {
        Identity::new(this.recipient.clone(), Arc::clone(this) as _)
    }

    /// What was found here so far.
    pub(super) fn found(&self) -> Found {
        match self.unlocked.get() {
            None => Found::Locked,
            Some(Ok(_)) => Found::of(vec![self.recipient.clone()], 0),
            Some(Err(found)) => found,
        }
    }

    /// Has the passphrase asked for again.
    pub(super) fn forget_failure(&self) {
        self.unlocked.forget_failure();
    }

    fn try_unlock(&self) -> Result<Identity, Found> {
        let passphrase = self.callbacks.ask(&self.name)?;
        let key = self
            .key
            .decrypt(passphrase)
            .map_err(|_| Found::WrongPassphrase)?;
        let key = Arc::new(age::ssh::Identity::from(key));
        Ok(Identity::new(self.recipient.clone(), key))
    }
}

impl age::Identity for Locked {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if !stanza.tag.starts_with("ssh-") || stanza.args.first() != self.tag.as_ref() {
            return None;
        }
        let unlocked = self.unlocked.get_or(|| self.try_unlock());
        unlocked.ok()?.unwrap_stanza(stanza)
    }
}

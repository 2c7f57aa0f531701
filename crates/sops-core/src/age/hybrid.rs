//! The post-quantum hybrid recipient type of age: stanza `mlkem768x25519`
//! (C2SP age specification), which the age crate does not have yet.
//!
//! It is HPKE (RFC 9180, base mode, one message, no AAD) with HKDF-SHA256,
//! ChaCha20-Poly1305 and the KEM MLKEM768-X25519 (0x647a), which is X-Wing:
//! ML-KEM-768 (FIPS 203) and X25519, their secrets joined with SHA3-256.

use std::collections::HashSet;

use age::{DecryptError, EncryptError};
use age_core::{
    format::{FILE_KEY_BYTES, FileKey, Stanza},
    primitives::{bech32_decode, bech32_encode},
    secrecy::ExposeSecret,
};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use bech32::Hrp;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, aead::Aead};
use hkdf::Hkdf;
use ml_kem::{
    Ciphertext, EncapsulateDeterministic, Encoded, EncodedSizeUser, KemCore, MlKem768,
    kem::Decapsulate,
};
use sha2::Sha256;
use sha3::{
    Digest, Sha3_256, Shake256,
    digest::{ExtendableOutput, Update, XofReader},
};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

/// The prefix of an identity's text.
pub(super) const IDENTITY_PREFIX: &str = "AGE-SECRET-KEY-PQ-1";
/// The prefix of a recipient's text.
pub(super) const RECIPIENT_PREFIX: &str = "age1pq1";

const IDENTITY_HRP: Hrp = Hrp::parse_unchecked("age-secret-key-pq-");
const RECIPIENT_HRP: Hrp = Hrp::parse_unchecked("age1pq");
const TAG: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
const XWING_LABEL: &[u8] = br"\.//^\";

const MLKEM_PUBLIC: usize = 1184;
const MLKEM_CIPHERTEXT: usize = 1088;
const X25519: usize = 32;
const PUBLIC: usize = MLKEM_PUBLIC + X25519;
const ENC: usize = MLKEM_CIPHERTEXT + X25519;
const SEALED_FILE_KEY: usize = FILE_KEY_BYTES + 16;

type Secret = Zeroizing<[u8; 32]>;

/// A private key: `AGE-SECRET-KEY-PQ-1…`.
pub(super) struct Identity {
    mlkem: <MlKem768 as KemCore>::DecapsulationKey,
    x25519: StaticSecret,
    recipient: Recipient,
}

/// A public key: `age1pq1…`.
#[derive(Clone)]
pub(super) struct Recipient([u8; PUBLIC]);

impl Identity {
    /// Reads the text of an identity; `None` where it is damaged.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let seed = Zeroizing::new(decode(text, IDENTITY_HRP)?);
        Some(Self::from_seed(seed.as_slice().try_into().ok()?))
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let mut xof = Shake256::default().chain(seed).finalize_xof();
        let mut read = || {
            let mut part = Zeroizing::new([0; 32]);
            xof.read(part.as_mut());
            part
        };
        let (mut d, mut z, x) = (read(), read(), read());
        let (mlkem, mlkem_public) = MlKem768::generate_deterministic(&(*d).into(), &(*z).into());
        d.zeroize();
        z.zeroize();
        let x25519 = StaticSecret::from(*x);
        let mut public = [0; PUBLIC];
        let (pq, t) = public.split_at_mut(MLKEM_PUBLIC);
        pq.copy_from_slice(&mlkem_public.as_bytes());
        t.copy_from_slice(PublicKey::from(&x25519).as_bytes());
        Identity {
            mlkem,
            x25519,
            recipient: Recipient(public),
        }
    }

    /// The recipient that this identity opens.
    pub(super) fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The shared secret of an encapsulation; `None` where its X25519 part is
    /// of low order.
    fn decapsulate(&self, enc: &[u8; ENC]) -> Option<Secret> {
        let (pq, t) = enc.split_at(MLKEM_CIPHERTEXT);
        let ciphertext: Ciphertext<MlKem768> = pq.try_into().ok()?;
        let share: [u8; X25519] = t.try_into().ok()?;
        let mut pq_secret = self.mlkem.decapsulate(&ciphertext).ok()?;
        let t_secret = self.x25519.diffie_hellman(&PublicKey::from(share));
        let secret = t_secret.was_contributory().then(|| {
            join(
                &pq_secret,
                t_secret.as_bytes(),
                &share,
                PublicKey::from(&self.x25519).as_bytes(),
            )
        });
        pq_secret.as_mut_slice().zeroize();
        secret
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != TAG {
            return None;
        }
        let header_error = || Some(Err(DecryptError::InvalidHeader));
        let [enc] = stanza.args.as_slice() else {
            return header_error();
        };
        let Some(enc) = BASE64_STANDARD_NO_PAD
            .decode(enc)
            .ok()
            .and_then(|enc| <[u8; ENC]>::try_from(enc).ok())
        else {
            return header_error();
        };
        // Checked before decrypting: a longer plaintext could be made to open
        // under more than one key.
        if stanza.body.len() != SEALED_FILE_KEY {
            return header_error();
        }
        let Some(secret) = self.decapsulate(&enc) else {
            return header_error();
        };
        // A failure is no error: another identity may be the one.
        let opened = Schedule::new(&secret, INFO).open(&stanza.body)?;
        Some(FileKey::try_init_with_mut(|key| {
            if key.len() == opened.len() {
                key.copy_from_slice(&opened);
                Ok(())
            } else {
                Err(DecryptError::InvalidHeader)
            }
        }))
    }
}

impl Recipient {
    /// Reads the text of a recipient; `None` where it is damaged.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let recipient = Recipient(decode(text, RECIPIENT_HRP)?.try_into().ok()?);
        // FIPS 203 §7.2: a key whose numbers are not reduced is refused.
        let (pq, _) = recipient.0.split_at(MLKEM_PUBLIC);
        (recipient.mlkem()?.as_bytes().as_slice() == pq).then_some(recipient)
    }

    fn mlkem(&self) -> Option<<MlKem768 as KemCore>::EncapsulationKey> {
        let (pq, _) = self.0.split_at(MLKEM_PUBLIC);
        let encoded: Encoded<<MlKem768 as KemCore>::EncapsulationKey> = pq.try_into().ok()?;
        Some(EncodedSizeUser::from_bytes(&encoded))
    }

    /// An encapsulation and its shared secret, from 64 random bytes; `None`
    /// where the X25519 part of the recipient is of low order.
    fn encapsulate(&self, message: &Secret, ephemeral: &Secret) -> Option<([u8; ENC], Secret)> {
        let (_, t) = self.0.split_at(MLKEM_PUBLIC);
        let theirs: [u8; X25519] = t.try_into().ok()?;
        let ephemeral = StaticSecret::from(**ephemeral);
        let share = PublicKey::from(&ephemeral);
        let t_secret = ephemeral.diffie_hellman(&PublicKey::from(theirs));
        if !t_secret.was_contributory() {
            return None;
        }
        let (ciphertext, mut pq_secret) = self
            .mlkem()?
            .encapsulate_deterministic(&(**message).into())
            .ok()?;
        let secret = join(&pq_secret, t_secret.as_bytes(), share.as_bytes(), &theirs);
        pq_secret.as_mut_slice().zeroize();
        let mut enc = [0; ENC];
        let (pq, t) = enc.split_at_mut(MLKEM_CIPHERTEXT);
        pq.copy_from_slice(&ciphertext);
        t.copy_from_slice(share.as_bytes());
        Some((enc, secret))
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&bech32_encode(RECIPIENT_HRP, &self.0))
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let refused = |why: &'static str| EncryptError::Io(std::io::Error::other(why));
        let random = || -> Result<Secret, EncryptError> {
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::getrandom(bytes.as_mut())
                .map_err(|_| refused("the operating system gave no randomness"))?;
            Ok(bytes)
        };
        let (enc, secret) = self
            .encapsulate(&random()?, &random()?)
            .ok_or_else(|| refused("the recipient is not a valid key"))?;
        let body = Schedule::new(&secret, INFO)
            .seal(file_key.expose_secret())
            .ok_or_else(|| refused("the file key cannot be sealed"))?;
        let stanza = Stanza {
            tag: TAG.into(),
            args: vec![BASE64_STANDARD_NO_PAD.encode(enc)],
            body,
        };
        // The label keeps it from being mixed with recipients that a quantum
        // computer could open.
        Ok((vec![stanza], HashSet::from(["postquantum".into()])))
    }
}

fn decode(text: &str, hrp: Hrp) -> Option<Vec<u8>> {
    bech32_decode(
        text,
        |_| (),
        |found| (found == hrp).then_some(()).ok_or(()),
        |_, bytes| Ok(bytes.collect()),
    )
    .ok()
}

/// X-Wing's combiner.
fn join(pq: &[u8], t: &[u8; 32], share: &[u8; 32], public: &[u8; 32]) -> Secret {
    let mut hash = Sha3_256::new();
    for part in [pq, t, share, public, XWING_LABEL] {
        Digest::update(&mut hash, part);
    }
    Zeroizing::new(hash.finalize().into())
}

/// HPKE's key schedule in base mode (RFC 9180 §5.1), for the one message that
/// an age stanza holds.
struct Schedule {
    key: Secret,
    base_nonce: [u8; 12],
}

impl Schedule {
    fn new(secret: &Secret, info: &[u8]) -> Self {
        let (psk_id_hash, _) = labeled_extract(b"", b"psk_id_hash", b"");
        let (info_hash, _) = labeled_extract(b"", b"info_hash", info);
        let context = [&[MODE_BASE], psk_id_hash.as_slice(), &info_hash].concat();
        let (_, prk) = labeled_extract(secret.as_slice(), b"secret", b"");
        let mut key = Zeroizing::new([0; 32]);
        let mut base_nonce = [0; 12];
        labeled_expand(&prk, b"key", &context, key.as_mut());
        labeled_expand(&prk, b"base_nonce", &context, &mut base_nonce);
        Schedule { key, base_nonce }
    }

    fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let opened = self.cipher().decrypt(&self.base_nonce.into(), sealed);
        opened.ok().map(Zeroizing::new)
    }

    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.cipher().encrypt(&self.base_nonce.into(), plain).ok()
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&*self.key).into())
    }
}

const MODE_BASE: u8 = 0;
const VERSION: &[u8] = b"HPKE-v1";
/// `"HPKE"`, then the KEM, the KDF and the AEAD.
const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

/// RFC 9180 §4, `LabeledExtract`.
fn labeled_extract(salt: &[u8], label: &[u8], ikm: &[u8]) -> ([u8; 32], Hkdf<Sha256>) {
    let ikm = [VERSION, SUITE, label, ikm].concat();
    let (prk, hkdf) = Hkdf::extract(Some(salt), &ikm);
    (prk.into(), hkdf)
}

/// RFC 9180 §4, `LabeledExpand`.
fn labeled_expand(prk: &Hkdf<Sha256>, label: &[u8], context: &[u8], out: &mut [u8]) {
    // 32 bytes at most are asked for: both bounds hold.
    let length = u16::try_from(out.len()).unwrap_or(u16::MAX).to_be_bytes();
    let info = [&length, VERSION, SUITE, label, context];
    let expanded = prk.expand_multi_info(&info, out);
    debug_assert!(expanded.is_ok());
}

#[cfg(test)]
mod tests;

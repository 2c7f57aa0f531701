//! Private keys, and the session keys they decrypt.

use std::sync::OnceLock;

use pgp::{
    crypto::{Decryptor, ecdh, x448, x25519},
    packet::{PacketHeader, PublicKey, PublicSubkey, SecretKey, SecretSubkey},
    types::{
        EcdhPublicParams as Ecdh, KeyDetails, Password, PkeskBytes, PlainSecretParams as Plain,
        PublicParams, S2kParams, SecretParams, StringToKey, Tag,
    },
};
use zeroize::Zeroizing;

use crate::{
    armor,
    flaw::Flaw,
    key::{Fingerprint, KeyPacket, user_id},
    limits,
    message::{SessionKey, WrappedSessionKey},
    packet::{Packets, tag},
};

/// A private key that can decrypt, if it is unlocked. Wiped when dropped.
pub(crate) struct PrivateKey {
    /// Its own fingerprint.
    pub(crate) fingerprint: Fingerprint,
    /// That of its primary key, which may be itself.
    pub(crate) primary: Fingerprint,
    /// The first user id of the primary key.
    pub(crate) user: Option<String>,
    is_primary: bool,
    body: Zeroizing<Vec<u8>>,
    /// Its numbers, once they were read.
    unlocked: OnceLock<Unlocked>,
}

/// The numbers of a key.
struct Unlocked {
    public: PublicParams,
    secret: Plain,
}

/// What a private key is protected by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protection {
    /// Nothing.
    None,
    /// A passphrase.
    Passphrase,
    /// The key is not here: on a smartcard, or left out of an export.
    Elsewhere,
}

/// Why a private key did not decrypt a session key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It takes a passphrase.
    Locked,
    /// It takes another passphrase.
    WrongPassphrase,
    /// Its file cannot be read.
    Unreadable,
    /// The passphrase would take more work than is allowed.
    TooMuchWork,
    /// The key is somewhere else.
    Elsewhere,
    /// The key, or what it needs, is not supported or broken.
    Flaw(Flaw),
    /// The session key was encrypted for another key, or changed.
    Mismatch,
}

impl PrivateKey {
    /// A key from the body of its secret key packet.
    pub(crate) fn new(
        is_primary: bool,
        body: Zeroizing<Vec<u8>>,
        primary: Fingerprint,
        user: Option<String>,
    ) -> Option<Self> {
        let fingerprint = parse(is_primary, &body)?.fingerprint();
        Some(PrivateKey {
            fingerprint,
            primary,
            user,
            is_primary,
            body,
            unlocked: OnceLock::new(),
        })
    }

    /// Whether its numbers can be had without a passphrase, or were had with
    /// one.
    pub(crate) fn is_open(&self) -> bool {
        self.unlocked.get().is_some() || self.protection() == Protection::None
    }

    /// What it is protected by.
    pub(crate) fn protection(&self) -> Protection {
        match parse(self.is_primary, &self.body).map(|key| key.secret) {
            Some([0, ..]) => Protection::None,
            // GnuPG's own: nothing, or the number of a smartcard.
            Some([254 | 255, _, 101, ..]) => Protection::Elsewhere,
            _ => Protection::Passphrase,
        }
    }

    /// The session key of a message. A passphrase is needed once, if at all.
    ///
    /// # Errors
    ///
    /// Why it is not this key that gives it.
    pub(crate) fn session_key(
        &self,
        wrapped: &WrappedSessionKey,
        passphrase: Option<&[u8]>,
    ) -> Result<SessionKey, Refusal> {
        let numbers = match self.unlocked.get() {
            Some(numbers) => numbers,
            None => {
                let numbers = self.unlock(passphrase)?;
                self.unlocked.get_or_init(|| numbers)
            }
        };
        self.decrypt(&numbers.public, &numbers.secret, wrapped)
    }

    fn unlock(&self, passphrase: Option<&[u8]>) -> Result<Unlocked, Refusal> {
        let broken = |_| Refusal::Flaw(Flaw::Packets);
        let key = parse(self.is_primary, &self.body).ok_or(Refusal::Flaw(Flaw::Packets))?;
        supported(&key)?;
        match (self.protection(), passphrase) {
            (Protection::Elsewhere, _) => return Err(Refusal::Elsewhere),
            (Protection::Passphrase, None) => return Err(Refusal::Locked),
            _ => {}
        }
        let password = Password::from(passphrase.unwrap_or_default());
        let numbers = |public: &PublicParams, secret: &Plain| {
            Ok(Unlocked {
                public: public.clone(),
                secret: secret.clone(),
            })
        };
        let unlocked = if self.is_primary {
            let public = PublicKey::try_from_reader(header(Tag::PublicKey, &key), key.public);
            let public = public.map_err(broken)?;
            let secret = secret_params(&key, &public)?;
            let key = SecretKey::new(public, secret).map_err(broken)?;
            key.unlock(&password, numbers)
        } else {
            let public = PublicSubkey::try_from_reader(header(Tag::PublicSubkey, &key), key.public);
            let public = public.map_err(broken)?;
            let secret = secret_params(&key, &public)?;
            let key = SecretSubkey::new(public, secret).map_err(broken)?;
            key.unlock(&password, numbers)
        };
        unlocked
            .map_err(|_| Refusal::WrongPassphrase)?
            .map_err(broken)
    }

    fn decrypt(
        &self,
        public: &PublicParams,
        plain: &Plain,
        wrapped: &WrappedSessionKey,
    ) -> Result<SessionKey, Refusal> {
        let mismatch = |_| Refusal::Mismatch;
        let key = match (plain, &wrapped.values, public) {
            (Plain::RSA(key), PkeskBytes::Rsa { mpi }, _) => key.decrypt(mpi).map_err(mismatch)?,
            (
                Plain::ECDH(key),
                PkeskBytes::Ecdh {
                    public_point,
                    encrypted_session_key,
                },
                PublicParams::ECDH(params),
            ) => {
                let (Ecdh::Curve25519Legacy { hash, alg_sym, .. }
                | Ecdh::P256 { hash, alg_sym, .. }
                | Ecdh::P384 { hash, alg_sym, .. }
                | Ecdh::P521 { hash, alg_sym, .. }) = params
                else {
                    return Err(Refusal::Mismatch);
                };
                let fields = ecdh::EncryptionFields {
                    public_point,
                    encrypted_session_key,
                    fingerprint: self.fingerprint.as_bytes(),
                    curve: params.curve(),
                    hash: *hash,
                    alg_sym: *alg_sym,
                };
                key.decrypt(fields).map_err(mismatch)?
            }
            (
                Plain::X25519(key),
                PkeskBytes::X25519 {
                    ephemeral,
                    session_key,
                    sym_alg,
                },
                PublicParams::X25519(params),
            ) => {
                let fields = x25519::EncryptionFields {
                    ephemeral_public_point: *ephemeral,
                    recipient_public: params.key.to_bytes(),
                    encrypted_session_key: session_key,
                };
                let key = key.decrypt(fields).map_err(mismatch)?;
                return bare(*sym_alg, &key);
            }
            (
                Plain::X448(key),
                PkeskBytes::X448 {
                    ephemeral,
                    session_key,
                    sym_alg,
                },
                PublicParams::X448(params),
            ) => {
                let fields = x448::EncryptionFields {
                    ephemeral_public_point: *ephemeral,
                    recipient_public: &params.key,
                    encrypted_session_key: session_key,
                };
                let key = key.decrypt(fields).map_err(mismatch)?;
                return bare(*sym_alg, &key);
            }
            _ => return Err(Refusal::Mismatch),
        };
        let key = if wrapped.v6 {
            SessionKey::v6(&key)
        } else {
            SessionKey::v3(&key)
        };
        key.ok_or(Refusal::Mismatch)
    }
}

/// The key of a secret key packet.
fn parse(is_primary: bool, body: &[u8]) -> Option<KeyPacket<'_>> {
    let packet = if is_primary {
        tag::SECRET_KEY
    } else {
        tag::SECRET_SUBKEY
    };
    KeyPacket::parse(packet, body)
}

/// The header of a public key packet.
fn header(tag: Tag, key: &KeyPacket<'_>) -> PacketHeader {
    PacketHeader::new_fixed(tag, u32::try_from(key.public.len()).unwrap_or(u32::MAX))
}

/// A session key that stands alone: of X25519 and X448, whose messages of
/// version 1 say in clear what cipher it is for.
fn bare(
    cipher: Option<pgp::crypto::sym::SymmetricKeyAlgorithm>,
    key: &[u8],
) -> Result<SessionKey, Refusal> {
    match cipher {
        Some(cipher) => SessionKey::for_cipher(cipher, key).ok_or(Refusal::Mismatch),
        None => Ok(SessionKey::for_any(key)),
    }
}

/// Refuses, by their names, keys that rPGP has no arithmetic for.
fn supported(key: &KeyPacket<'_>) -> Result<(), Refusal> {
    match key.unsupported() {
        None => Ok(()),
        Some(what) => Err(Refusal::Flaw(Flaw::Unsupported(what))),
    }
}

/// The secret numbers of a key, locked or not.
fn secret_params(key: &KeyPacket<'_>, public: &impl KeyDetails) -> Result<SecretParams, Refusal> {
    let secret = SecretParams::from_slice(
        key.secret,
        public.version(),
        public.algorithm(),
        public.public_params(),
    );
    let secret = secret.map_err(|_| Refusal::Flaw(Flaw::Packets))?;
    if let SecretParams::Encrypted(locked) = &secret {
        use S2kParams::{Aead, Cfb, MalleableCfb};
        if let Aead { s2k, .. } | Cfb { s2k, .. } | MalleableCfb { s2k, .. } =
            locked.string_to_key_params()
            && let StringToKey::Argon2 { t, m_enc, .. } = s2k
            && (*m_enc > limits::ARGON2_MEMORY || u64::from(*t) << m_enc > limits::ARGON2_WORK)
        {
            return Err(Refusal::TooMuchWork);
        }
    }
    Ok(secret)
}

/// What is in a file with private keys.
#[derive(Default)]
pub(crate) struct PrivateKeys {
    /// The keys that can decrypt.
    pub(crate) keys: Vec<PrivateKey>,
    /// How many public keys there are.
    pub(crate) public: usize,
    /// Blocks of armor, or packets, that cannot be read.
    pub(crate) broken: usize,
    /// Whether there were more keys than are read.
    pub(crate) too_many: bool,
}

impl PrivateKeys {
    /// Reads a file: one or more armored blocks, or packets as they are.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut keys = PrivateKeys::default();
        if !armor::is_armored(bytes) {
            keys.add(bytes);
            return keys;
        }
        for block in armor::blocks(bytes) {
            match (block.kind, block.bytes) {
                (armor::Kind::PrivateKey | armor::Kind::PublicKey, Some(bytes)) => keys.add(&bytes),
                _ => keys.broken += 1,
            }
        }
        keys
    }

    /// Reads the packets of one or more keys.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        // The primary key, and where its own keys begin.
        let mut owner: Option<(Fingerprint, Option<String>)> = None;
        let mut start = self.keys.len();
        for packet in Packets::new(bytes) {
            let Ok(packet) = packet else {
                self.broken += 1;
                return;
            };
            match packet.tag {
                tag::SECRET_KEY | tag::SECRET_SUBKEY => {
                    let Some(key) = KeyPacket::parse(packet.tag, &packet.body) else {
                        self.broken += 1;
                        continue;
                    };
                    if key.is_primary {
                        owner = Some((key.fingerprint(), None));
                        start = self.keys.len();
                    }
                    if !key.may_decrypt() {
                        continue;
                    }
                    if self.keys.len() >= limits::KEYS {
                        self.too_many = true;
                        return;
                    }
                    let body = Zeroizing::new(packet.body.to_vec());
                    let (primary, user) =
                        owner.clone().unwrap_or_else(|| (key.fingerprint(), None));
                    let key = PrivateKey::new(key.is_primary, body, primary, user);
                    self.keys.extend(key);
                }
                tag::PUBLIC_KEY => {
                    self.public += 1;
                    owner = None;
                }
                tag::USER_ID => {
                    if let Some((_, user @ None)) = &mut owner {
                        *user = Some(user_id(&packet.body));
                        // The primary key itself stands before its user ids.
                        for key in self.keys.iter_mut().skip(start) {
                            key.user = user.clone();
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

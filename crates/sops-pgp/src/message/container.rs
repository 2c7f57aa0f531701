//! The encrypted part of a message: four formats, decrypted where they stand.

use hkdf::Hkdf;
use pgp::{
    bytes::BytesMut,
    crypto::{aead::AeadAlgorithm as Aead, sym::SymmetricKeyAlgorithm as Cipher},
};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{flaw::Flaw, packet::tag};

/// The key of a message.
pub(crate) struct SessionKey {
    /// The cipher it is for; where there is none, the message says which.
    cipher: Option<Cipher>,
    key: Zeroizing<Vec<u8>>,
}

impl SessionKey {
    /// The key of a message of version 1: the number of a cipher, its key, and
    /// the sum of the key's bytes (RFC 9580 §5.1.1).
    pub(crate) fn v3(bytes: &[u8]) -> Option<Self> {
        let (cipher, rest) = bytes.split_first()?;
        let key = Self::without_checksum(rest)?;
        Self::for_cipher(Cipher::from(*cipher), key)
    }

    /// The key of a message of version 2, and the sum of its bytes (RFC 9580
    /// §5.1.2).
    pub(crate) fn v6(bytes: &[u8]) -> Option<Self> {
        Some(Self::for_any(Self::without_checksum(bytes)?))
    }

    /// A key for this cipher, if it is as long as the cipher's keys are.
    pub(crate) fn for_cipher(cipher: Cipher, key: &[u8]) -> Option<Self> {
        (cipher.key_size() == key.len() && !key.is_empty()).then(|| SessionKey {
            cipher: Some(cipher),
            key: Zeroizing::new(key.to_vec()),
        })
    }

    /// A key for the cipher that a message names.
    pub(crate) fn for_any(key: &[u8]) -> Self {
        SessionKey {
            cipher: None,
            key: Zeroizing::new(key.to_vec()),
        }
    }

    fn without_checksum(bytes: &[u8]) -> Option<&[u8]> {
        let (key, sum) = bytes.split_last_chunk::<2>()?;
        let actual = key
            .iter()
            .fold(0u16, |sum, b| sum.wrapping_add((*b).into()));
        bool::from(actual.to_be_bytes().ct_eq(sum)).then_some(key)
    }
}

/// The encrypted part of a message.
pub(crate) enum Container {
    /// Symmetrically encrypted data, without integrity protection (§5.7).
    Sed(Vec<u8>),
    /// With a hash inside (§5.13.1).
    SeipdV1(Vec<u8>),
    /// With authenticated encryption (§5.13.2), or GnuPG's form of that, which
    /// is no part of the RFC (draft-koch-librepgp §5.16).
    Aead(AeadData),
}

/// Data with authenticated encryption, in chunks.
pub(crate) struct AeadData {
    cipher: Cipher,
    mode: Aead,
    chunk: usize,
    /// What is authenticated with each chunk.
    head: [u8; 5],
    /// The salt, or GnuPG's first nonce.
    salt: Vec<u8>,
    data: Vec<u8>,
}

/// The bytes of an authentication tag.
const TAG: usize = 16;

impl Container {
    /// Reads a packet of one of these types.
    pub(super) fn parse(packet: u8, body: &[u8]) -> Result<Self, Flaw> {
        match (packet, body) {
            (tag::SED, data) => Ok(Container::Sed(data.to_vec())),
            (tag::SEIPD, [1, data @ ..]) => Ok(Container::SeipdV1(data.to_vec())),
            (tag::SEIPD, [2, cipher, mode, chunk, rest @ ..]) => {
                let head = [0xc0 | tag::SEIPD, 2, *cipher, *mode, *chunk];
                AeadData::parse(head, rest, 32).map(Container::Aead)
            }
            (tag::GNUPG_OCB, [1, cipher, mode @ 2, chunk, rest @ ..]) => {
                let head = [0xc0 | tag::GNUPG_OCB, 1, *cipher, *mode, *chunk];
                AeadData::parse(head, rest, 15).map(Container::Aead)
            }
            (tag::SEIPD, [version, ..]) => Err(Flaw::unsupported(format!(
                "encrypted data version {version}"
            ))),
            (tag::GNUPG_OCB, [1, mode, ..]) => {
                Err(Flaw::unsupported(format!("GnuPG's encryption mode {mode}")))
            }
            _ => Err(Flaw::Packets),
        }
    }

    /// Whether it takes session keys of version 6, and no others.
    pub(super) fn is_v2(&self) -> bool {
        matches!(self, Container::Aead(data) if !data.is_gnupg())
    }

    /// The packets inside.
    pub(super) fn decrypt(&self, key: &SessionKey) -> Result<Zeroizing<Vec<u8>>, Flaw> {
        match self {
            Container::Sed(data) => sed(data, key),
            Container::SeipdV1(data) => seipd(data, key),
            Container::Aead(data) => data.decrypt(key),
        }
    }
}

/// The cipher of a session key, its block size, and the key.
fn cipher(key: &SessionKey) -> Result<(Cipher, usize), Flaw> {
    let cipher = key.cipher.ok_or(Flaw::Packets)?;
    match cipher.block_size() {
        0 => Err(unsupported_cipher(cipher)),
        block => Ok((cipher, block)),
    }
}

fn unsupported_cipher(cipher: Cipher) -> Flaw {
    Flaw::unsupported(format!("cipher {}", u8::from(cipher)))
}

/// Whether the first block and the two bytes behind it, which repeat its end,
/// are those that the right key gives.
fn is_right(prefix: &[u8], block: usize) -> bool {
    let end = prefix.get(block.saturating_sub(2)..block);
    end.is_some() && end == prefix.get(block..block + 2)
}

/// Data without integrity protection: CFB that starts anew, from ciphertext,
/// behind the first block and two bytes (§13.9).
fn sed(data: &[u8], key: &SessionKey) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    let (cipher, block) = cipher(key)?;
    let (prefix, rest) = data.split_at_checked(block + 2).ok_or(Flaw::Changed)?;
    let mut start = Zeroizing::new(prefix.to_vec());
    let cfb = |iv: &[u8], data: &mut [u8]| {
        let done = cipher.decrypt_with_iv_regular(&key.key, iv, data);
        done.map_err(|_| Flaw::Changed)
    };
    cfb(&vec![0; block], &mut start)?;
    if !is_right(&start, block) {
        return Err(Flaw::Changed);
    }
    let mut rest = Zeroizing::new(rest.to_vec());
    cfb(prefix.get(2..).unwrap_or_default(), &mut rest)?;
    Ok(rest)
}

/// Data with a hash of it at its end (§5.13.1).
fn seipd(data: &[u8], key: &SessionKey) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    /// A packet header of two bytes, and SHA-1.
    const MDC: usize = 22;
    let (cipher, block) = cipher(key)?;
    if data.len() < block + 2 + MDC {
        return Err(Flaw::Changed);
    }
    let mut plain = Zeroizing::new(data.to_vec());
    cipher
        .decrypt_with_iv_regular(&key.key, &vec![0; block], &mut plain)
        .map_err(|_| Flaw::Changed)?;
    let (hashed, mdc) = plain.split_at(plain.len() - 20);
    let header = [0xc0 | tag::MDC, 20];
    let whole: [u8; 20] = Sha1::digest(hashed).into();
    let intact = hashed.ends_with(&header) & bool::from(whole.ct_eq(mdc));
    if !intact || !is_right(&plain, block) {
        return Err(Flaw::Changed);
    }
    let packets = plain.get(block + 2..plain.len() - MDC);
    Ok(Zeroizing::new(packets.unwrap_or_default().to_vec()))
}

impl AeadData {
    fn parse(head: [u8; 5], rest: &[u8], salt: usize) -> Result<Self, Flaw> {
        let [_, _, cipher, mode, chunk] = head;
        let (cipher, mode) = (Cipher::from(cipher), Aead::from(mode));
        if !matches!(cipher, Cipher::AES128 | Cipher::AES192 | Cipher::AES256) {
            return Err(unsupported_cipher(cipher));
        }
        if !matches!(mode, Aead::Ocb | Aead::Eax | Aead::Gcm) {
            let mode = u8::from(mode);
            return Err(Flaw::unsupported(format!("encryption mode {mode}")));
        }
        // GnuPG's largest is 4 MiB, which is the RFC's too.
        if chunk > 16 {
            return Err(Flaw::unsupported(format!("chunk size {chunk}")));
        }
        let (salt, data) = rest.split_at_checked(salt).ok_or(Flaw::Packets)?;
        Ok(AeadData {
            cipher,
            mode,
            chunk: 1 << (chunk + 6),
            head,
            salt: salt.to_vec(),
            data: data.to_vec(),
        })
    }

    fn is_gnupg(&self) -> bool {
        self.head[0] == 0xc0 | tag::GNUPG_OCB
    }

    fn decrypt(&self, key: &SessionKey) -> Result<Zeroizing<Vec<u8>>, Flaw> {
        let wrong_cipher = key.cipher.is_some_and(|cipher| cipher != self.cipher);
        if wrong_cipher || key.key.len() != self.cipher.key_size() {
            return Err(Flaw::Changed);
        }
        let (key, nonce) = self.key_and_nonce(&key.key);
        let chunks = self.data.len().checked_sub(TAG).ok_or(Flaw::Changed)?;
        let (chunks, last) = self.data.split_at(chunks);
        let mut plain = Zeroizing::new(Vec::with_capacity(chunks.len()));
        let mut open = |index: u64, total: Option<u64>, data: &[u8]| {
            let mut data = BytesMut::from(data);
            let opened = self.mode.decrypt_in_place(
                &self.cipher,
                &key,
                &self.nonce(&nonce, index),
                &self.authenticated(index, total),
                &mut data,
            );
            if opened.is_ok() {
                plain.extend_from_slice(&data);
            }
            data.as_mut().zeroize();
            opened.map(|()| plain.len()).map_err(|_| Flaw::Changed)
        };
        let mut index = 0;
        let mut length = 0;
        for chunk in chunks.chunks(self.chunk + TAG) {
            length = open(index, None, chunk)?;
            index += 1;
        }
        let total = u64::try_from(length).map_err(|_| Flaw::TooLarge)?;
        open(index, Some(total), last)?;
        Ok(plain)
    }

    /// The key of the cipher, and what nonces are made of.
    fn key_and_nonce(&self, session_key: &[u8]) -> (Zeroizing<Vec<u8>>, Vec<u8>) {
        if self.is_gnupg() {
            return (Zeroizing::new(session_key.to_vec()), self.salt.clone());
        }
        let size = self.cipher.key_size();
        let mut derived = Zeroizing::new(vec![0; size + self.mode.nonce_size() - 8]);
        // HKDF-SHA256 fails at 8,160 bytes; these are at most 40.
        let _ = Hkdf::<Sha256>::new(Some(&self.salt), session_key).expand(&self.head, &mut derived);
        let mut nonce = derived.get(size..).unwrap_or_default().to_vec();
        nonce.extend([0; 8]);
        derived.truncate(size);
        (derived, nonce)
    }

    /// A chunk's nonce: its number is its end, or is added to its end.
    fn nonce(&self, base: &[u8], index: u64) -> Vec<u8> {
        let mut nonce = base.to_vec();
        let number = index.to_be_bytes();
        for (byte, number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= number;
        }
        nonce
    }

    /// What is authenticated with a chunk, or with the end of the message.
    fn authenticated(&self, index: u64, total: Option<u64>) -> Vec<u8> {
        let mut data = self.head.to_vec();
        if self.is_gnupg() {
            data.extend(index.to_be_bytes());
        }
        data.extend(total.iter().flat_map(|total| total.to_be_bytes()));
        data
    }
}

//! The `ENC[…]` text and its AES-GCM (sops-format §4).

mod sealed;

use std::borrow::Cow;

use aes_gcm::{
    AeadInPlace, AesGcm, KeyInit,
    aes::{
        Aes128, Aes192, Aes256,
        cipher::{BlockCipher, BlockEncrypt, BlockSizeUser, InnerIvInit, consts::U16},
    },
};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ctr::cipher::StreamCipher;
use ghash::{GHash, universal_hash::UniversalHash};
use go_yaml::{Timestamp, number};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

pub use sealed::Sealed;

use crate::{limits, tree::Value};
use sealed::PREFIX;

/// Bytes of the nonces that sops writes. AES-GCM is at home with 12.
pub(crate) const NONCE_SIZE: usize = 32;

/// As Go decodes it: padding required, unused bits of any value.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Why a value could not be decrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the value is not an ENC[AES256_GCM,…] text")]
    NotSealed,
    #[error("an ENC[AES256_GCM,…] text was broken into several lines")]
    Piece,
    #[error("the value has text after the closing bracket of its ENC[AES256_GCM,…]")]
    Trailing,
    #[error("the {0} part of the ENC[…] text is not base64")]
    Base64(&'static str),
    #[error("the nonce (iv) has {0} bytes; 1 to {max} are supported", max = limits::NONCE_SIZE)]
    Nonce(usize),
    #[error("the ciphertext does not match its authentication tag")]
    Tag,
    #[error("the plaintext is not of the type that the ENC[…] text names ({0})")]
    Type(&'static str),
    #[error("values of type bytes, which only the sops of Python wrote, are not supported")]
    Bytes,
    #[error("the ENC[…] text names an unknown type")]
    UnknownType,
}

impl Failure {
    /// What a person can do about it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Failure::NotSealed => {
                "the value was added or changed without sops; edit the file with `sops edit`"
            }
            Failure::Bytes => "write the value anew with `sops edit`",
            _ => {
                "the file was changed after it was encrypted: restore it from version control, \
                 and make changes with `sops edit`"
            }
        }
    }
}

/// What an `ENC[…]` text held.
pub(crate) enum Opened {
    /// A value.
    Value(Value),
    /// A comment.
    Comment(Vec<u8>),
}

/// The cipher of one document: key schedule and GHASH key are computed once.
pub(crate) struct Cipher {
    usual: Usual,
    /// For nonces of unusual length.
    key: Zeroizing<Vec<u8>>,
}

/// AES-GCM for nonces of 32 bytes.
enum Usual {
    Aes128(Box<AesGcm<Aes128, NonceLength>>),
    Aes192(Box<AesGcm<Aes192, NonceLength>>),
    Aes256(Box<AesGcm<Aes256, NonceLength>>),
}

type NonceLength = aes_gcm::aead::consts::U32;

impl Cipher {
    /// The cipher for a data key: AES-256, or AES-128 and AES-192 where the
    /// key has 16 or 24 bytes. `None` for other lengths.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let usual = match key.len() {
            16 => Usual::Aes128(Box::new(AesGcm::new_from_slice(key).ok()?)),
            24 => Usual::Aes192(Box::new(AesGcm::new_from_slice(key).ok()?)),
            32 => Usual::Aes256(Box::new(AesGcm::new_from_slice(key).ok()?)),
            _ => return None,
        };
        Some(Cipher {
            usual,
            key: Zeroizing::new(key.to_vec()),
        })
    }

    /// Decrypts an `ENC[…]` text. `nonce` receives its nonce, for
    /// re-encryption.
    pub(crate) fn open(
        &self,
        text: &[u8],
        aad: &[u8],
        nonce: Option<&mut Vec<u8>>,
    ) -> Result<Opened, Failure> {
        self.open_in(Vec::new(), text, aad, nonce)
    }

    /// As [`open`](Self::open), with a buffer for the plaintext that holds
    /// nothing secret.
    pub(crate) fn open_in(
        &self,
        mut buffer: Vec<u8>,
        text: &[u8],
        aad: &[u8],
        nonce: Option<&mut Vec<u8>>,
    ) -> Result<Opened, Failure> {
        let Some(sealed) = Sealed::parse(text) else {
            let contains = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
            return Err(if text.starts_with(PREFIX) {
                match contains(b"]") && !text.ends_with(b"]") {
                    true => Failure::Trailing,
                    false => Failure::NotSealed,
                }
            } else if contains(b",type:") && text.ends_with(b"]") && !contains(b"ENC[") {
                Failure::Piece
            } else {
                Failure::NotSealed
            });
        };
        buffer.clear();
        let mut data = match BASE64.decode_vec(sealed.data, &mut buffer) {
            Ok(()) => Zeroizing::new(buffer),
            Err(_) => Zeroizing::new(decode(sealed.data).ok_or(Failure::Base64("data"))?),
        };
        let mut room = [0; 2 * limits::NONCE_SIZE];
        let iv = decode_short(sealed.nonce, &mut room).ok_or(Failure::Base64("iv"))?;
        let mut room = [0; 2 * limits::NONCE_SIZE];
        let tag = decode_short(sealed.tag, &mut room).ok_or(Failure::Base64("tag"))?;
        let tag: &[u8; 16] = (&*tag).try_into().map_err(|_| Failure::Tag)?;
        if iv.is_empty() || iv.len() > limits::NONCE_SIZE {
            return Err(Failure::Nonce(iv.len()));
        }
        self.decrypt(&iv, aad, &mut data, tag)?;
        let opened = typed(std::mem::take(&mut *data), sealed.kind)?;
        if let Some(out) = nonce {
            *out = iv.into_owned();
        }
        Ok(opened)
    }

    fn decrypt(
        &self,
        nonce: &[u8],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Failure> {
        if nonce.len() != NONCE_SIZE {
            return match self.usual {
                Usual::Aes128(_) => open_any_nonce::<Aes128>(&self.key, nonce, aad, data, tag),
                Usual::Aes192(_) => open_any_nonce::<Aes192>(&self.key, nonce, aad, data, tag),
                Usual::Aes256(_) => open_any_nonce::<Aes256>(&self.key, nonce, aad, data, tag),
            };
        }
        let (nonce, tag) = (nonce.into(), tag.into());
        match &self.usual {
            Usual::Aes128(gcm) => gcm.decrypt_in_place_detached(nonce, aad, data, tag),
            Usual::Aes192(gcm) => gcm.decrypt_in_place_detached(nonce, aad, data, tag),
            Usual::Aes256(gcm) => gcm.decrypt_in_place_detached(nonce, aad, data, tag),
        }
        .map_err(|_| Failure::Tag)
    }

    /// Encrypts bytes to an `ENC[…]` text of this type. `None` only where the
    /// plaintext is beyond what GCM can hold (64 GiB).
    pub(crate) fn seal(
        &self,
        mut plaintext: Zeroizing<Vec<u8>>,
        kind: &str,
        aad: &[u8],
        nonce: &[u8; NONCE_SIZE],
    ) -> Option<String> {
        let iv = nonce.into();
        let tag = match &self.usual {
            Usual::Aes128(gcm) => gcm.encrypt_in_place_detached(iv, aad, &mut plaintext),
            Usual::Aes192(gcm) => gcm.encrypt_in_place_detached(iv, aad, &mut plaintext),
            Usual::Aes256(gcm) => gcm.encrypt_in_place_detached(iv, aad, &mut plaintext),
        }
        .ok()?;
        let mut out = String::with_capacity(plaintext.len() * 4 / 3 + 128);
        out.push_str("ENC[AES256_GCM,data:");
        BASE64.encode_string(&*plaintext, &mut out);
        out.push_str(",iv:");
        BASE64.encode_string(nonce, &mut out);
        out.push_str(",tag:");
        BASE64.encode_string(tag, &mut out);
        out.push_str(",type:");
        out.push_str(kind);
        out.push(']');
        Some(out)
    }
}

/// AES-GCM for nonces that are not 32 bytes long, which `AesGcm` takes only
/// where their length is known at compile time: the same GHASH and counter
/// mode put together as NIST SP 800-38D §7.2 says.
fn open_any_nonce<C>(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    data: &mut [u8],
    tag: &[u8; 16],
) -> Result<(), Failure>
where
    C: KeyInit + BlockEncrypt + BlockCipher + BlockSizeUser<BlockSize = U16>,
{
    let aes = C::new_from_slice(key).map_err(|_| Failure::Tag)?;
    let mut hash_key = ghash::Key::default();
    aes.encrypt_block(&mut hash_key);
    let ghash = GHash::new(&hash_key);
    hash_key.zeroize();

    let mut first = ghash::Block::default();
    if nonce.len() == 12 {
        first[..12].copy_from_slice(nonce);
        first[15] = 1;
    } else {
        let mut hash = ghash.clone();
        hash.update_padded(nonce);
        hash.update(&[lengths(0, nonce.len())]);
        first = hash.finalize();
    }

    let mut hash = ghash;
    hash.update_padded(aad);
    hash.update_padded(data);
    hash.update(&[lengths(aad.len(), data.len())]);
    let mut expected = hash.finalize();

    let mut counter = ctr::Ctr32BE::from_core(ctr::CtrCore::inner_iv_init(aes, &first));
    counter.apply_keystream(&mut expected);
    if !bool::from(expected.as_slice().ct_eq(tag)) {
        return Err(Failure::Tag);
    }
    counter.apply_keystream(data);
    Ok(())
}

/// GHASH's last block: two lengths in bits.
fn lengths(first: usize, second: usize) -> ghash::Block {
    let mut block = ghash::Block::default();
    block[..8].copy_from_slice(&(first as u64 * 8).to_be_bytes());
    block[8..].copy_from_slice(&(second as u64 * 8).to_be_bytes());
    block
}

/// Decodes base64 as Go does: line ends are skipped.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok().or_else(|| {
        let text: Vec<u8> = text.iter().copied().filter(|b| *b != b'\r').collect();
        BASE64.decode(text).ok()
    })
}

/// As [`decode`], without an allocation where the room does.
fn decode_short<'r>(text: &[u8], room: &'r mut [u8]) -> Option<Cow<'r, [u8]>> {
    match BASE64.decode_slice(text, room) {
        Ok(len) => room.get(..len).map(Cow::Borrowed),
        Err(_) => decode(text).map(Cow::Owned),
    }
}

/// How `ENC[…]` names the type of a value; `None` for what is never
/// encrypted.
pub(crate) fn kind_of(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::String(_) => "str",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Bool(_) => "bool",
        Value::Time(_) => "time",
        Value::Null | Value::Mapping(_) | Value::List(_) => return None,
    })
}

/// The bytes as a value of the type that the `ENC[…]` text names. That name
/// is not authenticated.
fn typed(bytes: Vec<u8>, kind: &[u8]) -> Result<Opened, Failure> {
    let value = match kind {
        b"str" => return Ok(Opened::Value(Value::String(bytes.into()))),
        b"comment" => return Ok(Opened::Comment(bytes)),
        b"bytes" => {
            drop(Zeroizing::new(bytes));
            return Err(Failure::Bytes);
        }
        b"int" | b"float" | b"bool" | b"time" => {
            let bytes = Zeroizing::new(bytes);
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            match kind {
                b"int" => Value::Int(text.parse().map_err(|_| Failure::Type("int"))?),
                b"float" => {
                    Value::Float(number::parse_float(text).map_err(|_| Failure::Type("float"))?)
                }
                b"bool" => Value::Bool(parse_bool(text).ok_or(Failure::Type("bool"))?),
                _ => Value::Time(Timestamp::parse_rfc3339(text).ok_or(Failure::Type("time"))?),
            }
        }
        _ => {
            drop(Zeroizing::new(bytes));
            return Err(Failure::UnknownType);
        }
    };
    Ok(Opened::Value(value))
}

/// A boolean as Go's `strconv.ParseBool` reads it.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

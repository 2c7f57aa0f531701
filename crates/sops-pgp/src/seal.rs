//! Encrypting a message for one key.

use pgp::{
    composed::RawSessionKey,
    crypto::{
        aead::{AeadAlgorithm, ChunkSize},
        sym::SymmetricKeyAlgorithm as Cipher,
    },
    packet::{
        PacketTrait, PublicKeyEncryptedSessionKey as Esk, SymEncryptedProtectedData as Encrypted,
    },
    types::{KeyDetails, KeyVersion},
};
use rand::{RngCore, rngs::OsRng};
use zeroize::Zeroizing;

use crate::{
    armor,
    certificate::{EncryptionKey, PublicHalf},
    packet::{tag, write},
};

/// Nothing was encrypted: the system gave no random numbers, or rPGP cannot do
/// this key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Failed;

/// An armored message with these bytes, as GnuPG and sops write it: one
/// recipient by key id, a hash of the whole inside, no compression.
///
/// # Errors
///
/// [`Failed`].
pub(crate) fn seal(key: &EncryptionKey, data: &[u8]) -> Result<String, Failed> {
    let packets = match &key.half {
        PublicHalf::Primary(half) => encrypt(half, key.cipher, data)?,
        PublicHalf::Subkey(half) => encrypt(half, key.cipher, data)?,
    };
    Ok(armor::write_message(&packets))
}

fn encrypt<K>(key: &K, cipher: Cipher, data: &[u8]) -> Result<Vec<u8>, Failed>
where
    K: pgp::types::EncryptionKey + KeyDetails,
{
    let failed = |_| Failed;
    let mut session_key = Zeroizing::new(vec![0; cipher.key_size()]);
    OsRng.try_fill_bytes(&mut session_key).map_err(|_| Failed)?;
    // Binary, without a file name or a date (RFC 9580 §5.9).
    let mut body = Zeroizing::new(Vec::with_capacity(6 + data.len()));
    body.extend_from_slice(&[b'b', 0, 0, 0, 0, 0]);
    body.extend_from_slice(data);
    let mut literal = Zeroizing::new(Vec::with_capacity(body.len() + 6));
    write(tag::LITERAL, &body, &mut literal);

    let raw = RawSessionKey::from(session_key.as_slice());
    let (esk, encrypted) = if key.version() == KeyVersion::V6 {
        let esk = Esk::from_session_key_v6(OsRng, &raw, key);
        let encrypted = Encrypted::encrypt_seipdv2(
            OsRng,
            cipher,
            AeadAlgorithm::Ocb,
            ChunkSize::default(),
            &session_key,
            &literal,
        );
        (esk, encrypted)
    } else {
        let esk = Esk::from_session_key_v3(OsRng, &raw, cipher, key);
        (
            esk,
            Encrypted::encrypt_seipdv1(OsRng, cipher, &session_key, &literal),
        )
    };
    let mut out = Vec::new();
    esk.map_err(failed)?
        .to_writer_with_header(&mut out)
        .map_err(failed)?;
    encrypted
        .map_err(failed)?
        .to_writer_with_header(&mut out)
        .map_err(failed)?;
    Ok(out)
}

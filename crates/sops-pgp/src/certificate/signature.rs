//! What a signature says, before anybody asks whether it is valid.

use pgp::{
    crypto::hash::HashAlgorithm as Hash,
    packet::{PublicKey, Signature, SubpacketData},
    types::KeyDetails,
};

/// Whether a signature says that it is by a key.
pub(super) fn is_by(signature: &Signature, key: &PublicKey) -> bool {
    let (id, fingerprint) = (key.legacy_key_id(), key.fingerprint());
    signature.issuer_key_id().contains(&&id)
        || signature.issuer_fingerprint().contains(&&fingerprint)
}

/// Whether the hash of a signature is one to rely on. Of SHA-1, rPGP refuses
/// what looks like a collision.
pub(super) fn is_sound(signature: &Signature) -> bool {
    !matches!(
        signature.hash_alg(),
        None | Some(Hash::Md5 | Hash::Ripemd160)
    )
}

/// Whether a signature was made and did not expire.
pub(super) fn is_current(signature: &Signature, now: u64) -> bool {
    let made = created(signature);
    let lasts = signature.signature_expiration_time().map(seconds);
    let expired = lasts.is_some_and(|lasts| lasts > 0 && made + lasts <= now);
    is_sound(signature) && made <= now && !expired
}

pub(super) fn created(signature: &Signature) -> u64 {
    signature.created().map_or(0, |time| time.as_secs().into())
}

pub(super) fn seconds(duration: pgp::types::Duration) -> u64 {
    std::time::Duration::from(duration).as_secs()
}

/// Whether a signature allows a key to be encrypted for, if it says so.
pub(super) fn flags(signature: &Signature) -> Option<bool> {
    let mut packets = signature.config()?.hashed_subpackets();
    packets.find_map(|packet| match &packet.data {
        SubpacketData::KeyFlags(flags) => Some(flags.encrypt_comms() || flags.encrypt_storage()),
        _ => None,
    })
}

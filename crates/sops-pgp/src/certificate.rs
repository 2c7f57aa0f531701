//! Public keys as they may be encrypted for: bound by signatures, not expired,
//! not revoked, and meant for encryption (RFC 9580 §5.2.3, §10.1).
//!
//! Who vouches for a key is not asked, as sops does not (`--trusted-key`):
//! whoever typed the fingerprint did.

use std::{fmt, time::SystemTime};

use pgp::{
    crypto::{hash::HashAlgorithm as Hash, sym::SymmetricKeyAlgorithm as Cipher},
    packet::{
        PacketHeader, PublicKey, PublicSubkey, Signature, SignatureType as Kind, SubpacketData,
        UserId,
    },
    ser::Serialize,
    types::{KeyDetails, Tag, VerifyingKey},
};

use crate::{
    flaw::algorithm_name,
    key::{Fingerprint, KeyPacket},
    limits,
    packet::{Packets, tag},
    ring::{Ring, RingKey},
    sexp::hex,
};

/// What a recipient names: a key by its fingerprint or its long key id.
pub(crate) struct Wanted {
    digits: Vec<u8>,
    /// Whether it names the very key to encrypt for (`!` at the end), and
    /// otherwise any key that belongs together with it.
    exact: bool,
}

impl Wanted {
    /// Reads 40, 64 or 16 digits in either case, with `0x` in front, spaces
    /// among them and `!` behind, or not; `None` for what names no key to
    /// sops: short key ids, user ids.
    pub(crate) fn parse(recipient: &str) -> Option<Self> {
        let text: String = recipient.split_whitespace().collect();
        let (text, exact) = match text.strip_suffix('!') {
            Some(text) => (text, true),
            None => (text.as_str(), false),
        };
        let text = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .unwrap_or(text);
        let digits = hex(text.as_bytes())?.to_vec();
        matches!(digits.len(), 8 | 20 | 32).then_some(Wanted { digits, exact })
    }

    /// Whether a fingerprint is what it names.
    pub(crate) fn names(&self, fingerprint: &Fingerprint) -> bool {
        match self.digits.len() {
            8 => fingerprint.key_id() == self.digits,
            _ => fingerprint.as_bytes() == self.digits,
        }
    }

    /// The keys of a ring that have a member of that name.
    pub(crate) fn find<'r>(&'r self, ring: &'r Ring) -> impl Iterator<Item = &'r RingKey> {
        ring.keys()
            .iter()
            .filter(|key| key.members.iter().any(|m| self.names(&m.fingerprint)))
    }
}

/// Why a key is not one to encrypt for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    /// Its packets cannot be read.
    Broken,
    /// No valid signature of its own binds it.
    Unbound,
    /// It was revoked.
    Revoked,
    /// It is no longer valid.
    Expired,
    /// Its time is yet to come, by the clock here.
    NotYet,
    /// It has no key for encryption.
    NoEncryption,
    /// The key for encryption is of a kind that this crate cannot do.
    Unsupported(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::Broken => "its public key cannot be read",
            Unfit::Unbound => "no valid signature binds its public key",
            Unfit::Revoked => "it was revoked",
            Unfit::Expired => "it is expired",
            Unfit::NotYet => "it was made in the future, by the clock of this machine",
            Unfit::NoEncryption => "it has no key for encryption",
            Unfit::Unsupported(what) => return write!(f, "{what} is not supported"),
        })
    }
}

/// A key to encrypt for.
pub(crate) struct EncryptionKey {
    /// The key itself.
    pub(crate) half: PublicHalf,
    /// The cipher that its owner can decrypt.
    pub(crate) cipher: Cipher,
}

/// A primary key or a subkey.
pub(crate) enum PublicHalf {
    /// A primary key.
    Primary(PublicKey),
    /// A subkey.
    Subkey(PublicSubkey),
}

/// A primary key with what is bound to it; of the signatures, only its own.
struct Certificate {
    primary: PublicKey,
    /// The name of its curve, where rPGP can verify no signature of it.
    curve: Option<&'static str>,
    /// On the key itself: direct ones, and revocations.
    direct: Vec<Signature>,
    users: Vec<(UserId, Vec<Signature>)>,
    subkeys: Vec<Subkey>,
}

struct Subkey {
    /// `None` where rPGP cannot read it.
    key: Option<PublicSubkey>,
    fingerprint: Fingerprint,
    /// Why it cannot be encrypted for, where that is by its kind.
    unsupported: Option<String>,
    may_encrypt: bool,
    created: u32,
    signatures: Vec<Signature>,
}

/// The key to encrypt for, of one that was found in a ring.
///
/// As in GnuPG: the newest subkey for encryption, else the primary key; only
/// with `!`, the very key that was named.
///
/// # Errors
///
/// Why there is none.
pub(crate) fn encryption_key(
    ring: &Ring,
    key: &RingKey,
    wanted: &Wanted,
    now: SystemTime,
) -> Result<EncryptionKey, Unfit> {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let certificate = Certificate::parse(ring.packets(key)).ok_or(Unfit::Broken)?;
    certificate.choose(wanted, now)
}

impl Certificate {
    fn parse(packets: Packets<'_>) -> Option<Self> {
        let mut certificate: Option<Certificate> = None;
        for packet in packets {
            let packet = packet.ok()?;
            let key = KeyPacket::parse(packet.tag, &packet.body);
            let length = u32::try_from(packet.body.len()).ok()?;
            match (packet.tag, &mut certificate, key) {
                (tag::PUBLIC_KEY | tag::SECRET_KEY, none @ None, Some(key)) => {
                    let header = PacketHeader::new_fixed(Tag::PublicKey, length);
                    *none = Some(Certificate {
                        primary: PublicKey::try_from_reader(header, key.public).ok()?,
                        curve: key.unsupported_curve(),
                        direct: Vec::new(),
                        users: Vec::new(),
                        subkeys: Vec::new(),
                    });
                }
                (tag::USER_ID, Some(certificate), _) => {
                    let header = PacketHeader::new_fixed(Tag::UserId, length);
                    let user = UserId::try_from_reader(header, &*packet.body).ok()?;
                    certificate.users.push((user, Vec::new()));
                }
                (tag::PUBLIC_SUBKEY | tag::SECRET_SUBKEY, Some(certificate), Some(key)) => {
                    if certificate.subkeys.len() >= limits::KEYS {
                        return None;
                    }
                    certificate.subkeys.push(Subkey::parse(&key));
                }
                (tag::SIGNATURE, Some(certificate), _) => {
                    let header = PacketHeader::new_fixed(Tag::Signature, length);
                    // One that cannot be read binds nothing.
                    let Ok(signature) = Signature::try_from_reader(header, &*packet.body) else {
                        continue;
                    };
                    let list = certificate.signatures(&signature);
                    list.into_iter()
                        .for_each(|list| list.push(signature.clone()));
                }
                (_, Some(_), _) => {}
                (_, None, _) => return None,
            }
        }
        certificate
    }

    /// Where a signature belongs: to what stands before it. Those of others,
    /// and what is too many, are left out.
    fn signatures(&mut self, signature: &Signature) -> Option<&mut Vec<Signature>> {
        if !is_by(signature, &self.primary) {
            return None;
        }
        let last = match (self.subkeys.last_mut(), self.users.last_mut()) {
            (Some(subkey), _) => &mut subkey.signatures,
            (None, Some((_, signatures))) => signatures,
            (None, None) => &mut self.direct,
        };
        (last.len() < limits::SIGNATURES).then_some(last)
    }

    fn choose(&self, wanted: &Wanted, now: u64) -> Result<EncryptionKey, Unfit> {
        let own = self.own_signatures(now)?;
        let cipher = cipher(&own);
        let primary = fingerprint_of(&self.primary);
        let is_wanted = |fingerprint: &Fingerprint| !wanted.exact || wanted.names(fingerprint);
        let mut unfit = Unfit::NoEncryption;
        let mut subkeys: Vec<&Subkey> = self
            .subkeys
            .iter()
            .filter(|subkey| is_wanted(&subkey.fingerprint))
            .collect();
        subkeys.sort_by_key(|subkey| std::cmp::Reverse(subkey.created));
        for subkey in subkeys {
            match self.check(subkey, now) {
                Ok(key) => {
                    let half = PublicHalf::Subkey(key.clone());
                    return Ok(EncryptionKey { half, cipher });
                }
                // A subkey for signing says nothing about the others.
                Err(Unfit::NoEncryption) => {}
                // The newest key is what GnuPG takes: not an older one because
                // the newest cannot be done here.
                Err(why @ Unfit::Unsupported(_)) => return Err(why),
                Err(why) => {
                    if unfit == Unfit::NoEncryption {
                        unfit = why;
                    }
                }
            }
        }
        if is_wanted(&primary) {
            match usable(
                &self.primary,
                own.iter().find_map(|s| flags(s)),
                primary_kind(&self.primary),
            ) {
                Ok(()) => {
                    return Ok(EncryptionKey {
                        half: PublicHalf::Primary(self.primary.clone()),
                        cipher,
                    });
                }
                Err(why @ Unfit::Unsupported(_)) => return Err(why),
                Err(_) => {}
            }
        }
        Err(unfit)
    }

    /// The valid signatures of the primary key on itself and on its user ids,
    /// newest first.
    fn own_signatures(&self, now: u64) -> Result<Vec<&Signature>, Unfit> {
        let key = &self.primary;
        let revoked = self.direct.iter().any(|s| {
            s.typ() == Some(Kind::KeyRevocation) && is_sound(s) && s.verify_key(key).is_ok()
        });
        if revoked {
            return Err(Unfit::Revoked);
        }
        let mut own: Vec<&Signature> = self
            .direct
            .iter()
            .filter(|s| s.typ() == Some(Kind::Key) && is_current(s, now))
            .filter(|s| s.verify_key(key).is_ok())
            .collect();
        for (user, signatures) in &self.users {
            let valid = |s: &Signature| {
                is_sound(s) && s.verify_certification(key, Tag::UserId, user).is_ok()
            };
            let mut newest: Vec<&Signature> = signatures.iter().collect();
            newest.sort_by_key(|s| std::cmp::Reverse(created(s)));
            for signature in newest {
                let revokes = signature.typ() == Some(Kind::CertRevocation);
                if !(revokes || is_current(signature, now)) || !valid(signature) {
                    continue;
                }
                if !revokes && signature.is_certification() {
                    own.push(signature);
                }
                break;
            }
        }
        own.sort_by_key(|s| std::cmp::Reverse(created(s)));
        if own.is_empty() {
            return Err(match self.curve {
                Some(curve) => Unfit::Unsupported(curve.into()),
                None => Unfit::Unbound,
            });
        }
        let expiry = own.iter().find_map(|s| s.key_expiration_time());
        check_time(key, expiry.map(seconds), now)?;
        Ok(own)
    }

    fn check<'s>(&self, subkey: &'s Subkey, now: u64) -> Result<&'s PublicSubkey, Unfit> {
        if !subkey.may_encrypt {
            return Err(Unfit::NoEncryption);
        }
        let unsupported = || Unfit::Unsupported(subkey.unsupported.clone().unwrap_or_default());
        let key = subkey.key.as_ref().ok_or_else(unsupported)?;
        check_time(key, None, now)?;
        let valid =
            |s: &&Signature| is_sound(s) && s.verify_subkey_binding(&self.primary, key).is_ok();
        let of_kind = |kind| {
            subkey
                .signatures
                .iter()
                .filter(move |s| s.typ() == Some(kind))
        };
        if of_kind(Kind::SubkeyRevocation).any(|s| valid(&s)) {
            return Err(Unfit::Revoked);
        }
        let binding = of_kind(Kind::SubkeyBinding)
            .filter(|s| is_current(s, now))
            .filter(valid)
            .max_by_key(|s| created(s))
            .ok_or(Unfit::Unbound)?;
        check_time(key, binding.key_expiration_time().map(seconds), now)?;
        usable(key, flags(binding), subkey.unsupported.clone())?;
        Ok(key)
    }
}

impl Subkey {
    fn parse(key: &KeyPacket<'_>) -> Self {
        let length = u32::try_from(key.public.len()).unwrap_or(u32::MAX);
        let header = PacketHeader::new_fixed(Tag::PublicSubkey, length);
        let created = key.public.get(1..5).and_then(|time| time.try_into().ok());
        Subkey {
            key: PublicSubkey::try_from_reader(header, key.public).ok(),
            fingerprint: key.fingerprint(),
            unsupported: key.unsupported(),
            may_encrypt: key.may_decrypt(),
            created: created.map_or(0, u32::from_be_bytes),
            signatures: Vec::new(),
        }
    }
}

/// Whether a signature says that it is by a key.
fn is_by(signature: &Signature, key: &PublicKey) -> bool {
    let (id, fingerprint) = (key.legacy_key_id(), key.fingerprint());
    signature.issuer_key_id().contains(&&id)
        || signature.issuer_fingerprint().contains(&&fingerprint)
}

/// Whether the hash of a signature is one to rely on. Of SHA-1, rPGP refuses
/// what looks like a collision.
fn is_sound(signature: &Signature) -> bool {
    !matches!(
        signature.hash_alg(),
        None | Some(Hash::Md5 | Hash::Ripemd160)
    )
}

/// Whether a signature was made and did not expire.
fn is_current(signature: &Signature, now: u64) -> bool {
    let made = created(signature);
    let lasts = signature.signature_expiration_time().map(seconds);
    let expired = lasts.is_some_and(|lasts| lasts > 0 && made + lasts <= now);
    is_sound(signature) && made <= now && !expired
}

fn created(signature: &Signature) -> u64 {
    signature.created().map_or(0, |time| time.as_secs().into())
}

fn seconds(duration: pgp::types::Duration) -> u64 {
    std::time::Duration::from(duration).as_secs()
}

/// Whether the time of a key has come and is not over.
fn check_time(key: &impl KeyDetails, lasts: Option<u64>, now: u64) -> Result<(), Unfit> {
    let made = u64::from(key.created_at().as_secs());
    match lasts {
        _ if made > now => Err(Unfit::NotYet),
        Some(lasts) if lasts > 0 && made + lasts <= now => Err(Unfit::Expired),
        _ => Ok(()),
    }
}

/// Whether a signature allows a key to be encrypted for, if it says so.
fn flags(signature: &Signature) -> Option<bool> {
    let mut packets = signature.config()?.hashed_subpackets();
    packets.find_map(|packet| match &packet.data {
        SubpacketData::KeyFlags(flags) => Some(flags.encrypt_comms() || flags.encrypt_storage()),
        _ => None,
    })
}

fn usable<K: VerifyingKey + Serialize>(
    key: &K,
    allowed: Option<bool>,
    unsupported: Option<String>,
) -> Result<(), Unfit> {
    match (allowed, unsupported) {
        (Some(false), _) => Err(Unfit::NoEncryption),
        _ if !may_encrypt(key) => Err(Unfit::NoEncryption),
        (_, Some(what)) => Err(Unfit::Unsupported(what)),
        _ => Ok(()),
    }
}

fn may_encrypt(key: &impl KeyDetails) -> bool {
    matches!(u8::from(key.algorithm()), 1 | 2 | 16 | 18 | 25 | 26)
}

/// Why a primary key cannot be encrypted for by its kind.
fn primary_kind(key: &PublicKey) -> Option<String> {
    match u8::from(key.algorithm()) {
        1 | 2 => None,
        other => Some(algorithm_name(other)),
    }
}

fn fingerprint_of(key: &PublicKey) -> Fingerprint {
    Fingerprint::new(key.fingerprint().as_bytes())
}

/// The best cipher that the owner of a key can decrypt: AES-256 unless the
/// key's preferences leave it out.
fn cipher(own: &[&Signature]) -> Cipher {
    let preferred = own.iter().map(|s| s.preferred_symmetric_algs());
    match preferred.into_iter().find(|list| !list.is_empty()) {
        None => Cipher::AES256,
        Some(list) => [Cipher::AES256, Cipher::AES192]
            .into_iter()
            .find(|cipher| list.contains(cipher))
            .unwrap_or(Cipher::AES128),
    }
}

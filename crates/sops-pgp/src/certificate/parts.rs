//! A certificate's packets, each signature with what it stands behind.

use pgp::{
    packet::{PacketHeader, PublicKey, PublicSubkey, Signature, UserId},
    types::Tag,
};

use super::signature::is_by;
use crate::{
    key::{Fingerprint, KeyPacket},
    limits,
    packet::{Packets, tag},
};

/// A primary key with what is bound to it; of the signatures, only its own.
pub(super) struct Certificate {
    pub(super) primary: PublicKey,
    /// The name of its curve, where rPGP can verify no signature of it.
    pub(super) curve: Option<&'static str>,
    /// On the key itself: direct ones, and revocations.
    pub(super) direct: Vec<Signature>,
    pub(super) users: Vec<(UserId, Vec<Signature>)>,
    pub(super) subkeys: Vec<Subkey>,
}

pub(super) struct Subkey {
    /// `None` where rPGP cannot read it.
    pub(super) key: Option<PublicSubkey>,
    pub(super) fingerprint: Fingerprint,
    /// Why it cannot be encrypted for, where that is by its kind.
    pub(super) unsupported: Option<String>,
    pub(super) may_encrypt: bool,
    pub(super) created: u32,
    pub(super) signatures: Vec<Signature>,
}

impl Certificate {
    pub(super) fn parse(packets: Packets<'_>) -> Option<Self> {
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

//! Key rings: many keys in one place, skimmed for the one that is wanted.
//!
//! A ring is split into packets, and each key hashed for its fingerprint, when
//! it is first asked for a key. Signatures are not looked at before a key is
//! to be encrypted for.

use std::ops::Range;

use crate::{
    armor,
    key::{Fingerprint, KeyPacket, user_id},
    packet::{Packets, tag, write},
};

/// Some keys, public or private, in the order of their file.
#[derive(Default)]
pub(crate) struct Ring {
    bytes: Vec<u8>,
    keys: Vec<RingKey>,
}

/// A primary key with its subkeys, as it stands in a ring.
pub(crate) struct RingKey {
    /// Where its packets are.
    range: Range<usize>,
    /// The first user id.
    pub(crate) user: Option<String>,
    /// The primary key first, then the subkeys.
    pub(crate) members: Vec<Member>,
}

/// A primary key or a subkey, as it stands in a ring.
pub(crate) struct Member {
    /// Its fingerprint.
    pub(crate) fingerprint: Fingerprint,
    /// Whether its algorithm is one for encryption.
    pub(crate) may_decrypt: bool,
    is_primary: bool,
    /// Where the body of its packet is.
    range: Range<usize>,
}

impl Ring {
    /// Reads packets, or armored blocks of them. Of private keys, what is
    /// public is kept.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut public = Vec::new();
        if armor::is_armored(bytes) {
            for block in armor::blocks(bytes) {
                if matches!(block.kind, armor::Kind::PublicKey | armor::Kind::PrivateKey)
                    && let Some(block) = block.bytes
                {
                    publish(&block, &mut public);
                }
            }
        } else {
            publish(bytes, &mut public);
        }
        let all = 0..public.len();
        Self::of(public, &[all])
    }

    /// The keys in some parts of a file.
    pub(crate) fn of(bytes: Vec<u8>, parts: &[Range<usize>]) -> Self {
        let mut keys = Vec::new();
        for part in parts {
            skim(
                bytes.get(part.clone()).unwrap_or_default(),
                part.start,
                &mut keys,
            );
        }
        Ring { bytes, keys }
    }

    /// All keys.
    pub(crate) fn keys(&self) -> &[RingKey] {
        &self.keys
    }

    /// The packets of a key.
    pub(crate) fn packets(&self, key: &RingKey) -> Packets<'_> {
        Packets::new(self.bytes.get(key.range.clone()).unwrap_or_default())
    }

    /// The packet of a primary key or a subkey.
    pub(crate) fn packet(&self, member: &Member) -> Option<KeyPacket<'_>> {
        let packet = if member.is_primary {
            tag::PUBLIC_KEY
        } else {
            tag::PUBLIC_SUBKEY
        };
        KeyPacket::parse(packet, self.bytes.get(member.range.clone())?)
    }
}

/// Appends the packets of some keys, public ones in place of private ones, up
/// to the first that is broken.
fn publish(bytes: &[u8], out: &mut Vec<u8>) {
    for packet in Packets::new(bytes).map_while(Result::ok) {
        let key = KeyPacket::parse(packet.tag, &packet.body);
        match (packet.tag, key) {
            (tag::SECRET_KEY, Some(key)) => write(tag::PUBLIC_KEY, key.public, out),
            (tag::SECRET_SUBKEY, Some(key)) => write(tag::PUBLIC_SUBKEY, key.public, out),
            // So that what follows is not taken to belong to the key before.
            (tag::SECRET_KEY, None) => write(tag::PUBLIC_KEY, &[], out),
            (tag::SECRET_SUBKEY, None) => {}
            (tag, _) => write(tag, &packet.body, out),
        }
    }
}

/// Adds the keys among some packets, up to the first that is broken.
fn skim(bytes: &[u8], offset: usize, keys: &mut Vec<RingKey>) {
    let mut packets = Packets::new(bytes);
    // Whether the packets belong to the last key: one that cannot be read has
    // subkeys, too.
    let mut known = false;
    loop {
        let start = packets.position();
        let Some(Ok(packet)) = packets.next() else {
            return;
        };
        let end = packets.position();
        let body = offset + end - packet.body.len()..offset + end;
        let key = KeyPacket::parse(packet.tag, &packet.body);
        match (packet.tag, key) {
            (tag::PUBLIC_KEY | tag::PUBLIC_SUBKEY, Some(key)) => {
                let member = Member {
                    fingerprint: key.fingerprint(),
                    may_decrypt: key.may_decrypt(),
                    is_primary: key.is_primary,
                    range: body,
                };
                if key.is_primary {
                    known = true;
                    keys.push(RingKey {
                        range: offset + start..offset + end,
                        user: None,
                        members: vec![member],
                    });
                } else if known && let Some(last) = keys.last_mut() {
                    last.members.push(member);
                }
            }
            (tag::PUBLIC_KEY, None) => known = false,
            (tag::USER_ID, _) if known => {
                if let Some(last) = keys.last_mut() {
                    last.user.get_or_insert_with(|| user_id(&packet.body));
                }
            }
            _ => {}
        }
        if known && let Some(last) = keys.last_mut() {
            last.range.end = offset + end;
        }
    }
}

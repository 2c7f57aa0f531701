//! Encrypted messages: for whom they are, and what they hold (RFC 9580 §10.3).
//!
//! Keys, ciphers and hashes are rPGP's. The walk over the packets is our own:
//! it is bounded, wipes what it decrypts, and has no state that a hostile
//! message could bring out of step.

mod container;
mod contents;

use pgp::{
    packet::{PacketHeader, PublicKeyEncryptedSessionKey as Esk},
    types::{PkeskBytes, Tag},
};
use zeroize::Zeroizing;

use crate::{
    armor,
    flaw::Flaw,
    key::Recipient,
    limits,
    packet::{Packets, tag},
};

use container::Container;
pub(crate) use container::SessionKey;

/// An encrypted message that was not decrypted yet.
pub(crate) struct Message {
    /// The session key, once for each recipient.
    pub(crate) session_keys: Vec<WrappedSessionKey>,
    container: Container,
}

/// A session key, encrypted for one recipient.
pub(crate) struct WrappedSessionKey {
    /// For which key.
    pub(crate) recipient: Recipient,
    /// The number of its algorithm.
    pub(crate) algorithm: u8,
    /// What was made with that algorithm.
    pub(crate) values: PkeskBytes,
    /// Whether it is of version 6, and 3 otherwise.
    pub(crate) v6: bool,
}

impl Message {
    /// Reads an armored message, with white space around it or not.
    ///
    /// # Errors
    ///
    /// What is wrong with it, where no key could open it.
    pub(crate) fn read(armored: &str) -> Result<Self, Flaw> {
        let armored = armored.trim();
        if armored.is_empty() {
            return Err(Flaw::Missing);
        }
        if armored.len() > limits::MESSAGE {
            return Err(Flaw::TooLarge);
        }
        let block = armor::blocks(armored.as_bytes()).find(|b| b.kind == armor::Kind::Message);
        let bytes = block.and_then(|block| block.bytes).ok_or(Flaw::Armor)?;
        Self::parse(&bytes)
    }

    /// Reads a message's packets.
    ///
    /// # Errors
    ///
    /// What is wrong with it, where no key could open it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut session_keys = Vec::new();
        let (mut for_passphrase, mut for_key) = (false, false);
        for (count, packet) in Packets::new(bytes).enumerate() {
            if count >= limits::PACKETS {
                return Err(Flaw::TooMany);
            }
            let packet = packet.map_err(|_| Flaw::Packets)?;
            match packet.tag {
                tag::PKESK => {
                    if session_keys.len() >= limits::RECIPIENTS {
                        return Err(Flaw::TooMany);
                    }
                    session_keys.extend(WrappedSessionKey::parse(&packet.body));
                    for_key = true;
                }
                tag::SKESK => for_passphrase = true,
                tag::MARKER | tag::PADDING => {}
                tag::SED | tag::SEIPD | tag::GNUPG_OCB => {
                    let container = Container::parse(packet.tag, &packet.body)?;
                    // What is of the wrong version is not for this container
                    // (RFC 9580 §10.3.2.1).
                    session_keys.retain(|key| key.v6 == container.is_v2());
                    if !session_keys.is_empty() {
                        return Ok(Message {
                            session_keys,
                            container,
                        });
                    }
                    return Err(match (for_key, for_passphrase) {
                        (true, _) => Flaw::unsupported("the kind of its recipient"),
                        (false, true) => Flaw::ForPassphrase,
                        (false, false) => Flaw::Packets,
                    });
                }
                _ => return Err(Flaw::Packets),
            }
        }
        Err(Flaw::Packets)
    }

    /// Whether an armored message can be opened with a passphrase, too: whoever
    /// hands it to gpg has gpg ask for one.
    pub(crate) fn is_for_passphrase(armored: &str) -> bool {
        let mut blocks = armor::blocks(armored.trim().as_bytes());
        let block = blocks.find(|block| block.kind == armor::Kind::Message);
        let bytes = block.and_then(|block| block.bytes).unwrap_or_default();
        let packets = Packets::new(&bytes).take(limits::PACKETS);
        packets.flatten().any(|packet| packet.tag == tag::SKESK)
    }

    /// What the message holds.
    ///
    /// # Errors
    ///
    /// [`Flaw::Changed`] where the session key is another's, or the message
    /// was changed; and what else is wrong with it.
    pub(crate) fn open(&self, key: &SessionKey) -> Result<Zeroizing<Vec<u8>>, Flaw> {
        let packets = self.container.decrypt(key)?;
        contents::read(&packets, limits::NESTING)
    }
}

impl WrappedSessionKey {
    /// Whether it is not said for whom it is.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.recipient == Recipient::Anonymous
    }

    /// Reads one; `None` where it is of a version or in a form that nothing
    /// here can read: others may be there.
    fn parse(body: &[u8]) -> Option<Self> {
        let algorithm = match body {
            [3, rest @ ..] => *rest.get(8)?,
            [6, length, rest @ ..] => *rest.get(usize::from(*length))?,
            _ => return None,
        };
        let length = u32::try_from(body.len()).ok()?;
        let header = PacketHeader::new_fixed(Tag::PublicKeyEncryptedSessionKey, length);
        let (recipient, values, v6) = match Esk::try_from_reader(header, body).ok()? {
            Esk::V3 { id, values, .. } if id.is_wildcard() => (Recipient::Anonymous, values, false),
            Esk::V3 { id, values, .. } => {
                let id = id.as_ref().try_into().ok()?;
                (Recipient::KeyId(id), values, false)
            }
            Esk::V6 {
                fingerprint,
                values,
                ..
            } => {
                let fingerprint = fingerprint.map(|f| f.as_bytes().to_vec());
                let recipient = fingerprint.map_or(Recipient::Anonymous, Recipient::Fingerprint);
                (recipient, values, true)
            }
            Esk::Other { .. } => return None,
        };
        Some(WrappedSessionKey {
            recipient,
            algorithm,
            values,
            v6,
        })
    }
}

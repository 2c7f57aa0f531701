//! Key packets as far as they are public (RFC 9580 §5.5).

use std::fmt;

use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::{flaw::algorithm_name, packet::tag};

/// A fingerprint: 20 bytes of a key of version 4, 32 of one of version 6.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(Vec<u8>);

impl Fingerprint {
    /// A fingerprint of these bytes.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Fingerprint(bytes.to_vec())
    }

    /// Its bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key id: of version 4 the last eight bytes, of version 6 the first
    /// (§5.5.4).
    pub(crate) fn key_id(&self) -> &[u8] {
        if self.0.len() == 20 {
            self.0.get(12..).unwrap_or_default()
        } else {
            self.0.get(..8).unwrap_or_default()
        }
    }

    /// Whether a message is for the key with this fingerprint, or may be.
    pub(crate) fn is(&self, recipient: &Recipient) -> bool {
        match recipient {
            Recipient::KeyId(id) => self.key_id() == id,
            Recipient::Fingerprint(fingerprint) => self.0 == *fingerprint,
            Recipient::Anonymous => true,
        }
    }
}

/// In upper case, without spaces.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which key can decrypt a session key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Recipient {
    /// The one with this key id.
    KeyId([u8; 8]),
    /// The one with this fingerprint.
    Fingerprint(Vec<u8>),
    /// Nobody is named (`gpg --throw-keyids`): any may be it.
    Anonymous,
}

/// A user id, fit to be shown.
pub(crate) fn user_id(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = |c: char| if c.is_control() { '?' } else { c };
    text.chars().take(128).map(shown).collect()
}

/// A key packet: what is public of it, and what is not.
#[derive(Clone, Copy)]
pub(crate) struct KeyPacket<'a> {
    /// Whether it is a primary key, and a subkey otherwise.
    pub(crate) is_primary: bool,
    /// 4 or 6.
    pub(crate) version: u8,
    /// The number of its algorithm.
    pub(crate) algorithm: u8,
    /// The body of its public key packet.
    pub(crate) public: &'a [u8],
    /// The numbers of the public key: of version 6 without their length.
    pub(crate) numbers: &'a [u8],
    /// What follows in a secret key packet.
    pub(crate) secret: &'a [u8],
}

impl<'a> KeyPacket<'a> {
    /// Reads the body of a key packet; `None` where it is none, of another
    /// version than 4 and 6, or broken.
    pub(crate) fn parse(packet: u8, body: &'a [u8]) -> Option<Self> {
        let (is_primary, is_secret) = match packet {
            tag::PUBLIC_KEY => (true, false),
            tag::PUBLIC_SUBKEY => (false, false),
            tag::SECRET_KEY => (true, true),
            tag::SECRET_SUBKEY => (false, true),
            _ => return None,
        };
        let version = *body.first()?;
        let algorithm = *body.get(5)?;
        let (head, length) = match version {
            4 if is_secret => (6, numbers_length(algorithm, body.get(6..)?)?),
            4 => (6, body.len() - 6),
            6 => {
                let length = body.get(6..10)?.try_into().ok()?;
                (10, usize::try_from(u32::from_be_bytes(length)).ok()?)
            }
            _ => return None,
        };
        let end = usize::checked_add(head, length)?;
        Some(KeyPacket {
            is_primary,
            version,
            algorithm,
            public: body.get(..end)?,
            numbers: body.get(head..end)?,
            secret: body.get(end..)?,
        })
    }

    /// Its fingerprint (§5.5.4).
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        // A key is far shorter than 64 KiB, or it has a wrong fingerprint.
        let length = u32::try_from(self.public.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        if self.version == 4 {
            let hash = Sha1::new().chain_update([0x99]).chain_update(&length[2..]);
            Fingerprint::new(&hash.chain_update(self.public).finalize())
        } else {
            let hash = Sha256::new().chain_update([0x9b]).chain_update(length);
            Fingerprint::new(&hash.chain_update(self.public).finalize())
        }
    }

    /// The name of its kind, where that is one that rPGP cannot do.
    pub(crate) fn unsupported(&self) -> Option<String> {
        match self.algorithm {
            1 | 2 | 25 | 26 => None,
            18 => self.unsupported_curve().map(Into::into),
            other => Some(algorithm_name(other)),
        }
    }

    /// The name of its curve, if it has one and rPGP cannot do it.
    pub(crate) fn unsupported_curve(&self) -> Option<&'static str> {
        match self.algorithm {
            18 | 19 | 22 => curve_name(oid(&mut { self.numbers }).unwrap_or_default()),
            _ => None,
        }
    }

    /// Whether its algorithm is one for encryption at all.
    pub(crate) fn may_decrypt(&self) -> bool {
        matches!(self.algorithm, 1 | 2 | 16 | 18 | 20 | 25 | 26)
    }
}

/// How long the public numbers are that stand first in these bytes.
fn numbers_length(algorithm: u8, bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mpis = match algorithm {
        1..=3 => 2,
        16 | 20 => 3,
        17 => 4,
        18 | 19 | 22 => {
            oid(&mut rest)?;
            1
        }
        _ => 0,
    };
    for _ in 0..mpis {
        mpi(&mut rest)?;
    }
    let more = match algorithm {
        18 => 1 + usize::from(*rest.first()?),
        25 | 27 => 32,
        26 => 56,
        28 => 57,
        1..=3 | 16 | 17 | 19 | 20 | 22 => 0,
        _ => return None,
    };
    let end = bytes.len() - rest.len() + more;
    (end <= bytes.len()).then_some(end)
}

/// Takes a number from the front: the count of its bits, and its bytes (§3.2).
pub(crate) fn mpi<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (bits, rest) = from.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*bits)).div_ceil(8);
    let (number, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some(number)
}

/// Takes the name of a curve from the front: its length, and its bytes (§9.2).
pub(crate) fn oid<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_first()?;
    let (oid, rest) = rest.split_at_checked((*length).into())?;
    *from = rest;
    Some(oid)
}

/// The name of a curve that rPGP cannot do; `None` of those that it can.
fn curve_name(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        // Curve25519, Ed25519, NIST P-256, P-384, P-521.
        [0x2b, 6, 1, 4, 1, 0x97, 0x55, 1, 5, 1]
        | [0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]
        | [0x2b, 0x81, 4, 0, 0x22 | 0x23] => return None,
        [0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7] => "the curve brainpoolP256r1",
        [0x2b, 0x24, 3, 3, 2, 8, 1, 1, 11] => "the curve brainpoolP384r1",
        [0x2b, 0x24, 3, 3, 2, 8, 1, 1, 13] => "the curve brainpoolP512r1",
        [0x2b, 0x81, 4, 0, 10] => "the curve secp256k1",
        [0x2b, 0x65, 0x6f] => "the curve X448 in its older form",
        _ => "a curve without a name",
    })
}

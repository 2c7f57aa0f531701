//! ASCII armor (RFC 9580 §6): what stands between `-----BEGIN PGP …-----` and
//! `-----END PGP …-----`.
//!
//! Private keys come in armor, so it is read into memory that is wiped, and a
//! file may hold any number of blocks with any text around them. The checksum
//! is not looked at: what it would show, the message's own integrity shows.

use base64::{Engine, alphabet, engine::GeneralPurpose, engine::general_purpose::NO_PAD};
use zeroize::Zeroizing;

/// Armor leaves out padding that would be needed, or not, depending on who
/// wrote it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    NO_PAD.with_decode_allow_trailing_bits(true),
);

/// What the first line of a block says it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `PGP MESSAGE`
    Message,
    /// `PGP PRIVATE KEY BLOCK`, and `PGP SECRET KEY BLOCK` of old
    PrivateKey,
    /// `PGP PUBLIC KEY BLOCK`
    PublicKey,
    /// Anything else.
    Other,
}

/// One block.
pub(crate) struct Block {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its packets; `None` where the text between is not base64, or the last
    /// line is missing.
    pub(crate) bytes: Option<Zeroizing<Vec<u8>>>,
}

/// Whether there is an armored block of any kind in some bytes.
pub(crate) fn is_armored(bytes: &[u8]) -> bool {
    bytes
        .split(|b| *b == b'\n')
        .any(|line| begins(line).is_some())
}

/// The armored blocks of some bytes.
pub(crate) fn blocks(bytes: &[u8]) -> impl Iterator<Item = Block> {
    let mut lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    std::iter::from_fn(move || {
        let kind = lines.find_map(begins)?;
        // Headers end with an empty line; where it is missing, there are none.
        let mut body = Zeroizing::new(Vec::new());
        let mut in_headers = true;
        loop {
            let Some(line) = lines.next() else {
                return Some(Block { kind, bytes: None });
            };
            if line.starts_with(b"-----") {
                let bytes = line.starts_with(b"-----END PGP ").then(|| decode(&body));
                let bytes = bytes.flatten();
                return Some(Block { kind, bytes });
            }
            if line.is_empty() || in_headers && line.contains(&b':') {
                in_headers &= !line.is_empty();
            } else if !line.starts_with(b"=") {
                in_headers = false;
                append(&mut body, line);
            }
        }
    })
}

/// Armors a message as GnuPG and sops write it: no headers, lines of 64, a
/// checksum, no line break at the end.
pub(crate) fn write_message(bytes: &[u8]) -> String {
    let mut out = String::from("-----BEGIN PGP MESSAGE-----\n\n");
    for line in bytes.chunks(48) {
        base64::prelude::BASE64_STANDARD.encode_string(line, &mut out);
        out.push('\n');
    }
    let crc = crc24(bytes).to_be_bytes();
    out.push('=');
    base64::prelude::BASE64_STANDARD.encode_string(&crc[1..], &mut out);
    out.push_str("\n-----END PGP MESSAGE-----");
    out
}

fn begins(line: &[u8]) -> Option<Kind> {
    let name = line.trim_ascii().strip_prefix(b"-----BEGIN PGP ")?;
    Some(match name.strip_suffix(b"-----")? {
        b"MESSAGE" => Kind::Message,
        b"PRIVATE KEY BLOCK" | b"SECRET KEY BLOCK" => Kind::PrivateKey,
        b"PUBLIC KEY BLOCK" => Kind::PublicKey,
        _ => Kind::Other,
    })
}

/// Appends without leaving what the buffer outgrows behind.
fn append(to: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = to.len() + bytes.len();
    if needed > to.capacity() {
        let mut grown = Zeroizing::new(Vec::with_capacity(needed.max(to.capacity() * 2).max(1024)));
        grown.extend_from_slice(to);
        *to = grown;
    }
    to.extend_from_slice(bytes);
}

fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.trim_ascii();
    let unpadded = text.iter().rposition(|b| *b != b'=').map_or(0, |i| i + 1);
    let text = text.get(..unpadded)?;
    let mut bytes = Zeroizing::new(vec![0; text.len() / 4 * 3 + 3]);
    let length = BASE64.decode_slice(text, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// RFC 9580 §6.1.1.
fn crc24(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte) << 16, |crc, _| {
            let next = crc << 1;
            if next & 0x100_0000 == 0 {
                next
            } else {
                next ^ 0x186_4cfb
            }
        })
    };
    bytes.iter().fold(0x00b7_04ce, step)
}

#[cfg(test)]
mod tests {
    use super::{Kind, blocks, is_armored, write_message};

    fn read(text: &str) -> Vec<(Kind, Option<Vec<u8>>)> {
        let found = blocks(text.as_bytes());
        found
            .map(|b| (b.kind, b.bytes.map(|b| b.to_vec())))
            .collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 2, 3, 47, 48, 49, 200] {
            let bytes: Vec<u8> = (0..length).collect();
            let armor = write_message(&bytes);
            assert_eq!(read(&armor), [(Kind::Message, Some(bytes))]);
            assert!(armor.lines().all(|line| line.len() <= 64));
        }
        assert!(write_message(b"123456789").contains("\n=Ic8C\n"), "CRC-24");
    }

    #[test]
    fn blocks_stand_among_other_text() {
        let text = "a comment\r\n-----BEGIN PGP PRIVATE KEY BLOCK-----\r\nVersion: 1\r\nComment: x\r\n\r\n\
                    AAEC\r\nAw==\r\n=abcd\r\n-----END PGP PRIVATE KEY BLOCK-----\r\n\
                    between\n  -----BEGIN PGP PUBLIC KEY BLOCK-----\n  BAU=\n  -----END PGP PUBLIC KEY BLOCK-----\n";
        assert!(is_armored(text.as_bytes()));
        assert_eq!(
            read(text),
            [
                (Kind::PrivateKey, Some(vec![0, 1, 2, 3])),
                (Kind::PublicKey, Some(vec![4, 5]))
            ]
        );
    }

    #[test]
    fn broken_blocks_do_not_hide_others() {
        let text = "-----BEGIN PGP MESSAGE-----\n\n?\n-----END PGP MESSAGE-----\n\
                    -----BEGIN PGP SIGNATURE-----\n\nAAEC\n-----END PGP SIGNATURE-----\n\
                    -----BEGIN PGP MESSAGE-----\nAAEC\n";
        assert_eq!(
            read(text),
            [
                (Kind::Message, None),
                (Kind::Other, Some(vec![0, 1, 2])),
                (Kind::Message, None)
            ]
        );
        assert!(!is_armored(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
    }
}

//! What stands inside the encryption: literal data, compressed or signed or
//! neither (RFC 9580 §10.3).

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use zeroize::Zeroizing;

use crate::{
    flaw::Flaw,
    limits,
    packet::{Packets, tag},
};

/// The literal data among some packets. Signatures are not looked at, as sops
/// and `gpg -d` do not; what a data key is good for, the file's MAC shows.
pub(super) fn read(packets: &[u8], nesting: usize) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    let mut found = None;
    for (count, packet) in Packets::new(packets).enumerate() {
        if count >= limits::PACKETS {
            return Err(Flaw::TooMany);
        }
        let packet = packet.map_err(|_| Flaw::Contents)?;
        let data = match packet.tag {
            tag::LITERAL => literal(&packet.body).ok_or(Flaw::Contents)?,
            tag::COMPRESSED => {
                let nesting = nesting.checked_sub(1).ok_or(Flaw::TooMany)?;
                read(&decompress(&packet.body)?, nesting)?
            }
            tag::ONE_PASS | tag::SIGNATURE | tag::MARKER | tag::PADDING => continue,
            _ => return Err(Flaw::Contents),
        };
        if found.replace(data).is_some() {
            return Err(Flaw::Contents);
        }
    }
    found.ok_or(Flaw::Contents)
}

/// A format, a file name, a date, and the data (§5.9).
fn literal(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let name = usize::from(*body.get(1)?);
    let data = body.get(2 + name + 4..)?;
    Some(Zeroizing::new(data.to_vec()))
}

/// The packets in a compressed packet (§5.6). bzip2 would need a library in C.
fn decompress(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    match body {
        [0, data @ ..] => Ok(Zeroizing::new(data.to_vec())),
        [1, data @ ..] => drain(DeflateDecoder::new(data)),
        [2, data @ ..] => drain(ZlibDecoder::new(data)),
        [3, ..] => Err(Flaw::unsupported("bzip2 compression")),
        [other, ..] => Err(Flaw::unsupported(format!("compression {other}"))),
        [] => Err(Flaw::Contents),
    }
}

/// All that a reader has to give, in one buffer that does not grow.
fn drain(reader: impl Read) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    let mut out = Zeroizing::new(Vec::with_capacity(limits::DECOMPRESSED + 1));
    let room = limits::DECOMPRESSED as u64 + 1;
    let read = reader.take(room).read_to_end(&mut out);
    read.map_err(|_| Flaw::Contents)?;
    if out.len() > limits::DECOMPRESSED {
        return Err(Flaw::TooMany);
    }
    Ok(out)
}

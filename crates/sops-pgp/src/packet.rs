//! Packets, split and no more (RFC 9580 §4.2).
//!
//! rPGP's own reader parses what it finds at once: every signature of a key
//! ring, every key of a file. Here a packet is a tag and a body until somebody
//! wants more.

use std::ops::Deref;

use zeroize::Zeroizing;

/// Packet types (RFC 9580 §5).
pub(crate) mod tag {
    pub(crate) const PKESK: u8 = 1;
    pub(crate) const SIGNATURE: u8 = 2;
    pub(crate) const SKESK: u8 = 3;
    pub(crate) const ONE_PASS: u8 = 4;
    pub(crate) const SECRET_KEY: u8 = 5;
    pub(crate) const PUBLIC_KEY: u8 = 6;
    pub(crate) const SECRET_SUBKEY: u8 = 7;
    pub(crate) const COMPRESSED: u8 = 8;
    pub(crate) const SED: u8 = 9;
    pub(crate) const MARKER: u8 = 10;
    pub(crate) const LITERAL: u8 = 11;
    pub(crate) const USER_ID: u8 = 13;
    pub(crate) const PUBLIC_SUBKEY: u8 = 14;
    pub(crate) const SEIPD: u8 = 18;
    pub(crate) const MDC: u8 = 19;
    pub(crate) const GNUPG_OCB: u8 = 20;
    pub(crate) const PADDING: u8 = 21;
}

/// One packet.
pub(crate) struct Packet<'a> {
    /// Its type.
    pub(crate) tag: u8,
    /// What it holds.
    pub(crate) body: Body<'a>,
}

/// The bytes of a packet. Those that had to be put together are wiped.
pub(crate) enum Body<'a> {
    /// As they stand in the input.
    Borrowed(&'a [u8]),
    /// Put together from the parts of a packet with partial lengths.
    Joined(Zeroizing<Vec<u8>>),
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Body::Borrowed(bytes) => bytes,
            Body::Joined(bytes) => bytes,
        }
    }
}

/// A packet whose header is no header, or that is cut short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken;

/// The packets of some bytes. After one that is broken, there are no more.
pub(crate) struct Packets<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Packets<'a> {
    /// Reads the packets of these bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Packets {
            rest: bytes,
            length: bytes.len(),
        }
    }

    /// How many bytes were read so far.
    pub(crate) fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Broken)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self, bytes: usize) -> Result<usize, Broken> {
        let taken = self.take(bytes)?.iter();
        Ok(taken.fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    fn packet(&mut self) -> Result<Packet<'a>, Broken> {
        let header = self.number(1)?;
        match header >> 6 {
            0b11 => {
                let body = self.current_format()?;
                let tag = u8::try_from(header & 0x3f).map_err(|_| Broken)?;
                Ok(Packet { tag, body })
            }
            0b10 => {
                let length = match header & 3 {
                    0 => self.number(1)?,
                    1 => self.number(2)?,
                    2 => self.number(4)?,
                    _ => self.rest.len(),
                };
                let body = Body::Borrowed(self.take(length)?);
                let tag = u8::try_from(header >> 2 & 0xf).map_err(|_| Broken)?;
                Ok(Packet { tag, body })
            }
            _ => Err(Broken),
        }
    }

    fn current_format(&mut self) -> Result<Body<'a>, Broken> {
        let (length, mut last) = self.length()?;
        let first = self.take(length)?;
        if last {
            return Ok(Body::Borrowed(first));
        }
        // A buffer that need not grow leaves no copies behind.
        let mut joined = Zeroizing::new(Vec::with_capacity(first.len() + self.rest.len()));
        joined.extend_from_slice(first);
        while !last {
            let length;
            (length, last) = self.length()?;
            joined.extend_from_slice(self.take(length)?);
        }
        Ok(Body::Joined(joined))
    }

    /// A length, and whether it is that of the packet's last part.
    fn length(&mut self) -> Result<(usize, bool), Broken> {
        Ok(match self.number(1)? {
            short @ 0..192 => (short, true),
            long @ 192..224 => (((long - 192) << 8) + self.number(1)? + 192, true),
            part @ 224..255 => (1 << (part & 0x1f), false),
            _ => (self.number(4)?, true),
        })
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.packet();
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

/// Appends a packet: its header in the current format, then its body.
pub(crate) fn write(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(0xc0 | tag);
    out.push(0xff);
    // No body here has 4 GiB.
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::{Broken, Packets, write};

    fn split(bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Broken> {
        let packets = Packets::new(bytes).map(|p| p.map(|p| (p.tag, p.body.to_vec())));
        packets.collect()
    }

    #[test]
    fn lengths_of_both_formats() {
        // RFC 9580 §4.2.1, §4.2.2.
        assert_eq!(split(&[0xcb, 1, 7]), Ok(vec![(11, vec![7])]));
        assert_eq!(split(&[0xac, 2, 7, 8]), Ok(vec![(11, vec![7, 8])]));
        assert_eq!(split(&[0xad, 0, 1, 7]), Ok(vec![(11, vec![7])]));
        assert_eq!(split(&[0xae, 0, 0, 0, 1, 7]), Ok(vec![(11, vec![7])]));
        assert_eq!(split(&[0xaf, 7, 8, 9]), Ok(vec![(11, vec![7, 8, 9])]));
        let mut long = vec![0xcb, 0xc5, 0xfb];
        long.extend([1; 1723]);
        assert_eq!(split(&long), Ok(vec![(11, vec![1; 1723])]));
        let parts = [0xcb, 0xe1, 1, 2, 0xe0, 3, 1, 4, 0xca, 0];
        assert_eq!(
            split(&parts),
            Ok(vec![(11, vec![1, 2, 3, 4]), (10, vec![])])
        );
    }

    #[test]
    fn broken_packets_end_the_reading() {
        for bytes in [
            &[0x3f][..],
            &[0xcb],
            &[0xcb, 2, 7],
            &[0xcb, 0xc0],
            &[0xcb, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xcb, 0xe1, 1, 2],
            &[0xae, 0xff, 0xff, 0xff, 0xff, 7],
        ] {
            let mut packets = Packets::new(bytes);
            assert!(packets.next().is_some_and(|p| p.is_err()), "{bytes:x?}");
            assert!(packets.next().is_none());
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        write(18, &[3; 300], &mut out);
        write(1, &[], &mut out);
        assert_eq!(split(&out), Ok(vec![(18, vec![3; 300]), (1, vec![])]));
    }
}

//! The `ENC[…]` text, taken apart.

use std::fmt;

pub(super) const PREFIX: &[u8] = b"ENC[AES256_GCM,data:";

/// The parts of an `ENC[…]` text, still in base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    pub(super) data: &'a [u8],
    pub(super) nonce: &'a [u8],
    pub(super) tag: &'a [u8],
    pub(super) kind: &'a [u8],
}

impl fmt::Debug for Sealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

impl<'a> Sealed<'a> {
    /// Takes an `ENC[…]` text apart; `None` where it does not match as a
    /// whole. Where a separator repeats, its last place counts, as in sops's
    /// greedy pattern; but text after the closing bracket, which sops
    /// ignores, is refused.
    ///
    /// ```
    /// use sops_core::cipher::Sealed;
    /// assert!(Sealed::parse(b"ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]").is_some());
    /// assert!(Sealed::parse(b"ENC[AES256_GCM,data:,iv:eA==,tag:eA==,type:str]").is_none());
    /// assert!(Sealed::parse(b"ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]x").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?.strip_suffix(b"]")?;
        if rest.contains(&b'\n') {
            return None;
        }
        let (rest, kind) = split_last(rest, b",type:")?;
        let (rest, tag) = split_last(rest, b",tag:")?;
        let (data, nonce) = split_last(rest, b",iv:")?;
        Some(Sealed {
            data,
            nonce,
            tag,
            kind,
        })
    }

    /// The type that it names, which nothing authenticates: `str`, `int`, ….
    pub(crate) fn kind(&self) -> &'a [u8] {
        self.kind
    }
}

/// Splits at the last place of `separator` that leaves something on both
/// sides.
fn split_last<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (&first, _) = separator.split_first()?;
    let mut end = text.len();
    loop {
        let at = last_position(text.get(..end)?, first)?;
        if at == 0 {
            return None;
        }
        match text.get(at..)?.strip_prefix(separator) {
            Some(behind) if !behind.is_empty() => return Some((text.get(..at)?, behind)),
            _ => end = at,
        }
    }
}

/// Where a byte stands last. Eight bytes are looked at as one number.
fn last_position(bytes: &[u8], wanted: u8) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let is_wanted = |b: &u8| *b == wanted;
    let (rest, blocks) = bytes.as_rchunks();
    for (number, block) in blocks.iter().enumerate().rev() {
        let word = u64::from_le_bytes(*block) ^ (ONES * u64::from(wanted));
        if word.wrapping_sub(ONES) & !word & TOPS != 0
            && let Some(found) = block.iter().rposition(is_wanted)
        {
            return Some(rest.len() + 8 * number + found);
        }
    }
    rest.iter().rposition(is_wanted)
}

//! `pubring.kbx`: public keys in GnuPG's keybox format.
//!
//! The file is a row of blobs, each with its length in front. Those of type 2
//! hold an OpenPGP key; the rest of a blob is an index that is not needed here.

use std::ops::Range;

/// Where the OpenPGP keys stand in a keybox. What is broken is left out, and
/// ends the reading where the next blob cannot be found.
pub(crate) fn keys(file: &[u8]) -> Vec<Range<usize>> {
    let mut keys = Vec::new();
    let mut at = 0;
    while let Some(length) = number(file, at) {
        let Some(blob) = file.get(at..).and_then(|rest| rest.get(..length)) else {
            break;
        };
        // The length, the type, the version, flags: eight bytes.
        if length < 16 {
            break;
        }
        if blob.get(4) == Some(&2)
            && let (Some(start), Some(size)) = (number(blob, 8), number(blob, 12))
            && let Some(end) = start.checked_add(size)
            && end <= length
        {
            keys.push(at + start..at + end);
        }
        at += length;
    }
    keys
}

/// Whether a file is a keybox: its first blob has type 1 and a magic word.
pub(crate) fn is_keybox(file: &[u8]) -> bool {
    file.get(4) == Some(&1) && file.get(8..12) == Some(b"KBXf")
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::keys;

    fn blob(kind: u8, start: u32, size: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 16).unwrap();
        let mut blob = length.to_be_bytes().to_vec();
        blob.extend([kind, 1, 0, 0]);
        blob.extend(start.to_be_bytes());
        blob.extend(size.to_be_bytes());
        blob.extend(body);
        blob
    }

    #[test]
    fn blobs() {
        let mut file = blob(1, 0, 0, b"header");
        file.extend(blob(2, 18, 3, b"..key"));
        file.extend(blob(3, 16, 3, b"x.509"));
        file.extend(blob(2, 18, 4, b"..key"));
        file.extend(blob(2, u32::MAX, u32::MAX, b"..key"));
        file.extend(blob(2, 16, 3, b"key"));
        let keys: Vec<&[u8]> = keys(&file).into_iter().map(|range| &file[range]).collect();
        assert_eq!(keys, [b"key", b"key"]);
    }

    #[test]
    fn broken_files() {
        assert!(keys(&[]).is_empty());
        assert!(keys(&[0; 64]).is_empty());
        assert!(keys(&[0xff; 64]).is_empty());
    }
}

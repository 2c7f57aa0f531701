//! Text that may be secret, of whatever bytes.

use std::{borrow::Cow, fmt};

use crate::secret;

/// Text of a file: any bytes, mostly UTF-8. May be a secret, so it is wiped
/// when dropped and its `Debug` prints the length only.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text as UTF-8 the way Go converts it: each byte that is not part
    /// of a character becomes U+FFFD.
    ///
    /// ```
    /// use sops_core::tree::Text;
    /// assert_eq!(Text::from(b"a\xff\xfe".as_slice()).to_string_lossy(), "a\u{fffd}\u{fffd}");
    /// ```
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        lossy(&self.0)
    }

    /// The bytes, no longer wiped when dropped.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// The text, no longer wiped when dropped.
    ///
    /// ```
    /// use sops_core::tree::Text;
    /// assert_eq!(Text::from("x").into_string().unwrap(), "x");
    /// assert!(Text::from(b"\xff".as_slice()).into_string().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the text back where it is not UTF-8.
    pub fn into_string(self) -> Result<String, Text> {
        String::from_utf8(self.into_bytes()).map_err(|error| error.into_bytes().into())
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Text(bytes)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(text.into_bytes())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Text(bytes.to_vec())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        secret::wipe(&mut self.0);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// Bytes as UTF-8 the way Go converts them: one U+FFFD for each byte that is
/// not part of a character (`String::from_utf8_lossy` joins some).
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    let mut rest = bytes;
    let mut out = String::new();
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) if out.is_empty() => return Cow::Borrowed(text),
            Ok(text) => {
                out.push_str(text);
                return Cow::Owned(out);
            }
            Err(e) => {
                let (good, bad) = rest.split_at(e.valid_up_to());
                out.push_str(std::str::from_utf8(good).unwrap_or_default());
                out.push('\u{FFFD}');
                rest = bad.get(1..).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lossy_replaces_every_bad_byte() {
        assert_eq!(lossy(b"a\xE2\x82b\xFF"), "a\u{FFFD}\u{FFFD}b\u{FFFD}");
        assert_eq!(lossy("é".as_bytes()), "é");
        assert_eq!(lossy(b"\xFF"), "\u{FFFD}");
    }
}

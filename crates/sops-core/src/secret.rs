//! A growing buffer that leaves no copies of secrets behind.

use std::fmt;

use zeroize::{Zeroizing, optimization_barrier};

use crate::limits;

/// Wipes a buffer, its spare room included, as `zeroize` does for a `Vec`;
/// but not byte by byte.
pub(crate) fn wipe(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    optimization_barrier(bytes.as_slice());
    bytes.clear();
}

/// More than [`limits::OUTPUT`] bytes were to be written.
pub(crate) struct Full;

/// Bytes that may be secret. Unlike a bare `Vec`, it wipes the old memory
/// when it grows; the rest is wiped when it is dropped.
#[derive(Default)]
pub(crate) struct SecretBuf {
    bytes: Zeroizing<Vec<u8>>,
    /// Whether something had no room within [`limits::OUTPUT`].
    full: bool,
}

impl SecretBuf {
    /// An empty buffer with room for this many bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        SecretBuf {
            bytes: Zeroizing::new(Vec::with_capacity(capacity.min(limits::OUTPUT))),
            full: false,
        }
    }

    /// Appends bytes, if there is room within [`limits::OUTPUT`]: whether
    /// there was, [`check_room`](Self::check_room) says.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let needed = self.bytes.len() + bytes.len();
        self.full |= needed > limits::OUTPUT;
        if self.full {
            return;
        }
        if needed > self.bytes.capacity() {
            let mut grown = Vec::with_capacity(needed.max(self.bytes.capacity() * 2).max(256));
            grown.extend_from_slice(&self.bytes);
            wipe(&mut self.bytes);
            *self.bytes = grown;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether something had no room.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// # Errors
    ///
    /// [`Full`] where something had no room.
    pub(crate) fn check_room(&self) -> Result<(), Full> {
        if self.full { Err(Full) } else { Ok(()) }
    }

    /// Appends the UTF-8 bytes of one character.
    pub(crate) fn push_char(&mut self, c: char) {
        self.push(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// The bytes so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, still wiped when dropped.
    pub(crate) fn into_zeroizing(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }

    /// The bytes, for a [`Text`](crate::tree::Text) that wipes them itself.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes)
    }
}

impl fmt::Write for SecretBuf {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push(s.as_bytes());
        if self.full { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::SecretBuf;

    #[test]
    fn grows_and_keeps_its_bytes() {
        let mut buf = SecretBuf::default();
        let mut expected = Vec::new();
        for i in 0..2000u32 {
            buf.push(i.to_string().as_bytes());
            expected.extend_from_slice(i.to_string().as_bytes());
        }
        assert_eq!(buf.as_bytes(), expected);
        buf.push_char('é');
        expected.extend_from_slice("é".as_bytes());
        assert_eq!(buf.into_vec(), expected);
    }
}

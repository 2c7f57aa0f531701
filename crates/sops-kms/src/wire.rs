//! Texts and bytes as services carry them, without copies of a secret that
//! stay behind.

use std::borrow::Cow;
#[cfg(any(feature = "aws", feature = "huawei"))]
use std::fmt::Write;

use base64::Engine;
use serde::{Deserialize, Serialize};
use sops_core::keys::{KeyError, Reason};
use zeroize::{Zeroize, Zeroizing};

/// A text of an answer or a file that may be a secret: borrowed where nothing
/// in it is escaped, and wiped where that is not so.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A copy that is wiped.
    #[cfg(any(feature = "gcp", feature = "azure", feature = "huawei"))]
    pub(crate) fn to_owned(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string())
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

/// JSON in a buffer that does not grow: it may hold a data key. What is asked
/// for takes less than 16 KiB.
pub(crate) fn to_json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut json = Zeroizing::new(Vec::with_capacity(16 << 10));
    // Structs of strings and numbers: it cannot fail.
    let _ = serde_json::to_writer(&mut *json, value);
    json
}

/// The bytes of a text in base64; `None` where it is not, or is empty.
pub(crate) fn decode(engine: &impl Engine, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; text.len()]);
    let count = engine.decode_slice(text.as_bytes(), &mut bytes).ok()?;
    bytes.truncate(count);
    (count > 0).then_some(bytes)
}

/// What a file holds in place of a wrapped key: `what` says what is wrong.
pub(crate) fn damaged(what: &'static str, name: &'static str) -> KeyError {
    KeyError::new(Reason::Damaged, what)
        .named(name)
        .advise("restore enc of the file's `sops` block from version control")
}

/// Bytes in hexadecimal, in lower case: of hashes and signatures.
#[cfg(any(feature = "aws", feature = "huawei"))]
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

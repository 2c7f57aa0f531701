//! What is wrapped: a whole data key, or what a key service sees of one.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The key that encrypts the values of one file: 32 bytes as sops makes it;
/// 16 and 24 are accepted on reading (sops-format §4). Wiped when dropped.
#[derive(Clone)]
pub struct DataKey(pub(crate) Zeroizing<Vec<u8>>);

impl DataKey {
    /// A key that was kept or opened elsewhere: 16, 24 or 32 bytes; `None` for
    /// any other number.
    ///
    /// ```
    /// use sops_core::keys::DataKey;
    /// assert!(DataKey::from_bytes(&[0; 32]).is_some());
    /// assert!(DataKey::from_bytes(&[0; 33]).is_none());
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 16 | 24 | 32).then(|| DataKey(Zeroizing::new(bytes.to_vec())))
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for DataKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for DataKey {}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// What a key service opens and wraps: a data key, or a share of one. Wiped
/// when dropped; never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// A buffer that grew has left copies behind: give one that did not.
impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Secret(Zeroizing::new(bytes))
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Secret(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

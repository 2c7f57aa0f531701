//! What a recipient names (sops-master-keys §7).

use crate::{
    key::Fingerprint,
    ring::{Ring, RingKey},
    sexp::hex,
};

/// What a recipient names: a key by its fingerprint or its long key id.
pub(crate) struct Wanted {
    digits: Vec<u8>,
    /// Whether it names the very key to encrypt for (`!` at the end), and
    /// otherwise any key that belongs together with it.
    exact: bool,
}

impl Wanted {
    /// Reads 40, 64 or 16 digits in either case, with `0x` in front, spaces
    /// among them and `!` behind, or not; `None` for what names no key to
    /// sops: short key ids, user ids.
    pub(crate) fn parse(recipient: &str) -> Option<Self> {
        let text: String = recipient.split_whitespace().collect();
        let (text, exact) = match text.strip_suffix('!') {
            Some(text) => (text, true),
            None => (text.as_str(), false),
        };
        let text = text.strip_prefix("0x").unwrap_or(text);
        let digits = hex(text.as_bytes())?.to_vec();
        matches!(digits.len(), 8 | 20 | 32).then_some(Wanted { digits, exact })
    }

    /// Whether a fingerprint is what it names.
    pub(crate) fn names(&self, fingerprint: &Fingerprint) -> bool {
        match self.digits.len() {
            8 => fingerprint.key_id() == self.digits,
            _ => fingerprint.as_bytes() == self.digits,
        }
    }

    /// Whether it names the very key to encrypt for.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether a key that belongs together with what it names may be taken:
    /// any, or with `!` only the very one.
    pub(crate) fn allows(&self, fingerprint: &Fingerprint) -> bool {
        !self.exact || self.names(fingerprint)
    }

    /// The keys of a ring that have a member of that name.
    pub(crate) fn find<'r>(&'r self, ring: &'r Ring) -> impl Iterator<Item = &'r RingKey> {
        ring.keys()
            .iter()
            .filter(|key| key.members.iter().any(|m| self.names(&m.fingerprint)))
    }
}

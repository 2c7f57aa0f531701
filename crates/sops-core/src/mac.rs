//! The message authentication code: what is hashed, and how it is compared
//! (sops-format §6).

use go_yaml::number;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::tree::Value;

/// What files with `mac_only_encrypted` hash first, so that their MAC never
/// equals that of a file without: the SHA-256 of `sops`.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// A MAC being computed over a file's values in order.
pub(crate) struct Mac {
    hash: Sha512,
    only_encrypted: bool,
}

impl Mac {
    /// A MAC over nothing yet.
    pub(crate) fn new(only_encrypted: bool) -> Self {
        let mut hash = Sha512::new();
        if only_encrypted {
            hash.update(ONLY_ENCRYPTED);
        }
        Mac {
            hash,
            only_encrypted,
        }
    }

    /// Whether values in clear do not count.
    pub(crate) fn only_encrypted(&self) -> bool {
        self.only_encrypted
    }

    /// Adds a decrypted value; `selected` says whether the file's rule
    /// encrypts it. Neither keys nor structure are hashed.
    pub(crate) fn add(&mut self, value: &Value, selected: bool) {
        if selected || !self.only_encrypted {
            with_plaintext(value, |bytes| self.hash.update(bytes));
        }
    }

    /// The MAC: 128 upper-case hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.hash
            .finalize()
            .iter()
            .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]])
            .map(char::from)
            .collect()
    }
}

/// Whether two MACs are the same, in a time that does not tell where they
/// differ.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The bytes that stand for a value when it is encrypted or hashed. Null,
/// mappings and lists have none.
pub(crate) fn with_plaintext<T>(value: &Value, f: impl FnOnce(&[u8]) -> T) -> T {
    match value {
        Value::String(text) => f(text.as_bytes()),
        Value::Bool(true) => f(b"True"),
        Value::Bool(false) => f(b"False"),
        Value::Int(int) => f(Zeroizing::new(int.to_string()).as_bytes()),
        Value::Float(float) => f(Zeroizing::new(number::positional(*float).to_string()).as_bytes()),
        Value::Time(time) => f(Zeroizing::new(time.to_rfc3339_nano()).as_bytes()),
        Value::Null | Value::Mapping(_) | Value::List(_) => f(b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let mut mac = Mac::new(false);
        mac.add(&Value::Int(1), true);
        mac.add(&Value::from("x"), true);
        mac.add(&Value::from("plain"), false);
        mac.add(&Value::from(""), true);
        let mac = mac.finish();
        assert!(mac.starts_with("0EBCAF0F61A39227"));
        assert_eq!(mac.len(), 128);
        assert!(Mac::new(false).finish().starts_with("CF83E135"));
        assert!(!equal(mac.as_bytes(), b""));
        assert!(equal(mac.as_bytes(), mac.clone().as_bytes()));
    }

    /// FIPS 180-2, appendix C.1 and C.2: SHA-512 of a message of one block and
    /// of one of two, here spread over several values, between which nothing
    /// is hashed.
    #[test]
    fn the_examples_of_fips_180() {
        let of = |parts: &[&str]| {
            let mut mac = Mac::new(false);
            for part in parts {
                mac.add(&Value::from(*part), true);
                mac.add(&Value::Null, true);
            }
            mac.finish()
        };
        assert_eq!(
            of(&["abc"]),
            "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A\
             2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F"
        );
        assert_eq!(
            of(&[
                "abcdefghbcdefghicdefghijdefghijkefghijkl",
                "",
                "fghijklmghijklmnhijklmnoijklmnop",
                "jklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            ]),
            "8E959B75DAE313DA8CF4F72814FC143F8F7779C6EB9F7FA17299AEADB6889018\
             501D289E4900F7E4331B99DEC4B5433AC7D329EEB6DD26545E96E55B874BE909"
        );
    }

    #[test]
    fn only_encrypted_values_count_where_the_file_says_so() {
        let mut a = Mac::new(true);
        a.add(&Value::from("clear"), false);
        a.add(&Value::Bool(true), true);
        let mut b = Mac::new(true);
        b.add(&Value::from("True"), true);
        let b = b.finish();
        assert_eq!(a.finish(), b);
        let mut c = Mac::new(false);
        c.add(&Value::Bool(true), true);
        assert_ne!(c.finish(), b);
    }
}

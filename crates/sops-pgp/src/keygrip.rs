//! Keygrips: the names that gpg-agent gives to keys. They are hashes of the
//! public numbers alone, without what makes an OpenPGP key of them.

use std::fmt;

use sha1::{Digest, Sha1};

use crate::{
    key::{KeyPacket, mpi, oid},
    sexp::hex,
};

/// A keygrip. Shown as GnuPG shows it, and names files: 40 digits in upper
/// case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Keygrip([u8; 20]);

impl Keygrip {
    /// The keygrip of a key; `None` of one whose kind GnuPG or this crate does
    /// not know.
    pub(crate) fn of(key: &KeyPacket<'_>) -> Option<Self> {
        let mut numbers = key.numbers;
        let hash = match key.algorithm {
            1..=3 => {
                let modulus = mpi(&mut numbers)?;
                // As a number with a sign, so that it is not negative.
                let sign: &[u8] = if *modulus.first()? & 0x80 == 0 {
                    &[]
                } else {
                    &[0]
                };
                Sha1::new().chain_update(sign).chain_update(modulus)
            }
            18 => {
                let curve = Curve::of(oid(&mut numbers)?)?;
                let point = mpi(&mut numbers)?;
                // Points that are an x alone have a 0x40 in front.
                let point = point.strip_prefix(&[0x40]).unwrap_or(point);
                let [p, a, b, g, n] = curve.parameters;
                let mut hash = Sha1::new();
                for (name, digits) in [("p", p), ("a", a), ("b", b), ("g", g), ("n", n)] {
                    add(&mut hash, name, &hex(digits.as_bytes())?);
                }
                add(&mut hash, "q", point);
                hash
            }
            _ => return None,
        };
        Some(Keygrip(hash.finalize().into()))
    }

    /// A keygrip from its 40 digits.
    pub(crate) fn parse(digits: &str) -> Option<Self> {
        let bytes = hex(digits.as_bytes())?;
        bytes.as_slice().try_into().ok().map(Keygrip)
    }
}

impl fmt::Display for Keygrip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

fn add(hash: &mut Sha1, name: &str, value: &[u8]) {
    hash.update(format!("(1:{name}{}:", value.len()));
    hash.update(value);
    hash.update(")");
}

/// A curve: of the form y² = x³ + ax + b over the numbers modulo p, with a
/// base point g of order n.
struct Curve {
    oid: &'static [u8],
    /// p, a, b, g, n.
    parameters: [&'static str; 5],
}

impl Curve {
    fn of(oid: &[u8]) -> Option<&'static Self> {
        CURVES.iter().find(|curve| curve.oid == oid)
    }
}

/// The curves for encryption that work: Curve25519 (RFC 7748 §4.1) with the
/// numbers that libgcrypt has for it, NIST P-256, P-384 and P-521 (FIPS 186-4
/// D.1.2).
const CURVES: [Curve; 4] = [
    Curve {
        oid: &[0x2b, 6, 1, 4, 1, 0x97, 0x55, 1, 5, 1],
        parameters: [
            "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
            "01db41",
            "01",
            "040000000000000000000000000000000000000000000000000000000000000009\
             20ae19a1b8a086b4e01edd2c7748d14c923d4d7e6d7c61b229e9c5a27eced3d9",
            "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed",
        ],
    },
    Curve {
        oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        parameters: [
            "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
            "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
            "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
            "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
             4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ],
    },
    Curve {
        oid: &[0x2b, 0x81, 4, 0, 0x22],
        parameters: [
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe\
             ffffffff0000000000000000ffffffff",
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe\
             ffffffff0000000000000000fffffffc",
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a\
             c656398d8a2ed19d2a85c8edd3ec2aef",
            "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38\
             5502f25dbf55296c3a545e3872760ab73617de4a96262c6f5d9e98bf9292dc29\
             f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
             581a0db248b0a77aecec196accc52973",
        ],
    },
    Curve {
        oid: &[0x2b, 0x81, 4, 0, 0x23],
        parameters: [
            "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc",
            "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109\
             e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
            "0400c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d\
             3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66\
             011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c\
             97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
            "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::{CURVES, Curve};
    use crate::sexp::hex;

    #[test]
    fn parameters_are_as_long_as_they_should_be() {
        for (Curve { parameters, .. }, size) in CURVES.iter().zip([32, 32, 48, 66]) {
            let bytes = parameters.map(|digits| hex(digits.as_bytes()).map_or(0, |b| b.len()));
            let [p, _, _, g, n] = bytes;
            assert_eq!((p, g, n), (size, 2 * size + 1, size));
        }
    }
}

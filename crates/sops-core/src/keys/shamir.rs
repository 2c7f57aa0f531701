//! Shamir's secret sharing as sops uses it (sops-format §5): each byte of the
//! data key by itself, over GF(2⁸) modulo x⁸+x⁴+x³+x+1.
//!
//! A share is one byte longer than the secret: its last byte is the x at
//! which the polynomials were evaluated. The arithmetic uses no tables and no
//! branches that a secret chooses.

use zeroize::Zeroizing;

/// A secret, or a share of one.
type Secret = Zeroizing<Vec<u8>>;

/// Why shares cannot be combined, or a secret cannot be split.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShamirError {
    /// Fewer than two shares.
    #[error("fewer than two shares")]
    TooFew,
    /// Shares of different lengths, or too short for one byte of the secret.
    #[error("the shares differ in length, or are too short")]
    Length,
    /// Two shares for the same x, or one for x = 0, which would be the secret.
    #[error("two shares have the same number, or one has the number 0")]
    Number,
    /// A threshold below 2 or above the number of shares, or more than 255
    /// shares.
    #[error("the threshold must be at least 2, at most the number of shares, which is at most 255")]
    Threshold,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Random,
}

/// Splits a secret into `count` shares, any `threshold` of which give it back.
///
/// ```
/// use sops_core::keys::shamir;
///
/// let shares = shamir::split(b"a secret", 2, 3)?;
/// assert_eq!(*shamir::combine(&shares[1..])?, b"a secret");
/// # Ok::<(), shamir::ShamirError>(())
/// ```
///
/// # Errors
///
/// [`ShamirError::Threshold`] unless 2 ≤ `threshold` ≤ `count` ≤ 255, and
/// [`ShamirError::Random`].
pub fn split(
    secret: &[u8],
    threshold: usize,
    count: usize,
) -> std::result::Result<Vec<Secret>, ShamirError> {
    let last = u8::try_from(count).map_err(|_| ShamirError::Threshold)?;
    if threshold < 2 || threshold > count {
        return Err(ShamirError::Threshold);
    }
    // The coefficients of each byte's polynomial but the constant one, which
    // is the byte itself.
    let degree = threshold - 1;
    let mut coefficients = Zeroizing::new(vec![0; degree * secret.len()]);
    getrandom::getrandom(&mut coefficients).map_err(|_| ShamirError::Random)?;
    Ok((1..=last)
        .map(|x| {
            let mut share = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
            for (byte, polynomial) in secret.iter().zip(coefficients.chunks(degree)) {
                let y = polynomial.iter().fold(0, |y, c| multiply(y ^ c, x));
                share.push(y ^ byte);
            }
            share.push(x);
            share
        })
        .collect())
}

/// Gives back the secret: what the polynomials through all the shares are at
/// x = 0. Shares too few for the threshold give another value, not an error.
///
/// ```
/// use sops_core::keys::shamir::{ShamirError, combine, split};
///
/// let shares = split(b"a secret", 2, 2)?;
/// assert_eq!(*combine(&shares)?, b"a secret");
/// assert_eq!(combine(&shares[..1]).unwrap_err(), ShamirError::TooFew);
/// # Ok::<(), ShamirError>(())
/// ```
///
/// # Errors
///
/// [`ShamirError::TooFew`], [`ShamirError::Length`], [`ShamirError::Number`].
pub fn combine(shares: &[impl AsRef<[u8]>]) -> std::result::Result<Secret, ShamirError> {
    let mut points = Vec::with_capacity(shares.len());
    for share in shares {
        points.push(share.as_ref().split_last().ok_or(ShamirError::Length)?);
    }
    let length = match points.as_slice() {
        [(_, first), _, ..] => first.len(),
        _ => return Err(ShamirError::TooFew),
    };
    if length == 0 || points.iter().any(|(_, ys)| ys.len() != length) {
        return Err(ShamirError::Length);
    }
    let mut secret = Zeroizing::new(vec![0; length]);
    for (i, &(&x, ys)) in points.iter().enumerate() {
        let others = || points.iter().enumerate().filter(move |(j, _)| *j != i);
        if x == 0 || others().any(|(_, (other, _))| **other == x) {
            return Err(ShamirError::Number);
        }
        // Lagrange's basis polynomial of this share at x = 0.
        let basis = others().fold(1, |basis, (_, &(&other, _))| {
            multiply(basis, multiply(other, inverse(other ^ x)))
        });
        for (byte, y) in secret.iter_mut().zip(ys) {
            *byte ^= multiply(basis, *y);
        }
    }
    Ok(secret)
}

/// The product in the field, in the same steps whatever the factors.
fn multiply(a: u8, b: u8) -> u8 {
    let mut product = 0;
    let mut power = a;
    for bit in 0..8 {
        product ^= power & 0u8.wrapping_sub((b >> bit) & 1);
        power = (power << 1) ^ (0x1b & 0u8.wrapping_sub(power >> 7));
    }
    product
}

/// a⁻¹ = a²⁵⁴; 0 for 0.
fn inverse(a: u8) -> u8 {
    // 254 = 2 + 4 + … + 128.
    let mut power = a;
    (0..7).fold(1, |product, _| {
        power = multiply(power, power);
        multiply(product, power)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn field() {
        // FIPS 197 §4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        for a in 1..=255 {
            assert_eq!(multiply(a, inverse(a)), 1);
        }
    }

    #[test]
    fn worked_example() {
        // sops-format §5: secret 0x2a, coefficient 3.
        assert_eq!(*combine(&[[0x29, 1], [0x2c, 2]]).unwrap(), [0x2a]);
    }

    #[test]
    fn refusals() {
        assert_eq!(combine(&[[1, 1]]), Err(ShamirError::TooFew));
        assert_eq!(combine(&[[1, 1], [2, 1]]), Err(ShamirError::Number));
        assert_eq!(combine(&[[1, 1], [2, 0]]), Err(ShamirError::Number));
        assert_eq!(
            combine(&[&[1, 1][..], &[2, 3, 4]]),
            Err(ShamirError::Length)
        );
        assert_eq!(combine(&[&[][..], &[]]), Err(ShamirError::Length));
        assert_eq!(combine(&[[1], [2]]), Err(ShamirError::Length));
        for (threshold, count) in [(1, 3), (0, 0), (4, 3), (2, 256)] {
            assert_eq!(split(b"s", threshold, count), Err(ShamirError::Threshold));
        }
    }

    proptest! {
        #[test]
        fn any_quorum_gives_the_secret_back(
            secret in prop::collection::vec(any::<u8>(), 1..40),
            (threshold, shares) in (2usize..6).prop_flat_map(|t| {
                (Just(t), prop::sample::subsequence((0..8).collect::<Vec<usize>>(), t..=8))
            }),
        ) {
            let all = split(&secret, threshold, 8).unwrap();
            let some: Vec<_> = shares.iter().map(|i| &all[*i][..]).collect();
            prop_assert_eq!(&*combine(&some).unwrap(), &secret);
        }

        #[test]
        fn one_share_fewer_gives_something_else(secret in any::<[u8; 32]>()) {
            let all = split(&secret, 3, 3).unwrap();
            prop_assert_ne!(&**combine(&all[1..]).unwrap(), &secret);
        }
    }
}

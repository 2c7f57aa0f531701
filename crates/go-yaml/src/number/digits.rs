//! The digits of a number, and the two ways to lay them out.

use std::fmt::{self, Write as _};

/// The shortest decimal digits that read back to a number.
pub(super) struct Digits {
    negative: bool,
    /// ASCII digits, at most 17.
    digits: StackText<20>,
    /// The power of ten of the first digit.
    pub(super) exponent: i32,
}

impl Digits {
    pub(super) fn shortest(value: f64) -> Self {
        // Not `{:e}`: of two shortest texts that are equally near, Go and ryu
        // take the even one, Rust's own formatting the larger.
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value.abs());
        let (mantissa, power) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let power: i32 = power.parse().unwrap_or(0);
        let mut digits = StackText::default();
        let exponent;
        if whole == "0" {
            let significant = fraction.trim_start_matches('0');
            exponent = if significant.is_empty() {
                0
            } else {
                significant.len() as i32 - fraction.len() as i32 - 1 + power
            };
            // Never fails: at most 17 digits.
            let _ = digits.write_str(if significant.is_empty() {
                "0"
            } else {
                significant
            });
        } else {
            exponent = whole.len() as i32 - 1 + power;
            let fraction = fraction.trim_end_matches('0');
            let whole = if fraction.is_empty() {
                whole.trim_end_matches('0')
            } else {
                whole
            };
            let _ = digits
                .write_str(whole)
                .and_then(|()| digits.write_str(fraction));
        }
        Digits {
            negative: value.is_sign_negative(),
            digits,
            exponent,
        }
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    pub(super) fn positional(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits.as_str();
        f.write_str(self.sign())?;
        if self.exponent < 0 {
            let zeros = self.exponent.unsigned_abs() as usize - 1;
            return write!(f, "0.{:0>zeros$}{digits}", "");
        }
        let whole = self.exponent.unsigned_abs() as usize + 1;
        match digits.split_at_checked(whole) {
            Some((whole, "")) => f.write_str(whole),
            Some((whole, fraction)) => write!(f, "{whole}.{fraction}"),
            None => write!(f, "{digits:0<whole$}"),
        }
    }

    /// `1.5e+06`: at least two digits of exponent, and its sign.
    pub(super) fn scientific(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, rest) = self.digits.as_str().split_at_checked(1).unwrap_or_default();
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if self.exponent < 0 { '-' } else { '+' };
        let exponent = self.exponent.unsigned_abs();
        write!(f, "{}{first}{point}{rest}e{sign}{exponent:02}", self.sign())
    }
}

/// A short ASCII text on the stack.
struct StackText<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for StackText<N> {
    fn default() -> Self {
        StackText {
            bytes: [0; N],
            len: 0,
        }
    }
}

impl<const N: usize> StackText<N> {
    fn as_str(&self) -> &str {
        self.bytes
            .get(..self.len)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for StackText<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

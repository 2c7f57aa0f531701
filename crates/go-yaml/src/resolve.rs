//! Scalar text to typed value.

mod tagged;

use zeroize::Zeroizing;

pub use tagged::{WrongTag, resolve_tagged};

use crate::Timestamp;
use crate::number;

/// What a plain scalar means to go-yaml v3 (sops-format §7.1).
#[derive(Clone, Copy, PartialEq)]
pub enum Resolved {
    /// Null: empty, `~`, `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// An integer beyond `i64` that fits `u64`.
    Uint(u64),
    /// A number with fraction or exponent, NaN, infinities, or an integer
    /// beyond `u64`.
    Float(f64),
    /// A date, or date and time.
    Timestamp(Timestamp),
    /// `<<`
    Merge,
    /// Text.
    Str,
}

/// What a plain scalar without a tag means to go-yaml v3.
///
/// ```
/// use go_yaml::resolve::{Resolved, resolve};
/// assert!(resolve("012") == Resolved::Int(10));
/// assert!(resolve("08") == Resolved::Float(8.0));
/// assert!(resolve("yes") == Resolved::Str);
/// assert!(resolve("2001-02-30") == Resolved::Str);
/// ```
pub fn resolve(text: &str) -> Resolved {
    let Some(first) = text.as_bytes().first() else {
        return Resolved::Null;
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' => resolve_number(text),
        b't' | b'T' | b'f' | b'F' | b'n' | b'N' | b'~' => match text {
            "true" | "True" | "TRUE" => Resolved::Bool(true),
            "false" | "False" | "FALSE" => Resolved::Bool(false),
            "~" | "null" | "Null" | "NULL" => Resolved::Null,
            _ => Resolved::Str,
        },
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Resolved::Float(f64::INFINITY),
            _ => number::parse_float(text).map_or(Resolved::Str, Resolved::Float),
        },
        b'<' if text == "<<" => Resolved::Merge,
        _ => Resolved::Str,
    }
}

/// What a plain scalar without a tag means to go-yaml v2, which reads
/// Kubernetes manifests (sigs.k8s.io/yaml): the words of YAML 1.1 are
/// booleans, and moments stay text.
///
/// ```
/// use go_yaml::resolve::{Resolved, resolve, resolve_v2};
/// assert!(matches!(resolve("yes"), Resolved::Str));
/// assert!(matches!(resolve_v2("yes"), Resolved::Bool(true)));
/// assert!(matches!(resolve_v2("2001-12-14"), Resolved::Str));
/// ```
#[must_use]
pub fn resolve_v2(text: &str) -> Resolved {
    if let Some(word) = yaml11_boolean(text) {
        return Resolved::Bool(word);
    }
    match resolve(text) {
        Resolved::Timestamp(_) => Resolved::Str,
        resolved => resolved,
    }
}

/// The boolean that a word is in YAML 1.1 and not in YAML 1.2: `y`, `Yes`,
/// `ON`, `n`, `No`, `OFF` and the like.
#[must_use]
pub fn yaml11_boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Whether a text is a base-60 number of YAML 1.1 (`1:30`, `12:30:45.6`).
/// go-yaml reads them as text but quotes them when it writes.
///
/// ```
/// use go_yaml::resolve::is_base60;
/// assert!(is_base60("12:30:45.6") && !is_base60("12:60"));
/// ```
#[must_use]
pub fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let mut sixtieths = 0;
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && parts.all(|part| {
            sixtieths += 1;
            matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
        })
        && sixtieths > 0
}

/// Whether go-yaml quotes a text to keep it a string: it would resolve to
/// something else, here or in YAML 1.1.
pub(crate) fn needs_quotes(text: &str) -> bool {
    let Some(first) = text.as_bytes().first() else {
        return true;
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' => resolve(text) != Resolved::Str || is_base60(text),
        b'.' | b'~' | b't' | b'T' | b'f' | b'F' => resolve(text) != Resolved::Str,
        b'n' | b'N' | b'y' | b'Y' | b'o' | b'O' => {
            yaml11_boolean(text).is_some() || resolve(text) != Resolved::Str
        }
        _ => false,
    }
}

/// A text that starts with a digit or a sign.
fn resolve_number(text: &str) -> Resolved {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if let Some(time) = Timestamp::parse_yaml(text) {
        return Resolved::Timestamp(time);
    }
    integer(text)
        .or_else(|| float(text))
        .or_else(|| integer_signed_after_prefix(text))
        .unwrap_or(Resolved::Str)
}

/// The text without underscores, which go-yaml drops wherever they stand.
fn significant(text: &str) -> impl Iterator<Item = u8> + Clone + '_ {
    text.bytes().filter(|byte| *byte != b'_')
}

/// An integer as Go's `ParseInt(text, 0, 64)` or `ParseUint` reads it.
fn integer(text: &str) -> Option<Resolved> {
    let mut rest = significant(text).peekable();
    let sign = rest.next_if(|byte| matches!(byte, b'+' | b'-'));
    let mut radix = 10;
    if rest.next_if_eq(&b'0').is_some() {
        radix = match rest.peek() {
            None => return Some(Resolved::Int(0)),
            Some(b'x' | b'X') => 16,
            Some(b'o' | b'O') => 8,
            Some(b'b' | b'B') => 2,
            // A leading zero alone means octal too.
            Some(_) => 0,
        };
        match radix {
            0 => radix = 8,
            _ => drop(rest.next()),
        }
    }
    let magnitude = magnitude(rest, radix)?;
    match sign {
        Some(b'-') => negative(magnitude),
        Some(_) => i64::try_from(magnitude).ok().map(Resolved::Int),
        None => Some(i64::try_from(magnitude).map_or(Resolved::Uint(magnitude), Resolved::Int)),
    }
}

/// One more oddity of go-yaml: a sign between prefix and digits, `0b-1`.
fn integer_signed_after_prefix(text: &str) -> Option<Resolved> {
    let mut rest = significant(text);
    let radix = match (rest.next()?, rest.next()?) {
        (b'0', b'b') => 2,
        (b'0', b'o') => 8,
        _ => return None,
    };
    match rest.next()? {
        b'-' => negative(magnitude(rest, radix)?),
        b'+' => i64::try_from(magnitude(rest, radix)?)
            .ok()
            .map(Resolved::Int),
        _ => None,
    }
}

fn negative(magnitude: u64) -> Option<Resolved> {
    0_i64.checked_sub_unsigned(magnitude).map(Resolved::Int)
}

/// One digit or more; `None` where it does not fit.
fn magnitude(digits: impl Iterator<Item = u8>, radix: u32) -> Option<u64> {
    let mut magnitude = None;
    for byte in digits {
        let digit = char::from(byte).to_digit(radix)?;
        magnitude = Some(
            magnitude
                .unwrap_or(0_u64)
                .checked_mul(u64::from(radix))?
                .checked_add(u64::from(digit))?,
        );
    }
    magnitude
}

/// A decimal number with fraction or exponent, or too long for an integer.
fn float(text: &str) -> Option<Resolved> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // An underscore in front of the sign is dropped as well, but a text that
    // starts with one never gets here.
    if !number::is_decimal_float(significant(unsigned)) {
        return None;
    }
    let value: f64 = if text.contains('_') {
        Zeroizing::new(text.replace('_', "")).parse().ok()?
    } else {
        text.parse().ok()?
    };
    value.is_finite().then_some(Resolved::Float(value))
}

#[cfg(test)]
mod tests;

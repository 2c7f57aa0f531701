//! Text to number.

use zeroize::Zeroizing;

/// Why [`parse_float`] refused a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseFloatError {
    /// It is not a number.
    #[error("not a number")]
    Syntax,
    /// Its magnitude is beyond the largest `f64`.
    #[error("number out of range")]
    Range,
}

/// A number as Go's `strconv.ParseFloat(text, 64)` reads it: decimal, or hex
/// with a `p` exponent (`0x1.8p1`), `inf`, `infinity` and `nan` in any case,
/// and underscores between digits.
///
/// ```
/// use go_yaml::number::parse_float;
/// assert_eq!(parse_float("0x1.8p1"), Ok(3.0));
/// assert_eq!(parse_float("+Infinity"), Ok(f64::INFINITY));
/// assert_eq!(parse_float("1_000.5"), Ok(1000.5));
/// assert!(parse_float("1__0").is_err());
/// ```
///
/// # Errors
///
/// [`ParseFloatError`] where Go's refuses it.
pub fn parse_float(text: &str) -> Result<f64, ParseFloatError> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let signed = |v: f64| if negative { -v } else { v };
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Ok(signed(f64::INFINITY));
    }
    if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    let hex = matches!(unsigned.as_bytes(), [b'0', b'x' | b'X', rest @ ..] if !rest.is_empty());
    let stripped;
    let digits = if unsigned.contains('_') {
        if !underscores_separate_digits(unsigned, hex) {
            return Err(ParseFloatError::Syntax);
        }
        stripped = Zeroizing::new(unsigned.replace('_', ""));
        stripped.as_str()
    } else {
        unsigned
    };
    let value = if hex {
        parse_hex(digits.get(2..).unwrap_or_default())?
    } else {
        if !is_decimal_float(digits.bytes()) {
            return Err(ParseFloatError::Syntax);
        }
        digits.parse().map_err(|_| ParseFloatError::Syntax)?
    };
    if value.is_infinite() {
        return Err(ParseFloatError::Range);
    }
    Ok(signed(value))
}

/// Whether every underscore stands between two digits, or between the `0x`
/// prefix and a digit.
fn underscores_separate_digits(text: &str, hex: bool) -> bool {
    let is_digit = |b: &u8| b.is_ascii_digit() || (hex && b.is_ascii_hexdigit());
    let (mut previous_is_digit, body) = if hex { (true, 2) } else { (false, 0) };
    let bytes = text.as_bytes().get(body..).unwrap_or_default();
    for (i, byte) in bytes.iter().enumerate() {
        if *byte == b'_' && !(previous_is_digit && bytes.get(i + 1).is_some_and(is_digit)) {
            return false;
        }
        previous_is_digit = is_digit(byte);
    }
    true
}

/// Whether the text is `digits[.digits]` or `.digits`, with an optional
/// decimal exponent, and no sign in front.
pub(crate) fn is_decimal_float(bytes: impl Iterator<Item = u8>) -> bool {
    let mut bytes = bytes.peekable();
    let run = |bytes: &mut std::iter::Peekable<_>| {
        let mut count = 0;
        while bytes.next_if(|b: &u8| b.is_ascii_digit()).is_some() {
            count += 1;
        }
        count
    };
    let mut digits = run(&mut bytes);
    if bytes.next_if_eq(&b'.').is_some() {
        digits += run(&mut bytes);
    }
    if digits == 0 {
        return false;
    }
    if bytes.next_if(|b| matches!(b, b'e' | b'E')).is_some() {
        bytes.next_if(|b| matches!(b, b'+' | b'-'));
        if run(&mut bytes) == 0 {
            return false;
        }
    }
    bytes.next().is_none()
}

/// What follows `0x`: hex digits with an optional point, then `p` and a
/// decimal exponent. Infinite where it is out of range.
fn parse_hex(text: &str) -> Result<f64, ParseFloatError> {
    let (mantissa_text, exponent_text) =
        text.split_once(['p', 'P']).ok_or(ParseFloatError::Syntax)?;
    let mut mantissa = 0_u64;
    let mut inexact = false;
    let mut exponent = 0_i64;
    let mut seen_point = false;
    let mut seen_digit = false;
    for c in mantissa_text.chars() {
        if c == '.' && !seen_point {
            seen_point = true;
            continue;
        }
        let digit = u64::from(c.to_digit(16).ok_or(ParseFloatError::Syntax)?);
        seen_digit = true;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            exponent -= if seen_point { 4 } else { 0 };
        } else {
            inexact |= digit != 0;
            exponent += if seen_point { 0 } else { 4 };
        }
    }
    let (sign, digits) = match exponent_text.as_bytes() {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    if !seen_digit || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ParseFloatError::Syntax);
    }
    // Go stops counting at five digits: beyond them all is zero or infinite.
    let power = digits.iter().fold(0_i64, |power, digit| {
        if power < 10_000 {
            power * 10 + i64::from(digit - b'0')
        } else {
            power
        }
    });
    Ok(round_to_f64(mantissa, exponent + sign * power, inexact))
}

/// `mantissa × 2^exponent` rounded to the nearest number, ties to even;
/// `inexact` says that the mantissa was cut.
fn round_to_f64(mantissa: u64, exponent: i64, inexact: bool) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let shift = mantissa.leading_zeros();
    let mantissa = mantissa << shift;
    // The power of two of the leading bit.
    let leading = exponent - i64::from(shift) + 63;
    if leading > 1023 {
        return f64::INFINITY;
    }
    // How many of the 64 bits have no room: 11, or more if subnormal.
    let dropped = 11 + (-1022 - leading).max(0);
    if dropped > 64 {
        return 0.0;
    }
    let wide = u128::from(mantissa);
    let kept = (wide >> dropped) as u64;
    let rest = wide & ((1 << dropped) - 1);
    let half = 1_u128 << (dropped - 1);
    let up = rest > half || (rest == half && (inexact || kept & 1 == 1));
    // The carry of rounding up runs into the exponent bits, as it should.
    let base = if leading < -1022 {
        0
    } else {
        (leading + 1022).unsigned_abs() << 52
    };
    f64::from_bits(base + kept + u64::from(up))
}

//! Floating-point text as Go reads and writes it.
//!
//! Shortest digits are the same in Rust and Go; what differs is when an
//! exponent is written and how it looks.
//!
//! ```
//! use go_yaml::number;
//! assert_eq!(number::yaml(123456789.0).to_string(), "1.23456789e+08");
//! assert_eq!(number::positional(1e21).to_string(), "1000000000000000000000");
//! assert_eq!(number::json(1e-7).unwrap().to_string(), "1e-7");
//! assert_eq!(number::dotenv(1.0).to_string(), "1.0");
//! ```

use std::fmt::{self, Write as _};

use zeroize::Zeroizing;

/// A number to be written by one of Go's rules. Its `Display` is the text.
#[derive(Clone, Copy)]
pub struct FloatText {
    value: f64,
    rule: Rule,
}

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Yaml,
    Positional,
    General,
    Json,
    Dotenv,
}

/// As go-yaml writes it (sops-yaml-emitter §5): an exponent below 1e-4 and
/// from 1e6 on, `.nan`, `.inf`, `-.inf`.
pub fn yaml(value: f64) -> FloatText {
    FloatText {
        value,
        rule: Rule::Yaml,
    }
}

/// Without any exponent, as Go's `FormatFloat(v, 'f', -1, 64)`: what SOPS
/// encrypts and hashes. `NaN`, `+Inf`, `-Inf`, `-0`.
pub fn positional(value: f64) -> FloatText {
    FloatText {
        value,
        rule: Rule::Positional,
    }
}

/// As Go's `fmt.Sprint` (`%v`): the digits of [`yaml`], but `NaN`, `+Inf`,
/// `-Inf`.
pub fn general(value: f64) -> FloatText {
    FloatText {
        value,
        rule: Rule::General,
    }
}

/// As Go's `encoding/json` (sops-format §10.2): an exponent below 1e-6 and
/// from 1e21 on. `None` for NaN and the infinities, which JSON cannot hold.
pub fn json(value: f64) -> Option<FloatText> {
    value.is_finite().then_some(FloatText {
        value,
        rule: Rule::Json,
    })
}

/// As the dotenv and INI stores of SOPS (sops-format §11.1): `1.5`, `1E+06`,
/// and one decimal where the text would look like an integer (`1.0`).
pub fn dotenv(value: f64) -> FloatText {
    FloatText {
        value,
        rule: Rule::Dotenv,
    }
}

impl fmt::Display for FloatText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.value.is_finite() {
            let [nan, plus, minus] = match self.rule {
                Rule::Yaml => [".nan", ".inf", "-.inf"],
                _ => ["NaN", "+Inf", "-Inf"],
            };
            return f.write_str(match self.value {
                v if v.is_nan() => nan,
                v if v > 0.0 => plus,
                _ => minus,
            });
        }
        let digits = Digits::shortest(self.value);
        let (low, high) = match self.rule {
            Rule::Positional => return digits.positional(f),
            Rule::Json => (-6, 21),
            Rule::Yaml | Rule::General | Rule::Dotenv => (-4, 6),
        };
        if digits.exponent < low || digits.exponent >= high {
            match self.rule {
                Rule::Dotenv => digits.scientific(f, 'E', 2),
                Rule::Json => digits.scientific(f, 'e', 1),
                _ => digits.scientific(f, 'e', 2),
            }
        } else {
            digits.positional(f)?;
            if self.rule == Rule::Dotenv && self.value.fract() == 0.0 {
                f.write_str(".0")?;
            }
            Ok(())
        }
    }
}

/// The shortest decimal digits that read back to a number.
struct Digits {
    negative: bool,
    /// ASCII digits, at most 17.
    digits: StackText<20>,
    /// The power of ten of the first digit.
    exponent: i32,
}

impl Digits {
    fn shortest(value: f64) -> Self {
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

    fn positional(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

    fn scientific(&self, f: &mut fmt::Formatter<'_>, mark: char, width: usize) -> fmt::Result {
        let (first, rest) = self.digits.as_str().split_at_checked(1).unwrap_or_default();
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if self.exponent < 0 { '-' } else { '+' };
        let exponent = self.exponent.unsigned_abs();
        write!(
            f,
            "{}{first}{point}{rest}{mark}{sign}{exponent:0width$}",
            self.sign()
        )
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

#[cfg(test)]
mod tests {
    /// 766347970713580.25 lies between two texts of 16 digits.
    #[test]
    fn of_two_shortest_texts_the_even_one() {
        assert_eq!(
            super::yaml(766347970713580.2).to_string(),
            "7.663479707135802e+14"
        );
        assert_eq!(
            super::positional(766347970713580.2).to_string(),
            "766347970713580.2"
        );
    }

    use super::*;

    #[test]
    fn yaml_rule() {
        for text in [
            "100000",
            "123456.7",
            "999999.9",
            "100000.5",
            "1e+06",
            "1.0000005e+06",
            "1e+15",
            "1.23456725e+06",
            "9.007199254740992e+15",
            "1e+20",
            "1e+21",
            "0.0001",
            "0.00012345",
            "1e-05",
            "1.2345e-05",
            "5e-324",
            "1.7976931348623157e+308",
            "0",
            "-0",
            "1",
            "-2.5",
            ".nan",
            ".inf",
            "-.inf",
        ] {
            let value = match text {
                ".nan" => f64::NAN,
                ".inf" => f64::INFINITY,
                "-.inf" => f64::NEG_INFINITY,
                _ => text.parse().unwrap(),
            };
            assert_eq!(yaml(value).to_string(), text);
        }
    }

    #[test]
    fn other_rules() {
        let cases = [
            (1e-7, "0.0000001", "1e-7", "1E-07", "1e-07"),
            (1e-6, "0.000001", "0.000001", "1E-06", "1e-06"),
            (1.5, "1.5", "1.5", "1.5", "1.5"),
            (1e6, "1000000", "1000000", "1E+06", "1e+06"),
            (-0.0, "-0", "-0", "-0.0", "-0"),
            (100.0, "100", "100", "100.0", "100"),
            (
                1.25e-10,
                "0.000000000125",
                "1.25e-10",
                "1.25E-10",
                "1.25e-10",
            ),
            (1e21, "1000000000000000000000", "1e+21", "1E+21", "1e+21"),
        ];
        for (value, positional_text, json_text, dotenv_text, general_text) in cases {
            assert_eq!(positional(value).to_string(), positional_text);
            assert_eq!(json(value).unwrap().to_string(), json_text);
            assert_eq!(dotenv(value).to_string(), dotenv_text);
            assert_eq!(general(value).to_string(), general_text);
        }
        assert_eq!(positional(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(positional(f64::NEG_INFINITY).to_string(), "-Inf");
        assert_eq!(dotenv(f64::NAN).to_string(), "NaN");
        assert!(json(f64::NAN).is_none());
    }

    #[test]
    fn reads_what_go_reads() {
        for (text, value) in [
            ("1_23.50_0_0e+1_2", 1.235e14),
            ("0x_1_2.3_4_5p+1_2", 74565.0),
            ("5.", 5.0),
            (".5e3", 500.0),
            ("-0x1p-2", -0.25),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1.fffffffffffff7fffp1023", f64::MAX),
            ("0x1p-1074", 5e-324),
            ("0x1.8p-1075", 5e-324),
            ("0x1p-1075", 0.0),
            ("0x0.8p-1021", f64::MIN_POSITIVE),
            ("0x1.fffffffffffffp-1023", f64::MIN_POSITIVE),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000081p0", 1.000_000_000_000_000_2),
            ("0x1p-18446744073709551616", 0.0),
            ("0x0p+18446744073709551616", 0.0),
            ("1e-400", 0.0),
            ("-iNf", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_float(text), Ok(value), "{text}");
        }
        assert!(parse_float("NaN").is_ok_and(f64::is_nan));
        for text in [
            "", "+", ".", "e5", "+nan", "infi", "1e", "1e+", "0x", "0x1", "0x.p1", "0x1p", "0x1p+",
            "-_1", "_1", "1__2", "1_", "1_.5", "1._5", "1.5_e1", "1.5e_1", "1.5e1_", "1 ", " 1",
            "0x__1p1", "0x1_p1", "0b1", "1..2", "1,5", "é",
        ] {
            assert_eq!(parse_float(text), Err(ParseFloatError::Syntax), "{text}");
        }
        for text in ["1e400", "-1E400", "0x1p1024", "0x1.fffffffffffff8p1023"] {
            assert_eq!(parse_float(text), Err(ParseFloatError::Range), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_text_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            proptest::prop_assume!(value.is_finite());
            for text in [yaml(value), positional(value), general(value), dotenv(value)] {
                proptest::prop_assert_eq!(parse_float(&text.to_string()), Ok(value));
            }
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = parse_float(&text);
        }
    }
}

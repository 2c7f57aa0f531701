//! Floating-point text as Go reads and writes it.
//!
//! Shortest digits are the same in Rust and Go; what differs is when an
//! exponent is written and how it looks.
//!
//! ```
//! use go_yaml::number;
//! assert_eq!(number::yaml(123456789.0).to_string(), "1.23456789e+08");
//! assert_eq!(number::positional(1e21).to_string(), "1000000000000000000000");
//! assert_eq!(number::parse_float("0x1.8p1"), Ok(3.0));
//! ```

mod digits;
mod parse;

use std::fmt;

pub(crate) use parse::is_decimal_float;
pub use parse::{ParseFloatError, parse_float};

use digits::Digits;

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
}

/// As go-yaml writes it (sops-yaml-emitter §5): an exponent below 1e-4 and
/// from 1e6 on, `.nan`, `.inf`, `-.inf`.
///
/// ```
/// use go_yaml::number;
/// let all = |value| [number::yaml(value), number::positional(value), number::general(value)].map(|text| text.to_string());
/// assert_eq!(all(1e6), ["1e+06", "1000000", "1e+06"]);
/// assert_eq!(all(f64::INFINITY), [".inf", "+Inf", "+Inf"]);
/// ```
#[must_use]
pub fn yaml(value: f64) -> FloatText {
    FloatText {
        value,
        rule: Rule::Yaml,
    }
}

/// Without any exponent, as Go's `FormatFloat(v, 'f', -1, 64)`: `NaN`, `+Inf`,
/// `-Inf`, `-0`.
#[must_use]
pub fn positional(value: f64) -> FloatText {
    FloatText {
        value,
        rule: Rule::Positional,
    }
}

/// As Go's `fmt.Sprint` (`%v`): the digits of [`yaml`], but `NaN`, `+Inf`,
/// `-Inf`.
#[must_use]
pub fn general(value: f64) -> FloatText {
    FloatText {
        value,
        rule: Rule::General,
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
        match (self.rule, digits.exponent) {
            (Rule::Positional, _) | (_, -4..6) => digits.positional(f),
            _ => digits.scientific(f),
        }
    }
}

#[cfg(test)]
mod tests;

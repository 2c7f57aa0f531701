//! Floats as the JSON, dotenv and INI stores of sops write them.
//!
//! The digits are Go's shortest (see [`go_yaml::number`]); what differs is
//! when an exponent is written and how it looks.

use std::fmt::{self, Write as _};

use go_yaml::number;

/// As Go's `encoding/json` (sops-format §10.2): an exponent below 1e-6 and
/// from 1e21 on, without a leading zero. `None` for NaN and the infinities,
/// which JSON cannot hold.
pub(super) fn json(value: f64) -> Option<impl fmt::Display> {
    value.is_finite().then_some(Json(value))
}

/// As the dotenv and INI stores of sops (sops-format §11.1): `1.5`, `1E+06`,
/// and one decimal where the text would look like an integer (`1.0`).
pub(super) fn dotenv(value: f64) -> impl fmt::Display {
    Dotenv(value)
}

struct Json(f64);

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
            return number::positional(self.0).fmt(f);
        }
        let mut short = ShortExponent {
            out: f,
            after_sign: false,
            in_exponent: false,
        };
        write!(short, "{}", number::general(self.0))
    }
}

/// Drops the first zero of an exponent of two digits: `1e-07` is `1e-7`.
struct ShortExponent<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    in_exponent: bool,
    after_sign: bool,
}

impl fmt::Write for ShortExponent<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.write_char(c))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        let after_sign = std::mem::take(&mut self.after_sign);
        match c {
            'e' => self.in_exponent = true,
            '+' | '-' => self.after_sign = self.in_exponent,
            '0' if after_sign => return Ok(()),
            _ => {}
        }
        self.out.write_char(c)
    }
}

struct Dotenv(f64);

impl fmt::Display for Dotenv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut upper = UpperExponent {
            out: f,
            has_exponent: !self.0.is_finite(),
        };
        write!(upper, "{}", number::general(self.0))?;
        if !upper.has_exponent && self.0.fract() == 0.0 {
            f.write_str(".0")?;
        }
        Ok(())
    }
}

/// `1e+06` as `1E+06`.
struct UpperExponent<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    has_exponent: bool,
}

impl fmt::Write for UpperExponent<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.write_char(c))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        if c == 'e' {
            self.has_exponent = true;
            return self.out.write_char('E');
        }
        self.out.write_char(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule() {
        for (value, json_text, dotenv_text) in [
            (1e-7, "1e-7", "1E-07"),
            (-1e-7, "-1e-7", "-1E-07"),
            (1e-6, "0.000001", "1E-06"),
            (9.999_999e-7, "9.999999e-7", "9.999999E-07"),
            (1.5, "1.5", "1.5"),
            (1e6, "1000000", "1E+06"),
            (-0.0, "-0", "-0.0"),
            (0.0, "0", "0.0"),
            (100.0, "100", "100.0"),
            (1.25e-10, "1.25e-10", "1.25E-10"),
            (5e-324, "5e-324", "5E-324"),
            (
                999_999_999_999_999_900_000.0,
                "999999999999999900000",
                "9.999999999999999E+20",
            ),
            (1e21, "1e+21", "1E+21"),
            (
                f64::MAX,
                "1.7976931348623157e+308",
                "1.7976931348623157E+308",
            ),
        ] {
            assert_eq!(json(value).unwrap().to_string(), json_text);
            assert_eq!(dotenv(value).to_string(), dotenv_text);
        }
        assert_eq!(dotenv(f64::NAN).to_string(), "NaN");
        assert_eq!(dotenv(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(dotenv(f64::NEG_INFINITY).to_string(), "-Inf");
        assert!(json(f64::NAN).is_none());
        assert!(json(f64::INFINITY).is_none());
    }

    proptest::proptest! {
        #[test]
        fn every_text_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            proptest::prop_assume!(value.is_finite());
            for text in [json(value).unwrap().to_string(), dotenv(value).to_string()] {
                proptest::prop_assert_eq!(number::parse_float(&text), Ok(value));
            }
        }
    }
}

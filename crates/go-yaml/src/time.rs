//! Moments with a UTC offset, as Go's `time.Time` reads and prints them.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

/// A moment with its UTC offset and nanoseconds.
///
/// Fields hold what was written, in local time of the offset; equality is
/// that of the fields. `Display` is RFC 3339 with as many decimals as there
/// are; `Debug` prints no value, since a moment can be a secret.
///
/// ```
/// use go_yaml::Timestamp;
/// let time = Timestamp::parse_yaml("2001-12-14 21:59:43.10").unwrap();
/// assert_eq!(time.to_string(), "2001-12-14T21:59:43.1Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999,999.
    pub nanosecond: u32,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl Timestamp {
    /// A moment in one of the layouts that go-yaml accepts (sops-format §7.1
    /// 4a): a date, `T` or `t` and a time with a zone, or spaces and a time
    /// without one (UTC).
    #[must_use]
    pub fn parse_yaml(text: &str) -> Option<Self> {
        let mut input = Input(text.as_bytes());
        let mut time = input.date(Digits::OneOrTwo)?;
        match input.0 {
            [] => {}
            [b'T' | b't', rest @ ..] => {
                input.0 = rest;
                input.time_of_day(&mut time, Digits::OneOrTwo)?;
                time.offset_minutes = input.zone()?;
            }
            _ => {
                input.byte(b' ')?;
                while input.byte(b' ').is_some() {}
                input.time_of_day(&mut time, Digits::OneOrTwo)?;
            }
        }
        input.end()?;
        Some(time)
    }

    /// A moment as Go's `time.Parse(time.RFC3339, text)` reads it. Like Go it
    /// lets an hour of one digit and a comma before the decimals pass, and
    /// drops decimals beyond the ninth.
    ///
    /// ```
    /// use go_yaml::Timestamp;
    /// let time = Timestamp::parse_rfc3339("2001-12-14T21:59:43,1-05:00").unwrap();
    /// assert_eq!(time.to_rfc3339_nano(), "2001-12-14T21:59:43.1-05:00");
    /// assert_eq!(time.to_rfc3339_seconds(), "2001-12-14T21:59:43-05:00");
    /// assert!(Timestamp::parse_rfc3339("2001-12-14").is_none());
    /// ```
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let mut input = Input(text.as_bytes());
        let mut time = input.date(Digits::Two)?;
        input.byte(b'T')?;
        input.time_of_day(&mut time, Digits::Two)?;
        time.offset_minutes = input.zone()?;
        input.end()?;
        Some(time)
    }

    /// The moment that lies so many seconds after 1970-01-01T00:00:00Z, in
    /// UTC; `None` outside the years 0 to 9999.
    ///
    /// ```
    /// use go_yaml::Timestamp;
    /// let time = Timestamp::from_unix(1_700_000_000).unwrap();
    /// assert_eq!(time.to_string(), "2023-11-14T22:13:20Z");
    /// assert_eq!(time.unix_seconds(), 1_700_000_000);
    /// ```
    #[must_use]
    pub fn from_unix(seconds: i64) -> Option<Self> {
        let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days since 0000-03-01, the start of a 400-year cycle whose years
        // end with February.
        let days = days.checked_add(719_468)?;
        let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month_from_march = (5 * day + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        let year = cycle * 400 + year + i64::from(month <= 2);
        Some(Timestamp {
            year: u16::try_from(year).ok().filter(|year| *year <= 9999)?,
            month: month as u8,
            day: (day - (153 * month_from_march + 2) / 5 + 1) as u8,
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            ..Timestamp::default()
        })
    }

    /// Whole seconds since 1970-01-01T00:00:00Z: with the nanoseconds, an
    /// order of moments whatever their offsets.
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let month_from_march = (i64::from(self.month) + 9) % 12;
        let day = (153 * month_from_march + 2) / 5 + i64::from(self.day) - 1;
        let cycle = year.div_euclid(400);
        let year = year.rem_euclid(400);
        let days = cycle * 146_097 + 365 * year + year / 4 - year / 100 + day - 719_468;
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        (days * 1_440 + minutes - i64::from(self.offset_minutes)) * 60 + i64::from(self.second)
    }

    /// RFC 3339 with decimals where there are any, trailing zeros dropped;
    /// `Z` where the offset is zero.
    #[must_use]
    pub fn to_rfc3339_nano(&self) -> String {
        self.to_string()
    }

    /// RFC 3339 in whole seconds, the decimals cut, the offset kept.
    #[must_use]
    pub fn to_rfc3339_seconds(&self) -> String {
        let seconds = Timestamp {
            nanosecond: 0,
            ..*self
        };
        seconds.to_string()
    }
}

/// A time is outside of the years 0 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfRange;

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is outside of the years 0 to 9999")
    }
}

impl std::error::Error for OutOfRange {}

/// The moment in UTC, to the nanosecond.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use go_yaml::Timestamp;
/// let time = Timestamp::try_from(UNIX_EPOCH - Duration::from_millis(1_500)).unwrap();
/// assert_eq!(time.to_string(), "1969-12-31T23:59:58.5Z");
/// ```
impl TryFrom<SystemTime> for Timestamp {
    type Error = OutOfRange;

    fn try_from(time: SystemTime) -> Result<Self, OutOfRange> {
        let nanoseconds = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i128::try_from(since.as_nanos()).map_err(|_| OutOfRange)?,
            Err(before) => -i128::try_from(before.duration().as_nanos()).map_err(|_| OutOfRange)?,
        };
        let seconds = nanoseconds.div_euclid(1_000_000_000);
        let seconds = i64::try_from(seconds).map_err(|_| OutOfRange)?;
        let moment = Timestamp::from_unix(seconds).ok_or(OutOfRange)?;
        Ok(Timestamp {
            nanosecond: nanoseconds.rem_euclid(1_000_000_000) as u32,
            ..moment
        })
    }
}

impl Default for Timestamp {
    /// The start of the year 1 in UTC, as Go's zero time.
    fn default() -> Self {
        Timestamp {
            year: 1,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            nanosecond: 0,
            offset_minutes: 0,
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timestamp(..)")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )?;
        if self.nanosecond != 0 {
            let (mut decimals, mut width) = (self.nanosecond, 9);
            while decimals % 10 == 0 {
                decimals /= 10;
                width -= 1;
            }
            write!(f, ".{decimals:0width$}")?;
        }
        let offset = self.offset_minutes.unsigned_abs();
        match self.offset_minutes {
            0 => f.write_str("Z"),
            minutes => write!(
                f,
                "{}{:02}:{:02}",
                if minutes < 0 { '-' } else { '+' },
                offset / 60,
                offset % 60
            ),
        }
    }
}

/// How many digits a field must have.
#[derive(Clone, Copy, PartialEq)]
enum Digits {
    OneOrTwo,
    Two,
}

/// The text that is still to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == byte).then(|| self.0 = rest)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn digit(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        let digit = first.is_ascii_digit().then(|| first - b'0')?;
        self.0 = rest;
        Some(digit)
    }

    /// One or two digits whose number is at most `max`.
    fn number(&mut self, digits: Digits, max: u8) -> Option<u8> {
        let tens = self.digit()?;
        let number = match self.digit() {
            Some(ones) => tens * 10 + ones,
            None if digits == Digits::Two => return None,
            None => tens,
        };
        (number <= max).then_some(number)
    }

    fn date(&mut self, digits: Digits) -> Option<Timestamp> {
        let mut year = 0;
        for _ in 0..4 {
            year = year * 10 + u16::from(self.digit()?);
        }
        self.byte(b'-')?;
        let month = self.number(digits, 12)?;
        self.byte(b'-')?;
        let day = self.number(digits, 31)?;
        (month >= 1 && day >= 1 && day <= days_in(month, year)).then(|| Timestamp {
            year,
            month,
            day,
            ..Timestamp::default()
        })
    }

    fn time_of_day(&mut self, time: &mut Timestamp, digits: Digits) -> Option<()> {
        time.hour = self.number(Digits::OneOrTwo, 23)?;
        self.byte(b':')?;
        time.minute = self.number(digits, 59)?;
        self.byte(b':')?;
        time.second = self.number(digits, 59)?;
        time.nanosecond = self.decimals();
        Some(())
    }

    /// Decimals of a second in nanoseconds. A point or comma without a digit
    /// stays where it is.
    fn decimals(&mut self) -> u32 {
        let [b'.' | b',', rest @ ..] = self.0 else {
            return 0;
        };
        if !rest.first().is_some_and(u8::is_ascii_digit) {
            return 0;
        }
        self.0 = rest;
        let mut nanoseconds = 0;
        let mut unit = 100_000_000;
        while let Some(digit) = self.digit() {
            nanoseconds += u32::from(digit) * unit;
            unit /= 10;
        }
        nanoseconds
    }

    /// `Z` or `±hh:mm`, in minutes. Up to 24 hours and 60 minutes, as Go.
    fn zone(&mut self) -> Option<i16> {
        let (sign, rest) = self.0.split_first()?;
        self.0 = rest;
        let sign = match sign {
            b'Z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(Digits::Two, 24)?;
        self.byte(b':')?;
        let minutes = self.number(Digits::Two, 60)?;
        Some(sign * (i16::from(hours) * 60 + i16::from(minutes)))
    }
}

fn days_in(month: u8, year: u16) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;

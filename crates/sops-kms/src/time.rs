//! Times as services write them, without a calendar library: RFC 3339, the
//! dates of HTTP, and what AWS and Huawei sign.

use std::time::{Duration, SystemTime};

#[cfg(any(feature = "aws", test))]
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `20150830T123600Z`; its first eight characters are the date.
pub(crate) fn compact(time: SystemTime) -> String {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// `2026-11-25T16:00:00Z`, with a fraction or an offset if need be.
pub(crate) fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, "Z"),
    };
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let seconds = instant(year, month, day, clock)?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let shift = match offset.split_once(':') {
        None if sign.eq_ignore_ascii_case("z") => 0,
        Some((hours, minutes)) => {
            hours.parse::<u64>().ok()?.min(24) * 3600 + minutes.parse::<u64>().ok()?.min(59) * 60
        }
        None => return None,
    };
    let seconds = if sign == "+" {
        seconds.checked_sub(shift)?
    } else {
        seconds + shift
    };
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// `Wed, 25 Nov 2026 16:00:00 GMT`.
#[cfg(any(feature = "aws", test))]
pub(crate) fn http_date(text: &str) -> Option<SystemTime> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let year = words.next()?.parse().ok()?;
    let seconds = instant(year, month as u64, day, words.next()?)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Seconds since 1970 in UTC.
fn instant(year: u64, month: u64, day: u64, clock: &str) -> Option<u64> {
    let mut clock = clock.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    fits.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970 (Howard Hinnant's `days_from_civil`, for years from then).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that so many days since 1970 make (`civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(time: Option<SystemTime>) -> Option<u64> {
        Some(
            time?
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs(),
        )
    }

    #[test]
    fn read() {
        let at = Some(1_764_086_400);
        assert_eq!(seconds(rfc3339("2025-11-25T16:00:00Z")), at);
        assert_eq!(seconds(rfc3339("2025-11-25T16:00:00.123Z")), at);
        assert_eq!(seconds(rfc3339("2025-11-25T17:30:00.5+01:30")), at);
        assert_eq!(seconds(rfc3339("2025-11-25T15:00:00-01:00")), at);
        assert_eq!(seconds(http_date("Tue, 25 Nov 2025 16:00:00 GMT")), at);
        assert_eq!(seconds(rfc3339("1970-01-01T00:00:00Z")), Some(0));
        assert_eq!(seconds(rfc3339("2000-02-29T00:00:00Z")), Some(951_782_400));
        for bad in [
            "",
            "2025-13-01T00:00:00Z",
            "2025-11-25",
            "x-y-zT1:2:3Z",
            "2025-11-25T1:2Z",
        ] {
            assert_eq!(rfc3339(bad), None, "{bad}");
        }
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn every_day_there_and_back() {
        for day in 0..80_000 {
            let (y, m, d) = civil(day);
            assert_eq!(days(y, m, d), day);
        }
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        assert_eq!(compact(time), "20150830T123600Z");
    }
}

use super::*;

#[test]
fn yaml_layouts() {
    for (text, printed) in [
        ("2001-12-14", "2001-12-14T00:00:00Z"),
        ("2001-1-1", "2001-01-01T00:00:00Z"),
        ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
        (
            "2001-12-14t21:59:43.10-05:00",
            "2001-12-14T21:59:43.1-05:00",
        ),
        ("2001-12-14 21:59:43", "2001-12-14T21:59:43Z"),
        (
            "2001-12-14   1:2:3.000000001999",
            "2001-12-14T01:02:03.000000001Z",
        ),
        ("2001-12-14T21:59:43,5+00:00", "2001-12-14T21:59:43.5Z"),
        ("2000-02-29", "2000-02-29T00:00:00Z"),
        ("0000-01-01", "0000-01-01T00:00:00Z"),
        ("2001-01-01T00:00:00+24:60", "2001-01-01T00:00:00+25:00"),
    ] {
        let time = Timestamp::parse_yaml(text);
        assert_eq!(
            time.map(|t| t.to_string()).as_deref(),
            Some(printed),
            "{text}"
        );
    }
    for text in [
        "",
        "2001",
        "2001-12",
        "2001-13-01",
        "2001-02-29",
        "1900-02-29",
        "2001-00-01",
        "2001-01-00",
        "10000-01-01",
        "201-01-01",
        "2001-12-14 ",
        "2001-12-14T21:59:43",
        "2001-12-14 21:59:43.10 -5",
        "2001-12-14 21:59:43Z",
        "2001-12-14T25:00:00Z",
        "2001-12-14T21:59:60Z",
        "2001-12-14T21:60:00Z",
        "2001-12-14T21:59:43+01",
        "2001-12-14T21:59:43.Z",
        "2001-12-14T21:59:43+25:00",
        "2001-12-14T21:59:43 Z",
        "2001-12-14x",
        "2001-123-1",
        "éé01-01-01",
    ] {
        assert!(Timestamp::parse_yaml(text).is_none(), "{text}");
    }
}

#[test]
fn rfc3339() {
    for (text, printed) in [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        (
            "2026-01-02T3:04:05.120+01:30",
            "2026-01-02T03:04:05.12+01:30",
        ),
    ] {
        let time = Timestamp::parse_rfc3339(text);
        assert_eq!(
            time.map(|t| t.to_string()).as_deref(),
            Some(printed),
            "{text}"
        );
    }
    for text in [
        "2026-1-02T03:04:05Z",
        "2026-01-02T03:4:05Z",
        "2026-01-02 03:04:05Z",
        "2026-01-02",
        "2026-01-02t03:04:05Z",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05Zx",
    ] {
        assert!(Timestamp::parse_rfc3339(text).is_none(), "{text}");
    }
    let time = Timestamp::parse_rfc3339("2026-01-02T03:04:05.9-07:00").unwrap();
    assert_eq!(time.to_rfc3339_seconds(), "2026-01-02T03:04:05-07:00");
    assert_eq!(format!("{time:?}"), "Timestamp(..)");
}

#[test]
fn unix_time() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_767_323_045, "2026-01-02T03:04:05Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (-62_167_219_200, "0000-01-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ] {
        let time = Timestamp::from_unix(seconds).unwrap();
        assert_eq!(time.to_string(), text);
        assert_eq!(time.unix_seconds(), seconds);
    }
    for seconds in [-62_167_219_201, 253_402_300_800, i64::MAX, i64::MIN] {
        assert!(Timestamp::from_unix(seconds).is_none());
    }
    let east = Timestamp::parse_rfc3339("1970-01-01T01:00:00+01:00").unwrap();
    assert_eq!(east.unix_seconds(), 0);
}

proptest::proptest! {
    #[test]
    fn printed_moments_read_back(seconds in -62_167_219_200..253_402_300_800_i64, nanosecond in 0..1_000_000_000_u32) {
        let time = Timestamp { nanosecond, ..Timestamp::from_unix(seconds).unwrap() };
        proptest::prop_assert_eq!(time.unix_seconds(), seconds);
        proptest::prop_assert_eq!(Timestamp::parse_rfc3339(&time.to_string()), Some(time));
        proptest::prop_assert_eq!(Timestamp::parse_yaml(&time.to_string()), Some(time));
    }

    #[test]
    fn no_text_panics(text in "[0-9TtZ:. ,+-]{0,40}") {
        let _ = Timestamp::parse_yaml(&text);
        let _ = Timestamp::parse_rfc3339(&text);
    }
}

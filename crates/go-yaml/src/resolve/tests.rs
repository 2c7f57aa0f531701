use super::*;

#[test]
fn integers() {
    for (text, value) in [
        ("0", 0),
        ("-0", 0),
        ("12", 12),
        ("+12", 12),
        ("012", 10),
        ("0o17", 15),
        ("017", 15),
        ("0O17", 15),
        ("0x1F", 31),
        ("0X1f", 31),
        ("-0x1F", -31),
        ("0b101", 5),
        ("-0b1", -1),
        ("1_000", 1000),
        ("0_x1_f", 31),
        ("1__", 1),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("0b-1", -1),
        ("0o+7", 7),
        ("0_17", 15),
    ] {
        assert!(resolve(text) == Resolved::Int(value), "{text}");
    }
    assert!(resolve("9223372036854775808") == Resolved::Uint(1 << 63));
    assert!(resolve("0xffffffffffffffff") == Resolved::Uint(u64::MAX));
}

#[test]
fn floats() {
    for (text, value) in [
        ("08", 8.0),
        ("0189", 189.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("-.5", -0.5),
        (".5e3", 500.0),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("18446744073709551616", 18446744073709551616.0),
        ("+9223372036854775808", 9223372036854775808.0),
        (".inf", f64::INFINITY),
        ("+.Inf", f64::INFINITY),
        ("-.INF", f64::NEG_INFINITY),
        ("1_0.5_0", 10.5),
        (".5_0", 0.5),
        ("-_1.5", -1.5),
    ] {
        assert!(resolve(text) == Resolved::Float(value), "{text}");
    }
    assert!(matches!(resolve(".NaN"), Resolved::Float(v) if v.is_nan()));
}

#[test]
fn words_and_text() {
    assert!(resolve("") == Resolved::Null);
    assert!(resolve("Null") == Resolved::Null);
    assert!(resolve("TRUE") == Resolved::Bool(true));
    assert!(resolve("False") == Resolved::Bool(false));
    assert!(resolve("<<") == Resolved::Merge);
    assert!(matches!(resolve("2001-12-14"), Resolved::Timestamp(_)));
    for text in [
        "a",
        "yes",
        "y",
        "on",
        "tRUE",
        "nULL",
        "NaN",
        "nan",
        "Inf",
        "infinity",
        ".iNF",
        "0o8",
        "0b2",
        "0xg",
        "0x",
        "0b",
        "1e400",
        "1e",
        "1.2.3",
        "0x1p-2",
        "1,000",
        "2001-13-01",
        "-",
        "+",
        ".",
        "..",
        "._5",
        "1:30",
        "_1",
        "-0b-1",
        "--1",
        "0b--1",
        "1 ",
        "é1",
        "+.nan",
        "-~",
    ] {
        assert!(resolve(text) == Resolved::Str, "{text}");
    }
}

#[test]
fn v2_knows_yaml_1_1_words() {
    assert!(resolve_v2("y") == Resolved::Bool(true));
    assert!(resolve_v2("Off") == Resolved::Bool(false));
    assert!(resolve_v2("oFF") == Resolved::Str);
    assert!(resolve_v2("true") == Resolved::Bool(true));
    assert!(resolve_v2("012") == Resolved::Int(10));
    assert!(resolve_v2("2001-12-14") == Resolved::Str);
}

#[test]
fn base60() {
    for text in [
        "1:30",
        "190:20:30",
        "12:30:45.6",
        "0:0",
        "-1:3",
        "1_0:30",
        "1:30.",
        "1:30._",
    ] {
        assert!(is_base60(text), "{text}");
    }
    for text in [
        "", "1", "1:60", "20:99", ":30", "_1:30", "1:", "1:300", "1:3.x", "a:30", "1.5",
    ] {
        assert!(!is_base60(text), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[-+0-9a-fA-FxXoOeE_.:]{0,24}") {
        let _ = resolve_v2(&text);
        let _ = is_base60(&text);
    }

    #[test]
    fn integers_resolve_to_themselves(value: i64) {
        proptest::prop_assert!(resolve(&value.to_string()) == Resolved::Int(value));
    }
}

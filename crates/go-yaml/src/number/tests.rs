use super::*;

/// 766347970713580.25 lies between two texts of 16 digits.
#[test]
fn of_two_shortest_texts_the_even_one() {
    assert_eq!(yaml(766347970713580.2).to_string(), "7.663479707135802e+14");
    assert_eq!(
        positional(766347970713580.2).to_string(),
        "766347970713580.2"
    );
}

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
        (1e-7, "0.0000001", "1e-07"),
        (1e-6, "0.000001", "1e-06"),
        (1.5, "1.5", "1.5"),
        (1e6, "1000000", "1e+06"),
        (-0.0, "-0", "-0"),
        (100.0, "100", "100"),
        (1.25e-10, "0.000000000125", "1.25e-10"),
        (1e21, "1000000000000000000000", "1e+21"),
    ];
    for (value, positional_text, general_text) in cases {
        assert_eq!(positional(value).to_string(), positional_text);
        assert_eq!(general(value).to_string(), general_text);
    }
    assert_eq!(positional(f64::INFINITY).to_string(), "+Inf");
    assert_eq!(positional(f64::NEG_INFINITY).to_string(), "-Inf");
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
        for text in [yaml(value), positional(value), general(value)] {
            proptest::prop_assert_eq!(parse_float(&text.to_string()), Ok(value));
        }
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = parse_float(&text);
    }
}

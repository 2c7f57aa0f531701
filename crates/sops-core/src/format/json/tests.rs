use proptest::prelude::*;

use super::*;
use crate::{
    ErrorKind, Style, limits,
    secret::SecretBuf,
    tree::{Mapping, Value},
};

fn there_and_back(text: &str) -> String {
    let tree = read(text.as_bytes()).unwrap();
    let mut out = SecretBuf::default();
    let style = Style {
        json_indent: Some(0),
        ..Style::default()
    };
    write(&tree, &style, &mut out).unwrap();
    let text = String::from_utf8(out.into_vec()).unwrap();
    text.replace('\n', "")
}

#[test]
fn numbers() {
    for (number, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "-0"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9223372036854776000"),
        ("1e21", "1e+21"),
        ("1e-7", "1e-7"),
        ("0.1", "0.1"),
        ("5e-324", "5e-324"),
    ] {
        assert_eq!(
            there_and_back(&format!(r#"{{"a":{number}}}"#)),
            format!(r#"{{"a": {expected}}}"#)
        );
    }
}

#[test]
fn strings() {
    for (string, expected) in [
        (r"é\u00e9\/\b\f\n\r\t\\\u0000", r"éé/\b\f\n\r\t\\\u0000"),
        (r"\ud83d\ude00\ud83d\u0041\ude00", "😀\u{FFFD}A\u{FFFD}"),
        (r"\ud83d\ud83d\ude00", "\u{FFFD}😀"),
        ("<&>\u{2028}\x7F", "\\u003c\\u0026\\u003e\\u2028\x7F"),
    ] {
        assert_eq!(
            there_and_back(&format!(r#"{{"a":"{string}"}}"#)),
            format!(r#"{{"a": "{expected}"}}"#)
        );
    }
    let tree = read(b"{\"a\":\"\xE2\x82z\xF0\x9F\x98\x80\xFF\"}").unwrap();
    assert_eq!(
        tree[0].get("a").and_then(Value::as_str),
        Some("\u{FFFD}\u{FFFD}z😀\u{FFFD}")
    );
}

#[test]
fn bytes_that_are_not_text_are_replaced() {
    let mut mapping = Mapping::default();
    mapping.push("a", Value::String(b"x\xE2\x82y".as_slice().into()));
    let mut out = SecretBuf::default();
    write(&[mapping], &Style::default(), &mut out).unwrap();
    assert_eq!(
        out.as_bytes(),
        "{\n\t\"a\": \"x\u{FFFD}\u{FFFD}y\"\n}\n".as_bytes()
    );
}

#[test]
fn order_and_repetition_survive() {
    let text = r#"{"b": 1,"a": [{},[],null,true,false],"b": 2}"#;
    assert_eq!(there_and_back(text), text);
    assert_eq!(there_and_back("{} trailing {"), "{}");
}

#[test]
fn errors_name_the_line() {
    for (text, message) in [
        ("", "line 1: the file is empty"),
        (
            "\n[1]",
            "line 2: the file is a list, and sops needs an object",
        ),
        ("null", "line 1: a JSON file must start with {"),
        ("\u{FEFF}{}", "line 1: a JSON file must start with {"),
        ("{\"a\": 1,\n}", "line 2: a key in double quotes is missing"),
        ("{\"a\" 1}", "line 1: a colon is missing behind a key"),
        (
            "{\"a\": 1",
            "line 1: a comma or } is missing behind a value",
        ),
        (
            "{\"a\": [1 2]}",
            "line 1: a comma or ] is missing behind a value",
        ),
        ("{\"a\": [1,]}", "line 1: a value is missing"),
        (
            "{\"a\": 01}",
            "line 1: a comma or } is missing behind a value",
        ),
        ("{\"a\": 1.}", "line 1: a digit is missing in a number"),
        ("{\"a\": -}", "line 1: a digit is missing in a number"),
        ("{\"a\": 1e400}", "line 1: a number is too large"),
        ("{\"a\": tru}", "line 1: neither true, false nor null"),
        ("{\"a\": \"\n\"}", "line 1: a control character in a string"),
        ("{\"a\": \"\\x\"}", "line 1: an unknown escape in a string"),
        (
            "{\"a\": \"\\u12\"}",
            "line 1: four hexadecimal digits are missing behind \\u",
        ),
        ("{\"a\": \"", "line 1: a string without closing quote"),
        ("{\"a\":", "line 1: the file ends too early"),
    ] {
        let error = read(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        assert_eq!(error.kind(), ErrorKind::Syntax);
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(read(deep(limits::DEPTH - 1).as_bytes()).is_ok());
    let error = read(deep(limits::DEPTH).as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    let error = read("{\"a\":[".repeat(100_000).as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn infinities_name_their_key() {
    let mut inner = Mapping::default();
    inner.push("b", Value::Float(f64::INFINITY));
    let mut mapping = Mapping::default();
    mapping.push("a", Value::Mapping(inner));
    let error = write(&[mapping], &Style::default(), &mut SecretBuf::default()).unwrap_err();
    assert_eq!(error.to_string(), "a.b: JSON has no NaN and no infinity");
}

proptest! {
    #[test]
    fn no_text_panics(text: Vec<u8>, json in r#"[\[\]{}:,"\\u0-9eE.tnfd \n-]{0,40}"#) {
        let _ = read(&text);
        let _ = read(format!("{{\"a\":{json}").as_bytes());
    }

    #[test]
    fn strings_survive(key: String, value: String) {
        let mut mapping = Mapping::default();
        mapping.push(key, value);
        let tree = [mapping];
        let mut out = SecretBuf::default();
        write(&tree, &Style::default(), &mut out).unwrap();
        prop_assert_eq!(read(out.as_bytes()).unwrap(), tree);
    }
}

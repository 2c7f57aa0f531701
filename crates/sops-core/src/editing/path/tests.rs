use super::*;
use crate::{
    Document, Format, Style,
    query::{parse_path, parse_value},
};

fn tree(yaml: &str) -> Mapping {
    let document = Document::parse_plain(yaml.as_bytes(), Format::Yaml).unwrap();
    document.tree()[0].clone()
}

fn text(mapping: Mapping) -> String {
    let document = Document::from_tree(vec![mapping], Format::Yaml);
    let yaml = document.to_bytes(Format::Yaml, &Style::default()).unwrap();
    String::from_utf8_lossy(&yaml).into_owned()
}

const DATA: &str = "a: 1\nc:\n    - x\n    - w\nm:\n    k: v\nz: null\n";

fn after_set(path: &str, value: &str) -> String {
    let mut mapping = tree(DATA);
    let path = parse_path(path).unwrap();
    let value = parse_value(value).unwrap();
    match set(&mut mapping, &path, value) {
        Ok(true) => text(mapping),
        Ok(false) => "unchanged".into(),
        Err(why) => format!("{}: {why}", why.kind()),
    }
}

fn after_unset(path: &str) -> String {
    let mut mapping = tree(DATA);
    match unset(&mut mapping, &parse_path(path).unwrap()) {
        Ok(()) => text(mapping),
        Err(why) => format!("{}: {why}", why.kind()),
    }
}

/// sops-encrypt-and-edit §7, each as sops 3.13.2 was seen to do it.
#[test]
fn set_as_sops_does() {
    for (path, value, expected) in [
        (r#"["a"]"#, "2", DATA.replace("a: 1", "a: 2")),
        // The number is a float now: another type, though the text is the same.
        (r#"["a"]"#, "1", DATA.into()),
        (r#"["c"][1]"#, r#""z""#, DATA.replace("- w", "- z")),
        (
            r#"["c"][9]"#,
            r#""z""#,
            DATA.replace("- w\n", "- w\n    - z\n"),
        ),
        (
            r#"["c"][9]["k"]"#,
            r#""z""#,
            DATA.replace("- w\n", "- w\n    - k: z\n"),
        ),
        (r#"["c"][0]["k"]"#, r#""z""#, DATA.replace("- x", "- k: z")),
        (
            r#"["a"]["x"]"#,
            "true",
            DATA.replace("a: 1", "a:\n    x: true"),
        ),
        (
            r#"["a"][0]"#,
            "true",
            DATA.replace("a: 1", "a:\n    - true"),
        ),
        (
            r#"["z"]["x"]"#,
            "true",
            DATA.replace("z: null", "z:\n    x: true"),
        ),
        (
            r#"["m"]["l"]"#,
            "null",
            DATA.replace("k: v\n", "k: v\n    l: null\n"),
        ),
        (r#"[""]"#, r#""z""#, format!("{DATA}\"\": z\n")),
        (
            r#"["new"][0]["k"][3]"#,
            r#"{"i": 7, "f": 1.5}"#,
            format!("{DATA}new:\n    - k:\n        - i: 7\n          f: 1.5\n"),
        ),
        (r#"["c"][0]"#, r#""x""#, "unchanged".into()),
        (r#"["m"]"#, r#"{"k": "v"}"#, "unchanged".into()),
    ] {
        assert_eq!(after_set(path, value), expected, "{path} {value}");
    }
}

/// Where sops panics, or writes a file in which nothing changed.
#[test]
fn paths_that_do_not_fit() {
    insta::assert_snapshot!(
        [
            after_set("[0]", "1"),
            after_set(r#"["m"][0]"#, "1"),
            after_set(r#"["c"]["x"]"#, "1"),
            after_set(r#"["c"]["x"]["y"]"#, "1"),
            after_unset("[0]"),
            after_unset(r#"["zz"]"#),
            after_unset(r#"["m"]["zz"]"#),
            after_unset(r#"["m"][0]"#),
            after_unset(r#"["zz"]["x"]"#),
            after_unset(r#"["c"][9]"#),
            after_unset(r#"["c"]["x"]"#),
            after_unset(r#"["a"]["x"]"#),
            after_unset(r#"["a"][0]"#),
            after_unset(r#"["z"][0][1]"#),
        ]
        .join("\n"),
        @r#"
        path: [0]: a number, but a mapping stands there
        path: m[0]: a number, but a mapping stands there
        path: c.x: a key, but a list stands there
        path: c.x: a key, but a list stands there
        not-found: [0]: a number, but a mapping stands there
        not-found: zz: there is no such key
        not-found: m.zz: there is no such key
        not-found: m[0]: a number, but a mapping stands there
        not-found: zz: there is no such key
        not-found: c[9]: the list is shorter than that
        path: c.x: a key, but a list stands there
        path: a.x: a key, but no mapping stands there
        path: a[0]: a number, but no list stands there
        path: z[0]: a number, but no list stands there
        "#
    );
    let long = vec![Step::Index(0); limits::DEPTH + 1];
    let error = set(&mut tree(DATA), &long, Value::Null).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    for f in [
        set(&mut tree(DATA), &[], Value::Null).map(drop),
        unset(&mut tree(DATA), &[]),
    ] {
        assert_eq!(f.unwrap_err().to_string(), "the path is empty");
    }
}

#[test]
fn unset_as_sops_does() {
    for (path, expected) in [
        (r#"["a"]"#, DATA.replace("a: 1\n", "")),
        (r#"["c"][0]"#, DATA.replace("    - x\n", "")),
        (r#"["m"]"#, DATA.replace("m:\n    k: v\n", "")),
        (r#"["m"]["k"]"#, DATA.replace("m:\n    k: v\n", "m: {}\n")),
    ] {
        assert_eq!(after_unset(path), expected, "{path}");
    }
}

#[test]
fn comments_stay_where_a_value_goes() {
    let mut mapping = tree("# head\na: 1 # beside\nb:\n    # first\n    - x # x\n    - w # w\n");
    unset(&mut mapping, &["a".into()]).unwrap();
    // Comments in a list have numbers of their own.
    let at = [Step::from("b"), 2.into()];
    let error = unset(&mut mapping, &[at[0].clone(), 1.into()]).unwrap_err();
    assert_eq!(error.to_string(), "b[1]: this is a comment");
    let error = set(&mut mapping, &[at[0].clone(), 1.into()], Value::Null).unwrap_err();
    assert_eq!(error.to_string(), "b[1]: this is a comment");
    unset(&mut mapping, &at).unwrap();
    insta::assert_snapshot!(text(mapping), @r#"
    # head
    # beside
    b:
        # first
        # x
        - w # w
    "#);
}

#[test]
fn values_in_json() {
    insta::assert_snapshot!(
        [
            "", "x", "[]", "[1]", "1e400", "1 2", r#"{"a": 1, "a": 2}"#,
            r#"{"a": [{"b": 1, "b": 1}]}"#, r#""a"#,
        ]
        .map(|json| parse_value(json).unwrap_err().to_string())
        .join("\n"),
        @r#"
        the value is not JSON
        the value is not JSON
        a list cannot be set as a whole, as in sops
        a list cannot be set as a whole, as in sops
        the value is not JSON
        the value is not JSON
        an object has the same key twice
        an object has the same key twice
        the value is not JSON
        "#
    );
    for (json, value) in [
        (" \"x\" ", Value::from("x")),
        ("12345678901234567890", Value::Float(12345678901234567890.0)),
        ("true", Value::Bool(true)),
        ("null", Value::Null),
    ] {
        assert!(parse_value(json).unwrap() == value, "{json}");
    }
}

//! Documents as types, judged by what programs in Go made of the same texts
//! (sops 3.11.0 and its `.sops.yaml`; sops-config §2).

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use go_yaml::de::{self, Deserializer, Error};
use go_yaml::{Document, Kind, Limits, Node, parse};
use serde::Deserialize;
use serde::de::DeserializeOwned;

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    de::from_str(text, &Limits::default())
}

#[track_caller]
fn gives<T: DeserializeOwned + PartialEq + Debug>(text: &str, expected: T) {
    match read::<T>(text) {
        Ok(value) => assert_eq!(value, expected, "{text}"),
        Err(error) => panic!("{error}\n{text}"),
    }
}

#[track_caller]
fn fails<T: DeserializeOwned + Debug>(text: &str, expected: &str) {
    match read::<T>(text) {
        Ok(value) => panic!("{text}\nis {value:?}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
    }
}

#[derive(Deserialize, Debug, PartialEq, Default)]
#[serde(default)]
struct Store {
    indent: i64,
    name: String,
    compact: bool,
    ratio: f64,
    list: Vec<String>,
    map: BTreeMap<String, String>,
    maybe: Option<u8>,
    inner: Option<Box<Store>>,
}

fn indent(indent: i64) -> Store {
    Store {
        indent,
        ..Store::default()
    }
}

#[test]
fn integers() {
    for (text, value) in [
        ("3", 3),
        ("+3", 3),
        ("-3", -3),
        ("012", 10),
        ("0x3", 3),
        ("3_", 3),
        ("2.0", 2),
        ("2.7", 2),
        ("-2.7", -2),
        ("1e3", 1000),
        ("!!int 3", 3),
        ("!!float 3", 3),
        ("~", 0),
        ("", 0),
        // Go's conversion of what is too small; sops then says "negative".
        ("-.inf", i64::MIN),
    ] {
        gives(&format!("indent: {text}"), indent(value));
    }
    for (text, found) in [
        ("'3'", "text"),
        ("!!str 3", "text"),
        ("!x 3", "text"),
        ("!!binary Mw==", "text"),
        ("yes", "text"),
        ("true", "a boolean"),
        ("2001-01-01", "a timestamp"),
        (".nan", "a number"),
        (".inf", "a number"),
        ("1e300", "a number"),
        ("99999999999999999999", "a number"),
        ("[3]", "a list"),
        ("{a: 3}", "a mapping"),
    ] {
        let expected = format!("line 2: indent: expected an integer, found {found}");
        fails::<Store>(&format!("#\nindent: {text}"), &expected);
    }
    gives("18446744073709551615", u64::MAX);
    gives("200", 200_u8);
    gives("-5", -5_i128);
    assert!(read::<u8>("256").is_err());
    assert!(read::<u64>("-1").is_err());
    assert!(read::<i64>("18446744073709551615").is_err());
}

#[test]
fn booleans() {
    for text in [
        "true",
        "True",
        "yes",
        "'yes'",
        "\"on\"",
        "!x on",
        "y",
        "!!bool true",
        "!!str yes",
    ] {
        gives(text, true);
    }
    for text in ["false", "NO", "off", "~", ""] {
        gives(text, false);
    }
    for text in ["1", "'true'", "oN", "[]", "{}", "2001-01-01"] {
        assert!(read::<bool>(text).is_err(), "{text}");
    }
    // Nobody asked for a boolean.
    gives("yes", serde_json::json!("yes"));
}

#[test]
fn text() {
    for (text, value) in [
        ("5", "5"),
        ("0x5", "0x5"),
        ("yes", "yes"),
        ("true", "true"),
        ("1.50", "1.50"),
        ("2001-01-01", "2001-01-01"),
        ("!!binary aGk=", "hi"),
        ("!!binary |\n  aG\n  k=\n", "hi"),
        ("!!int 5", "5"),
        ("!x y", "y"),
        ("~", ""),
        ("'~'", "~"),
        ("''", ""),
        ("<<", "<<"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ] {
        gives(text, value.to_owned());
    }
    fails::<String>("!!binary a", "line 1: a !!binary value is not valid base64");
    fails::<String>("!!int x", "line 1: a value does not fit its tag");
    fails::<String>("!!null 'a'", "line 1: a value does not fit its tag");
    fails::<String>("[a]", "line 1: expected text, found a list");
    fails::<String>(
        "!!binary /w==",
        "line 1: expected text, found !!binary that is not UTF-8",
    );
    gives("c", 'c');
    assert!(read::<char>("cc").is_err());
}

#[test]
fn numbers() {
    gives("[1, 2.5, 0x10, .inf, 18446744073709551615, ~]", {
        vec![1.0, 2.5, 16.0, f64::INFINITY, u64::MAX as f64, 0.0]
    });
    assert!(read::<f64>("'1'").is_err());
}

#[test]
fn null_leaves_the_default() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Json {
        #[serde(default = "tab")]
        indent: i64,
    }
    fn tab() -> i64 {
        -1
    }
    for text in [
        "indent:",
        "indent: ~",
        "{}",
        "",
        "~",
        "a: &n ~\nindent: *n",
        "# nothing",
    ] {
        gives(text, Json { indent: -1 });
    }
    gives("0", 0);
    gives("", Store::default());
    gives(
        "name:\nlist:\nmap:\nmaybe:\ninner: null\ncompact:\n",
        Store::default(),
    );
    gives("[a, ~]", vec![Some("a".to_owned()), None]);
    gives("[a, ~]", vec!["a".to_owned(), String::new()]);
    gives("~", ());
    gives("", Vec::<u8>::new());
    gives("", HashMap::<String, u8>::new());
    assert!(read::<()>("a").is_err());
}

#[test]
fn unknown_keys_are_not_looked_at() {
    for text in [
        "x: !!int y",
        "x: {a: 1, a: 2}",
        "x: &x {y: *x}",
        "x: {<<: 3}",
        "Indent: 3",
        "1: 2\n~: 3",
        "x: [!!binary a]",
    ] {
        gives(text, Store::default());
    }
    // Keys are.
    fails::<Store>("? [a]\n: 3", "line 1: expected text, found a list");
}

#[test]
fn the_same_key_twice() {
    for (text, line) in [
        ("indent: 1\nindent: 2", 2),
        ("x: 1\nx: 2", 2),
        ("'x': 1\nx: 2", 2),
        ("? [a]\n: 1\n? [b]\n: 2", 3),
        ("<<: {indent: 3}\n<<: {indent: 4}", 2),
        ("inner: {x: 1,\n x: 1}", 2),
        ("map: {a: 1,\n\n a: 1}", 3),
        ("<<: {indent: 3,\n indent: 4}", 2),
    ] {
        let error = read::<Store>(text).unwrap_err();
        assert_eq!(
            error.message(),
            "a mapping has the same key twice",
            "{text}"
        );
        assert_eq!(error.line(), Some(line), "{text}");
    }
    let many: String = (0..40).map(|n| format!("k{n}: 1\n")).collect();
    assert!(read::<Store>(&many).is_ok());
    assert!(read::<Store>(&format!("{many}k3: 2\n")).is_err());
}

#[test]
fn merging() {
    for (text, value) in [
        ("<<: {indent: 3}", 3),
        ("indent: 2\n<<: {indent: 3}", 2),
        ("<<: {indent: 3}\nindent: 2", 2),
        ("<<: [{indent: 3}, {indent: 4}]", 3),
        ("<<: [{name: x}, {indent: 4}]\nname: ''", 4),
        ("<<: {<<: {indent: 3}}", 3),
        ("<<: {<<: {indent: 3}, indent: 5}", 5),
        ("x: &x {indent: 3}\n<<: *x", 3),
        ("x: &x {indent: 3}\n<<: [*x, {indent: 4}]", 3),
        ("! <<: {indent: 3}", 3),
        ("!!merge <<: {indent: 3}", 3),
        // What is null is there.
        ("indent:\n<<: {indent: 3}", 0),
        // No merging.
        ("'<<': {indent: 3}", 0),
        ("!!str <<: {indent: 3}", 0),
        ("!!merge a: {indent: 3}", 0),
    ] {
        gives(text, indent(value));
    }
    for text in [
        "<<: 3",
        "<<:",
        "<<: [3]",
        "<<: [[{indent: 3}]]",
        "x: &x 3\n<<: *x",
        "x: &x [{}]\n<<: *x",
    ] {
        let error = read::<Store>(text).unwrap_err();
        assert!(
            error.message().starts_with("`<<` merges"),
            "{text}: {error}"
        );
    }
    gives("a: &a {x: 1}\nb: {<<: *a, y: 2}", {
        let ones = BTreeMap::from([("x".to_owned(), 1)]);
        let both = BTreeMap::from([("x".to_owned(), 1), ("y".to_owned(), 2)]);
        BTreeMap::from([("a".to_owned(), ones), ("b".to_owned(), both)])
    });
}

#[test]
fn aliases() {
    gives("a: &a 5\nindent: *a", indent(5));
    gives("&k indent: 1\nname: *k", {
        Store {
            name: "indent".into(),
            ..indent(1)
        }
    });
    fails::<Store>(
        "inner: &x {inner: *x}",
        "line 1: inner.inner.inner: an alias names a value that contains it",
    );
    fails::<Store>(
        "inner: &x\n  <<: *x",
        "line 2: inner: an alias names a value that contains it",
    );
    fails::<serde_json::Value>(
        "- &x [*x]",
        "line 1: [0][0][0]: an alias names a value that contains it",
    );
}

#[test]
fn errors_say_where() {
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Strict {
        one: u8,
        two: Option<Pet>,
    }
    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Pet {
        Cat,
        Dog(u8),
        Bird { wings: u8 },
        Pair(u8, u8),
    }
    fails::<BTreeMap<String, Vec<Store>>>(
        "rules:\n- indent: 1\n- inner:\n    list: [a, {}]\n",
        "line 4: rules[1].inner.list[1]: expected text, found a mapping",
    );
    fails::<Strict>("two: cat", "line 1: missing field `one`");
    fails::<Strict>(
        "one: secret",
        "line 1: one: expected an integer, found text",
    );
    fails::<Strict>(
        "one: 300",
        "line 1: one: expected u8, found an integer that is not",
    );
    fails::<Strict>(
        "one: 1\nsecret: 1",
        "line 2: a key is unknown: expected `one` or `two`",
    );
    fails::<Strict>(
        "one: 1\ntwo: secret",
        "line 2: two: expected `cat`, `dog`, `bird` or `pair`",
    );
    fails::<Strict>(
        "one: 1\ntwo: {dog: x}",
        "line 2: two.dog: expected an integer, found text",
    );
    fails::<Strict>("one: [\n", "line 2: did not find expected node content");
    fails::<Vec<u8>>("a: 1", "line 1: expected a list, found a mapping");
    fails::<Store>("- a", "line 1: expected a mapping, found a list");
    fails::<BTreeMap<String, u8>>(
        &format!("? \"{}\\n\"\n: x", "long".repeat(30)),
        &format!(
            "line 2: {}…: expected an integer, found text",
            "long".repeat(16)
        ),
    );
    gives("cat", Pet::Cat);
    gives("cat:", Pet::Cat);
    gives("dog: 3", Pet::Dog(3));
    gives("bird: {wings: 2}", Pet::Bird { wings: 2 });
    gives("pair: [1, 2]", Pet::Pair(1, 2));
    assert!(read::<Pet>("dog").is_err());
    assert!(read::<Pet>("{dog: 1, cat: 1}").is_err());
    assert!(read::<Pet>("[dog]").is_err());
}

#[test]
fn only_the_first_document_is_read() {
    gives("indent: 1\n---\nindent: 2\n---\n]", indent(1));
    assert!(read::<Store>("]").is_err());
}

#[test]
fn text_is_borrowed_where_it_stands_as_it_is_meant() {
    let text = String::from("[plain, 'quoted', \"\\x41\"]");
    let documents = parse(&text, &Limits::default()).unwrap();
    let words: Vec<&str> = de::from_document(&documents[0]).unwrap();
    assert_eq!(words, ["plain", "quoted", "A"]);
    assert_eq!(words[0].as_ptr(), text[1..].as_ptr());
}

#[test]
fn documents_built_by_hand() {
    let mut other = Document::new();
    for _ in 0..9 {
        other.add(Node::scalar("x"));
    }
    let foreign = other.add(Node::scalar("x"));
    let mut document = Document::new();
    let root = document.add(Node::new(Kind::Sequence {
        items: vec![foreign],
        flow: true,
    }));
    document.set_root(root);
    // What is not there is null.
    let read = Vec::<Option<u8>>::deserialize(&Deserializer::new(&document)).unwrap();
    assert_eq!(read, [None]);
    document.node_mut(root).kind = Kind::Sequence {
        items: vec![root],
        flow: true,
    };
    let error = de::from_document::<serde_json::Value>(&document).unwrap_err();
    assert!(error.is_limit(), "{error}");
}

/// Each would be 10⁹ values, or as many bytes.
#[test]
fn aliases_cost_what_they_stand_for() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    let mut merges = String::from("a0: &a0 {k: 1}\n");
    for n in 1..10 {
        let one = format!("*a{}, ", n - 1);
        bomb += &format!("a{n}: &a{n} [{}]\n", one.repeat(10));
        merges += &format!("a{n}: &a{n} {{<<: [{}]}}\n", one.repeat(10));
    }
    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "long".repeat(1000),
        "*a, ".repeat(10_000)
    );
    for text in [&bomb, &merges, &long] {
        let error = read::<serde_json::Value>(text).unwrap_err();
        assert!(error.is_limit(), "{error}");
        assert_eq!(error.message(), "aliases stand for too much");
    }
    // As much as Go allows is fine, and many values that are written anyway.
    let fine = format!("a: &a [{}]\nb: [{}]", "x, ".repeat(500), "*a, ".repeat(700));
    assert!(read::<serde_json::Value>(&fine).is_ok());
    let written = "- {a: 1, b: 2}\n".repeat(200_000);
    assert!(read::<Vec<Option<BTreeMap<String, Option<u8>>>>>(&written).is_ok());
}

#[test]
fn depth_costs_an_error_and_not_the_process() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
    ] {
        assert!(read::<serde_json::Value>(&text).unwrap_err().is_limit());
    }
    let deep = format!("{}{}", "[".repeat(250), "]".repeat(250));
    assert!(read::<serde_json::Value>(&deep).is_ok());
    // Through aliases: each anchor holds the one before.
    let mut chain = String::from("a0: &a0 {inner: }\n");
    for n in 1..2_000 {
        chain += &format!("a{n}: &a{n} {{inner: *a{}}}\n", n - 1);
    }
    chain += "inner: *a1999\n";
    assert!(read::<Store>(&chain).unwrap_err().is_limit());
    let mut merges = String::from("a0: &a0 {indent: 1}\n");
    for n in 1..2_000 {
        merges += &format!("a{n}: &a{n} {{<<: *a{}}}\n", n - 1);
    }
    merges += "<<: *a1999\n";
    assert!(read::<Store>(&merges).unwrap_err().is_limit());
}

//! The types that serde knows, and what is said where one does not fit.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::{Document, ErrorKind, Format, Plain, tree::Mapping};

fn read(text: &str, format: Format) -> Document<Plain> {
    Document::parse_plain(text.as_bytes(), format).unwrap()
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(rename_all = "kebab-case")]
enum Access {
    Everybody,
    Port(u16),
    Range(u16, u16),
    Named { user: String },
}

#[derive(Deserialize, PartialEq, Debug)]
struct Wrapped(u8);

#[derive(Deserialize, PartialEq, Debug)]
struct Everything<'a> {
    #[serde(borrow)]
    text: &'a str,
    bytes: &'a [u8],
    int: i64,
    small: u8,
    float: f32,
    float_of_int: f64,
    bool: bool,
    null: Option<u8>,
    some: Option<u8>,
    missing: Option<u8>,
    time: String,
    list: Vec<Option<bool>>,
    pair: (u8, String),
    map: BTreeMap<u16, char>,
    wrapped: Wrapped,
    access: Vec<Access>,
    unit: (),
}

const EVERYTHING: &str = "\
text: hunter2
bytes: !!binary /w==
int: -9223372036854775808
small: 255
float: 1.5
float_of_int: 3
bool: true
null: ~
some: 1
time: 2001-12-14T21:59:43.1-05:00
list:
# A comment.
- true
- null
pair: [1, two]
map: {'80': a, '443': b}
wrapped: 7
access:
- everybody
- port: 1
- range: [2, 3]
- named: {user: alice}
unit: null
";

#[test]
fn every_type() {
    let text = EVERYTHING.replace("null: ~", "\"null\": ~");
    let document = read(&text, Format::Yaml);
    let read: Everything<'_> = document.deserialize().unwrap();
    assert_eq!(
        read,
        Everything {
            text: "hunter2",
            bytes: b"\xff",
            int: i64::MIN,
            small: 255,
            float: 1.5,
            float_of_int: 3.0,
            bool: true,
            null: None,
            some: Some(1),
            missing: None,
            time: "2001-12-14T21:59:43.1-05:00".into(),
            list: vec![Some(true), None],
            pair: (1, "two".into()),
            map: BTreeMap::from([(80, 'a'), (443, 'b')]),
            wrapped: Wrapped(7),
            access: vec![
                Access::Everybody,
                Access::Port(1),
                Access::Range(2, 3),
                Access::Named {
                    user: "alice".into()
                },
            ],
            unit: (),
        }
    );
}

#[derive(Deserialize, PartialEq, Debug)]
struct Server {
    port: u16,
    tls: bool,
    ratio: f64,
    name: String,
}

/// Formats that know texts only say with them what a type asks for; a text of
/// YAML or JSON is none of another type.
#[test]
fn texts_become_what_is_asked_for() {
    let server = Server {
        port: 8080,
        tls: true,
        ratio: 0.5,
        name: "007".into(),
    };
    let dotenv = read("port=8080\ntls=true\nratio=0.5\nname=007\n", Format::Dotenv);
    assert_eq!(dotenv.deserialize::<Server>().unwrap(), server);
    let ini = read(
        "[a]\nport = 8080\ntls = true\nratio = 0.5\nname = 007\n",
        Format::Ini,
    );
    assert_eq!(ini.deserialize_at::<Server>(&["a".into()]).unwrap(), server);
    let yaml = read("port: '8080'\n", Format::Yaml);
    let error = yaml.deserialize::<HashMap<String, u16>>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deserialize);
}

fn refused<T: for<'de> Deserialize<'de>>(text: &str) -> String {
    match read(text, Format::Yaml).deserialize::<T>() {
        Ok(_) => panic!("it fits"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Deserialize);
            error.to_string()
        }
    }
}

/// A type that quotes what it does not take.
#[derive(Debug)]
struct Chatty;

impl<'de> Deserialize<'de> for Chatty {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("{text} is not chatty")))
    }
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what does not fit is of interest")]
struct Strict {
    a: u8,
    b: Option<Vec<Access>>,
    c: Option<Chatty>,
}

#[test]
fn what_is_said_names_the_place_and_no_value() {
    let said = [
        "a: hunter2",
        "a: 4711",
        "b: []",
        "a: 1\nhunter: x",
        "a: 1\nb: [everybody, hunter2]",
        "a: 1\nb:\n- everybody\n- port: hunter2",
        "a: 1\nb:\n- {port: 1, named: 2}",
        "a: 1\nb:\n- range: [4711]",
        "a: 1\nb: hunter2",
        "a: 1\nc: hunter2",
        "a: {x: hunter2}",
        "a: !!binary /w==",
    ]
    .map(refused::<Strict>)
    .join("\n");
    for secret in ["hunter2", "4711"] {
        assert!(!said.contains(secret), "{said}");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_tree_of_any_depth_is_refused_or_read() {
    #[derive(Deserialize, Debug)]
    struct Nest {
        #[serde(rename = "a")]
        _a: Option<Box<Nest>>,
    }
    let nested = |depth| {
        let mut mapping = Mapping::default();
        for _ in 0..depth {
            let mut outer = Mapping::default();
            outer.push("a", mapping);
            mapping = outer;
        }
        let document = Document::from_tree(vec![mapping], Format::Yaml);
        document.deserialize::<Nest>().map(drop)
    };
    assert!(nested(200).is_ok());
    assert_eq!(nested(400).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn a_key_that_stands_twice_is_refused_by_a_struct() {
    let json = read(r#"{"a": 1, "a": 2}"#, Format::Json);
    let error = json.deserialize::<Strict>().unwrap_err();
    insta::assert_snapshot!(error, @"the key `a` stands there twice");
}

#[test]
fn the_first_document_counts() {
    let yaml = read("a: 1\n---\na: 2\n", Format::Yaml);
    let map: HashMap<&str, u8> = yaml.deserialize().unwrap();
    assert_eq!(map, HashMap::from([("a", 1)]));
    let none = Document::from_tree(Vec::new(), Format::Yaml);
    assert!(none.deserialize::<HashMap<&str, u8>>().is_err());
}

//! serde_yaml as a second opinion, on texts that mean the same to both: those
//! without merges, octal numbers, underscores, and words of YAML 1.1.

use std::collections::BTreeMap;

use go_yaml::emit::{Emitter, Profile, Start};
use go_yaml::resolve::{Resolved, resolve};
use go_yaml::{Comments, Limits, de};
use proptest::prelude::*;
use serde_json::{Number, Value};

fn ours(text: &str) -> Value {
    de::from_str(text, &Limits::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn theirs(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        "[-+.0-9:eExo_]{1,8}",
        "[ -~]{0,20}",
        "[ -~\n\té€\u{85}\u{2028}]{0,40}",
        Just("yes".to_owned()),
        Just("<<".to_owned()),
        Just("null".to_owned()),
        Just("2001-01-01".to_owned()),
    ]
    .prop_filter("the same to both", |text| !is_number_of_yaml11(text))
}

/// Whether only go-yaml takes a text for a number: `1_000`, `012`, `0B1`.
fn is_number_of_yaml11(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']).as_bytes();
    let zero = matches!(digits, [b'0', b'0'..=b'9' | b'b' | b'B' | b'O' | b'X', ..]);
    resolve(text) != Resolved::Str && (zero || text.contains('_'))
}

/// As a key, `<<` merges.
fn any_key() -> impl Strategy<Value = String> {
    any_text().prop_filter("no merge", |text| text != "<<")
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter_map("finite", Number::from_f64)
            .prop_map(Value::Number),
        any_text().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(any_key(), inner, 0..6)
                .prop_map(|map: BTreeMap<_, _>| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn write(yaml: &mut Emitter<String>, value: &Value, flow: bool) -> std::fmt::Result {
    let start = Start {
        flow,
        ..Start::default()
    };
    match value {
        Value::Null => yaml.plain("null", Comments::NONE),
        Value::Bool(value) => yaml.plain(value, Comments::NONE),
        Value::Number(value) => match value.as_f64().filter(|_| value.is_f64()) {
            // A whole number stays a float.
            Some(float) => yaml.plain(format_args!("{float:e}"), Comments::NONE),
            None => yaml.plain(value, Comments::NONE),
        },
        Value::String(text) => yaml.string(text, Comments::NONE),
        Value::Array(items) => {
            yaml.sequence_start(start)?;
            items.iter().try_for_each(|item| write(yaml, item, flow))?;
            yaml.sequence_end(Comments::NONE)
        }
        Value::Object(entries) => {
            yaml.mapping_start(start)?;
            for (key, value) in entries {
                yaml.string(key, Comments::NONE)?;
                write(yaml, value, flow)?;
            }
            yaml.mapping_end(Comments::NONE)
        }
    }
}

proptest! {
    #[test]
    fn what_serde_yaml_writes(value in any_value()) {
        let text = serde_yaml::to_string(&value).unwrap();
        prop_assert_eq!(&theirs(&text), &value, "{}", text);
        prop_assert_eq!(ours(&text), value, "{}", text);
    }

    #[test]
    fn what_go_yaml_writes(value in any_value(), flow: bool) {
        let mut yaml = Emitter::new(String::new(), Profile::v3(4));
        yaml.document_start("").unwrap();
        write(&mut yaml, &value, flow).unwrap();
        yaml.document_end("").unwrap();
        let text = yaml.into_inner();
        prop_assert_eq!(&ours(&text), &value, "{}", text);
        // libyaml's reader folds U+0085 and its sisters otherwise, and 1.2
        // has no `!!merge`.
        if !text.contains(['\u{85}', '\u{2028}']) && !text.contains("<<") {
            prop_assert_eq!(theirs(&text), value, "{}", text);
        }
    }

    #[test]
    fn any_tokens(tokens in prop::collection::vec(prop_oneof![
        Just("a"), Just("b"), Just("- "), Just(": "), Just("\n"), Just("\n  "), Just("["), Just("]"),
        Just("{"), Just("}"), Just(", "), Just("&x "), Just("*x"), Just("12"), Just("1.5"), Just("'q'"),
        Just("\"d\""), Just("# c\n"), Just("true"), Just("- ~\n"), Just("!!str "), Just("? "),
    ], 0..12)) {
        let text = tokens.concat();
        let ours: Result<Value, _> = de::from_str(&text, &Limits::default());
        let theirs: Result<Value, _> = serde_yaml::from_str(&text);
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours, theirs, "{:?}", text);
        }
    }

    #[test]
    fn no_text_panics(text in "[-?:,\\[\\]{}#&*!|>'\"%@`<~a-b0-1. \n]{0,40}") {
        let _ = de::from_str::<Value>(&text, &Limits::default());
        let _ = de::from_str::<BTreeMap<String, Option<Vec<i8>>>>(&text, &Limits::default());
    }
}

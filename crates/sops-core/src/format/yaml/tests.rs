//! Judged by what the YAML store of sops 3.13.2 (comments stay inline) and
//! 3.12.2 (comments move above) made of 1,631 documents.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::{read, write};
use crate::format::Style;
use crate::secret::SecretBuf;
use crate::tree::{Comment, List, ListItem, Mapping, MappingItem, Tree, Value};
use crate::{ErrorKind, Timestamp};

fn vectors(release: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../../testdata/vectors/yaml-docs-{release}.jsonl"));
    let text = std::fs::read_to_string(path).expect("the vectors are in testdata");
    let lines = text.split('\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).expect("one JSON value a line"))
        .collect()
}

/// The tree in the vectors' own notation.
fn notation(tree: &Tree) -> Json {
    match tree.is_empty() {
        true => Json::Null,
        false => tree.iter().map(mapping).collect(),
    }
}

fn mapping(mapping: &Mapping) -> Json {
    let item = |item: &MappingItem| match item {
        MappingItem::Comment(comment) => self::comment(comment),
        MappingItem::Entry { key, value } => {
            json!({ "key": lossy(key.as_bytes()), "keytype": "string", "value": self::value(value) })
        }
    };
    mapping.items.iter().map(item).collect()
}

fn list(list: &List) -> Json {
    let item = |item: &ListItem| match item {
        ListItem::Comment(comment) => self::comment(comment),
        ListItem::Value(value) => self::value(value),
    };
    let items: Vec<Json> = list.items.iter().map(item).collect();
    json!({ "list": items })
}

fn comment(comment: &Comment) -> Json {
    json!({ "comment": lossy(comment.text.as_bytes()), "inline": comment.inline })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn value(value: &Value) -> Json {
    match value {
        Value::Null => "<nil>:<nil>".into(),
        Value::Bool(value) => format!("bool:{value}").into(),
        Value::Int(value) => format!("int:{value}").into(),
        Value::Float(value) => format!("float64:{}", go_yaml::number::general(*value)).into(),
        Value::String(text) => format!("string:{}", lossy(text.as_bytes())).into(),
        Value::Time(time) => format!("time.Time:{}", go_display(time)).into(),
        Value::Mapping(nested) => mapping(nested),
        Value::List(items) => list(items),
    }
}

/// A time as Go's `String` method prints it.
fn go_display(time: &Timestamp) -> String {
    let rfc3339 = time.to_rfc3339_nano();
    let (date, clock) = rfc3339.split_once('T').expect("a date and a time");
    match clock.strip_suffix('Z') {
        Some(clock) => format!("{date} {clock} +0000 UTC"),
        None => {
            let (clock, zone) = clock.split_at(clock.len() - 6);
            let zone = zone.replace(':', "");
            format!("{date} {clock} {zone} {zone}")
        }
    }
}

/// Documents that sops loads but can neither encrypt nor decrypt: it fails at
/// the walk. Here reading fails.
const REFUSED_LATER_BY_SOPS: [&str; 3] = [
    "a: 0x1F\nb: 0o17\nc: 017\nd: 1e3\ne: .inf\nf: -.inf\ng: .nan\nh: 1_000\ni: 0b11\nj: 1.0\nk: 18446744073709551615\n",
    "a: 9223372036854775808\n",
    "1: a\n2.5: b\ntrue: c\n~: d\n2001-01-01: e\n",
];

#[test]
fn reads_what_sops_reads() {
    let mut wrong = Vec::new();
    let vectors = vectors("3.13.2");
    for vector in &vectors {
        let text = vector["in"].as_str().expect("an input");
        let ours = read(text.as_bytes());
        let right = match (&ours, vector.get("err")) {
            (Ok(tree), None) => notation(tree) == vector["docs"],
            (Err(_), Some(_)) => true,
            (Err(error), None) => {
                error.kind() == ErrorKind::Unsupported && REFUSED_LATER_BY_SOPS.contains(&text)
            }
            _ => false,
        };
        if !right {
            let ours = ours
                .map(|tree| notation(&tree).to_string())
                .map_err(|e| e.to_string());
            wrong.push(format!(
                "{text:?}\n  sops: {}{}\n  ours: {ours:?}",
                vector["docs"], vector["err"]
            ));
        }
    }
    println!(
        "{} documents, {} read otherwise",
        vectors.len(),
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn writes_what_sops_writes() {
    for (release, inline_comments) in [("3.13.2", true), ("3.12.2", false)] {
        let style = Style {
            yaml_indent: 4,
            json_indent: None,
            inline_comments,
        };
        let mut wrong = Vec::new();
        let mut total = 0;
        for vector in vectors(release)
            .iter()
            .filter(|vector| vector.get("err").is_none())
        {
            let text = vector["in"].as_str().expect("an input");
            if REFUSED_LATER_BY_SOPS.contains(&text) {
                continue;
            }
            total += 1;
            let tree = read(text.as_bytes()).expect("a document that sops reads");
            let mut out = SecretBuf::default();
            write(&tree, &style, &mut out).expect("a tree from YAML can be written as YAML");
            let ours = String::from_utf8_lossy(out.as_bytes());
            if ours != vector["out"].as_str().expect("an output") {
                wrong.push(format!(
                    "{text:?}\n  sops: {}\n  ours: {ours:?}",
                    vector["out"]
                ));
            }
        }
        println!(
            "{release}: {total} documents, {} written otherwise",
            wrong.len()
        );
        assert!(
            wrong.is_empty(),
            "{} wrong\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

/// As sops 3.11.0 and 3.13.2 do: in the first document.
#[test]
fn under_a_merge_key_there_are_mappings() {
    for good in [
        "<<: {}\n",
        "<<: []\n",
        "a: &x {c: d}\n<<: *x\n",
        "a: &x {c: d}\n<<: [*x, {e: f}]\n",
        "\"<<\": x\n",
        "!!str <<: x\n",
        "a: &k <<\nb: {*k : x}\n",
        "a: b\n---\n<<: x\n",
    ] {
        assert!(read(good.as_bytes()).is_ok(), "{good}");
    }
    for bad in [
        "<<: null\n",
        "<<:\n",
        "<<: x\n",
        "!!merge \"<<\": x\n",
        "<<: [x]\n",
        "<<: [[]]\n",
        "n: [{<<: x}]\n",
        "a: &x y\n<<: *x\n",
        "a: &x [{c: d}]\n<<: *x\n",
    ] {
        let error = read(bad.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax, "{bad}");
        assert!(error.message().contains("under <<"), "{error}");
    }
}

//! Trees as SOPS holds them, written as SOPS writes them: judged by what two
//! releases made of 1,631 documents. No parser is involved.

use std::fmt::{Result, Write as _};
use std::path::Path;

use go_yaml::emit::{Emitter, Profile, Start};
use go_yaml::{Comments, Timestamp, number};
use serde_json::Value;

type Yaml = Emitter<String>;

#[test]
fn writes_trees_as_sops_3_13_does() {
    judge("yaml-docs-3.13.2.jsonl", 1604);
}

#[test]
fn writes_trees_as_sops_3_12_does() {
    judge("yaml-docs-3.12.2.jsonl", 1604);
}

fn judge(file: &str, expected_total: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let vectors = std::fs::read_to_string(path.join(file)).expect("the vectors are in testdata");
    let mut wrong = Vec::new();
    let mut total = 0;
    for line in vectors.split('\n').filter(|line| !line.is_empty()) {
        let vector: Value = serde_json::from_str(line).expect("one JSON value a line");
        let Some(expected) = vector["out"].as_str() else {
            continue;
        };
        total += 1;
        let mut yaml = Emitter::new(String::new(), Profile::v3(4));
        for document in vector["docs"].as_array().into_iter().flatten() {
            write_document(&mut yaml, document).expect("a string takes all");
        }
        let got = yaml.into_inner();
        if got != expected {
            wrong.push(format!(
                "{}\n  sops: {expected:?}\n  ours: {got:?}",
                vector["docs"]
            ));
        }
    }
    println!("{file}: {total} documents, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(total, expected_total);
}

fn write_document(yaml: &mut Yaml, document: &Value) -> Result {
    yaml.document_start("")?;
    write_mapping(yaml, items(document), Comments::NONE)?;
    yaml.document_end("")
}

/// The comments collected since the last entry (sops-format §8.4).
#[derive(Default)]
struct Buffer {
    own_lines: String,
    inline: String,
}

impl Buffer {
    fn push(&mut self, item: &Value) {
        let inline = item["inline"].as_bool().unwrap_or(false);
        let text = if inline {
            &mut self.inline
        } else {
            &mut self.own_lines
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push('#');
        text.push_str(item["comment"].as_str().expect("a comment has a text"));
    }

    fn all<'a>(items: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut buffer = Buffer::default();
        for item in items {
            buffer.push(item);
        }
        buffer
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_comment(item: &Value) -> bool {
    item.get("comment").is_some()
}

fn write_mapping(yaml: &mut Yaml, items: &[Value], comments: &Comments<'_>) -> Result {
    let entries = items
        .iter()
        .rposition(|item| !is_comment(item))
        .map_or(0, |last| last + 1);
    let (items, leftover) = items.split_at(entries);
    let leftover = Buffer::all(leftover).own_lines;
    if items.is_empty() {
        yaml.mapping_start(Start {
            head: &joined(&comments.head, &leftover),
            ..Start::default()
        })?;
        return yaml.mapping_end(comments);
    }
    let mut buffer = Buffer::default();
    let mut started = false;
    for (i, item) in items.iter().enumerate() {
        if is_comment(item) {
            buffer.push(item);
            continue;
        }
        let Buffer { own_lines, inline } = std::mem::take(&mut buffer);
        let mut head = own_lines.as_str();
        if !started {
            yaml.mapping_start(Start {
                head: &joined(&comments.head, head),
                ..Start::default()
            })?;
            started = true;
            head = "";
        }
        let foot = if i + 1 == entries {
            leftover.as_str()
        } else {
            ""
        };
        write_scalar(
            yaml,
            item["keytype"].as_str(),
            item["key"].as_str().unwrap_or(&item["key"].to_string()),
            &Comments::borrowed(head, "", foot),
        )?;
        write_value(yaml, &item["value"], &Comments::borrowed("", &inline, ""))?;
    }
    yaml.mapping_end(comments)
}

fn write_list(yaml: &mut Yaml, items: &[Value], comments: &Comments<'_>) -> Result {
    let values = items
        .iter()
        .rposition(|item| !is_comment(item))
        .map_or(0, |last| last + 1);
    let (items, leftover) = items.split_at(values);
    let leftover = Buffer::all(leftover).own_lines;
    if items.is_empty() {
        yaml.sequence_start(Start {
            head: &joined(&comments.head, &leftover),
            ..Start::default()
        })?;
        return yaml.sequence_end(comments);
    }
    let mut buffer = Buffer::default();
    let mut started = false;
    for (i, item) in items.iter().enumerate() {
        if is_comment(item) {
            buffer.push(item);
            continue;
        }
        let Buffer { own_lines, inline } = std::mem::take(&mut buffer);
        let mut head = own_lines.as_str();
        if !started {
            yaml.sequence_start(Start {
                head: &joined(&comments.head, head),
                ..Start::default()
            })?;
            started = true;
            head = "";
        }
        let foot = if i + 1 == values {
            leftover.as_str()
        } else {
            ""
        };
        write_value(yaml, item, &Comments::borrowed(head, &inline, foot))?;
    }
    yaml.sequence_end(comments)
}

fn joined(first: &str, second: &str) -> String {
    let between = if first.is_empty() || second.is_empty() {
        ""
    } else {
        "\n"
    };
    format!("{first}{between}{second}")
}

fn write_value(yaml: &mut Yaml, value: &Value, comments: &Comments<'_>) -> Result {
    match value {
        Value::String(text) => {
            let (kind, text) = text.split_once(':').expect("type:value");
            write_scalar(yaml, Some(kind), text, comments)
        }
        Value::Object(list) => write_list(yaml, items(&list["list"]), comments),
        mapping => write_mapping(yaml, items(mapping), comments),
    }
}

fn write_scalar(
    yaml: &mut Yaml,
    kind: Option<&str>,
    text: &str,
    comments: &Comments<'_>,
) -> Result {
    match kind {
        Some("string") => yaml.string(text, comments),
        Some("<nil>") => yaml.plain("null", comments),
        Some("float64") => {
            let value = number::parse_float(text).expect("a number");
            yaml.plain(number::yaml(value), comments)
        }
        Some("time.Time") => {
            let time = Timestamp::parse_rfc3339(text).unwrap_or_else(|| moment(text));
            yaml.plain(time, comments)
        }
        Some("int" | "uint64" | "bool") => yaml.plain(text, comments),
        kind => panic!("unknown type {kind:?}"),
    }
}

/// `2001-12-14 21:59:43.1 +0530 +0530`, as Go prints moments.
fn moment(text: &str) -> Timestamp {
    let [date, time, zone, _] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("a moment has four parts");
    };
    let (hours, minutes) = zone.split_at(3);
    let mut rfc3339 = String::new();
    write!(rfc3339, "{date}T{time}{hours}:{minutes}").expect("a string takes all");
    Timestamp::parse_rfc3339(&rfc3339).expect("a moment")
}

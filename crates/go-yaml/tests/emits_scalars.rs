//! Strings and numbers in every position: judged by what SOPS 3.13.2 and
//! sigs.k8s.io/yaml made of them, byte for byte.

use std::fmt::Result;
use std::path::Path;

use base64::Engine as _;
use go_yaml::emit::{Emitter, Profile, Start, first_forbidden_char};
use go_yaml::resolve::{Resolved, resolve};
use go_yaml::{Comments, Kind, Limits, ScalarStyle, number, parse};
use serde_json::Value;

type Yaml = Emitter<String>;

fn vectors(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let text = std::fs::read_to_string(path.join(file)).expect("the vectors are in testdata");
    // Some strings hold U+2028: `lines` of other languages would split there.
    let lines = text.split('\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).expect("one JSON value a line"))
        .collect()
}

/// What goes into the places of a document.
enum Input {
    Bytes(Vec<u8>),
    Float(f64),
}

impl Input {
    fn write(&self, yaml: &mut Yaml) -> Result {
        match self {
            Input::Bytes(bytes) => yaml.bytes(bytes, Comments::NONE),
            Input::Float(value) => yaml.plain(number::yaml(*value), Comments::NONE),
        }
    }

    /// Whether go-yaml writes null for it, or a wrong indentation digit where
    /// the text is not indented by that much (sops-yaml-emitter §3.4).
    fn is_damaged_by_go(&self, below_sequence: bool) -> bool {
        let Input::Bytes(bytes) = self else {
            return false;
        };
        let starts_blank = matches!(bytes.first(), Some(b' ' | b'\n'));
        bytes.contains(&b'\n')
            && (bytes.first() == Some(&b'\t') || (starts_blank && below_sequence))
    }
}

fn write(profile: Profile, body: impl FnOnce(&mut Yaml) -> Result) -> String {
    let mut yaml = Emitter::new(String::new(), profile);
    let result = yaml
        .document_start("")
        .and_then(|()| yaml.mapping_start(Start::default()))
        .and_then(|()| body(&mut yaml))
        .and_then(|()| yaml.mapping_end(Comments::NONE))
        .and_then(|()| yaml.document_end(""));
    result.expect("a string takes all");
    yaml.into_inner()
}

fn text(yaml: &mut Yaml, text: &str) -> Result {
    yaml.string(text, Comments::NONE)
}

fn write_position(position: &str, input: &Input) -> String {
    let indent = if position == "nested" { 2 } else { 4 };
    write(Profile::v3(indent), |yaml| {
        if position == "key" {
            input.write(yaml)?;
            return text(yaml, "v");
        }
        text(yaml, "k")?;
        match position {
            "value" => {
                input.write(yaml)?;
                text(yaml, "z")?;
                yaml.plain(1, Comments::NONE)
            }
            "item" => {
                yaml.sequence_start(Start::default())?;
                input.write(yaml)?;
                yaml.plain(1, Comments::NONE)?;
                yaml.sequence_end(Comments::NONE)
            }
            "mapitem" => {
                yaml.sequence_start(Start::default())?;
                yaml.mapping_start(Start::default())?;
                for key in ["a", "b"] {
                    text(yaml, key)?;
                    input.write(yaml)?;
                }
                yaml.mapping_end(Comments::NONE)?;
                yaml.sequence_end(Comments::NONE)
            }
            "nested" => {
                yaml.mapping_start(Start::default())?;
                text(yaml, "a")?;
                input.write(yaml)?;
                yaml.mapping_end(Comments::NONE)
            }
            position => panic!("unknown position {position}"),
        }
    })
}

#[test]
fn writes_scalars_as_sops_does() {
    let mut wrong = Vec::new();
    let mut same = 0;
    let mut repaired = 0;
    for vector in vectors("yaml-scalars.jsonl") {
        let source = &vector["in"];
        let input = if let Some(text) = source["S"].as_str() {
            Input::Bytes(text.as_bytes().to_vec())
        } else if let Some(bytes) = source["B64"].as_str() {
            let engine = base64::engine::general_purpose::STANDARD;
            Input::Bytes(engine.decode(bytes).expect("base64"))
        } else {
            Input::Float(source["F"].as_f64().expect("a number"))
        };
        for position in ["value", "item", "mapitem", "nested", "key"] {
            let Some(expected) = vector[position].as_str() else {
                continue;
            };
            let got = write_position(position, &input);
            if !reads_back(&got, position, &input) {
                wrong.push(format!("{position} {source} does not read back: {got:?}"));
            }
            let below_sequence = matches!(position, "item" | "mapitem");
            match (got == expected, input.is_damaged_by_go(below_sequence)) {
                (true, _) => same += 1,
                (false, true) => {
                    repaired += 1;
                    println!("repaired, {position}: {source}");
                }
                (false, false) => wrong.push(format!(
                    "{position} {source}\n  sops: {expected:?}\n  ours: {got:?}"
                )),
            }
        }
    }
    println!(
        "yaml-scalars: {same} the same, {repaired} repaired, {} wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the parser finds the input where it was put.
fn reads_back(yaml: &str, position: &str, input: &Input) -> bool {
    let Input::Bytes(bytes) = input else {
        return true;
    };
    let Ok(documents) = parse(yaml, &Limits::default()) else {
        return false;
    };
    let document = &documents[0];
    let mut id = document.root().expect("a root");
    let steps: &[&str] = match position {
        "key" => &["key"],
        "value" => &["value"],
        "item" => &["value", "item"],
        "mapitem" => &["value", "item", "value"],
        _ => &["value", "value"],
    };
    for step in steps {
        id = match (&document.node(id).kind, *step) {
            (Kind::Mapping { entries, .. }, "key") => entries[0].0,
            (Kind::Mapping { entries, .. }, "value") => entries[0].1,
            (Kind::Sequence { items, .. }, "item") => items[0],
            _ => return false,
        };
    }
    let node = document.node(id);
    let Kind::Scalar { value, style } = &node.kind else {
        return false;
    };
    match node.tag() {
        Some("!!binary") => {
            let text = value.replace('\n', "");
            let engine = base64::engine::general_purpose::STANDARD;
            engine.decode(text).expect("base64") == *bytes
        }
        Some("!!merge") => value.as_bytes() == bytes,
        None => {
            let is_string = *style != ScalarStyle::Plain || resolve(value) == Resolved::Str;
            is_string && value.as_bytes() == bytes
        }
        Some(_) => false,
    }
}

#[test]
fn writes_secrets_as_kubernetes_does() {
    let mut wrong = Vec::new();
    let mut same = 0;
    let mut refused = 0;
    for vector in vectors("secret-scalars.jsonl") {
        let input = vector["in"].as_str().expect("an input");
        let forbidden = first_forbidden_char(input).is_some();
        if vector["err"] != "" {
            refused += 1;
            if !forbidden {
                wrong.push(format!("{input:?} cannot be carried"));
            }
            continue;
        }
        let value = write(Profile::v2(), |yaml| {
            text(yaml, "stringData")?;
            yaml.mapping_start(Start::default())?;
            for part in ["k", input, "z", "1"] {
                text(yaml, part)?;
            }
            yaml.mapping_end(Comments::NONE)
        });
        let key = write(Profile::v2(), |yaml| {
            text(yaml, "stringData")?;
            yaml.mapping_start(Start::default())?;
            text(yaml, input)?;
            text(yaml, "v")?;
            yaml.mapping_end(Comments::NONE)
        });
        for (position, got) in [("value", value), ("key", key)] {
            let expected = vector[position].as_str().expect("an output");
            if got == expected {
                same += 1;
            } else if expected.is_empty() && position == "key" && input.len() >= 1024 {
                println!(
                    "a key of {} bytes: sigs cannot read its own JSON",
                    input.len()
                );
            } else if input.contains('\u{85}') && forbidden {
                println!("refused, {position}: {input:?}, which sigs turns into {expected:?}");
            } else {
                wrong.push(format!(
                    "{position} {input:?}\n  sigs: {expected:?}\n  ours: {got:?}"
                ));
            }
        }
    }
    println!(
        "secret-scalars: {same} the same, {refused} refused, {} wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

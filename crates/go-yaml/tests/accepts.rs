//! Which texts are YAML: judged by what go-yaml said of 1,631 documents.

use std::path::Path;

use go_yaml::{Limits, parse};

#[test]
fn accepts_and_refuses_what_go_yaml_does() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/yaml-docs-3.13.2.jsonl");
    let vectors = std::fs::read_to_string(path).expect("the vectors are in testdata");
    let mut wrong = Vec::new();
    let mut total = 0;
    for line in vectors.split('\n').filter(|line| !line.is_empty()) {
        let vector: serde_json::Value = serde_json::from_str(line).expect("one JSON value a line");
        let text = vector["in"].as_str().expect("an input");
        // What a text means (duplicate keys, values that do not fit their tag,
        // a root that is no mapping) is the caller's to judge.
        let expected = vector
            .get("err")
            .and_then(|e| e.as_str())
            .filter(|e| !is_about_meaning(e));
        total += 1;
        let result = parse(text, &Limits::default());
        if result.is_err() != expected.is_some() {
            wrong.push(format!(
                "{text:?}\n  go-yaml: {expected:?}\n  ours: {:?}",
                result.err()
            ));
        }
    }
    println!("{total} documents, {} judged otherwise", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_about_meaning(error: &str) -> bool {
    error == "EOF"
        || ["unmarshal errors", "contains itself", "cannot decode"]
            .iter()
            .any(|about| error.contains(about))
}

//! Parsed documents, written back with their styles: judged by what KSOPS
//! printed as ResourceLists, and by hand.

use std::path::Path;

use go_yaml::emit::{Emitter, Profile};
use go_yaml::resolve::{Resolved, resolve};
use go_yaml::{Document, Kind, Limits, Node, ScalarStyle, parse};

fn write_back(text: &str) -> String {
    let mut yaml = Emitter::new(String::new(), Profile::kyaml());
    for document in parse(text, &Limits::default()).expect("YAML") {
        yaml.document(&document).expect("a string takes all");
    }
    yaml.into_inner()
}

/// What KSOPS printed is in its final form: writing it again changes nothing.
#[test]
fn resource_lists_stay_as_they_are() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/corpus/ksops");
    let mut total = 0;
    for case in std::fs::read_dir(corpus).expect("the corpus is in testdata") {
        let path = case.expect("a folder").path().join("krm.out");
        let Ok(expected) = std::fs::read_to_string(&path) else {
            continue;
        };
        total += 1;
        assert_eq!(write_back(&expected), expected, "{}", path.display());
    }
    println!("{total} ResourceLists, none differs");
    assert_eq!(total, 42);
}

/// Comments may move or be lost on the way, nothing else.
#[test]
fn documents_read_back() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/yaml-docs-3.13.2.jsonl");
    let vectors = std::fs::read_to_string(path).expect("the vectors are in testdata");
    let mut total = 0;
    for line in vectors.split('\n').filter(|line| !line.is_empty()) {
        let vector: serde_json::Value = serde_json::from_str(line).expect("one JSON value a line");
        let text = vector["in"].as_str().expect("an input");
        let Ok(documents) = parse(text, &Limits::default()) else {
            continue;
        };
        total += 1;
        let again = write_back(text);
        let read = parse(&again, &Limits::default());
        let read = read.unwrap_or_else(|error| panic!("{error}\n{text}\nas\n{again}"));
        let before: Vec<String> = documents.iter().map(outline).collect();
        let after: Vec<String> = read.iter().map(outline).collect();
        assert_eq!(before, after, "{text}\nas\n{again}");
    }
    println!("{total} documents read back");
    assert!(total > 1500);
}

/// A document without comments, styles and places. A null has no text, and
/// the tag of a merge key is there whether it was written or not.
fn outline(document: &Document<'_>) -> String {
    let mut outline = String::new();
    let mut rest: Vec<_> = document.root().into_iter().collect();
    while let Some(id) = rest.pop() {
        let node = document.node(id);
        let tag = node.tag().filter(|tag| *tag != "!!merge" && *tag != "!");
        outline += &format!("{tag:?} {:?} ", node.anchor());
        match &node.kind {
            Kind::Scalar { value, style } => {
                let plain = *style == ScalarStyle::Plain;
                outline += &match resolve(value) {
                    Resolved::Null if plain => "null".to_owned(),
                    Resolved::Str | Resolved::Merge => format!("text {value:?}"),
                    _ if plain => format!("other {value:?}"),
                    _ => format!("text {value:?}"),
                };
            }
            Kind::Sequence { items, .. } => {
                outline += &format!("sequence of {}", items.len());
                rest.extend(items.iter().rev());
            }
            Kind::Mapping { entries, .. } => {
                outline += &format!("mapping of {}", entries.len());
                rest.extend(entries.iter().rev().flat_map(|(k, v)| [v, k]));
            }
            Kind::Alias(_) => outline += "alias",
        }
        outline.push('\n');
    }
    outline
}

#[test]
fn styles_are_kept() {
    for text in [
        "a: 'x'\nb: \"y\"\nc: z\n",
        "a: {b: c, d: [1, 'two']}\ne: []\nf: {}\n",
        "a: |-\n  x\n  y\nb: |+\n  z\n\nc: >-\n  one two\n\n  three\n",
        "a: >\n  one\n\n  two\n   more\n  indented\n\n",
        "a: >-\n  one\n   more\n  indented\n",
        "# head\na: 1 # line\n# foot\n\nb: # on the key\n  c: d\n",
        "a: &x\n  b: 1\nc: *x\n",
        "a: !local x\nb: !!set {y: null}\nc: !!int \"3\"\nd: !<tag:example.org,2000:e%20f> g\n",
        "- a\n- - b\n  - c\n- d: e\n  f: g\n",
        "a:\n- b\n- c:\n  - d\n",
        "? |-\n  two\n  lines\n: value\n",
        "? [a, b]\n: c\n",
        "a:\nb: ''\nc: \"\"\n",
        "a: |2-\n   x\n  y\n",
        "- |2-\n   x\n  y\n",
    ] {
        assert_eq!(write_back(text), text);
    }
}

#[test]
fn layout_is_not_kept() {
    for (text, expected) in [
        ("a:   1   # x\n", "a: 1 # x\n"),
        ("a:\n    - b\n", "a:\n- b\n"),
        ("{a: 1,b: [2,3] }", "{a: 1, b: [2, 3]}\n"),
        ("a: one\n  two\n\n  three\n", "a: |-\n  one two\n  three\n"),
        ("---\na: 1\n...\n---\nb: 2\n", "a: 1\n---\nb: 2\n"),
        // As a mapping key that was read; go-yaml tags it.
        ("<<: {a: 1}\n", "!!merge <<: {a: 1}\n"),
        // go-yaml would write '', which is not null.
        ("{a, ? }", "{a: null, null: null}\n"),
        ("a: ! b\n", "a: b\n"),
    ] {
        assert_eq!(write_back(text), expected);
    }
}

#[test]
fn an_anchor_is_needed_for_an_alias() {
    let mut document = Document::new();
    let target = document.add(Node::scalar("x"));
    let alias = document.add(Node::new(go_yaml::Kind::Alias(target)));
    document.set_root(alias);
    let mut yaml = Emitter::new(String::new(), Profile::kyaml());
    assert!(yaml.document(&document).is_err());
}

#[test]
fn depth_costs_no_stack() {
    let deep = 100_000;
    let mut document = Document::new();
    let mut id = document.add(Node::scalar("x"));
    for _ in 0..deep {
        id = document.add(Node::new(go_yaml::Kind::Sequence {
            items: vec![id],
            flow: true,
        }));
    }
    document.set_root(id);
    let mut yaml = Emitter::new(String::new(), Profile::kyaml());
    yaml.document(&document).expect("a string takes all");
    assert_eq!(yaml.into_inner().len(), 2 * deep + 2);
}

/// A comment runs to the end of its line: nothing of a flow collection may
/// come after it there. Comments at up to three places of each text.
#[test]
fn flow_collections_with_comments_read_back() {
    let long = format!("\"{}\"", "long ".repeat(30));
    let templates = [
        "{ ? a : b , c : d }",
        "{ ? a , ? b }",
        "{ ? [ a ] : [ b ] , ? { c : d } : { e } }",
        "{ ? LONG : [ b ] , LONG : { c : d } , e : LONG }",
        "[ a , b , { c : d } , [ e ] , f : g , ? h : i ]",
        "[ ? LONG : { } , [ ] ]",
        "k: { ? LONG : { ? LONG : b } }\n",
        "{ ? &x { a : b } : *x , ? *x : !t c }",
    ];
    let mut written = 0;
    for template in templates {
        let tokens: Vec<&str> = template.split(' ').collect();
        let gaps = tokens.len();
        for (one, two, three) in
            (0..gaps).flat_map(|a| (a..gaps).flat_map(move |b| (b..gaps).map(move |c| (a, b, c))))
        {
            let mut text = String::new();
            for (at, token) in tokens.iter().enumerate() {
                text += token;
                text += if [one, two, three].contains(&at) {
                    " # c\n "
                } else {
                    " "
                };
            }
            let text = text.replace("LONG", &long);
            let Ok(documents) = parse(&text, &Limits::default()) else {
                continue;
            };
            written += 1;
            let again = write_back(&text);
            let read = parse(&again, &Limits::default());
            let read = read.unwrap_or_else(|error| panic!("{error}\n{text}\nas\n{again}"));
            let before: Vec<String> = documents.iter().map(outline).collect();
            let after: Vec<String> = read.iter().map(outline).collect();
            assert_eq!(before, after, "{text}\nas\n{again}");
        }
    }
    println!("{written} texts");
    assert!(written > 1000);
}

//! Files made to hurt: each bound of `limits` has its own error, and the
//! deepest file that is accepted fits on the stack of a thread.

mod forged;
mod shapes;

use std::thread;

use sops_core::{
    Document, Error, ErrorKind, Format, Keyring, Plain, Style, limits,
    metadata::Rule,
    tree::{Mapping, Tree, Value},
};

use crate::support::{keyring, options};

fn error(text: &str, format: Format) -> Error {
    match Document::parse_plain(text.as_bytes(), format) {
        Ok(_) => panic!("accepted: {:.60}", text),
        Err(error) => error,
    }
}

/// The text is refused as being too much of this.
fn too_much(text: &str, format: Format, of: &str) {
    let error = error(text, format);
    assert_eq!(error.kind(), ErrorKind::Limit, "{text:.60}: {error}");
    assert!(error.to_string().contains(of), "{text:.60}: {error}");
}

/// One document for each level of a billion laughs, or all in one mapping.
fn laughs(level: impl Fn(usize) -> String, first: &str) -> String {
    let mut text = first.to_owned();
    for n in 1..10 {
        text.push_str(&level(n));
    }
    text
}

fn nine(text: &str) -> String {
    [text; 9].join(", ")
}

#[test]
fn aliases_do_not_explode() {
    let values = laughs(
        |n| format!("l{n}: &l{n} [{}]\n", nine(&format!("*l{}", n - 1))),
        "l0: &l0 [x]\n",
    );
    too_much(&values, Format::Yaml, "aliases expanded");
    // To sops a merge key is a key like any other.
    let merges = laughs(
        |n| format!("l{n}: &l{n} {{<<: [{}]}}\n", nine(&format!("*l{}", n - 1))),
        "l0: &l0 {x: y}\n",
    );
    too_much(&merges, Format::Yaml, "aliases expanded");
    // Anchors outlive their document.
    let documents = laughs(
        |n| format!("---\nl: &l{n} [{}]\n", nine(&format!("*l{}", n - 1))),
        "l: &l0 [x]\n",
    );
    too_much(&documents, Format::Yaml, "too many");
    // A key is text, so nothing grows in it.
    let keys = laughs(
        |n| format!("? &l{n} [{}]\n: x\n", nine(&format!("*l{}", n - 1))),
        "? &l0 [x]\n: x\n",
    );
    assert_eq!(error(&keys, Format::Yaml).kind(), ErrorKind::Syntax);
}

#[test]
fn aliases_of_a_long_text() {
    let long = "x".repeat(1 << 20);
    let values = format!("a: &a {long}\nb: [{}]\n", ["*a"; 80].join(", "));
    too_much(&values, Format::Yaml, "MiB of text");
    let inside = format!("a: &a [{long}]\nb: [{}]\n", ["*a"; 80].join(", "));
    too_much(&inside, Format::Yaml, "MiB of text");
    let comments = format!("a: &a [x] #{long}\nb: [{}]\n", ["*a"; 80].join(", "));
    too_much(&comments, Format::Yaml, "MiB of text");
    // The second document, where a key may be repeated.
    let keys = format!("a: &a {long}\n---\n{}", "? *a\n: x\n".repeat(80));
    too_much(&keys, Format::Yaml, "MiB of text");
    // Few aliases are fine, and aliases of short texts.
    let few = format!("a: &a {long}\nb: [{}]\n", ["*a"; 8].join(", "));
    assert!(Document::parse_plain(few.as_bytes(), Format::Yaml).is_ok());

    let escaped = format!("a: &a \"\\t{}\"\n", "x".repeat(1 << 20));
    let documents = format!("{escaped}{}", "---\na: *a\n".repeat(400));
    too_much(&documents, Format::Yaml, "too many nodes");
}

#[test]
fn tag_prefixes_are_short() {
    let text = |len: usize| format!("%TAG !a! {}\n---\na: !a!b c\n", "x".repeat(len));
    too_much(&text(100_000), Format::Yaml, "prefix");
    assert!(Document::parse_plain(text(60).as_bytes(), Format::Yaml).is_ok());
}

#[test]
fn an_alias_of_what_it_is_in() {
    for text in [
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "&a a: *a\nb: &b {c: &d [*b]}\n",
    ] {
        let error = error(text, Format::Yaml);
        assert_eq!(error.kind(), ErrorKind::Syntax, "{error}");
        assert!(error.to_string().contains("contains it"), "{error}");
    }
    too_much("a: &a [*a]\n---\nb: *a\n", Format::Yaml, "levels deep");
}

#[test]
fn depth() {
    let n = 100_000;
    for text in [
        format!("a: {}", "[".repeat(n)),
        format!("a: {}{}", "[".repeat(n), "]".repeat(n)),
        format!("a: {}", "{a: ".repeat(n)),
        format!("a: {}", "[a: ".repeat(n)),
        "- ".repeat(n),
        "? ".repeat(n),
        "? - ".repeat(n),
        "- ? ".repeat(n),
    ] {
        too_much(&text, Format::Yaml, "deep");
    }
    let mut block = String::new();
    for level in 0..2_000 {
        block.push_str(&format!("{}a:\n", " ".repeat(level)));
    }
    too_much(&block, Format::Yaml, "deep");
    // Dashes at the column of their key are a level of their own.
    let mut dashes = String::from("a:\n");
    for level in 0..1_000 {
        dashes.push_str(&format!("{}- a:\n", "  ".repeat(level)));
    }
    too_much(&dashes, Format::Yaml, "deep");
    // Through aliases, each level of which is flat.
    let mut aliases = String::from("l0: &l0 [x]\n");
    for level in 1..1_000 {
        aliases.push_str(&format!("l{level}: &l{level} [*l{}]\n", level - 1));
    }
    too_much(&aliases, Format::Yaml, "deep");

    too_much(&format!("{{\"a\": {}", "[".repeat(n)), Format::Json, "deep");
    too_much(&"{\"a\": ".repeat(n), Format::Json, "deep");

    for text in [
        format!("A=1\nsops_a{}=1\n", "__map_b".repeat(n)),
        format!("A=1\nsops_a{}=1\n", "__list_0".repeat(n)),
    ] {
        let error = Document::parse(text.as_bytes(), Format::Dotenv).map(|_| ());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit);
    }
    let text = format!("[sops]\na{} = 1\n", "__map_b".repeat(n));
    let error = Document::parse(text.as_bytes(), Format::Ini).map(|_| ());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn documents_and_size() {
    let text = |n| "---\n".repeat(n);
    too_much(
        &text(limits::DOCUMENTS + 1),
        Format::Yaml,
        "too many documents",
    );
    let most = Document::parse_plain(text(limits::DOCUMENTS).as_bytes(), Format::Yaml);
    assert_eq!(most.unwrap().tree().len(), limits::DOCUMENTS);

    let large = vec![b' '; limits::FILE_SIZE + 1];
    for format in Format::ALL {
        let error = Document::parse_plain(&large, format)
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("64 MiB"), "{error}");
        let error = Document::parse(&large, format).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
    // As much as is allowed is read, in one text.
    let binary = Document::parse_plain(&large[1..], Format::Binary).unwrap();
    assert!(binary.to_bytes(Format::Binary, &Style::default()).is_ok());
}

fn plain(text: &str, format: Format) -> Document<Plain> {
    Document::parse_plain(text.as_bytes(), format).unwrap()
}

#[test]
fn a_small_file_does_not_become_a_huge_one() {
    // Every item on a line of its own, indented by its depth.
    let items = "1, ".repeat(300_000);
    let depth = limits::DEPTH - 10;
    let yaml = format!("a: {}[{items}]{}", "{a: ".repeat(depth), "}".repeat(depth));
    let document = plain(&yaml, Format::Yaml);
    let error = document
        .to_bytes(Format::Yaml, &Style::default())
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(error.to_string().contains("256 MiB"), "{error}");
    let deep = Style::default().with_json_indent(Some(8));
    let error = document.to_bytes(Format::Json, &deep).map(|_| ());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn warnings_are_bounded() {
    let key = "é".repeat(2_000);
    let plain = plain(&format!("? {key}\n: a: x\n"), Format::Yaml);
    let encrypted = plain
        .encrypt(&options(Rule::default()), &Keyring::new())
        .unwrap();
    let encrypted = String::from_utf8(encrypted).unwrap();
    // Comments in clear where encrypted ones belong: sops reads such files.
    let comments = "    # c\n".repeat(2 * limits::WARNINGS);
    let encrypted = encrypted.replacen("\n:", &format!("\n:\n{comments}   "), 1);
    let document = Document::parse(encrypted.as_bytes(), Format::Yaml).unwrap();
    let document = document.decrypt(&keyring(&["age-a.txt"])).unwrap();
    assert_eq!(document.warnings().len(), limits::WARNINGS);
    for warning in document.warnings() {
        assert!(warning.key_path().len() <= limits::SHOWN_PATH + '…'.len_utf8());
    }
}

/// Reads, encrypts, decrypts, and writes in every format.
fn everywhere(text: &str, format: Format) {
    let plain = plain(text, format);
    if let Ok(encrypted) = plain.encrypt(&options(Rule::default()), &Keyring::new()) {
        let document = Document::parse(&encrypted, format).unwrap();
        let document = document.decrypt(&keyring(&["age-a.txt"])).unwrap();
        assert!(document.tree() == plain.tree());
    }
    for format in Format::ALL {
        let _ = plain.to_bytes(format, &Style::default());
    }
    plain.flatten();
    let _ = plain.extract("[\"a\"]", format, &Style::default());
    drop(plain);
}

#[test]
fn the_deepest_file_fits_on_the_stack_of_a_thread() {
    let deepest = |open: &str, inner: &str, close: &str| {
        // One level less for each that the format needs itself.
        (1..=limits::DEPTH)
            .rev()
            .map(|n| format!("{}{inner}{}", open.repeat(n), close.repeat(n)))
            .find(|text| Document::parse_plain(text.as_bytes(), Format::Yaml).is_ok())
            .unwrap()
    };
    let mut block = String::new();
    for level in 0..limits::DEPTH {
        block.push_str(&format!("{}a:\n", " ".repeat(level)));
    }
    let mut aliases = String::from("l0: &l0 [x]\n");
    for level in 1..limits::DEPTH - 1 {
        aliases.push_str(&format!("l{level}: &l{level} [*l{}]\n", level - 1));
    }
    let mut documents = String::from("l: &l0 [x]\n");
    for level in 1..100 {
        documents.push_str(&format!("---\nl: &l{level} [*l{}]\n", level - 1));
    }
    let nested = deepest("{a: ", "1", "}");
    let texts = vec![
        nested.clone(),
        nested.replace("{a: ", "{\"a\": "),
        format!(
            "x: {}",
            deepest("{a: ", "1", "}")
                .replacen("{a: ", "", 1)
                .replacen('}', "", 1)
        ),
        deepest("{a: [", "1", "]}"),
        block,
        aliases,
        documents,
        deepest("{a: ", "[x, {}, []]", "}"),
    ];
    let run = move || {
        for text in texts {
            everywhere(&text, Format::Yaml);
            if text.starts_with("{\"") {
                everywhere(&text, Format::Json);
            }
        }
    };
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(run);
    thread.unwrap().join().unwrap();
}

/// A tree made by hand may be of any depth; dropping it is not our business,
/// refusing it is.
#[test]
fn a_tree_made_by_hand() {
    let mut tree: Tree = vec![Mapping::default()];
    for _ in 0..limits::DEPTH + 1 {
        let mut outer = Mapping::default();
        outer.push("a", Value::Mapping(tree.remove(0)));
        tree.push(outer);
    }
    let document = Document::from_tree(tree, Format::Yaml);
    let error = document
        .encrypt(&options(Rule::default()), &Keyring::new())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn comments_are_counted() {
    let comments = "#c\n".repeat(limits::NODES + 1);
    for text in [
        format!("{comments}a: b\n"),
        format!("a: b\n{comments}"),
        format!("a:\n{comments}    b: c\n"),
        format!("a:\n    - b\n{comments}    - c\n"),
    ] {
        let error = Document::<Plain>::parse_plain(text.as_bytes(), Format::Yaml).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    }
}

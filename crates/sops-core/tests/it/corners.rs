//! Corners that neither the corpus nor the vectors come to.

use sops_core::{
    Document, EncryptOptions, ErrorKind, Format, Plain, Style, metadata::Metadata, query::Step,
    tree::Value,
};

use crate::support::{keyring, show};

const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

fn read(bytes: &[u8]) -> Document<Plain> {
    Document::parse_plain(bytes, Format::Yaml).unwrap()
}

fn written(document: &Document<Plain>, format: Format) -> String {
    show(&document.to_bytes(format, &Style::default()).unwrap())
}

fn refused(bytes: &[u8]) -> String {
    let error = Document::parse_plain(bytes, Format::Yaml).map(|_| ());
    error.unwrap_err().to_string()
}

#[test]
fn utf_16_with_a_byte_order_mark() {
    let text = "a: é€\n";
    let units = || std::iter::once(0xFEFF).chain(text.encode_utf16());
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    assert_eq!(written(&read(&little), Format::Yaml), text);
    assert_eq!(written(&read(&big), Format::Yaml), text);
    assert_eq!(refused(&big[..big.len() - 1]), "not valid UTF-16");
    assert_eq!(refused(b"\xFF\xFE\x00\xD8"), "not valid UTF-16");
    assert_eq!(refused(b"a: 1\nb: \xFF\n"), "line 2: not valid UTF-8");
}

#[test]
fn anchors_of_an_earlier_document() {
    let document = read(b"a: &a {b: [x], c: &c \"y\\t\"}\n---\nd: *a\ne: *c\n---\n*a\n");
    let json = |n: usize| {
        let one = Document::from_tree(vec![document.tree()[n].clone()], Format::Json);
        written(&one, Format::Json).replace(['\n', '\t'], "")
    };
    assert_eq!(json(1), r#"{"d": {"b": ["x"],"c": "y\t"},"e": "y\t"}"#);
    assert_eq!(json(2), r#"{"b": ["x"],"c": "y\t"}"#);
}

#[test]
fn directives() {
    let tagged = read(b"%TAG !e! tag:yaml.org,2002:\n%YAML 1.1 # c\n---\na: !e!str 1\n...\n...\n");
    assert_eq!(tagged.tree()[0].get("a").and_then(Value::as_str), Some("1"));
    for (text, why) in [
        ("%YAML 1.1\n%YAML 1.1\n---\na: 1\n", "duplicate %YAML"),
        ("%YAML 1\n---\na: 1\n", "version number"),
        ("%YAML 1.1 x\n---\na: 1\n", "comment or line break"),
        ("%TAG e x\n---\na: 1\n", "tag handle"),
        ("%TAG !e!x\n---\na: 1\n", "tag handle"),
        ("%TAG !e!\n---\na: 1\n", "whitespace"),
        ("%TAG !e! \n---\na: 1\n", "tag URI"),
        ("%TAG !e! x\n%TAG !e! y\n---\na: 1\n", "duplicate %TAG"),
        ("a: !e!x 1\n", "undefined tag handle"),
        ("a: !<> 1\n", "tag URI"),
        ("a: !<x 1\n", "'>'"),
        ("a: !%4 1\n", "escaped octet"),
        ("a: |0\n  x\n", "equal to 0"),
        ("a: \"x\n---\n\"\n", "document indicator"),
    ] {
        let error = refused(text.as_bytes());
        assert!(error.contains(why), "{text:?}: {error}");
    }
}

#[test]
fn single_values() {
    let document = read(b"a: [1, [2], {b: x}]\nn: 1.5\n");
    let extract = |path, format| {
        let extracted = document.extract(path, format, &Style::default());
        extracted.map(|text| show(&text)).map_err(|e| e.to_string())
    };
    assert_eq!(extract("[\"n\"]", Format::Json).unwrap(), "1.5");
    assert_eq!(extract("[\"a\"][1]", Format::Json).unwrap(), "[\n\t2\n]");
    assert!(
        extract("[\"n\"]", Format::Dotenv)
            .unwrap_err()
            .contains("stand alone")
    );
    assert!(extract("[\"a\"][7]", Format::Json).is_err());
    let b: [Step; 3] = ["a".to_owned().into(), 2.into(), "b".into()];
    assert_eq!(document.get(&b).unwrap().as_str(), Some("x"));
}

#[test]
fn what_encryption_needs() {
    let options = EncryptOptions::new([sops_core::keys::Recipient::age(RECIPIENT)]);
    let as_json = options.clone().with_format(Format::Json);
    let two = read(b"a: 1\n---\nb: 1\n");
    let error = two
        .encrypt(&as_json, &sops_core::Keyring::new())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encrypt);
    assert!(error.to_string().contains("2 documents"), "{error}");

    let encrypted = two.encrypt(&options, &sops_core::Keyring::new()).unwrap();
    let parse = || Document::parse(&encrypted, Format::Yaml).unwrap();
    parse().verify(&keyring(&["age-a.txt"])).unwrap();
    let error = parse().verify(&keyring(&["age-b.txt"])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataKey);
}

/// Keys that only other programs can use are kept as they are.
#[test]
fn keys_of_other_kinds() {
    let block = "\
gcp_kms:
- {resource_id: r, created_at: 2024-01-01T00:00:00Z, enc: e}
hckms:
- {key_id: k, created_at: 2024-01-01T00:00:00Z, enc: e}
azure_kv:
- {vault_url: u, name: n, version: v, created_at: 2024-01-01T00:00:00Z, enc: e}
hc_vault:
- {vault_address: a, engine_path: p, key_name: k, created_at: 2024-01-01T00:00:00Z, enc: e}
lastmodified: 2024-01-01T00:00:00Z
mac: m
version: 3.13.2
";
    let tree = read(block.as_bytes()).tree()[0].clone();
    let metadata = Metadata::from_mapping(&tree).unwrap();
    let kinds: Vec<_> = metadata.keys().map(|key| key.kind().name()).collect();
    assert_eq!(kinds, ["gcp_kms", "hckms", "azure_kv", "hc_vault"]);
    let again = Metadata::from_mapping(&metadata.to_mapping()).unwrap();
    assert!(again == metadata);
}

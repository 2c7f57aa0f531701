//! What each fuzz target does with its bytes: no bytes may panic, overflow
//! the stack or loop, and what is read must be written so that it reads back
//! the same.
//!
//! Ordinary tests include this file, and run the same checks on saved inputs.

use std::{collections::BTreeMap, path::Path, sync::OnceLock};

use base64::Engine;
use go_yaml::{
    Kind, Limits, Node, ScalarStyle,
    emit::{Emitter, Profile},
    resolve::{Resolved, resolve},
};
use ksops_rs::{
    env_file,
    generate::{Part, Rendered},
    generator::{Generator, SecretSource},
    krm,
    secret::Secret,
};
use sops_core::{
    Document, EncryptOptions, ErrorKind, Format, Keyring, Plain, Style, WarningKind,
    cipher::Sealed,
    config::Config,
    keys::{Effort, KeyService, Recipient, WrappedKey},
    metadata::{Metadata, Rule},
    tree::{List, Mapping, Text, Value},
};
use sops_pgp::Pgp;

/// What a target does with its bytes.
pub type Check = fn(&[u8]);

/// Every target with its name.
pub const TARGETS: &[(&str, Check)] = &[
    ("yaml", yaml),
    ("json", json),
    ("dotenv", dotenv),
    ("ini", ini),
    ("binary", binary),
    ("sealed", sealed),
    ("metadata", metadata),
    ("wrapped_key", wrapped_key),
    ("identities", identities),
    ("generator", generator),
    ("resource_list", resource_list),
    ("env_file", env_file),
    ("secret", secret),
    ("go_yaml", go_yaml),
    ("config", config),
    ("deserializer", deserializer),
    ("pgp_message", pgp_message),
    ("keybox", keybox),
    ("private_key", private_key),
    ("added", added),
];

const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

/// The keys of the corpus, none of which protects anything.
fn keyring() -> &'static Keyring {
    static KEYRING: OnceLock<Keyring> = OnceLock::new();
    KEYRING.get_or_init(|| {
        let mut keyring = Keyring::new();
        let _ = keyring.add_identities(include_str!("../../testdata/corpus/keys/age-a.txt"));
        let _ = keyring.add_identities(include_str!("../../testdata/corpus/keys/age-pq.txt"));
        let _ = keyring.add_ssh_key(include_str!("../../testdata/corpus/keys/ssh-ed25519"));
        keyring
    })
}

/// An encrypted JSON file whose only value is `"x"`.
fn encrypted() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| {
        let plain = Document::parse_plain(br#"{"a": "x"}"#, Format::Json).expect("JSON");
        let options = EncryptOptions::new([sops_core::keys::Recipient::age(RECIPIENT)]);
        let bytes = plain
            .encrypt(&options, &Keyring::new())
            .expect("a recipient is there");
        String::from_utf8(bytes).expect("JSON is UTF-8")
    })
}

/// Opens that file with the text between two of its marks replaced: whatever
/// is there instead, the only value that can come out is the one encrypted.
fn open_with(start: &str, end: &str, replacement: &[u8]) {
    let file = encrypted();
    let from = file.find(start).expect("the mark is there") + start.len();
    let to = from + file[from..].find(end).expect("the mark is there");
    let mut text = Mapping::default();
    text.push("a", Value::String(replacement.into()));
    let json = Document::from_tree(vec![text], Format::Json)
        .to_bytes(Format::Json, &Style::default())
        .expect("JSON takes every text");
    let json = std::str::from_utf8(&json).expect("JSON is UTF-8");
    // `{\n\t"a": "…"\n}\n`
    let escaped = &json[9..json.len() - 4];
    let changed = format!("{}{escaped}{}", &file[..from], &file[to..]);
    let document = Document::parse(changed.as_bytes(), Format::Json);
    if let Ok(document) = document.and_then(|document| document.decrypt(keyring())) {
        let value = document.tree()[0].get("a").and_then(Value::as_str);
        assert_eq!(value, Some("x"), "a forged value was accepted");
    }
}

/// An `ENC[…]` text.
pub fn sealed(data: &[u8]) {
    let _ = Sealed::parse(data);
    open_with("\"a\": \"", "\"", data);
}

/// The armored age file of a data key.
pub fn wrapped_key(data: &[u8]) {
    open_with("\"enc\": \"", "\"", data);
}

/// An identity file.
pub fn identities(data: &[u8]) {
    let mut keyring = Keyring::new();
    let _ = keyring.add_identities(data);
    let _ = keyring.add_ssh_key(data);
    let document = Document::parse(encrypted().as_bytes(), Format::Json).expect("our own file");
    if keyring.can_open(document.metadata()) {
        return;
    }
    // Nothing of a key may be in a message.
    let report = keyring.report(document.metadata()).to_string();
    assert!(!report.contains("AGE-SECRET-KEY-1"), "{report}");
}

/// A PGP key, which protects nothing.
const ALICE: &[u8] = include_bytes!("../../crates/sops-pgp/testdata/alice.sec.asc");

/// The fingerprint of that key.
const ALICE_NAME: &str = "CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC";

/// The name of its private half in a home of GnuPG.
const ALICE_KEYGRIP: &str = "E8ED0DF0CEA2FDB9FDA55DE634577EDBA538D69D";

fn alice() -> Pgp {
    let mut pgp = Pgp::default();
    let _ = pgp.add_keys(ALICE);
    pgp
}

/// An entry for Alice, which holds 32 bytes.
fn for_alice() -> &'static WrappedKey {
    static KEY: OnceLock<WrappedKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let to = Recipient::pgp(ALICE_NAME);
        alice()
            .wrap(&to, &vec![7; 32].into())
            .expect("a key that is fit")
    })
}

/// A PGP message for Alice, before it is armored.
pub fn pgp_message(data: &[u8]) {
    let text = base64::prelude::BASE64_STANDARD.encode(data);
    let enc = format!("-----BEGIN PGP MESSAGE-----\n\n{text}\n-----END PGP MESSAGE-----");
    let key = WrappedKey::new(Recipient::pgp(ALICE_NAME), enc);
    if let Ok(secret) = alice().unwrap(&key, Effort::AtHand) {
        assert!(secret.as_bytes().len() <= 64 << 10);
    }
}

/// A home of GnuPG for one process: files by their names.
fn in_home(files: &[(&str, &[u8])]) {
    let home = std::env::temp_dir().join(format!(
        "sops-pgp-fuzz-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(home.join("private-keys-v1.d")).expect("a folder");
    for (name, bytes) in files {
        std::fs::write(home.join(name), bytes).expect("a file");
    }
    let mut pgp = Pgp::default();
    pgp.add_home(&home);
    if let Ok(secret) = pgp.unwrap(for_alice(), Effort::AtHand) {
        assert_eq!(secret.as_bytes(), [7; 32]);
    }
    let _ = pgp.wrap(&Recipient::pgp(ALICE_NAME), &vec![7; 32].into());
    let _ = pgp.survey();
    let _ = std::fs::remove_dir_all(&home);
}

/// `pubring.kbx`, and the same bytes as a ring without a box.
pub fn keybox(data: &[u8]) {
    in_home(&[("pubring.kbx", data), ("pubring.gpg", data)]);
}

/// A private key: as it is exported, and as gpg-agent keeps it.
pub fn private_key(data: &[u8]) {
    let mut pgp = Pgp::default();
    let _ = pgp.add_keys(data);
    if let Ok(secret) = pgp.unwrap(for_alice(), Effort::AtHand) {
        assert_eq!(secret.as_bytes(), [7; 32]);
    }
    let _ = pgp.wrap(&Recipient::pgp(ALICE_NAME), &vec![7; 32].into());
    let agent = format!("private-keys-v1.d/{ALICE_KEYGRIP}.key");
    in_home(&[("pubring.gpg", ALICE), (&agent, data)]);
}

/// The `sops` block, from YAML.
pub fn metadata(data: &[u8]) {
    let Ok(document) = Document::parse_plain(data, Format::Yaml) else {
        return;
    };
    let Some(block) = document.tree().first() else {
        return;
    };
    if let Ok(read) = Metadata::from_mapping(block) {
        let again = Metadata::from_mapping(&read.to_mapping());
        assert!(again.is_ok_and(|again| again == read), "metadata changes");
    }
}

/// A YAML file of sops, plain or encrypted.
pub fn yaml(data: &[u8]) {
    file(data, Format::Yaml);
}

/// A JSON file.
pub fn json(data: &[u8]) {
    file(data, Format::Json);
}

/// A dotenv file.
pub fn dotenv(data: &[u8]) {
    file(data, Format::Dotenv);
}

/// An INI file.
pub fn ini(data: &[u8]) {
    file(data, Format::Ini);
}

/// A binary file.
pub fn binary(data: &[u8]) {
    file(data, Format::Binary);
}

fn file(data: &[u8], format: Format) {
    if let Ok(document) = Document::parse(data, format) {
        let _ = document.recipients().count();
        if let Ok(document) = document.decrypt(keyring()) {
            let _ = document.flatten();
            convert(&document);
        }
        if let Ok(document) = Document::parse(data, format)
            && let Ok(document) = document.decrypt_without_mac(keyring())
        {
            let _ = document.to_bytes(format, &Style::default());
        }
    }
    if let Ok(document) = Document::parse_plain(data, format) {
        let _ = document.flatten();
        convert(&document);
        encrypted_and_opened(&document);
    }
}

/// Encrypts a document and opens it: it is the same, and what a reader may
/// take for something else is told, neither more nor less.
fn encrypted_and_opened(document: &Document<Plain>) {
    let format = document.format();
    let options = EncryptOptions::new([Recipient::age(RECIPIENT)]);
    let Ok(file) = document.encrypt(&options, &Keyring::new()) else {
        return;
    };
    let opened = Document::parse(&file, format).and_then(|file| file.decrypt(keyring()));
    let Ok(opened) = opened else {
        panic!("encrypted so that it cannot be opened:\n{}", show(&file));
    };
    assert!(
        same_documents(document.tree(), opened.tree()),
        "opened as something else:\n{}",
        show(&file)
    );
    let warned = |which: fn(&WarningKind) -> bool| {
        let mut kinds = opened.warnings().iter().map(|warning| warning.kind());
        kinds.any(|kind| which(&kind))
    };
    // Sections of INI files are compared in a way of their own.
    if format != Format::Ini {
        let repeats = opened.tree().iter().any(repeats_a_key);
        let is_warned = warned(|kind| matches!(kind, WarningKind::RepeatedKey { .. }));
        assert_eq!(repeats, is_warned, "a key twice:\n{}", show(&file));
    }
    let empty = opened.tree().iter().any(|document| {
        let mut entries = document.entries();
        entries.any(|(key, value)| !has_clear_suffix(key) && is_empty(value))
    });
    let is_warned = warned(|kind| *kind == WarningKind::EmptyValue);
    assert!(!empty || is_warned, "an empty value:\n{}", show(&file));
}

/// Whether the rule of new files leaves what is under a key in clear.
fn has_clear_suffix(key: &Text) -> bool {
    key.as_bytes().ends_with(b"_unencrypted")
}

/// Whether a value is an empty text or null.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// The secret of the files that [`added`] adds something to.
const SECRET: &str = "hunter2";

/// A file as it is listed in a generator: its name, a manifest, and how it
/// reads in plain.
struct Listed {
    name: &'static str,
    generator: &'static str,
    plain: &'static str,
}

const LISTED: [Listed; 5] = [
    Listed {
        name: "a.env",
        generator: "secretFrom: [{metadata: {name: s}, envs: [a.env]}]",
        plain: "URL=x\npassword=hunter2\nLAST=y\n",
    },
    Listed {
        name: "a.yaml",
        generator: "files: [a.yaml]",
        plain: "kind: Secret\nmetadata:\n    name: a\nstringData:\n    url: x\n    password: hunter2\n---\nkind: ConfigMap\nmetadata:\n    name: b\n",
    },
    Listed {
        name: "a.json",
        generator: "files: [a.json]",
        plain: r#"{"kind": "Secret", "metadata": {"name": "a"}, "stringData": {"url": "x", "password": "hunter2"}}"#,
    },
    Listed {
        name: "a.ini",
        generator: "secretFrom: [{metadata: {name: s}, files: [a.ini]}]",
        plain: "[s]\nurl = x\npassword = hunter2\n",
    },
    Listed {
        name: "a.bin",
        generator: "secretFrom: [{metadata: {name: s}, files: [password=a.bin]}]",
        plain: "hunter2",
    },
];

/// Bytes that somebody without a key puts somewhere into a good file: where
/// the plugin takes it, the secret is what it was under its name, and under no
/// other. The first byte says which file, two more where.
pub fn added(data: &[u8]) {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let encrypt = |listed: &Listed| {
            let plain = listed.plain.as_bytes();
            let format = Format::from_path(listed.name);
            let plain = Document::parse_plain(plain, format).expect("our own file");
            let mut options = EncryptOptions::new([Recipient::age(RECIPIENT)]);
            if listed.generator.starts_with("files") {
                options = options.with_rule(Rule::EncryptedRegex("^(data|stringData)$".into()));
            }
            plain
                .encrypt(&options, &Keyring::new())
                .expect("a recipient")
        };
        LISTED.iter().map(encrypt).collect()
    });
    let [which, high, low, text @ ..] = data else {
        return;
    };
    let which = usize::from(*which) % LISTED.len();
    let (listed, file) = (&LISTED[which], &files[which]);
    let place = usize::from(u16::from_be_bytes([*high, *low])) % (file.len() + 1);
    // Most of what is to be found is at the start of a line.
    let place = match place % 4 {
        0 => place,
        _ => file[..place]
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1),
    };
    let changed = [&file[..place], text, &file[place..]].concat();
    let Some(printed) = rendered(listed, &changed) else {
        return;
    };
    let documents = Document::parse_plain(&printed, Format::Yaml);
    let Ok(documents) = documents else {
        // Under `files` whatever was read is printed, and must be YAML.
        panic!("prints what is none:\n{}", show(&printed));
    };
    let mut found = 0;
    for document in documents.tree() {
        let texts = document
            .entries()
            .filter(|(key, _)| key.as_str() == Some("stringData"));
        for (key, value) in texts {
            each_text(key, value, &mut |key, text| {
                if listed.name != "a.ini" {
                    found += usize::from(is_secret(key, text, &changed));
                    return;
                }
                let ini = Document::parse_plain(text.as_bytes(), Format::Ini).expect("INI");
                for (name, section) in ini.tree().iter().flat_map(Mapping::entries) {
                    if name.as_str() == Some("s") {
                        each_text(name, section, &mut |key, text| {
                            found += usize::from(is_secret(key, text, &changed));
                        });
                    }
                }
            });
        }
    }
    assert_eq!(found, 1, "the secret is gone:\n{}", show(&changed));
}

/// Every text below a value, with the key nearest to it. Lists around a mapping
/// may be added without a key, and Kubernetes refuses them.
fn each_text(key: &Text, value: &Value, visit: &mut dyn FnMut(&Text, &str)) {
    match value {
        Value::Mapping(mapping) => mapping
            .entries()
            .for_each(|(key, value)| each_text(key, value, visit)),
        Value::List(list) => list.values().for_each(|value| each_text(key, value, visit)),
        Value::String(text) => visit(key, text.as_str().unwrap_or_default()),
        _ => {}
    }
}

/// Whether a value is the secret, which it must be where its key says so.
fn is_secret(key: &Text, value: &str, changed: &[u8]) -> bool {
    let is_secret = value == SECRET;
    assert_eq!(
        is_secret || value.contains(SECRET),
        key.as_str() == Some("password"),
        "the secret is under another name:\n{}",
        show(changed)
    );
    is_secret
}

/// What the plugin prints for a file.
fn rendered(listed: &Listed, file: &[u8]) -> Option<Vec<u8>> {
    let thread = std::thread::current().id();
    let process = std::process::id();
    let dir = std::env::temp_dir().join(format!("ksops-rs-fuzz-{process}-{thread:?}"));
    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(dir.join(listed.name), file).expect("a file");
    std::fs::write(dir.join("gen.yaml"), listed.generator).expect("a file");
    let key = include_str!("../../testdata/corpus/keys/age-a.txt");
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = ksops_rs::run(ksops_rs::Process {
        args: vec!["gen.yaml".into()],
        var: &|name| (name == "SOPS_AGE_KEY").then(|| key.into()),
        var_later: |_| None,
        dir: dir.clone(),
        parent_dir: None,
        stdin: Box::new(std::io::empty()),
        stdin_is_device: true,
        first_of_stdin: &|| Ok(Vec::new()),
        stdout: &mut stdout,
        stderr: &mut stderr,
        ask_passphrase: |_| None,
    });
    let _ = std::fs::remove_dir_all(&dir);
    assert!(code == 0 || stdout.is_empty());
    (code == 0).then_some(stdout)
}

/// Writes a document in every format. In its own it must read back.
fn convert(document: &Document<Plain>) {
    for inline_comments in [true, false] {
        let style = Style::default().with_inline_comments(inline_comments);
        for format in Format::ALL {
            let written = document.to_bytes(format, &style);
            if format != document.format() {
                continue;
            }
            let Ok(written) = written else {
                let can_hold_all = matches!(format, Format::Yaml | Format::Dotenv);
                assert!(!can_hold_all, "what was read cannot be written");
                continue;
            };
            // Keys that were told apart as written may be the same as read.
            if format == Format::Yaml && document.tree().iter().any(repeats_a_key) {
                continue;
            }
            // As sops writes these, they cannot be read: a text `<<` for a key
            // (a merge of what is no mapping), and a key of INI files that is
            // numbered, `#1`.
            let is_odd = |key: &Text| match format {
                Format::Yaml => key.as_str() == Some("<<"),
                Format::Ini => key.as_bytes().starts_with(b"#"),
                _ => false,
            };
            if document.tree().iter().any(|tree| any_key(tree, &is_odd)) {
                continue;
            }
            let again = Document::parse_plain(&written, format);
            let Ok(again) = again else {
                panic!("written so that it cannot be read:\n{}", show(&written));
            };
            assert!(
                same_documents(document.tree(), again.tree()),
                "reads back otherwise:\n{}",
                show(&written)
            );
        }
    }
}

fn show(bytes: &[u8]) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(bytes),
        bytes.escape_ascii()
    )
}

/// Whether a mapping has such a key, at any depth.
fn any_key(mapping: &Mapping, which: &dyn Fn(&Text) -> bool) -> bool {
    fn below(value: &Value, which: &dyn Fn(&Text) -> bool) -> bool {
        match value {
            Value::Mapping(mapping) => any_key(mapping, which),
            Value::List(list) => list.values().any(|value| below(value, which)),
            _ => false,
        }
    }
    let mut entries = mapping.entries();
    entries.any(|(key, value)| which(key) || below(value, which))
}

/// Whether a mapping has a key twice, at any depth.
pub fn repeats_a_key(mapping: &Mapping) -> bool {
    let mut keys: Vec<_> = mapping.entries().map(|(key, _)| key.as_bytes()).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    keys.len() < count || mapping.entries().any(|(_, value)| repeats_below(value))
}

fn repeats_below(value: &Value) -> bool {
    match value {
        Value::Mapping(mapping) => repeats_a_key(mapping),
        Value::List(list) => list.values().any(repeats_below),
        _ => false,
    }
}

/// Whether documents hold the same values in the same order. Comments aside,
/// which sops does not always keep.
pub fn same_documents(one: &[Mapping], other: &[Mapping]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same_mapping(a, b))
}

fn same_mapping(one: &Mapping, other: &Mapping) -> bool {
    one.entries().count() == other.entries().count()
        && one
            .entries()
            .zip(other.entries())
            .all(|((k, v), (l, w))| k == l && same(v, w))
}

fn same_list(one: &List, other: &List) -> bool {
    one.values().count() == other.values().count()
        && one.values().zip(other.values()).all(|(a, b)| same(a, b))
}

/// Whether two values are the same. A whole number is written without a
/// point, so it reads back as an integer.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Float(a), Value::Int(b)) => *a == *b as f64,
        (Value::Mapping(a), Value::Mapping(b)) => same_mapping(a, b),
        (Value::List(a), Value::List(b)) => same_list(a, b),
        _ => one == other,
    }
}

/// A generator manifest.
pub fn generator(data: &[u8]) {
    if let Ok(generator) = Generator::parse("fuzz", data) {
        for source in &generator.secrets {
            let _ = Secret::named(source).to_yaml();
        }
    }
}

/// A ResourceList, whose generators yield the input itself.
pub fn resource_list(data: &[u8]) {
    let answer = krm::answer(data, &mut |name, document, item| {
        let generator = Generator::from_node(name, document, item)?;
        let part = |text: &[u8], is_secret| Part {
            origin: name.to_owned(),
            text: std::sync::Arc::new(text.to_vec().into()),
            is_secret,
        };
        let mut parts = vec![part(data, false)];
        for source in &generator.secrets {
            parts.push(part(Secret::named(source).to_yaml()?.as_bytes(), true));
        }
        Ok(Rendered {
            parts,
            warnings: generator.warnings,
        })
    });
    if let Ok(answer) = answer {
        let documents = go_yaml::parse(&answer.text, &Limits::default());
        let documents = documents.expect("the answer is YAML");
        assert_eq!(documents.len(), 1);
    }
}

/// An env file.
pub fn env_file(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(file) = env_file::parse(text)
    {
        for statement in &file.statements {
            assert!(file.variables.contains_key(&*statement.name));
        }
    }
}

/// A text in a Secret, and a key.
pub fn secret(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for (key, value) in [("key", text), (text, "value")] {
        // No key of a Secret in Kubernetes: as it is printed it reads as a merge.
        if key == "<<" {
            continue;
        }
        let source = SecretSource {
            name: "secret".into(),
            ..SecretSource::default()
        };
        let mut secret = Secret::named(&source);
        secret.add_text(key.to_owned(), value.to_owned().into());
        secret.add_bytes(key.to_owned(), value.as_bytes());
        let Ok(yaml) = secret.to_yaml() else {
            continue;
        };
        let read = Document::parse_plain(yaml.as_bytes(), Format::Yaml);
        let read = read.unwrap_or_else(|error| panic!("{error}:\n{}", show(yaml.as_bytes())));
        let found = read.tree()[0].get("stringData").and_then(Value::as_mapping);
        let found = found.and_then(|data| data.get(key)).and_then(Value::as_str);
        assert!(found == Some(value), "{}", show(yaml.as_bytes()));
    }
}

/// YAML written with its styles, as ResourceLists are.
pub fn go_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let limits = Limits {
        nodes: 100_000,
        ..Limits::default()
    };
    let Ok(documents) = go_yaml::parse(text, &limits) else {
        return;
    };
    // Nothing is written for an empty document, as in go-yaml; ResourceLists
    // leave them out.
    let is_empty = |document: &go_yaml::Document<'_>| {
        let root = document.root().map(|root| document.node(root));
        root.is_none_or(|node| {
            matches!(&node.kind, Kind::Scalar { value, style: ScalarStyle::Plain } if value.is_empty())
        })
    };
    if documents.iter().any(is_empty) {
        return;
    }
    let mut yaml = Emitter::new(String::new(), Profile::kyaml());
    for document in &documents {
        yaml.document(document)
            .expect("what was read can be written");
    }
    let written = yaml.into_inner();
    let again = go_yaml::parse(&written, &limits)
        .unwrap_or_else(|error| panic!("{error}\n{}", show(written.as_bytes())));
    assert_eq!(documents.len(), again.len(), "{}", show(written.as_bytes()));
    for (one, other) in documents.iter().zip(&again) {
        let same = one.ids().count() == other.ids().count()
            && one
                .ids()
                .zip(other.ids())
                .all(|(a, b)| same_node(one.node(a), other.node(b)));
        assert!(same, "reads back otherwise:\n{}", show(written.as_bytes()));
    }
}

/// Whether two nodes mean the same. Nodes are numbered in the order of the
/// text, so their children can be compared by number.
fn same_node(one: &Node<'_>, other: &Node<'_>) -> bool {
    let kinds = match (&one.kind, &other.kind) {
        (Kind::Scalar { value, .. }, Kind::Scalar { value: other, .. }) => value == other,
        (Kind::Sequence { items, .. }, Kind::Sequence { items: other, .. }) => items == other,
        (Kind::Mapping { entries, .. }, Kind::Mapping { entries: other, .. }) => entries == other,
        (one, other) => one == other,
    };
    // A null may be written in other words.
    let null = meaning(one) == "!!null";
    (kinds || null) && meaning(one) == meaning(other) && one.anchor() == other.anchor()
}

/// The tag of a node, or the one that its text stands for.
fn meaning<'a>(node: &'a Node<'_>) -> &'a str {
    match (&node.kind, node.tag().filter(|tag| *tag != "!")) {
        (_, Some(tag)) => tag,
        (Kind::Scalar { value, style }, None) if *style == ScalarStyle::Plain => {
            match resolve(value) {
                Resolved::Null => "!!null",
                Resolved::Bool(_) => "!!bool",
                Resolved::Int(_) | Resolved::Uint(_) => "!!int",
                Resolved::Float(_) => "!!float",
                Resolved::Timestamp(_) => "!!timestamp",
                Resolved::Merge => "!!merge",
                Resolved::Str => "!!str",
            }
        }
        (Kind::Scalar { .. }, None) => "!!str",
        _ => "",
    }
}

/// A `.sops.yaml`: every error says what to do, and asking twice gives the
/// same.
pub fn config(data: &[u8]) {
    let refused = |error: sops_core::Error| {
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::Config | ErrorKind::Limit),
            "{error}"
        );
        assert!(error.advice().is_some(), "{error}");
    };
    let config = match Config::parse(data) {
        Ok(config) => config,
        Err(error) => return refused(error),
    };
    for path in ["p.yaml", "prod/secret.enc.yaml", "/w/\u{e9}.env", ""] {
        let path = Path::new(path);
        match config.creation_rule(path) {
            Ok(Some(rule)) => {
                let again = config.creation_rule(path).ok().flatten();
                let again = again.expect("the same rule again");
                assert!(rule.key_groups() == again.key_groups());
                assert!(!rule.key_groups().is_empty());
                if rule.has_groups() {
                    // Each recipient once.
                    for group in rule.key_groups() {
                        let mut names: Vec<_> = group
                            .iter()
                            .map(|recipient| (recipient.kind(), recipient.to_string()))
                            .collect();
                        names.sort();
                        names.dedup();
                        assert_eq!(names.len(), group.len());
                    }
                }
            }
            Ok(None) => {}
            Err(error) => refused(error),
        }
        if let Err(error) = config.destination_rule(path) {
            refused(error);
        }
    }
    for format in Format::ALL {
        match config.style(format) {
            Ok(style) => assert!((2..=9).contains(&style.yaml_indent)),
            Err(error) => refused(error),
        }
    }
}

/// YAML as a value: what is read is what its JSON, which is YAML, is read as.
pub fn deserializer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let limits = Limits {
        nodes: 100_000,
        ..Limits::default()
    };
    let _ = go_yaml::de::from_str::<BTreeMap<String, Option<Vec<i8>>>>(text, &limits);
    let _ = go_yaml::de::from_str::<Vec<(bool, f32, char)>>(text, &limits);
    let Ok(value) = go_yaml::de::from_str::<serde_json::Value>(text, &limits) else {
        return;
    };
    let json = value.to_string();
    // What cannot stand in a text as it is, and keys that are too long for one
    // line.
    if json.chars().any(|c| {
        matches!(
            c,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
    }) || has_long_key(&value)
    {
        return;
    }
    let again = go_yaml::de::from_str::<serde_json::Value>(&json, &Limits::default());
    match again {
        Ok(again) => assert!(again == value, "{}", show(data)),
        // Aliases of aliases may be more than are written in one piece.
        Err(error) => assert!(error.is_limit(), "{error}\n{}", show(data)),
    }
}

fn has_long_key(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Array(items) => items.iter().any(has_long_key),
        serde_json::Value::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.len() > 150 || has_long_key(value)),
        _ => false,
    }
}

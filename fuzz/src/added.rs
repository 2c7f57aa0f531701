//! Bytes that somebody without a key adds to a good file.

use std::sync::OnceLock;

use sops_core::{
    Document, EncryptOptions, Format, Keyring,
    keys::Recipient,
    metadata::Rule,
    tree::{Mapping, Text, Value},
};

use super::{RECIPIENT, show};

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

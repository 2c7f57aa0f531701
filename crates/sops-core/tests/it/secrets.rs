//! Secrets are planted in files of every format, the files are damaged in
//! thousands of ways, and nothing of what was planted may be seen: in no
//! error, and in the `Debug` of no public type.

use std::{
    collections::{BTreeSet, HashSet},
    error::Error as _,
};

use crate::support::{keyring, testdata};
use sops_core::{
    Document, EncryptOptions, Error, Format, Keyring, Style,
    age::Callbacks,
    cipher::Sealed,
    keys::{DataKey, Recipient, WrappedKey, shamir},
    metadata::Rule,
    query::Step,
    tree::{ListItem, MappingItem, Value},
};
use testkit::debugged::{Debugged, Opaque, Probe};
use zeroize::Zeroizing;

const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

/// Every run of this many characters of a secret is looked for.
const RUN: usize = 8;

const YAML: &str = "\
# Kc3Zx9Wn5Hf5Tz8Qw
note: Zq7xW2pLk9RtVb4Nm8Yd
pin: 48151623421337
rate: 48151.62342108
when: 2031-07-09T11:12:13Z
list:
    - Jx6Rm1Wd9TsQpLz3
    # Vn2Bq8Ky4Xs7Rd0Gh
    - [Mb4Ls9Qe2Zu6Ck8Ip]
nested:
    deep: |
        Lw5Hd7Xc2MvGt0Sk
        Pf9Ue4Yb6NzCj1Ra
    clear_unencrypted: Dy8Go3Ti5WxEm0Qv
";

const JSON: &str = r#"{
    "note": "Zq7xW2pLk9RtVb4Nm8Yd",
    "pin": 48151623421337,
    "rate": 48151.62342108,
    "list": ["Jx6Rm1Wd9TsQpLz3", ["Mb4Ls9Qe2Zu6Ck8Ip"]],
    "nested": {"deep": "Lw5Hd7Xc2MvGt0Sk\nPf9Ue4Yb6NzCj1Ra", "clear_unencrypted": "Dy8Go3Ti5WxEm0Qv"}
}"#;

const DOTENV: &str = "\
# Kc3Zx9Wn5Hf5Tz8Qw
NOTE=Zq7xW2pLk9RtVb4Nm8Yd
PIN=48151623421337
DEEP=Lw5Hd7Xc2MvGt0Sk\\nPf9Ue4Yb6NzCj1Ra
CLEAR_unencrypted=Dy8Go3Ti5WxEm0Qv
";

const INI: &str = "\
; Kc3Zx9Wn5Hf5Tz8Qw
note = Zq7xW2pLk9RtVb4Nm8Yd
[nested]
pin = 48151623421337
deep = \"\"\"Lw5Hd7Xc2MvGt0Sk
Pf9Ue4Yb6NzCj1Ra\"\"\"
clear_unencrypted = Dy8Go3Ti5WxEm0Qv
";

const BINARY: &str = "Zq7xW2pLk9RtVb4Nm8Yd\n\0Jx6Rm1Wd9TsQpLz3\n";

const FILES: [(Format, &str); 5] = [
    (Format::Yaml, YAML),
    (Format::Json, JSON),
    (Format::Dotenv, DOTENV),
    (Format::Ini, INI),
    (Format::Binary, BINARY),
];

const PLANTED: [&str; 12] = [
    "Kc3Zx9Wn5Hf5Tz8Qw",
    "Zq7xW2pLk9RtVb4Nm8Yd",
    "48151623421337",
    "48151.62342108",
    "4.815162342108e+04",
    "2031-07-09T11:12:13Z",
    "Jx6Rm1Wd9TsQpLz3",
    "Vn2Bq8Ky4Xs7Rd0Gh",
    "Mb4Ls9Qe2Zu6Ck8Ip",
    "Lw5Hd7Xc2MvGt0Sk",
    "Pf9Ue4Yb6NzCj1Ra",
    "Dy8Go3Ti5WxEm0Qv",
];

/// What must not be seen.
struct Secrets(HashSet<Vec<u8>>);

impl Secrets {
    fn planted() -> Self {
        let mut secrets = Secrets(HashSet::new());
        for secret in PLANTED {
            secrets.add(secret.as_bytes());
            // As a derived `Debug` shows bytes.
            secrets.add(numbers(secret.as_bytes()).as_bytes());
        }
        // As it would show a time.
        secrets.add(b"year: 2031");
        secrets
    }

    fn add(&mut self, secret: &[u8]) {
        assert!(secret.len() >= RUN);
        self.0.extend(secret.windows(RUN).map(<[u8]>::to_vec));
    }

    /// Encrypted values are to be seen as little as plain ones: the Base64
    /// between `data:` and `type:`, and the armor of wrapped keys.
    fn add_ciphertexts(&mut self, file: &[u8]) {
        let text = String::from_utf8(file.to_vec()).unwrap();
        for part in text.split("ENC[").skip(1) {
            let sealed = part.split(",type:").next().unwrap();
            for field in sealed.split([',', ':']) {
                if field.len() > RUN && field != "AES256_GCM" {
                    self.add(field.as_bytes());
                }
            }
        }
        for line in text.replace("\\n", "\n").lines() {
            if line.trim().len() == 64 {
                self.add(line.trim().as_bytes());
            }
        }
    }

    fn assert_not_in(&self, shown: &str) {
        for run in shown.as_bytes().windows(RUN) {
            assert!(
                !self.0.contains(run),
                "{:?} is shown in:\n{shown}",
                String::from_utf8_lossy(run)
            );
        }
    }
}

fn numbers(bytes: &[u8]) -> String {
    format!("{bytes:?}").trim_matches(['[', ']']).to_owned()
}

/// All that anybody could print of an error.
fn everything(error: &Error) -> String {
    let mut shown = format!("{error}\n{error:?}\n{error:#?}\n{:?}", error.advice());
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!("\n{cause}\n{cause:?}\n{cause:#?}");
        source = cause.source();
    }
    if let Some(report) = error.report() {
        let redacted = report.clone().redacted();
        shown += &format!("\n{report}\n{report:?}\n{redacted}\n{redacted:?}");
        shown += &serde_json::to_string(report).unwrap();
    }
    shown
}

fn encrypted(plain: &Document<sops_core::Plain>) -> Vec<u8> {
    let options = EncryptOptions::new([sops_core::keys::Recipient::age(RECIPIENT)]);
    plain.encrypt(&options, &Keyring::new()).unwrap()
}

/// A text with one small damage each, spread over all of it.
fn damaged(text: &[u8], places: usize) -> impl Iterator<Item = Vec<u8>> {
    const INSERTED: [&[u8]; 16] = [
        b"\"", b"'", b":", b": ", b"[", b"}", b"\n", b"\t", b"#", b"=", b"&", b"*", b"!", b"\\",
        b"\xff", b"\0",
    ];
    (0..places).flat_map(move |place| {
        let at = place * text.len() / places;
        let (before, after) = text.split_at(at);
        let inserted = INSERTED.map(|new| [before, new, after].concat());
        let removed = [before.to_vec(), [before, &after[1..]].concat()];
        inserted.into_iter().chain(removed)
    })
}

/// Errors of reading, decrypting and writing files, deduplicated.
#[derive(Default)]
struct Seen {
    errors: BTreeSet<String>,
    count: usize,
}

impl Seen {
    fn see<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.count += 1;
                self.errors.insert(everything(&error));
                None
            }
        }
    }

    fn decrypt(&mut self, file: &[u8], format: Format, keyring: &Keyring) {
        if let Some(document) = self.see(Document::parse(file, format)) {
            let warned = self.see(document.decrypt(keyring));
            for warning in warned.iter().flat_map(|document| document.warnings()) {
                self.errors.insert(format!("{warning}\n{warning:?}"));
            }
        }
    }
}

#[test]
fn no_error_shows_a_value() {
    let keyring = keyring(&["age-a.txt"]);
    let mut secrets = Secrets::planted();
    let mut seen = Seen::default();
    for (format, text) in FILES {
        let plain = Document::parse_plain(text.as_bytes(), format).unwrap();
        let file = encrypted(&plain);
        secrets.add_ciphertexts(&file);
        seen.decrypt(&file, format, &keyring);
        assert_eq!(seen.count, 0, "the file itself is good");

        for damaged in damaged(&file, 150) {
            seen.decrypt(&damaged, format, &keyring);
        }
        // Broken lines, wherever they break: that is where formats of lines
        // take values for keys.
        for at in 0..file.len() {
            let broken = [&file[..at], b"\n", &file[at..]].concat();
            seen.decrypt(&broken, format, &keyring);
        }
        // Values that decrypt, but not to what is said of them.
        let file = String::from_utf8(file).unwrap();
        for from in ["str", "int", "float", "time", "comment"] {
            for to in [
                "str", "int", "float", "time", "bool", "bytes", "comment", "x",
            ] {
                let file = file.replace(&format!("type:{from}]"), &format!("type:{to}]"));
                seen.decrypt(file.as_bytes(), format, &keyring);
            }
        }
        // Read as another format.
        for other in FILES.map(|(other, _)| other) {
            seen.decrypt(file.as_bytes(), other, &keyring);
            seen.decrypt(text.as_bytes(), other, &keyring);
        }
        assert!(seen.count > 500, "{format:?}: {}", seen.count);
        seen.count = 0;

        // Plain text, read and written.
        for damaged in damaged(text.as_bytes(), 60) {
            seen.see(Document::parse_plain(&damaged, format));
        }
        for other in FILES.map(|(other, _)| other) {
            seen.see(plain.to_bytes(other, &Style::default()));
            seen.see(plain.extract("[\"none\"]", other, &Style::default()));
            seen.see(plain.extract("[\"note\"][\"x\"]", other, &Style::default()));
            seen.see(plain.extract("[\"nested\"]", other, &Style::default()));
            seen.see(
                plain.encrypt(
                    &EncryptOptions::new([sops_core::keys::Recipient::age(RECIPIENT)])
                        .with_format(other),
                    &sops_core::Keyring::new(),
                ),
            );
        }
        seen.count = 0;
    }
    println!("{} different errors", seen.errors.len());
    assert!(seen.errors.len() > 100);
    for error in &seen.errors {
        secrets.assert_not_in(error);
    }
}

#[test]
fn no_error_shows_a_private_key() {
    let key = std::fs::read_to_string(testdata().join("corpus/keys/age-a.txt")).unwrap();
    let key = key.lines().find(|line| line.starts_with("AGE-")).unwrap();
    let mut secrets = Secrets(HashSet::new());
    secrets.add(key.split_once("-1").unwrap().1.as_bytes());
    let plain = Document::parse_plain(b"{\"a\": 1}", Format::Json).unwrap();
    let mut seen = Seen::default();
    for recipient in [
        key.to_owned(),
        key.to_lowercase(),
        format!(" {key}"),
        key[..40].to_owned(),
    ] {
        let options = EncryptOptions::new([sops_core::keys::Recipient::age(recipient)]);
        seen.see(plain.encrypt(&options, &Keyring::new()));
    }
    assert_eq!(seen.count, 4);
    for error in &seen.errors {
        secrets.assert_not_in(error);
    }
}

macro_rules! debug {
    ($secrets:expr, $($value:expr),* $(,)?) => {$(
        let shown = (&Probe(&$value)).shown();
        $secrets.assert_not_in(&shown);
    )*};
}

#[test]
#[allow(
    clippy::needless_borrow,
    reason = "the borrow chooses between the methods"
)]
fn the_probe_sees_a_derived_debug() {
    #[derive(Debug)]
    struct Derived(#[allow(dead_code)] Vec<u8>);
    struct None;
    let shown = (&Probe(&Derived(vec![90, 113]))).shown();
    assert!(shown.contains("90, 113"));
    assert_eq!((&Probe(&None)).shown(), "");
}

#[test]
fn no_debug_shows_a_value() {
    let keyring = keyring(&["age-a.txt"]);
    let mut secrets = Secrets::planted();
    for (format, text) in FILES {
        let plain = Document::parse_plain(text.as_bytes(), format).unwrap();
        let file = encrypted(&plain);
        secrets.add_ciphertexts(&file);
        let parse = || Document::parse(&file, format).unwrap();
        debug!(
            secrets,
            plain,
            parse(),
            parse().metadata().clone(),
            parse().decrypt(&keyring).unwrap(),
            parse().edit(&keyring).unwrap(),
            parse().edit(&keyring).unwrap().tree().to_vec(),
            parse().rekey(&keyring).unwrap(),
            parse().decrypt_without_mac(&keyring).unwrap(),
            plain.tree().to_vec(),
            plain.flatten(),
        );
        for group in &parse().metadata().key_groups {
            debug!(secrets, *group);
            for key in &group.keys {
                debug!(secrets, *key);
            }
        }
        for document in plain.tree() {
            show_items(&secrets, &document.items);
        }
        let sealed = file.split(|b| *b == b'"' || *b == b'\n');
        for sealed in sealed.filter_map(Sealed::parse) {
            debug!(secrets, sealed);
        }
    }
}

fn show_items(secrets: &Secrets, items: &[MappingItem]) {
    for item in items {
        debug!(secrets, *item);
        match item {
            MappingItem::Comment(comment) => {
                debug!(secrets, *comment, comment.text);
            }
            MappingItem::Entry { key, value } => {
                debug!(secrets, *key);
                show_value(secrets, value);
            }
        }
    }
}

fn show_value(secrets: &Secrets, value: &Value) {
    debug!(secrets, *value);
    match value {
        Value::String(text) => {
            debug!(secrets, *text);
        }
        Value::Time(time) => {
            debug!(secrets, *time);
        }
        Value::Mapping(mapping) => {
            debug!(secrets, *mapping);
            show_items(secrets, &mapping.items);
        }
        Value::List(list) => {
            debug!(secrets, *list);
            for item in &list.items {
                debug!(secrets, *item);
                match item {
                    ListItem::Value(value) => show_value(secrets, value),
                    ListItem::Comment(comment) => {
                        debug!(secrets, *comment);
                    }
                }
            }
        }
        _ => {}
    }
}

#[test]
fn no_debug_shows_a_key() {
    let mut secrets = Secrets::planted();
    let key = DataKey::generate().unwrap();
    secrets.add(numbers(key.as_bytes()).as_bytes());
    debug!(secrets, key, key.clone(), Some(Box::new(key.clone())));

    let file = std::fs::read_to_string(testdata().join("corpus/keys/age-a.txt")).unwrap();
    let identity = file.lines().find(|line| line.starts_with("AGE-")).unwrap();
    secrets.add(identity.split_once("-1").unwrap().1.as_bytes());
    let mut keyring = Keyring::with_callbacks(
        Callbacks::none()
            .prompt(|_| Some(Zeroizing::new(PLANTED[1].into())))
            .run(|command| {
                let mut secrets = Secrets::planted();
                secrets.add(b"token-Qx8Zw3Lm");
                debug!(secrets, *command);
                assert!(command.args().contains(&"token-Qx8Zw3Lm".to_owned()));
                Ok(Zeroizing::new(PLANTED[1].into()))
            }),
    );
    keyring.add_vars(|name| (name == "SOPS_AGE_KEY_CMD").then(|| "vault token-Qx8Zw3Lm".into()));
    let found = keyring.add_identities(identity);
    let bad = keyring.add_identities(PLANTED[1]);
    debug!(secrets, keyring, found, bad, keyring.places());
    // Opened with it, so that whatever is remembered is there.
    let document = Document::parse_plain(b"{\"a\": 1}", Format::Json).unwrap();
    let sealed = encrypted(&document);
    let document = Document::parse(&sealed, Format::Json).unwrap();
    let opened = keyring.open(document.metadata()).unwrap();
    secrets.add(numbers(opened.as_bytes()).as_bytes());
    debug!(
        secrets,
        opened,
        keyring,
        keyring.report(document.metadata())
    );

    // Runs the command, which must not be shown either.
    let mut other = document.metadata().clone();
    let unknown = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";
    other.key_groups[0].keys[0] = WrappedKey::new(
        Recipient::age(unknown),
        sops_core::age::wrap(key.as_bytes(), unknown).unwrap(),
    );
    secrets.add(b"token-Qx8Zw3Lm");
    let error = keyring.open(&other).unwrap_err();
    assert!(everything(&error).contains("vault"));
    secrets.assert_not_in(&everything(&error));
    debug!(secrets, keyring, other);

    let wrong = shamir::combine(&[PLANTED[1], PLANTED[6]]).unwrap_err();
    debug!(secrets, wrong);
    debug!(
        secrets,
        EncryptOptions::default(),
        Rule::default(),
        Step::from("a"),
        Callbacks::none().prompt(|_| Some(Zeroizing::new(PLANTED[1].into()))),
    );
}

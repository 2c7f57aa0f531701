//! Secrets are planted wherever this program looks, everything goes wrong in
//! turn, and nothing of them may be seen on stderr or on stdout.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::common::{Program, cases, key, program, testdata};
use ksops_rs::{
    Settings, env_file,
    generate::{Part, Rendered},
    generator::{Generator, SecretSource},
    keys::Keys,
    krm::Answer,
    secret::Secret,
};
use sops_core::age::Callbacks;
use testkit::debugged::{Debugged, Opaque, Probe};
use zeroize::Zeroizing;

/// Plaintext of the encrypted files that are used here; and what is planted.
const SECRETS: [&str; 4] = ["hunter2", PLANTED, "alice", TOKEN];
const PLANTED: &str = "Zq7xW2pLk9RtVb4Nm8Yd";
const TOKEN: &str = "token-Qx8Zw3Lm";

/// Encrypted files, each damaged in many ways, and what is no encrypted file.
fn folder() -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    let mut write = |name: String, text: &[u8]| {
        fs::write(dir.path().join(&name), text).unwrap();
        names.push(name);
    };
    for (from, extension) in [
        ("single/app/secret.enc.yaml", "yaml"),
        ("from-env/app/c.enc.env", "env"),
        ("from-file-nonutf8/app/b.enc.bin", "bin"),
    ] {
        let text = fs::read(testdata().join("corpus/ksops").join(from)).unwrap();
        for place in 0..60 {
            let (before, after) = text.split_at(place * text.len() / 60);
            write(format!("cut-{place}.{extension}"), before);
            for (name, new) in [("quote", "\""), ("line", "\n"), ("equals", "=")] {
                let damaged = [before, new.as_bytes(), after].concat();
                write(format!("{name}-{place}.{extension}"), &damaged);
            }
        }
        write(format!("good.{extension}"), &text);
    }
    for (name, text) in [
        ("plain.yaml", format!("a: {PLANTED}\nb: [{PLANTED}\n")),
        ("plain.env", format!("A={PLANTED}\n{PLANTED}\n")),
        ("plain.ini", format!("[a]\nb = {PLANTED}\n{PLANTED}\n")),
        ("plain.json", format!("{{\"a\": \"{PLANTED}\", {PLANTED}}}")),
        ("plain", PLANTED.into()),
    ] {
        write(name.into(), text.as_bytes());
    }
    (dir, names)
}

fn assert_hidden(shown: &str, what: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{what}: {secret} in:\n{shown}");
    }
    assert!(!shown.contains("ENC[AES256_GCM,data"), "{what}:\n{shown}");
    // Every identity file of the corpus.
    for name in ["age-a.txt", "age-b.txt"] {
        let text = fs::read_to_string(key(name)).unwrap();
        let (_, secret) = text.rsplit_once("-1").unwrap();
        assert!(!shown.contains(&secret[..12]), "{what}:\n{shown}");
    }
}

#[test]
fn no_mode_shows_a_secret() {
    let (dir, names) = folder();
    let mut errors = BTreeSet::new();
    let mut run = |program: Program, what: &str| {
        let run = program.run();
        assert_hidden(&run.stderr, what);
        if run.code != 0 {
            assert!(run.stdout.is_empty(), "{what}");
        }
        errors.insert(run.stderr);
    };
    for name in &names {
        for list in [
            "files: [F]",
            "secretFrom: [{metadata: {name: s}, envs: [F]}]",
        ] {
            let generator = list.replace('F', name);
            fs::write(dir.path().join("g.yaml"), generator).unwrap();
            run(program(dir.path()).arg("g.yaml"), name);
        }
        run(program(dir.path()).args(["decrypt", name]), name);
        for more in [
            &["--error-format", "json"][..],
            &["--output-type", "ini"],
            &["--extract", "[\"x\"]"],
            &["--ignore-mac", "--output", "none/x"],
        ] {
            let program = program(dir.path())
                .args(["decrypt", name])
                .args(more.to_vec());
            run(program, name);
        }
    }
    println!("{} files, {} different errors", names.len(), errors.len());
    assert!(errors.len() > 500);
}

#[test]
fn no_place_of_keys_is_shown() {
    let (dir, _) = folder();
    fs::write(dir.path().join("g.yaml"), "files: [good.yaml]").unwrap();
    let keys = dir.path().join("keys");
    fs::create_dir(&keys).unwrap();
    let a = fs::read_to_string(key("age-a.txt")).unwrap();
    let a = a.lines().find(|line| line.starts_with("AGE-")).unwrap();
    let lines = [
        PLANTED.to_owned(),
        format!("{a}X"),
        format!("\"{a}\""),
        a.to_lowercase(),
        format!("{a} {PLANTED}"),
        a[..60].to_owned(),
        format!("AGE-PLUGIN-{PLANTED}-1X"),
    ];
    for line in &lines {
        let file = keys.join("a.txt");
        fs::write(&file, line).unwrap();
        let command = format!("printf %s {TOKEN}");
        for (name, value) in [
            ("SOPS_AGE_KEY", line.clone()),
            ("SOPS_AGE_KEY_FILE", file.to_str().unwrap().into()),
            (
                "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
                file.to_str().unwrap().into(),
            ),
            ("KSOPS_AGE_KEY_DIR", keys.to_str().unwrap().into()),
            ("SOPS_AGE_KEY_CMD", command.clone()),
            ("SOPS_AGE_KEY_CMD", format!("false {TOKEN}")),
            ("SOPS_AGE_KEY_CMD", format!("/nonexistent/p {TOKEN}")),
            ("SOPS_AGE_KEY_CMD", format!("p '{TOKEN}")),
            ("SOPS_AGE_SSH_PRIVATE_KEY_CMD", command),
        ] {
            for argo in [None, Some("shop")] {
                for args in [
                    &["g.yaml"][..],
                    &["decrypt", "good.yaml"],
                    &["decrypt", "--error-format=json", "good.yaml"],
                ] {
                    let mut program = program(dir.path())
                        .without_key()
                        .var(name, &value)
                        .args(args.to_vec());
                    if let Some(app) = argo {
                        program = program.var("ARGOCD_APP_NAME", app);
                    }
                    let run = program.run();
                    assert!(matches!(run.code, 1 | 128), "{name}: {}", run.stderr);
                    assert_hidden(&run.stderr, name);
                }
            }
        }
    }
}

/// A key that somebody put into a variable or an argument that takes something
/// else.
#[test]
fn no_key_in_the_wrong_place_is_shown() {
    let (dir, _) = folder();
    fs::write(dir.path().join("g.yaml"), "files: [good.yaml]").unwrap();
    let a = fs::read_to_string(key("age-a.txt")).unwrap();
    let a = a.lines().find(|line| line.starts_with("AGE-")).unwrap();
    for name in [
        "KSOPS_AGE_KEY_DIR",
        "KSOPS_FILE_SIZE",
        "KSOPS_KEY_DIR",
        "KSOPS_KEY_PROJECTS",
        "KSOPS_CONCURRENCY_LIMIT",
        "KSOPS_CONFINE",
        "KSOPS_PLACEHOLDER",
        "SOPS_AGE_KEY_CMD",
        "SOPS_AGE_KEY_FILE",
        "SOPS_AGE_SSH_PRIVATE_KEY_CMD",
        "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
        "SOPS_CONFIG",
    ] {
        for args in [
            &["g.yaml"][..],
            &["decrypt", "good.yaml"],
            &["decrypt", "--error-format=json", "good.yaml"],
            &["doctor"],
        ] {
            let program = program(dir.path()).without_key().args(args.to_vec());
            let run = program.var(name, a).run();
            assert_ne!(run.code, 0, "{name}");
            assert_hidden(&run.stderr, name);
            assert_hidden(run.text(), name);
        }
    }
    for args in [&[a][..], &["decrypt", a], &["doctor", a], &["install", a]] {
        let run = program(dir.path()).args(args.to_vec()).run();
        assert_ne!(run.code, 0);
        assert_hidden(&run.stderr, "argv");
        assert_hidden(run.text(), "argv");
    }
}

/// The cases of the corpus with a key that opens nothing, and with one.
#[test]
fn no_case_shows_what_it_decrypts() {
    for case in cases() {
        for name in ["age-a.txt", "age-b.txt"] {
            let run = program(&case.app())
                .var("SOPS_AGE_KEY_FILE", key(name))
                .arg("generator.yaml")
                .run();
            assert_hidden(&run.stderr, &case.name);
        }
    }
}

macro_rules! debug {
    ($($value:expr),* $(,)?) => {$(
        let shown = (&Probe(&$value)).shown();
        assert_hidden(&shown, stringify!($value));
        let numbers = format!("{:?}", PLANTED.as_bytes());
        assert!(!shown.contains(numbers.trim_matches(['[', ']'])), "{shown}");
    )*};
}

#[test]
fn no_debug_shows_a_secret() {
    let env = env_file::parse(&format!("A={PLANTED}\nB=$A\n")).unwrap();
    let error = env_file::parse(&format!("A={PLANTED}\n{PLANTED}\n"))
        .err()
        .unwrap();
    debug!(env, error);

    let source = SecretSource::default();
    let mut secret = Secret::named(&source);
    secret.add_text("a".into(), Zeroizing::new(PLANTED.into()));
    secret.add_bytes("b".into(), PLANTED.as_bytes());
    debug!(secret);

    let part = || Part {
        origin: "here".into(),
        text: Arc::new(Zeroizing::new(PLANTED.as_bytes().to_vec())),
        is_secret: true,
    };
    let rendered = Rendered {
        parts: vec![part()],
        warnings: Vec::new(),
    };
    debug!(part(), rendered);
    debug!(Answer {
        text: Zeroizing::new(PLANTED.into()),
        warnings: Vec::new(),
        error: None,
    });

    let var = |name: &str| match name {
        "SOPS_AGE_KEY" => Some(PLANTED.into()),
        "SOPS_AGE_KEY_CMD" => Some(format!("vault {TOKEN}").into()),
        "SOPS_AGE_KEY_FILE" => Some(key("age-a.txt").into()),
        _ => None,
    };
    let keys = Keys::new(&Settings::default(), &var, Callbacks::none()).unwrap();
    debug!(keys);
    let context = ksops_rs::generate::Context {
        settings: Settings::default(),
        keys,
        policy: ksops_rs::policy::Policy::unlimited(Path::new("")),
    };
    debug!(
        context,
        Settings::default(),
        Generator::default(),
        PathBuf::new()
    );
}

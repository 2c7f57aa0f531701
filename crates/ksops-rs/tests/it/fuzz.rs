//! The checks of the fuzz targets, on the corpus and on every input that a
//! fuzzer found something with.

#[path = "../../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a library elsewhere")]
mod targets;

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use targets::TARGETS;

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

/// Every file below a folder, in order; none where there is no folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).into_iter().flatten();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The inputs that a target is fed with here: those of the corpus that are
/// its own kind of text, and those kept from fuzzing.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let corpus = testdata().join("corpus");
    let mut paths = files(&testdata().join("fuzz").join(target));
    let ksops = |names: &[&str]| {
        let all = files(&corpus.join("ksops")).into_iter();
        let of_name = |path: &PathBuf| names.iter().any(|name| path.ends_with(name));
        all.filter(of_name).collect::<Vec<_>>()
    };
    paths.extend(match target {
        "yaml" | "json" | "dotenv" | "ini" | "binary" => files(&corpus.join("cases").join(target)),
        "metadata" => files(&corpus.join("tamper")),
        "identities" => files(&corpus.join("keys")),
        "generator" => ksops(&["generator.yaml", "krm.yaml"]),
        "resource_list" => ksops(&["krm.in", "krm.out"]),
        "go_yaml" => ksops(&["krm.out", "build.out"]),
        "deserializer" => files(&corpus.join("cases/yaml")),
        "env_file" => files(&corpus.join("cases/dotenv")),
        "secret" => files(&corpus.join("cases/binary")),
        _ => Vec::new(),
    });
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file");
        (path.display().to_string(), bytes)
    };
    let mut inputs: Vec<_> = paths.into_iter().map(read).collect();
    if target == "config" || target == "deserializer" {
        // Each configuration that sops was given.
        let path = testdata().join("vectors/sops-config-3.11.0.jsonl");
        let text = fs::read_to_string(path).expect("the vectors are in testdata");
        for (number, line) in text.lines().enumerate() {
            let case: serde_json::Value =
                serde_json::from_str(line).expect("one JSON value a line");
            let config = case["config"].as_str().expect("a text");
            inputs.push((
                format!("configuration {number}"),
                config.as_bytes().to_vec(),
            ));
        }
    }
    // What stands inside the files of the corpus.
    let marks = match target {
        "sealed" => ("ENC[", "]"),
        "wrapped_key" => ("-----BEGIN AGE", "FILE-----\n"),
        _ => return inputs,
    };
    for path in files(&corpus.join("tamper")) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(marks.0) {
            let len = rest[at..]
                .find(marks.1)
                .map_or(rest.len() - at, |n| n + marks.1.len());
            let found = rest[at..at + len].replace("\n            ", "\n");
            inputs.push((path.display().to_string(), found.into_bytes()));
            rest = &rest[at + len..];
        }
    }
    inputs
}

fn run(target: &str) {
    let (_, check) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target");
    let inputs = inputs(target);
    assert!(inputs.len() > 5, "{target}: only {} inputs", inputs.len());
    for (name, bytes) in inputs {
        assert!(catch_unwind(|| check(&bytes)).is_ok(), "{target}: {name}");
        // Cut off in the middle, too.
        let half = &bytes[..bytes.len() / 2];
        assert!(
            catch_unwind(|| check(half)).is_ok(),
            "{target}: half of {name}"
        );
    }
}

/// A test for each target.
macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*

        #[test]
        fn no_target_is_forgotten() {
            let named: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(named, [$(stringify!($name)),*]);
            for name in named {
                let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join(format!("../../fuzz/fuzz_targets/{name}.rs"));
                assert!(file.is_file(), "{name} is no fuzz target");
            }
        }
    };
}

targets! {
    yaml json dotenv ini binary sealed metadata wrapped_key identities generator resource_list
    env_file secret go_yaml config deserializer pgp_message keybox private_key added arguments
    merge
}

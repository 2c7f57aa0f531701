//! Every command of the README does what the README says.

use std::{fs, path::PathBuf, process::Command};

use crate::common::{Run, program};

fn root() -> PathBuf {
    fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).expect("the repository")
}

/// The lines of all `sh` blocks.
fn commands() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let mut commands = Vec::new();
    let mut in_block = false;
    for line in readme.lines() {
        match line {
            "```sh" => in_block = true,
            "```" => in_block = false,
            line if in_block && !line.is_empty() => commands.push(line.to_owned()),
            _ => {}
        }
    }
    commands
}

/// The same file as in the README's commands: a secret of the example.
fn decrypt(args: &[&str]) -> Run {
    let root = root();
    let run = program(&root.join("plugin/example/secrets"))
        .var("SOPS_AGE_KEY_FILE", root.join("testdata/keys/example.txt"))
        .arg("decrypt")
        .args(args)
        .arg("database.enc.yaml")
        .run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    run
}

/// A command that comes into the README comes into this list, and into a test
/// below.
#[test]
fn the_commands_are_these() {
    assert_eq!(
        commands(),
        [
            "plugin/example/render",
            "cargo test --workspace",
            "ksops-rs decrypt secret.enc.yaml",
            "ksops-rs decrypt --output-type json secret.enc.yaml",
            r#"ksops-rs decrypt --extract '["data"]["password"]' secret.enc.yaml"#,
        ]
    );
}

#[test]
fn render_prints_every_secret_of_the_example() {
    let output = Command::new(root().join("plugin/example/render"))
        .output()
        .expect("the script starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("render: rendered by "), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    for line in [
        "  password: correct horse battery staple",
        "    -----BEGIN CERTIFICATE-----",
        "type: kubernetes.io/dockerconfigjson",
        "  FEATURE_CHECKOUT: \"on\"",
        "  license: AAFsaWNlbnNl//6AIGtzb3BzLXJzIGV4YW1wbGUK",
    ] {
        assert!(
            stdout.lines().any(|l| l == line),
            "no line {line:?} in\n{stdout}"
        );
    }
}

/// Where neither kustomize nor kubectl is installed, the script calls the
/// plugin alone.
#[test]
fn render_works_without_kustomize() {
    let tools = tempfile::tempdir().expect("a folder");
    for tool in [
        "bash", "env", "dirname", "mktemp", "rm", "mkdir", "ln", "grep", "cargo",
    ] {
        let found = std::env::split_paths(&std::env::var_os("PATH").expect("a PATH"))
            .map(|dir| dir.join(tool))
            .find(|path| path.is_file());
        std::os::unix::fs::symlink(
            found.unwrap_or_else(|| panic!("{tool} is not on PATH")),
            tools.path().join(tool),
        )
        .expect("a link");
    }
    let output = Command::new(root().join("plugin/example/render"))
        .env("PATH", tools.path())
        .env("RUSTC", std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .output()
        .expect("the script starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("the plugin alone"), "{stderr}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("kind: Secret"));
}

#[test]
fn ci_runs_the_test_command() {
    let ci = fs::read_to_string(root().join(".ci/run")).expect("a CI script");
    assert!(ci.contains("\ncargo test --workspace"));
}

#[test]
fn decrypt_prints_the_file() {
    let plain = fs::read_to_string(root().join("plugin/example/plain/database.yaml"))
        .expect("the plaintext source");
    // The source is indented by two, sops writes four.
    let expected = plain.replace("\n  ", "\n    ");
    assert_eq!(decrypt(&[]).text(), expected);
}

#[test]
fn decrypt_converts_to_json() {
    let run = decrypt(&["--output-type", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(json["stringData"]["username"], "shop");
}

#[test]
fn decrypt_extracts_a_value() {
    let run = decrypt(&["--extract", r#"["stringData"]["password"]"#]);
    assert_eq!(run.text(), "correct horse battery staple");
}

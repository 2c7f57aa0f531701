//! The program as a process: what only a real one has.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use crate::common::{key, testdata};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ksops-rs"));
    command.env_clear().env("HOME", "/nonexistent");
    command.env(
        "SOPS_AGE_KEY_FILE",
        fs::canonicalize(key("age-a.txt")).unwrap(),
    );
    command.current_dir(app("single"));
    command.stdin(Stdio::null());
    command
}

fn app(case: &str) -> std::path::PathBuf {
    testdata().join("corpus/ksops").join(case).join("app")
}

fn expected(case: &str, file: &str) -> Vec<u8> {
    fs::read(testdata().join("corpus/ksops").join(case).join(file)).unwrap()
}

#[test]
fn renders_a_generator() {
    let output = program().arg("generator.yaml").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.stdout, expected("single", "legacy.out"));
    assert!(output.status.success());
}

#[test]
fn answers_a_resource_list() {
    let input = File::open(testdata().join("corpus/ksops/single/krm.in")).unwrap();
    let output = program().stdin(input).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.stdout, expected("single", "krm.out"));
    assert!(output.status.success());
}

#[test]
fn without_arguments_and_without_a_pipe_there_is_help() {
    let output = program().output().unwrap();
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("GENERATOR.yaml"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_complain() {
    let mut child = program()
        .arg("--help")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // The child may have written before the pipe was closed.
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    child.wait().unwrap();
    assert_eq!(stderr, "");

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = program()
        .arg("generator.yaml")
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let output = program()
        .arg("generator.yaml")
        .stdout(full())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to stdout"));
    assert_eq!(output.status.code(), Some(1));

    let output = program()
        .args(["decrypt", "secret.enc.yaml"])
        .stdout(full())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));

    // Open for reading only: the standard library would swallow that.
    let read_only = File::open("/dev/null").unwrap();
    let output = program()
        .arg("generator.yaml")
        .stdout(read_only)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn unreadable_stdin_is_an_error() {
    let dir = File::open("/").unwrap();
    let output = program().stdin(dir).output().unwrap();
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read the ResourceList"));
    assert_eq!(output.status.code(), Some(1));

    let dir = File::open("/").unwrap();
    let output = program().arg("decrypt").stdin(dir).output().unwrap();
    assert!(output.stdout.is_empty());
    assert_eq!(output.status.code(), Some(2));

    let temp = tempfile::tempdir().unwrap();
    let write_only = File::create(temp.path().join("out")).unwrap();
    let output = program().arg("decrypt").stdin(write_only).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn decrypts_from_a_pipe() {
    let mut child = program()
        .args(["decrypt", "--filename-override", "x.yaml"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let encrypted = fs::read(app("single").join("secret.enc.yaml")).unwrap();
    child.stdin.take().unwrap().write_all(&encrypted).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, expected("single", "legacy.out"));
}

/// In Argo CD an argument is refused where a ResourceList is on stdin; but
/// stdin may be somebody else's, and nothing is taken of it.
#[test]
fn stdin_of_others_is_left_alone() {
    let in_argo = |mut command: Command| {
        command
            .env("ARGOCD_APP_NAME", "x")
            .env("KSOPS_CONFINE", "off");
        command
    };
    // A loop over file names.
    let mut command = in_argo(program());
    let script = "printf '%s\\n' generator.yaml generator.yaml generator.yaml |
        while read -r file; do \"$0\" \"$file\" || exit; done";
    command = {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, env!("CARGO_BIN_EXE_ksops-rs")]);
        shell.current_dir(app("single")).stdin(Stdio::null());
        shell.env_clear().envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        shell
    };
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.stdout, expected("single", "legacy.out").repeat(3));

    // Nothing is written, and the writer stays: this ends all the same.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = in_argo(program());
    let output = command
        .arg("generator.yaml")
        .stdin(reader)
        .output()
        .unwrap();
    assert_eq!(output.stdout, expected("single", "legacy.out"));
    drop(writer);

    // As kustomize runs a function.
    let list = fs::read(testdata().join("corpus/ksops/single/krm.in")).unwrap();
    for args in [&["generator.yaml"][..], &["decrypt", "secret.enc.yaml"]] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&list).unwrap();
        let mut command = in_argo(program());
        let output = command.args(args).stdin(reader).output().unwrap();
        drop(writer);
        assert_eq!(
            (output.status.code(), &output.stdout[..]),
            (Some(1), &b""[..])
        );
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("a KRM function takes none"), "{error}");
    }
}

//! Who is asked for a passphrase, and where: a person at the terminal, by
//! `decrypt` alone.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::common::{key, testdata};
use age::secrecy::SecretString;
use rustix::{process, pty};

const PASSPHRASE: &str = "open-Qx8Zw3Lm";
const TERMINAL: &str = "KSOPS_TEST_TERMINAL";
const ARGUMENTS: &str = "KSOPS_TEST_ARGUMENTS";
const OUTPUT: &str = "KSOPS_TEST_OUTPUT";

/// Runs the program in a session of its own, with the terminal that a
/// variable names, if any. It is `run` that runs this, as a process: only a
/// process can change its session.
#[test]
fn in_a_session_of_its_own() {
    let Ok(arguments) = env::var(ARGUMENTS) else {
        return;
    };
    process::setsid().unwrap();
    let terminal = env::var(TERMINAL).ok().map(|path| {
        let terminal = OpenOptions::new().read(true).write(true).open(path);
        let terminal = terminal.unwrap();
        process::ioctl_tiocsctty(&terminal).unwrap();
        terminal
    });
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_ksops-rs"))
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    drop(terminal);
    let dir = env::var(OUTPUT).unwrap();
    let dir = Path::new(&dir);
    fs::write(dir.join("stdout"), stdout).unwrap();
    fs::write(dir.join("stderr"), stderr).unwrap();
    fs::write(dir.join("code"), status.code().unwrap().to_string()).unwrap();
}

struct Run {
    code: String,
    stdout: String,
    stderr: String,
    /// What was seen on the terminal.
    shown: String,
}

/// Runs the program with a protected key; `typed` is typed at its terminal
/// when it asks, `None` for no terminal.
fn run(arguments: &str, typed: Option<&str>) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    fs::write(dir.path().join("key.age"), protected()).unwrap();
    fs::write(dir.path().join("g.yaml"), "files: [secret.enc.yaml]").unwrap();
    fs::copy(
        testdata().join("corpus/ksops/single/app/secret.enc.yaml"),
        dir.path().join("secret.enc.yaml"),
    )
    .unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "terminal::in_a_session_of_its_own"])
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("SOPS_AGE_KEY_FILE", "key.age")
        .env(ARGUMENTS, arguments)
        .env(OUTPUT, dir.path())
        .current_dir(dir.path())
        .stdout(Stdio::null());
    let mut shown = Vec::new();
    match typed {
        None => assert!(command.status().unwrap().success()),
        Some(typed) => {
            let controller = pty::openpt(
                pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY | pty::OpenptFlags::CLOEXEC,
            )
            .unwrap();
            pty::grantpt(&controller).unwrap();
            pty::unlockpt(&controller).unwrap();
            let name = pty::ptsname(&controller, Vec::new()).unwrap();
            // Held open until the program has it, so that reading does not
            // end before it begins.
            let held = OpenOptions::new()
                .read(true)
                .open(name.to_str().unwrap())
                .unwrap();
            let mut child = command
                .env(TERMINAL, name.to_str().unwrap())
                .spawn()
                .unwrap();
            let mut controller = File::from(controller);
            let ends = std::thread::spawn(move || {
                let ended = child.wait().unwrap();
                drop(held);
                ended
            });
            let mut buffer = [0; 256];
            // Reading fails when the last one has closed the terminal.
            while let Ok(read @ 1..) = controller.read(&mut buffer) {
                let asked = shown.ends_with(b": ");
                shown.extend_from_slice(&buffer[..read]);
                if !asked && shown.ends_with(b": ") {
                    controller.write_all(typed.as_bytes()).unwrap();
                }
            }
            assert!(ends.join().unwrap().success());
        }
    }
    Run {
        code: file("code"),
        stdout: file("stdout"),
        stderr: file("stderr"),
        shown: String::from_utf8(shown).unwrap(),
    }
}

/// The key of the corpus, protected by [`PASSPHRASE`].
fn protected() -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(PASSPHRASE));
    recipient.set_work_factor(2);
    let recipients = std::iter::once(&recipient as _);
    let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
    let mut out = Vec::new();
    let mut writer = encryptor.wrap_output(&mut out).unwrap();
    writer
        .write_all(&fs::read(key("age-a.txt")).unwrap())
        .unwrap();
    writer.finish().unwrap();
    out
}

#[test]
fn decrypt_asks_without_showing_what_is_typed() {
    let run = run("decrypt secret.enc.yaml", Some("open-Qx8Zw3Lm\n"));
    assert_eq!(run.code, "0", "{}", run.stderr);
    assert!(run.stdout.contains("password: hunter2"));
    assert_eq!(run.stderr, "");
    assert_eq!(
        run.shown.trim_end(),
        "passphrase of SOPS_AGE_KEY_FILE (key.age):"
    );
}

#[test]
fn a_wrong_passphrase_is_not_shown_either() {
    let run = run("decrypt secret.enc.yaml", Some("shut-Qx8Zw3Lm\n"));
    assert_eq!((&*run.code, &*run.stdout), ("128", ""));
    assert!(run.stderr.contains("not the one given"), "{}", run.stderr);
    assert!(!(run.stderr + &run.shown).contains("Qx8Zw3Lm"));
}

#[test]
fn the_end_of_input_is_no_passphrase() {
    let run = run("decrypt secret.enc.yaml", Some("\u{4}"));
    assert_eq!((&*run.code, &*run.stdout), ("128", ""));
    assert!(run.stderr.contains("protected by a passphrase"));
}

#[test]
fn plugins_never_ask() {
    let run = run("g.yaml", Some("open-Qx8Zw3Lm\n"));
    assert_eq!((&*run.code, &*run.stdout), ("1", ""));
    assert_eq!(run.shown, "");
    assert!(run.stderr.contains("cannot be asked for here"));
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let run = run("decrypt secret.enc.yaml", None);
    assert_eq!((&*run.code, &*run.stdout), ("128", ""));
    insta::assert_snapshot!(run.stderr, @r#"
    error: "secret.enc.yaml": no identity at hand opens the data key
      the file's recipients:
        age1a7zz5jawu8m8…eetzuc: no matching identity
      identities were looked for in:
        SOPS_AGE_KEY_FILE (key.age): protected by a passphrase, which cannot be asked for here
        not found: /nonexistent/.ssh/id_ed25519, /nonexistent/.ssh/id_rsa, /nonexistent/.config/sops/age/keys.txt
        not set: SOPS_AGE_SSH_PRIVATE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_CMD, SOPS_AGE_KEY, SOPS_AGE_KEY_CMD
    give a key without a passphrase in place of SOPS_AGE_KEY_FILE (key.age): nobody can be asked here
    "#);
}

//! Commands that print identities.

use super::*;

#[test]
fn commands_are_lazy_and_run_once_for_each_recipient() {
    let runs = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&runs);
    let callbacks = Callbacks::none().run(move |command| {
        let line = format!(
            "{} {:?} {}",
            command.program(),
            command.args(),
            command.recipient()
        );
        log.lock().unwrap().push(line);
        Ok(Zeroizing::new(key("age-a.txt").into_bytes()))
    });
    let ring = keyring(
        &[
            ("HOME", "/nonexistent"),
            (
                "SOPS_AGE_KEY_CMD",
                r#"keys 'one two' "three $HOME" fo\ ur # five"#,
            ),
            ("SOPS_AGE_KEY", &secret("age-b.txt")),
        ],
        callbacks,
    );
    assert!(ring.can_open(&file(&[A, B])));
    assert!(runs.lock().unwrap().is_empty(), "run without need");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(ring.can_open(&file(&[A]))));
        }
    });
    let expected = format!(r#"keys ["one two", "three $HOME", "fo ur"] {A}"#);
    assert_eq!(*runs.lock().unwrap(), [expected]);
}

#[cfg(unix)]
#[test]
fn commands_as_subprocesses() {
    let found = |command: &str, callbacks: Callbacks| {
        let ring = keyring(
            &[("HOME", "/nonexistent"), ("SOPS_AGE_KEY_CMD", command)],
            callbacks,
        );
        let opened = ring.can_open(&file(&[A]));
        (opened, ring.places()[6].found.clone())
    };
    let path = key_path("");
    // The recipient is what tells the command which key to print.
    let script = format!(
        "sh -c 'test $SOPS_AGE_RECIPIENT = {A} && cat {}/age-a.txt'",
        path.display()
    );
    let run = || Callbacks::none().run_commands();
    assert!(found(&script, run()).0);
    assert_eq!(
        found(&script, Callbacks::none()),
        (false, Found::NotAllowed)
    );
    assert_eq!(
        found("sh -c 'exit 7'", run()).1,
        Found::CommandFailed { code: Some(7) }
    );
    assert_eq!(
        found("no-such-program-anywhere", run()).1,
        Found::NotFound { hint: None }
    );
    assert_eq!(found("sh -c 'x", run()).1, Found::NotACommand);
    assert_eq!(found("", run()).1, Found::Empty);
    assert_eq!(
        found("echo hello", run()).1,
        Found::Bad {
            line: Some(1),
            flaw: Flaw::Unknown
        }
    );
    let bytes = "sh -c 'head -c 17000000 /dev/zero'";
    assert!(matches!(
        found(bytes, run()).1,
        Found::Bad {
            flaw: Flaw::TooLarge,
            ..
        } | Found::CommandFailed { .. }
    ));
}

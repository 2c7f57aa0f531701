//! The keyring: sources, kinds, key groups, secrets.

mod report;

use std::{
    ffi::OsString,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use age::secrecy::SecretString;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::{
    Keyring,
    keyring::opens_mac,
    keys::{DataKey, Flaw, Found, KeyKind, Outcome, Recipient, WrappedKey},
    limits,
    metadata::{KeyGroup, Metadata},
};

pub(super) const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
pub(super) const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";
const KEY: [u8; 32] = [0x5a; 32];

/// A file of the test data's keys.
pub(super) fn key_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/corpus/keys")
        .join(name)
}

pub(super) fn key(name: &str) -> String {
    fs::read_to_string(key_path(name)).unwrap()
}

/// The one line of an identity file that is no comment.
pub(super) fn secret(name: &str) -> String {
    key(name)
        .lines()
        .find(|l| !l.starts_with('#'))
        .unwrap()
        .to_owned()
}

/// One wrapped key.
pub(super) fn entry(secret: &[u8], recipient: &str) -> WrappedKey {
    WrappedKey::new(Recipient::age(recipient), wrap(secret, recipient).unwrap())
}

/// An entry of the file that holds this.
pub(super) fn age(recipient: &str, enc: impl Into<String>) -> WrappedKey {
    WrappedKey::new(Recipient::age(recipient), enc)
}

pub(super) fn other(kind: KeyKind, id: &str) -> WrappedKey {
    WrappedKey::new(Recipient::parse(kind, id).unwrap(), "")
}

pub(super) fn groups(groups: Vec<Vec<WrappedKey>>, threshold: usize) -> Metadata {
    Metadata {
        key_groups: groups.into_iter().map(|keys| KeyGroup { keys }).collect(),
        shamir_threshold: threshold,
        ..Metadata::default()
    }
}

/// A file whose data key is wrapped for these recipients.
pub(super) fn file(recipients: &[&str]) -> Metadata {
    groups(vec![recipients.iter().map(|r| entry(&KEY, r)).collect()], 0)
}

/// A keyring as the environment makes it.
pub(super) fn keyring(vars: &[(&str, &str)], callbacks: Callbacks) -> Keyring {
    let lookup = |name: &str| {
        vars.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| OsString::from(value))
    };
    Keyring::from_vars(lookup, callbacks)
}

/// An identity file's text, encrypted with a passphrase.
fn encrypted(text: &str, passphrase: &str, armor: bool) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase));
    recipient.set_work_factor(2);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let format = match armor {
        true => age::armor::Format::AsciiArmor,
        false => age::armor::Format::Binary,
    };
    let mut out = Vec::new();
    let armor = age::armor::ArmoredWriter::wrap_output(&mut out, format).unwrap();
    let mut writer = encryptor.wrap_output(armor).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap().finish().unwrap();
    out
}

/// A callback that counts how often it was asked.
fn prompt(passphrase: Option<&'static str>) -> (Callbacks, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let callbacks = Callbacks::none().prompt(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        passphrase.map(|p| Zeroizing::new(p.to_owned()))
    });
    (callbacks, asked)
}

#[test]
fn every_kind_of_recipient_round_trips() {
    let pq = identity::parse(key("age-pq.txt").as_bytes(), Words::One)
        .ok()
        .unwrap();
    let mut ring = Keyring::new();
    let _ = ring.add_file(key_path("age-a.txt"));
    let _ = ring.add_file(key_path("age-pq.txt"));
    let _ = ring.add_ssh_key_file(key_path("ssh-ed25519"));
    let _ = ring.add_ssh_key_file(key_path("ssh-rsa"));
    for recipient in [
        A,
        pq.identities[0].recipient(),
        &key("ssh-ed25519.pub"),
        &key("ssh-rsa.pub"),
    ] {
        let key = DataKey::generate().unwrap();
        let enc = wrap(key.as_bytes(), recipient).unwrap();
        assert!(enc.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert!(enc.ends_with("\n-----END AGE ENCRYPTED FILE-----\n"));
        assert!(enc.lines().all(|line| line.len() <= 64));
        let label = recipient.trim().to_owned();
        let metadata = groups(vec![vec![age(&label, enc)]], 0);
        assert!(ring.open(&metadata).unwrap() == key, "{recipient}");
    }
}

#[test]
fn recipients_that_are_refused() {
    let refusal = |recipient: &str| {
        let error = wrap(&KEY, recipient).unwrap_err();
        format!("{}; {}", error.detail(), error.advice().unwrap_or_default())
    };
    let refusals = [
        &A[..40],
        "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
        "age1pq1qqqq",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAAB3NzaC1kc3MAAACBAP",
        "foo",
        "",
        &secret("age-a.txt"),
    ]
    .map(refusal)
    .join("\n");
    insta::assert_snapshot!(refusals);
}

#[test]
fn sources_are_merged_and_a_broken_one_hides_nothing() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir_all(path(".ssh")).unwrap();
    fs::create_dir_all(path(".config/sops/age")).unwrap();
    fs::write(path(".ssh/id_ed25519"), key("ssh-ed25519")).unwrap();
    fs::write(path(".ssh/id_rsa"), "garbage").unwrap();
    fs::write(path(".config/sops/age/keys.txt"), key("age-c.txt")).unwrap();
    fs::write(path("b.txt"), key("age-b.txt").replace('\n', "\r\n")).unwrap();
    let text = format!("{} {}", secret("age-a.txt"), secret("age-pq.txt"));
    let ring = keyring(
        &[
            ("HOME", &path("")),
            (
                "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
                key_path("ssh-rsa").to_str().unwrap(),
            ),
            ("SOPS_AGE_KEY", &text),
            ("SOPS_AGE_KEY_FILE", &path("b.txt")),
            ("SOPS_AGE_KEY_CMD", "no-such-program-anywhere"),
        ],
        Callbacks::none().run_commands(),
    );
    let found: Vec<_> = ring.places().iter().map(|p| p.found.clone()).collect();
    let count = |found: &Found| match found {
        Found::Identities { count, .. } => *count,
        _ => 0,
    };
    assert_eq!(
        found.iter().map(count).collect::<Vec<_>>(),
        [1, 0, 1, 0, 2, 1, 0, 1]
    );
    assert_eq!(found[1], Found::NotSet);
    assert_eq!(
        found[3],
        Found::Bad {
            line: None,
            flaw: Flaw::NotSsh
        }
    );
    assert_eq!(found[6], Found::NotRun);
    for recipient in [&key("ssh-ed25519.pub"), &key("ssh-rsa.pub"), A, B] {
        assert!(ring.can_open(&file(&[recipient])), "{recipient}");
    }
    // The label proves nothing: a wrong one does no harm.
    let enc = entry(&KEY, A).enc().to_owned();
    assert!(ring.can_open(&groups(vec![vec![age("not a recipient", enc)]], 0)));
}

#[test]
fn home_and_configuration_directory() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("elsewhere");
    fs::create_dir_all(config.join("sops/age")).unwrap();
    fs::write(config.join("sops/age/keys.txt"), key("age-a.txt")).unwrap();
    let ring = keyring(
        &[("XDG_CONFIG_HOME", config.to_str().unwrap())],
        Callbacks::none(),
    );
    assert!(ring.can_open(&file(&[A])));
    let last = |ring: Keyring| ring.places().pop().unwrap().found;
    assert_eq!(
        last(keyring(&[("HOME", "")], Callbacks::none())),
        Found::NoHome
    );
    if cfg!(target_os = "linux") {
        let relative = keyring(
            &[("XDG_CONFIG_HOME", "x"), ("HOME", "/h")],
            Callbacks::none(),
        );
        assert_eq!(last(relative), Found::RelativeConfig);
    }
}

#[test]
fn lines_of_identity_files() {
    let a = secret("age-a.txt");
    let parse = |text: &str, words| match identity::parse(text.as_bytes(), words) {
        Ok(parsed) => Ok(parsed.identities.len()),
        Err(bad) => Err((bad.line, bad.flaw)),
    };
    let one = |text: &str| parse(text, Words::One);
    let several = |text: &str| parse(text, Words::Several);
    assert_eq!(one(&format!("# c\n\n{a}\n{a}")), Ok(2));
    assert_eq!(one(&format!("# c\r\n\r\n{a}\r\n")), Ok(1));
    assert_eq!(one("# comments only\n"), Ok(0));
    assert_eq!(one(&format!("{a} {a}")), Err((Some(1), Flaw::Surrounded)));
    assert_eq!(several(&format!("{a} {a}\n\t{a} \n")), Ok(3));
    assert_eq!(
        several(&format!("{a} # comment")),
        Err((Some(1), Flaw::Surrounded))
    );
    let flaw = |line: &str| one(&format!("{a}\n{line}\n")).unwrap_err();
    let ssh = key("ssh-ed25519");
    let mut damaged = a.clone().into_bytes();
    damaged[30] = if damaged[30] == b'Q' { b'P' } else { b'Q' };
    for (line, expected) in [
        (A, Flaw::PublicKey),
        ("ssh-ed25519 AAAA", Flaw::PublicKey),
        (&format!("\"{a}\""), Flaw::Quoted),
        (&format!("key: '{a}'"), Flaw::Quoted),
        (&format!(" {a}"), Flaw::Surrounded),
        (&format!("{a} "), Flaw::Surrounded),
        (&format!("export KEY={a}"), Flaw::Surrounded),
        (&format!("{a},{a}"), Flaw::Surrounded),
        (&a.to_lowercase(), Flaw::LowerCase),
        (&a[..40], Flaw::Damaged),
        (std::str::from_utf8(&damaged).unwrap(), Flaw::Damaged),
        ("AGE-SECRET-KEY-PQ-1QQQQ", Flaw::Damaged),
        (" AGE-PLUGIN-YUBIKEY-1QQQQ", Flaw::Plugin),
        (&format!("AGE-PLUGIN-YUBIKEY-1QQQQ {a}"), Flaw::Plugin),
        (ssh.lines().next().unwrap(), Flaw::SshKey),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", Flaw::PgpKey),
        ("QUdFLVNFQ1JFVC1LRVktMQ==", Flaw::Base64),
        ("IyBjcmVhdGVkOiAyMDI2", Flaw::Base64),
        ("hello", Flaw::Unknown),
        (&"x".repeat(70_000), Flaw::LongLine),
    ] {
        assert_eq!(
            flaw(line),
            (Some(2), expected),
            "{}",
            &line[..line.len().min(60)]
        );
    }
    let raw = |bytes: &[u8]| {
        identity::parse(bytes, Words::One)
            .map(|_| ())
            .unwrap_err()
            .flaw
    };
    let utf16 = |order: fn(u16) -> [u8; 2]| a.encode_utf16().flat_map(order).collect::<Vec<_>>();
    assert_eq!(raw(&utf16(u16::to_le_bytes)), Flaw::Utf16);
    assert_eq!(raw(&utf16(u16::to_be_bytes)), Flaw::Utf16);
    assert_eq!(
        raw(&[b"\xff\xfe", utf16(u16::to_le_bytes).as_slice()].concat()),
        Flaw::Utf16
    );
    assert_eq!(raw(format!("\u{feff}{a}").as_bytes()), Flaw::ByteOrderMark);
    assert_eq!(raw(b"\x80\x81\x82\x83\x84"), Flaw::NotText);
    // What belongs to a plugin is left alone, and spoils nothing.
    for name in ["YUBIKEY", "SE", "TPM"] {
        let plugin = format!("AGE-PLUGIN-{name}-1QQQQ");
        for text in [
            format!("{plugin}\n{a}"),
            format!("{a}\r\n{plugin}\r\n"),
            format!("# c\n{plugin}\n{plugin}\n\n{a}\n{plugin}"),
        ] {
            assert_eq!(one(&text), Ok(1), "{name}");
            assert_eq!(several(&text), Ok(1), "{name}");
        }
        assert_eq!(several(&format!("{plugin} {a}\t{plugin}")), Ok(1));
        let alone = one(&format!("\n{plugin}\n{plugin}"));
        assert_eq!(alone, Err((Some(2), Flaw::Plugin)));
        assert_eq!(
            one(&format!("{a}\n{plugin}\nhello")),
            Err((Some(3), Flaw::Unknown))
        );
        let many = format!("{plugin}\n").repeat(1025);
        assert_eq!(one(&many), Err((Some(1025), Flaw::TooMany)));
    }
    let many = format!("{a}\n").repeat(1025);
    assert_eq!(one(&many), Err((Some(1025), Flaw::TooMany)));
}

#[test]
fn ssh_keys_that_cannot_be_used() {
    let flaw = |text: &str| match ssh::parse(text.as_bytes(), "", &Arc::default()) {
        Ok(_) => panic!("accepted"),
        Err(flaw) => flaw,
    };
    let good = key("ssh-ed25519");
    assert_eq!(flaw("hello"), Flaw::NotSsh);
    assert_eq!(flaw(""), Flaw::NotSsh);
    assert_eq!(flaw(&key("ssh-ed25519.pub")), Flaw::PublicKey);
    assert_eq!(flaw(&key("age-a.txt")), Flaw::AgeIdentity);
    assert_eq!(flaw("-----BEGIN PRIVATE KEY-----\n"), Flaw::SshForm);
    assert_eq!(flaw(&good[..good.len() / 2]), Flaw::SshDamaged);
    let crlf = good.replace('\n', "\r\n");
    assert!(matches!(
        ssh::parse(crlf.as_bytes(), "", &Arc::default()),
        Ok(ssh::Key::Open(_))
    ));
}

#[test]
fn key_directory_of_a_mounted_secret() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("..2026_11_22");
    fs::create_dir(&data).unwrap();
    fs::create_dir(dir.path().join("folder.txt")).unwrap();
    fs::write(data.join("new.agekey"), key("age-b.txt")).unwrap();
    fs::write(data.join("old.txt"), key("age-a.txt")).unwrap();
    fs::write(data.join("README.md"), "not a key").unwrap();
    fs::write(dir.path().join(".hidden.txt"), "not a key").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink("..2026_11_22", dir.path().join("..data")).unwrap();
        for name in ["new.agekey", "old.txt", "README.md"] {
            symlink(Path::new("..data").join(name), dir.path().join(name)).unwrap();
        }
    }
    let mut ring = Keyring::new();
    ring.add_dir(dir.path());
    let names: Vec<_> = ring.places().iter().map(|p| p.to_string()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names[0].contains("folder.txt: a directory"));
    assert!(names[1].contains("new.agekey: 1 identity"));
    assert!(names[2].contains("old.txt: 1 identity"));
    assert!(ring.can_open(&file(&[A])) && ring.can_open(&file(&[B])));

    let mut ring = Keyring::new();
    ring.add_dir(data.join("missing"));
    ring.add_dir(data.join("old.txt"));
    let empty = tempfile::tempdir().unwrap();
    ring.add_dir(empty.path());
    let found: Vec<_> = ring.places().into_iter().map(|p| p.found).collect();
    let not_found = Found::NotFound { hint: None };
    assert_eq!(found, [not_found.clone(), not_found, Found::NoKeyFiles]);
}

/// Of a pipe nobody knows whether there is ever anything to read.
#[cfg(unix)]
#[test]
fn a_pipe_among_the_keys_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("a.agekey");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::write(dir.path().join("b.agekey"), key("age-a.txt")).unwrap();
    let mut ring = Keyring::new();
    ring.add_dir(dir.path());
    let names: Vec<_> = ring.places().iter().map(|p| p.to_string()).collect();
    assert!(
        names[0].ends_with("a.agekey: not a plain file"),
        "{names:?}"
    );
    assert!(ring.can_open(&file(&[A])));
}

#[test]
fn encrypted_identity_files() {
    for armor in [false, true] {
        let file_text = encrypted(&key("age-a.txt"), "right", armor);
        let (callbacks, asked) = prompt(Some("right"));
        let mut ring = Keyring::with_callbacks(callbacks);
        assert_eq!(ring.add_identities(&file_text), Found::Locked);
        let _ = ring.add_file(key_path("age-b.txt"));
        assert!(ring.can_open(&file(&[B])));
        assert_eq!(asked.load(Ordering::SeqCst), 0, "asked without need");
        assert!(ring.can_open(&file(&[A])) && ring.can_open(&file(&[A])));
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        for (answer, expected) in [
            (Some("wrong"), Found::WrongPassphrase),
            (None, Found::NeedsPassphrase),
        ] {
            let (callbacks, asked) = prompt(answer);
            let mut ring = Keyring::with_callbacks(callbacks);
            let _ = ring.add_identities(&file_text);
            assert!(!ring.can_open(&file(&[A])) && !ring.can_open(&file(&[A])));
            assert_eq!(ring.places()[0].found, expected);
            assert_eq!(asked.load(Ordering::SeqCst), 1);
        }
    }
    let found = |bytes: &[u8]| {
        let mut ring = Keyring::with_callbacks(prompt(Some("right")).0);
        let _ = ring.add_identities(bytes);
        ring.can_open(&file(&[A]));
        ring.places()[0].found.clone()
    };
    let bad = |flaw| Found::Bad { line: None, flaw };
    assert_eq!(found(b"age-encryption.org/v1\n"), bad(Flaw::AgeFile));
    assert_eq!(
        found(wrap(b"x", A).unwrap().as_bytes()),
        bad(Flaw::NotPassphrase)
    );
    let line_2 = Found::Bad {
        line: Some(2),
        flaw: Flaw::PublicKey,
    };
    assert_eq!(found(&encrypted(&format!("\n{A}"), "right", true)), line_2);
}

#[test]
fn encrypted_identity_file_of_too_much_work() {
    let text = String::from_utf8_lossy(&encrypted("", "p", false)).replace(" 2\n", " 23\n");
    let mut ring = Keyring::with_callbacks(prompt(Some("p")).0);
    // Only the header counts: the work is refused before anything is done.
    let header = text.split("--- ").next().unwrap();
    let mac = "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    let _ = ring.add_identities(format!("{header}{mac}{}", "\0".repeat(32)));
    assert!(!ring.can_open(&file(&[A])));
    assert_eq!(ring.places()[0].found, Found::TooMuchWork);
}

#[test]
fn encrypted_ssh_key() {
    let recipient = key("../../keys/ssh-ed25519-passphrase.pub");
    let path = key_path("../../keys/ssh-ed25519-passphrase");
    let (callbacks, asked) = prompt(Some("correct horse"));
    let mut ring = Keyring::with_callbacks(callbacks);
    assert_eq!(ring.add_ssh_key_file(&path), Found::Locked);
    // A file for another SSH key is no reason to ask.
    assert!(!ring.can_open(&file(&[&key("ssh-ed25519.pub")])));
    assert!(!ring.can_open(&file(&[A])));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert!(ring.can_open(&file(&[&recipient])) && ring.can_open(&file(&[&recipient])));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let mut ring = Keyring::new();
    let _ = ring.add_ssh_key_file(&path);
    assert!(!ring.can_open(&file(&[&recipient])));
    assert_eq!(ring.places()[0].found, Found::NeedsPassphrase);
}

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

#[test]
fn any_quorum_of_groups() {
    let shares = crate::keys::shamir::split(&KEY, 2, 3).unwrap();
    let entry = |share: usize, name: &str| vec![entry(&shares[share], name)];
    let metadata = groups(vec![entry(0, B), entry(1, A), entry(2, A)], 2);
    let mut ring = Keyring::new();
    let _ = ring.add_file(key_path("age-a.txt"));
    assert!(ring.open(&metadata).unwrap().as_bytes() == KEY);
    // Fewer than the threshold.
    let metadata = groups(vec![entry(0, B), entry(1, A), entry(2, B)], 2);
    let error = ring.open(&metadata).unwrap_err();
    assert_eq!(error.report().unwrap().opened(), 1);
    // A file that does not say how many are needed needs all.
    let metadata = groups(vec![entry(0, A), entry(1, A), entry(2, B)], 0);
    assert!(ring.open(&metadata).is_err());
    // Two groups with one share.
    let metadata = groups(vec![entry(1, A), entry(1, A)], 2);
    let error = ring.open(&metadata).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the shares of the key groups do not fit together"
    );
}

#[test]
fn a_wrong_share_beyond_the_threshold() {
    let mut shares = crate::keys::shamir::split(&KEY, 2, 3).unwrap();
    shares[0][5] ^= 1;
    let entries = shares.iter().map(|share| vec![entry(share, A)]);
    let mut metadata = groups(entries.collect(), 2);
    let mut ring = Keyring::new();
    let _ = ring.add_file(key_path("age-a.txt"));
    // Without a MAC nothing tells which share is wrong: as sops does.
    assert!(ring.open(&metadata).unwrap().as_bytes() != KEY);
    let time = metadata.last_modified.to_rfc3339_seconds();
    let mac = Zeroizing::new(b"a MAC".to_vec());
    let cipher = crate::cipher::Cipher::new(&KEY).unwrap();
    metadata.mac = cipher.seal(mac, "str", time.as_bytes(), &[3; 32]).unwrap();
    assert!(ring.open(&metadata).unwrap().as_bytes() == KEY);
}

#[test]
fn corpus() {
    let cases = key_path("../cases/yaml");
    let mut counts = (0, 0);
    for case in fs::read_dir(cases)
        .unwrap()
        .map(|case| case.unwrap().path())
    {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("keys-") && !name.starts_with("shamir-") {
            continue;
        }
        let bytes = fs::read(case.join("enc.yaml")).unwrap();
        let document = crate::Document::parse(&bytes, crate::Format::Yaml).unwrap();
        let names = fs::read_to_string(case.join("identities")).unwrap_or("age-a.txt".into());
        let mut ring = Keyring::new();
        for name in names.lines() {
            match name.starts_with("ssh-") {
                true => ring.add_ssh_key_file(key_path(name)),
                false => ring.add_file(key_path(name)),
            };
        }
        let metadata = document.metadata();
        match ring.open(metadata) {
            Ok(key) => {
                // The MAC proves the key.
                assert!(opens_mac(&key, metadata), "{name}");
                assert!(!case.join("fail").exists(), "{name}");
                counts.0 += 1;
            }
            Err(_) => {
                assert!(case.join("fail").exists(), "{name}");
                counts.1 += 1;
            }
        }
    }
    assert_eq!(counts, (10, 3));
}

#[test]
fn entries_that_are_damaged() {
    let mut ring = Keyring::new();
    let _ = ring.add_file(key_path("age-a.txt"));
    let good = wrap(&KEY, A).unwrap();
    let binary = unwrap::dearmor(&good).unwrap();
    let armor = |bytes: &[u8]| {
        let mut out = Vec::new();
        let format = age::armor::Format::AsciiArmor;
        let mut armor = age::armor::ArmoredWriter::wrap_output(&mut out, format).unwrap();
        armor.write_all(bytes).unwrap();
        armor.finish().unwrap();
        String::from_utf8(out).unwrap()
    };
    let at = |part: &[u8]| binary.windows(part.len()).position(|w| w == part).unwrap();
    let change = |place: usize| {
        let mut bytes = binary.clone();
        // Another byte, and another letter of base64.
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        armor(&bytes)
    };
    let many = [
        &binary[..at(b"--- ")],
        b"-> x\n\n".repeat(65).as_slice(),
        &binary[at(b"--- ")..],
    ]
    .concat();
    let later = [b"age-encryption.org/v9", &binary[21..]].concat();
    for (enc, expected) in [
        (String::new(), "missing"),
        ("x".repeat(100_000), "too-large"),
        ("hello".into(), "armor"),
        (good.replace("-----END", "-----FIN"), "armor"),
        (armor(&many), "too-many-stanzas"),
        (armor(b"hello"), "header"),
        (armor(&later), "version"),
        (change(at(b"--- ") + 5), "header-mac"),
        (change(binary.len() - 1), "payload"),
        (wrap(b"no data key", A).unwrap(), "length"),
        (wrap(&[0; 100], A).unwrap(), "length"),
    ] {
        let key = age(A, enc.clone());
        let report = ring.report(&groups(vec![vec![key.clone()]], 0));
        let outcome = &report.groups()[0].recipients[0].outcome;
        let Outcome::Damaged { damage } = outcome else {
            panic!("{expected}: {outcome:?}");
        };
        assert_eq!(damage.name(), expected);
        // Another key of the group still opens it.
        let metadata = groups(vec![vec![key, entry(&KEY, A)]], 0);
        assert!(ring.can_open(&metadata), "{expected:?}");
    }
}

#[test]
fn a_wrapped_key_is_opened_once() {
    let mut ring = Keyring::new();
    let _ = ring.add_file(key_path("age-a.txt"));
    let metadata = file(&[A]);
    assert!(ring.can_open(&metadata));
    // Opened from memory: without its identity.
    ring.service::<Age>().sources.clear();
    assert!(ring.can_open(&metadata));
    assert!(!ring.can_open(&file(&[A])));
}

#[test]
fn keyrings_are_shared_among_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Keyring>();
    shared::<Report>();
}

proptest! {
    #[test]
    fn any_text_is_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\"' A-Z0-9a-z\n-]{0,80}") {
        let _ = identity::parse(&bytes, Words::One);
        let _ = ssh::parse(&bytes, "", &Arc::default());
        let _ = identity::parse(text.as_bytes(), Words::Several);
        let _ = identity::parse(format!("AGE-SECRET-KEY-{text}").as_bytes(), Words::One);
        let _ = wrap(b"x", &text);
        let _ = crate::shown::shorten(&text);
    }

    #[test]
    fn any_armor_is_refused_without_panic(place in 0usize..400, byte in any::<u8>()) {
        let mut ring = Keyring::new();
        let _ = ring.add_file(key_path("age-a.txt"));
        let mut enc = wrap(&KEY, A).unwrap().into_bytes();
        let place = place % enc.len();
        enc[place] = byte;
        let enc = String::from_utf8_lossy(&enc).into_owned();
        let metadata = groups(vec![vec![age(A, enc)]], 0);
        if let Ok(key) = ring.open(&metadata) {
            prop_assert_eq!(key.as_bytes(), KEY);
        }
    }
}

/// What ssh-to-age makes of the two keys, by an implementation of our own in
/// another language; the first one also by way of its private half (SHA-512 of
/// the seed, X25519).
#[cfg(feature = "ssh")]
#[test]
fn a_recipient_that_ssh_to_age_made() {
    const MADE: &str = "age1907e69srkhxqudq0cen4unqfcf344z6ntqdlkltyu2hj2nus43ssganafm";
    const LOCKED: &str = "age1xd7nxc2hu4ax3vfyf6t2aeeygdgl8kpwnffcd5xr9jpp4ayx03dqpa7cy6";
    let locked = "../../keys/ssh-ed25519-passphrase";
    for (public, made) in [
        (key("ssh-ed25519.pub"), Some(MADE)),
        (key(&format!("{locked}.pub")), Some(LOCKED)),
        (key("ssh-rsa.pub"), None),
        (key("ssh-ed25519.pub").replace("AAAAILz", "AAAAIBz"), None),
        ("ssh-ed25519 AAAA".into(), None),
        (A.into(), None),
    ] {
        assert_eq!(ssh::to_age(public.trim()).as_deref(), made, "{public}");
    }

    let home = tempfile::tempdir().unwrap();
    let at = home.path().to_str().unwrap();
    fs::create_dir(home.path().join(".ssh")).unwrap();
    let mut all = String::new();
    for (name, made) in [("ssh-ed25519", MADE), (locked, LOCKED)] {
        fs::write(home.path().join(".ssh/id_ed25519"), key(name)).unwrap();
        let ring = keyring(&[("HOME", at)], Callbacks::none());
        let advice = |recipients: &[&str]| {
            let report = ring.report(&file(recipients));
            assert!(!ring.can_open(&file(recipients)));
            let public = report.clone().redacted();
            [report, public]
                .map(|report| format!("{}\n", report.advice().replace(at, "~")))
                .concat()
        };
        all += &advice(&[B, made]);
        all += &advice(&[B]);
    }
    insta::assert_snapshot!(all);
}

/// An honest file is far from the bound on one file, and one of the review,
/// with 2,000 entries of 64 stanzas or of RSA, is beyond it.
#[test]
fn what_an_attempt_costs() {
    let mut service = Age::default();
    let operations = |service: &Age, enc: &str| service.operations(&age(A, enc.to_owned()));
    let honest = entry(&KEY, B).enc().to_owned();
    assert_eq!(operations(&service, &honest), 0);
    let _ = service.add_identities(secret("age-a.txt"));
    assert!((1..=4).contains(&operations(&service, &honest)), "{honest}");
    let stanzas = "x".repeat(64 * 98 * 4 / 3);
    assert!(operations(&service, &stanzas) * 2_000 > limits::OPERATIONS);
    #[cfg(feature = "ssh")]
    {
        let before = operations(&service, &honest);
        let _ = service.add_ssh_key(key("ssh-rsa"));
        let with_rsa = operations(&service, &honest);
        assert_eq!(with_rsa, before * (1 + limits::RSA_OPERATIONS));
        assert!(with_rsa * 2_000 > limits::OPERATIONS);
    }
}

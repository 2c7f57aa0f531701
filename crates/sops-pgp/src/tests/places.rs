//! Where keys are looked for, in which order, and what is said of it.

use std::fs;

use sops_core::keys::KeyService;

use super::*;
use crate::testing::{ALGORITHMS, Gnupg};

/// What a report says of the places.
fn report(pgp: &Pgp, gnupg: &Gnupg) -> String {
    let places = pgp.places().into_iter().map(|place| place.to_string());
    let text = places.collect::<Vec<_>>().join("\n");
    text.replace(gnupg.path().to_str().unwrap(), "HOME")
}

fn empty() -> &'static Path {
    Path::new("")
}

#[test]
fn a_home_without_any_program() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[0];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    gnupg_home.kill_agent();
    let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", empty())];
    let pgp = gnupg(Callbacks::none().run_gpg(), &pairs);
    assert!(pgp.places().is_empty(), "nothing was asked for");
    assert_eq!(at_hand(&pgp, &enc).as_deref(), Ok(SECRET));
    let report = report(&pgp, &gnupg_home).replace(&fingerprint, "ME");
    insta::assert_snapshot!(report, @r"
    HOME: 1 identity, for ME
    gpg-agent (HOME/S.gpg-agent): not run; not needed
    the gpg program: not found
    ");
    let other = gnupg_home.generate(&format!("{lines}\nName-Real: other"), "");
    assert_eq!(
        pgp.wrap(&Recipient::pgp(other), &secret())
            .unwrap_err()
            .name(),
        Some("no-public-key")
    );
    pgp.forget_failures();
}

#[test]
fn an_agent_that_remembers_the_passphrase() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    gnupg_home.configure("allow-preset-passphrase");
    for (name, lines) in ALGORITHMS {
        let lines = format!("{lines}\nName-Real: {name} locked");
        let fingerprint = gnupg_home.generate(&lines, "pw");
        let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
        gnupg_home.kill_agent();
        let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", empty())];
        let pgp = gnupg(Callbacks::none(), &pairs);
        // No agent: its socket goes with it, sooner or later.
        assert!(open(&pgp, &enc, Effort::Command).is_err());
        let no_agent = report(&pgp, &gnupg_home);
        let is_gone = ["no agent is running", "nothing answers at its socket"];
        assert!(
            is_gone.iter().any(|gone| no_agent.contains(gone)),
            "{no_agent}"
        );
        gnupg_home.start_agent();
        assert!(open(&pgp, &enc, Effort::Command).is_err());
        let forgot = report(&pgp, &gnupg_home);
        assert!(
            forgot.contains("it does not remember the passphrase"),
            "{forgot}"
        );
        gnupg_home.preset(&fingerprint, "pw");
        let opened = open(&pgp, &enc, Effort::Command);
        assert_eq!(opened.as_deref(), Ok(SECRET), "{name}");
        let opened = report(&pgp, &gnupg_home);
        assert!(opened.contains("it opened the key"), "{opened}");
    }
}

#[test]
fn a_dead_socket() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "pw");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    gnupg_home.kill_agent();
    let socket = gnupg_home.file("S.gpg-agent");
    let _ = fs::remove_file(&socket);
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", empty())];
    let pgp = gnupg(Callbacks::none(), &pairs);
    let error = open(&pgp, &enc, Effort::Command).unwrap_err();
    assert_eq!(error.name(), Some("passphrase-needed"));
    let report = report(&pgp, &gnupg_home);
    assert!(report.contains("nothing answers at its socket"), "{report}");
    assert!(report.contains("this program runs no commands"), "{report}");
}

/// What answers at a socket need not be an agent.
#[test]
fn an_agent_that_is_none() {
    use std::io::Write;
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "pw");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    gnupg_home.kill_agent();
    let socket = gnupg_home.file("S.gpg-agent");
    for says in [
        &b"OK\nOK\nOK\nD (5:value4:abcd)\nOK\n"[..],
        b"OK\nOK\nOK\nD (5:value99:abcd)\nOK\n",
        b"OK\nOK\nOK\nINQUIRE PASSPHRASE\nERR 99 x\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"ERR x\n",
        b"",
        &[b'x'; 100_000],
        &[b'#', b'\n'].repeat(50_000),
    ] {
        let _ = fs::remove_file(&socket);
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let thread = std::thread::spawn({
            let says = says.to_vec();
            move || {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.write_all(&says);
            }
        });
        let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", empty())];
        let pgp = gnupg(Callbacks::none(), &pairs);
        assert!(open(&pgp, &enc, Effort::Command).is_err());
        thread.join().unwrap();
    }
}

#[test]
fn the_gpg_program_for_what_nothing_else_can() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let fingerprint = gnupg_home.generate(
        "Key-Type: ECDSA\nKey-Curve: brainpoolP256r1\nSubkey-Type: ECDH\n\
         Subkey-Curve: brainpoolP256r1\nName-Real: b",
        "",
    );
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    let path = std::env::var_os("PATH").unwrap();
    let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", Path::new(&path))];
    let pgp = gnupg(Callbacks::none().run_gpg(), &pairs);
    assert_eq!(open(&pgp, &enc, Effort::Command).as_deref(), Ok(SECRET));
    let written = pgp.wrap(&Recipient::pgp(&*fingerprint), &secret()).unwrap();
    assert_eq!(gnupg_home.gpg(&["-d"], written.enc().as_bytes()), SECRET);
    // Not allowed, it is not run.
    let pgp = gnupg(Callbacks::none(), &pairs);
    assert!(open(&pgp, &enc, Effort::Command).is_err());
    // A program of another name, without arguments, as sops has it.
    let wrapper = gnupg_home.file("my gpg");
    fs::write(
        &wrapper,
        "#!/bin/sh\necho 'gpg: no such luck' >&2\necho >&2\nexit 2\n",
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&wrapper, mode).unwrap();
    let pairs = [
        ("GNUPGHOME", gnupg_home.path()),
        ("SOPS_GPG_EXEC", &*wrapper),
    ];
    let pgp = gnupg(Callbacks::none().run_gpg(), &pairs);
    assert!(open(&pgp, &enc, Effort::Command).is_err());
    let report = report(&pgp, &gnupg_home);
    assert!(
        report.ends_with("SOPS_GPG_EXEC (HOME/my gpg …): it failed: no such luck"),
        "{report}"
    );
}

#[test]
fn a_person_is_asked_once_for_each_key() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "pw");
    let export = gnupg_home.gpg(&["--passphrase", "pw", "--export-secret-keys"], b"");
    let messages = [(); 2].map(|()| gnupg_home.encrypt(&fingerprint, &[], SECRET));
    let subkey = &gnupg_home.subkeys(&fingerprint)[0];
    for from_home in [true, false] {
        for (passphrase, expected) in [("pw", true), ("no", false)] {
            let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
            let callbacks = Callbacks::none().prompt({
                let asked = std::sync::Arc::clone(&asked);
                move |what| {
                    asked.lock().unwrap().push(what.to_owned());
                    Some(String::from(passphrase).into())
                }
            });
            let mut pgp = Pgp::new(callbacks);
            if from_home {
                pgp.add_home(gnupg_home.path());
            } else {
                let _ = pgp.add_keys(&export);
            }
            for enc in &messages {
                let opened = open(&pgp, enc, Effort::Person).is_ok();
                assert_eq!(opened, expected, "{from_home}");
            }
            let name = format!("the PGP key {subkey} (me)");
            assert_eq!(*asked.lock().unwrap(), [name], "{from_home}");
        }
    }
}

#[test]
fn files_of_every_state() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "");
    let dir = gnupg_home.file("keys");
    fs::create_dir_all(dir.join("..data")).unwrap();
    let public = gnupg_home.gpg(&["--armor", "--export"], b"");
    let private = gnupg_home.gpg(&["--armor", "--export-secret-keys"], b"");
    let subkeys = gnupg_home.gpg(&["--export-secret-subkeys"], b"");
    for (name, content) in [
        ("a-public.asc", &public[..]),
        ("b-private.asc", &private),
        ("c-subkeys.gpg", &subkeys),
        ("d-empty.asc", b"\n"),
        ("e-garbage.asc", b"garbage"),
        ("f-cut.asc", &private[..private.len() / 2]),
        ("g-age.asc", b"AGE-SECRET-KEY-1QQQ"),
        (".hidden.asc", b""),
        ("age.agekey", b""),
        ("notes.txt", b""),
    ] {
        fs::write(dir.join(name), content).unwrap();
    }
    let mut pgp = Pgp::default();
    assert_eq!(pgp.add_dir(&dir), 7);
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    assert_eq!(at_hand(&pgp, &enc).as_deref(), Ok(SECRET));
    let report = report(&pgp, &gnupg_home).replace(&fingerprint, "ME");
    insta::assert_snapshot!(report, @r"
    HOME/keys/a-public.asc: public keys only, where the private one belongs (gpg --export-secret-keys)
    HOME/keys/b-private.asc: 1 identity, for ME
    HOME/keys/c-subkeys.gpg: 1 identity, for ME
    HOME/keys/d-empty.asc: no identity in it
    HOME/keys/e-garbage.asc: not an OpenPGP key: the text is damaged, or of another kind
    HOME/keys/f-cut.asc: not an OpenPGP key: the text is damaged, or of another kind
    HOME/keys/g-age.asc: not an OpenPGP key: the text is damaged, or of another kind
    ");
    let mut only = Pgp::default();
    let _ = only.add_file(dir.join("c-subkeys.gpg"));
    assert_eq!(at_hand(&only, &enc).as_deref(), Ok(SECRET));
}

#[test]
fn variables() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "pw");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    let key = gnupg_home.file("key.asc");
    let args = ["--passphrase", "pw", "--armor", "--export-secret-keys"];
    fs::write(&key, gnupg_home.gpg(&args, b"")).unwrap();
    let passphrase = gnupg_home.file("passphrase");
    fs::write(&passphrase, "pw\r\n").unwrap();
    let with = |pairs: &[(&str, &Path)]| {
        let mut pgp = Pgp::default();
        pgp.add_key_vars(vars(pairs));
        let opened = at_hand(&pgp, &enc);
        (opened, report(&pgp, &gnupg_home))
    };
    let (opened, _) = with(&[
        ("KSOPS_PGP_KEY_FILE", &*key),
        ("KSOPS_PGP_PASSPHRASE_FILE", &passphrase),
    ]);
    assert_eq!(opened.as_deref(), Ok(SECRET));
    let (error, report) = with(&[("KSOPS_PGP_KEY_FILE", &*key)]);
    insta::assert_snapshot!(report, @"KSOPS_PGP_KEY_FILE (HOME/key.asc): protected by a passphrase, which cannot be asked for here");
    let subkey = &gnupg_home.subkeys(&fingerprint)[0];
    insta::assert_snapshot!(error.unwrap_err().to_string().replace(subkey.as_str(), "SUBKEY"), @"no credentials: the private key of SUBKEY (me) takes a passphrase");
    let (error, report) = with(&[]);
    insta::assert_snapshot!(report, @"KSOPS_PGP_KEY_FILE: not set");
    let error = error.unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(&subkey[24..], "KEYID"), @"no matching identity: no private key of KEYID");
    let (_, report) = with(&[("KSOPS_PGP_KEY_FILE", Path::new("/nonexistent"))]);
    insta::assert_snapshot!(report, @"KSOPS_PGP_KEY_FILE (/nonexistent): not found");
}

//! Messages of every kind, with keys of every kind.

use sops_core::keys::{KeyService, Reason};

use super::*;
use crate::testing::{ALGORITHMS, Gnupg};

#[test]
fn every_algorithm_from_a_home_and_from_a_file() {
    let Some(gnupg) = Gnupg::new() else { return };
    let passphrase_file = gnupg.file("passphrase");
    std::fs::write(&passphrase_file, "pw\n").unwrap();
    for (name, lines) in ALGORITHMS {
        let lines = format!("{lines}\nName-Real: {name}");
        let fingerprint = gnupg.generate(&lines, "");
        let locked = gnupg.generate(&format!("{lines} locked"), "pw");
        gnupg.kill_agent();
        let home = home(gnupg.path());
        let exports = [&["--armor"][..], &[]].map(|armor| {
            let args = [armor, &["--export-secret-keys", &fingerprint]].concat();
            file(&gnupg.gpg(&args, b""))
        });
        for args in [
            &[][..],
            &["--throw-keyids"],
            &["--cipher-algo", "CAST5"],
            &["--cipher-algo", "3DES"],
            &["--cipher-algo", "TWOFISH"],
            &["--cipher-algo", "CAMELLIA256"],
            &["-z", "0"],
            &["--compress-algo", "ZIP"],
            &["--compress-algo", "ZLIB"],
            &["--rfc2440", "--disable-mdc"],
        ] {
            let enc = gnupg.encrypt(&fingerprint, args, SECRET);
            assert_eq!(
                at_hand(&home, &enc).as_deref(),
                Ok(SECRET),
                "{name} {args:?}"
            );
            for export in &exports {
                assert_eq!(
                    at_hand(export, &enc).as_deref(),
                    Ok(SECRET),
                    "{name} {args:?}"
                );
            }
        }
        let enc = gnupg.encrypt(&locked, &[], SECRET);
        let error = at_hand(&home, &enc).unwrap_err();
        assert_eq!(error.reason(), Reason::NoCredentials, "{name}");
        assert!(
            error.to_string().contains(&format!("({name} locked)")),
            "{error}"
        );
        let args = ["--passphrase", "pw", "--export-secret-keys", &locked];
        let export = gnupg.gpg(&args, b"");
        let error = at_hand(&file(&export), &enc).unwrap_err();
        assert_eq!(error.name(), Some("passphrase-needed"), "{name}");
        let mut pgp = Pgp::default();
        pgp.set_passphrase_file(&passphrase_file);
        let _ = pgp.add_keys(&export);
        assert_eq!(at_hand(&pgp, &enc).as_deref(), Ok(SECRET), "{name} locked");
        let mut pgp = Pgp::default();
        std::fs::write(gnupg.file("wrong"), "wrong").unwrap();
        pgp.set_passphrase_file(gnupg.file("wrong"));
        let _ = pgp.add_keys(&export);
        let error = at_hand(&pgp, &enc).unwrap_err();
        assert_eq!(error.name(), Some("wrong-passphrase"), "{name}");
    }
}

/// GnuPG's own choice of how much work a passphrase is.
#[test]
fn a_passphrase_as_gnupg_protects_it() {
    let Some(gnupg) = Gnupg::new().map(Gnupg::unconfigured) else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg.generate_here(&format!("{lines}\nName-Real: me"), "pw");
    let passphrase = gnupg.file("passphrase");
    std::fs::write(&passphrase, "pw").unwrap();
    let enc = gnupg.encrypt(&fingerprint, &[], SECRET);
    let mut pgp = Pgp::default();
    pgp.set_passphrase_file(&passphrase);
    pgp.add_home(gnupg.path());
    assert_eq!(at_hand(&pgp, &enc).as_deref(), Ok(SECRET));
}

/// GnuPG 2.4 writes packets of a type of its own for keys that it made.
#[test]
fn messages_of_gnupg_2_4() {
    let bob = include_bytes!("../../testdata/gnupg-2.4/bob.sec.asc");
    let message = include_str!("../../testdata/gnupg-2.4/msg_to_bob.asc");
    assert_eq!(at_hand(&file(bob), message).as_deref(), Ok(&b"foo\n"[..]));
    let chunks = include_str!("../../testdata/gnupg-2.4/msg_to_bob_multi_chunk.asc");
    assert_eq!(at_hand(&file(bob), chunks).map(|data| data.len()), Ok(300));
}

#[test]
fn several_recipients_and_signed_messages() {
    let Some(gnupg) = Gnupg::new() else { return };
    let [first, second] = ["one", "two"].map(|name| {
        let (_, lines) = ALGORITHMS[2];
        gnupg.generate(&format!("{lines}\nName-Real: {name}"), "")
    });
    let export = gnupg.gpg(&["--export-secret-keys", &second], b"");
    let pgp = file(&export);
    for args in [
        &["-r", &second][..],
        &["-r", &second, "-s", "-u", &first],
        &["-R", &second],
        &["-R", &second, "-s", "-u", &first, "-z", "0"],
    ] {
        let enc = gnupg.encrypt(&first, args, SECRET);
        assert_eq!(at_hand(&pgp, &enc).as_deref(), Ok(SECRET), "{args:?}");
    }
    let enc = gnupg.encrypt(&first, &[], SECRET);
    let error = at_hand(&pgp, &enc).unwrap_err();
    assert_eq!(error.reason(), Reason::NotOurs);
}

#[test]
fn what_is_not_supported_is_named() {
    let Some(gnupg) = Gnupg::new() else { return };
    let elgamal = gnupg.generate(
        "Key-Type: DSA\nKey-Length: 2048\nSubkey-Type: ELG-E\nSubkey-Length: 2048\nName-Real: e",
        "",
    );
    let mut kinds = vec![(elgamal, "Elgamal".to_owned())];
    for curve in [
        "brainpoolP256r1",
        "brainpoolP384r1",
        "brainpoolP512r1",
        "secp256k1",
    ] {
        let lines = format!(
            "Key-Type: ECDSA\nKey-Curve: {curve}\nSubkey-Type: ECDH\nSubkey-Curve: {curve}\n\
             Name-Real: {curve}"
        );
        kinds.push((gnupg.generate(&lines, ""), format!("the curve {curve}")));
    }
    let export = gnupg.gpg(&["--export-secret-keys"], b"");
    for (fingerprint, what) in &kinds {
        let enc = gnupg.encrypt(fingerprint, &[], SECRET);
        for pgp in [home(gnupg.path()), file(&export)] {
            let error = at_hand(&pgp, &enc).unwrap_err();
            assert_eq!(error.reason(), Reason::Unsupported, "{what}");
            assert!(error.to_string().contains(what.as_str()), "{error}");
            let error = pgp
                .wrap(&Recipient::pgp(fingerprint.as_str()), &secret())
                .unwrap_err();
            assert_eq!(error.reason(), Reason::Unsupported, "{error}");
            assert!(error.to_string().contains(what.as_str()), "{error}");
        }
    }
    let (_, lines) = ALGORITHMS[0];
    let rsa = gnupg.generate(&format!("{lines}\nName-Real: r"), "");
    let enc = gnupg.encrypt(&rsa, &["--compress-algo", "BZIP2"], SECRET);
    let error = at_hand(&home(gnupg.path()), &enc).unwrap_err();
    assert!(error.to_string().contains("bzip2"), "{error}");
    let enc = gnupg.gpg(&["-a", "--passphrase", "x", "-c"], SECRET);
    let enc = String::from_utf8(enc).unwrap();
    let error = at_hand(&home(gnupg.path()), &enc).unwrap_err();
    assert!(error.to_string().contains("passphrase"), "{error}");
}

/// Keys of GnuPG before 2.1, and private key files as it wrote them.
#[test]
fn older_homes() {
    let Some(gnupg) = Gnupg::new() else { return };
    gnupg.configure("disable-extended-key-format");
    let (_, lines) = ALGORITHMS[0];
    let clear = gnupg.generate_here(&format!("{lines}\nName-Real: clear"), "");
    let locked = gnupg.generate_here(&format!("{lines}\nName-Real: locked"), "pw");
    let files = std::fs::read_dir(gnupg.file("private-keys-v1.d")).unwrap();
    for file in files {
        let file = std::fs::read(file.unwrap().path()).unwrap();
        assert!(file.starts_with(b"("), "not the older form");
    }
    let enc = gnupg.encrypt(&clear, &[], SECRET);
    assert_eq!(at_hand(&home(gnupg.path()), &enc).as_deref(), Ok(SECRET));
    let enc = gnupg.encrypt(&locked, &[], SECRET);
    for (passphrase, expected) in [("pw", Ok(SECRET)), ("wrong", Err("wrong-passphrase"))] {
        let callbacks = Callbacks::none().prompt(move |_| Some(String::from(passphrase).into()));
        let mut pgp = Pgp::new(callbacks);
        pgp.add_home(gnupg.path());
        let opened = open(&pgp, &enc, Effort::Person);
        let opened = opened.as_deref().map_err(|e| e.name().unwrap());
        assert_eq!(opened, expected);
    }
    // GnuPG 1 keeps private keys in one file, as they are exported.
    let ring = gnupg.gpg(&["--export-secret-keys", &clear], b"");
    let old = tempfile::tempdir().unwrap();
    std::fs::write(old.path().join("secring.gpg"), ring).unwrap();
    let enc = gnupg.encrypt(&clear, &[], SECRET);
    assert_eq!(at_hand(&home(old.path()), &enc).as_deref(), Ok(SECRET));
}

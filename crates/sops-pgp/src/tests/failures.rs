//! What is said where a key is there and does not help.

use std::{fs, os::unix::fs::PermissionsExt};

use sops_core::keys::Reason;

use super::*;
use crate::{
    armor,
    packet::{Packets, tag, write},
    testing::{ALGORITHMS, Gnupg},
};

/// The message with one bit of its first session key changed: the last one.
fn damaged(enc: &str) -> String {
    let block = armor::blocks(enc.as_bytes()).next().unwrap();
    let bytes = block.bytes.unwrap();
    let mut out = Vec::new();
    for packet in Packets::new(&bytes).map(Result::unwrap) {
        let mut body = packet.body.to_vec();
        if packet.tag == tag::PKESK {
            *body.last_mut().unwrap() ^= 1;
        }
        write(packet.tag, &body, &mut out);
    }
    armor::write_message(&out)
}

fn report(pgp: &Pgp) -> String {
    let places = pgp.places().into_iter().map(|place| place.to_string());
    places.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_damaged_key_is_not_a_missing_one() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    for (name, lines) in ALGORITHMS {
        let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: {name}"), "");
        let enc = damaged(&gnupg_home.encrypt(&fingerprint, &[], SECRET));
        let args = ["--export-secret-keys", &fingerprint];
        let key = gnupg_home.gpg(&args, b"");
        let here = home(gnupg_home.path());
        for pgp in [&file(&key), &here] {
            let error = at_hand(pgp, &enc).unwrap_err();
            assert_eq!(
                (error.reason(), error.name()),
                (Reason::Damaged, Some("mismatch")),
                "{name}: {error}"
            );
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.advice().unwrap().contains("version control"));
        }
        let report = report(&here);
        assert!(report.contains("does not open the message"), "{report}");
        gnupg_home.kill_agent();
    }
}

#[test]
fn the_passphrase_file_serves_the_home_too() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "pw");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    gnupg_home.kill_agent();
    let (text, nowhere) = (gnupg_home.file("passphrase"), Path::new(""));
    let with = |passphrase: Option<&str>| {
        let _ = fs::remove_file(&text);
        if let Some(passphrase) = passphrase {
            fs::write(&text, passphrase).unwrap();
        }
        let pairs = [
            ("GNUPGHOME", gnupg_home.path()),
            ("PATH", nowhere),
            ("KSOPS_PGP_PASSPHRASE_FILE", &text),
        ];
        let pgp = gnupg(Callbacks::none(), &pairs);
        // For the second file nothing is tried again.
        let _ = at_hand(&pgp, &enc);
        (at_hand(&pgp, &enc), report(&pgp))
    };
    let (opened, _) = with(Some("pw\n"));
    assert_eq!(opened.as_deref(), Ok(SECRET));
    let (wrong, places) = with(Some("wrong"));
    assert_eq!(wrong.unwrap_err().name(), Some("wrong-passphrase"));
    assert!(places.contains("not the one given"), "{places}");
    for none in [None, Some("")] {
        let (error, places) = with(none);
        let error = error.unwrap_err();
        assert_eq!(error.name(), Some("passphrase-file"), "{error}");
        let advice = error.advice().unwrap();
        assert!(advice.contains("KSOPS_PGP_PASSPHRASE_FILE"), "{advice}");
        assert!(places.contains("KSOPS_PGP_PASSPHRASE_FILE"), "{places}");
    }
}

#[test]
fn a_locked_key_that_is_needed() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "pw");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    let args = ["--passphrase", "pw", "--export-secret-keys", &fingerprint];
    let key = gnupg_home.file("key.gpg");
    fs::write(&key, gnupg_home.gpg(&args, b"")).unwrap();
    let mut pgp = Pgp::default();
    assert!(pgp.add_file(&key).to_string().ends_with("not needed"));
    assert!(at_hand(&pgp, &enc).is_err());
    assert!(!report(&pgp).contains("not needed"), "{}", report(&pgp));
}

/// gpg would ask whoever sits here for a stranger's passphrase.
#[test]
fn gpg_gets_no_message_for_a_passphrase() {
    let (Some(theirs), Some(ours)) = (Gnupg::new(), Gnupg::new()) else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = theirs.generate(&format!("{lines}\nName-Real: they"), "");
    let gpg = ours.file("gpg.sh");
    fs::write(&gpg, "#!/bin/sh\ntouch \"$0.ran\"\nexit 1\n").unwrap();
    fs::set_permissions(&gpg, fs::Permissions::from_mode(0o755)).unwrap();
    let text = |args: &[&str]| String::from_utf8(theirs.gpg(args, SECRET)).unwrap();
    let alone = text(&["--passphrase", "pw", "-a", "-c"]);
    let besides = text(&[
        "--passphrase",
        "pw",
        "--trust-model",
        "always",
        "-a",
        "-c",
        "-e",
        "-r",
        &fingerprint,
    ]);
    let for_key = theirs.encrypt(&fingerprint, &[], SECRET);
    for (enc, ran) in [(&alone, false), (&besides, false), (&for_key, true)] {
        let pairs = [("GNUPGHOME", ours.path()), ("SOPS_GPG_EXEC", &*gpg)];
        let pgp = gnupg(Callbacks::none().run_gpg(), &pairs);
        let error = open(&pgp, enc, Effort::Command).unwrap_err();
        assert!(error.advice().is_some(), "{error}");
        assert_eq!(ours.file("gpg.sh.ran").exists(), ran, "{error}");
    }
}

/// gpg's agent has a pinentry of its own, and a file of a stranger's may name a
/// key that takes a passphrase.
#[test]
fn gpg_asks_nobody_where_nobody_may_be_asked() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "pw");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    let pinentry = gnupg_home.file("pinentry.sh");
    fs::write(&pinentry, "#!/bin/sh\ntouch \"$0.ran\"\nexit 1\n").unwrap();
    fs::set_permissions(&pinentry, fs::Permissions::from_mode(0o755)).unwrap();
    gnupg_home.configure(&format!("pinentry-program {}", pinentry.display()));
    // It remembers the passphrase.
    gnupg_home.kill_agent();
    let path = std::env::var_os("PATH").unwrap();
    let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", Path::new(&path))];
    let pgp = gnupg(Callbacks::none().run_gpg(), &pairs);
    assert!(open(&pgp, &enc, Effort::Command).is_err());
    let silent = report(&pgp);
    assert!(silent.contains("the gpg program: it failed"), "{silent}");
    assert!(!gnupg_home.file("pinentry.sh.ran").exists(), "{silent}");
    // Where a person may be asked, as sops has it.
    let pgp = gnupg(Callbacks::none().prompt(|_| None).run_gpg(), &pairs);
    assert!(open(&pgp, &enc, Effort::Command).is_err());
    assert!(gnupg_home.file("pinentry.sh.ran").exists());
}

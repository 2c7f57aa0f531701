//! The suite that every key service must pass, on keys of every algorithm and
//! from every kind of place.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use testkit::key_service::Conformance;
use zeroize::Zeroizing;

use super::*;
use crate::testing::{ALGORITHMS, Gnupg};

const PASSPHRASE: &str = "correct horse battery";

fn suite(fingerprint: &str) -> Conformance {
    Conformance::new(Recipient::pgp(fingerprint)).secret(PASSPHRASE)
}

/// The command line of a home's own keys, and a key of this algorithm there.
fn key_of(gnupg: &Gnupg, algorithm: usize, passphrase: &str) -> String {
    let (name, lines) = ALGORITHMS[algorithm];
    gnupg.generate(&format!("{lines}\nName-Real: {name}"), passphrase)
}

#[test]
fn keys_of_a_file() {
    let Some(gnupg) = Gnupg::new() else { return };
    for algorithm in 0..ALGORITHMS.len() {
        let fingerprint = key_of(&gnupg, algorithm, "");
        let export = gnupg.gpg(&["--armor", "--export-secret-keys", &fingerprint], b"");
        let line = String::from_utf8(export.clone()).unwrap();
        let line = line.lines().nth(2).unwrap();
        suite(&fingerprint).secret(line).check(|| file(&export));
    }
}

#[test]
fn keys_of_a_file_behind_a_passphrase() {
    let Some(gnupg) = Gnupg::new() else { return };
    let passphrase = gnupg.file("passphrase");
    fs::write(&passphrase, PASSPHRASE).unwrap();
    let fingerprint = key_of(&gnupg, 2, PASSPHRASE);
    let args = ["--passphrase", PASSPHRASE, "--export-secret-keys"];
    let export = gnupg.gpg(&[&args[..], &[&fingerprint]].concat(), b"");
    suite(&fingerprint).check(|| {
        let mut pgp = Pgp::default();
        pgp.set_passphrase_file(&passphrase);
        let _ = pgp.add_keys(&export);
        pgp
    });
}

#[test]
fn keys_of_a_home() {
    let Some(gnupg) = Gnupg::new() else { return };
    let fingerprint = key_of(&gnupg, 0, "");
    gnupg.kill_agent();
    suite(&fingerprint).check(|| home(gnupg.path()));
}

#[test]
fn keys_that_an_agent_has() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    gnupg_home.configure("allow-preset-passphrase");
    let fingerprint = key_of(&gnupg_home, 2, PASSPHRASE);
    gnupg_home.kill_agent();
    gnupg_home.start_agent();
    gnupg_home.preset(&fingerprint, PASSPHRASE);
    let nowhere = PathBuf::new();
    let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", &nowhere)];
    suite(&fingerprint).check(|| gnupg(Callbacks::none(), &pairs));
}

/// What only the gpg program gets at: here a home that is nobody else's.
#[test]
fn keys_that_the_program_has() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let fingerprint = key_of(&gnupg_home, 2, "");
    let program = gnupg_home.file("gpg");
    let home = gnupg_home.path().display();
    let script = format!("#!/bin/sh\nexec /usr/bin/env GNUPGHOME={home} gpg \"$@\"\n");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let pairs = [("SOPS_GPG_EXEC", program.as_path())];
    suite(&fingerprint).check(|| gnupg(Callbacks::none().run_gpg(), &pairs));
}

#[test]
fn keys_that_a_person_unlocks() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let fingerprint = key_of(&gnupg_home, 2, PASSPHRASE);
    gnupg_home.kill_agent();
    let nowhere = PathBuf::new();
    let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", &nowhere)];
    suite(&fingerprint).check(|| {
        let ask = |_: &str| Some(Zeroizing::new(PASSPHRASE.to_owned()));
        gnupg(Callbacks::none().prompt(ask), &pairs)
    });
}

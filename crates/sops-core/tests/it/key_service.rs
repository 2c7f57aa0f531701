//! The conformance suite for key services, on age keys of every kind and from
//! every kind of place.

use std::{ffi::OsString, fs, path::PathBuf};

use sops_core::{
    age::{Age, Callbacks},
    keys::Recipient,
};
use testkit::{files::testdata, key_service::Conformance};
use zeroize::Zeroizing;

fn path(name: &str) -> PathBuf {
    testdata().join("corpus/keys").join(name)
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The suite for the key of this identity file.
fn age(identities: &str) -> Conformance {
    let recipient = identities
        .lines()
        .find_map(|l| l.split_once("public key: "));
    let secret = identities.lines().find(|l| l.starts_with("AGE-SECRET-KEY"));
    Conformance::new(Recipient::age(recipient.unwrap().1)).secret(secret.unwrap())
}

#[test]
fn x25519_keys() {
    let text = read(path("age-a.txt"));
    age(&text).check(|| {
        let mut age = Age::default();
        let _ = age.add_identities(&text);
        age
    });
}

#[test]
fn hybrid_keys() {
    age(&read(path("age-pq.txt"))).check(|| {
        let mut age = Age::default();
        age.add_dir(path(""));
        age
    });
}

#[test]
fn ssh_keys() {
    for name in ["ssh-ed25519", "ssh-rsa"] {
        let key = read(path(name));
        let recipient = read(path(&format!("{name}.pub")));
        Conformance::new(Recipient::age(recipient.trim()))
            .secret(key.lines().nth(1).unwrap())
            .check(|| {
                let mut age = Age::default();
                let _ = age.add_ssh_key(&key);
                age
            });
    }
}

#[test]
fn keys_behind_a_passphrase() {
    let file = testdata().join("keys/ssh-ed25519-passphrase");
    let recipient = read(file.with_extension("pub"));
    Conformance::new(Recipient::age(recipient.trim()))
        .secret("correct horse")
        .check(|| {
            let ask = |_: &str| Some(Zeroizing::new("correct horse".into()));
            let mut age = Age::new(Callbacks::none().prompt(ask));
            let _ = age.add_ssh_key_file(&file);
            age
        });
}

#[test]
fn keys_that_a_command_prints() {
    let text = read(path("age-b.txt"));
    age(&text).check(|| {
        let printed = text.clone();
        let run = Callbacks::none().run(move |_| Ok(printed.clone().into_bytes().into()));
        let mut age = Age::new(run);
        age.add_vars(|name| (name == "SOPS_AGE_KEY_CMD").then(|| OsString::from("print-it")));
        age
    });
}

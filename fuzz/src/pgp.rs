//! PGP messages and keys.

use std::sync::OnceLock;

use base64::Engine;
use sops_core::keys::{Effort, KeyService, Recipient, WrappedKey};
use sops_pgp::Pgp;

/// A PGP key, which protects nothing.
const ALICE: &[u8] = include_bytes!("../../crates/sops-pgp/testdata/alice.sec.asc");

/// The fingerprint of that key.
const ALICE_NAME: &str = "CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC";

/// The name of its private half in a home of GnuPG.
const ALICE_KEYGRIP: &str = "E8ED0DF0CEA2FDB9FDA55DE634577EDBA538D69D";

fn alice() -> Pgp {
    let mut pgp = Pgp::default();
    let _ = pgp.add_keys(ALICE);
    pgp
}

/// An entry for Alice, which holds 32 bytes.
fn for_alice() -> &'static WrappedKey {
    static KEY: OnceLock<WrappedKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let to = Recipient::pgp(ALICE_NAME);
        alice()
            .wrap(&to, &vec![7; 32].into())
            .expect("a key that is fit")
    })
}

/// A PGP message for Alice, before it is armored.
pub fn pgp_message(data: &[u8]) {
    let text = base64::prelude::BASE64_STANDARD.encode(data);
    let enc = format!("-----BEGIN PGP MESSAGE-----\n\n{text}\n-----END PGP MESSAGE-----");
    let key = WrappedKey::new(Recipient::pgp(ALICE_NAME), enc);
    if let Ok(secret) = alice().unwrap(&key, Effort::AtHand) {
        assert!(secret.as_bytes().len() <= 64 << 10);
    }
}

/// A home of GnuPG for one process: files by their names.
fn in_home(files: &[(&str, &[u8])]) {
    let home = std::env::temp_dir().join(format!(
        "sops-pgp-fuzz-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(home.join("private-keys-v1.d")).expect("a folder");
    for (name, bytes) in files {
        std::fs::write(home.join(name), bytes).expect("a file");
    }
    let mut pgp = Pgp::default();
    pgp.add_home(&home);
    if let Ok(secret) = pgp.unwrap(for_alice(), Effort::AtHand) {
        assert_eq!(secret.as_bytes(), [7; 32]);
    }
    let _ = pgp.wrap(&Recipient::pgp(ALICE_NAME), &vec![7; 32].into());
    let _ = pgp.survey();
    let _ = std::fs::remove_dir_all(&home);
}

/// `pubring.kbx`, and the same bytes as a ring without a box.
pub fn keybox(data: &[u8]) {
    in_home(&[("pubring.kbx", data), ("pubring.gpg", data)]);
}

/// A private key: as it is exported, and as gpg-agent keeps it.
pub fn private_key(data: &[u8]) {
    let mut pgp = Pgp::default();
    let _ = pgp.add_keys(data);
    if let Ok(secret) = pgp.unwrap(for_alice(), Effort::AtHand) {
        assert_eq!(secret.as_bytes(), [7; 32]);
    }
    let _ = pgp.wrap(&Recipient::pgp(ALICE_NAME), &vec![7; 32].into());
    let agent = format!("private-keys-v1.d/{ALICE_KEYGRIP}.key");
    in_home(&[("pubring.gpg", ALICE), (&agent, data)]);
}

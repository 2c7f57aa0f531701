//! PGP keys of a repo-server, as people have them mounted.

use sops_core::{Keyring, keys::Recipient};

use super::*;

const ALICE: &str = include_str!("../../../../sops-pgp/testdata/alice.sec.asc");
const FINGERPRINT: &str = "CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC";

/// A pod whose files are for Alice's key, with no other key in it.
fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.remove(KEY_FILE);
    rig.vars.remove("SOPS_AGE_KEY_FILE");
    let mut pgp = sops_pgp::Pgp::default();
    let _ = pgp.add_keys(ALICE);
    let mut keyring = Keyring::without_services();
    keyring.add_service(pgp);
    let plain = Document::parse_plain(SECRET.as_bytes(), sops_core::Format::Yaml).unwrap();
    let options = EncryptOptions::new([Recipient::pgp(FINGERPRINT)])
        .with_rule(Rule::EncryptedRegex("^(data|stringData)$".into()));
    let file = plain.encrypt(&options, &keyring).unwrap();
    rig.write("app/secret.enc.yaml", file);
    rig
}

/// What is said of keys, and of the file that they are for.
fn said(rig: &Rig) -> String {
    let mut report = rig.examine();
    report
        .checks
        .retain(|check| check.name.starts_with("keys") || check.name.starts_with("app/"));
    format!("ok: {}\n{}", report.is_ok(), rig.text(&report))
}

#[test]
fn a_mounted_key() {
    let mut rig = rig();
    rig.write("keys/cluster.asc", ALICE);
    rig.set("KSOPS_KEY_DIR", "keys");
    insta::assert_snapshot!(said(&rig));
    rig.vars.remove("KSOPS_KEY_DIR");
    rig.set("KSOPS_PGP_KEY_FILE", "keys/cluster.asc");
    insta::assert_snapshot!(said(&rig));
}

/// The set-up that the step "gpg --import" of an init container leaves.
#[test]
fn an_imported_home() {
    let rig = rig();
    rig.write("home/argocd/.gnupg/secring.gpg", ALICE);
    insta::assert_snapshot!(said(&rig));
}

#[test]
fn no_key_that_fits() {
    let rig = rig();
    insta::assert_snapshot!(said(&rig));
}

#[test]
fn a_file_without_a_private_key() {
    let mut rig = rig();
    rig.write("keys/cluster.asc", "not a key\n");
    rig.set("KSOPS_PGP_KEY_FILE", "keys/cluster.asc");
    insta::assert_snapshot!(said(&rig));
    rig.set("KSOPS_PGP_KEY_FILE", "keys/missing.asc");
    insta::assert_snapshot!(said(&rig));
}

//! The keyring: sources, kinds, key groups, secrets.

mod commands;
mod identities;
mod passphrases;
mod places;
mod report;
mod sources;

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

/// Wrapped keys that are damaged, each with the name of the damage.
fn damaged_entries() -> [(String, &'static str); 11] {
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
    [
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
    ]
}

#[test]
fn entries_that_are_damaged() {
    let mut ring = Keyring::new();
    let _ = ring.add_file(key_path("age-a.txt"));
    for (enc, expected) in damaged_entries() {
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

//! What is too large, too much work, or never ends.

use std::{fs, io::Write, process::Command, thread, time::Instant};

use pgp::{
    composed::KeyType,
    crypto::{aead::AeadAlgorithm, sym::SymmetricKeyAlgorithm},
    ser::Serialize,
    types::{KeyDetails, KeyVersion, Password, S2kParams, StringToKey},
};
use sops_core::keys::KeyService;
use tempfile::TempDir;

use super::{hostile::made, *};
use crate::{
    limits,
    testing::{ALGORITHMS, Gnupg},
};

const ALICE: &[u8] = include_bytes!("../../testdata/alice.sec.asc");
const FINGERPRINT: &str = "CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC";

fn report(pgp: &Pgp, dir: &Path) -> String {
    let places = pgp.all_places().into_iter().map(|place| place.to_string());
    let text = places.collect::<Vec<_>>().join("\n");
    text.replace(dir.to_str().unwrap(), "DIR")
}

/// A message for Alice, whose key lies in a folder with something else.
fn beside(dir: &TempDir) -> (Pgp, String) {
    fs::write(dir.path().join("alice.asc"), ALICE).unwrap();
    let mut pgp = Pgp::default();
    pgp.add_dir(dir.path());
    let wrapped = pgp.wrap(&Recipient::pgp(FINGERPRINT), &secret());
    let enc = wrapped.unwrap().enc().to_owned();
    assert_eq!(at_hand(&pgp, &enc).as_deref(), Ok(SECRET));
    (pgp, enc)
}

fn large(path: &Path, most: usize) {
    let length = u64::try_from(most).unwrap() + 1;
    fs::File::create(path).unwrap().set_len(length).unwrap();
}

#[test]
fn large_files_do_not_keep_others_from_being_used() {
    let dir = tempfile::tempdir().unwrap();
    large(&dir.path().join("a.asc"), limits::KEY_FILE);
    let (pgp, _) = beside(&dir);
    let shown = report(&pgp, dir.path());
    let line = shown.lines().next().unwrap();
    assert!(
        line.starts_with("DIR/a.asc: cannot be read: file too large"),
        "{shown}"
    );

    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    let ring = gnupg_home.gpg(&["--export"], b"");
    fs::write(gnupg_home.file("pubring.gpg"), ring).unwrap();
    large(&gnupg_home.file("pubring.kbx"), limits::RING);
    let other = Gnupg::new().unwrap();
    let they = other.generate(&format!("{lines}\nName-Real: they"), "");
    let error = at_hand(&home(gnupg_home.path()), &other.encrypt(&they, &[], SECRET));
    let advice = error.unwrap_err().advice().unwrap_or_default().to_owned();
    assert!(advice.contains("GnuPG's home"), "{advice}");
    assert_eq!(
        at_hand(&home(gnupg_home.path()), &enc).as_deref(),
        Ok(SECRET)
    );
    for file in fs::read_dir(gnupg_home.file("private-keys-v1.d")).unwrap() {
        large(&file.unwrap().path(), limits::AGENT_KEY);
    }
    let error = at_hand(&home(gnupg_home.path()), &enc).unwrap_err();
    assert_eq!(error.name(), Some("key-not-readable"), "{error}");
}

/// Of a pipe nobody knows whether there is ever anything to read. One that was
/// named is read: a shell's `<(…)` is one.
#[test]
fn pipes_are_read_where_they_were_named() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = |path: &Path| {
        let made = Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    };
    pipe(&dir.path().join("a.asc"));
    pipe(&dir.path().join("b.gpg"));
    let (pgp, enc) = beside(&dir);
    let shown = report(&pgp, dir.path());
    insta::assert_snapshot!(shown, @r"
    DIR/a.asc: not a plain file
    DIR/alice.asc: 1 identity, for CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC
    DIR/b.gpg: not a plain file
    ");
    for name in ["pubring.kbx", "pubring.gpg", "secring.gpg", "S.gpg-agent"] {
        pipe(&dir.path().join(name));
    }
    let nowhere = Path::new("");
    let pairs = [("GNUPGHOME", dir.path()), ("PATH", nowhere)];
    assert!(open(&gnupg(Callbacks::none(), &pairs), &enc, Effort::Command).is_err());

    let named = dir.path().join("named");
    pipe(&named);
    let writer = thread::spawn({
        let named = named.clone();
        move || {
            fs::OpenOptions::new()
                .write(true)
                .open(named)
                .unwrap()
                .write_all(ALICE)
        }
    });
    let mut pgp = Pgp::default();
    pgp.add_key_vars(vars(&[("KSOPS_PGP_KEY_FILE", &named)]));
    writer.join().unwrap().unwrap();
    assert_eq!(at_hand(&pgp, &enc).as_deref(), Ok(SECRET));
}

/// gpg-agent writes how often a passphrase is hashed.
#[test]
fn a_key_of_the_agent_that_would_take_minutes() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[2];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: me"), "pw");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    for file in fs::read_dir(gnupg_home.file("private-keys-v1.d")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let count = b"\"65536\"";
        let at = bytes.windows(count.len()).position(|part| part == count);
        let at = at.expect("not the count that was asked for");
        bytes.splice(at..at + count.len(), *b"\"4000000000\"");
        fs::write(&path, bytes).unwrap();
    }
    let passphrase = gnupg_home.file("passphrase");
    fs::write(&passphrase, "pw").unwrap();
    let mut pgp = Pgp::default();
    pgp.set_passphrase_file(&passphrase);
    pgp.add_home(gnupg_home.path());
    let start = Instant::now();
    let error = at_hand(&pgp, &enc).unwrap_err();
    assert_eq!(error.name(), Some("too-much-work"), "{error}");
    assert!(start.elapsed().as_secs() < 60);
}

/// Keys of version 6 behind a passphrase, which Argon2 makes expensive: as much
/// memory as a machine has, where their owner says so.
#[test]
fn a_passphrase_by_argon2() {
    let dir = tempfile::tempdir().unwrap();
    let passphrase = dir.path().join("passphrase");
    fs::write(&passphrase, "pw").unwrap();
    for version in [KeyVersion::V4, KeyVersion::V6] {
        let mut key = made(version, KeyType::X25519);
        let recipient = key.secret_subkeys[0]
            .key
            .public_key()
            .fingerprint()
            .to_string();
        let s2k = StringToKey::Argon2 {
            salt: [7; 16],
            t: 1,
            p: 1,
            m_enc: 10,
        };
        let params = S2kParams::Aead {
            sym_alg: SymmetricKeyAlgorithm::AES256,
            aead_mode: AeadAlgorithm::Ocb,
            s2k,
            nonce: vec![9; 15].into(),
        };
        let subkey = &mut key.secret_subkeys[0].key;
        subkey
            .set_password_with_s2k(&Password::from("pw"), params)
            .unwrap();
        let key = key.to_bytes().unwrap();
        let with = |key: &[u8]| {
            let mut pgp = Pgp::default();
            pgp.set_passphrase_file(&passphrase);
            let _ = pgp.add_keys(key);
            pgp
        };
        let pgp = with(&key);
        let wrapped = pgp.wrap(&Recipient::pgp(recipient), &secret()).unwrap();
        assert_eq!(
            at_hand(&pgp, wrapped.enc()).as_deref(),
            Ok(SECRET),
            "{version:?}"
        );
        // Passes, threads, memory.
        let head = [[7; 16].as_slice(), &[1, 1, 10]].concat();
        let at = key
            .windows(head.len())
            .position(|part| part == head)
            .unwrap();
        for (t, m) in [(1, 22), (1, 31), (1, 255), (255, 20)] {
            let mut costly = key.clone();
            costly[at + 16] = t;
            costly[at + 18] = m;
            let error = at_hand(&with(&costly), wrapped.enc()).unwrap_err();
            assert_eq!(
                error.name(),
                Some("too-much-work"),
                "{version:?} {t} {m}: {error}"
            );
        }
    }
}

/// GnuPG 2.4 may keep public keys in a database. An agent that has the key is
/// asked all the same, for RSA.
#[test]
fn public_keys_in_a_database() {
    let Some(gnupg_home) = Gnupg::new() else {
        return;
    };
    let (_, lines) = ALGORITHMS[0];
    let fingerprint = gnupg_home.generate(&format!("{lines}\nName-Real: rsa2048"), "");
    let enc = gnupg_home.encrypt(&fingerprint, &[], SECRET);
    fs::remove_file(gnupg_home.file("pubring.kbx")).unwrap();
    fs::create_dir(gnupg_home.file("public-keys.d")).unwrap();
    fs::write(gnupg_home.file("public-keys.d/pubring.db"), "SQLite").unwrap();
    gnupg_home.kill_agent();
    let pairs = [("GNUPGHOME", gnupg_home.path()), ("PATH", Path::new(""))];
    let pgp = gnupg(Callbacks::none(), &pairs);
    assert!(open(&pgp, &enc, Effort::Command).is_err());
    let shown = report(&pgp, gnupg_home.path());
    assert!(
        shown.contains("keyboxd's database, which is not read"),
        "{shown}"
    );
    gnupg_home.start_agent();
    assert_eq!(open(&pgp, &enc, Effort::Command).as_deref(), Ok(SECRET));
}

//! Encrypting, and whom not to encrypt for.

use sops_core::keys::{KeyService, Reason};

use super::*;
use crate::testing::{ALGORITHMS, Gnupg};

fn wrap(pgp: &Pgp, recipient: &str) -> Result<String, KeyError> {
    let wrapped = pgp.wrap(&Recipient::pgp(recipient), &secret());
    wrapped.map(|key| key.enc().to_owned())
}

#[test]
fn gpg_opens_what_is_written() {
    let Some(gnupg) = Gnupg::new() else { return };
    for (name, lines) in ALGORITHMS {
        let fingerprint = gnupg.generate(&format!("{lines}\nName-Real: {name}"), "");
        let public = gnupg.gpg(&["--export", "--armor", &fingerprint], b"");
        let private = gnupg.gpg(&["--export-secret-keys", &fingerprint], b"");
        for pgp in [home(gnupg.path()), file(&public), file(&private)] {
            let enc = wrap(&pgp, &fingerprint).unwrap();
            assert!(enc.starts_with("-----BEGIN PGP MESSAGE-----\n\n"));
            assert!(enc.ends_with("\n-----END PGP MESSAGE-----"));
            assert_eq!(gnupg.gpg(&["-d"], enc.as_bytes()), SECRET, "{name}");
            assert_eq!(at_hand(&home(gnupg.path()), &enc).as_deref(), Ok(SECRET));
        }
    }
}

#[test]
fn recipients_as_sops_takes_them() {
    let Some(gnupg) = Gnupg::new() else { return };
    let (_, lines) = ALGORITHMS[2];
    let primary = gnupg.generate(&format!("{lines}\nName-Real: me"), "");
    // A second subkey, newer than the first.
    let first = gnupg.subkeys(&primary);
    gnupg.gpg(
        &[
            "--faked-system-time",
            &gnupg.later(60),
            "--passphrase",
            "",
            "--quick-add-key",
            &primary,
            "cv25519",
            "encr",
        ],
        b"",
    );
    let subkeys = gnupg.subkeys(&primary);
    let newer = subkeys.iter().find(|key| !first.contains(key)).unwrap();
    let older = &first[0];
    let id = |key: &str| key[24..].to_owned();
    let pgp = home(gnupg.path());
    let written_for = |recipient: &str| {
        let enc = wrap(&pgp, recipient).unwrap();
        let packets = gnupg.gpg(&["--list-packets", "--list-only"], enc.as_bytes());
        let packets = String::from_utf8(packets).unwrap();
        let (_, id) = packets.split_once("keyid ").unwrap();
        id[..16].to_owned()
    };
    // The newer subkey is not valid yet.
    assert_eq!(written_for(&primary), id(older));
    for named in [newer.clone(), format!("{newer}!")] {
        let error = wrap(&pgp, &named).unwrap_err();
        assert_eq!(error.name(), Some("not-yet-valid"));
    }
    for recipient in [
        primary.to_lowercase(),
        format!("0x{primary}"),
        id(&primary),
        id(older),
        format!("0x{}", id(older).to_lowercase()),
        older.clone(),
        format!("{older}!"),
        format!("{}!", id(older)),
        primary
            .as_bytes()
            .chunks(4)
            .map(|c| str::from_utf8(c).unwrap())
            .collect::<Vec<_>>()
            .join(" "),
    ] {
        assert_eq!(written_for(&recipient), id(older), "{recipient}");
    }
    let upper = format!("0X{primary}");
    for bad in [
        "",
        "me",
        &primary[32..],
        &format!("{primary}00"),
        "0x",
        &upper,
        "!",
    ] {
        assert_eq!(
            wrap(&pgp, bad).unwrap_err().reason(),
            Reason::Invalid,
            "{bad}"
        );
    }
    let missing = wrap(&pgp, "0000000000000000000000000000000000000000").unwrap_err();
    assert_eq!(missing.reason(), Reason::NotFound);
    // The primary key itself is for signing.
    let error = wrap(&pgp, &format!("{primary}!")).unwrap_err();
    assert_eq!(error.name(), Some("no-encryption"));
}

#[test]
fn keys_that_are_refused() {
    let Some(gnupg) = Gnupg::new() else { return };
    let (_, lines) = ALGORITHMS[2];
    let past = gnupg.later(-3 * 24 * 3600);
    let expired = gnupg.generate_at(&past, &format!("{lines}\nName-Real: old\nExpire-Date: 1d"));
    let revoked = gnupg.generate_here(&format!("{lines}\nName-Real: gone"), "");
    let revocation = gnupg.file(&format!("openpgp-revocs.d/{revoked}.rev"));
    let revocation = std::fs::read_to_string(revocation).unwrap();
    gnupg.gpg(
        &["--import"],
        revocation.replace(":-----", "-----").as_bytes(),
    );
    let signer = gnupg.generate(
        "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\nName-Real: s",
        "",
    );
    let extended = gnupg.generate_at(&past, &format!("{lines}\nName-Real: new\nExpire-Date: 1d"));
    gnupg.gpg(&["--quick-set-expire", &extended, "1y"], b"");
    let subkey = &gnupg.subkeys(&extended)[0];
    gnupg.gpg(&["--quick-set-expire", &extended, "1y", subkey], b"");
    let pgp = home(gnupg.path());
    for (fingerprint, name) in [
        (&expired, "expired"),
        (&revoked, "revoked"),
        (&signer, "no-encryption"),
    ] {
        let error = wrap(&pgp, fingerprint).unwrap_err();
        assert_eq!(error.name(), Some(name), "{error}");
        assert_eq!(error.reason(), Reason::Invalid);
        assert!(error.to_string().contains(fingerprint.as_str()), "{error}");
    }
    assert_eq!(wrap(&pgp, &extended).map(drop), Ok(()));
    // A subkey that expired, and one that was revoked.
    let subkey = gnupg.generate_at(
        &past,
        &lines
            .lines()
            .take(2)
            .chain(["Name-Real: sub"])
            .collect::<Vec<_>>()
            .join("\n"),
    );
    let add = [
        "--faked-system-time",
        &past,
        "--passphrase",
        "",
        "--quick-add-key",
        &subkey,
        "cv25519",
        "encr",
        "1d",
    ];
    gnupg.gpg(&add, b"");
    let pgp = home(gnupg.path());
    let error = wrap(&pgp, &subkey).unwrap_err();
    assert_eq!(error.name(), Some("subkey-expired"));
    assert!(error.advice().unwrap().contains("'*'"), "{error}");
}

/// A key whose parts are not bound to each other by signatures.
#[test]
fn bindings_are_verified() {
    let Some(gnupg) = Gnupg::new() else { return };
    let (_, lines) = ALGORITHMS[2];
    let [mine, theirs] = ["mine", "theirs"].map(|name| {
        let fingerprint = gnupg.generate(&format!("{lines}\nName-Real: {name}"), "");
        gnupg.gpg(&["--export", &fingerprint], b"")
    });
    let split = |ring: &[u8]| {
        let packets = crate::packet::Packets::new(ring).map(Result::unwrap);
        packets
            .map(|p| (p.tag, p.body.to_vec()))
            .collect::<Vec<_>>()
    };
    let (mine, theirs) = (split(&mine), split(&theirs));
    let write = |packets: &[(u8, Vec<u8>)]| {
        let mut out = Vec::new();
        packets
            .iter()
            .for_each(|(tag, body)| crate::packet::write(*tag, body, &mut out));
        out
    };
    // Primary key, user id, its signature, subkey, its signature.
    assert_eq!(
        mine.iter().map(|p| p.0).collect::<Vec<_>>(),
        [6, 13, 2, 14, 2]
    );
    let fingerprint = crate::key::KeyPacket::parse(6, &mine[0].1)
        .unwrap()
        .fingerprint()
        .to_string();
    let error = |packets: &[(u8, Vec<u8>)]| {
        let error = wrap(&file(&write(packets)), &fingerprint).unwrap_err();
        error.name().unwrap().to_owned()
    };
    assert!(wrap(&file(&write(&mine)), &fingerprint).is_ok());
    // Somebody else's subkey, with its own signature and without any.
    assert_eq!(error(&[&mine[..3], &theirs[3..]].concat()), "unbound");
    assert_eq!(
        error(&[&mine[..3], &theirs[3..4], &mine[4..]].concat()),
        "unbound"
    );
    assert_eq!(error(&mine[..4]), "unbound");
    // A primary key that nothing binds to a user id.
    assert_eq!(error(&[&mine[..2], &mine[3..]].concat()), "unbound");
    assert_eq!(
        error(&[&mine[..1], &theirs[1..3], &mine[3..]].concat()),
        "unbound"
    );
    // A signature that was changed: the flags, for one.
    let mut changed = mine.clone();
    changed[4].1[20] ^= 1;
    assert_eq!(error(&changed), "unbound");
    assert_eq!(error(&mine[..3]), "no-encryption");
}

//! Messages that somebody made to do harm.

use pgp::{
    composed::{KeyType, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder},
    crypto::{ecc_curve::ECCCurve, sym::SymmetricKeyAlgorithm as Cipher},
    packet::{PacketTrait, SymEncryptedProtectedData as Encrypted},
    ser::Serialize,
    types::{KeyVersion, PublicParams},
};
use rand::{RngCore, rngs::OsRng};
use sops_core::keys::{KeyService, Reason};

use super::*;
use crate::{
    armor, limits,
    message::{Message, SessionKey},
    packet::{tag, write},
    private::PrivateKeys,
};

fn alice() -> Pgp {
    file(include_bytes!("../../testdata/alice.sec.asc"))
}

const ALICE: &str = "CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC";

/// An honest message for Alice.
fn honest() -> String {
    let key = alice().wrap(&Recipient::pgp(ALICE), &secret()).unwrap();
    key.enc().to_owned()
}

fn packets(armored: &str) -> Vec<(u8, Vec<u8>)> {
    let block = armor::blocks(armored.as_bytes()).next().unwrap();
    let bytes = block.bytes.unwrap();
    let packets = crate::packet::Packets::new(&bytes).map(Result::unwrap);
    packets.map(|p| (p.tag, p.body.to_vec())).collect()
}

fn message(packets: &[(u8, Vec<u8>)]) -> String {
    let mut out = Vec::new();
    packets
        .iter()
        .for_each(|(tag, body)| write(*tag, body, &mut out));
    armor::write_message(&out)
}

/// Every bit of an honest message, changed: nothing opens, nothing panics.
#[test]
fn every_change_is_noticed() {
    let pgp = alice();
    let honest = packets(&honest());
    assert_eq!(at_hand(&pgp, &message(&honest)).as_deref(), Ok(SECRET));
    let mut harmless = 0;
    for (i, (_, body)) in honest.iter().enumerate() {
        for bit in 0..body.len() * 8 {
            let mut changed = honest.clone();
            changed[i].1[bit / 8] ^= 1 << (bit % 8);
            // Some bits of how a session key is written mean nothing: those
            // in front of a point, the highest of Curve25519.
            if let Ok(opened) = at_hand(&pgp, &message(&changed)) {
                assert_eq!((i, opened.as_slice()), (0, SECRET), "{bit}");
                harmless += 1;
            }
        }
        for length in 0..body.len() {
            let mut cut = honest.clone();
            cut[i].1.truncate(length);
            assert!(at_hand(&pgp, &message(&cut)).is_err());
        }
    }
    assert!(harmless < 32, "{harmless}");
}

#[test]
fn more_than_is_allowed() {
    let pgp = alice();
    let honest = packets(&honest());
    let [esk, data] = &honest[..] else { panic!() };
    let many = |count| {
        let mut packets = vec![esk.clone(); count];
        packets.push(data.clone());
        message(&packets)
    };
    assert_eq!(
        at_hand(&pgp, &many(limits::RECIPIENTS)).as_deref(),
        Ok(SECRET)
    );
    let error = at_hand(&pgp, &many(limits::RECIPIENTS + 1)).unwrap_err();
    assert_eq!(error.name(), Some("too-many-packets"));
    let markers = vec![(tag::MARKER, b"PGP".to_vec()); limits::PACKETS];
    let error = at_hand(&pgp, &message(&[&markers[..], &honest].concat())).unwrap_err();
    assert_eq!(error.name(), Some("too-many-packets"));
    let long = format!("{}\n{}", message(&honest), "x".repeat(limits::MESSAGE));
    assert_eq!(at_hand(&pgp, &long).unwrap_err().name(), Some("too-large"));
    for (enc, name) in [
        ("", "missing"),
        (" \n", "missing"),
        ("x", "armor"),
        (
            "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----",
            "header",
        ),
    ] {
        let error = at_hand(&pgp, enc).unwrap_err();
        assert_eq!(
            (error.reason(), error.name()),
            (Reason::Damaged, Some(name))
        );
    }
}

/// What a message of version 1 with these packets inside gives.
fn inside(packets: &[(u8, Vec<u8>)]) -> Result<Vec<u8>, crate::flaw::Flaw> {
    let mut inner = Vec::new();
    packets
        .iter()
        .for_each(|(tag, body)| write(*tag, body, &mut inner));
    let key = [7; 32];
    let encrypted = Encrypted::encrypt_seipdv1(OsRng, Cipher::AES256, &key, &inner).unwrap();
    let [esk, _] = &self::packets(&honest())[..] else {
        panic!()
    };
    let mut out = Vec::new();
    write(esk.0, &esk.1, &mut out);
    encrypted.to_writer_with_header(&mut out).unwrap();
    let key = SessionKey::for_cipher(Cipher::AES256, &key).unwrap();
    Message::parse(&out)
        .unwrap()
        .open(&key)
        .map(|data| data.to_vec())
}

fn literal(data: &[u8]) -> (u8, Vec<u8>) {
    (tag::LITERAL, [&[b'b', 0, 0, 0, 0, 0], data].concat())
}

fn compressed(packets: &[(u8, Vec<u8>)]) -> (u8, Vec<u8>) {
    use std::io::Read;
    let mut inner = Vec::new();
    packets
        .iter()
        .for_each(|(tag, body)| write(*tag, body, &mut inner));
    let mut out = vec![2];
    let level = flate2::Compression::best();
    flate2::read::ZlibEncoder::new(&inner[..], level)
        .read_to_end(&mut out)
        .unwrap();
    (tag::COMPRESSED, out)
}

#[test]
fn what_is_inside() {
    use crate::flaw::Flaw;
    let data = literal(SECRET);
    assert_eq!(inside(std::slice::from_ref(&data)).as_deref(), Ok(SECRET));
    let mut nested = data.clone();
    for depth in 1..=limits::NESTING + 1 {
        nested = compressed(&[nested]);
        let opened = inside(&[nested.clone()]);
        if depth <= limits::NESTING {
            assert_eq!(opened.as_deref(), Ok(SECRET), "{depth}");
        } else {
            assert_eq!(opened, Err(Flaw::TooMany));
        }
    }
    let bomb = compressed(&[literal(&vec![0; 100 << 20])]);
    assert_eq!(inside(&[bomb]), Err(Flaw::TooMany));
    let signatures = compressed(&vec![(tag::ONE_PASS, vec![]); 100_000]);
    assert_eq!(inside(&[signatures]), Err(Flaw::TooMany));
    for packets in [
        &[][..],
        &[data.clone(), data.clone()],
        &[(tag::LITERAL, vec![b'b', 200])],
        &[(tag::COMPRESSED, vec![])],
        &[(tag::COMPRESSED, vec![2, 1, 2, 3])],
        &[(tag::PKESK, vec![])],
        &[(tag::SEIPD, vec![1; 100])],
    ] {
        assert_eq!(inside(packets), Err(Flaw::Contents), "{packets:?}");
    }
}

/// rPGP takes the first byte of what an RSA key decrypted, where there may be
/// none.
#[test]
fn an_empty_session_key() {
    let Some(gnupg) = crate::testing::Gnupg::new() else {
        return;
    };
    let (_, lines) = crate::testing::ALGORITHMS[1];
    let fingerprint = gnupg.generate(&format!("{lines}\nName-Real: r"), "");
    let public = gnupg.gpg(&["--export", &fingerprint], b"");
    let ring = crate::ring::Ring::read(&public);
    let key = ring.packet(&ring.keys()[0].members[0]).unwrap();
    let params = PublicParams::try_from_reader(1.into(), None, key.numbers).unwrap();
    let PublicParams::RSA(params) = params else {
        panic!()
    };
    let pgp = home(gnupg.path());
    let [_, data] = &packets(&honest())[..] else {
        panic!()
    };
    for plain in [
        &[][..],
        &[9],
        &[9, 0],
        &[9, 1, 2, 3],
        &[0; 35],
        &[7; 35],
        &[1; 200],
    ] {
        let values = pgp::crypto::rsa::encrypt(OsRng, &params.key, plain).unwrap();
        let mut esk = vec![3];
        esk.extend(key.fingerprint().key_id());
        esk.push(1);
        values.to_writer(&mut esk).unwrap();
        let enc = message(&[(tag::PKESK, esk), data.clone()]);
        assert!(at_hand(&pgp, &enc).is_err(), "{plain:?}");
    }
}

/// A file may have thousands of messages that hide whom they are for.
#[test]
fn work_that_gives_nothing_ends() {
    let mut keys = Pgp::default();
    for _ in 0..3 {
        let key = generate(KeyVersion::V4, KeyType::X25519);
        let _ = keys.add_keys(key);
    }
    let honest = packets(&honest());
    let mut hidden = honest.clone();
    hidden[0].1[1..9].fill(0);
    let enc = message(
        &[
            vec![hidden[0].clone(); limits::RECIPIENTS],
            vec![hidden[1].clone()],
        ]
        .concat(),
    );
    let tries = usize::try_from(limits::FRUITLESS).unwrap() / limits::RECIPIENTS * 2;
    let errors: Vec<_> = (0..tries)
        .map(|_| at_hand(&keys, &enc).unwrap_err())
        .collect();
    assert_eq!(errors[0].reason(), Reason::NotOurs);
    assert_eq!(errors[tries - 1].name(), Some("too-much-work"));
}

fn generate(version: KeyVersion, encryption: KeyType) -> Vec<u8> {
    made(version, encryption).to_bytes().unwrap()
}

/// A private key that rPGP makes.
pub(super) fn made(version: KeyVersion, encryption: KeyType) -> SignedSecretKey {
    let mut subkey = SubkeyParamsBuilder::default();
    subkey
        .version(version)
        .key_type(encryption)
        .can_encrypt(pgp::composed::EncryptionCaps::All);
    let mut params = SecretKeyParamsBuilder::default();
    params
        .version(version)
        .key_type(KeyType::Ed25519)
        .can_certify(true)
        .primary_user_id("me".into())
        .subkey(subkey.build().unwrap());
    params.build().unwrap().generate(OsRng).unwrap()
}

/// Keys of version 6 and of the RFC's newer kinds, which GnuPG 2.2 does not
/// have: rPGP makes them.
#[test]
fn newer_keys() {
    for version in [KeyVersion::V4, KeyVersion::V6] {
        for kind in [
            KeyType::X25519,
            KeyType::X448,
            KeyType::ECDH(ECCCurve::P384),
        ] {
            let key = generate(version, kind.clone());
            let pgp = file(&key);
            let ring = crate::ring::Ring::read(&key);
            let members = &ring.keys()[0].members;
            for member in members {
                let recipient = Recipient::pgp(member.fingerprint.to_string());
                let wrapped = pgp.wrap(&recipient, &secret()).unwrap();
                let packet = &packets(wrapped.enc())[1];
                let expected = if version == KeyVersion::V6 { 2 } else { 1 };
                assert_eq!((packet.0, packet.1[0]), (tag::SEIPD, expected));
                assert_eq!(
                    at_hand(&pgp, wrapped.enc()).as_deref(),
                    Ok(SECRET),
                    "{version:?} {kind:?}"
                );
                // Every chunk is authenticated.
                let honest = packets(wrapped.enc());
                let session_key = session_key(&key, wrapped.enc());
                for at in 0..packet.1.len() {
                    let mut changed = honest.clone();
                    changed[1].1[at] ^= 1;
                    let changed = Message::read(&message(&changed));
                    let opened = changed.and_then(|message| message.open(&session_key));
                    assert!(opened.is_err(), "{at}");
                }
            }
        }
    }
}

/// The key of a message, by one of these private keys.
fn session_key(keys: &[u8], armored: &str) -> SessionKey {
    let message = Message::read(armored).unwrap();
    let wrapped = &message.session_keys[0];
    let keys = PrivateKeys::read(keys).keys;
    let mut keys = keys
        .iter()
        .filter(|key| key.fingerprint.is(&wrapped.recipient));
    keys.find_map(|key| key.session_key(wrapped, None).ok())
        .unwrap()
}

/// Bytes of any kind where keys and messages are expected.
#[test]
fn garbage() {
    let pgp = alice();
    let mut bytes = vec![0; 600];
    for _ in 0..2000 {
        OsRng.fill_bytes(&mut bytes);
        // Often enough a packet.
        bytes[0] |= 0x80;
        assert!(at_hand(&pgp, &armor::write_message(&bytes)).is_err());
        let _ = file(&bytes);
        let _ = crate::sexp::Sexp::parse(&bytes);
    }
}

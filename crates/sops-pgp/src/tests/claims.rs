//! Certificates that claim somebody else's keys: the fingerprint decides.

use pgp::{
    composed::{KeyType, SignedSecretKey},
    packet::{KeyFlags, PacketHeader, PacketTrait, PublicSubkey},
    ser::Serialize,
    types::{KeyVersion, Password, Tag},
};
use rand::rngs::OsRng;
use sops_core::keys::KeyService;

use super::{hostile::made, *};
use crate::{
    packet::{Packets, tag, write},
    testing::{ALGORITHMS, Gnupg},
};

/// A key of somebody's, and a certificate that claims it as a subkey.
struct Claimed {
    /// The exported private key.
    key: Vec<u8>,
    certificate: Vec<u8>,
    claiming: Vec<u8>,
}

/// Somebody else's certificate, with one of these keys bound to it: anybody can
/// sign that.
fn claiming(theirs: &SignedSecretKey, key: &[u8], flags: &KeyFlags) -> Vec<u8> {
    let mut certificate = theirs.to_public_key().to_bytes().unwrap();
    let header = PacketHeader::new_fixed(Tag::PublicSubkey, key.len().try_into().unwrap());
    let subkey = PublicSubkey::try_from_reader(header, key).unwrap();
    let (secret, public) = (&theirs.primary_key, theirs.primary_key.public_key());
    let nothing = Password::empty();
    let signature = subkey.sign(OsRng, secret, public, &nothing, flags.clone(), None);
    write(tag::PUBLIC_SUBKEY, key, &mut certificate);
    let mut bytes = Vec::new();
    signature
        .unwrap()
        .to_writer_with_header(&mut bytes)
        .unwrap();
    certificate.extend(bytes);
    certificate
}

fn public(gnupg: &Gnupg, fingerprint: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let ring = gnupg.gpg(&["--export", fingerprint], b"");
    let packets = Packets::new(&ring).map(Result::unwrap);
    let keys = packets.filter(|p| [tag::PUBLIC_KEY, tag::PUBLIC_SUBKEY].contains(&p.tag));
    let keys = keys.map(|packet| packet.body.to_vec()).collect();
    (ring, keys)
}

fn claimed(gnupg: &Gnupg, fingerprint: &str, member: usize) -> Claimed {
    let theirs = made(KeyVersion::V4, KeyType::X25519);
    let (certificate, keys) = public(gnupg, fingerprint);
    let mut flags = KeyFlags::default();
    flags.set_encrypt_comms(true);
    Claimed {
        key: gnupg.gpg(&["--export-secret-keys", fingerprint], b""),
        claiming: claiming(&theirs, &keys[member], &flags),
        certificate,
    }
}

/// Whether what is written for the recipient opens with their own key.
fn is_theirs(claimed: &Claimed, rings: &[&[u8]], recipient: &str) -> Result<bool, String> {
    let pgp = file(&rings.concat());
    let wrapped = pgp.wrap(&Recipient::pgp(recipient), &secret());
    let wrapped = wrapped.map_err(|why| why.name().unwrap().to_owned())?;
    Ok(at_hand(&file(&claimed.key), wrapped.enc()).as_deref() == Ok(SECRET))
}

#[test]
fn a_primary_key() {
    let Some(gnupg) = Gnupg::new() else { return };
    // One that can be encrypted for itself.
    let (_, lines) = ALGORITHMS[1];
    let me = gnupg.generate(&format!("{lines}\nName-Real: me"), "");
    let it = claimed(&gnupg, &me, 0);
    for rings in [
        &[&*it.claiming, &it.certificate][..],
        &[&it.certificate, &it.claiming],
        &[&it.claiming],
    ] {
        for recipient in [me.clone(), format!("{me}!"), me[24..].to_owned()] {
            assert_eq!(is_theirs(&it, rings, &recipient), Ok(true), "{recipient}");
        }
    }
    // One for signing alone, which nobody can bind without its signature.
    let (_, lines) = ALGORITHMS[2];
    let me = gnupg.generate(&format!("{lines}\nName-Real: signs"), "");
    let it = claimed(&gnupg, &me, 0);
    let both = [&*it.claiming, &it.certificate];
    assert_eq!(is_theirs(&it, &both, &me), Ok(true));
    assert_eq!(is_theirs(&it, &both[..1], &me), Err("unbound".into()));
}

#[test]
fn a_subkey() {
    let Some(gnupg) = Gnupg::new() else { return };
    let (_, lines) = ALGORITHMS[2];
    let me = gnupg.generate(&format!("{lines}\nName-Real: me"), "");
    let it = claimed(&gnupg, &me, 1);
    let subkey = gnupg.subkeys(&me).remove(0);
    for rings in [
        &[&*it.claiming, &it.certificate][..],
        &[&it.certificate, &it.claiming],
        &[&it.claiming],
    ] {
        for recipient in [&me, &subkey] {
            let answer = is_theirs(&it, rings, recipient);
            match answer {
                Err(why) => assert_eq!((rings.len(), &*why), (1, "no-public-key")),
                Ok(theirs) => assert!(theirs, "{recipient}"),
            }
        }
    }
    // A subkey for signing answers for its own certificate, and no other.
    let add = [
        "--passphrase",
        "",
        "--quick-add-key",
        &me,
        "ed25519",
        "sign",
    ];
    gnupg.gpg(&add, b"");
    let signing = gnupg.subkeys(&me).into_iter().find(|key| *key != subkey);
    let signing = signing.unwrap();
    let it = claimed(&gnupg, &me, 2);
    let both = [&*it.claiming, &it.certificate];
    assert_eq!(is_theirs(&it, &both[..1], &signing), Err("unbound".into()));
    assert_eq!(is_theirs(&it, &both[1..], &signing), Ok(true));
}

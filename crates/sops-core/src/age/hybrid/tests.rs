//! Vectors of other projects, which are not part of this one: the tests take
//! their place from the environment, and say so where there is none.

use std::{collections::BTreeMap, io::Read, path::PathBuf};

use age::{DecryptError, secrecy::SecretString};
use sha2::Sha256;

use super::super::{
    identity::{self, Words},
    unwrap,
};
use super::*;

/// What the age crate takes, for the sake of files from before age 1.0.
const LENIENT: [&str; 2] = ["stanza_missing_body", "stanza_missing_final_line"];

fn vectors(variable: &str, what: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        println!("skipped: {variable} does not name {what}");
    }
    path
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
        .collect()
}

/// What became of an age file, in the words of the vectors.
fn decrypt(file: &[u8], identities: &[&dyn age::Identity]) -> (&'static str, Vec<u8>) {
    let header = |why: DecryptError| match why {
        DecryptError::NoMatchingKeys => "no match",
        // What the age crate says of a wrong passphrase.
        DecryptError::DecryptionFailed => "no match",
        DecryptError::InvalidMac => "HMAC failure",
        DecryptError::InvalidHeader
        | DecryptError::UnknownFormat
        | DecryptError::ExcessiveWork { .. } => "header failure",
        // The nonce is read with the header.
        DecryptError::Io(_) => "header or payload failure",
        _ => "failure",
    };
    let opened =
        age::Decryptor::new_buffered(file).and_then(|d| d.decrypt(identities.iter().copied()));
    let mut plain = Vec::new();
    match opened {
        Err(why) => (header(why), plain),
        Ok(mut payload) => match payload.read_to_end(&mut plain) {
            Ok(_) => ("success", plain),
            Err(_) => ("payload failure", plain),
        },
    }
}

#[test]
fn cctv_age() {
    let Some(dir) = vectors("CCTV_AGE_DIR", "the C2SP CCTV age vectors") else {
        return;
    };
    let (mut passed, mut compressed, mut failed) = (0, 0, Vec::new());
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let vector = std::fs::read(&path).unwrap();
        let end = vector.windows(2).position(|w| w == b"\n\n").unwrap();
        let header = std::str::from_utf8(&vector[..end]).unwrap();
        let mut fields = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in header.lines().filter_map(|line| line.split_once(": ")) {
            fields.entry(name).or_default().push(value);
        }
        if fields.contains_key("compressed") {
            compressed += 1;
            continue;
        }
        let text = fields
            .get("identity")
            .map_or(String::new(), |i| i.join("\n"));
        let Ok(keys) = identity::parse(text.as_bytes(), Words::One) else {
            panic!("{name}: an identity cannot be read");
        };
        let passphrases: Vec<_> = fields
            .get("passphrase")
            .into_iter()
            .flatten()
            .map(|p| {
                let mut identity = age::scrypt::Identity::new(SecretString::from(p.to_string()));
                identity.set_max_work_factor(22);
                identity
            })
            .collect();
        let mut identities: Vec<&dyn age::Identity> =
            keys.identities.iter().map(|i| i as _).collect();
        identities.extend(passphrases.iter().map(|i| i as &dyn age::Identity));
        let file = &vector[end + 2..];
        let dearmored = fields.contains_key("armored").then(|| {
            let armor = std::str::from_utf8(file).ok()?;
            unwrap::dearmor(armor).ok()
        });
        let (got, plain) = match &dearmored {
            None => decrypt(file, &identities),
            Some(Some(file)) => decrypt(file, &identities),
            Some(None) => ("armor failure", vec![]),
        };
        let expected = if LENIENT.contains(&name.as_str()) {
            "success"
        } else {
            fields["expect"][0]
        };
        let same_payload = fields.get("payload").is_none_or(|hash| {
            got != "success" || Sha256::digest(&plain).as_slice() == hex(hash[0])
        });
        // An armor is read as a whole, and so fails before the payload does.
        let armor_first = got == "armor failure" && expected == "payload failure";
        let as_expected = armor_first || got.contains(expected.trim_end_matches(" failure"));
        if as_expected && same_payload {
            passed += 1;
        } else {
            failed.push(format!("{name}: expected {expected}, got {got}"));
        }
    }
    println!(
        "{passed} passed, {compressed} compressed ones skipped, {} failed",
        failed.len()
    );
    assert!(passed > 0);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn hpke_pq() {
    let Some(path) = vectors("HPKE_PQ_VECTORS", "the HPKE post-quantum vectors (JSON)") else {
        return;
    };
    let json = std::fs::read(path).unwrap();
    let vectors: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
    let ours = vectors.iter().filter(|v| {
        v["mode"] == 0 && v["kem_id"] == 0x647a && v["kdf_id"] == 1 && v["aead_id"] == 3
    });
    let mut count = 0;
    for vector in ours {
        let field = |name: &str| hex(vector[name].as_str().unwrap());
        let identity = Identity::from_seed(field("skRm").as_slice().try_into().unwrap());
        assert_eq!(identity.recipient.0.as_slice(), field("pkRm"));
        let enc = field("enc").try_into().unwrap();
        let secret = identity.decapsulate(&enc).unwrap();
        assert_eq!(secret.as_slice(), field("shared_secret"));
        let random = field("ikmE");
        let (message, ephemeral) = random.split_at(32);
        let part = |part: &[u8]| Zeroizing::new(part.try_into().unwrap());
        let (again, same) = identity
            .recipient
            .encapsulate(&part(message), &part(ephemeral))
            .unwrap();
        assert_eq!((again, same), (enc, secret.clone()));
        let schedule = Schedule::new(&secret, &field("info"));
        assert_eq!(schedule.key.as_slice(), field("key"));
        assert_eq!(schedule.base_nonce.as_slice(), field("base_nonce"));
        count += 1;
    }
    assert_eq!(count, 1);
}

/// An identity of our own, made from a seed of 32 times 7.
fn identity() -> Identity {
    Identity::from_seed(&[7; 32])
}

#[test]
fn text_round_trip() {
    let text = bech32_encode(IDENTITY_HRP, &[7; 32]).to_uppercase();
    assert!(text.starts_with(IDENTITY_PREFIX));
    let recipient = Identity::parse(&text).unwrap().recipient().to_string();
    assert_eq!(recipient, identity().recipient().to_string());
    assert!(recipient.starts_with(RECIPIENT_PREFIX));
    assert_eq!(
        Recipient::parse(&recipient).unwrap().0,
        identity().recipient.0
    );
    // A recipient whose first number is not reduced modulo q (FIPS 203 §7.2).
    let mut public = identity().recipient.0;
    public[..2].copy_from_slice(&[0xff, 0xff]);
    assert!(Recipient::parse(&bech32_encode(RECIPIENT_HRP, &public)).is_none());
}

#[test]
fn stanzas_that_are_refused() {
    let key = FileKey::new(Box::new([9; 16]));
    let (stanzas, labels) = age::Recipient::wrap_file_key(identity().recipient(), &key).unwrap();
    assert!(labels.contains("postquantum"));
    let [good] = <[Stanza; 1]>::try_from(stanzas).unwrap();
    let unwrap = |change: &dyn Fn(&mut Stanza)| {
        let mut stanza = Stanza {
            tag: good.tag.clone(),
            args: good.args.clone(),
            body: good.body.clone(),
        };
        change(&mut stanza);
        age::Identity::unwrap_stanza(&identity(), &stanza).map(|opened| {
            opened
                .map(|key| *key.expose_secret())
                .map_err(|e| format!("{e:?}"))
        })
    };
    let header = Some(Err("InvalidHeader".to_owned()));
    assert_eq!(unwrap(&|_| ()), Some(Ok([9; 16])));
    assert_eq!(unwrap(&|s| s.tag.make_ascii_uppercase()), None);
    assert_eq!(unwrap(&|s| s.body[0] ^= 1), None);
    assert_eq!(unwrap(&|s| s.args.push("x".into())), header);
    assert_eq!(unwrap(&|s| s.args.clear()), header);
    assert_eq!(unwrap(&|s| s.body.push(0)), header);
    assert_eq!(unwrap(&|s| s.args[0].push('A')), header);
    // An X25519 part of low order.
    let low = |s: &mut Stanza| {
        let mut enc = BASE64_STANDARD_NO_PAD.decode(&s.args[0]).unwrap();
        enc[MLKEM_CIPHERTEXT..].fill(0);
        s.args[0] = BASE64_STANDARD_NO_PAD.encode(enc);
    };
    assert_eq!(unwrap(&low), header);
}

mod vectors;

use aes_gcm::aead::consts::{U12, U16 as Nonce16, U64};
use proptest::prelude::*;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn parts(text: &str) -> Option<(&str, &str, &str, &str)> {
    let s = Sealed::parse(text.as_bytes())?;
    let text = |b| std::str::from_utf8(b).unwrap();
    Some((text(s.data), text(s.nonce), text(s.tag), text(s.kind)))
}

#[test]
fn the_last_separator_counts() {
    assert_eq!(
        parts("ENC[AES256_GCM,data:a,iv:b,tag:c,type:d]"),
        Some(("a", "b", "c", "d"))
    );
    assert_eq!(
        parts("ENC[AES256_GCM,data:a,iv:b,iv:c,tag:d,type:e,type:f]]"),
        Some(("a,iv:b", "c", "d,type:e", "f]"))
    );
    for odd in [
        "",
        "ENC[]",
        " ENC[AES256_GCM,data:a,iv:b,tag:c,type:d]",
        "ENC[AES256_GCM,data:,iv:b,tag:c,type:d]",
        "ENC[AES256_GCM,data:a,iv:,tag:c,type:d]",
        "ENC[AES256_GCM,data:a,iv:b,tag:,type:d]",
        "ENC[AES256_GCM,data:a,iv:b,tag:c,type:]",
        "ENC[AES256_GCM,data:a,iv:b,type:d,tag:c]",
        "ENC[AES256_GCM,data:a,iv:b,tag:c,type:d]\n",
        "ENC[AES256_GCM,data:a\nb,iv:b,tag:c,type:d]",
        "ENC[AES256_GCM,data:a,iv:b,tag:c,type:d",
        "ENC[AES128_GCM,data:a,iv:b,tag:c,type:d]",
    ] {
        assert_eq!(parts(odd), None, "{odd}");
    }
}

/// A separator whose last place leaves nothing behind it is not that
/// separator: the pattern steps back to the one before.
#[test]
fn an_empty_group_steps_back() {
    assert_eq!(
        parts("ENC[AES256_GCM,data:a,iv:b,tag:c,type:d,type:]"),
        Some(("a", "b", "c", "d,type:"))
    );
}

fn sealed_with<N>(key: &[u8], nonce: &[u8], plaintext: &[u8], aad: &[u8], kind: &str) -> String
where
    N: aes_gcm::aead::generic_array::ArrayLength<u8>,
{
    let mut data = plaintext.to_vec();
    let tag = match key.len() {
        16 => AesGcm::<Aes128, N>::new_from_slice(key)
            .unwrap()
            .encrypt_in_place_detached(nonce.into(), aad, &mut data),
        24 => AesGcm::<Aes192, N>::new_from_slice(key)
            .unwrap()
            .encrypt_in_place_detached(nonce.into(), aad, &mut data),
        _ => AesGcm::<Aes256, N>::new_from_slice(key)
            .unwrap()
            .encrypt_in_place_detached(nonce.into(), aad, &mut data),
    }
    .unwrap();
    format!(
        "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{kind}]",
        BASE64.encode(data),
        BASE64.encode(nonce),
        BASE64.encode(tag)
    )
}

fn text_of(opened: Result<Opened, Failure>) -> Result<Vec<u8>, Failure> {
    opened.map(|o| match o {
        Opened::Value(Value::String(text)) => text.as_bytes().to_vec(),
        _ => panic!("not a string"),
    })
}

/// The hand-made GCM against the crate's, for every AES and several lengths.
#[test]
fn unusual_nonces_and_keys() {
    let plaintext = b"some text that is longer than one block of AES";
    for key in [&KEY[..16], &KEY[..24], &KEY[..]] {
        let cipher = Cipher::new(key).unwrap();
        let texts = [
            sealed_with::<U12>(key, &[1; 12], plaintext, b"a:", "str"),
            sealed_with::<Nonce16>(key, &[2; 16], plaintext, b"a:", "str"),
            sealed_with::<aes_gcm::aead::consts::U1>(key, &[3; 1], plaintext, b"a:", "str"),
            sealed_with::<aes_gcm::aead::consts::U33>(key, &[4; 33], plaintext, b"a:", "str"),
            sealed_with::<U64>(key, &[5; 64], plaintext, b"a:", "str"),
            sealed_with::<NonceLength>(key, &[6; 32], plaintext, b"a:", "str"),
        ];
        for text in texts {
            assert_eq!(
                text_of(cipher.open(text.as_bytes(), b"a:", None)).unwrap(),
                plaintext
            );
            assert_eq!(
                text_of(cipher.open(text.as_bytes(), b"b:", None)),
                Err(Failure::Tag)
            );
        }
    }
    assert!(Cipher::new(&KEY[..31]).is_none());
}

#[test]
fn a_nonce_beyond_the_limit_is_refused() {
    let cipher = Cipher::new(&KEY).unwrap();
    let text = format!(
        "ENC[AES256_GCM,data:eA==,iv:{},tag:{},type:str]",
        BASE64.encode([0; 65]),
        BASE64.encode([0; 16])
    );
    assert_eq!(
        text_of(cipher.open(text.as_bytes(), b"", None)),
        Err(Failure::Nonce(65))
    );
}

#[test]
fn types() {
    let cipher = Cipher::new(&KEY).unwrap();
    let open = |plaintext: &str, kind: &str| {
        let text = cipher
            .seal(
                Zeroizing::new(plaintext.as_bytes().to_vec()),
                kind,
                b"k:",
                &[9; 32],
            )
            .unwrap();
        match cipher.open(text.as_bytes(), b"k:", None) {
            Ok(Opened::Value(value)) => Ok(value),
            Ok(Opened::Comment(text)) => Ok(Value::String([b"#", &text[..]].concat().into())),
            Err(why) => Err(why),
        }
    };
    assert!(open("+12", "int") == Ok(Value::Int(12)));
    assert!(open("-9223372036854775808", "int") == Ok(Value::Int(i64::MIN)));
    assert!(open("9223372036854775808", "int") == Err(Failure::Type("int")));
    assert!(open("1_0", "int") == Err(Failure::Type("int")));
    assert!(open("1.5", "float") == Ok(Value::Float(1.5)));
    assert!(open("+Inf", "float") == Ok(Value::Float(f64::INFINITY)));
    assert!(open("x", "float") == Err(Failure::Type("float")));
    assert!(open("True", "bool") == Ok(Value::Bool(true)));
    assert!(open("yes", "bool") == Err(Failure::Type("bool")));
    assert!(open(" c", "comment") == Ok(Value::from("# c")));
    assert!(open("2001-12-14", "time") == Err(Failure::Type("time")));
    assert!(matches!(
        open("2001-12-14T21:59:43.1-05:00", "time"),
        Ok(Value::Time(t)) if t.nanosecond == 100_000_000 && t.offset_minutes == -300
    ));
    assert!(open("x", "bytes") == Err(Failure::Bytes));
    assert!(open("x", "string") == Err(Failure::UnknownType));
}

#[test]
fn base64_as_go_reads_it() {
    assert_eq!(decode(b"vw==").as_deref(), Some(&[0xbf][..]));
    assert_eq!(decode(b"vx==").as_deref(), Some(&[0xbf][..]));
    assert_eq!(decode(b"v\rw==\r").as_deref(), Some(&[0xbf][..]));
    assert_eq!(decode(b"vw="), None);
    assert_eq!(decode(b"vw"), None);
    assert_eq!(decode(b"v-=="), None);
}

proptest! {
    #[test]
    fn seal_then_open(plaintext: Vec<u8>, aad: Vec<u8>, nonce: [u8; 32]) {
        let cipher = Cipher::new(&KEY).unwrap();
        let text = cipher.seal(Zeroizing::new(plaintext.clone()), "str", &aad, &nonce).unwrap();
        if plaintext.is_empty() {
            prop_assert!(Sealed::parse(text.as_bytes()).is_none());
        } else {
            let mut kept = Vec::new();
            prop_assert_eq!(text_of(cipher.open(text.as_bytes(), &aad, Some(&mut kept))).unwrap(), plaintext);
            prop_assert_eq!(kept, nonce);
        }
    }

    #[test]
    fn no_text_panics(text: Vec<u8>) {
        let cipher = Cipher::new(&KEY).unwrap();
        let _ = cipher.open(&text, b"", None);
        let mut framed = PREFIX.to_vec();
        framed.extend_from_slice(&text);
        framed.push(b']');
        let _ = cipher.open(&framed, b"", None);
    }
}

//! Identities as text: what is one, and what is wrong with what is none.

use super::*;

#[test]
fn lines_of_identity_files() {
    let a = secret("age-a.txt");
    let parse = |text: &str, words| match identity::parse(text.as_bytes(), words) {
        Ok(parsed) => Ok(parsed.identities.len()),
        Err(bad) => Err((bad.line, bad.flaw)),
    };
    let one = |text: &str| parse(text, Words::One);
    let several = |text: &str| parse(text, Words::Several);
    assert_eq!(one(&format!("# c\n\n{a}\n{a}")), Ok(2));
    assert_eq!(one(&format!("# c\r\n\r\n{a}\r\n")), Ok(1));
    assert_eq!(one("# comments only\n"), Ok(0));
    assert_eq!(one(&format!("{a} {a}")), Err((Some(1), Flaw::Surrounded)));
    assert_eq!(several(&format!("{a} {a}\n\t{a} \n")), Ok(3));
    assert_eq!(
        several(&format!("{a} # comment")),
        Err((Some(1), Flaw::Surrounded))
    );
    let flaw = |line: &str| one(&format!("{a}\n{line}\n")).unwrap_err();
    let ssh = key("ssh-ed25519");
    let mut damaged = a.clone().into_bytes();
    damaged[30] = if damaged[30] == b'Q' { b'P' } else { b'Q' };
    for (line, expected) in [
        (A, Flaw::PublicKey),
        ("ssh-ed25519 AAAA", Flaw::PublicKey),
        (&format!("\"{a}\""), Flaw::Quoted),
        (&format!("key: '{a}'"), Flaw::Quoted),
        (&format!(" {a}"), Flaw::Surrounded),
        (&format!("{a} "), Flaw::Surrounded),
        (&format!("export KEY={a}"), Flaw::Surrounded),
        (&format!("{a},{a}"), Flaw::Surrounded),
        (&a.to_lowercase(), Flaw::LowerCase),
        (&a[..40], Flaw::Damaged),
        (std::str::from_utf8(&damaged).unwrap(), Flaw::Damaged),
        ("AGE-SECRET-KEY-PQ-1QQQQ", Flaw::Damaged),
        (" AGE-PLUGIN-YUBIKEY-1QQQQ", Flaw::Plugin),
        (&format!("AGE-PLUGIN-YUBIKEY-1QQQQ {a}"), Flaw::Plugin),
        (ssh.lines().next().unwrap(), Flaw::SshKey),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", Flaw::PgpKey),
        ("QUdFLVNFQ1JFVC1LRVktMQ==", Flaw::Base64),
        ("IyBjcmVhdGVkOiAyMDI2", Flaw::Base64),
        ("hello", Flaw::Unknown),
        (&"x".repeat(70_000), Flaw::LongLine),
    ] {
        assert_eq!(
            flaw(line),
            (Some(2), expected),
            "{}",
            &line[..line.len().min(60)]
        );
    }
    let raw = |bytes: &[u8]| {
        identity::parse(bytes, Words::One)
            .map(|_| ())
            .unwrap_err()
            .flaw
    };
    let utf16 = |order: fn(u16) -> [u8; 2]| a.encode_utf16().flat_map(order).collect::<Vec<_>>();
    assert_eq!(raw(&utf16(u16::to_le_bytes)), Flaw::Utf16);
    assert_eq!(raw(&utf16(u16::to_be_bytes)), Flaw::Utf16);
    assert_eq!(
        raw(&[b"\xff\xfe", utf16(u16::to_le_bytes).as_slice()].concat()),
        Flaw::Utf16
    );
    assert_eq!(raw(format!("\u{feff}{a}").as_bytes()), Flaw::ByteOrderMark);
    assert_eq!(raw(b"\x80\x81\x82\x83\x84"), Flaw::NotText);
    // What belongs to a plugin is left alone, and spoils nothing.
    for name in ["YUBIKEY", "SE", "TPM"] {
        let plugin = format!("AGE-PLUGIN-{name}-1QQQQ");
        for text in [
            format!("{plugin}\n{a}"),
            format!("{a}\r\n{plugin}\r\n"),
            format!("# c\n{plugin}\n{plugin}\n\n{a}\n{plugin}"),
        ] {
            assert_eq!(one(&text), Ok(1), "{name}");
            assert_eq!(several(&text), Ok(1), "{name}");
        }
        assert_eq!(several(&format!("{plugin} {a}\t{plugin}")), Ok(1));
        let alone = one(&format!("\n{plugin}\n{plugin}"));
        assert_eq!(alone, Err((Some(2), Flaw::Plugin)));
        assert_eq!(
            one(&format!("{a}\n{plugin}\nhello")),
            Err((Some(3), Flaw::Unknown))
        );
        let many = format!("{plugin}\n").repeat(1025);
        assert_eq!(one(&many), Err((Some(1025), Flaw::TooMany)));
    }
    let many = format!("{a}\n").repeat(1025);
    assert_eq!(one(&many), Err((Some(1025), Flaw::TooMany)));
}

#[test]
fn ssh_keys_that_cannot_be_used() {
    let flaw = |text: &str| match ssh::parse(text.as_bytes(), "", &Arc::default()) {
        Ok(_) => panic!("accepted"),
        Err(flaw) => flaw,
    };
    let good = key("ssh-ed25519");
    assert_eq!(flaw("hello"), Flaw::NotSsh);
    assert_eq!(flaw(""), Flaw::NotSsh);
    assert_eq!(flaw(&key("ssh-ed25519.pub")), Flaw::PublicKey);
    assert_eq!(flaw(&key("age-a.txt")), Flaw::AgeIdentity);
    assert_eq!(flaw("-----BEGIN PRIVATE KEY-----\n"), Flaw::SshForm);
    assert_eq!(flaw(&good[..good.len() / 2]), Flaw::SshDamaged);
    let crlf = good.replace('\n', "\r\n");
    assert!(matches!(
        ssh::parse(crlf.as_bytes(), "", &Arc::default()),
        Ok(ssh::Key::Open(_))
    ));
}

proptest! {
    #[test]
    fn any_text_is_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\"' A-Z0-9a-z\n-]{0,80}") {
        let _ = identity::parse(&bytes, Words::One);
        let _ = ssh::parse(&bytes, "", &Arc::default());
        let _ = identity::parse(text.as_bytes(), Words::Several);
        let _ = identity::parse(format!("AGE-SECRET-KEY-{text}").as_bytes(), Words::One);
        let _ = wrap(b"x", &text);
        let _ = crate::shown::shorten(&text);
    }
}

//! Key groups, and who stays in them.

use super::*;

#[test]
fn groups_and_thresholds() {
    let file = encrypted("a: x\n", Format::Yaml);
    let group = |name: &str| vec![Recipient::age(name)];
    let mut document = rekey(&file, Format::Yaml);
    document.set_key_groups(vec![group(A), group(B)]);
    document.wrap(&Keyring::new()).unwrap();
    let two = written(document.finish(&new()));
    let parsed = parse(&two, Format::Yaml);
    assert_eq!(parsed.metadata().shamir_threshold, 2);
    assert!(parsed.verify(&keyring(&["age-a.txt"])).is_err());
    verify(&two, Format::Yaml, &["age-a.txt", "age-b.txt"]);

    // Whoever leaves one of several takes nothing from the others.
    let mut document = parse(&two, Format::Yaml)
        .rekey(&keyring(&["age-a.txt", "age-b.txt"]))
        .unwrap();
    document.add_recipient(1, Recipient::age(A)).unwrap();
    document.wrap(&Keyring::new()).unwrap();
    let three = written(document.finish(&new()));
    verify(&three, Format::Yaml, &["age-a.txt"]);
    let mut document = rekey(&three, Format::Yaml);
    document.set_key_groups(vec![group(A), group(B)]);
    assert!(document.wanted().unwrap().is_empty());
    let again = written(document.finish(&new()));
    assert!(
        diff(&three, &again)
            .lines()
            .all(|line| line.starts_with('-'))
    );

    // Back to one group: the threshold is what sops makes of it.
    document.set_key_groups(vec![group(B)]);
    document.wrap(&Keyring::new()).unwrap();
    let one = written(document.finish(&new()));
    assert_eq!(parse(&one, Format::Yaml).metadata().shamir_threshold, 1);
    verify(&one, Format::Yaml, &["age-b.txt"]);
    // Which must not be in the way of two.
    let mut document = parse(&one, Format::Yaml)
        .rekey(&keyring(&["age-b.txt"]))
        .unwrap();
    document.set_key_groups(vec![group(A), group(B)]);
    document.wrap(&Keyring::new()).unwrap();
    let two = written(document.finish(&new()));
    assert_eq!(parse(&two, Format::Yaml).metadata().shamir_threshold, 2);
}

/// "Wraps" in plain sight: what matters here is when its keys were made.
struct Moon;

impl KeyService for Moon {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::HuaweiKms
    }

    fn unwrap(&self, key: &WrappedKey, _: Effort) -> std::result::Result<Secret, KeyError> {
        let bytes: std::result::Result<Vec<u8>, _> = key.enc().split(' ').map(str::parse).collect();
        bytes.map(Secret::from).map_err(|_| KeyError::not_ours())
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> std::result::Result<WrappedKey, KeyError> {
        let bytes: Vec<_> = secret.as_bytes().iter().map(u8::to_string).collect();
        Ok(WrappedKey::new(to.clone(), bytes.join(" ")))
    }
}

#[test]
fn who_stays_keeps_the_time_of_their_key() {
    let mut keyring = Keyring::without_services();
    keyring.add_service(Moon);
    let moon = |n: usize| Recipient::huawei_kms(format!("moon:{n}"));
    let plain = Document::parse_plain(b"a: x\n", Format::Yaml).unwrap();
    let options = EncryptOptions::new([moon(1), moon(2)]).at(old());
    let file = plain.encrypt(&options, &keyring).unwrap();
    let file = String::from_utf8(file).unwrap();
    let times = |bytes: Vec<u8>| {
        let document = Document::parse(&bytes, Format::Yaml).unwrap();
        let keys = document.metadata().keys().map(|key| {
            let is_old = key.created_at() == Some(old());
            format!("{} {}", key.recipient(), if is_old { "old" } else { "new" })
        });
        keys.collect::<Vec<_>>()
    };
    let rekey = || parse(&file, Format::Yaml).rekey(&keyring).unwrap();

    let mut document = rekey();
    document.set_key_groups(vec![vec![moon(3), moon(2)]]);
    document.wrap(&keyring).unwrap();
    let after = document.finish(&new()).unwrap();
    assert_eq!(times(after), ["moon:3 new", "moon:2 old"]);

    // As `sops updatekeys`.
    let mut document = rekey();
    document.set_key_groups(vec![vec![moon(3), moon(2)]]);
    document.renew_recipients();
    document.wrap(&keyring).unwrap();
    let after = document.finish(&new()).unwrap();
    assert_eq!(times(after), ["moon:3 new", "moon:2 new"]);

    // As `sops rotate`.
    let mut document = parse(&file, Format::Yaml).edit(&keyring).unwrap();
    document.add_recipient(0, moon(3)).unwrap();
    document.rotate().unwrap();
    document.wrap(&keyring).unwrap();
    let after = document.finish(&new()).unwrap();
    assert_eq!(times(after), ["moon:1 old", "moon:2 old", "moon:3 new"]);
    // Nobody else wraps for us.
    let mut document = rekey();
    document.add_recipient(0, Recipient::age(B)).unwrap();
    let wanted = document.wanted().unwrap();
    assert_eq!(wanted.len(), 1);
    let foreign = keyring.wrap(&moon(1), &wanted[0].secret).unwrap();
    let error = document.supply(wanted[0].position, foreign).unwrap_err();
    assert!(error.to_string().contains("is no wrapped key"), "{error}");
}

//! A file's life with the store: encrypted, opened, changed, rotated, given to
//! others; once with a keyring that asks, once with a program that awaits.

use std::sync::Arc;

use sops_core::{Document, EncryptOptions, ErrorKind, Finish, Format, Keyring, keys::Recipient};
use toy_key_store::{
    Store, ToyService,
    asynchronous::{Client, block_on},
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const ADDRESS: &str = "https://store.example.org";
const PLAIN: &[u8] = b"user: alice # who\npassword: hunter2\n";

fn store() -> Arc<Store> {
    let drawers: [(&str, &[&str]); 3] = [
        ("dev", &["ann", "ben"]),
        ("prod", &["ann"]),
        ("ben", &["ben"]),
    ];
    Arc::new(Store::new(ADDRESS, &drawers))
}

fn drawer(name: &str) -> Recipient {
    Recipient::vault(ADDRESS, "toy", name)
}

fn keyring(store: &Arc<Store>, user: &str) -> Keyring {
    let mut keyring = Keyring::without_services();
    keyring.add_service(ToyService::new(Arc::clone(store), user));
    keyring
}

fn parse(file: &[u8]) -> sops_core::Result<Document<sops_core::Encrypted>> {
    Document::parse(file, Format::Yaml)
}

#[test]
fn with_a_keyring() -> Outcome {
    let store = store();
    let (ann, ben) = (keyring(&store, "ann"), keyring(&store, "ben"));

    // Encrypt.
    let plain = Document::parse_plain(PLAIN, Format::Yaml)?;
    let file = plain.encrypt(&EncryptOptions::new([drawer("prod")]), &ann)?;
    assert!(String::from_utf8(file.clone())?.contains("enc: toy:v1:0"));

    // Open.
    let document = parse(&file)?.decrypt(&ann)?;
    assert_eq!(
        document.get(&["password".into()])?.as_str(),
        Some("hunter2")
    );
    let error = parse(&file)?.decrypt(&ben).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataKey);
    assert!(
        format!("{error:#}").contains("the drawer is not yours"),
        "{error:#}"
    );

    // Change.
    let mut document = parse(&file)?.edit(&ann)?;
    document.set(&["password".into()], "correct horse")?;
    let file = document.finish(&Finish::new())?;

    // Re-key: Ben may read it too.
    let mut document = parse(&file)?.rekey(&ann)?;
    assert!(document.add_recipient(0, drawer("dev"))?);
    document.wrap(&ann)?;
    let file = document.finish(&Finish::new())?;
    let old = parse(&file)?.edit(&ben)?;

    // Rotate: and not any more.
    let mut document = parse(&file)?.edit(&ann)?;
    assert_eq!(document.remove_recipient(&drawer("dev")), 1);
    document.rotate()?;
    document.wrap(&ann)?;
    let file = document.finish(&Finish::new())?;
    parse(&file)?.verify(&ann)?;
    assert!(parse(&file)?.verify(&ben).is_err());
    assert!(parse(&file)?.decrypt_with(old.data_key()).is_err());
    Ok(())
}

#[test]
fn with_a_program_that_awaits() -> Outcome {
    let store = store();
    let (ann, ben) = (Client::new(&store, "ann"), Client::new(&store, "ben"));
    block_on(async {
        let plain = Document::parse_plain(PLAIN, Format::Yaml)?;
        let file = ann
            .encrypt(plain, &EncryptOptions::new([drawer("prod")]))
            .await?;

        let document = ann.decrypt(parse(&file)?).await?;
        assert_eq!(
            document.get(&["password".into()])?.as_str(),
            Some("hunter2")
        );
        let error = ben.decrypt(parse(&file)?).await.unwrap_err();
        assert!(
            format!("{error:#}").contains("the drawer is not yours"),
            "{error:#}"
        );

        let encrypted = parse(&file)?;
        let data_key = ann.open(encrypted.metadata()).await?;
        let mut document = encrypted.rekey_with(data_key)?;
        document.add_recipient(0, drawer("dev"))?;
        ann.wrap_all(&mut document).await?;
        let file = document.finish(&Finish::new())?;
        ben.decrypt(parse(&file)?).await?;

        let encrypted = parse(&file)?;
        let data_key = ann.open(encrypted.metadata()).await?;
        let mut document = encrypted.edit_with(data_key)?;
        document.set(&["password".into()], "correct horse")?;
        document.remove_recipient(&drawer("dev"));
        document.rotate()?;
        ann.wrap_all(&mut document).await?;
        let file = document.finish(&Finish::new())?;
        assert!(ben.decrypt(parse(&file)?).await.is_err());
        ann.decrypt(parse(&file)?).await?;
        Ok(())
    })
}

/// Two groups, one of which the store opens in any case.
#[test]
fn a_quorum_of_groups() -> Outcome {
    let store = store();
    let (ann, ben) = (keyring(&store, "ann"), keyring(&store, "ben"));
    let groups = [vec![drawer("dev")], vec![drawer("prod"), drawer("ben")]];
    let options = EncryptOptions::with_key_groups(groups);
    // Whoever encrypts must be able to wrap for all.
    let plain = Document::parse_plain(PLAIN, Format::Yaml)?;
    let error = plain.encrypt(&options, &ann).unwrap_err();
    assert!(
        format!("{error:#}").contains("the drawer is not yours"),
        "{error:#}"
    );

    let options = EncryptOptions::with_key_groups([vec![drawer("dev")], vec![drawer("prod")]]);
    let file = plain.encrypt(&options, &ann)?;
    parse(&file)?.verify(&ann)?;
    assert!(parse(&file)?.verify(&ben).is_err());
    Ok(())
}

#[test]
fn a_store_that_is_closed_may_be_asked_again() -> Outcome {
    let store = store();
    let ann = keyring(&store, "ann");
    let plain = Document::parse_plain(PLAIN, Format::Yaml)?;
    let file = plain.encrypt(&EncryptOptions::new([drawer("prod")]), &ann)?;
    store.close(true);
    let error = parse(&file)?.verify(&ann).unwrap_err();
    assert!(
        format!("{error:#}").contains("the store is closed"),
        "{error:#}"
    );
    store.close(false);
    ann.forget_failures();
    parse(&file)?.verify(&ann)?;

    // The data key is remembered: one file is asked for once.
    let before = store.asked();
    parse(&file)?.verify(&ann)?;
    assert_eq!(store.asked(), before);
    Ok(())
}

/// A file says where its key is. The service goes where it was told to.
#[test]
fn a_file_does_not_choose_the_store() -> Outcome {
    let store = store();
    let ann = keyring(&store, "ann");
    let plain = Document::parse_plain(PLAIN, Format::Yaml)?;
    let file = plain.encrypt(&EncryptOptions::new([drawer("prod")]), &ann)?;
    let moved = String::from_utf8(file)?.replace(ADDRESS, "https://evil.example.org");
    let before = store.asked();
    let ann = keyring(&store, "ann");
    let error = parse(moved.as_bytes())?.verify(&ann).unwrap_err();
    assert!(format!("{error:#}").contains("another store"), "{error:#}");
    assert_eq!(store.asked(), before);
    Ok(())
}

//! What a file says besides its values: its data key, recipients and rule.

use sops_core::metadata::Rule;

use super::*;

const KEY_B: &str = "AGE-SECRET-KEY-1203JDMC820QSXRD8449TJWR4MND6K6Q248CMTE6DVMEWAHJJGDZS0H2SD6";

/// The keys of both recipients.
fn both() -> Keyring {
    let mut keyring = keyring();
    let _ = keyring.add_identities(KEY_B);
    keyring
}

#[test]
fn a_rotation_of_ours_holds_and_what_is_new_there_is_kept() {
    let format = Format::Yaml;
    let base = encrypt("a: one\nb: two\n", format);
    let rotated = change(&base, format, |document| document.rotate().unwrap());
    let edited = set(&base, "a: one\nb: changed\n", format);
    for (ours, theirs) in [(&rotated, &edited), (&edited, &rotated)] {
        let merged = clean(&base, ours, theirs, format);
        assert_eq!(plaintext(&merged, format), "a: one\nb: changed\n");
        assert!(key(&merged, format) == key(&rotated, format));
        // Whose key it is keeps its ciphertext.
        let line = String::from_utf8_lossy(&rotated)
            .lines()
            .next()
            .unwrap()
            .to_owned();
        assert!(String::from_utf8_lossy(&merged).starts_with(&line));
    }
    // Without a base nobody is known to have rotated.
    let Outcome::Clean(merged) = run(None, &base, &rotated, format, None) else {
        panic!("the values are the same");
    };
    assert!(key(&merged, format) == key(&base, format));
}

/// In a file with these two groups of one recipient each.
fn two_groups(file: &[u8], format: Format) -> Vec<u8> {
    let groups = [A, B].map(|who| vec![Recipient::age(who)]);
    change(file, format, |document| {
        document.set_key_groups(groups.to_vec());
        document.set_shamir_threshold(2);
    })
}

/// What one side alone can say of the file, and how it is read from it.
#[test]
fn settings_that_differ_are_settled_for_a_side() {
    let format = Format::Yaml;
    let base = encrypt("a: one\nb: two\n", format);
    type Work = fn(&[u8]) -> Vec<u8>;
    let changes: [(&str, Work); 4] = [
        ("rule", |file| {
            change(file, Format::Yaml, |document| {
                document
                    .set_rule(Rule::EncryptedRegex("^a$".into()))
                    .unwrap();
            })
        }),
        ("mac_only_encrypted", |file| {
            change(file, Format::Yaml, |document| {
                document.set_mac_only_encrypted(true)
            })
        }),
        ("groups", |file| two_groups(file, Format::Yaml)),
        ("threshold", |file| {
            change(file, Format::Yaml, |document| {
                document.set_shamir_threshold(7)
            })
        }),
    ];
    let keyring = both();
    let settings = |file: &[u8]| {
        let metadata = Document::parse(file, format).unwrap().metadata().clone();
        let groups = metadata.key_groups.iter().map(|group| group.keys.len());
        (
            metadata.rule,
            metadata.mac_only_encrypted,
            metadata.shamir_threshold,
            groups.collect::<Vec<_>>(),
        )
    };
    for (what, work) in changes {
        let ours = set(&base, "a: ours\nb: two\n", format);
        let theirs = work(&set(&base, "a: theirs\nb: new\n", format));
        let open = |bytes| Version::open(bytes, format, &keyring).unwrap();
        let merged = |side| {
            merge(
                Some(&open(&base)),
                &open(&ours),
                &open(&theirs),
                &keyring,
                side,
                time(),
            )
            .unwrap()
        };
        assert!(matches!(merged(None), Outcome::Undecided(_)), "{what}");
        for (side, of, value) in [
            (Side::Ours, &ours, "ours"),
            (Side::Theirs, &theirs, "theirs"),
        ] {
            let Outcome::Clean(file) = merged(Some(side)) else {
                panic!("{what} was decided");
            };
            assert_eq!(settings(&file), settings(of), "{what}");
            // What does not conflict is merged all the same, and it is signed.
            let document = Document::parse(&file, format)
                .unwrap()
                .decrypt(&keyring)
                .unwrap();
            let text = document.to_bytes(format, &Style::default()).unwrap();
            let expected = format!("a: {value}\nb: new\n");
            assert_eq!(String::from_utf8_lossy(&text), expected, "{what}");
            let in_clear = String::from_utf8_lossy(&file).contains("b: new");
            assert_eq!(in_clear, what == "rule" && of == &theirs, "{what}");
        }
    }
}

#[test]
fn a_group_that_both_sides_emptied_is_refused() {
    let format = Format::Yaml;
    let base = change(&encrypt("a: one\n", format), format, |document| {
        document.add_recipient(0, Recipient::age(B)).unwrap();
    });
    let without = |who| {
        change(&base, format, |document| {
            document.remove_recipient(&Recipient::age(who));
        })
    };
    let (ours, theirs) = (without(A), without(B));
    let keyring = both();
    let open = |bytes| Version::open(bytes, format, &keyring).unwrap();
    let result = merge(
        Some(&open(&base)),
        &open(&ours),
        &open(&theirs),
        &keyring,
        None,
        time(),
    );
    assert!(
        result.is_err_and(|error| error.to_string().contains("a key group without recipients"))
    );
}

#[test]
fn a_binary_file_is_one_value_that_a_side_settles() {
    let format = Format::Binary;
    let base = encrypt("x", format);
    let (ours, theirs) = (set(&base, "y", format), set(&base, "z", format));
    for (side, text) in [(Side::Ours, "y"), (Side::Theirs, "z")] {
        let Outcome::Clean(file) = run(Some(&base), &ours, &theirs, format, Some(side)) else {
            panic!("it was decided");
        };
        assert_eq!(plaintext(&file, format), text);
    }
    assert_eq!(
        plaintext(&clean(&base, &base, &theirs, format), format),
        "z"
    );
}

/// Nobody gets a new data key for having written his name into a branch.
#[test]
fn who_was_added_by_one_side_gets_no_key_of_the_other() {
    let format = Format::Yaml;
    let base = encrypt("a: one\nb: two\n", format);
    let rotated = change(&base, format, |document| document.rotate().unwrap());
    let added = change(&base, format, |document| {
        document.add_recipient(0, Recipient::age(B)).unwrap();
    });
    let recipients = |file: &[u8]| {
        let document = Document::parse(file, format).unwrap();
        document.recipients().count()
    };
    // His own side wrapped the key for him: that is what he keeps.
    let edited = set(&base, "a: one\nb: changed\n", format);
    let merged = clean(&base, &edited, &added, format);
    assert_eq!(recipients(&merged), 2);
    let wrapped = |file: &[u8]| {
        let document = Document::parse(file, format).unwrap();
        let keys = &document.metadata().key_groups[0].keys;
        let of_b = keys
            .iter()
            .find(|key| *key.recipient() == Recipient::age(B));
        of_b.unwrap().enc().to_owned()
    };
    assert_eq!(wrapped(&merged), wrapped(&added));
    for (ours, theirs, adding) in [
        (&rotated, &added, Side::Theirs),
        (&added, &rotated, Side::Ours),
    ] {
        let Outcome::Undecided(reason) = run(Some(&base), ours, theirs, format, None) else {
            panic!("somebody has to decide");
        };
        assert!(reason.contains("age1ja7ptl5qugu"), "{reason}");
        for side in [Side::Ours, Side::Theirs] {
            let Outcome::Clean(file) = run(Some(&base), ours, theirs, format, Some(side)) else {
                panic!("it was decided");
            };
            assert_eq!(recipients(&file), if side == adding { 2 } else { 1 });
            assert!(key(&file, format) == key(&rotated, format));
        }
    }
    // With several groups every share is made anew.
    let base = two_groups(&base, format);
    let added = {
        let keyring = both();
        let mut document = Document::parse(&base, format)
            .unwrap()
            .edit(&keyring)
            .unwrap();
        document.add_recipient(0, Recipient::age(B)).unwrap();
        document.wrap(&keyring).unwrap();
        document.finish(&Finish::new()).unwrap()
    };
    let edited = {
        let keyring = both();
        let mut document = Document::parse(&base, format)
            .unwrap()
            .edit(&keyring)
            .unwrap();
        let tree = Document::parse_plain(b"a: one\nb: changed\n", format).unwrap();
        document.set_tree(tree.tree().to_vec());
        document.finish(&Finish::new()).unwrap()
    };
    let keyring = both();
    let open = |bytes| Version::open(bytes, format, &keyring).unwrap();
    let outcome = merge(
        Some(&open(&base)),
        &open(&edited),
        &open(&added),
        &keyring,
        None,
        time(),
    );
    assert!(matches!(outcome.unwrap(), Outcome::Undecided(_)));
}

use sops_core::{EncryptOptions, Style, keys::Recipient};

use super::*;

mod settings;

const KEY: &str = "AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y";
const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";

fn keyring() -> Keyring {
    let mut keyring = Keyring::new();
    let _ = keyring.add_identities(KEY);
    keyring
}

fn encrypt(text: &str, format: Format) -> Vec<u8> {
    let plain = Document::parse_plain(text.as_bytes(), format).unwrap();
    let options = EncryptOptions::new([Recipient::age(A)]);
    plain.encrypt(&options, &keyring()).unwrap()
}

/// The file after a change to its plaintext, its recipients or its key.
fn change(file: &[u8], format: Format, work: impl FnOnce(&mut Document<Editing>)) -> Vec<u8> {
    let mut document = Document::parse(file, format)
        .unwrap()
        .edit(&keyring())
        .unwrap();
    work(&mut document);
    document.wrap(&keyring()).unwrap();
    document.finish(&Finish::new()).unwrap()
}

fn set(file: &[u8], text: &str, format: Format) -> Vec<u8> {
    let tree = Document::parse_plain(text.as_bytes(), format).unwrap();
    change(file, format, |document| {
        document.set_tree(tree.tree().to_vec())
    })
}

fn run(
    base: Option<&[u8]>,
    ours: &[u8],
    theirs: &[u8],
    format: Format,
    side: Option<Side>,
) -> Outcome {
    let keyring = keyring();
    let open = |bytes| Version::open(bytes, format, &keyring).unwrap();
    let base = base.map(open);
    merge(
        base.as_ref(),
        &open(ours),
        &open(theirs),
        &keyring,
        side,
        time(),
    )
    .unwrap()
}

fn time() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-25T00:00:00Z").unwrap()
}

fn clean(base: &[u8], ours: &[u8], theirs: &[u8], format: Format) -> Vec<u8> {
    match run(Some(base), ours, theirs, format, None) {
        Outcome::Clean(bytes) => bytes,
        Outcome::Conflicts { paths, .. } => panic!("conflicts: {paths:?}"),
        Outcome::Undecided(reason) => panic!("{reason}"),
    }
}

fn plaintext(file: &[u8], format: Format) -> String {
    let document = Document::parse(file, format)
        .unwrap()
        .decrypt(&keyring())
        .unwrap();
    let bytes = document.to_bytes(format, &Style::default()).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The data key of a file.
fn key(file: &[u8], format: Format) -> sops_core::keys::DataKey {
    let document = Document::parse(file, format).unwrap();
    keyring().open(document.metadata()).unwrap()
}

#[test]
fn values_of_both_sides_keep_their_ciphertext() {
    let format = Format::Yaml;
    let base = encrypt("a: one\nb: two\nc: three\n", format);
    let ours = set(&base, "a: changed\nb: two\nc: three\n", format);
    let theirs = set(&base, "a: one\nb: two\nc: new\nd: more\n", format);
    let merged = clean(&base, &ours, &theirs, format);
    assert_eq!(
        plaintext(&merged, format),
        "a: changed\nb: two\nc: new\nd: more\n"
    );
    let line = |file: &[u8], key: &str| {
        let text = String::from_utf8_lossy(file).into_owned();
        text.lines()
            .find(|line| line.starts_with(key))
            .unwrap()
            .to_owned()
    };
    for (key, of) in [
        ("a:", &ours),
        ("b:", &base),
        ("c:", &theirs),
        ("d:", &theirs),
    ] {
        assert_eq!(line(&merged, key), line(of, key), "{key}");
    }
}

#[test]
fn a_side_that_changed_nothing_costs_nothing() {
    let format = Format::Json;
    let base = encrypt("{\"a\": 1}", format);
    let changed = set(&base, "{\"a\": 2}", format);
    assert_eq!(clean(&base, &base, &changed, format), changed);
    assert_eq!(clean(&base, &changed, &base, format), changed);
}

#[test]
fn a_rotation_of_theirs_holds() {
    let format = Format::Yaml;
    let base = encrypt("a: one\nb: two\n", format);
    let ours = set(&base, "a: changed\nb: two\n", format);
    let theirs = change(&base, format, |document| document.rotate().unwrap());
    let merged = clean(&base, &ours, &theirs, format);
    assert_eq!(plaintext(&merged, format), "a: changed\nb: two\n");
    let key = |file: &[u8]| key(file, format);
    assert!(key(&merged) == key(&theirs));
    // Both rotated: nobody's old key opens it.
    let ours = change(&ours, format, |document| document.rotate().unwrap());
    let merged = clean(&base, &ours, &theirs, format);
    assert!(key(&merged) != key(&theirs) && key(&merged) != key(&ours));
}

#[test]
fn recipients_are_merged_as_sets() {
    let format = Format::Yaml;
    let base = change(&encrypt("a: one\n", format), format, |document| {
        document.add_recipient(0, Recipient::age(B)).unwrap();
    });
    let ours = set(&base, "a: two\n", format);
    let theirs = change(&base, format, |document| {
        document.remove_recipient(&Recipient::age(B));
    });
    let merged = clean(&base, &ours, &theirs, format);
    let recipients: Vec<_> = Document::parse(&merged, format)
        .unwrap()
        .recipients()
        .map(ToString::to_string)
        .collect();
    assert_eq!(recipients, [A]);
}

#[test]
fn without_the_other_halves_a_conflict_is_ours() {
    for (format, base, ours, theirs) in [
        (
            Format::Yaml,
            "a: 1\nb: 1\nc: 1\n",
            "a: 2\nb: 1\nc: 5\n",
            "a: 3\nb: 4\nc: 1\n",
        ),
        (
            Format::Dotenv,
            "a=1\nb=1\nc=1\n",
            "a=2\nb=1\nc=5\n",
            "a=3\nb=4\nc=1\n",
        ),
        (
            Format::Json,
            "{\"a\": 1, \"b\": 1, \"c\": 1}",
            "{\"a\": 2, \"b\": 1, \"c\": 5}",
            "{\"a\": 3, \"b\": 4, \"c\": 1}",
        ),
        (
            Format::Ini,
            "[s]\na=1\nb=1\nc=1\n",
            "[s]\na=2\nb=1\nc=5\n",
            "[s]\na=3\nb=4\nc=1\n",
        ),
    ] {
        let base = encrypt(base, format);
        let (ours, theirs) = (set(&base, ours, format), set(&base, theirs, format));
        let Outcome::Conflicts { paths, marked } = run(Some(&base), &ours, &theirs, format, None)
        else {
            panic!("a conflict is expected");
        };
        assert_eq!(paths.len(), 1, "{paths:?}");
        assert!(paths[0].ends_with('a'));
        let marked = String::from_utf8(marked).unwrap();
        let mut kept = String::new();
        let mut skip = false;
        for line in marked.lines() {
            match line {
                "<<<<<<< ours" => {}
                "=======" => skip = true,
                ">>>>>>> theirs" => skip = false,
                line if !skip => {
                    kept.push_str(line);
                    kept.push('\n');
                }
                _ => {}
            }
        }
        assert_eq!(marked.matches("<<<<<<< ours\n").count(), 1);
        let text = plaintext(kept.as_bytes(), format);
        for (key, value) in [("a", '2'), ("b", '4'), ("c", '5')] {
            let line = text
                .lines()
                .find(|line| line.trim_start().trim_start_matches('"').starts_with(key))
                .unwrap();
            assert!(line.contains(value), "{text}");
        }
        // And each side can be had whole.
        for (side, value) in [(Side::Ours, '2'), (Side::Theirs, '3')] {
            let Outcome::Clean(bytes) = run(Some(&base), &ours, &theirs, format, Some(side)) else {
                panic!("it was decided");
            };
            assert!(plaintext(&bytes, format).contains(value));
        }
    }
}

#[test]
fn what_cannot_be_decided_is_said() {
    let format = Format::Yaml;
    let base = encrypt("a: one\n", format);
    let theirs = change(&base, format, |document| {
        document.set_mac_only_encrypted(true)
    });
    let Outcome::Undecided(reason) = run(Some(&base), &base, &theirs, format, None) else {
        panic!("another rule");
    };
    insta::assert_snapshot!(reason, @"the sides have another rule of which values are encrypted");
    let [base, ours, theirs] = ["x", "y", "z"].map(|text| encrypt(text, Format::Binary));
    assert!(matches!(
        run(Some(&base), &ours, &theirs, Format::Binary, None),
        Outcome::Undecided(_)
    ));
}

/// Three versions of a file with these values, `None` for an absent one.
fn any_values() -> impl proptest::strategy::Strategy<Value = Vec<Option<u8>>> {
    proptest::collection::vec(proptest::option::weighted(0.8, 0u8..3), 5)
}

fn text_of(values: &[Option<u8>]) -> String {
    let mut text = String::from("always: here\n");
    for (n, value) in values.iter().enumerate() {
        if let Some(value) = value {
            text.push_str(&format!("k{n}: v{value}\n"));
        }
    }
    text
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]

    /// In the encrypted files: no edit is lost, what was not edited keeps its
    /// ciphertext, and the result is signed.
    #[test]
    fn merged_files_lose_no_edit(
        base in any_values(),
        ours in any_values(),
        theirs in any_values(),
        same in proptest::collection::vec(0u8..4, 5),
    ) {
        // Most values are changed by one side at most.
        let mix = |side: &[Option<u8>], number: u8| -> Vec<Option<u8>> {
            let chosen = side.iter().zip(&base).zip(&same);
            chosen.map(|((side, base), same)| if *same == number || *same == 3 { *side } else { *base }).collect()
        };
        let (ours, theirs) = (mix(&ours, 0), mix(&theirs, 1));
        let format = Format::Yaml;
        let file = encrypt(&text_of(&base), format);
        let ours_file = set(&file, &text_of(&ours), format);
        let theirs_file = set(&file, &text_of(&theirs), format);
        let mut expected = Vec::new();
        let mut conflicts = 0;
        for ((b, o), t) in base.iter().zip(&ours).zip(&theirs) {
            expected.push(if o == b { *t } else { *o });
            conflicts += usize::from(o != b && t != b && o != t);
        }
        match run(Some(&file), &ours_file, &theirs_file, format, None) {
            Outcome::Clean(merged) => {
                proptest::prop_assert_eq!(conflicts, 0);
                let text = plaintext(&merged, format);
                let mut lines: Vec<&str> = text.lines().collect();
                lines.sort_unstable();
                let wanted = text_of(&expected);
                let mut wanted: Vec<&str> = wanted.lines().collect();
                wanted.sort_unstable();
                proptest::prop_assert_eq!(lines, wanted);
                // Each ciphertext is one of those that were there.
                let known = [&file, &ours_file, &theirs_file].map(|file| String::from_utf8_lossy(file).into_owned());
                for line in String::from_utf8_lossy(&merged).lines().filter(|line| line.starts_with('k')) {
                    proptest::prop_assert!(known.iter().any(|file| file.contains(line)));
                }
            }
            Outcome::Conflicts { paths, .. } => proptest::prop_assert_eq!(paths.len(), conflicts),
            Outcome::Undecided(reason) => proptest::prop_assert!(false, "{}", reason),
        }
    }
}

use proptest::strategy::Strategy;

use super::*;
use crate::args::flag;

static FLAGS: &[&Flag] = &[
    &flag::IN_PLACE,
    &flag::IGNORE_MAC,
    &flag::OUTPUT_TYPE,
    &flag::AGE,
    &flag::INDENT,
    &flag::KEYSERVICE,
    &flag::LOCAL_KEYSERVICE,
    &flag::HELP,
];

fn args(text: &str) -> Vec<OsString> {
    text.split(' ')
        .filter(|word| !word.is_empty())
        .map(OsString::from)
        .collect()
}

fn parsed(text: &str) -> Result<Given, Wrong> {
    command(FLAGS, args(text), &|_| None)
}

fn words(text: &str) -> String {
    let sorted = sorted(FLAGS, args(text));
    let words: Vec<_> = sorted.iter().map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[test]
fn options_of_a_command_move_to_the_front() {
    assert_eq!(words("f --output-type json"), "--output-type json f");
    assert_eq!(words("f -i"), "-i f");
    assert_eq!(
        words("--ignore-mac f --output-type json"),
        "--ignore-mac f --output-type json"
    );
    assert_eq!(words("a -i b"), "-i b a");
    assert_eq!(words("f --bogus"), "f --bogus");
    assert_eq!(words("f -- -i"), "f -- -i");
    assert_eq!(words("f --output-type=json x"), "--output-type=json f x");
}

#[test]
fn a_switch_may_swallow_what_follows() {
    let given = parsed("--ignore-mac f --output-type json").unwrap();
    assert!(given.switch(&flag::IGNORE_MAC));
    assert_eq!(given.positionals, ["f", "--output-type", "json"]);
    assert!(given.text(&flag::OUTPUT_TYPE).is_none());
    let given = parsed("--ignore-mac=true f --output-type json").unwrap();
    assert_eq!(given.positionals, ["f"]);
    assert_eq!(given.text(&flag::OUTPUT_TYPE).unwrap(), "json");
}

#[test]
fn what_makes_no_sense_is_said_in_the_words_of_sops() {
    for (text, expected) in [
        ("-i --bogus f", "flag provided but not defined: -bogus"),
        ("-di f", "flag provided but not defined: -di"),
        ("--output-type", "flag needs an argument: -output-type"),
        (
            "--indent abc f",
            r#"invalid value "abc" for flag -indent: parse error"#,
        ),
        (
            "--ignore-mac=foo f",
            r#"invalid boolean value "foo" for -ignore-mac: parse error"#,
        ),
        (
            "-a X --age Y",
            "Cannot use two forms of the same flag: a age",
        ),
    ] {
        assert_eq!(
            parsed(text).unwrap_err(),
            Wrong::Usage(expected.into()),
            "{text}"
        );
    }
    assert_eq!(parsed("f -h").unwrap_err(), Wrong::Help);
}

#[test]
fn the_last_one_counts_and_lists_grow() {
    let given =
        parsed("--output-type yaml -output-type=json --keyservice a --keyservice b").unwrap();
    assert_eq!(given.text(&flag::OUTPUT_TYPE).unwrap(), "json");
    assert_eq!(given.strs(&flag::KEYSERVICE).unwrap(), ["a", "b"]);
}

#[test]
fn variables_are_defaults() {
    let with = |name: &'static str, value: &'static str, text: &str| {
        command(FLAGS, args(text), &move |asked| {
            (asked == name).then(|| value.into())
        })
    };
    let given = with("SOPS_KEYSERVICE", "a , b", "").unwrap();
    assert_eq!(given.strs(&flag::KEYSERVICE).unwrap(), ["a", "b"]);
    let given = with("SOPS_KEYSERVICE", "a", "--keyservice c").unwrap();
    assert_eq!(given.strs(&flag::KEYSERVICE).unwrap(), ["c"]);
    let local = |value| {
        with("SOPS_ENABLE_LOCAL_KEYSERVICE", value, "")
            .map(|given| given.switch(&flag::LOCAL_KEYSERVICE))
    };
    assert_eq!(local(""), Ok(false));
    assert_eq!(local("T"), Ok(true));
    assert!(local("foo").is_err());
    assert!(parsed("").unwrap().switch(&flag::LOCAL_KEYSERVICE));
}

#[test]
fn numbers_are_those_of_go() {
    for (text, expected) in [
        ("4", Some(4)),
        ("-1", Some(-1)),
        ("+2", Some(2)),
        ("0x10", Some(16)),
        ("010", Some(8)),
        ("0", Some(0)),
        ("", None),
        ("-", None),
        ("0x-1", None),
        ("4.0", None),
    ] {
        assert_eq!(number(OsStr::new(text)), expected, "{text:?}");
    }
}

proptest::proptest! {
    /// Whatever is typed: no word is lost or made, and nothing
    /// panics.
    #[test]
    fn sorting_keeps_every_word(
        words in proptest::collection::vec("(-{0,3}(i|in-place|output-type|age|a|x|=)?(=[a-z]{0,2})?|[a-z]{0,3})", 0..8),
    ) {
        let args: Vec<OsString> = words.iter().map(OsString::from).collect();
        let _ = options(FLAGS, args.clone(), &|_| None);
        let mut sorted_words = sorted(FLAGS, args.clone());
        let mut all = args;
        sorted_words.sort();
        all.sort();
        proptest::prop_assert_eq!(sorted_words, all);
    }

    /// The same options say the same in front of a file without a command, and
    /// in any place of a command's; a value is never taken for a file.
    #[test]
    fn old_style_and_commands_mean_the_same(
        options in proptest::collection::vec(
            (0..64usize, 0..64usize, 0..3usize, proptest::bool::ANY, value()),
            0..6,
        ),
        before in 0..7usize,
    ) {
        let command_flags = decrypt().flags();
        let global: Vec<&Flag> = flag::GLOBAL.iter().copied().flatten().copied().collect();
        let shared: Vec<&'static Flag> = command_flags
            .iter()
            .filter(|flag| flag.name() != "help" && global.iter().any(|it| it.name() == flag.name()))
            .copied()
            .collect();
        let (mut words, mut ends) = (Vec::new(), vec![0]);
        for (which, form, dashes, joined, value) in &options {
            let flag = shared[which % shared.len()];
            let name = flag.names[form % flag.names.len()];
            let dashes = if *dashes == 0 { "-" } else { "--" };
            match (flag.kind, joined) {
                // What follows a switch without a sign may be its value.
                (Kind::Switch(_), _) => words.push(format!("{dashes}{name}=true")),
                // A value that is called like an option is taken for one when
                // words are sorted, by sops too, and would have one itself.
                (_, joined) if *joined || find(&command_flags, value.trim_start_matches('-')).is_some() => {
                    words.push(format!("{dashes}{name}={value}"));
                }
                _ => words.extend([format!("{dashes}{name}"), value.clone()]),
            }
            ends.push(words.len());
        }
        let with_file_at = |at: usize| {
            let mut words: Vec<OsString> = words.iter().map(OsString::from).collect();
            words.insert(at, "FILE".into());
            words
        };
        let old = super::options(&global, with_file_at(words.len()), &|_| None);
        let at = ends[before % ends.len()];
        let new = command(&command_flags, with_file_at(at), &|_| None);
        match (old, new) {
            (Ok(old), Ok(new)) => {
                proptest::prop_assert_eq!(&old.positionals, &["FILE"]);
                proptest::prop_assert_eq!(&new.positionals, &["FILE"]);
                for flag in shared {
                    proptest::prop_assert_eq!(old.text(flag), new.text(flag));
                    proptest::prop_assert_eq!(old.switch(flag), new.switch(flag));
                    proptest::prop_assert_eq!(old.strs(flag).ok(), new.strs(flag).ok());
                }
            }
            (old, new) => proptest::prop_assert_eq!(old.err(), new.err()),
        }
    }
}

/// Values that look like something else, too.
fn value() -> impl proptest::strategy::Strategy<Value = String> {
    proptest::prop_oneof![
        "[a-z]{1,4}",
        proptest::sample::select(vec![
            "--",
            "-",
            "-i",
            "--output",
            "--ignore-mac",
            "x=y",
            "FILE",
            "-x=",
            "decrypt"
        ])
        .prop_map(str::to_owned),
    ]
}

fn decrypt() -> &'static crate::cmd::Command {
    crate::cmd::Command::named(crate::cmd::COMMANDS, OsStr::new("decrypt")).unwrap()
}

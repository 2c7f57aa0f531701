//! Every case of `corpus/ksops`, in both styles, against what KSOPS 4.5.1
//! printed. Exceptions are those of the corpus's README.

use crate::common::{Case, cases, program};

/// KSOPS turns bytes that are no text into U+FFFD; here it fails with advice.
const REFUSED: &str = "from-file-nonutf8";

#[test]
fn legacy_style_prints_the_same_bytes() {
    let mut equal = 0;
    for case in cases() {
        let run = program(&case.app()).arg("generator.yaml").run();
        let Some(mut expected) = case.file("legacy.out").filter(|_| case.name != REFUSED) else {
            assert_eq!(run.code, 1, "{}", case.name);
            assert!(run.stdout.is_empty(), "{}", case.name);
            assert!(
                run.stderr.contains(case.culprit()),
                "{}: {}",
                case.name,
                run.stderr
            );
            continue;
        };
        if case.name == "from-mixed" {
            // KSOPS takes the name `y` for a boolean.
            expected = replaced(expected, "name: \"true\"", "name: \"y\"");
        }
        assert_printed(&case, &run, expected);
        equal += 1;
    }
    assert_eq!(equal, 41);
}

#[test]
fn krm_style_prints_the_same_bytes() {
    let mut equal = 0;
    for case in cases() {
        let input = case.file("krm.in").unwrap();
        let run = program(&case.app())
            .stdin(std::io::Cursor::new(input))
            .run();
        let Some(mut expected) = case.file("krm.out").filter(|_| case.name != REFUSED) else {
            krm_failure(&case, &run);
            continue;
        };
        if case.name == "empty-document-between" {
            // KSOPS passes an empty item on, which kustomize then refuses.
            expected = replaced(expected, "- {}\n", "");
        }
        assert_printed(&case, &run, expected);
        equal += 1;
    }
    assert_eq!(equal, 41);
}

fn assert_printed(case: &Case, run: &crate::common::Run, expected: Vec<u8>) {
    assert_eq!(run.code, 0, "{}: {}", case.name, run.stderr);
    assert_eq!(
        run.text(),
        String::from_utf8(expected).unwrap(),
        "{}",
        case.name
    );
}

/// A failure answers with the input's items and the error as a result.
fn krm_failure(case: &Case, run: &crate::common::Run) {
    let name = &case.name;
    assert_eq!(run.code, 1, "{name}");
    assert!(
        run.stderr.contains(case.culprit()),
        "{name}: {}",
        run.stderr
    );
    let answer: serde_yaml::Value = serde_yaml::from_slice(&run.stdout).unwrap();
    let input: serde_yaml::Value = serde_yaml::from_slice(&case.file("krm.in").unwrap()).unwrap();
    for field in ["kind", "apiVersion", "items", "functionConfig"] {
        assert_eq!(answer[field], input[field], "{name}");
    }
    let message = answer["results"][0]["message"].as_str().unwrap();
    assert!(message.contains(case.culprit()), "{name}: {message}");
    assert_eq!(answer["results"][0]["severity"], "error", "{name}");
}

fn replaced(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "the exception is no longer one");
    text.replacen(from, to, 1).into_bytes()
}

//! Short texts that stand for long ones.

use go_yaml::{Error, Limits, parse};

fn error(text: &str) -> Error {
    let limits = Limits {
        nodes: 2_000_000,
        ..Limits::default()
    };
    parse(text, &limits).err().expect("a limit")
}

#[test]
fn a_long_tag_prefix_is_not_copied_without_end() {
    let prefix = "x".repeat(1_000_000);
    let text = format!("%TAG !a! {prefix}\n---\n{}", "- !a!y 1\n".repeat(10_000));
    assert!(error(&text).is_limit);
}

#[test]
fn a_long_scalar_of_an_earlier_document_is_not_copied_without_end() {
    let long = "x".repeat(1_000_000);
    let aliases = "- *a\n".repeat(10_000);
    for first in [format!("&a |\n {long}\n"), format!("&a # {long}\n- 1\n")] {
        assert!(error(&format!("{first}---\n{aliases}")).is_limit);
    }
}

#[test]
fn a_repeated_tag_directive_is_an_error() {
    let error = error("%TAG !a! x\n%TAG !b! x\n%TAG !a! y\n--- 1\n");
    assert_eq!(error.to_string(), "line 3: found duplicate %TAG directive");
}

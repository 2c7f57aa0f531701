//! Completions in the shells that they are made for.

use std::process::Command;

use testkit::shells::completed;

#[test]
fn shells_complete_subcommands_and_options() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(env!("CARGO_BIN_EXE_ksops-rs"))
            .args(["completion", shell])
            .output()
            .unwrap();
        assert!(output.status.success());
        let script = String::from_utf8(output.stdout).unwrap();
        for (typed, expected) in [
            ("decr", "decrypt"),
            ("doctor --build", "--build-options"),
            ("install --with-k", "--with-kustomize"),
            ("guard --best", "--best-effort"),
            ("completion fi", "fish"),
            ("--vers", "--version"),
        ] {
            for program in ["ksops-rs", "ksops"] {
                let Some(words) = completed(shell, &script, program, typed) else {
                    continue;
                };
                let last = words.split(' ').next_back().unwrap_or_default();
                assert_eq!(last.trim_end_matches('='), expected, "{shell}: {typed}");
            }
        }
    }
}

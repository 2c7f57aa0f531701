//! The argument vectors of programs that call sops (helm-secrets §1 and §4),
//! each run by both programs.

use crate::{
    as_sops::{folder, same, same_with},
    common::{Folder, encrypted, sops_rs},
};

/// Public keys of the corpus.
const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

#[test]
fn helm_secrets() {
    same(&[
        // To stdout, into a file, in place.
        "--decrypt --input-type yaml --output-type yaml e.yaml",
        "--decrypt --input-type json --output-type json e.json",
        "--decrypt --input-type binary --output-type binary e.bin",
        "--decrypt --input-type yaml --output-type yaml --output e.yaml.dec e.yaml",
        "--decrypt --input-type yaml --output-type yaml --in-place e.yaml",
        // Arguments of a backend, in front; words in quotes are no types.
        "--verbose --decrypt --input-type yaml --output-type yaml e.yaml",
        "--output-type \"json\" --decrypt --input-type yaml --output-type yaml e.yaml",
        // A literal.
        "--decrypt --input-type json --output-type json /dev/stdin < e.json",
        // What it takes for JSON and is not.
        "--decrypt --input-type json --output-type json e.env",
        "--decrypt --input-type json --output-type json e.ini",
        "--decrypt --input-type yaml --output-type yaml p.yaml",
        "--decrypt --input-type yaml --output-type yaml none.yaml",
        // A configuration whose rules are for other files.
        "--config rules.yaml --decrypt --input-type yaml --output-type yaml m.yaml",
        // Encrypting needs one that is for this file.
        "--config rules.yaml --encrypt --input-type yaml --output-type yaml p.yaml",
        "--config rules.yaml --encrypt --input-type yaml --output-type yaml --in-place p.yaml",
        "--config rules.yaml --encrypt --input-type yaml --output-type yaml --output o p.yaml",
        "--config rules.yaml --encrypt --input-type yaml --output-type yaml m.yaml",
        "--encrypt --input-type yaml --output-type yaml p.yaml",
        "--encrypt --input-type yaml --output-type yaml e.yaml",
    ]);
    let edit = "sh -c 'echo \"hello: world\" > \"$0\"'";
    same_with(
        &[
            "--config rules.yaml --input-type yaml --output-type yaml e.yaml",
            "--config rules.yaml --input-type yaml --output-type yaml new/p.yaml",
            "--config rules.yaml --input-type yaml --output-type yaml newp.yaml",
            "--input-type yaml --output-type yaml new.yaml",
        ],
        &[("EDITOR", edit)],
    );
}

/// Names are one argument, whatever they are made of.
#[test]
fn names_of_any_kind() {
    let folder = folder();
    for name in [
        "a b.yaml",
        "@§!$\\()=^'\".yaml",
        "😀/ü.yaml",
        "-.yaml",
        "a\nb.yaml",
    ] {
        folder.write(name, encrypted("yaml", "coll-nested"));
        let path = format!("./{name}");
        let expected = folder.run(&["-d", "e.yaml"]).ok().to_owned();
        assert_eq!(folder.run(&["-d", &path]).ok(), expected, "{name}");
        folder.run(&["--decrypt", "--in-place", &path]).ok();
        assert_eq!(folder.read(name), expected, "{name}");
    }
}

/// helm-secrets looks for these words.
#[test]
fn words_that_programs_look_for() {
    let folder = folder();
    let run = folder.run(&["--verbose", "-d", "e.yaml"]);
    assert!(run.stderr.contains("Data key recovered successfully"));
    let run = folder.run(&["-e", "p.yaml"]);
    let words = "config file not found, or has no creation rules, and no keys provided through command line options";
    assert!(run.stderr.contains(words), "{}", run.stderr);
}

#[test]
fn ansible() {
    same(&[
        "decrypt e.yaml",
        "decrypt --input-type yaml --output-type json e.yaml",
        "--config rules.yaml decrypt --extract [\"a\"] e.yaml",
        "decrypt --input-type yaml --output-type yaml /dev/stdin < e.yaml",
        "decrypt --enable-local-keyservice=false e.yaml",
        "filestatus e.yaml",
        "filestatus p.yaml",
        // Of releases before 3.9.
        "--input-type yaml --output-type yaml --decrypt e.yaml",
        "--decrypt --extract [\"a\"] e.yaml",
    ]);
    let age = format!("--age {A}");
    same(&[
        &format!(
            "encrypt {age} --input-type yaml --output-type yaml --filename-override x.yaml /dev/stdin < p.yaml"
        ),
        &format!(
            "encrypt {age} --unencrypted-suffix _x --shamir-secret-sharing-threshold 1 --filename-override x.yaml /dev/stdin < p.yaml"
        ),
        "--config rules.yaml encrypt --input-type yaml --output-type yaml --filename-override p.yaml /dev/stdin < p.yaml",
        "--config rules.yaml encrypt --filename-override other.txt /dev/stdin < p.txt",
    ]);
    // How it finds out which options it may use.
    let run = folder().run(&["--version", "--disable-version-check"]);
    let (first, _) = run.ok().split_once('\n').unwrap();
    assert_eq!(first, "sops 3.13.2");
}

#[test]
fn direnv() {
    same(&[
        "-d --output-type dotenv e.env",
        "--decrypt e.env",
        "-d --output-type dotenv --extract ['A'] e.env",
        // Not flat.
        "-d --output-type dotenv e.yaml",
    ]);
}

#[test]
fn editors() {
    let save = "sh -c 'cat changed > \"$0\"'";
    same_with(
        &[
            // VS Code, signageos: reading, saving, a new file.
            "--config /dev/null --output-type yaml --input-type yaml --decrypt noext",
            "--ignore-mac --config /dev/null --output-type json --input-type json --decrypt e.json",
            "--aws-profile x --config /dev/null --output-type yaml --input-type yaml --decrypt noext",
            "--config /dev/null --config rules.yaml --output-type yaml --input-type yaml --encrypt p.yaml",
            // The other one.
            "--in-place --decrypt e.yaml",
            "--decrypt e.yaml",
            "--config rules.yaml --in-place --encrypt p.yaml",
        ],
        &[("EDITOR", save)],
    );
}

/// An editor that saves a file without an extension reads it back: what did
/// not change keeps its ciphertext. Anything on stderr is shown as an error.
#[test]
fn saving_is_quiet_and_changes_what_changed() {
    let mut folder = Folder::new();
    let put = |folder: &Folder, name: &str| {
        folder.write(name, "a: one\nb: two\n");
        folder.run(&[
            "--age",
            A,
            "--input-type",
            "yaml",
            "--output-type",
            "yaml",
            "-e",
            "-i",
            name,
        ])
    };
    assert_eq!(put(&folder, "saved").stderr, "");
    let types = [
        "--config",
        "/dev/null",
        "--output-type",
        "yaml",
        "--input-type",
        "yaml",
    ];
    let before = folder.read("saved");
    folder.var("EDITOR", "sh -c 'echo \"new: 1\" >> \"$0\"'");
    let run = folder.run(&[&types[..], &["saved"]].concat());
    run.ok();
    assert_eq!(run.stderr, "");
    let after = folder.read("saved");
    let gone: Vec<_> = before
        .lines()
        .filter(|line| !after.contains(line))
        .collect();
    // The MAC, and the time if a second has passed.
    assert!(gone.len() <= 2, "{gone:?}");
    for args in [
        &["--decrypt", "e.yaml"][..],
        &["--in-place", "--decrypt", "e.yaml"],
    ] {
        put(&folder, "e.yaml");
        let run = folder.run_with(&sops_rs(), args, b"");
        run.ok();
        assert_eq!(run.stderr, "", "{args:?}");
    }
}

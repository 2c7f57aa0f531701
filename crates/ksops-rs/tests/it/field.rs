//! Files that people reported trouble with, and what they get here: inputs and
//! answers of `testdata/trust`, the answers by sops 3.13.2 and KSOPS 4.5.1.

use std::path::PathBuf;

use sops_core::{Document, EncryptOptions, Format, Keyring, keys::Recipient};

use crate::common::{Run, program, testdata};
use crate::world::{Key, World};

fn folder(name: &str) -> PathBuf {
    testdata().join("trust").join(name)
}

fn expected(name: &str, file: &str) -> String {
    std::fs::read_to_string(folder(name).join(file)).unwrap()
}

/// The program in a folder, with the key that lies there.
fn run(name: &str, args: &[&str]) -> Run {
    let dir = folder(name);
    let key = dir.join("key.txt");
    program(&dir).var("SOPS_AGE_KEY_FILE", key).args(args).run()
}

#[test]
fn quotes_in_ini_files() {
    let name = "ini-quotes";
    for (args, file) in [
        (&["decrypt", "in.ini"][..], "expected"),
        (&["gen.yaml"], "expected.plugin"),
        (
            &["decrypt", "--output-type", "ini", "in.json"],
            "expected.from-json",
        ),
    ] {
        let run = run(name, args);
        assert_eq!(run.text(), expected(name, file), "{}", run.stderr);
    }
}

#[test]
fn an_identity_of_a_plugin_spoils_no_other() {
    let name = "plugin-identity-spoils-key-file";
    assert_eq!(
        run(name, &["decrypt", "in.yaml"]).text(),
        expected(name, "expected")
    );
}

/// As with sops: what is extracted takes the place of its document.
#[test]
fn a_mapping_out_of_a_stream_of_documents() {
    let name = "extract-stream";
    let extract = |args: &[&str]| {
        let args = [&["decrypt", "--extract", "[\"meta\"]"], args].concat();
        run(name, &args).text().to_owned()
    };
    assert_eq!(extract(&["in.yaml"]), expected(name, "expected"));
    // Where there is one document only.
    let json = extract(&["--output-type", "json", "in.yaml"]);
    assert_eq!(json, "{\n\t\"a\": \"one\"\n}\n");
    let text = run(
        name,
        &["decrypt", "--extract", "[\"meta\"][\"a\"]", "in.yaml"],
    );
    assert_eq!(text.text(), "one");
}

#[test]
fn comments_in_a_list_count() {
    let extract = |path: &str| {
        run(
            "extract-list-comment",
            &["decrypt", "--extract", path, "in.yaml"],
        )
    };
    assert_eq!(extract("[\"l\"][1][\"name\"]").text(), "x");
    insta::assert_snapshot!(extract("[\"l\"][0]").stderr, @r#"
    error: "in.yaml": l[0]: a comment stands there
    comments in a list count, as in sops: the next item is [1]
    "#);
    assert_eq!(extract("[\"l\"][0][\"name\"]").code, 1);
}

#[test]
fn names_that_say_nothing() {
    let name = "decrypt-unknown-ending";
    let dir = folder(name);
    let bytes = std::fs::read(dir.join("secret.YAML")).unwrap();
    let mut all = String::new();
    for args in [
        &["decrypt", "secret.yaml.enc"][..],
        &["decrypt", "secret.YAML"],
        &["decrypt", "--input-type", "json", "secret.YAML"],
        &["decrypt"],
        &["gen.yaml"],
    ] {
        let mut program = program(&dir).var("SOPS_AGE_KEY_FILE", dir.join("key.txt"));
        if args == ["decrypt"] {
            program = program.stdin(std::io::Cursor::new(bytes.clone()));
        }
        let run = program.args(args).run();
        assert_eq!((run.code, run.text()), (1, ""));
        all += &run.stderr;
    }
    insta::assert_snapshot!(all, @r#"
    error: "secret.yaml.enc": line 1: a JSON file must start with {
      its name ends in none of .yaml .yml .json .env .ini, so it is read as a binary file encrypted by sops, which is JSON
      it looks like a file of type yaml
    name the type: --input-type yaml --output-type yaml
    error: "secret.YAML": line 1: a JSON file must start with {
      its name ends in none of .yaml .yml .json .env .ini, so it is read as a binary file encrypted by sops, which is JSON
      it looks like a file of type yaml
    name the type: --input-type yaml --output-type yaml
    error: "secret.YAML": line 1: a JSON file must start with {
      it looks like a file of type yaml
    name the type: --input-type yaml --output-type yaml
    error: stdin: line 1: a JSON file must start with {
      what has no name is read as a binary file encrypted by sops, which is JSON
      it looks like a file of type yaml
    name the type: --input-type yaml --output-type yaml
    error: gen.yaml: line 4: files[0]: "secret.yaml.enc": line 1: a JSON file must start with {
      its name ends in none of .yaml .yml .json .env .ini, so it is read as a binary file encrypted by sops, which is JSON
      it looks like a file of type yaml
    give the file the ending of its format, as in secret.enc.yaml
    "#);
    let typed = [
        "decrypt",
        "--input-type",
        "yaml",
        "--output-type",
        "yaml",
        "secret.yaml.enc",
    ];
    assert_eq!(run(name, &typed).code, 0);
    // Of every kind, and what is none at all.
    let key = Key::new();
    let world = World::with_plugin(&key);
    for (plain, like) in [
        ("a.env", "A=b\n"),
        ("a.ini", "[s]\na = b\n"),
        ("a.json", "{\"a\": \"b\"}"),
    ] {
        let format = Format::from_path(plain);
        let document = Document::parse_plain(like.as_bytes(), format).unwrap();
        let options = EncryptOptions::new([Recipient::age(&key.recipient)]);
        let file = document.encrypt(&options, &Keyring::new()).unwrap();
        let other = if plain == "a.json" {
            "x.env"
        } else {
            ".env.production"
        };
        world.write(other, file);
        let run = program(&world.path("")).args(["decrypt", other]).run();
        assert!(
            run.stderr
                .contains(&format!("it looks like a file of type {format}")),
            "{}",
            run.stderr
        );
    }
    world.write("x.enc", "just a text");
    let run = program(&world.path("")).args(["decrypt", "x.enc"]).run();
    assert!(!run.stderr.contains("looks like"), "{}", run.stderr);
}

#[test]
fn files_of_other_tools() {
    let world = World::with_plugin(&Key::new());
    let mut all = String::new();
    for text in [
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        "a: ENC[x]\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n",
    ] {
        world.write("x.yaml", text);
        let run = program(&world.path("")).args(["decrypt", "x.yaml"]).run();
        assert_eq!(run.code, 1);
        all += &run.stderr;
    }
    insta::assert_snapshot!(all, @r#"
    error: "x.yaml": line 1: the document is a single value, not a mapping
      it is a Git LFS pointer, not the file
    fetch the file itself with `git lfs pull`
    error: "x.yaml": line 1: the document is a single value, not a mapping
      it is a file of ansible-vault
    decrypt it with `ansible-vault decrypt`, and encrypt it with `sops encrypt`
    error: "x.yaml": line 3: not valid YAML: could not find expected ':'
      it holds the conflict markers of a merge, the first on line 2
    settle it: `sops-rs merge --resolve ours "x.yaml"`, or theirs for the other side, or edit to decide value by value
    "#);
}

/// The file is as YAML is; the bound is ours, and COMPARE names it.
#[test]
fn a_file_that_is_too_deep() {
    let run = run("size-and-depth-limits", &["decrypt", "in.yaml"]);
    insta::assert_snapshot!(run.stderr, @r#"
    error: "in.yaml": line 257: mappings and lists are nested more than 256 levels deep
    flatten the structure; no configuration needs this depth
    "#);
}

/// Others than sops leave the version away.
#[test]
fn a_file_without_a_version() {
    let file = testdata().join("corpus/tamper/version-missing/enc.yaml");
    let dir = file.parent().unwrap();
    let run = program(dir).args(["decrypt", "enc.yaml"]).run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!(run.stderr, @r#"
    warning: "enc.yaml": the metadata names no sops version, so that sops itself does not read the file; `version: 3.9.0` in its `sops` block would do
    warning: "enc.yaml": data.empty: an empty value, which is never encrypted: anybody may have put it there
    warning: "enc.yaml": data.nothing: an empty value, which is never encrypted: anybody may have put it there
    "#);
}

#[test]
fn a_text_that_json_cannot_hold() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.encrypt("a.yaml", &[&key], ".", "a: {b: [x, !!binary gA==]}\n");
    let run = |args: &[&str]| {
        program(&world.path(""))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .args(args)
            .run()
    };
    let json = run(&["decrypt", "--output-type", "json", "a.yaml"]);
    assert!(json.text().contains('\u{FFFD}'));
    insta::assert_snapshot!(json.stderr, @r#"
    warning: "a.yaml": a.b[1]: not UTF-8, which JSON cannot hold: U+FFFD stands for what is none, as with sops
    "#);
    assert_eq!(run(&["decrypt", "a.yaml"]).stderr, "");
}

/// As above, of a file that is JSON itself, as `sops encrypt --output-type
/// json` makes it of YAML.
#[test]
fn the_plugin_says_what_json_cannot_hold() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    let plain = b"kind: Secret\nmetadata: {name: a}\nstringData: {b: !!binary gA==}\n";
    let plain = Document::parse_plain(plain, Format::Yaml).unwrap();
    let plain = Document::from_tree(plain.tree().to_vec(), Format::Json);
    let options = EncryptOptions::new([Recipient::age(&key.recipient)]);
    world.write("a.json", plain.encrypt(&options, &Keyring::new()).unwrap());
    let head = "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {name: g}";
    world.write("gen.yaml", format!("{head}\nfiles: [a.json]\n"));
    world.write("kustomization.yaml", "generators: [gen.yaml]\n");
    let run = |args: &[&str]| {
        program(&world.path(""))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .args(args)
            .run()
    };
    let rendered = run(&["gen.yaml"]);
    assert!(rendered.text().contains("\"b\": \"\u{FFFD}\""));
    insta::assert_snapshot!(rendered.stderr);
    // Nobody sees what a plugin says where it succeeds.
    let doctor = run(&["doctor", "."]);
    assert!(
        doctor.text().contains("stringData.b: not UTF-8"),
        "{}",
        doctor.text()
    );
}

/// A person reads some of a thousand warnings; none of another kind is lost
/// among them.
#[test]
fn not_all_of_a_thousand_warnings() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.encrypt("a.env", &[&key], ".", "p=hunter2\n");
    let file = std::fs::read_to_string(world.path("a.env")).unwrap();
    let many: String = (0..500).map(|n| format!("k{n}=\n")).collect();
    world.write("a.env", format!("{many}p=\n{file}"));
    let run = program(&world.path(""))
        .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
        .args(["decrypt", "a.env"])
        .run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 12, "{}", run.stderr);
    assert!(run.stderr.contains("p: the key stands here more than once"));
    assert!(run.stderr.ends_with(": 491 more warnings like these\n"));
}

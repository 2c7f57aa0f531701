//! What people read when something is wrong: every message as a snapshot.

use std::{
    ffi::OsString,
    fs,
    io::{self, Cursor, Read},
    ops::Deref,
    os::unix::ffi::OsStringExt,
};

use testkit::folder;

use crate::common::{Program, Run, key, program, testdata};
use insta::assert_snapshot;

/// A throw-away folder with encrypted files.
struct Folder(folder::Folder);

impl Folder {
    fn new() -> Self {
        let folder = Folder(folder::Folder::new());
        for (from, to) in [
            ("single/app/secret.enc.yaml", "secret.enc.yaml"),
            ("from-env/app/c.enc.env", "c.enc.env"),
            ("from-env-bad-line/app/c.enc.env", "bad.enc.env"),
            ("from-env-expansion/app/c.enc.env", "dollar.enc.env"),
            ("from-file-nonutf8/app/b.enc.bin", "b.enc.bin"),
        ] {
            let from = testdata().join("corpus/ksops").join(from);
            folder.copy(&from, to);
        }
        folder
    }

    fn program(&self) -> Program {
        program(self.path())
            .var("HOME", "/home/user")
            .without_key()
            .var(
                "SOPS_AGE_KEY",
                fs::read_to_string(key("age-a.txt")).unwrap(),
            )
    }

    /// Renders a generator; it must fail.
    fn fail(&self, generator: &str) -> String {
        self.write("g.yaml", generator);
        failed(self.program().arg("g.yaml").run(), 1)
    }

    /// What is warned of while a generator is rendered.
    fn warnings(&self, generator: &str) -> String {
        self.write("g.yaml", generator);
        let run = self.program().arg("g.yaml").run();
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stderr
    }

    /// Decrypts by hand; it must fail with this code.
    fn decrypt(&self, code: i32, args: &[&str]) -> String {
        failed(self.program().arg("decrypt").args(args).run(), code)
    }
}

impl Deref for Folder {
    type Target = folder::Folder;

    fn deref(&self) -> &folder::Folder {
        &self.0
    }
}

fn failed(run: Run, code: i32) -> String {
    assert_eq!(run.code, code, "{}", run.stderr);
    assert!(run.stdout.is_empty());
    assert!(!run.stderr.contains("hunter2"));
    run.stderr
}

#[test]
fn the_generator_cannot_be_read() {
    let folder = Folder::new();
    let run = |arg: OsString| failed(folder.program().arg(arg).run(), 1);
    assert_snapshot!(run("none.yaml".into()), @"
    error: none.yaml: cannot read the generator: no such file or directory
    the one argument is the path of a generator manifest; see `ksops-rs --help`
    ");
    assert_snapshot!(run(".".into()), @"
    error: .: cannot read the generator: is a directory
    the one argument is the path of a generator manifest; see `ksops-rs --help`
    ");
    assert_snapshot!(run("-h".into()), @"
    error: -h: cannot read the generator: no such file or directory
    the one argument is the path of a generator manifest; see `ksops-rs --help`
    ");
    assert_snapshot!(run("".into()), @r#"
    error: "": cannot read the generator: is a directory
    the one argument is the path of a generator manifest; see `ksops-rs --help`
    "#);
    assert_snapshot!(run(OsString::from_vec(b"caf\xe9.yaml".to_vec())), @"
    error: caf�.yaml: cannot read the generator: no such file or directory
    the one argument is the path of a generator manifest; see `ksops-rs --help`
    ");
}

#[test]
fn the_generator_is_none() {
    let folder = Folder::new();
    assert_snapshot!(folder.fail("files: [a\n"), @"
    error: g.yaml: line 2: did not find expected ',' or ']'
    mend the YAML there or on the line above; the file is to be UTF-8
    ");
    assert_snapshot!(folder.fail("kind: ksops\n"), @"
    error: g.yaml: neither `files` nor `secretFrom` is there
    a generator names encrypted files: list them under `files:`, or under `secretFrom:` to make a Secret of them
    ");
    assert_snapshot!(folder.fail("files: a.yaml\n"), @"
    error: g.yaml: line 1: files should be a list of file names, but it is a single value
    `ksops-rs --help` shows what a generator looks like
    ");
}

#[test]
fn a_file_cannot_be_read() {
    let folder = Folder::new();
    assert_snapshot!(folder.fail("files:\n- none.enc.yaml\n"), @r#"
    error: g.yaml: line 2: files[0]: cannot read "none.enc.yaml": no such file or directory
    check the path: it starts from the folder of the kustomization.yaml that lists the generator
    "#);
    fs::create_dir(folder.path().join("dir")).unwrap();
    assert_snapshot!(folder.fail("secretFrom:\n- files:\n  - key=dir\n"), @r#"
    error: g.yaml: line 3: secretFrom[0].files[0]: cannot read "dir": is a directory
    name the files in that folder one by one, or by a glob such as `folder/*.enc.yaml`
    "#);
    assert_snapshot!(folder.fail("files: [\"a\\0b\"]\n"), @r#"
    error: g.yaml: line 1: files[0]: cannot read "a\u{0}b": file name contained an unexpected NUL byte
    check the path and the file
    "#);
}

#[test]
fn a_file_is_not_encrypted() {
    let folder = Folder::new();
    folder.write("p.yaml", "password: hunter2\n");
    assert_snapshot!(folder.fail("files: [p.yaml]\n"), @r#"
    error: g.yaml: line 1: files[0]: "p.yaml": the file is not encrypted: it has no sops metadata
    encrypt it with `sops encrypt --in-place`, or check that it is the right file and format
    "#);
    folder.write("broken.yaml", "a: [hunter2\nb: }\n");
    assert_snapshot!(folder.fail("files: [broken.yaml]\n"), @r#"
    error: g.yaml: line 1: files[0]: "broken.yaml": line 2: not valid YAML: did not find expected ',' or ']'
    mend the line that is named, with a YAML linter's help
    "#);
    folder.write("empty.yaml", "");
    assert_snapshot!(folder.fail("files: [empty.yaml]\n"), @r#"
    error: g.yaml: line 1: files[0]: "empty.yaml": the file is not encrypted: it has no sops metadata
    encrypt it with `sops encrypt --in-place`, or check that it is the right file and format
    "#);
}

#[test]
fn a_file_is_of_another_format() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    fs::copy(path("secret.enc.yaml"), path("secret.enc.toml")).unwrap();
    assert_snapshot!(folder.fail("files: [secret.enc.toml]\n"), @r#"
    error: g.yaml: line 1: files[0]: "secret.enc.toml": line 1: a JSON file must start with {
      its name ends in none of .yaml .yml .json .env .ini, so it is read as a binary file encrypted by sops, which is JSON
      it looks like a file of type yaml
    give the file the ending of its format, as in secret.enc.yaml
    "#);
    fs::copy(path("secret.enc.yaml"), path("secret.enc.json")).unwrap();
    assert_snapshot!(folder.fail("files: [secret.enc.json]\n"), @r#"
    error: g.yaml: line 1: files[0]: "secret.enc.json": line 1: a JSON file must start with {
      it looks like a file of type yaml
    give the file the ending of its format, as in secret.enc.yaml
    "#);
}

#[test]
fn no_key_fits() {
    let folder = Folder::new();
    let program = || folder.program().without_key();
    let other = fs::read_to_string(key("age-b.txt")).unwrap();
    folder.write("g.yaml", "files: [secret.enc.yaml]\n");
    let run = program().var("SOPS_AGE_KEY", other).arg("g.yaml").run();
    assert_snapshot!(failed(run, 1), @r#"
    error: g.yaml: line 1: files[0]: "secret.enc.yaml": no identity at hand opens the data key
      the file's recipients:
        age1a7zz5jawu8m8…eetzuc: no matching identity
      identities were looked for in:
        SOPS_AGE_KEY: 1 identity, for age1ja7ptl5quguf…cg3qun
        not found: /home/user/.ssh/id_ed25519, /home/user/.ssh/id_rsa, /home/user/.config/sops/age/keys.txt
        not set: SOPS_AGE_SSH_PRIVATE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_CMD, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD
    give the private key of age1a7zz5jawu8m8…eetzuc, or have its owner add yours: sops rotate -i --add-age age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun <file>
    "#);
    let run = program().var("SOPS_AGE_KEY", "").arg("g.yaml").run();
    assert_snapshot!(failed(run, 1), @r#"
    error: g.yaml: line 1: files[0]: "secret.enc.yaml": no identity at hand opens the data key
      the file's recipients:
        age1a7zz5jawu8m8…eetzuc: no matching identity
      identities were looked for in:
        SOPS_AGE_KEY: no identity in it
        not found: /home/user/.ssh/id_ed25519, /home/user/.ssh/id_rsa, /home/user/.config/sops/age/keys.txt
        not set: SOPS_AGE_SSH_PRIVATE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_CMD, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD
    put an identity into SOPS_AGE_KEY: a line AGE-SECRET-KEY-…
    "#);
}

#[test]
fn a_file_was_changed() {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.path().join("secret.enc.yaml")).unwrap();
    let at = text.find("password: ENC[AES256_GCM,data:").unwrap() + 30;
    let mut bytes = text.clone().into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    fs::write(folder.path().join("value.yaml"), bytes).unwrap();
    assert_snapshot!(folder.fail("files: [value.yaml]\n"), @r#"
    error: g.yaml: line 1: files[0]: "value.yaml": stringData.password: the ciphertext does not match its authentication tag
    the file was changed after it was encrypted: restore it from version control, and make changes with `sops edit`
    "#);
    folder.write("mac.yaml", text.replace("kind: Secret", "kind: ConfigMap"));
    assert_snapshot!(folder.fail("files: [mac.yaml]\n"), @r#"
    error: g.yaml: line 1: files[0]: "mac.yaml": the MAC does not match the values
    the file was changed after it was encrypted: restore it from version control, and make changes with `sops edit`
    "#);
}

#[test]
fn several_files_fail() {
    let folder = Folder::new();
    folder.write("p.yaml", "password: hunter2\n");
    folder.write(
        "g.yaml",
        "files: [none.yaml, secret.enc.yaml, p.yaml]\nsecretFrom:\n- envs: [c.enc.env]\n",
    );
    let other = fs::read_to_string(key("age-b.txt")).unwrap();
    let run = folder
        .program()
        .var("SOPS_AGE_KEY", other)
        .arg("g.yaml")
        .run();
    assert_snapshot!(failed(run, 1), @r#"
    error: g.yaml: 4 of 4 files cannot be decrypted
      line 1: files[0]: cannot read "none.yaml": no such file or directory
      line 1: files[1]: "secret.enc.yaml": no identity at hand opens the data key
        the file's recipients:
          age1a7zz5jawu8m8…eetzuc: no matching identity
        identities were looked for in:
          SOPS_AGE_KEY: 1 identity, for age1ja7ptl5quguf…cg3qun
          not found: /home/user/.ssh/id_ed25519, /home/user/.ssh/id_rsa, /home/user/.config/sops/age/keys.txt
          not set: SOPS_AGE_SSH_PRIVATE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_CMD, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD
      line 1: files[2]: "p.yaml": the file is not encrypted: it has no sops metadata
      line 3: secretFrom[0].envs[0]: "c.enc.env": no identity at hand opens the data key (for the same reasons as above)
    check the path: it starts from the folder of the kustomization.yaml that lists the generator
    give the private key of age1a7zz5jawu8m8…eetzuc, or have its owner add yours: sops rotate -i --add-age age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun <file>
    encrypt it with `sops encrypt --in-place`, or check that it is the right file and format
    "#);
}

#[test]
fn a_secret_cannot_hold_it() {
    let folder = Folder::new();
    assert_snapshot!(folder.fail("secretFrom:\n- files: [b.enc.bin]\n"), @r#"
    error: g.yaml: line 2: secretFrom[0].files[0]: "b.enc.bin" is not UTF-8 text when decrypted, so it cannot stand in stringData
    list it under `binaryFiles:` instead; the pod sees the same bytes
    "#);
    assert_snapshot!(folder.fail("secretFrom:\n- envs: [b.enc.bin]\n"), @r#"
    error: g.yaml: line 2: secretFrom[0].envs[0]: "b.enc.bin" is not UTF-8 text when decrypted, so it cannot stand in stringData
    variables are text: list a binary file under `binaryFiles:`
    "#);
    assert_snapshot!(folder.fail("secretFrom:\n- envs: [bad.enc.env]\n"), @r#"
    error: g.yaml: line 2: secretFrom[0].envs[0]: "bad.enc.env": line 1: a quoted value that never ends
      lines are those of the decrypted file
    close the quote; a quote character behind a backslash does not close it
    "#);
    assert_snapshot!(folder.fail("secretFrom:\n- metadata: {name: \"a\\x7F\"}\n"), @"
    error: g.yaml: secretFrom[0]: metadata.name holds the character U+007F, which YAML cannot carry unchanged
    write it without that character
    ");
    assert_snapshot!(
        folder.fail("secretFrom:\n- files: [\"a\\u0085=secret.enc.yaml\"]\n"),
        @"
    error: g.yaml: secretFrom[0]: a key of stringData holds the character U+0085, which YAML cannot carry unchanged
    write it without that character
    "
    );
}

#[test]
fn settings_are_wrong() {
    let folder = Folder::new();
    folder.write("g.yaml", "files: []\n");
    let run = folder
        .program()
        .var("KSOPS_CONCURRENCY_LIMIT", "0")
        .arg("g.yaml")
        .run();
    assert_snapshot!(failed(run, 1), @r#"
    error: KSOPS_CONCURRENCY_LIMIT is "0", which is not a whole number of 1 or more
    set KSOPS_CONCURRENCY_LIMIT to a number such as 8, or unset it: 20 files at a time are the default
    "#);
}

#[test]
fn warnings_name_file_and_key() {
    let folder = Folder::new();
    assert_snapshot!(folder.warnings("secretFrom:\n- envs: [dollar.enc.env]\n"), @r#"
    warning: g.yaml: line 2: secretFrom[0].envs[0]: "dollar.enc.env": `$NAME` was replaced in B, C, E, H; put single quotes around a value to keep its `$`
    warning: g.yaml: line 2: secretFrom[0].envs[0]: "dollar.enc.env": a backslash was taken out in F; put single quotes around a value to keep its `\`
    "#);
    assert_snapshot!(folder.warnings("files: []\nsecretsFrom: []\n"), @r#"warning: g.yaml: line 2: unknown field "secretsFrom" is ignored; did you mean secretFrom?"#);
}

struct Unreadable;

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(5))
    }
}

#[test]
fn stdin_is_no_resource_list() {
    let folder = Folder::new();
    let run = |text: &'static str| failed(folder.program().stdin(Cursor::new(text)).run(), 1);
    assert_snapshot!(run(""), @"
    error: stdin: nothing is there
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    ");
    assert_snapshot!(run("files: [a]\nkind: ksops\n"), @r#"
    error: stdin: the kind is "ksops", where ResourceList is expected
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    "#);
    assert_snapshot!(run("a: b\n"), @"
    error: stdin: there is no `kind`, where ResourceList is expected
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    ");
    assert_snapshot!(run("a: [\n"), @"
    error: stdin: line 2: did not find expected node content
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    ");
    assert_snapshot!(run("just a text\n"), @"
    error: stdin: there is no `kind`, where ResourceList is expected
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    ");
    assert_snapshot!(run("kind: ResourceList\n---\nkind: ResourceList\n"), @"
    error: stdin: 2 documents, where one ResourceList is expected
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    ");
    assert_snapshot!(run("kind: ResourceList\nitems: 5\n"), @"
    error: stdin: items is not a list
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    ");
    assert_snapshot!(run("kind: ResourceList\nitems: [5]\n"), @"
    error: stdin: items[0] is not a mapping
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    ");
    assert_snapshot!(run("kind: ResourceList\nfunctionConfig: 5\n"), @"
    error: stdin: functionConfig is not a mapping
    without arguments this is a KRM function, which kustomize gives a ResourceList; to render a generator by hand, name it: `ksops-rs generator.yaml`
    ");
    assert_snapshot!(failed(folder.program().stdin(Unreadable).run(), 1), @"
    error: stdin: cannot read the ResourceList: input/output error
    without arguments this is a KRM function, which kustomize gives a ResourceList
    ");
}

#[test]
fn a_resource_list_carries_the_error() {
    let folder = Folder::new();
    let input = "\
kind: ResourceList
items:
- kind: ksops
  metadata: {name: gen}
  files:
  - none.enc.yaml
- files: [c.enc.env]
- kind: ConfigMap
results:
- message: before
";
    let run = folder.program().stdin(Cursor::new(input)).run();
    assert_eq!(run.code, 1);
    assert_snapshot!(run.stderr, @r#"
    warning: generator items[1] of the ResourceList: files[0]: "c.enc.env": C: an empty value, which is never encrypted: anybody may have put it there
    error: 2 generators failed
      generator "gen": files[0]: cannot read "none.enc.yaml": no such file or directory
      generator items[2] of the ResourceList: neither `files` nor `secretFrom` is there
    check the path: it starts from the folder of the kustomization.yaml that lists the generator
    a generator names encrypted files: list them under `files:`, or under `secretFrom:` to make a Secret of them
    "#);
    assert_snapshot!(run.text(), @r#"
    apiVersion: config.kubernetes.io/v1
    kind: ResourceList
    items:
    - files: [c.enc.env]
    - kind: ConfigMap
    - kind: ksops
      metadata: {name: gen}
      files:
      - none.enc.yaml
    results:
    - message: before
    - message: |-
        2 generators failed
          generator "gen": files[0]: cannot read "none.enc.yaml": no such file or directory
          generator items[2] of the ResourceList: neither `files` nor `secretFrom` is there
        check the path: it starts from the folder of the kustomization.yaml that lists the generator
        a generator names encrypted files: list them under `files:`, or under `secretFrom:` to make a Secret of them
      severity: error
    "#);

    let input = "kind: ResourceList\nitems: [{files: [b.enc.bin]}]\n";
    let run = folder.program().stdin(Cursor::new(input)).run();
    assert_eq!(run.code, 1);
    assert_snapshot!(run.stderr, @r#"
    error: generator items[0] of the ResourceList: files[0]: "b.enc.bin": line 1: not UTF-8 text
    a KRM function prints Kubernetes objects only; to put a file into a Secret, list it under `secretFrom:`
    "#);
}

#[test]
fn decrypting_by_hand_fails() {
    let folder = Folder::new();
    folder.write("p.yaml", "password: hunter2\n");
    assert_snapshot!(folder.decrypt(100, &["none.yaml"]), @r#"
    error: cannot read "none.yaml": no such file or directory
    name a file that can be read, or pipe it to stdin
    "#);
    assert_snapshot!(folder.decrypt(2, &["."]), @r#"
    error: cannot read ".": is a directory
    name a file that can be read, or pipe it to stdin
    "#);
    assert_snapshot!(folder.decrypt(1, &["p.yaml"]), @r#"
    error: "p.yaml": the file is not encrypted: it has no sops metadata
    encrypt it with `sops encrypt --in-place`, or check that it is the right file and format
    "#);
    assert_snapshot!(folder.decrypt(8, &["-i"]), @"
    error: --in-place needs a file, and stdin is none
    see `ksops-rs decrypt --help`
    ");
    assert_snapshot!(folder.decrypt(8, &["-i", "--output", "x", "p.yaml"]), @"
    error: --output and --in-place exclude one another
    see `ksops-rs decrypt --help`
    ");
    assert_snapshot!(folder.decrypt(91, &["--extract", "a.b", "secret.enc.yaml"]), @r#"
    error: --extract: the path does not start with [
    write it as in '["a"]["b"][0]'
    "#);
    assert_snapshot!(folder.decrypt(1, &["--extract", "[\"a\"]", "secret.enc.yaml"]), @r#"
    error: "secret.enc.yaml": a: there is no such key
    look the path up in the encrypted file: its keys are readable
    "#);
    assert_snapshot!(folder.decrypt(4, &["--output-type", "ini", "secret.enc.yaml"]), @r#"
    error: "secret.enc.yaml": apiVersion: an INI file consists of sections, and this is a string
    choose another output type, such as json
    "#);
    assert_snapshot!(folder.decrypt(3, &["--output", "no/x", "secret.enc.yaml"]), @r#"
    error: cannot write "no/x": no such file or directory
    the file is as it was; choose a place that can be written
    "#);
    assert_snapshot!(folder.decrypt(1, &["--input-type", "toml", "p.yaml"]), @"
    error: invalid value 'toml' for '--input-type <TYPE>'
      [possible values: yaml, json, dotenv, ini, binary]

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.decrypt(1, &["--bogus"]), @"
    error: unexpected argument '--bogus' found

      tip: to pass '--bogus' as a value, use '-- --bogus'

    Usage: ksops-rs decrypt [OPTIONS] [FILE]...

    For more information, try '--help'.
    ");
    let version = folder.path().join("secret.enc.yaml");
    let text = fs::read_to_string(version).unwrap();
    let line = text.lines().find(|line| line.contains("version:")).unwrap();
    folder.write("v.yaml", text.replace(line, "    version: \"three\""));
    assert_snapshot!(folder.decrypt(1, &["v.yaml"]), @r#"
    error: "v.yaml": the sops version in the metadata is not of the form 1.2.3
    restore the line `version: …` of the `sops` block; as a kustomize plugin, ksops-rs reads the file without it
    "#);
    folder.write(".sops.yaml", "stores: [\n");
    let text = folder.decrypt(1, &["secret.enc.yaml"]);
    let dir = fs::canonicalize(folder.path()).unwrap();
    assert_snapshot!(text.replace(dir.to_str().unwrap(), "DIR"), @"
    error: DIR/.sops.yaml: line 2: did not find expected node content
    mend it there, or name another configuration; `creation_rules` and `stores` are keys of one mapping
    ");
    fs::remove_file(folder.path().join(".sops.yaml")).unwrap();
    let run = folder.program().arg("decrypt").stdin(Unreadable).run();
    assert_snapshot!(failed(run, 2), @"
    error: cannot read stdin: input/output error
    name a file that can be read, or pipe it to stdin
    ");
}

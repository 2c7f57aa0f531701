//! `ksops-rs decrypt` against what sops 3.13.2 printed, and its options.

use std::{
    collections::BTreeMap,
    fs,
    ops::Deref,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use testkit::{files::folders, folder};

use crate::common::{Program, key, program, testdata};

fn file_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// The file of a case that starts so.
fn starting(case: &Path, start: &str) -> PathBuf {
    fs::read_dir(case)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| file_name(path).starts_with(start))
        .unwrap()
}

/// The program with the identities of a case; without a list, `age-a.txt`.
fn with_identities(case: &Path) -> Program {
    let names = fs::read_to_string(case.join("identities")).unwrap_or("age-a.txt".into());
    let mut program = program(case).without_key();
    let mut age = String::new();
    for name in names.split_whitespace() {
        if name.starts_with("ssh") {
            program = program.var("SOPS_AGE_SSH_PRIVATE_KEY_FILE", key(name));
        } else {
            age += &fs::read_to_string(key(name)).unwrap();
            age.push('\n');
        }
    }
    program.var("SOPS_AGE_KEY", age)
}

/// What sops's own emitter breaks, so that its bytes do not read back to
/// `as.json` (corpus README).
const LOSSY: &[&str] = &[
    "random-028",
    "random-045",
    "random-074",
    "random-106",
    "random-111",
    "scalar-dq-escapes",
];

#[test]
fn every_case_decrypts_to_the_same_bytes() {
    let mut counts = BTreeMap::new();
    let mut unexplained = Vec::new();
    for format in folders(&testdata().join("corpus/cases")) {
        for case in folders(&format) {
            let name = file_name(&case);
            let run = with_identities(&case)
                .args(["decrypt".into(), starting(&case, "enc.")])
                .run();
            let outcome = if let Ok(fail) = fs::read_to_string(case.join("fail")) {
                let code: i32 = fail.lines().next().unwrap().parse().unwrap();
                match run.code {
                    // sops cannot read its own output there.
                    0 if matches!(name, "random-008" | "random-014") => "better",
                    own if own == code && run.stdout.is_empty() => "refused",
                    _ => "?",
                }
            } else if run.code == 0 && run.stdout == fs::read(starting(&case, "plain")).unwrap() {
                "equal"
            } else if run.code == 0 && LOSSY.contains(&name) {
                "better"
            } else {
                "?"
            };
            if outcome == "?" {
                unexplained.push(format!("{name}: {} {}", run.code, run.stderr));
            }
            *counts.entry(outcome).or_insert(0) += 1;
        }
    }
    println!("corpus/cases: {counts:?}");
    assert_eq!(unexplained, Vec::<String>::new());
    assert_eq!(counts.values().sum::<u32>(), 472);
}

#[test]
fn every_case_converts_to_the_same_json() {
    let (mut equal, mut unequal) = (0, Vec::new());
    for format in folders(&testdata().join("corpus/cases")) {
        for case in folders(&format) {
            let Ok(expected) = fs::read(case.join("as.json")) else {
                continue;
            };
            let run = with_identities(&case)
                .args(["decrypt", "--output-type", "json"])
                .arg(starting(&case, "enc."))
                .run();
            if run.stdout == expected {
                equal += 1;
            } else {
                unequal.push(format!("{}: {} {}", file_name(&case), run.code, run.stderr));
            }
        }
    }
    println!("as.json: {equal} equal");
    assert_eq!(unequal, Vec::<String>::new());
}

#[test]
fn tampering_is_refused_where_sops_refuses_it() {
    let mut unexplained = Vec::new();
    let mut count = 0;
    for case in folders(&testdata().join("corpus/tamper")) {
        let name = file_name(&case);
        let expect = fs::read_to_string(case.join("expect")).unwrap();
        let expected: i32 = expect.lines().next().unwrap().parse().unwrap();
        let run = program(&case).args(["decrypt", "enc.yaml"]).run();
        let as_expected = match name {
            // sops panics, or accepts what it should not (corpus README).
            "type-bytes" | "trailing-text" => run.code == 25,
            "type-comment" => run.code == 51,
            // May be read: the time is plain.
            "lastmodified-unquoted" => run.code == 0 || run.code == 1,
            // With a warning.
            "version-missing" => run.code == 0,
            _ => run.code == expected,
        };
        let bytes_agree = match fs::read(case.join("plain.yaml")) {
            Ok(plain) if run.code == 0 => run.stdout == plain,
            _ => run.code == 0 || run.stdout.is_empty(),
        };
        if !as_expected || !bytes_agree {
            unexplained.push(format!(
                "{name}: {} not {expected}; {}",
                run.code,
                run.stderr.trim_end()
            ));
        }
        count += 1;
    }
    println!("corpus/tamper: {count}");
    assert_eq!(unexplained, Vec::<String>::new());
}

/// A throw-away folder with a file of each format.
struct Folder(folder::Folder);

impl Folder {
    fn new() -> Self {
        let folder = folder::Folder::new();
        let secret = testdata().join("corpus/ksops/single/app/secret.enc.yaml");
        folder.copy(&secret, "secret.yaml");
        Folder(folder)
    }

    fn run(&self, args: &[&str]) -> crate::common::Run {
        program(self.path()).arg("decrypt").args(args).run()
    }

    fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        run.text().to_owned()
    }
}

impl Deref for Folder {
    type Target = folder::Folder;

    fn deref(&self) -> &folder::Folder {
        &self.0
    }
}

const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
    name: s
type: Opaque
stringData:
    user: alice
    password: hunter2
";

#[test]
fn one_value_is_extracted() {
    let folder = Folder::new();
    let extract = |path: &str| folder.ok(&["--extract", path, "secret.yaml"]);
    assert_eq!(extract("[\"stringData\"][\"user\"]"), "alice");
    assert_eq!(
        extract("['stringData']"),
        "user: alice\npassword: hunter2\n"
    );
    for (path, code) in [
        ("stringData", 91),
        ("[\"stringData\"", 91),
        ("[\"none\"]", 1),
        ("[\"kind\"][0]", 1),
    ] {
        let run = folder.run(&["--extract", path, "secret.yaml"]);
        assert_eq!(run.code, code, "{path}: {}", run.stderr);
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn what_is_wrong_comes_up_in_the_order_of_sops() {
    let folder = Folder::new();
    let code = |args: &[&str]| folder.run(args).code;
    assert_eq!(code(&["--extract", "x", "none.yaml"]), 100);
    assert_eq!(code(&["--extract", "x", "."]), 91);
    fs::write(folder.path().join(".sops.yaml"), "a: [").unwrap();
    assert_eq!(code(&["--extract", "x", "none.yaml"]), 100);
    assert_eq!(code(&["--extract", "x", "secret.yaml"]), 1);
    assert_eq!(code(&["."]), 1);
}

#[test]
fn a_slash_behind_a_file_is_cleaned_away() {
    let folder = Folder::new();
    assert_eq!(folder.ok(&["secret.yaml/"]), folder.ok(&["secret.yaml"]));
}

#[test]
fn formats_are_converted() {
    let folder = Folder::new();
    let json = folder.ok(&["--output-type", "json", "secret.yaml"]);
    assert!(json.contains("\"user\": \"alice\""));
    assert_eq!(
        folder.run(&["--output-type", "dotenv", "secret.yaml"]).code,
        4
    );
    let run = folder.run(&["--output-type", "toml", "secret.yaml"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr
            .contains("possible values: yaml, json, dotenv, ini, binary")
    );
}

#[test]
fn an_option_with_an_empty_value_is_none() {
    let folder = Folder::new();
    for option in ["--extract", "--output", "--filename-override"] {
        assert_eq!(folder.ok(&[option, "", "secret.yaml"]), SECRET, "{option}");
    }
}

#[test]
fn the_last_of_an_option_counts() {
    let types = ["--output-type", "json", "--output-type", "yaml"];
    let folder = Folder::new();
    assert_eq!(folder.ok(&[&types[..], &["secret.yaml"]].concat()), SECRET);
}

#[test]
fn stdin_is_binary_unless_said_otherwise() {
    let folder = Folder::new();
    let bytes = fs::read(folder.path().join("secret.yaml")).unwrap();
    let piped = |args: &[&str]| {
        program(folder.path())
            .arg("decrypt")
            .args(args)
            .stdin(std::io::Cursor::new(bytes.clone()))
            .run()
    };
    assert_eq!(piped(&["--filename-override", "x.yaml"]).text(), SECRET);
    assert_eq!(
        piped(&["--input-type", "yaml", "--output-type", "yaml"]).text(),
        SECRET
    );
    assert_eq!(piped(&[]).code, 1);
    assert_eq!(piped(&["--input-type", "yaml"]).code, 4);
    assert_eq!(piped(&["--in-place"]).code, 8);
}

#[test]
fn output_is_written_after_success_only() {
    let folder = Folder::new();
    let out = folder.path().join("out.yaml");
    assert_eq!(folder.ok(&["--output", "out.yaml", "secret.yaml"]), "");
    assert_eq!(fs::read_to_string(&out).unwrap(), SECRET);
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let run = program(folder.path())
        .var("SOPS_AGE_KEY_FILE", key("age-b.txt"))
        .args(["decrypt", "--output", "out.yaml", "secret.yaml"])
        .run();
    assert_eq!(run.code, 128);
    assert_eq!(fs::read_to_string(&out).unwrap(), SECRET);

    let run = folder.run(&["--output", "none/out.yaml", "secret.yaml"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(
        folder
            .run(&["--output", "x", "--in-place", "secret.yaml"])
            .code,
        8
    );
}

#[test]
fn in_place_keeps_the_mode() {
    let folder = Folder::new();
    let path = folder.path().join("secret.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(folder.ok(&["-i", "secret.yaml"]), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), SECRET);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(folder.run(&["-i", "secret.yaml"]).code, 1);
}

#[test]
fn indentation_comes_from_the_configuration() {
    let folder = Folder::new();
    let config = folder.path().join(".sops.yaml");
    fs::write(&config, "stores: {yaml: {indent: 2}}").unwrap();
    let two = SECRET.replace("    ", "  ");
    assert_eq!(folder.ok(&["secret.yaml"]), two);
    let plugin = program(folder.path()).arg("g.yaml");
    fs::write(folder.path().join("g.yaml"), "files: [secret.yaml]").unwrap();
    assert_eq!(plugin.run().text(), SECRET);

    fs::write(&config, "stores: [").unwrap();
    let run = folder.run(&["secret.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains(".sops.yaml"), "{}", run.stderr);

    let other = folder.path().join("other.yaml");
    fs::write(&other, "{}").unwrap();
    let run = program(folder.path())
        .var("SOPS_CONFIG", &other)
        .args(["decrypt", "secret.yaml"])
        .run();
    assert_eq!(run.text(), SECRET);
}

#[test]
fn the_mac_is_ignored_only_when_asked_to() {
    let case = testdata().join("corpus/tamper/change-unencrypted-value");
    let run = program(&case).args(["decrypt", "enc.yaml"]).run();
    assert_eq!((run.code, run.stdout.len()), (51, 0));
    let run = program(&case)
        .args(["decrypt", "--ignore-mac", "enc.yaml"])
        .run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.starts_with("warning: --ignore-mac"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_first_of_several_files_is_decrypted() {
    let folder = Folder::new();
    let run = folder.run(&["secret.yaml", "other.yaml"]);
    assert_eq!((run.code, run.text()), (0, SECRET));
    assert!(run.stderr.starts_with("warning: more than one file"));
}

#[test]
fn help_goes_to_stdout() {
    let run = Folder::new().run(&["--help"]);
    assert_eq!(run.code, 0);
    assert!(run.text().contains("--in-place"));
    assert_eq!(Folder::new().run(&["--bogus"]).code, 1);
}

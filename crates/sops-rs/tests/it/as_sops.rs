//! Command lines, each run by Go sops and by our program in folders alike:
//! they must end with the same code, print the same, and leave the same files,
//! ciphertext apart. Where sops is not followed the row says so.

use crate::common::{Folder, encrypted, masked, sops, sops_rs};

/// The files that each command line finds.
pub(crate) fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("e.yaml", encrypted("yaml", "coll-nested"));
    folder.write("m.yaml", encrypted("yaml", "doc-multi"));
    folder.write("e.json", encrypted("json", "nested"));
    folder.write("e.env", encrypted("dotenv", "basic"));
    folder.write("e.ini", encrypted("ini", "basic"));
    folder.write("e.bin", encrypted("binary", "text"));
    folder.write("noext", encrypted("yaml", "coll-nested"));
    folder.write("p.yaml", "a: 1\n");
    folder.write("p.txt", "plain\n");
    folder.write("bad.yaml", "a: [\n");
    folder.write("empty.yaml", "");
    folder.write("nested.yaml", "a: {b: 1}\n");
    folder.write("two.yaml", "a: 1\n");
    folder.write("sub/p.yaml", "data: x\nb: y\n");
    folder.write("other/e.json", encrypted("json", "basic"));
    folder.write("env", "A=1\n");
    folder.write("number-key.yaml", "1: a\n");
    folder.write("large.yaml", "p: 9223372036854775808\n");
    folder.write("list-key.yaml", "? [a]\n: x\n");
    folder.write("value.json", "\"from a file\"");
    folder.write(
        "rules.yaml",
        format!(
            "creation_rules:\n\
             - {{path_regex: '^sub/', encrypted_regex: ^data$, age: '{A}, {B}'}}\n\
             - {{path_regex: two, shamir_threshold: 2, key_groups: [{{age: ['{A}']}}, {{age: ['{B}']}}]}}\n\
             - {{path_regex: 'p.yaml$', encrypted_suffix: _enc, age: ['{A}']}}\n\
             - {{path_regex: 'e.yaml$', age: ['{A}', '{B}']}}\n\
             - {{path_regex: '^e.json$', age: ['{A}']}}\n"
        ),
    );
    folder
}

/// Runs a table: a command line (words at single blanks, `_` for an empty
/// word, `~` for a blank within one), or one with stdin behind `<`.
pub(crate) fn same(table: &[&str]) {
    same_with(table, &[]);
}

pub(crate) fn same_with(table: &[&str], vars: &[(&str, &str)]) {
    let Some(sops) = sops() else { return };
    let mut wrong = Vec::new();
    for line in table {
        let (text, stdin) = line.split_once(" < ").unwrap_or((line, ""));
        let args: Vec<String> = text
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| {
                if word == "_" {
                    String::new()
                } else {
                    word.replace('~', " ")
                }
            })
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let run = |program| {
            let mut folder = folder();
            for (name, value) in vars {
                folder.var(name, *value);
            }
            folder.var("SOPS_DISABLE_VERSION_CHECK", "1");
            let stdin = match stdin {
                "" => Vec::new(),
                name => std::fs::read(folder.path().join(name)).unwrap_or_else(|_| name.into()),
            };
            let run = folder.run_with(program, &args, &stdin);
            let files = folder.files();
            (run, files)
        };
        let ((theirs, their_files), (ours, our_files)) = (run(&sops), run(&sops_rs()));
        let mut complain = |what: &str, theirs: &str, ours: &str| {
            if theirs != ours {
                wrong.push(format!(
                    "{line}\n  {what}: sops {theirs:?}\n  {what}: ours {ours:?}"
                ));
            }
        };
        complain("code", &theirs.code.to_string(), &ours.code.to_string());
        complain("stdout", &masked(&theirs.stdout), &masked(&ours.stdout));
        let names = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
            files.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        complain("files", &names(&their_files), &names(&our_files));
        for (name, bytes) in &their_files {
            if let Some(own) = our_files.get(name) {
                complain(name, &masked(bytes), &masked(own));
            }
        }
        if theirs.code != ours.code {
            wrong.push(format!("  sops: {}  ours: {}", theirs.stderr, ours.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn decrypt() {
    same(&[
        "decrypt e.yaml",
        "decrypt m.yaml",
        "decrypt e.json",
        "decrypt e.env",
        "decrypt e.ini",
        "decrypt e.bin",
        "decrypt e.yaml/",
        "decrypt ./e.yaml",
        "decrypt none.yaml",
        "decrypt p.yaml",
        "decrypt p.txt",
        "decrypt bad.yaml",
        "decrypt .",
        "decrypt e.yaml --output-type json",
        "decrypt e.yaml -i",
        "decrypt -i e.yaml",
        "decrypt --in-place=false e.yaml",
        "decrypt e.yaml --output o",
        "decrypt e.yaml --output no/o",
        "decrypt -i --output o e.yaml",
        "decrypt --ignore-mac e.yaml --output-type json",
        "decrypt --ignore-mac=true e.yaml --output-type json",
        "decrypt e.yaml --bogus",
        "decrypt e.yaml other",
        "decrypt --output-type foo e.yaml",
        "decrypt --output-type json --output-type yaml e.yaml",
        "decrypt --input-type yaml --output-type yaml noext",
        "decrypt --input-type yaml noext",
        "decrypt --filename-override x.yaml noext",
        "decrypt < e.yaml",
        "decrypt -i < e.yaml",
        "decrypt --filename-override x.yaml < e.yaml",
        "decrypt --input-type yaml --output-type json < e.yaml",
        "decrypt --input-type json --output-type json /dev/stdin < e.json",
        "decrypt --extract [\"a\"] e.yaml",
        "decrypt --extract [\"none\"] e.yaml",
        "decrypt --extract a.b e.yaml",
        "decrypt --extract _ e.yaml",
        "decrypt --output-type dotenv e.yaml",
        "decrypt --output-type binary e.yaml",
        "decrypt --decryption-order age,age e.yaml",
        "decrypt --decryption-order pgp e.yaml",
        "decrypt --enable-local-keyservice=false e.yaml",
        "--indent 0 decrypt e.yaml",
        "--config none decrypt e.yaml",
        "--config /dev/null decrypt e.yaml",
        "-i decrypt e.yaml",
        "--output o decrypt e.yaml",
    ]);
    same_with(&["decrypt e.yaml"], &[("SOPS_DECRYPTION_ORDER", "age,age")]);
    same_with(
        &["decrypt e.yaml"],
        &[("SOPS_AGE_KEY_FILE", "/nonexistent")],
    );
    same_with(&["decrypt e.yaml"], &[("SOPS_ENABLE_LOCAL_KEYSERVICE", "")]);
    same_with(&["decrypt e.yaml"], &[("SOPS_CONFIG", "")]);
}

#[test]
fn decrypt_in_the_old_style() {
    same(&[
        "-d e.yaml",
        "--decrypt e.yaml",
        "-d e.yaml --output-type json",
        "-d --output-type json e.yaml",
        "-d -i e.yaml",
        "--decrypt --input-type yaml --output-type yaml noext",
        "--decrypt --input-type yaml --output-type yaml --output e.dec e.yaml",
        "--decrypt --input-type yaml --output-type yaml --in-place e.yaml",
        "--verbose --output-type \"yaml\" --decrypt --input-type yaml --output-type yaml e.yaml",
        "--decrypt --input-type json --output-type json /dev/stdin < e.json",
        "-d --output-type dotenv --extract [\"a\"] e.env",
        "-d none.yaml",
        "-d",
        "-d -",
        "-d --output-type json --indent 3 e.yaml",
        "--decrypt --ignore-mac --config /dev/null --output-type yaml --input-type yaml e.yaml",
    ]);
}

#[test]
fn filestatus() {
    same(&[
        "filestatus e.yaml",
        "filestatus p.yaml",
        "filestatus e.json",
        "filestatus e.bin",
        "filestatus e.env",
        "filestatus p.txt",
        "filestatus none.yaml",
        "filestatus bad.yaml",
        "filestatus --input-type yaml noext",
        "filestatus noext",
        "filestatus .",
    ]);
}

#[test]
fn exec() {
    same(&[
        "exec-env e.env env~|~grep~-Ev~'^(SOPS|PWD|LC_CTYPE)'~|~sort",
        "exec-env e.yaml true",
        "exec-env e.env",
        "exec-env e.env true more",
        "exec-env e.env exit~3",
        "exec-env e.env kill~-9~$$",
        "exec-env --same-process e.env exit~4",
        "exec-env --background --same-process e.env true",
        "exec-env none.env true",
        "exec-env e.env true --pristine",
        "exec-env --user nobody-there e.env true",
        "exec-file e.yaml cat~{}",
        "exec-file e.yaml cat~{}~|~sort~-r",
        "exec-file --no-fifo e.yaml cat~{};cat~{}",
        "exec-file --no-fifo --filename x.yaml e.yaml basename~{}",
        "exec-file --filename x.yaml e.yaml basename~{}",
        "exec-file --output-type json e.yaml cat~{}",
        "exec-file e.yaml exit~3",
        "exec-file e.yaml",
        "exec-file e.yaml true",
    ]);
}

/// sops 3.11.0, which the table is run with, looks at `--indent` for old style
/// only, and writes `--filename` wherever it leads; 3.13.2 does not.
#[test]
fn what_later_releases_do() {
    let folder = folder();
    let yaml = |args: &[&str]| folder.run(args).ok().to_owned();
    let two = yaml(&["--indent", "2", "decrypt", "e.yaml"]);
    assert!(two.starts_with("a:\n  b:\n    c:\n"), "{two}");
    assert_eq!(two, yaml(&["-d", "--indent", "2", "e.yaml"]));
    assert_eq!(two, yaml(&["--indent", "12", "decrypt", "e.yaml"]));
    let json = yaml(&["--indent", "2", "decrypt", "e.json"]);
    assert!(json.starts_with("{\n  \"a\""), "{json}");
    // Options for all commands, ints in objects, and the reserved key.
    let run = folder.run(&["--mac-only-encrypted", "encrypt", "--age", A, "p.yaml"]);
    assert!(run.ok().contains("mac_only_encrypted: true"));
    let object = r#"{"a":1,"b":[1,2.5]}"#;
    assert_eq!(
        folder.run(&["set", "e.env", r#"["sops_x"]"#, "1"]).code,
        203
    );
    folder.run(&["set", "e.yaml", r#"["o"]"#, object]).ok();
    assert_eq!(
        folder
            .run(&[
                "decrypt",
                "--extract",
                r#"["o"]"#,
                "--output-type",
                "json",
                "e.yaml"
            ])
            .ok(),
        "{\n\t\"a\": 1,\n\t\"b\": [\n\t\t1,\n\t\t2.5\n\t]\n}\n"
    );
    assert_eq!(folder.run(&["set", "e.yaml", r#"["sops"]"#, "1"]).code, 203);
    for name in ["../x", "/x", "a/b", ".", ".."] {
        assert_eq!(
            folder
                .run(&["exec-file", "--filename", name, "e.yaml", "true"])
                .code,
            1
        );
    }
}

#[test]
fn the_program() {
    same(&["help foo", "decrypt -i < e.yaml"]);
}

/// Public keys of the corpus.
const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";

#[test]
fn encrypt() {
    let age = [("SOPS_AGE_RECIPIENTS", A)];
    same_with(
        &[
            "encrypt p.yaml",
            "encrypt -i p.yaml",
            "encrypt p.yaml --output o.yaml",
            "encrypt p.yaml --output-type json",
            "encrypt p.txt",
            "encrypt --input-type dotenv --output-type dotenv env",
            "encrypt e.yaml",
            "encrypt none.yaml",
            "encrypt bad.yaml",
            "encrypt .",
            "encrypt -i --output o p.yaml",
            "encrypt p.yaml more",
            "encrypt < p.yaml",
            "encrypt --filename-override x.yaml < p.yaml",
            "encrypt --filename-override x.json < p.yaml",
            "encrypt -i < p.yaml",
            "encrypt --encrypted-regex ^a$ p.yaml",
            "encrypt --unencrypted-regex ^a$ p.yaml",
            "encrypt --encrypted-suffix x p.yaml",
            "encrypt --encrypted-suffix x --unencrypted-suffix y p.yaml",
            "encrypt --encrypted-regex x p.txt",
            // The selection rule belongs to the format that is read.
            "encrypt --output-type binary p.yaml",
            "encrypt --output-type binary --encrypted-regex ^b$ sub/p.yaml",
            "encrypt --input-type binary p.yaml",
            "encrypt --input-type binary --encrypted-regex x p.yaml",
            "encrypt --input-type yaml /dev/stdin < p.yaml",
            "encrypt --output-type json p.txt",
            "encrypt number-key.yaml",
            "encrypt large.yaml",
            "encrypt list-key.yaml",
            "encrypt --age foo p.yaml",
            "encrypt --output-type dotenv nested.yaml",
            "encrypt --output-type ini p.yaml",
            "encrypt --encryption-context foo p.yaml",
            "encrypt empty.yaml",
            "--encrypt p.yaml",
            "-e -i p.yaml",
            "-e p.yaml -i",
            "--encrypt --input-type yaml --output-type yaml p.yaml",
            "--encrypt --input-type yaml --output-type yaml --in-place p.yaml",
            "-e --unencrypted-comment-regex x p.yaml",
            "-e none.yaml",
            "-e",
            "-e e.yaml",
            "-e -d p.yaml",
        ],
        &age,
    );
    same(&["encrypt p.yaml", "-e p.yaml", "--age x encrypt p.yaml"]);
}

#[test]
fn encrypt_by_rules() {
    same(&[
        "--config rules.yaml encrypt p.yaml",
        "--config rules.yaml encrypt sub/p.yaml",
        "--config rules.yaml encrypt --output-type binary sub/p.yaml",
        "--config rules.yaml encrypt sub/../p.yaml",
        "--config rules.yaml encrypt p.txt",
        "--config rules.yaml encrypt --filename-override sub/x.yaml p.txt",
        "--config rules.yaml encrypt --filename-override y.json < e.json",
        "--config rules.yaml encrypt --encrypted-regex x p.yaml",
        "--config rules.yaml encrypt --encrypted-suffix x p.yaml",
        "--config rules.yaml encrypt --shamir-secret-sharing-threshold 3 two.yaml",
        "--config rules.yaml encrypt two.yaml",
        "--config none.yaml encrypt p.yaml",
        "--config bad.yaml encrypt p.yaml",
        "--config /dev/null encrypt p.yaml",
        "--config rules.yaml -e p.yaml",
        "--config rules.yaml -d e.json",
        "--config rules.yaml -r other/e.json",
    ]);
}

#[test]
fn rotate() {
    let b = format!("rotate --add-age {B} e.yaml");
    let both = format!("rotate -i --rm-age {A} --add-age {B} e.json");
    let old = format!("-r -i --add-age {B} e.env");
    same(&[
        "rotate e.yaml",
        "rotate -i e.yaml",
        "rotate -i --output-type json e.yaml",
        "rotate e.yaml --output o",
        "rotate -i --output o e.yaml",
        "rotate none.yaml",
        "rotate --rm-age foo none.yaml",
        "rotate --rm-age foo e.yaml",
        "rotate p.yaml",
        "rotate",
        "-r e.yaml",
        "-r -i e.yaml",
        "-r none.yaml",
        &format!("rotate --rm-age {A} e.yaml"),
        &format!("rotate --rm-age {B} e.yaml"),
        &format!("rotate --add-age {B} none.yaml"),
        &b,
        &both,
        &old,
    ]);
}

#[test]
fn set_and_unset() {
    same(&[
        "set e.env [\"A\"] \"x\"",
        "set e.yaml [\"j\"][0] \"x\"",
        "set e.yaml [\"new\"][\"deep\"][0] true",
        "set e.yaml [\"a\"] 1",
        "set e.yaml [\"a\"] null",
        "set e.yaml [\"a\"] 1.5",
        "set e.yaml [\"a\"] {}",
        "set e.yaml [\"a\"] [1]",
        "set e.yaml [\"a\"] nojson",
        "set e.yaml [\"a\"] 1e400",
        "set e.yaml a 1",
        "set --input-type yaml noext [\"a\"] 1",
        "set e.yaml [\"a\"]",
        "set e.yaml",
        "set none.yaml [\"a\"] 1",
        "set p.yaml [\"a\"] 1",
        "set --value-stdin e.yaml [\"a\"] < \"piped\"",
        "set --value-file e.yaml [\"a\"] value.json",
        "set --value-file e.yaml [\"a\"] none.json",
        "set --value-file --value-stdin e.yaml [\"a\"] < 1",
        "set --idempotent e.env [\"A\"] \"1\"",
        "set e.env [\"A\"] {\"a\":1}",
        "set e.yaml [\"a\"] -1",
        "set --value-stdin e.yaml [\"a\"] 1",
        "set e.yaml [\"a\"] 1 --idempotent",
        "unset e.env [\"A\"]",
        "unset e.yaml [\"j\"][0]",
        "unset e.yaml [\"none\"]",
        "unset --idempotent e.yaml [\"none\"]",
        "unset e.yaml [\"j\"][99]",
        "unset e.yaml a",
        "unset e.yaml",
        "unset none.yaml [\"a\"]",
        "--set [\"a\"]~\"x\" e.yaml",
        "--set [\"a\"]\"x\" e.yaml",
        // Another format into the file, as the type says.
        "set --output-type yaml e.json [\"a\"] \"x\"",
        "set --output-type json --idempotent e.yaml [\"none\"] \"x\"",
        "set --output-type json --idempotent e.env [\"A\"] \"1\"",
        "unset --output-type yaml e.json [\"none\"]",
        // Of several modes the last one counts, and its failure.
        &format!("-e -i --age {A} --set [\"a\"]~\"x\" e.yaml"),
        &format!("-e --age {A} -d e.yaml"),
        &format!("-e -i --age {A} -r e.yaml"),
        "-e -i --set [\"a\"]~\"x\" e.yaml",
        "-d --set [\"a\"]~\"x\" e.yaml",
        "-d -r e.yaml",
        "-r --set [\"a\"]~\"x\" e.yaml",
        "-d --set [\"a\"]~\"x\" p.yaml",
        "-r --set [\"a\"]~\"x\" p.yaml",
        "--set [\"a\"]~nojson e.yaml",
    ]);
}

#[test]
fn edit() {
    let with = |table: &[&str], editor: &str| {
        same_with(table, &[("EDITOR", editor), ("SOPS_AGE_RECIPIENTS", A)]);
    };
    with(
        &[
            "e.yaml",
            "edit e.yaml",
            "edit e.env",
            "e.json",
            "edit e.ini",
            "edit new.yaml",
            "edit none/new.yaml",
            "edit p.yaml",
            "edit m.yaml",
        ],
        "true",
    );
    with(
        &["e.env", "edit e.env", "new.env"],
        "sh -c 'echo NEW=1 >> \"$0\"'",
    );
    with(
        &[
            "e.yaml",
            "edit e.yaml --output-type yaml",
            "--input-type yaml --output-type yaml e.yaml",
        ],
        "sh -c 'echo new: 1 >> \"$0\"'",
    );
    with(
        &[
            "edit e.yaml",
            "new.yaml",
            "--input-type yaml --output-type yaml new.yaml",
        ],
        "sh -c 'echo \"hello: world\" > \"$0\"'",
    );
    // Text that is no JSON would have sops wait for a key.
    with(
        &["edit e.yaml --output-type json"],
        "sh -c 'echo \"{\\\"new\\\": 1}\" > \"$0\"'",
    );
    with(&["edit e.yaml", "new.yaml"], "false");
    with(&["edit e.yaml"], "no-such-program-here");
    with(&["edit e.yaml"], "sh -c 'rm \"$0\"'");
    with(&["edit e.yaml"], "'unclosed");
    with(
        &["edit new.bin", "edit new.txt"],
        "sh -c 'echo more >> \"$0\"'",
    );
    same_with(&["edit new.yaml", "new.yaml"], &[("EDITOR", "false")]);
}

#[test]
fn updatekeys() {
    same(&[
        "updatekeys e.yaml",
        "updatekeys",
        "--config rules.yaml updatekeys",
        "--config rules.yaml updatekeys -y e.json",
        "--config rules.yaml updatekeys e.yaml < y\n",
        "--config rules.yaml updatekeys e.yaml < n\n",
        "--config rules.yaml updatekeys e.yaml < y",
        "--config rules.yaml updatekeys e.yaml < n",
        "--config rules.yaml updatekeys e.yaml < maybe",
        "--config rules.yaml updatekeys e.yaml < maybe\ny\n",
        "--config rules.yaml updatekeys e.yaml",
        "--config rules.yaml updatekeys e.yaml < \n",
        "--config rules.yaml updatekeys -y e.yaml",
        "--config rules.yaml updatekeys e.yaml -y",
        "--config rules.yaml updatekeys -y e.yaml e.json",
        "--config rules.yaml updatekeys -y e.yaml none.yaml p.yaml",
        "--config rules.yaml updatekeys -y none.yaml",
        "--config rules.yaml updatekeys -y p.yaml",
        "--config rules.yaml updatekeys -y .",
        "--config rules.yaml updatekeys -y e.bin",
        "--config /dev/null updatekeys -y e.bin",
    ]);
}

/// The threshold stands above the groups, also where it stays.
#[test]
fn updatekeys_of_a_file_with_groups() {
    let Some(sops) = sops() else { return };
    let folder = Folder::new();
    folder.write("p.yaml", "a: 1\n");
    for count in [3, 2] {
        let groups = [A, B, A][..count].iter();
        let groups: Vec<_> = groups.map(|name| format!("{{age: [{name}]}}")).collect();
        folder.write(
            &format!("{count}.yaml"),
            format!(
                "creation_rules:\n- {{shamir_threshold: 2, key_groups: [{}]}}\n",
                groups.join(", ")
            ),
        );
    }
    folder
        .run(&["--config", "3.yaml", "encrypt", "-i", "p.yaml"])
        .ok();
    let run = |program, answer: &[u8]| {
        let args = ["--config", "2.yaml", "updatekeys", "p.yaml"];
        folder.run_with(program, &args, answer)
    };
    let (theirs, ours) = (run(&sops, b"n\n"), run(&sops_rs(), b"n\n"));
    assert_eq!((theirs.code, theirs.text()), (ours.code, ours.text()));
    assert!(
        ours.text().contains("shamir_threshold: 2\nGroup 1"),
        "{}",
        ours.text()
    );
}

#[test]
fn groups() {
    same(&[
        &format!("groups add -f e.yaml --age {B}"),
        &format!("groups add -i -f e.yaml --age {B}"),
        &format!("groups add -f none.yaml --age {B}"),
        &format!("groups add -f e.yaml --age {B} more"),
        "groups delete -f e.yaml",
        "groups delete -f e.yaml x",
        "groups foo",
    ]);
}

//! What people read on stderr, for each way to fail: a change of words is seen
//! in the snapshot, and each ends with what can be done.

use crate::{
    as_sops::folder,
    common::{Folder, encrypted, sops_rs},
};

/// Command lines: words at single blanks, `~` for a blank within one.
const LINES: &[&str] = &[
    // Arguments.
    "",
    "-d",
    "--bogus",
    "decrypt --bogus e.yaml",
    "decrypt --output-type",
    "--indent x decrypt e.yaml",
    "decrypt --ignore-mac=maybe e.yaml",
    "encrypt -a x --age y p.yaml",
    "help bogus",
    "groups bogus",
    "completion tcsh",
    "decrypt -i --output o e.yaml",
    "decrypt e.yaml other --bogus",
    "decrypt --decryption-order age,age e.yaml",
    "decrypt --decryption-order what e.yaml",
    "-e -d p.yaml",
    // Reading and the configuration.
    "decrypt none.yaml",
    "decrypt .",
    "decrypt p.yaml",
    "decrypt p.txt",
    "decrypt bad.yaml",
    "decrypt conflict.yaml",
    "decrypt lfs.yaml",
    "--config none decrypt e.yaml",
    "--config bad.yaml decrypt e.yaml",
    "--config wrong.yaml encrypt p.yaml",
    "--config regex.yaml encrypt p.yaml",
    "--config nothing.yaml encrypt p.yaml",
    "--config rules.yaml encrypt p.txt",
    "encrypt p.yaml",
    // What the file holds.
    "decrypt forged.yaml",
    "decrypt damaged.yaml",
    "decrypt other.yaml",
    "decrypt --ignore-mac forged.yaml",
    "decrypt --enable-local-keyservice=false e.yaml",
    "decrypt --extract a.b e.yaml",
    "decrypt --extract [\"none\"] e.yaml",
    "decrypt --output-type dotenv e.yaml",
    "decrypt e.yaml --output no/such/folder",
    "filestatus bad.yaml",
    "filestatus conflict.yaml",
    "filestatus",
    // Encrypting.
    "encrypt --age A e.yaml",
    "encrypt --age A empty.yaml",
    "encrypt --age foo p.yaml",
    "encrypt --age age1foo p.yaml",
    "encrypt --age A --encrypted-regex ( p.yaml",
    "encrypt --age A --encrypted-regex x --encrypted-suffix y p.yaml",
    "encrypt --age A --encrypted-regex x p.txt",
    "encrypt --age A --output-type ini p.yaml",
    "encrypt --age A --encryption-context x p.yaml",
    "encrypt --age A --shamir-secret-sharing-threshold -1 p.yaml",
    "encrypt -i",
    "encrypt",
    // Changing.
    "edit",
    "edit -s e.yaml",
    "edit e.yaml",
    "rotate",
    "rotate none.yaml",
    "rotate --add-age A none.yaml",
    "rotate --rm-age A e.yaml",
    "set e.yaml",
    "set e.yaml a 1",
    "set e.yaml [\"a\"] nojson",
    "set e.yaml [\"a\"] [1]",
    "set e.yaml [\"a\"] {\"x\":1,\"x\":2}",
    "set e.yaml [\"a\"] 1e999",
    "set e.yaml [0] 1",
    "set --value-file --value-stdin e.yaml [\"a\"]",
    "set --value-file e.yaml [\"a\"] none.json",
    "set --ignore-mac forged.yaml [\"a\"] 1",
    "unset e.yaml [\"none\"]",
    "unset e.yaml [\"j\"][99]",
    "unset e.yaml",
    "updatekeys e.yaml",
    "--config rules.yaml updatekeys",
    "--config rules.yaml updatekeys e.yaml",
    "--config rules.yaml updatekeys --check e.yaml",
    "--config rules.yaml updatekeys -y none.yaml p.yaml",
    "--config nothing.yaml updatekeys e.yaml",
    "groups add -f e.yaml",
    "groups add -f e.yaml more",
    "groups add",
    "groups add -f e.yaml --age A --shamir-secret-sharing-threshold 3",
    "groups delete -f e.yaml 0",
    "groups delete -f e.yaml 7",
    "groups delete -f e.yaml x",
    "groups delete -f e.yaml",
    // Commands.
    "exec-env e.env",
    "exec-env e.env exit~3",
    "exec-env e.env kill~-9~$$",
    "exec-env e.yaml true",
    "exec-env --user nobody-there e.env true",
    "exec-env --background --same-process e.env true",
    "exec-file e.yaml",
    "exec-file --background e.yaml true",
    "exec-file --filename ../x e.yaml true",
    // git.
    "merge",
    "merge e.yaml p.yaml e.yaml",
    "merge --resolve",
    "publish e.yaml",
    "check none.yaml",
    "keyservice --net udp",
];

#[test]
fn each_failure_says_what_to_do() {
    const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
    const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";
    let folder = || -> Folder {
        let mut folder = folder();
        folder.var("SOPS_DISABLE_VERSION_CHECK", "1");
        folder.var("EDITOR", "false");
        let sealed = String::from_utf8(encrypted("yaml", "coll-nested")).unwrap();
        folder.write(
            "forged.yaml",
            sealed.replace("lastmodified: \"2", "lastmodified: \"3"),
        );
        let at = sealed.find("data:").unwrap() + 5;
        let other = if sealed.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        folder.write(
            "damaged.yaml",
            format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]),
        );
        folder.write(
            "conflict.yaml",
            format!("<<<<<<< a\n{sealed}=======\n>>>>>>> b\n"),
        );
        folder.write("lfs.yaml", "version https://git-lfs.github.com/spec/v1\n");
        folder.write("wrong.yaml", "creation_rules: [{age: 5}]\n");
        folder.write("regex.yaml", "creation_rules: [{path_regex: '('}]\n");
        folder.write("nothing.yaml", "stores: {}\n");
        folder.write("other.yaml", "a: 1\n");
        folder
            .run(&["encrypt", "-i", "--age", B, "other.yaml"])
            .ok();
        folder
    };
    let shared = folder();
    let mut all = String::new();
    for line in LINES {
        let words: Vec<String> = line
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| match word {
                "A" => A.into(),
                word => word.replace('~', " "),
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let before = shared.files();
        let run = shared.run_with(&sops_rs(), &words, b"");
        let stderr = run
            .stderr
            .replace(shared.path().to_str().unwrap(), "DIR")
            .replace(crate::common::testdata().to_str().unwrap(), "TESTDATA");
        all.push_str(&format!(
            "$ sops-rs {line}\n{stderr}exit code {}\n\n",
            run.code
        ));
        if run.code != 0 {
            assert_eq!(shared.files(), before, "{line}: nothing is written");
            let is_of_command = line.starts_with("exec-env e.env ");
            let last = stderr.lines().last().unwrap_or_default();
            assert!(
                is_of_command || !last.starts_with("error: "),
                "{line}: {last}"
            );
        }
        // The same for programs.
        let json = [&["--error-format=json"][..], &words].concat();
        let run_json = shared.run_with(&sops_rs(), &json, b"");
        assert_eq!(run_json.code, run.code, "{line}");
        for said in run_json.stderr.lines() {
            let value: Result<serde_json::Value, _> = serde_json::from_str(said);
            assert!(value.is_ok(), "{line}: {said}");
        }
    }
    insta::assert_snapshot!(all);
}

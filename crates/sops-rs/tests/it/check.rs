//! `check`: what it finds in a folder and in a repository, in which words, and
//! with which exit code.

use std::{fs, process::Command};

use crate::common::{Folder, encrypted};

const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";

/// Plaintext that must never be shown.
const SECRET: &str = "hunter2";

/// One file for each kind of finding, and some without.
fn folder() -> Folder {
    let folder = Folder::new();
    let encrypt = |name: &str, options: &[&str], text: &str| {
        folder.write(name, text);
        let args = [&["encrypt", "-i", "--age", A], options, &[name]].concat();
        folder.run(&args).ok();
    };
    let data = ["--encrypted-regex", "^data$"];
    let text = format!("kind: x\ndata:\n    a: {SECRET}\n    b: two\n");
    encrypt("good.yaml", &data, &text);
    encrypt("clear.yaml", &data, &text);
    encrypt("twice.yaml", &data, &text);
    encrypt(
        "empty.yaml",
        &data,
        "data:\n    a: x\n    b: \"\"\n    c: \"\"\n    d: null\n",
    );
    encrypt("suffix.yaml", &["--encrypted-suffix", "data"], &text);
    encrypt("everything.yaml", &[], &text);
    encrypt("mac.yaml", &data, &text);
    encrypt("elsewhere.txt", &[], SECRET);
    encrypt("sub/other.env", &[], "A=hunter2\n");
    let change = |name: &str, from: &str, to: &str| {
        let text = folder.read(name);
        assert!(text.contains(from), "{name}: {from}");
        folder.write(name, text.replacen(from, to, 1));
    };
    change(
        "clear.yaml",
        "data:\n",
        "data:\n    # hunter2\n    by-hand: hunter2\n",
    );
    change("twice.yaml", "kind: x\n", "kind: x\nkind: y\n");
    change("mac.yaml", "mac: ENC", "no-mac: ENC");
    let sealed = folder.read("good.yaml");
    folder.write(
        "conflict.yaml",
        format!("<<<<<<< ours\n{sealed}=======\n{sealed}>>>>>>> theirs\n"),
    );
    folder.write("broken.yaml", format!("a: [\n{sealed}"));
    folder.write("plain.yaml", format!("password: {SECRET}\n"));
    folder.write("vault.yaml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n");
    folder.write("void.yaml", "");
    folder.write(
        "notes.md",
        "Write `sops: ENC[AES256_GCM,` where you like.\n",
    );
    folder.write("sub/noext", encrypted("yaml", "coll-nested"));
    folder.write("sub/plain.env", format!("A={SECRET}\n"));
    folder.write(
        ".sops.yaml",
        format!(
            "creation_rules:\n\
             - {{path_regex: '\\.yaml$', encrypted_regex: ^data$, age: '{A}'}}\n"
        ),
    );
    folder.write(
        "sub/.sops.yaml",
        format!("creation_rules:\n- age: '{A}'\n  pgp: ABCD\n"),
    );
    folder
}

/// What is printed, with the path of the folder left out.
fn shown(folder: &Folder, args: &[&str]) -> String {
    let run = folder.run(&[&["check"], args].concat());
    let path = folder.path().to_str().unwrap();
    let text = format!("{}{}exit code {}\n", run.text(), run.stderr, run.code);
    assert!(!text.contains(SECRET), "{text}");
    let text = text.replace(path, "DIR");
    // An age key has more lines at one time than at another: what stands
    // behind it has no line of its own here.
    let lines = text.lines().map(|line| match line.split_once(':') {
        Some((file, rest)) if line.ends_with("[selection]") => {
            let (number, rest) = rest.split_once(':').unwrap_or_default();
            assert!(number.parse::<u32>().is_ok_and(|n| n > 2), "{line}");
            format!("{file}:N:{rest}\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn every_kind_of_finding() {
    insta::assert_snapshot!(shown(&folder(), &[]));
}

#[test]
fn findings_as_data() {
    let folder = folder();
    let run = folder.run(&["check", "--format", "json", "clear.yaml", "conflict.yaml"]);
    assert_eq!(run.code, 1);
    let data: serde_json::Value = serde_json::from_str(run.text()).unwrap();
    insta::assert_snapshot!(format!("{data:#}"));
    // Programs read both streams.
    let run = folder.run(&["check", "--error-format", "json", "good.yaml"]);
    let said: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert!(said["info"]["message"].is_string(), "{said}");
}

#[test]
fn findings_for_code_hosts() {
    let folder = folder();
    let run = folder.run(&[
        "check",
        "--format=sarif",
        "clear.yaml",
        "conflict.yaml",
        "none.yaml",
    ]);
    assert_eq!(run.code, 2);
    let mut data: serde_json::Value = serde_json::from_str(run.text()).unwrap();
    let run = &mut data["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &run["tool"]["driver"]["rules"][at];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].is_u64());
    }
    run["tool"]["driver"]["version"] = "X".into();
    insta::assert_snapshot!(format!("{data:#}"));
}

#[test]
fn nothing_to_be_done() {
    let folder = folder();
    insta::assert_snapshot!(shown(&folder, &["good.yaml", "void.yaml", "notes.md"]));
}

#[test]
fn what_cannot_be_checked() {
    let folder = folder();
    insta::assert_snapshot!(shown(&folder, &["none.yaml", "good.yaml", "plain.yaml"]));
    folder.write(
        "lfs.yaml",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    );
    insta::assert_snapshot!(shown(&folder, &["lfs.yaml"]));
    // Said once, whatever it is for.
    folder.write(".sops.yaml", "creation_rules: [\n");
    insta::assert_snapshot!(shown(&folder, &["good.yaml", "plain.yaml"]));
    insta::assert_snapshot!(shown(&folder, &["--format", "xml"]));
    insta::assert_snapshot!(shown(&folder, &["--exclude", "[", "good.yaml"]));
}

#[test]
fn a_rule_that_would_encrypt_nothing() {
    let folder = folder();
    let rule = format!("creation_rules:\n- {{encrypted_regex: '(', age: '{A}'}}\n");
    folder.write(".sops.yaml", rule);
    insta::assert_snapshot!(shown(&folder, &["good.yaml", "suffix.yaml"]));
}

/// A rule without `path_regex` is for what is encrypted, and for what somebody
/// names.
#[test]
fn a_rule_for_everything_takes_nothing_for_a_secret() {
    let folder = Folder::new();
    folder.write("plain.yaml", "a: 1\n");
    folder.write(".sops.yaml", format!("creation_rules: [{{age: '{A}'}}]"));
    assert_eq!(folder.run(&["check"]).code, 0);
    assert_eq!(folder.run(&["check", "."]).code, 0);
    let run = folder.run(&["check", "plain.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.text().contains("[plaintext]"), "{}", run.text());
    // Once, though it is mentioned twice.
    let run = folder.run(&["check", ".", "plain.yaml", "plain.yaml"]);
    assert_eq!(run.text().lines().count(), 1, "{}", run.text());
}

#[test]
fn recipients_are_those_of_updatekeys() {
    let folder = Folder::new();
    folder.write("a.yaml", "a: 1\n");
    folder.run(&["encrypt", "-i", "--age", A, "a.yaml"]).ok();
    folder.write(".sops.yaml", format!("creation_rules: [{{age: '{B}'}}]"));
    insta::assert_snapshot!(shown(&folder, &["a.yaml"]));
    folder.write(
        ".sops.yaml",
        format!("creation_rules: [{{key_groups: [{{age: ['{A}']}}, {{age: ['{B}']}}]}}]"),
    );
    insta::assert_snapshot!(shown(&folder, &["a.yaml"]));
    for rule in [format!("age: '{A}'"), format!("age: ['{A}', '{A}']")] {
        folder.write(".sops.yaml", format!("creation_rules: [{{{rule}}}]"));
        let check = folder.run(&["check", "a.yaml"]).code;
        assert_eq!(check, folder.run(&["updatekeys", "--check", "a.yaml"]).code);
        assert_eq!(check, 0);
    }
}

#[test]
fn the_configuration_is_that_of_the_file() {
    let folder = folder();
    // Not that of the working directory, as for other commands.
    let run = folder.run(&["check", "sub/other.env"]);
    assert!(run.text().contains("missing: ABCD"), "{}", run.text());
    let run = folder.run(&["--config", ".sops.yaml", "check", "sub/other.env"]);
    assert!(run.text().contains("[no-rule]"), "{}", run.text());
    assert_eq!(run.code, 0);
}

fn git(folder: &Folder, args: &[&str]) {
    let status = Command::new("git")
        .current_dir(folder.path())
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(args)
        .status()
        .expect("git is there");
    assert!(status.success(), "git {args:?}");
}

#[test]
fn in_a_repository_tracked_files_only() {
    let folder = Folder::new();
    git(&folder, &["init", "-q"]);
    folder.write(
        ".sops.yaml",
        format!("creation_rules: [{{path_regex: '\\.env$', age: '{A}'}}]"),
    );
    folder.write("a/tracked.env", "A=1\n");
    folder.write("a/gone.env", "A=1\n");
    folder.write("a/ü \".env", "A=1\n");
    git(&folder, &["add", "-A"]);
    folder.write("a/untracked.env", "A=1\n");
    fs::remove_file(folder.path().join("a/gone.env")).unwrap();
    std::os::unix::fs::symlink("untracked.env", folder.path().join("a/link.env")).unwrap();
    git(&folder, &["add", "a/link.env"]);
    let files = |args: &[&str]| -> Vec<String> {
        let run = folder.run(&[&["check", "--format", "json"], args].concat());
        let data: serde_json::Value = serde_json::from_str(run.text()).expect(&run.stderr);
        let findings = data["findings"].as_array().unwrap().iter();
        findings
            .map(|finding| finding["file"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(files(&[]), ["a/tracked.env", "a/ü \".env"]);
    assert_eq!(files(&["a"]), ["a/tracked.env", "a/ü \".env"]);
    assert_eq!(files(&["./a/"]), ["a/tracked.env", "a/ü \".env"]);
    // What is named is looked at whatever git knows of it.
    assert_eq!(files(&["a/untracked.env"]), ["a/untracked.env"]);
    assert_eq!(files(&["--exclude", "tracked.env", "."]), ["a/ü \".env"]);
    assert!(files(&["--exclude", "a", "."]).is_empty());
    // A hook of pre-commit works in the middle of a commit.
    let run = folder.run(&["check"]);
    assert_eq!(run.code, 1);
    // Without git all files are looked at, and that is said.
    let mut alone = Folder::new();
    for (name, bytes) in folder.files() {
        if !name.starts_with(".git/") {
            alone.write(&name, bytes);
        }
    }
    fs::create_dir(alone.path().join(".git")).unwrap();
    alone.var("PATH", "/nonexistent");
    let run = alone.run(&["check"]);
    assert!(run.text().contains("a/untracked.env"), "{}", run.text());
    assert!(run.stderr.contains("git is not on PATH"), "{}", run.stderr);
}

/// A repository's own configuration must not name a program that we run.
#[test]
fn git_runs_nothing_of_the_repository() {
    let folder = Folder::new();
    git(&folder, &["init", "-q"]);
    folder.write("a.env", "A=1\n");
    git(&folder, &["add", "-A"]);
    folder.write("hook", "#!/bin/sh\ntouch ran\n");
    Command::new("chmod")
        .arg("+x")
        .arg(folder.path().join("hook"))
        .status()
        .unwrap();
    let hook = folder.path().join("hook");
    git(
        &folder,
        &["config", "core.fsmonitor", hook.to_str().unwrap()],
    );
    folder.run(&["check"]);
    assert!(!folder.path().join("ran").exists());
}

/// What can be told without a key: that a MAC and wrapped keys are none.
#[test]
fn what_nobody_can_open_is_found() {
    let folder = Folder::new();
    let good = String::from_utf8(encrypted("yaml", "coll-nested")).unwrap();
    let line = |start: &str, new: &str| -> String {
        let lines = good
            .lines()
            .map(|line| match line.trim_start().starts_with(start) {
                true => format!("{}{new}\n", &line[..line.len() - line.trim_start().len()]),
                false => format!("{line}\n"),
            });
        lines.collect()
    };
    folder.write("mac.yaml", line("mac:", "mac: foo"));
    folder.write("enc.yaml", good.replace("-----BEGIN AGE", "-----BEGIN"));
    folder.write("::error file=x::.yaml", line("mac:", "mac: foo"));
    let run = folder.run(&["check"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let text = run.text();
    assert!(
        text.contains("error: sops.mac: the MAC is none [metadata]"),
        "{text}"
    );
    assert!(text.contains("enc.yaml:"), "{text}");
    assert!(text.contains("is not wrapped for age1"), "{text}");
    assert!(text.lines().all(|line| !line.starts_with("::")), "{text}");
}

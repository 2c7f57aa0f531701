//! Real git with encrypted files: diffs through `textconv`, merges through the
//! merge driver, and conflicts that are settled.

use std::fs;

use crate::common::{Folder, sops_rs};

const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

/// A repository whose encrypted files git shows and merges with our program.
struct Repository(Folder);

impl Repository {
    fn new() -> Self {
        let mut folder = Folder::new();
        for (name, value) in [
            ("HOME", folder.path().to_str().unwrap().to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_AUTHOR_NAME", "a".into()),
            ("GIT_AUTHOR_EMAIL", "a@example.org".into()),
            ("GIT_COMMITTER_NAME", "a".into()),
            ("GIT_COMMITTER_EMAIL", "a@example.org".into()),
        ] {
            folder.var(name, value);
        }
        let repository = Repository(folder);
        repository.git(&["init", "-q", "-b", "main"]);
        let program = sops_rs();
        let program = program.to_str().unwrap();
        repository.git(&[
            "config",
            "diff.sops.textconv",
            &format!("'{program}' textconv"),
        ]);
        repository.git(&[
            "config",
            "merge.sops.driver",
            &format!("'{program}' merge %O %A %B %P"),
        ]);
        let files = ["*.yaml", "*.json", "*.env", "*.ini", "*.bin"];
        let attributes = files.map(|file| format!("{file} diff=sops merge=sops\n"));
        repository.0.write(".gitattributes", attributes.concat());
        repository
    }

    fn try_git(&self, args: &[&str]) -> (bool, String) {
        let output = self.0.command("git".as_ref(), args).output().expect("git");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    #[track_caller]
    fn git(&self, args: &[&str]) -> String {
        let (ok, text) = self.try_git(args);
        assert!(ok, "git {args:?}: {text}");
        text
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "x"]);
    }

    /// A file encrypted from this text, or an encrypted file with this text in
    /// its place.
    fn put(&self, name: &str, text: &str) {
        if !self.0.path().join(name).exists() {
            self.0.write(name, text);
            self.0.run(&["encrypt", "-i", "--age", A, name]).ok();
            return;
        }
        self.0.write("wanted", text);
        let mut command = self.0.command(&sops_rs(), &["edit", name]);
        let output = command.env("EDITOR", "cp wanted").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        fs::remove_file(self.0.path().join("wanted")).unwrap();
    }

    fn plain(&self, name: &str) -> String {
        self.0.run(&["decrypt", name]).ok().to_owned()
    }

    /// A branch `other` with one text and `main` with another; then the merge.
    fn merge(&self, name: &str, base: &str, ours: &str, theirs: &str) -> (bool, String) {
        self.put(name, base);
        self.commit();
        self.git(&["checkout", "-q", "-b", "other"]);
        self.put(name, theirs);
        self.commit();
        self.git(&["checkout", "-q", "main"]);
        self.put(name, ours);
        self.commit();
        self.try_git(&["merge", "-q", "other", "-m", "merged"])
    }
}

#[test]
fn a_diff_shows_plaintext() {
    let repository = Repository::new();
    repository.put("a.yaml", "user: admin\npassword: one\n");
    repository.0.write("plain.yaml", "a: 1\n");
    repository.commit();
    repository.put("a.yaml", "user: admin\npassword: two\n");
    // Neither what is plain nor what cannot be opened ends the diff.
    repository.0.write("plain.yaml", "a: 2\n");
    let diff = repository.git(&["diff"]);
    assert!(
        diff.contains("\n-password: one\n+password: two\n"),
        "{diff}"
    );
    assert!(diff.contains("\n-a: 1\n+a: 2\n"), "{diff}");
    assert!(!diff.contains("ENC["), "{diff}");
    let log = repository.git(&["log", "-p", "--", "a.yaml"]);
    assert!(log.contains("+password: one"), "{log}");
    let mut keyless = repository;
    keyless.0.vars.remove("SOPS_AGE_KEY_FILE");
    let diff = keyless.git(&["diff"]);
    assert!(
        diff.contains("+a: 2") && diff.contains("+password: ENC["),
        "{diff}"
    );
}

#[test]
fn edits_of_both_sides_are_merged() {
    let repository = Repository::new();
    let (ok, text) = repository.merge(
        "a.yaml",
        "# why\na: 1\nb: 2\nlist:\n    - x\n",
        "# why\na: 10\nb: 2\nlist:\n    - x\nours: new\n",
        "# why\na: 1\nb: 20\nlist:\n    - x\n    - z\n",
    );
    assert!(ok, "{text}");
    assert_eq!(
        repository.plain("a.yaml"),
        "# why\na: 10\nb: 20\nlist:\n    - x\n    - z\nours: new\n"
    );
    assert!(repository.git(&["status", "--short"]).is_empty());
}

#[test]
fn a_conflict_is_left_to_a_person() {
    for (side, expected) in [("ours", "a: 2\nb: 4\n"), ("theirs", "a: 3\nb: 4\n")] {
        let repository = Repository::new();
        let (ok, text) = repository.merge("a.yaml", "a: 1\nb: 1\n", "a: 2\nb: 1\n", "a: 3\nb: 4\n");
        assert!(!ok, "{text}");
        assert!(text.contains("1 conflict"), "{text}");
        assert!(!text.contains("a: 2"), "{text}");
        let marked = repository.0.read("a.yaml");
        assert!(marked.contains("<<<<<<< ours\na: ENC["), "{marked}");
        // Whoever reads it is told what to do.
        let run = repository.0.run(&["decrypt", "a.yaml"]);
        assert_eq!(run.code, 1);
        assert!(
            run.stderr.contains("merge --resolve ours"),
            "{}",
            run.stderr
        );
        repository
            .0
            .run(&["merge", "--resolve", side, "a.yaml"])
            .ok();
        assert_eq!(repository.plain("a.yaml"), expected);
        repository.git(&["add", "a.yaml"]);
        repository.git(&["commit", "-q", "-m", "settled"]);
    }
}

#[test]
fn a_conflict_is_settled_in_an_editor() {
    for (name, base, ours, theirs, expected) in [
        (
            "a.yaml",
            "a: 1\nb: 1\nc: 1\n",
            "a: 2\nb: 1\nc: 5\n",
            "a: 3\nb: 4\nc: 1\n",
            "a: 23\nb: 4\nc: 5\n",
        ),
        (
            "a.env",
            "a=1\nb=1\nc=1\n",
            "a=2\nb=1\nc=5\n",
            "a=3\nb=4\nc=1\n",
            "a=23\nb=4\nc=5\n",
        ),
    ] {
        let mut repository = Repository::new();
        let (ok, text) = repository.merge(name, base, ours, theirs);
        assert!(!ok, "{text}");
        let marked = repository.0.read(name);
        // What still has markers is not taken.
        repository.0.var("EDITOR", "sed -i s/2/9/");
        let run = repository.0.run(&["merge", "--resolve", "edit", name]);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(run.stderr.contains("conflict markers"), "{}", run.stderr);
        assert_eq!(repository.0.read(name), marked);
        repository
            .0
            .var("EDITOR", "sed -i -e /^[<=>]/d -e /3$/d -e s/2$/23/");
        repository.0.run(&["merge", "--resolve", "edit", name]).ok();
        assert_eq!(repository.plain(name), expected);
    }
}

#[test]
fn both_sides_added_a_file() {
    let repository = Repository::new();
    repository.0.write("x", "");
    repository.commit();
    repository.git(&["checkout", "-q", "-b", "other"]);
    repository.put("a.yaml", "a: 1\ntheirs: 1\n");
    repository.commit();
    repository.git(&["checkout", "-q", "main"]);
    repository.put("a.yaml", "a: 1\nours: 1\n");
    repository.commit();
    let (ok, text) = repository.try_git(&["merge", "-q", "other", "-m", "merged"]);
    assert!(ok, "{text}");
    assert_eq!(repository.plain("a.yaml"), "a: 1\ntheirs: 1\nours: 1\n");
}

/// Nobody signs what somebody else changed.
#[test]
fn a_forged_side_is_not_merged() {
    for side in ["main", "other"] {
        let repository = Repository::new();
        repository.put("a.yaml", "a: 1\nb: 1\n");
        repository.commit();
        repository.git(&["checkout", "-q", "-b", "other"]);
        repository.put("a.yaml", "a: 1\nb: 2\n");
        repository.commit();
        repository.git(&["checkout", "-q", "main"]);
        repository.put("a.yaml", "a: 2\nb: 1\n");
        repository.commit();
        repository.git(&["checkout", "-q", side]);
        let lines = repository.0.read("a.yaml");
        let forged: Vec<&str> = lines
            .lines()
            .filter(|line| !line.starts_with("b:"))
            .collect();
        repository.0.write("a.yaml", forged.join("\n") + "\n");
        repository.commit();
        repository.git(&["checkout", "-q", "main"]);
        let before = repository.0.read("a.yaml");
        let (ok, text) = repository.try_git(&["merge", "-q", "other", "-m", "merged"]);
        assert!(!ok, "{text}");
        assert!(text.contains("MAC"), "{text}");
        assert_eq!(repository.0.read("a.yaml"), before);
        for decision in ["ours", "theirs", "edit"] {
            let run = repository
                .0
                .run(&["merge", "--resolve", decision, "a.yaml"]);
            assert_eq!(run.code, 1, "{}", run.stderr);
            assert_eq!(repository.0.read("a.yaml"), before);
        }
    }
}

#[test]
fn where_git_knows_of_no_conflict_nothing_is_done() {
    let repository = Repository::new();
    repository.put("a.yaml", "a: 1\n");
    repository.commit();
    let before = repository.0.read("a.yaml");
    let run = repository.0.run(&["merge", "--resolve", "ours", "a.yaml"]);
    assert_eq!(run.code, 1);
    insta::assert_snapshot!(run.stderr);
    let run = repository.0.run(&["merge", "--resolve", "mine", "a.yaml"]);
    assert_eq!(run.code, 1);
    insta::assert_snapshot!(run.stderr);
    assert_eq!(repository.0.read("a.yaml"), before);
}

/// The reason on stderr, 1 in the end, and `%A` as it was.
#[test]
fn a_version_that_cannot_be_opened_leaves_ours_as_it_is() {
    let repository = Repository::new();
    for name in ["base.yaml", "ours.yaml", "theirs.yaml"] {
        repository.put(name, "a: 1\nb: 1\n");
    }
    let good = repository.0.read("base.yaml");
    let forged = good.replace("a: ENC", "c: ENC");
    let none = good
        .replace("age1a7zz5", "age1b7zz5")
        .replace("-----BEGIN AGE", "-----BEGIN");
    let names = ["base.yaml", "ours.yaml", "theirs.yaml"];
    for bad in names {
        for text in [Some(&forged), Some(&none), Some(&"x: [".to_owned()), None] {
            for name in names {
                repository.0.write(name, &good);
            }
            match text {
                Some(text) => {
                    repository.0.write(bad, text);
                }
                None => fs::remove_file(repository.0.path().join(bad)).unwrap(),
            }
            let before = fs::read(repository.0.path().join("ours.yaml")).ok();
            let run = repository
                .0
                .run(&[&["merge"], &names[..], &["p.yaml"]].concat());
            assert_eq!(run.code, 1, "{bad}: {}", run.stderr);
            assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
            assert_eq!(fs::read(repository.0.path().join("ours.yaml")).ok(), before);
        }
    }
}

/// git gives a name as the last argument, whatever it is.
#[test]
fn a_file_with_the_name_of_an_option_is_merged() {
    for name in ["--help", "-h", "--resolve=ours", "--", "-x"] {
        let repository = Repository::new();
        for file in ["a", "b", "c"] {
            repository.put(file, "a: 1\n");
        }
        let run = repository.0.run(&["merge", "a", "b", "c", name]);
        assert_eq!((run.code, run.text()), (0, ""), "{name}: {}", run.stderr);
        repository.0.write("c", "x");
        let run = repository.0.run(&["merge", "a", "b", "c", name]);
        assert_eq!((run.code, run.text()), (1, ""), "{name}");
    }
}

/// Who can open a file is told, for nobody looks at what git merged.
#[test]
fn recipients_that_come_and_go_are_told() {
    const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";
    let repository = Repository::new();
    repository.put("a.yaml", "a: 1\nb: 1\n");
    repository.commit();
    let rules = format!("creation_rules: [{{age: '{A},{B}'}}]");
    repository.0.write("rules", rules);
    repository.git(&["checkout", "-q", "-b", "other"]);
    let update = ["--config", "rules", "updatekeys", "-y", "a.yaml"];
    repository.0.run(&update).ok();
    repository.git(&["commit", "-q", "-a", "-m", "b"]);
    repository.git(&["checkout", "-q", "main"]);
    repository.put("a.yaml", "a: 2\nb: 1\n");
    repository.git(&["commit", "-q", "-a", "-m", "a"]);
    let (ok, text) = repository.try_git(&["merge", "-q", "other", "-m", "merged"]);
    assert!(ok, "{text}");
    assert!(
        text.contains("\"a.yaml\": theirs adds the recipient age1ja7ptl5qugu"),
        "{text}"
    );
    // The key was rotated meanwhile: it is not for whoever wrote his name.
    repository.git(&["reset", "-q", "--hard", "HEAD^"]);
    repository.0.run(&["rotate", "-i", "a.yaml"]).ok();
    repository.git(&["commit", "-q", "-a", "-m", "rotated"]);
    let before = repository.0.read("a.yaml");
    let (ok, text) = repository.try_git(&["merge", "-q", "other", "-m", "merged"]);
    assert!(!ok, "{text}");
    assert!(text.contains("merge --resolve theirs \"a.yaml\""), "{text}");
    assert_eq!(repository.0.read("a.yaml"), before);
    repository
        .0
        .run(&["merge", "--resolve", "ours", "a.yaml"])
        .ok();
    assert!(!repository.0.read("a.yaml").contains(B));
    repository
        .0
        .run(&["merge", "--resolve", "theirs", "a.yaml"])
        .ok();
    assert!(repository.0.read("a.yaml").contains(B));
}

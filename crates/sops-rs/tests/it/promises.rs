//! What this program promises beyond what sops does: nothing is lost, nothing
//! of the plaintext is left, and what would be lost or hang is refused.

use std::{
    fs,
    io::{Read, Write},
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, process::ExitStatusExt},
    },
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use testkit::shells::completed;

use crate::common::{Folder, encrypted, sops_rs};

const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";

/// A folder with a file whose plaintext is `secret: hunter2` and more, and a
/// TMPDIR of its own.
fn folder() -> Folder {
    let mut folder = Folder::new();
    folder.write("p.yaml", "secret: hunter2\nother: [1, two] # why\n");
    fs::create_dir(folder.path().join("tmp")).unwrap();
    let tmp = folder.path().join("tmp").to_str().unwrap().to_owned();
    folder.var("TMPDIR", tmp);
    folder.run(&["encrypt", "-i", "--age", A, "p.yaml"]).ok();
    folder
}

fn lines_that_differ(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let only = |a: &str, b: &str| {
        let others: Vec<&str> = b.lines().collect();
        a.lines()
            .filter(|line| !others.contains(line))
            .map(|line| line.split(':').next().unwrap_or_default().trim().to_owned())
            .collect::<Vec<_>>()
    };
    (only(old, new), only(new, old))
}

#[test]
fn an_edit_changes_what_was_edited_and_nothing_else() {
    let mut folder = folder();
    let before = folder.read("p.yaml");
    folder.var("EDITOR", "sed -i s/two/three/");
    folder.run(&["edit", "p.yaml"]).ok();
    let after = folder.read("p.yaml");
    let (old, new) = lines_that_differ(&before, &after);
    // The value, the MAC, and the time if a second has passed.
    assert!((2..=3).contains(&old.len()), "{old:?}");
    assert_eq!(old.len(), new.len(), "{new:?}");
    assert!(folder.run(&["decrypt", "p.yaml"]).ok().contains("three"));
    folder
        .run(&["set", "p.yaml", r#"["secret"]"#, r#""x""#])
        .ok();
    let (old, _) = lines_that_differ(&after, &folder.read("p.yaml"));
    assert!((2..=3).contains(&old.len()), "{old:?}");
}

/// A value that the editor showed in other words than its type has.
#[test]
fn a_float_without_a_fraction_stays_one() {
    let mut folder = folder();
    folder.write("n.yaml", "a: two\nE: 3.0\nlist: [1.0, {b: 2.0}]\n");
    folder.write("n.env", "A=two\n");
    for name in ["n.yaml", "n.env"] {
        folder.run(&["encrypt", "-i", "--age", A, name]).ok();
    }
    // As sops too every number alone is a float, and so is each of JSON.
    for name in ["n.yaml", "n.env"] {
        folder.run(&["set", name, r#"["port"]"#, "80"]).ok();
    }
    folder.var("EDITOR", "sed -i s/two/three/");
    for name in ["n.yaml", "n.env"] {
        let before = folder.read(name);
        folder.run(&["edit", name]).ok();
        let after = folder.read(name);
        assert_eq!(
            before.matches("type:float").count(),
            after.matches("type:float").count()
        );
        let (old, _) = lines_that_differ(&before, &after);
        assert!((2..=3).contains(&old.len()), "{old:?}");
    }
    // What is edited is what was typed.
    folder.var("EDITOR", "sed -i s/80/81/");
    folder.run(&["edit", "n.yaml"]).ok();
    let line = folder.read("n.yaml");
    let line = line.lines().find(|line| line.starts_with("port")).unwrap();
    assert!(line.contains("type:int"), "{line}");
}

#[test]
fn another_format_in_a_file_is_warned_of() {
    let mut folder = folder();
    folder.var("EDITOR", "sed -i s/two/three/");
    let file = std::fs::read(folder.path().join("p.yaml")).unwrap();
    let warned = |args: &[&str]| {
        folder.write("p.yaml", &file);
        folder.write("noext", &file);
        let run = folder.run(args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        run.stderr
    };
    let asked = "warning: \"p.yaml\" holds json from now on, as --output-type says: whoever reads it must name the type\n";
    for args in [
        &["edit", "--output-type", "json", "p.yaml"][..],
        &["--output-type", "json", "p.yaml"],
        &["rotate", "-i", "--output-type", "json", "p.yaml"],
        &["-r", "-i", "--output-type", "json", "p.yaml"],
        &["set", "--output-type", "json", "p.yaml", r#"["a"]"#, "1"],
        &["unset", "--output-type", "json", "p.yaml", r#"["secret"]"#],
        &["--set", r#"["a"] 1"#, "--output-type", "json", "p.yaml"],
    ] {
        assert_eq!(warned(args), asked, "{args:?}");
    }
    let set = ["set", "--input-type", "yaml", "noext", r#"["a"]"#, "1"];
    assert_eq!(
        warned(&set),
        "warning: \"noext\" holds binary from now on, as its name says: --output-type yaml would keep it yaml\n"
    );
    for args in [
        &["rotate", "--output-type", "json", "p.yaml"][..],
        &["rotate", "-i", "p.yaml"],
        &["set", "p.yaml", r#"["a"]"#, "1"],
    ] {
        assert_eq!(warned(args), "", "{args:?}");
    }
}

#[test]
fn an_answer_has_an_end() {
    let folder = folder();
    folder.write(".sops.yaml", format!("creation_rules:\n- age: '{A},{B}'\n"));
    let update = |answer: &[u8]| folder.run_with(&sops_rs(), &["updatekeys", "p.yaml"], answer);
    let before = folder.read("p.yaml");
    let run = update(&[b'y'; 65]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("no answer"), "{}", run.stderr);
    assert_eq!(update(b"n").code, 0);
    assert_eq!(folder.read("p.yaml"), before);
    assert_eq!(update(b"y").code, 0);
    assert_ne!(folder.read("p.yaml"), before);
}

#[test]
fn the_text_for_the_editor_is_private_and_gone_afterwards() {
    let mut folder = folder();
    folder.var(
        "EDITOR",
        "sh -c 'stat -c %a \"$0\" \"$(dirname \"$0\")\"; basename \"$0\"; echo more: 1 >> \"$0\"'",
    );
    let run = folder.run(&["p.yaml"]);
    assert_eq!(run.ok(), "600\n700\np.yaml\n");
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}

/// `--indent` wins over the configuration, that over the file's own way, also
/// where it says what is done anyway.
#[test]
fn who_decides_how_a_file_is_indented() {
    for (format, name, text, config, two, four) in [
        (
            "yaml",
            "s.yaml",
            "a:\n  b: x\n",
            "{yaml: {indent: 4}}",
            "\n  b: ENC",
            "\n    b: ENC",
        ),
        (
            "json",
            "s.json",
            "{\"a\": 1}",
            "{json: {indent: -1}}",
            "\n  \"a\": ",
            "\n\t\"a\": ",
        ),
    ] {
        let folder = Folder::new();
        folder.write(name, text);
        folder
            .run(&["--indent", "2", "encrypt", "-i", "--age", A, name])
            .ok();
        let set = |args: &[&str], path: &str| {
            let args = [args, &["set", name, path, "\"y\""]].concat();
            folder.run(&args).ok();
            folder.read(name)
        };
        assert!(set(&[], "[\"c\"]").contains(two), "{format}: its own");
        folder.write(".sops.yaml", format!("stores: {config}"));
        assert!(
            set(&[], "[\"d\"]").contains(four),
            "{format}: the configuration's"
        );
        assert!(
            set(&["--indent", "2"], "[\"e\"]").contains(two),
            "{format}: the flag's"
        );
    }
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill").args([format!("-{name}"), id]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_signal_leaves_no_plaintext_behind() {
    let folder = folder();
    let before = folder.read("p.yaml");
    let tmp = folder.path().join("tmp");
    let left = || fs::read_dir(&tmp).unwrap().count();
    for name in ["INT", "TERM", "HUP"] {
        let mut edit = folder
            .command(&sops_rs(), &["edit", "p.yaml"])
            .env("EDITOR", "sh -c 'touch started; sleep 30'")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the editor starts", || {
            folder.path().join("started").exists()
        });
        assert_eq!(left(), 1);
        signal(&edit, name);
        assert_eq!(edit.wait().unwrap().code(), Some(1), "{name}");
        assert_eq!(left(), 0, "{name}");
        fs::remove_file(folder.path().join("started")).unwrap();
    }
    for (name, number) in [("INT", 2), ("TERM", 15)] {
        let mut exec = folder
            .command(
                &sops_rs(),
                &[
                    "exec-file",
                    "--no-fifo",
                    "p.yaml",
                    "touch started; sleep 30 # {}",
                ],
            )
            .spawn()
            .unwrap();
        until("the command starts", || {
            folder.path().join("started").exists()
        });
        assert_eq!(left(), 1);
        signal(&exec, name);
        assert_eq!(exec.wait().unwrap().signal(), Some(number), "{name}");
        assert_eq!(left(), 0, "{name}");
        fs::remove_file(folder.path().join("started")).unwrap();
    }
    assert_eq!(folder.read("p.yaml"), before);
}

/// Killed at any moment, a file is as it was or as it is to be.
#[test]
fn a_killed_write_loses_nothing() {
    let folder = folder();
    for round in 0..60 {
        let mut child = folder
            .command(&sops_rs(), &["rotate", "-i", "p.yaml"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(round * 250));
        let _ = child.kill();
        let _ = child.wait();
        let run = folder.run(&["decrypt", "p.yaml"]);
        assert!(run.ok().contains("hunter2"), "{}", run.stderr);
        for (name, bytes) in folder.files() {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("hunter2"), "{name}");
        }
    }
}

#[test]
fn a_file_keeps_its_mode_and_its_links() {
    let folder = folder();
    let path = folder.path().join("p.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink("p.yaml", folder.path().join("link.yaml")).unwrap();
    folder.run(&["set", "link.yaml", r#"["secret"]"#, "1"]).ok();
    folder.run(&["rotate", "-i", "link.yaml"]).ok();
    let link = folder.path().join("link.yaml");
    assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
}

/// A new file that is encrypted is for all to read, as any other; plaintext
/// is for its owner alone.
#[test]
fn new_files() {
    let folder = folder();
    let mode = |name: &str| {
        let path = folder.path().join(name);
        path.metadata().unwrap().permissions().mode() & 0o777
    };
    fs::write(folder.path().join("reference"), "").unwrap();
    folder.write("q.yaml", "a: 1\n");
    folder
        .run(&["encrypt", "--age", A, "--output", "o.yaml", "q.yaml"])
        .ok();
    assert_eq!(mode("o.yaml"), mode("reference"));
    folder
        .run(&["decrypt", "--output", "d.yaml", "p.yaml"])
        .ok();
    assert_eq!(mode("d.yaml"), 0o600);
}

#[test]
fn an_editor_that_writes_nonsense_ends_where_nobody_is_asked() {
    let mut folder = folder();
    let before = folder.read("p.yaml");
    folder.var("EDITOR", "sh -c 'echo \"a: [\" > \"$0\"'");
    let run = folder.run(&["edit", "p.yaml"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("line "), "{}", run.stderr);
    assert_eq!(folder.read("p.yaml"), before);
    // Where somebody presses enter, the editor starts again.
    folder.var(
        "EDITOR",
        "sh -c 'if [ -e again ]; then echo \"a: 1\" > \"$0\"; else touch again; echo \"a: [\" > \"$0\"; fi'",
    );
    folder.run_with(&sops_rs(), &["edit", "p.yaml"], b"\n").ok();
    assert_eq!(folder.run(&["decrypt", "p.yaml"]).ok(), "a: 1\n");
}

#[test]
fn what_would_lose_data_is_refused() {
    let mut folder = folder();
    folder.write("q.yaml", "a: hunter2\n");
    folder.var("EDITOR", "sh -c 'echo more: 1 >> \"$0\"'");
    let forged = folder
        .read("p.yaml")
        .replace("lastmodified: \"2", "lastmodified: \"3");
    folder.write("forged.yaml", forged);
    folder.write(
        "rules.yaml",
        format!("creation_rules: [{{age: '{A}', encrypted_regex: '('}}]"),
    );
    let group = ["groups", "add", "-i", "-f", "p.yaml"];
    for (code, args) in [
        (
            1,
            &["encrypt", "--age", A, "--encrypted-regex", "(", "q.yaml"][..],
        ),
        (1, &["--config", "rules.yaml", "encrypt", "q.yaml"]),
        (1, &["edit", "-s", "p.yaml"]),
        (51, &["edit", "--ignore-mac", "forged.yaml"]),
        (51, &["set", "--ignore-mac", "forged.yaml", "[\"a\"]", "1"]),
        (
            51,
            &["unset", "--ignore-mac", "forged.yaml", "[\"secret\"]"],
        ),
        (51, &["rotate", "-i", "forged.yaml"]),
        (7, &["set", "p.yaml", "[\"a\"]", r#"{"b": 1, "b": 2}"#]),
        (7, &["set", "p.yaml", "[]", "1"]),
        (7, &["set", "p.yaml", "[-1]", "1"]),
        (7, &["set", "p.yaml", "[0]", "1"]),
        (7, &["set", "p.yaml", "[\"other\"][\"x\"]", "1"]),
        (7, &["set", "p.yaml", "[\"a\"]", "1, \"b\": 2"]),
        (7, &["set", "p.yaml", "[\"a\"]", "1} {\"b\": 2"]),
        (8, &["exec-file", "--background", "p.yaml", "cat {}"]),
        (1, &group),
        (1, &[&group[..], &["--hckms", "x"]].concat()),
        (
            1,
            &[
                &group[..],
                &["--age", B, "--shamir-secret-sharing-threshold", "1"],
            ]
            .concat(),
        ),
        (
            1,
            &[
                &group[..],
                &["--age", B, "--shamir-secret-sharing-threshold", "3"],
            ]
            .concat(),
        ),
        (1, &["groups", "delete", "-i", "-f", "p.yaml", "0"]),
        (1, &["groups", "delete", "-i", "-f", "p.yaml", "7"]),
        (1, &["rotate", "-i", "--rm-age", A, "p.yaml"]),
    ] {
        let before = folder.files();
        let run = folder.run(args);
        assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
        assert!(run.stdout.is_empty(), "{args:?}");
        assert!(!run.stderr.contains("hunter2"), "{args:?}");
        assert!(
            run.stderr.trim_end().contains('\n'),
            "{args:?}: no advice: {}",
            run.stderr
        );
        assert_eq!(folder.files(), before, "{args:?}");
    }
}

#[test]
fn groups_can_be_added_and_removed() {
    let folder = folder();
    folder
        .run(&["groups", "add", "-i", "-f", "p.yaml", "--age", B])
        .ok();
    assert!(folder.read("p.yaml").contains("shamir_threshold: 2"));
    assert_eq!(folder.run(&["decrypt", "p.yaml"]).code, 128);
    let mut both = Folder::new();
    let keys = ["age-a.txt", "age-b.txt"]
        .map(|name| fs::read_to_string(crate::common::key(name)).unwrap());
    both.vars.remove("SOPS_AGE_KEY_FILE");
    both.var("SOPS_AGE_KEY", keys.concat());
    both.write("p.yaml", folder.read("p.yaml"));
    assert!(both.run(&["decrypt", "p.yaml"]).ok().contains("hunter2"));
    let run = both.run(&["groups", "delete", "-i", "-f", "p.yaml", "1"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    both.run(&[
        "groups",
        "delete",
        "-i",
        "-f",
        "p.yaml",
        "1",
        "--shamir-secret-sharing-threshold",
        "1",
    ])
    .ok();
    folder.write("p.yaml", both.read("p.yaml"));
    assert!(folder.run(&["decrypt", "p.yaml"]).ok().contains("hunter2"));
}

#[test]
fn updatekeys_can_check_without_any_key() {
    let mut folder = folder();
    folder.write(".sops.yaml", format!("creation_rules: [{{age: '{A}'}}]"));
    folder.vars.remove("SOPS_AGE_KEY_FILE");
    let before = folder.read("p.yaml");
    folder.run(&["updatekeys", "--check", "p.yaml"]).ok();
    folder.write(
        ".sops.yaml",
        format!("creation_rules: [{{age: '{A},{B}'}}]"),
    );
    for option in ["--check", "--dry-run"] {
        let run = folder.run(&["updatekeys", option, "p.yaml", "p.yaml"]);
        assert_eq!(run.code, 1);
        assert!(run.text().contains(&format!("+++ {B}")), "{}", run.text());
    }
    assert_eq!(folder.read("p.yaml"), before);
}

#[test]
fn updatekeys_changes_recipients_and_nothing_else() {
    let folder = folder();
    let before = folder.read("p.yaml");
    folder.write(
        ".sops.yaml",
        format!("creation_rules: [{{age: '{A},{B}'}}]"),
    );
    folder.run(&["updatekeys", "-y", "p.yaml"]).ok();
    let after = folder.read("p.yaml");
    for line in before
        .lines()
        .filter(|line| line.contains("ENC[") || line.contains("lastmodified"))
    {
        assert!(after.contains(line), "{line}");
    }
    assert!(after.contains(B));
}

#[test]
fn errors_are_data_for_every_command() {
    let folder = folder();
    for args in [
        &["encrypt", "none.yaml"][..],
        &["edit", "forged"],
        &["rotate", "none.yaml"],
        &["set", "none.yaml", "[\"a\"]", "1"],
        &["unset", "p.yaml", "[\"none\"]"],
        &["updatekeys", "p.yaml"],
        &["groups", "delete", "-f", "p.yaml", "9"],
        &["exec-env", "none.yaml", "true"],
        &["exec-file", "p.yaml", "exit 3"],
        &["filestatus", "none.yaml"],
        &["decrypt", "none.yaml"],
    ] {
        let args = [args, &["--error-format", "json"]].concat();
        let run = folder.run(&args);
        let last = run.stderr.lines().last().unwrap_or_default();
        let error: serde_json::Value = serde_json::from_str(last).expect(last);
        assert_eq!(error["error"]["exit_code"], run.code, "{args:?}: {last}");
        assert!(error["error"]["kind"].is_string());
    }
}

/// The question of `updatekeys` on a terminal: answered by a person, in
/// colours.
#[test]
fn a_person_is_asked_on_a_terminal() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let folder = folder();
    folder.write(
        ".sops.yaml",
        format!("creation_rules: [{{age: '{A},{B}'}}]"),
    );
    let controller =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let open = || {
        let mut options = fs::OpenOptions::new();
        OwnedFd::from(
            options
                .read(true)
                .write(true)
                .open(name.to_str().unwrap())
                .unwrap(),
        )
    };
    let mut child = folder
        .command(&sops_rs(), &["updatekeys", "p.yaml"])
        .stdin(open())
        .stdout(open())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut controller = fs::File::from(controller);
    let mut shown = Vec::new();
    let mut byte = [0];
    while !shown.ends_with(b"(y/n):") {
        assert_eq!(controller.read(&mut byte).unwrap(), 1);
        shown.extend(byte);
    }
    controller.write_all(b"y\n").unwrap();
    assert!(child.wait().unwrap().success());
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains(&format!("\u{1b}[32m+++ {B}")), "{shown}");
    assert!(folder.read("p.yaml").contains(B));
}

#[test]
fn completions_come_from_the_definitions() {
    let folder = folder();
    let words = |args: &[&str]| {
        let args = [args, &["--generate-bash-completion"]].concat();
        let run = folder.run(&args);
        run.ok().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let commands = words(&[]);
    for name in ["decrypt", "encrypt", "edit", "updatekeys", "help"] {
        assert!(commands.iter().any(|word| word == name), "{name}");
    }
    assert_eq!(words(&["decrypt", "--ex"]), ["--extract"]);
    assert_eq!(words(&["groups"]), ["add", "delete"]);
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.run(&["completion", shell]);
        for program in ["sops-rs", "sops"] {
            for (typed, expected) in [
                ("updat", "updatekeys"),
                ("decrypt --extr", "--extract"),
                ("groups del", "delete"),
                (
                    "groups delete --shamir",
                    "--shamir-secret-sharing-threshold",
                ),
                ("--filename-ov", "--filename-override"),
                ("completion zs", "zsh"),
            ] {
                let Some(words) = completed(shell, script.ok(), program, typed) else {
                    continue;
                };
                let last = words.split(' ').next_back().unwrap_or_default();
                let last = last.trim_end_matches('=');
                assert_eq!(last, expected, "{shell}: {typed}: {words}");
            }
        }
    }
    let man = folder.run(&["completion", "man"]);
    assert!(man.ok().starts_with(".TH SOPS-RS 1\n"));
    assert!(man.text().contains("\\-\\-filename\\-override"));
    assert_eq!(folder.run(&["completion", "tcsh"]).code, 3);
}

/// Whose access is to be taken away, and who is not there by that name, may
/// still be there by another.
#[test]
fn who_is_to_be_removed_and_is_not_there_is_said() {
    let folder = folder();
    let key = "BA3A264E92A55AF8E505589B966CC7C0D2A557A8";
    for args in [&["--rm-pgp", key][..], &["--rm-age", B]] {
        let run = folder.run(&[&["rotate", "-i"], args, &["p.yaml"]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let kind = if args[1] == key { "PGP" } else { "age" };
        let said = format!("warning: nothing was removed for {kind} ");
        assert!(run.stderr.starts_with(&said), "{}", run.stderr);
    }
    folder.run(&["rotate", "-i", "--add-age", B, "p.yaml"]).ok();
    let run = folder.run(&["rotate", "-i", "--rm-age", B, "p.yaml"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

/// A command of ours as a user who is not root, where this is root.
fn as_nobody(folder: &Folder, args: &[&str]) -> Command {
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = sops_rs();
    if !rustix::process::geteuid().is_root() {
        return folder.command(&program, args);
    }
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let args = [&user[..], &[program.to_str().unwrap()], args].concat();
    folder.command("setpriv".as_ref(), &args)
}

#[test]
fn a_file_that_must_not_be_written_is_not_replaced() {
    let mut folder = folder();
    let key = fs::read(&folder.vars["SOPS_AGE_KEY_FILE"]).unwrap();
    folder.write("key", key);
    let key = folder.path().join("key");
    folder.var("SOPS_AGE_KEY_FILE", key.to_str().unwrap());
    let file = folder.path().join("p.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(65534), Some(65534)).unwrap();
    }
    let before = folder.read("p.yaml");
    let output = as_nobody(&folder, &["decrypt", "-i", "p.yaml"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("permission denied"), "{stderr}");
    assert_eq!(folder.read("p.yaml"), before);
}

/// Also where that user must not take it away.
#[test]
fn a_command_of_another_user_leaves_no_plaintext_behind() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: --user takes root");
        return;
    }
    let folder = folder();
    folder.write("e.env", encrypted("dotenv", "basic"));
    let tmp = folder.path().join("tmp");
    for (mode, code) in [(0o700, 1), (0o755, 0)] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(&tmp, fs::Permissions::from_mode(mode)).unwrap();
        for pipe in [&["--no-fifo"][..], &[]] {
            let args = [
                &["exec-file"],
                pipe,
                &["--user", "nobody", "p.yaml", "cat {}"],
            ]
            .concat();
            let run = folder.run(&args);
            assert_eq!(run.code, code, "{}", run.stderr);
            assert_eq!(run.text().contains("hunter2"), code == 0);
            assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
        }
        let run = folder.run(&["exec-env", "--user", "nobody", "e.env", "id -u"]);
        assert_eq!(run.ok(), "65534\n");
    }
}

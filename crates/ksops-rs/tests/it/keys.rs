//! Keys that do not work, end to end: the exit code, and what a person is
//! told. Every situation has a snapshot in sops-core; here are those that only
//! a process has, and a few of the others.

use std::{
    fs,
    ops::Deref,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use crate::common::{key, testdata};
use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::folder;

/// A folder that every user may look into, with the program, an encrypted
/// file, a generator and keys.
struct Folder(folder::Folder);

impl Folder {
    fn new() -> Self {
        let folder = Folder(folder::Folder::new());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let secret = testdata().join("corpus/ksops/single/app/secret.enc.yaml");
        folder.copy(&secret, "secret.enc.yaml");
        folder.copy(&key("age-a.txt"), "a.txt");
        folder.copy(&key("age-b.txt"), "b.txt");
        // By another process: while this one holds a program open for
        // writing, another test may start a child that holds it open too, and
        // what is open for writing cannot be run.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_ksops-rs"))
            .arg(folder.path())
            .status();
        assert!(copied.unwrap().success());
        folder.write("g.yaml", "files: [secret.enc.yaml]\n");
        folder
    }

    fn copy(&self, from: &Path, to: &str) {
        self.0.copy(from, to);
        fs::set_permissions(self.path().join(to), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Whether the tests run as root, who may become anybody.
    fn is_of_root(&self) -> bool {
        self.path().metadata().unwrap().uid() == 0
    }

    fn command(&self, vars: &[(&str, &str)], args: &[&str]) -> Command {
        let mut command = Command::new(self.path().join("ksops-rs"));
        command
            .env_clear()
            .env("HOME", "/nonexistent")
            .env("PATH", "/usr/bin:/bin")
            .envs(vars.iter().copied())
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, mut command: Command) -> (i32, String, String) {
        let output = command.output().unwrap();
        let text = |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(self.path().to_str().unwrap(), "/app")
        };
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// What is said where these variables open nothing: the places that are
    /// set, and the advice.
    fn fail(&self, vars: &[(&str, &str)]) -> String {
        let (code, stdout, stderr) = self.run(self.command(vars, &["decrypt", "secret.enc.yaml"]));
        assert_eq!((code, &*stdout), (128, ""), "{stderr}");
        let lines = stderr
            .lines()
            .skip_while(|line| !line.contains("looked for"));
        let lines: Vec<_> = lines.skip(1).map(str::trim_start).collect();
        let mut lines = lines.join("\n");
        if let (Some(start), Some(end)) = (lines.find("not found: /none"), lines.rfind('\n')) {
            lines.replace_range(start..=end, "");
        }
        lines
    }

    /// The same for a file in `SOPS_AGE_KEY_FILE` that holds this.
    fn fail_with(&self, text: impl AsRef<[u8]>) -> String {
        self.write("key.txt", text);
        self.fail(&[("SOPS_AGE_KEY_FILE", "key.txt")])
    }

    fn a(&self) -> String {
        fs::read_to_string(self.path().join("a.txt")).unwrap()
    }
}

impl Deref for Folder {
    type Target = folder::Folder;

    fn deref(&self) -> &folder::Folder {
        &self.0
    }
}

#[test]
fn keys_that_cannot_be_used() {
    let folder = Folder::new();
    let file = |path: &str| folder.fail(&[("SOPS_AGE_KEY_FILE", path)]);
    assert_snapshot!(folder.fail(&[]), @"give the private key of age1a7zz5jawu8m8…eetzuc: its text in SOPS_AGE_KEY, or the path of its file in SOPS_AGE_KEY_FILE");
    assert_snapshot!(file("b.txt"), @"
    SOPS_AGE_KEY_FILE (b.txt): 1 identity, for age1ja7ptl5quguf…cg3qun
    give the private key of age1a7zz5jawu8m8…eetzuc, or have its owner add yours: sops rotate -i --add-age age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun <file>
    ");
    assert_snapshot!(file("none.txt"), @"
    SOPS_AGE_KEY_FILE (none.txt): not found
    correct the path in SOPS_AGE_KEY_FILE, or mount the key there
    ");
    assert_snapshot!(file("."), @"
    SOPS_AGE_KEY_FILE (.): a directory, not a file
    name a file in SOPS_AGE_KEY_FILE, not a directory
    ");
    assert_snapshot!(file("a.txt,b.txt"), @"
    SOPS_AGE_KEY_FILE (a.txt,b.txt): not found; it takes one path, not a list
    put all the keys into one file, and its path in SOPS_AGE_KEY_FILE
    ");
    assert_snapshot!(file("\"a.txt\""), @r#"
    SOPS_AGE_KEY_FILE ("a.txt"): not found; the path is in quotes, which only a shell removes
    correct the path in SOPS_AGE_KEY_FILE, or mount the key there
    "#);
    assert_snapshot!(folder.fail_with("# nothing\n"), @"
    SOPS_AGE_KEY_FILE (key.txt): no identity in it
    put an identity into SOPS_AGE_KEY_FILE (key.txt): a line AGE-SECRET-KEY-…
    ");
    assert_snapshot!(folder.fail_with(format!("\u{feff}{}", folder.a())), @"
    SOPS_AGE_KEY_FILE (key.txt): not used: the text starts with a byte order mark; save it as UTF-8 without one
    repair SOPS_AGE_KEY_FILE (key.txt): until then none of it is used
    ");
    let utf16: Vec<u8> = folder
        .a()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_snapshot!(folder.fail_with(utf16), @"
    SOPS_AGE_KEY_FILE (key.txt): not used: the text is UTF-16; save it as UTF-8
    repair SOPS_AGE_KEY_FILE (key.txt): until then none of it is used
    ");
    let a = folder.a();
    let line = a.lines().find(|line| line.starts_with("AGE-")).unwrap();
    assert_snapshot!(folder.fail_with(format!("'{line}'\n")), @"
    SOPS_AGE_KEY_FILE (key.txt): not used: line 1: the key stands in quotes; remove them
    repair line 1 of SOPS_AGE_KEY_FILE (key.txt): until then none of it is used
    ");
    assert_snapshot!(folder.fail_with(format!("key: {line}\n")), @"
    SOPS_AGE_KEY_FILE (key.txt): not used: line 1: there is something before or after the key; it must have the line to itself, without blanks
    repair line 1 of SOPS_AGE_KEY_FILE (key.txt): until then none of it is used
    ");
    let public = a
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    assert_snapshot!(folder.fail_with(public), @"
    SOPS_AGE_KEY_FILE (key.txt): not used: line 1: a public key, where the private one belongs (it starts with AGE-SECRET-KEY-)
    put the private key in place of line 1 of SOPS_AGE_KEY_FILE (key.txt)
    ");
}

#[test]
fn carriage_returns_do_no_harm() {
    let folder = Folder::new();
    folder.write("crlf.txt", folder.a().replace('\n', "\r\n"));
    let command = folder.command(&[("SOPS_AGE_KEY_FILE", "crlf.txt")], &["g.yaml"]);
    let (code, stdout, stderr) = folder.run(command);
    assert_eq!((code, &*stderr), (0, ""));
    assert!(stdout.contains("password: hunter2"));
}

#[test]
fn another_user_s_key() {
    let folder = Folder::new();
    if !folder.is_of_root() {
        println!("skipped: only root can become another user");
        return;
    }
    fs::set_permissions(
        folder.path().join("a.txt"),
        fs::Permissions::from_mode(0o400),
    )
    .unwrap();
    let run = |vars: &[(&str, &str)], args: &[&str]| {
        let mut command = folder.command(vars, args);
        command.uid(999).gid(999);
        folder.run(command)
    };
    let path = folder.path().join("a.txt");
    let vars = [("SOPS_AGE_KEY_FILE", path.to_str().unwrap())];
    let (code, stdout, stderr) = run(&vars, &["decrypt", "secret.enc.yaml"]);
    assert_eq!((code, &*stdout), (128, ""));
    assert_snapshot!(stderr, @r#"
    error: "secret.enc.yaml": no identity at hand opens the data key
      the file's recipients:
        age1a7zz5jawu8m8…eetzuc: no matching identity
      identities were looked for in:
        SOPS_AGE_KEY_FILE (/app/a.txt): cannot be read: permission denied, mode 0400, owner uid 0, read as uid 999
        not found: /nonexistent/.ssh/id_ed25519, /nonexistent/.ssh/id_rsa, /nonexistent/.config/sops/age/keys.txt
        not set: SOPS_AGE_SSH_PRIVATE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_CMD, SOPS_AGE_KEY, SOPS_AGE_KEY_CMD
    let uid 999 read SOPS_AGE_KEY_FILE (/app/a.txt); for a Secret that Kubernetes mounts, by fsGroup and defaultMode 0440
    "#);

    // In Argo CD's UI, without the numbers of users.
    let argo = [vars[0], ("ARGOCD_APP_NAME", "shop")];
    let (code, stdout, stderr) = run(&argo, &["g.yaml"]);
    assert_eq!((code, &*stdout), (1, ""));
    assert_snapshot!(stderr, @r#"
    error: g.yaml: line 1: files[0]: "secret.enc.yaml": no identity at hand opens the data key
      the file's recipients:
        age1a7zz5jawu8m8…eetzuc: no matching identity
      identities were looked for in:
        SOPS_AGE_KEY_FILE (/app/a.txt): cannot be read: permission denied, mode 0400
        not found: /nonexistent/.ssh/id_ed25519, /nonexistent/.ssh/id_rsa, /nonexistent/.config/sops/age/keys.txt
        not set: SOPS_AGE_SSH_PRIVATE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_CMD, SOPS_AGE_KEY, SOPS_AGE_KEY_CMD
    let this process read SOPS_AGE_KEY_FILE (/app/a.txt); for a Secret that Kubernetes mounts, by fsGroup and defaultMode 0440
    "#);

    // Its own key it can read, and its own file descriptors it can look at.
    chown(folder.path().join("a.txt"), Some(999), None).unwrap();
    let (code, stdout, stderr) = run(&argo, &["g.yaml"]);
    assert_eq!((code, &*stderr), (0, ""));
    assert!(stdout.contains("password: hunter2"));
}

#[test]
fn errors_as_data() {
    let folder = Folder::new();
    let run = |vars: &[(&str, &str)], args: &[&str]| {
        let args = [&["decrypt", "--error-format", "json"], args].concat();
        let (code, stdout, stderr) = folder.run(folder.command(vars, &args));
        assert_eq!(stdout, "");
        let lines = stderr.lines().map(serde_json::from_str::<Value>);
        let lines: Vec<Value> = lines.map(|line| line.expect(&stderr)).collect();
        let error = lines.last().unwrap()["error"].clone();
        assert_eq!(error["exit_code"], code);
        (lines, error)
    };
    let b = [("SOPS_AGE_KEY_FILE", "b.txt")];
    let (_, error) = run(&b, &["secret.enc.yaml"]);
    assert_eq!(error["exit_code"], 128);
    assert_snapshot!(serde_json::to_string_pretty(&error).unwrap(), @r#"
    {
      "kind": "data-key",
      "message": "no identity at hand opens the data key",
      "causes": [],
      "file": "secret.enc.yaml",
      "line": null,
      "key_path": null,
      "advice": [
        "give the private key of age1a7zz5jawu8m8…eetzuc, or have its owner add yours: sops rotate -i --add-age age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun <file>"
      ],
      "exit_code": 128,
      "report": {
        "summary": "no identity at hand opens the data key",
        "needed": 1,
        "opened": 0,
        "groups": [
          {
            "opened": false,
            "recipients": [
              {
                "kind": "age",
                "recipient": "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc",
                "result": "no-match",
                "needs": null
              }
            ]
          }
        ],
        "places": [
          {
            "location": {
              "type": "variable",
              "variable": "SOPS_AGE_SSH_PRIVATE_KEY_FILE"
            },
            "found": {
              "type": "not-set"
            }
          },
          {
            "location": {
              "type": "variable",
              "variable": "SOPS_AGE_SSH_PRIVATE_KEY_CMD"
            },
            "found": {
              "type": "not-set"
            }
          },
          {
            "location": {
              "type": "file",
              "variable": null,
              "path": "/nonexistent/.ssh/id_ed25519"
            },
            "found": {
              "type": "not-found",
              "hint": null
            }
          },
          {
            "location": {
              "type": "file",
              "variable": null,
              "path": "/nonexistent/.ssh/id_rsa"
            },
            "found": {
              "type": "not-found",
              "hint": null
            }
          },
          {
            "location": {
              "type": "variable",
              "variable": "SOPS_AGE_KEY"
            },
            "found": {
              "type": "not-set"
            }
          },
          {
            "location": {
              "type": "file",
              "variable": "SOPS_AGE_KEY_FILE",
              "path": "b.txt"
            },
            "found": {
              "type": "identities",
              "count": 1,
              "recipients": [
                "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun"
              ]
            }
          },
          {
            "location": {
              "type": "variable",
              "variable": "SOPS_AGE_KEY_CMD"
            },
            "found": {
              "type": "not-set"
            }
          },
          {
            "location": {
              "type": "file",
              "variable": null,
              "path": "/nonexistent/.config/sops/age/keys.txt"
            },
            "found": {
              "type": "not-found",
              "hint": null
            }
          }
        ],
        "advice": "give the private key of age1a7zz5jawu8m8…eetzuc, or have its owner add yours: sops rotate -i --add-age age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun <file>"
      }
    }
    "#);

    let a = [("SOPS_AGE_KEY_FILE", "a.txt")];
    let of = |vars: &[(&str, &str)], args: &[&str]| {
        let (_, error) = run(vars, args);
        assert!(error["report"].is_null());
        assert!(error["advice"].is_array(), "{error}");
        json!([
            error["kind"],
            error["exit_code"],
            error["file"],
            error["line"],
            error["key_path"]
        ])
    };
    let enc = fs::read_to_string(folder.path().join("secret.enc.yaml")).unwrap();
    folder.write("mac.yaml", enc.replace("kind: Secret", "kind: Other"));
    folder.write(
        "value.yaml",
        enc.replacen(
            "user: ENC[AES256_GCM,data:",
            "user: ENC[AES256_GCM,data:AAAA",
            1,
        ),
    );
    folder.write("syntax.yaml", "a: [\n");
    folder.write("plain.yaml", "a: b\n");
    folder.write("version.yaml", enc.replace("version: 3", "version: x3"));
    for (args, expected) in [
        (
            &["none.yaml"][..],
            json!(["read", 100, "none.yaml", null, null]),
        ),
        (&["."], json!(["read", 2, ".", null, null])),
        (&["--bogus"], json!(["usage", 1, null, null, null])),
        (
            &["-i", "--output", "x", "plain.yaml"],
            json!(["usage", 8, null, null, null]),
        ),
        (
            &["--extract", "x", "secret.enc.yaml"],
            json!(["path", 91, "secret.enc.yaml", null, null]),
        ),
        (
            &["plain.yaml"],
            json!(["not-encrypted", 1, "plain.yaml", null, null]),
        ),
        (
            &["syntax.yaml"],
            json!(["syntax", 1, "syntax.yaml", 2, null]),
        ),
        (
            &["version.yaml"],
            json!(["metadata", 1, "version.yaml", null, null]),
        ),
        (&["mac.yaml"], json!(["mac", 51, "mac.yaml", null, null])),
        (
            &["value.yaml"],
            json!(["decrypt", 25, "value.yaml", null, "stringData.user"]),
        ),
        (
            &["--output-type", "dotenv", "secret.enc.yaml"],
            json!(["emit", 4, "secret.enc.yaml", null, "metadata"]),
        ),
        (
            &["--output", "none/x", "secret.enc.yaml"],
            json!(["write", 3, null, null, null]),
        ),
    ] {
        assert_eq!(of(&a, args), expected, "{args:?}");
    }
    assert_eq!(
        of(&[("KSOPS_AGE_KEY_DIR", "keys")], &["secret.enc.yaml"])[0],
        "configuration"
    );
    // Warnings too.
    let (lines, _) = run(&b, &["--ignore-mac", "secret.enc.yaml", "another.yaml"]);
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1]["warning"]["message"]
            .as_str()
            .unwrap()
            .starts_with("--ignore-mac")
    );
}

#[test]
fn a_folder_of_keys() {
    let folder = Folder::new();
    // As Kubernetes mounts a Secret, with two keys while one is replaced.
    let keys = folder.path().join("keys");
    fs::create_dir_all(keys.join("..2026_01_01")).unwrap();
    std::os::unix::fs::symlink("..2026_01_01", keys.join("..data")).unwrap();
    for (name, from) in [("new.agekey", "b.txt"), ("old.agekey", "a.txt")] {
        fs::copy(folder.path().join(from), keys.join("..data").join(name)).unwrap();
        std::os::unix::fs::symlink(format!("..data/{name}"), keys.join(name)).unwrap();
    }
    let vars = [("KSOPS_AGE_KEY_DIR", keys.to_str().unwrap())];
    let list = testdata().join("corpus/ksops/single/krm.in");
    for (args, stdin) in [
        (&["g.yaml"][..], None),
        (&["decrypt", "secret.enc.yaml"], None),
        (&[], Some(list)),
    ] {
        let mut command = folder.command(&vars, args);
        if let Some(path) = stdin {
            command.stdin(fs::File::open(path).unwrap());
        }
        let (code, stdout, stderr) = folder.run(command);
        assert_eq!((code, &*stderr), (0, ""));
        assert!(stdout.contains("hunter2"), "{args:?}");
    }
    fs::remove_file(keys.join("old.agekey")).unwrap();
    assert_snapshot!(folder.fail(&vars), @"
    /app/keys/new.agekey: 1 identity, for age1ja7ptl5quguf…cg3qun
    give the private key of age1a7zz5jawu8m8…eetzuc, or have its owner add yours: sops rotate -i --add-age age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun <file>
    ");
    fs::remove_file(keys.join("new.agekey")).unwrap();
    assert_snapshot!(folder.fail(&vars), @"
    /app/keys: no file with keys in it
    put the keys into /app/keys as *.agekey or *.txt
    ");
    fs::remove_dir_all(&keys).unwrap();
    assert_snapshot!(folder.fail(&vars), @"
    /app/keys: not found
    mount the keys at /app/keys, or correct that path
    ");
}

/// In legacy mode, as a KRM function and by hand: no recipient of a key that
/// is for other files.
#[test]
fn in_argo_cd_less_is_said() {
    let folder = Folder::new();
    let vars = [("SOPS_AGE_KEY_FILE", "b.txt"), ("ARGOCD_APP_NAME", "shop")];
    let list = testdata().join("corpus/ksops/single/krm.in");
    let b = "age1ja7ptl5qugu";
    for (args, stdin) in [
        (&["g.yaml"][..], None),
        (&["decrypt", "secret.enc.yaml"], None),
        (&["decrypt", "--error-format=json", "secret.enc.yaml"], None),
        (&[], Some(list)),
    ] {
        let run = |vars: &[(&str, &str)]| {
            let mut command = folder.command(vars, args);
            if let Some(path) = &stdin {
                command.stdin(fs::File::open(path).unwrap());
            }
            let (code, stdout, stderr) = folder.run(command);
            assert_ne!(code, 0);
            stdout + &stderr
        };
        assert!(run(&vars[..1]).contains(b), "{args:?}");
        let said = run(&vars);
        assert!(!said.contains(b), "{said}");
        assert!(said.contains("no identity at hand"), "{said}");
    }
}

/// A command that prints a key is run by the process itself, and sees what it
/// allows: no core dumps, and nobody who looks into it.
#[test]
#[cfg(target_os = "linux")]
fn memory_is_kept_private() {
    let folder = Folder::new();
    folder.write(
        "key.sh",
        "ulimit -H -c > core; stat -c %u /proc/$PPID/environ > owner; cat a.txt",
    );
    let vars = [("SOPS_AGE_KEY_CMD", "sh key.sh")];
    let mut command = folder.command(&vars, &["g.yaml"]);
    if folder.is_of_root() {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        command.uid(999).gid(999);
    }
    let (code, stdout, stderr) = folder.run(command);
    assert_eq!((code, &*stderr), (0, ""));
    assert!(stdout.contains("hunter2"));
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("core").trim(), "0");
    // Of root, where it would be of the user if it could be looked at.
    assert_eq!(read("owner").trim(), "0");
}

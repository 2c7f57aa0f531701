//! Runs the program, and Go sops beside it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub use testkit::{
    files::{key, testdata},
    servers::sops,
};

/// An encrypted file of the corpus.
pub fn encrypted(format: &str, case: &str) -> Vec<u8> {
    let extension = match format {
        "dotenv" => "env",
        "binary" => "bin",
        other => other,
    };
    let path = testdata().join("corpus/cases").join(format).join(case);
    fs::read(path.join(format!("enc.{extension}"))).expect("a case of the corpus")
}

/// Our own program.
pub fn sops_rs() -> PathBuf {
    env!("CARGO_BIN_EXE_sops-rs").into()
}

/// What a run left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is text")
    }

    /// The text on stdout of a run that succeeded.
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.text()
    }
}

/// A folder with files, where programs are run.
pub struct Folder {
    dir: tempfile::TempDir,
    pub vars: BTreeMap<String, String>,
}

impl Folder {
    /// An empty one, with a key of the corpus in the environment.
    pub fn new() -> Self {
        let vars = BTreeMap::from([
            (
                "SOPS_AGE_KEY_FILE".into(),
                key("age-a.txt").to_str().unwrap().into(),
            ),
            ("PATH".into(), std::env::var("PATH").unwrap_or_default()),
        ]);
        Folder {
            dir: tempfile::tempdir().unwrap(),
            vars,
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path().join(name)).unwrap()).unwrap()
    }

    pub fn var(&mut self, name: &str, value: impl Into<String>) {
        self.vars.insert(name.into(), value.into());
    }

    pub fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.vars)
            .current_dir(self.path())
            .args(args);
        command
    }

    pub fn run_with(&self, program: &Path, args: &[&str], stdin: &[u8]) -> Run {
        let mut child = self
            .command(program, args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let _ = pipe.write_all(stdin);
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs our program without anything on stdin.
    pub fn run(&self, args: &[&str]) -> Run {
        self.run_with(&sops_rs(), args, b"")
    }

    /// All files by name, with what they hold.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.path()).unwrap();
                    files.insert(name.to_str().unwrap().to_owned(), fs::read(&path).unwrap());
                }
            }
        }
        files
    }
}

/// Bytes as text in which all that is random or depends on the time is
/// replaced: ciphertext, wrapped keys, times.
pub fn masked(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut rest = &*text;
    while let Some(at) = rest.find("ENC[") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = from.find(']').map_or(from.len(), |end| end + 1);
        let (sealed, after) = from.split_at(end);
        let kind = sealed.rsplit("type:").next().unwrap_or_default();
        out.push_str(&format!("ENC[{kind}"));
        rest = after;
    }
    out.push_str(rest);
    let text = out;
    let mut out = String::new();
    let mut in_key = false;
    for line in text.split_inclusive('\n') {
        if line.contains("BEGIN AGE ENCRYPTED FILE") {
            // On one line in JSON, dotenv and INI.
            if line.contains("END AGE ENCRYPTED FILE") {
                let (before, rest) = line.split_once("-----BEGIN").unwrap();
                let (_, after) = rest.rsplit_once("FILE-----").unwrap();
                out.push_str(&format!("{before}AGE{after}"));
                continue;
            }
            in_key = true;
            out.push_str("AGE\n");
        }
        let is_time = line.contains("lastmodified");
        let is_version = line.contains("version") && line.contains("3.1");
        if !in_key && is_time {
            out.push_str("lastmodified\n");
        } else if !in_key && is_version {
            out.push_str("version\n");
        } else if !in_key {
            out.push_str(line);
        }
        if line.contains("END AGE ENCRYPTED FILE") {
            in_key = false;
        }
    }
    sorted_block(&out)
}

/// The order inside of the `sops` block is not that of sops 3.11.0 since 3.13.
fn sorted_block(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_start = |line: &&str| {
        ["sops:", "\"sops\":"]
            .iter()
            .any(|key| line.trim().starts_with(key))
    };
    let Some(at) = lines.iter().position(is_start) else {
        return text.to_owned();
    };
    let (data, block) = lines.split_at(at);
    let mut block: Vec<&str> = block
        .iter()
        .map(|line| line.trim().trim_start_matches("- ").trim_end_matches(','))
        .collect();
    block.sort_unstable();
    format!("{}\n{}", data.join("\n"), block.join("\n"))
}

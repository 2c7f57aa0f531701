//! Runs the program, and Go sops beside it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use std::{
    collections::BTreeMap,
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::folder;
pub use testkit::{
    files::{key, testdata},
    run::Run,
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

/// A folder with files, where programs are run.
pub struct Folder {
    folder: folder::Folder,
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
            folder: folder::Folder::new(),
            vars,
        }
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
        Run::of(&mut self.command(program, args), stdin)
    }

    /// Runs our program without anything on stdin.
    pub fn run(&self, args: &[&str]) -> Run {
        self.run_with(&sops_rs(), args, b"")
    }
}

impl Deref for Folder {
    type Target = folder::Folder;

    fn deref(&self) -> &folder::Folder {
        &self.folder
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

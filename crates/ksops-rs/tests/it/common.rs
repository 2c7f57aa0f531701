//! Runs the program without a process.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
};

pub use testkit::{
    files::{key, testdata},
    run::Run,
};

/// A program about to be run, in an environment of its own.
pub struct Program {
    args: Vec<OsString>,
    vars: BTreeMap<String, OsString>,
    dir: PathBuf,
    parent: Option<PathBuf>,
    stdin: Box<dyn Read>,
    stdin_is_device: bool,
    /// What stands first in it, where it is a pipe.
    first: Vec<u8>,
}

/// The program in a directory, with the corpus's key.
pub fn program(dir: &Path) -> Program {
    Program {
        args: Vec::new(),
        vars: BTreeMap::new(),
        dir: dir.to_owned(),
        parent: None,
        stdin: Box::new(std::io::empty()),
        stdin_is_device: true,
        first: Vec::new(),
    }
    .var("SOPS_AGE_KEY_FILE", key("age-a.txt"))
}

impl Program {
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub fn args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub fn var(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    /// Where the process works that started it.
    pub fn parent(mut self, dir: PathBuf) -> Self {
        self.parent = Some(dir);
        self
    }

    pub fn without_key(mut self) -> Self {
        self.vars.remove("SOPS_AGE_KEY_FILE");
        self
    }

    pub fn stdin(mut self, stdin: impl Read + 'static) -> Self {
        self.stdin = Box::new(stdin);
        self.stdin_is_device = false;
        self
    }

    /// Stdin is a pipe that holds this.
    pub fn piped(mut self, bytes: &'static [u8]) -> Self {
        self.first = bytes.into();
        self.stdin(bytes)
    }

    pub fn run(self) -> Run {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let code = ksops_rs::run(ksops_rs::Process {
            args: self.args,
            var: &|name| self.vars.get(name).cloned(),
            var_later: |_| None,
            dir: self.dir,
            parent_dir: self.parent,
            stdin: self.stdin,
            stdin_is_device: self.stdin_is_device,
            first_of_stdin: &|| Ok(self.first.clone()),
            stdout: &mut stdout,
            stderr: &mut stderr,
            ask_passphrase: |_| None,
        });
        Run {
            code: code.into(),
            stdout,
            stderr: String::from_utf8(stderr).expect("stderr is text"),
        }
    }
}

/// The folders of `corpus/ksops`, in order.
pub fn cases() -> Vec<Case> {
    let root = testdata().join("corpus/ksops");
    let mut cases: Vec<_> = std::fs::read_dir(root)
        .expect("the corpus is there")
        .map(|entry| {
            let entry = entry.expect("an entry");
            Case {
                name: entry.file_name().into_string().expect("a UTF-8 name"),
                dir: entry.path(),
            }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(cases.len(), 51);
    cases
}

/// One folder of `corpus/ksops`.
pub struct Case {
    pub name: String,
    pub dir: PathBuf,
}

impl Case {
    pub fn app(&self) -> PathBuf {
        self.dir.join("app")
    }

    /// A file of the case, if it is there.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.dir.join(name)).ok()
    }

    /// What the message of a failing case must name.
    pub fn culprit(&self) -> &'static str {
        match self.name.as_str() {
            "absolute-path" => "/nonexistent/x.enc.yaml",
            "files-not-a-list" => "files should be a list",
            "from-env-bad-line" => "c.enc.env",
            "from-file-two-equals" => "a=b=c.enc.yaml",
            "missing-file" => "nope.enc.yaml",
            "not-encrypted" => "p.yaml",
            "nothing" => "neither `files` nor `secretFrom`",
            "one-of-three-wrong-key" => "b.enc.yaml",
            "wrong-key" => "s.enc.yaml",
            "from-file-nonutf8" => "binaryFiles",
            name => panic!("{name} should not fail"),
        }
    }
}

//! What the tests of clouds share: variables, files, programs.

use std::{env, fs, net::TcpListener, path::PathBuf, process::Child};

use sops_kms::{Environment, Policy};

/// An environment of these variables and no others.
pub(crate) fn env(vars: &[(&str, &str)]) -> Environment {
    env_with(vars, Policy::default())
}

pub(crate) fn env_with(vars: &[(&str, &str)], policy: Policy) -> Environment {
    let vars: Vec<_> = vars
        .iter()
        .map(|&(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    Environment::new(
        move |name| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.into()),
        policy,
    )
}

/// A file of `testdata/clouds`.
pub(crate) fn cloud(name: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/clouds"
    ))
    .join(name)
}

/// A folder for files of credentials.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    /// Writes a file, and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn path(&self) -> String {
        self.0.path().display().to_string()
    }
}

/// A program that `.ci/run` installs into `target/ci-tools`, or that is on the
/// path. Where there is none the test says that it is skipped; with `CI` set
/// it fails.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/ci-tools/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [PathBuf::from(own)]
        .into_iter()
        .chain(env::split_paths(&path));
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(env::var_os("CI").is_none(), "{name} is not installed");
        eprintln!("skipped: {name} is not installed (see .ci/run)");
    }
    found
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A server that ends with the test.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

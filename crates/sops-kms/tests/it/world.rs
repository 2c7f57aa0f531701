//! What the tests of clouds share: variables, files, programs.

use std::{fs, path::PathBuf};

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

//! What the tests of clouds share: variables, files, programs.

use std::path::PathBuf;

use sops_kms::{Environment, Policy};
pub(crate) use testkit::folder::Folder;

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

//! The rules of the house that a reader of the sources can check: where
//! modules and tests stand, and that no rooms lean on each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use testkit::files::{files, folders, repository};
use testkit::sources::{circles, inline_tests, modules};

/// Lines of tests that may stand inside a file; longer ones have one of their
/// own.
const INLINE: usize = 100;

/// Files that still break a rule. What no longer does has to go from here.
const OLD_MOD_FILES: &[&str] = &[
    "crates/ksops-rs/tests/common/mod.rs",
    "crates/ksops-rs/tests/world/mod.rs",
    "crates/sops-core/src/format/mod.rs",
    "crates/sops-core/src/format/yaml/mod.rs",
    "crates/sops-core/tests/support/mod.rs",
    "crates/sops-rs/tests/common/mod.rs",
];

const LONG_INLINE_TESTS: &[&str] = &[
    "crates/sops-core/src/re2.rs",
    "crates/sops-core/src/selection.rs",
    "crates/sops-rs/src/args/parse.rs",
];

/// Crates whose circles are printed and not counted yet.
const YOUNG: &[&str] = &["sops-kms", "sops-pgp"];

/// Modules that still lean on each other, by crate. No other may join them.
const CIRCLES: &[(&str, &[&str])] = &[
    ("sops-core", &["decrypt", "repeated", "walk"]),
    (
        "sops-core",
        &[
            "cipher", "error", "keys", "limits", "metadata", "secret", "shown", "tree",
        ],
    ),
    (
        "sops-core",
        &[
            "keys::keyring",
            "keys::opening",
            "keys::report",
            "keys::service",
        ],
    ),
];

fn sources() -> Vec<(String, PathBuf)> {
    let top = repository();
    ["crates", "benches", "fuzz"]
        .iter()
        .flat_map(|folder| files(&top.join(folder)))
        .map(|path| {
            let below = path.strip_prefix(&top).expect("below the top");
            (below.to_string_lossy().into_owned(), path)
        })
        .filter(|(name, _)| name.ends_with(".rs") && !name.split('/').any(|part| part == "target"))
        .collect()
}

#[track_caller]
fn only(found: BTreeSet<String>, known: &[&str], rule: &str) {
    let known: BTreeSet<String> = known.iter().map(|&name| name.to_owned()).collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty(), "{rule}: {new:#?}");
    if !gone.is_empty() {
        println!("no longer broken, take it from the list: {gone:#?}");
    }
}

#[test]
fn a_module_stands_beside_its_folder() {
    let found = sources().into_iter().map(|(name, _)| name);
    let found = found.filter(|name| name.ends_with("/mod.rs")).collect();
    only(found, OLD_MOD_FILES, "name it x.rs, beside x/");
}

#[test]
fn long_tests_have_a_file_of_their_own() {
    let mut found = BTreeSet::new();
    for (name, path) in sources() {
        let text = fs::read_to_string(path).expect("a source");
        if inline_tests(&text).iter().any(|(_, lines)| *lines > INLINE) {
            found.insert(name);
        }
    }
    only(
        found,
        LONG_INLINE_TESTS,
        "more than 100 lines: put them into x/tests.rs",
    );
}

#[test]
fn no_modules_lean_on_each_other() {
    let mut seen = BTreeSet::new();
    let mut new = Vec::new();
    for folder in folders(&repository().join("crates")) {
        let crate_name = folder.file_name().expect("a name").to_string_lossy();
        for circle in circles(&modules(&folder.join("src"))) {
            let members = &circle.modules;
            let known = CIRCLES.iter().position(|(name, known)| {
                *name == crate_name
                    && members
                        .iter()
                        .all(|member| known.contains(&member.as_str()))
            });
            match known {
                Some(known) => drop(seen.insert(known)),
                None if YOUNG.contains(&&*crate_name) => println!("{crate_name}: {circle}"),
                None => new.push(format!("{crate_name}: {circle}")),
            }
        }
    }
    assert!(new.is_empty(), "circles among modules:\n{}", new.join("\n"));
    for (number, (name, members)) in CIRCLES.iter().enumerate() {
        if !seen.contains(&number) {
            println!("no longer a circle, take it from the list: {name}: {members:?}");
        }
    }
}

//! What each fuzz target does with its bytes: no bytes may panic, overflow
//! the stack or loop, and what is read must be written so that it reads back
//! the same. A room for each subject.
//!
//! Ordinary tests include this file, and run the same checks on saved inputs.

mod added;
mod arguments;
mod block;
mod config;
mod file;
mod merge;
mod pgp;
mod plugin;
mod same;
mod text;

use std::sync::OnceLock;

use sops_core::Keyring;

pub use added::added;
pub use arguments::arguments;
pub use block::{identities, metadata, sealed, wrapped_key};
pub use config::config;
pub use file::{binary, dotenv, ini, json, yaml};
pub use merge::merge;
pub use pgp::{keybox, pgp_message, private_key};
pub use plugin::{env_file, generator, resource_list, secret};
pub use text::{deserializer, go_yaml};

/// What a target does with its bytes.
pub type Check = fn(&[u8]);

/// Every target with its name.
pub const TARGETS: &[(&str, Check)] = &[
    ("yaml", yaml),
    ("json", json),
    ("dotenv", dotenv),
    ("ini", ini),
    ("binary", binary),
    ("sealed", sealed),
    ("metadata", metadata),
    ("wrapped_key", wrapped_key),
    ("identities", identities),
    ("generator", generator),
    ("resource_list", resource_list),
    ("env_file", env_file),
    ("secret", secret),
    ("go_yaml", go_yaml),
    ("config", config),
    ("deserializer", deserializer),
    ("pgp_message", pgp_message),
    ("keybox", keybox),
    ("private_key", private_key),
    ("added", added),
    ("arguments", arguments),
    ("merge", merge),
];

const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

/// The keys of the corpus, none of which protects anything.
fn keyring() -> &'static Keyring {
    static KEYRING: OnceLock<Keyring> = OnceLock::new();
    KEYRING.get_or_init(|| {
        let mut keyring = Keyring::new();
        let _ = keyring.add_identities(include_str!("../../testdata/corpus/keys/age-a.txt"));
        let _ = keyring.add_identities(include_str!("../../testdata/corpus/keys/age-pq.txt"));
        let _ = keyring.add_ssh_key(include_str!("../../testdata/corpus/keys/ssh-ed25519"));
        keyring
    })
}

fn show(bytes: &[u8]) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(bytes),
        bytes.escape_ascii()
    )
}

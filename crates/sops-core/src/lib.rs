//! Reads SOPS files.
//!
//! A SOPS file is a YAML, JSON, dotenv, INI or binary document whose values
//! were encrypted one by one, followed by metadata that says who can open it.
//! This crate finds the data key, decrypts every value, proves with the MAC
//! that nothing was changed, and gives back the plaintext, byte for byte what
//! `sops decrypt` prints.
//!
//! ```text
//! bytes ──format/──▶ Tree + Metadata ──keys/──▶ data key ──walk──▶ Tree ──format/──▶ bytes
//! ```
//!
//! # In short
//!
//! A file, and a key from a string:
//!
//! ```
//! use sops_core::{Document, Format, Keyring, Style};
//!
//! # let path = "examples/secret.enc.yaml";
//! let mut keyring = Keyring::new();
//! let found = keyring.add_identities(
//!     "AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y",
//! );
//! let file = std::fs::read(path)?;
//! let document = Document::parse(&file, Format::from_path(path))?.decrypt(&keyring)?;
//!
//! let user = document.get(&["stringData".into(), "user".into()])?;
//! assert_eq!(user.as_str(), Some("alice"));
//! let yaml = document.to_bytes(Format::Yaml, &Style::default())?;
//! assert!(yaml.starts_with(b"apiVersion: v1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Into a struct of your own, by way of JSON, whatever the format of the file:
//!
//! ```
//! use sops_core::{Document, Format, Keyring, Style};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(rename_all = "camelCase")]
//! struct Secret {
//!     string_data: Login,
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Login {
//!     user: String,
//!     password: String,
//! }
//!
//! # let file = std::fs::read("examples/secret.enc.yaml")?;
//! # let mut keyring = Keyring::new();
//! # let _ = keyring.add_file("examples/age.txt");
//! let document = Document::parse(&file, Format::Yaml)?.decrypt(&keyring)?;
//! let json = document.to_bytes(Format::Json, &Style::default())?;
//! let secret: Secret = serde_json::from_slice(&json)?;
//! assert_eq!(secret.string_data.user, "alice");
//! # assert_eq!(secret.string_data.password, "hunter2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Who can open a file, which takes no key, and whether a keyring can, which
//! decrypts no value:
//!
//! ```
//! use sops_core::{Document, Format, Keyring};
//!
//! # let file = std::fs::read("examples/secret.enc.yaml")?;
//! let document = Document::parse(&file, Format::Yaml)?;
//! let recipients: Vec<String> = document.recipients().map(ToString::to_string).collect();
//! assert_eq!(recipients, ["age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc"]);
//! assert!(!Keyring::new().can_open(&document));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Whether a file is whole, without a look at its values:
//!
//! ```
//! use sops_core::{Document, ErrorKind, Format, Keyring};
//!
//! # let file = std::fs::read("examples/secret.enc.yaml")?;
//! # let mut keyring = Keyring::new();
//! # let _ = keyring.add_file("examples/age.txt");
//! Document::parse(&file, Format::Yaml)?.verify(&keyring)?;
//!
//! let changed = String::from_utf8(file)?.replace("lastmodified: \"2", "lastmodified: \"3");
//! let error = Document::parse(changed.as_bytes(), Format::Yaml)?
//!     .verify(&keyring)
//!     .unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Mac);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Flat, as the Terraform provider for sops gives it:
//!
//! ```
//! use sops_core::{Document, Format, Keyring};
//!
//! # let file = std::fs::read("examples/secret.enc.yaml")?;
//! # let mut keyring = Keyring::new();
//! # let _ = keyring.add_file("examples/age.txt");
//! let document = Document::parse(&file, Format::Yaml)?.decrypt(&keyring)?;
//! let flat = document.flatten();
//! let (key, value) = &flat[flat.len() - 1];
//! assert_eq!((key.as_str(), value.as_str()), ("stringData.password", Some("hunter2")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Document::encrypt`] goes the other way.
//!
//! Changing a file, so that a diff shows the change and nothing else:
//!
//! ```
//! use sops_core::{Document, Finish, Format, Keyring};
//!
//! # let file = std::fs::read("examples/secret.enc.yaml")?;
//! # let mut keyring = Keyring::new();
//! # keyring.add_file("examples/age.txt");
//! let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
//! document.set(&["stringData".into(), "user".into()], "bob")?;
//! let changed = document.finish(&Finish::new())?;
//! assert!(changed.starts_with(b"apiVersion:"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the types promise
//!
//! A [`Document`] is in one of several states, and each lets you do only what
//! has been earned:
//!
//! * [`Document`]`<`[`Encrypted`]`>`: it was read, and nothing about it is
//!   known to be true. Its [metadata](Document::metadata) can be looked at,
//!   its values cannot.
//! * [`Document`]`<`[`Plain`]`>`: every value was authenticated in its place
//!   and the MAC over all of them holds; or the document was never encrypted.
//!   There is no switch that leaves the MAC out.
//! * [`Document`]`<`[`Editing`]`>`: what [`edit`](Document::edit) gives: as
//!   plain, and besides it can be changed and written again.
//! * [`Document`]`<`[`Rekeying`]`>`: what [`rekey`](Document::rekey) gives: its
//!   values cannot be read, and its recipients can be changed.
//! * [`Document`]`<`[`Unverified`]`>`: what
//!   [`decrypt_without_mac`](Document::decrypt_without_mac) gives. It can be
//!   printed, for rescuing data by hand, and it is another type, which a
//!   function that asks for `Document<Plain>` does not take.
//!
//! SOPS's MAC leaves something to be said even of a plain document. The names
//! of keys whose values are in clear, types, empty values, nulls, comments and
//! the metadata can be changed by anybody who can write to the file, key or no
//! key; and it does not tell who encrypted it, since that takes public keys
//! only.
//!
//! # Errors are data
//!
//! One [`Error`] comes out of everything. It has a [kind](Error::kind) to act
//! upon, a [line](Error::line), a [key path](Error::key_path), and
//! [advice](Error::advice) for a person; its text is one line, and the chain
//! of sources says why. It never holds a value of the file, encrypted or not.
//!
//! Where the data key cannot be opened, there is a [`keys::Report`] besides:
//! each recipient of the file with its [outcome](keys::Outcome), each place
//! where identities were looked for with [what was there](keys::Found). It can
//! be printed, walked, or serialized.
//!
//! ```
//! use sops_core::{Document, Format, Keyring, keys::Outcome};
//!
//! # let file = std::fs::read("examples/secret.enc.yaml")?;
//! let error = Document::parse(&file, Format::Yaml)?
//!     .decrypt(&Keyring::new())
//!     .err()
//!     .unwrap();
//! let report = error.report().unwrap();
//! for recipient in report.groups().iter().flat_map(|group| &group.recipients) {
//!     assert_eq!(recipient.outcome, Outcome::NoMatch);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where keys come from
//!
//! From where you say, and nowhere else: [`Keyring::new`] is empty, and
//! [`add_identities`](Keyring::add_identities),
//! [`add_file`](Keyring::add_file), [`add_dir`](Keyring::add_dir) and their
//! kin fill it. [`Keyring::from_env`] looks wherever sops looks.
//!
//! Nothing here reads the environment, runs a program or asks a person for a
//! passphrase unless it is told to: the last two by [`age::Callbacks`]. There
//! is no network in it at all. Of itself it knows age keys (X25519, post-quantum
//! hybrid, SSH, and any of them behind a passphrase); other kinds are opened by
//! a [`KeyService`](keys::KeyService) that is added to the keyring, as the crates
//! `sops-pgp` and `sops-kms` have them. A file of kinds that are not there is
//! refused by name.
//!
//! # Secrets
//!
//! Identities, data keys, shares and plaintext are wiped when they are
//! dropped, and no `Debug` prints them. What you copy out of a document is
//! yours to wipe: [`Document::to_bytes`] gives
//! [`Zeroizing`](https://docs.rs/zeroize) bytes. Every bound on hostile input
//! is in [`limits`].

#![warn(clippy::must_use_candidate, clippy::missing_errors_doc)]

pub mod age;
pub mod cipher;
pub mod config;
mod de;
mod decrypt;
mod document;
mod editing;
mod encrypt;
mod error;
pub mod foreign;
pub mod format;
pub mod inspect;
mod keyring;
pub mod keys;
pub mod limits;
mod mac;
pub mod metadata;
mod placeholder;
pub mod query;
mod re2;
mod repeated;
mod secret;
mod selection;
pub mod shown;
pub mod tree;
mod walk;
mod warning;

pub use document::{Document, Encrypted, Plain, Readable, Unverified, is_encrypted};
pub use editing::{Editing, Finish, Keyed, Rekeying, Wanted};
pub use encrypt::EncryptOptions;
pub use error::{Error, ErrorKind, Result};
pub use format::{Format, Style, UnknownFormat};
pub use go_yaml::Timestamp;
pub use keyring::{Keyring, Opening};
pub use placeholder::{Placeholders, Slot};
pub use warning::{Warning, WarningKind};

/// The examples of README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

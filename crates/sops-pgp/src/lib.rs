//! PGP keys for SOPS files: a `KeyService` of `sops-core`.
//!
//! Opens and writes the PGP entries of SOPS files without GnuPG: [`Pgp`] reads
//! exported keys, GnuPG's home as it lies on the disk, asks a running gpg-agent
//! over its socket, and runs the gpg program only where the caller allows it
//! and nothing else did.
//!
//! RSA, ECDH (Curve25519, NIST P-256, P-384, P-521), X25519 and X448, keys of
//! version 4 and 6, messages with and without integrity protection, GnuPG's OCB
//! packets included. What is not supported is refused by its name.
//!
//! Nothing here reads the environment, runs a program or asks a person for a
//! passphrase unless the caller says so by name.
//!
//! Cryptography is [rPGP](https://docs.rs/pgp)'s. It writes secrets to the
//! `log` crate at its level `debug`: a program that installs a logger should
//! leave the target `pgp` out, and one that does not want any turns the feature
//! `quiet` on.

mod agent;
mod armor;
mod callbacks;
mod certificate;
mod failure;
mod flaw;
mod gpg;
mod home;
mod key;
mod keygrip;
mod limits;
mod message;
mod packet;
mod private;
mod ring;
mod seal;
mod service;
mod sexp;
mod source;
mod vars;
mod wanted;
mod work;

pub use callbacks::Callbacks;
pub use service::{Pgp, is_key_file};
pub use vars::{GPG, KEY_FILE, PASSPHRASE_FILE};

/// The example of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

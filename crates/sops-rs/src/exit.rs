//! The exit codes of sops (sops-cli §2).

/// Anything without a code of its own: syntax, metadata, configuration.
pub(crate) const GENERIC: u8 = 1;
/// The input cannot be read.
pub(crate) const READ: u8 = 2;
/// The output cannot be written.
pub(crate) const WRITE: u8 = 3;
/// The data does not fit the output format.
pub(crate) const DUMP: u8 = 4;
/// Options that exclude one another.
pub(crate) const CONFLICT: u8 = 8;
/// A value cannot be decrypted.
pub(crate) const TREE: u8 = 25;
/// The MAC does not hold.
pub(crate) const MAC: u8 = 51;
/// `--extract` is not a path.
pub(crate) const EXTRACT: u8 = 91;
/// There is no such file.
pub(crate) const NO_FILE: u8 = 100;
/// No key opens the file.
pub(crate) const DATA_KEY: u8 = 128;

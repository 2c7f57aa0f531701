//! The exit codes of sops (sops-cli §2).

use sops_core::{Error, ErrorKind};

/// Anything without a code of its own: syntax, metadata, configuration.
pub(crate) const GENERIC: u8 = 1;
/// The input cannot be read.
pub(crate) const READ: u8 = 2;
/// `check` could not look at all that it was to.
pub(crate) const UNCHECKED: u8 = 2;
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
/// A path or value of `set` and `unset` is none.
pub(crate) const SET: u8 = 7;
/// A value cannot be encrypted.
pub(crate) const ENCRYPT: u8 = 23;
/// Keys are to be added to or removed from no file.
pub(crate) const NO_FILE_FOR_KEYS: u8 = 49;
/// There is not one document in the file.
pub(crate) const NO_DOCUMENT: u8 = 92;
/// A kind of key stands twice in the decryption order.
pub(crate) const ORDER: u8 = 112;
/// The editor changed nothing.
pub(crate) const UNCHANGED: u8 = 200;
/// There is no editor, or it failed.
pub(crate) const EDITOR: u8 = 201;
/// The file is encrypted already.
pub(crate) const ENCRYPTED: u8 = 203;
/// A command was ended by a signal.
pub(crate) const SIGNALLED: u8 = 255;
/// There is no such topic of help.
pub(crate) const NO_TOPIC: u8 = 3;
/// The encryption context of AWS KMS keys is none.
pub(crate) const CONTEXT: u8 = 6;

/// An error of the library with the exit code that sops has for it.
pub(crate) fn of_core(error: Error, shown: bool) -> crate::Error {
    let code = match error.kind() {
        ErrorKind::DataKey => DATA_KEY,
        // What SOPS has no value for is seen by sops when it decrypts.
        ErrorKind::Decrypt | ErrorKind::Unsupported => TREE,
        ErrorKind::Mac => MAC,
        ErrorKind::Emit => DUMP,
        ErrorKind::Path => EXTRACT,
        ErrorKind::AlreadyEncrypted => ENCRYPTED,
        _ => GENERIC,
    };
    crate::Error::of_core(error, shown).with_exit_code(code)
}

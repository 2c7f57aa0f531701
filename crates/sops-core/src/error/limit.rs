//! The errors for what is beyond a limit.

use super::{Error, ErrorKind};
use crate::{limits, secret::Full};

impl Error {
    /// The error for a file beyond [`limits::FILE_SIZE`].
    pub(crate) fn too_large() -> Self {
        let message = format!("the file has more than {} MiB", limits::FILE_SIZE >> 20);
        Error::new(ErrorKind::Limit, message)
            .advise("split the file; or encrypt an archive with age itself, and its key with sops")
    }

    /// The error for data beyond [`limits::DEPTH`].
    pub(crate) fn too_deep() -> Self {
        let message = format!(
            "mappings and lists are nested more than {} levels deep",
            limits::DEPTH
        );
        Error::new(ErrorKind::Limit, message)
            .advise("flatten the structure; no configuration needs this depth")
    }

    /// The error for data beyond [`limits::NODES`].
    pub(crate) fn too_many() -> Self {
        let message = format!(
            "the file has more than {} values and comments, aliases expanded",
            limits::NODES
        );
        Error::new(ErrorKind::Limit, message).advise("split the file")
    }

    /// The error for aliases beyond [`limits::EXPANSION`].
    pub(crate) fn too_much_text() -> Self {
        let message = format!(
            "aliases stand for more than {} MiB of text",
            limits::EXPANSION >> 20
        );
        Error::new(ErrorKind::Limit, message).advise("write fewer aliases of long texts")
    }

    /// The error for key paths beyond [`limits::PATHS`].
    pub(crate) fn paths_too_long() -> Self {
        let message = format!(
            "the key paths of all values have more than {} MiB",
            limits::PATHS >> 20
        );
        Error::new(ErrorKind::Limit, message).advise("use shorter keys, or split the file")
    }

    /// The error for output beyond [`limits::OUTPUT`].
    pub(crate) fn too_much_output() -> Self {
        let message = format!("the result has more than {} MiB", limits::OUTPUT >> 20);
        Error::new(ErrorKind::Limit, message)
            .advise("use less nesting or shorter keys, or split the file")
    }

    /// The error for a rule beyond [`limits::RULE_WORK`].
    pub(crate) fn too_much_matching() -> Self {
        let message = "the file's rule is too complex for keys or comments as long as these";
        Error::new(ErrorKind::Limit, message)
            .advise("shorten the key, or write a simpler regular expression in .sops.yaml")
    }

    /// The error for a `mac` beyond [`limits::MAC_SIZE`].
    pub(crate) fn mac_too_long() -> Self {
        let message = format!("more than {} bytes, which no MAC has", limits::MAC_SIZE);
        Error::new(ErrorKind::Limit, message)
            .at_key("sops.mac")
            .advise("restore the file from version control: it was changed after it was encrypted")
    }
}

impl From<Full> for Error {
    fn from(_: Full) -> Self {
        Error::too_much_output()
    }
}

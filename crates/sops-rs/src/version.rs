//! The look that the sops command takes at a file's `version` before it
//! decrypts (sops-format §2.4). The plugin takes none, as KSOPS.

use sops_core::metadata::is_release;

use crate::{Error, Result};

/// What is said of a file without a version, which others than sops write.
pub(crate) const MISSING: &str = "the metadata names no sops version, so that sops itself does not read the file; `version: 3.9.0` in its `sops` block would do";

/// Refuses what sops refuses: a version that is no semantic version, unless
/// it starts with `1.`.
///
/// # Errors
///
/// Where it is none.
pub(crate) fn check(version: &str) -> Result<()> {
    if is_release(version) {
        return Ok(());
    }
    let what = if version.is_empty() {
        "the metadata names no sops version"
    } else {
        "the sops version in the metadata is not of the form 1.2.3"
    };
    Err(Error::new(what).advise(
        "restore the line `version: …` of the `sops` block; as a kustomize plugin, ksops-rs reads the file without it",
    ))
}

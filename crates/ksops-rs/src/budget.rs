//! How much one run of the plugin may take, whatever its generators name:
//! each bound on one file or one pattern is small, and a manifest of 128 KiB
//! names twenty thousand of them.

use crate::{Error, Result};

/// Files that the generators of a run may name, after globs: 10,000. One
/// Secret for each would be more than a cluster's API server takes in a sync.
pub const ENTRIES: usize = 10_000;

/// Names of files that globs may look at: 1,000,000.
pub const NAMES: usize = 1_000_000;

/// Bytes that are rendered, and bytes of decrypted files: 64 MiB. Kubernetes
/// takes no Secret above 1 MiB.
pub const BYTES: usize = 64 << 20;

/// What is left of the bounds of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    entries: usize,
    names: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            entries: ENTRIES,
            names: NAMES,
            bytes: BYTES,
        }
    }
}

const SPLIT: &str = "split it into several generators, in kustomizations that are built one by one";

impl Budget {
    /// Takes so many files.
    pub(crate) fn take_entries(&mut self, count: usize) -> Result<()> {
        self.entries = self.entries.checked_sub(count).ok_or_else(|| {
            Error::new(format!(
                "more than {ENTRIES} files, counted as often as they are named"
            ))
            .advise("write narrower patterns, and name each file once")
        })?;
        Ok(())
    }

    /// How many files may still be named.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// Takes one name that a glob looks at; `false` where none is left.
    pub(crate) fn take_name(&mut self) -> bool {
        match self.names.checked_sub(1) {
            Some(left) => {
                self.names = left;
                true
            }
            None => false,
        }
    }

    /// Takes so many bytes that are rendered.
    pub(crate) fn take_bytes(&mut self, count: usize) -> Result<()> {
        self.bytes = self.bytes.checked_sub(count).ok_or_else(too_many_bytes)?;
        Ok(())
    }

    /// How many bytes may still be rendered.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

pub(crate) fn too_many_bytes() -> Error {
    Error::new(format!(
        "more than {} MiB would be rendered, files counted as often as they are named",
        BYTES >> 20
    ))
    .advise(SPLIT)
}

//! Whether the files of a folder are encrypted as its `.sops.yaml` says,
//! without any key.

pub(crate) mod files;
pub(crate) mod finding;
pub(crate) mod judge;
pub(crate) mod report;
mod state;

//! YAML files: go-yaml nodes to tree and back, as sops maps them.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use read::{decode, read};
pub(crate) use write::{write, write_value};

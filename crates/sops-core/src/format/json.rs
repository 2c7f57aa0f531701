//! JSON as sops reads and writes it (sops-format §10).
//!
//! Our own, because order and repeated keys must survive, and because the
//! escapes and numbers must look as Go's encoder makes them.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use read::{read, read_value};
pub(crate) use write::{write, write_value};

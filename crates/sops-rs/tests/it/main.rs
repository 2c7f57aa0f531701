//! What the program promises, beside Go sops and alone.

mod as_sops;
mod check;
mod common;
mod day;
mod git;
#[cfg(feature = "keyservice")]
mod keyservice;
mod promises;

//! What the program promises, beside Go sops and alone.

mod as_sops;
mod callers;
mod check;
#[cfg(all(feature = "aws", feature = "vault"))]
mod clouds;
mod common;
mod day;
mod git;
#[cfg(feature = "keyservice")]
mod keyservice;
mod messages;
mod promises;
#[cfg(all(feature = "aws", feature = "gcp", feature = "vault"))]
mod publish;
mod suites;

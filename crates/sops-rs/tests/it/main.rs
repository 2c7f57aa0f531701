//! What the program promises, beside Go sops and alone.

mod as_sops;
mod common;
mod promises;

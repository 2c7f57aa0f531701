//! The commands, one room each. A command reads its arguments into a plan,
//! carries it out, and ends with sops's exit code.

pub mod decrypt;
pub mod filestatus;

//! What the plugin promises, from outside.

mod clouds;
mod common;
mod corpus;
mod decrypt;
mod fuzz;
mod keys;
mod kubectl;
mod messages;
mod pgp;
mod plugin_files;
mod policy;
mod process;
mod readme;
mod scenarios;
mod secrets;
mod terminal;
mod trust;
mod world;

//! What the plugin promises, from outside.

mod clouds;
mod common;
mod corpus;
mod decrypt;
mod fake;
mod fuzz;
mod key_folder;
mod keys;
mod kubectl;
mod layouts;
mod manifests;
mod messages;
mod messages_of_kustomize;
mod network;
mod pgp;
mod plugin_files;
mod policy;
mod process;
mod readme;
mod release;
mod repo_server;
mod scenarios;
mod secrets;
mod terminal;
mod trust;
mod world;

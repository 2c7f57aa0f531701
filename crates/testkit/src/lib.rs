//! What tests, fuzz targets and benchmarks share. Never published: crates
//! name it by its path, among their dev-dependencies.
//!
//! | room | what lives there |
//! |---|---|
//! | [`debugged`] | what `Debug` shows of a value, if it has one |
//! | [`fake`] | an HTTP server that a test makes up |
//! | [`files`] | where test data is |
//! | [`folder`] | a folder for the time of a test |
//! | [`generators`] | manifests for the plugin |
//! | [`key_service`] | what every `KeyService` must do |
//! | [`run`] | what a program left behind |
//! | [`servers`] | programs that serve, for the time of a test |
//! | [`shells`] | completions, in the shells that they are for |
//! | [`sources`] | the source text itself: modules, and who uses whom |

pub mod debugged;
pub mod fake;
pub mod files;
pub mod folder;
pub mod generators;
pub mod key_service;
pub mod run;
pub mod servers;
pub mod shells;
pub mod sources;

//! What tests, fuzz targets and benchmarks share. Never published: crates
//! name it by its path, among their dev-dependencies.
//!
//! | room | what lives there |
//! |---|---|
//! | [`files`] | where test data is |
//! | [`key_service`] | what every `KeyService` must do |
//! | [`sources`] | the source text itself: modules, and who uses whom |

pub mod files;
pub mod key_service;
pub mod sources;

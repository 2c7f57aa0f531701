//! What tests, fuzz targets and benchmarks share. Never published: crates
//! name it by its path, among their dev-dependencies.
//!
//! | room | what lives there |
//! |---|---|
//! | [`files`] | where test data is |
//! | [`sources`] | the source text itself: modules, and who uses whom |

pub mod files;
pub mod sources;

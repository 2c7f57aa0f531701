//! YAML as Go programs read and write it.
//!
//! Tools written in Go (sops, kustomize, kubectl) read YAML with go-yaml,
//! and its habits are visible in their output: which scalar is a number,
//! which comment belongs to which node, when a string gets quotes. This crate
//! reproduces those habits. It knows neither SOPS nor Kubernetes.
//!
//! Data flows `text → [scan] → [parse] → `[`Document`]`s of `[`Node`]`s`, and
//! out through an [`emit::Emitter`] with a [`emit::Profile`]. Whether the
//! plain scalar `012` is ten or a string is [`resolve`]'s business.

#![warn(clippy::must_use_candidate, clippy::missing_errors_doc)]

#[cfg(feature = "serde")]
pub mod de;
pub mod emit;
mod error;
pub mod natural;
mod node;
pub mod number;
mod parse;
pub mod resolve;
mod scan;
mod time;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use error::{Error, Result};
pub use node::{Comments, Document, Kind, Mark, Node, NodeId, Properties, ScalarStyle};
pub use parse::{Limits, parse, parse_first};
pub use time::{OutOfRange, Timestamp};

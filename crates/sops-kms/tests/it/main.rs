//! The services against servers: fakes of our own, which fail as servers
//! fail, and real ones where they can be had.

mod fake;
#[cfg(feature = "gcp")]
mod gcp;
mod http;
#[cfg(any(feature = "gcp", feature = "azure", feature = "huawei"))]
mod world;

//! The services against servers: fakes of our own, which fail as servers
//! fail, and real ones where they can be had.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
mod fake;
#[cfg(feature = "gcp")]
mod gcp;
mod http;
#[cfg(any(feature = "aws", feature = "vault"))]
mod servers;
#[cfg(feature = "vault")]
mod vault;
#[cfg_attr(
    not(all(feature = "aws", feature = "gcp", feature = "azure")),
    allow(dead_code)
)]
mod world;

//! The services against servers: fakes of our own, which fail as servers
//! fail, and real ones where they can be had.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
#[cfg(all(
    feature = "aws",
    feature = "vault",
    feature = "gcp",
    feature = "azure",
    feature = "huawei"
))]
mod clouds;
#[cfg(all(
    feature = "aws",
    feature = "vault",
    feature = "gcp",
    feature = "azure",
    feature = "huawei"
))]
mod conformance;
mod fake;
#[cfg(all(
    feature = "aws",
    feature = "vault",
    feature = "gcp",
    feature = "azure",
    feature = "huawei"
))]
mod faults;
#[cfg(feature = "gcp")]
mod gcp;
#[cfg(all(feature = "aws", feature = "azure", feature = "gcp", feature = "vault"))]
mod given;
mod http;
#[cfg(feature = "huawei")]
mod huawei;
#[cfg(any(feature = "aws", feature = "vault", feature = "gcp"))]
#[cfg_attr(
    not(all(feature = "aws", feature = "vault", feature = "gcp")),
    allow(dead_code)
)]
mod servers;
#[cfg(all(feature = "aws", feature = "gcp", feature = "vault"))]
mod stores;
#[cfg(feature = "vault")]
mod vault;
#[cfg_attr(
    not(all(feature = "aws", feature = "gcp", feature = "azure")),
    allow(dead_code)
)]
mod world;

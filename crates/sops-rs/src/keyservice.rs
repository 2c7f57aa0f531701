//! The key service of sops: data keys are opened and wrapped by another
//! process, over gRPC without TLS (sops-encrypt-and-edit §11).
//!
//! Whoever reaches the socket has the use of the keys behind it: nothing
//! authenticates either side.

pub(crate) mod address;
pub(crate) mod client;
mod grpc;
pub(crate) mod server;
mod wire;

use crate::{Error, Result};

/// One thread, with time and sockets, for both sides.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(server::AT_ONCE)
        .build()
        .map_err(|error| Error::io("cannot prepare for the network", &error))
}

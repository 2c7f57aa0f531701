//! Where a key service is.

use std::{fmt, path::PathBuf};

use crate::error::quoted;

/// Where a key service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// `HOST:PORT`.
    Tcp(String),
    /// The path of a socket.
    Unix(PathBuf),
}

impl Address {
    /// As `--keyservice` has it: `tcp://HOST:PORT`, `unix:///PATH`.
    pub(crate) fn of_uri(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://")?;
        match scheme {
            "tcp" => Self::of_network("tcp", rest),
            "unix" if rest.starts_with('/') => Self::of_network("unix", rest),
            _ => None,
        }
    }

    /// As `--network` and `--address` have it.
    pub(crate) fn of_network(network: &str, address: &str) -> Option<Self> {
        match network {
            "tcp" => {
                let (_, port) = address.rsplit_once(':')?;
                port.parse::<u16>().ok()?;
                Some(Address::Tcp(address.into()))
            }
            "unix" if !address.is_empty() => Some(Address::Unix(address.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "tcp {}", quoted(address)),
            Address::Unix(path) => write!(f, "unix {}", quoted(&path.to_string_lossy())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_sops() {
        let tcp = |text: &str| Some(Address::Tcp(text.into()));
        for (uri, expected) in [
            ("tcp://127.0.0.1:5000", tcp("127.0.0.1:5000")),
            ("tcp://[::1]:5000", tcp("[::1]:5000")),
            ("unix:///run/x", Some(Address::Unix("/run/x".into()))),
            ("unix://x", None),
            ("tcp://host", None),
            ("tcp://host:x", None),
            ("http://host:1", None),
            ("127.0.0.1:5000", None),
            ("", None),
        ] {
            assert_eq!(Address::of_uri(uri), expected, "{uri}");
        }
    }
}

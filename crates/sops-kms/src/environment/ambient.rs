//! The identity that a process has without anybody having given it one: that
//! of its machine or pod, from a metadata server. Beside credentials that were
//! given it does not count, and it is here alone that this is decided: a
//! service has no other way to such a server.

use sops_core::keys::{KeyError, Reason};

use super::Environment;

/// A server that gives the machine's credentials to whoever asks. One is had
/// from [`Environment::metadata_server`], and from nowhere else.
#[derive(Clone)]
pub(crate) struct MetadataServer(String);

impl MetadataServer {
    /// `http://HOST`, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.0
    }
}

impl Environment {
    /// The metadata server of this machine, at this address.
    ///
    /// # Errors
    ///
    /// Where credentials were given that are not the machine's own.
    pub(crate) fn metadata_server(&self, url: &str) -> Result<MetadataServer, KeyError> {
        match &self.given {
            Some(given) if !given.of_machine => {
                let from = given.path.display();
                Err(KeyError::new(
                    Reason::NoCredentials,
                    format!("there are none of this kind in {from}, and no others count"),
                )
                .advise("put credentials for this kind of key into the mounted Secret"))
            }
            _ => Ok(MetadataServer(url.trim_end_matches('/').into())),
        }
    }

    /// The profile of the shared AWS configuration that a key asks for: it
    /// does not matter where credentials were given.
    #[cfg(feature = "aws")]
    pub(crate) fn profile<'a>(&self, asked: Option<&'a str>) -> Option<&'a str> {
        asked.filter(|_| self.given.is_none())
    }
}

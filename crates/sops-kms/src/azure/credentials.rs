//! Where Azure's tokens come from.

use std::{fmt, path::PathBuf};

use zeroize::Zeroizing;

use crate::environment::MetadataServer;

/// Where a token comes from: decided without asking anybody.
#[derive(Clone)]
pub(super) enum Source {
    /// An application, which proves itself.
    Application {
        tenant: String,
        client: String,
        proof: Proof,
        /// The variable, or the file, that the proof stands in.
        from: String,
    },
    /// App Service, Functions, Container Apps: a server beside us.
    AppService {
        endpoint: String,
        header: Zeroizing<String>,
        client: Option<String>,
    },
    /// The machine's metadata server.
    Metadata {
        server: MetadataServer,
        client: Option<String>,
    },
    /// Whoever is logged in with `az`.
    Cli { program: PathBuf },
}

#[derive(Clone)]
pub(super) enum Proof {
    Secret(Zeroizing<String>),
    /// A file of PEM with a certificate and its key.
    Certificate {
        path: PathBuf,
        /// The certificate itself goes along, for who looks at its issuer.
        with_chain: bool,
    },
    /// A file with a token that somebody else signed.
    Federated(PathBuf),
}

/// Whose credentials they are. Nothing secret.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = |client: &Option<String>| match client {
            Some(client) => format!("managed identity {client}"),
            None => "the managed identity".into(),
        };
        match self {
            Source::Application { client, from, .. } => {
                write!(f, "application {client} (by {from})")
            }
            Source::AppService { client, .. } => {
                write!(f, "{} (by IDENTITY_ENDPOINT)", identity(client))
            }
            Source::Metadata { client, .. } => {
                write!(f, "{} of this machine (metadata server)", identity(client))
            }
            Source::Cli { .. } => f.write_str("the user who is logged in with az"),
        }
    }
}

/// Shows nothing secret.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

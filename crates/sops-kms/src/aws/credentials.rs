//! Credentials, and where they come from.

use std::{fmt, path::PathBuf, time::SystemTime};

use zeroize::Zeroizing;

use crate::environment::MetadataServer;

/// What requests are signed with.
#[derive(Clone)]
pub(crate) struct Keys {
    /// The access key's id. Not a secret, and not shown all the same.
    pub(crate) id: String,
    pub(crate) secret: Zeroizing<String>,
    /// Of temporary credentials only.
    pub(crate) token: Option<Zeroizing<String>>,
}

impl Keys {
    pub(crate) fn new(id: &str, secret: &str, token: Option<&str>) -> Self {
        Keys {
            id: id.into(),
            secret: Zeroizing::new(secret.into()),
            token: token
                .filter(|token| !token.is_empty())
                .map(|token| Zeroizing::new(token.into())),
        }
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.token) == (&other.id, &other.token)
    }
}

/// Credentials that a [`Source`] gave.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) keys: Keys,
    pub(crate) until: Option<SystemTime>,
    /// Whose they are, for messages.
    pub(crate) who: String,
}

/// Where credentials come from: decided without asking anybody.
#[derive(Clone)]
pub(crate) enum Source {
    /// Given as they are.
    Given { keys: Keys, from: String },
    /// A role, for a token that somebody else signed.
    WebIdentity {
        token: PathBuf,
        role: String,
        session: Option<String>,
        from: String,
    },
    /// A role, by way of other credentials.
    Role {
        base: Box<Source>,
        role: String,
        session: Option<String>,
        external_id: Option<String>,
        /// Seconds.
        duration: Option<String>,
    },
    /// IAM Identity Center.
    Sso {
        profile: String,
        /// What names the file with the token.
        cached_as: String,
        region: String,
        account: String,
        role: String,
    },
    /// A program's output.
    Process { profile: String, command: String },
    /// A server beside the container.
    Container { url: String, from: &'static str },
    /// The machine's metadata server.
    Instance { server: MetadataServer },
}

/// As in `with the credentials of …`. Nothing secret.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Given { from, .. } => f.write_str(from),
            Source::WebIdentity { role, from, .. } => write!(f, "role {role} (by {from})"),
            Source::Role { base, role, .. } => write!(f, "role {role} (by {base})"),
            Source::Sso { profile, role, .. } => {
                write!(f, "SSO role {role} (of profile {profile})")
            }
            Source::Process { profile, .. } => {
                write!(f, "credential_process of profile {profile}")
            }
            Source::Container { from, .. } => f.write_str(from),
            Source::Instance { .. } => f.write_str("the role of this machine (instance metadata)"),
        }
    }
}

/// Shows nothing secret.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

//! Where a token comes from: a variable, Kubernetes's login, a file.

use std::path::PathBuf;

use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

use super::address;
use crate::Environment;

/// The role of Kubernetes's login: with it, no token has to be kept.
pub(super) const ROLE: &str = "KSOPS_VAULT_ROLE";

#[derive(Clone)]
pub(super) struct Token {
    /// None where there is none: an agent may add its own.
    pub(super) text: Option<Zeroizing<String>>,
    /// Whose it is, for messages.
    pub(super) who: String,
    /// Whether another can be had.
    pub(super) renewable: bool,
}

/// Where a token would come from.
pub(super) enum Source {
    Given(Zeroizing<String>),
    Login(String),
    File(PathBuf),
    Nowhere,
}

impl Source {
    pub(super) fn of(env: &Environment) -> Self {
        // Secrets that were made with echo end with a line break.
        let token = env.secret_var("VAULT_TOKEN");
        let token = token.map(|token| Zeroizing::new(token.trim().to_owned()));
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            return Source::Given(token);
        }
        if let Some(role) = env.var(ROLE) {
            return Source::Login(role);
        }
        match env.home() {
            Some(home) => Source::File(home.join(".vault-token")),
            None => Source::Nowhere,
        }
    }

    /// Whose token it is, as far as variables and files say.
    pub(super) fn outlook(&self, env: &Environment) -> Result<String, KeyError> {
        Ok(match self {
            Source::Given(_) => format!("the token of {}", env.name_of("VAULT_TOKEN")),
            Source::Login(role) => format!("the pod's own token, as role {role} ({ROLE})"),
            Source::File(path) if path.is_file() => format!("the token of {}", path.display()),
            // It has a token of its own.
            _ if address::agent(env)?.is_some() => "the agent's token".into(),
            Source::File(_) | Source::Nowhere => return Err(no_token()),
        })
    }
}

pub(super) fn no_token() -> KeyError {
    KeyError::new(Reason::NoCredentials, "no token of Vault").advise(format!(
        "set VAULT_TOKEN, log in with `vault login`, or in a pod set {ROLE} to a role of Vault's \
         Kubernetes login"
    ))
}

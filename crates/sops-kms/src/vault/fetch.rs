//! Gets a token: a given one, a file's, or one of Kubernetes's login.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use sops_core::keys::{Found, KeyError, Location, Place, Reason};
use zeroize::Zeroizing;

use super::{
    address::{Address, Trusted},
    client::Servers,
    token::{ROLE, Source, Token, no_token},
};
use crate::{
    http::{Request, STRANGER, encode},
    kept::{EARLY, Fresh},
    wire::{Text, to_json},
};

/// Where the login is mounted in Vault.
const MOUNT: &str = "KSOPS_VAULT_AUTH_PATH";

/// The pod's own token.
const TOKEN_FILE: &str = "KSOPS_VAULT_TOKEN_FILE";
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

impl Servers {
    pub(super) fn token(&self, address: &Address) -> Result<Token, KeyError> {
        self.tokens.get(&address.url, || {
            let forever = |value| Fresh { value, until: None };
            let token = |text, who: &str| Token {
                text,
                who: who.into(),
                renewable: false,
            };
            match Source::of(&self.env) {
                Source::Given(text) => {
                    self.note_variable("VAULT_TOKEN", usable("a token"));
                    let name = self.env.name_of("VAULT_TOKEN");
                    Ok(forever(token(Some(text), &format!("the token of {name}"))))
                }
                Source::Login(role) => {
                    self.note_variable("VAULT_TOKEN", Found::NotSet);
                    self.note_variable(ROLE, usable(format!("role {role}")));
                    self.log_in(address, &role)
                }
                Source::File(path) => {
                    self.note_variable("VAULT_TOKEN", Found::NotSet);
                    self.note_variable(ROLE, Found::NotSet);
                    self.token_of_file(address, &path).map(forever)
                }
                Source::Nowhere => Err(no_token()),
            }
        })
    }

    fn token_of_file(&self, address: &Address, path: &Path) -> Result<Token, KeyError> {
        let location = Location::File {
            variable: None,
            path: path.display().to_string(),
        };
        match self.env.read_token(path) {
            Ok(text) if !text.is_empty() => {
                self.note(Place::new(location, usable("a token")));
                Ok(Token {
                    text: Some(text),
                    who: format!("the token of {}", path.display()),
                    renewable: false,
                })
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let why = error.kind().to_string();
                self.note(Place::new(location, Found::Unusable { why }));
                let detail = format!("{}: {}", path.display(), error.kind());
                Err(KeyError::new(Reason::NoCredentials, detail)
                    .advise("make the file readable, or set VAULT_TOKEN"))
            }
            _ => {
                self.note(Place::new(location, Found::NotFound { hint: None }));
                if address.is_agent {
                    // It has a token of its own.
                    return Ok(Token {
                        text: None,
                        who: "the agent's token".into(),
                        renewable: false,
                    });
                }
                Err(no_token())
            }
        }
    }

    /// Kubernetes login: a token of Vault for the pod's own.
    fn log_in(&self, address: &Address, role: &str) -> Result<Fresh<Token>, KeyError> {
        #[derive(Serialize)]
        struct Login<'a> {
            jwt: &'a str,
            role: &'a str,
        }
        #[derive(Deserialize)]
        struct Answered<'a> {
            #[serde(borrow)]
            auth: Auth<'a>,
        }
        #[derive(Deserialize)]
        struct Auth<'a> {
            #[serde(borrow)]
            client_token: Text<'a>,
            /// Seconds; 0 for a token that does not end.
            #[serde(default)]
            lease_duration: u64,
        }
        if address.trusted != Trusted::Named {
            return Err(KeyError::new(
                Reason::Refused,
                format!("the pod's own token is not sent to {}", address.url),
            )
            .advise("set VAULT_ADDR to that address: the token only goes where a variable says"));
        }
        let path = self.env.path_var(TOKEN_FILE);
        let path = path.unwrap_or_else(|| POD_TOKEN.into());
        let jwt = self.env.read_token(&path).map_err(|error| {
            KeyError::new(
                Reason::NoCredentials,
                format!("{}: {}", path.display(), error.kind()),
            )
            .advise("see whether the service account's token is mounted into this pod")
        })?;
        let mount = self.env.var(MOUNT).unwrap_or_else(|| "kubernetes".into());
        let mount: Vec<String> = mount.trim_matches('/').split('/').map(encode).collect();
        let url = format!("{}/v1/auth/{}/login", address.url, mount.join("/"));
        let body = to_json(&Login { jwt: &jwt, role });
        let request = self.with_headers(Request::post(url)).with_body(body);
        let answer = self.client.send(&request)?;
        let who = format!("role {role} ({ROLE})");
        if !answer.is_success() {
            let status = answer.status();
            return Err(match answer.reason() {
                Reason::Unavailable if answer.is_transient() => {
                    KeyError::new(Reason::Unavailable, format!("{}: {status}", address.url))
                        .may_help_to_retry()
                        .advise("try again: Vault is busy, or sealed")
                }
                _ => KeyError::new(
                    Reason::Denied,
                    format!(
                        "{} does not let the pod in as {who} ({status})",
                        address.url
                    ),
                )
                .advise(format!(
                    "see whether the role is bound to this pod's service account and namespace, \
                     and where the login is mounted ({MOUNT})"
                )),
            });
        }
        let unreadable = || {
            KeyError::new(
                Reason::Unavailable,
                format!("{}: the answer to the login cannot be read", address.url),
            )
            .advise(STRANGER)
        };
        let auth = answer.json::<Answered<'_>>().ok_or_else(unreadable)?.auth;
        let mut lease = Duration::from_secs(auth.lease_duration);
        if lease < 2 * EARLY {
            // It is renewed after half of its time, not for each request.
            lease = lease / 2 + EARLY;
        }
        let ends = auth.lease_duration != 0;
        Ok(Fresh {
            value: Token {
                text: Some(Zeroizing::new(auth.client_token.as_str().to_owned())),
                who: format!("the token of {who}"),
                renewable: true,
            },
            until: ends.then(|| SystemTime::now().checked_add(lease)).flatten(),
        })
    }

    fn note_variable(&self, variable: &'static str, found: Found) {
        let variable = variable.into();
        self.note(Place::new(Location::Variable { variable }, found));
    }
}

fn usable(what: impl Into<String>) -> Found {
    Found::Usable { what: what.into() }
}

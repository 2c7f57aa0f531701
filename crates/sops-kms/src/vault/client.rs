//! Requests to the servers that may be asked, with a token for each.

use std::sync::{Mutex, PoisonError};

use sops_core::keys::{KeyError, Place};

use super::{address::Address, refusal::refusal, token::Token};
use crate::{
    Environment,
    http::{Answer, Client, Request, encode},
    kept::Kept,
};

/// What works on requests.
pub(super) struct Servers {
    pub(super) env: Environment,
    pub(super) client: Client,
    /// By the server's address.
    pub(super) tokens: Kept<String, Token, KeyError>,
    /// Where tokens were looked for.
    pub(super) places: Mutex<Vec<Place>>,
}

impl Servers {
    pub(super) fn new(env: &Environment) -> Self {
        let path = |name| env.path_var(name);
        let mut client = Client::new(env)
            .trusting_file(path("VAULT_CACERT"))
            .trusting_directory(path("VAULT_CAPATH"))
            .trusting_pem(env.var("VAULT_CACERT_BYTES"))
            .with_server_name(env.var("VAULT_TLS_SERVER_NAME"))
            .without_verification(env.flag("VAULT_SKIP_VERIFY"));
        if let (Some(certificate), Some(key)) =
            (path("VAULT_CLIENT_CERT"), path("VAULT_CLIENT_KEY"))
        {
            client = client.with_identity(certificate, key);
        }
        Servers {
            env: env.clone(),
            client,
            tokens: Kept::default(),
            places: Mutex::default(),
        }
    }

    /// A request for a path (`transit/decrypt/NAME`, not escaped), once more
    /// with a new token where a login gave one that is not taken.
    pub(super) fn ask(
        &self,
        address: &Address,
        path: &str,
        make: impl Fn(String) -> Request,
    ) -> Result<Answer, KeyError> {
        let parts: Vec<String> = path.split('/').map(encode).collect();
        let url = format!("{}/v1/{}", address.url, parts.join("/"));
        let mut renewed = false;
        loop {
            let token = self.token(address)?;
            let mut request = self.with_headers(make(url.clone()));
            if let Some(text) = &token.text {
                request = request.with_header("x-vault-token", text.as_str());
            }
            let request = request.retried_when(|answer| {
                // A replica that is not up to date yet.
                answer.status() == 412
            });
            let answer = self.client.send(&request)?;
            if answer.is_success() {
                return Ok(answer);
            }
            if answer.status() == 403 && token.renewable && !renewed {
                renewed = true;
                self.tokens
                    .forget(&address.url, |kept| kept.text == token.text);
                continue;
            }
            return Err(refusal(&answer, &address.url, path, &token.who));
        }
    }

    /// The headers that all requests have.
    pub(super) fn with_headers(&self, request: Request) -> Request {
        let request = request
            .with_header("x-vault-request", "true")
            .with_header("content-type", "application/json");
        match self.env.var("VAULT_NAMESPACE") {
            Some(namespace) => request.with_header("x-vault-namespace", namespace),
            None => request,
        }
    }

    pub(super) fn note(&self, place: Place) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if !places.contains(&place) {
            places.push(place);
        }
    }

    pub(super) fn places(&self) -> Vec<Place> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.clone()
    }

    pub(super) fn forget_failures(&self) {
        self.tokens.forget_failures();
        self.client.forget_failures();
    }
}

//! Asks for tokens.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

use super::{
    Azure,
    challenge::Challenge,
    cli,
    credentials::{Proof, Source},
};
use crate::{
    http::{Failure, Origin, Request, encode},
    jwt::{self, Algorithm},
    kept::Fresh,
    oauth::{self, Token},
    refusal::codes,
    wire::to_json,
};

/// As long as an assertion that we sign is good.
const SIGNED: Duration = Duration::from_secs(600);

/// What an assertion is (RFC 7523 §2.2).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(rename = "x5t#S256")]
    thumbprint: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    x5c: &'a [String],
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: &'a str,
    nbf: u64,
    exp: u64,
}

impl Azure {
    pub(super) fn fetch(
        &self,
        source: &Source,
        challenge: &Challenge,
    ) -> Result<Fresh<Token>, KeyError> {
        let who = source.to_string();
        let resource = &challenge.resource;
        match source {
            Source::Application {
                tenant,
                client,
                proof,
                ..
            } => {
                let tenant = self.tenant(tenant, &challenge.tenant, &who)?;
                self.application(challenge, tenant, client, proof, &who)
            }
            Source::AppService {
                endpoint,
                header,
                client,
            } => {
                let and = if endpoint.contains('?') { '&' } else { '?' };
                let url = format!(
                    "{endpoint}{and}api-version=2019-08-01&resource={}{}",
                    encode(resource),
                    of_client(client.as_deref())
                );
                let request = Request::get(url).with_header("x-identity-header", header.as_str());
                oauth::fetch(&self.neighbours, &request, &who)
            }
            Source::Metadata { server, client } => {
                let url = format!(
                    "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}{}",
                    server.url(),
                    encode(resource),
                    of_client(client.as_deref())
                );
                let request = Request::get(url).with_header("metadata", "true");
                // Nobody there: this is no machine of Azure's.
                let absent = |failure: Failure| failure.or_absent(super::chain::none());
                let answer = self.metadata.send(&request).map_err(absent)?;
                match answer.status() {
                    200 => oauth::read(answer.body()).ok_or_else(super::chain::none),
                    // It has no identity, or not this one.
                    400 | 403 | 404 => Err(super::chain::none()),
                    _ => Err(oauth::refusal(&answer, &who)),
                }
            }
            Source::Cli { program } => cli::token(program, challenge),
        }
    }

    /// Of which tenant a token is asked for: ours, or the vault's where
    /// `AZURE_ADDITIONALLY_ALLOWED_TENANTS` lets it.
    fn tenant<'a>(&self, ours: &'a str, theirs: &'a str, who: &str) -> Result<&'a str, KeyError> {
        const OTHERS: &str = "AZURE_ADDITIONALLY_ALLOWED_TENANTS";
        if ours.eq_ignore_ascii_case(theirs) {
            return Ok(ours);
        }
        let allowed = self.env.var(OTHERS).unwrap_or_default();
        if allowed
            .split(';')
            .map(str::trim)
            .any(|other| other == "*" || other.eq_ignore_ascii_case(theirs))
        {
            return Ok(theirs);
        }
        Err(KeyError::new(
            Reason::Denied,
            format!("the vault is of tenant {theirs}, and {who} of tenant {ours}"),
        )
        .advise(format!(
            "check AZURE_TENANT_ID; to ask for tokens of the vault's tenant name it in {OTHERS}"
        )))
    }

    fn application(
        &self,
        challenge: &Challenge,
        tenant: &str,
        client: &str,
        proof: &Proof,
        who: &str,
    ) -> Result<Fresh<Token>, KeyError> {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.authority(challenge)?);
        let scope = format!("{}/.default", challenge.resource);
        let mut form = vec![
            ("client_id", client),
            ("grant_type", "client_credentials"),
            ("scope", &*scope),
        ];
        let assertion;
        match proof {
            Proof::Secret(secret) => form.push(("client_secret", secret.as_str())),
            Proof::Certificate { path, with_chain } => {
                let shown = path.display();
                let bad = |what: &str| {
                    KeyError::new(Reason::NoCredentials, format!("{shown}: {what}")).advise(
                        "AZURE_CLIENT_CERTIFICATE_PATH names a file of PEM with the certificate \
                         and its RSA key; `openssl pkcs12 -in x.pfx -out x.pem -nodes` makes one \
                         of a .pfx",
                    )
                };
                let pem = self.env.read(path);
                let pem = pem.map_err(|error| bad(&error.kind().to_string()))?;
                assertion = assert(&pem, *with_chain, &url, client)
                    .ok_or_else(|| bad("not a certificate and an RSA key in PEM"))?;
                form.push(("client_assertion_type", ASSERTION));
                form.push(("client_assertion", assertion.as_str()));
            }
            Proof::Federated(path) => {
                assertion = self.env.read_token(path).map_err(|error| {
                    let shown = path.display();
                    KeyError::new(Reason::NoCredentials, format!("{shown}: {}", error.kind()))
                        .advise("see whether the service account's token is mounted into this pod")
                })?;
                form.push(("client_assertion_type", ASSERTION));
                form.push(("client_assertion", assertion.as_str()));
            }
        }
        let request = Request::post(url).with_form(&form);
        let answer = self.client.send(&request)?;
        if answer.is_success() {
            return oauth::read(answer.body())
                .ok_or_else(|| crate::refusal::unreadable(&format!("a token of {who}")));
        }
        let error = oauth::refusal(&answer, who);
        let is_invalid = codes(&answer).iter().any(|code| code == "invalid_client");
        Err(match proof {
            Proof::Federated(_) if is_invalid => error.advise(format!(
                "see that {who} has a federated credential for this cluster's issuer and this \
                 service account"
            )),
            _ => error,
        })
    }

    /// Who gives tokens.
    fn authority(&self, challenge: &Challenge) -> Result<String, KeyError> {
        const HOST: &str = "AZURE_AUTHORITY_HOST";
        let Some(url) = self.env.var(HOST) else {
            return Ok(challenge.authority.into());
        };
        if !Origin::of(&url).is_some_and(|origin| origin.is_secure()) {
            return Err(self.env.unusable(HOST, "an https address"));
        }
        Ok(url.trim_end_matches('/').to_owned())
    }
}

fn of_client(client: Option<&str>) -> String {
    client.map_or_else(String::new, |client| {
        format!("&client_id={}", encode(client))
    })
}

/// A token that proves that we have a certificate's key (learn.microsoft.com,
/// "Certificate credentials").
fn assert(pem: &[u8], with_chain: bool, audience: &str, client: &str) -> Option<Zeroizing<String>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.ok()?;
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(chain.first()?));
    let x5c: Vec<String> = match with_chain {
        true => chain
            .iter()
            .map(|der| BASE64_STANDARD.encode(der))
            .collect(),
        false => Vec::new(),
    };
    let mut number = [0; 16];
    let random = ring::default_provider().secure_random;
    random.fill(&mut number).ok()?;
    let (nbf, exp) = jwt::from_now(SIGNED);
    let header = Header {
        alg: "PS256",
        typ: "JWT",
        thumbprint: &thumbprint,
        x5c: &x5c,
    };
    let claims = Claims {
        aud: audience,
        iss: client,
        sub: client,
        jti: &BASE64_URL_SAFE_NO_PAD.encode(number),
        nbf,
        exp,
    };
    let key = jwt::Key::from_pem(pem)?;
    key.sign(Algorithm::Ps256, &to_json(&header), &to_json(&claims))
}

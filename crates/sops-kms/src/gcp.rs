//! Google Cloud KMS (sops-master-keys §3).

mod chain;
mod credentials;
mod fetch;
mod resource;
mod storage;

use std::sync::{Mutex, OnceLock, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use sops_core::keys::{
    Effort, KeyError, KeyKind, KeyService, Place, Reason, Recipient, Secret, WrappedKey,
};
use zeroize::Zeroizing;

use crate::{
    Environment,
    http::{Answer, Client, Origin, Request},
    kept::Kept,
    oauth::Token,
    refusal::{codes, refused, unreadable},
    wire::{Text, damaged, decode, to_json},
};
use chain::Chain;
use credentials::{Credentials, Source};
pub use storage::CloudStorage;

/// Google's own domain, of which others ("universes") are copies.
const UNIVERSE: &str = "googleapis.com";
const UNIVERSE_VARIABLE: &str = "GOOGLE_CLOUD_UNIVERSE_DOMAIN";

/// Opens and wraps keys with Google Cloud KMS, over REST.
///
/// Credentials come from where sops takes them: `GOOGLE_CREDENTIALS` (a path,
/// or the JSON itself); `GOOGLE_OAUTH_ACCESS_TOKEN`;
/// `GOOGLE_APPLICATION_CREDENTIALS`; what `gcloud auth application-default
/// login` wrote; the metadata server of the machine, which in GKE stands for
/// the pod's service account. Service accounts, users, external accounts with
/// a token from a file or a URL, and impersonation are known.
///
/// `SOPS_GCP_KMS_ENDPOINT` and `SOPS_GCP_KMS_UNIVERSE_DOMAIN` say where KMS
/// is. A file's resource id is matched whole before it becomes part of a URL.
///
/// ```no_run
/// use sops_core::Keyring;
/// use sops_kms::{Environment, GcpKms, Policy};
///
/// let mut keyring = Keyring::new();
/// keyring.add_service(GcpKms::new(Environment::of_process(Policy::default())));
/// ```
pub struct GcpKms {
    env: Environment,
    /// Made when the first key is asked for.
    gcp: OnceLock<Gcp>,
}

/// What works on requests.
struct Gcp {
    env: Environment,
    client: Client,
    metadata: Client,
    /// Found once, as the environment says.
    credentials: Kept<(), Credentials, KeyError>,
    tokens: Kept<(), Token, KeyError>,
    /// Where credentials were looked for.
    places: Mutex<Vec<Place>>,
}

impl GcpKms {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        GcpKms {
            env,
            gcp: OnceLock::new(),
        }
    }

    /// Whose credentials KMS would be asked with, as far as variables and
    /// files say: nobody is asked.
    ///
    /// # Errors
    ///
    /// Where there are none.
    pub fn outlook(&self) -> Result<String, KeyError> {
        let Credentials { source, .. } = Chain::new(&self.env).credentials()?;
        Ok(source.to_string())
    }

    fn gcp(&self) -> &Gcp {
        self.gcp.get_or_init(|| Gcp::new(&self.env))
    }
}

#[derive(Serialize)]
struct Call<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    plaintext: Option<Text<'a>>,
    #[serde(borrow)]
    ciphertext: Option<Text<'a>>,
}

impl Gcp {
    fn new(env: &Environment) -> Self {
        Gcp {
            env: env.clone(),
            client: Client::new(env),
            metadata: Client::for_metadata(env),
            credentials: Kept::default(),
            tokens: Kept::default(),
            places: Mutex::default(),
        }
    }

    /// Sends a request, with a token that is renewed once where Google says
    /// that it has ended.
    fn ask(
        &self,
        credentials: &Credentials,
        make: impl Fn() -> Request,
        refuse: impl Fn(&Answer, &Source) -> KeyError,
    ) -> Result<Answer, KeyError> {
        let mut renewed = false;
        loop {
            let token = self.token(&credentials.source)?;
            let mut request = make();
            if let Some(project) = &credentials.quota_project {
                request = request.with_header("x-goog-user-project", project.clone());
            }
            let answer = self.client.send(&token.sign(request))?;
            if answer.is_success() {
                return Ok(answer);
            }
            if answer.status() == 401 && !renewed && credentials.source.can_renew() {
                renewed = true;
                self.tokens.forget(&(), |kept| *kept == token);
                continue;
            }
            return Err(refuse(&answer, &credentials.source));
        }
    }

    fn kms(&self, action: &str, call: &Call<'_>) -> Result<Answer, KeyError> {
        let credentials = self.credentials()?;
        let url = format!("{}/v1/{}:{action}", self.endpoint(&credentials)?, call.name);
        self.ask(
            &credentials,
            || {
                Request::post(url.clone())
                    .with_header("content-type", "application/json")
                    .with_body(to_json(call))
            },
            |answer, who| refusal(answer, action, call.name, who),
        )
    }

    fn credentials(&self) -> Result<Credentials, KeyError> {
        self.credentials.get(&(), || {
            let mut chain = Chain::new(&self.env);
            let credentials = chain.credentials();
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            *places = chain.places;
            Ok(crate::kept::Fresh {
                value: credentials?,
                until: None,
            })
        })
    }

    fn token(&self, source: &Source) -> Result<Token, KeyError> {
        self.tokens
            .get(&(), || self.fetch(source, credentials::DEPTH))
    }

    /// Where KMS is: what variables say, then the credentials, then Google.
    fn endpoint(&self, credentials: &Credentials) -> Result<String, KeyError> {
        const ENDPOINT: &str = "SOPS_GCP_KMS_ENDPOINT";
        if let Some(endpoint) = self.env.var(ENDPOINT) {
            let endpoint = match endpoint.contains("://") {
                true => endpoint,
                false => format!("https://{endpoint}"),
            };
            if Origin::of(&endpoint).is_none() {
                return Err(self
                    .env
                    .unusable(ENDPOINT, "a host, or an http or https address"));
            }
            return Ok(endpoint.trim_end_matches('/').to_owned());
        }
        let variables = ["SOPS_GCP_KMS_UNIVERSE_DOMAIN", UNIVERSE_VARIABLE];
        let domain = self.universe(credentials, &variables)?;
        Ok(format!("https://cloudkms.{domain}"))
    }

    /// The domain of Google's services: what one of the variables says, then
    /// the credentials.
    fn universe(&self, credentials: &Credentials, variables: &[&str]) -> Result<String, KeyError> {
        let mut asked = variables.iter().map(|&name| (name, self.env.var(name)));
        let asked = asked.find_map(|(name, domain)| Some((name, domain?)));
        let theirs = credentials.universe.as_deref();
        let (name, domain) = match &asked {
            None => ("universe_domain", theirs.unwrap_or(UNIVERSE)),
            Some((name, domain)) => {
                if let Some(theirs) = theirs
                    && theirs != domain
                {
                    return Err(KeyError::new(
                        Reason::NoCredentials,
                        format!("{name} is {domain}, and the credentials are for {theirs}"),
                    )
                    .advise(format!(
                        "unset {name}, or give credentials of that universe"
                    )));
                }
                (*name, &**domain)
            }
        };
        if !resource::is_domain(domain) {
            return Err(self.env.unusable(name, "a domain"));
        }
        Ok(domain.to_owned())
    }
}

/// The resource id of a recipient.
fn name_of(recipient: &Recipient) -> Result<&str, KeyError> {
    let Recipient::GcpKms { resource_id, .. } = recipient else {
        return Err(KeyError::not_ours());
    };
    if resource::is_key(resource_id) {
        return Ok(resource_id);
    }
    Err(KeyError::new(
        Reason::Invalid,
        format!("{resource_id} is not the resource id of a KMS key"),
    )
    .advise(
        "a resource id is like projects/PROJECT/locations/global/keyRings/RING/cryptoKeys/KEY, \
         without a version",
    ))
}

/// A token that is not taken, though it was renewed where it can be.
fn not_accepted(answer: &Answer, who: impl std::fmt::Display) -> KeyError {
    let detail = format!("the token of {who} is not accepted");
    refused(answer, Reason::Denied, &detail).advise(format!("renew the credentials of {who}"))
}

fn refusal(answer: &Answer, action: &str, key: &str, who: &Source) -> KeyError {
    let of = |reason, detail: String| refused(answer, reason, &detail);
    let (role, permission) = match action {
        "encrypt" => ("cryptoKeyEncrypter", "useToEncrypt"),
        _ => ("cryptoKeyDecrypter", "useToDecrypt"),
    };
    let codes = codes(answer);
    let has = |code: &str| codes.iter().any(|other| other == code);
    match answer.status() {
        401 => not_accepted(answer, who),
        // Google does not say whether the key is there to those who may not
        // use it.
        403 => of(
            Reason::Denied,
            format!("cloudkms.cryptoKeyVersions.{permission} is not allowed for {who} on {key}"),
        )
        .advise(format!(
            "grant roles/cloudkms.{role} on {key} to {who}, and see that the key is there and \
             that the Cloud KMS API is enabled"
        )),
        404 => of(Reason::NotFound, format!("there is no key {key}"))
            .advise("check the resource id: project, location, key ring and key"),
        400 if has("FAILED_PRECONDITION") => of(
            Reason::Unavailable,
            format!("the version of {key} that is needed is disabled or destroyed"),
        )
        .advise("enable or restore the key's version in the Google Cloud console"),
        400 if action == "decrypt" => of(Reason::NotOurs, format!("not made with {key}"))
            .advise("restore resource_id and enc of the file's `sops` block from version control"),
        _ => of(
            match answer.reason() {
                _ if answer.is_transient() => Reason::Unavailable,
                reason => reason,
            },
            format!("{action} with {key} failed"),
        ),
    }
}

impl KeyService for GcpKms {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::GcpKms
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::Network]
    }

    fn unwrap(&self, key: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        let name = name_of(key.recipient())?;
        let enc = key.enc().trim();
        if decode(&BASE64_STANDARD, enc).is_none() {
            return Err(damaged("enc is not base64", "base64"));
        }
        let call = Call {
            name,
            plaintext: None,
            ciphertext: Some(enc),
        };
        let answer = self.gcp().kms("decrypt", &call)?;
        let read = || {
            let plaintext = answer.json::<Answered<'_>>()?.plaintext?;
            decode(&BASE64_STANDARD, plaintext.as_str())
        };
        read().map(Secret::from).ok_or_else(|| unreadable(name))
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let name = name_of(to)?;
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(secret.as_bytes()));
        let call = Call {
            name,
            plaintext: Some(&plaintext),
            ciphertext: None,
        };
        let answer = self.gcp().kms("encrypt", &call)?;
        let read = || {
            let ciphertext = answer.json::<Answered<'_>>()?.ciphertext?;
            decode(&BASE64_STANDARD, ciphertext.as_str())?;
            Some(WrappedKey::new(to.clone(), ciphertext.as_str()))
        };
        read().ok_or_else(|| unreadable(name))
    }

    fn places(&self) -> Vec<Place> {
        let Some(gcp) = self.gcp.get() else {
            return Vec::new();
        };
        let places = gcp.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.clone()
    }

    fn forget_failures(&self) {
        if let Some(gcp) = self.gcp.get() {
            gcp.credentials.forget_failures();
            gcp.tokens.forget_failures();
            gcp.client.forget_failures();
            gcp.metadata.forget_failures();
        }
    }
}

//! Azure Key Vault (sops-master-keys §4).

mod chain;
mod challenge;
mod cli;
mod credentials;
mod fetch;
mod vault;

use std::sync::{Mutex, OnceLock, PoisonError};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde::{Deserialize, Serialize};
use sops_core::keys::{
    Effort, KeyError, KeyKind, KeyService, Place, Reason, Recipient, Secret, WrappedKey,
};
use zeroize::Zeroizing;

use crate::{
    Environment,
    http::{Answer, Client, Request},
    kept::{Fresh, Kept},
    oauth::Token,
    refusal::{codes, refused, unreadable},
    wire::{Text, damaged, decode, to_json},
};
use chain::Chain;
use challenge::Challenge;
use credentials::Source;
use vault::Key;

/// The release of Key Vault's interface: one that all clouds and managed HSMs
/// have.
const VERSION: &str = "api-version=7.4";

/// How sops wraps with Key Vault.
const ALGORITHM: &str = "RSA-OAEP-256";

/// Opens and wraps keys with Azure Key Vault and Managed HSM.
///
/// Credentials come from where sops, by way of Azure's Go library, takes
/// them: the environment (`AZURE_CLIENT_SECRET`,
/// `AZURE_CLIENT_CERTIFICATE_PATH`); workload identity
/// (`AZURE_FEDERATED_TOKEN_FILE`, as AKS sets it); managed identity
/// (`IDENTITY_ENDPOINT`, else the machine's metadata server); `az`, where the
/// [policy](crate::Policy) lets programs be run. `AZURE_TOKEN_CREDENTIALS`
/// narrows them down, `AZURE_AUTHORITY_HOST` says who gives tokens.
///
/// A token goes only to a host of Azure's own Key Vault domains, and only if
/// the vault asks for one that is good there. Other domains are those that
/// whoever runs the program names in `KSOPS_AZURE_VAULT_DOMAINS`, with commas
/// between.
///
/// ```no_run
/// use sops_core::Keyring;
/// use sops_kms::{AzureKeyVault, Environment, Policy};
///
/// let mut keyring = Keyring::new();
/// let env = Environment::of_process(Policy::default());
/// keyring.add_service(AzureKeyVault::new(env));
/// ```
pub struct AzureKeyVault {
    env: Environment,
    /// Made when the first key is asked for.
    azure: OnceLock<Azure>,
}

/// What works on requests.
struct Azure {
    env: Environment,
    client: Client,
    neighbours: Client,
    metadata: Client,
    /// What each vault asks for, by its address.
    challenges: Kept<String, Challenge, KeyError>,
    /// Found once, as the environment says.
    sources: Kept<(), Vec<Source>, KeyError>,
    /// With whose they are, by what they are good for.
    tokens: Kept<Challenge, (Token, String), KeyError>,
    /// The newest version of a key, by its URL.
    versions: Kept<String, String, KeyError>,
    /// Where credentials were looked for.
    places: Mutex<Vec<Place>>,
}

impl AzureKeyVault {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        AzureKeyVault {
            env,
            azure: OnceLock::new(),
        }
    }

    /// Whose credentials a vault would be asked with, as far as variables and
    /// files say: nobody is asked.
    ///
    /// # Errors
    ///
    /// Where there are none.
    pub fn outlook(&self) -> Result<String, KeyError> {
        let sources = Chain::new(&self.env).sources()?;
        let names: Vec<_> = sources.iter().map(ToString::to_string).collect();
        Ok(names.join(", else "))
    }

    fn azure(&self) -> &Azure {
        self.azure.get_or_init(|| Azure {
            env: self.env.clone(),
            client: Client::new(&self.env),
            neighbours: Client::for_neighbours(&self.env),
            metadata: Client::for_metadata(&self.env),
            challenges: Kept::default(),
            sources: Kept::default(),
            tokens: Kept::default(),
            versions: Kept::default(),
            places: Mutex::default(),
        })
    }

    fn key<'a>(&self, recipient: &'a Recipient) -> Result<Key<'a>, KeyError> {
        Key::of(recipient, &self.env)
    }
}

#[derive(Serialize)]
struct Call<'a> {
    alg: &'a str,
    value: &'a str,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    value: Text<'a>,
}

impl Azure {
    /// Sends a request of Key Vault. The first one to a vault goes without a
    /// token and without a body, to hear which token it wants.
    fn send(&self, key: &Key<'_>, request: &Request) -> Result<Answer, KeyError> {
        let challenge = self.challenge(key, request)?;
        let mut renewed = false;
        loop {
            let (token, who) = self.token(&challenge)?;
            let answer = self.client.send(&token.sign(request.clone()))?;
            if answer.is_success() {
                return Ok(answer);
            }
            if answer.status() == 401 && !renewed {
                renewed = true;
                self.tokens.forget(&challenge, |(kept, _)| *kept == token);
                continue;
            }
            return Err(refusal(&answer, key, &who));
        }
    }

    fn challenge(&self, key: &Key<'_>, request: &Request) -> Result<Challenge, KeyError> {
        self.challenges.get(&key.address, || {
            let bare = match request.method() {
                "GET" => Request::get(request.url()),
                _ => Request::post(request.url()),
            };
            let answer = self.client.send(&bare)?;
            if answer.status() != 401 {
                let reason = match answer.reason() {
                    Reason::NotFound => Reason::Unavailable,
                    reason => reason,
                };
                let detail = format!("{} does not answer as a vault does", key.address);
                return Err(refused(&answer, reason, &detail));
            }
            let value = Challenge::of(answer.header("www-authenticate"), key)?;
            Ok(Fresh { value, until: None })
        })
    }

    fn token(&self, challenge: &Challenge) -> Result<(Token, String), KeyError> {
        self.tokens.get(challenge, || {
            let sources = self.sources.get(&(), || {
                let mut chain = Chain::new(&self.env);
                let sources = chain.sources();
                let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
                *places = chain.places;
                Ok(Fresh {
                    value: sources?,
                    until: None,
                })
            })?;
            let mut failure = None;
            for source in &sources {
                match self.fetch(source, challenge) {
                    Ok(token) => {
                        return Ok(Fresh {
                            value: (token.value, source.to_string()),
                            until: token.until,
                        });
                    }
                    // Only one that is not there leaves room for the next.
                    Err(error) if error.reason() == Reason::NoCredentials => {
                        failure.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(failure.unwrap_or_else(chain::none))
        })
    }

    /// The newest version of a key.
    fn version(&self, key: &Key<'_>) -> Result<String, KeyError> {
        #[derive(Deserialize)]
        struct Answered {
            key: Id,
        }
        #[derive(Deserialize)]
        struct Id {
            kid: String,
        }
        let url = format!("{}/keys/{}", key.address, key.name);
        self.versions.get(&url, || {
            let request = Request::get(format!("{url}?{VERSION}"));
            let answer = self.send(key, &request)?;
            let read = || {
                let kid = answer.json::<Answered>()?.key.kid;
                let version = kid.rsplit('/').next()?;
                (vault::is_name(version) && version != key.name).then(|| version.to_owned())
            };
            let value = read().ok_or_else(|| unreadable(&url))?;
            Ok(Fresh { value, until: None })
        })
    }

    /// `encrypt` and `decrypt`, with the version that is taken.
    fn call(&self, key: &Key<'_>, action: &str, value: &str) -> Result<(Answer, String), KeyError> {
        let version = match key.version {
            "" => self.version(key)?,
            version => version.to_owned(),
        };
        let url = format!(
            "{}/keys/{}/{version}/{action}?{VERSION}",
            key.address, key.name
        );
        let call = Call {
            alg: ALGORITHM,
            value,
        };
        let request = Request::post(url)
            .with_header("content-type", "application/json")
            .with_body(to_json(&call));
        Ok((self.send(key, &request)?, version))
    }
}

fn refusal(answer: &Answer, key: &Key<'_>, who: &str) -> KeyError {
    let of = |reason, detail: String| refused(answer, reason, &detail);
    let codes = codes(answer);
    let has = |code: &str| codes.iter().any(|other| other == code);
    match answer.status() {
        401 => of(
            Reason::Denied,
            format!("the token of {who} is not accepted by {}", key.address),
        )
        .advise("see whether the vault is of the same tenant as the credentials"),
        403 if has("ForbiddenByConnection") => of(
            Reason::Denied,
            format!("the firewall of {} does not let us in", key.address),
        )
        .advise("allow this network in the vault's firewall, or use a private endpoint"),
        403 if has("KeyDisabled") || has("ForbiddenByKeyState") => of(
            Reason::Unavailable,
            format!("{key} is disabled or has expired"),
        )
        .advise("enable the key's version in the Azure portal"),
        403 => of(Reason::Denied, format!("not allowed for {who} on {key}")).advise(format!(
            "give {who} the role Key Vault Crypto User on the vault, or the key permissions get, \
             encrypt and decrypt in its access policy"
        )),
        404 => of(Reason::NotFound, format!("there is no key {key}"))
            .advise("check vault_url, name and version: it may have been deleted"),
        400 => of(Reason::NotOurs, format!("not made with {key}")).advise(
            "restore vault_url, name, version and enc of the file's `sops` block from version \
             control",
        ),
        _ => of(
            match answer.reason() {
                _ if answer.is_transient() => Reason::Unavailable,
                reason => reason,
            },
            format!("{key} cannot be used"),
        ),
    }
}

impl KeyService for AzureKeyVault {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::AzureKeyVault
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::Network]
    }

    fn unwrap(&self, wrapped: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        let key = self.key(wrapped.recipient())?;
        let enc = wrapped.enc().trim();
        if decode(&BASE64_URL_SAFE_NO_PAD, enc).is_none() {
            return Err(damaged("enc is not base64url", "base64"));
        }
        let (answer, _) = self.azure().call(&key, "decrypt", enc)?;
        let read = || {
            let value = answer.json::<Answered<'_>>()?.value;
            decode(&BASE64_URL_SAFE_NO_PAD, value.as_str())
        };
        read()
            .map(Secret::from)
            .ok_or_else(|| unreadable(&key.to_string()))
    }

    /// The recipient of what it gives has the version that was looked up.
    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let key = self.key(to)?;
        let value = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(secret.as_bytes()));
        let (answer, version) = self.azure().call(&key, "encrypt", &value)?;
        let read = || {
            let value = answer.json::<Answered<'_>>()?.value;
            decode(&BASE64_URL_SAFE_NO_PAD, value.as_str())?;
            let recipient = Recipient::azure_key_vault(key.url, key.name, version);
            Some(WrappedKey::new(recipient, value.as_str()))
        };
        read().ok_or_else(|| unreadable(&key.to_string()))
    }

    fn places(&self) -> Vec<Place> {
        let Some(azure) = self.azure.get() else {
            return Vec::new();
        };
        let places = azure.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.clone()
    }

    fn forget_failures(&self) {
        if let Some(azure) = self.azure.get() {
            azure.challenges.forget_failures();
            azure.sources.forget_failures();
            azure.tokens.forget_failures();
            azure.versions.forget_failures();
            azure.client.forget_failures();
            azure.neighbours.forget_failures();
            azure.metadata.forget_failures();
        }
    }
}

//! HashiCorp Vault's and OpenBao's transit engine (sops-master-keys §5).

mod address;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sops_core::keys::{
    Effort, Found, KeyError, KeyKind, KeyService, Location, Place, Reason, Recipient, Secret,
    WrappedKey,
};
use zeroize::Zeroizing;

use crate::{
    Environment,
    http::{Answer, Client, Request, encode},
    kept::{Fresh, Kept},
    wire::{Text, decode, to_json},
};
use address::{Address, Trusted};

/// The role of Kubernetes's login: with it, no token has to be kept.
const ROLE: &str = "KSOPS_VAULT_ROLE";

/// Where the login is mounted in Vault.
const MOUNT: &str = "KSOPS_VAULT_AUTH_PATH";

/// The pod's own token.
const TOKEN_FILE: &str = "KSOPS_VAULT_TOKEN_FILE";
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Opens and wraps keys with Vault's or OpenBao's transit engine.
///
/// The token is that of `VAULT_TOKEN`; else, where `KSOPS_VAULT_ROLE` names a
/// role, one that Vault gives for the pod's own token (Kubernetes login at
/// `KSOPS_VAULT_AUTH_PATH`, `kubernetes` unless set); else that of
/// `~/.vault-token`. `VAULT_NAMESPACE`, `VAULT_CACERT`, `VAULT_CACERT_BYTES`,
/// `VAULT_CAPATH`, `VAULT_CLIENT_CERT`, `VAULT_CLIENT_KEY`,
/// `VAULT_TLS_SERVER_NAME`, `VAULT_SKIP_VERIFY` and `VAULT_AGENT_ADDR` have the
/// meaning that they have for Vault.
///
/// The address stands in the file, and a token would go there:
///
/// * `SOPS_HC_VAULT_ALLOWLIST`, where set, has sops's meaning;
/// * else only the origin of `VAULT_ADDR` is asked, where that is set;
/// * else nobody where files are [strangers'](crate::Policy::with_strangers_files),
///   and whoever the file names where they are not, as in sops.
///
/// The pod's own token only goes to an address that a variable names.
///
/// ```no_run
/// use sops_core::Keyring;
/// use sops_kms::{Environment, Policy, Vault};
///
/// let mut keyring = Keyring::new();
/// keyring.add_service(Vault::new(Environment::of_process(Policy::default())));
/// ```
pub struct Vault {
    env: Environment,
    /// Made when the first key is asked for.
    state: OnceLock<State>,
}

struct State {
    client: Client,
    /// By the server's address.
    tokens: Kept<String, Token, KeyError>,
    places: Mutex<Vec<Place>>,
}

#[derive(Clone)]
struct Token {
    /// None where there is none: an agent may add its own.
    text: Option<Zeroizing<String>>,
    /// Whose it is, for messages.
    who: String,
    /// Whether another can be had.
    renewable: bool,
}

/// Where a token would come from.
enum Source {
    Given(Zeroizing<String>),
    Login(String),
    File(PathBuf),
    Nowhere,
}

struct Key<'a> {
    address: Address,
    engine: &'a str,
    name: &'a str,
}

impl Vault {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        Vault {
            env,
            state: OnceLock::new(),
        }
    }

    /// Whose token a key would be asked for with, and where it may go: nobody
    /// is asked.
    ///
    /// # Errors
    ///
    /// Where there is none, or it may go nowhere.
    pub fn outlook(&self) -> Result<String, KeyError> {
        let who = match self.source() {
            Source::Given(_) => format!("the token of {}", self.env.name_of("VAULT_TOKEN")),
            Source::Login(role) => format!("the pod's own token, as role {role} ({ROLE})"),
            Source::File(path) if path.is_file() => format!("the token of {}", path.display()),
            Source::File(_) | Source::Nowhere => return Err(no_token()),
        };
        Ok(format!("{who}, for {}", address::outlook(&self.env)?))
    }

    fn state(&self) -> &State {
        self.state.get_or_init(|| {
            let path = |name| self.env.path_var(name);
            let mut client = Client::new(&self.env)
                .trusting_file(path("VAULT_CACERT"))
                .trusting_directory(path("VAULT_CAPATH"))
                .trusting_pem(self.env.var("VAULT_CACERT_BYTES"))
                .with_server_name(self.env.var("VAULT_TLS_SERVER_NAME"))
                .without_verification(self.env.flag("VAULT_SKIP_VERIFY"));
            if let (Some(certificate), Some(key)) =
                (path("VAULT_CLIENT_CERT"), path("VAULT_CLIENT_KEY"))
            {
                client = client.with_identity(certificate, key);
            }
            State {
                client,
                tokens: Kept::default(),
                places: Mutex::default(),
            }
        })
    }

    fn source(&self) -> Source {
        if let Some(token) = self.env.secret_var("VAULT_TOKEN") {
            return Source::Given(token);
        }
        if let Some(role) = self.env.var(ROLE) {
            return Source::Login(role);
        }
        match self.env.home() {
            Some(home) => Source::File(home.join(".vault-token")),
            None => Source::Nowhere,
        }
    }

    fn key<'a>(&self, recipient: &'a Recipient) -> Result<Key<'a>, KeyError> {
        let Recipient::Vault {
            address,
            engine_path,
            key_name,
            ..
        } = recipient
        else {
            return Err(KeyError::not_ours());
        };
        let engine = engine_path.trim_matches('/');
        let parts = || engine.split('/').chain([key_name.as_str()]);
        if parts().any(|part| matches!(part, "" | "." | "..")) || key_name.contains('/') {
            return Err(KeyError::new(
                Reason::Invalid,
                "engine_path and key_name are not the path of a transit key",
            )
            .advise("an address is like https://vault.example.org:8200/v1/transit/keys/NAME"));
        }
        Ok(Key {
            address: Address::allowed(&self.env, address)?,
            engine,
            name: key_name,
        })
    }

    /// `PUT …/v1/ENGINE/ACTION/KEY`, once more with a new token where a login
    /// gave one that is not taken.
    fn ask(&self, key: &Key<'_>, action: &str, body: &impl Serialize) -> Result<Answer, KeyError> {
        let engine: Vec<String> = key.engine.split('/').map(encode).collect();
        let url = format!(
            "{}/v1/{}/{action}/{}",
            key.address.url,
            engine.join("/"),
            encode(key.name)
        );
        let state = self.state();
        let mut renewed = false;
        loop {
            let token = self.token(&key.address)?;
            let mut request = self.request(Request::put(url.clone()))?;
            if let Some(text) = &token.text {
                request = request.with_header("x-vault-token", text.as_str());
            }
            let request = request.with_body(to_json(body)).retried_when(|answer| {
                // A replica that is not up to date yet.
                answer.status() == 412
            });
            let answer = state.client.send(&request)?;
            if answer.is_success() {
                return Ok(answer);
            }
            if answer.status() == 403 && token.renewable && !renewed {
                renewed = true;
                let stale = |kept: &Token| kept.text == token.text;
                state.tokens.forget(&key.address.url, stale);
                continue;
            }
            let path = format!("{}/{action}/{}", key.engine, key.name);
            return Err(refusal(&answer, &key.address.url, &path, &token));
        }
    }

    /// The headers that all requests have.
    fn request(&self, request: Request) -> Result<Request, KeyError> {
        let mut request = request
            .with_header("x-vault-request", "true")
            .with_header("content-type", "application/json");
        if let Some(namespace) = self.env.var("VAULT_NAMESPACE") {
            request = request.with_header("x-vault-namespace", namespace);
        }
        Ok(request)
    }

    fn token(&self, address: &Address) -> Result<Token, KeyError> {
        self.state().tokens.get(&address.url, || {
            let forever = |value| Fresh { value, until: None };
            let token = |text, who: &str| Token {
                text,
                who: who.into(),
                renewable: false,
            };
            match self.source() {
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
        let request = self.request(Request::post(url))?.with_body(body);
        let answer = self.state().client.send(&request)?;
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
        };
        let auth = answer.json::<Answered<'_>>().ok_or_else(unreadable)?.auth;
        let lease = Duration::from_secs(auth.lease_duration);
        Ok(Fresh {
            value: Token {
                text: Some(Zeroizing::new(auth.client_token.as_str().to_owned())),
                who,
                renewable: true,
            },
            until: (!lease.is_zero())
                .then(|| SystemTime::now().checked_add(lease))
                .flatten(),
        })
    }

    fn note(&self, place: Place) {
        let places = &self.state().places;
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        if !places.contains(&place) {
            places.push(place);
        }
    }

    fn note_variable(&self, variable: &'static str, found: Found) {
        let variable = variable.into();
        self.note(Place::new(Location::Variable { variable }, found));
    }
}

fn usable(what: impl Into<String>) -> Found {
    Found::Usable { what: what.into() }
}

fn no_token() -> KeyError {
    KeyError::new(Reason::NoCredentials, "no token of Vault").advise(format!(
        "set VAULT_TOKEN, log in with `vault login`, or in a pod set {ROLE} to a role of Vault's \
         Kubernetes login"
    ))
}

/// A refusal as a failure. Of the body only known phrases are looked for.
fn refusal(answer: &Answer, address: &str, path: &str, token: &Token) -> KeyError {
    let status = answer.status();
    let body = String::from_utf8_lossy(answer.body());
    let says = |phrase: &str| body.contains(phrase);
    let who = &token.who;
    let of = |reason, detail: String| KeyError::new(reason, format!("{detail} ({status})"));
    match status {
        403 if says("invalid token") || says("bad token") => {
            of(Reason::Denied, format!("{address} does not know {who}"))
                .advise("the token has expired or was revoked: get a new one")
        }
        401 | 403 => of(
            Reason::Denied,
            format!("{who} is not allowed to use {path} at {address}"),
        )
        .advise(format!(
            "give the token's policy the capability update on {path}, or get a new token if it \
             has expired; VAULT_NAMESPACE must be right, too"
        )),
        404 => of(Reason::NotFound, format!("{path} at {address}"))
            .advise("check the engine's path, and VAULT_NAMESPACE"),
        400 if says("encryption key not found") => {
            of(Reason::NotFound, format!("{path} at {address}")).advise("check the key's name")
        }
        400 if says("disallowed by policy") => of(
            Reason::Denied,
            format!("the key's version is too old for {path} at {address}"),
        )
        .advise("lower the key's min_decryption_version, or restore a newer file"),
        400 => of(
            Reason::NotOurs,
            format!("not made with {path} at {address}"),
        )
        .advise(
            "restore vault_address, engine_path, key_name and enc of the file's `sops` block \
             from version control",
        ),
        503 => of(
            Reason::Unavailable,
            format!("{address} is sealed, or not ready"),
        )
        .may_help_to_retry()
        .advise("unseal Vault, or try again later"),
        _ if answer.is_transient() => of(Reason::Unavailable, format!("{address} failed for now"))
            .may_help_to_retry()
            .advise("try again: the server is busy, or has a fault that will pass"),
        _ => of(answer.reason(), format!("{path} at {address} failed"))
            .advise("the log of Vault says more"),
    }
}

#[derive(Serialize)]
struct Wrapped<'a> {
    ciphertext: &'a str,
}

#[derive(Serialize)]
struct Plain<'a> {
    plaintext: &'a str,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    plaintext: Option<Text<'a>>,
    #[serde(borrow)]
    ciphertext: Option<Text<'a>>,
}

impl KeyService for Vault {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::Vault
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::Network]
    }

    fn unwrap(&self, key: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        let fields = self.key(key.recipient())?;
        let ciphertext = key.enc();
        if ciphertext.is_empty() {
            return Err(KeyError::new(Reason::Damaged, "enc is empty").named("empty"));
        }
        let answer = self.ask(&fields, "decrypt", &Wrapped { ciphertext })?;
        let read = || {
            let answered = answer.json::<Answered<'_>>()?;
            decode(&BASE64_STANDARD, answered.data.plaintext?.as_str())
        };
        read().map(Secret::from).ok_or_else(|| no_key(&fields))
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let fields = self.key(to)?;
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(secret.as_bytes()));
        let plaintext = &plaintext;
        let answer = self.ask(&fields, "encrypt", &Plain { plaintext })?;
        let enc = answer
            .json::<Answered<'_>>()
            .and_then(|a| a.data.ciphertext);
        let enc = enc.filter(|enc| !enc.as_str().is_empty());
        let enc = enc.ok_or_else(|| no_key(&fields))?;
        Ok(WrappedKey::new(to.clone(), enc.as_str()))
    }

    fn places(&self) -> Vec<Place> {
        let Some(state) = self.state.get() else {
            return Vec::new();
        };
        let places = state.places.lock();
        places.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget_failures(&self) {
        if let Some(state) = self.state.get() {
            state.tokens.forget_failures();
            state.client.forget_failures();
        }
    }
}

fn no_key(key: &Key<'_>) -> KeyError {
    let detail = format!("the answer of {} holds no key", key.address.url);
    KeyError::new(Reason::Unavailable, detail)
}

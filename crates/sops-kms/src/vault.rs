//! HashiCorp Vault's and OpenBao's transit engine (sops-master-keys §5).

mod address;
mod client;
mod fetch;
mod kv;
mod refusal;
mod token;

use std::sync::OnceLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sops_core::keys::{
    Effort, KeyError, KeyKind, KeyService, Place, Reason, Recipient, Secret, WrappedKey,
};
use zeroize::Zeroizing;

use crate::{
    Environment,
    http::{Answer, Request, STRANGER},
    wire::{Text, damaged, decode, to_json},
};
use address::Address;
use client::Servers;
pub use kv::{VaultKv, VaultPut};
use token::Source;

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
    servers: OnceLock<Servers>,
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
            servers: OnceLock::new(),
        }
    }

    /// Whose token a key would be asked for with, and where it may go: nobody
    /// is asked.
    ///
    /// # Errors
    ///
    /// Where there is none, or it may go nowhere.
    pub fn outlook(&self) -> Result<String, KeyError> {
        let who = Source::of(&self.env).outlook(&self.env)?;
        let address = address::outlook(&self.env)?;
        Ok(format!("{who}, for {address}"))
    }

    fn servers(&self) -> &Servers {
        self.servers.get_or_init(|| Servers::new(&self.env))
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

    /// `PUT …/v1/ENGINE/ACTION/KEY`.
    fn ask(&self, key: &Key<'_>, action: &str, body: &impl Serialize) -> Result<Answer, KeyError> {
        let path = format!("{}/{action}/{}", key.engine, key.name);
        self.servers().ask(&key.address, &path, |url| {
            Request::put(url).with_body(to_json(body))
        })
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
            return Err(damaged("enc is empty", "empty"));
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
        self.servers.get().map_or_else(Vec::new, Servers::places)
    }

    fn forget_failures(&self) {
        if let Some(servers) = self.servers.get() {
            servers.forget_failures();
        }
    }
}

fn no_key(key: &Key<'_>) -> KeyError {
    let detail = format!("the answer of {} holds no key", key.address.url);
    KeyError::new(Reason::Unavailable, detail).advise(STRANGER)
}

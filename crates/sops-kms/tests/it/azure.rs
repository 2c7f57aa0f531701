//! Azure Key Vault, with fakes of a vault and its challenge, of the authority
//! that gives tokens, of managed identities and of `az`. Vaults are reached by
//! their real names, by way of a proxy that leads to this machine.

mod credentials;
mod refusals;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use rustls::{SignatureScheme, crypto::ring::default_provider};
use serde_json::{Value, json};
use sops_core::keys::{Effort, KeyError, KeyService, Reason, Recipient, Secret, WrappedKey};
use sops_kms::{AzureKeyVault, Policy};

use super::{
    fake::{Fake, Got, Reply, certificate, https, nobody, proxy, silent},
    world::{Folder, cloud, env_with},
};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const TENANT: &str = "tenant-1";
const VERSION: &str = "0123456789abcdef0123456789abcdef";

fn turned(text: &str) -> String {
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    bytes.reverse();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn challenge(resource: &str) -> Reply {
    let header = format!(
        "Bearer authorization=\"https://login.evil.example/{TENANT}\", resource=\"{resource}\""
    );
    let body = json!({"error": {"code": "Unauthorized", "message": "planted"}});
    Reply::with(401, &[("www-authenticate", &header)], body.to_string())
}

/// A vault, for one token.
fn vault(got: &Got, token: &str) -> Reply {
    let authorization = got.header("authorization");
    if authorization.is_empty() {
        assert!(got.body.is_empty(), "no key before a token");
    }
    if authorization != format!("Bearer {token}") {
        return challenge("https://vault.azure.net");
    }
    let kid = format!("https://unit.vault.azure.net/keys/k/{VERSION}");
    let path = got.target.strip_suffix("?api-version=7.4").unwrap();
    if path == "/keys/k" {
        assert_eq!(got.method, "GET");
        return Reply::json(200, json!({"key": {"kid": kid, "kty": "RSA"}}).to_string());
    }
    let action = path.strip_prefix(&format!("/keys/k/{VERSION}/")).unwrap();
    assert!(matches!(action, "encrypt" | "decrypt"), "{path}");
    assert_eq!(got.method, "POST");
    let call: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(call["alg"], "RSA-OAEP-256");
    let value = turned(call["value"].as_str().unwrap());
    Reply::json(200, json!({"kid": kid, "value": value}).to_string())
}

fn token(text: &str) -> Reply {
    let answer = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": text});
    Reply::json(200, answer.to_string())
}

/// What an authority gets, as pairs.
fn form(got: &Got) -> Vec<(String, String)> {
    assert_eq!(got.method, "POST");
    assert_eq!(got.target, format!("/{TENANT}/oauth2/v2.0/token"));
    let unescape = |text: &str| {
        let text = text.replace("%3A", ":").replace("%2F", "/");
        assert!(!text.contains('%'));
        text
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), unescape(value))
    };
    got.text().split('&').map(pair).collect()
}

fn field(form: &[(String, String)], name: &str) -> String {
    let found = form.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// A vault and the proxy to it; what they count.
struct World {
    vault: Fake,
    proxy: SocketAddr,
    through: Arc<AtomicUsize>,
}

impl World {
    fn new(handler: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Self {
        let (proxy, through) = proxy();
        World {
            vault: https("azure", false, handler),
            proxy,
            through,
        }
    }

    fn of_token(token: &'static str) -> Self {
        Self::new(move |got| vault(got, token))
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.vault.address().port())
    }

    fn recipient(&self, version: &str) -> Recipient {
        Recipient::azure_key_vault(self.url("unit.vault.azure.net"), "k", version)
    }

    fn service_with(&self, vars: &[(&str, &str)], policy: Policy) -> AzureKeyVault {
        let proxy = format!("http://{}", self.proxy);
        let ca = certificate("azure-ca.pem").display().to_string();
        let mut all = vec![("HTTPS_PROXY", proxy.as_str()), ("SSL_CERT_FILE", &ca)];
        all.extend(vars);
        AzureKeyVault::new(env_with(&all, policy))
    }

    fn service(&self, vars: &[(&str, &str)]) -> AzureKeyVault {
        self.service_with(vars, Policy::default())
    }

    fn open(&self, service: &AzureKeyVault) -> Result<Vec<u8>, KeyError> {
        let enc = turned(&BASE64_URL_SAFE_NO_PAD.encode(KEY));
        let key = WrappedKey::new(self.recipient(VERSION), enc);
        Ok(service.unwrap(&key, Effort::Network)?.as_bytes().to_vec())
    }
}

fn authority(handler: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Fake {
    https("azure", false, handler)
}

const APPLICATION: [(&str, &str); 2] = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", "app-1")];

fn shown(error: &KeyError, world: &World) -> String {
    let advice = error.advice().unwrap_or("-");
    let again = if error.is_transient() { " [again]" } else { "" };
    let port = format!(":{}", world.vault.address().port());
    format!("{error}{again}\n{advice}\n").replace(&port, "")
}

#[test]
fn there_and_back_with_a_secret() {
    let world = World::of_token("t0k3n");
    let authority = authority(|got| {
        let form = form(got);
        assert_eq!(field(&form, "client_id"), "app-1");
        assert_eq!(field(&form, "client_secret"), "s/1");
        assert_eq!(field(&form, "grant_type"), "client_credentials");
        assert_eq!(field(&form, "scope"), "https://vault.azure.net/.default");
        token("t0k3n")
    });
    let url = authority.url() + "/";
    let mut vars = vec![
        ("AZURE_CLIENT_SECRET", "s/1"),
        ("AZURE_AUTHORITY_HOST", &*url),
    ];
    vars.extend(APPLICATION);
    let service = world.service(&vars);
    assert_eq!(
        service.outlook().unwrap(),
        "application app-1 (by AZURE_CLIENT_SECRET)"
    );
    for _ in 0..3 {
        assert_eq!(world.open(&service).unwrap(), KEY);
    }
    // The version is looked up once, and stands in what is written.
    for _ in 0..2 {
        let key = service
            .wrap(&world.recipient(""), &Secret::from(KEY.to_vec()))
            .unwrap();
        assert_eq!(*key.recipient(), world.recipient(VERSION));
        assert_eq!(key.enc(), turned(&BASE64_URL_SAFE_NO_PAD.encode(KEY)));
    }
    // A challenge, three keys opened, a version, two keys wrapped.
    assert_eq!((world.vault.got().len(), authority.got().len()), (7, 1));
    assert_eq!(world.through.load(Ordering::SeqCst), 1);
}

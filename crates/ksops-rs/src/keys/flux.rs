//! Credentials of clouds in a folder of keys, by the names that Flux's
//! kustomize-controller gives them in a decryption Secret (flux-secrets), so
//! that one Secret serves both.

use std::{ffi::OsStr, fs::Metadata, path::Path};

use sops_core::keys::{KeyError, KeyKind, Reason};
use sops_kms::{Environment, environment::Credentials};
use zeroize::Zeroizing;

use crate::{error::io_reason, yaml};

/// The name of the file for a kind of key.
pub(super) const FILES: [(&str, KeyKind); 4] = [
    ("sops.aws-kms", KeyKind::AwsKms),
    ("sops.azure-kv", KeyKind::AzureKeyVault),
    ("sops.gcp-kms", KeyKind::GcpKms),
    ("sops.vault-token", KeyKind::Vault),
];

/// Whether a file of this name holds credentials.
pub(super) fn is_key_file(name: &OsStr) -> bool {
    FILES.iter().any(|(file, _)| name == *file)
}

/// Reads the credentials of a file, and says in words what they are.
///
/// # Errors
///
/// Where it cannot be read, or lacks what the kind needs. The error holds
/// nothing of the file.
pub(super) fn read(
    kind: KeyKind,
    path: &Path,
    env: &Environment,
) -> Result<(Credentials, String), KeyError> {
    let bad =
        |why: &str| KeyError::new(Reason::NoCredentials, format!("{}: {why}", path.display()));
    // The end of a pipe may never come.
    let is_special = |found: Metadata| !found.is_file() && !found.is_dir();
    if path.metadata().is_ok_and(is_special) {
        return Err(bad("not a file").advise("put the key of the mounted Secret there"));
    }
    let bytes = env.read(path).map_err(|error| {
        bad(&io_reason(&error)).advise("make the file readable for the user of this program")
    })?;
    let credentials = Credentials::of_file(path);
    let read = match kind {
        KeyKind::AwsKms => aws(&bytes, credentials),
        KeyKind::AzureKeyVault => azure(&bytes, credentials),
        KeyKind::GcpKms => gcp(&bytes, credentials),
        _ => vault(&bytes, credentials),
    };
    read.map_err(|(why, advice)| bad(&why).advise(advice))
}

/// What was read; or what is wrong, and what a person can do.
type Read = Result<(Credentials, String), (String, &'static str)>;

fn aws(bytes: &[u8], credentials: Credentials) -> Read {
    const ADVICE: &str = "it is YAML with aws_access_key_id, aws_secret_access_key and, if there is one, aws_session_token";
    let fields = Fields::read(bytes, ADVICE)?;
    let word = |name: &str| match fields.get(name) {
        Some(text) if !is_word(&text) => {
            Err((format!("{name} holds a space or a line break"), ADVICE))
        }
        text => Ok(text),
    };
    let id = fields.required("aws_access_key_id")?;
    let secret = fields.required("aws_secret_access_key")?;
    let token = word("aws_session_token")?;
    word("aws_access_key_id").and(word("aws_secret_access_key"))?;
    let mut credentials = credentials
        .with("AWS_ACCESS_KEY_ID", id)
        .with("AWS_SECRET_ACCESS_KEY", secret);
    if let Some(token) = token {
        credentials = credentials.with("AWS_SESSION_TOKEN", token);
    }
    Ok((credentials, "an access key of AWS".into()))
}

/// In Flux's order: a secret or a certificate of an application, what `az ad
/// sp create-for-rbac` prints, a managed identity.
fn azure(bytes: &[u8], credentials: Credentials) -> Read {
    const ADVICE: &str = "it is YAML or JSON with tenantId, clientId and clientSecret or \
        clientCertificate; or tenant, appId and password; or clientId alone, for a managed identity";
    const CHOICE: &str = "AZURE_TOKEN_CREDENTIALS";
    let text = utf16(bytes);
    let fields = Fields::read(text.as_ref().map_or(bytes, |text| text.as_bytes()), ADVICE)?;
    let text = |text: &str| Zeroizing::new(text.to_owned());
    let mut credentials = credentials;
    if let Some(host) = fields.get("authorityHost") {
        credentials = credentials.with("AZURE_AUTHORITY_HOST", host);
    }
    let application = |credentials: Credentials, tenant, client: Zeroizing<String>| {
        let what = format!("application {}", client.as_str());
        let credentials = credentials
            .with(CHOICE, text("EnvironmentCredential"))
            .with("AZURE_TENANT_ID", tenant)
            .with("AZURE_CLIENT_ID", client);
        (credentials, what)
    };
    if let (Some(tenant), Some(client)) = (fields.get("tenantId"), fields.get("clientId")) {
        if let Some(secret) = fields.get("clientSecret") {
            let (credentials, what) = application(credentials, tenant, client);
            return Ok((credentials.with("AZURE_CLIENT_SECRET", secret), what));
        }
        if let Some(pem) = fields.get("clientCertificate") {
            if fields.get("clientCertificatePassword").is_some() {
                return Err((
                    "clientCertificatePassword: a certificate under a password is not supported"
                        .into(),
                    "give the certificate and its key in PEM without a password",
                ));
            }
            let (mut credentials, what) = application(credentials, tenant, client);
            if fields.is_true("clientCertificateSendChain") {
                let name = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN";
                credentials = credentials.with(name, text("true"));
            }
            let pem = Zeroizing::new(pem.as_bytes().to_vec());
            let name = "AZURE_CLIENT_CERTIFICATE_PATH";
            return Ok((credentials.with_certificate(name, pem), what));
        }
    }
    let printed = (
        fields.get("tenant"),
        fields.get("appId"),
        fields.get("password"),
    );
    if let (Some(tenant), Some(client), Some(secret)) = printed {
        let (credentials, what) = application(credentials, tenant, client);
        return Ok((credentials.with("AZURE_CLIENT_SECRET", secret), what));
    }
    match fields.get("clientId") {
        Some(client) => {
            let what = format!("managed identity {}", client.as_str());
            let credentials = credentials
                .with(CHOICE, text("ManagedIdentityCredential"))
                .with("AZURE_CLIENT_ID", client)
                .of_machine();
            Ok((credentials, what))
        }
        None => Err(("it names no application and no identity".into(), ADVICE)),
    }
}

fn gcp(bytes: &[u8], credentials: Credentials) -> Read {
    const ADVICE: &str = "it is the JSON that Google gives for a service account, or for workload \
        identity federation";
    let json = std::str::from_utf8(bytes).unwrap_or_default().trim();
    // Anything else would be taken for the name of a file.
    if !json.starts_with('{') {
        return Err(("not a JSON object".into(), ADVICE));
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(json) {
        let (line, column) = (error.line(), error.column());
        let why = format!("not JSON (line {line}, column {column})");
        return Err((why, ADVICE));
    }
    let json = Zeroizing::new(json.to_owned());
    let credentials = credentials.with("GOOGLE_CREDENTIALS", json);
    Ok((credentials, "credentials of Google Cloud".into()))
}

fn vault(bytes: &[u8], credentials: Credentials) -> Read {
    const ADVICE: &str = "it holds a token of Vault or OpenBao, and nothing else";
    let token = std::str::from_utf8(bytes).unwrap_or_default().trim();
    if token.is_empty() {
        return Err(("there is no token in it".into(), ADVICE));
    }
    if !is_word(token) {
        return Err(("there is more in it than a token".into(), ADVICE));
    }
    let token = Zeroizing::new(token.to_owned());
    let credentials = credentials.with("VAULT_TOKEN", token);
    Ok((credentials, "a token of Vault".into()))
}

/// Whether a text can stand in the header of a request as it is.
fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What PowerShell writes: UTF-16 with a mark in front.
fn utf16(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let (rest, little) = match bytes {
        [0xff, 0xfe, rest @ ..] => (rest, true),
        [0xfe, 0xff, rest @ ..] => (rest, false),
        _ => return None,
    };
    let units = rest.chunks_exact(2).map(|pair| match (pair, little) {
        (&[a, b], true) => u16::from_le_bytes([a, b]),
        (&[a, b], false) => u16::from_be_bytes([a, b]),
        _ => 0,
    });
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for unit in char::decode_utf16(units) {
        text.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Some(text)
}

/// The fields of a mapping in YAML, or in JSON, which is YAML.
struct Fields<'a> {
    document: go_yaml::Document<'a>,
    root: go_yaml::NodeId,
    advice: &'static str,
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8], advice: &'static str) -> Result<Self, (String, &'static str)> {
        let not_yaml = |line: Option<usize>| {
            let at = line.map_or(String::new(), |line| format!(" (line {line})"));
            (format!("not YAML{at}"), advice)
        };
        // What the parser says may quote a value.
        let text = std::str::from_utf8(bytes).map_err(|_| not_yaml(None))?;
        let document = yaml::parse_first("", text.as_bytes()).map_err(|_| not_yaml(None))?;
        let document = document.ok_or_else(|| not_yaml(None))?;
        let root = document.root().ok_or_else(|| not_yaml(None))?;
        Ok(Fields {
            document,
            root,
            advice,
        })
    }

    /// A field that holds a text, not an empty one. As Go reads JSON, the
    /// case of its name does not matter.
    fn get(&self, name: &str) -> Option<Zeroizing<String>> {
        let go_yaml::Kind::Mapping { entries, .. } =
            &self.document.node(self.document.follow(self.root)).kind
        else {
            return None;
        };
        let named = |exact: bool| {
            let mut entries = entries.iter().rev();
            entries.find_map(|&(key, value)| {
                let key = yaml::text(&self.document, key)?;
                let is_it = match exact {
                    true => key == name,
                    false => key.eq_ignore_ascii_case(name),
                };
                is_it.then_some(value)
            })
        };
        let value = named(true).or_else(|| named(false))?;
        let text = yaml::text(&self.document, value)?;
        let is_null = yaml::is_null(&self.document, value);
        (!text.is_empty() && !is_null).then(|| Zeroizing::new(text.to_owned()))
    }

    fn required(&self, name: &str) -> Result<Zeroizing<String>, (String, &'static str)> {
        self.get(name)
            .ok_or_else(|| (format!("there is no {name}"), self.advice))
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|text| text.as_str() == "true")
    }
}

#[cfg(test)]
mod tests;

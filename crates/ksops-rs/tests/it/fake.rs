//! A server of a cloud that stands in for the real one: it answers what the
//! test says, and keeps who asked.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use std::sync::{Arc, Mutex};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use testkit::fake::{self, Got, Reply};

/// What is answered, and by whom it was asked.
pub type Answer = (u16, Value, String);

/// A cloud that answers as the test says, and keeps who asked.
pub struct Fake {
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub fn start(answer: impl Fn(&Got) -> Answer + Send + Sync + 'static) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        let server = fake::Fake::http(move |got| {
            let (status, body, who) = answer(got);
            kept.lock().unwrap().push(who);
            Reply::json(status, body.to_string())
        });
        // It serves until the process ends.
        let url = server.url();
        Fake { url, log }
    }

    /// Who asked since the last time that this was called.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

fn body(got: &Got) -> Value {
    serde_json::from_slice(&got.body).unwrap_or_default()
}

/// "Encrypts": backwards, in base64.
pub fn turned(text: &str) -> String {
    let mut bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
    bytes.reverse();
    BASE64_STANDARD.encode(bytes)
}

/// Google Cloud KMS: a key for whoever has the token.
pub fn gcp(got: &Got) -> Answer {
    let who = got.header("authorization").to_owned();
    let call = body(got);
    let (from, to) = match got.target.contains(":encrypt") {
        true => ("plaintext", "ciphertext"),
        false => ("ciphertext", "plaintext"),
    };
    if who == "Bearer t0k3n" {
        let text = turned(call[from].as_str().unwrap_or_default());
        (200, json!({ to: text }), who)
    } else {
        let error = json!({"status": "PERMISSION_DENIED", "message": "planted"});
        (403, json!({ "error": error }), who)
    }
}

/// AWS KMS: each key for the account in whose ARN the access key's name is.
pub fn aws(got: &Got) -> Answer {
    let authorization = got.header("authorization");
    let who = authorization
        .split("Credential=")
        .nth(1)
        .unwrap_or_default();
    let who = who.split('/').next().unwrap_or_default().to_owned();
    let call = body(got);
    let key = call["KeyId"].as_str().unwrap_or_default();
    if who.is_empty() || !key.ends_with(&format!("key/{who}")) {
        let error = json!({"__type": "AccessDeniedException", "message": "planted"});
        return (400, error, who);
    }
    let text = |field: &str| turned(call[field].as_str().unwrap_or_default());
    let answer = match got.header("x-amz-target") {
        "TrentService.Encrypt" => json!({"KeyId": key, "CiphertextBlob": text("Plaintext")}),
        _ => json!({"KeyId": key, "Plaintext": text("CiphertextBlob")}),
    };
    (200, answer, who)
}

/// Vault's transit engine, for whoever has the token.
pub fn vault(got: &Got) -> Answer {
    let who = got.header("x-vault-token").to_owned();
    if who != "s.t0k3n" {
        return (403, json!({"errors": ["planted"]}), who);
    }
    let call = body(got);
    let text = |field: &str| call[field].as_str().unwrap_or_default().to_owned();
    let data = match got.target.contains("/encrypt/") {
        true => json!({"ciphertext": format!("vault:v1:{}", turned(&text("plaintext")))}),
        false => {
            let ciphertext = text("ciphertext");
            let wrapped = ciphertext.strip_prefix("vault:v1:").unwrap_or_default();
            json!({ "plaintext": turned(wrapped) })
        }
    };
    (200, json!({ "data": data }), who)
}

//! Google Cloud KMS, with fakes of KMS, of the token endpoints and of the
//! metadata server; and drongo, an emulator that somebody else wrote.

mod credentials;
mod refusals;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use rustls::{SignatureScheme, crypto::ring::default_provider};
use serde_json::{Value, json};
use sops_core::keys::{Effort, KeyError, KeyService, Reason, Recipient, Secret, WrappedKey};
use sops_kms::{
    GcpKms,
    http::{Client, Request},
};

use super::{
    fake::{Fake, Got, Reply, nobody, silent},
    servers::Server,
    world::{Folder, cloud, env},
};

const ID: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn body(got: &Got) -> Value {
    serde_json::from_slice(&got.body).unwrap()
}

/// What is encrypted is turned round.
fn turned(text: &Value) -> String {
    let mut bytes = BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap();
    bytes.reverse();
    BASE64_STANDARD.encode(bytes)
}

/// Google Cloud KMS, for one token.
fn answer(got: &Got, token: &str) -> Reply {
    if got.header("authorization") != format!("Bearer {token}") {
        let error =
            json!({"error": {"code": 401, "message": "planted", "status": "UNAUTHENTICATED"}});
        return Reply::json(401, error.to_string());
    }
    let call = body(got);
    assert_eq!(got.method, "POST");
    assert_eq!(call["name"], ID);
    let answer = match got.target.strip_prefix(&format!("/v1/{ID}:")).unwrap() {
        "encrypt" => {
            json!({"name": format!("{ID}/cryptoKeyVersions/1"), "ciphertext": turned(&call["plaintext"])})
        }
        "decrypt" => json!({"plaintext": turned(&call["ciphertext"]), "usedPrimary": true}),
        _ => panic!("{}", got.target),
    };
    Reply::json(200, answer.to_string())
}

fn kms(token: &'static str) -> Fake {
    Fake::http(move |got| answer(got, token))
}

fn service(kms: &Fake, vars: &[(&str, &str)]) -> GcpKms {
    let url = kms.url();
    let mut all = vec![("SOPS_GCP_KMS_ENDPOINT", url.as_str())];
    all.extend(vars);
    GcpKms::new(env(&all))
}

fn wrapped() -> WrappedKey {
    let mut bytes = KEY.to_vec();
    bytes.reverse();
    WrappedKey::new(Recipient::gcp_kms(ID), BASE64_STANDARD.encode(bytes))
}

fn open(service: &GcpKms) -> Result<Vec<u8>, KeyError> {
    let secret = service.unwrap(&wrapped(), Effort::Network)?;
    Ok(secret.as_bytes().to_vec())
}

/// All that a person would see of an error.
fn shown(error: &KeyError) -> String {
    let advice = error.advice().unwrap_or("-");
    let again = if error.is_transient() { " [again]" } else { "" };
    format!("{error}{again}\n{advice}")
}

#[test]
fn there_and_back() {
    let kms = kms("t0k3n");
    let service = service(&kms, &[("GOOGLE_OAUTH_ACCESS_TOKEN", "t0k3n")]);
    let to = Recipient::gcp_kms(ID);
    let key = service.wrap(&to, &Secret::from(KEY.to_vec())).unwrap();
    assert_eq!(key, wrapped());
    assert_eq!(open(&service).unwrap(), KEY);
    assert_eq!(kms.connections(), 1);
    assert_eq!(
        service.outlook().unwrap(),
        "the owner of GOOGLE_OAUTH_ACCESS_TOKEN"
    );
}

#[test]
fn only_a_resource_id_becomes_a_url() {
    let kms = kms("t");
    let service = service(&kms, &[("GOOGLE_OAUTH_ACCESS_TOKEN", "t")]);
    for id in [
        "",
        "../x",
        &format!("{ID}/cryptoKeyVersions/1"),
        &format!("{ID}:x?"),
        "a b",
    ] {
        let key = WrappedKey::new(Recipient::gcp_kms(id), "QUJD");
        let error = service.unwrap(&key, Effort::Network).unwrap_err();
        assert_eq!(error.reason(), Reason::Invalid, "{id}");
    }
    for enc in ["", "?", "QUJD*"] {
        let key = WrappedKey::new(Recipient::gcp_kms(ID), enc);
        let error = service.unwrap(&key, Effort::Network).unwrap_err();
        assert_eq!(error.reason(), Reason::Damaged, "{enc}");
    }
    assert_eq!(kms.connections(), 0);
}

/// drongo's KMS, with a key.
fn drongo() -> Option<(Server, String)> {
    let server = testkit::servers::drongo()?;
    let url = server.url();
    let post = |path: &str, body: &str| {
        let request = Request::post(format!("{url}/v1/projects/p/locations/global/{path}"))
            .with_header("content-type", "application/json")
            .with_body(body.as_bytes().to_vec());
        Client::new(&env(&[])).send(&request)
    };
    assert!(post("keyRings?keyRingId=r", "{}").unwrap().is_success());
    let key = post(
        "keyRings/r/cryptoKeys?cryptoKeyId=k",
        r#"{"purpose": "ENCRYPT_DECRYPT"}"#,
    );
    assert!(key.unwrap().is_success());
    Some((server, url))
}

#[test]
fn drongo_opens_what_it_wrapped() {
    let Some((_server, url)) = drongo() else {
        return;
    };
    let vars = [
        ("SOPS_GCP_KMS_ENDPOINT", url.as_str()),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "any"),
    ];
    let service = GcpKms::new(env(&vars));
    let to = Recipient::gcp_kms(ID);
    let key = service.wrap(&to, &Secret::from(KEY.to_vec())).unwrap();
    let secret = service.unwrap(&key, Effort::Network).unwrap();
    assert_eq!(secret.as_bytes(), KEY);
    // A key that is not there.
    let other = Recipient::gcp_kms(ID.replace("/k", "/l"));
    let error = service
        .unwrap(&WrappedKey::new(other, key.enc()), Effort::Network)
        .unwrap_err();
    assert!(
        matches!(
            error.reason(),
            Reason::NotFound | Reason::Invalid | Reason::NotOurs
        ),
        "{error}"
    );
}

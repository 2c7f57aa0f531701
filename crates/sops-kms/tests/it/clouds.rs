//! The five clouds as fakes of our own: each wraps by turning round, with a
//! sum that shows damage, and takes whatever credentials its test gives.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::fake::{Got, Reply};

/// The resource id of Google's key.
pub(crate) const GOOGLE: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";

/// Wraps bytes.
pub(crate) fn seal(plain: &[u8]) -> Vec<u8> {
    let turned = plain.iter().rev().copied();
    turned.chain(sum(plain).to_be_bytes()).collect()
}

fn open(sealed: &[u8]) -> Option<Vec<u8>> {
    let (turned, end) = sealed.split_last_chunk::<8>()?;
    let plain: Vec<u8> = turned.iter().rev().copied().collect();
    (sum(&plain) == u64::from_be_bytes(*end)).then_some(plain)
}

/// FNV-1a.
fn sum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn call(got: &Got) -> Value {
    serde_json::from_slice(&got.body).unwrap()
}

fn base64(value: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(value.as_str()?).ok()
}

fn ok(answer: &Value) -> Reply {
    Reply::json(200, answer.to_string())
}

pub(crate) fn aws(got: &Got) -> Reply {
    let call = call(got);
    if got.header("x-amz-target") == "TrentService.Encrypt" {
        let blob = seal(&base64(&call["Plaintext"]).unwrap());
        return ok(&json!({"CiphertextBlob": BASE64_STANDARD.encode(blob)}));
    }
    match base64(&call["CiphertextBlob"]).and_then(|blob| open(&blob)) {
        Some(plain) => ok(&json!({"Plaintext": BASE64_STANDARD.encode(plain)})),
        None => Reply::json(400, r#"{"__type":"InvalidCiphertextException"}"#),
    }
}

/// The engine `transit` with the key `k`.
pub(crate) fn vault(got: &Got) -> Reply {
    let call = call(got);
    if got.target == "/v1/transit/encrypt/k" {
        let sealed = seal(&base64(&call["plaintext"]).unwrap());
        let text = format!("vault:v1:{}", BASE64_STANDARD.encode(sealed));
        return ok(&json!({"data": {"ciphertext": text}}));
    }
    let text = call["ciphertext"].as_str().unwrap();
    let sealed = text.strip_prefix("vault:v1:").map(|text| json!(text));
    match sealed.and_then(|text| open(&base64(&text)?)) {
        Some(plain) => ok(&json!({"data": {"plaintext": BASE64_STANDARD.encode(plain)}})),
        None => Reply::json(400, r#"{"errors":["invalid ciphertext"]}"#),
    }
}

pub(crate) fn gcp(got: &Got) -> Reply {
    let call = call(got);
    if got.target == format!("/v1/{GOOGLE}:encrypt") {
        let sealed = seal(&base64(&call["plaintext"]).unwrap());
        return ok(&json!({"ciphertext": BASE64_STANDARD.encode(sealed)}));
    }
    match base64(&call["ciphertext"]).and_then(|sealed| open(&sealed)) {
        Some(plain) => ok(&json!({"plaintext": BASE64_STANDARD.encode(plain)})),
        None => Reply::json(400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT"}}"#),
    }
}

/// A vault that first says which token it wants.
pub(crate) fn azure(got: &Got) -> Reply {
    if got.header("authorization").is_empty() {
        return azure_challenge();
    }
    let value = call(got)["value"].as_str().unwrap().to_owned();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).unwrap();
    let bytes = match got.target.contains("/encrypt?") {
        true => Some(seal(&bytes)),
        false => open(&bytes),
    };
    match bytes {
        Some(bytes) => ok(&json!({"value": BASE64_URL_SAFE_NO_PAD.encode(bytes)})),
        None => Reply::json(400, r#"{"error":{"code":"BadParameter"}}"#),
    }
}

pub(crate) fn azure_challenge() -> Reply {
    let wanted = "Bearer authorization=\"https://login.microsoftonline.com/t\", \
                  resource=\"https://vault.azure.net\"";
    Reply::with(401, &[("www-authenticate", wanted)], "")
}

pub(crate) fn huawei(got: &Got) -> Reply {
    let call = call(got);
    let text = |name: &str| call[name].as_str().unwrap().to_owned();
    if got.target.ends_with("/encrypt-data") {
        let sealed = seal(text("plain_text").as_bytes());
        return ok(&json!({"cipher_text": BASE64_STANDARD.encode(sealed)}));
    }
    let opened = base64(&json!(text("cipher_text"))).and_then(|sealed| open(&sealed));
    match opened.and_then(|plain| String::from_utf8(plain).ok()) {
        Some(plain) => ok(&json!({"plain_text": plain})),
        None => Reply::json(400, r#"{"error":{"error_code":"KMS.0309"}}"#),
    }
}

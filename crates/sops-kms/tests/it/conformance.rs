//! What every `KeyService` must do, for each cloud: with fakes that notice
//! damage, and with OpenBao and moto.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sops_core::keys::Recipient;
use sops_kms::{
    AwsKms, AzureKeyVault, GcpKms, HuaweiKms, Vault,
    http::{Client, Request},
};
use testkit::key_service::Conformance;

use super::{
    fake::{Fake, Got, Reply, certificate, https, proxy},
    servers::{Server, open_bao, tool},
    world::env,
};

/// "Wraps" by turning round, with a sum that shows damage.
fn seal(plain: &[u8]) -> Vec<u8> {
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

#[test]
fn aws() {
    let fake = Fake::http(|got| {
        let call = call(got);
        if got.header("x-amz-target") == "TrentService.Encrypt" {
            let blob = seal(&base64(&call["Plaintext"]).unwrap());
            return ok(&json!({"CiphertextBlob": BASE64_STANDARD.encode(blob)}));
        }
        match base64(&call["CiphertextBlob"]).and_then(|blob| open(&blob)) {
            Some(plain) => ok(&json!({"Plaintext": BASE64_STANDARD.encode(plain)})),
            None => Reply::json(400, r#"{"__type":"InvalidCiphertextException"}"#),
        }
    });
    let vars = [
        ("AWS_ENDPOINT_URL", fake.url()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".into()),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI".into()),
        ("AWS_SESSION_TOKEN", "session-token".into()),
    ];
    let vars: Vec<_> = vars.iter().map(|(k, v)| (*k, &**v)).collect();
    Conformance::new(Recipient::aws_kms(
        "arn:aws:kms:eu-west-1:123456789012:key/a",
    ))
    .secret("wJalrXUtnFEMI")
    .secret("session-token")
    .check(|| AwsKms::new(env(&vars)));
}

#[test]
fn aws_with_moto() {
    let Some(program) = tool("moto_server") else {
        return;
    };
    let port = |port: u16| vec!["-p".into(), port.to_string()];
    let moto = Server::start(&program, port, &[]);
    let url = moto.url();
    let key = Request::post(url.clone() + "/")
        .with_header("x-amz-target", "TrentService.CreateKey")
        .with_header("content-type", "application/x-amz-json-1.1")
        .with_header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0",
        )
        .with_body(b"{}".to_vec());
    let key = Client::new(&env(&[])).send(&key).unwrap();
    let key: Value = serde_json::from_slice(key.body()).unwrap();
    let arn = key["KeyMetadata"]["Arn"].as_str().unwrap();
    let context = [("app".to_owned(), "a b".to_owned())].into();
    Conformance::new(Recipient::aws_kms(arn).with_context(context))
        .secret("wJalrXUtnFEMI")
        .check(|| {
            AwsKms::new(env(&[
                ("AWS_ENDPOINT_URL", &url),
                ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
            ]))
        });
}

#[test]
fn vault() {
    let fake = Fake::http(|got| {
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
    });
    Conformance::new(Recipient::vault(fake.url(), "transit", "k"))
        .secret("s.t0k3n-of-vault")
        .check(|| Vault::new(env(&[("VAULT_TOKEN", "s.t0k3n-of-vault")])));
}

#[test]
fn vault_with_openbao() {
    let Some(bao) = open_bao() else { return };
    bao.post("sys/mounts/transit", "", r#"{"type":"transit"}"#);
    bao.post("transit/keys/k", "", "{}");
    let token = bao.post("auth/token/create", "", r#"{"policies":["root"]}"#);
    let token = token["auth"]["client_token"].as_str().unwrap();
    Conformance::new(Recipient::vault(bao.url(), "transit", "k"))
        .secret(token)
        .check(|| Vault::new(env(&[("VAULT_TOKEN", token)])));
}

#[test]
fn gcp() {
    const ID: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
    let fake = Fake::http(|got| {
        let call = call(got);
        if got.target == format!("/v1/{ID}:encrypt") {
            let sealed = seal(&base64(&call["plaintext"]).unwrap());
            return ok(&json!({"ciphertext": BASE64_STANDARD.encode(sealed)}));
        }
        match base64(&call["ciphertext"]).and_then(|sealed| open(&sealed)) {
            Some(plain) => ok(&json!({"plaintext": BASE64_STANDARD.encode(plain)})),
            None => Reply::json(400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT"}}"#),
        }
    });
    let url = fake.url();
    let vars = [
        ("SOPS_GCP_KMS_ENDPOINT", url.as_str()),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.t0k3n"),
    ];
    Conformance::new(Recipient::gcp_kms(ID))
        .secret("ya29.t0k3n")
        .check(|| GcpKms::new(env(&vars)));
}

#[test]
fn azure() {
    let vault = https("azure", false, |got| {
        if got.header("authorization") != "Bearer t0k3n-of-azure" {
            let wanted = r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#;
            return Reply::with(401, &[("www-authenticate", wanted)], "");
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
    });
    let identity =
        Fake::http(|_| ok(&json!({"access_token": "t0k3n-of-azure", "expires_in": "3599"})));
    let (proxy, _) = proxy();
    let (proxy, identity) = (format!("http://{proxy}"), identity.url());
    let ca = certificate("azure-ca.pem").display().to_string();
    let vars = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("SSL_CERT_FILE", &ca),
        ("IDENTITY_ENDPOINT", &identity),
        ("IDENTITY_HEADER", "header-of-azure"),
    ];
    let url = format!("https://unit.vault.azure.net:{}", vault.address().port());
    Conformance::new(Recipient::azure_key_vault(url, "k", "0123abcd"))
        .secret("t0k3n-of-azure")
        .secret("header-of-azure")
        .check(|| AzureKeyVault::new(env(&vars)));
}

#[test]
fn huawei() {
    let fake = Fake::http(|got| {
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
    });
    let url = fake.url();
    let vars = [
        ("HUAWEICLOUD_SDK_REGION_KMS_TR_WEST_1", url.as_str()),
        ("HUAWEICLOUD_SDK_AK", "access-key"),
        ("HUAWEICLOUD_SDK_SK", "secret-of-huawei"),
        ("HUAWEICLOUD_SDK_PROJECT_ID", "p1"),
    ];
    Conformance::new(Recipient::huawei_kms("tr-west-1:u-1"))
        .secret("secret-of-huawei")
        .check(|| HuaweiKms::new(env(&vars)));
}

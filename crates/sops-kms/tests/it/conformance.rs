//! What every `KeyService` must do, for each cloud: with fakes that notice
//! damage, and with OpenBao and moto.

use serde_json::{Value, json};
use sops_core::keys::Recipient;
use sops_kms::{
    AwsKms, AzureKeyVault, GcpKms, HuaweiKms, Vault,
    http::{Client, Request},
};
use testkit::key_service::Conformance;

use super::{
    clouds,
    fake::{Fake, Reply, certificate, https, proxy},
    servers::{Server, open_bao, tool},
    world::env,
};

#[test]
fn aws() {
    let fake = Fake::http(clouds::aws);
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
    let fake = Fake::http(clouds::vault);
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
    let fake = Fake::http(clouds::gcp);
    let url = fake.url();
    let vars = [
        ("SOPS_GCP_KMS_ENDPOINT", url.as_str()),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.t0k3n"),
    ];
    Conformance::new(Recipient::gcp_kms(clouds::GOOGLE))
        .secret("ya29.t0k3n")
        .check(|| GcpKms::new(env(&vars)));
}

#[test]
fn azure() {
    let vault = https("azure", false, |got| {
        match got.header("authorization") == "Bearer t0k3n-of-azure" {
            true => clouds::azure(got),
            false => clouds::azure_challenge(),
        }
    });
    let token = json!({"access_token": "t0k3n-of-azure", "expires_in": "3599"}).to_string();
    let identity = Fake::http(move |_| Reply::json(200, token.clone()));
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
    let fake = Fake::http(clouds::huawei);
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

//! Huawei Cloud KMS, with fakes of KMS, IAM and the metadata server. That the
//! signature is the one of Huawei's SDKs, unit tests show.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sops_core::keys::{Effort, KeyError, KeyService, Reason, Recipient, Secret, WrappedKey};
use sops_kms::HuaweiKms;

use super::{
    fake::{Fake, Got, Reply, nobody},
    world::{Folder, env},
};

const ID: &str = "tr-west-1:0d0466b0-e727-4d9c-b35d-f84bb474a37f";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const REGION: &str = "HUAWEICLOUD_SDK_REGION_KMS_TR_WEST_1";
const KEYS: [(&str, &str); 2] = [
    ("HUAWEICLOUD_SDK_AK", "AccessKey"),
    ("HUAWEICLOUD_SDK_SK", "SecretKey"),
];

fn turned(text: &str) -> String {
    text.chars().rev().collect()
}

fn is_signed(got: &Got, id: &str) {
    let authorization = got.header("authorization");
    let start = format!("SDK-HMAC-SHA256 Access={id}, SignedHeaders=host;");
    assert!(authorization.starts_with(&start), "{authorization}");
    assert_eq!(got.header("x-sdk-date").len(), "20261125T160000Z".len());
}

fn kms(got: &Got, id: &str, project: &str) -> Reply {
    is_signed(got, id);
    assert_eq!(got.method, "POST");
    assert_eq!(got.header("x-project-id"), project);
    let call: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(call["encryption_algorithm"], "SYMMETRIC_DEFAULT");
    assert_eq!(call["key_id"], ID.split_once(':').unwrap().1);
    let path = got
        .target
        .strip_prefix(&format!("/v1.0/{project}/kms/"))
        .unwrap();
    let answer = match path {
        "encrypt-data" => json!({"cipher_text": turned(call["plain_text"].as_str().unwrap())}),
        "decrypt-data" => {
            json!({"plain_text": turned(call["cipher_text"].as_str().unwrap()), "plain_text_base64": "no"})
        }
        _ => panic!("{path}"),
    };
    Reply::json(200, answer.to_string())
}

fn service(kms: &Fake, vars: &[(&str, &str)]) -> HuaweiKms {
    let url = kms.url();
    let mut all = vec![(REGION, url.as_str())];
    all.extend(vars);
    HuaweiKms::new(env(&all))
}

fn open(service: &HuaweiKms) -> Result<Vec<u8>, KeyError> {
    let enc = turned(&BASE64_STANDARD.encode(KEY));
    let key = WrappedKey::new(Recipient::huawei_kms(ID), enc);
    Ok(service.unwrap(&key, Effort::Network)?.as_bytes().to_vec())
}

#[test]
fn there_and_back() {
    let fake = Fake::http(|got| kms(got, "AccessKey", "p1"));
    let mut vars = KEYS.to_vec();
    vars.push(("HUAWEICLOUD_SDK_PROJECT_ID", "p1"));
    let service = service(&fake, &vars);
    let to = Recipient::huawei_kms(ID);
    let key = service.wrap(&to, &Secret::from(KEY.to_vec())).unwrap();
    // The base64 of the key is what is encrypted.
    assert_eq!(key.enc(), turned(&BASE64_STANDARD.encode(KEY)));
    assert_eq!(open(&service).unwrap(), KEY);
    assert_eq!(
        service.outlook().unwrap(),
        "the access key of HUAWEICLOUD_SDK_AK"
    );
}

#[test]
fn a_project_is_looked_up_once() {
    let iam = Fake::http(|got| {
        is_signed(got, "AccessKey");
        assert_eq!(got.target, "/v3/projects?name=tr-west-1");
        Reply::json(
            200,
            json!({"projects": [{"id": "p2", "name": "tr-west-1"}]}).to_string(),
        )
    });
    let fake = Fake::http(|got| kms(got, "AccessKey", "p2"));
    let folder = Folder::new();
    let text = format!(
        "[global]\nak = x\n[basic]\nak = AccessKey\nsk = SecretKey\niam_endpoint = {}\n",
        iam.url()
    );
    folder.write(".huaweicloud/credentials", text);
    let home = folder.path().display().to_string();
    let service = service(&fake, &[("HOME", &home)]);
    for _ in 0..3 {
        assert_eq!(open(&service).unwrap(), KEY);
    }
    assert_eq!(iam.got().len(), 1);
}

#[test]
fn an_agency_of_the_machine() {
    let metadata = Fake::http(|got| {
        if got.method == "PUT" {
            assert_eq!(got.target, "/meta-data/latest/api/token");
            return Reply::json(200, "m3t4");
        }
        assert_eq!(got.target, "/openstack/latest/securitykey");
        assert_eq!(got.header("x-metadata-token"), "m3t4");
        let keys = json!({"access": "Temporary", "secret": "s", "securitytoken": "t",
            "expires_at": "2099-01-01T00:00:00.000000Z"});
        Reply::json(200, json!({"credential": keys}).to_string())
    });
    let iam = Fake::http(|got| {
        assert_eq!(got.header("x-security-token"), "t");
        Reply::json(200, r#"{"projects": [{"id": "p3"}]}"#)
    });
    let fake = Fake::http(|got| {
        assert_eq!(got.header("x-security-token"), "t");
        kms(got, "Temporary", "p3")
    });
    let (endpoint, iam_url) = (metadata.url(), iam.url());
    let vars = [
        ("KSOPS_HUAWEI_METADATA_ENDPOINT", endpoint.as_str()),
        ("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam_url),
    ];
    let some = service(&fake, &vars);
    for _ in 0..3 {
        assert_eq!(open(&some).unwrap(), KEY);
    }
    assert_eq!(metadata.got().len(), 2);
    let endpoint = format!("http://{}", nobody());
    let none = service(&fake, &[("KSOPS_HUAWEI_METADATA_ENDPOINT", &endpoint)]);
    assert_eq!(open(&none).unwrap_err().reason(), Reason::NoCredentials);
}

#[test]
fn only_an_id_becomes_a_url() {
    let service = HuaweiKms::new(env(&KEYS));
    for id in [
        "",
        "x",
        ":",
        "evil.example/:u",
        "a@evil:u",
        "tr-west-1:a/b",
        "TR:u",
        "-a:u",
    ] {
        let key = WrappedKey::new(Recipient::huawei_kms(id), "x");
        let error = service.unwrap(&key, Effort::Network).unwrap_err();
        assert_eq!(error.reason(), Reason::Invalid, "{id}");
    }
}

#[test]
fn refusals() {
    let mut vars = KEYS.to_vec();
    vars[1].1 = "planted";
    vars.push(("HUAWEICLOUD_SDK_PROJECT_ID", "p1"));
    let mut seen = String::new();
    for (status, text) in [
        (
            400,
            r#"{"error": {"error_code": "KMS.0309", "error_msg": "planted"}}"#,
        ),
        (400, r#"{"error_code": "KMS.0205", "error_msg": "planted"}"#),
        (
            401,
            r#"{"error_code": "APIGW.0301", "error_msg": "planted"}"#,
        ),
        (
            403,
            r#"{"error": {"error_code": "KMS.0306", "error_msg": "planted"}}"#,
        ),
        (404, "planted"),
        (429, "planted"),
        (200, r#"{"plain_text": "planted?"}"#),
    ] {
        let fake = Fake::http(move |_| Reply::with(status, &[("x-request-id", "4711")], text));
        let error = open(&service(&fake, &vars)).unwrap_err();
        let again = if error.is_transient() { " [again]" } else { "" };
        seen += &format!("{error}{again}\n{}\n", error.advice().unwrap_or("-"));
    }
    assert!(!seen.contains("planted"), "{seen}");
    insta::assert_snapshot!(seen);
}

//! AWS KMS, against a fake of our own: every source of credentials, and
//! faults.

mod faults;
mod moto;

use std::{collections::BTreeMap, fs};

use base64::{Engine, prelude::BASE64_STANDARD};
use sops_core::keys::{Effort, KeyError, KeyService, Recipient, Secret, WrappedKey};
use sops_kms::{AwsKms, Policy};

use super::{
    fake::{Fake, Got, Reply},
    world::{env, env_with},
};

pub(super) const ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/a-key";
const SECRET: &[u8; 32] = b"a data key of thirty-two bytes..";

/// What these services answer, for credentials that it has given out.
pub(super) fn answer(got: &Got) -> Reply {
    let identity = r#""AccessKeyId":"AKIDROLE","SecretAccessKey":"role-secret""#;
    let until = "2100-01-01T00:00:00Z";
    let sts = |action: &str| {
        Reply::with(
            200,
            &[("content-type", "text/xml")],
            format!(
                "<{action}Response><{action}Result><Credentials><AccessKeyId>AKIDROLE</AccessKeyId>\
             <SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>\
             <Expiration>{until}</Expiration></Credentials></{action}Result></{action}Response>"
            ),
        )
    };
    match (got.method.as_str(), got.target.as_str()) {
        ("POST", "/") if got.header("x-amz-target").starts_with("TrentService.") => kms(got),
        ("POST", "/") if got.text().starts_with("Action=AssumeRoleWithWebIdentity&") => {
            assert!(
                got.text().contains("&WebIdentityToken=web.identity.token"),
                "{}",
                got.text()
            );
            assert_eq!(got.header("authorization"), "");
            sts("AssumeRoleWithWebIdentity")
        }
        ("POST", "/") if got.text().starts_with("Action=AssumeRole&") => {
            assert!(
                got.header("authorization")
                    .contains("/eu-west-1/sts/aws4_request")
            );
            sts("AssumeRole")
        }
        ("GET", "/container") if got.header("authorization") == "container-token" => Reply::json(
            200,
            format!(r#"{{{identity},"Token":"role-token","Expiration":"{until}"}}"#),
        ),
        ("PUT", "/latest/api/token") => {
            assert_eq!(got.header("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
            Reply::with(200, &[], "imds-token")
        }
        ("GET", path) if path.starts_with("/latest/meta-data/iam/security-credentials/") => {
            assert_eq!(got.header("x-aws-ec2-metadata-token"), "imds-token");
            if path.ends_with('/') {
                return Reply::with(200, &[], "the-role\n");
            }
            Reply::json(
                200,
                format!(
                    r#"{{"Code":"Success","Type":"AWS-HMAC",{identity},"Token":"role-token","Expiration":"{until}"}}"#
                ),
            )
        }
        ("GET", "/federation/credentials?role_name=Dev&account_id=123456789012") => {
            assert_eq!(got.header("x-amz-sso_bearer_token"), "sso-token");
            Reply::json(
                200,
                r#"{"roleCredentials":{"accessKeyId":"AKIDROLE",
                "secretAccessKey":"role-secret","sessionToken":"role-token","expiration":4102444800000}}"#,
            )
        }
        _ => Reply::with(404, &[], ""),
    }
}

/// KMS that wraps by putting the context in front.
pub(super) fn kms(got: &Got) -> Reply {
    let body: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    let context = body["EncryptionContext"].to_string();
    let field = |name: &str| {
        BASE64_STANDARD
            .decode(body[name].as_str().unwrap())
            .unwrap()
    };
    let said = if got.header("x-amz-target") == "TrentService.Encrypt" {
        let blob = [context.as_bytes(), b"|", &field("Plaintext")].concat();
        format!(r#"{{"CiphertextBlob":"{}"}}"#, BASE64_STANDARD.encode(blob))
    } else {
        let blob = field("CiphertextBlob");
        let Some(plain) = blob.strip_prefix([context.as_bytes(), b"|"].concat().as_slice()) else {
            return refuse(400, "InvalidCiphertextException");
        };
        format!(r#"{{"Plaintext":"{}"}}"#, BASE64_STANDARD.encode(plain))
    };
    Reply::with(200, &[("x-amzn-requestid", "0-1-2")], said)
}

pub(super) fn refuse(status: u16, code: &str) -> Reply {
    Reply::with(
        status,
        &[("x-amzn-requestid", "0f00-ba4")],
        format!(r#"{{"__type":"{code}","message":"planted-secret"}}"#),
    )
}

/// There and back: what was wrapped opens.
fn round(service: &AwsKms, recipient: &Recipient) -> Result<WrappedKey, KeyError> {
    let key = service.wrap(recipient, &Secret::from(SECRET.to_vec()))?;
    let opened = service.unwrap(&key, Effort::Network)?;
    assert_eq!(opened.as_bytes(), SECRET);
    Ok(key)
}

/// Who signed the last request of KMS.
fn signer(fake: &Fake) -> (String, String) {
    let got = fake
        .got()
        .into_iter()
        .rev()
        .find(|got| !got.header("x-amz-target").is_empty())
        .unwrap();
    let authorization = got.header("authorization");
    let id = authorization
        .split_once("Credential=")
        .unwrap()
        .1
        .split_once('/')
        .unwrap()
        .0;
    (id.into(), got.header("x-amz-security-token").into())
}

/// What signs where these variables are set, with this `~/.aws`.
fn with(vars: &[(&str, &str)], files: &[(&str, &str)], recipient: &Recipient) -> (String, String) {
    let fake = Fake::http(answer);
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let (home, url) = (home.path().display().to_string(), fake.url());
    let mut all = vec![("HOME", home.as_str()), ("AWS_ENDPOINT_URL", &url)];
    let resolved: Vec<(&str, String)> = vars
        .iter()
        .map(|&(k, v)| (k, v.replace("FAKE", &url).replace('~', &home)))
        .collect();
    all.extend(resolved.iter().map(|(k, v)| (*k, v.as_str())));
    let service = AwsKms::new(env_with(&all, Policy::default().with_programs()));
    round(&service, recipient).unwrap();
    round(&service, recipient).unwrap();
    assert!(!service.places().is_empty());
    signer(&fake)
}

fn key() -> Recipient {
    Recipient::aws_kms(ARN)
}

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIDENV"),
    ("AWS_SECRET_ACCESS_KEY", "env-secret"),
];

#[test]
fn variables() {
    assert_eq!(with(&KEYS, &[], &key()), ("AKIDENV".into(), String::new()));
    let session = [&KEYS[..], &[("AWS_SESSION_TOKEN", "session")]].concat();
    assert_eq!(
        with(&session, &[], &key()),
        ("AKIDENV".into(), "session".into())
    );
}

#[test]
fn the_request_is_as_sops_makes_it() {
    let fake = Fake::http(answer);
    let url = fake.url();
    let vars = [&KEYS[..], &[("AWS_ENDPOINT_URL_KMS", &url)]].concat();
    let service = AwsKms::new(env(&vars));
    let context = BTreeMap::from([("b".into(), "2".into()), ("a".into(), "1".into())]);
    round(&service, &key().with_context(context)).unwrap();
    round(&service, &key()).unwrap();
    let got = fake.got();
    let plain = BASE64_STANDARD.encode(SECRET);
    let blob = BASE64_STANDARD.encode([&br#"{"a":"1","b":"2"}|"#[..], SECRET].concat());
    let empty = BASE64_STANDARD.encode([&b"{}|"[..], SECRET].concat());
    let bodies: Vec<_> = got.iter().map(Got::text).collect();
    assert_eq!(
        bodies,
        [
            format!(
                r#"{{"EncryptionContext":{{"a":"1","b":"2"}},"KeyId":"{ARN}","Plaintext":"{plain}"}}"#
            ),
            format!(
                r#"{{"CiphertextBlob":"{blob}","EncryptionContext":{{"a":"1","b":"2"}},"KeyId":"{ARN}"}}"#
            ),
            format!(r#"{{"EncryptionContext":{{}},"KeyId":"{ARN}","Plaintext":"{plain}"}}"#),
            format!(r#"{{"CiphertextBlob":"{empty}","EncryptionContext":{{}},"KeyId":"{ARN}"}}"#),
        ]
    );
    assert_eq!(got[0].header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(got[1].header("x-amz-target"), "TrentService.Decrypt");
    assert!(
        got[0]
            .header("authorization")
            .contains("/eu-west-1/kms/aws4_request, ")
    );
    assert_eq!(fake.connections(), 1);
}

#[test]
fn a_web_identity() {
    let vars = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "~/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/irsa"),
    ];
    let role = ("AKIDROLE".into(), "role-token".into());
    assert_eq!(
        with(&vars, &[("token", "web.identity.token\n")], &key()),
        role
    );
    let config = "[default]\nrole_arn=arn:aws:iam::1:role/irsa\nweb_identity_token_file=~/token\n";
    let home = tempfile::tempdir().unwrap();
    let token = home.path().join("token");
    fs::write(&token, "web.identity.token").unwrap();
    let config = config.replace("~/token", &token.display().to_string());
    assert_eq!(with(&[], &[(".aws/config", &config)], &key()), role);
}

#[test]
fn profiles() {
    let config = "[profile p]\naws_access_key_id=AKIDP\naws_secret_access_key=s\n\
        [profile role]\nrole_arn=arn:aws:iam::1:role/r\nsource_profile=p\nexternal_id=x y\n\
        duration_seconds=900\nrole_session_name=me\n\
        [profile process]\ncredential_process=printf '%s' \
        '{\"Version\":1,\"AccessKeyId\":\"AKIDPROC\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\"}'\n";
    let files = [(".aws/config", config)];
    let of = |name| with(&[("AWS_PROFILE", name)], &files, &key());
    assert_eq!(of("p"), ("AKIDP".into(), String::new()));
    assert_eq!(of("role"), ("AKIDROLE".into(), "role-token".into()));
    assert_eq!(of("process"), ("AKIDPROC".into(), "t".into()));
    // A key's own profile beats the variables.
    assert_eq!(
        with(&KEYS, &files, &key().with_profile("p")),
        ("AKIDP".into(), String::new())
    );
}

#[test]
fn the_role_of_a_key() {
    let fake = Fake::http(answer);
    let url = fake.url();
    let vars = [&KEYS[..], &[("AWS_ENDPOINT_URL", &url)]].concat();
    let service = AwsKms::new(env(&vars));
    round(&service, &key().with_role("arn:aws:iam::1:role/of the key")).unwrap();
    assert_eq!(signer(&fake), ("AKIDROLE".into(), "role-token".into()));
    let got = fake.got();
    let form = got[0].text();
    assert!(
        form.starts_with(
            "Action=AssumeRole&Version=2011-06-15\
             &RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fof%20the%20key&RoleSessionName=sops%40"
        ),
        "{form}"
    );
    assert!(!form.contains("DurationSeconds") && !form.contains("ExternalId"));
    assert!(
        got[0]
            .header("authorization")
            .contains("Credential=AKIDENV/")
    );
    // Once for both requests.
    assert_eq!(got.len(), 3);
}

#[test]
fn sso() {
    // SHA-1 of `corp`, as `aws sso login` names its file.
    let cached = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    let config = "[profile sso]\nsso_session=corp\nsso_account_id=123456789012\nsso_role_name=Dev\n\
        [sso-session corp]\nsso_region=eu-west-1\nsso_start_url=https://x.awsapps.com/start\n";
    let token = r#"{"accessToken":"sso-token","expiresAt":"2100-01-01T00:00:00Z"}"#;
    let files = [(".aws/config", config), (cached, token)];
    let profile = [("AWS_PROFILE", "sso")];
    assert_eq!(
        with(&profile, &files, &key()),
        ("AKIDROLE".into(), "role-token".into())
    );
}

#[test]
fn a_container() {
    let vars = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "FAKE/container"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "~/token"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one"),
        // Asked directly all the same.
        ("HTTP_PROXY", "http://127.0.0.1:1"),
    ];
    let role = ("AKIDROLE".into(), "role-token".into());
    assert_eq!(with(&vars, &[("token", "container-token\n")], &key()), role);
    let vars = [
        vars[0],
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token"),
    ];
    assert_eq!(with(&vars, &[], &key()), role);
}

#[test]
fn a_machine() {
    let vars = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "FAKE/")];
    assert_eq!(
        with(&vars, &[], &key()),
        ("AKIDROLE".into(), "role-token".into())
    );
}

#[test]
fn nothing_is_touched_before_a_key_is_asked_for() {
    let fake = Fake::http(answer);
    let url = fake.url();
    let vars = [&KEYS[..], &[("AWS_ENDPOINT_URL", &url)]].concat();
    let service = AwsKms::new(env(&vars));
    assert_eq!(service.places(), []);
    service.forget_failures();
    assert_eq!(
        service.outlook().unwrap(),
        "the access key in AWS_ACCESS_KEY_ID"
    );
    assert_eq!(fake.connections(), 0);
}

//! What `sops publish` uploads to: S3 against moto, which verifies signatures
//! and policies; Google Cloud Storage against a fake with its real name, and
//! drongo; Vault's key/value engines against OpenBao.

use std::sync::atomic::{AtomicUsize, Ordering};

use sops_core::keys::{KeyError, Reason};
use sops_kms::{
    CloudStorage, Policy, S3, VaultKv, VaultPut,
    http::{Client, Request},
};

use super::{
    fake::{Fake, Got, Reply, certificate, https, proxy_to},
    servers::{Server, open_bao, tool},
    world::{env, env_with},
};

fn shown(error: &KeyError) -> String {
    let retry = if error.is_transient() { " [retry]" } else { "" };
    format!("{error}{retry}\n  {}", error.advice().unwrap_or("-"))
}

/// Sends a request, and gives the body of its answer.
fn send(request: &Request) -> Vec<u8> {
    let answer = Client::new(&env(&[])).send(request).unwrap();
    assert!(
        answer.is_success(),
        "{request:?}: {answer:?} {}",
        String::from_utf8_lossy(answer.body())
    );
    answer.body().to_vec()
}

#[test]
fn s3_takes_what_is_signed() {
    let Some(program) = tool("moto_server") else {
        return;
    };
    let port = |port: u16| vec!["-p".into(), port.to_string()];
    let moto = Server::start(&program, port, &[("INITIAL_NO_AUTH_ACTION_COUNT", "4")]);
    let url = moto.url();
    let for_service = |request: Request, service: &str| {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        String::from_utf8(send(&request.with_header("authorization", scope))).unwrap()
    };
    let iam = |form: &[(&str, &str)]| {
        let form = [&[("Version", "2010-05-08"), ("UserName", "u")], form].concat();
        for_service(Request::post(url.clone() + "/").with_form(&form), "iam")
    };
    iam(&[("Action", "CreateUser")]);
    let user = iam(&[("Action", "CreateAccessKey")]);
    let tag = |name: &str| {
        let (_, rest) = user.split_once(&format!("<{name}>")).unwrap();
        rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
    };
    iam(&[
        ("Action", "PutUserPolicy"),
        ("PolicyName", "p"),
        (
            "PolicyDocument",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}"#,
        ),
    ]);
    for_service(Request::put(format!("{url}/a-bucket")), "s3");
    let s3 = |id: &str, secret: &str| {
        S3::new(env(&[
            ("AWS_ENDPOINT_URL_S3", &url),
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", "us-east-1"),
        ]))
    };
    let (id, secret) = (tag("AccessKeyId"), tag("SecretAccessKey"));
    let good = s3(&id, &secret);
    good.put("a-bucket", "pre/app.yaml", b"a: ENC[x]\n")
        .unwrap();
    good.put("a-bucket", "pre/a b+\u{fc}=&.yaml", b"other")
        .unwrap();
    good.put("a-bucket", "pre/app.yaml", b"a: ENC[y]\n")
        .unwrap();
    let refused = s3(&id, "wrong").put("a-bucket", "x", b"x").unwrap_err();
    assert_eq!(refused.reason(), Reason::Denied, "{refused}");
    assert!(refused.to_string().contains("SignatureDoesNotMatch"));
    let none = good.put("no-bucket", "x", b"x").unwrap_err();
    assert_eq!(none.reason(), Reason::NotFound, "{none}");
    // Now everybody may look.
    send(&Request::post(url.clone() + "/moto-api/reset-auth").with_body(b"100".to_vec()));
    let get = |name: &str| for_service(Request::get(format!("{url}/a-bucket/{name}")), "s3");
    assert_eq!(get("pre/app.yaml"), "a: ENC[y]\n");
    assert_eq!(get("pre/a%20b%2B%C3%BC%3D%26.yaml"), "other");
}

#[test]
fn s3_and_where_it_is() {
    let (proxy, _) = proxy_to(None);
    let proxy = format!("http://{proxy}");
    let put = |bucket: &str, name: &str, vars: &[(&str, &str)]| {
        let vars = [
            &[
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "planted-secret"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                // Nobody out there is asked.
                ("HTTPS_PROXY", proxy.as_str()),
            ],
            vars,
        ]
        .concat();
        let error = S3::new(env(&vars)).put(bucket, name, b"x").unwrap_err();
        assert!(!format!("{error:?}").contains("planted-secret"));
        (error.reason(), error.to_string())
    };
    let of = |reason, text: &str| (reason, text.to_owned());
    assert_eq!(
        put("b", "n", &[]),
        of(Reason::NoCredentials, "no credentials: no region for S3")
    );
    for bucket in ["", "a/b", "evil.example/", "a@b", "..", "a b"] {
        let (reason, _) = put(bucket, "n", &[("AWS_REGION", "eu-west-1")]);
        assert_eq!(reason, Reason::Invalid, "{bucket}");
    }
    for name in ["", "..", "a/../b", "."] {
        let (reason, _) = put("b", name, &[("AWS_REGION", "eu-west-1")]);
        assert_eq!(reason, Reason::Invalid, "{name}");
    }
    let (_, text) = put("b", "n", &[("AWS_REGION", "evil.example/")]);
    assert_eq!(text, "no credentials: no region for S3");
    // Of another region: S3 sends us there, without a place to go to.
    let fake = Fake::http(|_| Reply::with(301, &[("x-amz-bucket-region", "us-west-2")], ""));
    let error = put(
        "b",
        "n",
        &[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", &fake.url()),
        ],
    );
    assert_eq!(
        error,
        of(
            Reason::Invalid,
            "not a valid recipient: s3://b/n is of another region"
        )
    );
}

/// Google Cloud Storage, for one token.
fn gcs(got: &Got) -> Reply {
    assert_eq!(got.method, "POST");
    assert_eq!(got.header("authorization"), "Bearer t0k3n");
    match &*got.target {
        "/upload/storage/v1/b/a-bucket/o?uploadType=media&name=pre%2Fa%20b.yaml" => {
            assert_eq!(got.body, b"a: ENC[x]\n");
            Reply::json(200, "{}")
        }
        "/upload/storage/v1/b/secret/o?uploadType=media&name=n" => {
            Reply::json(403, r#"{"error": {"code": 403, "message": "planted"}}"#)
        }
        _ => Reply::json(404, r#"{"error": {"code": 404, "message": "planted"}}"#),
    }
}

#[test]
fn gcs_takes_what_has_a_token() {
    let fake = https("azure", false, gcs);
    let (proxy, through) = proxy_to(Some(fake.address()));
    let proxy = format!("http://{proxy}");
    let ca = certificate("azure-ca.pem").display().to_string();
    let storage = CloudStorage::new(env(&[
        // A universe whose name our certificate has.
        ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "vault.azure.net"),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "t0k3n"),
        ("HTTPS_PROXY", &proxy),
        ("SSL_CERT_FILE", &ca),
    ]));
    storage
        .put("a-bucket", "pre/a b.yaml", b"a: ENC[x]\n")
        .unwrap();
    assert_eq!(through.load(Ordering::SeqCst), 1);
    let mut seen = String::new();
    for bucket in ["secret", "none", "a/b", ""] {
        let error = storage.put(bucket, "n", b"x").unwrap_err();
        seen += &format!("{}\n", shown(&error));
    }
    assert!(!seen.contains("planted"));
    insta::assert_snapshot!(seen);
}

#[test]
fn gcs_by_an_emulator() {
    let Some(server) = testkit::servers::drongo() else {
        return;
    };
    let url = server.url();
    let create = Request::post(format!("{url}/storage/v1/b?project=p"))
        .with_header("content-type", "application/json")
        .with_body(br#"{"name": "a-bucket"}"#.to_vec());
    send(&create);
    let host = url.strip_prefix("http://").unwrap();
    let storage = CloudStorage::new(env(&[("STORAGE_EMULATOR_HOST", host)]));
    storage.put("a-bucket", "pre/app.yaml", b"a: 1\n").unwrap();
    let get = format!("{url}/storage/v1/b/a-bucket/o/pre%2Fapp.yaml?alt=media");
    assert_eq!(send(&Request::get(get)), b"a: 1\n");
}

#[test]
fn vault_takes_values() {
    let Some(bao) = open_bao() else { return };
    let url = bao.url();
    bao.post(
        "sys/mounts/kv1",
        "",
        r#"{"type":"kv","options":{"version":"1"}}"#,
    );
    let kv = |token: &str| VaultKv::new(env(&[("VAULT_TOKEN", token), ("VAULT_ADDR", &url)]));
    let root = kv("root");
    let (one, two) = (br#"{"a":"1","b":{"c":[true]}}"#, br#"{"a":"2"}"#);
    for (path, versioned) in [("secret/data/x/e.yaml", true), ("kv1/x/a b", false)] {
        let put = |values: &[u8]| root.put(&url, path, versioned, values).unwrap();
        assert_eq!(put(one), VaultPut::Written, "{path}");
        assert_eq!(put(one), VaultPut::Unchanged, "{path}");
        assert_eq!(put(two), VaultPut::Written, "{path}");
        let seen = bao.get(path);
        let seen = match versioned {
            true => &seen["data"]["data"],
            false => &seen["data"],
        };
        assert_eq!(*seen, serde_json::json!({"a": "2"}));
    }
    // What was unchanged is no new version.
    let versions = bao.get("secret/metadata/x/e.yaml");
    assert_eq!(versions["data"]["current_version"], 2);
    // A token that may write and not look.
    bao.post(
        "sys/policies/acl/writer",
        "",
        r#"{"policy":"path \"secret/data/*\" { capabilities = [\"create\", \"update\"] }"}"#,
    );
    let writer = bao.post("auth/token/create", "", r#"{"policies":["writer"]}"#);
    let writer = writer["auth"]["client_token"].as_str().unwrap();
    let put = kv(writer).put(&url, "secret/data/y", true, two).unwrap();
    assert_eq!(put, VaultPut::WrittenUnseen);
    let mut seen = String::new();
    for (token, server, path) in [
        ("s.wrong", &*url, "secret/data/x"),
        (writer, &*url, "kv1/x"),
        ("root", &*url, "none/data/x"),
        ("root", &*url, "secret/../sys/seal"),
        ("root", "https://evil.example.org", "secret/data/x"),
        ("root", "evil", "secret/data/x"),
    ] {
        let error = kv(token).put(server, path, true, two).unwrap_err();
        seen += &format!("{}\n", shown(&error).replace(&url, "URL"));
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn values_go_where_they_may() {
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let fake = Fake::http(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Reply::json(404, "{}")
    });
    let other = ("VAULT_ADDR", "https://vault.example.org");
    let list = ("SOPS_HC_VAULT_ALLOWLIST", "https://vault.example.org");
    for (vars, policy) in [
        (vec![other], Policy::default()),
        (vec![list], Policy::default()),
        (vec![], Policy::default().with_strangers_files()),
    ] {
        let vars = [&[("VAULT_TOKEN", "t")], &*vars].concat();
        let kv = VaultKv::new(env_with(&vars, policy));
        let error = kv
            .put(&fake.url(), "secret/data/x", true, b"{}")
            .unwrap_err();
        assert_eq!(error.reason(), Reason::Refused, "{error}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

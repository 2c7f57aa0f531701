//! The plugin on files that real sops wrote for keys of clouds, with servers
//! that check who asks: moto (signatures and IAM policies), OpenBao; and drongo
//! for Google, of which sops 3.11.0 cannot be told where it is.

#![cfg(all(feature = "aws", feature = "vault", feature = "gcp"))]

use std::{fs, path::Path, process::Command};

use sops_core::keys::Recipient;
use sops_kms::http::{Client, Request};
use testkit::servers::{self, Server, tool};

use super::network::{environment, generator, run, secret, text};

const PLAIN: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: s\nstringData:\n    a: b\n";

fn send(request: &Request) -> String {
    let answer = Client::new(&environment(&[])).send(request).unwrap();
    let body = String::from_utf8(answer.body().to_vec()).unwrap();
    assert!(answer.is_success(), "{request:?}: {answer:?} {body}");
    body
}

/// A key of AWS, and a user who may use it and nothing else.
struct Aws {
    moto: Server,
    arn: String,
    id: String,
    secret: String,
}

impl Aws {
    fn start() -> Option<Self> {
        let port = |port: u16| vec!["-p".into(), port.to_string()];
        // So many requests before signatures and policies count.
        let moto = Server::start(
            &tool("moto_server")?,
            port,
            &[("INITIAL_NO_AUTH_ACTION_COUNT", "4")],
        );
        let url = moto.url() + "/";
        let unsigned = |request: Request, service: &str| {
            let scope = format!(
                "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
            );
            send(&request.with_header("authorization", scope))
        };
        let create = Request::post(url.clone())
            .with_header("x-amz-target", "TrentService.CreateKey")
            .with_header("content-type", "application/x-amz-json-1.1")
            .with_body(b"{}".to_vec());
        let key: serde_json::Value = serde_json::from_str(&unsigned(create, "kms")).unwrap();
        let arn = key["KeyMetadata"]["Arn"].as_str().unwrap();
        let iam = |form: &[(&str, &str)]| {
            let form = [&[("Version", "2010-05-08"), ("UserName", "u")], form].concat();
            unsigned(Request::post(url.clone()).with_form(&form), "iam")
        };
        iam(&[("Action", "CreateUser")]);
        let user = iam(&[("Action", "CreateAccessKey")]);
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*"}]}"#;
        iam(&[
            ("Action", "PutUserPolicy"),
            ("PolicyName", "p"),
            ("PolicyDocument", policy),
        ]);
        let tag = |name: &str| {
            let (_, rest) = user.split_once(&format!("<{name}>")).unwrap();
            rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
        };
        Some(Aws {
            arn: arn.to_owned(),
            id: tag("AccessKeyId"),
            secret: tag("SecretAccessKey"),
            moto,
        })
    }
}

/// A transit engine with a key, and a token that may use it and nothing else.
struct Vault {
    bao: Server,
    token: String,
}

impl Vault {
    fn start(home: &Path) -> Option<Self> {
        let home = home.display().to_string();
        let args = |port: u16| {
            let listen = format!("-dev-listen-address=127.0.0.1:{port}");
            ["server", "-dev", "-dev-root-token-id=root", &listen]
                .map(Into::into)
                .into()
        };
        let bao = Server::start(&tool("bao")?, args, &[("HOME", &home)]);
        let post = |path: &str, body: &str| {
            let request = Request::post(format!("{}/v1/{path}", bao.url()))
                .with_header("x-vault-token", "root")
                .with_body(body.as_bytes().to_vec());
            send(&request)
        };
        post("sys/mounts/transit", r#"{"type":"transit"}"#);
        post("transit/keys/dev", "{}");
        post(
            "sys/policies/acl/use",
            r#"{"policy":"path \"transit/*\" { capabilities = [\"update\"] }"}"#,
        );
        let token = post("auth/token/create", r#"{"policies":["use"]}"#);
        let token: serde_json::Value = serde_json::from_str(&token).unwrap();
        Some(Vault {
            token: token["auth"]["client_token"].as_str().unwrap().to_owned(),
            bao,
        })
    }
}

#[test]
fn files_of_real_sops_for_aws_and_vault() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (Some(sops), Some(aws), Some(vault)) = (tool("sops"), Aws::start(), Vault::start(dir))
    else {
        return;
    };
    let (aws_url, vault_url) = (aws.moto.url(), vault.bao.url());
    let vars = [
        ("AWS_ENDPOINT_URL", aws_url.as_str()),
        ("AWS_ACCESS_KEY_ID", &aws.id),
        ("AWS_SECRET_ACCESS_KEY", &aws.secret),
        ("VAULT_ADDR", &vault_url),
        ("VAULT_TOKEN", &vault.token),
    ];
    let transit = format!("{vault_url}/v1/transit/keys/dev");
    // With one kind, with the other, and with a share of the key for each.
    let rules = format!(
        "creation_rules:\n\
         - path_regex: ^aws\n  encrypted_regex: ^stringData$\n  kms: '{arn}'\n\
         - path_regex: ^vault\n  encrypted_regex: ^stringData$\n  hc_vault_transit_uri: '{transit}'\n\
         - path_regex: ^both\n  encrypted_regex: ^stringData$\n  shamir_threshold: 2\n  key_groups:\n\
         \x20 - kms: [{{arn: '{arn}', context: {{app: 'a b'}}}}]\n  - hc_vault: ['{transit}']\n",
        arn = aws.arn
    );
    fs::write(dir.join(".sops.yaml"), rules).unwrap();
    let names = ["aws.enc.yaml", "vault.enc.yaml", "both.enc.yaml"];
    for name in names {
        fs::write(dir.join(name), PLAIN).unwrap();
        let output = Command::new(&sops)
            .args(["encrypt", "--in-place", name])
            .current_dir(dir)
            .env_clear()
            .env("HOME", dir)
            .envs(vars)
            .output()
            .unwrap();
        let (good, _, errors) = text(&output);
        assert!(good, "{name}: {errors}");
    }
    generator(dir, &names.map(str::to_owned));
    let in_argo_cd = [&vars[..], &[("ARGOCD_APP_NAME", "app")]].concat();
    for vars in [&vars[..], &in_argo_cd] {
        let (good, out, errors) = text(&run(dir, &["generator.yaml"], vars));
        assert!(good, "{errors}");
        assert_eq!(out.matches("a: b").count(), 3, "{out}");
    }
    // Who may not, is told so: by name, and with nothing secret.
    for (name, value, said) in [
        ("AWS_SECRET_ACCESS_KEY", "planted", "SignatureDoesNotMatch"),
        (
            "VAULT_TOKEN",
            "s.planted",
            "the token of VAULT_TOKEN is not allowed",
        ),
    ] {
        let mut vars = in_argo_cd.clone();
        vars.push((name, value));
        let (good, _, errors) = text(&run(dir, &["generator.yaml"], &vars));
        assert!(!good && errors.contains(said), "{errors}");
        assert!(!errors.contains("planted"), "{errors}");
    }
}

#[test]
fn files_for_google_with_drongo() {
    const ID: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
    let Some(drongo) = servers::drongo() else {
        return;
    };
    let url = drongo.url();
    for (path, body) in [
        ("keyRings?keyRingId=r", "{}"),
        (
            "keyRings/r/cryptoKeys?cryptoKeyId=k",
            r#"{"purpose": "ENCRYPT_DECRYPT"}"#,
        ),
    ] {
        let request = Request::post(format!("{url}/v1/projects/p/locations/global/{path}"));
        send(
            &request
                .with_header("content-type", "application/json")
                .with_body(body.as_bytes().to_vec()),
        );
    }
    let vars = [
        ("SOPS_GCP_KMS_ENDPOINT", url.as_str()),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "any"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let file = secret("s", Recipient::gcp_kms(ID), &vars);
    fs::write(dir.join("s.enc.yaml"), file).unwrap();
    generator(dir, &["s.enc.yaml".into()]);
    let (good, out, errors) = text(&run(dir, &["generator.yaml"], &vars));
    assert!(good && out.contains("a: b"), "{errors}");
}

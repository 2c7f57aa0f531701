//! Against moto, which verifies signatures as botocore makes them, and IAM
//! policies; and with real sops, in both directions.

use std::collections::BTreeMap;

use sops_core::{
    Keyring,
    keys::{Reason, Recipient},
};
use sops_kms::{
    AwsKms,
    http::{Client, Request},
};

use super::{env, round};
use crate::servers::{Server, both_directions, tool};

/// A request that is not signed: moto only looks which service it is for.
fn unsigned(moto: &Server, service: &str, form: &[(&str, &str)]) -> String {
    let request = Request::post(moto.url() + "/").with_form(form);
    send(request, service)
}

fn send(request: Request, service: &str) -> String {
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let answer = Client::new(&env(&[]))
        .send(&request.with_header("authorization", scope))
        .unwrap();
    assert_eq!(
        answer.status(),
        200,
        "{}",
        String::from_utf8_lossy(answer.body())
    );
    String::from_utf8(answer.body().to_vec()).unwrap()
}

fn tag<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
    rest.split_once(&format!("</{name}>")).unwrap().0
}

struct World {
    moto: Server,
    arn: String,
    id: String,
    secret: String,
}

/// A key, a user who may encrypt and assume a role, and that role, which may
/// do all.
fn world(program: &std::path::Path) -> World {
    let port = |port: u16| vec!["-p".into(), port.to_string()];
    let moto = Server::start(program, port, &[("INITIAL_NO_AUTH_ACTION_COUNT", "6")]);
    let key = Request::post(moto.url() + "/")
        .with_header("x-amz-target", "TrentService.CreateKey")
        .with_header("content-type", "application/x-amz-json-1.1")
        .with_body(b"{}".to_vec());
    let key: serde_json::Value = serde_json::from_str(&send(key, "kms")).unwrap();
    let iam = |form: &[(&str, &str)]| {
        unsigned(&moto, "iam", &[&[("Version", "2010-05-08")], form].concat())
    };
    iam(&[("Action", "CreateUser"), ("UserName", "u")]);
    let user = iam(&[("Action", "CreateAccessKey"), ("UserName", "u")]);
    let allow = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{actions}],"Resource":"*"}}]}}"#
        )
    };
    iam(&[
        ("Action", "PutUserPolicy"),
        ("UserName", "u"),
        ("PolicyName", "p"),
        (
            "PolicyDocument",
            &allow(r#""kms:Encrypt","sts:AssumeRole""#),
        ),
    ]);
    iam(&[
        ("Action", "CreateRole"),
        ("RoleName", "r"),
        (
            "AssumeRolePolicyDocument",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#,
        ),
    ]);
    iam(&[
        ("Action", "PutRolePolicy"),
        ("RoleName", "r"),
        ("PolicyName", "p"),
        ("PolicyDocument", &allow(r#""kms:*""#)),
    ]);
    World {
        arn: key["KeyMetadata"]["Arn"].as_str().unwrap().into(),
        id: tag(&user, "AccessKeyId").into(),
        secret: tag(&user, "SecretAccessKey").into(),
        moto,
    }
}

#[test]
fn signatures_and_policies() {
    let (Some(program), Some(sops)) = (tool("moto_server"), tool("sops")) else {
        return;
    };
    let World {
        moto,
        arn,
        id,
        secret,
    } = world(&program);
    let url = moto.url();
    let service = |id: &str, secret: &str| {
        AwsKms::new(env(&[
            ("AWS_ENDPOINT_URL", &url),
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]))
    };
    let key = Recipient::aws_kms(&arn);
    let role = key.clone().with_role("arn:aws:iam::123456789012:role/r");
    let reason = |service: &AwsKms, key: &Recipient| match round(service, key) {
        Ok(_) => "opened".to_owned(),
        Err(error) => {
            assert_eq!(error.reason(), Reason::Denied, "{error}");
            let said = error.to_string().rsplit_once(" (").unwrap().1.to_owned();
            said.split_once(',')
                .map_or(said.clone(), |(code, _)| code.to_owned())
        }
    };
    // The signature is right, and the user may encrypt, but not decrypt.
    let user = service(&id, &secret);
    assert_eq!(reason(&user, &key), "403 AccessDenied");
    // The role may do both.
    let wrapped = round(&user, &role).unwrap();
    assert_ne!(wrapped.enc(), "");
    let context = BTreeMap::from([("app".into(), "a b/ü".into())]);
    let bound = role.clone().with_context(context);
    round(&user, &bound).unwrap();
    assert_eq!(
        reason(&service(&id, "wrong"), &role),
        "403 SignatureDoesNotMatch"
    );
    assert_eq!(
        reason(&service("AKIDNOBODY", &secret), &role),
        "403 InvalidClientTokenId"
    );

    let vars = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", &id),
        ("AWS_SECRET_ACCESS_KEY", &secret),
    ];
    let mut keyring = Keyring::without_services();
    keyring.add_service(service(&id, &secret));
    let flag = format!("{arn}+arn:aws:iam::123456789012:role/r");
    let flags = ["--kms", &flag, "--encryption-context", "app:x"];
    let context = BTreeMap::from([("app".into(), "x".into())]);
    both_directions(&sops, &vars, &flags, &role.with_context(context), &keyring);
}

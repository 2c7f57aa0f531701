//! Credentials that end in the middle of two hundred files.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use sops_core::keys::Effort;

use super::{Got, PLANTED, Reply, SECRET, TARGETS, Target};

/// How a cloud gives credentials, one after the other, and refuses old ones.
struct Renewed {
    target: fn() -> Target,
    /// The credentials of this number.
    give: fn(usize) -> String,
    /// Whether a request has the first ones.
    is_old: fn(&Got) -> bool,
    refuse: fn() -> Reply,
}

const RENEWED: [Renewed; 5] = [
    Renewed {
        target: || target("aws_container"),
        give: |n| format!(r#"{{"AccessKeyId":"AKID{n}","SecretAccessKey":"s","Token":"t"}}"#),
        is_old: |got| got.header("authorization").contains("Credential=AKID0/"),
        refuse: || Reply::json(400, r#"{"__type":"ExpiredTokenException"}"#),
    },
    Renewed {
        target: || target("vault_login"),
        give: |n| format!(r#"{{"auth":{{"client_token":"s.{n}","lease_duration":3600}}}}"#),
        is_old: |got| got.header("x-vault-token") == "s.0",
        refuse: || Reply::json(403, r#"{"errors":["permission denied","invalid token"]}"#),
    },
    Renewed {
        target: || target("gcp_token"),
        give: |n| format!(r#"{{"access_token":"t{n}","expires_in":3600}}"#),
        is_old: |got| got.header("authorization") == "Bearer t0",
        refuse: || Reply::json(401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#),
    },
    Renewed {
        target: || target("azure_token"),
        give: |n| format!(r#"{{"access_token":"t{n}","expires_in":"3600"}}"#),
        is_old: |got| got.header("authorization") == "Bearer t0",
        refuse: || Reply::json(401, r#"{"error":{"code":"Unauthorized"}}"#),
    },
    Renewed {
        target: machine_of_huawei,
        give: |n| {
            format!(
                r#"{{"credential":{{"access":"AK{n}","secret":"s","securitytoken":"t",
                    "expires_at":"2099-01-01T00:00:00.000000Z"}}}}"#
            )
        },
        is_old: |got| got.header("authorization").contains("Access=AK0,"),
        refuse: || Reply::json(401, r#"{"error_code":"APIGW.0301"}"#),
    },
];

/// Its metadata server, which is tried once only and so is no target of the
/// other tests.
fn machine_of_huawei() -> Target {
    Target {
        name: "huawei_machine",
        is_asked: |got| got.target == "/openstack/latest/securitykey",
        vars: &[
            ("HUAWEICLOUD_SDK_REGION_KMS_TR_WEST_1", "URL"),
            ("HUAWEICLOUD_SDK_IAM_ENDPOINT", "URL"),
            ("KSOPS_HUAWEI_METADATA_ENDPOINT", "URL"),
        ],
        good: |got| match &*got.target {
            "/meta-data/latest/api/token" => Reply::json(200, "m3t4"),
            "/openstack/latest/securitykey" => Reply::json(
                200,
                r#"{"credential":{"access":"AK","secret":"s","securitytoken":"t"}}"#,
            ),
            _ => (target("huawei").good)(got),
        },
        ..target("huawei")
    }
}

fn target(name: &str) -> Target {
    let mut targets = TARGETS.into_iter();
    targets.find(|target| target.name == name).unwrap()
}

/// New ones are fetched, once, and no file notices.
#[test]
fn they_are_renewed_once() {
    for renewed in RENEWED {
        let mut target = (renewed.target)();
        let fetched = Arc::new(AtomicUsize::new(0));
        let (count, is_credentials, good) = (fetched.clone(), target.is_asked, target.good);
        let opened = AtomicUsize::new(0);
        // All requests are the test's to answer.
        target.is_asked = |_| true;
        let world = target.world(move |got| {
            if is_credentials(got) {
                let number = count.fetch_add(1, Ordering::SeqCst);
                return Reply::json(200, (renewed.give)(number));
            }
            let is_bare = got.body.is_empty();
            if !is_bare && (renewed.is_old)(got) && opened.fetch_add(1, Ordering::SeqCst) >= 100 {
                return (renewed.refuse)();
            }
            good(got)
        });
        let service = (target.service)(world.env);
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let opened = service.unwrap(&world.key, Effort::Network).unwrap();
                        assert_eq!(opened.as_bytes(), SECRET);
                    }
                });
            }
        });
        assert_eq!(fetched.load(Ordering::SeqCst), 2, "{}", target.name);
    }
}

/// Where they are refused however new, that is said, after one renewal.
#[test]
fn new_ones_that_are_refused_too() {
    let mut seen = String::new();
    for renewed in RENEWED {
        let mut target = (renewed.target)();
        let (is_credentials, good) = (target.is_asked, target.good);
        target.is_asked = |_| true;
        let world = target.world(move |got| {
            if is_credentials(got) {
                return Reply::json(200, (renewed.give)(0));
            }
            match got.body.is_empty() {
                true => good(got),
                false => (renewed.refuse)(),
            }
        });
        let url = world.url.clone();
        let service = (target.service)(world.env);
        let error = service.unwrap(&world.key, Effort::Network).unwrap_err();
        let got = world.server.unwrap().got();
        let given = got.iter().filter(|got| is_credentials(got)).count();
        assert_eq!(given, 2, "{}", target.name);
        let advice = error.advice().unwrap_or("-");
        let port = url.rsplit(':').next().unwrap();
        seen += &format!("{error}\n    {advice}\n")
            .replace(&url, "URL")
            .replace(&format!(":{port}"), "");
    }
    assert!(!seen.contains(PLANTED), "{seen}");
    insta::assert_snapshot!(seen);
}

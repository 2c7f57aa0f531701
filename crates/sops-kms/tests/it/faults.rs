//! What servers do wrong, for every cloud: its key service, and the servers
//! that its credentials come from. What is said of it, whether a retry may
//! help, how often it is asked; and nothing of what it answered.

mod ended;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use serde_json::json;
use sops_core::keys::{Effort, KeyService, Recipient, Secret, WrappedKey};
use sops_kms::{
    AwsKms, AzureKeyVault, Environment, GcpKms, HuaweiKms, Vault,
    http::{ANSWER, TRIES},
};

use super::{
    clouds,
    fake::{Fake, Got, Reply, certificate, https, nobody, proxy},
    world::{cloud, env},
};

const SECRET: &[u8; 32] = b"a data key of thirty-two bytes..";
const PLANTED: &str = "planted-secret";

/// A server, as part of a cloud.
pub(super) struct Target {
    name: &'static str,
    /// Whether a request is one of those that the target is about.
    is_asked: fn(&Got) -> bool,
    /// What the cloud answers when nothing is wrong.
    good: fn(&Got) -> Reply,
    /// A key whose service is at this URL.
    key: fn(&str) -> Recipient,
    service: fn(Environment) -> Box<dyn KeyService>,
    /// `URL` stands for the server.
    vars: &'static [(&'static str, &'static str)],
    /// Over TLS, by way of a proxy that knows the name.
    is_azure: bool,
}

fn aws(_: &str) -> Recipient {
    Recipient::aws_kms("arn:aws:kms:eu-west-1:123456789012:key/a")
}

fn aws_role(_: &str) -> Recipient {
    aws("").with_role("arn:aws:iam::1:role/r")
}

fn vault(url: &str) -> Recipient {
    Recipient::vault(url, "transit", "k")
}

fn gcp(_: &str) -> Recipient {
    Recipient::gcp_kms(clouds::GOOGLE)
}

fn azure(url: &str) -> Recipient {
    let port = url.rsplit(':').next().unwrap();
    let url = format!("https://unit.vault.azure.net:{port}");
    Recipient::azure_key_vault(url, "k", "0123abcd")
}

fn huawei(_: &str) -> Recipient {
    Recipient::huawei_kms("tr-west-1:u-1")
}

fn is_token(got: &Got) -> bool {
    got.target.contains("/token")
}

/// With the servers that credentials come from, on the same port.
fn aws_cloud(got: &Got) -> Reply {
    let answer = match (&*got.target, got.header("x-amz-target")) {
        ("/token", _) => json!({"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t"}),
        (_, "") => {
            let role = "<AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey>";
            return Reply::with(200, &[], role);
        }
        _ => return clouds::aws(got),
    };
    Reply::json(200, answer.to_string())
}

fn vault_cloud(got: &Got) -> Reply {
    match got.target.contains("/login") {
        true => Reply::json(
            200,
            r#"{"auth":{"client_token":"s.1","lease_duration":3600}}"#,
        ),
        false => clouds::vault(got),
    }
}

fn gcp_cloud(got: &Got) -> Reply {
    match is_token(got) {
        true => Reply::json(200, r#"{"access_token":"t","expires_in":3600}"#),
        false => clouds::gcp(got),
    }
}

fn azure_cloud(got: &Got) -> Reply {
    match is_token(got) {
        true => Reply::json(200, r#"{"access_token":"t","expires_in":"3600"}"#),
        false => clouds::azure(got),
    }
}

fn huawei_cloud(got: &Got) -> Reply {
    match got.target.starts_with("/v3/projects") {
        true => Reply::json(200, r#"{"projects":[{"id":"p1"}]}"#),
        false => clouds::huawei(got),
    }
}

const AWS_KEYS: &[(&str, &str)] = &[
    ("AWS_ENDPOINT_URL", "URL"),
    ("AWS_ACCESS_KEY_ID", "AKID"),
    ("AWS_SECRET_ACCESS_KEY", PLANTED),
];
const AZURE: &[(&str, &str)] = &[
    ("IDENTITY_ENDPOINT", "URL/token"),
    ("IDENTITY_HEADER", PLANTED),
];
const HUAWEI: &[(&str, &str)] = &[
    ("HUAWEICLOUD_SDK_REGION_KMS_TR_WEST_1", "URL"),
    ("HUAWEICLOUD_SDK_IAM_ENDPOINT", "URL"),
    ("HUAWEICLOUD_SDK_AK", "AK"),
    ("HUAWEICLOUD_SDK_SK", PLANTED),
];

const TARGETS: [Target; 11] = [
    Target {
        name: "aws",
        is_asked: |got| !got.header("x-amz-target").is_empty(),
        good: aws_cloud,
        key: aws,
        service: |env| Box::new(AwsKms::new(env)),
        vars: AWS_KEYS,
        is_azure: false,
    },
    Target {
        name: "aws_role",
        is_asked: |got| got.header("x-amz-target").is_empty(),
        good: aws_cloud,
        key: aws_role,
        service: |env| Box::new(AwsKms::new(env)),
        vars: AWS_KEYS,
        is_azure: false,
    },
    Target {
        name: "aws_container",
        is_asked: is_token,
        good: aws_cloud,
        key: aws,
        service: |env| Box::new(AwsKms::new(env)),
        vars: &[
            ("AWS_ENDPOINT_URL", "URL"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "URL/token"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", PLANTED),
        ],
        is_azure: false,
    },
    Target {
        name: "vault",
        is_asked: |got| got.target.contains("/transit/"),
        good: vault_cloud,
        key: vault,
        service: |env| Box::new(Vault::new(env)),
        vars: &[("VAULT_TOKEN", PLANTED)],
        is_azure: false,
    },
    Target {
        name: "vault_login",
        is_asked: |got| got.target.contains("/login"),
        good: vault_cloud,
        key: vault,
        service: |env| Box::new(Vault::new(env)),
        vars: &[
            ("VAULT_ADDR", "URL"),
            ("KSOPS_VAULT_ROLE", "argocd"),
            ("KSOPS_VAULT_TOKEN_FILE", "FILE"),
        ],
        is_azure: false,
    },
    Target {
        name: "gcp",
        is_asked: |got| !is_token(got),
        good: gcp_cloud,
        key: gcp,
        service: |env| Box::new(GcpKms::new(env)),
        vars: &[
            ("SOPS_GCP_KMS_ENDPOINT", "URL"),
            ("GOOGLE_OAUTH_ACCESS_TOKEN", PLANTED),
        ],
        is_azure: false,
    },
    Target {
        name: "gcp_token",
        is_asked: is_token,
        good: gcp_cloud,
        key: gcp,
        service: |env| Box::new(GcpKms::new(env)),
        vars: &[
            ("SOPS_GCP_KMS_ENDPOINT", "URL"),
            (
                "GOOGLE_CREDENTIALS",
                r#"{"type":"authorized_user","client_id":"c","client_secret":"planted-secret",
                    "refresh_token":"planted-secret","token_uri":"URL/token"}"#,
            ),
        ],
        is_azure: false,
    },
    Target {
        name: "azure",
        is_asked: |got| !is_token(got) && !got.header("authorization").is_empty(),
        good: azure_cloud,
        key: azure,
        service: |env| Box::new(AzureKeyVault::new(env)),
        vars: AZURE,
        is_azure: true,
    },
    Target {
        name: "azure_token",
        is_asked: is_token,
        good: azure_cloud,
        key: azure,
        service: |env| Box::new(AzureKeyVault::new(env)),
        vars: AZURE,
        is_azure: true,
    },
    Target {
        name: "huawei",
        is_asked: |got| got.target.contains("/kms/"),
        good: huawei_cloud,
        key: huawei,
        service: |env| Box::new(HuaweiKms::new(env)),
        vars: HUAWEI,
        is_azure: false,
    },
    Target {
        name: "huawei_project",
        is_asked: |got| got.target.starts_with("/v3/projects"),
        good: huawei_cloud,
        key: huawei,
        service: |env| Box::new(HuaweiKms::new(env)),
        vars: HUAWEI,
        is_azure: false,
    },
];

/// A target's cloud, in order or not.
struct World {
    url: String,
    env: Environment,
    key: WrappedKey,
    server: Option<Fake>,
}

impl Target {
    /// The cloud; `handler` has the word where the target is asked.
    fn world(&self, handler: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> World {
        let (is_asked, good) = (self.is_asked, self.good);
        let handler = move |got: &Got| match is_asked(got) {
            true => handler(got),
            false => good(got),
        };
        let server = match self.is_azure {
            true => https("azure", false, handler),
            false => Fake::http(handler),
        };
        self.at(&server.url(), Some(server))
    }

    /// The cloud at an address where something else is, or nothing.
    fn at(&self, url: &str, server: Option<Fake>) -> World {
        let ca = certificate("azure-ca.pem").display().to_string();
        let file = cloud("rs256.jwt").display().to_string();
        let proxy = format!("http://{}", proxy().0);
        let vars: Vec<_> = self
            .vars
            .iter()
            .map(|(name, value)| (*name, value.replace("URL", url).replace("FILE", &file)))
            .collect();
        let mut vars: Vec<_> = vars.iter().map(|(k, v)| (*k, v.as_str())).collect();
        vars.push(("SSL_CERT_FILE", &ca));
        if self.is_azure {
            vars.push(("HTTPS_PROXY", &proxy));
        }
        World {
            url: url.to_owned(),
            env: env(&vars),
            key: self.wrapped(url),
            server,
        }
    }

    /// What a cloud in order gives for the secret.
    fn wrapped(&self, url: &str) -> WrappedKey {
        let good = self.good;
        let server = match self.is_azure {
            true => https("azure", false, good),
            false => Fake::http(good),
        };
        let url_of_good = server.url();
        let ca = certificate("azure-ca.pem").display().to_string();
        let file = cloud("rs256.jwt").display().to_string();
        let proxy = format!("http://{}", proxy().0);
        let vars: Vec<_> = self
            .vars
            .iter()
            .map(|(k, v)| (*k, v.replace("URL", &url_of_good).replace("FILE", &file)))
            .collect();
        let mut vars: Vec<_> = vars.iter().map(|(k, v)| (*k, v.as_str())).collect();
        vars.extend([("SSL_CERT_FILE", ca.as_str()), ("HTTPS_PROXY", &proxy)]);
        let service = (self.service)(env(&vars));
        let secret = Secret::from(SECRET.to_vec());
        let key = service.wrap(&(self.key)(&url_of_good), &secret).unwrap();
        WrappedKey::new((self.key)(url), key.enc())
    }

    /// Opens the key for three files, and says what a person hears and how
    /// often the target was asked.
    fn heard(&self, fault: &str, world: World) -> String {
        let service = (self.service)(world.env);
        let open = || service.unwrap(&world.key, Effort::Network).unwrap_err();
        let errors = [open(), open(), open()];
        let [first, _, last] = &errors;
        assert_eq!(first.reason(), last.reason(), "{} {fault}", self.name);
        for place in service.places() {
            assert!(!place.to_string().contains(PLANTED));
        }
        let retry = if last.is_transient() { " [retry]" } else { "" };
        let advice = last.advice().expect("something that a person can do");
        let asked = world.server.map_or_else(String::new, |server| {
            let got = server.got();
            let asked = got.iter().filter(|got| (self.is_asked)(got)).count();
            format!(" (asked {asked} times)")
        });
        let port = world.url.rsplit(':').next().unwrap();
        let text = format!("{fault}{asked}: {last}{retry}\n    {advice}\n");
        assert!(!format!("{text}{errors:?}").contains(PLANTED), "{text}");
        text.replace(&world.url, "URL")
            .replace(&format!(":{port}"), ":PORT")
    }
}

/// Does something for each target, at the same time.
fn for_each(act: impl Fn(&Target) + Sync) {
    thread::scope(|scope| {
        for target in &TARGETS {
            scope.spawn(|| act(target));
        }
    });
}

#[test]
fn what_is_said_of_faults() {
    type Fault = fn(&Got) -> Reply;
    let faults: [(&str, Fault); 9] = [
        ("429", |_| Reply::json(429, PLANTED)),
        ("500", |_| Reply::json(500, PLANTED)),
        ("503", |_| {
            Reply::with(503, &[("retry-after", "0")], PLANTED)
        }),
        ("401", |_| Reply::json(401, PLANTED)),
        ("403", |_| Reply::json(403, PLANTED)),
        ("cut", |_| {
            Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"planted-secret".to_vec())
        }),
        ("redirect", |_| {
            Reply::with(307, &[("location", "http://planted-secret.example/")], "")
        }),
        ("huge", |_| Reply::json(200, PLANTED.repeat(ANSWER / 10))),
        ("no JSON", |_| Reply::json(200, "<html>planted-secret")),
    ];
    for_each(|target| {
        let mut seen = String::new();
        for (name, fault) in faults {
            seen += &target.heard(name, target.world(fault));
        }
        let down = target.at(&format!("http://{}", nobody()), None);
        seen += &target.heard("down", down);
        // Of an authority that nobody here trusts.
        let stranger = https("server", false, |_| Reply::json(200, PLANTED));
        seen += &target.heard("certificate", target.at(&stranger.url(), None));
        insta::assert_snapshot!(target.name, seen);
    });
}

/// The time for all tries together is up while the server still thinks.
#[test]
fn slow_servers() {
    for_each(|target| {
        let good = target.good;
        let mut world = target.world(move |got| good(got).slow(60_000));
        world.env = world.env.waiting_at_most(Duration::from_millis(400));
        // How often it is asked depends on how fast this machine is.
        world.server = None;
        let heard = target.heard("slow", world);
        assert!(
            heard.contains("no answer in time [retry]"),
            "{}: {heard}",
            target.name
        );
    });
}

/// What passes is not noticed.
#[test]
fn faults_that_pass() {
    for_each(|target| {
        let (good, count) = (target.good, AtomicUsize::new(0));
        let world = target.world(move |got| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::json(503, PLANTED),
            1 => Reply::Raw(Vec::new()),
            _ => good(got),
        });
        let service = (target.service)(world.env);
        let opened = service.unwrap(&world.key, Effort::Network);
        let opened = opened.unwrap_or_else(|error| panic!("{}: {error}", target.name));
        assert_eq!(opened.as_bytes(), SECRET);
        let got = world.server.unwrap().got();
        let asked = got.iter().filter(|got| (target.is_asked)(got)).count();
        assert_eq!(asked, TRIES as usize, "{}", target.name);
    });
}

//! Azure Key Vault, with fakes of a vault and its challenge, of the authority
//! that gives tokens, of managed identities and of `az`. Vaults are reached by
//! their real names, by way of a proxy that leads to this machine.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use rustls::{SignatureScheme, crypto::ring::default_provider};
use serde_json::{Value, json};
use sops_core::keys::{Effort, KeyError, KeyService, Reason, Recipient, Secret, WrappedKey};
use sops_kms::{AzureKeyVault, Policy};

use super::{
    fake::{Fake, Got, Reply, certificate, https, nobody, proxy, silent},
    world::{Folder, cloud, env_with},
};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const TENANT: &str = "tenant-1";
const VERSION: &str = "0123456789abcdef0123456789abcdef";

fn turned(text: &str) -> String {
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    bytes.reverse();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn challenge(resource: &str) -> Reply {
    let header = format!(
        "Bearer authorization=\"https://login.evil.example/{TENANT}\", resource=\"{resource}\""
    );
    let body = json!({"error": {"code": "Unauthorized", "message": "planted"}});
    Reply::with(401, &[("www-authenticate", &header)], body.to_string())
}

/// A vault, for one token.
fn vault(got: &Got, token: &str) -> Reply {
    let authorization = got.header("authorization");
    if authorization.is_empty() {
        assert!(got.body.is_empty(), "no key before a token");
    }
    if authorization != format!("Bearer {token}") {
        return challenge("https://vault.azure.net");
    }
    let kid = format!("https://unit.vault.azure.net/keys/k/{VERSION}");
    let path = got.target.strip_suffix("?api-version=7.4").unwrap();
    if path == "/keys/k" {
        assert_eq!(got.method, "GET");
        return Reply::json(200, json!({"key": {"kid": kid, "kty": "RSA"}}).to_string());
    }
    let action = path.strip_prefix(&format!("/keys/k/{VERSION}/")).unwrap();
    assert!(matches!(action, "encrypt" | "decrypt"), "{path}");
    assert_eq!(got.method, "POST");
    let call: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(call["alg"], "RSA-OAEP-256");
    let value = turned(call["value"].as_str().unwrap());
    Reply::json(200, json!({"kid": kid, "value": value}).to_string())
}

fn token(text: &str) -> Reply {
    let answer = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": text});
    Reply::json(200, answer.to_string())
}

/// What an authority gets, as pairs.
fn form(got: &Got) -> Vec<(String, String)> {
    assert_eq!(got.method, "POST");
    assert_eq!(got.target, format!("/{TENANT}/oauth2/v2.0/token"));
    let unescape = |text: &str| {
        let text = text.replace("%3A", ":").replace("%2F", "/");
        assert!(!text.contains('%'));
        text
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), unescape(value))
    };
    got.text().split('&').map(pair).collect()
}

fn field(form: &[(String, String)], name: &str) -> String {
    let found = form.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// A vault and the proxy to it; what they count.
struct World {
    vault: Fake,
    proxy: SocketAddr,
    through: Arc<AtomicUsize>,
}

impl World {
    fn new(handler: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Self {
        let (proxy, through) = proxy();
        World {
            vault: https("azure", false, handler),
            proxy,
            through,
        }
    }

    fn of_token(token: &'static str) -> Self {
        Self::new(move |got| vault(got, token))
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.vault.address().port())
    }

    fn recipient(&self, version: &str) -> Recipient {
        Recipient::azure_key_vault(self.url("unit.vault.azure.net"), "k", version)
    }

    fn service_with(&self, vars: &[(&str, &str)], policy: Policy) -> AzureKeyVault {
        let proxy = format!("http://{}", self.proxy);
        let ca = certificate("azure-ca.pem").display().to_string();
        let mut all = vec![("HTTPS_PROXY", proxy.as_str()), ("SSL_CERT_FILE", &ca)];
        all.extend(vars);
        AzureKeyVault::new(env_with(&all, policy))
    }

    fn service(&self, vars: &[(&str, &str)]) -> AzureKeyVault {
        self.service_with(vars, Policy::default())
    }

    fn open(&self, service: &AzureKeyVault) -> Result<Vec<u8>, KeyError> {
        let enc = turned(&BASE64_URL_SAFE_NO_PAD.encode(KEY));
        let key = WrappedKey::new(self.recipient(VERSION), enc);
        Ok(service.unwrap(&key, Effort::Network)?.as_bytes().to_vec())
    }
}

fn authority(handler: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Fake {
    https("azure", false, handler)
}

const APPLICATION: [(&str, &str); 2] = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", "app-1")];

fn shown(error: &KeyError, world: &World) -> String {
    let advice = error.advice().unwrap_or("-");
    let again = if error.is_transient() { " [again]" } else { "" };
    let port = format!(":{}", world.vault.address().port());
    format!("{error}{again}\n{advice}\n").replace(&port, "")
}

#[test]
fn there_and_back_with_a_secret() {
    let world = World::of_token("t0k3n");
    let authority = authority(|got| {
        let form = form(got);
        assert_eq!(field(&form, "client_id"), "app-1");
        assert_eq!(field(&form, "client_secret"), "s/1");
        assert_eq!(field(&form, "grant_type"), "client_credentials");
        assert_eq!(field(&form, "scope"), "https://vault.azure.net/.default");
        token("t0k3n")
    });
    let url = authority.url() + "/";
    let mut vars = vec![
        ("AZURE_CLIENT_SECRET", "s/1"),
        ("AZURE_AUTHORITY_HOST", &*url),
    ];
    vars.extend(APPLICATION);
    let service = world.service(&vars);
    assert_eq!(
        service.outlook().unwrap(),
        "application app-1 (by AZURE_CLIENT_SECRET)"
    );
    for _ in 0..3 {
        assert_eq!(world.open(&service).unwrap(), KEY);
    }
    // The version is looked up once, and stands in what is written.
    for _ in 0..2 {
        let key = service
            .wrap(&world.recipient(""), &Secret::from(KEY.to_vec()))
            .unwrap();
        assert_eq!(*key.recipient(), world.recipient(VERSION));
        assert_eq!(key.enc(), turned(&BASE64_URL_SAFE_NO_PAD.encode(KEY)));
    }
    // A challenge, three keys opened, a version, two keys wrapped.
    assert_eq!((world.vault.got().len(), authority.got().len()), (7, 1));
    assert_eq!(world.through.load(Ordering::SeqCst), 1);
}

#[test]
fn with_a_certificate() {
    for with_chain in [false, true] {
        let audience = Arc::new(std::sync::Mutex::new(String::new()));
        let expected = audience.clone();
        let authority = authority(move |got| {
            let form = form(got);
            let assertion = field(&form, "client_assertion");
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            assert_eq!(field(&form, "client_assertion_type"), kind);
            let (signed, signature) = assertion.rsplit_once('.').unwrap();
            let (header, claims) = signed.split_once('.').unwrap();
            let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
            let json = |text: &str| serde_json::from_slice::<Value>(&decode(text)).unwrap();
            let (header, claims) = (json(header), json(claims));
            assert_eq!(
                (&header["alg"], &header["typ"]),
                (&json!("PS256"), &json!("JWT"))
            );
            // `openssl x509 -outform DER | openssl dgst -sha256 -binary`, in base64url.
            assert_eq!(
                header["x5t#S256"],
                include_str!("../../../../testdata/clouds/rsa.x5t").trim()
            );
            let pem = std::fs::read_to_string(cloud("rsa.crt")).unwrap();
            let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            assert!(BASE64_STANDARD.decode(&der).is_ok());
            assert_eq!(header.get("x5c"), with_chain.then(|| json!([der])).as_ref());
            assert_eq!(claims["aud"], **expected.lock().unwrap());
            assert_eq!(
                (&claims["iss"], &claims["sub"]),
                (&json!("app-1"), &json!("app-1"))
            );
            assert_eq!(
                claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap(),
                600
            );
            assert!(claims["jti"].as_str().unwrap().len() > 20);
            let algorithms = default_provider().signature_verification_algorithms;
            let of = |(scheme, _): &&(_, _)| *scheme == SignatureScheme::RSA_PSS_SHA256;
            let (_, pss) = algorithms.mapping.iter().find(of).unwrap();
            let public = std::fs::read(cloud("rsa.der")).unwrap();
            let verified = pss[0].verify_signature(&public, signed.as_bytes(), &decode(signature));
            assert!(verified.is_ok());
            token("t")
        });
        *audience.lock().unwrap() = format!("{}/{TENANT}/oauth2/v2.0/token", authority.url());
        let folder = Folder::new();
        let read = |name| std::fs::read_to_string(cloud(name)).unwrap();
        let path = folder.file("both.pem", &(read("rsa.pem") + &read("rsa.crt")));
        let url = authority.url();
        let mut vars = vec![
            ("AZURE_CLIENT_CERTIFICATE_PATH", path.as_str()),
            ("AZURE_AUTHORITY_HOST", &url),
            (
                "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
                if with_chain { "true" } else { "" },
            ),
        ];
        vars.extend(APPLICATION);
        let world = World::of_token("t");
        assert_eq!(world.open(&world.service(&vars)).unwrap(), KEY);
    }
    // No key in it; another file; none.
    for path in [cloud("rsa.crt"), cloud("README.md"), "/no/such/file".into()] {
        let path = path.display().to_string();
        let mut vars = vec![("AZURE_CLIENT_CERTIFICATE_PATH", path.as_str())];
        vars.extend(APPLICATION);
        let world = World::of_token("t");
        let error = world.open(&world.service(&vars)).unwrap_err();
        assert_eq!(error.reason(), Reason::NoCredentials, "{error}");
        assert!(error.advice().unwrap().contains("openssl pkcs12"));
    }
}

#[test]
fn workload_identity_is_renewed_once() {
    // The token ends after the second request that it is good for.
    let count = AtomicUsize::new(0);
    let world = World::new(move |got| {
        if got.header("authorization").is_empty() {
            return vault(got, "t");
        }
        let used = count.fetch_add(1, Ordering::SeqCst);
        vault(got, if used < 2 { "t0" } else { "t1" })
    });
    let given = AtomicUsize::new(0);
    let authority = authority(move |got| {
        let count = given.fetch_add(1, Ordering::SeqCst);
        assert_eq!(
            field(&form(got), "client_assertion"),
            format!("pod-{count}")
        );
        token(&format!("t{count}"))
    });
    let folder = Folder::new();
    let path = folder.file("token", "pod-0\n");
    let url = authority.url();
    let mut vars = vec![
        ("AZURE_FEDERATED_TOKEN_FILE", path.as_str()),
        ("AZURE_AUTHORITY_HOST", &url),
    ];
    vars.extend(APPLICATION);
    let service = world.service(&vars);
    assert_eq!(world.open(&service).unwrap(), KEY);
    // Kubernetes writes a new one into the pod.
    folder.file("token", "pod-1\n");
    for _ in 0..4 {
        assert_eq!(world.open(&service).unwrap(), KEY);
    }
    assert_eq!(authority.got().len(), 2);
    let places: Vec<_> = service.places().iter().map(ToString::to_string).collect();
    assert_eq!(
        places,
        [
            "AZURE_CLIENT_SECRET: not set",
            "AZURE_FEDERATED_TOKEN_FILE: application app-1",
        ]
    );
}

#[test]
fn managed_identities() {
    let app_service = Fake::http(|got| {
        assert_eq!(got.header("x-identity-header"), "h3ad3r");
        let query = "api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net&client_id=c";
        assert_eq!(got.target, format!("/msi/token?{query}"));
        let end = "4102444800";
        Reply::json(
            200,
            json!({"access_token": "t", "expires_on": end}).to_string(),
        )
    });
    let machine = Fake::http(|got| {
        assert_eq!(got.header("metadata"), "true");
        let query = "api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net&client_id=c";
        assert_eq!(
            got.target,
            format!("/metadata/identity/oauth2/token?{query}")
        );
        let answer =
            json!({"access_token": "t", "expires_in": "86399", "expires_on": "4102444800"});
        Reply::json(200, answer.to_string())
    });
    let endpoint = app_service.url() + "/msi/token";
    let host = machine.url();
    let http_proxy = format!("http://{}", nobody());
    for (vars, fake) in [
        (
            vec![
                ("IDENTITY_ENDPOINT", endpoint.as_str()),
                ("IDENTITY_HEADER", "h3ad3r"),
            ],
            &app_service,
        ),
        (
            vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", &*host)],
            &machine,
        ),
    ] {
        let world = World::of_token("t");
        let mut all = vec![("AZURE_CLIENT_ID", "c"), ("HTTP_PROXY", &http_proxy)];
        all.extend(vars);
        let service = world.service(&all);
        for _ in 0..3 {
            assert_eq!(world.open(&service).unwrap(), KEY);
        }
        assert_eq!(fake.got().len(), 1);
    }
}

#[cfg(unix)]
#[test]
fn az_is_run_where_the_policy_lets_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let az = folder.file(
        "az",
        "#!/bin/sh\n[ \"$*\" = 'account get-access-token --output json --resource \
         https://vault.azure.net --tenant tenant-1' ] || exit 1\n\
         echo '{\"accessToken\": \"t\", \"expires_on\": 4102444800}'\n",
    );
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = format!("http://{}", nobody());
    let path = folder.path();
    let vars = [
        ("PATH", path.as_str()),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", &nobody),
    ];
    let world = World::of_token("t");
    let laptop = Policy::default().with_programs();
    let service = world.service_with(&vars, laptop);
    assert_eq!(world.open(&service).unwrap(), KEY);
    assert!(
        service
            .outlook()
            .unwrap()
            .ends_with(", else the user who is logged in with az")
    );
    // Not in Argo CD.
    let error = world.open(&world.service(&vars)).unwrap_err();
    assert_eq!(error.reason(), Reason::NoCredentials);
    // Nor from a relative entry of PATH.
    let relative = [("PATH", "."), ("AZURE_TOKEN_CREDENTIALS", "dev")];
    let service = world.service_with(&relative, laptop);
    assert_eq!(
        world.open(&service).unwrap_err().reason(),
        Reason::NoCredentials
    );
    // One that fails is run once for all files.
    folder.file("az", "#!/bin/sh\necho run >> \"$0.log\"\nexit 1\n");
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let service = world.service_with(&vars, laptop);
    for _ in 0..3 {
        let error = world.open(&service).unwrap_err();
        assert_eq!(error.reason(), Reason::NoCredentials);
    }
    let log = std::fs::read_to_string(format!("{az}.log")).unwrap();
    assert_eq!(log, "run\n");
}

#[test]
fn where_there_are_no_credentials() {
    let world = World::of_token("t");
    let (address, _listener) = silent();
    let none = Fake::http(|_| Reply::json(400, r#"{"error": "invalid_request"}"#));
    for host in [address, none.address(), nobody()] {
        let host = format!("http://{host}");
        let service = world.service(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &host)]);
        let start = std::time::Instant::now();
        for _ in 0..3 {
            assert_eq!(
                world.open(&service).unwrap_err().reason(),
                Reason::NoCredentials
            );
        }
        assert!(start.elapsed().as_millis() < 2500);
    }
    for (name, value) in [
        ("AZURE_TOKEN_CREDENTIALS", "planted"),
        ("AZURE_TOKEN_CREDENTIALS", "AzurePowerShellCredential"),
        ("AZURE_TOKEN_CREDENTIALS", "workloadidentitycredential"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/x"),
        ("MSI_ENDPOINT", "http://127.0.0.1:1"),
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:1"),
    ] {
        let error = world.open(&world.service(&[(name, value)])).unwrap_err();
        assert_eq!(error.reason(), Reason::NoCredentials, "{name}={value}");
        assert!(!error.to_string().contains("planted"));
    }
}

#[test]
fn a_token_goes_to_azure_only() {
    let world = World::of_token("t");
    let authority = authority(|_| token("t"));
    let url = authority.url();
    let mut vars = vec![
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_AUTHORITY_HOST", &*url),
    ];
    vars.extend(APPLICATION);
    let service = world.service(&vars);
    for host in [
        "evil.example.org",
        "vault.azure.net",
        "localhost",
        "127.0.0.1",
    ] {
        let recipient = Recipient::azure_key_vault(world.url(host), "k", VERSION);
        let key = WrappedKey::new(recipient, "QUJD");
        let error = service.unwrap(&key, Effort::Network).unwrap_err();
        assert_eq!(error.reason(), Reason::Refused, "{host}");
    }
    assert_eq!((world.vault.connections(), authority.connections()), (0, 0));
    // Named by whoever runs the program, it still gets only what is for it.
    vars.push(("KSOPS_AZURE_VAULT_DOMAINS", "example.org"));
    let service = world.service(&vars);
    let recipient = Recipient::azure_key_vault(world.url("evil.example.org"), "k", VERSION);
    let key = WrappedKey::new(recipient, "QUJD");
    let error = service.unwrap(&key, Effort::Network).unwrap_err();
    assert_eq!(error.reason(), Reason::Refused);
    assert_eq!((world.vault.got().len(), authority.connections()), (1, 0));
}

#[test]
fn a_vault_that_asks_for_something_else() {
    let authority = authority(|_| token("t"));
    let url = authority.url();
    let mut vars = vec![
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_AUTHORITY_HOST", &*url),
    ];
    vars.extend(APPLICATION);
    for resource in [
        "https://management.azure.com",
        "https://graph.microsoft.com",
        "https://net",
    ] {
        let world = World::new(move |_| challenge(resource));
        let error = world.open(&world.service(&vars)).unwrap_err();
        assert_eq!(error.reason(), Reason::Refused);
    }
    // Of another tenant, unless that is allowed.
    vars[2].1 = "tenant-2";
    let world = World::of_token("t");
    let error = world.open(&world.service(&vars)).unwrap_err();
    insta::assert_snapshot!(shown(&error, &world), @r"
    denied: the vault is of tenant tenant-1, and application app-1 (by AZURE_CLIENT_SECRET) of tenant tenant-2
    check AZURE_TENANT_ID; to ask for tokens of the vault's tenant name it in AZURE_ADDITIONALLY_ALLOWED_TENANTS
    ");
    assert_eq!(authority.connections(), 0);
    vars.push(("AZURE_ADDITIONALLY_ALLOWED_TENANTS", "x; tenant-1"));
    assert_eq!(world.open(&world.service(&vars)).unwrap(), KEY);
}

#[test]
fn refusals() {
    let authority = authority(|_| token("planted"));
    let url = authority.url();
    let mut vars = vec![
        ("AZURE_CLIENT_SECRET", "planted"),
        ("AZURE_AUTHORITY_HOST", &*url),
    ];
    vars.extend(APPLICATION);
    let azure = |code: &str, inner: &str| {
        json!({"error": {"code": code, "message": "planted", "innererror": {"code": inner}}})
            .to_string()
    };
    let mut seen = String::new();
    for (status, text) in [
        (400, azure("BadParameter", "")),
        (401, azure("Unauthorized", "AKV10022")),
        (403, azure("Forbidden", "ForbiddenByRbac")),
        (403, azure("Forbidden", "ForbiddenByConnection")),
        (403, azure("Forbidden", "KeyDisabled")),
        (404, azure("KeyNotFound", "")),
        (429, azure("Throttled", "")),
        (503, "planted".into()),
        (409, "planted".into()),
        (200, r#"{"value": "planted?"}"#.into()),
        (200, "planted".into()),
    ] {
        let world = World::new(move |got| {
            if got.header("authorization").is_empty() {
                return challenge("https://vault.azure.net");
            }
            Reply::with(status, &[("x-ms-request-id", "4711-a")], text.clone())
        });
        seen += &shown(&world.open(&world.service(&vars)).unwrap_err(), &world);
    }
    // What does not answer as a vault does.
    for status in [200, 403, 404] {
        let world = World::new(move |_| Reply::json(status, "planted"));
        seen += &shown(&world.open(&world.service(&vars)).unwrap_err(), &world);
    }
    assert!(!seen.contains("planted"), "{seen}");
    insta::assert_snapshot!(seen);
}

#[test]
fn refusals_of_tokens() {
    let mut seen = String::new();
    for (status, text) in [
        (
            401,
            r#"{"error": "invalid_client", "error_description": "AADSTS7000215 planted"}"#,
        ),
        (400, r#"{"error": "invalid_request"}"#),
        (500, "planted"),
        (200, "planted"),
    ] {
        let authority = authority(move |_| Reply::json(status, text));
        let folder = Folder::new();
        let path = folder.file("token", "planted");
        let url = authority.url();
        for (name, value) in [
            ("AZURE_CLIENT_SECRET", "planted"),
            ("AZURE_FEDERATED_TOKEN_FILE", &path),
        ] {
            let mut vars = vec![(name, value), ("AZURE_AUTHORITY_HOST", &url)];
            vars.extend(APPLICATION);
            let world = World::of_token("t");
            let service = world.service(&vars);
            for _ in 0..3 {
                let error = world.open(&service).unwrap_err();
                assert!(!error.to_string().contains("planted"));
            }
            seen += &shown(&world.open(&service).unwrap_err(), &world);
        }
        assert!(authority.got().len() <= 6);
    }
    assert!(!seen.contains("planted"), "{seen}");
    insta::assert_snapshot!(seen);
    let mut vars = vec![
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_AUTHORITY_HOST", "http://127.0.0.1"),
    ];
    vars.extend(APPLICATION);
    let world = World::of_token("t");
    let error = world.open(&world.service(&vars)).unwrap_err();
    assert_eq!(
        error.detail(),
        "AZURE_AUTHORITY_HOST is not an https address"
    );
}

#[test]
fn what_is_damaged_is_not_sent() {
    let world = World::of_token("t");
    let service = world.service(&[]);
    for enc in ["", "QUJD=", "QUI+", "a b"] {
        let key = WrappedKey::new(world.recipient(VERSION), enc);
        let error = service.unwrap(&key, Effort::Network).unwrap_err();
        assert_eq!(error.reason(), Reason::Damaged, "{enc}");
    }
    assert_eq!(world.vault.connections(), 0);
}

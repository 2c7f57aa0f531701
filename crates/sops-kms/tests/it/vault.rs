//! Vault's transit engine: against OpenBao, with real sops in both directions;
//! and against a fake of our own, for Kubernetes's login and for faults.

mod openbao;

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use sops_core::{
    Keyring,
    keys::{Effort, KeyError, KeyService, Reason, Recipient, Secret, WrappedKey},
};
use sops_kms::{Policy, Vault};

use super::{
    fake::{Fake, Got, Reply, certificate, https},
    servers::{both_directions, open_bao, open_bao_with_tls, tool},
    world::{env, env_with},
};

const SECRET: &[u8; 32] = b"a data key of thirty-two bytes..";

fn round(service: &Vault, recipient: &Recipient) -> Result<WrappedKey, KeyError> {
    let key = service.wrap(recipient, &Secret::from(SECRET.to_vec()))?;
    let opened = service.unwrap(&key, Effort::Network)?;
    assert_eq!(opened.as_bytes(), SECRET);
    Ok(key)
}

fn shown(error: &KeyError) -> String {
    let retry = if error.is_transient() { " [retry]" } else { "" };
    format!("{error}{retry}\n  {}", error.advice().unwrap_or("-"))
}

/// A transit engine that wraps by base64, with Kubernetes's login.
fn transit(got: &Got) -> Reply {
    let body: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    match (got.method.as_str(), got.target.as_str()) {
        ("POST", "/v1/auth/k8s/prod/login") => {
            assert_eq!(
                body,
                serde_json::json!({"jwt": "pod-token", "role": "ksops"})
            );
            Reply::json(
                200,
                r#"{"auth":{"client_token":"s.login","lease_duration":3600}}"#,
            )
        }
        ("PUT", "/v1/sub/transit/encrypt/a%20key") => {
            let text = body["plaintext"].as_str().unwrap();
            Reply::json(
                200,
                format!(r#"{{"data":{{"ciphertext":"vault:v1:{text}"}}}}"#),
            )
        }
        ("PUT", "/v1/sub/transit/decrypt/a%20key") => {
            let text = body["ciphertext"]
                .as_str()
                .unwrap()
                .strip_prefix("vault:v1:")
                .unwrap();
            Reply::json(200, format!(r#"{{"data":{{"plaintext":"{text}"}}}}"#))
        }
        _ => Reply::json(404, r#"{"errors":[]}"#),
    }
}

fn key(url: &str) -> Recipient {
    Recipient::vault(url, "sub/transit", "a key")
}

#[test]
fn the_request_is_as_sops_makes_it() {
    let fake = Fake::http(transit);
    let vars = [("VAULT_TOKEN", "s.token"), ("VAULT_NAMESPACE", "team")];
    let service = Vault::new(env(&vars));
    round(&service, &key(&fake.url())).unwrap();
    let got = fake.got();
    let plain = BASE64_STANDARD.encode(SECRET);
    assert_eq!(got[0].text(), format!(r#"{{"plaintext":"{plain}"}}"#));
    assert_eq!(
        got[1].text(),
        format!(r#"{{"ciphertext":"vault:v1:{plain}"}}"#)
    );
    for got in &got {
        assert_eq!(got.header("x-vault-token"), "s.token");
        assert_eq!(got.header("x-vault-request"), "true");
        assert_eq!(got.header("x-vault-namespace"), "team");
    }
    assert_eq!(fake.connections(), 1);
}

#[test]
fn the_token_goes_where_it_may() {
    let fake = Fake::http(transit);
    let url = fake.url();
    let of = |vars: &[(&str, &str)], policy| {
        let vars = [&[("VAULT_TOKEN", "s.token")], vars].concat();
        round(&Vault::new(env_with(&vars, policy)), &key(&url))
            .map_or_else(|e| shown(&e), |_| "opened".into())
    };
    let laptop = Policy::default();
    let strangers = Policy::default().with_strangers_files();
    assert_eq!(of(&[("VAULT_ADDR", &url)], strangers), "opened");
    assert_eq!(
        of(&[("SOPS_HC_VAULT_ALLOWLIST", "all")], strangers),
        "opened"
    );
    assert_eq!(of(&[], laptop), "opened");
    let before = fake.got().len();
    let other = [("VAULT_ADDR", "https://vault.example.org")];
    insta::assert_snapshot!([
        of(&[], strangers),
        of(&other, strangers),
        of(&other, laptop),
        of(&[("SOPS_HC_VAULT_ALLOWLIST", "none")], laptop),
        of(&[("SOPS_HC_VAULT_ALLOWLIST", "https://a,,")], laptop),
    ]
    .join("\n")
    .replace(&url, "URL"), @r"
    refused: the file names URL, and VAULT_ADDR is not set
      set VAULT_ADDR on the repo-server to URL, if it is to be trusted with the token
    refused: the file names URL, which is not the server of VAULT_ADDR
      see why the file names another server than VAULT_ADDR; SOPS_HC_VAULT_ALLOWLIST names servers that may be asked besides it
    refused: the file names URL, which is not the server of VAULT_ADDR
      if URL is to be trusted with your token, set SOPS_HC_VAULT_ALLOWLIST to URL, or to `all` for any server
    refused: SOPS_HC_VAULT_ALLOWLIST does not allow URL
      add URL to SOPS_HC_VAULT_ALLOWLIST, if it is to be trusted with your token
    refused: entry 2 of SOPS_HC_VAULT_ALLOWLIST is empty
      mend SOPS_HC_VAULT_ALLOWLIST: addresses with commas between
    ");
    assert_eq!(fake.got().len(), before, "nobody was asked");
}

/// Values as Secrets have them that were made with echo, and ones that are no
/// addresses at all.
#[test]
fn variables_that_are_not_quite_right() {
    let fake = Fake::http(transit);
    let url = fake.url();
    let (address, token) = (format!("{url}\n"), "s.token\n");
    let of = |address: &str, policy| {
        let vars = [("VAULT_TOKEN", token), ("VAULT_ADDR", address)];
        round(&Vault::new(env_with(&vars, policy)), &key(&url))
            .map_or_else(|e| shown(&e), |_| "opened".into())
    };
    let strangers = Policy::default().with_strangers_files();
    assert_eq!(of(&address, strangers), "opened");
    assert_eq!(fake.got()[0].header("x-vault-token"), "s.token");
    insta::assert_snapshot!(of(url.trim_start_matches("http://"), strangers), @r"
    no credentials: VAULT_ADDR is not an http or https address
      mend VAULT_ADDR, or unset it
    ");
    // Of a file's address nobody is told to trust it.
    let other = of("https://vault.example.org", strangers);
    assert!(
        !other.contains("all`") && !other.contains("trusted"),
        "{other}"
    );
}

/// A server that speaks TLS, or that is none of Vault's, says nothing of keys.
#[test]
fn a_server_that_is_not_vault_s() {
    let fake = Fake::http(|_| {
        Reply::with(
            400,
            &[],
            "Client sent an HTTP request to an HTTPS server.\n",
        )
    });
    let service = Vault::new(env(&[("VAULT_TOKEN", "s.token")]));
    let error = round(&service, &key(&fake.url())).unwrap_err();
    insta::assert_snapshot!(shown(&error).replace(&fake.url(), "URL"), @r"
    unavailable: URL does not answer as Vault does (400)
      see whether the address is Vault's, and whether it is https
    ");
}

#[test]
fn tokens() {
    let fake = Fake::http(transit);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().display().to_string();
    let service = || Vault::new(env(&[("HOME", &path)]));
    let error = round(&service(), &key(&fake.url())).unwrap_err();
    insta::assert_snapshot!(shown(&error), @r"
    no credentials: no token of Vault
      set VAULT_TOKEN, log in with `vault login`, or in a pod set KSOPS_VAULT_ROLE to a role of Vault's Kubernetes login
    ");
    fs::write(home.path().join(".vault-token"), " s.file\n").unwrap();
    round(&service(), &key(&fake.url())).unwrap();
    assert_eq!(fake.got()[0].header("x-vault-token"), "s.file");
    // An agent adds its own.
    let agent = Fake::http(transit);
    let empty = tempfile::tempdir().unwrap();
    let (empty, url) = (empty.path().display().to_string(), agent.url());
    let by_agent = Vault::new(env(&[("HOME", &empty), ("VAULT_AGENT_ADDR", &url)]));
    round(&by_agent, &key("https://vault.example.org")).unwrap();
    assert_eq!(agent.got()[0].header("x-vault-token"), "");
}

#[test]
fn kubernetes_login() {
    let pod = tempfile::tempdir().unwrap();
    let token = pod.path().join("token");
    fs::write(&token, "pod-token\n").unwrap();
    let token = token.display().to_string();
    // The login's token ends after the third request.
    let count = AtomicUsize::new(0);
    let fake = Fake::http(move |got| {
        let login = got.target.contains("/login");
        if !login && count.fetch_add(1, Ordering::SeqCst) == 3 {
            return Reply::json(403, r#"{"errors":["permission denied"]}"#);
        }
        assert_eq!(
            got.header("x-vault-token"),
            if login { "" } else { "s.login" }
        );
        transit(got)
    });
    let url = fake.url();
    let vars = [
        ("KSOPS_VAULT_ROLE", "ksops"),
        ("KSOPS_VAULT_AUTH_PATH", "k8s/prod"),
        ("KSOPS_VAULT_TOKEN_FILE", &token),
        ("VAULT_ADDR", &url),
    ];
    let strangers = Policy::default().with_strangers_files();
    let service = Vault::new(env_with(&vars, strangers));
    assert_eq!(
        service.outlook().unwrap(),
        format!("the pod's own token, as role ksops (KSOPS_VAULT_ROLE), for {url} (VAULT_ADDR)")
    );
    round(&service, &key(&url)).unwrap();
    round(&service, &key(&url)).unwrap();
    let logins = fake
        .got()
        .iter()
        .filter(|got| got.target.contains("/login"))
        .count();
    assert_eq!(logins, 2);
    // The pod's token does not follow a file.
    let service = Vault::new(env(&[vars[0], vars[2]]));
    let error = round(&service, &key(&url)).unwrap_err();
    assert_eq!(error.reason(), Reason::Refused, "{error}");
    let logins = fake
        .got()
        .iter()
        .filter(|got| got.target.contains("/login"))
        .count();
    assert_eq!(logins, 2);
}

#[test]
fn refusals() {
    let of = |status: u16, message: &str| {
        let body = format!(r#"{{"errors":["planted-secret {message}"]}}"#);
        let fake = Fake::http(move |_| Reply::json(status, body.clone()));
        let service = Vault::new(env(&[("VAULT_TOKEN", "s.token")]));
        let error = round(&service, &key(&fake.url())).unwrap_err();
        assert!(!format!("{error:?}").contains("planted-secret"));
        shown(&error).replace(&fake.url(), "URL")
    };
    insta::assert_snapshot!([
        of(403, "permission denied"),
        of(403, "invalid token"),
        of(404, "no handler for route"),
        of(400, "encryption key not found"),
        of(400, "ciphertext or signature version is disallowed by policy (too old)"),
        of(400, "cipher: message authentication failed"),
        of(503, "Vault is sealed"),
        of(500, "internal error"),
        of(418, ""),
    ]
    .join("\n"), @r"
    denied: the token of VAULT_TOKEN is not allowed to use sub/transit/encrypt/a key at URL (403)
      give the token's policy the capability update on sub/transit/encrypt/a key, or get a new token if it has expired; VAULT_NAMESPACE must be right, too
    denied: URL does not know the token of VAULT_TOKEN (403)
      the token has expired or was revoked: get a new one
    there is no such key: sub/transit/encrypt/a key at URL (404)
      check the engine's path, and VAULT_NAMESPACE
    there is no such key: sub/transit/encrypt/a key at URL (400)
      check the key's name
    denied: the key's version is too old for sub/transit/encrypt/a key at URL (400)
      lower the key's min_decryption_version, or restore a newer file
    no matching identity: not made with sub/transit/encrypt/a key at URL (400)
      restore vault_address, engine_path, key_name and enc of the file's `sops` block from version control
    unavailable: URL is sealed, or not ready (503) [retry]
      unseal Vault, or try again later
    unavailable: URL failed for now (500) [retry]
      try again: the server is busy, or has a fault that will pass
    unavailable: sub/transit/encrypt/a key at URL failed (418)
      the log of Vault says more
    ");
}

#[test]
fn files_that_are_not_to_be_believed() {
    let fake = Fake::http(|_| Reply::json(200, "{}"));
    let url = fake.url();
    let service = Vault::new(env(&[("VAULT_TOKEN", "s.token")]));
    let reason = |recipient: Recipient, enc: &str| {
        let error = service.unwrap(&WrappedKey::new(recipient, enc), Effort::Network);
        error.unwrap_err().reason()
    };
    for (engine, name) in [
        ("transit", "../../sys/seal"),
        ("..", "x"),
        ("transit/../sys", "x"),
        ("transit//x", "x"),
        ("", "x"),
        ("transit", ""),
        ("transit", "."),
    ] {
        let recipient = Recipient::vault(&url, engine, name);
        assert_eq!(
            reason(recipient, "vault:v1:x"),
            Reason::Invalid,
            "{engine} {name}"
        );
    }
    for address in [
        "",
        "vault",
        "http://u:p@host",
        "unix:///x",
        "http://host/?x",
        "http://a b",
    ] {
        assert_eq!(
            reason(Recipient::vault(address, "t", "k"), "x"),
            Reason::Invalid,
            "{address}"
        );
    }
    assert_eq!(reason(key(&url), ""), Reason::Damaged);
    assert_eq!(fake.connections(), 0);
    assert_eq!(reason(key(&url), "vault:v1:x"), Reason::Unavailable);
}

#[test]
fn other_servers_and_authorities() {
    let service = Vault::new(env(&[("VAULT_TOKEN", "s.token")]));
    // A standby sends us to the active server: not with our token.
    let other = Fake::http(transit);
    let to = other.url();
    let fake = Fake::http(move |_| Reply::with(307, &[("location", &to)], ""));
    let error = round(&service, &key(&fake.url())).unwrap_err();
    assert_eq!(error.reason(), Reason::Unavailable);
    assert_eq!(other.connections(), 0);
    // Certificates of an authority of one's own.
    let fake = https("server", true, transit);
    let ca = certificate("ca.pem").display().to_string();
    let (cert, private) = (certificate("client.pem"), certificate("client.key"));
    let (cert, private) = (cert.display().to_string(), private.display().to_string());
    let mut vars = vec![("VAULT_TOKEN", "s.token")];
    round(&Vault::new(env(&vars)), &key(&fake.url())).unwrap_err();
    vars.extend([("VAULT_CACERT", ca.as_str())]);
    round(&Vault::new(env(&vars)), &key(&fake.url())).unwrap_err();
    vars.extend([
        ("VAULT_CLIENT_CERT", cert.as_str()),
        ("VAULT_CLIENT_KEY", &private),
    ]);
    round(&Vault::new(env(&vars)), &key(&fake.url())).unwrap();
}

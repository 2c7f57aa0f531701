//! Against OpenBao, with real sops in both directions.

use super::*;

/// A real server: there and back, wrong tokens, a namespace, and real sops.
#[test]
fn openbao() {
    let (Some(bao), Some(sops)) = (open_bao(), tool("sops")) else {
        return;
    };
    let url = bao.url();
    let post = |path: &str, namespace: &str, body: &str| bao.post(path, namespace, body);
    post("sys/mounts/sub/transit", "", r#"{"type":"transit"}"#);
    post("sub/transit/keys/dev", "", "{}");
    post("sys/namespaces/team", "", "{}");
    post("sys/mounts/transit", "team", r#"{"type":"transit"}"#);
    post("transit/keys/dev", "team", "{}");
    let weak = post(
        "auth/token/create",
        "",
        r#"{"policies":["default"],"ttl":"1h"}"#,
    );
    let weak = weak["auth"]["client_token"].as_str().unwrap();

    let with = |token: &str, namespace: &str| {
        Vault::new(env(&[
            ("VAULT_TOKEN", token),
            ("VAULT_ADDR", &url),
            ("VAULT_NAMESPACE", namespace),
        ]))
    };
    let key = Recipient::vault(&url, "sub/transit", "dev");
    let wrapped = round(&with("root", ""), &key).unwrap();
    assert!(wrapped.enc().starts_with("vault:v1:"));
    round(
        &with("root", "team"),
        &Recipient::vault(&url, "transit", "dev"),
    )
    .unwrap();
    let unwrap = |service: Vault, key: &WrappedKey| {
        let error = service.unwrap(key, Effort::Network).unwrap_err();
        (error.reason(), error.to_string())
    };
    assert_eq!(unwrap(with("s.wrong", ""), &wrapped).0, Reason::Denied);
    assert_eq!(unwrap(with(weak, ""), &wrapped).0, Reason::Denied);
    let damaged = WrappedKey::new(key.clone(), "vault:v1:AAAA");
    assert_eq!(unwrap(with("root", ""), &damaged).0, Reason::NotOurs);
    let other = WrappedKey::new(Recipient::vault(&url, "sub/transit", "none"), wrapped.enc());
    assert_eq!(unwrap(with("root", ""), &other).0, Reason::NotFound);
    let nowhere = WrappedKey::new(Recipient::vault(&url, "none", "dev"), wrapped.enc());
    assert!(matches!(
        unwrap(with("root", ""), &nowhere).0,
        Reason::NotFound | Reason::Denied
    ));

    let mut keyring = Keyring::without_services();
    keyring.add_service(with("root", ""));
    let vars = [("VAULT_TOKEN", "root")];
    let address = format!("{url}/v1/sub/transit/keys/dev");
    both_directions(
        &sops,
        &vars,
        &["--hc-vault-transit", &address],
        &key,
        &keyring,
    );
}

/// The pod's token, as Kubernetes signs one for a service account.
fn pod_token(name: &str) -> String {
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(serde_json::json!({"alg": "RS256", "kid": "k"}));
    let claims = part(serde_json::json!({
        "iss": "https://kubernetes.default.svc",
        "sub": format!("system:serviceaccount:argocd:{name}"),
        "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 4_102_444_800_u64,
        "kubernetes.io": {"namespace": "argocd", "serviceaccount": {"name": name, "uid": "u-1"}},
    }));
    format!("{header}.{claims}.c2lnbmF0dXJl")
}

/// A real server with TLS and an authority of its own, tokens that end, and
/// Kubernetes's login, whose TokenReview a fake answers.
#[test]
fn openbao_with_tls_and_kubernetes() {
    let Some(bao) = open_bao_with_tls() else {
        return;
    };
    let (url, ca) = (bao.url(), bao.ca());
    bao.post("sys/mounts/transit", "", r#"{"type":"transit"}"#);
    bao.post("transit/keys/dev", "", "{}");
    let key = Recipient::vault(&url, "transit", "dev");
    let with =
        |vars: &[(&str, &str)]| Vault::new(env(&[&[("VAULT_ADDR", url.as_str())], vars].concat()));
    let trusting = ("VAULT_CACERT", ca.as_str());
    round(&with(&[("VAULT_TOKEN", "root"), trusting]), &key).unwrap();
    let pem = fs::read_to_string(&ca).unwrap();
    let by_bytes = ("VAULT_CACERT_BYTES", pem.as_str());
    round(&with(&[("VAULT_TOKEN", "root"), by_bytes]), &key).unwrap();
    let mut seen = Vec::new();
    let mut see = |error: KeyError| seen.push(shown(&error).replace(&url, "URL"));
    see(round(&with(&[("VAULT_TOKEN", "root")]), &key).unwrap_err());
    see(round(&with(&[("VAULT_TOKEN", "s.planted"), trusting]), &key).unwrap_err());

    // A token that ends while it is in use.
    let policy = r#"{"policy":"path \"transit/*\" { capabilities = [\"update\"] }"}"#;
    bao.post("sys/policies/acl/transit", "", policy);
    let brief = bao.post(
        "auth/token/create",
        "",
        r#"{"policies":["transit"],"ttl":"2s"}"#,
    );
    let brief = brief["auth"]["client_token"].as_str().unwrap();
    let service = with(&[("VAULT_TOKEN", brief), trusting]);
    let wrapped = round(&service, &key).unwrap();
    let ended = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        service.unwrap(&wrapped, Effort::Network).err()
    });
    see(ended.expect("the token ends"));

    let kubernetes = Fake::http(|got| {
        assert_eq!(got.target, "/apis/authentication.k8s.io/v1/tokenreviews");
        assert_eq!(got.header("authorization"), "Bearer reviewer");
        let review: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        let good = review["spec"]["token"] == pod_token("ksops").as_str();
        let user = serde_json::json!({
            "username": "system:serviceaccount:argocd:ksops", "uid": "u-1",
            "groups": ["system:serviceaccounts"],
        });
        let status = serde_json::json!({"authenticated": good, "user": user});
        let answer = serde_json::json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status,
        });
        Reply::json(201, answer.to_string())
    });
    bao.post("sys/auth/kubernetes", "", r#"{"type":"kubernetes"}"#);
    let config = serde_json::json!({
        "kubernetes_host": kubernetes.url(), "token_reviewer_jwt": "reviewer",
        "disable_local_ca_jwt": true,
        "kubernetes_ca_cert": fs::read_to_string(certificate("ca.pem")).unwrap(),
    });
    bao.post("auth/kubernetes/config", "", &config.to_string());
    let role = r#"{"bound_service_account_names":["ksops"],
        "bound_service_account_namespaces":["argocd"],"token_policies":["transit"],"token_ttl":"60s"}"#;
    bao.post("auth/kubernetes/role/ksops", "", role);
    let pod = tempfile::tempdir().unwrap();
    let path = pod.path().join("token");
    let file = path.display().to_string();
    let log_in = |token: &str, role: &str| {
        fs::write(&path, token).unwrap();
        let vars = [
            ("KSOPS_VAULT_ROLE", role),
            ("KSOPS_VAULT_TOKEN_FILE", &file),
            trusting,
        ];
        let service = with(&vars);
        round(&service, &key)?;
        // Once for all files.
        round(&service, &key)
    };
    log_in(&pod_token("ksops"), "ksops").unwrap();
    assert_eq!(kubernetes.got().len(), 1);
    see(log_in(&pod_token("other"), "ksops").unwrap_err());
    see(log_in(&pod_token("ksops"), "other").unwrap_err());
    see(log_in("planted", "ksops").unwrap_err());
    let seen = seen.join("\n");
    assert!(!seen.contains("planted"), "{seen}");
    insta::assert_snapshot!(seen);
}

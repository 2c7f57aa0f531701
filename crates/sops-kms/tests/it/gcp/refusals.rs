//! What KMS and the token endpoints refuse, and universes.

use super::{credentials::service_account, *};

#[test]
fn refusals() {
    let google = |code: u16, status: &str| {
        json!({"error": {"code": code, "message": "planted", "status": status}}).to_string()
    };
    let mut seen = String::new();
    for (status, text) in [
        (400, google(400, "INVALID_ARGUMENT")),
        (400, google(400, "FAILED_PRECONDITION")),
        (401, google(401, "UNAUTHENTICATED")),
        (403, google(403, "PERMISSION_DENIED")),
        (404, google(404, "NOT_FOUND")),
        (429, google(429, "RESOURCE_EXHAUSTED")),
        (500, "<html>planted</html>".into()),
        (403, r#"{"error": "<planted>"}"#.into()),
        (418, r#"{"error": 1}"#.into()),
        (200, r#"{"plaintext": "planted?"}"#.into()),
        (200, r#"{"plaintext": ""}"#.into()),
        (200, "planted".into()),
    ] {
        let kms = Fake::http(move |_| Reply::json(status, text.clone()));
        let service = service(&kms, &[("GOOGLE_OAUTH_ACCESS_TOKEN", "planted")]);
        seen += &shown(&open(&service).unwrap_err());
        seen.push('\n');
    }
    assert!(!seen.contains("planted"), "{seen}");
    insta::assert_snapshot!(seen);
}

#[test]
fn refusals_of_tokens() {
    let mut seen = String::new();
    for (status, text) in [
        (
            400,
            r#"{"error": "invalid_grant", "error_description": "planted"}"#,
        ),
        (401, r#"{"error": "invalid_client"}"#),
        (
            403,
            r#"{"error": {"code": 403, "status": "PERMISSION_DENIED"}}"#,
        ),
        (503, "planted"),
        (200, "{}"),
        (200, r#"{"access_token": ""}"#),
    ] {
        let tokens = Fake::http(move |_| Reply::json(status, text));
        let file = json!({
            "type": "external_account", "audience": "a", "subject_token_type": "t",
            "token_url": tokens.url(), "credential_source": {"file": cloud("rs256.jwt")},
        });
        let kms = kms("t");
        let service = service(&kms, &[("GOOGLE_CREDENTIALS", &file.to_string())]);
        for _ in 0..2 {
            let error = open(&service).unwrap_err();
            seen += &shown(&error);
            seen.push('\n');
        }
        // What failed is not asked for again.
        assert!(tokens.got().len() <= 3);
        assert_eq!(kms.connections(), 0);
    }
    assert!(!seen.contains("planted"), "{seen}");
    insta::assert_snapshot!(seen);
}

#[test]
fn universes() {
    let error = |vars: &[(&str, &str)]| {
        let mut file = service_account();
        file["universe_domain"] = "one.example".into();
        let text = file.to_string();
        let mut all = vec![("GOOGLE_CREDENTIALS", text.as_str())];
        // Nobody is asked for real.
        let proxy = format!("http://{}", nobody());
        all.push(("HTTPS_PROXY", &proxy));
        all.extend(vars);
        open(&GcpKms::new(env(&all))).unwrap_err().to_string()
    };
    assert!(error(&[]).contains("https://cloudkms.one.example: "));
    assert!(error(&[("SOPS_GCP_KMS_UNIVERSE_DOMAIN", "one.example")]).contains("cloudkms.one."));
    assert_eq!(
        error(&[("SOPS_GCP_KMS_UNIVERSE_DOMAIN", "two.example")]),
        "no credentials: SOPS_GCP_KMS_UNIVERSE_DOMAIN is two.example, and the credentials are \
         for one.example"
    );
    assert_eq!(
        error(&[("SOPS_GCP_KMS_ENDPOINT", "user@host")]),
        "no credentials: SOPS_GCP_KMS_ENDPOINT is not a host, or an http or https address"
    );
    assert!(
        error(&[("SOPS_GCP_KMS_ENDPOINT", "kms.example:444")])
            .contains("https://kms.example:444: ")
    );
}

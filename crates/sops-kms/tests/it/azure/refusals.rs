//! What a vault and those who give tokens refuse, and what is not asked for.

use super::*;

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
        let path = folder.write("token", "planted");
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

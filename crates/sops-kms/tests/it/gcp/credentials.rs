//! Where credentials for Google come from.

use super::*;

pub(super) fn service_account() -> Value {
    let pem = std::fs::read_to_string(cloud("rsa.pem")).unwrap();
    json!({
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "k1",
        "private_key": pem,
        "client_email": "unit@p.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:1/not-asked",
    })
}

/// Whether a token is one that the service account's key signed, for now.
fn is_self_signed(authorization: &str) -> bool {
    let token = authorization.strip_prefix("Bearer ").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let json = |text: &str| serde_json::from_slice::<Value>(&decode(text)).unwrap();
    assert_eq!(
        json(header),
        json!({"alg": "RS256", "typ": "JWT", "kid": "k1"})
    );
    let claims = json(claims);
    assert_eq!(claims["iss"], "unit@p.iam.gserviceaccount.com");
    assert_eq!(claims["sub"], claims["iss"]);
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/cloud-platform"
    );
    let (iat, exp) = (
        claims["iat"].as_u64().unwrap(),
        claims["exp"].as_u64().unwrap(),
    );
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(exp - iat <= 3600 && iat <= now && now < exp);
    let algorithms = default_provider().signature_verification_algorithms;
    let of = |(scheme, _): &&(_, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256;
    let (_, rsa) = algorithms.mapping.iter().find(of).unwrap();
    let public = std::fs::read(cloud("rsa.der")).unwrap();
    let signature = decode(signature);
    rsa.iter().any(|rsa| {
        rsa.verify_signature(&public, signed.as_bytes(), &signature)
            .is_ok()
    })
}

#[test]
fn a_service_account_signs_its_tokens() {
    let kms = Fake::http(|got| {
        let token = got.header("authorization");
        assert!(is_self_signed(token));
        answer(got, token.strip_prefix("Bearer ").unwrap())
    });
    let json = service_account().to_string();
    let folder = Folder::new();
    let path = folder.write("sa.json", &json);
    let home = Folder::new();
    home.write(".config/gcloud/application_default_credentials.json", &json);
    for vars in [
        [("GOOGLE_CREDENTIALS", json.as_str())],
        [("GOOGLE_CREDENTIALS", &path)],
        [("GOOGLE_APPLICATION_CREDENTIALS", &path)],
        [("HOME", &*home.path().display().to_string())],
    ] {
        let service = service(&kms, &vars);
        assert_eq!(open(&service).unwrap(), KEY);
        let outlook = service.outlook().unwrap();
        assert!(outlook.starts_with("service account unit@p.iam.gserviceaccount.com (of "));
    }
}

#[test]
fn a_user_is_renewed_once() {
    let renewals = AtomicUsize::new(0);
    let tokens = Fake::http(move |got| {
        assert_eq!(
            got.text(),
            "grant_type=refresh_token&refresh_token=r%2F1&client_id=c&client_secret=s"
        );
        let count = renewals.fetch_add(1, Ordering::SeqCst);
        Reply::json(
            200,
            json!({"access_token": format!("t{count}"), "expires_in": 3599}).to_string(),
        )
    });
    let file = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "s",
        "refresh_token": "r/1", "quota_project_id": "q", "token_uri": tokens.url(),
    });
    let text = file.to_string();
    // The third request finds that the token has ended.
    let count = AtomicUsize::new(0);
    let kms = Fake::http(move |got| {
        assert_eq!(got.header("x-goog-user-project"), "q");
        let token = if count.fetch_add(1, Ordering::SeqCst) < 2 {
            "t0"
        } else {
            "t1"
        };
        answer(got, token)
    });
    let service = service(&kms, &[("GOOGLE_CREDENTIALS", &text)]);
    for _ in 0..5 {
        assert_eq!(open(&service).unwrap(), KEY);
    }
    assert_eq!((tokens.got().len(), kms.got().len()), (2, 6));
}

#[test]
fn an_external_account() {
    // All of Google's token endpoints, and somebody else's.
    let tokens = Fake::http(|got| match got.target.as_str() {
        "/v1/token" => {
            for pair in [
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
                "audience=%2F%2Fiam.googleapis.com%2Fprojects%2F1%2Fx",
                "scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform",
                "requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
                "subject_token=theirs",
                "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
            ] {
                assert!(got.text().split('&').any(|other| other == pair), "{pair}");
            }
            Reply::json(
                200,
                json!({"access_token": "federated", "expires_in": 3600}).to_string(),
            )
        }
        "/token" => {
            assert_eq!(got.header("x-key"), "v");
            Reply::json(200, r#"{"id_token": "theirs", "other": 1}"#)
        }
        _ => {
            assert_eq!(
                got.target,
                "/v1/projects/-/serviceAccounts/sa%40p:generateAccessToken"
            );
            assert_eq!(got.header("authorization"), "Bearer federated");
            assert_eq!(body(got)["lifetime"], "1800s");
            let end = "2099-01-01T00:00:00Z";
            Reply::json(
                200,
                json!({"accessToken": "impersonated", "expireTime": end}).to_string(),
            )
        }
    });
    let folder = Folder::new();
    let text = folder.write("token", "theirs\n");
    let json_file = folder.write("token.json", r#"{"id_token": "theirs"}"#);
    let format = json!({"type": "json", "subject_token_field_name": "id_token"});
    let url = tokens.url();
    for (source, impersonate) in [
        (json!({"file": text}), false),
        (json!({"file": json_file, "format": format}), false),
        (json!({"file": text, "format": {"type": "text"}}), true),
        (
            json!({"url": format!("{url}/token"), "headers": {"X-Key": "v"}, "format": format}),
            true,
        ),
    ] {
        let mut file = json!({
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/x",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{url}/v1/token"),
            "credential_source": source,
        });
        if impersonate {
            file["service_account_impersonation_url"] =
                format!("{url}/v1/projects/-/serviceAccounts/sa%40p:generateAccessToken").into();
            file["service_account_impersonation"] = json!({"token_lifetime_seconds": 1800});
        }
        let kms = kms(if impersonate {
            "impersonated"
        } else {
            "federated"
        });
        let file = folder.write("adc.json", file.to_string());
        let service = service(&kms, &[("GOOGLE_APPLICATION_CREDENTIALS", &file)]);
        assert_eq!(open(&service).unwrap(), KEY);
        let who = service.outlook().unwrap();
        assert_eq!(
            who.starts_with("service account sa@p (by "),
            impersonate,
            "{who}"
        );
    }
}

#[test]
fn a_service_account_by_way_of_another() {
    let tokens = Fake::http(|got| {
        assert!(is_self_signed(got.header("authorization")));
        assert_eq!(body(got)["delegates"], json!(["d"]));
        Reply::json(200, r#"{"accessToken": "impersonated"}"#)
    });
    let url = format!(
        "{}/v1/projects/-/serviceAccounts/sa@p:generateAccessToken",
        tokens.url()
    );
    let mut file = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": url,
        "delegates": ["d"],
        "source_credentials": service_account(),
    });
    let kms = kms("impersonated");
    let text = file.to_string();
    assert_eq!(
        open(&service(&kms, &[("GOOGLE_CREDENTIALS", &text)])).unwrap(),
        KEY
    );
    // Credentials in credentials have an end.
    for _ in 0..9 {
        file = json!({
            "type": "impersonated_service_account",
            "service_account_impersonation_url": url,
            "source_credentials": file,
        });
    }
    let text = file.to_string();
    let error = open(&service(&kms, &[("GOOGLE_CREDENTIALS", &text)])).unwrap_err();
    assert_eq!(
        error.detail(),
        "GOOGLE_CREDENTIALS: credentials in credentials, too often"
    );
}

#[test]
fn the_metadata_server_is_last() {
    let metadata = Fake::http(|got| {
        assert_eq!(got.header("metadata-flavor"), "Google");
        assert_eq!(
            got.target,
            "/computeMetadata/v1/instance/service-accounts/default/token?scopes=\
             https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"
        );
        Reply::json(
            200,
            r#"{"access_token":"m","expires_in":3000,"token_type":"Bearer"}"#,
        )
    });
    let kms = kms("m");
    let host = metadata.address().to_string();
    // It is never asked through a proxy.
    let proxy = format!("http://{}", nobody());
    let vars = [
        ("GCE_METADATA_HOST", host.as_str()),
        ("HTTP_PROXY", &proxy),
        ("NO_PROXY", "x"),
    ];
    let service = service(&kms, &vars);
    for _ in 0..3 {
        assert_eq!(open(&service).unwrap(), KEY);
    }
    assert_eq!(metadata.got().len(), 1);
    let places: Vec<_> = service.places().iter().map(ToString::to_string).collect();
    assert_eq!(
        places,
        [
            "GOOGLE_CREDENTIALS: not set",
            "GOOGLE_OAUTH_ACCESS_TOKEN: not set",
            "GOOGLE_APPLICATION_CREDENTIALS: not set",
            "metadata server: the service account of this pod or machine, if there is one",
        ]
    );
}

#[test]
fn where_there_are_no_credentials() {
    let kms = kms("t");
    let (address, _listener) = silent();
    let missing = Fake::http(|_| Reply::json(404, "planted"));
    for host in [address, missing.address(), nobody()] {
        let host = host.to_string();
        let service = service(&kms, &[("GCE_METADATA_HOST", &host)]);
        let start = Instant::now();
        for _ in 0..3 {
            let error = open(&service).unwrap_err();
            assert_eq!(error.reason(), Reason::NoCredentials);
        }
        // One try of a second, for all files together.
        assert!(start.elapsed() < Duration::from_millis(2500));
    }
    assert_eq!(kms.connections(), 0);
}

#[test]
fn files_that_are_no_credentials() {
    let kms = kms("t");
    let mut seen = String::new();
    let mut short = service_account();
    short["private_key"] = "-----BEGIN PRIVATE KEY-----\nplanted\n".into();
    let mut without = service_account();
    without.as_object_mut().unwrap().remove("client_email");
    for text in [
        "planted".to_owned(),
        r#"{"type": "service_account", "private_key": planted}"#.into(),
        r#"{"type": "planted"}"#.into(),
        "{}".into(),
        short.to_string(),
        without.to_string(),
        json!({"type": "external_account", "audience": "a", "subject_token_type": "t",
            "credential_source": {"executable": {"command": "planted"}}})
        .to_string(),
        json!({"type": "external_account", "audience": "a", "subject_token_type": "t",
            "credential_source": {"environment_id": "aws1"}})
        .to_string(),
        json!({"type": "external_account", "audience": "a", "subject_token_type": "t",
            "credential_source": {"file": "/no/such/file"}})
        .to_string(),
    ] {
        let service = service(&kms, &[("GOOGLE_CREDENTIALS", &text)]);
        let error = open(&service).unwrap_err();
        assert_eq!(error.reason(), Reason::NoCredentials);
        seen += &shown(&error);
        seen.push('\n');
    }
    assert!(!seen.contains("planted"), "{seen}");
    insta::assert_snapshot!(seen);
}

//! Where credentials for Azure come from.

use super::*;

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
                include_str!("../../../../../testdata/clouds/rsa.x5t").trim()
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
        let path = folder.write("both.pem", read("rsa.pem") + &read("rsa.crt"));
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
    let path = folder.write("token", "pod-0\n");
    let url = authority.url();
    let mut vars = vec![
        ("AZURE_FEDERATED_TOKEN_FILE", path.as_str()),
        ("AZURE_AUTHORITY_HOST", &url),
    ];
    vars.extend(APPLICATION);
    let service = world.service(&vars);
    assert_eq!(world.open(&service).unwrap(), KEY);
    // Kubernetes writes a new one into the pod.
    folder.write("token", "pod-1\n");
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

/// `AZURE_TOKEN_CREDENTIALS` picks parts of the chain, in any case.
#[test]
fn one_s_own_choice_of_credentials() {
    let folder = Folder::new();
    let token = folder.write("token", "t");
    let world = World::of_token("t");
    let all = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", "app-1"),
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_FEDERATED_TOKEN_FILE", &token),
    ];
    let secret = "application app-1 (by AZURE_CLIENT_SECRET)";
    let machine = "managed identity app-1 of this machine (metadata server)";
    for (choice, expected) in [
        ("prod", Some(secret)),
        ("PROD", Some(secret)),
        ("EnvironmentCredential", Some(secret)),
        (
            "WorkloadIdentityCredential",
            Some("application app-1 (by AZURE_FEDERATED_TOKEN_FILE)"),
        ),
        ("ManagedIdentityCredential", Some(machine)),
        // There is no az here.
        ("dev", None),
        ("AzureCLICredential", None),
    ] {
        let vars = [&all[..], &[("AZURE_TOKEN_CREDENTIALS", choice)]].concat();
        let outlook = world.service(&vars).outlook();
        assert_eq!(outlook.ok().as_deref(), expected, "{choice}");
    }
}

#[cfg(unix)]
#[test]
fn az_is_run_where_the_policy_lets_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let az = folder.write(
        "az",
        "#!/bin/sh\n[ \"$*\" = 'account get-access-token --output json --resource \
         https://vault.azure.net --tenant tenant-1' ] || exit 1\n\
         echo '{\"accessToken\": \"t\", \"expires_on\": 4102444800}'\n",
    );
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = format!("http://{}", nobody());
    let path = folder.path().display().to_string();
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
    folder.write("az", "#!/bin/sh\necho run >> \"$0.log\"\nexit 1\n");
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

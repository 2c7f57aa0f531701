use std::fs;

use sops_kms::Policy;

use super::*;

/// What variables a file stands for, or what is wrong with it.
fn of(kind: KeyKind, bytes: &[u8]) -> String {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("file");
    fs::write(&path, bytes).unwrap();
    let env = Environment::new(|_| None, Policy::default());
    match read(kind, &path, &env) {
        Err(error) => {
            let text = format!("{error}\n{}", error.advice().unwrap_or_default());
            assert!(!text.contains("hidden"), "{text}");
            text.replace(&temp.path().display().to_string(), "")
        }
        Ok((credentials, what)) => {
            let env = env.with_credentials(credentials);
            let names = [
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
                "AZURE_TOKEN_CREDENTIALS",
                "AZURE_TENANT_ID",
                "AZURE_CLIENT_ID",
                "AZURE_CLIENT_SECRET",
                "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
                "AZURE_AUTHORITY_HOST",
                "GOOGLE_CREDENTIALS",
                "VAULT_TOKEN",
            ];
            let set = names
                .iter()
                .filter_map(|name| Some(format!("{name}={}", env.var(name)?)));
            let mut set: Vec<_> = set.collect();
            if let Some(path) = env.path_var("AZURE_CLIENT_CERTIFICATE_PATH") {
                let pem = env.read(&path).unwrap();
                set.push(format!("pem={}", String::from_utf8_lossy(&pem)));
            }
            format!("{what}: {}", set.join(" "))
        }
    }
}

#[test]
fn aws_has_two_or_three_fields() {
    let of = |text: &str| of(KeyKind::AwsKms, text.as_bytes());
    insta::assert_snapshot!(of("aws_access_key_id: some-id\naws_secret_access_key: s\naws_session_token: t\n"), @"an access key of AWS: AWS_ACCESS_KEY_ID=some-id AWS_SECRET_ACCESS_KEY=s AWS_SESSION_TOKEN=t");
    insta::assert_snapshot!(of(r#"{"AWS_Access_Key_ID": "i", "aws_secret_access_key": "s", "aws_session_token": null}"#), @"an access key of AWS: AWS_ACCESS_KEY_ID=i AWS_SECRET_ACCESS_KEY=s");
    insta::assert_snapshot!(of("aws_access_key_id: hidden\n"), @"
    no credentials: /file: there is no aws_secret_access_key
    it is YAML with aws_access_key_id, aws_secret_access_key and, if there is one, aws_session_token
    ");
    insta::assert_snapshot!(of("[default]\naws_access_key_id = hidden\n"), @"
    no credentials: /file: there is no aws_access_key_id
    it is YAML with aws_access_key_id, aws_secret_access_key and, if there is one, aws_session_token
    ");
    for field in [
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
    ] {
        let good = "aws_access_key_id: a\naws_secret_access_key: s\naws_session_token: t\n";
        let bad = good.replace(&format!("{field}: "), &format!("{field}: hid "));
        let bad = of(&bad);
        assert!(
            bad.contains(&format!("{field} holds a space or a line break")),
            "{bad}"
        );
    }
    assert!(of("aws_access_key_id: a\naws_secret_access_key: |\n  s\n").contains("line break"));
    assert!(of("").contains("not YAML"));
    assert!(of("- hidden\n").contains("there is no aws_access_key_id"));
}

#[test]
fn azure_has_the_four_forms_of_flux() {
    let of = |text: &str| of(KeyKind::AzureKeyVault, text.as_bytes());
    insta::assert_snapshot!(of("tenantId: t\nclientId: c\nclientSecret: s\nauthorityHost: https://login.example\n"), @"application c: AZURE_TOKEN_CREDENTIALS=EnvironmentCredential AZURE_TENANT_ID=t AZURE_CLIENT_ID=c AZURE_CLIENT_SECRET=s AZURE_AUTHORITY_HOST=https://login.example");
    insta::assert_snapshot!(of("tenantId: t\nclientId: c\nclientCertificate: |\n  PEM\nclientCertificateSendChain: true\n"), @"
    application c: AZURE_TOKEN_CREDENTIALS=EnvironmentCredential AZURE_TENANT_ID=t AZURE_CLIENT_ID=c AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=true pem=PEM
    ");
    insta::assert_snapshot!(of(r#"{"appId": "a", "displayName": "x", "password": "p", "tenant": "t"}"#), @"application a: AZURE_TOKEN_CREDENTIALS=EnvironmentCredential AZURE_TENANT_ID=t AZURE_CLIENT_ID=a AZURE_CLIENT_SECRET=p");
    insta::assert_snapshot!(of("clientId: c\n"), @"managed identity c: AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential AZURE_CLIENT_ID=c");
    insta::assert_snapshot!(of("tenantId: hidden\n"), @"
    no credentials: /file: it names no application and no identity
    it is YAML or JSON with tenantId, clientId and clientSecret or clientCertificate; or tenant, appId and password; or clientId alone, for a managed identity
    ");
    insta::assert_snapshot!(of("tenantId: t\nclientId: c\nclientCertificate: hidden\nclientCertificatePassword: hidden\n"), @"
    no credentials: /file: clientCertificatePassword: a certificate under a password is not supported
    give the certificate and its key in PEM without a password
    ");
}

#[test]
fn azure_may_come_from_powershell() {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend("clientId: é\r\n".encode_utf16().flat_map(u16::to_le_bytes));
    let little = of(KeyKind::AzureKeyVault, &bytes);
    assert!(little.contains("AZURE_CLIENT_ID=é"), "{little}");
    let mut bytes = vec![0xfe, 0xff];
    bytes.extend("clientId: é\r\n".encode_utf16().flat_map(u16::to_be_bytes));
    assert_eq!(of(KeyKind::AzureKeyVault, &bytes), little);
}

#[test]
fn google_has_json_and_vault_a_token() {
    let gcp = |text: &str| of(KeyKind::GcpKms, text.as_bytes());
    assert_eq!(
        gcp("\n{\"type\": \"x\"}\n"),
        "credentials of Google Cloud: GOOGLE_CREDENTIALS={\"type\": \"x\"}"
    );
    insta::assert_snapshot!(gcp("/etc/hidden\n"), @"
    no credentials: /file: not a JSON object
    it is the JSON that Google gives for a service account, or for workload identity federation
    ");
    insta::assert_snapshot!(gcp("{\"type\": \"service_account\",\n \"private_key\": \"hidden\""), @"
    no credentials: /file: not JSON (line 2, column 24)
    it is the JSON that Google gives for a service account, or for workload identity federation
    ");
    let vault = |bytes: &[u8]| of(KeyKind::Vault, bytes);
    insta::assert_snapshot!(vault(b"hidden\nhidden\n"), @"
    no credentials: /file: there is more in it than a token
    it holds a token of Vault or OpenBao, and nothing else
    ");
    assert_eq!(
        vault(b" s.token\n"),
        "a token of Vault: VAULT_TOKEN=s.token"
    );
    insta::assert_snapshot!(vault(b"\n"), @"
    no credentials: /file: there is no token in it
    it holds a token of Vault or OpenBao, and nothing else
    ");
    assert_eq!(vault(&[0xff]), vault(b""));
}

#[test]
fn a_file_that_is_not_there() {
    let env = Environment::new(|_| None, Policy::default());
    let error = read(KeyKind::Vault, Path::new("/none/sops.vault-token"), &env);
    let error = error.err().unwrap();
    insta::assert_snapshot!(error, @"no credentials: /none/sops.vault-token: no such file or directory");
}

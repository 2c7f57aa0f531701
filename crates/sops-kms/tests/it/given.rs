//! Credentials that were given are the only ones, whatever the process has.

use sops_core::keys::{KeyKind, Reason};
use sops_kms::{Environment, Policy, environment::Credentials, outlook};
use zeroize::Zeroizing;

/// A process with an identity everywhere.
fn env() -> Environment {
    let lookup = |name: &str| {
        let value = match name {
            "HOME" => "/home/somebody",
            "PATH" => "/usr/bin",
            "AWS_WEB_IDENTITY_TOKEN_FILE" | "AZURE_FEDERATED_TOKEN_FILE" => "/token",
            "AWS_ROLE_ARN" => "arn:aws:iam::1:role/pod",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI" | "IDENTITY_ENDPOINT" | "VAULT_AGENT_ADDR" => {
                "http://127.0.0.1:1"
            }
            "GOOGLE_APPLICATION_CREDENTIALS" => "/google.json",
            "VAULT_ADDR" => "https://vault.example.org",
            "AWS_EC2_METADATA_DISABLED"
            | "AWS_CONFIG_FILE"
            | "AZURE_TOKEN_CREDENTIALS"
            | "SOPS_HC_VAULT_ALLOWLIST" => return None,
            name if name.starts_with("SSL_") || name.ends_with("PROXY") => return None,
            _ => "of-the-pod",
        };
        Some(value.into())
    };
    Environment::new(lookup, Policy::default().with_programs())
}

fn text(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

#[test]
fn without_one_of_its_kind_there_is_none() {
    for kind in sops_kms::kinds() {
        // The pod has one.
        if kind != KeyKind::GcpKms {
            assert!(outlook(kind, &env()).unwrap().is_ok(), "{kind}");
        }
        let env = env().with_credentials(Credentials::of_file("/keys/file"));
        let error = outlook(kind, &env).unwrap().unwrap_err();
        assert_eq!(error.reason(), Reason::NoCredentials, "{kind}");
    }
}

/// A process with nothing, on a machine whose metadata server would have an
/// identity for it.
#[test]
fn the_machine_s_own_is_another() {
    let machine = || Environment::new(|_| None, Policy::default());
    for kind in sops_kms::kinds().filter(|kind| *kind != KeyKind::Vault) {
        assert!(outlook(kind, &machine()).unwrap().is_ok(), "{kind}");
        let file = || Credentials::of_file("/keys/file");
        let given = machine().with_credentials(file());
        let error = outlook(kind, &given).unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "no credentials: there are none of this kind in /keys/file, and no others count",
            "{kind}"
        );
        // The file may say that it is meant.
        let given = machine().with_credentials(file().of_machine());
        assert!(outlook(kind, &given).unwrap().is_ok(), "{kind}");
    }
}

#[test]
fn messages_name_the_file() {
    let of = |kind, credentials: Credentials| {
        outlook(kind, &env().with_credentials(credentials))
            .unwrap()
            .unwrap()
    };
    let file = || Credentials::of_file("/keys/file");
    let aws = file()
        .with("AWS_ACCESS_KEY_ID", text("i"))
        .with("AWS_SECRET_ACCESS_KEY", text("planted"));
    assert_eq!(of(KeyKind::AwsKms, aws), "the access key in /keys/file");
    let vault = file().with("VAULT_TOKEN", text("planted"));
    let said = of(KeyKind::Vault, vault);
    assert_eq!(
        said,
        "the token of /keys/file, for https://vault.example.org (VAULT_ADDR)"
    );
    let json = r#"{"type": "service_account", "client_email": "a@b", "private_key": "planted"}"#;
    let gcp = file().with("GOOGLE_CREDENTIALS", text(json));
    assert_eq!(
        of(KeyKind::GcpKms, gcp),
        "service account a@b (of /keys/file)"
    );
    let azure = file()
        .with("AZURE_TENANT_ID", text("t"))
        .with("AZURE_CLIENT_ID", text("c"))
        .with_certificate(
            "AZURE_CLIENT_CERTIFICATE_PATH",
            Zeroizing::new(b"PEM".to_vec()),
        );
    let env = env().with_credentials(azure);
    let said = outlook(KeyKind::AzureKeyVault, &env).unwrap().unwrap();
    assert_eq!(said, "application c (by /keys/file)");
    // The file stands for the certificate in it; others are what they are.
    assert_eq!(*env.read("/keys/file".as_ref()).unwrap(), b"PEM");
    assert!(env.read("/keys/other".as_ref()).is_err());
}

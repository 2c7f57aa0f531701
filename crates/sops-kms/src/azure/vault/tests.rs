use super::*;
use crate::Policy;

fn env(domains: &'static str) -> Environment {
    Environment::new(
        move |name| (name == OTHERS).then(|| domains.into()),
        Policy::default(),
    )
}

fn reason(url: &str, name: &str, version: &str, domains: &'static str) -> Option<Reason> {
    let recipient = Recipient::azure_key_vault(url, name, version);
    Key::of(&recipient, &env(domains)).err().map(|e| e.reason())
}

#[test]
fn a_token_goes_to_azure_only() {
    for good in [
        "https://v.vault.azure.net",
        "https://v.vault.azure.net/",
        "https://V.Vault.Azure.net:443",
        "https://h.managedhsm.azure.net",
        "https://v.vault.azure.cn",
        "https://v.vault.usgovcloudapi.net",
    ] {
        assert_eq!(reason(good, "k", "0a1b", ""), None, "{good}");
    }
    for refused in [
        "https://evil.example",
        "https://vault.azure.net",
        "https://.vault.azure.net",
        "https://v.vault.azure.net.evil.example",
        "https://evilvault.azure.net",
        "https://v.vault.azure.net.",
        "https://169.254.169.254",
        "https://[::1]",
    ] {
        let reason = reason(refused, "k", "", "");
        assert!(
            matches!(reason, Some(Reason::Refused | Reason::Invalid)),
            "{refused}: {reason:?}"
        );
    }
    for invalid in [
        "http://v.vault.azure.net",
        "https://v.vault.azure.net/x",
        "https://v.vault.azure.net?x",
        "https://v.vault.azure.net#x",
        "https://u@v.vault.azure.net",
        "https://evil.example\\.vault.azure.net",
        "v.vault.azure.net",
        "",
    ] {
        assert_eq!(
            reason(invalid, "k", "", ""),
            Some(Reason::Invalid),
            "{invalid}"
        );
    }
    for (name, version) in [
        ("", ""),
        ("a/b", ""),
        ("..", ""),
        ("k?x", ""),
        ("k", "v/x"),
        ("k", "#"),
    ] {
        let reason = reason("https://v.vault.azure.net", name, version, "");
        assert_eq!(reason, Some(Reason::Invalid), "{name} {version}");
    }
}

/// A cloud's vaults have tokens of that cloud's authority.
#[test]
fn every_cloud_has_its_authority() {
    for (host, authority) in [
        ("v.vault.azure.net", "https://login.microsoftonline.com"),
        (
            "h.managedhsm.azure.net",
            "https://login.microsoftonline.com",
        ),
        ("v.vault.azure.cn", "https://login.chinacloudapi.cn"),
        ("h.managedhsm.azure.cn", "https://login.chinacloudapi.cn"),
        (
            "v.vault.usgovcloudapi.net",
            "https://login.microsoftonline.us",
        ),
        (
            "h.managedhsm.usgovcloudapi.net",
            "https://login.microsoftonline.us",
        ),
    ] {
        let recipient = Recipient::azure_key_vault(format!("https://{host}"), "k", "");
        let key = Key::of(&recipient, &env("")).unwrap();
        assert_eq!(key.authority, authority, "{host}");
        assert_eq!(key.host, host);
    }
}

#[test]
fn domains_of_ones_own() {
    let own = "vault.local.azurestack.external, .other.example";
    assert_eq!(
        reason("https://v.vault.local.azurestack.external", "k", "", own),
        None
    );
    assert_eq!(reason("https://v.other.example", "k", "", own), None);
    assert_eq!(
        reason("https://other.example", "k", "", own),
        Some(Reason::Refused)
    );
    assert_eq!(
        reason("https://v.example", "k", "", ","),
        Some(Reason::Refused)
    );
}

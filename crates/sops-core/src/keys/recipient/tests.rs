use super::*;

fn parse(kind: KeyKind, text: &str) -> Option<Recipient> {
    Recipient::parse(kind, text).ok()
}

#[test]
fn an_arn_may_have_a_role() {
    let role = "arn:aws:iam::927034868273:role/sops-dev";
    let arn = "arn:aws:kms:us-east-1:656532927350:key/920aff2e";
    let key = parse(KeyKind::AwsKms, &format!(" {arn} + {role} ")).unwrap();
    assert_eq!(key, Recipient::aws_kms(arn).with_role(role));
    assert_eq!(key.to_string(), format!("{arn}+{role}"));
}

#[test]
fn as_sops_prints_them() {
    let context = BTreeMap::from([("b".into(), "2".into()), ("a".into(), "1".into())]);
    let key = Recipient::aws_kms("arn");
    assert_eq!(
        key.clone().with_context(context.clone()).to_string(),
        "arn|a:1,b:2"
    );
    assert_eq!(key.clone().with_profile("p").to_string(), "arn||p");
    assert_eq!(
        key.with_context(context)
            .with_role("arn:r")
            .with_profile("p")
            .to_string(),
        "arn+arn:r|a:1,b:2|p"
    );
    assert_eq!(
        Recipient::azure_key_vault("https://v.vault.azure.net", "k", "1").to_string(),
        "https://v.vault.azure.net/keys/k/1"
    );
}

#[test]
fn azure_keys() {
    let key = |version| {
        Some(Recipient::azure_key_vault(
            "https://v.vault.azure.net",
            "k",
            version,
        ))
    };
    let parse = |text| parse(KeyKind::AzureKeyVault, text);
    assert_eq!(
        parse(" https://v.vault.azure.net/keys/k/0123 "),
        key("0123")
    );
    assert_eq!(parse("https://v.vault.azure.net/keys/k"), key(""));
    assert_eq!(parse("https://v.vault.azure.net/keys/k/"), key(""));
    for bad in [
        "",
        "foo",
        "http://v.vault.azure.net/keys/k/1",
        "https://v.vault.azure.net/keys/k/1/",
        "https://v.vault.azure.net/secrets/k/1",
        "https:///keys/k/1",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn vault_keys() {
    let parse = |text| parse(KeyKind::Vault, text);
    assert_eq!(
        parse("http://127.0.0.1:8200/v1/transit/keys/dev"),
        Some(Recipient::vault("http://127.0.0.1:8200", "transit", "dev"))
    );
    assert_eq!(
        parse("https://v/v1/a/b/whatever/dev//"),
        Some(Recipient::vault("https://v", "a/b", "dev"))
    );
    for bad in [
        "",
        "foo",
        "https://v",
        "https://v/v1/transit/keys",
        "https://v/prefix/v1/transit/keys/dev",
        "https://v/vx/transit/keys/dev",
        "https://v/v1/transit/keys/dev?x=1",
        "https://v/v1/transit//dev",
        "v/v1/transit/keys/dev",
        "://v/v1/transit/keys/dev",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn huawei_keys() {
    assert!(parse(KeyKind::HuaweiKms, " tr-west-1:abc ").is_some());
    for bad in ["foo", ":x", "x:"] {
        assert_eq!(parse(KeyKind::HuaweiKms, bad), None, "{bad}");
    }
}

#[test]
fn the_shape_tells_the_kind() {
    let kind = |text: &str| text.parse::<Recipient>().ok().map(|key| key.kind());
    for (text, expected) in [
        ("age1a7zz", KeyKind::Age),
        ("ssh-ed25519 AAAA me", KeyKind::Age),
        ("arn:aws:kms:eu-west-1:1:key/a", KeyKind::AwsKms),
        (
            "projects/p/locations/l/keyRings/r/cryptoKeys/k",
            KeyKind::GcpKms,
        ),
        ("https://v.vault.azure.net/keys/k/1", KeyKind::AzureKeyVault),
        ("https://v/v1/transit/keys/dev", KeyKind::Vault),
        ("FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4", KeyKind::Pgp),
        ("0x3d16cee4a27381b4!", KeyKind::Pgp),
        ("tr-west-1:abc", KeyKind::HuaweiKms),
    ] {
        assert_eq!(kind(text), Some(expected), "{text}");
        assert_eq!(
            kind(&text.parse::<Recipient>().unwrap().to_string()),
            Some(expected)
        );
    }
    for bad in ["", "foo", "AGE-SECRET-KEY-1", "https://v"] {
        assert_eq!(kind(bad), None, "{bad}");
    }
}

#[test]
fn an_error_shows_no_private_key() {
    let key = "AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y";
    let error = Recipient::parse(KeyKind::Age, key).unwrap_err().to_string();
    insta::assert_snapshot!(error, @r#""<a private key>" is not an age recipient (age1…, ssh-ed25519 …, ssh-rsa …)"#);
}

//! Names that become part of a URL: matched whole.

/// `projects/…/locations/…/keyRings/…/cryptoKeys/…` (sops-master-keys §3), of
/// the characters that Google allows in names. Nothing else of a file becomes
/// part of a URL.
pub(super) fn is_key(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let [
        "projects",
        project,
        "locations",
        location,
        "keyRings",
        ring,
        "cryptoKeys",
        key,
    ] = parts[..]
    else {
        return false;
    };
    // Old projects belong to a domain: `example.com:project`.
    is_name(project, b"-_.:")
        && [location, ring, key]
            .iter()
            .all(|name| is_name(name, b"-_"))
}

pub(super) fn is_name(text: &str, others: &[u8]) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || others.contains(&b);
    !text.is_empty()
        && text.len() <= 222
        && text.bytes().all(good)
        && text.bytes().any(|b| b.is_ascii_alphanumeric())
}

/// Letters, digits, hyphens and dots: `googleapis.com`.
pub(super) fn is_domain(text: &str) -> bool {
    text.len() <= 200 && text.split('.').all(|label| is_name(label, b"-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_matched_whole() {
        for good in [
            "projects/p/locations/global/keyRings/r/cryptoKeys/k",
            "projects/example.com:p-1/locations/europe-west3/keyRings/R_1/cryptoKeys/k-2",
        ] {
            assert!(is_key(good), "{good}");
        }
        for bad in [
            "",
            "projects/p/locations/global/keyRings/r/cryptoKeys/",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "/projects/p/locations/global/keyRings/r/cryptoKeys/k",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k?x",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k:encrypt",
            "projects/p/locations/global/keyRings/../cryptoKeys/k",
            "projects/../locations/global/keyRings/r/cryptoKeys/k",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k#",
            "projects/p/locations/global/keyRings/r/cryptoKeys/a b",
            "projects/p/locations/global/keyRings/r/cryptoKeys/%2e",
            "projects/p@evil/locations/global/keyRings/r/cryptoKeys/k",
            "foo",
        ] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn domains() {
        assert!(is_domain("googleapis.com") && is_domain("apis-berlin.example"));
        for bad in ["", ".", "a..b", "a/b", "a@b", "a:1", "a.-"] {
            assert!(!is_domain(bad), "{bad}");
        }
    }
}

//! What a vault asks for: `WWW-Authenticate: Bearer authorization="…",
//! resource="…"` (learn.microsoft.com, "Authentication, requests and
//! responses").

use sops_core::keys::{KeyError, Reason};

use super::vault::{Key, is_under};
use crate::http::{Origin, STRANGER};

/// Which token a vault wants.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Challenge {
    /// Of which tenant.
    pub(super) tenant: String,
    /// For what: `https://vault.azure.net`. The vault is under its domain.
    pub(super) resource: String,
    /// Who gives it, unless `AZURE_AUTHORITY_HOST` says it.
    pub(super) authority: &'static str,
}

impl Challenge {
    /// Reads the header. Of the address that it names only the tenant counts:
    /// a vault does not choose who is shown our credentials.
    pub(super) fn of(header: Option<&str>, key: &Key<'_>) -> Result<Self, KeyError> {
        let unreadable = || {
            KeyError::new(
                Reason::Unavailable,
                format!("{} does not say which token it wants", key.address),
            )
            .advise(STRANGER)
        };
        let header = header.ok_or_else(unreadable)?;
        let (scheme, fields) = header.split_once(' ').ok_or_else(unreadable)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(unreadable());
        }
        let field = |name: &str| {
            let mut fields = fields
                .split([',', ' '])
                .filter_map(|pair| pair.split_once('='));
            let (_, value) = fields.find(|(other, _)| *other == name)?;
            Some(value.trim_matches('"'))
        };
        let resource = field("resource")
            .or_else(|| field("scope"))
            .map(|resource| resource.strip_suffix("/.default").unwrap_or(resource))
            .ok_or_else(unreadable)?;
        let resource = Origin::of(resource).ok_or_else(unreadable)?;
        // A token that is good elsewhere is not handed to this host; one for
        // a whole top-level domain there is not.
        let theirs = resource.host();
        if !resource.is_secure()
            || !is_under(&key.host, theirs)
            || !(theirs == key.domain || is_under(theirs, &key.domain))
        {
            return Err(KeyError::new(
                Reason::Refused,
                format!("{} asks for a token that is not for it", key.address),
            )
            .advise("see whether vault_url is right: a vault asks for a token of its own domain"));
        }
        let tenant = field("authorization").and_then(|url| {
            let (_, rest) = url.split_once("://")?;
            rest.split('/').nth(1)
        });
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let tenant = tenant.filter(|tenant| {
            tenant.chars().all(good) && tenant.chars().any(|c| c.is_ascii_alphanumeric())
        });
        Ok(Challenge {
            tenant: tenant.ok_or_else(unreadable)?.to_owned(),
            resource: format!("https://{theirs}"),
            authority: key.authority,
        })
    }
}

#[cfg(test)]
mod tests {
    use sops_core::keys::Recipient;

    use super::*;
    use crate::{Environment, Policy};

    fn read(header: &str) -> Result<(String, String), Reason> {
        let recipient = Recipient::azure_key_vault("https://v.vault.azure.net", "k", "");
        let env = Environment::new(|_| None, Policy::default());
        let key = Key::of(&recipient, &env).unwrap();
        let challenge = Challenge::of(Some(header), &key).map_err(|error| error.reason())?;
        Ok((challenge.tenant, challenge.resource))
    }

    #[test]
    fn forms() {
        let expected = Ok(("t-1".into(), "https://vault.azure.net".into()));
        for header in [
            r#"Bearer authorization="https://login.windows.net/t-1", resource="https://vault.azure.net""#,
            r#"bearer authorization="https://login.microsoftonline.com/t-1/", scope="https://vault.azure.net/.default""#,
            "Bearer authorization=https://evil.example/t-1,resource=https://vault.azure.net",
        ] {
            assert_eq!(read(header), expected, "{header}");
        }
    }

    #[test]
    fn tokens_for_others() {
        for resource in [
            "https://management.azure.com",
            "https://azure.net",
            "https://net",
            "https://graph.microsoft.com",
            "http://vault.azure.net",
            "https://v.vault.azure.net",
            "https://ult.azure.net",
        ] {
            let header = format!(r#"Bearer authorization="https://a/t", resource="{resource}""#);
            assert_eq!(read(&header), Err(Reason::Refused), "{resource}");
        }
    }

    #[test]
    fn nonsense() {
        for header in [
            "",
            "Basic realm=x",
            "Bearer",
            r#"Bearer resource="https://vault.azure.net""#,
            r#"Bearer authorization="https://a/..", resource="https://vault.azure.net""#,
            r#"Bearer authorization="https://a", resource="https://vault.azure.net""#,
            r#"Bearer authorization="https://a/t?x", resource="https://vault.azure.net""#,
            r#"Bearer authorization="https://a/t""#,
            r#"Bearer authorization="https://a/t", resource="x""#,
        ] {
            assert_eq!(read(header), Err(Reason::Unavailable), "{header}");
        }
    }
}

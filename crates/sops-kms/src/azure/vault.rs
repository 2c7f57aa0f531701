//! A key in a vault, and whether its vault may be asked.

use std::fmt;

use sops_core::keys::{KeyError, Reason, Recipient};

use crate::{Environment, http::Origin};

/// Key Vault's and Managed HSM's domains, with the authority that gives tokens
/// for each (learn.microsoft.com, "Azure Key Vault: DNS suffixes").
const DOMAINS: [(&str, &str); 6] = [
    ("vault.azure.net", PUBLIC),
    ("managedhsm.azure.net", PUBLIC),
    ("vault.azure.cn", CHINA),
    ("managedhsm.azure.cn", CHINA),
    ("vault.usgovcloudapi.net", GOVERNMENT),
    ("managedhsm.usgovcloudapi.net", GOVERNMENT),
];

const PUBLIC: &str = "https://login.microsoftonline.com";
const CHINA: &str = "https://login.chinacloudapi.cn";
const GOVERNMENT: &str = "https://login.microsoftonline.us";

/// Names domains besides Azure's own: of Azure Stack, for example.
const OTHERS: &str = "KSOPS_AZURE_VAULT_DOMAINS";

/// A key in a vault that may be asked.
pub(super) struct Key<'a> {
    /// As the file has it.
    pub(super) url: &'a str,
    /// The vault's origin.
    pub(super) address: String,
    pub(super) host: String,
    /// The domain that the vault is of: `vault.azure.net`.
    pub(super) domain: String,
    /// Who gives tokens, unless `AZURE_AUTHORITY_HOST` says it.
    pub(super) authority: &'static str,
    pub(super) name: &'a str,
    /// Empty where it is to be looked up.
    pub(super) version: &'a str,
}

impl<'a> Key<'a> {
    pub(super) fn of(recipient: &'a Recipient, env: &Environment) -> Result<Self, KeyError> {
        let Recipient::AzureKeyVault {
            vault_url: url,
            name,
            version,
            ..
        } = recipient
        else {
            return Err(KeyError::not_ours());
        };
        let invalid = |what| {
            KeyError::new(Reason::Invalid, format!("{recipient}: {what}"))
                .advise("a key is like https://NAME.vault.azure.net/keys/KEY/VERSION")
        };
        let origin = Origin::of(url)
            .filter(Origin::is_secure)
            .ok_or_else(|| invalid("the vault's address is not one of https"))?;
        let address = origin.to_string();
        // Nothing but the origin: it is matched whole.
        let plain = url.strip_suffix('/').unwrap_or(url);
        let default_port = format!("{address}:443");
        if !plain.eq_ignore_ascii_case(&address) && !plain.eq_ignore_ascii_case(&default_port) {
            return Err(invalid("the vault's address is more than a host"));
        }
        if !is_name(name) || !(version.is_empty() || is_name(version)) {
            return Err(invalid("not the name or version of a key"));
        }
        let host = origin.host().to_owned();
        let (domain, authority) = domain_of(&host, env).ok_or_else(|| {
            KeyError::new(
                Reason::Refused,
                format!("{host} is not of a domain of Azure Key Vault"),
            )
            .advise(format!(
                "if it is a vault of yours, name its domain in {OTHERS}: what stands after the \
                 vault's name"
            ))
        })?;
        Ok(Key {
            url,
            address,
            host,
            domain,
            authority,
            name,
            version,
        })
    }
}

/// `https://NAME.vault.azure.net/keys/KEY`.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/keys/{}", self.address, self.name)?;
        match self.version {
            "" => Ok(()),
            version => write!(f, "/{version}"),
        }
    }
}

/// The domain that a host is directly or indirectly under.
fn domain_of(host: &str, env: &Environment) -> Option<(String, &'static str)> {
    for (domain, authority) in DOMAINS {
        if is_under(host, domain) {
            return Some((domain.into(), authority));
        }
    }
    let others = env.var(OTHERS)?;
    let mut others = others
        .split(',')
        .map(|text| text.trim().trim_start_matches('.').to_ascii_lowercase());
    let other = others.find(|domain| !domain.is_empty() && is_under(host, domain))?;
    Some((other, PUBLIC))
}

/// Whether a host is one under a domain: `a.example` under `example`.
pub(super) fn is_under(host: &str, domain: &str) -> bool {
    let name = host.strip_suffix(domain).and_then(|h| h.strip_suffix('.'));
    name.is_some_and(|name| !name.is_empty())
}

/// Letters, digits and hyphens: what names and versions of keys are made of.
pub(super) fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    !text.is_empty() && text.len() <= 127 && text.bytes().all(good)
}

#[cfg(test)]
mod tests;

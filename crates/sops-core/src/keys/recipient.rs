//! The public half of a key: for whom a data key is wrapped.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::KeyKind;
use crate::shown::printable;

/// Whom a data key is wrapped for: the fields that a file's metadata names a
/// key by (sops-format §2.1, sops-master-keys).
///
/// They are labels, written by whoever can write to the file: nothing
/// authenticates them. [`fmt::Display`] prints them as sops does in its
/// messages and diffs.
///
/// ```
/// use sops_core::keys::{KeyKind, Recipient};
///
/// let key: Recipient = "arn:aws:kms:eu-west-1:123456789012:alias/a".parse()?;
/// assert_eq!(key.kind(), KeyKind::AwsKms);
///
/// let uri = "https://vault.example.org:8200/v1/sub/transit/keys/dev/";
/// let key = Recipient::parse(KeyKind::Vault, uri)?;
/// assert_eq!(key, Recipient::vault("https://vault.example.org:8200", "sub/transit", "dev"));
/// assert_eq!(key.to_string(), "https://vault.example.org:8200/v1/sub/transit/keys/dev");
/// # Ok::<(), sops_core::keys::InvalidRecipient>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Recipient {
    /// AWS KMS.
    #[non_exhaustive]
    AwsKms {
        /// The ARN of a key or an alias.
        arn: String,
        /// The role to assume, as an ARN.
        role: Option<String>,
        /// The encryption context. It must be the same for opening.
        context: BTreeMap<String, String>,
        /// The profile of the shared AWS configuration.
        profile: Option<String>,
    },
    /// Google Cloud KMS.
    #[non_exhaustive]
    GcpKms {
        /// `projects/…/locations/…/keyRings/…/cryptoKeys/…`.
        resource_id: String,
    },
    /// Huawei Cloud KMS.
    #[non_exhaustive]
    HuaweiKms {
        /// `REGION:UUID`.
        key_id: String,
    },
    /// Azure Key Vault.
    #[non_exhaustive]
    AzureKeyVault {
        /// `https://NAME.vault.azure.net`.
        vault_url: String,
        /// The name of the key.
        name: String,
        /// Its version; empty where it is still to be looked up.
        version: String,
    },
    /// HashiCorp Vault's or OpenBao's transit engine.
    #[non_exhaustive]
    Vault {
        /// `https://vault.example.org:8200`.
        address: String,
        /// Where the engine is mounted, without slashes around.
        engine_path: String,
        /// The name of the key.
        key_name: String,
    },
    /// OpenPGP.
    #[non_exhaustive]
    Pgp {
        /// A fingerprint or a long key id, as it was typed.
        fingerprint: String,
    },
    /// age.
    #[non_exhaustive]
    Age {
        /// `age1…`, or an SSH public key.
        recipient: String,
    },
}

/// A text names no recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidRecipient {
    text: String,
    expected: &'static str,
}

impl fmt::Display for InvalidRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not {}", self.text, self.expected)
    }
}

impl std::error::Error for InvalidRecipient {}

impl Recipient {
    /// An age recipient, or an SSH public key.
    pub fn age(recipient: impl Into<String>) -> Self {
        let recipient = recipient.into();
        Recipient::Age { recipient }
    }

    /// An OpenPGP key by its fingerprint.
    pub fn pgp(fingerprint: impl Into<String>) -> Self {
        let fingerprint = fingerprint.into();
        Recipient::Pgp { fingerprint }
    }

    /// An AWS KMS key by its ARN, without role, context and profile:
    /// [`with_role`](Self::with_role), [`with_context`](Self::with_context)
    /// and [`with_profile`](Self::with_profile) add them.
    ///
    /// ```
    /// use sops_core::keys::{KeyKind, Recipient};
    ///
    /// let recipient = Recipient::aws_kms("arn:aws:kms:eu-west-1:111122223333:key/a")
    ///     .with_role("arn:aws:iam::111122223333:role/sops")
    ///     .with_profile("prod");
    /// let text = recipient.to_string();
    /// assert_eq!(
    ///     text,
    ///     "arn:aws:kms:eu-west-1:111122223333:key/a+arn:aws:iam::111122223333:role/sops||prod"
    /// );
    /// assert_eq!(recipient.kind(), KeyKind::AwsKms);
    /// ```
    pub fn aws_kms(arn: impl Into<String>) -> Self {
        Recipient::AwsKms {
            arn: arn.into(),
            role: None,
            context: BTreeMap::new(),
            profile: None,
        }
    }

    /// The same AWS KMS key, by way of a role. Of no effect for other kinds,
    /// nor is an empty text.
    #[must_use]
    pub fn with_role(mut self, arn: impl Into<String>) -> Self {
        if let Recipient::AwsKms { role, .. } = &mut self {
            *role = Some(arn.into()).filter(|arn| !arn.is_empty());
        }
        self
    }

    /// The same AWS KMS key with an encryption context. Of no effect for other
    /// kinds.
    #[must_use]
    pub fn with_context(mut self, pairs: BTreeMap<String, String>) -> Self {
        if let Recipient::AwsKms { context, .. } = &mut self {
            *context = pairs;
        }
        self
    }

    /// The same AWS KMS key with a profile of the shared configuration. Of no
    /// effect for other kinds, nor is an empty text.
    #[must_use]
    pub fn with_profile(mut self, name: impl Into<String>) -> Self {
        if let Recipient::AwsKms { profile, .. } = &mut self {
            *profile = Some(name.into()).filter(|name| !name.is_empty());
        }
        self
    }

    /// A Google Cloud KMS key by its resource id.
    pub fn gcp_kms(resource_id: impl Into<String>) -> Self {
        let resource_id = resource_id.into();
        Recipient::GcpKms { resource_id }
    }

    /// A Huawei Cloud KMS key, `REGION:UUID`.
    pub fn huawei_kms(key_id: impl Into<String>) -> Self {
        let key_id = key_id.into();
        Recipient::HuaweiKms { key_id }
    }

    /// An Azure Key Vault key: the vault's URL, the key's name and version.
    pub fn azure_key_vault(
        vault_url: impl Into<String>,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Recipient::AzureKeyVault {
            vault_url: vault_url.into(),
            name: name.into(),
            version: version.into(),
        }
    }

    /// A key of a Vault transit engine: the server's address, where the
    /// engine is mounted, the key's name.
    pub fn vault(
        address: impl Into<String>,
        engine_path: impl Into<String>,
        key_name: impl Into<String>,
    ) -> Self {
        Recipient::Vault {
            address: address.into(),
            engine_path: engine_path.into(),
            key_name: key_name.into(),
        }
    }

    /// Reads one recipient of this kind as flags and `.sops.yaml` name it
    /// (sops-master-keys §2 to §7, sops-config §5). As in sops, an ARN, a
    /// resource id and a fingerprint are judged by whoever uses them.
    ///
    /// ```
    /// use sops_core::keys::{KeyKind, Recipient};
    ///
    /// let recipient = Recipient::parse(KeyKind::Vault, "https://vault:8200/v1/transit/keys/dev")?;
    /// assert_eq!(recipient, Recipient::vault("https://vault:8200", "transit", "dev"));
    /// assert!(Recipient::parse(KeyKind::Age, "dev").is_err());
    /// # Ok::<(), sops_core::keys::InvalidRecipient>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where the text cannot be one of this kind.
    pub fn parse(kind: KeyKind, text: &str) -> Result<Self, InvalidRecipient> {
        let invalid = |expected| InvalidRecipient {
            text: printable(text),
            expected,
        };
        match kind {
            KeyKind::Age => Some(text.trim())
                .filter(|text| text.starts_with("age1") || text.starts_with("ssh-"))
                .map(Recipient::age)
                .ok_or_else(|| invalid("an age recipient (age1…, ssh-ed25519 …, ssh-rsa …)")),
            KeyKind::Pgp => Ok(Recipient::pgp(text.replace(' ', ""))),
            KeyKind::GcpKms => Ok(Recipient::gcp_kms(text.replace(' ', ""))),
            KeyKind::AwsKms => {
                let text = text.replace(' ', "");
                Ok(match text.find("+arn:") {
                    Some(at) => Recipient::aws_kms(&text[..at]).with_role(&text[at + 1..]),
                    None => Recipient::aws_kms(text),
                })
            }
            KeyKind::AzureKeyVault => parse_azure(text.trim()).ok_or_else(|| {
                invalid("an Azure Key Vault key (https://NAME.vault.azure.net/keys/KEY/VERSION)")
            }),
            KeyKind::Vault => parse_vault(text).ok_or_else(|| {
                invalid("a Vault transit key (https://vault.example.org:8200/v1/transit/keys/KEY)")
            }),
            KeyKind::HuaweiKms => match text.trim().split_once(':') {
                Some((region, uuid)) if !region.is_empty() && !uuid.is_empty() => {
                    Ok(Recipient::huawei_kms(text.trim()))
                }
                _ => Err(invalid("a Huawei Cloud KMS key (REGION:UUID)")),
            },
        }
    }

    /// The kind of key.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self {
            Recipient::AwsKms { .. } => KeyKind::AwsKms,
            Recipient::GcpKms { .. } => KeyKind::GcpKms,
            Recipient::HuaweiKms { .. } => KeyKind::HuaweiKms,
            Recipient::AzureKeyVault { .. } => KeyKind::AzureKeyVault,
            Recipient::Vault { .. } => KeyKind::Vault,
            Recipient::Pgp { .. } => KeyKind::Pgp,
            Recipient::Age { .. } => KeyKind::Age,
        }
    }
}

/// `https://HOST/keys/NAME[/VERSION]`.
fn parse_azure(text: &str) -> Option<Recipient> {
    let host = text.strip_prefix("https://")?;
    let (host, path) = host.split_once('/')?;
    let mut parts = path.strip_prefix("keys/")?.split('/');
    let (name, version) = (parts.next()?, parts.next().unwrap_or_default());
    if host.is_empty() || name.is_empty() || parts.next().is_some() {
        return None;
    }
    Some(Recipient::azure_key_vault(
        format!("https://{host}"),
        name,
        version,
    ))
}

/// `SCHEME://HOST/v1/ENGINE…/keys/NAME`. As in sops, what stands in the place
/// of `keys` is not looked at. A query or a fragment, which sops would carry
/// into the name, is refused.
fn parse_vault(text: &str) -> Option<Recipient> {
    let (scheme, rest) = text.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let scheme_char = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if !scheme.bytes().all(scheme_char)
        || !scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        || (host.is_empty() && scheme != "unix")
        || text.contains(['?', '#'])
        || text.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return None;
    }
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let [version, engine @ .., _keys, key_name] = segments.as_slice() else {
        return None;
    };
    let number = version.strip_prefix('v')?;
    if number.is_empty()
        || !number.bytes().all(|b| b.is_ascii_digit())
        || engine.is_empty()
        || segments.iter().any(|segment| segment.is_empty())
    {
        return None;
    }
    Some(Recipient::vault(
        format!("{scheme}://{host}"),
        engine.join("/"),
        *key_name,
    ))
}

/// Tells the kind by the shape of the text.
impl FromStr for Recipient {
    type Err = InvalidRecipient;

    fn from_str(text: &str) -> Result<Self, InvalidRecipient> {
        let text = text.trim();
        let is_fingerprint = |text: &str| {
            let hex = text.replace(' ', "");
            let hex = hex.strip_prefix("0x").unwrap_or(&hex);
            let hex = hex.strip_suffix('!').unwrap_or(hex);
            matches!(hex.len(), 16 | 40 | 64) && hex.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let kind = if text.starts_with("age1") || text.starts_with("ssh-") {
            KeyKind::Age
        } else if text.starts_with("arn:") {
            KeyKind::AwsKms
        } else if text.starts_with("projects/") {
            KeyKind::GcpKms
        } else if text.contains("://") {
            if parse_azure(text).is_some() {
                KeyKind::AzureKeyVault
            } else {
                KeyKind::Vault
            }
        } else if is_fingerprint(text) {
            KeyKind::Pgp
        } else if text.contains(':') {
            KeyKind::HuaweiKms
        } else {
            return Err(InvalidRecipient {
                text: printable(text),
                expected: "a recipient of any kind that sops has",
            });
        };
        Recipient::parse(kind, text)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::Age { recipient: text }
            | Recipient::Pgp { fingerprint: text }
            | Recipient::GcpKms { resource_id: text }
            | Recipient::HuaweiKms { key_id: text } => f.write_str(text),
            Recipient::AzureKeyVault {
                vault_url,
                name,
                version,
            } => write!(f, "{vault_url}/keys/{name}/{version}"),
            Recipient::Vault {
                address,
                engine_path,
                key_name,
            } => write!(f, "{address}/v1/{engine_path}/keys/{key_name}"),
            Recipient::AwsKms {
                arn,
                role,
                context,
                profile,
            } => {
                f.write_str(arn)?;
                if let Some(role) = role {
                    write!(f, "+{role}")?;
                }
                if !context.is_empty() || profile.is_some() {
                    f.write_str("|")?;
                }
                for (i, (key, value)) in context.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{key}:{value}")?;
                }
                match profile {
                    Some(profile) => write!(f, "|{profile}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

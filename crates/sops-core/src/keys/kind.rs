//! The kinds of key that sops has.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A kind of key, as sops tells them apart (sops-master-keys §1).
///
/// [`fmt::Display`] and [`FromStr`] use sops's names: those of the lists in a
/// file's metadata and of `SOPS_DECRYPTION_ORDER`.
///
/// ```
/// use sops_core::keys::KeyKind;
/// assert_eq!("gcp_kms".parse(), Ok(KeyKind::GcpKms));
/// assert_eq!(KeyKind::Vault.to_string(), "hc_vault");
/// assert!("gpg".parse::<KeyKind>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum KeyKind {
    /// AWS KMS (`kms`).
    AwsKms,
    /// Google Cloud KMS (`gcp_kms`).
    GcpKms,
    /// Huawei Cloud KMS (`hckms`).
    HuaweiKms,
    /// Azure Key Vault (`azure_kv`).
    AzureKeyVault,
    /// HashiCorp Vault's or OpenBao's transit engine (`hc_vault`).
    Vault,
    /// OpenPGP (`pgp`).
    Pgp,
    /// age (`age`).
    Age,
}

impl KeyKind {
    /// Every kind, in the order in which sops reads their lists.
    pub const ALL: [KeyKind; 7] = [
        KeyKind::AwsKms,
        KeyKind::GcpKms,
        KeyKind::HuaweiKms,
        KeyKind::AzureKeyVault,
        KeyKind::Vault,
        KeyKind::Pgp,
        KeyKind::Age,
    ];

    /// sops's name of the kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyKind::AwsKms => "kms",
            KeyKind::GcpKms => "gcp_kms",
            KeyKind::HuaweiKms => "hckms",
            KeyKind::AzureKeyVault => "azure_kv",
            KeyKind::Vault => "hc_vault",
            KeyKind::Pgp => "pgp",
            KeyKind::Age => "age",
        }
    }

    /// The name that people use.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            KeyKind::AwsKms => "AWS KMS",
            KeyKind::GcpKms => "Google Cloud KMS",
            KeyKind::HuaweiKms => "Huawei Cloud KMS",
            KeyKind::AzureKeyVault => "Azure Key Vault",
            KeyKind::Vault => "HashiCorp Vault",
            KeyKind::Pgp => "PGP",
            KeyKind::Age => "age",
        }
    }

    /// What it takes to open a key of this kind.
    pub(super) fn needs(self) -> &'static str {
        match self {
            KeyKind::AwsKms => "AWS credentials",
            KeyKind::GcpKms => "Google Cloud credentials",
            KeyKind::HuaweiKms => "Huawei Cloud credentials",
            KeyKind::AzureKeyVault => "Azure credentials",
            KeyKind::Vault => "a Vault token",
            KeyKind::Pgp => "GnuPG and the private key",
            KeyKind::Age => "an age identity",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text is not the name of a kind of key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a kind of key: age, pgp, kms, gcp_kms, azure_kv, hc_vault or hckms")]
pub struct UnknownKind;

impl FromStr for KeyKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let mut all = KeyKind::ALL.into_iter();
        all.find(|kind| kind.name() == name).ok_or(UnknownKind)
    }
}

/// As sops's name.
impl Serialize for KeyKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

//! Where `sops publish` puts a file (sops-config §8).

use go_yaml::de::Located;

use super::creation::CreationRule;
use super::file;
use crate::{Error, ErrorKind, Result};

/// A destination rule that fits a file.
#[derive(Clone, Debug)]
pub struct DestinationRule {
    destination: Option<Destination>,
    recreation: Option<CreationRule>,
    omit_extensions: bool,
}

/// Where a file is published.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Destination {
    /// `s3://BUCKET/PREFIXname`.
    #[non_exhaustive]
    S3 {
        /// The bucket.
        bucket: String,
        /// What stands before the name, with no slash added.
        prefix: String,
    },
    /// `gcs://BUCKET/PREFIXname`.
    #[non_exhaustive]
    Gcs {
        /// The bucket.
        bucket: String,
        /// What stands before the name, with no slash added.
        prefix: String,
    },
    /// A key/value engine of HashiCorp Vault.
    #[non_exhaustive]
    Vault {
        /// The server, where the rule names one.
        address: Option<String>,
        /// Where the engine is mounted, with a slash behind.
        mount: String,
        /// The path in it, with a slash behind.
        path: String,
        /// The engine's version.
        version: VaultVersion,
    },
}

/// The version of a key/value engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VaultVersion {
    /// Without versions of secrets.
    V1,
    /// With them.
    V2,
}

impl DestinationRule {
    /// Where to; `None` where the rule does not say, and nothing can be
    /// published.
    #[must_use]
    pub fn destination(&self) -> Option<&Destination> {
        self.destination.as_ref()
    }

    /// For whom the file is encrypted anew before it is published, where the
    /// rule says. Of no effect with Vault, which gets plaintext.
    #[must_use]
    pub fn recreation(&self) -> Option<&CreationRule> {
        self.recreation.as_ref()
    }

    /// Whether the extension is left out of the published name.
    #[must_use]
    pub fn omit_extensions(&self) -> bool {
        self.omit_extensions
    }

    pub(super) fn new(rule: &Located<file::Destination>, place: &str) -> Result<Self> {
        let Located { line, value: rule } = rule;
        let mut destinations = Vec::new();
        if !rule.s3_bucket.is_empty() {
            destinations.push(Destination::S3 {
                bucket: rule.s3_bucket.clone(),
                prefix: rule.s3_prefix.clone(),
            });
        }
        if !rule.gcs_bucket.is_empty() {
            destinations.push(Destination::Gcs {
                bucket: rule.gcs_bucket.clone(),
                prefix: rule.gcs_prefix.clone(),
            });
        }
        if !rule.vault_path.is_empty() {
            destinations.push(Destination::Vault {
                address: Some(rule.vault_address.clone()).filter(|address| !address.is_empty()),
                mount: slash(&rule.vault_kv_mount_name, "secret/"),
                path: slash(&rule.vault_path, ""),
                version: match rule.vault_kv_version {
                    1 => VaultVersion::V1,
                    _ => VaultVersion::V2,
                },
            });
        }
        if destinations.len() > 1 {
            return Err(Error::new(ErrorKind::Config, "more than one destination in a rule")
                .at_line(*line)
                .at_key(place)
                .advise("leave one of s3_bucket, gcs_bucket and vault_path, and make a rule of each other"));
        }
        let recreation = Located {
            line: *line,
            value: rule.recreation_rule.clone(),
        };
        let recreation = CreationRule::new(&recreation, &format!("{place}.recreation_rule"))?;
        let has_keys = recreation
            .key_groups()
            .iter()
            .any(|group| !group.is_empty());
        Ok(DestinationRule {
            destination: destinations.pop(),
            recreation: has_keys.then_some(recreation),
            omit_extensions: rule.omit_extensions,
        })
    }
}

fn slash(text: &str, otherwise: &str) -> String {
    match text {
        "" => otherwise.to_owned(),
        text if text.ends_with('/') => text.to_owned(),
        text => format!("{text}/"),
    }
}

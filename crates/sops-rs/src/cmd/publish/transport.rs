//! Where a file goes, and what brings it there.

use std::{fmt, path::Path};

use sops_core::config::{Destination, VaultVersion};

use crate::{Error, Result, process::Lookup};

/// Where Vault listens unless something else is said, as its own programs
/// have it.
const VAULT: &str = "https://127.0.0.1:8200";

/// An object at its destination. Shown as in the question whether it is to be
/// uploaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Object {
    S3 {
        bucket: String,
        name: String,
    },
    Gcs {
        bucket: String,
        name: String,
    },
    Vault {
        /// Without a slash at its end.
        server: String,
        /// What stands behind `/v1/`, `data/` included.
        path: String,
        version: VaultVersion,
    },
}

impl Object {
    /// The object for a file of this name.
    pub(crate) fn of(to: &Destination, name: &Path, var: &Lookup<'_>) -> Result<Self> {
        let name = name.to_string_lossy();
        Ok(match to {
            Destination::S3 { bucket, prefix, .. } => Object::S3 {
                bucket: bucket.clone(),
                name: format!("{prefix}{name}"),
            },
            Destination::Gcs { bucket, prefix, .. } => Object::Gcs {
                bucket: bucket.clone(),
                name: format!("{prefix}{name}"),
            },
            Destination::Vault {
                address,
                mount,
                path,
                version,
                ..
            } => {
                let variable = || var("VAULT_ADDR").and_then(|value| value.into_string().ok());
                let server = address.clone().or_else(variable);
                let server = server.filter(|server| !server.is_empty());
                let server = server.unwrap_or_else(|| VAULT.into());
                let data = match version {
                    VaultVersion::V2 => "data/",
                    VaultVersion::V1 => "",
                };
                Object::Vault {
                    server: server.trim_end_matches('/').to_owned(),
                    path: format!("{mount}{data}{path}{name}"),
                    version: *version,
                }
            }
            _ => {
                return Err(Error::new("a destination of a kind that is not known")
                    .advise("use s3_bucket, gcs_bucket or vault_path")
                    .of_kind("configuration"));
            }
        })
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::S3 { bucket, name } => write!(f, "s3://{bucket}/{name}"),
            Object::Gcs { bucket, name } => write!(f, "gcs://{bucket}/{name}"),
            Object::Vault { server, path, .. } => write!(f, "{server}/v1/{path}"),
        }
    }
}

/// What became of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(
    not(feature = "vault"),
    expect(dead_code, reason = "only Vault is looked at first")
)]
pub(crate) enum Put {
    Written,
    /// Written, without seeing whether that was needed.
    Unseen,
    /// It was there already.
    Unchanged,
}

/// What brings files to their destination.
pub(crate) trait Transport {
    /// Puts an object: of Vault, the JSON of its values.
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<Put>;
}

#[cfg(test)]
mod tests {
    use sops_core::config::Config;

    use super::*;

    fn shown(rule: &str, name: &str, server: Option<&str>) -> String {
        let text = format!("destination_rules:\n- {rule}\n");
        let config = Config::parse(text.as_bytes()).unwrap();
        let rule = config.destination_rule(Path::new(name)).unwrap().unwrap();
        let var = |_: &str| server.map(Into::into);
        let object = Object::of(rule.destination().unwrap(), Path::new(name), &var);
        object.unwrap().to_string()
    }

    #[test]
    fn names() {
        assert_eq!(
            shown("{s3_bucket: b, s3_prefix: pre/}", "x/e.yaml", None),
            "s3://b/pre/x/e.yaml"
        );
        assert_eq!(
            shown("{gcs_bucket: b, gcs_prefix: pre}", "e.yaml", None),
            "gcs://b/pree.yaml"
        );
        assert_eq!(
            shown("{vault_path: p}", "e.yaml", None),
            "https://127.0.0.1:8200/v1/secret/data/p/e.yaml"
        );
        let own = "{vault_path: p/q/, vault_kv_version: 1, vault_kv_mount_name: kv, vault_address: 'https://v/'}";
        assert_eq!(
            shown(own, "e", Some("https://other")),
            "https://v/v1/kv/p/q/e"
        );
        assert_eq!(
            shown("{vault_path: p}", "e", Some("https://other:8200/")),
            "https://other:8200/v1/secret/data/p/e"
        );
    }
}

//! Brings files to the stores of clouds, with the credentials that open and
//! wrap keys, too.

use std::ffi::OsString;

use super::transport::{Object, Put, Transport};
use crate::{Error, Result};

/// The stores that this program was built with. Connections and tokens are
/// kept for as long as it lives; nothing is read before the first object.
pub(super) struct Clouds {
    #[cfg(feature = "aws")]
    s3: sops_kms::S3,
    #[cfg(feature = "gcp")]
    gcs: sops_kms::CloudStorage,
    #[cfg(feature = "vault")]
    vault: sops_kms::VaultKv,
}

impl Clouds {
    pub(super) fn new(var: fn(&str) -> Option<OsString>) -> Self {
        #[cfg(feature = "clouds")]
        let env = {
            let policy = sops_kms::Policy::default().with_programs();
            sops_kms::Environment::new(var, policy)
        };
        #[cfg(not(feature = "clouds"))]
        let _ = var;
        Clouds {
            #[cfg(feature = "aws")]
            s3: sops_kms::S3::new(env.clone()),
            #[cfg(feature = "gcp")]
            gcs: sops_kms::CloudStorage::new(env.clone()),
            #[cfg(feature = "vault")]
            vault: sops_kms::VaultKv::new(env.clone()),
        }
    }
}

impl Transport for Clouds {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<Put> {
        let _ = bytes;
        match object {
            #[cfg(feature = "aws")]
            Object::S3 { bucket, name } => self
                .s3
                .put(bucket, name, bytes)
                .map(|()| Put::Written)
                .map_err(|error| failure(object, &error)),
            #[cfg(feature = "gcp")]
            Object::Gcs { bucket, name } => self
                .gcs
                .put(bucket, name, bytes)
                .map(|()| Put::Written)
                .map_err(|error| failure(object, &error)),
            #[cfg(feature = "vault")]
            Object::Vault {
                server,
                path,
                version,
            } => {
                use sops_core::config::VaultVersion;
                let versioned = *version == VaultVersion::V2;
                match self.vault.put(server, path, versioned, bytes) {
                    Ok(sops_kms::VaultPut::Unchanged) => Ok(Put::Unchanged),
                    Ok(sops_kms::VaultPut::WrittenUnseen) => Ok(Put::Unseen),
                    Ok(_) => Ok(Put::Written),
                    Err(error) => Err(failure(object, &error)),
                }
            }
            #[cfg(not(all(feature = "aws", feature = "gcp", feature = "vault")))]
            _ => Err(Error::new(format!(
                "this program was built without what {object} needs"
            ))
            .advise("use a program that was built with all features")
            .of_kind("unsupported")),
        }
    }
}

#[cfg(any(feature = "aws", feature = "gcp", feature = "vault"))]
fn failure(object: &Object, error: &sops_core::keys::KeyError) -> Error {
    use sops_core::keys::Reason;
    // The names of some reasons are about keys.
    let why = match (error.reason(), error.detail()) {
        (_, "") | (Reason::NoCredentials | Reason::Refused, _) => error.to_string(),
        (Reason::NotFound, detail) => format!("there is no such place: {detail}"),
        (_, detail) => detail.to_owned(),
    };
    let own = Error::new(format!("cannot upload to {object}"))
        .because(why)
        .of_kind("upload");
    match error.advice() {
        Some(advice) => own.advise(advice),
        None => own,
    }
}

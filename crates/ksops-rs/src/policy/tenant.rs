//! The rules of the plugin for the commands that it shares with sops-rs.

use std::path::Path;

use sops_core::age::Callbacks;
use sops_rs::{Access, Process, Result, read};

use super::{Policy, Refusal};
use crate::{
    keys::Keys,
    settings::{self, Settings},
};

/// Files within the confinement, and the keys of the project.
pub struct Tenant;

impl Access for Tenant {
    fn program(&self) -> &'static str {
        "ksops-rs"
    }

    fn read(
        &self,
        process: &Process<'_>,
        path: &Path,
    ) -> std::result::Result<Vec<u8>, sops_rs::Refusal> {
        let policy = Settings::from_vars(process.var)
            .and_then(|settings| {
                Policy::new(&settings, &process.dir, process.parent_dir.as_deref())
            })
            .map_err(sops_rs::Refusal::Setting)?;
        policy
            .read(path, read::MAX_BYTES)
            .map_err(|refusal| match refusal {
                Refusal::Io(error) => sops_rs::Refusal::Io(error),
                other => sops_rs::Refusal::Forbidden {
                    reason: other.reason(),
                    advice: other.advice(),
                },
            })
    }

    fn keys(&self, process: &Process<'_>, callbacks: Callbacks) -> Result<sops_rs::Keys> {
        let settings = Settings::from_vars(process.var)?;
        let mut keys = Keys::new(&settings, process.var, callbacks)?;
        keys.add_clouds(&settings, process.var_later);
        Ok(sops_rs::Keys {
            keyring: keys.keyring,
            note: keys.note,
        })
    }

    fn is_watched(&self, process: &Process<'_>) -> bool {
        settings::in_argo_cd(process.var)
    }
}

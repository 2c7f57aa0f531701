//! What the program around a command decides: which files it reads, and whose
//! keys open them.

use std::{io, path::Path};

use sops_core::{Keyring, age::Callbacks};

use crate::{Error, Process, Result, error::io_reason, read};

/// Which files may be read, and where keys come from. A program for one person
/// is [`Own`]; one that several teams share has rules.
pub trait Access {
    /// How the program is called in usage and advice: `sops-rs`.
    fn program(&self) -> &'static str;

    /// Reads the file that an argument names.
    ///
    /// # Errors
    ///
    /// Where it is not read, and why.
    fn read(&self, process: &Process<'_>, path: &Path) -> std::result::Result<Vec<u8>, Refusal>;

    /// The keys that open files.
    ///
    /// # Errors
    ///
    /// Where a setting makes no sense.
    fn keys(&self, process: &Process<'_>, callbacks: Callbacks) -> Result<Keys>;

    /// Whether errors are shown to more people than those who run the program.
    fn is_watched(&self, process: &Process<'_>) -> bool;
}

/// A keyring, and what is to be said where it opens nothing.
pub struct Keys {
    /// The keyring.
    pub keyring: Keyring,
    /// One more line of advice.
    pub note: Option<String>,
}

/// Why a file is not read.
#[derive(Debug)]
pub enum Refusal {
    /// A rule forbids it.
    Forbidden {
        /// Why, as a lower-case fragment.
        reason: String,
        /// What a person can do.
        advice: String,
    },
    /// A setting makes no sense.
    Setting(Error),
    /// The operating system refuses.
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Refusal::Io(error)
    }
}

impl Refusal {
    /// Why, as a lower-case fragment.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Refusal::Forbidden { reason, .. } => reason.clone(),
            Refusal::Setting(error) => error.to_string(),
            Refusal::Io(error) => io_reason(error),
        }
    }
}

/// The files and keys of whoever runs the program: wherever sops looks, and
/// behind that in the folder of keys that the plugin knows, `KSOPS_KEY_DIR`.
pub struct Own;

fn has_age_keys(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    names.any(|name| sops_core::age::is_key_file(&name))
}

impl Access for Own {
    fn program(&self) -> &'static str {
        "sops-rs"
    }

    fn read(&self, process: &Process<'_>, path: &Path) -> std::result::Result<Vec<u8>, Refusal> {
        Ok(read::file(&process.resolve(path))?)
    }

    fn keys(&self, process: &Process<'_>, callbacks: Callbacks) -> Result<Keys> {
        let set = |name: &str| (process.var)(name).filter(|value| !value.is_empty());
        let (folder, older) = (set("KSOPS_KEY_DIR"), set("KSOPS_AGE_KEY_DIR"));
        if folder.is_some() && older.is_some() && folder != older {
            let text =
                "KSOPS_KEY_DIR and KSOPS_AGE_KEY_DIR, its older name, name different folders";
            return Err(Error::new(text).advise("unset KSOPS_AGE_KEY_DIR"));
        }
        let folder = folder.or(older);
        let folder = folder.map(|folder| process.resolve(folder.as_ref()));
        #[cfg(feature = "pgp")]
        let pgp = {
            let mut pgp = sops_pgp::Pgp::new(sops_pgp::Callbacks::asking_as(&callbacks).run_gpg());
            // The places of sops come first.
            pgp.add_gnupg_vars(process.var);
            pgp.add_key_vars(process.var);
            if let Some(folder) = &folder {
                pgp.add_dir(folder);
            }
            pgp
        };
        let mut keyring = Keyring::from_vars(process.var, callbacks);
        // Of a folder with keys of other kinds alone there is nothing to say.
        if let Some(folder) = &folder
            && has_age_keys(folder)
        {
            keyring.add_dir(folder);
        }
        #[cfg(feature = "pgp")]
        keyring.add_service(pgp);
        #[cfg(feature = "clouds")]
        {
            let policy = sops_kms::Policy::default().with_programs();
            let env = sops_kms::Environment::new(process.var_later, policy);
            sops_kms::add_services(&mut keyring, &env);
        }
        Ok(Keys {
            keyring,
            note: None,
        })
    }

    fn is_watched(&self, _: &Process<'_>) -> bool {
        false
    }
}

//! Whose keys are used: those that sops finds, those of a folder, or those of
//! one project of Argo CD.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::Path,
};

use sops_core::{
    Keyring,
    age::{self, Callbacks},
};

use crate::{
    Error, Result, Settings,
    error::quoted,
    settings::{KEY_PROJECTS, KeyDir, Lookup, PROJECT, Project},
};

/// The folder of the keys that every project may use.
pub const SHARED: &str = "_shared";

/// The identities at hand.
#[derive(Debug, Default)]
pub struct Keys {
    /// The identities.
    pub keyring: Keyring,
    /// Why there may be fewer of them than expected; for whoever is told that
    /// no key fits.
    pub note: Option<String>,
}

impl Keys {
    /// The identities at hand: those that sops finds by the environment, and
    /// those in the folder that the settings name.
    ///
    /// Where keys are [kept by project](by_project), only those in the folder
    /// of the project and in `_shared`, and none of any other place.
    ///
    /// # Errors
    ///
    /// Where a command that prints keys would be the repository's.
    pub fn new(settings: &Settings, var: &Lookup<'_>, callbacks: Callbacks) -> Result<Self> {
        if let Some(dir) = &settings.key_dir
            && by_project(settings)
        {
            return Ok(Keys::of_project(dir, &settings.project, var));
        }
        if settings.argo_cd {
            for name in COMMANDS {
                refuse_relative_program(name, var)?;
            }
        }
        #[cfg(feature = "pgp")]
        let pgp = pgp::own(settings, var, &callbacks);
        let mut keyring = Keyring::from_vars(var, callbacks);
        if let Some(dir) = &settings.key_dir {
            add_age_dir(&mut keyring, &dir.path);
        }
        #[cfg(feature = "pgp")]
        keyring.add_service(pgp);
        Ok(Keys {
            keyring,
            note: None,
        })
    }

    /// Adds the key services of clouds, with the credentials that this process
    /// has. Where keys are [kept by project](by_project) there are none: such
    /// credentials are every project's.
    ///
    /// In Argo CD no program is run for credentials, and addresses in files
    /// count for nothing.
    pub fn add_clouds(&mut self, settings: &Settings, var: fn(&str) -> Option<OsString>) {
        if settings.placeholder || by_project(settings) {
            return;
        }
        #[cfg(not(feature = "clouds"))]
        let _ = var;
        #[cfg(feature = "clouds")]
        self.add_services(settings, var);
    }

    #[cfg(feature = "clouds")]
    fn add_services(&mut self, settings: &Settings, var: fn(&str) -> Option<OsString>) {
        let policy = sops_kms::Policy::default();
        let policy = if settings.argo_cd {
            policy.with_strangers_files()
        } else {
            policy.with_programs()
        };
        let env = sops_kms::Environment::new(var, policy);
        sops_kms::add_services(&mut self.keyring, &env);
    }

    /// The identities of one project, and the shared ones.
    fn of_project(dir: &KeyDir, project: &Project, var: &Lookup<'_>) -> Self {
        let mut folders = Vec::new();
        let mut keys = Keys::default();
        let variable = dir.variable;
        match project {
            Project::Named(name) => {
                let own = dir.path.join(name);
                if !own.is_dir() {
                    keys.note = Some(format!(
                        "there is no folder of keys for the project {} in {variable}; the administrator of Argo CD can make one",
                        quoted(name)
                    ));
                }
                folders.push(own);
            }
            Project::Missing => {
                keys.note = Some(format!(
                    "keys are kept by project, and {PROJECT} is not set: Argo CD 3.1 and newer set it; until then only keys in {SHARED} are used"
                ));
            }
            Project::Bad => {
                keys.note = Some(format!(
                    "keys are kept by project, and {PROJECT} is not a name of lower-case letters, digits and `-`; only keys in {SHARED} are used"
                ));
            }
        }
        // One without keys is not worth a word: who is told of it might put
        // the keys of a project there, for all to use.
        let shared = dir.path.join(SHARED);
        if shared.is_dir() && may_hold_keys(&shared) {
            folders.push(shared);
        }
        for folder in &folders {
            add_age_dir(&mut keys.keyring, folder);
        }
        #[cfg(feature = "pgp")]
        keys.keyring.add_service(pgp::of_folders(&folders, var));
        #[cfg(not(feature = "pgp"))]
        let _ = var;
        keys
    }
}

/// Where PGP keys are looked for, and what lies there: for `doctor`.
#[cfg(feature = "pgp")]
pub fn pgp_places(settings: &Settings, var: &Lookup<'_>) -> Vec<sops_core::keys::Place> {
    if by_project(settings) {
        return Vec::new();
    }
    pgp::own(settings, var, &Callbacks::none()).survey()
}

/// As above: this program was built without PGP.
#[cfg(not(feature = "pgp"))]
pub fn pgp_places(_: &Settings, _: &Lookup<'_>) -> Vec<sops_core::keys::Place> {
    Vec::new()
}

/// Whether a folder of keys has use for a file of this name.
fn is_key_file(name: &OsStr) -> bool {
    age::is_key_file(name) || is_pgp_file(name)
}

#[cfg(feature = "pgp")]
fn is_pgp_file(name: &OsStr) -> bool {
    sops_pgp::is_key_file(name)
}

#[cfg(not(feature = "pgp"))]
fn is_pgp_file(_: &OsStr) -> bool {
    false
}

/// Adds the age keys of a folder, unless all the keys in it are of another
/// kind.
fn add_age_dir(keyring: &mut Keyring, dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let names: Vec<_> = names.filter(|name| is_key_file(name)).collect();
    if names.is_empty() || names.iter().any(|name| age::is_key_file(name)) {
        keyring.add_dir(dir);
    }
}

#[cfg(feature = "pgp")]
mod pgp {
    //! PGP keys, and what may be done to get at them.

    use std::path::PathBuf;

    use sops_core::age;
    use sops_pgp::{Callbacks, Pgp};

    use crate::settings::{Lookup, Settings};

    /// Those that the environment names, of the folder of keys, and what GnuPG
    /// has. Where Argo CD renders, no program is run.
    pub(super) fn own(settings: &Settings, var: &Lookup<'_>, age: &age::Callbacks) -> Pgp {
        let callbacks = Callbacks::asking_as(age);
        let mut pgp = Pgp::new(if settings.argo_cd {
            callbacks
        } else {
            callbacks.run_gpg()
        });
        pgp.add_key_vars(var);
        if let Some(dir) = &settings.key_dir {
            pgp.add_dir(&dir.path);
        }
        pgp.add_gnupg_vars(var);
        pgp
    }

    /// Those of some folders, and of no other place. One passphrase may unlock
    /// them.
    pub(super) fn of_folders(folders: &[PathBuf], var: &Lookup<'_>) -> Pgp {
        let mut pgp = Pgp::default();
        pgp.add_passphrase_var(var);
        for folder in folders {
            pgp.add_dir(folder);
        }
        pgp
    }
}

/// The variables whose commands print keys.
const COMMANDS: [&str; 2] = ["SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"];

/// Refuses a command whose program is looked for from the working directory:
/// in Argo CD that is the repository's.
fn refuse_relative_program(name: &str, var: &Lookup<'_>) -> Result<()> {
    let command = var(name).unwrap_or_default();
    let command = command.to_string_lossy();
    let command = command.trim_start();
    let command = command.trim_start_matches(['"', '\'']);
    let end = command.find([' ', '\t', '\n']).unwrap_or(command.len());
    let program = command.get(..end).unwrap_or_default();
    let error = |how: &str| {
        Error::new(format!(
            "{name}: the program {how}, which in Argo CD is a folder of the repository"
        ))
        .advise(format!("name the program of {name} by its absolute path"))
    };
    if program.is_empty() || program.starts_with('/') {
        Ok(())
    } else if program.contains('/') {
        Err(error("is named by a relative path"))
    } else if var("PATH").is_some_and(|path| std::env::split_paths(&path).any(|p| !p.is_absolute()))
    {
        Err(error("is looked for on PATH, which names a relative path"))
    } else {
        Ok(())
    }
}

/// Whether keys are kept by project: where `KSOPS_KEY_PROJECTS` says so, and
/// in Argo CD where the folder of keys [may hold projects](may_hold_projects).
pub fn by_project(settings: &Settings) -> bool {
    let Some(dir) = &settings.key_dir else {
        return false;
    };
    settings
        .key_projects
        .unwrap_or_else(|| settings.argo_cd && may_hold_projects(&dir.path).unwrap_or(true))
}

/// Whether a folder has key files, or cannot be listed.
fn may_hold_keys(dir: &Path) -> bool {
    fs::read_dir(dir).map_or(true, |entries| {
        entries
            .filter_map(|entry| entry.ok())
            .any(|entry| is_key_file(&entry.file_name()))
    })
}

/// Whether a folder of keys is, or may be meant to be, one of folders of
/// projects: a mount that failed must not open more than one that did not.
///
/// It is none where all that can be seen in it are files, key files among
/// them. A dangling link or what cannot be looked at may be a project's
/// folder, and a folder without any key may be waiting for them. What starts
/// with a dot does not count: Kubernetes keeps the files of a mounted Secret
/// in `..data`.
///
/// # Errors
///
/// Where it cannot be listed.
pub fn may_hold_projects(dir: &Path) -> io::Result<bool> {
    let mut has_keys = false;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if !fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file()) {
            return Ok(true);
        }
        has_keys |= is_key_file(&name);
    }
    Ok(!has_keys)
}

/// Why the folder counts as one of projects, for messages; `None` where it
/// does not.
pub fn why_by_project(settings: &Settings) -> Option<String> {
    let dir = settings.key_dir.as_ref()?;
    if !by_project(settings) {
        return None;
    }
    Some(match settings.key_projects {
        Some(_) => format!("{KEY_PROJECTS} says so"),
        None => match may_hold_projects(&dir.path) {
            Err(error) => format!("it cannot be listed: {}", crate::error::io_reason(&error)),
            Ok(_) if holds_folders(&dir.path) => "it holds folders".into(),
            Ok(_) => format!(
                "it holds no key file yet, or what cannot be looked at; where it is not meant for projects, set {KEY_PROJECTS} to false"
            ),
        },
    })
}

/// Whether a folder has folders that can be seen.
fn holds_folders(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|entries| {
        entries.filter_map(std::result::Result::ok).any(|entry| {
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            !is_hidden && entry.path().is_dir()
        })
    })
}

#[cfg(test)]
mod tests;

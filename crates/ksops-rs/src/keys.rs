//! Whose keys are used: those that sops finds, those of a folder, or those of
//! one project of Argo CD.

#[cfg(feature = "clouds")]
mod clouds;
#[cfg(feature = "clouds")]
mod flux;
mod projects;

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use sops_core::{
    Keyring,
    age::{self, Callbacks},
    keys::{KeyError, KeyKind},
};

use crate::{
    Error, Result, Settings,
    error::quoted,
    settings::{KeyDir, Lookup, PROJECT, Project},
};

pub use projects::{by_project, may_hold_projects, why_by_project};

/// A file among the keys of a project by which the project may use the
/// identity that this process has in a cloud.
pub const AMBIENT: &str = "ambient";

/// A file in a folder of keys that holds the passphrase of the PGP keys there.
pub const PASSPHRASE: &str = "pgp.passphrase";

/// Whether a project with this folder of keys may use the identity that this
/// process has in a cloud: a file says so, and a folder of that name does not.
pub fn is_ambient(folder: &Path) -> bool {
    folder.join(AMBIENT).is_file()
}

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
    /// Whose files of credentials count.
    folders: Vec<PathBuf>,
    /// Whether reports say what is in those files, needed or not.
    survey: bool,
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
            folders: settings
                .key_dir
                .iter()
                .map(|dir| dir.path.clone())
                .collect(),
            survey: false,
        })
    }

    /// Adds the key services of clouds: with the credentials in the folder of
    /// keys, by the names that Flux gives them, and for kinds that have none
    /// there with those that this process has.
    ///
    /// Where keys are [kept by project](by_project) the credentials of this
    /// process are every project's, and count only where a file named
    /// `ambient` among the project's keys says so.
    ///
    /// In Argo CD no program is run for credentials, and addresses in files
    /// count for nothing.
    pub fn add_clouds(
        &mut self,
        settings: &Settings,
        var: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) {
        if settings.placeholder {
            return;
        }
        #[cfg(not(feature = "clouds"))]
        let _ = (var, self.survey);
        #[cfg(feature = "clouds")]
        clouds::add(
            &mut self.keyring,
            &self.folders,
            by_project(settings),
            clouds::policy(settings),
            self.survey,
            var,
        );
    }

    /// Has reports say what is in files of credentials that nobody needed: for
    /// programs that look after a set-up. Others leave them alone.
    pub fn survey_clouds(&mut self) {
        self.survey = true;
    }

    /// The folders, of those whose keys count, by which the identity of this
    /// process may be used though keys are kept by project.
    pub fn ambient(&self) -> Vec<&Path> {
        #[cfg(feature = "clouds")]
        return self
            .folders
            .iter()
            .map(PathBuf::as_path)
            .filter(|folder| is_ambient(folder))
            .collect();
        #[cfg(not(feature = "clouds"))]
        Vec::new()
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
                    "keys are kept by project, and {PROJECT} is not set: Argo CD 3.0.0 and newer set it; until then only keys in {SHARED} are used"
                ));
            }
            Project::Empty => {
                keys.note = Some(format!(
                    "keys are kept by project, and {PROJECT} is empty, as Argo CD sets it for the details of an application (its Parameters, the form for a new one): there only keys in {SHARED} are used; a sync has the name of the project"
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
        if shared.is_dir() && projects::may_hold_keys(&shared) {
            folders.push(shared);
        }
        for folder in &folders {
            add_age_dir(&mut keys.keyring, folder);
        }
        #[cfg(feature = "pgp")]
        keys.keyring.add_service(pgp::of_folders(&folders, var));
        #[cfg(not(feature = "pgp"))]
        let _ = var;
        keys.folders = folders;
        keys
    }
}

/// With whose credentials clouds would be asked, where a variable says that
/// there are any, and a folder of keys has no file for the kind: for `doctor`.
/// Nobody is asked.
pub fn outlooks(
    keys: &Keys,
    settings: &Settings,
    var: &Lookup<'_>,
    later: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
) -> Vec<(KeyKind, std::result::Result<String, KeyError>)> {
    #[cfg(feature = "clouds")]
    return clouds::outlooks(&keys.folders, settings, var, later);
    #[cfg(not(feature = "clouds"))]
    {
        let _ = (keys, settings, var, later);
        Vec::new()
    }
}

/// Where PGP keys are looked for, and what lies there: for `doctor`.
#[cfg(feature = "pgp")]
pub fn pgp_places(
    keys: &Keys,
    settings: &Settings,
    var: &Lookup<'_>,
) -> Vec<sops_core::keys::Place> {
    if by_project(settings) {
        return pgp::of_folders(&keys.folders, var).survey();
    }
    pgp::own(settings, var, &Callbacks::none()).survey()
}

/// As above: this program was built without PGP.
#[cfg(not(feature = "pgp"))]
pub fn pgp_places(_: &Keys, _: &Settings, _: &Lookup<'_>) -> Vec<sops_core::keys::Place> {
    Vec::new()
}

/// Whether a folder of keys has use for a file of this name.
fn is_key_file(name: &OsStr) -> bool {
    age::is_key_file(name) || is_pgp_file(name) || is_cloud_file(name)
}

#[cfg(feature = "clouds")]
fn is_cloud_file(name: &OsStr) -> bool {
    flux::is_key_file(name)
}

#[cfg(not(feature = "clouds"))]
fn is_cloud_file(_: &OsStr) -> bool {
    false
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
            let passphrase = dir.path.join(super::PASSPHRASE);
            if passphrase.is_file() {
                pgp.set_passphrase_file(passphrase);
            }
            pgp.add_dir(&dir.path);
            pgp.add_passphrase_var(var);
        }
        pgp.add_gnupg_vars(var);
        pgp
    }

    /// Those of some folders, and of no other place. The passphrase of those of
    /// a folder lies in it, else the variable names it.
    pub(super) fn of_folders(folders: &[PathBuf], var: &Lookup<'_>) -> Pgp {
        let mut pgp = Pgp::default();
        let is_named = var(sops_pgp::PASSPHRASE_FILE).is_some_and(|path| !path.is_empty());
        for folder in folders {
            let passphrase = folder.join(super::PASSPHRASE);
            if passphrase.is_file() || !is_named {
                pgp.set_passphrase_file(passphrase);
            } else {
                pgp.add_passphrase_var(var);
            }
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

#[cfg(test)]
mod tests;

//! Where private keys are looked for: the variables of this project, and those
//! of GnuPG and sops (sops-master-keys §7).

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use sops_core::keys::{Found, Location};

use crate::{
    failure::Reads,
    home::Home,
    service::{Pgp, sockets},
    source::{file::KeyFile, passphrase::PassphraseFile},
};

/// Names a file with private keys, armored or not.
pub const KEY_FILE: &str = "KSOPS_PGP_KEY_FILE";

/// Names a file with the passphrase of the private keys in files and in
/// GnuPG's home.
pub const PASSPHRASE_FILE: &str = "KSOPS_PGP_PASSPHRASE_FILE";

/// Names the gpg program, for sops too.
pub const GPG: &str = "SOPS_GPG_EXEC";

const HOME: &str = "GNUPGHOME";

impl Pgp {
    /// Adds the file that `KSOPS_PGP_KEY_FILE` names, and has
    /// `KSOPS_PGP_PASSPHRASE_FILE` unlock it and the files that are added
    /// afterwards. `lookup` gives the value of an environment variable.
    pub fn add_key_vars(&mut self, lookup: impl Fn(&str) -> Option<OsString>) {
        self.add_passphrase_var(&lookup);
        self.reads = Reads::All;
        let file = match lookup(KEY_FILE) {
            Some(path) => KeyFile::read(Some(KEY_FILE), Path::new(&path), self.passphrase()),
            None => {
                let variable = KEY_FILE.into();
                KeyFile::not_there(Location::Variable { variable }, Found::NotSet)
            }
        };
        self.add_key_file(file);
    }

    /// Has `KSOPS_PGP_PASSPHRASE_FILE` unlock the keys that are added
    /// afterwards.
    pub fn add_passphrase_var(&mut self, lookup: impl Fn(&str) -> Option<OsString>) {
        self.reads = self.reads.max(Reads::Folders);
        if let Some(path) = set(&lookup, PASSPHRASE_FILE)
            && !self.passphrase().is_at(&path)
        {
            self.set_passphrase(PassphraseFile::new(Some(PASSPHRASE_FILE), path));
        }
    }

    /// Adds what GnuPG has: the keys that lie in its home (`GNUPGHOME`, else
    /// `~/.gnupg`), those of its agent, and the gpg program (`SOPS_GPG_EXEC`,
    /// else `gpg` in `PATH`), where [`Callbacks`](crate::Callbacks) allow it.
    ///
    /// `KSOPS_PGP_PASSPHRASE_FILE` unlocks the keys in the home, too.
    pub fn add_gnupg_vars(&mut self, lookup: impl Fn(&str) -> Option<OsString>) {
        self.add_passphrase_var(&lookup);
        self.reads = Reads::All;
        let own = set(&lookup, HOME);
        let variable = if cfg!(windows) { "APPDATA" } else { "HOME" };
        let below = if cfg!(windows) { "gnupg" } else { ".gnupg" };
        let default = set(&lookup, variable).map(|home| home.join(below));
        let home = own.clone().or_else(|| default.clone());
        match home {
            Some(home) => {
                let is_default = default.as_ref() == Some(&home);
                let sockets = sockets(&home, is_default, user());
                self.add_gnupg(Home::new(home), Some(sockets));
            }
            None => {
                let path = Path::new("~").join(below).to_string_lossy().into();
                let location = Location::Directory { path };
                self.add_key_file(KeyFile::not_there(location, Found::NoHome));
            }
        }
        let (location, name) = match lookup(GPG).filter(|name| !name.is_empty()) {
            Some(name) => {
                let program = sops_core::shown::printable(&name.to_string_lossy());
                let location = Location::Command {
                    variable: GPG.into(),
                    program: Some(program),
                };
                (location, name)
            }
            None => {
                let name = "the gpg program".into();
                (Location::Other { name }, OsStr::new("gpg").into())
            }
        };
        self.add_program(location, &name, lookup("PATH"), own);
    }
}

fn set(lookup: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    lookup(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}

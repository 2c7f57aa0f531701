//! Where sops looks for identities, in its order (age-identities §1).

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    Age, Callbacks,
    identity::Words,
    source::{Kind, Source},
};
use crate::{
    Keyring,
    keys::{Found, Location},
};

const AGE_FILE: Kind = Kind::Age(Words::One);

impl Keyring {
    /// Collects identities from all the places where sops looks for them:
    ///
    /// 1. `SOPS_AGE_SSH_PRIVATE_KEY_FILE`, `SOPS_AGE_SSH_PRIVATE_KEY_CMD`,
    ///    `~/.ssh/id_ed25519`, `~/.ssh/id_rsa`;
    /// 2. `SOPS_AGE_KEY`, `SOPS_AGE_KEY_FILE`, `SOPS_AGE_KEY_CMD`;
    /// 3. `sops/age/keys.txt` in the user's configuration directory.
    ///
    /// All of them count; one that cannot be used does not keep others from
    /// being used. `lookup` gives the value of an environment variable. The
    /// files are read now.
    ///
    /// ```
    /// use sops_core::{Document, Format, Keyring, age::Callbacks};
    ///
    /// let identity = std::fs::read_to_string("examples/age.txt")?;
    /// let keyring = Keyring::from_vars(
    ///     |name| match name {
    ///         "SOPS_AGE_KEY" => Some(identity.clone().into()),
    ///         _ => None,
    ///     },
    ///     Callbacks::none(),
    /// );
    /// let file = std::fs::read("examples/secret.enc.yaml")?;
    /// assert!(keyring.can_open(&Document::parse(&file, Format::Yaml)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_vars(lookup: impl Fn(&str) -> Option<OsString>, callbacks: Callbacks) -> Self {
        let mut keyring = Keyring::with_callbacks(callbacks);
        keyring.add_vars(lookup);
        keyring
    }

    /// [`Keyring::from_vars`] with the environment of this process.
    #[must_use]
    pub fn from_env(callbacks: Callbacks) -> Self {
        Self::from_vars(|name| env::var_os(name), callbacks)
    }

    /// Adds what [`Keyring::from_vars`] collects.
    pub fn add_vars(&mut self, lookup: impl Fn(&str) -> Option<OsString>) {
        self.service::<Age>().add_vars(lookup);
    }
}

impl Age {
    /// Adds what [`Keyring::from_vars`] collects.
    pub fn add_vars(&mut self, lookup: impl Fn(&str) -> Option<OsString>) {
        self.add_file_of(&lookup, "SOPS_AGE_SSH_PRIVATE_KEY_FILE", Kind::Ssh);
        self.add_command_of(&lookup, "SOPS_AGE_SSH_PRIVATE_KEY_CMD", Kind::Ssh);
        let home = home(&lookup);
        for name in ["id_ed25519", "id_rsa"] {
            let path = Path::new(".ssh").join(name);
            let path = home
                .as_ref()
                .map(|home| home.join(&path))
                .ok_or_else(|| (Path::new("~").join(path), Found::NoHome));
            self.add_default(path, Kind::Ssh);
        }
        self.add_text_of(&lookup, "SOPS_AGE_KEY");
        self.add_file_of(&lookup, "SOPS_AGE_KEY_FILE", AGE_FILE);
        self.add_command_of(&lookup, "SOPS_AGE_KEY_CMD", AGE_FILE);
        let keys = Path::new("sops").join("age").join("keys.txt");
        let keys = match config(&lookup, home.as_deref()) {
            Ok(config) => Ok(config.join(keys)),
            Err((config, found)) => Err((config.join(keys), found)),
        };
        self.add_default(keys, AGE_FILE);
    }

    fn add_text_of(&mut self, lookup: &impl Fn(&str) -> Option<OsString>, variable: &'static str) {
        let location = Location::Variable {
            variable: variable.into(),
        };
        let source = match lookup(variable) {
            None => Source::nothing(location, Found::NotSet),
            Some(value) => {
                let value = Zeroizing::new(value.into_encoded_bytes());
                Source::bytes(location, Kind::Age(Words::Several), &value, &self.callbacks)
            }
        };
        self.add(source);
    }

    fn add_file_of(
        &mut self,
        lookup: &impl Fn(&str) -> Option<OsString>,
        variable: &'static str,
        kind: Kind,
    ) {
        let source = match lookup(variable) {
            None => nothing_in(variable, Found::NotSet),
            Some(path) => Source::file(Some(variable), Path::new(&path), kind, &self.callbacks),
        };
        self.add(source);
    }

    fn add_command_of(
        &mut self,
        lookup: &impl Fn(&str) -> Option<OsString>,
        variable: &'static str,
        kind: Kind,
    ) {
        let source = match lookup(variable) {
            None => nothing_in(variable, Found::NotSet),
            Some(command) => match command.to_str() {
                Some(command) => Source::command(variable, command, kind, &self.callbacks),
                None => nothing_in(variable, Found::NotACommand),
            },
        };
        self.add(source);
    }

    fn add_default(&mut self, path: Result<PathBuf, (PathBuf, Found)>, kind: Kind) {
        let source = match path {
            Ok(path) => Source::file(None, &path, kind, &self.callbacks),
            Err((path, found)) => Source::nothing(
                Location::File {
                    variable: None,
                    path: path.to_string_lossy().into(),
                },
                found,
            ),
        };
        self.add(source);
    }
}

/// A variable in which there is no identity.
fn nothing_in(variable: &'static str, found: Found) -> Source {
    let location = Location::Variable {
        variable: variable.into(),
    };
    Source::nothing(location, found)
}

fn set(lookup: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    lookup(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn home(lookup: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    set(lookup, if cfg!(windows) { "USERPROFILE" } else { "HOME" })
}

/// The user's configuration directory, as Go's `os.UserConfigDir` and sops
/// determine it; or how it is called, and why it cannot be determined.
fn config(
    lookup: &impl Fn(&str) -> Option<OsString>,
    home: Option<&Path>,
) -> Result<PathBuf, (PathBuf, Found)> {
    if cfg!(windows) {
        return set(lookup, "AppData").ok_or(("%AppData%".into(), Found::NoHome));
    }
    if let Some(config) = set(lookup, "XDG_CONFIG_HOME") {
        if config.is_absolute() || cfg!(target_os = "macos") {
            return Ok(config);
        }
        return Err((config, Found::RelativeConfig));
    }
    let below = if cfg!(target_os = "macos") {
        "Library/Application Support"
    } else {
        ".config"
    };
    match home {
        Some(home) => Ok(home.join(below)),
        None => Err((Path::new("~").join(below), Found::NoHome)),
    }
}

//! Whose keys are used.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use sops_core::{
    Keyring,
    age::{Callbacks, is_key_file},
};

use super::in_argo_cd;
use crate::{Error, Result, error::quoted, settings::Lookup};

/// A folder of key files: `*.agekey` and `*.txt`; or of folders of them, one
/// for each project of Argo CD.
pub const KEY_DIR: &str = "KSOPS_AGE_KEY_DIR";

/// Set by Argo CD 3.1 and newer for every program that renders an
/// application.
pub const PROJECT: &str = "ARGOCD_APP_PROJECT_NAME";

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
    /// The identities that the environment names: those that sops finds, and
    /// those in `KSOPS_AGE_KEY_DIR`.
    ///
    /// Where that folder holds folders of projects and `ARGOCD_APP_NAME` is
    /// set, only those in the folder of the project and in `_shared`, and none
    /// of any other place. What cannot be listed is taken to hold folders of
    /// projects: a mount that failed must not open more.
    ///
    /// Nobody is asked for a passphrase: in plugin mode nobody is there.
    ///
    /// # Errors
    ///
    /// Where `KSOPS_AGE_KEY_DIR` is a relative path: where that leads is up
    /// to the repository.
    pub fn from_vars(var: &Lookup<'_>) -> Result<Self> {
        Keys::with_callbacks(var, Callbacks::none().run_commands())
    }

    /// [`Keys::from_vars`] with other callbacks. The keys of projects are
    /// used without any.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn with_callbacks(var: &Lookup<'_>, callbacks: Callbacks) -> Result<Self> {
        let Some(dir) = key_dir(var)? else {
            return Ok(Keys {
                keyring: Keyring::from_vars(var, callbacks),
                note: None,
            });
        };
        if in_argo_cd(var) && has_projects(&dir).unwrap_or(true) {
            return Ok(Keys::of_project(&dir, var(PROJECT)));
        }
        let mut keyring = Keyring::from_vars(var, callbacks);
        keyring.add_dir(&dir);
        Ok(Keys {
            keyring,
            note: None,
        })
    }

    /// The identities of one project, and the shared ones.
    pub fn of_project(dir: &Path, project: Option<OsString>) -> Self {
        let mut keys = Keys::default();
        match Project::of(project) {
            Project::Named(name) => {
                let own = dir.join(&name);
                if !own.is_dir() {
                    keys.note = Some(format!(
                        "there is no folder of keys for the project {} in {KEY_DIR}; the administrator of Argo CD can make one",
                        quoted(&name)
                    ));
                }
                keys.keyring.add_dir(own);
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
        let shared = dir.join(SHARED);
        if shared.is_dir() && may_hold_keys(&shared) {
            keys.keyring.add_dir(shared);
        }
        keys
    }
}

/// Whether a folder has key files, or cannot be listed.
fn may_hold_keys(dir: &Path) -> bool {
    fs::read_dir(dir).map_or(true, |entries| {
        entries
            .filter_map(|entry| entry.ok())
            .any(|entry| is_key_file(&entry.file_name()))
    })
}

/// The folder that `KSOPS_AGE_KEY_DIR` names; `None` where it is not set.
///
/// # Errors
///
/// Where it is a relative path.
pub fn key_dir(var: &Lookup<'_>) -> Result<Option<PathBuf>> {
    let Some(dir) = var(KEY_DIR).filter(|dir| !dir.is_empty()) else {
        return Ok(None);
    };
    let dir = PathBuf::from(dir);
    if dir.is_absolute() {
        Ok(Some(dir))
    } else {
        Err(Error::new(format!(
            "{KEY_DIR} is {}, a relative path",
            quoted(&dir.to_string_lossy())
        ))
        .advise(format!("set {KEY_DIR} to the absolute path of a folder")))
    }
}

/// Whether a folder of keys holds folders of projects. What starts with a dot
/// is not one: Kubernetes keeps the files of a mounted Secret in `..data`.
///
/// # Errors
///
/// Where it cannot be listed.
pub fn has_projects(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.path().is_dir() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What Argo CD says about the project.
enum Project {
    Named(String),
    Missing,
    Bad,
}

impl Project {
    fn of(name: Option<OsString>) -> Self {
        match name.map(OsString::into_string) {
            None => Project::Missing,
            Some(Ok(name)) if name.is_empty() => Project::Missing,
            Some(Ok(name)) if is_dns_label(&name) => Project::Named(name),
            Some(_) => Project::Bad,
        }
    }
}

/// Whether a text is a DNS label (RFC 1123): no path can be made of it that
/// leads anywhere but into a folder of that name.
pub fn is_dns_label(name: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use sops_core::keys::Found;

    use super::*;
    use crate::policy::APP_NAME;

    /// Identities found, by the name of their folder or variable; none of
    /// them is a key, so that each is an error that names its place.
    fn places(pairs: &[(&str, &str)]) -> String {
        let keys = Keys::from_vars(&|name| {
            let pair = pairs.iter().find(|(n, _)| *n == name);
            pair.map(|(_, value)| OsString::from(value))
        })
        .unwrap();
        let found = keys.keyring.places().into_iter();
        let found = found.filter(|place| !matches!(place.found, Found::NotSet | Found::NoHome));
        let mut names: Vec<_> = found.map(|place| place.location.to_string()).collect();
        names.extend(keys.note);
        names.join("\n")
    }

    fn keys() -> (tempfile::TempDir, String) {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().to_str().unwrap().to_owned();
        for folder in ["team-a", "team-b", "_shared", "..data"] {
            fs::create_dir(temp.path().join(folder)).unwrap();
            fs::write(temp.path().join(folder).join("key.agekey"), "x").unwrap();
        }
        fs::write(temp.path().join("top.agekey"), "x").unwrap();
        (temp, dir)
    }

    fn of(project: &[(&str, &str)]) -> String {
        let (_temp, dir) = keys();
        let mut pairs = vec![
            (KEY_DIR, dir.as_str()),
            (APP_NAME, "shop"),
            ("SOPS_AGE_KEY", "a key of the whole repo-server"),
        ];
        pairs.extend(project);
        places(&pairs).replace(&dir, "")
    }

    #[test]
    fn a_project_has_its_own_keys_and_the_shared_ones() {
        assert_eq!(
            of(&[(PROJECT, "team-a")]),
            "/team-a/key.agekey\n/_shared/key.agekey"
        );
        insta::assert_snapshot!(of(&[(PROJECT, "team-c")]), @r#"
        /team-c
        /_shared/key.agekey
        there is no folder of keys for the project "team-c" in KSOPS_AGE_KEY_DIR; the administrator of Argo CD can make one
        "#);
    }

    #[test]
    fn without_a_good_name_there_are_only_the_shared_ones() {
        let missing = of(&[]);
        insta::assert_snapshot!(missing, @r"
        /_shared/key.agekey
        keys are kept by project, and ARGOCD_APP_PROJECT_NAME is not set: Argo CD 3.1 and newer set it; until then only keys in _shared are used
        ");
        assert_eq!(of(&[(PROJECT, "")]), missing);
        let bad = of(&[(PROJECT, "..")]);
        insta::assert_snapshot!(bad, @r"
        /_shared/key.agekey
        keys are kept by project, and ARGOCD_APP_PROJECT_NAME is not a name of lower-case letters, digits and `-`; only keys in _shared are used
        ");
        let long = "a".repeat(64);
        for name in [
            "..data",
            "../team-b",
            "team-a/../team-b",
            "/",
            ".",
            "_shared",
            "Team-A",
            "team_a",
            "-a",
            "a-",
            "team-a\n",
            "é",
            "team.a",
            &long,
        ] {
            assert_eq!(of(&[(PROJECT, name)]), bad, "{name:?}");
        }
    }

    #[test]
    fn a_shared_folder_without_keys_is_not_a_place_for_them() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("team-a")).unwrap();
        fs::write(temp.path().join("team-a/a.agekey"), "x").unwrap();
        fs::create_dir(temp.path().join("_shared")).unwrap();
        let dir = temp.path().to_str().unwrap();
        let found = places(&[(KEY_DIR, dir), (APP_NAME, "x"), (PROJECT, "team-a")]);
        assert_eq!(found.replace(dir, ""), "/team-a/a.agekey");
    }

    #[test]
    fn a_mounted_secret_has_no_projects() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("..2026_01_01")).unwrap();
        fs::write(temp.path().join("..2026_01_01/a.agekey"), "x").unwrap();
        symlink("..2026_01_01", temp.path().join("..data")).unwrap();
        symlink("..data/a.agekey", temp.path().join("a.agekey")).unwrap();
        let dir = temp.path().to_str().unwrap();
        let found = places(&[(KEY_DIR, dir), (APP_NAME, "x"), ("SOPS_AGE_KEY", "x")]);
        assert_eq!(found.replace(dir, ""), "SOPS_AGE_KEY\n/a.agekey");
        // Projected, folders are links.
        symlink("..data", temp.path().join("team-a")).unwrap();
        let found = places(&[(KEY_DIR, dir), (APP_NAME, "x"), (PROJECT, "team-a")]);
        assert_eq!(found.replace(dir, ""), "/team-a/a.agekey");
    }

    #[test]
    fn what_cannot_be_listed_opens_nothing_more() {
        let found = places(&[
            (KEY_DIR, "/nonexistent"),
            (APP_NAME, ""),
            ("SOPS_AGE_KEY", "x"),
            (PROJECT, "team-a"),
        ]);
        assert!(found.starts_with("/nonexistent/team-a\n"), "{found}");
    }

    #[test]
    fn at_a_laptop_projects_are_of_no_interest() {
        let (_temp, dir) = keys();
        let found = places(&[(KEY_DIR, &dir), ("SOPS_AGE_KEY", "x"), (PROJECT, "team-a")]);
        assert_eq!(found.replace(&dir, ""), "SOPS_AGE_KEY\n/top.agekey");
    }

    #[test]
    fn a_relative_folder_is_refused() {
        let error = Keys::from_vars(&|name| (name == KEY_DIR).then(|| "keys".into())).unwrap_err();
        insta::assert_snapshot!(error, @r#"
        KSOPS_AGE_KEY_DIR is "keys", a relative path
        set KSOPS_AGE_KEY_DIR to the absolute path of a folder
        "#);
    }
}

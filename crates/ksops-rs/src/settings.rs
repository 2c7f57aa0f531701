//! What the environment says about how to work: every variable that this
//! program has a meaning of its own for, read once.
//!
//! The variables that say where age keys are belong to `sops-core`, see
//! [`keys`](crate::keys).

use std::{
    ffi::OsString,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use sops_core::limits;

use crate::{Error, Result, error::quoted};

pub use sops_rs::Lookup;

/// `true`: encrypted values are rendered as fixed ones, without any key.
pub const PLACEHOLDER: &str = "KSOPS_PLACEHOLDER";

/// `auto`, `off` or an absolute path: see [`Confine`].
pub const CONFINE: &str = "KSOPS_CONFINE";

/// A folder of keys by the names that Flux gives them: `*.agekey`, `*.asc`,
/// `sops.aws-kms` and others; or of folders of them, one for each project of
/// Argo CD.
pub const KEY_DIR: &str = "KSOPS_KEY_DIR";

/// The older name of [`KEY_DIR`].
pub const OLD_KEY_DIR: &str = "KSOPS_AGE_KEY_DIR";

/// `true` or `false`: whether [`KEY_DIR`] holds a folder for each project.
pub const KEY_PROJECTS: &str = "KSOPS_KEY_PROJECTS";

/// The most bytes that one file may have, with `KiB` or `MiB` behind it where
/// they are meant.
pub const FILE_SIZE: &str = "KSOPS_FILE_SIZE";

/// The checkout that `ksops guard` lets a build read: set by it, for the plugin.
pub const GUARD_ROOT: &str = "KSOPS_GUARD_ROOT";

/// The kustomize that `ksops guard` runs.
pub const GUARD_KUSTOMIZE: &str = "KSOPS_GUARD_KUSTOMIZE";

/// Names of variables that `ksops guard` passes on too, with commas between.
pub const GUARD_ENV: &str = "KSOPS_GUARD_ENV";

/// Paths that `ksops guard` lets a build read too, with colons between.
pub const GUARD_READ: &str = "KSOPS_GUARD_READ";

/// `true`: `ksops guard` also works where the kernel offers less.
pub const GUARD_BEST_EFFORT: &str = "KSOPS_GUARD_BEST_EFFORT";

/// TCP ports that a guarded build may connect to besides the usual ones, or
/// `any`.
pub const GUARD_PORTS: &str = "KSOPS_GUARD_PORTS";

/// Set by Argo CD for every program that renders an application.
pub const APP_NAME: &str = "ARGOCD_APP_NAME";

/// Set by Argo CD: the folder of the application in its repository.
pub const SOURCE_PATH: &str = "ARGOCD_APP_SOURCE_PATH";

/// Set by Argo CD 3.0.0 and newer for every program that renders an
/// application; to nothing where it asks for an application's details only.
pub const PROJECT: &str = "ARGOCD_APP_PROJECT_NAME";

const LIMIT: &str = "KSOPS_CONCURRENCY_LIMIT";
const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(20).unwrap();

/// Bytes of one file that the plugin takes unless told otherwise: 8 MiB, as
/// much as eight Secrets hold. A repo-server renders several at a time.
const DEFAULT_FILE_SIZE: usize = 8 << 20;

/// The environment, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `KSOPS_CONCURRENCY_LIMIT`: how many files are decrypted at the same
    /// time at most. 20 unless set.
    pub concurrency: NonZeroUsize,
    /// `KSOPS_PLACEHOLDER`: whether encrypted values are rendered as fixed
    /// ones, without any key.
    pub placeholder: bool,
    /// Whether no server is asked: only `doctor` says so.
    pub offline: bool,
    /// `ARGOCD_APP_NAME`: Argo CD renders an application, and shows errors to
    /// whoever may see it.
    pub argo_cd: bool,
    /// `ARGOCD_APP_SOURCE_PATH`: where in its repository the application is.
    pub source_path: Option<PathBuf>,
    /// `KSOPS_GUARD_ROOT`: the checkout that a guarded build may read.
    pub guard_root: Option<PathBuf>,
    /// `KSOPS_CONFINE`: which files may be read.
    pub confine: Confine,
    /// `KSOPS_KEY_DIR`, or its older name.
    pub key_dir: Option<KeyDir>,
    /// `KSOPS_KEY_PROJECTS`; `None` where it is not set.
    pub key_projects: Option<bool>,
    /// `ARGOCD_APP_PROJECT_NAME`: whose keys are used where they are kept by
    /// project.
    pub project: Project,
    /// `KSOPS_FILE_SIZE`: bytes of one file that the plugin takes. 8 MiB
    /// unless set, 64 MiB at most.
    pub file_size: usize,
}

/// What `KSOPS_CONFINE` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Confine {
    /// `auto`, or nothing: the repository where Argo CD renders, else no
    /// limit.
    #[default]
    Auto,
    /// `off`: no limit.
    Off,
    /// An absolute path: that folder, with or without Argo CD.
    Folder(PathBuf),
}

/// A folder of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDir {
    /// Its absolute path.
    pub path: PathBuf,
    /// The variable that names it.
    pub variable: &'static str,
}

/// What Argo CD says about the project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Project {
    /// Its name, from which no path can be made that leads anywhere but into
    /// a folder of that name.
    Named(String),
    /// Nothing.
    #[default]
    Missing,
    /// A name of no letters, as for the details of an application.
    Empty,
    /// A text that is no name of a project.
    Bad,
}

impl Project {
    /// The project of that name.
    pub fn of(name: Option<OsString>) -> Self {
        match name.map(OsString::into_string) {
            None => Project::Missing,
            Some(Ok(name)) if name.is_empty() => Project::Empty,
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

impl Default for Settings {
    fn default() -> Self {
        Settings {
            concurrency: DEFAULT_LIMIT,
            placeholder: false,
            offline: false,
            argo_cd: false,
            source_path: None,
            guard_root: None,
            confine: Confine::Auto,
            key_dir: None,
            key_projects: None,
            project: Project::Missing,
            file_size: DEFAULT_FILE_SIZE,
        }
    }
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// Where one of them makes no sense, or `KSOPS_PLACEHOLDER` is `true`
    /// where Argo CD would put placeholders into a cluster.
    ///
    /// ```
    /// use ksops_rs::Settings;
    /// let settings = Settings::from_vars(&|_| None)?;
    /// assert_eq!(settings.concurrency.get(), 20);
    /// # Ok::<(), ksops_rs::Error>(())
    /// ```
    pub fn from_vars(var: &Lookup<'_>) -> Result<Self> {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        // Being set is enough, even to nothing: a KRM function can have
        // variables set, but not unset.
        let argo_cd = in_argo_cd(var);
        let key_dir = key_dir(var)?;
        let key_projects = switch(var, KEY_PROJECTS)?;
        if key_projects == Some(true) && key_dir.is_none() {
            return Err(Error::new(format!(
                "{KEY_PROJECTS} is true, and {KEY_DIR} is not set: there are no folders of keys"
            ))
            .advise(format!(
                "set {KEY_DIR} to the folder that holds one for each project"
            )));
        }
        Ok(Settings {
            concurrency: concurrency(var)?,
            placeholder: placeholder(var, argo_cd)?,
            offline: false,
            argo_cd,
            source_path: set(SOURCE_PATH).map(PathBuf::from),
            guard_root: set(GUARD_ROOT)
                .map(PathBuf::from)
                .filter(|root| root.is_absolute()),
            confine: confine(var)?,
            key_dir,
            key_projects,
            project: Project::of(var(PROJECT)),
            file_size: file_size(var)?,
        })
    }
}

/// Whether an application of Argo CD is being rendered: for what is decided
/// before [`Settings`] can be read.
pub(crate) fn in_argo_cd(var: &Lookup<'_>) -> bool {
    var(APP_NAME).is_some()
}

fn concurrency(var: &Lookup<'_>) -> Result<NonZeroUsize> {
    match var(LIMIT) {
        Some(text) if !text.is_empty() => text
            .to_str()
            .and_then(parse_limit)
            .ok_or_else(|| bad_limit(&text.to_string_lossy())),
        _ => Ok(DEFAULT_LIMIT),
    }
}

fn placeholder(var: &Lookup<'_>, argo_cd: bool) -> Result<bool> {
    let placeholder = switch(var, PLACEHOLDER)?.unwrap_or(false);
    if placeholder && argo_cd {
        return Err(Error::new(format!(
            "{PLACEHOLDER} is set where Argo CD renders an application: the cluster would get placeholders for secrets"
        ))
        .advise(format!("unset {PLACEHOLDER} on the repo-server; it is for checks without keys")));
    }
    Ok(placeholder)
}

/// `true` or `false`; `None` where it is not set.
pub(crate) fn switch(var: &Lookup<'_>, name: &str) -> Result<Option<bool>> {
    let value = var(name).unwrap_or_default();
    match value.to_str() {
        Some("") => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        _ => Err(Error::new(format!(
            "{name} is {}, which is neither true nor false",
            quoted(&value.to_string_lossy())
        ))
        .advise(format!("set {name} to true, or unset it"))),
    }
}

fn confine(var: &Lookup<'_>) -> Result<Confine> {
    let value = var(CONFINE).unwrap_or_default();
    match value.to_str() {
        Some("off") => Ok(Confine::Off),
        Some("" | "auto") => Ok(Confine::Auto),
        _ if Path::new(&value).is_absolute() => Ok(Confine::Folder(value.into())),
        _ => Err(Error::new(format!(
            "{CONFINE} is {}, which is none of: auto, off, an absolute path",
            quoted(&value.to_string_lossy())
        ))
        .advise(format!(
            "unset {CONFINE}, or set it to the folder that files may be read in"
        ))),
    }
}

/// The folder of keys, by its newer or its older name. A relative path is
/// refused: where that leads is up to the repository.
fn key_dir(var: &Lookup<'_>) -> Result<Option<KeyDir>> {
    let mut found: Option<KeyDir> = None;
    for variable in [KEY_DIR, OLD_KEY_DIR] {
        let Some(path) = var(variable).filter(|path| !path.is_empty()) else {
            continue;
        };
        let path = PathBuf::from(path);
        if !path.is_absolute() {
            return Err(Error::new(format!(
                "{variable} is {}, a relative path",
                quoted(&path.to_string_lossy())
            ))
            .advise(format!("set {variable} to the absolute path of a folder")));
        }
        match &found {
            None => found = Some(KeyDir { path, variable }),
            Some(newer) if newer.path == path => {}
            Some(_) => {
                return Err(Error::new(format!(
                    "{KEY_DIR} and {OLD_KEY_DIR}, its older name, name different folders"
                ))
                .advise(format!("unset {OLD_KEY_DIR}")));
            }
        }
    }
    Ok(found)
}

fn file_size(var: &Lookup<'_>) -> Result<usize> {
    let Some(text) = var(FILE_SIZE).filter(|text| !text.is_empty()) else {
        return Ok(DEFAULT_FILE_SIZE);
    };
    let size = text.to_str().and_then(parse_size);
    let most = limits::FILE_SIZE >> 20;
    match size.filter(|size| (1..=limits::FILE_SIZE).contains(size)) {
        Some(size) => Ok(size),
        None => Err(Error::new(format!(
            "{FILE_SIZE} is {}, which is not a number of bytes from 1 to {most} MiB",
            quoted(&text.to_string_lossy())
        ))
        .advise(format!(
            "set {FILE_SIZE} to a number such as 16MiB, or unset it: {} MiB are the default",
            DEFAULT_FILE_SIZE >> 20
        ))),
    }
}

/// A number of bytes: `8388608`, `8192KiB`, `8MiB`.
fn parse_size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix("MiB") {
        Some(digits) => (digits, 1 << 20),
        None => match text.strip_suffix("KiB") {
            Some(digits) => (digits, 1 << 10),
            None => (text, 1),
        },
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

/// A number as Go's `strconv.Atoi` reads it: an optional sign, then decimal
/// digits, nothing around. Beyond `usize` it is as good as no limit, though
/// Go says "out of range": beyond 64 bits it is refused here too.
fn parse_limit(text: &str) -> Option<NonZeroUsize> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    NonZeroUsize::new(usize::try_from(number).unwrap_or(usize::MAX))
}

fn bad_limit(text: &str) -> Error {
    Error::new(format!(
        "{LIMIT} is {}, which is not a whole number of 1 or more",
        quoted(text)
    ))
    .advise(format!(
        "set {LIMIT} to a number such as 8, or unset it: {DEFAULT_LIMIT} files at a time are the default"
    ))
}

#[cfg(test)]
mod tests;

//! Where things are: which kustomize, which checkout, which programs.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result, Settings,
    error::{io_reason, path_name, quoted},
    policy::{Root, Why},
    settings::{GUARD_KUSTOMIZE, Lookup},
};

/// The name under which `install --guard` puts the image's kustomize.
pub(crate) const REAL: &str = "kustomize.real";

/// kustomize itself: what `KSOPS_GUARD_KUSTOMIZE` names, else what stands
/// beside this program as `kustomize.real`; where it was asked for by hand,
/// else the one on `PATH`. Never this program.
///
/// # Errors
///
/// Where there is none.
pub(crate) fn kustomize(var: &Lookup<'_>, own: &Path, by_hand: bool) -> Result<PathBuf> {
    let advice = format!(
        "set {GUARD_KUSTOMIZE} to the absolute path of kustomize, or put it beside this program as {REAL} with `ksops install --guard DIR`"
    );
    if let Some(named) = var(GUARD_KUSTOMIZE).filter(|named| !named.is_empty()) {
        let path = PathBuf::from(&named);
        let shown = quoted(&named.to_string_lossy());
        if !path.is_absolute() {
            return Err(Error::new(format!(
                "guard: {GUARD_KUSTOMIZE} is {shown}, a relative path"
            ))
            .advise(advice));
        }
        return match usable(&path, own) {
            Ok(()) => Ok(path),
            Err(why) => Err(
                Error::new(format!("guard: {GUARD_KUSTOMIZE} is {shown}: {why}")).advise(advice),
            ),
        };
    }
    let beside = own.with_file_name(REAL);
    let why = match usable(&beside, own) {
        Ok(()) => return Ok(beside),
        Err(why) => why,
    };
    if by_hand && let Some(path) = on_path(var, "kustomize", own) {
        return Ok(path);
    }
    let mut error = Error::new("guard: there is no kustomize to run")
        .because(format!("{}: {why}", path_name(&beside)))
        .because(format!("{GUARD_KUSTOMIZE}: not set"));
    if by_hand {
        error = error.because("PATH: no kustomize but this program");
    }
    Err(error.advise(advice))
}

/// A program that was named by hand.
///
/// # Errors
///
/// Where there is none of that name.
pub(super) fn program(var: &Lookup<'_>, name: &OsStr, own: &Path) -> Result<PathBuf> {
    let path = Path::new(name);
    let shown = quoted(&name.to_string_lossy());
    if path.components().count() > 1 || path.is_absolute() {
        return match usable(path, own) {
            Ok(()) => Ok(path.to_owned()),
            Err(why) => Err(Error::new(format!("guard: cannot run {shown}: {why}"))
                .advise("name a program behind `--`, such as kustomize")),
        };
    }
    on_path(var, path, own).ok_or_else(|| {
        Error::new(format!("guard: there is no {shown} on PATH"))
            .advise("name a program behind `--`, such as kustomize")
    })
}

/// A program as a shell finds it, in absolute folders only: others are the
/// repository's.
pub(super) fn on_path(var: &Lookup<'_>, name: impl AsRef<Path>, own: &Path) -> Option<PathBuf> {
    let paths = var("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name.as_ref()))
        .find(|path| usable(path, own).is_ok())
}

/// Whether a file can be run, and is not this program or a copy of it, which
/// would run itself for ever.
fn usable(path: &Path, own: &Path) -> std::result::Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| io_reason(&error))?;
    if !metadata.is_file() {
        return Err("not a file".into());
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err("not executable".into());
    }
    if is_this(path, own) {
        return Err("this program itself".into());
    }
    Ok(())
}

/// Whether a file is this program or a copy of it.
pub(crate) fn is_this(path: &Path, own: &Path) -> bool {
    match (fs::metadata(path), fs::metadata(own)) {
        (Ok(a), Ok(b)) => is_same(path, &a, own, &b).unwrap_or(false),
        _ => false,
    }
}

fn is_same(path: &Path, a: &Metadata, own: &Path, b: &Metadata) -> io::Result<bool> {
    if (a.dev(), a.ino()) == (b.dev(), b.ino()) {
        return Ok(true);
    }
    if a.len() != b.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (File::open(path)?, File::open(own)?);
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let count = one.read(&mut left)?;
        if count == 0 {
            return Ok(true);
        }
        let right = &mut right[..count];
        other.read_exact(right)?;
        if left[..count] != *right {
            return Ok(false);
        }
    }
}

/// Whether kustomize is asked to build, which is all that is guarded: Argo CD
/// also calls `version`, and `edit`, which changes the checkout.
pub(super) fn builds(args: &[OsString]) -> bool {
    match args.first() {
        // An option in front, whose value nobody knows.
        Some(first) if first.as_encoded_bytes().starts_with(b"-") => {
            args.iter().any(|arg| arg == "build")
        }
        first => first.is_some_and(|first| first == "build"),
    }
}

/// The folder that kustomize is asked to build, as far as it is one of this
/// machine: the first argument that is no option and no option's value.
pub(super) fn target(args: &[OsString]) -> Option<&OsStr> {
    /// Those of kustomize 5 that take a value.
    const WITH_VALUE: &[&str] = &[
        "-o",
        "--output",
        "-e",
        "--env",
        "--mount",
        "--network-name",
        "--load-restrictor",
        "--reorder",
        "--helm-command",
        "--helm-kube-version",
        "--helm-api-versions",
    ];
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "build" || arg == "kustomize" {
            continue;
        }
        if WITH_VALUE.iter().any(|option| arg == option) {
            rest.next();
        } else if !arg.as_encoded_bytes().starts_with(b"-") {
            return Some(arg);
        }
    }
    None
}

/// The program that `--helm-command` names, else helm on `PATH`.
pub(super) fn helm(var: &Lookup<'_>, args: &[OsString]) -> Option<PathBuf> {
    let name = helm_name(args);
    match Path::new(&name).is_absolute() {
        true => Some(name.into()),
        false => on_path(var, &name, Path::new("")),
    }
}

fn helm_name(args: &[OsString]) -> OsString {
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--helm-command" {
            return rest.next().cloned().unwrap_or_default();
        }
        if let Some(name) = arg.to_str().and_then(|a| a.strip_prefix("--helm-command=")) {
            return name.into();
        }
    }
    "helm".into()
}

/// Whether a build may unpack charts.
pub(super) fn has_helm(args: &[OsString]) -> bool {
    args.iter()
        .filter_map(|arg| arg.to_str())
        .any(|arg| arg.starts_with("--enable-helm") && !arg.ends_with("=false"))
}

/// The checkout that a folder is in, as the plugin will see it.
///
/// # Errors
///
/// Where it would be all of the disk, or a folder of everybody.
pub(super) fn root(settings: &Settings, dir: &Path, cwd: &Path) -> Result<Root> {
    const OTHERS_WRITE: u32 = 0o002;
    let root = Root::around(dir, settings.source_path.as_deref(), Some(cwd));
    let is_everybodys = root.folder.parent().is_none()
        || (root.why == Why::Working
            && fs::metadata(&root.folder).is_ok_and(|found| found.mode() & OTHERS_WRITE != 0));
    if is_everybodys {
        return Err(Error::new(format!(
            "guard: {} is no repository, and belongs to everybody",
            path_name(&root.folder)
        ))
        .advise("run it on a folder in a git checkout"));
    }
    Ok(root)
}

#[cfg(test)]
mod tests;

//! `merge`: a merge driver for git, and what settles the conflicts that it
//! leaves.
//!
//! ```text
//! # .gitattributes
//! *.enc.yaml merge=sops
//! # git config merge.sops.driver "sops-rs merge %O %A %B %P"
//! ```

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sops_core::{Format, Timestamp};

use crate::{
    Error, Opening, Result,
    args::{Given, flag},
    exit,
    merge::{self, Outcome, Side, Version},
    session::{Session, cleaned, format_named, shown},
    target::Target,
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    match given.str(&flag::RESOLVE)? {
        Some("ours") => resolve(session, given, Side::Ours),
        Some("theirs") => resolve(session, given, Side::Theirs),
        Some(_) => Err(usage("--resolve takes ours or theirs")),
        None => driver(session, given),
    }
}

/// `merge %O %A %B [%P]`, as git calls it: the result takes the place of the
/// second file.
fn driver(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let [base, ours, theirs, name @ ..] = given.positionals.as_slice() else {
        return Err(usage("three files are wanted: the base, ours and theirs"));
    };
    let target = cleaned(ours);
    let name = name.first().map_or(target.clone(), |name| cleaned(name));
    let read = |session: &mut Session<'_, '_>, file: &OsString| {
        let path = cleaned(file);
        session.read(Some(&path))
    };
    let versions = Versions {
        base: read(session, base)?,
        ours: read(session, ours)?,
        theirs: read(session, theirs)?,
    };
    versions.merge(session, given, &name, None, target)
}

/// `merge --resolve SIDE FILE`: the versions are those of git's index, where a
/// merge that was not finished left them.
fn resolve(session: &mut Session<'_, '_>, given: &Given, side: Side) -> Result<()> {
    let [file] = given.positionals.as_slice() else {
        return Err(usage("one file is wanted: the one with the conflict"));
    };
    let file = cleaned(file);
    let stage = |number: u8| stage(session, &file, number);
    let (base, ours, theirs) = (stage(1)?, stage(2)?, stage(3)?);
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return Err(Error::new(format!(
            "{}: git knows of no conflict in it that two sides have a version of",
            shown(&file)
        ))
        .advise(
            "see `git status`; where one side removed the file, `git add` or `git rm` settles it",
        )
        .of_kind("read"));
    };
    let versions = Versions {
        base: base.unwrap_or_default(),
        ours,
        theirs,
    };
    versions.merge(session, given, &file, Some(side), file.clone())
}

/// One stage of a file in git's index; `None` where it is not there.
fn stage(session: &Session<'_, '_>, file: &Path, number: u8) -> Result<Option<Vec<u8>>> {
    let path = session.process.resolve(file);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let Some(name) = path.file_name() else {
        return Err(usage("one file is wanted: the one with the conflict"));
    };
    let mut object = OsString::from(format!(":{number}:./"));
    object.push(name);
    let output = Command::new("git")
        .arg("-C")
        .arg(dir.unwrap_or(Path::new(".")))
        .args(["cat-file", "blob"])
        .arg(object)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| {
            Error::io("cannot run git", &error).advise("install git, or put it on PATH")
        })?;
    Ok(output.status.success().then_some(output.stdout))
}

struct Versions {
    base: Vec<u8>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
}

impl Versions {
    fn merge(
        &self,
        session: &mut Session<'_, '_>,
        given: &Given,
        name: &Path,
        side: Option<Side>,
        target: PathBuf,
    ) -> Result<()> {
        let name_shown = shown(name);
        let format =
            format_named(given.str(&flag::INPUT_TYPE)?).unwrap_or_else(|| Format::from_path(name));
        let keys = session.keys(&Opening::of(given)?)?;
        let watched = session.access.is_watched(session.process);
        let failed = |error: sops_core::Error, which: &str| {
            exit::of_core(error.in_file(format!("{name_shown} ({which})")), watched)
                .with_exit_code(exit::GENERIC)
        };
        let open = |bytes, which: &str| {
            Version::open(bytes, format, &keys.keyring).map_err(|error| failed(error, which))
        };
        // git gives an empty file where both sides added one.
        let base = match self.base.is_empty() {
            true => None,
            false => Some(open(&self.base, "the base")?),
        };
        let ours = open(&self.ours, "ours")?;
        let theirs = open(&self.theirs, "theirs")?;
        let time = now()?;
        let outcome = merge::merge(base.as_ref(), &ours, &theirs, &keys.keyring, side, time)
            .map_err(|error| failed(error, "merged"))?;
        match outcome {
            Outcome::Clean(bytes) => Target::File(target).write(session, &bytes),
            Outcome::Conflicts { paths, marked } => {
                Target::File(target).write(session, &marked)?;
                let count = paths.len();
                let s = if count == 1 { "" } else { "s" };
                let mut error = Error::new(format!("{name_shown}: {count} conflict{s}"));
                for path in paths {
                    let path = if path.is_empty() {
                        "the whole file".into()
                    } else {
                        path
                    };
                    error = error.because(path);
                }
                Err(error
                    .advise(format!(
                        "take one side with `sops-rs merge --resolve ours {name_shown}` (or theirs), or delete the halves between ======= and >>>>>>> to keep ours; then `git add` it"
                    ))
                    .of_kind("conflict"))
            }
            Outcome::Undecided(reason) => Err(Error::new(format!(
                "{name_shown}: cannot be merged: {reason}"
            ))
            .advise("the file is left as ours has it: change it by hand, and `git add` it")
            .of_kind("conflict")),
        }
    }
}

fn now() -> Result<Timestamp> {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .and_then(Timestamp::from_unix)
        .ok_or_else(|| {
            Error::new("the system's clock is set to an impossible time").advise("set the clock")
        })
}

fn usage(reason: &str) -> Error {
    Error::new(reason)
        .advise("see `sops-rs merge --help`")
        .of_kind("usage")
}

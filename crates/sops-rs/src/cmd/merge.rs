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

use super::edit;
use crate::{
    Error, Opening, Result,
    args::{Given, flag},
    exit,
    input::Input,
    merge::{self, ByHand, Outcome, Side, Version},
    session::{Session, cleaned, format_named, shown},
    target::Target,
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    match given.str(&flag::RESOLVE)? {
        Some("ours") => resolve(session, given, Decision::For(Side::Ours)),
        Some("theirs") => resolve(session, given, Decision::For(Side::Theirs)),
        Some("edit") => resolve(session, given, Decision::ByHand),
        Some(_) => Err(usage("--resolve takes ours, theirs or edit")),
        None => driver(session, given),
    }
}

/// Who decides about conflicts.
#[derive(Clone, Copy)]
enum Decision {
    /// Nobody: they are left in the file.
    Later,
    /// One side has the last word.
    For(Side),
    /// A person in an editor.
    ByHand,
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
    versions.merge(session, given, &name, Decision::Later, target)
}

/// `merge --resolve SIDE FILE`: the versions are those of git's index, where a
/// merge that was not finished left them.
fn resolve(session: &mut Session<'_, '_>, given: &Given, decision: Decision) -> Result<()> {
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
    versions.merge(session, given, &file, decision, file.clone())
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
        decision: Decision,
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
        let side = match decision {
            Decision::For(side) => Some(side),
            Decision::Later | Decision::ByHand => None,
        };
        let keyring = &keys.keyring;
        let mut outcome = merge::merge(base.as_ref(), &ours, &theirs, keyring, side, time)
            .map_err(|error| failed(error, "merged"))?;
        if matches!(
            (decision, &outcome),
            (Decision::ByHand, Outcome::Conflicts { .. })
        ) {
            let style = session.style_of(format, ours.document.style())?;
            let by_hand = ByHand::new(base.as_ref(), &ours, &theirs, keyring, &style)
                .map_err(|error| failed(error, "merged"))?;
            outcome = match by_hand {
                Ok(by_hand) => {
                    let input = Input::new(Some(name.to_owned()), None, Some(format), Some(format));
                    let document = edit::ask(session, &input, &by_hand.text, settled)?;
                    by_hand
                        .finish(document.tree().to_vec(), time)
                        .map_err(|error| failed(error, "merged"))?
                }
                Err(reason) => Outcome::Undecided(reason),
            };
        }
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
                        "settle them with `sops-rs merge --resolve edit {name_shown}` (or ours, or theirs, for one side), or delete the halves from ======= to >>>>>>> to keep ours; then `git add` it"
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

/// A text in which conflicts are left is not what somebody decided.
fn settled(text: &[u8]) -> Result<()> {
    let has_marker = text.split(|b| *b == b'\n').any(|line| {
        [&b"<<<<<<< ours"[..], b"=======", b">>>>>>> theirs"].contains(&line.trim_ascii_end())
    });
    if has_marker {
        return Err(Error::new("there are conflict markers left")
            .advise("leave of each conflict what is right, and take the lines with <<<<<<<, ======= and >>>>>>> out")
            .of_kind("conflict"));
    }
    Ok(())
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

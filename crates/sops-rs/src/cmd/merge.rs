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
    process::{self, Stdio},
};

use sops_core::{Document, ErrorKind, Format, Timestamp, shown::shorten};

use super::{Command, edit};
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

/// Whether arguments are those that git gives to a merge driver: the fourth is
/// the name of a file, whatever it begins with. `--help` would end with 0, and
/// git would take ours for the merge.
pub(crate) fn is_driver(command: &Command, args: &[OsString]) -> bool {
    let is_option = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-");
    command.name == "merge" && matches!(args, [a, b, c, _] if ![a, b, c].into_iter().any(is_option))
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
        let bytes = session.read(Some(&path));
        bytes.map_err(|error| error.with_exit_code(exit::GENERIC))
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
    let output = process::Command::new("git")
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
            Version::open(bytes, format, &keys.keyring).map_err(|error| {
                let is_plain = error.kind() == ErrorKind::NotEncrypted;
                not_merged(failed(error, which), &name_shown, is_plain, decision)
            })
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
            Outcome::Clean(bytes) => {
                tell_of_recipients(session, &name_shown, &self.ours, &bytes, format);
                Target::File(target).write(session, &bytes)
            }
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
            Outcome::Undecided(reason) => {
                let error = Error::new(format!("{name_shown}: cannot be merged: {reason}"));
                let advice = match decision {
                    Decision::For(_) => {
                        "the file is left as it was: change it by hand, and `git add` it".into()
                    }
                    _ => format!(
                        "the file is left as ours has it: `sops-rs merge --resolve theirs {name_shown}` takes what theirs says of it, `--resolve ours` what ours says; then `git add` it"
                    ),
                };
                Err(error.advise(advice).of_kind("conflict"))
            }
        }
    }
}

/// What can be done where a version cannot be opened. git leaves ours in the
/// place of a file that was not merged, without a marker in it.
fn not_merged(error: Error, name: &str, is_plain: bool, decision: Decision) -> Error {
    if !matches!(decision, Decision::Later) {
        return error;
    }
    let left = "the file is left as ours has it, without what theirs changed";
    if is_plain {
        return error.with_advice(format!(
            "{left}: `git checkout --conflict=merge {name}` shows both, and `sops-rs encrypt -i` encrypts what is right"
        ));
    }
    error.advise(format!(
        "{left}: once all three can be opened, `sops-rs merge --resolve ours {name}` (or theirs, or edit) merges it"
    ))
}

/// One line for everybody who comes or goes against ours: nothing signs the
/// recipients, and nobody looks at a file that git merged.
fn tell_of_recipients(
    session: &mut Session<'_, '_>,
    name: &str,
    ours: &[u8],
    merged: &[u8],
    format: Format,
) {
    let recipients = |bytes: &[u8]| -> Vec<String> {
        Document::parse(bytes, format).map_or(Vec::new(), |document| {
            document.recipients().map(ToString::to_string).collect()
        })
    };
    let (before, after) = (recipients(ours), recipients(merged));
    for (what, from, to) in [("adds", &after, &before), ("removes", &before, &after)] {
        for who in from.iter().filter(|who| !to.contains(who)) {
            let who = shorten(who);
            session.warn(&format!("{name}: theirs {what} the recipient {who}"));
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

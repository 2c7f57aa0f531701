//! `updatekeys`: the recipients of files become those of the configuration
//! (sops-encrypt-and-edit §8).

use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
};

use sops_core::config::CreationRule;

use crate::{
    Error, Keys, Opening, Result,
    args::{Given, flag},
    changed, config,
    diff::Diff,
    exit,
    input::Input,
    session::{Session, cleaned, format_named, shown},
    target::Target,
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let found = session.config()?;
    if found.path.is_none() {
        return Err(Error::new("config file not found")
            .advise(
                "write a .sops.yaml with creation_rules here or above, or name one with --config",
            )
            .of_kind("configuration"));
    }
    if given.positionals.is_empty() {
        return Err(Error::new("no file specified")
            .advise("see `sops-rs updatekeys --help`")
            .with_exit_code(exit::NO_FILE)
            .of_kind("usage"));
    }
    let files: Vec<PathBuf> = given.positionals.iter().map(|file| cleaned(file)).collect();
    let mut summary = Summary::default();
    let (mut last, mut keys) = (None, None);
    for (n, file) in files.iter().enumerate() {
        progress(session, n, files.len());
        let done = Update::new(given, &found, file.clone()).and_then(|update| {
            update
                .run(session, &mut keys)
                .map_err(|error| error.about(update.input.path()))
        });
        match done {
            Ok(Done::Same) => summary.same += 1,
            Ok(Done::Changed) => summary.changed += 1,
            Ok(Done::Left) => summary.left += 1,
            Ok(Done::Differs) => summary.differ += 1,
            Err(error) => {
                summary.failed += 1;
                if files.len() > 1 {
                    session.complain(error.clone());
                }
                last = Some(error);
            }
        }
    }
    summary.end(session, files.len(), last)
}

/// What came of the files.
#[derive(Default)]
struct Summary {
    same: usize,
    changed: usize,
    left: usize,
    differ: usize,
    failed: usize,
}

impl Summary {
    fn end(self, session: &mut Session<'_, '_>, files: usize, last: Option<Error>) -> Result<()> {
        if files > 1 {
            let Summary {
                same,
                changed,
                left,
                differ,
                failed,
            } = self;
            let parts = [
                (changed, "updated"),
                (same, "up to date"),
                (left, "left unchanged"),
                (differ, "to be updated"),
                (failed, "failed"),
            ];
            let parts = parts.iter().filter(|(count, _)| *count > 0);
            let parts: Vec<_> = parts
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            session.tell(&format!("{files} files: {}", parts.join(", ")));
        }
        match last {
            Some(error) if files == 1 => Err(error),
            Some(_) => Err(
                Error::new(format!("failed updating {} key(s)", self.failed))
                    .advise("see the reasons above"),
            ),
            None if self.differ > 0 => Err(Error::new(format!(
                "{} of {files} files: the recipients are not those of the configuration",
                self.differ
            ))
            .advise("run `sops-rs updatekeys` without --check")
            .of_kind("differs")),
            None => Ok(()),
        }
    }
}

enum Done {
    Same,
    Changed,
    Left,
    Differs,
}

struct Update<'a> {
    input: Input,
    found: &'a config::Found,
    yes: bool,
    check: bool,
    opening: Opening,
}

impl<'a> Update<'a> {
    fn new(given: &Given, found: &'a config::Found, file: PathBuf) -> Result<Self> {
        Ok(Update {
            input: Input::new(
                Some(file),
                None,
                format_named(given.str(&flag::INPUT_TYPE)?),
                None,
            ),
            found,
            yes: given.switch(&flag::YES),
            check: given.switch(&flag::CHECK),
            opening: Opening::of(given)?,
        })
    }

    /// The keys are looked for when the first file needs them, and once.
    fn run(&self, session: &mut Session<'_, '_>, keys: &mut Option<Keys>) -> Result<Done> {
        let input = &self.input;
        let file = input.file.as_deref().unwrap_or(Path::new(""));
        let name = shown(file);
        let rule = self.rule(session, file)?;
        let bytes = input
            .read(session)
            .map_err(|error| error.with_exit_code(exit::GENERIC))?;
        let document = input
            .parse(session, &bytes)
            .map_err(|error| error.with_exit_code(exit::GENERIC))?;
        let diff = Diff::new(&document, &rule);
        if diff.is_empty() {
            session.tell(&format!("File {name} already up to date"));
            return Ok(Done::Same);
        }
        if self.check {
            session
                .process
                .print(format!("{}:\n", file.display()).as_bytes())?;
        } else {
            session.tell(&format!("Syncing keys for file {name}"));
        }
        let colours = session.colours();
        session.process.print(diff.text(colours).as_bytes())?;
        if self.check {
            return Ok(Done::Differs);
        }
        if !self.yes && !confirmed(session, "Is this okay? (y/n):")? {
            session.tell(&format!("File {name} left unchanged"));
            return Ok(Done::Left);
        }
        let keys = match keys {
            Some(keys) => keys,
            None => keys.insert(session.keys(&self.opening)?),
        };
        let mut document = document
            .rekey(&keys.keyring)
            .map_err(|error| input.opening_error(session, keys.note.as_ref(), error))?;
        document.set_key_groups(rule.key_groups().to_vec());
        document.renew_recipients();
        let finish = changed::finish(session, input)?;
        let changed = document
            .wrap(&keys.keyring)
            .and_then(|()| document.finish(&finish))
            .map_err(|error| input.error(session, error).with_exit_code(exit::GENERIC))?;
        Target::File(file.to_owned()).write(session, &changed)?;
        session.tell(&format!("File {name} synced with new keys"));
        Ok(Done::Changed)
    }

    fn rule(&self, session: &Session<'_, '_>, file: &Path) -> Result<CreationRule> {
        let rule = self.found.rule(&session.working_directory()?, file)?;
        rule.ok_or_else(|| {
            Error::new("the configuration does not contain any creation rule")
                .advise("add `creation_rules:` with a rule for this file")
                .of_kind("configuration")
        })
    }
}

/// Asks until the answer is `y` or `n`.
pub(crate) fn confirmed(session: &mut Session<'_, '_>, question: &str) -> Result<bool> {
    loop {
        session.process.print(question.as_bytes())?;
        match answer(&mut *session.process.stdin).as_deref() {
            Some("y") => return Ok(true),
            Some("n") => return Ok(false),
            Some(word) if !word.is_empty() && !word.contains([' ', '\t']) => {}
            _ => {
                session.tell("");
                return Err(Error::new("no answer to the question")
                    .advise("answer y or n, or give --yes where nobody is there to ask"));
            }
        }
    }
}

/// A line, of which the last one may lack its end (`printf y |`); `None` at
/// the end of stdin, and for what is too long to be an answer.
fn answer(stdin: &mut dyn Read) -> Option<String> {
    const MAX: usize = 64;
    let (mut byte, mut bytes) = ([0], Vec::new());
    while matches!(stdin.read(&mut byte), Ok(1)) {
        if byte == *b"\n" {
            return Some(String::from_utf8_lossy(&bytes).trim().to_owned());
        }
        if bytes.len() == MAX {
            return None;
        }
        bytes.push(byte[0]);
    }
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Says how far it is, to a person, where it may take long.
fn progress(session: &mut Session<'_, '_>, done: usize, all: usize) {
    if all >= 50 && done > 0 && done.is_multiple_of(50) && std::io::stderr().is_terminal() {
        session.tell(&format!("{done} of {all} files"));
    }
}

//! Where results go.

use std::path::{Path, PathBuf};

use crate::{
    Error, Result,
    args::{Given, flag},
    exit,
    output::{self, New},
    session::{Session, shown},
};

/// Where a result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// To stdout.
    Stdout,
    /// Into a file.
    File(PathBuf),
}

impl Target {
    /// What `--in-place` and `--output` ask for; a file of `None` is stdin.
    ///
    /// # Errors
    ///
    /// Where they exclude one another.
    pub(crate) fn of(in_place: bool, output: Option<&Path>, file: Option<&Path>) -> Result<Self> {
        match (in_place, output, file) {
            (true, _, None) => Err(conflict("--in-place needs a file, and stdin is none")),
            (true, Some(_), _) => Err(conflict("--output and --in-place exclude one another")),
            (true, None, Some(file)) => Ok(Target::File(file.to_owned())),
            (false, Some(output), _) => Ok(Target::File(output.to_owned())),
            (false, None, _) => Ok(Target::Stdout),
        }
    }

    /// The same for a command line.
    pub(crate) fn given(given: &Given, file: Option<&Path>) -> Result<Self> {
        let output = given.text(&flag::OUTPUT).map(Path::new);
        Target::of(given.switch(&flag::IN_PLACE), output, file)
    }

    /// Writes a whole result that is encrypted.
    pub(crate) fn write(&self, session: &mut Session<'_, '_>, bytes: &[u8]) -> Result<()> {
        self.put(session, bytes, New::ForAll)
    }

    /// Writes plaintext, or what may be.
    pub(crate) fn write_plaintext(
        &self,
        session: &mut Session<'_, '_>,
        bytes: &[u8],
    ) -> Result<()> {
        self.put(session, bytes, New::Private)
    }

    fn put(&self, session: &mut Session<'_, '_>, bytes: &[u8], new: New) -> Result<()> {
        match self {
            Target::Stdout => session
                .process
                .print(bytes)
                .map_err(|error| error.with_exit_code(exit::WRITE).of_kind("write")),
            Target::File(path) => {
                output::replace(&session.process.resolve(path), bytes, new).map_err(|failure| {
                    let advice = match failure.is_cut {
                        false => "the file is as it was; choose a place that can be written",
                        true => "what was in the file is gone: restore it from version control, and choose a place that can be written",
                    };
                    Error::io(format_args!("cannot write {}", shown(path)), &failure.error)
                        .advise(advice)
                        .with_exit_code(exit::WRITE)
                        .of_kind("write")
                })?;
                session.info(&format!("File written successfully: {}", shown(path)));
                Ok(())
            }
        }
    }
}

/// Options that exclude one another.
pub(crate) fn conflict(message: impl Into<String>) -> Error {
    Error::new(message)
        .with_exit_code(exit::CONFLICT)
        .of_kind("usage")
}

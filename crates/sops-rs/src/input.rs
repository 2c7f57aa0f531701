//! What a command reads.

use std::path::{Path, PathBuf};

use sops_core::{
    Document, Encrypted, Format,
    foreign::{self, Foreign},
};

use crate::{
    Error, Result,
    args::{Given, flag},
    exit, read,
    session::{Session, format_named, shown},
    target::Target,
    version,
};

/// A file, or stdin, and its formats.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// `None` for stdin.
    pub(crate) file: Option<PathBuf>,
    /// The name that decides about creation rules, and formats where no type
    /// is named.
    pub(crate) named: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) output_format: Format,
    /// Whether a type was named, so that the name says nothing.
    is_typed: bool,
    /// The same for the output.
    is_output_typed: bool,
}

impl Input {
    /// A file with the formats that its name, or the one in its place, and
    /// the types say. stdin without a name is binary.
    pub(crate) fn new(
        file: Option<PathBuf>,
        override_: Option<PathBuf>,
        input_type: Option<Format>,
        output_type: Option<Format>,
    ) -> Self {
        let named = override_.or_else(|| file.clone());
        let by_name = named.as_deref().map_or(Format::Binary, Format::from_path);
        Input {
            format: input_type.unwrap_or(by_name),
            output_format: output_type.unwrap_or(by_name),
            is_typed: input_type.is_some(),
            is_output_typed: output_type.is_some(),
            named,
            file,
        }
    }

    /// The same for a command line.
    pub(crate) fn given(given: &Given, file: Option<PathBuf>) -> Result<Self> {
        Ok(Input::new(
            file,
            given.text(&flag::FILENAME_OVERRIDE).map(PathBuf::from),
            format_named(given.str(&flag::INPUT_TYPE)?),
            format_named(given.str(&flag::OUTPUT_TYPE)?),
        ))
    }

    /// How programs call the input.
    pub(crate) fn path(&self) -> String {
        let path = self.file.as_deref().unwrap_or(Path::new("stdin"));
        path.to_string_lossy().into_owned()
    }

    /// How messages call the input.
    pub(crate) fn name(&self) -> String {
        self.file.as_deref().map_or("stdin".into(), shown)
    }

    /// Says so where a file has another format than before, which its name does
    /// not tell: as sops, all that change a file write what `--output-type` or
    /// else the name says.
    pub(crate) fn warn_of_format(&self, session: &mut Session<'_, '_>, target: &Target) {
        let (before, now, name) = (self.format, self.output_format, self.name());
        let is_in_place =
            matches!((target, &self.file), (Target::File(to), Some(file)) if to == file);
        if !is_in_place || before == now {
            return;
        }
        session.warn(&if self.is_output_typed {
            format!("{name} holds {now} from now on, as --output-type says: whoever reads it must name the type")
        } else {
            format!("{name} holds {now} from now on, as its name says: --output-type {before} would keep it {before}")
        });
    }

    pub(crate) fn read(&self, session: &mut Session<'_, '_>) -> Result<Vec<u8>> {
        session.read(self.file.as_deref())
    }

    /// Reads the encrypted file that it is, with the look at its version that
    /// all commands of sops take.
    pub(crate) fn parse(
        &self,
        session: &Session<'_, '_>,
        bytes: &[u8],
    ) -> Result<Document<Encrypted>> {
        let document = self.parse_any(session, bytes)?;
        version::check(&document.metadata().version)
            .map_err(|error| error.at(self.name()).of_kind("metadata"))?;
        Ok(document)
    }

    /// What was taken for an encrypted file, and is something else.
    fn foreign(&self, error: Error, foreign: Foreign) -> Error {
        let advice = match foreign {
            Foreign::Conflict { .. } => format!(
                "settle it: `sops-rs merge --resolve ours {0}`, or theirs for the other side, or edit to decide value by value",
                self.name()
            ),
            other => other.advice().into(),
        };
        error.because(foreign.to_string()).with_advice(advice)
    }

    /// The same without that look.
    pub(crate) fn parse_any(
        &self,
        session: &Session<'_, '_>,
        bytes: &[u8],
    ) -> Result<Document<Encrypted>> {
        Document::parse(bytes, self.format)
            .map_err(|error| self.unreadable(bytes, self.error(session, error)))
    }

    /// Says what the file is, where it can be told.
    pub(crate) fn unreadable(&self, bytes: &[u8], mut error: Error) -> Error {
        if let Some(foreign) = Foreign::recognise(bytes) {
            return self.foreign(error, foreign);
        }
        if self.format == Format::Binary && !self.is_typed {
            error = error.because(match &self.named {
                Some(_) => read::AS_BINARY,
                None => {
                    "what has no name is read as a binary file encrypted by sops, which is JSON"
                }
            });
        }
        match foreign::format_of(bytes) {
            Some(format) if format != self.format => error
                .because(format!("it looks like a file of type {format}"))
                .with_advice(format!(
                    "name the type: --input-type {format} --output-type {format}"
                )),
            _ => error,
        }
    }

    /// An error of the library about this file.
    pub(crate) fn error(&self, session: &Session<'_, '_>, error: sops_core::Error) -> Error {
        let watched = session.access.is_watched(session.process);
        exit::of_core(error.in_file(self.name()), watched)
    }

    /// The same where the data key is opened.
    pub(crate) fn opening_error(
        &self,
        session: &Session<'_, '_>,
        note: Option<&String>,
        error: sops_core::Error,
    ) -> Error {
        let is_key = error.kind() == sops_core::ErrorKind::DataKey;
        let error = self.error(session, error);
        match note.filter(|_| is_key) {
            Some(note) => error.advise(note),
            None => error,
        }
    }
}

//! An encrypted file that is changed: how it is opened, and how it is written
//! so that a diff shows the change and nothing else.

use sops_core::{Document, Editing, ErrorKind, Finish};

use crate::{
    Error, Keys, Opening, Result,
    args::{Given, flag},
    exit,
    input::Input,
    session::{Session, indented},
};

/// An encrypted file that is open for changes.
pub(crate) struct Changed {
    pub(crate) document: Document<Editing>,
    pub(crate) keys: Keys,
    finish: Finish,
}

impl Changed {
    /// Opens a file. With `--ignore-mac` too the MAC must be valid: what this
    /// program signs is what somebody signed before.
    pub(crate) fn open(
        session: &mut Session<'_, '_>,
        given: &Given,
        input: &Input,
    ) -> Result<Self> {
        let finish = finish(session, input)?;
        let keys = session.keys(&Opening::of(given)?)?;
        let bytes = input.read(session).map_err(missing)?;
        let document = input.parse(session, &bytes)?;
        let document = document.edit(&keys.keyring).map_err(|error| {
            let is_mac = error.kind() == ErrorKind::Mac;
            let error = input.opening_error(session, keys.note.as_ref(), error);
            if is_mac && given.switch(&flag::IGNORE_MAC) {
                return error.advise("--ignore-mac does not help here: a new MAC would cover up what was done to the file; `decrypt --ignore-mac` shows it, and `encrypt` makes a new file of what is right");
            }
            error
        })?;
        session.info("Data key recovered successfully");
        Ok(Changed {
            document,
            keys,
            finish,
        })
    }

    /// The encrypted file with its changes.
    pub(crate) fn finish(&mut self, session: &Session<'_, '_>, input: &Input) -> Result<Vec<u8>> {
        let Changed {
            document,
            keys,
            finish,
        } = self;
        document
            .wrap(&keys.keyring)
            .map_err(|error| input.error(session, error))?;
        document.finish(finish).map_err(|error| {
            let is_of_data = error.kind() == ErrorKind::Encrypt;
            let error = input.error(session, error);
            if is_of_data {
                return error.with_exit_code(exit::GENERIC);
            }
            error
        })
    }
}

/// How a changed file is written: `--indent` wins over the configuration, and
/// that over the way it was written before.
pub(crate) fn finish(session: &mut Session<'_, '_>, input: &Input) -> Result<Finish> {
    let found = session.config()?;
    let style = found.style(input.output_format)?;
    let mut finish = Finish::new().with_format(input.output_format);
    if found.config.says_style(input.output_format) || session.options.indent.is_some() {
        finish = finish.with_style(indented(style, session.options.indent)?);
    }
    Ok(finish)
}

/// A file that is not there: for most commands it cannot be read.
pub(crate) fn missing(error: Error) -> Error {
    match error.exit_code() {
        exit::NO_FILE => error.with_exit_code(exit::READ),
        _ => error,
    }
}

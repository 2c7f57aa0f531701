//! `filestatus`: whether a file is encrypted, as JSON (sops-cli §3).

use sops_core::is_encrypted;

use crate::{
    Error, Result,
    args::Given,
    exit,
    input::Input,
    session::{Session, cleaned},
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let Some(file) = given.positionals.first() else {
        return Err(Error::new("no file specified")
            .advise("see `sops-rs filestatus --help`")
            .with_exit_code(exit::NO_FILE)
            .of_kind("usage"));
    };
    let input = Input::given(given, Some(cleaned(file)))?;
    let encrypted = status(session, &input)
        .map_err(|error| error.about(input.path()).with_exit_code(exit::GENERIC))?;
    session
        .process
        .print(format!("{{\"encrypted\":{encrypted}}}\n").as_bytes())
}

fn status(session: &mut Session<'_, '_>, input: &Input) -> Result<bool> {
    session.config()?;
    let bytes = input.read(session)?;
    is_encrypted(&bytes, input.format)
        .map_err(|error| input.unreadable(&bytes, input.error(session, error)))
}

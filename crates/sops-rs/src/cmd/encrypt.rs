//! `encrypt` (sops-encrypt-and-edit §4).

use sops_core::{
    Document, EncryptOptions, ErrorKind, Finish, Keyring, Plain, config::CreationRule,
};

use crate::{
    Error, Opening, Result,
    args::{Given, flag},
    creation, exit,
    input::Input,
    session::{Session, shown},
    target::{Target, conflict},
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let in_place = given.switch(&flag::IN_PLACE);
    if given.positionals.is_empty() {
        if in_place {
            return Err(conflict("--in-place needs a file, and stdin is none")
                .advise("see `sops-rs encrypt --help`"));
        }
        if given.text(&flag::FILENAME_OVERRIDE).is_none() {
            return Err(conflict("--filename-override must name the file that stdin stands for: creation rules and formats go by it")
                .advise("write it as in: sops-rs encrypt --filename-override secret.yaml < FILE"));
        }
    }
    let file = session.one_file(given);
    let target = Target::given(given, file.as_deref())?;
    let input = Input::given(given, file)?;
    let bytes = encrypted(session, given, &input).map_err(|error| error.about(input.path()))?;
    target.write(session, &bytes)
}

/// The encrypted file.
pub(crate) fn encrypted(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
) -> Result<Vec<u8>> {
    if let Some(file) = &input.file
        && !session.process.resolve(file).exists()
    {
        return Err(Error::new(format!(
            "cannot operate on non-existent file {}",
            shown(file)
        ))
        .advise("name a file that is there; `sops-rs edit` makes a new one")
        .with_exit_code(exit::NO_FILE)
        .of_kind("read"));
    }
    let (options, rule) = options(session, given, input)?;
    let keys = session.keys(&Opening::of(given)?)?;
    let bytes = input.read(session)?;
    let document = Document::parse_plain(&bytes, input.format).map_err(|error| {
        let kind = error.kind();
        let error = input.error(session, error);
        match kind {
            ErrorKind::AlreadyEncrypted => error,
            // sops reads it, and cannot encrypt it.
            ErrorKind::Unsupported => error.with_exit_code(exit::ENCRYPT),
            _ => error.with_exit_code(exit::READ),
        }
    })?;
    creation::no_empty_group(given, rule.as_ref())?;
    seal(session, input, document, &options, &keys.keyring)
}

/// For whom and how, and the creation rule that says so.
pub(crate) fn options(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
) -> Result<(EncryptOptions, Option<CreationRule>)> {
    let found = session.config()?;
    let rule = creation::rule(session, &found, input)?;
    let options = creation::options(session, given, input, rule.as_ref())?;
    Ok((options, rule))
}

/// Encrypts a document with a new data key.
pub(crate) fn seal(
    session: &Session<'_, '_>,
    input: &Input,
    document: Document<Plain>,
    options: &EncryptOptions,
    keyring: &Keyring,
) -> Result<Vec<u8>> {
    let is_empty = document.tree().is_empty();
    let of_keys = |error| input.error(session, error);
    let mut document = document.into_editing(options).map_err(of_keys)?;
    document.wrap(keyring).map_err(of_keys)?;
    document.finish(&Finish::new()).map_err(|error| {
        let is_of_data = error.kind() == ErrorKind::Encrypt;
        match input.error(session, error) {
            error if is_empty => error.with_exit_code(exit::NO_DOCUMENT),
            error if is_of_data => error.with_exit_code(exit::ENCRYPT),
            error => error,
        }
    })
}

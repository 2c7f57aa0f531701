//! `exec-env`: runs a command with the values of a file as variables
//! (sops-encrypt-and-edit §9).

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use sops_core::{
    Document, Format, Plain, Style,
    tree::{Mapping, Text, Value},
};

use crate::{
    Error, Opening, Result,
    args::{Given, flag},
    child::{Shell, User},
    exit,
    input::Input,
    session::{Session, cleaned},
    target::conflict,
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let [file, text] = given.positionals.as_slice() else {
        return Err(two_arguments("exec-env"));
    };
    let (background, same_process) = (
        given.switch(&flag::BACKGROUND),
        given.switch(&flag::SAME_PROCESS),
    );
    if background && same_process {
        return Err(
            conflict("--background and --same-process exclude one another")
                .advise("leave one of them out"),
        );
    }
    let input = Input::new(Some(cleaned(file)), None, None, None);
    let document =
        open(session, &input, &Opening::of(given)?).map_err(|error| error.about(input.path()))?;
    let variables = variables(&document).map_err(|error| error.at(input.name()))?;
    let user = given.str(&flag::USER)?.map(User::named).transpose()?;
    let mut shell = Shell::new(session, text);
    if given.switch(&flag::PRISTINE) {
        shell.without_variables();
    }
    if let Some(user) = &user {
        shell.user(user);
    }
    for (name, value) in &variables {
        shell.variable(name, value);
    }
    if background {
        session.warn(
            "--background: nobody will see how the command ends; `&` of a shell does the same",
        );
        return shell.background();
    }
    if same_process {
        return shell.replace();
    }
    shell.run()
}

/// Decrypts the file that a command of a child is given.
pub(super) fn open(
    session: &mut Session<'_, '_>,
    input: &Input,
    opening: &Opening,
) -> Result<Document<Plain>> {
    session.config()?;
    let keys = session.keys(opening)?;
    let bytes = input
        .read(session)
        .map_err(|error| match error.exit_code() {
            exit::NO_FILE => error.with_exit_code(exit::READ),
            _ => error,
        })?;
    let document = input.parse(session, &bytes)?.decrypt(&keys.keyring);
    document.map_err(|error| input.opening_error(session, keys.note.as_ref(), error))
}

pub(super) fn two_arguments(command: &str) -> Error {
    Error::new("missing file to decrypt: a file and a command are needed, and nothing else")
        .advise(format!("write it as in: sops-rs {command} FILE 'COMMAND'"))
        .of_kind("usage")
}

/// One variable for each entry at the top of the first document.
fn variables(document: &Document<Plain>) -> Result<Vec<(OsString, OsString)>> {
    let Some(first) = document.tree().first() else {
        return Ok(Vec::new());
    };
    let mut variables = Vec::new();
    for (key, value) in first.entries() {
        let name = || crate::error::quoted(&String::from_utf8_lossy(key.as_bytes()));
        let refused = |what: &str| {
            Err(Error::new(format!("{}: {what}", name())).advise(
                "rename the key, or use `exec-file`, which gives the whole file to the command",
            ))
        };
        let bytes = match value {
            Value::Mapping(_) | Value::List(_) => {
                return refused("a mapping or a list does not fit into a variable");
            }
            _ if key.as_bytes().contains(&b'=') => {
                return refused("a variable cannot have `=` in its name");
            }
            _ if key.as_bytes().contains(&0) || key.is_empty() => {
                return refused("this cannot be the name of a variable");
            }
            value => plain(value)?,
        };
        if bytes.contains(&0) {
            return refused("the value contains NUL, which a variable cannot");
        }
        variables.push((
            OsStr::from_bytes(key.as_bytes()).to_owned(),
            OsString::from_vec(bytes),
        ));
    }
    Ok(variables)
}

/// A value as sops puts it into a variable.
fn plain(value: &Value) -> Result<Vec<u8>> {
    Ok(match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Bool(bool) => bool.to_string().into_bytes(),
        Value::Int(int) => int.to_string().into_bytes(),
        Value::Null => b"<nil>".to_vec(),
        Value::Time(time) => time.to_rfc3339_nano().into_bytes(),
        // As in a dotenv file.
        value => {
            let mut entry = Mapping::default();
            entry.push(Text::from("v"), value.clone());
            let line = Document::from_tree(vec![entry], Format::Dotenv)
                .to_bytes(Format::Dotenv, &Style::default())?;
            let line = line.strip_prefix(b"v=").unwrap_or(&line);
            line.strip_suffix(b"\n").unwrap_or(line).to_vec()
        }
    })
}

//! `exec-file`: runs a command with a decrypted file, in a named pipe or a
//! file that is gone afterwards (sops-encrypt-and-edit §9).

use std::{
    ffi::{OsStr, OsString},
    fs::OpenOptions,
    io::{self, Write},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path},
    thread,
};

use zeroize::Zeroizing;

use super::exec_env::{open, two_arguments};
use crate::{
    Error, Opening, Result,
    args::{Given, flag},
    child::{Shell, User, ended},
    error::quoted,
    exit,
    input::Input,
    private::PrivateDir,
    session::{Session, cleaned},
    signals::OnSignal,
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let [file, text] = given.positionals.as_slice() else {
        return Err(two_arguments("exec-file"));
    };
    let input = Input::given(given, Some(cleaned(file)))?;
    let name = name(given)?;
    let background = given.switch(&flag::BACKGROUND);
    if background {
        // sops removes the file before the command can read it.
        return Err(Error::new(
            "--background: the command would find no file, which is removed when this program ends",
        )
        .advise("leave --background out, and put the whole of it into the background")
        .with_exit_code(exit::CONFLICT)
        .of_kind("usage"));
    }
    let document =
        open(session, &input, &Opening::of(given)?).map_err(|error| error.about(input.path()))?;
    let style = session.style(input.output_format)?;
    let plaintext = document
        .to_bytes(input.output_format, &style)
        .map_err(|error| input.error(session, error))?;
    let user = given.str(&flag::USER)?.map(User::named).transpose()?;
    let dir = PrivateDir::new(session.process.var, ".sops", OnSignal::Die)
        .map_err(|error| cannot_write(&error))?;
    let path = if given.switch(&flag::NO_FIFO) {
        dir.write(name, &plaintext)
            .map_err(|error| cannot_write(&error))?
    } else {
        pipe(&dir, name, plaintext).map_err(|error| cannot_write(&error))?
    };
    let mut shell = Shell::new(session, &replaced(text, path.as_os_str()));
    if let Some(user) = &user {
        give(dir.path(), &path, user)?;
        shell.user(user);
    }
    let mut child = shell.spawn()?;
    let status = child.wait();
    drop(dir);
    ended(status)
}

/// The name of the file that the command gets.
fn name(given: &Given) -> Result<&Path> {
    let name = given
        .text(&flag::FILENAME)
        .unwrap_or(OsStr::new("tmp-file"));
    let name = Path::new(name);
    let mut components = name.components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(_)), None) => Ok(name),
        _ => Err(Error::new(format!(
            "--filename is {}, which is not the name of a file in a folder of its own",
            quoted(&name.to_string_lossy())
        ))
        .advise("give a name without slashes")
        .of_kind("usage")),
    }
}

fn cannot_write(error: &io::Error) -> Error {
    Error::io("cannot make a file for the command", error)
        .advise("set TMPDIR to a folder that can be written")
}

/// A named pipe that can be read once.
fn pipe(
    dir: &PrivateDir,
    name: &Path,
    plaintext: Zeroizing<Vec<u8>>,
) -> io::Result<std::path::PathBuf> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let path = dir.path().join(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    let to = path.clone();
    // Blocks until somebody reads; if nobody does, the process ends anyway.
    thread::Builder::new().spawn(move || {
        if let Ok(mut pipe) = OpenOptions::new().write(true).open(to) {
            let _ = pipe.write_all(&plaintext);
        }
    })?;
    Ok(path)
}

/// Gives the folder and the file to the user that the command runs as.
fn give(dir: &Path, file: &Path, user: &User) -> Result<()> {
    for path in [file, dir] {
        std::os::unix::fs::chown(path, Some(user.uid()), Some(user.gid())).map_err(|error| {
            Error::io("cannot give the file to the user of the command", &error)
                .advise("run this as root, or leave --user out")
        })?;
    }
    Ok(())
}

/// Every `{}` replaced by the path, as text.
fn replaced(text: &OsStr, path: &OsStr) -> OsString {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(at) = rest.windows(2).position(|pair| pair == b"{}") {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(path.as_bytes());
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    OsString::from_vec(out)
}

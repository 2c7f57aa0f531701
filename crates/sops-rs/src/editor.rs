//! A person's editor.

use std::{
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Result, child::signal_name, exit, process::Lookup};

/// Those that are looked for where none is named.
const USUAL: [&str; 3] = ["vim", "nano", "vi"];

/// The words of the command that edits a file, whose path comes last.
///
/// # Errors
///
/// Where there is none.
pub(crate) fn command(var: &Lookup<'_>) -> Result<Vec<String>> {
    let named = ["SOPS_EDITOR", "EDITOR"].into_iter().find_map(|name| {
        var(name)
            .filter(|value| !value.is_empty())
            .map(|value| (name, value))
    });
    if let Some((name, value)) = named {
        let words = value.to_str().and_then(shlex::split).unwrap_or_default();
        if words.is_empty() {
            return Err(failed(format!("{name} names no program")).advise(format!(
                "set {name} to a command such as `code --wait`; quotes must be closed"
            )));
        }
        return Ok(words);
    }
    let path = var("PATH").unwrap_or_default();
    let found = USUAL
        .iter()
        .find(|name| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()));
    found.map(|name| vec![(*name).to_owned()]).ok_or_else(|| {
        failed("there is no editor: neither SOPS_EDITOR nor EDITOR is set, and none of vim, nano, vi is there".into())
            .advise("set EDITOR to the editor that you like")
    })
}

/// Runs the editor on a file and waits for its end.
///
/// # Errors
///
/// Where it cannot be run, or fails.
pub(crate) fn run(words: &[String], file: &Path, dir: &Path) -> Result<()> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(failed("there is no editor".into()).advise("set EDITOR"));
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(file);
    if !dir.as_os_str().is_empty() {
        command.current_dir(dir);
    }
    let status = command.status().map_err(|error| {
        failed(format!(
            "{}: {}",
            crate::error::quoted(program),
            crate::error::io_reason(&error)
        ))
        .advise("set SOPS_EDITOR or EDITOR to a program that is there")
    })?;
    if status.success() {
        return Ok(());
    }
    let how = match status.code() {
        Some(code) => format!("exit status {code}"),
        None => format!("signal: {}", signal_name(status.signal().unwrap_or(0))),
    };
    Err(failed(how).advise("nothing was changed"))
}

fn failed(why: String) -> Error {
    Error::new(format!("could not run editor: {why}"))
        .with_exit_code(exit::EDITOR)
        .of_kind("editor")
}

/// The name of a file for the editor: that of the one that is edited.
pub(crate) fn file_name(path: &Path) -> PathBuf {
    path.file_name().map_or_else(
        || PathBuf::from("file"),
        |name: &std::ffi::OsStr| PathBuf::from(OsString::from(name)),
    )
}

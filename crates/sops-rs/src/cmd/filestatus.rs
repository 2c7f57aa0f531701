//! `filestatus`: whether a file is encrypted, as JSON (sops-cli §3).

use std::{ffi::OsString, path::Path};

use clap::{CommandFactory, FromArgMatches, Parser};
use sops_core::{Document, ErrorKind, Format};

use crate::{Access, Error, Process, Refusal, Result, error::quoted, exit, messages};

/// Prints `{"encrypted":true}` where the file has the metadata of sops
#[derive(Parser)]
#[command(
    name = "filestatus",
    disable_version_flag = true,
    args_override_self = true
)]
struct Arguments {
    /// The file
    #[arg(value_name = "FILE")]
    files: Vec<OsString>,
    /// How errors are written to stderr
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    error_format: messages::Format,
}

/// Runs the command; the first argument is its name.
///
/// # Errors
///
/// Those that sops ends with, with its exit codes.
pub fn run(process: &mut Process<'_>, access: &dyn Access, args: Vec<OsString>) -> Result<()> {
    let messages = messages::Format::of(&args);
    status(process, access, args).map_err(|error| messages.error(process, error))
}

fn status(process: &mut Process<'_>, access: &dyn Access, args: Vec<OsString>) -> Result<()> {
    let parsed = Arguments::command()
        .bin_name(format!("{} filestatus", access.program()))
        .try_get_matches_from(args)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            return Err(Error::new(text.trim_start_matches("error: ").trim_end()).of_kind("usage"));
        }
        Err(help) => return process.print(help.to_string().as_bytes()),
    };
    let [file] = arguments.files.as_slice() else {
        return Err(Error::new("no file, or more than one")
            .advise(format!("see `{} filestatus --help`", access.program()))
            .of_kind("usage"));
    };
    let path = Path::new(file);
    let name = quoted(&path.to_string_lossy());
    let bytes = access.read(process, path).map_err(|refusal| {
        let own = Error::new(format!("cannot read {name}: {}", refusal.reason())).of_kind("read");
        match refusal {
            Refusal::Io(_) => own.advise("name a file that can be read"),
            Refusal::Setting(error) => error.of_kind("configuration"),
            Refusal::Forbidden { advice, .. } => own.advise(advice),
        }
        .with_exit_code(exit::READ)
    })?;
    let encrypted = match Document::parse(&bytes, Format::from_path(path)) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotEncrypted => false,
        Err(error) => {
            let error = error.in_file(name);
            return Err(Error::of_core(error, access.is_watched(process)));
        }
    };
    process.print(format!("{{\"encrypted\":{encrypted}}}\n").as_bytes())
}

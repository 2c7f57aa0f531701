//! `ksops-rs decrypt`: what sops's command of that name does, within the
//! rules of the plugin.

use std::{ffi::OsString, path::PathBuf};

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use sops_core::Format;
use sops_rs::{
    cmd::decrypt::{self, Request},
    messages,
};

use crate::{Error, Process, Result, policy::Tenant};

/// Decrypts a file and prints it.
#[derive(Parser)]
#[command(
    name = "decrypt",
    bin_name = "ksops-rs decrypt",
    disable_version_flag = true,
    args_override_self = true
)]
pub(crate) struct Arguments {
    /// The encrypted file; stdin if none is named
    #[arg(value_name = "FILE")]
    files: Vec<OsString>,
    /// The format of the input, instead of what its name says
    #[arg(long, value_name = "TYPE")]
    input_type: Option<Type>,
    /// The format of the output, instead of what the input's name says
    #[arg(long, value_name = "TYPE")]
    output_type: Option<Type>,
    /// Write to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    output: Option<OsString>,
    /// Put the decrypted file in the place of the encrypted one
    #[arg(long, short)]
    in_place: bool,
    /// Print one value only, such as '["database"]["hosts"][0]'
    #[arg(long, value_name = "PATH")]
    extract: Option<String>,
    /// The name that decides about the formats, instead of the file's own
    #[arg(long, value_name = "NAME")]
    filename_override: Option<OsString>,
    /// Print what does not carry a valid MAC: anyone may have changed it
    #[arg(long)]
    ignore_mac: bool,
    /// How errors and warnings are written to stderr: for people, or one JSON
    /// object on each line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    error_format: ErrorFormat,
}

/// A format as `--input-type` and `--output-type` name it.
#[derive(Clone, Copy, ValueEnum)]
enum Type {
    Yaml,
    Json,
    Dotenv,
    Ini,
    Binary,
}

impl From<Type> for Format {
    fn from(name: Type) -> Self {
        match name {
            Type::Yaml => Format::Yaml,
            Type::Json => Format::Json,
            Type::Dotenv => Format::Dotenv,
            Type::Ini => Format::Ini,
            Type::Binary => Format::Binary,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum ErrorFormat {
    Text,
    Json,
}

impl From<ErrorFormat> for messages::Format {
    fn from(format: ErrorFormat) -> Self {
        match format {
            ErrorFormat::Text => messages::Format::Text,
            ErrorFormat::Json => messages::Format::Json,
        }
    }
}

/// Runs the subcommand; the first argument is its name.
///
/// # Errors
///
/// Those that sops ends with, with its exit codes.
pub(crate) fn run(process: &mut Process<'_>, args: Vec<OsString>) -> Result<()> {
    let messages = messages::Format::of(&args);
    decrypt(process, args).map_err(|error| messages.error(process, error))
}

fn decrypt(process: &mut Process<'_>, args: Vec<OsString>) -> Result<()> {
    let parsed = Arguments::command()
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
    // As for sops, an option with an empty value is none: `--extract "$WHAT"`.
    let path = |path: Option<OsString>| path.filter(|path| !path.is_empty()).map(PathBuf::from);
    let request = Request {
        files: arguments.files,
        input_type: arguments.input_type.map(Into::into),
        output_type: arguments.output_type.map(Into::into),
        output: path(arguments.output),
        in_place: arguments.in_place,
        extract: arguments.extract.filter(|path| !path.is_empty()),
        filename_override: path(arguments.filename_override),
        ignore_mac: arguments.ignore_mac,
        ..Request::default()
    };
    decrypt::run(process, &Tenant, arguments.error_format.into(), request)
}

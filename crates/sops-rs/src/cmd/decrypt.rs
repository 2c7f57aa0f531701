//! `decrypt`: one file, as `sops decrypt` prints it, with the exit
//! codes of sops (sops-cli §2 and §3).
//!
//! Where a key is protected by a passphrase and no other opens the file, it is
//! asked for on the terminal; nowhere else does this program ask.
//!
//! # Errors for programs
//!
//! With `--error-format json`, each line on stderr is a JSON object: either
//! `{"warning": {"message": …}}` or, as the last one where decrypting failed,
//! `{"error": …}` with
//!
//! | field | type | |
//! |---|---|---|
//! | `kind` | string | of the library: `syntax`, `tree`, `not-encrypted`, `metadata`, `limit`, `data-key`, `decrypt`, `mac`, `emit`, `path`, `not-found`, see [`sops_core::ErrorKind`]; of this program: `usage` (arguments), `read`, `write`, `configuration` (environment, `.sops.yaml`) |
//! | `message` | string | what went wrong, without the place where |
//! | `causes` | strings | why, each closer to the root |
//! | `file` | string or null | the path of the input, or `stdin`; null where the arguments make no sense, or the output cannot be written |
//! | `line` | number or null | counted from 1 |
//! | `key_path` | string or null | as in `data.list[2].password` |
//! | `advice` | strings | what a person can do |
//! | `exit_code` | number | that of the process |
//! | `report` | object or null | for `data-key`: what was tried |
//!
//! A `report` is [`sops_core::keys::Report`] as serde writes it: `summary`;
//! `needed` and `opened`, how many key groups; `groups`, each with `opened`
//! and its `recipients`, each with `kind`, `recipient`, `result` (`opened`,
//! `not-needed`, `no-match`, `damaged` with `damage`, `unsupported`) and
//! `needs`; `places`, each with its `location` and what was `found` there, both
//! with a `type`; and `advice`. Fields and kinds may be added.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use sops_core::{Document, ErrorKind, Format, Readable, Style, age::Callbacks, query};
use zeroize::Zeroizing;

use crate::{
    Access, Error, Process, Refusal, Result, config, error::quoted, exit, messages, output, read,
    version,
};

/// Decrypts a file and prints it.
#[derive(Parser)]
#[command(
    name = "decrypt",
    disable_version_flag = true,
    args_override_self = true
)]
struct Arguments {
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
    error_format: messages::Format,
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

/// Runs the subcommand; the first argument is its name.
///
/// # Errors
///
/// Those that sops ends with, with its exit codes.
pub fn run(process: &mut Process<'_>, access: &dyn Access, args: Vec<OsString>) -> Result<()> {
    let messages = messages::Format::of(&args);
    decrypt(process, access, args).map_err(|error| messages.error(process, error))
}

fn decrypt(process: &mut Process<'_>, access: &dyn Access, args: Vec<OsString>) -> Result<()> {
    let name = format!("{} decrypt", access.program());
    let parsed = Arguments::command()
        .bin_name(name)
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
    let plan = Plan::new(process, access, arguments)?;
    let plaintext = plan
        .decrypt(process)
        .map_err(|error| error.about(plan.path()))?;
    match &plan.target {
        Target::Stdout => process
            .print(&plaintext)
            .map_err(|error| error.with_exit_code(exit::WRITE).of_kind("write")),
        Target::File(path) => {
            output::replace(&process.resolve(path), &plaintext).map_err(|error| {
                Error::io(format_args!("cannot write {}", shown(path)), &error)
                    .advise("the file is as it was; choose a place that can be written")
                    .with_exit_code(exit::WRITE)
                    .of_kind("write")
            })
        }
    }
}

/// Arguments that make sense together.
struct Plan<'a> {
    access: &'a dyn Access,
    /// `None` for stdin.
    file: Option<PathBuf>,
    input_format: Format,
    output_format: Format,
    extract: Option<String>,
    ignore_mac: bool,
    target: Target,
    messages: messages::Format,
}

enum Target {
    Stdout,
    File(PathBuf),
}

impl<'a> Plan<'a> {
    fn new(
        process: &mut Process<'_>,
        access: &'a dyn Access,
        arguments: Arguments,
    ) -> Result<Self> {
        let mut files = arguments.files.into_iter();
        // Cleaned as sops does: `secret.yaml/` is that file.
        let file = files
            .next()
            .map(|file| Path::new(&file).components().collect::<PathBuf>());
        if file.is_none() && arguments.in_place {
            return Err(conflict(
                access,
                "--in-place needs a file, and stdin is none",
            ));
        }
        if files.next().is_some() {
            arguments.error_format.warn(
                process,
                "more than one file: only the first is decrypted, as sops does",
            );
        }
        // As for sops, an option with an empty value is none: `--extract "$WHAT"`.
        let output = arguments.output.filter(|path| !path.is_empty());
        let name = arguments.filename_override.filter(|name| !name.is_empty());
        let extract = arguments.extract.filter(|path| !path.is_empty());
        let target = match (arguments.in_place, output, &file) {
            (true, Some(_), _) => {
                return Err(conflict(
                    access,
                    "--output and --in-place exclude one another",
                ));
            }
            (true, None, Some(file)) => Target::File(file.clone()),
            (_, Some(output), _) => Target::File(output.into()),
            (_, None, _) => Target::Stdout,
        };
        let named = name.as_deref().map(Path::new).or(file.as_deref());
        let by_name = named.map_or(Format::Binary, Format::from_path);
        Ok(Plan {
            access,
            input_format: arguments.input_type.map_or(by_name, Format::from),
            output_format: arguments.output_type.map_or(by_name, Format::from),
            extract,
            ignore_mac: arguments.ignore_mac,
            file,
            target,
            messages: arguments.error_format,
        })
    }

    /// How programs call the input.
    fn path(&self) -> String {
        let path = self.file.as_deref().unwrap_or(Path::new("stdin"));
        path.to_string_lossy().into_owned()
    }

    /// How messages call the input.
    fn name(&self) -> String {
        self.file.as_deref().map_or("stdin".into(), shown)
    }

    fn decrypt(&self, process: &mut Process<'_>) -> Result<Zeroizing<Vec<u8>>> {
        // What is wrong comes up in the order of sops: no such file, the
        // configuration, the path, and only then what else reading finds.
        let read = match self.file.as_ref().map(|_| self.read(process)) {
            Some(Err(error)) if error.exit_code() == exit::NO_FILE => return Err(error),
            read => read,
        };
        let style = self.style(process)?;
        if let Some(path) = &self.extract {
            query::parse_path(path).map_err(|error| from_core(error, false).at("--extract"))?;
        }
        let bytes = read.unwrap_or_else(|| self.read(process))?;
        let watched = self.access.is_watched(process);
        let in_file = |error: sops_core::Error| {
            let error = error.in_file(self.name());
            from_core(error, watched)
        };
        let document = Document::parse(&bytes, self.input_format).map_err(in_file)?;
        version::check(&document.metadata().version)
            .map_err(|error| error.at(self.name()).of_kind("metadata"))?;
        let callbacks = Callbacks::none()
            .run_commands()
            .prompt(process.ask_passphrase);
        let keys = self
            .access
            .keys(process, callbacks)
            .map_err(|error| error.of_kind("configuration"))?;
        let keyring = keys.keyring;
        let opening = |error: sops_core::Error| match (&keys.note, error.kind()) {
            (Some(note), ErrorKind::DataKey) => in_file(error).advise(note),
            _ => in_file(error),
        };
        let (plaintext, warnings) = if self.ignore_mac {
            self.messages.warn(
                process,
                "--ignore-mac: what follows may have been changed by anyone",
            );
            let document = document.decrypt_without_mac(&keyring).map_err(opening)?;
            (self.write(&document, &style), document.warnings().to_vec())
        } else {
            let document = document.decrypt(&keyring).map_err(opening)?;
            (self.write(&document, &style), document.warnings().to_vec())
        };
        for warning in warnings {
            let warning = format!("{}: {warning}", self.name());
            self.messages.warn(process, &warning);
        }
        plaintext.map_err(in_file)
    }

    fn write(
        &self,
        document: &Document<impl Readable>,
        style: &Style,
    ) -> sops_core::Result<Zeroizing<Vec<u8>>> {
        match &self.extract {
            Some(path) => document.extract(path, self.output_format, style),
            None => document.to_bytes(self.output_format, style),
        }
    }

    /// How the output looks, which `.sops.yaml` has a say in.
    fn style(&self, process: &mut Process<'_>) -> Result<Style> {
        let dir = std::path::absolute(process.resolve(Path::new(".")))
            .map_err(|error| Error::io("cannot find the working directory", &error))?;
        let named = (process.var)("SOPS_CONFIG")
            .filter(|path| !path.is_empty())
            .map(|path| process.resolve(Path::new(&path)));
        let found = config::find(&dir, named).map_err(|error| error.of_kind("configuration"))?;
        if let Some(warning) = &found.warning {
            self.messages.warn(process, warning);
        }
        found
            .style(self.output_format)
            .map_err(|error| error.of_kind("configuration"))
    }

    fn read(&self, process: &mut Process<'_>) -> Result<Vec<u8>> {
        let result = match &self.file {
            Some(path) => self.access.read(process, path),
            None => read::stream(&mut *process.stdin).map_err(Refusal::Io),
        };
        result.map_err(|refusal| {
            let own = Error::new(format!("cannot read {}: {}", self.name(), refusal.reason()))
                .of_kind("read");
            match refusal {
                Refusal::Io(error) => {
                    let missing = error.kind() == io::ErrorKind::NotFound;
                    own.advise("name a file that can be read, or pipe it to stdin")
                        .with_exit_code(if missing { exit::NO_FILE } else { exit::READ })
                }
                Refusal::Setting(error) => error.of_kind("configuration"),
                Refusal::Forbidden { advice, .. } => own.advise(advice).with_exit_code(exit::READ),
            }
        })
    }
}

/// An error of the library with the exit code that sops has for it.
fn from_core(error: sops_core::Error, shown: bool) -> Error {
    let code = match error.kind() {
        ErrorKind::DataKey => exit::DATA_KEY,
        ErrorKind::Decrypt => exit::TREE,
        ErrorKind::Mac => exit::MAC,
        ErrorKind::Emit => exit::DUMP,
        ErrorKind::Path => exit::EXTRACT,
        _ => exit::GENERIC,
    };
    Error::of_core(error, shown).with_exit_code(code)
}

fn conflict(access: &dyn Access, message: &str) -> Error {
    Error::new(message)
        .advise(format!("see `{} decrypt --help`", access.program()))
        .with_exit_code(exit::CONFLICT)
        .of_kind("usage")
}

fn shown(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

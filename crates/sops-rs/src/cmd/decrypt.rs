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
//! | `kind` | string | of the library: `syntax`, `unsupported`, `not-encrypted`, `metadata`, `limit`, `data-key`, `decrypt`, `mac`, `emit`, `path`, `not-found`, see [`sops_core::ErrorKind`]; of this program: `usage` (arguments), `read`, `write`, `configuration` (environment, `.sops.yaml`) |
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

use std::{ffi::OsString, path::PathBuf};

use sops_core::{Document, Format, Readable, Style, WarningKind, query};
use zeroize::Zeroizing;

use crate::{
    Access, Opening, Process, Result,
    args::{Given, flag},
    exit,
    input::Input,
    messages, read,
    session::{Options, Session, cleaned, format_named},
    target::Target,
    version,
};

/// What is to be decrypted, and how.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The file, and any others, which a warning names; stdin if there is none.
    pub files: Vec<OsString>,
    /// The format of the input, instead of what its name says.
    pub input_type: Option<Format>,
    /// The format of the output, instead of what the input's name says.
    pub output_type: Option<Format>,
    /// A file for the result, instead of stdout.
    pub output: Option<PathBuf>,
    /// Whether the result takes the place of the file.
    pub in_place: bool,
    /// The path of one value: `["a"][0]`.
    pub extract: Option<String>,
    /// The name that decides about formats.
    pub filename_override: Option<PathBuf>,
    /// Whether to go on without a valid MAC.
    pub ignore_mac: bool,
    /// With which keys.
    pub opening: Opening,
}

impl Request {
    fn of(given: &Given) -> Result<Self> {
        Ok(Request {
            files: given.positionals.clone(),
            input_type: format_named(given.str(&flag::INPUT_TYPE)?),
            output_type: format_named(given.str(&flag::OUTPUT_TYPE)?),
            output: given.text(&flag::OUTPUT).map(PathBuf::from),
            in_place: given.switch(&flag::IN_PLACE),
            extract: given.str(&flag::EXTRACT)?.map(Into::into),
            filename_override: given.text(&flag::FILENAME_OVERRIDE).map(PathBuf::from),
            ignore_mac: given.switch(&flag::IGNORE_MAC),
            opening: Opening::of(given)?,
        })
    }
}

/// `decrypt`, for programs that have it among their own commands.
///
/// # Errors
///
/// Those that sops ends with, with its exit codes.
pub fn run(
    process: &mut Process<'_>,
    access: &dyn Access,
    messages: messages::Format,
    request: Request,
) -> Result<()> {
    let named = (process.var)("SOPS_CONFIG").filter(|path| !path.is_empty());
    let options = Options {
        messages,
        config: named.map(PathBuf::from),
        ..Options::default()
    };
    let mut session = Session {
        process,
        access,
        options,
    };
    carry_out(&mut session, request)
}

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    carry_out(session, Request::of(given)?)
}

fn carry_out(session: &mut Session<'_, '_>, request: Request) -> Result<()> {
    let plan = Plan::new(session, request)?;
    let plaintext = plan
        .decrypt(session)
        .map_err(|error| error.about(plan.input.path()))?;
    plan.target.write_plaintext(session, &plaintext)
}

/// What is decrypted, without being written.
pub(crate) fn plaintext(
    session: &mut Session<'_, '_>,
    given: &Given,
) -> Result<Zeroizing<Vec<u8>>> {
    Plan::new(session, Request::of(given)?)?.decrypt(session)
}

/// Arguments that make sense together.
struct Plan {
    input: Input,
    extract: Option<String>,
    ignore_mac: bool,
    target: Target,
    opening: Opening,
}

impl Plan {
    fn new(session: &mut Session<'_, '_>, request: Request) -> Result<Self> {
        let program = session.access.program();
        // Cleaned as sops does: `secret.yaml/` is that file.
        let file = request.files.first().map(|file| cleaned(file));
        let target = Target::of(request.in_place, request.output.as_deref(), file.as_deref())
            .map_err(|error| error.advise(format!("see `{program} decrypt --help`")))?;
        session.warn_of_others(request.files.get(1..).unwrap_or_default());
        Ok(Plan {
            input: Input::new(
                file,
                request.filename_override,
                request.input_type,
                request.output_type,
            ),
            extract: request.extract,
            ignore_mac: request.ignore_mac,
            target,
            opening: request.opening,
        })
    }

    fn decrypt(&self, session: &mut Session<'_, '_>) -> Result<Zeroizing<Vec<u8>>> {
        let input = &self.input;
        // What is wrong comes up in the order of sops: no such file, the
        // configuration, the order of keys, the path, and only then what else
        // reading finds.
        let read = match input.file.as_ref().map(|_| input.read(session)) {
            Some(Err(error)) if error.exit_code() == exit::NO_FILE => return Err(error),
            read => read,
        };
        let style = session.style(input.output_format)?;
        let keys = session.keys(&self.opening)?;
        if let Some(path) = &self.extract {
            query::parse_path(path).map_err(|error| exit::of_core(error, false).at("--extract"))?;
        }
        let bytes = read.unwrap_or_else(|| input.read(session))?;
        let document = input.parse_any(session, &bytes)?;
        match document.metadata().version.as_str() {
            "" => session.warn(&format!("{}: {}", input.name(), version::MISSING)),
            named => {
                version::check(named).map_err(|error| error.at(input.name()).of_kind("metadata"))?
            }
        }
        if self.ignore_mac {
            session.warn("--ignore-mac: what follows may have been changed by anyone");
        }
        let opening = |error| input.opening_error(session, keys.note.as_ref(), error);
        let (plaintext, warnings) = if self.ignore_mac {
            let document = document
                .decrypt_without_mac(&keys.keyring)
                .map_err(opening)?;
            (self.write(&document, &style), self.odd(&document))
        } else {
            let document = document.decrypt(&keys.keyring).map_err(opening)?;
            (self.write(&document, &style), self.odd(&document))
        };
        session.info("Data key recovered successfully");
        for warning in &warnings {
            session.warn(&format!("{}: {warning}", input.name()));
        }
        plaintext.map_err(|error| input.error(session, error))
    }

    /// What is odd about a file: not all of a thousand things.
    fn odd(&self, document: &Document<impl Readable>) -> Vec<String> {
        /// As many of a kind as a person reads.
        const MOST: usize = 10;
        let mut counts: Vec<(WarningKind, usize)> = Vec::new();
        let mut shown = Vec::new();
        for warning in document.warnings() {
            let kind = warning.kind();
            let at = counts.iter().position(|(known, _)| *known == kind);
            let at = at.unwrap_or_else(|| {
                counts.push((kind, 0));
                counts.len() - 1
            });
            let Some((_, count)) = counts.get_mut(at) else {
                continue;
            };
            *count += 1;
            if *count <= MOST {
                shown.push(warning.to_string());
            }
        }
        let more: usize = counts
            .iter()
            .map(|(_, count)| count.saturating_sub(MOST))
            .sum();
        if more > 0 {
            shown.push(format!("{more} more warnings like these"));
        }
        if self.input.output_format == Format::Json
            && let Some(path) = document.not_utf8()
        {
            shown.push(format!("{path}: {}", read::NOT_UTF8));
        }
        shown
    }

    fn write(
        &self,
        document: &Document<impl Readable>,
        style: &Style,
    ) -> sops_core::Result<Zeroizing<Vec<u8>>> {
        match &self.extract {
            Some(path) => document.extract(path, self.input.output_format, style),
            None => document.to_bytes(self.input.output_format, style),
        }
    }
}

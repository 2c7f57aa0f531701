//! A kustomize exec plugin that decrypts SOPS files: what KSOPS is, with the
//! same bytes on stdout.
//!
//! [`run`] is the whole program, with everything outside of it as an argument
//! ([`Process`]); `main.rs` only fills that in. What happens is decided by
//! argv alone ([`mode`]): one path renders a generator (legacy exec plugin),
//! no argument answers a ResourceList on stdin (KRM function), a subcommand
//! runs. All paths of the plugin meet in [`generate::render`].

pub mod decrypt;
pub mod doctor;
pub mod env_file;
mod error;
pub mod generate;
pub mod generator;
pub mod glob;
pub mod install;
pub mod keys;
pub mod krm;
pub mod mode;
pub mod policy;
mod read;
pub mod secret;
pub mod settings;
pub mod terminal;
mod yaml;

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

pub use error::{Error, Result};
use generate::Context;
use generator::Generator;
use mode::Mode;
use settings::Lookup;
pub use settings::Settings;

/// What a process has around it.
pub struct Process<'a> {
    /// The arguments behind the program's name.
    pub args: Vec<OsString>,
    /// The environment.
    pub var: &'a Lookup<'a>,
    /// The directory that relative paths start from; the empty path is the
    /// working directory.
    pub dir: PathBuf,
    /// The directory that the process works in which started this one, where
    /// it is known.
    pub parent_dir: Option<PathBuf>,
    /// Standard input.
    pub stdin: &'a mut dyn Read,
    /// Whether stdin is a terminal or another character device such as
    /// `/dev/null`, so that no ResourceList is to be expected from it.
    pub stdin_is_device: bool,
    /// Standard output: gets a whole answer or, outside of KRM mode, nothing.
    pub stdout: &'a mut dyn Write,
    /// Standard error.
    pub stderr: &'a mut dyn Write,
    /// Asks a person for the passphrase of a key, whose place is named; gives
    /// `None` where there is nobody. Only `decrypt` asks.
    pub ask_passphrase: fn(&str) -> Option<Zeroizing<String>>,
}

/// Runs the program and gives back its exit code.
pub fn run(mut process: Process<'_>) -> u8 {
    let mode = Mode::of(std::mem::take(&mut process.args));
    let mut given = match refuse_krm_arguments(&mut process, &mode) {
        Ok(given) => std::io::Cursor::new(given),
        Err(error) => {
            process.say("error", &error.to_string());
            return error.exit_code();
        }
    };
    let mut stdin = (&mut given).chain(process.stdin);
    let mut process = Process {
        args: process.args,
        var: process.var,
        dir: process.dir,
        parent_dir: process.parent_dir,
        stdin: &mut stdin,
        stdin_is_device: process.stdin_is_device,
        stdout: &mut *process.stdout,
        stderr: &mut *process.stderr,
        ask_passphrase: process.ask_passphrase,
    };
    let result = match mode {
        Mode::Help => process.print(mode::HELP.as_bytes()),
        Mode::Version => {
            process.print(concat!("ksops-rs ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())
        }
        Mode::Legacy(path) => legacy(&mut process, &path),
        Mode::Krm if !process.stdin_is_device => krm(&mut process),
        Mode::Krm | Mode::Usage => {
            let _ = process.stderr.write_all(mode::HELP.as_bytes());
            return 1;
        }
        Mode::Subcommand(args) => match args.first().and_then(|name| name.to_str()) {
            Some("install") => install::run(&mut process, &args),
            Some("doctor") => doctor::run(&mut process, args),
            _ => decrypt::run(&mut process, args),
        },
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            if !error.is_quiet() {
                process.say("error", &error.to_string());
            }
            error.exit_code()
        }
    }
}

/// In KRM style a repository names the arguments (`exec.args`), so that none
/// may be of effect: refuses them where a ResourceList is on stdin. What was
/// read of stdin to see that is given back.
///
/// Looked at only where Argo CD renders an application: there stdin is empty
/// or a ResourceList, elsewhere it may belong to somebody else.
fn refuse_krm_arguments(process: &mut Process<'_>, mode: &Mode) -> Result<Vec<u8>> {
    if *mode == Mode::Krm || process.stdin_is_device || !settings::in_argo_cd(process.var) {
        return Ok(Vec::new());
    }
    let given =
        read::stream(process.stdin).map_err(|error| Error::io("stdin: cannot be read", &error))?;
    let kind = b"ResourceList";
    if given.windows(kind.len()).any(|window| window == kind) {
        return Err(Error::new("stdin: a ResourceList, and arguments besides").advise(
            "remove `args` from the annotation config.kubernetes.io/function: a KRM function takes none",
        ));
    }
    Ok(given)
}

/// `ksops-rs GENERATOR`: prints the resources.
fn legacy(process: &mut Process<'_>, path: &OsString) -> Result<()> {
    let name = &error::path_name(Path::new(path));
    let bytes = read::file(&process.dir.join(path)).map_err(|error| {
        Error::io(format_args!("{name}: cannot read the generator"), &error)
            .advise("the one argument is the path of a generator manifest; see `ksops-rs --help`")
    })?;
    let generator = Generator::parse(name, &bytes)?;
    let context = process.context()?;
    let result = generate::render(&generator, &context);
    process.warn(&generator.warnings);
    let rendered = result?;
    process.warn(&rendered.warnings);
    process.print(&rendered.into_text())
}

/// `ksops-rs` without arguments: a ResourceList for a ResourceList.
fn krm(process: &mut Process<'_>) -> Result<()> {
    let input = read::stream(process.stdin).map_err(|error| {
        Error::io("stdin: cannot read the ResourceList", &error).advise(
            "without arguments this is a KRM function, which kustomize gives a ResourceList",
        )
    })?;
    let context = process.context();
    let mut warnings = Vec::new();
    let answer = krm::answer(&input, &mut |name, document, item| {
        let mut generator = Generator::from_node(name, document, item)?;
        warnings.append(&mut generator.warnings);
        generate::render(&generator, context.as_ref().map_err(Error::clone)?)
    })?;
    process.warn(&warnings);
    process.warn(&answer.warnings);
    process.print(answer.text.as_bytes())?;
    match answer.error {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

impl Process<'_> {
    /// What rendering needs, from the environment.
    fn context(&self) -> Result<Context> {
        Context::new(
            Settings::from_vars(self.var)?,
            self.var,
            &self.dir,
            self.parent_dir.as_deref(),
        )
    }

    /// Writes a whole answer to stdout.
    fn print(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self
            .stdout
            .write_all(bytes)
            .and_then(|()| self.stdout.flush());
        written.map_err(|error| {
            let own = Error::io("cannot write to stdout", &error);
            match error.kind() {
                // Whoever read has gone, as `head` does.
                io::ErrorKind::BrokenPipe => own.quietly(),
                _ => own,
            }
        })
    }

    fn warn(&mut self, warnings: &[String]) {
        for warning in warnings {
            self.say("warning", warning);
        }
    }

    /// Writes a message to stderr. Where that fails nobody can be told.
    fn say(&mut self, kind: &str, text: &str) {
        let _ = writeln!(self.stderr, "{kind}: {text}");
    }

    /// Tells a person what was done, on stderr.
    fn tell(&mut self, text: &str) {
        let _ = writeln!(self.stderr, "{text}");
    }

    /// A path as seen from the directory of the process.
    fn resolve(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }
}

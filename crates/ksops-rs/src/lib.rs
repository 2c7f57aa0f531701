//! A kustomize exec plugin that decrypts SOPS files: what KSOPS is, with the
//! same bytes on stdout.
//!
//! [`run`] is the whole program, with everything outside of it as an argument
//! ([`Process`]); `main.rs` only fills that in. What happens is decided by
//! argv alone ([`mode`]): one path renders a generator (legacy exec plugin),
//! no argument answers a ResourceList on stdin (KRM function), a subcommand
//! runs. All paths of the plugin meet in [`generate::render`].

pub mod budget;
mod completion;
mod decrypt;
pub mod doctor;
mod elf;
pub mod env_file;
pub mod generate;
pub mod generator;
pub mod glob;
pub mod guard;
mod help;
pub mod install;
pub mod keys;
pub mod krm;
pub mod mode;
mod parallel;
pub mod policy;
pub mod secret;
pub mod settings;
mod subcommand;
mod unreadable;
mod yaml;

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use generate::Context;
use generator::Generator;
use mode::Mode;
pub use settings::Settings;
pub use sops_rs::{Error, Process, Result};
use sops_rs::{error, read};

/// Runs the program and gives back its exit code.
pub fn run(mut process: Process<'_>) -> u8 {
    let mode = Mode::of(std::mem::take(&mut process.args));
    if let Err(error) = refuse_krm_arguments(&process, &mode) {
        process.say("error", &error.to_string());
        return error.exit_code();
    }
    let result = match mode {
        Mode::Help => process.print(help::HELP.as_bytes()),
        Mode::Version => {
            process.print(concat!("ksops-rs ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())
        }
        Mode::Legacy(path) => legacy(&mut process, &path),
        Mode::Krm if !process.stdin_is_device => krm(&mut process),
        Mode::Krm => {
            let _ = process.stderr.write_all(help::HELP.as_bytes());
            return 1;
        }
        Mode::Usage => Err(Error::new(
            "several arguments, where the path of a generator is one",
        )
        .advise(
            "remove `argsOneLiner` and `argsFromFile` from the generator; by hand, see `ksops-rs --help`",
        )),
        Mode::Subcommand(args) => match args.first().and_then(|name| subcommand::named(name)) {
            Some(run) => run(&mut process, args),
            None => Err(Error::new("no such subcommand").advise("see `ksops-rs --help`")),
        },
    };
    ended(&mut process, result.map(|()| 0))
}

/// What the program is by the name that it is called by (`argv[0]`): itself,
/// or kustomize in its place ([`guard`]).
pub fn called(name: &OsStr) -> fn(Process<'_>) -> u8 {
    if name == guard::INSIDE {
        |mut process| {
            let result = guard::inside(&mut process);
            ended(&mut process, result)
        }
    } else if Path::new(name)
        .file_name()
        .is_some_and(|name| name == "kustomize")
    {
        |mut process| {
            let result = guard::as_kustomize(&mut process);
            ended(&mut process, result)
        }
    } else {
        run
    }
}

fn ended(process: &mut Process<'_>, result: Result<u8>) -> u8 {
    result.unwrap_or_else(|error| {
        if !error.is_quiet() {
            process.say("error", &error.to_string());
        }
        error.exit_code()
    })
}

/// In KRM style a repository names the arguments (`exec.args`), so that none
/// may be of effect: refuses them where a ResourceList is on stdin.
///
/// Looked at only where Argo CD renders an application, and only at what
/// stands first, which is left there: stdin may be somebody else's, such as
/// the names of files in a loop of a config management plugin. kustomize
/// writes the ResourceList at once; where nothing comes, nothing is waited for.
fn refuse_krm_arguments(process: &Process<'_>, mode: &Mode) -> Result<()> {
    if *mode == Mode::Krm || process.stdin_is_device || !settings::in_argo_cd(process.var) {
        return Ok(());
    }
    let given = (process.first_of_stdin)()
        .map_err(|error| Error::io("stdin: cannot be looked at", &error))?;
    let kind = b"ResourceList";
    if given.windows(kind.len()).any(|window| window == kind) {
        return Err(Error::new("stdin: a ResourceList, and arguments besides").advise(
            "remove `args` from the annotation config.kubernetes.io/function: a KRM function takes none",
        ));
    }
    Ok(())
}

/// `ksops-rs GENERATOR`: prints the resources.
fn legacy(process: &mut Process<'_>, path: &OsString) -> Result<()> {
    let name = &error::path_name(Path::new(path));
    let bytes = read::file(&process.dir.join(path)).map_err(|error| {
        Error::io(format_args!("{name}: cannot read the generator"), &error)
            .advise("the one argument is the path of a generator manifest; see `ksops-rs --help`")
    })?;
    let generator = Generator::parse(name, &bytes)?;
    let context = context(process)?;
    let result = generate::render(&generator, &context, &mut generate::Run::default());
    process.warn(&generator.warnings);
    let rendered = result?;
    process.warn(&rendered.warnings);
    process.print(&rendered.into_text())
}

/// `ksops-rs` without arguments: a ResourceList for a ResourceList.
fn krm(process: &mut Process<'_>) -> Result<()> {
    let input = read::stream(&mut *process.stdin).map_err(|error| {
        Error::io("stdin: cannot read the ResourceList", &error).advise(
            "without arguments this is a KRM function, which kustomize gives a ResourceList",
        )
    })?;
    let context = context(process);
    let mut warnings = Vec::new();
    let mut run = generate::Run::default();
    let answer = krm::answer(&input, &mut |name, document, item| {
        let mut generator = Generator::from_node(name, document, item)?;
        warnings.append(&mut generator.warnings);
        let context = context.as_ref().map_err(Error::clone)?;
        generate::render(&generator, context, &mut run)
    })?;
    process.warn(&warnings);
    process.warn(&answer.warnings);
    process.print(answer.text.as_bytes())?;
    match answer.error {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// What rendering needs, from the environment.
fn context(process: &Process<'_>) -> Result<Context> {
    let mut context = Context::new(
        Settings::from_vars(process.var)?,
        process.var,
        &process.dir,
        process.parent_dir.as_deref(),
    )?;
    context
        .keys
        .add_clouds(&context.settings, process.var_later);
    Ok(context)
}

/// The examples of README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

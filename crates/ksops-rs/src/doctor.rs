//! `ksops-rs doctor`: looks at the whole chain from kustomize to the keys,
//! and says where it is broken and what to do about it.
//!
//! [`examine`] takes the machine as an argument ([`Host`]), so that tests can
//! break it in one place after the other.

mod generators;
mod guard;
mod host;
mod keys;
mod kustomization;
mod kustomize;
mod objects;
mod programs;
mod report;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Parser, ValueEnum};

pub use host::{Host, Run, User, run as run_program};
pub use kustomize::Flags;
pub use report::{Check, Report, Status};

use crate::{
    Error, Process, Result, Settings, error::path_name, generate::Context, policy::Policy,
    settings::APP_NAME,
};

/// Checks whether a build would work here, and says what to do if not.
///
/// Without DIR: this program, where kustomize looks for it, kustomize itself
/// and the keys. With DIR, a kustomization: also each generator below it and
/// each file that it names. Exits with 0 only if nothing that is checked would
/// keep a build from working; what else kustomize may find in a kustomization
/// is for kustomize to say. Prints no value from any file.
#[derive(Parser)]
#[command(
    name = "ksops-rs doctor",
    bin_name = "ksops-rs doctor",
    disable_version_flag = true
)]
pub(crate) struct Arguments {
    /// The folder of a kustomization.yaml
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Use the keys of this project of Argo CD only
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// What kustomize is called with: `kustomize.buildOptions` in argocd-cm
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    build_options: Option<String>,
    /// Ask key services of clouds, too, to open files
    #[arg(long)]
    online: bool,
    /// How the report looks
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What is looked at.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder of a kustomization.
    pub dir: Option<PathBuf>,
    /// The project of Argo CD whose keys are used.
    pub project: Option<String>,
    /// What kustomize is called with, if that is known.
    pub flags: Option<Flags>,
    /// Whether key services of clouds are asked.
    pub online: bool,
}

/// Runs the subcommand; the first argument is its name.
///
/// # Errors
///
/// Where the arguments make no sense, or a build would not work.
pub(crate) fn run(process: &mut Process<'_>, args: Vec<OsString>) -> Result<()> {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            return Err(Error::new(text.trim_start_matches("error: ").trim_end()));
        }
        Err(help) => return process.print(help.to_string().as_bytes()),
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let host = Host {
        var: process.var,
        var_later: process.var_later,
        dir: process.dir.clone(),
        // Where a newer one was put over it, its file has no name any more.
        program: std::env::current_exe()
            .ok()
            .filter(|path| path.exists())
            .unwrap_or_else(|| "/proc/self/exe".into()),
        user: User::of_status(&read("/proc/self/status")).unwrap_or_default(),
        mounts: read("/proc/self/mountinfo"),
        run: &host::run,
        names: std::env::vars_os()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect(),
        kernel: crate::guard::kernel::current(),
    };
    let options = Options {
        dir: arguments.dir,
        project: arguments.project,
        flags: arguments.build_options.as_deref().map(Flags::parse),
        online: arguments.online,
    };
    let report = examine(&host, &options);
    let text = match arguments.format {
        Format::Text => report.to_string(),
        Format::Json => report.to_json(),
    };
    process.print(text.as_bytes())?;
    if report.is_ok() {
        Ok(())
    } else {
        Err(Error::new("a build would not work").quietly())
    }
}

/// Looks at everything.
pub fn examine(host: &Host<'_>, options: &Options) -> Report {
    let mut report = Report::default();
    let mut in_dir = Report::default();
    let flags = options.flags.as_ref();
    let mut seen = generators::Seen::default();
    let found = options.dir.as_deref().map(|dir| {
        let base = host.dir.join(dir);
        kustomization::explore(&base, dir, flags, &mut seen.objects, &mut in_dir)
    });
    let generators = found.unwrap_or_default();
    let styles = Styles::of(&generators);

    programs::check(host, styles, &mut report);
    kustomize::check(host, styles, flags, &mut report);
    let settings = settings(host, &mut report);
    let is_guarded = guard::check(host, &settings, &mut report);
    let (keys, has_keys) = keys::check(host, options, styles, &settings, &mut report);
    if is_guarded {
        // That a repository may run programs is no matter any more.
        report.checks.retain(|check| check.name != keys::APART);
    }
    let mut context = Context {
        // Files are decrypted even where placeholders are asked for: that is
        // what is to be checked.
        settings: Settings {
            placeholder: false,
            ..settings
        },
        keys,
        policy: Policy::unlimited(&host.dir),
    };
    report.checks.append(&mut in_dir.checks);
    let mut opened = false;
    for generator in &generators {
        // A bad setting was told above.
        context.policy = Policy::new(&context.settings, &generator.dir, None)
            .unwrap_or_else(|_| Policy::unlimited(&generator.dir));
        opened |= generators::check(
            host,
            flags,
            generator,
            &context,
            has_keys,
            &mut seen,
            &mut report,
        );
    }
    if opened && !has_keys {
        // By what nobody has to configure: the metadata server of a machine.
        report.checks.retain(|check| !keys::is_about_none(check));
    }
    keys::advise(&seen.kinds, host, &mut report);
    report
}

/// What the environment says, as it is for this process.
fn settings(host: &Host<'_>, report: &mut Report) -> Settings {
    let fail = |error: &Error, report: &mut Report| {
        let text = error.to_string();
        let (detail, fix) = text.split_once('\n').unwrap_or((&text, ""));
        report.bad(Status::Failure, "settings", detail, fix);
    };
    // As Argo CD sets it for every build, and not for a shell beside one.
    let in_argo_cd = |name: &str| match name {
        APP_NAME if host.is_repo_server() => Some("doctor".into()),
        _ => (host.var)(name),
    };
    match Settings::from_vars(&in_argo_cd) {
        Ok(mut settings) => {
            settings.argo_cd = (host.var)(APP_NAME).is_some();
            if let Err(error) = Policy::new(&settings, &host.dir, None) {
                fail(&error, report);
            }
            if settings.placeholder {
                report.bad(
                    Status::Warning,
                    "settings",
                    "KSOPS_PLACEHOLDER is set: builds render placeholders, not secrets",
                    "unset it where secrets are wanted",
                );
            }
            settings
        }
        Err(error) => {
            fail(&error, report);
            Settings::default()
        }
    }
}

/// Which styles the generators have; neither where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Styles {
    legacy: bool,
    krm: bool,
}

impl Styles {
    fn of(generators: &[kustomization::Found]) -> Self {
        let krm = generators.iter().filter(|found| found.function.is_some());
        let krm = krm.count();
        Styles {
            legacy: krm < generators.len(),
            krm: krm > 0,
        }
    }

    fn is_unknown(self) -> bool {
        !self.legacy && !self.krm
    }
}

/// A path as a person writes it.
fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        ".".into()
    } else {
        path_name(path)
    }
}

#[cfg(test)]
mod tests;

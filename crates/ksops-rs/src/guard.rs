//! `ksops-rs guard`: runs kustomize so that what a repository makes it run gets
//! at its own checkout and its own keys, and at nothing else.
//!
//! kustomize lets a repository name programs to run, with `--enable-exec` and
//! without. So the boundary between tenants has to be the kernel's: Landlock,
//! which needs no privilege ([`kernel`]). What is allowed is data, made of
//! the environment and of where things are ([`rules`]), and so is the list of
//! variables that are passed on ([`is_kept`]).
//!
//! Two processes of this program do it, each with one thread:
//!
//! * the outer one makes a private `TMPDIR`, has helm fetch the charts that
//!   are missing, starts the inner one with the
//!   variables that are kept, passes signals on, waits, and removes the folder.
//!   It stays outside of the wall: nothing inside can signal it or look into
//!   it.
//! * the inner one puts the wall up around itself and becomes kustomize. It is
//!   killed if the outer one dies.

mod charts;
mod child;
mod environment;
#[cfg(target_os = "linux")]
mod filter;
pub mod kernel;
mod layout;
mod plan;
mod ports;
mod private;

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

pub use environment::{Credentials, is_kept};
pub(crate) use layout::{REAL, is_this, kustomize};
pub use plan::{Access, Layout, Rule, rules};
pub use ports::Ports;

use crate::{
    Error, Process, Result, Settings,
    error::{self, quoted},
    keys,
    policy::Policy,
    settings::{
        Confine, GUARD_BEST_EFFORT, GUARD_ENV, GUARD_PORTS, GUARD_READ, GUARD_ROOT, KEY_PROJECTS,
        Lookup, Project, switch,
    },
};

/// What the inner process is called, in `argv[0]`: a name that no file has.
pub const INSIDE: &str = "ksops guard: inside";

/// The program that runs, whatever its path leads to by now.
const SELF: &str = "/proc/self/exe";

const USAGE: &str = "usage: ksops-rs guard [--best-effort] [--env NAME]… [--port PORT]… [--read PATH]… -- kustomize build …";

/// The options, what follows them, and what they do.
pub(crate) const OPTIONS: [(&str, Option<&str>, &str); 4] = [
    ("--env", Some("NAME"), "pass this variable on too"),
    (
        "--port",
        Some("PORT"),
        "let this TCP port be connected to too, or any",
    ),
    (
        "--read",
        Some("PATH"),
        "let this file or folder be read too",
    ),
    (
        "--best-effort",
        None,
        "run also where the kernel offers less",
    ),
];

/// The text of `ksops-rs guard --help`.
const HELP: &str = "\
Usage: ksops-rs guard [OPTIONS] -- kustomize build [ARGS]

Runs kustomize so that what a repository makes it run can read its own checkout
and its own keys, can write to a private TMPDIR, connects to few TCP ports (22,
53, 80, 443, 9418, those of proxies and key services), and gets a part of the
environment. Linux only (Landlock 3: Linux 6.2 or newer). Whatever else
kustomize is asked to do is passed on as it is; another program than kustomize
is always guarded.

Where this program is called `kustomize` it does the same, without options:
`ksops-rs install --guard DIR` puts it there.

Options, and the variables that stand for them:
  --env NAME       pass this variable on too
                   (KSOPS_GUARD_ENV=NAME,NAME)
  --port PORT      let this TCP port be connected to too, or `any`
                   (KSOPS_GUARD_PORTS=PORT,PORT)
  --read PATH      let this file or folder be read too
                   (KSOPS_GUARD_READ=/a:/b)
  --best-effort    run also where the kernel offers less
                   (KSOPS_GUARD_BEST_EFFORT=true)

KSOPS_GUARD_KUSTOMIZE names kustomize; else it is `kustomize.real` beside this
program.
";

/// What the administrator decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Names of variables that are passed on too.
    pub env: Vec<String>,
    /// Paths that may be read too.
    pub read: Vec<PathBuf>,
    /// TCP ports that may be connected to too.
    pub ports: Ports,
    /// Whether a build is run where the kernel offers less.
    pub best_effort: bool,
}

impl Options {
    /// What the environment says.
    ///
    /// # Errors
    ///
    /// Where it makes no sense.
    pub fn from_vars(var: &Lookup<'_>) -> Result<Self> {
        let env = var(GUARD_ENV).unwrap_or_default();
        let env = env.to_string_lossy();
        let read = var(GUARD_READ).unwrap_or_default();
        let mut ports = Ports::default();
        ports.add(&var(GUARD_PORTS).unwrap_or_default().to_string_lossy())?;
        let options = Options {
            ports,
            env: env
                .split([',', ' '])
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            read: std::env::split_paths(&read)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            best_effort: switch(var, GUARD_BEST_EFFORT)?.unwrap_or(false),
        };
        options.checked()
    }

    fn checked(self) -> Result<Self> {
        if let Some(name) = self.env.iter().find(|name| name.contains('=')) {
            let (name, _) = name.split_once('=').unwrap_or_default();
            return Err(Error::new(format!(
                "guard: {} is passed on by its name, without a value",
                quoted(name)
            ))
            .advise("name variables that are set (--env NAME, KSOPS_GUARD_ENV)"));
        }
        match self.read.iter().find(|path| !path.is_absolute()) {
            None => Ok(self),
            Some(path) => Err(Error::new(format!(
                "guard: {} is a relative path",
                quoted(&path.to_string_lossy())
            ))
            .advise("name what may be read by absolute paths (--read, KSOPS_GUARD_READ)")),
        }
    }
}

/// Runs the subcommand; the first argument is its name. Gives back the exit
/// code of what was run.
///
/// # Errors
///
/// Where the arguments make no sense, the kernel offers too little, or nothing
/// can be run.
pub(crate) fn run(process: &mut Process<'_>, args: Vec<OsString>) -> Result<u8> {
    let mut options = Options::from_vars(process.var)?;
    let mut args = args.into_iter().skip(1);
    loop {
        let arg = args.next();
        let value = |value: Option<OsString>| {
            value.ok_or_else(|| Error::new("guard: an option without its value").advise(USAGE))
        };
        match arg.as_ref().and_then(|arg| arg.to_str()) {
            Some("--help" | "-h") => {
                process.print(HELP.as_bytes())?;
                return Ok(0);
            }
            Some("--best-effort") => options.best_effort = true,
            Some("--env") => {
                let name = value(args.next())?.to_string_lossy().into_owned();
                if name.is_empty() || name.contains('=') {
                    return Err(Error::new(
                        "guard: --env takes the name of a variable, and no value",
                    )
                    .advise("set the variable where ksops guard is run, and give --env its name"));
                }
                options.env.push(name);
            }
            Some("--port") => options.ports.add(&value(args.next())?.to_string_lossy())?,
            Some("--read") => options.read.push(value(args.next())?.into()),
            Some("--") => break,
            _ => {
                let error = match &arg {
                    Some(arg) => Error::new(format!(
                        "guard: {} is no option",
                        quoted(&arg.to_string_lossy())
                    )),
                    None => Error::new("guard: there is nothing to run"),
                };
                return Err(error.advise(USAGE));
            }
        }
    }
    let options = options.checked()?;
    let Some(name) = args.next() else {
        return Err(Error::new("guard: there is nothing to run").advise(USAGE));
    };
    let args: Vec<_> = args.collect();
    let own = own_path();
    let is_kustomize = Path::new(&name)
        .file_name()
        .is_some_and(|name| name == "kustomize");
    let program = if name == "kustomize" {
        layout::kustomize(process.var, &own, true)?
    } else {
        layout::program(process.var, &name, &own)?
    };
    if is_kustomize && !layout::builds(&args) {
        return Err(become_it(&program, &args));
    }
    guarded(process, &options, &program, &args)
}

/// Stands where kustomize is looked for, and does what it is asked for.
///
/// # Errors
///
/// As for the subcommand.
pub(crate) fn as_kustomize(process: &mut Process<'_>) -> Result<u8> {
    let args = std::mem::take(&mut process.args);
    let program = layout::kustomize(process.var, &own_path(), false)?;
    if !layout::builds(&args) {
        return Err(become_it(&program, &args));
    }
    let options = Options::from_vars(process.var)?;
    guarded(process, &options, &program, &args)
}

/// The path of this program: what stands beside it is meant.
fn own_path() -> PathBuf {
    std::env::current_exe().unwrap_or_default()
}

/// Becomes a program; what comes back is why not.
fn become_it(program: &Path, args: &[OsString]) -> Error {
    // As it would have been called.
    let name = program.file_name().filter(|name| *name != REAL);
    let error = Command::new(program)
        .arg0(name.unwrap_or(OsStr::new("kustomize")))
        .args(args)
        .exec();
    not_started(program, &error)
}

fn not_started(program: &Path, error: &std::io::Error) -> Error {
    Error::io(
        format_args!("guard: cannot run {}", crate::error::path_name(program)),
        error,
    )
    .advise(
        "check that it is a program for this machine, and readable and executable for this user",
    )
}

/// The outer process.
fn guarded(
    process: &mut Process<'_>,
    options: &Options,
    program: &Path,
    args: &[OsString],
) -> Result<u8> {
    let settings = Settings::from_vars(process.var)?;
    let parent = (process.var)("TMPDIR").filter(|dir| Path::new(dir).is_absolute());
    let parent = parent.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let private = private::PrivateDir::new(&parent).map_err(|error| {
        Error::io(
            format_args!(
                "guard: cannot make a folder in {}",
                crate::error::path_name(&parent)
            ),
            &error,
        )
        .advise("set TMPDIR to a folder that this user may write into")
    })?;
    let kept: Vec<_> = environment::kept(std::env::vars_os(), credentials(&settings), &options.env);
    let inside = |program: &Path| {
        let mut command = Command::new(SELF);
        command
            .arg0(INSIDE)
            .arg(private.path())
            .arg(program)
            .env_clear()
            .envs(kept.iter().cloned())
            .env("TMPDIR", private.path())
            .env(GUARD_READ, joined(&options.read))
            .env(GUARD_PORTS, options.ports.to_string())
            .env(GUARD_BEST_EFFORT, options.best_effort.to_string());
        // Behind the wall the folder of all projects cannot be listed.
        if settings.key_dir.is_some() {
            command.env(KEY_PROJECTS, keys::by_project(&settings).to_string());
        }
        command
    };
    if layout::has_helm(args)
        && let Some(ended) = charts(process, &settings, private.path(), args, &inside)?
    {
        drop(private);
        return Ok(child::end_as(ended));
    }
    let mut command = inside(program);
    command.args(args);
    let status = child::run(&mut command).map_err(|error| not_started(Path::new(SELF), &error))?;
    drop(private);
    Ok(child::end_as(status))
}

/// Fetches the charts of a build, each with helm behind a wall of its own. What
/// cannot be had is a warning: kustomize stops there, and says where. Gives back
/// how helm ended, where a signal ended it that is meant for all of this.
fn charts(
    process: &mut Process<'_>,
    settings: &Settings,
    private: &Path,
    args: &[OsString],
    inside: &dyn Fn(&Path) -> Command,
) -> Result<Option<ExitStatus>> {
    let (dir, cwd) = folders(args)?;
    let root = layout::root(settings, &dir, &cwd)?.folder;
    let within = Settings {
        confine: Confine::Folder(root.clone()),
        ..settings.clone()
    };
    let missing = charts::missing(&Policy::new(&within, &dir, None)?, &root, &dir);
    let Some(helm) = layout::helm(process.var, args) else {
        return Ok(None);
    };
    for (number, chart) in missing.iter().enumerate() {
        let to = private.join(format!("chart-{number}"));
        let home = private.join("helm");
        let config = chart.config.as_ref().map(|config| cwd.join(config));
        let mut command = inside(&helm);
        command
            .args(["pull", "--untar", "--untardir"])
            .arg(&to)
            .args(&chart.args)
            .env("HELM_CONFIG_HOME", config.unwrap_or(home.join("config")))
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_DATA_HOME", home.join("data"))
            .current_dir(&root)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let failed = match child::run(&mut command) {
            Ok(status) if status.success() => charts::place(&root, &chart.folder, &to, &chart.name)
                .map_err(|error| error::io_reason(&error))
                .err(),
            Ok(status) if status.signal().is_some() => return Ok(Some(status)),
            Ok(_) => Some("helm did not fetch it".into()),
            Err(error) => Some(error::io_reason(&error)),
        };
        process.warn(&Vec::from_iter(failed.map(|why| {
            format!("guard: the chart {}: {why}", quoted(&chart.name))
        })));
    }
    Ok(None)
}

/// The folder that is built, and the working directory.
fn folders(args: &[OsString]) -> Result<(PathBuf, PathBuf)> {
    let resolve = |path: &Path| std::fs::canonicalize(path);
    let cwd = resolve(Path::new(".")).map_err(|error| {
        Error::io("guard: cannot find the working directory", &error)
            .advise("run it in a folder that is there")
    })?;
    // A remote one is fetched into the private folder.
    let target = layout::target(args).and_then(|target| resolve(Path::new(target)).ok());
    Ok((
        target.filter(|dir| dir.is_dir()).unwrap_or(cwd.clone()),
        cwd,
    ))
}

/// Paths that have no colon, as they came from such a list or cannot be given.
fn joined(paths: &[PathBuf]) -> OsString {
    std::env::join_paths(paths).unwrap_or_default()
}

/// Which variables about keys a build may have.
pub fn credentials(settings: &Settings) -> Credentials {
    if !keys::by_project(settings) {
        return Credentials::All;
    }
    // The administrator lets the project use the pod's identity.
    let folders = key_folders(settings, true);
    match folders.iter().any(|folder| keys::is_ambient(folder)) {
        true => Credentials::Clouds,
        false => Credentials::None,
    }
}

/// The inner process: its arguments are the private folder, the program and
/// what that is called with.
///
/// # Errors
///
/// Where the wall cannot be put up, or the program not be run.
pub(crate) fn inside(process: &mut Process<'_>) -> Result<u8> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
    let mut args = std::mem::take(&mut process.args).into_iter();
    let (Some(private), Some(program)) = (args.next(), args.next()) else {
        return Err(Error::new("guard: there is nothing to run").advise(USAGE));
    };
    let args: Vec<_> = args.collect();
    let wall = Wall::new(process.var, private.into(), Path::new(&program), &args)?;
    let warning = kernel::restrict(&wall.rules, wall.ports.as_ref(), wall.best_effort)?;
    process.warn(&Vec::from_iter(warning));
    let mut command = Command::new(&program);
    let name = Path::new(&program).file_name().filter(|name| *name != REAL);
    command
        .arg0(name.unwrap_or(OsStr::new("kustomize")))
        .args(&args)
        .env_remove(GUARD_READ)
        .env_remove(GUARD_PORTS)
        .env_remove(GUARD_BEST_EFFORT)
        .env(GUARD_ROOT, &wall.root);
    Err(not_started(Path::new(&program), &command.exec()))
}

/// All that decides what the inner process gives up.
struct Wall {
    root: PathBuf,
    rules: Vec<Rule>,
    ports: Option<BTreeSet<u16>>,
    best_effort: bool,
}

impl Wall {
    fn new(var: &Lookup<'_>, private: PathBuf, program: &Path, args: &[OsString]) -> Result<Self> {
        let options = Options::from_vars(var)?;
        let settings = Settings::from_vars(var)?;
        let (dir, cwd) = folders(args)?;
        let root = layout::root(&settings, &dir, &cwd)?.folder;
        let confined = match &settings.confine {
            Confine::Folder(folder) => Some(folder.clone()),
            Confine::Auto | Confine::Off => None,
        };
        let own = own_path();
        // The plugin is this program, and is meant.
        let on_path = |name| layout::on_path(var, name, Path::new(""));
        let programs = ["git", "ssh", "ksops"]
            .into_iter()
            .filter_map(on_path)
            .chain(layout::helm(var, args))
            .chain([program.to_owned(), own])
            .collect();
        let by_project = keys::by_project(&settings);
        let layout = Layout {
            root: root.clone(),
            confined,
            private,
            programs,
            keys: key_folders(&settings, by_project),
            own_keys: !by_project,
            more: options.read.clone(),
        };
        let vars: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let rules = rules(&vars, &layout);
        if let Some(dir) = settings.key_dir.as_ref().filter(|_| by_project)
            && let Some(rule) = around(&rules, &dir.path)
        {
            return Err(Error::new(format!(
                "guard: every build may read {}, and the keys of all projects are in it: {}",
                error::path_name(&rule.path),
                error::path_name(&dir.path),
            ))
            .advise(format!("mount the keys elsewhere, such as /home/argocd/sops-age-projects, and name that in {}; or take the path out of {GUARD_READ}", dir.variable)));
        }
        Ok(Wall {
            root,
            rules,
            ports: options.ports.open(&vars),
            best_effort: options.best_effort,
        })
    }
}

/// The first rule that opens a folder with all that is in it.
pub(crate) fn around<'a>(rules: &'a [Rule], folder: &Path) -> Option<&'a Rule> {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    let folder = std::fs::canonicalize(folder).ok()?;
    let around: Vec<_> = folder.ancestors().filter_map(identity).collect();
    let is_around = |rule: &&Rule| identity(&rule.path).is_some_and(|id| around.contains(&id));
    rules.iter().find(is_around)
}

/// The folders of keys that a build may read.
fn key_folders(settings: &Settings, by_project: bool) -> Vec<PathBuf> {
    let Some(dir) = &settings.key_dir else {
        return Vec::new();
    };
    if !by_project {
        return vec![dir.path.clone()];
    }
    let own = match &settings.project {
        Project::Named(name) => Some(dir.path.join(name)),
        Project::Missing | Project::Empty | Project::Bad => None,
    };
    own.into_iter()
        .chain([dir.path.join(keys::SHARED)])
        .collect()
}

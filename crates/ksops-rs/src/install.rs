//! `ksops-rs install`: puts this program where Argo CD's repo-server finds it
//! (ksops-behaviour §8).
//!
//! Made for an init container: it may run from an image that holds nothing
//! else, with a read-only root, as any user, twice, over a copy that runs, or
//! onto itself. Every file is written beside its place and then renamed, so
//! that a reader sees the old program or the new one, never half of one.

mod guard;

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    Error, Process, Result,
    elf::{Needs, machine_name},
    error::{io_reason, path_name, quoted},
    settings::GUARD_KUSTOMIZE,
};

/// Where kustomize looks for the legacy exec plugin, below its plugin root:
/// apiVersion, kind in lower case, then the program, named by the kind.
pub const PLUGIN_PATH: &str = "viaduct.ai/v1/ksops/ksops";

/// The folder below DIR that becomes `KUSTOMIZE_PLUGIN_HOME`.
pub const PLUGIN_HOME: &str = "plugin";

/// Where KSOPS's own image keeps kustomize.
const KUSTOMIZE: &str = "/usr/local/bin/kustomize";

const USAGE: &str = "usage: ksops-rs install [--with-kustomize] [--with-sops] [--guard] DIR";

/// Where the image keeps sops-rs.
const SOPS: &str = "/usr/local/bin/sops";

/// The options, and what they do.
pub(crate) const OPTIONS: [(&str, &str); 3] = [
    ("--with-kustomize", "also copy kustomize to DIR/kustomize"),
    ("--with-sops", "also copy sops (sops-rs) to DIR/sops"),
    (
        "--guard",
        "also put this program at DIR/kustomize, as its guard",
    ),
];

/// The text of `ksops-rs install --help`.
const HELP: &str = "\
Usage: ksops-rs install [--with-kustomize] [--with-sops] [--guard] DIR

Puts this program into DIR, an existing folder:
  DIR/ksops                                the program, for KRM style
  DIR/plugin/viaduct.ai/v1/ksops/ksops     the same, for legacy style:
                                           KUSTOMIZE_PLUGIN_HOME is DIR/plugin

Options:
  --with-kustomize  also copy the kustomize that stands beside this program,
                    or else /usr/local/bin/kustomize, to DIR/kustomize
  --with-sops       also copy the sops (sops-rs) that stands beside this
                    program, or else /usr/local/bin/sops, to DIR/sops:
                    for helm-secrets
  --guard           put this program at DIR/kustomize too, where it guards the
                    real one (see `ksops-rs guard --help`), and that kustomize,
                    if there is one, at DIR/kustomize.real: the one that stands
                    at DIR/kustomize, else those of --with-kustomize
";

/// Runs the subcommand; the first argument is its name.
///
/// # Errors
///
/// Where the arguments make no sense or a file cannot be written.
pub(crate) fn run(process: &mut Process<'_>, args: &[OsString]) -> Result<()> {
    let arguments = match Arguments::parse(args.get(1..).unwrap_or_default())? {
        Some(arguments) => arguments,
        None => return process.print(HELP.as_bytes()),
    };
    let program = Program::running()?;
    let dir = process.resolve(&arguments.dir);
    for path in install(&program.file, &dir)? {
        process.tell(&format!("installed {}", path_name(&path)));
    }
    if arguments.guard {
        let candidates = [
            program.path.with_file_name("kustomize"),
            PathBuf::from(KUSTOMIZE),
        ];
        let needed = arguments.with_kustomize;
        for path in guard::install(&program.file, &candidates, &dir, needed)? {
            process.tell(&format!("installed {}", path_name(&path)));
        }
        let real = dir.join(crate::guard::REAL);
        if !real.is_file() {
            process.tell(&format!(
                "there is no {}: the guard needs {GUARD_KUSTOMIZE}, the path of kustomize",
                path_name(&real)
            ));
        }
    }
    let others = [
        (arguments.with_kustomize && !arguments.guard, KUSTOMIZE),
        (arguments.with_sops, SOPS),
    ];
    for (_, usual) in others.iter().filter(|(wanted, _)| *wanted) {
        let usual = PathBuf::from(usual);
        let name = usual.file_name().unwrap_or_default();
        let mut candidates = vec![program.path.with_file_name(name), usual.clone()];
        candidates.dedup();
        let path = install_other(&candidates, &program.file, &dir)?;
        process.tell(&format!("installed {}", path_name(&path)));
    }
    Ok(())
}

struct Arguments {
    dir: PathBuf,
    with_kustomize: bool,
    with_sops: bool,
    guard: bool,
}

impl Arguments {
    /// As KSOPS reads them: the option anywhere, the first other argument is
    /// the folder, what follows is ignored. `None` where help is asked for.
    fn parse(args: &[OsString]) -> Result<Option<Self>> {
        let mut dir = None;
        let (mut with_kustomize, mut with_sops, mut guard) = (false, false, false);
        for arg in args {
            match arg.to_str() {
                Some("--with-kustomize") => with_kustomize = true,
                Some("--with-sops") => with_sops = true,
                Some("--guard") => guard = true,
                Some("--help" | "-h") => return Ok(None),
                Some(option) if dir.is_none() && option.starts_with("--") => {
                    return Err(
                        Error::new(format!("install: unknown option {}", quoted(option)))
                            .advise(USAGE),
                    );
                }
                _ if dir.is_none() => dir = Some(PathBuf::from(arg)),
                _ => {}
            }
        }
        match dir.filter(|dir| !dir.as_os_str().is_empty()) {
            Some(dir) => Ok(Some(Arguments {
                dir,
                with_kustomize,
                with_sops,
                guard,
            })),
            None => Err(Error::new("install: the folder to install into is missing").advise(USAGE)),
        }
    }
}

/// The program that runs.
struct Program {
    file: File,
    path: PathBuf,
}

impl Program {
    /// The file is opened through the kernel where that is possible: it is
    /// the program that runs even if another one has taken its path.
    fn running() -> Result<Self> {
        let missing = |error| {
            Error::io(
                "install: cannot read the program that runs, to copy it",
                &error,
            )
        };
        let path = std::env::current_exe().map_err(missing)?;
        let file = File::open("/proc/self/exe").or_else(|_| File::open(&path));
        Ok(Program {
            file: file.map_err(missing)?,
            path,
        })
    }
}

/// Puts a program into `dir` under both of its names and gives back the
/// paths. `dir` must exist: a mistyped mount point is not made up.
///
/// # Errors
///
/// Where a file cannot be written; what was there before is then still there.
pub fn install(program: &File, dir: &Path) -> Result<[PathBuf; 2]> {
    match fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(cannot(dir, &io::ErrorKind::NotADirectory.into())),
        Err(error) => return Err(cannot(dir, &error)),
    }
    let plain = dir.join("ksops");
    copy(program, &plain).map_err(|error| cannot(&plain, &error))?;
    let plugin = dir.join(PLUGIN_HOME).join(PLUGIN_PATH);
    let home = plugin.parent().unwrap_or(dir);
    make_dirs(home).map_err(|error| cannot(home, &error))?;
    link(&plain, &plugin)
        .or_else(|_| copy(program, &plugin))
        .map_err(|error| cannot(&plugin, &error))?;
    Ok([plain, plugin])
}

/// Copies the first of some places of a program, kustomize or sops, that is
/// there and is for the machine that `program` is for, into `dir` and gives back
/// its path. Over the repo-server's own kustomize, one of another machine would
/// stop every application.
///
/// # Errors
///
/// Where there is none, with the reason for each place, or it cannot be
/// written.
pub fn install_other(candidates: &[PathBuf], program: &File, dir: &Path) -> Result<PathBuf> {
    let name = candidates.first().and_then(|path| path.file_name());
    let name = name.unwrap_or_default().to_string_lossy();
    install_other_as(candidates, program, &name, &dir.join(&*name))
}

/// As above, to a path of another name.
fn install_other_as(
    candidates: &[PathBuf],
    program: &File,
    name: &str,
    target: &Path,
) -> Result<PathBuf> {
    let machine = Needs::of_file(program)
        .ok()
        .and_then(|needs| needs.machine());
    let mut reasons = Vec::new();
    for candidate in candidates {
        match open_program(candidate, machine) {
            Ok(file) => {
                copy(&file, target).map_err(|error| cannot(target, &error))?;
                return Ok(target.to_owned());
            }
            Err(reason) => reasons.push(format!("{}: {reason}", candidate.display())),
        }
    }
    let mut error = Error::new(format!(
        "install: {name} was not copied, as there is none to copy"
    ));
    for reason in reasons {
        error = error.because(reason);
    }
    Err(error.advise(if name == "sops" {
        "use the image of a release, which holds sops"
    } else {
        "use the image that holds kustomize, or leave out --with-kustomize: Argo CD brings its own"
    }))
}

fn open_program(path: &Path, machine: Option<u16>) -> std::result::Result<File, String> {
    let file = File::open(path).map_err(|error| io_reason(&error))?;
    let metadata = file.metadata().map_err(|error| io_reason(&error))?;
    if !metadata.is_file() {
        return Err("not a file".into());
    }
    if metadata.mode() & 0o111 == 0 {
        return Err("not executable".into());
    }
    let needs = Needs::of_file(&file).map_err(|error| io_reason(&error))?;
    if let (Some(other), Some(machine)) = (needs.machine(), machine)
        && other != machine
    {
        return Err(format!(
            "a program for {}, and this machine is {}",
            machine_name(other),
            machine_name(machine)
        ));
    }
    Ok(file)
}

fn cannot(path: &Path, error: &io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "DIR must be an existing folder, such as the mount point of an emptyDir; check the path and the volumeMounts"
        }
        io::ErrorKind::PermissionDenied => {
            "DIR must be writable for the user that this runs as: an emptyDir is, a folder of another user is not"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "DIR must be on a volume that is mounted without readOnly"
        }
        _ => "what was installed before is still there; mend the volume and run it again",
    };
    Error::io(
        format_args!("install: cannot write {}", quoted(&path.to_string_lossy())),
        error,
    )
    .advise(advice)
}

/// Copies a program to a path, executable for everyone. Nothing to do where
/// it is that file already.
fn copy(program: &File, target: &Path) -> io::Result<()> {
    if is_same(program, target)? {
        return Ok(());
    }
    in_place(target, |temporary| {
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(temporary)?;
        lock(&out);
        let mut source = program;
        io::Seek::rewind(&mut source)?;
        io::copy(&mut source, &mut out)?;
        out.set_permissions(Permissions::from_mode(0o755))?;
        out.sync_all()
    })
}

/// Gives a file a second name.
fn link(file: &Path, target: &Path) -> io::Result<()> {
    // Renaming one name of a file over another leaves both.
    if is_same(&File::open(file)?, target)? {
        return Ok(());
    }
    in_place(target, |temporary| fs::hard_link(file, temporary))
}

fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    let file = file.metadata()?;
    Ok(fs::symlink_metadata(path).is_ok_and(|there| {
        (there.dev(), there.ino()) == (file.dev(), file.ino()) && there.mode() & 0o555 == 0o555
    }))
}

/// Makes a file beside its place, then moves it there.
fn in_place(target: &Path, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let prefix = hidden_prefix(target);
    // In a container every process has the number 1, so that is no name.
    for attempt in 0..100 {
        let mut hidden = prefix.clone();
        hidden.push(attempt.to_string());
        let temporary = target.with_file_name(hidden);
        let made = match make(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made.and_then(|()| fs::rename(&temporary, target)),
        };
        match made {
            Ok(()) => remove_leftovers(target),
            Err(_) => {
                let _ = fs::remove_file(&temporary);
            }
        }
        return made;
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// What the names of files begin with that are to take a place.
fn hidden_prefix(target: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().unwrap_or(OsStr::new("ksops")));
    prefix.push(".new-");
    prefix
}

/// Removes what an earlier run of this user left when it was killed; not what
/// another one writes now, which is locked.
fn remove_leftovers(target: &Path) {
    let prefix = hidden_prefix(target);
    let number = |name: &OsStr| {
        let rest = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes());
        rest.is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
    };
    let user = rustix::process::geteuid().as_raw();
    let entries = target.parent().map(fs::read_dir);
    for entry in entries.into_iter().flatten().flatten().flatten() {
        let path = entry.path();
        let is_ours = number(&entry.file_name())
            && fs::symlink_metadata(&path).is_ok_and(|it| it.is_file() && it.uid() == user);
        if is_ours && File::open(&path).is_ok_and(|file| lock(&file)) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Marks a file as one that is written, until it is closed; whether nobody else
/// had done so.
fn lock(file: &File) -> bool {
    rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Makes folders that everyone may enter, whatever the umask: the program is
/// installed by one user and run by another.
fn make_dirs(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_dirs(parent)?;
    }
    match fs::DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o755)),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;

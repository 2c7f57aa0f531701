//! The plugin itself: this program, the one on `PATH` that KRM style runs,
//! and the one in the tree that legacy style runs.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Host, Report, Status, Styles, host::Want, shown};
use crate::{
    elf::{Needs, machine_name},
    install::PLUGIN_PATH,
};

/// The variable for the root of plugins.
pub(super) const PLUGIN_HOME: &str = "KUSTOMIZE_PLUGIN_HOME";

/// Variables that say where keys are; without them they are looked for below
/// the user's configuration.
const KEYS: [&str; 6] = [
    "SOPS_AGE_KEY",
    "SOPS_AGE_KEY_FILE",
    "SOPS_AGE_KEY_CMD",
    "KSOPS_KEY_DIR",
    "KSOPS_AGE_KEY_DIR",
    "KSOPS_PGP_KEY_FILE",
];

const STATIC: &str =
    "use the program of a release: it is static and runs in any container of its architecture";

/// What is the matter with a program, if anything.
struct Outcome {
    status: Status,
    detail: String,
    fix: String,
    /// Nothing was set up for it.
    absent: bool,
}

impl Outcome {
    fn ok(detail: impl Into<String>) -> Self {
        Outcome {
            status: Status::Ok,
            detail: detail.into(),
            fix: String::new(),
            absent: false,
        }
    }

    fn bad(detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Outcome {
            status: Status::Failure,
            detail: detail.into(),
            fix: fix.into(),
            absent: false,
        }
    }

    /// Nobody meant it to be there.
    fn absent(mut self) -> Self {
        self.absent = true;
        self
    }

    /// What was not set up, and need not be: builds are in the other style.
    fn unless_absent(mut self, needed: bool, other: &str) -> Self {
        if !needed && self.absent {
            self.status = Status::Ok;
            self.detail = format!("{}; {other} needs none", self.detail);
        }
        self
    }

    /// What does not work, and is not needed.
    fn unless_needed(mut self, needed: bool) -> Self {
        if !needed && self.status == Status::Failure {
            self.status = Status::Warning;
        }
        self
    }

    fn add_to(self, report: &mut Report, name: &str) {
        match self.status {
            Status::Ok => report.ok(name, self.detail),
            status => report.bad(status, name, self.detail, self.fix),
        }
    }
}

pub(super) fn check(host: &Host<'_>, styles: Styles, report: &mut Report) {
    this(host).add_to(report, "this program");
    let path = on_path(host);
    let tree = legacy(host);
    // Where it is not known which is needed, one is enough.
    let path_works = path.status != Status::Failure;
    let tree_works = tree.status != Status::Failure;
    let needs_path = styles.krm || (styles.is_unknown() && !tree_works);
    let needs_tree = styles.legacy || (styles.is_unknown() && !path_works);
    path.unless_needed(needs_path)
        .unless_absent(needs_path, "legacy style")
        .add_to(report, "ksops on PATH (KRM style)");
    tree.unless_needed(needs_tree)
        .unless_absent(needs_tree, "KRM style")
        .add_to(report, "plugin folder (legacy style)");
    let has_root = host.set(PLUGIN_HOME).is_some() || !needs_tree;
    let has_keys = KEYS.iter().any(|name| host.set(name).is_some());
    if host.is_repo_server() && host.set("XDG_CONFIG_HOME").is_none() && !(has_root && has_keys) {
        report.bad(
            Status::Warning,
            "XDG_CONFIG_HOME",
            "not set: kustomize and the search for keys go to $HOME/.config instead",
            format!(
                "set it to /home/argocd/.config, or leave it where {PLUGIN_HOME} and SOPS_AGE_KEY_FILE are set"
            ),
        );
    }
}

fn this(host: &Host<'_>) -> Outcome {
    let version = concat!("ksops-rs ", env!("CARGO_PKG_VERSION"));
    match Needs::of(&host.program) {
        Ok(Needs::Machine(machine)) => {
            Outcome::ok(format!("{version}, {}, static", machine_name(machine)))
        }
        Ok(Needs::Loader(machine, loader)) => Outcome::bad(
            format!(
                "{version}, {}, not static: it needs {}",
                machine_name(machine),
                shown(&loader)
            ),
            STATIC,
        )
        .unless_needed(false),
        _ => Outcome::bad(
            format!("{version}; its file cannot be looked at"),
            "mount /proc, so that the program can be found",
        )
        .unless_needed(false),
    }
}

fn on_path(host: &Host<'_>) -> Outcome {
    match host.which("ksops") {
        Some(path) => usable(host, &path),
        None => Outcome::bad(
            "there is no ksops on PATH",
            "mount the ksops of the volume that `ksops-rs install` filled at /usr/local/bin/ksops (subPath: ksops)",
        )
        .absent(),
    }
}

/// Where kustomize looks for plugins, in its order.
fn roots(host: &Host<'_>) -> Vec<PathBuf> {
    let set = |name: &str| host.set(name).map(PathBuf::from);
    let home = set("HOME");
    let config = set("XDG_CONFIG_HOME").map(|dir| dir.join("kustomize/plugin"));
    let below_home = [".config/kustomize/plugin", "kustomize/plugin"];
    let default = home
        .iter()
        .flat_map(|home| below_home.map(|dir| home.join(dir)));
    let mut roots: Vec<PathBuf> = Vec::new();
    for root in set(PLUGIN_HOME).into_iter().chain(config).chain(default) {
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    roots
}

fn legacy(host: &Host<'_>) -> Outcome {
    let roots = roots(host);
    let Some(root) = roots.iter().find(|root| root.is_dir()) else {
        return no_root(host, &roots);
    };
    if root.is_relative() {
        return Outcome::bad(
            format!(
                "{} is a relative path, which kustomize runs from elsewhere",
                shown(root)
            ),
            format!("set {PLUGIN_HOME} to an absolute path"),
        );
    }
    let plugin = root.join(PLUGIN_PATH);
    let folder = plugin.parent().filter(|folder| folder.is_dir());
    if let Some(why) = host.user.refused(folder.unwrap_or(root), Want::Execute) {
        return Outcome::bad(
            format!("{}: {why}", shown(root)),
            "open the folders on the way to the plugin: chmod a+rx",
        );
    }
    if plugin.is_file() {
        return usable(host, &plugin);
    }
    let detail = format!(
        "there is no {PLUGIN_PATH} in {}, so kustomize looks for a ksops.so",
        shown(root)
    );
    Outcome::bad(detail, misplaced(root).unwrap_or_else(|| {
        "put it there with `ksops-rs install DIR`, which makes DIR/plugin, the plugin folder".into()
    }))
}

fn no_root(host: &Host<'_>, roots: &[PathBuf]) -> Outcome {
    let set = host.set(PLUGIN_HOME).map(PathBuf::from);
    let missing: Vec<_> = roots.iter().map(|root| shown(root)).collect();
    let missing = match missing.as_slice() {
        [] => "neither is HOME".into(),
        missing => format!("there is no {}", missing.join(", no ")),
    };
    let detail = match &set {
        Some(dir) => format!("{PLUGIN_HOME} is {}, and {missing}", shown(dir)),
        None => format!("{PLUGIN_HOME} is not set, and {missing}"),
    };
    let found = elsewhere(host);
    let fix = match (&set, &found) {
        (_, Some(root)) => format!("set {PLUGIN_HOME} to {}, where it is", shown(root)),
        (Some(dir), None) => format!(
            "mount the volume that `ksops-rs install` filled at {} (subPath: plugin)",
            shown(dir)
        ),
        (None, None) if host.is_repo_server() => format!(
            "mount the volume that the init container filled a second time (subPath: plugin), and set {PLUGIN_HOME} to that mount"
        ),
        (None, None) => format!("run `ksops-rs install DIR` and set {PLUGIN_HOME} to DIR/plugin"),
    };
    let outcome = Outcome::bad(detail, fix);
    match (set, found) {
        (None, None) => outcome.absent(),
        _ => outcome,
    }
}

/// A plugin folder where kustomize does not look.
fn elsewhere(host: &Host<'_>) -> Option<PathBuf> {
    let beside = host.program.parent().map(|dir| dir.join("plugin"));
    let mut places = host.mount_points();
    places.extend(beside);
    places
        .into_iter()
        .find(|dir| dir.join(PLUGIN_PATH).is_file())
}

/// Says how to mend a tree of the wrong depth.
fn misplaced(root: &Path) -> Option<String> {
    let at = find_ksops(root, 6)?;
    match at.ancestors().find(|dir| dir.join(PLUGIN_PATH) == at) {
        Some(home) => Some(format!("set {PLUGIN_HOME} to {}, where it is", shown(home))),
        None => Some(format!(
            "move {} to {}",
            shown(&at),
            shown(&root.join(PLUGIN_PATH))
        )),
    }
}

fn find_ksops(dir: &Path, depth: u32) -> Option<PathBuf> {
    let file = dir.join("ksops");
    if file.is_file() {
        return Some(file);
    }
    let depth = depth.checked_sub(1)?;
    let mut folders: Vec<_> = fs::read_dir(dir)
        .ok()?
        .take(100)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders.iter().find_map(|folder| find_ksops(folder, depth))
}

/// Whether a program can be run here, and is this one.
fn usable(host: &Host<'_>, path: &Path) -> Outcome {
    let at = shown(path);
    if let Some(why) = host.user.refused(path, Want::Execute) {
        return Outcome::bad(
            format!("{at} {why}"),
            "put it there with `ksops-rs install DIR`, which makes it executable for everyone",
        );
    }
    if host.is_noexec(path) {
        return Outcome::bad(
            format!("{at} is on a volume where nothing may be run (noexec)"),
            "mount the volume without noexec: an emptyDir is",
        );
    }
    let own = Needs::of(&host.program)
        .ok()
        .and_then(|needs| needs.machine());
    let needs = match Needs::of(path) {
        Ok(needs) => needs,
        Err(error) => {
            return Outcome::bad(
                format!("{at}: {}", crate::error::io_reason(&error)),
                "make it readable, so that it can be looked at",
            );
        }
    };
    match needs {
        Needs::Machine(machine) | Needs::Loader(machine, _)
            if own.is_some_and(|own| own != machine) =>
        {
            Outcome::bad(
                format!(
                    "{at} is for {}, and this machine is {} (exec format error)",
                    machine_name(machine),
                    machine_name(own.unwrap_or_default())
                ),
                "use the image or the archive for this architecture",
            )
        }
        Needs::Loader(_, loader) | Needs::Script(loader) if !loader.exists() => Outcome::bad(
            format!(
                "{at} needs {}, which is not here (no such file or directory)",
                shown(&loader)
            ),
            STATIC,
        ),
        Needs::Unknown => Outcome::bad(
            format!("{at} is neither a program nor a script (exec format error)"),
            "look at what was downloaded: an error page, or an archive that was not unpacked",
        ),
        _ => version(host, path),
    }
}

fn version(host: &Host<'_>, path: &Path) -> Outcome {
    let at = shown(path);
    if is_same(path, &host.program) {
        return Outcome::ok(format!("{at}, this program"));
    }
    let own = env!("CARGO_PKG_VERSION");
    let said = match (host.run)(path, &["--version"]) {
        Ok(said) => said,
        Err(error) => {
            return Outcome::bad(
                format!("{at} does not run: {}", crate::error::io_reason(&error)),
                "put it there anew with `ksops-rs install DIR`",
            );
        }
    };
    match said
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("ksops-rs "))
    {
        Some(version) if version == own => Outcome::ok(format!("{at}, ksops-rs {version}")),
        Some(version) => Outcome::bad(
            format!("{at} is ksops-rs {version}, and this is {own}"),
            "install one version everywhere",
        )
        .unless_needed(false),
        None => Outcome::bad(
            format!("{at} is another program, such as KSOPS: what follows is not about it"),
            "put this one there with `ksops-rs install DIR`",
        )
        .unless_needed(false),
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

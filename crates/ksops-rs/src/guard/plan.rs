//! What a build may read and write, as data: made of the environment and of
//! where things are, without a look at the disk.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::environment::may_name_a_file;

/// What may be done below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Read files and list folders.
    Read,
    /// Run programs too.
    Run,
    /// A device that is read and written.
    Device,
    /// Make, change and remove files and folders too; run nothing.
    Write,
}

/// One rule of the wall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// A file, or a folder with all that is below it. It may be missing.
    pub path: PathBuf,
    /// What may be done there.
    pub access: Access,
}

/// `read /etc`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Read => "read",
            Access::Run => "run",
            Access::Device => "device",
            Access::Write => "write",
        };
        write!(f, "{access} {}", self.path.display())
    }
}

/// Where things are.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// The checkout of the application.
    pub root: PathBuf,
    /// What `KSOPS_CONFINE` names, where it does.
    pub confined: Option<PathBuf>,
    /// The folder for temporary files, of this build alone.
    pub private: PathBuf,
    /// kustomize, and the programs that it may run: helm, git, ssh, ksops.
    pub programs: Vec<PathBuf>,
    /// Folders of keys: those of the project and the shared ones, or the one
    /// folder of all.
    pub keys: Vec<PathBuf>,
    /// Whether keys are also where sops and the clouds' programs look for them
    /// in the user's home.
    pub own_keys: bool,
    /// What the administrator added.
    pub more: Vec<PathBuf>,
}

/// Programs, libraries and what they need to know of the system.
const SYSTEM: &[(&str, Access)] = &[
    ("/usr", Access::Run),
    ("/bin", Access::Run),
    ("/sbin", Access::Run),
    ("/lib", Access::Run),
    ("/lib32", Access::Run),
    ("/lib64", Access::Run),
    ("/etc", Access::Read),
    // Links out of /etc on machines that are no containers.
    ("/etc/resolv.conf", Access::Read),
    ("/etc/localtime", Access::Read),
    ("/proc", Access::Read),
    ("/dev/null", Access::Device),
    ("/dev/zero", Access::Read),
    ("/dev/urandom", Access::Read),
    // Argo CD's known hosts and certificates of repositories.
    ("/app/config/ssh", Access::Read),
    ("/app/config/tls", Access::Read),
];

/// Settings of git and ssh below the user's home: git stops where one is there
/// and cannot be read. No key, and no password.
const GIT: &[&str] = &[
    ".gitconfig",
    ".ssh/config",
    ".ssh/known_hosts",
    ".ssh/known_hosts2",
];
const GIT_BELOW_CONFIG: &[&str] = &["git/config", "git/attributes", "git/ignore"];

/// Where keys and credentials are looked for that no variable names.
const KEYS: &[&str] = &[
    ".ssh/id_ed25519",
    ".ssh/id_rsa",
    ".gnupg",
    ".aws",
    ".azure",
    ".vault-token",
];
const KEYS_BELOW_CONFIG: &[&str] = &["sops/age", "gcloud"];

/// The rules for one build.
///
/// `vars` is the environment that the build gets.
pub fn rules(vars: &[(String, String)], layout: &Layout) -> Vec<Rule> {
    let mut rules = Rules(Vec::new());
    for (path, access) in SYSTEM {
        rules.add(path, *access);
    }
    for program in &layout.programs {
        rules.add(program, Access::Run);
    }
    let var = |name: &str| {
        let found = vars.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| Path::new(value))
    };
    let home = var("HOME").filter(|home| home.is_absolute());
    let config = var("XDG_CONFIG_HOME")
        .filter(|config| config.is_absolute())
        .map(Path::to_owned)
        .or_else(|| home.map(|home| home.join(".config")));
    for plugins in plugin_folders(var("KUSTOMIZE_PLUGIN_HOME"), home, config.as_deref()) {
        rules.add(plugins, Access::Run);
    }
    rules.below(home, GIT);
    rules.below(config.as_deref(), GIT_BELOW_CONFIG);
    rules.add(&layout.root, Access::Read);
    for path in layout.confined.iter().chain(&layout.keys) {
        rules.add(path, Access::Read);
    }
    if layout.own_keys {
        rules.below(home, KEYS);
        rules.below(config.as_deref(), KEYS_BELOW_CONFIG);
    }
    // Passed on only where a build may use the pod's identity.
    if var("KSOPS_VAULT_ROLE").is_some() {
        rules.add(
            "/var/run/secrets/kubernetes.io/serviceaccount",
            Access::Read,
        );
    }
    for (name, value) in vars {
        if name == "GIT_SSH_COMMAND" {
            rules.of_ssh(value);
        } else if may_name_a_file(name) {
            rules.add(value, Access::Read);
        }
    }
    for path in &layout.more {
        rules.add(path, Access::Read);
    }
    rules.add(&layout.private, Access::Write);
    rules.0
}

/// Where kustomize looks for plugins.
fn plugin_folders(
    named: Option<&Path>,
    home: Option<&Path>,
    config: Option<&Path>,
) -> Vec<PathBuf> {
    match named {
        Some(named) => vec![named.to_owned()],
        None => config
            .map(|config| config.join("kustomize/plugin"))
            .into_iter()
            .chain(home.map(|home| home.join("kustomize/plugin")))
            .collect(),
    }
}

struct Rules(Vec<Rule>);

impl Rules {
    /// Adds a rule for an absolute path. All of the disk is never meant.
    fn add(&mut self, path: impl AsRef<Path>, access: Access) {
        let path = path.as_ref();
        let is_all = path.components().count() < 2;
        if path.is_absolute() && !is_all && !path.as_os_str().as_encoded_bytes().contains(&b'\n') {
            let path = path.to_owned();
            let rule = Rule { path, access };
            if !self.0.contains(&rule) {
                self.0.push(rule);
            }
        }
    }

    fn below(&mut self, folder: Option<&Path>, names: &[&str]) {
        for name in names {
            if let Some(folder) = folder {
                self.add(folder.join(name), Access::Read);
            }
        }
    }

    /// The files that a command for ssh names: `-i /file`, `-F/file`,
    /// `-o UserKnownHostsFile=/file`.
    fn of_ssh(&mut self, command: &str) {
        for word in command.split_whitespace() {
            let word = word.trim_matches(['"', '\'']);
            let path = match word.split_once('=') {
                Some((_, path)) => path,
                None => word.trim_start_matches("-i").trim_start_matches("-F"),
            };
            self.add(path.trim_matches(['"', '\'']), Access::Read);
        }
    }
}

#[cfg(test)]
mod tests;

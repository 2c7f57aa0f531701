//! Throw-away folders, keys made for one run, and the real kustomize of
//! kubectl.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use age::secrecy::ExposeSecret;
use sops_core::{Document, EncryptOptions, Format, metadata::Rule};

/// The kubectl that the tests use; `None`, with a line on stderr, where there
/// is none that runs exec plugins. With CI=true that is a failure.
pub fn kubectl() -> Option<PathBuf> {
    runs_plugins(tool("kubectl").or_else(|| on_path("kubectl")))
}

/// The one on `PATH`, as the image's programs are: below `/usr`, where a
/// guarded build may read.
pub fn installed_kubectl() -> Option<PathBuf> {
    runs_plugins(on_path("kubectl").filter(|path| path.starts_with("/usr")))
}

fn runs_plugins(kubectl: Option<PathBuf>) -> Option<PathBuf> {
    let found = kubectl.filter(|kubectl| {
        let help = Command::new(kubectl).args(["kustomize", "--help"]).output();
        help.is_ok_and(|help| {
            String::from_utf8_lossy(&help.stdout).contains("--enable-alpha-plugins")
        })
    });
    if found.is_none() {
        let line = "SKIPPED: there is no kubectl on PATH that runs exec plugins (1.27 or newer)";
        assert!(
            env::var("CI").as_deref() != Ok("true"),
            "{line}, and CI=true"
        );
        eprintln!("{line}");
    }
    found
}

/// A program that `.ci/kube` fetched: kubectl with kustomize 5.8.1, helm 4.
pub fn tool(name: &str) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/ci-tools/kube");
    Some(tools.join(name)).filter(|path| path.is_file())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let mut there = env::split_paths(&paths).map(|dir| dir.join(name));
    there.find(|path| path.is_file())
}

/// What a test does without a program: it says so, and fails in CI.
pub fn skip<T>(line: &str) -> Option<T> {
    let line = format!("SKIPPED: {line}");
    assert!(
        env::var("CI").as_deref() != Ok("true"),
        "{line}, and CI=true"
    );
    eprintln!("{line}");
    None
}

/// Whether this test may become other users.
pub fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root = status
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    if !is_root {
        eprintln!("SIMULATED: not root, so that everything runs as one user");
    }
    is_root
}

/// A private key.
pub struct Key {
    pub identity: String,
    pub recipient: String,
}

impl Key {
    pub fn new() -> Self {
        let identity = age::x25519::Identity::generate();
        Key {
            recipient: identity.to_public().to_string(),
            identity: identity.to_string().expose_secret().into(),
        }
    }
}

pub const SECRETS: &str = "^(data|stringData)$";

/// A folder to work in, and the environment of what runs there.
pub struct World {
    temp: tempfile::TempDir,
    pub vars: BTreeMap<String, PathBuf>,
    /// The user and group that programs run as, where that is possible.
    pub user: Option<u32>,
}

impl World {
    pub fn new() -> Self {
        let mut world = World {
            temp: tempfile::tempdir().unwrap(),
            vars: BTreeMap::new(),
            user: None,
        };
        fs::set_permissions(world.temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for dir in ["home", "tmp"] {
            world.open_dir(dir);
        }
        world.program(
            "image/usr/local/bin/ksops",
            Path::new(env!("CARGO_BIN_EXE_ksops-rs")),
        );
        world.set("HOME", "home");
        world.set("TMPDIR", "tmp");
        let paths = env::var_os("PATH").unwrap_or_default();
        world.vars.insert("PATH".into(), paths.into());
        world
    }

    /// A world with the plugin where kustomize finds it, and a key.
    pub fn with_plugin(key: &Key) -> Self {
        let mut world = World::new();
        world.program(
            "plugin/viaduct.ai/v1/ksops/ksops",
            Path::new(env!("CARGO_BIN_EXE_ksops-rs")),
        );
        world.set("KUSTOMIZE_PLUGIN_HOME", "plugin");
        world.write("age.agekey", &key.identity);
        world.set("SOPS_AGE_KEY_FILE", "age.agekey");
        world
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.temp.path().canonicalize().unwrap().join(path)
    }

    /// Sets a variable to a path in this world.
    pub fn set(&mut self, name: &str, path: &str) {
        self.vars.insert(name.into(), self.path(path));
    }

    /// Sets a variable to a text.
    pub fn set_text(&mut self, name: &str, text: &str) {
        self.vars.insert(name.into(), text.into());
    }

    /// A folder that everyone may write into, as an emptyDir is.
    pub fn open_dir(&self, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    }

    fn program(&self, path: &str, from: &Path) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(from, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a file encrypted for these keys, by this `encrypted_regex`.
    pub fn encrypt(&self, path: &str, keys: &[&Key], regex: &str, text: &str) {
        let format = Format::from_path(path);
        let plain = Document::parse_plain(text.as_bytes(), format).unwrap();
        let options = EncryptOptions::new(
            keys.iter()
                .map(|key| sops_core::keys::Recipient::age(&key.recipient)),
        )
        .with_rule(Rule::EncryptedRegex(regex.into()));
        self.write(
            path,
            plain.encrypt(&options, &sops_core::Keyring::new()).unwrap(),
        );
    }

    pub fn command(&self, program: &Path, dir: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.vars)
            .current_dir(self.path(dir));
        command.stdin(Stdio::null());
        if let Some(user) = self.user.filter(|_| is_root()) {
            command.uid(user).gid(user);
        }
        command
    }

    /// `kubectl kustomize` of a folder.
    pub fn build(&self, kubectl: &Path, dir: &str) -> Built {
        let mut command = self.command(kubectl, dir);
        command.args(["kustomize", "--enable-alpha-plugins", "."]);
        Built::of(command.output().unwrap())
    }
}

/// What a build gave.
pub struct Built {
    pub ok: bool,
    pub text: String,
    pub errors: String,
}

impl Built {
    pub fn of(output: Output) -> Self {
        Built {
            ok: output.status.success(),
            text: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The rendered text of a build that must not fail.
    pub fn rendered(self) -> String {
        assert!(self.ok, "{}", self.errors);
        self.text
    }

    /// The errors of a build that must fail, and print nothing.
    pub fn refused(self) -> String {
        assert!(!self.ok, "{}", self.text);
        assert_eq!(self.text, "");
        self.errors
    }
}

/// The resources of a rendered text, by kind and name.
pub fn resources(text: &str) -> BTreeMap<String, serde_yaml::Value> {
    let documents = text.split("\n---\n");
    documents
        .map(|document| {
            let value: serde_yaml::Value = serde_yaml::from_str(document).unwrap();
            let name = value["metadata"]["name"].as_str().unwrap();
            (format!("{}/{name}", value["kind"].as_str().unwrap()), value)
        })
        .collect()
}

pub fn secret(name: &str, key: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  {key}: {value}\n"
    )
}

pub const GENERATOR: &str = testkit::generators::LEGACY;

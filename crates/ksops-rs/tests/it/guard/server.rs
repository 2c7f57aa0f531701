//! A repo-server with a guard in front of kustomize, two tenants and their
//! keys.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::{Built, GENERATOR, Key, SECRETS, World, is_root, secret};

/// The uid of Argo CD's repo-server.
pub(super) const ARGO_CD: u32 = 999;

/// What must never be seen behind the guard.
pub(super) const PASSWORD: &str = "redis-hunter2-password";

/// Where Argo CD puts checkouts.
pub(super) const OWN: &str = "tmp/_argocd-repo/0a1b";
pub(super) const OTHER: &str = "tmp/_argocd-repo/9f8e";

pub(super) struct Server {
    pub(super) world: World,
    pub(super) team_a: Key,
    pub(super) team_b: Key,
    pub(super) shared: Key,
}

/// The image's kustomize: kubectl's, with the subcommands that Argo CD calls,
/// and with `--enable-exec` one generator in KRM style.
pub(crate) fn kustomize(kubectl: &Path) -> String {
    format!(
        r#"#!/bin/sh
case "$1" in
build)
  shift
  case " $* " in
  *" --enable-exec "*)
    cd "$1" || exit 1
    {{
      printf 'apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n'
      sed '1s/^/- /;2,$s/^/  /' generator.yaml
    }} | ksops
    exit ;;
  esac
  exec '{}' kustomize "$@" ;;
version) echo v5.8.1 ;;
edit) printf '# %s\n' "$*" >> kustomization.yaml ;;
exit) exit "$2" ;;
*) echo "unknown command $1" >&2; exit 1 ;;
esac
"#,
        kubectl.display()
    )
}

impl Server {
    /// With a kustomize that is kubectl's, and keys by project.
    pub(super) fn new(kubectl: &Path) -> Self {
        let mut world = World::new();
        world.user = Some(ARGO_CD);
        for dir in ["custom-tools", "home", "tmp", "tmp/_argocd-repo"] {
            world.open_dir(dir);
        }
        let mut server = Server {
            world,
            team_a: Key::new(),
            team_b: Key::new(),
            shared: Key::new(),
        };
        server.script("image/usr/local/bin/kustomize", &kustomize(kubectl));
        server.install();
        for (folder, key) in [
            ("team-a", &server.team_a),
            ("team-b", &server.team_b),
            ("_shared", &server.shared),
        ] {
            let path = format!("keys/{folder}/age.agekey");
            server.world.write(&path, &key.identity);
        }
        for checkout in [OWN, OTHER] {
            server.checkout(checkout);
        }
        server.world.set("KSOPS_KEY_DIR", "keys");
        server
            .world
            .set("KUSTOMIZE_PLUGIN_HOME", "custom-tools/plugin");
        server
            .world
            .set("KSOPS_GUARD_KUSTOMIZE", "image/usr/local/bin/kustomize");
        for (name, value) in [
            ("ARGOCD_APP_NAME", "shop"),
            ("ARGOCD_APP_PROJECT_NAME", "team-a"),
            ("REDIS_PASSWORD", PASSWORD),
            ("ARGOCD_REPO_SERVER_TOKEN", PASSWORD),
            ("LANG", "C.UTF-8"),
        ] {
            server.world.set_text(name, value);
        }
        let paths = server.world.vars["PATH"].clone();
        let mut paths: Vec<_> = std::env::split_paths(&paths).collect();
        paths.insert(0, server.world.path("custom-tools"));
        let paths = std::env::join_paths(paths).unwrap();
        server.world.vars.insert("PATH".into(), paths.into());
        server
    }

    pub(super) fn script(&self, path: &str, text: &str) {
        self.world.write(path, text);
        let path = self.world.path(path);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The init container's work.
    fn install(&self) {
        let image = self.world.path("image/usr/local/bin/ksops");
        let mut command = self.world.command(&image, "/");
        command.arg("install").arg("--guard");
        command.arg(self.world.path("custom-tools"));
        let installed = Built::of(command.output().unwrap());
        assert!(installed.ok, "{}", installed.errors);
    }

    /// A checkout with an encrypted Secret in `app`, as Argo CD leaves it.
    fn checkout(&self, path: &str) {
        let files = [
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/hooks/README", ""),
            ("app/kustomization.yaml", "generators: [generator.yaml]\n"),
            ("app/generator.yaml", GENERATOR),
            ("private.txt", path),
        ];
        for (file, text) in files {
            self.world.write(&format!("{path}/{file}"), text);
        }
        let keys = [&self.team_a];
        let text = secret("db", "password", "hunter2");
        let file = format!("{path}/app/secret.enc.yaml");
        self.world.encrypt(&file, &keys, SECRETS, &text);
        self.own(path);
    }

    /// Gives files to the user that everything runs as.
    pub(super) fn own(&self, path: &str) {
        fn give(path: &Path, user: u32) {
            chown(path, Some(user), Some(user)).unwrap();
            if path.is_dir() && !path.is_symlink() {
                for entry in fs::read_dir(path).unwrap() {
                    give(&entry.unwrap().path(), user);
                }
            }
        }
        if is_root() {
            give(&self.world.path(path), self.world.user.unwrap());
        }
    }

    /// kustomize as Argo CD calls it: in the checkout, by its name.
    pub(super) fn command(&self, is_guarded: bool, args: &[&str]) -> Command {
        let program = if is_guarded {
            "custom-tools/kustomize"
        } else {
            "image/usr/local/bin/kustomize"
        };
        let mut command = self.world.command(&self.world.path(program), OWN);
        command.args(args);
        command
    }

    /// A build of a folder of the checkout.
    pub(super) fn build(&self, is_guarded: bool, folder: &str, options: &[&str]) -> Built {
        let path = self.world.path(OWN).join(folder);
        let mut args = vec!["build", path.to_str().unwrap()];
        args.extend(options);
        Built::of(self.command(is_guarded, &args).output().unwrap())
    }

    /// What is in the folder for temporary files besides checkouts.
    pub(super) fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.world.path("tmp")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| !path.ends_with("_argocd-repo"))
            .collect()
    }
}

/// What `--enable-alpha-plugins` is for.
pub(super) const LEGACY: &[&str] = &["--enable-alpha-plugins"];

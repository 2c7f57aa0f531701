//! The pod itself: mounts, environment and users, out of the manifests.

use std::{
    fmt::Write,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output},
};

use serde_yaml::Value;

use crate::{
    guard::server::kustomize,
    manifests::{named, octal, read, yaml},
    world::{GENERATOR, Key, SECRETS, World, secret},
};

/// What a command did.
pub(super) struct Ran {
    ok: bool,
    pub(super) text: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            ok: output.status.success(),
            text: text(&output.stdout) + &text(&output.stderr),
        }
    }

    pub(super) fn good(self) -> String {
        assert!(self.ok, "{}", self.text);
        self.text
    }
}

/// A repo-server's pod.
pub(super) struct Pod {
    pub(super) world: World,
    init: Value,
    mounts: Vec<Value>,
    env: Vec<(String, String)>,
    /// What stands in the image's `/usr/local/bin/kustomize`.
    kubectl: std::path::PathBuf,
}

/// Where Argo CD puts checkouts.
pub(super) const OWN: &str = "/tmp/_argocd-repo/0a1b";
pub(super) const OTHER: &str = "/tmp/_argocd-repo/9f8e";

impl Pod {
    /// As the values of the chart make it: one key for all.
    pub(super) fn new(kubectl: &Path, key: &Key) -> Self {
        let values = octal(&read("plugin/argocd/helm/values.yaml"));
        let values: Value = serde_yaml::from_str(&values).unwrap();
        let server = &values["repoServer"];
        let mut pod = Pod {
            world: World::new(),
            init: server["initContainers"][0].clone(),
            mounts: Vec::new(),
            env: Vec::new(),
            kubectl: kubectl.to_owned(),
        };
        pod.add(server);
        // An emptyDir is everybody's.
        for volume in ["custom-tools", "tmp"] {
            pod.world.open_dir(&format!("volumes/{volume}"));
        }
        pod.secret("sops-age", &[("age.agekey", &key.identity)]);
        for (checkout, of) in [(OWN, "own"), (OTHER, "other")] {
            pod.checkout(checkout, of, key);
        }
        pod.world.write(
            "image/kustomize",
            kustomize(Path::new("/usr/local/bin/kubectl")),
        );
        let program = pod.world.path("image/kustomize");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        pod
    }

    /// With the guard, and with keys by project besides: those of team-a as the
    /// example has them.
    pub(super) fn guarded(kubectl: &Path, key: &Key, other: &Key) -> Self {
        let mut pod = Pod::new(kubectl, key);
        let guard = yaml("plugin/argocd/guard/values.yaml");
        pod.init["args"] = guard["repoServer"]["initContainers"][0]["args"].clone();
        pod.add(&guard["repoServer"]);
        let patch = octal(&read("plugin/argocd/examples/repo-server-projects.yaml"));
        let patch: Value = serde_yaml::from_str(&patch).unwrap();
        let spec = &patch["spec"]["template"]["spec"];
        pod.add(&spec["containers"][0]);
        let volume = "sops-age-projects";
        let sources = &named(&spec["volumes"], volume)["projected"]["sources"];
        let items = sources.as_sequence().unwrap().iter();
        let items = items.flat_map(|source| source["secret"]["items"].as_sequence().unwrap());
        let paths: Vec<_> = items.map(|item| item["path"].as_str().unwrap()).collect();
        let mut files: Vec<_> = paths
            .into_iter()
            .map(|path| match path {
                "sops.aws-kms" => panic!("a cloud's credentials for all"),
                path if path.ends_with("sops.aws-kms") => (
                    path,
                    "aws_access_key_id: AKIA\naws_secret_access_key: of-team-a\n",
                ),
                path => (path, key.identity.as_str()),
            })
            .collect();
        files.push(("team-b/age.agekey", &other.identity));
        pod.secret(volume, &files);
        // What the repo-server has of its own.
        pod.env.push(("REDIS_PASSWORD".into(), super::REDIS.into()));
        pod.world.write("volumes/account/token", "of-the-account");
        pod.mounts.push(serde_yaml::from_str("{name: account, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}").unwrap());
        pod
    }

    /// Adds the mounts and variables of a container.
    fn add(&mut self, container: &Value) {
        self.mounts.extend(
            container["volumeMounts"]
                .as_sequence()
                .unwrap()
                .iter()
                .cloned(),
        );
        for item in container["env"].as_sequence().unwrap() {
            let text = |field: &str| item[field].as_str().unwrap().to_owned();
            self.env.push((text("name"), text("value")));
        }
    }

    /// A Secret is files of root's behind links.
    fn secret(&self, volume: &str, files: &[(&str, &str)]) {
        let at = self.world.path("volumes").join(volume);
        for (path, text) in files {
            let file = format!("volumes/{volume}/..2026/{path}");
            self.world.write(&file, text);
            let file = self.world.path(&file);
            fs::set_permissions(file, fs::Permissions::from_mode(0o444)).unwrap();
            let top = path.split('/').next().unwrap();
            if fs::symlink_metadata(at.join(top)).is_err() {
                symlink(format!("..data/{top}"), at.join(top)).unwrap();
            }
        }
        symlink("..2026", at.join("..data")).unwrap();
    }

    /// A checkout, as the repo-server has it.
    fn checkout(&self, path: &str, of: &str, key: &Key) {
        let write =
            |file: &str, text: &str| self.world.write(&format!("volumes{path}/{file}"), text);
        write(".git/HEAD", "ref: refs/heads/main\n");
        write(".git/hooks/README", "");
        write("private.txt", of);
        let text = secret("db", "password", "of-the-pod");
        let file = format!("volumes{path}/secrets/db.enc.yaml");
        self.world.encrypt(&file, &[key], SECRETS, &text);
        let generator = GENERATOR.replace("secret.enc", "../secrets/db.enc");
        write("app/generator.yaml", &generator);
        write("app/kustomization.yaml", "generators: [generator.yaml]\n");
        let krm = "  annotations:\n    config.kubernetes.io/function: |\n      exec:\n        path: ksops\n";
        let (head, tail) = generator.split_once("files:").unwrap();
        write("krm/generator.yaml", &format!("{head}{krm}files:{tail}"));
        write("krm/kustomization.yaml", "generators: [generator.yaml]\n");
    }

    /// Runs a command in the init container, as its image and this user.
    pub(super) fn init(&self, user: &str) -> Ran {
        let args = self.init["args"].as_sequence().unwrap().iter();
        let args: Vec<_> = args.map(|arg| arg.as_str().unwrap()).collect();
        let mut script = self.root();
        // The image: one program. Unlike a release's it is not static here.
        script
            .push_str("for d in /usr/lib /usr/lib64 /lib /lib64; do [ ! -e $d ] || ro $d; done\n");
        let program = env!("CARGO_BIN_EXE_ksops-rs");
        let _ = writeln!(script, "at '{program}' /usr/local/bin/ksops");
        for mount in self.init["volumeMounts"].as_sequence().unwrap() {
            self.mount(mount, &mut script);
        }
        self.run(script, user, &["/usr/local/bin/ksops"], &args)
    }

    /// Runs a command in the repo-server, in the application's folder.
    pub(super) fn server(&self, user: &str, vars: &[&str], command: &str) -> Ran {
        let mut script = self.root();
        script.push_str("for d in /usr/bin /usr/lib /usr/lib64 /lib /lib64 /bin /etc; do [ ! -e $d ] || ro $d; done\n");
        let _ = writeln!(
            script,
            "at '{}' /usr/local/bin/kubectl",
            self.kubectl.display()
        );
        let stand_in = self.world.path("image/kustomize");
        let _ = writeln!(
            script,
            "at '{}' /usr/local/bin/kustomize",
            stand_in.display()
        );
        let tmp = self.world.path("volumes/tmp");
        let _ = writeln!(
            script,
            "at '{0}' /tmp; chown -R {user} '{0}/_argocd-repo'; chmod 0300 '{0}/_argocd-repo'",
            tmp.display()
        );
        for mount in &self.mounts {
            self.mount(mount, &mut script);
        }
        let mut env = vec!["/usr/bin/env".to_owned(), "HOME=/home/argocd".into()];
        env.extend(
            self.env
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        env.extend(vars.iter().map(|var| (*var).to_owned()));
        let env: Vec<_> = env.iter().map(String::as_str).collect();
        let line = format!("cd {OWN}/app && {command}");
        self.run(script, user, &env, &["/bin/sh", "-c", &line])
    }

    /// A file system of its own, and how things get there.
    fn root(&self) -> String {
        self.world.open_dir("root");
        format!(
            "set -eu\nR='{}'\nmount -t tmpfs tmpfs \"$R\"\n\
             at() {{ if [ -d \"$1\" ]; then mkdir -p \"$R$2\"; else mkdir -p \"$R${{2%/*}}\"; : >\"$R$2\"; fi; mount --bind \"$1\" \"$R$2\"; }}\n\
             ro() {{ if [ -L \"$1\" ]; then ln -s \"$(readlink \"$1\")\" \"$R$1\"; else at \"$1\" \"$1\"; mount -o remount,bind,ro \"$R$1\"; fi; }}\n\
             mkdir -p \"$R/proc\" \"$R/dev\" \"$R/usr/local/bin\"\n\
             mount -t proc proc \"$R/proc\"\n\
             at /dev/null /dev/null\nat /dev/urandom /dev/urandom\n",
            self.world.path("root").display()
        )
    }

    fn mount(&self, mount: &Value, script: &mut String) {
        let name = mount["name"].as_str().unwrap();
        let mut from = self.world.path("volumes").join(name);
        if let Some(sub) = mount["subPath"].as_str() {
            from.push(sub);
        }
        let at = mount["mountPath"].as_str().unwrap();
        let _ = writeln!(script, "at '{}' '{at}'", from.display());
        if mount["readOnly"] == true {
            let _ = writeln!(script, "mount -o remount,bind,ro \"$R{at}\"");
        }
    }

    fn run(&self, mut script: String, user: &str, env: &[&str], args: &[&str]) -> Ran {
        // No user but root has a capability, and no_new_privs keeps it so.
        let _ = writeln!(
            script,
            "mount -o remount,ro \"$R\"\nexec setpriv --no-new-privs env -i PATH=/usr/local/bin:/usr/bin:/bin \
             \"$(command -v chroot)\" --userspec={user} --groups= \"$R\" \"$@\""
        );
        let output = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--propagation", "private"])
            .args(["sh", "-c", &script, "pod"])
            .args(env)
            .args(args)
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .output()
            .unwrap();
        Ran::of(&output)
    }
}

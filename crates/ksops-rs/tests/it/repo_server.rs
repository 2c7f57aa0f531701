//! A repo-server's pod, as far as the kernel's namespaces make one: the init
//! container and the server with the mounts and the environment of
//! `plugin/argocd/helm/values.yaml`, read-only roots, users without
//! capabilities.

use std::{
    fmt::Write,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output},
};

use serde_yaml::Value;

use crate::{
    manifests::{octal, read},
    world::{GENERATOR, Key, SECRETS, World, is_root, kubectl, secret, skip},
};

/// Shows what a command did.
struct Ran {
    ok: bool,
    text: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            ok: output.status.success(),
            text: text(&output.stdout) + &text(&output.stderr),
        }
    }

    fn good(self) -> String {
        assert!(self.ok, "{}", self.text);
        self.text
    }
}

struct Pod {
    world: World,
    values: Value,
}

impl Pod {
    fn new(key: &Key) -> Self {
        let world = World::new();
        let values = octal(&read("plugin/argocd/helm/values.yaml"));
        let pod = Pod {
            world,
            values: serde_yaml::from_str(&values).unwrap(),
        };
        // An emptyDir is everybody's.
        pod.world.open_dir("volumes/custom-tools");
        // A Secret is files of root's behind links.
        let secret = pod.world.path("volumes/sops-age");
        pod.world
            .write("volumes/sops-age/..2026/age.agekey", &key.identity);
        let file = secret.join("..2026/age.agekey");
        fs::set_permissions(file, fs::Permissions::from_mode(0o444)).unwrap();
        symlink("..2026", secret.join("..data")).unwrap();
        symlink("..data/age.agekey", secret.join("age.agekey")).unwrap();
        // A checkout, as the repo-server has it.
        pod.world
            .write("checkout/.git/HEAD", "ref: refs/heads/main\n");
        let text = secret_text();
        pod.world
            .encrypt("checkout/secrets/db.enc.yaml", &[key], SECRETS, &text);
        let generator = GENERATOR.replace("secret.enc", "../secrets/db.enc");
        pod.world.write("checkout/app/generator.yaml", &generator);
        pod.world.write(
            "checkout/app/kustomization.yaml",
            "generators: [generator.yaml]\n",
        );
        let list = format!(
            "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- {}\n",
            generator.trim_end().replace('\n', "\n  ")
        );
        pod.world.write("checkout/app/list.yaml", list);
        pod
    }

    /// Runs a command in the init container, as its image and this user.
    fn init(&self, user: &str) -> Ran {
        let init = &self.values["repoServer"]["initContainers"][0];
        let args: Vec<_> = init["args"].as_sequence().unwrap().iter().collect();
        let args: Vec<_> = args.iter().map(|arg| arg.as_str().unwrap()).collect();
        let mut script = self.root();
        // The image: one program. Unlike a release's it is not static here.
        script
            .push_str("for d in /usr/lib /usr/lib64 /lib /lib64; do [ ! -e $d ] || ro $d; done\n");
        let program = env!("CARGO_BIN_EXE_ksops-rs");
        let _ = writeln!(script, "at '{program}' /usr/local/bin/ksops");
        for mount in init["volumeMounts"].as_sequence().unwrap() {
            self.mount(mount, &mut script);
        }
        self.run(script, user, &["/usr/local/bin/ksops"], &args)
    }

    /// Runs a command in the repo-server, in the application's folder.
    fn server(&self, kubectl: &Path, user: &str, vars: &[&str], command: &str) -> Ran {
        let server = &self.values["repoServer"];
        let mut script = self.root();
        script.push_str("for d in /usr/bin /usr/lib /usr/lib64 /lib /lib64 /bin /etc; do [ ! -e $d ] || ro $d; done\n");
        let _ = writeln!(script, "at '{}' /usr/local/bin/kubectl", kubectl.display());
        for mount in server["volumeMounts"].as_sequence().unwrap() {
            self.mount(mount, &mut script);
        }
        let checkout = self.world.path("checkout");
        let _ = writeln!(script, "at '{}' /checkout", checkout.display());
        let mut env = vec!["/usr/bin/env".to_owned(), "HOME=/home/argocd".into()];
        for item in server["env"].as_sequence().unwrap() {
            let text = |field: &str| item[field].as_str().unwrap();
            env.push(format!("{}={}", text("name"), text("value")));
        }
        env.extend(vars.iter().map(|var| (*var).to_owned()));
        let env: Vec<_> = env.iter().map(String::as_str).collect();
        let line = format!("cd /checkout/app && {command}");
        self.run(script, user, &env, &["/bin/sh", "-c", &line])
    }

    /// A file system of its own, and how things get there.
    fn root(&self) -> String {
        self.world.open_dir("root");
        format!(
            "set -eu\nR='{}'\nmount -t tmpfs tmpfs \"$R\"\n\
             at() {{ if [ -d \"$1\" ]; then mkdir -p \"$R$2\"; else mkdir -p \"$R${{2%/*}}\"; : >\"$R$2\"; fi; mount --bind \"$1\" \"$R$2\"; }}\n\
             ro() {{ if [ -L \"$1\" ]; then ln -s \"$(readlink \"$1\")\" \"$R$1\"; else at \"$1\" \"$1\"; mount -o remount,bind,ro \"$R$1\"; fi; }}\n\
             mkdir -p \"$R/proc\" \"$R/dev\" \"$R/tmp\" \"$R/usr/local/bin\"\n\
             mount -t proc proc \"$R/proc\"\n\
             at /dev/null /dev/null\nat /dev/urandom /dev/urandom\n\
             mount -t tmpfs tmpfs \"$R/tmp\"; chmod 1777 \"$R/tmp\"\n",
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

fn secret_text() -> String {
    secret("db", "password", "of-the-pod")
}

/// Whether there are namespaces to be had.
fn possible() -> bool {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args([
            "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt",
        ]);
        command.output().is_ok_and(|output| output.status.success())
    };
    if is_root() && unshare() {
        return true;
    }
    // What CI runs as a user other than root cannot make a pod.
    if is_root() {
        skip::<()>("no namespaces can be had for a simulated pod");
    }
    false
}

#[test]
fn install_doctor_and_both_styles_work_in_the_pod() {
    if !possible() {
        return;
    }
    let Some(kubectl) = kubectl() else { return };
    let key = Key::new();
    // The user of the image and that of the repo-server; both as OpenShift
    // gives them.
    for (init, server) in [("65534:65534", "999:999"), ("1000680000:0", "1000680000:0")] {
        let pod = Pod::new(&key);
        // A pod that starts again finds the volume filled.
        for _ in 0..2 {
            let said = pod.init(init).good();
            assert!(said.contains("installed /custom-tools/ksops"), "{said}");
        }
        let run = |vars: &[&str], command: &str| pod.server(&kubectl, server, vars, command);

        let seen = run(
            &[],
            "id -u; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; touch /x",
        )
        .text;
        let user = server.split(':').next().unwrap();
        assert!(seen.starts_with(user), "{seen}");
        assert!(seen.contains("CapEff:\t0000000000000000"), "{seen}");
        assert!(seen.contains("NoNewPrivs:\t1"), "{seen}");
        assert!(seen.contains("Read-only file system"), "{seen}");

        let options = "--build-options --enable-alpha-plugins";
        let report = run(&[], &format!("ksops doctor {options} . 2>&1")).good();
        // The program of this test is not static.
        let wrong: Vec<_> = report
            .lines()
            .filter(|line| line.starts_with(['!', '✗']) && !line.contains("not static"))
            .collect();
        assert_eq!(wrong, [""; 0], "{report}");
        assert!(report.contains("opened, its MAC holds"), "{report}");
        assert!(
            report.contains("files are read inside /checkout"),
            "{report}"
        );

        let argo = ["ARGOCD_APP_NAME=app", "ARGOCD_APP_PROJECT_NAME=team-a"];
        let legacy = "kubectl kustomize --enable-alpha-plugins .";
        let rendered = run(&argo, legacy).good();
        assert!(rendered.contains("password: of-the-pod"), "{rendered}");
        let rendered = run(&argo, "ksops <list.yaml").good();
        assert!(rendered.contains("password: of-the-pod"), "{rendered}");
        // By its path, where nothing is mounted on PATH.
        let plugin = "$KUSTOMIZE_PLUGIN_HOME/viaduct.ai/v1/ksops/ksops --version";
        assert!(run(&[], plugin).good().starts_with("ksops-rs "));
    }
}

//! A repo-server's pod, as far as the kernel's namespaces make one: the init
//! container and the server with the mounts and the environment of
//! `plugin/argocd`'s values and patches, read-only roots, users without
//! capabilities.

mod pod;

use std::process::Command;

use pod::{OTHER, OWN, Pod};

use crate::{
    guard::{hostile, landlock},
    world::{Key, is_root, kubectl, skip},
};

/// What only the repo-server itself has.
const REDIS: &str = "redis-of-the-pod";

/// The user of the image and that of the repo-server; both as OpenShift gives
/// them.
const USERS: [(&str, &str); 2] = [("65534:65534", "999:999"), ("1000680000:0", "1000680000:0")];

const ARGO: [&str; 2] = ["ARGOCD_APP_NAME=app", "ARGOCD_APP_PROJECT_NAME=team-a"];

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

/// A pod that starts, and starts again: then it finds the volume filled.
fn start(pod: &Pod, user: &str) {
    for _ in 0..2 {
        let said = pod.init(user).good();
        assert!(said.contains("installed /custom-tools/ksops"), "{said}");
    }
}

/// Nothing of a report is wrong but that the program of this test is not
/// static.
#[track_caller]
fn all_is_well(report: &str) {
    let wrong: Vec<_> = report
        .lines()
        .filter(|line| line.starts_with(['!', '✗']) && !line.contains("not static"))
        .collect();
    assert_eq!(wrong, [""; 0], "{report}");
}

#[test]
fn install_doctor_and_both_styles_work_in_the_pod() {
    if !possible() {
        return;
    }
    let Some(kubectl) = kubectl() else { return };
    for (init, server) in USERS {
        let pod = Pod::new(&kubectl, &Key::new());
        start(&pod, init);
        let run = |vars: &[&str], command: &str| pod.server(server, vars, command);

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
        all_is_well(&report);
        assert!(report.contains("opened, its MAC holds"), "{report}");
        let inside = format!("files are read inside {OWN}");
        assert!(report.contains(&inside), "{report}");

        for build in [
            "kubectl kustomize --enable-alpha-plugins .",
            "kustomize build . --enable-alpha-plugins",
            "kustomize build ../krm --enable-alpha-plugins --enable-exec",
        ] {
            let rendered = run(&ARGO, build).good();
            assert!(rendered.contains("password: of-the-pod"), "{rendered}");
        }
        // By its path, where nothing is mounted on PATH.
        let plugin = "$KUSTOMIZE_PLUGIN_HOME/viaduct.ai/v1/ksops/ksops --version";
        assert!(run(&[], plugin).good().starts_with("ksops-rs "));
    }
}

#[test]
fn with_the_guard_all_of_it_works_too() {
    if !possible() {
        return;
    }
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    for (init, server) in USERS {
        let (key, other) = (Key::new(), Key::new());
        let pod = Pod::guarded(&kubectl, &key, &other);
        start(&pod, init);
        let run = |vars: &[&str], command: &str| pod.server(server, vars, command);

        let options = "--build-options --enable-alpha-plugins --project team-a";
        let report = run(&[], &format!("ksops doctor {options} . 2>&1")).good();
        all_is_well(&report);
        for said in [
            "✓ guard: /custom-tools/kustomize guards /usr/local/bin/kustomize",
            "REDIS_PASSWORD, SOPS_AGE_KEY_FILE\n",
            "✓ project: team-a",
            "opened, its MAC holds",
        ] {
            assert!(report.contains(said), "{said}\n{report}");
        }
        assert!(run(&[], "kustomize version").good().starts_with("v5"));
        for build in [
            format!("kustomize build {OWN}/app --enable-alpha-plugins"),
            format!("kustomize build {OWN}/krm --enable-alpha-plugins --enable-exec"),
        ] {
            let rendered = run(&ARGO, &build).good();
            assert!(rendered.contains("password: of-the-pod"), "{rendered}");
            let team_b = ["ARGOCD_APP_NAME=app", "ARGOCD_APP_PROJECT_NAME=team-b"];
            // The same key is everybody's in `_shared`.
            assert!(run(&team_b, &build).good().contains("of-the-pod"));
        }
    }
}

/// What a tenant's program does, with nothing in its way but the pod.
fn attempts() -> Vec<String> {
    let keys = "/home/argocd/sops-age-projects";
    let mut all: Vec<String> = [
        // Another checkout, and who has one.
        format!("grep -q other {OTHER}/private.txt"),
        format!("ls {OTHER}/.git/hooks"),
        format!("ls -d {OTHER}/*"),
        "ls /tmp".into(),
        format!("cp -r {OTHER}/app \"${{TMPDIR:-/tmp}}/copy\""),
        format!("ln -sf {OTHER}/private.txt \"${{TMPDIR:-/tmp}}/link\" && cat \"${{TMPDIR:-/tmp}}/link\""),
        format!("cat /proc/self/root{OTHER}/private.txt"),
        // Other keys.
        format!("ls {keys}"),
        format!("cat {keys}/team-b/age.agekey"),
        format!("cat {keys}/..data/team-b/age.agekey"),
        format!("cd {keys}/team-a && cat ../team-b/age.agekey"),
        "cat /home/argocd/.config/sops/age/age.agekey".into(),
        // Another project's key, had by this program itself.
        "ksops doctor --project team-b | grep 'team-b/age.agekey: for age1'".into(),
        // What the repo-server has.
        "cat /var/run/secrets/kubernetes.io/serviceaccount/token".into(),
        "test -n \"$REDIS_PASSWORD\"".into(),
        "test -n \"$SOPS_AGE_KEY_FILE\"".into(),
        "grep -la 'redis[-]of-the-pod' /proc/[0-9]*/environ | grep .".into(),
        "grep -la 'password=of[-]another' /proc/[0-9]*/environ | grep .".into(),
        "head -c 1 /proc/$OTHER_PID/environ".into(),
        "ls /proc/$OTHER_PID/root/ /proc/$OTHER_PID/cwd/".into(),
        // What would stay: hooks, settings of git, the next build.
        format!("echo x > {OWN}/.git/hooks/post-checkout"),
        format!("echo x >> {OWN}/.git/config"),
        format!("echo x > {OWN}/app/new.yaml"),
        format!("echo x > {OTHER}/new"),
        format!("echo x >> {OTHER}/app/kustomization.yaml"),
        format!("rm {OTHER}/krm/generator.yaml"),
        format!("mv {OTHER}/app {OTHER}/moved"),
        "mkdir -p /tmp/.git".into(),
        "echo x > /tmp/left".into(),
        "cp /bin/true \"${TMPDIR:-/tmp}/own\" && \"${TMPDIR:-/tmp}/own\"".into(),
    ]
    .into();
    if landlock().is_some_and(|version| version >= ksops_rs::guard::kernel::SIGNALS) {
        all.push("kill -0 $OTHER_PID".into());
        all.push("kill -STOP $OTHER_PID && kill -CONT $OTHER_PID".into());
    }
    all
}

#[test]
fn a_hostile_repository_gets_nothing() {
    if !possible() {
        return;
    }
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let attempts = attempts();
    for (init, server) in USERS {
        let (key, other) = (Key::new(), Key::new());
        let pod = Pod::guarded(&kubectl, &key, &other);
        start(&pod, init);
        for (number, attempt) in attempts.iter().enumerate() {
            let folder = format!("volumes{OWN}/hostile-{number}");
            let generators = "generators: [x.yaml]\n";
            let name = format!("{folder}/kustomization.yaml");
            pod.world.write(&name, generators);
            // The number of a process is not in the environment that is kept.
            let attempt = format!("OTHER_PID=$(cat /tmp/_argocd-repo/0a1b/pid); {attempt}");
            pod.world
                .write(&format!("{folder}/x.yaml"), hostile::generator(&attempt));
        }
        // Another build of the same user's runs meanwhile.
        let count = attempts.len();
        let builds = |kustomize: &str| {
            format!(
                "password=of-another sleep 600 & echo $! > {OWN}/pid\n\
                 n=0; while [ $n -lt {count} ]; do\n\
                 echo \"attempt $n\"; {kustomize} build {OWN}/hostile-$n --enable-alpha-plugins 2>&1 || true\n\
                 n=$((n + 1)); done; kill $!"
            )
        };
        let had = |kustomize: &str| {
            let text = pod.server(server, &ARGO, &builds(kustomize)).good();
            let parts: Vec<_> = text.split("attempt ").skip(1).collect();
            assert_eq!(parts.len(), count, "{text}");
            parts
                .iter()
                .zip(&attempts)
                .map(|(part, attempt)| {
                    hostile::said(part).unwrap_or_else(|| panic!("{attempt}\n{part}"))
                })
                .collect::<Vec<_>>()
        };
        let of = |had: Vec<bool>, what: bool| -> Vec<_> {
            let all = attempts.iter().zip(had);
            all.filter(|(_, had)| *had == what)
                .map(|(attempt, _)| attempt.clone())
                .collect()
        };
        // As Argo CD finds it on PATH, and the image's own.
        assert_eq!(
            of(had("kustomize"), true),
            [""; 0],
            "with the guard, as {server}"
        );
        assert_eq!(
            of(had("/usr/local/bin/kustomize"), false),
            [""; 0],
            "not even without, as {server}"
        );
        let again = pod.server(
            server,
            &ARGO,
            &format!("kustomize build {OWN}/krm --enable-exec"),
        );
        assert!(again.good().contains("of-the-pod"));
    }
}

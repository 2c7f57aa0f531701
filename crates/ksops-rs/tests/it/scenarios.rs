//! What teams do with it, from their repositories to the rendered Secrets,
//! through the real kustomize of kubectl.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use crate::world::{Built, GENERATOR, Key, SECRETS, World, is_root, kubectl, resources, secret};

/// 1. A repo-server pod: an init container as user 65534 fills an emptyDir,
///    from which user 999 runs the plugin with a mounted key.
#[test]
fn a_repo_server_from_install_to_the_rendered_secret() {
    let Some(kubectl) = kubectl() else { return };
    let (cluster, person) = (Key::new(), Key::new());
    let mut world = World::new();
    world.write(
        "repo/app/kustomization.yaml",
        "generators: [generator.yaml]\n",
    );
    world.write("repo/app/generator.yaml", GENERATOR);
    world.encrypt(
        "repo/app/secret.enc.yaml",
        &[&person, &cluster],
        SECRETS,
        &secret("db", "password", "hunter2"),
    );

    world.open_dir("custom-tools");
    let image = world.path("image/usr/local/bin/ksops");
    let install = |world: &World, program: &Path| {
        let mut command = world.command(program, "/");
        Built::of(
            command
                .env_clear()
                .arg("install")
                .arg(world.path("custom-tools"))
                .output()
                .unwrap(),
        )
    };
    world.user = Some(65534);
    // Twice, and from the copy onto itself.
    for program in [&image, &image, &world.path("custom-tools/ksops")] {
        let installed = install(&world, program);
        assert!(installed.ok, "{}", installed.errors);
        assert_eq!(installed.errors.lines().count(), 2, "{}", installed.errors);
    }

    // The mounts of the repo-server, as links.
    let home = "home/argocd";
    world.write(
        &format!("{home}/.config/sops/age/age.agekey"),
        &cluster.identity,
    );
    let key = world.path(&format!("{home}/.config/sops/age/age.agekey"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o444)).unwrap();
    symlink(
        world.path("custom-tools/plugin"),
        world.path(home).join("ksops-plugin"),
    )
    .unwrap();
    fs::create_dir(world.path("bin")).unwrap();
    symlink(world.path("custom-tools/ksops"), world.path("bin/ksops")).unwrap();
    world.user = Some(999);
    world.set("HOME", home);
    world.set("XDG_CONFIG_HOME", &format!("{home}/.config"));
    world.set("KUSTOMIZE_PLUGIN_HOME", &format!("{home}/ksops-plugin"));
    world.set(
        "SOPS_AGE_KEY_FILE",
        &format!("{home}/.config/sops/age/age.agekey"),
    );
    world.set_text("ARGOCD_APP_NAME", "shop");
    let rendered = world.build(&kubectl, "repo/app").rendered();
    let rendered = resources(&rendered);
    assert_eq!(rendered["Secret/db"]["stringData"]["password"], "hunter2");

    // While a build runs, or after it: an update.
    world.user = Some(65534);
    assert!(install(&world, &image).ok);
    world.user = Some(999);
    assert!(world.build(&kubectl, "repo/app").ok);

    // Doctor, inside the pod, agrees.
    let path = world.vars["PATH"].as_os_str().to_str().unwrap().to_owned();
    let path = format!("{}:{path}", world.path("bin").display());
    world.set_text("PATH", &path);
    world.vars.remove("ARGOCD_APP_NAME");
    let doctor = |world: &World| {
        let mut command = world.command(&world.path("bin/ksops"), "repo");
        let options = ["doctor", "app", "--build-options", "--enable-alpha-plugins"];
        Built::of(command.args(options).output().unwrap())
    };
    let report = doctor(&world);
    assert!(report.ok, "{}{}", report.text, report.errors);
    assert!(
        report.text.contains("opened, its MAC holds"),
        "{}",
        report.text
    );
    if is_root() {
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
        let report = doctor(&world);
        assert!(!report.ok);
        let wrong: Vec<_> = report
            .text
            .lines()
            .filter(|line| line.starts_with('✗'))
            .collect();
        assert_eq!(wrong.len(), 1, "{}", report.text);
        assert!(wrong[0].contains("SOPS_AGE_KEY_FILE"), "{wrong:?}");
        let errors = world.build(&kubectl, "repo/app").refused();
        assert!(errors.contains("SOPS_AGE_KEY_FILE"), "{errors}");
    }
    // Either key opens it.
    world.write("person.agekey", &person.identity);
    world.set("SOPS_AGE_KEY_FILE", "person.agekey");
    assert!(world.build(&kubectl, "repo/app").ok);
}

/// 2. A Flux-style repository: one Secret per file, all found by a glob.
#[test]
fn a_flux_style_repository() {
    let Some(kubectl) = kubectl() else { return };
    let (key, stranger) = (Key::new(), Key::new());
    let world = World::with_plugin(&key);
    world.write(
        ".sops.yaml",
        format!(
            "creation_rules:\n- path_regex: \\.sops\\.ya?ml$\n  encrypted_regex: {SECRETS}\n  age: {}\n",
            key.recipient
        ),
    );
    let dir = "clusters/homelab";
    let names = ["cloudflare", "grafana", "immich", "registry", "tailscale"];
    for name in names {
        let path = format!("{dir}/secrets/{name}.sops.yaml");
        world.encrypt(
            &path,
            &[&key],
            SECRETS,
            &secret(name, "token", &format!("t-{name}")),
        );
    }
    world.write(&format!("{dir}/secrets/README.yaml"), "not: encrypted\n");
    world.write(
        &format!("{dir}/kustomization.yaml"),
        "generators: [generator.yaml]\n",
    );
    world.write(
        &format!("{dir}/generator.yaml"),
        GENERATOR.replace("secret.enc.yaml", "secrets/*.sops.yaml"),
    );
    let rendered = resources(&world.build(&kubectl, dir).rendered());
    assert_eq!(rendered.len(), names.len());
    for name in names {
        let token = &rendered[&format!("Secret/{name}")]["stringData"]["token"];
        assert_eq!(*token, format!("t-{name}"));
    }

    let path = format!("{dir}/secrets/immich.sops.yaml");
    world.encrypt(
        &path,
        &[&stranger],
        SECRETS,
        &secret("immich", "token", "t"),
    );
    let errors = world.build(&kubectl, dir).refused();
    for part in [
        "immich.sops.yaml",
        "no matching identity",
        "SOPS_AGE_KEY_FILE",
    ] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    // Who it is for, and who was there.
    assert!(errors.contains(&stranger.recipient[..12]), "{errors}");
    assert!(errors.contains(&key.recipient[..12]), "{errors}");
    assert!(!errors.contains("cloudflare"), "{errors}");
}

/// 3. Onboarding clusters: one encrypted Argo CD cluster Secret, patched by
///    each overlay; credentials that are merged and replaced; hashes.
#[test]
fn cluster_onboarding() {
    let Some(kubectl) = kubectl() else { return };
    let key = Key::new();
    let world = World::with_plugin(&key);
    let cluster = "\
apiVersion: v1
kind: Secret
metadata:
  name: cluster
  labels:
    argocd.argoproj.io/secret-type: cluster
type: Opaque
stringData:
  name: template
  server: https://template
  config: |
    {\"bearerToken\": \"hunter2\", \"tlsClientConfig\": {\"insecure\": false}}
";
    world.encrypt("base/secret.enc.yaml", &[&key], SECRETS, cluster);
    world.write("base/generator.yaml", GENERATOR);
    world.write("base/kustomization.yaml", "generators: [generator.yaml]\n");
    for region in ["eu", "us"] {
        let patch = format!(
            "resources: [../../base]\npatches:\n- target: {{kind: Secret, name: cluster}}\n  patch: |\n    - {{op: replace, path: /metadata/name, value: cluster-{region}}}\n    - {{op: add, path: /metadata/labels/region, value: {region}}}\n    - {{op: replace, path: /stringData/name, value: {region}}}\n    - {{op: replace, path: /stringData/server, value: 'https://{region}.example.com'}}\n"
        );
        world.write(&format!("overlays/{region}/kustomization.yaml"), patch);
        let rendered = resources(
            &world
                .build(&kubectl, &format!("overlays/{region}"))
                .rendered(),
        );
        let secret = &rendered[&format!("Secret/cluster-{region}")];
        assert_eq!(
            secret["stringData"]["server"],
            format!("https://{region}.example.com")
        );
        assert_eq!(secret["metadata"]["labels"]["region"], region);
        assert_eq!(
            secret["metadata"]["labels"]["argocd.argoproj.io/secret-type"],
            "cluster"
        );
        assert!(
            secret["stringData"]["config"]
                .as_str()
                .unwrap()
                .contains("hunter2")
        );
    }

    // Repository credentials of a base, merged or replaced by an overlay.
    world.write(
        "creds/kustomization.yaml",
        "secretGenerator:\n- name: repo-creds\n  literals: [url=https://git.example.com, password=old]\n  options:\n    disableNameSuffixHash: true\n    labels: {argocd.argoproj.io/secret-type: repo-creds}\n",
    );
    for behavior in ["merge", "replace"] {
        let dir = format!("creds-{behavior}");
        let new = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: repo-creds\n  annotations:\n    kustomize.config.k8s.io/behavior: {behavior}\ntype: Opaque\ndata:\n  password: bmV3\n"
        );
        world.encrypt(&format!("{dir}/secret.enc.yaml"), &[&key], SECRETS, &new);
        world.write(&format!("{dir}/generator.yaml"), GENERATOR);
        world.write(
            &format!("{dir}/kustomization.yaml"),
            "resources: [../creds]\ngenerators: [generator.yaml]\n",
        );
        let rendered = resources(&world.build(&kubectl, &dir).rendered());
        let data = &rendered["Secret/repo-creds"]["data"];
        assert_eq!(data["password"], "bmV3", "{behavior}");
        assert_eq!(data.get("url").is_some(), behavior == "merge");
    }

    // The hash in a name changes exactly when the plaintext does.
    let hashed = |password: &str| {
        let env = format!("PASSWORD={password}\n");
        world.encrypt("hash/app.enc.env", &[&key], ".", &env);
        world.write("hash/kustomization.yaml", "generators: [generator.yaml]\n");
        world.write(
            "hash/generator.yaml",
            "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: x\nsecretFrom:\n- metadata:\n    name: app\n    annotations:\n      kustomize.config.k8s.io/needs-hash: \"true\"\n  envs: [app.enc.env]\n",
        );
        let rendered = resources(&world.build(&kubectl, "hash").rendered());
        rendered.into_keys().next().unwrap()
    };
    let first = hashed("one");
    assert!(first.starts_with("Secret/app-"), "{first}");
    assert_eq!(first, hashed("one"));
    assert_ne!(first, hashed("two"));
}

/// 4. A custom resource with one encrypted field comes out as the plain one
///    would.
#[test]
fn a_custom_resource() {
    let Some(kubectl) = kubectl() else { return };
    let key = Key::new();
    let world = World::with_plugin(&key);
    let module = "\
apiVersion: registry.example.com/v1beta1
kind: Module
metadata:
  name: network
  annotations: {note: \"1.0\"}
spec:
  enabled: yes
  replicas: 3
  version: 1.20
  registry:
    host: registry.example.com
    token: hunter2
  # A list, and a text of lines.
  zones: [a, \"b\", 'on']
  script: |
    set -e
    echo \"$HOME\"
";
    world.write("plain/module.yaml", module);
    world.write("plain/kustomization.yaml", "resources: [module.yaml]\n");
    world.encrypt("app/secret.enc.yaml", &[&key], "^token$", module);
    let encrypted = fs::read_to_string(world.path("app/secret.enc.yaml")).unwrap();
    assert!(encrypted.contains("token: ENC[") && !encrypted.contains("hunter2"));
    world.write("app/generator.yaml", GENERATOR);
    world.write("app/kustomization.yaml", "generators: [generator.yaml]\n");
    assert_eq!(
        world.build(&kubectl, "app").rendered(),
        world.build(&kubectl, "plain").rendered()
    );
}

/// Two tenants of one repo-server.
struct Tenants {
    world: World,
    team_b: Key,
}

impl Tenants {
    fn new() -> Self {
        let (team_a, team_b, shared) = (Key::new(), Key::new(), Key::new());
        let mut world = World::with_plugin(&Key::new());
        for (name, key) in [
            ("team-a", &team_a),
            ("team-b", &team_b),
            ("_shared", &shared),
        ] {
            world.write(&format!("keys/{name}/age.agekey"), &key.identity);
        }
        for (name, key) in [("team-a", &team_a), ("team-b", &team_b)] {
            let repo = format!("repos/{name}");
            world.write(&format!("{repo}/.git/HEAD"), "ref: refs/heads/main\n");
            let password = format!("of-{name}");
            let text = secret("db", "password", &password);
            world.encrypt(
                &format!("{repo}/app/secret.enc.yaml"),
                &[key],
                SECRETS,
                &text,
            );
            world.write(
                &format!("{repo}/app/kustomization.yaml"),
                "generators: [generator.yaml]\n",
            );
            world.write(&format!("{repo}/app/generator.yaml"), GENERATOR);
        }
        // The key of the whole repo-server would open everything.
        world.vars.remove("SOPS_AGE_KEY_FILE");
        world.set("KSOPS_AGE_KEY_DIR", "keys");
        world.set_text("SOPS_AGE_KEY", &team_b.identity);
        world.set_text("ARGOCD_APP_NAME", "shop");
        world.set_text("ARGOCD_APP_PROJECT_NAME", "team-a");
        Tenants { world, team_b }
    }

    /// What team A gets for a path.
    fn ask(&self, kubectl: &Path, path: &str) -> Built {
        let generator = GENERATOR.replace("secret.enc.yaml", &format!("'{path}'"));
        self.world
            .write("repos/team-a/app/generator.yaml", generator);
        self.world.build(kubectl, "repos/team-a/app")
    }
}

/// 5. Paths out of the repository, in every spelling.
#[test]
fn a_tenant_cannot_reach_another_repository() {
    let Some(kubectl) = kubectl() else { return };
    let mut tenants = Tenants::new();
    let rendered = tenants.ask(&kubectl, "secret.enc.yaml").rendered();
    assert!(rendered.contains("of-team-a"));
    // Inside, any way of writing it will do.
    for path in [
        "../app/secret.enc.yaml",
        "../../team-a/app/secret.enc.yaml",
        "../*/secret.enc.yaml",
    ] {
        assert!(tenants.ask(&kubectl, path).ok, "{path}");
    }

    let other = tenants.world.path("repos/team-b/app/secret.enc.yaml");
    let app = tenants.world.path("repos/team-a/app");
    symlink(&other, app.join("link.yaml")).unwrap();
    symlink("/nonexistent/nowhere", app.join("dangling.yaml")).unwrap();
    symlink(tenants.world.path("repos"), app.join("all")).unwrap();
    let other = other.to_str().unwrap();
    let escapes = [
        (
            "../../team-b/app/secret.enc.yaml",
            "../../team-b/app/nothing.yaml",
        ),
        (other, "/nonexistent/secret.enc.yaml"),
        ("link.yaml", "dangling.yaml"),
        (
            "all/team-b/app/secret.enc.yaml",
            "all/team-c/app/secret.enc.yaml",
        ),
        ("../../team-b/app/*.enc.yaml", "../../team-c/app/*.enc.yaml"),
        ("/etc/passwd", "/etc/nothing"),
        ("/proc/self/environ", "/proc/nothing"),
    ];
    for (there, not_there) in escapes {
        let mask = |path: &str| {
            let errors = tenants.ask(&kubectl, path).refused();
            assert!(errors.contains("outside of /"), "{path}: {errors}");
            assert!(errors.contains("team-a, the repository"), "{errors}");
            assert!(!errors.contains("of-team-b"), "{errors}");
            let errors = errors.replace(path, "PATH");
            // Without kubectl's own time and names.
            let ours = errors.split("error: ").nth(1).unwrap();
            ours.split(": failure in plugin").next().unwrap().to_owned()
        };
        assert_eq!(mask(there), mask(not_there), "{there}");
    }
    // It is this protection that keeps them out: without it, and with the key
    // of the other project, the secret is rendered.
    tenants.world.set_text("KSOPS_CONFINE", "off");
    tenants.world.set_text("ARGOCD_APP_PROJECT_NAME", "team-b");
    for (there, _) in &escapes[..5] {
        let rendered = tenants.ask(&kubectl, there).rendered();
        assert!(rendered.contains("of-team-b"), "{there}");
    }
}

/// 5. Another project's file, copied into the own repository.
#[test]
fn a_tenant_cannot_open_anothers_ciphertext() {
    let Some(kubectl) = kubectl() else { return };
    let mut tenants = Tenants::new();
    let from = tenants.world.path("repos/team-b/app/secret.enc.yaml");
    fs::copy(from, tenants.world.path("repos/team-a/app/stolen.yaml")).unwrap();
    let refused = |tenants: &Tenants| {
        let errors = tenants.ask(&kubectl, "stolen.yaml").refused();
        assert!(!errors.contains("team-b"), "{errors}");
        assert!(!errors.contains("of-team"), "{errors}");
        errors
    };
    let errors = refused(&tenants);
    assert!(errors.contains("keys/team-a"), "{errors}");
    for bad in ["../keys/team-b", "..", "", "TEAM-B", "team-b/"] {
        tenants.world.set_text("ARGOCD_APP_PROJECT_NAME", bad);
        let errors = refused_without_team_b(&tenants, &kubectl);
        assert!(errors.contains("only keys in _shared"), "{bad}: {errors}");
    }
    tenants.world.vars.remove("ARGOCD_APP_PROJECT_NAME");
    let errors = refused(&tenants);
    assert!(errors.contains("Argo CD 3.0.0"), "{errors}");
    // It is the project's name that opens it, and nothing else.
    tenants.world.set_text("ARGOCD_APP_PROJECT_NAME", "team-b");
    assert!(
        tenants
            .ask(&kubectl, "stolen.yaml")
            .rendered()
            .contains("of-team-b")
    );
    // Nor does the key of the repo-server where the folders are missing.
    fs::remove_dir_all(tenants.world.path("keys")).unwrap();
    fs::create_dir(tenants.world.path("keys")).unwrap();
    tenants.world.set_text("ARGOCD_APP_PROJECT_NAME", "team-a");
    refused(&tenants);
    // Without projects it would have done.
    tenants.world.set_text("KSOPS_KEY_PROJECTS", "false");
    assert!(tenants.ask(&kubectl, "stolen.yaml").ok);
    assert!(!tenants.team_b.identity.is_empty());
}

fn refused_without_team_b(tenants: &Tenants, kubectl: &Path) -> String {
    let errors = tenants.ask(kubectl, "stolen.yaml").refused();
    assert!(!errors.contains("keys/team-b"), "{errors}");
    errors
}

/// 5. A KRM generator that names another program: kubectl, which has no
///    `--enable-exec`, runs nothing.
#[test]
fn a_krm_generator_runs_nothing_in_kubectl() {
    let Some(kubectl) = kubectl() else { return };
    let tenants = Tenants::new();
    let script = tenants.world.path("repos/team-a/app/evil");
    let marker = tenants.world.path("tmp/marker");
    fs::write(&script, format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    tenants.world.write(
        "repos/team-a/app/generator.yaml",
        "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec:\n        path: ./evil\n",
    );
    let built = tenants.world.build(&kubectl, "repos/team-a/app");
    assert!(built.ok, "{}", built.errors);
    assert_eq!(built.text, "");
    assert!(!marker.exists());
    // The script does what it says, where anything runs it.
    assert!(Command::new(&script).status().unwrap().success());
    assert!(marker.exists());
}

/// 6. 300 applications in a row, and nothing is left behind.
#[test]
fn three_hundred_applications() {
    let Some(kubectl) = kubectl() else { return };
    let key = Key::new();
    let world = World::with_plugin(&key);
    for n in 0..300 {
        let dir = format!("apps/{n}");
        world.encrypt(
            &format!("{dir}/secret.enc.yaml"),
            &[&key],
            SECRETS,
            &secret(&format!("app-{n}"), "number", &format!("v{n}")),
        );
        world.write(&format!("{dir}/generator.yaml"), GENERATOR);
        world.write(
            &format!("{dir}/kustomization.yaml"),
            "generators: [generator.yaml]\n",
        );
    }
    let files = |dir: &str| fs::read_dir(world.path(dir)).unwrap().count();
    let before = (files("home"), files("."), files("apps/7"));
    for n in 0..300 {
        let rendered = world.build(&kubectl, &format!("apps/{n}")).rendered();
        assert!(rendered.contains(&format!("number: v{n}\n")), "{rendered}");
    }
    assert_eq!(files("tmp"), 0);
    // kubectl itself may keep a cache at home.
    let after = (before.0, files("."), files("apps/7"));
    assert_eq!(before, after);
    let plugin = world.path("plugin/viaduct.ai/v1/ksops/ksops");
    let left = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let left = left.filter(|p| fs::read_link(p.path().join("exe")).is_ok_and(|exe| exe == plugin));
    assert_eq!(left.count(), 0);

    // In one process: no descriptor is kept either.
    let vars = &world.vars;
    let render = |n: usize| {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let code = ksops_rs::run(ksops_rs::Process {
            args: vec!["generator.yaml".into()],
            var: &|name| vars.get(name).map(|value| value.clone().into()),
            var_later: |_| None,
            dir: world.path(&format!("apps/{n}")),
            parent_dir: None,
            stdin: Box::new(std::io::empty()),
            stdin_is_device: true,
            first_of_stdin: &|| Ok(Vec::new()),
            stdout: &mut stdout,
            stderr: &mut stderr,
            ask_passphrase: |_| None,
        });
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&stderr));
    };
    render(0);
    let descriptors = || {
        let all = fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(Result::ok);
        let ours = all.filter_map(|fd| fs::read_link(fd.path()).ok());
        let root = world.path("");
        ours.filter(|target| target.starts_with(&root)).count()
    };
    for n in 0..300 {
        render(n);
    }
    assert_eq!(descriptors(), 0);
}

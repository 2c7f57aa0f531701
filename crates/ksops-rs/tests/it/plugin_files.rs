//! The files under `plugin/`: they parse, kustomize builds them, and they
//! agree with one another and with the code.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::{World, kubectl, resources};
use ksops_rs::{
    install::{PLUGIN_HOME, PLUGIN_PATH},
    keys::SHARED,
    settings::{CONFINE, KEY_DIR, is_dns_label},
};
use serde_yaml::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(dir: &str, all: &mut Vec<String>) {
    for entry in fs::read_dir(root().join(dir)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{dir}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files(&path, all);
        } else {
            all.push(path);
        }
    }
}

#[test]
fn all_yaml_parses() {
    let mut all = Vec::new();
    files("plugin/argocd", &mut all);
    files(".github", &mut all);
    all.retain(|path| path.ends_with(".yaml") || path.ends_with(".yml"));
    for path in &all {
        assert!(yaml(path).is_mapping(), "{path}");
    }
    assert!(all.len() >= 9, "{all:?}");
}

/// The part of a pod that is about this program.
fn pod(spec: &Value, container: &Value) -> Value {
    let mut pod = serde_yaml::Mapping::new();
    for (name, value) in [
        ("volumes", &spec["volumes"]),
        ("initContainers", &spec["initContainers"]),
        ("volumeMounts", &container["volumeMounts"]),
        ("env", &container["env"]),
    ] {
        assert!(value.is_sequence(), "{name}");
        pod.insert(name.into(), value.clone());
    }
    pod.into()
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list.as_sequence().unwrap().iter();
    let mut found = items.filter(|item| item["name"] == name);
    let item = found.next().unwrap_or_else(|| panic!("{name} is missing"));
    assert!(found.next().is_none(), "{name} is there twice");
    item
}

fn mount<'a>(mounts: &'a Value, sub_path: &str) -> &'a str {
    let items = mounts.as_sequence().unwrap().iter();
    let mut found = items.filter(|item| item["subPath"] == sub_path);
    found.next().unwrap()["mountPath"].as_str().unwrap()
}

fn check_pod(pod: &Value) {
    let init = named(&pod["initContainers"], "install-ksops");
    assert_eq!(init["args"][0], "install");
    assert_eq!(init["args"][1], init["volumeMounts"][0]["mountPath"]);
    assert_eq!(init["securityContext"]["runAsUser"], 65534);
    assert_eq!(init["securityContext"]["readOnlyRootFilesystem"], true);
    assert!(
        init.get("command").is_none(),
        "the entry point is the program"
    );
    let volume = &init["volumeMounts"][0]["name"];
    assert!(named(&pod["volumes"], volume.as_str().unwrap())["emptyDir"].is_mapping());

    // KRM style: on PATH. Legacy style: below KUSTOMIZE_PLUGIN_HOME.
    let mounts = &pod["volumeMounts"];
    assert_eq!(mount(mounts, "ksops"), "/usr/local/bin/ksops");
    assert_eq!(PLUGIN_PATH, "viaduct.ai/v1/ksops/ksops");
    let home = named(&pod["env"], "KUSTOMIZE_PLUGIN_HOME");
    assert_eq!(home["value"], mount(mounts, PLUGIN_HOME));

    // The key: in the mounted Secret, readable for user 999.
    let key = named(&pod["env"], "SOPS_AGE_KEY_FILE")["value"]
        .as_str()
        .unwrap();
    let secret = named(mounts, "sops-age")["mountPath"].as_str().unwrap();
    assert_eq!(key, format!("{secret}/age.agekey"));
    let config = named(&pod["env"], "XDG_CONFIG_HOME")["value"]
        .as_str()
        .unwrap();
    assert_eq!(secret, format!("{config}/sops/age"));
    assert_eq!(
        named(&pod["volumes"], "sops-age")["secret"]["defaultMode"],
        0o444
    );
}

/// YAML 1.1, which Kubernetes and Helm read, takes 0444 for an octal number.
fn octal(text: &str) -> String {
    text.replace("defaultMode: 0444", "defaultMode: 292")
}

#[test]
fn helm_values_agree_with_the_code() {
    let values: Value =
        serde_yaml::from_str(&octal(&read("plugin/argocd/helm/values.yaml"))).unwrap();
    let server = &values["repoServer"];
    check_pod(&pod(server, server));
    let options = &values["configs"]["cm"]["kustomize.buildOptions"];
    let flags = ksops_rs::doctor::Flags::parse(options.as_str().unwrap());
    assert!(flags.alpha_plugins && flags.exec);
}

#[test]
fn the_component_builds_and_says_what_the_chart_says() {
    let Some(kubectl) = kubectl() else { return };
    let world = World::new();
    for name in ["kustomization.yaml", "repo-server.yaml", "argocd-cm.yaml"] {
        world.write(
            &format!("component/{name}"),
            read(&format!("plugin/argocd/kustomize/{name}")),
        );
    }
    let projects = read("plugin/argocd/examples/repo-server-projects.yaml");
    world.write("argocd/projects.yaml", &projects);
    world.write(
        "argocd/kustomization.yaml",
        "resources: [argocd.yaml]\ncomponents: [../component]\n",
    );
    world.write(
        "argocd/argocd.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: argocd-repo-server\nspec:\n  template:\n    spec:\n      containers:\n      - name: argocd-repo-server\n        image: quay.io/argoproj/argocd:v3.1.0\n        env: [{name: OTHER, value: kept}]\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n  other: kept\n",
    );
    let build = |world: &World| resources(&world.build(&kubectl, "argocd").rendered());
    let built = build(&world);
    let spec = &built["Deployment/argocd-repo-server"]["spec"]["template"]["spec"];
    let container = named(&spec["containers"], "argocd-repo-server");
    let own = pod(spec, container);
    check_pod(&own);
    assert_eq!(named(&own["env"], "OTHER")["value"], "kept");
    let map = &built["ConfigMap/argocd-cm"]["data"];
    assert_eq!(map["other"], "kept");

    // The chart's values put the same into the pod.
    let values: Value =
        serde_yaml::from_str(&octal(&read("plugin/argocd/helm/values.yaml"))).unwrap();
    let server = &values["repoServer"];
    assert_eq!(
        map["kustomize.buildOptions"],
        values["configs"]["cm"]["kustomize.buildOptions"]
    );
    for list in ["volumes", "initContainers", "volumeMounts", "env"] {
        for item in server[list].as_sequence().unwrap() {
            assert!(
                own[list].as_sequence().unwrap().contains(item),
                "{list}: {item:?}"
            );
        }
    }

    // Keys per project, beside it.
    let text = fs::read_to_string(world.path("argocd/kustomization.yaml")).unwrap();
    world.write(
        "argocd/kustomization.yaml",
        format!("{text}patches: [path: projects.yaml]\n"),
    );
    let built = build(&world);
    let spec = &built["Deployment/argocd-repo-server"]["spec"]["template"]["spec"];
    let container = named(&spec["containers"], "argocd-repo-server");
    let dir = named(&container["env"], KEY_DIR)["value"].as_str().unwrap();
    let mount = &named(&container["volumeMounts"], "sops-age-projects")["mountPath"];
    assert_eq!(mount, dir);
    assert_eq!(named(&container["env"], CONFINE)["value"], "auto");
    let sources = &named(&spec["volumes"], "sops-age-projects")["projected"]["sources"];
    let folders: BTreeSet<_> = sources
        .as_sequence()
        .unwrap()
        .iter()
        .map(|source| {
            let path = source["secret"]["items"][0]["path"].as_str().unwrap();
            path.strip_suffix("/age.agekey").unwrap().to_owned()
        })
        .collect();
    let project = yaml("plugin/argocd/examples/appproject.yaml");
    let project = project["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(is_dns_label(&project));
    assert_eq!(folders, BTreeSet::from([SHARED.to_owned(), project]));
}

#[test]
fn shared_servers_have_no_exec() {
    let map = yaml("plugin/argocd/examples/argocd-cm.yaml");
    let options = map["data"]["kustomize.buildOptions"].as_str().unwrap();
    let flags = ksops_rs::doctor::Flags::parse(options);
    assert!(flags.alpha_plugins && !flags.exec);
}

#[test]
fn versions_and_names_agree() {
    let version = env!("CARGO_PKG_VERSION");
    let image = format!("ghcr.io/example/ksops-rs:{version}");
    assert!(read("plugin/argocd/helm/values.yaml").contains(&image));
    assert!(read("plugin/argocd/MIGRATION.md").contains(&image));
    let component = yaml("plugin/argocd/kustomize/kustomization.yaml");
    assert_eq!(component["images"][0]["newTag"], version);
    let docker = read("plugin/Dockerfile");
    for part in [
        "FROM scratch AS ksops\n",
        "FROM ksops AS ksops-kustomize\n",
        "USER 65534:65534",
        "ENTRYPOINT [\"/usr/local/bin/ksops\"]",
        // What `install --with-kustomize` looks for.
        "/usr/local/bin/kustomize\n",
        // Nothing from anybody else's image.
        "COPY ${TARGETARCH}/bin/ /usr/local/bin/\n",
    ] {
        assert!(docker.contains(part), "{part}");
    }
    // Every script that a workflow runs is there.
    let workflows = read(".github/workflows/ci.yml") + &read(".github/workflows/release.yml");
    for script in [
        ".ci/run",
        "plugin/build-static",
        "plugin/check-static",
        "plugin/release",
        "plugin/image-context",
    ] {
        assert!(
            workflows.contains(script) && root().join(script).is_file(),
            "{script}"
        );
    }
    for target in [
        "\"ksops $version\"",
        "\"ksops-kustomize $version-kustomize\"",
    ] {
        assert!(workflows.contains(target), "{target}");
    }
}

/// Whoever can move a tag cannot change what runs in a workflow: actions are
/// named by hash, and only GitHub's own are used.
#[test]
fn actions_are_pinned() {
    for name in ["ci", "release"] {
        let workflow = read(&format!(".github/workflows/{name}.yml"));
        for line in workflow.lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            let (action, release) = action.split_once(" # v").expect("the release is named");
            let (owner, hash) = action.split_once('@').unwrap();
            assert!(owner.starts_with("actions/"), "{action}");
            assert!(
                hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
                "{action}"
            );
            assert!(
                release.starts_with(|c: char| c.is_ascii_digit()),
                "{release}"
            );
        }
        assert_eq!(
            workflow.matches("actions/checkout@").count(),
            workflow.matches("persist-credentials: false").count()
        );
    }
}

#[test]
fn archives_are_those_of_ksops() {
    let world = World::new();
    // Small, so that packing it is quick.
    world.write("binary", "#!/bin/sh\necho unpacked\n");
    let binary = world.path("binary");
    let out = world.path("out");
    let release = |pairs: &[String]| {
        Command::new(root().join("plugin/release"))
            .args(["1.2.3", out.to_str().unwrap()])
            .args(pairs)
            .output()
            .unwrap()
    };
    let pairs = ["x86_64", "arm64"].map(|arch| format!("{arch}={0},{0}", binary.display()));
    let output = release(&pairs);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "checksums.txt",
            "ksops_1.2.3_Linux_arm64.tar.gz",
            "ksops_1.2.3_Linux_x86_64.tar.gz",
            "ksops_latest_Linux_arm64.tar.gz",
            "ksops_latest_Linux_x86_64.tar.gz",
            "sops-v1.2.3.linux.amd64",
            "sops-v1.2.3.linux.arm64",
        ]
    );
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program)
            .args(args)
            .current_dir(&out)
            .output()
            .unwrap();
        assert!(output.status.success(), "{program} {args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        run("sha256sum", &["--check", "checksums.txt"])
            .lines()
            .count(),
        6
    );
    // As an init script unpacks it.
    run(
        "tar",
        &["-xzf", "ksops_latest_Linux_x86_64.tar.gz", "ksops"],
    );
    assert_eq!(run("./ksops", &[]), "unpacked\n");

    assert!(!release(&["amd64=/x".into()]).status.success());
}

//! The files under `plugin/`: they parse, kustomize builds them, and they
//! agree with one another and with the code.

use std::{collections::BTreeSet, fs};

use crate::{
    manifests::{check_pod, files, named, octal, pod, read, root, yaml},
    world::{World, kubectl, resources},
};
use ksops_rs::{
    keys::SHARED,
    settings::{CONFINE, KEY_DIR, KEY_PROJECTS, is_dns_label},
};
use serde_yaml::Value;

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
    assert_eq!(named(&container["env"], KEY_PROJECTS)["value"], "true");
    // The key of all is not required any more.
    assert_eq!(
        named(&spec["volumes"], "sops-age")["secret"]["optional"],
        true
    );
    let sources = &named(&spec["volumes"], "sops-age-projects")["projected"]["sources"];
    let items = sources
        .as_sequence()
        .unwrap()
        .iter()
        .flat_map(|source| source["secret"]["items"].as_sequence().unwrap());
    let folders: BTreeSet<_> = items
        .map(|item| {
            let path = item["path"].as_str().unwrap();
            let (folder, file) = path.split_once('/').unwrap();
            assert!(["age.agekey", "sops.aws-kms"].contains(&file), "{file}");
            folder.to_owned()
        })
        .collect();
    let project = yaml("plugin/argocd/examples/appproject.yaml");
    let project = project["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(is_dns_label(&project));
    assert_eq!(folders, BTreeSet::from([SHARED.to_owned(), project]));
}

/// Beside Argo CD's manifests in a namespace, behind the component.
#[test]
fn the_example_for_shared_servers_is_a_patch() {
    let Some(kubectl) = kubectl() else { return };
    let world = World::new();
    let map = read("plugin/argocd/examples/argocd-cm.yaml");
    world.write("argocd/shared.yaml", map);
    world.write(
        "argocd/cm.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n  other: kept\n  kustomize.buildOptions: --enable-alpha-plugins --enable-exec\n",
    );
    world.write(
        "argocd/kustomization.yaml",
        "namespace: argocd\nresources: [cm.yaml]\npatches: [path: shared.yaml]\n",
    );
    let built = resources(&world.build(&kubectl, "argocd").rendered());
    let data = &built["ConfigMap/argocd-cm"]["data"];
    assert_eq!(data["other"], "kept");
    assert_eq!(data["kustomize.buildOptions"], "--enable-alpha-plugins");
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
        // `docker run IMAGE kustomize build`, as with KSOPS's image.
        "ENTRYPOINT []\n",
        "ENV KUSTOMIZE_PLUGIN_HOME=/usr/local/share/kustomize/plugin\n",
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
        "plugin/notices",
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

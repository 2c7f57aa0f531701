//! The ways in which people run Argo CD: each file parses, what can be built
//! is built, and the pod has what it needs.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::manifests::{check_pod, files, named, octal, pod, read, root, yaml};
use crate::world::{GENERATOR, Key, SECRETS, World, kubectl, resources, secret};
use ksops_rs::{
    doctor::Flags,
    install::PLUGIN_PATH,
    settings::{KEY_DIR, KEY_PROJECTS},
};
use serde_yaml::Value;

const OWN: &str = "\
configs: {cm: {kustomize.buildOptions: --enable-helm}}
repoServer:
  env: [{name: HTTPS_PROXY, value: http://proxy.example.com:3128}]
  volumes: [{name: corporate-ca, configMap: {name: corporate-ca}}]
  volumeMounts: [{name: corporate-ca, mountPath: /etc/corporate-ca}]
";

const ARGO_CD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: argocd-repo-server
spec:
  template:
    spec:
      volumes: [{name: var-files, emptyDir: {}}, {name: plugins, emptyDir: {}}]
      initContainers: [{name: copyutil, image: quay.io/argoproj/argocd:v3.1.0}]
      containers:
      - name: argocd-repo-server
        image: quay.io/argoproj/argocd:v3.1.0
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
data: {}
";

fn helm() -> Option<PathBuf> {
    crate::world::tool("helm").or_else(|| {
        if cfg!(target_arch = "x86_64") {
            crate::world::skip("there is no helm in target/ci-tools/kube, see .ci/kube")
        } else {
            eprintln!("SKIPPED: there is no helm of PyPI for this machine");
            None
        }
    })
}

/// The stand-in of the chart with these files of values.
fn template(world: &World, helm: &std::path::Path, values: &[&str]) -> Value {
    let mut command = world.command(helm, ".");
    command.args(["template", "argocd"]);
    command.arg(root().join("testdata/argocd-chart"));
    for file in values {
        let path = match world.path(file) {
            path if path.is_file() => path,
            _ => root().join(file),
        };
        command.arg("--values").arg(path);
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut all = serde_yaml::Mapping::new();
    for document in text.split("\n---\n") {
        let value: Value = serde_yaml::from_str(document).unwrap();
        if let Some(kind) = value["kind"].as_str() {
            all.insert(kind.into(), value.clone());
        }
    }
    all.into()
}

fn repo_server(built: &Value) -> (&Value, &Value) {
    let spec = &built["Deployment"]["spec"]["template"]["spec"];
    (spec, named(&spec["containers"], "repo-server"))
}

#[test]
fn values_of_one_s_own_are_merged_by_hand() {
    let Some(helm) = helm() else { return };
    let world = World::new();
    let ours = "plugin/argocd/helm/values.yaml";
    let built = template(&world, &helm, &[ours]);
    let (spec, container) = repo_server(&built);
    check_pod(&pod(spec, container));

    // Why: Helm replaces lists, in either order.
    world.write("own.yaml", OWN);
    let built = template(&world, &helm, &["own.yaml", ours]);
    let (_, container) = repo_server(&built);
    let env = container["env"].as_sequence().unwrap();
    assert!(!env.iter().any(|item| item["name"] == "HTTPS_PROXY"));
    let options = &built["ConfigMap"]["data"]["kustomize.buildOptions"];
    assert!(!options.as_str().unwrap().contains("--enable-helm"));

    // The example holds both parts.
    let built = template(&world, &helm, &["plugin/argocd/examples/helm-merged.yaml"]);
    let (spec, container) = repo_server(&built);
    check_pod(&pod(spec, container));
    let values: Value = serde_yaml::from_str(&octal(&read(ours))).unwrap();
    let own: Value = serde_yaml::from_str(OWN).unwrap();
    for part in [&values, &own] {
        for (list, of) in [
            ("volumes", spec),
            ("initContainers", spec),
            ("volumeMounts", container),
            ("env", container),
        ] {
            for item in part["repoServer"][list].as_sequence().into_iter().flatten() {
                assert!(
                    of[list].as_sequence().unwrap().contains(item),
                    "{list}: {item:?}"
                );
            }
        }
        let all = &built["ConfigMap"]["data"]["kustomize.buildOptions"];
        let options = &part["configs"]["cm"]["kustomize.buildOptions"];
        for option in options.as_str().unwrap().split(' ') {
            assert!(all.as_str().unwrap().contains(option), "{option}");
        }
    }
}

#[test]
fn identities_of_clouds_are_beside_the_values() {
    let Some(helm) = helm() else { return };
    let world = World::new();
    let mut all = Vec::new();
    files("plugin/argocd/identities", &mut all);
    assert!(all.len() >= 5, "{all:?}");
    for file in &all {
        let built = template(&world, &helm, &["plugin/argocd/helm/values.yaml", file]);
        let (spec, container) = repo_server(&built);
        let account = &built["ServiceAccount"]["metadata"]["annotations"];
        let env = |name| &named(&container["env"], name)["value"];
        let mounted = |name| &named(&container["volumeMounts"], name)["mountPath"];
        match file.rsplit('/').next().unwrap() {
            "irsa.yaml" => {
                assert!(account["eks.amazonaws.com/role-arn"].is_string());
                check_pod(&pod(spec, container));
            }
            "gke-workload-identity.yaml" => {
                assert!(account["iam.gke.io/gcp-service-account"].is_string());
            }
            "aks-workload-identity.yaml" => {
                assert!(account["azure.workload.identity/client-id"].is_string());
                let labels = &built["Deployment"]["spec"]["template"]["metadata"]["labels"];
                assert_eq!(labels["azure.workload.identity/use"], "true");
            }
            "vault.yaml" => {
                let token = &named(&spec["volumes"], "vault-token")["projected"]["sources"][0];
                let path = token["serviceAccountToken"]["path"].as_str().unwrap();
                let at = mounted("vault-token").as_str().unwrap();
                assert_eq!(
                    env("KSOPS_VAULT_TOKEN_FILE"),
                    format!("{at}/{path}").as_str()
                );
                assert!(env("VAULT_ADDR").is_string() && env("KSOPS_VAULT_ROLE").is_string());
            }
            "pgp.yaml" => assert_eq!(env(KEY_DIR), mounted("sops-pgp")),
            other => panic!("{other} is not looked at"),
        }
    }
}

/// Beside the component as a patch, and merged by hand into the values: the pod
/// that both make runs the guard.
#[test]
fn the_guard_stands_before_the_image_s_kustomize() {
    let (Some(kubectl), Some(helm)) = (kubectl(), helm()) else {
        return;
    };
    let world = World::new();
    for name in ["kustomization.yaml", "repo-server.yaml", "argocd-cm.yaml"] {
        let text = read(&format!("plugin/argocd/kustomize/{name}"));
        world.write(&format!("component/{name}"), text);
    }
    world.write("argocd/argocd.yaml", ARGO_CD);
    world.write(
        "argocd/guard.yaml",
        read("plugin/argocd/guard/repo-server.yaml"),
    );
    let projects = read("plugin/argocd/examples/repo-server-projects.yaml");
    world.write("argocd/projects.yaml", projects);
    world.write(
        "argocd/kustomization.yaml",
        "resources: [argocd.yaml]\ncomponents: [../component]\npatches: [path: projects.yaml, path: guard.yaml]\n",
    );
    let built = resources(&world.build(&kubectl, "argocd").rendered());
    let spec = &built["Deployment/argocd-repo-server"]["spec"]["template"]["spec"];
    let patched = (spec, named(&spec["containers"], "argocd-repo-server"));

    let mut merged: Value =
        serde_yaml::from_str(&octal(&read("plugin/argocd/helm/values.yaml"))).unwrap();
    let guard = yaml("plugin/argocd/guard/values.yaml");
    let (server, guard) = (&mut merged["repoServer"], &guard["repoServer"]);
    for list in ["volumeMounts", "env"] {
        let items = server[list].as_sequence_mut().unwrap();
        items.extend(guard[list].as_sequence().unwrap().iter().cloned());
    }
    server["initContainers"][0]["args"] = guard["initContainers"][0]["args"].clone();
    world.write("merged.yaml", serde_yaml::to_string(&merged).unwrap());
    let templated = template(&world, &helm, &["merged.yaml"]);

    for (spec, container) in [patched, repo_server(&templated)] {
        let init = named(&spec["initContainers"], "install-ksops");
        let dir = init["args"][2].as_str().unwrap();
        assert_eq!(init["args"][1], "--guard");
        assert_eq!(init["volumeMounts"][0]["mountPath"], dir);
        let env = |name| named(&container["env"], name)["value"].as_str().unwrap();
        let (first, rest) = env("PATH").split_once(':').unwrap();
        let (folder, _) = env("KSOPS_GUARD_KUSTOMIZE").rsplit_once('/').unwrap();
        assert!(first == dir && rest.split(':').any(|other| other == folder));
        let mounts = container["volumeMounts"].as_sequence().unwrap();
        let is_guard = |mount: &&Value| mount["mountPath"] == dir;
        let mount = mounts.iter().find(is_guard).unwrap();
        // Or a tenant would write to it.
        assert_eq!(mount["readOnly"], true);
        assert_eq!(mount["name"], init["volumeMounts"][0]["name"]);
    }
}

/// Whoever adds a manifest adds it here, and to a test that builds it.
#[test]
fn every_manifest_is_known() {
    let mut all = Vec::new();
    files("plugin/argocd", &mut all);
    all.retain(|path| path.ends_with(".yaml"));
    all.sort();
    let built_by_kubectl = [
        "examples/argocd-cm.yaml",
        "examples/repo-server-projects.yaml",
        "guard/repo-server.yaml",
        "kustomize/argocd-cm.yaml",
        "kustomize/kustomization.yaml",
        "kustomize/repo-server.yaml",
        "layouts/cmp/kustomization.yaml",
        "layouts/cmp/plugin.yaml",
        "layouts/cmp/repo-server.yaml",
    ];
    let templated_by_helm = [
        "examples/helm-merged.yaml",
        "guard/values.yaml",
        "helm/values.yaml",
        "identities/aks-workload-identity.yaml",
        "identities/gke-workload-identity.yaml",
        "identities/irsa.yaml",
        "identities/pgp.yaml",
        "identities/vault.yaml",
        "layouts/helm-secrets/values.yaml",
    ];
    // Resources of Argo CD and of an operator.
    let parsed = [
        "examples/appproject.yaml",
        "layouts/openshift-gitops/argocd.yaml",
    ];
    let known = built_by_kubectl
        .iter()
        .chain(&templated_by_helm)
        .chain(&parsed);
    let mut known: Vec<_> = known.map(|path| format!("plugin/argocd/{path}")).collect();
    known.sort();
    assert_eq!(all, known);
}

/// Every variable of ours in a manifest is one that the program reads.
#[test]
fn variables_are_those_of_the_program() {
    let mut all = Vec::new();
    files("plugin/argocd", &mut all);
    let known = [
        KEY_DIR,
        KEY_PROJECTS,
        "KSOPS_CONFINE",
        "KSOPS_VAULT_ROLE",
        "KSOPS_VAULT_TOKEN_FILE",
        "KSOPS_GUARD_KUSTOMIZE",
    ];
    for path in all.iter().filter(|path| path.ends_with(".yaml")) {
        for line in read(path).lines() {
            let Some((_, name)) = line.split_once("name: KSOPS_") else {
                continue;
            };
            let name = format!("KSOPS_{name}");
            assert!(known.contains(&name.trim()), "{path}: {name}");
        }
    }
}

#[test]
fn a_config_management_plugin_has_its_own_key_and_kustomize() {
    let Some(kubectl) = kubectl() else { return };
    let key = Key::new();
    let mut world = World::with_plugin(&key);
    for name in ["kustomization.yaml", "repo-server.yaml", "plugin.yaml"] {
        let text = read(&format!("plugin/argocd/layouts/cmp/{name}"));
        world.write(&format!("component/{name}"), text);
    }
    world.write("argocd/argocd.yaml", ARGO_CD);
    world.write(
        "argocd/kustomization.yaml",
        "namespace: argocd\nresources: [argocd.yaml]\ncomponents: [../component]\n",
    );
    let built = resources(&world.build(&kubectl, "argocd").rendered());
    let spec = &built["Deployment/argocd-repo-server"]["spec"]["template"]["spec"];
    let own = named(&spec["containers"], "argocd-repo-server");
    assert!(
        own.get("env").is_none() && own.get("volumeMounts").is_none(),
        "the key is the sidecar's"
    );
    let sidecar = named(&spec["containers"], "ksops");
    assert!(sidecar["image"].as_str().unwrap().ends_with("-kustomize"));
    assert_eq!(sidecar["command"][0], "/var/run/argocd/argocd-cmp-server");
    // The socket is the repo-server's user's.
    assert_eq!(sidecar["securityContext"]["runAsUser"], 999);
    let mounts = &sidecar["volumeMounts"];
    for name in [
        "var-files",
        "plugins",
        "ksops-plugin",
        "ksops-tmp",
        "sops-age",
    ] {
        assert!(named(mounts, name)["mountPath"].is_string());
        named(&spec["volumes"], name);
    }
    let key_file = named(&sidecar["env"], "SOPS_AGE_KEY_FILE")["value"]
        .as_str()
        .unwrap();
    let at = named(mounts, "sops-age")["mountPath"].as_str().unwrap();
    assert_eq!(key_file, format!("{at}/age.agekey"));
    // The config map is the one that is mounted, under the name with its hash.
    let map = named(&spec["volumes"], "ksops-plugin")["configMap"]["name"]
        .as_str()
        .unwrap();
    let map = &built[&format!("ConfigMap/{map}")]["data"]["plugin.yaml"];
    let plugin: Value = serde_yaml::from_str(map.as_str().unwrap()).unwrap();
    assert_eq!(plugin["kind"], "ConfigManagementPlugin");

    // What the sidecar runs, as kubectl has it: in a checkout without .git.
    let command: Vec<_> = plugin["spec"]["generate"]["command"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    assert_eq!(command[..2], ["kustomize", "build"]);
    assert!(Flags::parse(&command.join(" ")).alpha_plugins);
    let discover = plugin["spec"]["discover"]["fileName"].as_str().unwrap();
    assert_eq!(discover, "kustomization.y*ml");
    world.write(
        "tmp/checkout/overlays/a/kustomization.yaml",
        "generators: [generator.yaml]\n",
    );
    world.write(
        "tmp/checkout/overlays/a/generator.yaml",
        GENERATOR.replace("secret.enc", "../../secrets/db.enc"),
    );
    world.encrypt(
        "tmp/checkout/secrets/db.enc.yaml",
        &[&key],
        SECRETS,
        &secret("db", "a", "of-it"),
    );
    world.set_text("ARGOCD_APP_NAME", "a");
    world.set_text("ARGOCD_APP_SOURCE_PATH", "overlays/a");
    let mut run = world.command(&kubectl, "tmp/checkout/overlays/a");
    run.arg("kustomize").args(&command[2..]);
    let rendered = crate::world::Built::of(run.output().unwrap()).rendered();
    assert!(rendered.contains("of-it"));
}

#[test]
fn openshift_s_resource_says_what_the_values_say() {
    let text = octal(&read("plugin/argocd/layouts/openshift-gitops/argocd.yaml"));
    let resource: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(resource["apiVersion"], "argoproj.io/v1beta1");
    assert_eq!(resource["kind"], "ArgoCD");
    let spec = &resource["spec"];
    check_pod(&pod(&spec["repo"], &spec["repo"]));
    let flags = Flags::parse(spec["kustomizeBuildOptions"].as_str().unwrap());
    assert!(flags.alpha_plugins && flags.exec);
    let values: Value =
        serde_yaml::from_str(&octal(&read("plugin/argocd/helm/values.yaml"))).unwrap();
    for list in ["volumes", "initContainers", "volumeMounts", "env"] {
        assert_eq!(spec["repo"][list], values["repoServer"][list], "{list}");
    }
}

#[test]
fn a_custom_image_has_both_styles() {
    let text = read("plugin/argocd/layouts/custom-image/Dockerfile");
    let home = "/usr/local/share/kustomize/plugin";
    for line in [
        format!(
            "FROM ghcr.io/example/ksops-rs:{} AS ksops",
            env!("CARGO_PKG_VERSION")
        ),
        "COPY --from=ksops /usr/local/bin/ksops /usr/local/bin/ksops".into(),
        format!("COPY --from=ksops /usr/local/bin/ksops {home}/{PLUGIN_PATH}"),
        format!("ENV KUSTOMIZE_PLUGIN_HOME={home}"),
    ] {
        assert!(text.lines().any(|other| other == line), "{line}");
    }
}

#[test]
fn terraform_joins_the_lists() {
    let python = root().join("target/ci-tools/bin/python");
    let file = root().join("plugin/argocd/layouts/terraform/main.tf");
    let has = Command::new(&python).args(["-c", "import hcl2"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        crate::world::skip::<()>("there is no python-hcl2 in target/ci-tools, see .ci/run");
        return;
    }
    let output = Command::new(python)
        .args([
            "-c",
            "import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))",
        ])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let parsed = String::from_utf8(output.stdout).unwrap();
    for list in ["volumes", "initContainers", "volumeMounts", "env"] {
        assert!(parsed.contains(list), "{list}");
    }
    // The values that it reads are there.
    let text = read("plugin/argocd/layouts/terraform/main.tf");
    let path = "${path.module}/../../helm/values.yaml";
    assert!(text.contains(path));
    assert!(
        file.parent()
            .unwrap()
            .join("../../helm/values.yaml")
            .is_file()
    );
}

#[test]
fn talos_has_the_whole_as_one_manifest() {
    let Some(kubectl) = kubectl() else { return };
    let world = World::new();
    for name in ["kustomization.yaml", "repo-server.yaml", "argocd-cm.yaml"] {
        let text = read(&format!("plugin/argocd/kustomize/{name}"));
        world.write(&format!("component/{name}"), text);
    }
    world.write("argocd/argocd.yaml", ARGO_CD);
    world.write(
        "argocd/kustomization.yaml",
        "resources: [argocd.yaml]\ncomponents: [../component]\n",
    );
    let built = world.build(&kubectl, "argocd").rendered();
    world.write("built.yaml", &built);
    let output = Command::new(root().join("plugin/argocd/layouts/talos/inline-manifest"))
        .arg("argocd")
        .stdin(Stdio::from(
            fs::File::open(world.path("built.yaml")).unwrap(),
        ))
        .output()
        .unwrap();
    assert!(output.status.success());
    let patch: Value = serde_yaml::from_slice(&output.stdout).unwrap();
    let manifest = &patch["cluster"]["inlineManifests"][0];
    assert_eq!(manifest["name"], "argocd");
    assert_eq!(manifest["contents"].as_str().unwrap(), built);
}

#[test]
fn helm_secrets_gets_sops_rs() {
    let Some(helm) = helm() else { return };
    let world = World::new();
    let file = "plugin/argocd/layouts/helm-secrets/values.yaml";
    let built = template(&world, &helm, &[file]);
    let (spec, container) = repo_server(&built);
    let init = named(&spec["initContainers"], "install-sops");
    assert_eq!(init["args"][1], "--with-sops");
    let folder = init["args"][2].as_str().unwrap();
    assert_eq!(init["volumeMounts"][0]["mountPath"], folder);
    let env = |name: &str| named(&container["env"], name)["value"].as_str().unwrap();
    assert_eq!(env("HELM_SECRETS_SOPS_PATH"), format!("{folder}/sops"));
    assert_eq!(env("HELM_PLUGINS"), format!("{folder}/plugins"));
    for name in ["SYMLINKS", "ABSOLUTE_PATH", "PATH_TRAVERSAL"] {
        let name = format!("HELM_SECRETS_VALUES_ALLOW_{name}");
        assert_eq!(env(&name), "false");
    }
    // It is no claim of ours: the file says so.
    assert!(read(file).contains("is not about it"));
    assert!(yaml("testdata/argocd-chart/values.yaml").is_mapping());
}

/// The schema for editors takes what the plugin takes, and marks what it would
/// warn of or refuse.
#[test]
fn the_schema_is_that_of_the_generator() {
    let python = root().join("target/ci-tools/bin/python");
    let has = Command::new(&python)
        .args(["-c", "import jsonschema, yaml"])
        .output();
    if !has.is_ok_and(|output| output.status.success()) {
        crate::world::skip::<()>("there is no jsonschema in target/ci-tools, see .ci/run");
        return;
    }
    let world = World::new();
    let check = |text: &str| {
        world.write("generator.yaml", text);
        let script = "import json, jsonschema, sys, yaml\n\
            schema = json.load(open(sys.argv[1]))\n\
            jsonschema.Draft7Validator.check_schema(schema)\n\
            jsonschema.validate(yaml.safe_load(open(sys.argv[2])), schema)";
        let output = Command::new(&python)
            .args(["-c", script])
            .arg(root().join("docs/generator.schema.json"))
            .arg(world.path("generator.yaml"))
            .output()
            .unwrap();
        output.status.success()
    };
    for style in ["legacy", "krm"] {
        let text = read(&format!("plugin/example/{style}/generator.yaml"));
        assert!(check(&text), "{text}");
    }
    let full = "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {name: g, labels: {a: b}}\nsecretFrom:\n- metadata: {name: s, namespace: n, labels: {a: b}, annotations: {c: d}}\n  type: Opaque\n  files: [a=b.yaml]\n  binaryFiles: ['*.bin']\n  envs: [c.env]\n";
    assert!(check(full));
    for (from, to) in [
        ("envs", "env"),
        ("kind: ksops", "kind: ksops-exec"),
        ("viaduct.ai/v1", "viaduct.ai/../x"),
        ("name: g", "names: g"),
        ("[a=b.yaml]", "a=b.yaml"),
        ("secretFrom", "secretsFrom"),
    ] {
        let text = full.replace(from, to);
        assert!(!check(&text), "{text}");
    }
    // The line that editors want names the file that is there.
    let line = "/main/docs/generator.schema.json";
    for file in [
        "docs/editors-and-ci.md",
        "plugin/argocd/README.md",
        "docs/generator.schema.json",
    ] {
        assert!(read(file).contains(line), "{file}");
    }
}

//! The manifests of this repository, and what a repo-server's pod must have.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use ksops_rs::install::{PLUGIN_HOME, PLUGIN_PATH};
use serde_yaml::Value;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn files(dir: &str, all: &mut Vec<String>) {
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

/// The part of a pod that is about this program.
pub fn pod(spec: &Value, container: &Value) -> Value {
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

pub fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list.as_sequence().unwrap().iter();
    let mut found = items.filter(|item| item["name"] == name);
    let item = found.next().unwrap_or_else(|| panic!("{name} is missing"));
    assert!(found.next().is_none(), "{name} is there twice");
    item
}

pub fn mount<'a>(mounts: &'a Value, sub_path: &str) -> &'a str {
    let items = mounts.as_sequence().unwrap().iter();
    let mut found = items.filter(|item| item["subPath"] == sub_path);
    found.next().unwrap()["mountPath"].as_str().unwrap()
}

pub fn check_pod(pod: &Value) {
    let init = named(&pod["initContainers"], "install-ksops");
    assert_eq!(init["args"][0], "install");
    assert_eq!(init["args"][1], init["volumeMounts"][0]["mountPath"]);
    // The image's user: OpenShift gives another one, and refuses a named one.
    assert_eq!(init["securityContext"]["runAsNonRoot"], true);
    for name in ["runAsUser", "runAsGroup"] {
        assert!(init["securityContext"].get(name).is_none(), "{name}");
    }
    assert_eq!(init["securityContext"]["readOnlyRootFilesystem"], true);
    // Policies refuse a pod with a container that names none.
    for name in ["requests", "limits"] {
        assert!(init["resources"][name]["memory"].is_string(), "{name}");
    }
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
pub fn octal(text: &str) -> String {
    text.replace("defaultMode: 0444", "defaultMode: 292")
}

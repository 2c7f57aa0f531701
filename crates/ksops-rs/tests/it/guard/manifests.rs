//! The manifests of the guard say the same, and what the code wants.

use ksops_rs::settings::GUARD_KUSTOMIZE;
use serde_yaml::Value;

use crate::manifests::read;

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap()
}

#[test]
fn patch_and_values_agree() {
    let patch = yaml("plugin/argocd/guard/repo-server.yaml");
    let pod = &patch["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let values = yaml("plugin/argocd/guard/values.yaml");
    let values = &values["repoServer"];
    assert_eq!(pod["initContainers"], values["initContainers"]);
    for field in ["env", "volumeMounts"] {
        assert_eq!(container[field], values[field]);
    }
    let args: Vec<_> = values["initContainers"][0]["args"]
        .as_sequence()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mount = values["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert_eq!(args, ["install", "--guard", mount]);
    let var = |name: &str| {
        let all = values["env"].as_sequence().unwrap();
        let found = all.iter().find(|var| var["name"] == name).unwrap();
        found["value"].as_str().unwrap()
    };
    assert!(var("PATH").starts_with(&format!("{mount}:/usr/local/sbin:")));
    assert!(var(GUARD_KUSTOMIZE).starts_with("/usr/local/bin/"));
    // What they are put beside.
    let beside = yaml("plugin/argocd/kustomize/repo-server.yaml");
    let beside = &beside["spec"]["template"]["spec"];
    assert_eq!(beside["containers"][0]["name"], container["name"]);
    assert_eq!(
        beside["initContainers"][0]["name"],
        pod["initContainers"][0]["name"]
    );
}

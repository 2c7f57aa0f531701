use std::{fs, os::unix::fs::symlink};

use super::*;
use crate::{Settings, settings::Confine};

const CHART: &str = "helmCharts:\n- name: x\n  repo: https://charts.example.com\n";

/// What would be fetched for a checkout with these kustomizations, each as
/// `folder/name: arguments of helm`.
fn fetched(files: &[(&str, &str)], prepare: impl Fn(&Path)) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap().join("repo");
    fs::create_dir_all(root.join(".git/hooks")).unwrap();
    fs::create_dir(temp.path().join("outside")).unwrap();
    for (path, text) in files {
        let path = root.join(path).join("kustomization.yaml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    prepare(&root);
    let settings = Settings {
        confine: Confine::Folder(root.clone()),
        ..Settings::default()
    };
    let app = root.join("app");
    let policy = Policy::new(&settings, &app, None).unwrap();
    let charts = missing(&policy, &root, &app);
    let line = |chart: &Chart| {
        let args: Vec<_> = chart.args.iter().map(|arg| arg.to_str().unwrap()).collect();
        let config = chart.config.as_ref().map(|config| format!(" ({config})"));
        let path = chart.folder.join(&chart.name);
        format!(
            "{}: {}{}",
            path.display(),
            args.join(" "),
            config.unwrap_or_default()
        )
    };
    charts.iter().map(line).collect()
}

#[test]
fn they_are_beside_the_kustomizations_that_fetch() {
    let app = "resources: [../base, other.yaml]\ncomponents: [../more]\n";
    let more = "helmGlobals: {chartHome: ./a/b, configHome: helm}\nhelmCharts: [{name: x, repo: 'oci://r/y/', version: 1.0, digest: 'sha256:0', devel: true}]";
    let old = "helmChartInflationGenerator: [{chartName: z, chartRepoUrl: 'https://r', chartVersion: 2, chartHome: c}]";
    let files = [
        ("app", app),
        ("base", &format!("{CHART}  version: 1.2.3\n{old}")),
        ("more", more),
        ("not-named", CHART),
    ];
    assert_eq!(
        fetched(&files, |_| {}),
        [
            "base/c/z-2/z: --repo https://r z --version 2",
            "base/charts/x-1.2.3/x: --repo https://charts.example.com x --version 1.2.3",
            "more/a/b/x-1.0/x: oci://r/y/x@sha256:0 --version 1.0 --devel (helm)",
        ]
    );
}

#[test]
fn fields_may_be_written_in_any_case() {
    let other = CHART.replace("helmCharts", "HelmCharts");
    let other = other.replace("repo", "Repo");
    let usual = fetched(&[("app", CHART)], |_| {});
    assert_eq!(usual.len(), 1);
    assert_eq!(fetched(&[("app", &other)], |_| {}), usual);
}

#[test]
fn nothing_is_fetched_for_charts_that_are_there() {
    assert!(fetched(&[("app", "helmCharts:\n- name: x\n")], |_| {}).is_empty());
    let there = |root: &Path| fs::create_dir_all(root.join("app/charts/x")).unwrap();
    assert!(fetched(&[("app", CHART)], there).is_empty());
}

#[test]
fn none_is_outside_or_in_git_or_the_checkout_itself() {
    for home in [
        "..",
        ".",
        "../charts",
        "/tmp/x",
        "../.git/hooks",
        "../../outside",
        "a/../../.git",
        ".GIT/x",
        "../app",
    ] {
        let text = format!("helmGlobals: {{chartHome: {home}}}\n{CHART}");
        assert!(fetched(&[("app", &text)], |_| {}).is_empty(), "{home}");
    }
    for (field, value) in [
        ("name", "../x"),
        ("name", ".git"),
        ("name", "--post-renderer=x"),
        ("name", "a/b"),
        ("version", "1/../../.git"),
    ] {
        let text = format!("{CHART}  {field}: {value}\n");
        assert!(fetched(&[("app", &text)], |_| {}).is_empty(), "{value}");
    }
}

#[test]
fn no_link_is_followed_out_of_the_checkout() {
    let outside = |root: &Path| {
        fs::write(root.join("../outside/kustomization.yaml"), CHART).unwrap();
        symlink("../../outside", root.join("app/x")).unwrap();
    };
    assert!(fetched(&[("app", "resources: [x]")], outside).is_empty());
}

/// Many names, and few: what is looked at has an end.
#[test]
fn a_tree_of_names_without_end() {
    let names = "- x\n".repeat(200_000);
    let files: Vec<_> = (0..25)
        .map(|n| {
            let folder = match n {
                0 => "app".into(),
                n => format!("d{n}"),
            };
            (
                folder,
                format!("resources:\n{names}- ../d{}\n{CHART}", n + 1),
            )
        })
        .collect();
    let files: Vec<_> = files
        .iter()
        .map(|(f, t)| (f.as_str(), t.as_str()))
        .collect();
    // 8 MiB are ten of them.
    assert_eq!(fetched(&files, |_| {}).len(), 10);
}

//! The folders that kustomize unpacks remote Helm charts into, beside the
//! kustomization that names them: made beforehand, so that nothing else in the
//! checkout need be writable.
//!
//! This runs before the wall is up, on files of a stranger: paths are followed
//! within the checkout only, and no symbolic link is followed to where
//! something is made.

use std::{
    collections::HashSet,
    ffi::OsStr,
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
};

use go_yaml::{Document, Kind, NodeId};
use rustix::{
    fs::{Mode, OFlags, mkdirat, open, openat},
    io::Errno,
};

use crate::{policy::Policy, yaml};

const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The most kustomizations that are looked at, and the bytes of each.
const MAX_FOLDERS: usize = 1_000;
const MAX_BYTES: usize = 1 << 20;

/// Where kustomize unpacks charts unless told otherwise.
const CHART_HOME: &str = "charts";

/// The chart folders of a kustomization and of those below it in the same
/// checkout, made where they are missing, and opened.
pub(super) fn folders(policy: &Policy, root: &Path, kustomization: &Path) -> Vec<OwnedFd> {
    let mut found = HashSet::new();
    let mut seen = HashSet::new();
    let mut rest = vec![kustomization.to_owned()];
    while let Some(folder) = rest.pop() {
        let Ok(folder) = policy.resolve(&folder) else {
            continue;
        };
        if seen.len() >= MAX_FOLDERS || !seen.insert(folder.clone()) {
            continue;
        }
        let read = |name| policy.read(&folder.join(name), MAX_BYTES).ok();
        let Some(text) = NAMES.into_iter().find_map(read) else {
            continue;
        };
        let Ok(Some(document)) = yaml::parse_first("kustomization", &text) else {
            continue;
        };
        let Some(top) = document.root() else {
            continue;
        };
        for field in ["resources", "bases", "components"] {
            let entries = items(&document, top, field);
            let entries = entries.filter_map(|entry| yaml::text(&document, entry));
            rest.extend(entries.map(|entry| folder.join(entry)));
        }
        if pulls(&document, top)
            && let Some(home) = home(&document, top)
        {
            found.insert(folder.join(home));
        }
    }
    let below = |path: &PathBuf| path.strip_prefix(root).map(Path::to_owned).ok();
    let mut found: Vec<_> = found.iter().filter_map(below).collect();
    found.sort();
    found.iter().filter_map(|path| make(root, path)).collect()
}

/// Whether charts are fetched.
fn pulls(document: &Document<'_>, top: NodeId) -> bool {
    ["helmCharts", "helmChartInflationGenerator"]
        .iter()
        .flat_map(|field| items(document, top, field))
        .any(|chart| {
            ["repo", "chartRepoUrl"]
                .iter()
                .any(|field| yaml::field(document, chart, field).is_some())
        })
}

/// The chart folder as the kustomization names it. One that is not plainly
/// below it, or is a part of git's, is none.
fn home(document: &Document<'_>, top: NodeId) -> Option<PathBuf> {
    let named = yaml::field(document, top, "helmGlobals")
        .and_then(|globals| yaml::field(document, globals, "chartHome"))
        .and_then(|home| yaml::text(document, home))
        .filter(|home| !home.is_empty());
    let mut home = PathBuf::new();
    for step in Path::new(named.unwrap_or(CHART_HOME)).components() {
        match step {
            Component::CurDir => {}
            Component::Normal(name) if !name.eq_ignore_ascii_case(".git") => home.push(name),
            _ => return None,
        }
    }
    (!home.as_os_str().is_empty()).then_some(home)
}

fn items<'a>(
    document: &'a Document<'_>,
    top: NodeId,
    field: &str,
) -> impl Iterator<Item = NodeId> + 'a {
    let list = yaml::field(document, top, field);
    let items = list.and_then(|list| match &document.node(document.follow(list)).kind {
        Kind::Sequence { items, .. } => Some(items.iter().copied()),
        _ => None,
    });
    items.into_iter().flatten()
}

/// Opens a folder below the root, step by step through real folders, and makes
/// what is missing.
fn make(root: &Path, path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = open(root, flags, Mode::empty()).ok()?;
    let mut has_moved = false;
    for step in path.components() {
        let name: &OsStr = match step {
            Component::Normal(name) if !name.eq_ignore_ascii_case(".git") => name,
            _ => return None,
        };
        at = match openat(&at, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                mkdirat(&at, name, Mode::RWXU | Mode::RGRP | Mode::XGRP).ok()?;
                openat(&at, name, flags, Mode::empty()).ok()?
            }
            opened => opened.ok()?,
        };
        has_moved = true;
    }
    has_moved.then_some(at)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::{Settings, settings::Confine};

    const CHART: &str = "helmCharts:\n- name: x\n  repo: https://charts.example.com\n";

    /// Which folders were made in a checkout with these kustomizations.
    fn made(files: &[(&str, &str)], prepare: impl Fn(&Path)) -> Vec<String> {
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
        let folders = folders(&policy, &root, &app);
        let mut names: Vec<_> = folders
            .iter()
            .map(|folder| {
                use std::os::fd::AsRawFd;
                let link = format!("/proc/self/fd/{}", folder.as_raw_fd());
                let path = fs::read_link(link).unwrap();
                path.strip_prefix(&root).unwrap().display().to_string()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn they_are_beside_the_kustomizations_that_fetch() {
        let app = "resources: [../base, other.yaml]\ncomponents: [../more]\n";
        let files = [
            ("app", app),
            ("base", CHART),
            (
                "more",
                "helmGlobals: {chartHome: ./a/b}\nhelmCharts: [{name: x, repo: y}]",
            ),
            ("not-named", CHART),
        ];
        assert_eq!(made(&files, |_| {}), ["base/charts", "more/a/b"]);
    }

    #[test]
    fn nothing_is_made_for_charts_that_are_there() {
        assert!(made(&[("app", "helmCharts:\n- name: x\n")], |_| {}).is_empty());
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
            assert!(made(&[("app", &text)], |_| {}).is_empty(), "{home}");
        }
    }

    #[test]
    fn no_link_is_followed() {
        for target in ["../.git/hooks", "../../outside", "/tmp", ".."] {
            let link = |root: &Path| symlink(target, root.join("app/charts")).unwrap();
            assert!(made(&[("app", CHART)], link).is_empty(), "{target}");
        }
        let outside = |root: &Path| symlink("../../outside", root.join("app/x")).unwrap();
        assert!(made(&[("app", "resources: [x]")], outside).is_empty());
    }
}

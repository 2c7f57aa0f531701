//! Remote Helm charts: fetched before kustomize runs, so that it finds them
//! where it would have unpacked them, and nothing in the checkout need be
//! writable.
//!
//! A folder that a build could write to would outlive it: with a `.git` in it
//! that the tenant made, git would run the tenant's programs the next time
//! that Argo CD calls it on the checkout, outside of the wall. So helm unpacks
//! into the private folder, behind a wall of its own, and what it unpacked is
//! copied without whatever git might take for a repository.
//!
//! This runs outside of the wall, on files of a stranger: paths are followed
//! within the checkout only, and no symbolic link is followed to where
//! something is made.

mod unpack;

use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

use go_yaml::{Document, Kind, NodeId};

pub(super) use unpack::place;

use crate::{policy::Policy, yaml};

const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The most kustomizations that are looked at, the names in them, and the bytes
/// of each and of all.
const MAX_FOLDERS: usize = 1_000;
const MAX_NAMES: usize = 10_000;
const MAX_BYTES: usize = 1 << 20;
const MAX_ALL_BYTES: usize = 8 << 20;

/// Where kustomize unpacks charts unless told otherwise.
const CHART_HOME: &str = "charts";

/// A chart that kustomize would fetch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chart {
    /// The folder that it is unpacked in, below the root of the checkout.
    pub(super) folder: PathBuf,
    /// Its name, which is that of a folder in that one.
    pub(super) name: String,
    /// What helm is called with, but for where to unpack.
    pub(super) args: Vec<OsString>,
    /// The folder of helm's settings, where the kustomization names one.
    pub(super) config: Option<String>,
}

/// The charts of a kustomization and of those below it in the same checkout
/// that are not there yet.
pub(super) fn missing(policy: &Policy, root: &Path, kustomization: &Path) -> Vec<Chart> {
    let mut found = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut named = HashSet::new();
    let mut bytes = MAX_ALL_BYTES;
    let mut rest = vec![kustomization.to_owned()];
    while let Some(folder) = rest.pop() {
        let Ok(folder) = policy.resolve(&folder) else {
            continue;
        };
        if seen.len() >= MAX_FOLDERS || !seen.insert(folder.clone()) {
            continue;
        }
        let most = bytes.min(MAX_BYTES);
        let read = |name| policy.read(&folder.join(name), most).ok();
        let Some(text) = NAMES.into_iter().find_map(read) else {
            continue;
        };
        bytes -= text.len();
        let Ok(Some(document)) = yaml::parse_first("kustomization", &text) else {
            continue;
        };
        let Some(top) = document.root() else {
            continue;
        };
        for field in ["resources", "bases", "components"] {
            let entries = items(&document, top, field);
            let entries = entries.filter_map(|entry| yaml::text(&document, entry));
            for path in entries.map(|entry| folder.join(entry)) {
                if named.len() < MAX_NAMES && named.insert(path.clone()) {
                    rest.push(path);
                }
            }
        }
        let Ok(below) = folder.strip_prefix(root) else {
            continue;
        };
        let charts = FIELDS
            .iter()
            .flat_map(|fields| items(&document, top, fields.list).map(move |item| (item, fields)))
            .filter_map(|(item, fields)| chart(&document, top, item, fields, below));
        found.extend(charts.filter(|chart| !root.join(&chart.folder).join(&chart.name).is_dir()));
    }
    found.into_iter().collect()
}

/// What the fields of a chart are called.
struct Fields {
    list: &'static str,
    name: &'static str,
    version: &'static str,
    repo: &'static str,
}

/// Today's, and those of before kustomize 4.1.
const FIELDS: [Fields; 2] = [
    Fields {
        list: "helmCharts",
        name: "name",
        version: "version",
        repo: "repo",
    },
    Fields {
        list: "helmChartInflationGenerator",
        name: "chartName",
        version: "chartVersion",
        repo: "chartRepoUrl",
    },
];

/// A chart, if it is to be fetched: as kustomize 5 calls helm for it.
fn chart(
    document: &Document<'_>,
    top: NodeId,
    item: NodeId,
    fields: &Fields,
    below: &Path,
) -> Option<Chart> {
    let text = |node, field: &str| {
        let text = named(document, node, field).and_then(|node| yaml::text(document, node));
        text.filter(|text| !text.is_empty())
    };
    let globals = named(document, top, "helmGlobals");
    let global = |field| globals.and_then(|globals| text(globals, field));
    let repo = text(item, fields.repo)?;
    let name = text(item, fields.name).filter(|name| is_plain(name))?;
    let version = text(item, fields.version);
    let home = text(item, "chartHome").or_else(|| global("chartHome"));
    let mut folder = below.join(home_folder(home.unwrap_or(CHART_HOME))?);
    if let Some(version) = version {
        folder.push(Some(format!("{name}-{version}")).filter(|name| is_plain(name))?);
    }
    let mut args: Vec<OsString> = Vec::new();
    if repo.starts_with("oci://") {
        let digest = text(item, "digest").map(|digest| format!("@{digest}"));
        let repo = repo.strip_suffix('/').unwrap_or(repo);
        args.push(format!("{repo}/{name}{}", digest.unwrap_or_default()).into());
    } else {
        args.extend(["--repo".into(), repo.into(), name.into()]);
    }
    if let Some(version) = version {
        args.extend(["--version".into(), version.into()]);
    }
    if text(item, "devel") == Some("true") {
        args.push("--devel".into());
    }
    Some(Chart {
        folder,
        name: name.into(),
        args,
        config: global("configHome").map(str::to_owned),
    })
}

/// Whether this is the name of a folder, and no option and no way elsewhere.
fn is_plain(name: &str) -> bool {
    !name.starts_with(['-', '.']) && !name.contains(['/', '\0'])
}

/// The chart folder as the kustomization names it. One that is not plainly
/// below it, or is a part of git's, is none.
fn home_folder(named: &str) -> Option<PathBuf> {
    let mut home = PathBuf::new();
    for step in Path::new(named).components() {
        match step {
            Component::CurDir => {}
            Component::Normal(name) if !name.eq_ignore_ascii_case(".git") => home.push(name),
            _ => return None,
        }
    }
    (!home.as_os_str().is_empty()).then_some(home)
}

/// A field as kustomize finds it; the last one where there are several.
fn named(document: &Document<'_>, mapping: NodeId, field: &str) -> Option<NodeId> {
    yaml::fields_in_any_case(document, mapping, field).pop()
}

fn items<'a>(
    document: &'a Document<'_>,
    top: NodeId,
    field: &str,
) -> impl Iterator<Item = NodeId> + use<'a> {
    let list = named(document, top, field);
    let items = list.and_then(|list| match &document.node(document.follow(list)).kind {
        Kind::Sequence { items, .. } => Some(items.iter().copied()),
        _ => None,
    });
    items.into_iter().flatten()
}

#[cfg(test)]
mod tests;

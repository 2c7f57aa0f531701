//! The objects of Kubernetes that kustomize is given.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{Report, Status};
use crate::{error::quoted, yaml};

/// Where each comes from, by its kustomization and what kustomize tells
/// resources apart by.
#[derive(Default)]
pub(super) struct Objects(HashMap<(PathBuf, String), String>);

impl Objects {
    /// Notes what a text holds, and reports what is there already.
    pub(super) fn add(&mut self, dir: &Path, text: &[u8], origin: &str, report: &mut Report) {
        for id in ids(text) {
            let key = (dir.to_owned(), id.clone());
            if let Some(first) = self.0.insert(key, origin.to_owned()) {
                report.bad(
                    Status::Failure,
                    origin,
                    format!("{id} is there already, from {first}: kustomize refuses it (may not add resource with an already registered id)"),
                    "name each file once; where one is to change the other, annotate it with kustomize.config.k8s.io/behavior: merge (or replace)",
                );
            }
        }
    }
}

/// What kustomize tells resources apart by. Not of those that are
/// meant to change another one.
fn ids(text: &[u8]) -> Vec<String> {
    const BEHAVIOR: &str = "kustomize.config.k8s.io/behavior";
    let documents = yaml::parse("", text).unwrap_or_default();
    let ids = documents.iter().filter_map(|document| {
        let root = document.root()?;
        let text = |node, name: &str| {
            let field = yaml::field(document, node, name)?;
            yaml::text(document, field)
        };
        let metadata = yaml::field(document, root, "metadata")?;
        let behavior = yaml::field(document, metadata, "annotations")
            .and_then(|annotations| text(annotations, BEHAVIOR));
        if behavior.is_some_and(|behavior| matches!(behavior, "merge" | "replace")) {
            return None;
        }
        let namespace = match text(metadata, "namespace") {
            Some(namespace) => format!(" in namespace {namespace}"),
            None => String::new(),
        };
        // Of an apiVersion the group counts.
        let group = text(root, "apiVersion").unwrap_or_default();
        let group = group
            .split_once('/')
            .map_or(String::new(), |(group, _)| format!(".{group}"));
        let (kind, name) = (text(root, "kind")?, text(metadata, "name")?);
        Some(format!("{kind}{group} {}{namespace}", quoted(name)))
    });
    ids.collect()
}

/// Why kustomize would refuse what is printed.
pub(super) fn not_an_object(text: &[u8]) -> Option<String> {
    let Ok(documents) = yaml::parse("", text) else {
        return Some("what is in it is not YAML".into());
    };
    documents.iter().find_map(|document| {
        let root = document
            .root()
            .filter(|&root| !yaml::is_null(document, root))?;
        let has = |node, name: &str| yaml::field(document, node, name).is_some();
        let metadata = yaml::field(document, root, "metadata");
        if !has(root, "kind") {
            Some("what is in it has no `kind`".into())
        } else if !metadata.is_some_and(|metadata| has(metadata, "name")) {
            Some("what is in it has no `metadata.name`".into())
        } else {
            None
        }
    })
}

//! Finds the generators below a kustomization.

mod fields;
mod place;
mod style;

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use go_yaml::{Document, NodeId};

use super::{Flags, Report, Status, objects::Objects, shown};
use crate::{Error, Result, generator::Generator, read, yaml};
use fields::{field_text, is_nearly_ours, is_plain, texts};
use place::Place;
use style::function;

pub(super) use fields::is_ours;
pub(super) use style::{Function, legacy_form};

pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

const PATH_ADVICE: &str =
    "correct the path, which starts from the folder of the kustomization.yaml that lists it";

/// The most folders that one kustomization may lead to.
const MAX_FOLDERS: usize = 1_000;

/// A generator that a kustomization lists.
pub(super) struct Found {
    /// Its file, as it is called in messages.
    pub(super) name: String,
    /// The folder of the kustomization: where the plugin runs.
    pub(super) dir: PathBuf,
    /// The text of its file.
    pub(super) text: String,
    /// How it is run in KRM style; `None` for legacy style.
    pub(super) function: Option<Function>,
    /// What it says.
    pub(super) generator: Result<Generator>,
}

/// All generators of ksops below a kustomization. What is in the way is
/// reported, and the resources that are there are noted.
pub(super) fn explore(
    dir: &Path,
    name: &Path,
    flags: Option<&Flags>,
    objects: &mut Objects,
    report: &mut Report,
) -> Vec<Found> {
    let mut search = Search {
        report,
        flags,
        objects,
        seen: HashSet::new(),
        found: Vec::new(),
    };
    search.folder(dir, name);
    let found = search.found;
    if found.is_empty() && report.is_ok() {
        report.bad(
            Status::Warning,
            shown(name),
            "no ksops generator is listed here or below",
            "list the generator's file under `generators:` in kustomization.yaml",
        );
    }
    found
}

struct Search<'a> {
    report: &'a mut Report,
    flags: Option<&'a Flags>,
    objects: &'a mut Objects,
    seen: HashSet<PathBuf>,
    found: Vec<Found>,
}

impl Search<'_> {
    fn folder(&mut self, dir: &Path, name: &Path) {
        let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        if self.seen.len() >= MAX_FOLDERS || !self.seen.insert(real) {
            return;
        }
        let there = NAMES.into_iter().filter(|file| dir.join(file).exists());
        let there: Vec<_> = there.collect();
        let Some(&file) = there.first() else {
            let (detail, fix) = match name.parent().filter(|_| dir.is_file()) {
                None => (
                    "there is no kustomization.yaml",
                    "name a folder that kustomize can build".into(),
                ),
                Some(parent) => (
                    "a file",
                    format!("name the folder it is in: {}", shown(parent)),
                ),
            };
            return self.fail(shown(name), detail, &fix);
        };
        if there.len() > 1 {
            self.fail(
                shown(name),
                format!(
                    "{} are there: kustomize refuses it (Found multiple kustomization files)",
                    there.join(" and ")
                ),
                "keep one",
            );
        }
        if !dir.join(file).is_file() {
            return self.fail(shown(&name.join(file)), "not a file", "make it one");
        }
        let shown_file = shown(&name.join(file));
        let text = match self.read(&dir.join(file), &shown_file) {
            Some(text) => text,
            None => return,
        };
        let documents = match yaml::parse(&shown_file, text.as_bytes()) {
            Ok(documents) => documents,
            Err(error) => return self.error(&error),
        };
        let Some((document, root)) = documents.first().and_then(|d| Some((d, d.root()?))) else {
            return;
        };
        for entry in texts(document, root, "generators") {
            self.generator(dir, name, &entry);
        }
        for field in ["transformers", "validators"] {
            for entry in texts(document, root, field) {
                self.other_plugin(dir, name, field, &entry);
            }
        }
        for entry in fields::files(document, root) {
            self.place(dir, name, &entry);
        }
        for field in ["resources", "bases", "components"] {
            for entry in texts(document, root, field) {
                match self.place(dir, name, &entry) {
                    Place::Folder => self.folder(&dir.join(&entry), &name.join(&entry)),
                    Place::File { .. } => self.resource(dir, &entry, &shown(&name.join(&entry))),
                    Place::Missing | Place::Remote | Place::Special => {}
                }
            }
        }
    }

    /// Where a path leads; said where kustomize does not follow it.
    fn place(&mut self, dir: &Path, name: &Path, entry: &str) -> Place {
        let place = Place::of(dir, entry);
        let name = shown(&name.join(entry));
        match place {
            Place::Missing => self.fail(&name, "no such file or directory", PATH_ADVICE),
            Place::Special => self.fail(&name, "not a file", PATH_ADVICE),
            Place::File { outside: true } if self.flags.is_none_or(|flags| !flags.any_file) => {
                let status = match self.flags {
                    Some(_) => Status::Failure,
                    None => Status::Warning,
                };
                self.report.bad(
                    status,
                    &name,
                    "outside of the folder of its kustomization.yaml, where kustomize reads no files (security; file is not in or below it)",
                    "move it there, or list a folder with a kustomization.yaml of its own; or add --load-restrictor LoadRestrictionsNone to kustomize.buildOptions",
                );
            }
            _ => {}
        }
        place
    }

    fn generator(&mut self, dir: &Path, name: &Path, entry: &str) {
        if entry.contains('\n') {
            let name = format!("{} (inline)", shown(name));
            return self.manifest(dir, name, entry.to_owned());
        }
        let path = dir.join(entry);
        if path.is_dir() {
            // A kustomization whose resources are generators.
            for file in generators_of(&path) {
                self.generator(dir, name, &format!("{entry}/{file}"));
            }
            return;
        }
        if matches!(
            self.place(dir, name, entry),
            Place::Missing | Place::Special
        ) {
            return;
        }
        let name = shown(&name.join(entry));
        if let Some(text) = self.read(&path, &name) {
            self.manifest(dir, name, text);
        }
    }

    /// What kustomize looks for a plugin for, other than generators: an inline
    /// manifest or a file.
    fn other_plugin(&mut self, dir: &Path, name: &Path, field: &str, entry: &str) {
        let (name, text) = if entry.contains('\n') {
            let name = format!("{} (inline)", shown(name));
            (name, entry.to_owned())
        } else {
            if !matches!(self.place(dir, name, entry), Place::File { .. }) {
                return;
            }
            let text = read::file(&dir.join(entry)).ok();
            let Some(text) = text.and_then(|bytes| String::from_utf8(bytes).ok()) else {
                return;
            };
            (shown(&name.join(entry)), text)
        };
        let documents = yaml::parse(&name, text.as_bytes()).unwrap_or_default();
        let mut is_generator = false;
        for document in &documents {
            if let Some(root) = document.root() {
                self.plain_names(&name, document, root);
                is_generator |= is_ours(document, root);
            }
        }
        if is_generator {
            let what = match field {
                "transformers" => "what it prints takes the place of all other resources",
                _ => "what it prints is dropped",
            };
            let fix = "list it under `generators:`";
            self.fail(&name, format!("a generator under `{field}:`: {what}"), fix);
            self.manifest(dir, name, text);
        }
    }

    /// kustomize makes a path of `apiVersion` and `kind`, and runs the program
    /// that it leads to: with `..` in it, any that the repository holds.
    fn plain_names(&mut self, name: &str, document: &Document<'_>, root: NodeId) -> bool {
        let text = |field| field_text(document, root, field).unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let mut parts = version.split('/');
        let is_plain_version = parts.clone().count() <= 2 && parts.all(is_plain);
        let fields = [
            ("apiVersion", version.is_empty() || is_plain_version),
            ("kind", kind.is_empty() || is_plain(kind)),
        ];
        for (field, good) in fields {
            if !good {
                self.fail(
                    name,
                    format!("`{field}` is not a plain name: kustomize looks for a program where it leads, which may be one of the repository, and runs it"),
                    "write `apiVersion: viaduct.ai/v1` and `kind: ksops`; if you did not write this, somebody wants a program of theirs to be run",
                );
            }
        }
        fields.iter().all(|(_, good)| *good)
    }

    fn manifest(&mut self, dir: &Path, name: String, text: String) {
        let documents = match yaml::parse(&name, text.as_bytes()) {
            Ok(documents) => documents,
            Err(error) => return self.error(&error),
        };
        for document in &documents {
            let Some(root) = document.root() else {
                continue;
            };
            if !self.plain_names(&name, document, root) {
                continue;
            }
            let function = function(document, root);
            let is_exec = function.as_ref().is_some_and(|f| f.path.is_some());
            if !is_ours(document, root) && !is_exec {
                if is_nearly_ours(document, root) {
                    self.fail(
                        &name,
                        "kustomize looks for a plugin by apiVersion and kind, and would not find this one",
                        "write `apiVersion: viaduct.ai/v1` and `kind: ksops`",
                    );
                }
                continue;
            }
            let metadata = yaml::field(document, root, "metadata");
            if metadata.is_none_or(|node| yaml::field(document, node, "name").is_none()) {
                self.fail(
                    &name,
                    "a generator without `metadata.name`, which kustomize refuses",
                    "give it a name",
                );
            }
            let generator = Generator::from_node(&name, document, root);
            // Some other function's own configuration.
            if !is_ours(document, root) && generator.is_err() {
                continue;
            }
            self.found.push(Found {
                name: name.clone(),
                dir: dir.to_owned(),
                text: text.clone(),
                function,
                generator,
            });
        }
    }

    /// A file under `resources`: neither a generator nor an encrypted file
    /// belongs there.
    fn resource(&mut self, dir: &Path, entry: &str, name: &str) {
        let Ok(bytes) = read::file(&dir.join(entry)) else {
            return;
        };
        self.objects.add(dir, &bytes, name, self.report);
        let Ok(documents) = yaml::parse(name, &bytes) else {
            return;
        };
        for document in &documents {
            let Some(root) = document.root() else {
                continue;
            };
            if is_ours(document, root) {
                self.fail(
                    name,
                    "a generator under `resources:`, where kustomize takes it for a resource",
                    "list it under `generators:`",
                );
            } else if yaml::field(document, root, "sops").is_some() {
                self.fail(
                    name,
                    "an encrypted file under `resources:`, which would be applied encrypted",
                    "name it in the `files:` of a generator, and list that under `generators:`",
                );
            }
        }
    }

    fn read(&mut self, path: &Path, name: &str) -> Option<String> {
        let text = read::file(path).map(String::from_utf8);
        match text {
            Ok(Ok(text)) => return Some(text),
            Ok(Err(_)) => self.fail(name, "not UTF-8 text", "save it as UTF-8"),
            Err(error) => self.fail(name, crate::error::io_reason(&error), PATH_ADVICE),
        }
        None
    }

    fn error(&mut self, error: &Error) {
        let text = error.to_string();
        let (detail, fix) = text.split_once('\n').unwrap_or((&text, ""));
        self.fail("YAML", detail, fix);
    }

    fn fail(&mut self, name: impl Into<String>, detail: impl Into<String>, fix: &str) {
        self.report.bad(Status::Failure, name, detail, fix);
    }
}

/// What a kustomization that serves as a list of generators names.
fn generators_of(dir: &Path) -> Vec<String> {
    let Some(file) = NAMES.into_iter().find(|file| dir.join(file).is_file()) else {
        return Vec::new();
    };
    let Ok(bytes) = read::file(&dir.join(file)) else {
        return Vec::new();
    };
    let Ok(documents) = yaml::parse(file, &bytes) else {
        return Vec::new();
    };
    let first = documents.first().and_then(|d| Some((d, d.root()?)));
    first.map_or(Vec::new(), |(document, root)| {
        texts(document, root, "resources")
    })
}

//! From YAML nodes to a [`Generator`].

use std::collections::BTreeMap;

use go_yaml::{Document, Kind, NodeId};

use super::{
    Entry, Generator, KeyedEntry, Place, SecretSource, missing_lists, nearest::nearest, scalar,
    split_key, two_equal_signs,
};
use crate::{Error, Result, error::quoted};

/// How many fields and list items one generator may have, those reached again
/// through aliases and merge keys counted each time.
const MAX_NODES: usize = 100_000;

/// Bytes of text that count as another node: all texts together may be a few
/// times as long as a Kubernetes object can be.
const NODE_SIZE: usize = 128;

/// How deep merge keys may stand in one another.
const MAX_MERGES: usize = 20;

/// Fields of a generator: those that are read, then those that only kustomize
/// needs.
const TOP: &[&str] = &["files", "secretFrom", "apiVersion", "kind", "metadata"];
const SECRET: &[&str] = &["files", "binaryFiles", "envs", "metadata", "type"];
/// Those of them that name files: nothing is rendered of what stands elsewhere.
const LISTS: &[&str] = &["files", "secretFrom", "binaryFiles", "envs"];
const METADATA: &[&str] = &["name", "namespace", "labels", "annotations"];

/// Reads a generator; `lines` says whether messages name lines.
pub(super) fn read(
    name: &str,
    document: &Document<'_>,
    root: NodeId,
    lines: bool,
) -> Result<Generator> {
    let mut reader = Reader {
        name,
        lines,
        document,
        budget: MAX_NODES,
        warnings: Vec::new(),
    };
    let result = reader.generator(root);
    let mut generator = result.map_err(|error| {
        // A misspelt field may well be why.
        let warnings = reader.warnings.iter();
        warnings.fold(error.at(name), |error, warning| error.because(warning))
    })?;
    generator.warnings = reader.warnings;
    generator.title = name.to_owned();
    Ok(generator)
}

struct Reader<'a> {
    name: &'a str,
    lines: bool,
    document: &'a Document<'a>,
    budget: usize,
    warnings: Vec<String>,
}

/// A key of a mapping as text, the line it stands on, and its value.
struct Field {
    key: String,
    line: Option<u32>,
    value: NodeId,
}

/// The values of the first `N` known fields; `None` where there is none or it
/// is null.
struct Fields<const N: usize>([Option<NodeId>; N]);

impl Reader<'_> {
    fn generator(&mut self, root: NodeId) -> Result<Generator> {
        if self.is_null(root) {
            return Err(missing_lists());
        }
        let Fields([files, secrets]) = self.fields(
            root,
            TOP,
            "",
            "a generator",
            "the field `files` or `secretFrom`",
        )?;
        if files.is_none() && secrets.is_none() {
            return Err(missing_lists());
        }
        let files = self.entries(files, None, "files")?;
        let mut generator = Generator {
            files,
            ..Generator::default()
        };
        for (n, item) in self
            .items(secrets, "secretFrom", "Secrets")?
            .into_iter()
            .enumerate()
        {
            generator.secrets.push(self.secret(n, item)?);
        }
        Ok(generator)
    }

    fn secret(&mut self, n: usize, node: NodeId) -> Result<SecretSource> {
        let mut secret = SecretSource::default();
        if self.is_null(node) {
            return Ok(secret);
        }
        let path = format!("secretFrom[{n}]");
        let Fields([files, binary_files, envs, metadata, kind]) =
            self.fields(node, SECRET, &path, &path, "fields such as `files`")?;
        secret.files = self.keyed_entries(files, n, "files")?;
        secret.binary_files = self.keyed_entries(binary_files, n, "binaryFiles")?;
        secret.envs = self.entries(envs, Some(n), "envs")?;
        if let Some(kind) = kind {
            secret.kind = self.text(kind, &format!("{path}.type"))?;
        }
        if let Some(metadata) = metadata {
            let path = format!("{path}.metadata");
            let Fields([name, namespace, labels, annotations]) =
                self.fields(metadata, METADATA, &path, &path, "fields such as `name`")?;
            if let Some(name) = name {
                secret.name = self.text(name, &format!("{path}.name"))?;
            }
            if let Some(namespace) = namespace {
                secret.namespace = self.text(namespace, &format!("{path}.namespace"))?;
            }
            secret.labels = self.texts(labels, &format!("{path}.labels"))?;
            secret.annotations = self.texts(annotations, &format!("{path}.annotations"))?;
        }
        Ok(secret)
    }

    fn entries(
        &mut self,
        node: Option<NodeId>,
        secret: Option<usize>,
        list: &'static str,
    ) -> Result<Vec<Entry>> {
        let path = match secret {
            Some(n) => format!("secretFrom[{n}].{list}"),
            None => list.to_owned(),
        };
        let mut entries = Vec::new();
        for (index, item) in self
            .items(node, &path, "file names")?
            .into_iter()
            .enumerate()
        {
            let place = Place {
                line: self.line(item),
                secret,
                list,
                index,
            };
            let path = self.text(item, &format!("{path}[{index}]"))?;
            if path.is_empty() {
                return Err(empty_path(place));
            }
            entries.push(Entry { path, place });
        }
        Ok(entries)
    }

    fn keyed_entries(
        &mut self,
        node: Option<NodeId>,
        secret: usize,
        list: &'static str,
    ) -> Result<Vec<KeyedEntry>> {
        self.entries(node, Some(secret), list)?
            .into_iter()
            .map(|Entry { path, place }| {
                let (key, path) = split_key(&path).ok_or_else(|| two_equal_signs(&path, place))?;
                if path.is_empty() {
                    return Err(empty_path(place));
                }
                Ok(KeyedEntry {
                    key: key.to_owned(),
                    entry: Entry {
                        path: path.to_owned(),
                        place,
                    },
                })
            })
            .collect()
    }

    /// The items of a list; none where the node is missing or null.
    fn items(&mut self, node: Option<NodeId>, path: &str, of_what: &str) -> Result<Vec<NodeId>> {
        let Some(node) = node.filter(|&node| !self.is_null(node)) else {
            return Ok(Vec::new());
        };
        match &self.document.node(self.document.follow(node)).kind {
            Kind::Sequence { items, .. } => {
                self.spend(items.len())?;
                Ok(items.clone())
            }
            _ => Err(self.wrong_kind(node, path, &format!("a list of {of_what}"))),
        }
    }

    /// A mapping of texts to texts, with the YAML 1.1 reading of each.
    fn texts(&mut self, node: Option<NodeId>, path: &str) -> Result<BTreeMap<String, String>> {
        let Some(node) = node.filter(|&node| !self.is_null(node)) else {
            return Ok(BTreeMap::new());
        };
        let mut texts = BTreeMap::new();
        for field in self.mapping(node, path, "a mapping of texts", 0)? {
            let at = format!("{path}[{}]", quoted(&field.key));
            let value = match self.scalar(field.value) {
                Some(value) => self.copied(value.as_yaml_1_1())?,
                None => return Err(self.wrong_kind(field.value, &at, "a text")),
            };
            texts.insert(field.key, value);
        }
        Ok(texts)
    }

    /// A scalar as it was written; null is the empty text.
    fn text(&mut self, node: NodeId, path: &str) -> Result<String> {
        match self.scalar(node) {
            Some(scalar) => self.copied(scalar.as_written()),
            None => Err(self.wrong_kind(node, path, "a text")),
        }
    }

    /// A text that may be that of many aliases.
    fn copied(&mut self, text: String) -> Result<String> {
        self.spend(text.len() / NODE_SIZE)?;
        Ok(text)
    }

    /// The fields of a mapping by name, in any case. Where a name is there
    /// several times, the last one counts; among spellings that differ in
    /// case, the last one in byte order, which is the order in which KSOPS
    /// sees them. What is not known is warned of.
    fn fields<const N: usize>(
        &mut self,
        node: NodeId,
        known: &[&str],
        path: &str,
        what: &str,
        of_what: &str,
    ) -> Result<Fields<N>> {
        let mut found: [Option<Field>; N] = [const { None }; N];
        let mut unknown = Vec::new();
        for field in self.mapping(node, what, &format!("a mapping with {of_what}"), 0)? {
            let at = known
                .iter()
                .position(|name| name.eq_ignore_ascii_case(&field.key));
            match at.map(|at| found.get_mut(at)) {
                None => unknown.push(field),
                Some(Some(Some(earlier))) if earlier.key > field.key => {}
                Some(Some(slot)) => *slot = Some(field),
                Some(None) => {}
            }
        }
        for field in unknown {
            let meant = nearest(&field.key, known);
            let is_there = |name: &str| {
                let mut found = found.iter().flatten();
                found
                    .any(|field| field.key.eq_ignore_ascii_case(name) && !self.is_null(field.value))
            };
            match meant.filter(|name| LISTS.contains(name)) {
                Some(name) if !is_there(name) && self.names_something(field.value) => {
                    return Err(misspelt(&field, name, path));
                }
                _ => self.warn_unknown(&field, meant, known, N, path),
            }
        }
        Ok(Fields(found.map(|field| {
            field
                .map(|field| field.value)
                .filter(|&value| !self.is_null(value))
        })))
    }

    /// Whether a value is more than null or an empty list or mapping.
    fn names_something(&self, node: NodeId) -> bool {
        match &self.document.node(self.document.follow(node)).kind {
            Kind::Sequence { items, .. } => !items.is_empty(),
            Kind::Mapping { entries, .. } => !entries.is_empty(),
            Kind::Scalar { .. } | Kind::Alias(_) => !self.is_null(node),
        }
    }

    fn warn_unknown(
        &mut self,
        field: &Field,
        meant: Option<&str>,
        known: &[&str],
        read: usize,
        path: &str,
    ) {
        let help = match meant {
            Some(name) => format!("did you mean {name}?"),
            None => format!(
                "known here: {}",
                known.get(..read).unwrap_or(known).join(", ")
            ),
        };
        self.warnings.push(format!(
            "{}: {}unknown field {} is ignored; {help}",
            self.name,
            line_prefix(field.line),
            quoted(&below(path, &field.key)),
        ));
    }

    /// The fields of a mapping in order, what merge keys bring in among them:
    /// to YAML v2, which KSOPS uses, a later field overrides a merged one and
    /// a later merge overrides fields.
    fn mapping(
        &mut self,
        node: NodeId,
        path: &str,
        expected: &str,
        depth: usize,
    ) -> Result<Vec<Field>> {
        let Kind::Mapping { entries, .. } = &self.document.node(self.document.follow(node)).kind
        else {
            return Err(self.wrong_kind(node, path, expected));
        };
        self.spend(entries.len())?;
        let mut fields = Vec::new();
        for &(key, value) in entries {
            let line = self.line(key);
            let Some(text) = self.scalar(key) else {
                return Err(self.wrong_kind(key, &format!("a key of {path}"), "a text"));
            };
            if !text.is_merge_key() {
                fields.push(Field {
                    key: self.copied(text.as_yaml_1_1())?,
                    line,
                    value,
                });
                continue;
            }
            if depth == MAX_MERGES {
                return Err(Error::new(format!(
                    "{}{path}: more than {MAX_MERGES} merge keys (`<<`) in one another",
                    line_prefix(line)
                ))
                .advise("write the fields out instead"));
            }
            let target = self.document.node(self.document.follow(value));
            let merged = match &target.kind {
                // Of several, the first is to win: it goes last.
                Kind::Sequence { items, .. } => items.iter().rev().copied().collect(),
                _ => vec![value],
            };
            self.spend(merged.len())?;
            for node in merged {
                fields.extend(self.mapping(node, "<<", "a mapping", depth + 1)?);
            }
        }
        Ok(fields)
    }

    fn spend(&mut self, nodes: usize) -> Result<()> {
        match self.budget.checked_sub(nodes) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(
                Error::new(format!("more than {MAX_NODES} fields and list items"))
                    .advise("split the generator into several"),
            ),
        }
    }

    fn scalar(&self, node: NodeId) -> Option<scalar::Scalar<'_>> {
        scalar::Scalar::of(self.document.node(self.document.follow(node)))
    }

    fn is_null(&self, node: NodeId) -> bool {
        self.scalar(node).is_some_and(|scalar| scalar.is_null())
    }

    fn line(&self, node: NodeId) -> Option<u32> {
        self.lines.then(|| self.document.node(node).mark.line)
    }

    fn wrong_kind(&self, node: NodeId, path: &str, expected: &str) -> Error {
        let found = match &self.document.node(self.document.follow(node)).kind {
            Kind::Sequence { .. } => "a list",
            Kind::Mapping { .. } => "a mapping",
            Kind::Scalar { .. } if self.is_null(node) => "nothing",
            Kind::Scalar { .. } | Kind::Alias(_) => "a single value",
        };
        Error::new(format!(
            "{}{path} should be {expected}, but it is {found}",
            line_prefix(self.line(node))
        ))
        .advise("`ksops-rs --help` shows what a generator looks like")
    }
}

/// The way to a field.
fn below(path: &str, key: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{key}")
}

/// A field that would leave a generator without its files: KSOPS ignores it,
/// and kustomize drops what a plugin says where it succeeds.
fn misspelt(field: &Field, meant: &str, path: &str) -> Error {
    Error::new(format!(
        "{}unknown field {}, and no {}: what it names would not be rendered",
        line_prefix(field.line),
        quoted(&below(path, &field.key)),
        below(path, meant),
    ))
    .advise(format!(
        "did you mean `{meant}`? write it so, or take the field out"
    ))
}

fn line_prefix(line: Option<u32>) -> String {
    line.map_or(String::new(), |line| format!("line {line}: "))
}

fn empty_path(place: Place) -> Error {
    Error::new(format!("{place} names no file"))
        .advise("write the path of an encrypted file there, or remove the line")
}

#[cfg(test)]
mod tests;

//! The files of a generator: each is read and decrypted once, whatever it is
//! called and however often.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sops_core::{Document, ErrorKind, Format, Warning, WarningKind, tree::Mapping};
use zeroize::Zeroizing;

use super::{Context, Run, STYLE, object, placeholder, variables::Outline};
use crate::{
    Error, Result,
    budget::too_many_bytes,
    error::quoted,
    generator::{Entry, Generator},
    parallel::in_parallel,
    policy::Identity,
    read, unreadable, yaml,
};

/// The text of a decrypted file. Shared by all that mention it.
pub(super) type Text = Arc<Zeroizing<Vec<u8>>>;

/// The files that a run decrypted, by what they are and the format of their
/// names.
pub(super) type Opened = HashMap<(Identity, Format), Arc<Decrypted>>;

/// The decrypted files of a generator by path. Paths that lead to one file
/// share what was decrypted.
pub(super) struct Files<'a>(HashMap<&'a str, Arc<Decrypted>>);

pub(super) struct Decrypted {
    text: Text,
    /// Only of a file that is listed under `envs`.
    outline: Option<Outline>,
    /// What is odd about it, with its place.
    warnings: Vec<String>,
}

impl<'a> Files<'a> {
    /// Decrypts every file that is named.
    pub(super) fn decrypt(
        generator: &'a Generator,
        context: &Context,
        run: &mut Run,
    ) -> Result<Self> {
        let name = &generator.title;
        let groups = groups(generator, context);
        let most = run.budget.bytes();
        // Whatever is decrypted is rendered once at least, so that more than
        // may be rendered need not be.
        let decrypted = AtomicUsize::new(0);
        let results = in_parallel(&groups, context.settings.concurrency.get(), |group| {
            if decrypted.load(Ordering::Relaxed) > most {
                return Err(None);
            }
            let known = group
                .identity
                .and_then(|identity| run.opened.get(&identity));
            if let Some(file) = known.filter(|file| file.outline.is_some() >= group.outlined) {
                return Ok(Arc::clone(file));
            }
            let file = decrypt_file(group.first, group.outlined, context).map_err(Some)?;
            decrypted.fetch_add(file.text.len(), Ordering::Relaxed);
            Ok(Arc::new(file))
        });
        if decrypted.into_inner() > most {
            return Err(too_many_bytes().at(name));
        }
        let count = groups.len();
        let mut files = HashMap::new();
        let mut errors: Vec<Error> = Vec::new();
        for (group, result) in groups.into_iter().zip(results) {
            match result {
                Ok(file) => {
                    if let Some(identity) = group.identity {
                        run.opened.insert(identity, Arc::clone(&file));
                    }
                    files.extend(group.paths.into_iter().map(|path| (path, file.clone())));
                }
                Err(error) => errors.extend(error),
            }
        }
        let failed = errors.len();
        match errors.pop() {
            None => Ok(Files(files)),
            Some(error) if failed == 1 => Err(error.at(name)),
            Some(error) => {
                errors.push(error);
                Err(Error::several(
                    format!("{name}: {failed} of {count} files cannot be decrypted"),
                    errors,
                ))
            }
        }
    }

    fn get(&self, entry: &Entry) -> Result<&Decrypted> {
        // All that a generator names were decrypted.
        self.0
            .get(entry.path.as_str())
            .map(|file| &**file)
            .ok_or_else(|| Error::new(format!("{}: not decrypted", entry.place)))
    }

    /// Says what is odd about the files.
    pub(super) fn warn(&self, name: &str, warnings: &mut Vec<String>) {
        // Those of one file once, in an order that does not depend on chance.
        let all: BTreeSet<&str> = self
            .0
            .values()
            .flat_map(|file| file.warnings.iter().map(String::as_str))
            .collect();
        warnings.extend(all.iter().map(|warning| format!("{name}: {warning}")));
    }

    /// The file as it is.
    pub(super) fn shared(&self, entry: &Entry) -> Result<Text> {
        Ok(Arc::clone(&self.get(entry)?.text))
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, entry: &Entry) -> Result<&[u8]> {
        Ok(&self.get(entry)?.text)
    }

    /// The file as text. KSOPS turns bytes that are none into U+FFFD and goes
    /// on; a broken key in a pod is found later than an error.
    pub(super) fn text(&self, entry: &Entry) -> Result<&str> {
        std::str::from_utf8(self.bytes(entry)?).map_err(|_| {
            Error::new(format!(
                "{}: {} is not UTF-8 text when decrypted, so it cannot stand in stringData",
                entry.place,
                quoted(&entry.path)
            ))
            .advise(match entry.place.list {
                "envs" => "variables are text: list a binary file under `binaryFiles:`",
                _ => "list it under `binaryFiles:` instead; the pod sees the same bytes",
            })
        })
    }

    /// Refuses a dotenv or INI file that YAML reads as a Kubernetes object:
    /// kustomize would read lines that nothing authenticates, names of
    /// variables and sections, as fields with values.
    pub(super) fn refuse_object_of_lines(&self, entry: &Entry) -> Result<()> {
        if !matches!(Format::from_path(&entry.path), Format::Dotenv | Format::Ini) {
            return Ok(());
        }
        let documents = yaml::parse("", self.bytes(entry)?).unwrap_or_default();
        let is_object = documents.iter().any(|document| {
            let root = document.root();
            root.is_some_and(|root| yaml::field(document, root, "kind").is_some())
        });
        if !is_object {
            return Ok(());
        }
        Err(Error::new(format!(
            "{}: {} is a dotenv or INI file, and kustomize would take its lines for a Kubernetes object",
            entry.place,
            quoted(&entry.path)
        ))
        .because("names in such a file can be changed without a key")
        .advise("list under `files:` what is YAML or JSON; make a Secret of any other file with `secretFrom:`"))
    }

    /// What the tree of a file under `envs` has at its top.
    pub(super) fn outline(&self, entry: &Entry) -> Result<&Outline> {
        self.get(entry)?
            .outline
            .as_ref()
            .ok_or_else(|| Error::new(format!("{}: not listed under `envs`", entry.place)))
    }
}

/// The paths by which a generator names one file.
struct Group<'a> {
    /// Where it is named first.
    first: &'a Entry,
    identity: Option<(Identity, Format)>,
    paths: Vec<&'a str>,
    /// Whether it is listed under `envs`.
    outlined: bool,
}

/// The files that a generator names, told apart by what they are: one that is
/// reached by many links is one. The format is that of the name.
fn groups<'a>(generator: &'a Generator, context: &Context) -> Vec<Group<'a>> {
    let entries = distinct(generator);
    let envs = generator.secrets.iter().flat_map(|secret| &secret.envs);
    let envs: HashSet<&str> = envs.map(|entry| entry.path.as_str()).collect();
    let mut known: HashMap<(Identity, Format), usize> = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let path = entry.path.as_str();
        let outlined = envs.contains(path);
        // Why there may be no such file is told when it is read.
        let identity = context.policy.identity(Path::new(path)).ok();
        let identity = identity.map(|identity| (identity, Format::from_path(path)));
        let at = identity.map(|identity| *known.entry(identity).or_insert(groups.len()));
        match at.and_then(|at| groups.get_mut(at)) {
            Some(group) => {
                group.paths.push(path);
                group.outlined |= outlined;
            }
            None => groups.push(Group {
                first: entry,
                identity,
                paths: vec![path],
                outlined,
            }),
        }
    }
    groups
}

/// Every file that a generator names, once, where it is named first.
pub(crate) fn distinct(generator: &Generator) -> Vec<&Entry> {
    let secrets = generator.secrets.iter().flat_map(|secret| {
        let keyed = secret.files.iter().chain(&secret.binary_files);
        keyed.map(|file| &file.entry).chain(&secret.envs)
    });
    let mut seen = HashSet::new();
    generator
        .files
        .iter()
        .chain(secrets)
        .filter(|entry| seen.insert(entry.path.as_str()))
        .collect()
}

fn decrypt_file(entry: &Entry, outlined: bool, context: &Context) -> Result<Decrypted> {
    let bytes = context
        .policy
        .read(Path::new(&entry.path), context.settings.file_size)
        .map_err(|refusal| {
            Error::new(format!(
                "{}: cannot read {}: {}",
                entry.place,
                quoted(&entry.path),
                refusal.reason()
            ))
            .advise(refusal.advice())
        })?;
    let format = Format::from_path(&entry.path);
    let in_file = |error: sops_core::Error| {
        let is_key = error.kind() == ErrorKind::DataKey;
        let error = error.in_file(quoted(&entry.path));
        let error = Error::of_core(error, context.settings.argo_cd).at(entry.place);
        match &context.keys.note {
            Some(note) if is_key => error.advise(note),
            _ => error,
        }
    };
    let document = Document::parse(&bytes, format)
        .map_err(|error| unreadable::explained(in_file(error), &bytes, format))?;
    drop(bytes);
    let only_encrypted = document.metadata().mac_only_encrypted;
    if context.settings.placeholder {
        let document = placeholder::replace(document, entry)?;
        let is_resource = entry.place.secret.is_none();
        return decrypted(&document, entry, outlined, is_resource, false, &in_file);
    }
    let document = document.decrypt(&context.keys.keyring).map_err(in_file)?;
    decrypted(&document, entry, outlined, false, only_encrypted, &in_file)
}

/// What is used of a document that was opened.
fn decrypted(
    document: &Document<impl sops_core::Readable>,
    entry: &Entry,
    outlined: bool,
    is_marked: bool,
    only_encrypted: bool,
    in_file: &dyn Fn(sops_core::Error) -> Error,
) -> Result<Decrypted> {
    refuse_ciphertext(entry, document.clear_ciphertexts())?;
    let place = format!("{}: {}", entry.place, quoted(&entry.path));
    refuse_repeated(&place, document.warnings())?;
    let any = only_encrypted && document.has_clear_values();
    let objects = object::objects(document.tree());
    refuse_shadowed(&place, &objects, any)?;
    refuse_merged_twice(&place, document, any)?;
    refuse_left_out(&place, &objects, any)?;
    let format = document.format();
    let text = if is_marked {
        let tree = object::annotated(document, placeholder::MARK);
        Document::from_tree(tree, format).to_bytes(format, &STYLE)
    } else {
        document.to_bytes(format, &STYLE)
    };
    let warnings = document.warnings().iter();
    let mut warnings: Vec<_> = warnings.map(|w| format!("{place}: {w}")).collect();
    if format == Format::Json
        && let Some(path) = document.not_utf8()
    {
        warnings.push(format!("{place}: {path}: {}", read::NOT_UTF8));
    }
    Ok(Decrypted {
        text: Arc::new(text.map_err(in_file)?),
        outline: outlined.then(|| Outline::of(document)),
        warnings,
    })
}

/// An entry of `stringData` wins over one of `data`: none that somebody
/// without a key may have added.
fn refuse_shadowed(place: &str, objects: &[&Mapping], any: bool) -> Result<()> {
    let Some(shadowed) = object::shadowed(objects, any) else {
        return Ok(());
    };
    let key = quoted(&shadowed.key);
    let (what, why) = match shadowed.is_empty {
        true => ("is empty, and", "an empty value can be added without a key"),
        false => (
            "and",
            "in a file with `mac_only_encrypted`, a value in clear can be added without a key",
        ),
    };
    Err(Error::new(format!(
        "{place}: stringData[{key}] {what} data[{key}] is there: the API server would take the one of stringData"
    ))
    .because(why)
    .advise("take it out of stringData, or out of data"))
}

/// Nobody without a key takes a resource away.
fn refuse_left_out(place: &str, objects: &[&Mapping], any: bool) -> Result<()> {
    if !object::left_out(objects, any) {
        return Ok(());
    }
    Err(Error::new(format!(
        "{place}: the annotation {} has a value that the MAC does not cover",
        object::LEFT_OUT
    ))
    .because("it can be added without a key, and kustomize leaves out each resource that has it, whatever its value")
    .advise("take it out, or give it a value that the MAC covers (\"true\") if the resource is to be left out"))
}

/// Of a key that stands twice most readers take the last value: none that
/// somebody without a key may have added.
fn refuse_repeated(place: &str, warnings: &[Warning]) -> Result<()> {
    let mut uncovered = warnings
        .iter()
        .filter(|warning| warning.kind() == WarningKind::RepeatedKey { covered: false })
        .peekable();
    if uncovered.peek().is_none() {
        return Ok(());
    }
    let mut error = Error::new(format!(
        "{place}: a key stands more than once, and the MAC does not cover all of its values"
    ));
    for warning in uncovered {
        error = error.because(warning.key_path());
    }
    Err(error
        .because("an empty value can be added without a key, and a reader takes the last one")
        .advise("take out the one that is not meant; an empty one can be taken out without sops"))
}

/// As above, for what YAML takes over under `<<`.
fn refuse_merged_twice(
    place: &str,
    document: &Document<impl sops_core::Readable>,
    any: bool,
) -> Result<()> {
    if document.format() != Format::Yaml {
        return Ok(());
    }
    let Some(key) = object::merged_twice(document, any) else {
        return Ok(());
    };
    Err(Error::new(format!(
        "{place}: the key {} stands beside a `<<` that has it too, and the MAC does not cover both values",
        quoted(&key)
    ))
    .because("without a key an empty value can be added, and one in clear be moved, and a reader takes one of the two")
    .advise("take out the one that is not meant, or write the mapping without `<<`"))
}

/// Nobody is given ciphertext for plaintext: an application would start with
/// it as its password.
fn refuse_ciphertext(entry: &Entry, key_paths: &[String]) -> Result<()> {
    if key_paths.is_empty() {
        return Ok(());
    }
    let mut error = Error::new(format!(
        "{}: {}: encrypted text stands where the rule of the file leaves values in clear, so it would be passed on as it is",
        entry.place,
        quoted(&entry.path)
    ));
    for key_path in key_paths {
        error = error.because(key_path);
    }
    Err(error.advise(
        "the file was encrypted by another rule than its sops block names: decrypt those values as they were encrypted, then encrypt the file anew with sops",
    ))
}

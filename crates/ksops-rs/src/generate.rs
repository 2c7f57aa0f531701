//! From a generator to resources: decrypts in parallel, keeps the order.

mod placeholder;

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use sops_core::{Document, ErrorKind, Format, Style};
use zeroize::Zeroizing;

use crate::{
    Error, Result, Settings, env_file,
    error::quoted,
    generator::{Entry, Generator, SecretSource},
    glob,
    policy::{Keys, Policy},
    secret::Secret,
    settings::Lookup,
};

/// How KSOPS 4.5.1 writes decrypted files: as sops 3.12 does.
const STYLE: Style = Style {
    yaml_indent: 4,
    json_indent: None,
    inline_comments: false,
};

/// What decrypting needs besides the generator.
#[derive(Debug)]
pub struct Context {
    /// How to work.
    pub settings: Settings,
    /// The identities at hand.
    pub keys: Keys,
    /// Which files may be read.
    pub policy: Policy,
}

impl Context {
    /// What the environment says. Relative paths start from `dir`; the empty
    /// path is the working directory of the process.
    ///
    /// # Errors
    ///
    /// Where a variable makes no sense.
    pub fn from_vars(var: &Lookup<'_>, dir: &Path) -> Result<Self> {
        let settings = Settings::from_vars(var)?;
        Ok(Context {
            settings,
            keys: if settings.placeholder {
                Keys::default()
            } else {
                Keys::from_vars(var)?
            },
            policy: Policy::from_vars(var, dir)?,
        })
    }
}

/// One piece of a generator's output.
pub struct Part {
    /// Where it comes from, for messages: `line 3: files[0]: a.enc.yaml`.
    pub origin: String,
    /// The text of a resource, or of several.
    pub text: Zeroizing<Vec<u8>>,
    /// Whether it is a Secret that was made here, or a file as it is.
    pub is_secret: bool,
}

/// What a generator yields.
#[derive(Default)]
pub struct Rendered {
    /// The files in the order of the generator, then the Secrets.
    pub parts: Vec<Part>,
    /// One line each, for stderr.
    pub warnings: Vec<String>,
}

impl Rendered {
    /// The parts as KSOPS joins them (ksops-behaviour §5): with an empty line
    /// and `---` behind every file but a last one, and `---` between Secrets.
    pub fn into_text(mut self) -> Zeroizing<Vec<u8>> {
        let count = self.parts.len();
        if count == 1 {
            return self.parts.pop().map(|part| part.text).unwrap_or_default();
        }
        let size = self.parts.iter().map(|part| part.text.len() + 5).sum();
        // Never grows, so no copy of a secret stays behind.
        let mut out = Zeroizing::new(Vec::with_capacity(size));
        for (n, part) in self.parts.iter().enumerate() {
            out.extend_from_slice(&part.text);
            if n + 1 < count {
                out.extend_from_slice(part.separator());
            }
        }
        out
    }
}

impl Part {
    /// What stands between this part and the next one.
    fn separator(&self) -> &'static [u8] {
        if self.is_secret { b"---\n" } else { b"\n---\n" }
    }
}

/// Decrypts all files that a generator names and makes its Secrets.
///
/// # Errors
///
/// All files that cannot be read or decrypted, in the order of the generator;
/// else the first Secret that cannot be made of its files.
pub fn render(generator: &Generator, context: &Context) -> Result<Rendered> {
    let name = &generator.title;
    let generator =
        &glob::expand(generator.clone(), &context.policy).map_err(|error| error.at(name))?;
    let mut files = Files::decrypt(generator, context)?;
    let mut rendered = Rendered::default();
    if context.settings.placeholder {
        rendered.warnings.push(placeholder::warning(name));
    }
    let mut secrets = Vec::with_capacity(generator.secrets.len());
    for (n, source) in generator.secrets.iter().enumerate() {
        let secret = assemble(name, source, &files, context, &mut rendered.warnings)
            .map_err(|error| error.at(name))?;
        let origin = format!("{name}: secretFrom[{n}]");
        secrets.push(Part {
            text: Zeroizing::new(
                std::mem::take(&mut *secret.to_yaml().map_err(|error| error.at(&origin))?)
                    .into_bytes(),
            ),
            origin,
            is_secret: true,
        });
    }
    // Last, so that the files need not be copied.
    for entry in &generator.files {
        rendered.parts.push(Part {
            origin: format!("{name}: {}: {}", entry.place, quoted(&entry.path)),
            text: files.take(entry),
            is_secret: false,
        });
    }
    rendered.parts.append(&mut secrets);
    Ok(rendered)
}

/// Puts a Secret together from decrypted files.
fn assemble<'a>(
    name: &str,
    source: &'a SecretSource,
    files: &Files<'_>,
    context: &Context,
    warnings: &mut Vec<String>,
) -> Result<Secret<'a>> {
    let mut secret = Secret::named(source);
    for file in &source.files {
        let text = match placeholder::for_key(&file.key) {
            Some(json) if context.settings.placeholder => json,
            _ => files.text(&file.entry)?,
        };
        secret.add_text(file.key.clone(), Zeroizing::new(text.to_owned()));
    }
    for file in &source.binary_files {
        let bytes = match placeholder::for_key(&file.key) {
            Some(json) if context.settings.placeholder => json.as_bytes(),
            _ => files.bytes(&file.entry),
        };
        secret.add_bytes(file.key.clone(), bytes);
    }
    for entry in &source.envs {
        let at = |what: &dyn std::fmt::Display| {
            format!("{}: {}: {what}", entry.place, quoted(&entry.path))
        };
        let env = env_file::parse(files.text(entry)?).map_err(|error| {
            Error::new(at(&error))
                .because("lines are those of the decrypted file")
                .advise(error.problem.advice())
        })?;
        if !env.expanded.is_empty() {
            warnings.push(format!(
                "{name}: {}; put single quotes around a value to keep its `$`",
                at(&format!(
                    "`$NAME` was replaced in {}",
                    env.expanded.join(", ")
                ))
            ));
        }
        for (key, value) in env.variables {
            secret.add_text(key, value);
        }
    }
    Ok(secret)
}

/// The decrypted files of a generator by path.
struct Files<'a>(HashMap<&'a str, Decrypted>);

struct Decrypted {
    bytes: Zeroizing<Vec<u8>>,
    /// How many times it is listed under `files:`.
    listed: usize,
}

impl<'a> Files<'a> {
    /// Decrypts every file that is named, each once.
    fn decrypt(generator: &'a Generator, context: &Context) -> Result<Self> {
        let name = &generator.title;
        let entries = distinct(generator);
        let results = in_parallel(&entries, context.settings.concurrency.get(), |entry| {
            decrypt_file(entry, context)
        });
        let mut files = HashMap::with_capacity(entries.len());
        let mut errors = Vec::new();
        for (entry, result) in entries.iter().zip(results) {
            match result {
                Ok(bytes) => {
                    files.insert(entry.path.as_str(), Decrypted { bytes, listed: 0 });
                }
                Err(error) => errors.push(error),
            }
        }
        for entry in &generator.files {
            if let Some(file) = files.get_mut(entry.path.as_str()) {
                file.listed += 1;
            }
        }
        let failed = errors.len();
        match errors.pop() {
            None => Ok(Files(files)),
            Some(error) if failed == 1 => Err(error.at(name)),
            Some(error) => {
                errors.push(error);
                Err(Error::several(
                    format!(
                        "{name}: {failed} of {} files cannot be decrypted",
                        entries.len()
                    ),
                    errors,
                ))
            }
        }
    }

    fn bytes(&self, entry: &Entry) -> &[u8] {
        self.0
            .get(entry.path.as_str())
            .map(|file| file.bytes.as_slice())
            .unwrap_or_default()
    }

    /// The file for one mention under `files:`: for the last one itself, for
    /// others a copy.
    fn take(&mut self, entry: &Entry) -> Zeroizing<Vec<u8>> {
        let Some(file) = self.0.get_mut(entry.path.as_str()) else {
            return Zeroizing::default();
        };
        file.listed -= 1;
        if file.listed == 0 {
            std::mem::take(&mut file.bytes)
        } else {
            file.bytes.clone()
        }
    }

    /// The file as text. KSOPS turns bytes that are none into U+FFFD and goes
    /// on; a broken key in a pod is found later than an error.
    fn text(&self, entry: &Entry) -> Result<&str> {
        std::str::from_utf8(self.bytes(entry)).map_err(|_| {
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
}

/// Every file that a generator names, once, where it is named first.
pub(crate) fn distinct(generator: &Generator) -> Vec<&Entry> {
    let secrets = generator.secrets.iter().flat_map(|secret| {
        let keyed = secret.files.iter().chain(&secret.binary_files);
        keyed.map(|file| &file.entry).chain(&secret.envs)
    });
    let mut seen = std::collections::HashSet::new();
    generator
        .files
        .iter()
        .chain(secrets)
        .filter(|entry| seen.insert(entry.path.as_str()))
        .collect()
}

/// Applies `work` to all items, at most `limit` at a time, and gives back the
/// results in order. No thread is started for one item, and none beyond what
/// the machine runs at the same time: the work is arithmetic.
fn in_parallel<T: Sync, R: Send + Sync>(
    items: &[T],
    limit: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let mut threads = limit.min(items.len());
    if threads > 1 {
        threads = threads.min(thread::available_parallelism().map_or(1, usize::from));
    }
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let slots: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(slot)) = (items.get(n), slots.get(n)) else {
                break;
            };
            let _ = slot.set(work(item));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where no thread can be had, this one does the work alone.
            let _ = thread::Builder::new().spawn_scoped(scope, worker);
        }
        worker();
    });
    slots.into_iter().filter_map(OnceLock::into_inner).collect()
}

fn decrypt_file(entry: &Entry, context: &Context) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = context
        .policy
        .read(Path::new(&entry.path))
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
        let mut error = Error::of_core(error, context.settings.argo_cd).at(entry.place);
        if format == Format::Binary && !is_key {
            error = error.because(
                "its name ends in none of .yaml .yml .json .env .ini, so it is read as a binary file encrypted by sops, which is JSON",
            )
            .advise("give the file the ending of its format, as in secret.enc.yaml");
        }
        match &context.keys.note {
            Some(note) if is_key => error.advise(note),
            _ => error,
        }
    };
    let document = Document::parse(&bytes, format).map_err(in_file)?;
    if context.settings.placeholder {
        return placeholder::render(document, entry, &STYLE);
    }
    let document = document.decrypt(&context.keys.keyring).map_err(in_file)?;
    refuse_ciphertext(entry, document.clear_ciphertexts())?;
    document.to_bytes(format, &STYLE).map_err(in_file)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_limit() {
        let items: Vec<usize> = (0..100).collect();
        for limit in [1, 2, 3, 99, 100, usize::MAX] {
            let doubled = in_parallel(&items, limit, |n| 2 * n);
            assert!(doubled.iter().copied().eq((0..100).map(|n| 2 * n)));
        }
        assert!(in_parallel(&[0; 0], 5, |n: &i32| *n).is_empty());
    }

    #[test]
    fn no_more_than_the_limit_run_at_once() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        in_parallel(&[(); 200], 2, |()| {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
        });
        assert!(most.into_inner() <= 2);
    }

    #[test]
    fn parts_are_joined_as_ksops_joins_them() {
        let join = |parts: &[(&str, bool)]| {
            let parts = parts.iter().map(|&(text, is_secret)| Part {
                origin: String::new(),
                text: Zeroizing::new(text.as_bytes().to_vec()),
                is_secret,
            });
            let rendered = Rendered {
                parts: parts.collect(),
                warnings: Vec::new(),
            };
            String::from_utf8(rendered.into_text().to_vec()).unwrap()
        };
        assert_eq!(join(&[]), "");
        assert_eq!(join(&[("a\n", false)]), "a\n");
        assert_eq!(join(&[("a\n", false), ("b", false)]), "a\n\n---\nb");
        assert_eq!(
            join(&[("a\n", false), ("s\n", true), ("t\n", true)]),
            "a\n\n---\ns\n---\nt\n"
        );
    }
}

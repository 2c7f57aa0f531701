//! From a generator to resources: decrypts in parallel, keeps the order.

mod files;
mod object;
mod placeholder;
mod variables;

use std::{borrow::Cow, path::Path, sync::Arc};

use sops_core::{Style, age::Callbacks};
use zeroize::Zeroizing;

pub(crate) use files::distinct;

use files::Files;

use crate::{
    Error, Result, Settings,
    budget::Budget,
    error::quoted,
    generator::{Entry, Generator, SecretSource},
    glob,
    keys::Keys,
    policy::Policy,
    secret::Secret,
    settings::Lookup,
};

/// How KSOPS 4.5.1 writes decrypted files: as sops 3.12 does.
const STYLE: Style = Style::DEFAULT.with_inline_comments(false);

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
    /// What the settings ask for, with the keys that the environment names.
    /// Relative paths start from `dir`; the empty path is the working
    /// directory of the process, which `parent` started.
    ///
    /// # Errors
    ///
    /// Where a folder or a command of the settings cannot be used.
    pub fn new(
        settings: Settings,
        var: &Lookup<'_>,
        dir: &Path,
        parent: Option<&Path>,
    ) -> Result<Self> {
        Ok(Context {
            keys: if settings.placeholder {
                Keys::default()
            } else {
                // Nobody is asked for a passphrase: nobody is there.
                Keys::new(&settings, var, Callbacks::none().run_commands())?
            },
            policy: Policy::new(&settings, dir, parent)?,
            settings,
        })
    }
}

/// What the generators of one run share: the bounds on them all, and the files
/// that were decrypted.
#[derive(Default)]
pub struct Run {
    budget: Budget,
    opened: files::Opened,
}

/// One piece of a generator's output.
pub struct Part {
    /// Where it comes from, for messages: `line 3: files[0]: a.enc.yaml`.
    pub origin: String,
    /// The text of a resource, or of several; shared by all parts that are
    /// the same file.
    pub text: Arc<Zeroizing<Vec<u8>>>,
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
            let text = self.parts.pop().map(|part| part.text).unwrap_or_default();
            return Arc::try_unwrap(text).unwrap_or_else(|shared| (*shared).clone());
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
/// else the first Secret that cannot be made of its files. Where more is
/// named or rendered than the budget allows.
pub fn render(generator: &Generator, context: &Context, run: &mut Run) -> Result<Rendered> {
    let name = &generator.title;
    let generator = &glob::expand(generator.clone(), &context.policy, &mut run.budget)
        .map_err(|error| error.at(name))?;
    let files = Files::decrypt(generator, context, run)?;
    let budget = &mut run.budget;
    let mut rendered = Rendered::default();
    if context.settings.placeholder {
        rendered.warnings.push(placeholder::warning(name));
    }
    files.warn(name, &mut rendered.warnings);
    for entry in &generator.files {
        files
            .refuse_object_of_lines(entry)
            .map_err(|error| error.at(name))?;
        let text = files.shared(entry)?;
        budget
            .take_bytes(text.len())
            .map_err(|error| error.at(entry.place).at(name))?;
        rendered.parts.push(Part {
            origin: format!("{name}: {}: {}", entry.place, quoted(&entry.path)),
            text,
            is_secret: false,
        });
    }
    for (n, source) in generator.secrets.iter().enumerate() {
        let source = &match context.settings.placeholder {
            true => Cow::Owned(placeholder::marked(source.clone())),
            false => Cow::Borrowed(source),
        };
        let before = budget.bytes();
        let secret = assemble(
            name,
            source,
            &files,
            context,
            budget,
            &mut rendered.warnings,
        )
        .map_err(|error| error.at(name))?;
        let origin = format!("{name}: secretFrom[{n}]");
        let mut yaml = secret.to_yaml().map_err(|error| error.at(&origin))?;
        // What was put into it was taken already.
        let more = yaml.len().saturating_sub(before - budget.bytes());
        budget.take_bytes(more).map_err(|error| error.at(&origin))?;
        rendered.parts.push(Part {
            text: Arc::new(Zeroizing::new(std::mem::take(&mut *yaml).into_bytes())),
            origin,
            is_secret: true,
        });
    }
    Ok(rendered)
}

/// Puts a Secret together from decrypted files.
fn assemble<'a>(
    name: &str,
    source: &'a SecretSource,
    files: &Files<'_>,
    context: &Context,
    budget: &mut Budget,
    warnings: &mut Vec<String>,
) -> Result<Secret<'a>> {
    let mut take = |entry: &Entry, bytes: usize| {
        let taken = budget.take_bytes(bytes);
        taken.map_err(|error| error.at(entry.place))
    };
    let mut secret = Secret::named(source);
    for file in &source.files {
        let text = match placeholder::for_key(&file.key) {
            Some(json) if context.settings.placeholder => json,
            _ => files.text(&file.entry)?,
        };
        take(&file.entry, text.len())?;
        secret.add_text(file.key.clone(), Zeroizing::new(text.to_owned()));
    }
    for file in &source.binary_files {
        let bytes = match placeholder::for_key(&file.key) {
            Some(json) if context.settings.placeholder => json.as_bytes(),
            _ => files.bytes(&file.entry)?,
        };
        take(&file.entry, bytes.len())?;
        secret.add_bytes(file.key.clone(), bytes);
    }
    for entry in &source.envs {
        let place = format!("{}: {}", entry.place, quoted(&entry.path));
        let outline = files.outline(entry)?;
        // All of it is read, once for each mention.
        take(entry, files.text(entry)?.len())?;
        let mut noted = Vec::new();
        let variables = variables::read(
            files.text(entry)?,
            outline,
            &|what| format!("{place}: {what}"),
            &mut noted,
        )?;
        warnings.extend(noted.iter().map(|warning| format!("{name}: {warning}")));
        for (key, value) in variables {
            let is_uncovered = value.is_empty() || outline.has_clear();
            if is_uncovered && secret.has(&key) {
                return Err(replaced(&place, &key, value.is_empty()));
            }
            secret.add_variable(key, value);
        }
    }
    Ok(secret)
}

/// A variable takes no other file's place that may have been put there without
/// a key.
fn replaced(place: &str, key: &str, is_empty: bool) -> Error {
    let (what, why) = match is_empty {
        true => ("is empty, and", "an empty value can be added without a key"),
        false => (
            "is in a file with values in clear, and",
            "a value in clear can be put under another name without a key",
        ),
    };
    Error::new(format!(
        "{place}: the variable {} {what} a file before this one gives the Secret that key",
        quoted(key)
    ))
    .because(format!("{why}, and the last file counts"))
    .advise("take it out of one of the two files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_as_ksops_joins_them() {
        let join = |parts: &[(&str, bool)]| {
            let parts = parts.iter().map(|&(text, is_secret)| Part {
                origin: String::new(),
                text: Arc::new(Zeroizing::new(text.as_bytes().to_vec())),
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

//! Globs among the files of a generator (KSOPS #276).
//!
//! `*`, `?` and `[…]` stand for characters of one name, never for `/`. A name
//! that starts with a dot is matched only by a pattern that does. A file whose
//! real name has those characters wins over what they would match.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    budget::Budget,
    error::quoted,
    generator::{Entry, Generator, KeyedEntry, base_name},
    policy::{Policy, Refusal},
};

/// Puts the files that match in the place of each glob, in byte order.
///
/// # Errors
///
/// Where a glob matches no file, or one outside of what may be read, or has a
/// key of its own; where more files are named than the budget allows.
pub fn expand(mut generator: Generator, policy: &Policy, budget: &mut Budget) -> Result<Generator> {
    generator.files = entries(generator.files, policy, budget)?;
    for secret in &mut generator.secrets {
        let taken = std::mem::take(&mut secret.files);
        secret.files = keyed_entries(taken, policy, budget)?;
        let taken = std::mem::take(&mut secret.binary_files);
        secret.binary_files = keyed_entries(taken, policy, budget)?;
        let taken = std::mem::take(&mut secret.envs);
        secret.envs = entries(taken, policy, budget)?;
    }
    Ok(generator)
}

fn entries(entries: Vec<Entry>, policy: &Policy, budget: &mut Budget) -> Result<Vec<Entry>> {
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        match files_of(&entry, policy, budget)? {
            None => all.push(entry),
            Some(paths) => all.extend(paths.into_iter().map(|path| Entry {
                path,
                place: entry.place,
            })),
        }
    }
    Ok(all)
}

fn keyed_entries(
    entries: Vec<KeyedEntry>,
    policy: &Policy,
    budget: &mut Budget,
) -> Result<Vec<KeyedEntry>> {
    let mut all = Vec::with_capacity(entries.len());
    for keyed in entries {
        match files_of(&keyed.entry, policy, budget)? {
            None => all.push(keyed),
            Some(_) if keyed.key != base_name(&keyed.entry.path) => {
                return Err(at(
                    &keyed.entry,
                    "is a glob behind `key=`, and one key holds one file",
                )
                .advise(
                    "leave out the key, so that each file is named as it is; or name one file",
                ));
            }
            Some(paths) => all.extend(paths.into_iter().map(|path| KeyedEntry {
                key: base_name(&path).to_owned(),
                entry: Entry {
                    path,
                    place: keyed.entry.place,
                },
            })),
        }
    }
    Ok(all)
}

fn at(entry: &Entry, what: &str) -> Error {
    Error::new(format!("{}: {} {what}", entry.place, quoted(&entry.path)))
}

fn refused(entry: &Entry, path: &str, refusal: &Refusal) -> Error {
    let what = if path == entry.path {
        format!("cannot be read: {}", refusal.reason())
    } else {
        format!("matches {}: {}", quoted(path), refusal.reason())
    };
    at(entry, &what).advise(refusal.advice())
}

/// The files that an entry stands for; `None` where it is no glob, or a file
/// has that very name. They are taken from the budget.
fn files_of(entry: &Entry, policy: &Policy, budget: &mut Budget) -> Result<Option<Vec<String>>> {
    let one = |budget: &mut Budget| {
        let taken = budget.take_entries(1);
        taken.map_err(|error| error.at(entry.place)).map(|()| None)
    };
    if !is_glob(&entry.path) {
        return one(budget);
    }
    match policy.resolve(Path::new(&entry.path)) {
        Ok(path) if path.symlink_metadata().is_ok() => return one(budget),
        Err(refusal @ Refusal::Outside(_)) => return Err(refused(entry, &entry.path, &refusal)),
        _ => {}
    }
    if entry.path.split('/').any(|name| name.contains("**")) {
        return Err(at(entry, "has `**`, which stands for nothing here")
            .advise("write one `*` for each folder on the way, as in `*/*.enc.yaml`"));
    }
    let mut found = Search {
        entry,
        policy,
        budget,
    }
    .run()?;
    budget
        .take_entries(found.len())
        .map_err(|error| error.at(entry.place))?;
    found.sort_unstable();
    if found.is_empty() {
        return Err(at(entry, "matches no file").advise(
            "check the pattern: it starts from the folder of the kustomization.yaml, `*` stands for no `/`, and names with a leading dot are left out",
        ));
    }
    Ok(Some(found))
}

struct Search<'a> {
    entry: &'a Entry,
    policy: &'a Policy,
    budget: &'a mut Budget,
}

impl Search<'_> {
    /// All files that match: name by name, from what matched so far.
    fn run(&mut self) -> Result<Vec<String>> {
        let path = &self.entry.path;
        let (start, rest) = match path.strip_prefix('/') {
            Some(rest) => ("/", rest),
            None => ("", path.as_str()),
        };
        let mut found = vec![start.to_owned()];
        let names: Vec<&str> = rest.split('/').filter(|name| !name.is_empty()).collect();
        let Some((last, folders)) = names.split_last() else {
            return Ok(Vec::new());
        };
        for name in folders {
            if is_glob(name) {
                found = self.descend(&found, name, fs::Metadata::is_dir)?;
            } else {
                found.iter_mut().for_each(|path| path.push_str(name));
            }
            found.iter_mut().for_each(|path| path.push('/'));
        }
        self.descend(&found, last, |metadata| !metadata.is_dir())
    }

    /// What is wanted in these folders, each written with a slash at its end.
    fn descend(
        &mut self,
        folders: &[String],
        pattern: &str,
        wanted: impl Fn(&fs::Metadata) -> bool,
    ) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for folder in folders {
            let names = if is_glob(pattern) {
                self.names_in(folder, pattern)?
            } else {
                vec![pattern.to_owned()]
            };
            for name in names {
                let path = format!("{folder}{name}");
                match self.metadata(&path) {
                    Ok(metadata) if wanted(&metadata) => found.push(path),
                    Ok(_) => {}
                    // A dangling link, or a name that was written out.
                    Err(refusal) if is_absent(&refusal) => {}
                    Err(refusal) => return Err(refused(self.entry, &path, &refusal)),
                }
                if found.len() > self.budget.entries() {
                    let taken = self.budget.take_entries(found.len());
                    return Err(taken
                        .err()
                        .unwrap_or_else(|| at(self.entry, "matches too many files"))
                        .at(self.entry.place));
                }
            }
        }
        Ok(found)
    }

    fn metadata(&self, path: &str) -> std::result::Result<fs::Metadata, Refusal> {
        let real = self.policy.resolve(Path::new(path))?;
        Ok(fs::metadata(real)?)
    }

    /// The names in a folder that match; none where there is no such folder.
    fn names_in(&mut self, folder: &str, pattern: &str) -> Result<Vec<String>> {
        let entries = match self.read_dir(folder) {
            Ok(entries) => entries,
            Err(refusal) if is_absent(&refusal) => return Ok(Vec::new()),
            Err(refusal) => return Err(refused(self.entry, folder, &refusal)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry
                .map_err(|error| refused(self.entry, folder, &error.into()))?
                .file_name();
            if !self.budget.take_name() {
                return Err(at(self.entry, "has too many files to look at")
                    .advise("write a narrower pattern"));
            }
            if !matches(pattern, &name.to_string_lossy()) {
                continue;
            }
            names.push(name.into_string().map_err(|name| {
                let name = quoted(&name.to_string_lossy());
                at(
                    self.entry,
                    &format!("matches {name}, a name that is not UTF-8"),
                )
                .advise("rename the file")
            })?);
        }
        Ok(names)
    }

    fn read_dir(&self, folder: &str) -> std::result::Result<fs::ReadDir, Refusal> {
        let folder = if folder.is_empty() { "." } else { folder };
        let real: PathBuf = self.policy.resolve(Path::new(folder))?;
        Ok(fs::read_dir(real)?)
    }
}

fn is_absent(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Io(error)
        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
}

/// Whether a text has a character that stands for others. A `[` without its
/// `]` stands for itself.
pub(crate) fn is_glob(text: &str) -> bool {
    text.split('/').any(|name| {
        name.contains(['*', '?'])
            || name.char_indices().any(|(n, c)| {
                c == '[' && Set::parse(name.get(n + 1..).unwrap_or_default()).is_some()
            })
    })
}

/// Whether a name matches a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    // Where to go on when what follows a `*` does not match: the pattern
    // behind it, and the name with one more character taken by the star.
    let mut retry: Option<(&str, &str)> = None;
    let (mut pattern, mut name) = (pattern, name);
    loop {
        if let Some(rest) = pattern.strip_prefix('*') {
            retry = Some((rest, name));
            pattern = rest;
            continue;
        }
        if pattern.is_empty() && name.is_empty() {
            return true;
        }
        if let Some(rests) = step(pattern, name) {
            (pattern, name) = rests;
            continue;
        }
        let Some((after_star, taken_to)) = retry else {
            return false;
        };
        let mut rest = taken_to.chars();
        if rest.next().is_none() {
            return false;
        }
        retry = Some((after_star, rest.as_str()));
        (pattern, name) = (after_star, rest.as_str());
    }
}

/// Matches one character and gives back what is left of both.
fn step<'a>(pattern: &'a str, name: &'a str) -> Option<(&'a str, &'a str)> {
    let mut rest_of_name = name.chars();
    let c = rest_of_name.next()?;
    let mut rest = pattern.chars();
    let rest = match rest.next()? {
        '?' => rest.as_str(),
        '[' => match Set::parse(rest.as_str()) {
            Some((set, rest)) if set.has(c) => rest,
            Some(_) => return None,
            None if c == '[' => rest.as_str(),
            None => return None,
        },
        literal if literal == c => rest.as_str(),
        _ => return None,
    };
    Some((rest, rest_of_name.as_str()))
}

/// What stands between `[` and `]`.
struct Set<'a> {
    members: &'a str,
    negated: bool,
}

impl<'a> Set<'a> {
    /// Reads a set from behind its `[`, and gives back what follows its `]`.
    fn parse(text: &'a str) -> Option<(Self, &'a str)> {
        let (negated, text) = match text.strip_prefix(['!', '^']) {
            Some(text) => (true, text),
            None => (false, text),
        };
        // A `]` at the start is a member.
        let from = text
            .chars()
            .next()
            .filter(|c| *c == ']')
            .map_or(0, char::len_utf8);
        let end = from + text.get(from..)?.find(']')?;
        let members = text.get(..end).filter(|members| !members.is_empty())?;
        Some((Set { members, negated }, text.get(end + 1..)?))
    }

    fn has(&self, c: char) -> bool {
        let mut members = self.members.chars();
        let mut found = false;
        while let Some(first) = members.next() {
            let mut ahead = members.clone();
            match (ahead.next(), ahead.next()) {
                (Some('-'), Some(last)) => {
                    found |= (first..=last).contains(&c);
                    members = ahead;
                }
                _ => found |= first == c,
            }
        }
        found != self.negated
    }
}

#[cfg(test)]
mod tests;

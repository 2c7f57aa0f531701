//! The source text of a crate: its modules, and which of them use which.
//!
//! It is read with a tokenizer and no compiler, as far as `use` and paths that
//! start with `crate`, `self` or `super` tell. Tests are left out.

mod citations;
mod graph;
mod text;
mod tokens;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use citations::{Citation, citations, sections};
pub use graph::{Circle, circles};
pub use text::inline_tests;

/// A module by its path below the crate's root: `[]`, `["scan", "keys"]`.
pub type ModulePath = Vec<String>;

/// A module that has a file of its own.
#[derive(Debug)]
pub struct Module {
    /// Its file.
    pub file: PathBuf,
    /// Paths that it names, each with its line: `["crate", "keys", "Error"]`.
    pub(crate) paths: Vec<(Vec<String>, usize)>,
    /// Names that it imports, with the paths that they stand for.
    pub(crate) imports: BTreeMap<String, Vec<String>>,
}

/// The modules of a library, without those of its tests.
///
/// # Panics
///
/// Where a file cannot be read.
#[must_use]
pub fn modules(src: &Path) -> BTreeMap<ModulePath, Module> {
    let mut modules = BTreeMap::new();
    for file in super::files::files(src) {
        let below = file
            .strip_prefix(src)
            .expect("a file below src")
            .with_extension("");
        let mut path: ModulePath = below
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if path
            .last()
            .is_some_and(|name| name == "mod" || name == "lib")
        {
            path.pop();
        }
        let is_test = |name: &String| name == "tests" || name.ends_with("_tests");
        if file.extension().is_none_or(|ext| ext != "rs")
            || below == Path::new("main")
            || path.iter().any(is_test)
        {
            continue;
        }
        let text =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (paths, imports) = tokens::paths(&text::without_tests(&text));
        modules.insert(
            path,
            Module {
                file,
                paths,
                imports,
            },
        );
    }
    modules
}

//! Where test data is, and walks through folders.

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of test data.
#[must_use]
pub fn testdata() -> PathBuf {
    repository().join("testdata")
}

/// A key file of the corpus: `age-a.txt`.
#[must_use]
pub fn key(name: &str) -> PathBuf {
    testdata().join("corpus/keys").join(name)
}

/// The sub-folders of a folder, in order.
///
/// # Panics
///
/// Where it cannot be read.
#[must_use]
pub fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder)
        .into_iter()
        .filter(|path| path.is_dir())
        .collect()
}

/// Every file below a folder, in order; none where there is no folder.
///
/// # Panics
///
/// Where it cannot be read.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    if !folder.is_dir() {
        return Vec::new();
    }
    let mut files = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// The names of what stands in a folder, in order.
///
/// # Panics
///
/// Where it cannot be read, or a name is no UTF-8.
#[must_use]
pub fn names(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    let paths = entries(folder).into_iter();
    paths.map(|path| name(path).expect("a name")).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

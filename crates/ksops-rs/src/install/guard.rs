//! The guard in the place of kustomize, and the real one beside it.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use super::{cannot, copy, install_other_as, link};
use crate::{Result, guard::REAL};

/// Puts the program that was installed at `dir/ksops` at `dir/kustomize` too,
/// and the first kustomize that is there, and is not this program, at
/// `dir/kustomize.real`. Without one, `KSOPS_GUARD_KUSTOMIZE` has to name it.
///
/// # Errors
///
/// Where a file cannot be written, or there is no kustomize and one is
/// `needed`.
pub(super) fn install(
    program: &File,
    candidates: &[PathBuf],
    dir: &Path,
    needed: bool,
) -> Result<Vec<PathBuf>> {
    let real = dir.join(REAL);
    let candidates: Vec<_> = candidates
        .iter()
        // What stands there from before is not to be copied onto itself.
        .filter(|path| !is_same(program, path).unwrap_or(false))
        .cloned()
        .collect();
    let has_one = candidates.iter().any(|path| path.is_file());
    let mut installed = Vec::new();
    // First: a guard without the real one would stop every build.
    if needed || has_one {
        installed.push(install_other_as(&candidates, program, "kustomize", &real)?);
    }
    let guard = dir.join("kustomize");
    link(&dir.join("ksops"), &guard)
        .or_else(|_| copy(program, &guard))
        .map_err(|error| cannot(&guard, &error))?;
    installed.insert(0, guard);
    Ok(installed)
}

/// Whether two programs have the same bytes.
fn is_same(program: &File, path: &Path) -> io::Result<bool> {
    let other = File::open(path)?;
    if program.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let mut program = program;
    program.rewind()?;
    let mut both = [program, &other].map(|file| io::BufReader::new(file).bytes());
    let [one, two] = &mut both;
    for (a, b) in one.zip(two) {
        if a? != b? {
            return Ok(false);
        }
    }
    Ok(true)
}

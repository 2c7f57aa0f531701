//! The guard in the place of kustomize, and the real one beside it.

use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use super::{PLUGIN_PATH, cannot, copy, install_other_as, link};
use crate::{Error, Result, elf::Needs, error::path_name, guard::REAL};

/// Puts the program that was installed at `dir/ksops` at `dir/kustomize` too,
/// and a kustomize at `dir/kustomize.real`: the one that stood at
/// `dir/kustomize`, else the first of the candidates that is there; of these
/// first, where one is `needed`. Without any, `KSOPS_GUARD_KUSTOMIZE` has to
/// name it. This program, of whatever version, is none.
///
/// # Errors
///
/// Where a file cannot be written, there is no kustomize and one is `needed`,
/// or one would be lost.
pub(super) fn install(
    program: &File,
    candidates: &[PathBuf],
    dir: &Path,
    needed: bool,
) -> Result<Vec<PathBuf>> {
    let (guard, real) = (dir.join("kustomize"), dir.join(REAL));
    let is_kustomize =
        |path: &Path| path.is_file() && !is_same(program, path).unwrap_or(false) && !is_ksops(path);
    let mut candidates = candidates.to_vec();
    candidates.insert(if needed { candidates.len() } else { 0 }, guard.clone());
    let has_one = candidates.iter().any(|path| is_kustomize(path));
    // What stands there from before is not to be copied onto itself.
    candidates.retain(|path| is_kustomize(path) || (needed && !path.is_file()));
    if !needed && is_kustomize(&guard) && is_kustomize(&real) {
        let file = File::open(&guard).map_err(|error| cannot(&guard, &error))?;
        if !is_same(&file, &real).unwrap_or(false) {
            return Err(Error::new(format!(
                "install: {} and {} are two different kustomize, of which one would be lost",
                path_name(&guard),
                path_name(&real)
            ))
            .advise("remove the one that is not to be run, and run it again"));
        }
    }
    let mut installed = Vec::new();
    // First: a guard without the real one would stop every build.
    if needed || has_one {
        installed.push(install_other_as(&candidates, program, "kustomize", &real)?);
    } else if is_ksops(&real) {
        // It would be taken for kustomize, and is not.
        fs::remove_file(&real).map_err(|error| cannot(&real, &error))?;
    }
    link(&dir.join("ksops"), &guard)
        .or_else(|_| copy(program, &guard))
        .map_err(|error| cannot(&guard, &error))?;
    installed.insert(0, guard);
    Ok(installed)
}

/// Whether a file is this program in some version: it holds the path that it
/// installs itself at.
fn is_ksops(path: &Path) -> bool {
    const CHUNK: u64 = 1 << 16;
    let is_program = matches!(Needs::of(path), Ok(Needs::Machine(_) | Needs::Loader(..)));
    let Some(mut file) = File::open(path).ok().filter(|_| is_program) else {
        return false;
    };
    let mut window = Vec::new();
    loop {
        // The end of the last chunk may hold the beginning of the path.
        let done = window.len().saturating_sub(PLUGIN_PATH.len());
        window.drain(..done);
        match io::Read::by_ref(&mut file)
            .take(CHUNK)
            .read_to_end(&mut window)
        {
            Ok(count) if count > 0 => {}
            _ => return false,
        }
        if String::from_utf8_lossy(&window).contains(PLUGIN_PATH) {
            return true;
        }
    }
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

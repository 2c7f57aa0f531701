//! What `path_regex` sees of a file's name (sops-config §3).

use std::path::{Component, Path, PathBuf};

/// The text that creation rules are matched with: the file's path from the
/// root, without `.`, `..` and symbolic links looked into, and without the
/// folder of the configuration in front where the file is below it.
///
/// `config` and `file` may be relative to `cwd`, which is absolute.
///
/// ```
/// use std::path::Path;
/// use sops_core::config::subject;
///
/// let subject = |file| subject(Path::new("../.sops.yaml"), Path::new("/r/sub"), Path::new(file));
/// assert_eq!(subject("p.yaml"), Path::new("sub/p.yaml"));
/// assert_eq!(subject("../x/../p.yaml"), Path::new("p.yaml"));
/// assert_eq!(subject("/w/p.yaml"), Path::new("/w/p.yaml"));
/// ```
#[must_use]
pub fn subject(config: &Path, cwd: &Path, file: &Path) -> PathBuf {
    let folder = config.parent().unwrap_or(Path::new(""));
    let folder = clean(&cwd.join(folder));
    let file = clean(&cwd.join(file));
    // As text, with a separator behind the folder: below the root nothing is
    // cut off.
    match file.strip_prefix(&folder) {
        Ok(below) if folder.parent().is_some() && below != Path::new("") => below.to_owned(),
        _ => file,
    }
}

/// Without `.`, `..` and double separators, as Go's `filepath.Clean`.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            _ => clean.push(part),
        }
    }
    clean
}

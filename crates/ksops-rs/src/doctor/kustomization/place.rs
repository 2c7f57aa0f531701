//! Where a path of a kustomization leads.

use std::path::Path;

/// What stands at a path, seen from the folder of its kustomization.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Somewhere else: a repository, or a file of the web.
    Remote,
    /// Nothing.
    Missing,
    /// A folder.
    Folder,
    /// A pipe, a socket or a device, whose end may never come.
    Special,
    /// A file.
    File {
        /// Whether it is neither in the folder nor below it.
        outside: bool,
    },
}

impl Place {
    pub(super) fn of(dir: &Path, entry: &str) -> Self {
        let path = dir.join(entry);
        match path.metadata() {
            Ok(found) if found.is_dir() => return Place::Folder,
            Ok(found) if !found.is_file() => return Place::Special,
            _ => {}
        }
        match (path.canonicalize(), dir.canonicalize()) {
            (Ok(path), Ok(dir)) => Place::File {
                outside: !path.starts_with(dir),
            },
            _ if is_remote(entry) => Place::Remote,
            _ => Place::Missing,
        }
    }
}

/// Whether a path that leads nowhere may be a URL, or a repository's name as
/// git and go-getter have them.
fn is_remote(entry: &str) -> bool {
    let host = entry.split_once('/').map(|(host, _)| host);
    entry.contains([':', '@', '?'])
        || host.is_some_and(|host| host.contains('.') && !host.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("app");
        std::fs::create_dir(&dir).unwrap();
        for file in ["app/in", "out"] {
            std::fs::write(temp.path().join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("../out", dir.join("link")).unwrap();
        let inside = Place::File { outside: false };
        let outside = Place::File { outside: true };
        for (entry, place) in [
            ("in", &inside),
            ("../app/in", &inside),
            ("../out", &outside),
            ("link", &outside),
            ("..", &Place::Folder),
            ("/dev/null", &Place::Special),
            ("none", &Place::Missing),
            ("./none/x.yaml", &Place::Missing),
            ("../base", &Place::Missing),
            ("https://x/y.yaml", &Place::Remote),
            ("git@github.com:a/b", &Place::Remote),
            ("github.com/a/b//c?ref=v1", &Place::Remote),
            ("github.com/a/b", &Place::Remote),
        ] {
            assert_eq!(Place::of(&dir, entry), *place, "{entry}");
        }
    }
}

//! A folder for the time of a test.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::files;

/// An empty folder that ends with its owner.
///
/// ```
/// use testkit::folder::Folder;
///
/// let folder = Folder::new();
/// folder.write("app/a.txt", "x");
/// assert_eq!(folder.read("app/a.txt"), "x");
/// assert_eq!(folder.files().into_keys().collect::<Vec<_>>(), ["app/a.txt"]);
/// ```
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// Where there is no place for temporary files; and all methods where a
    /// file cannot be written or read.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the folders that it stands in. Gives its path as
    /// text, as variables take it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.place(name);
        fs::write(&path, bytes).expect("it can be written");
        path.into_os_string().into_string().expect("UTF-8")
    }

    /// Copies a file.
    pub fn copy(&self, from: &Path, name: &str) {
        let copied = fs::copy(from, self.place(name));
        copied.unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }

    fn place(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        let parent = path.parent().expect("it stands in the folder");
        fs::create_dir_all(parent).expect("a folder");
        path
    }

    /// A file of text.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        let path = self.path().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// All files by name, with what they hold.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let name = |path: &Path| {
            let name = path.strip_prefix(self.path()).expect("below the folder");
            name.to_str().expect("UTF-8").to_owned()
        };
        let files = files::files(self.path()).into_iter();
        files
            .map(|path| (name(&path), fs::read(&path).expect("a file")))
            .collect()
    }
}

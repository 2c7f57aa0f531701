use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// A folder with checkouts in it, where folders are made as they are named.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Disk(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn folder(&self, path: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn write(&self, path: &str, text: &str) {
        self.folder(Path::new(path).parent().unwrap().to_str().unwrap());
        fs::write(self.path(path), text).unwrap();
    }

    /// The root of a folder, without what all paths start with.
    fn root(&self, dir: &str, source_path: Option<&str>, parent: Option<&str>) -> (String, Why) {
        let dir = self.folder(dir);
        let parent = parent.map(|parent| self.path(parent));
        let root = Root::around(&dir, source_path.map(Path::new), parent.as_deref());
        let folder = root
            .folder
            .strip_prefix(self.path(""))
            .unwrap_or(&root.folder);
        (folder.to_str().unwrap().to_owned(), root.why)
    }
}

fn is(folder: &str, why: Why) -> (String, Why) {
    (folder.into(), why)
}

#[test]
fn the_nearest_repository_is_the_root() {
    let disk = Disk::new();
    disk.write("r1/.git/HEAD", "ref: refs/heads/main\n");
    disk.write(".git/HEAD", "ref: refs/heads/main\n");
    assert_eq!(disk.root("r1/app", None, None), is("r1", Why::Git));
    assert_eq!(disk.root("r1", None, None), is("r1", Why::Git));
    // Another one inside narrows.
    disk.write("r1/vendor/.git/HEAD", "");
    assert_eq!(
        disk.root("r1/vendor/x", None, None),
        is("r1/vendor", Why::Git)
    );
    // HEAD was a link to what is not there yet.
    disk.folder("r2/.git");
    symlink("refs/heads/master", disk.path("r2/.git/HEAD")).unwrap();
    assert_eq!(disk.root("r2/app", None, None), is("r2", Why::Git));
}

#[test]
fn what_only_looks_like_a_repository_is_none() {
    type Make = fn(&Disk);
    let made: [Make; 6] = [
        |disk| disk.write(".git", ""),
        |disk| disk.write(".git", "not of git"),
        |disk| symlink("nowhere", disk.path(".git")).unwrap(),
        |disk| drop(disk.folder(".git")),
        |disk| disk.write(".git/config", ""),
        |disk| {
            disk.write("elsewhere/HEAD", "");
            symlink("elsewhere", disk.path(".git")).unwrap();
        },
    ];
    for (n, make) in made.iter().enumerate() {
        let disk = Disk::new();
        make(&disk);
        assert_eq!(
            disk.root("r1/app", None, None),
            is("r1/app", Why::Working),
            "{n}"
        );
        disk.write("r1/.git/HEAD", "");
        assert_eq!(disk.root("r1/app", None, None), is("r1", Why::Git), "{n}");
    }
}

#[test]
fn git_files_are_passed_and_never_followed() {
    let disk = Disk::new();
    disk.write("other/.git/HEAD", "");
    let elsewhere = format!("gitdir: {}\n", disk.path("other/.git").display());
    disk.write("repo/.git/HEAD", "");
    disk.write("repo/module/.git", "gitdir: ../.git/modules/module\n");
    disk.write("repo/module/deep/.git", &elsewhere);
    assert_eq!(
        disk.root("repo/module/app", None, None),
        is("repo", Why::Git)
    );
    assert_eq!(
        disk.root("repo/module/deep/app", None, None),
        is("repo", Why::Git)
    );
    // A worktree beside its repository.
    disk.write("tree/.git", &elsewhere);
    assert_eq!(disk.root("tree/app", None, None), is("tree", Why::Git));
}

#[test]
fn a_folder_of_everybody_is_no_repository() {
    let disk = Disk::new();
    let tmp = disk.folder("tmp");
    disk.write("tmp/.git/HEAD", "");
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(
        disk.root("tmp/r1/app", None, Some("tmp")),
        is("tmp/r1/app", Why::Working)
    );
    assert_eq!(
        disk.root("tmp/r1/app", Some("r1/app"), None),
        is("tmp/r1/app", Why::Working)
    );
    assert_eq!(
        disk.root("tmp/r1/app", Some("app"), None),
        is("tmp/r1", Why::SourcePath)
    );
    let disk = Disk::new();
    let dir = disk.folder("a");
    assert_eq!(
        Root::around(&dir, None, Some(Path::new("/"))).why,
        Why::Working
    );
}

#[test]
fn without_git_argo_cd_tells_where_the_repository_is() {
    let disk = Disk::new();
    disk.folder("r1/base");
    for (dir, source_path, parent, expected) in [
        ("r1/apps/x", Some("apps/x"), None, is("r1", Why::SourcePath)),
        (
            "r1/apps/x",
            Some("./apps//x/"),
            None,
            is("r1", Why::SourcePath),
        ),
        // No step is at the end of all folders.
        ("r1", Some("."), None, is("r1", Why::Working)),
        ("r1", Some("./"), Some("r1"), is("r1", Why::Parent)),
        ("r1/base", Some("."), Some("r1"), is("r1", Why::Parent)),
        // A plugin of Argo CD's works in the folder of the application.
        (
            "r1/apps/x",
            Some("apps/x"),
            Some("r1/apps/x"),
            is("r1", Why::SourcePath),
        ),
        // A link that is named as the checkout leads to the checkout itself.
        (
            "all/u1/a",
            Some("u1/a"),
            Some("all/u1"),
            is("all/u1", Why::Parent),
        ),
        (
            "_argocd-repo/u1",
            Some("u1"),
            Some("_argocd-repo/u1"),
            is("_argocd-repo/u1", Why::Parent),
        ),
        (
            "_cmp_server/u1",
            Some("u1"),
            None,
            is("_cmp_server/u1", Why::Working),
        ),
        (
            "r1/apps/x",
            Some("x"),
            Some("r1"),
            is("r1/apps", Why::SourcePath),
        ),
        // A generator of a base runs in the base.
        ("r1/base", Some("apps/x"), Some("r1"), is("r1", Why::Parent)),
        ("r1/base", None, Some("r1"), is("r1", Why::Parent)),
        (
            "r1/base",
            Some("se"),
            Some("r1/base"),
            is("r1/base", Why::Parent),
        ),
        // Neither is above.
        (
            "r1/base",
            Some("../x"),
            Some("r2"),
            is("r1/base", Why::Working),
        ),
        ("r1/base", None, None, is("r1/base", Why::Working)),
    ] {
        assert_eq!(
            disk.root(dir, source_path, parent),
            expected,
            "{dir} {source_path:?}"
        );
    }
}

#[test]
fn messages_name_the_root_and_why() {
    let all = [
        Why::Set,
        Why::Git,
        Why::SourcePath,
        Why::Parent,
        Why::Working,
    ];
    let all = all.map(|why| {
        let folder = PathBuf::from("/checkout");
        Root { folder, why }.to_string()
    });
    insta::assert_snapshot!(all.join("\n"), @"
    /checkout, the folder that KSOPS_CONFINE names
    /checkout, the repository (the nearest .git is there)
    /checkout, the repository (what stands before ARGOCD_APP_SOURCE_PATH)
    /checkout, the repository (there is no .git, and kustomize was started in that folder)
    /checkout, the working directory (nothing shows where the repository is)
    ");
}

use std::{fmt::Write, os::unix::fs::symlink};

use super::*;

fn argo(dir: &Path) -> Policy {
    Policy::repository(dir, None, None).unwrap()
}

/// `outer/secret`, and a repository `outer/repo` with `app/a`.
fn repository() -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let outer = temp.path().canonicalize().unwrap();
    let repo = outer.join("repo");
    fs::create_dir_all(repo.join("app")).unwrap();
    fs::create_dir(repo.join(".git")).unwrap();
    fs::write(repo.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(outer.join("secret"), "outside").unwrap();
    fs::write(repo.join("app/a"), "a").unwrap();
    fs::write(repo.join("b"), "b").unwrap();
    (temp, repo)
}

fn show(result: std::result::Result<Vec<u8>, Refusal>) -> String {
    match result {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(refusal) => format!("✗ {}", refusal.reason()),
    }
}

#[test]
fn paths_that_stay_inside_are_read() {
    let (_temp, repo) = repository();
    symlink("../b", repo.join("app/link")).unwrap();
    symlink(repo.join("b"), repo.join("app/absolute")).unwrap();
    let policy = argo(&repo.join("app"));
    assert_eq!(policy.root().map(|root| &*root.folder), Some(&*repo));
    let absolute = repo.join("app/../b");
    for (path, expected) in [
        ("a", "a"),
        ("./a", "a"),
        ("../b", "b"),
        ("../../repo/b", "b"),
        ("link", "b"),
        ("absolute", "b"),
        (absolute.to_str().unwrap(), "b"),
    ] {
        assert_eq!(show(policy.read(Path::new(path), 1000)), expected, "{path}");
    }
}

#[test]
fn outside_is_one_answer_whether_a_file_is_there_or_not() {
    let (_temp, repo) = repository();
    let outer = repo.parent().unwrap();
    symlink(outer.join("secret"), repo.join("app/there")).unwrap();
    symlink("/nowhere/at/all", repo.join("app/nowhere")).unwrap();
    symlink("../..", repo.join("app/up")).unwrap();
    symlink("there", repo.join("app/twice")).unwrap();
    let policy = argo(&repo.join("app"));
    let outside = format!("✗ {}", policy.outside().reason());
    assert_eq!(
        outside.replace(repo.to_str().unwrap(), "REPO"),
        "✗ outside of REPO, the repository (the nearest .git is there)"
    );
    let absolute = outer.join("secret");
    for path in [
        "../../secret",
        "../../none",
        "../../../../../../../../../../etc/passwd",
        "/etc/passwd",
        "/etc/none",
        "/etc/none/../passwd",
        "/proc/self/environ",
        "/",
        "../..",
        absolute.to_str().unwrap(),
        "there",
        "nowhere",
        "twice",
        "up/secret",
        "up/none",
        // Whether a folder is there is not told either.
        "/etc/../../repo/app/a",
    ] {
        assert_eq!(show(policy.read(Path::new(path), 1000)), outside, "{path}");
    }
}

#[test]
fn inside_the_reasons_are_told() {
    let (_temp, repo) = repository();
    symlink("loop", repo.join("app/loop")).unwrap();
    // A socket, as opening a pipe would wait for its other end.
    let _socket = std::os::unix::net::UnixListener::bind(repo.join("app/socket")).unwrap();
    let policy = argo(&repo.join("app"));
    let mut all = String::new();
    for path in ["none", "..", "loop", "socket", "a/b"] {
        writeln!(all, "{path}: {}", show(policy.read(Path::new(path), 1000))).unwrap();
    }
    insta::assert_snapshot!(all, @r"
    none: ✗ no such file or directory
    ..: ✗ is a directory
    loop: ✗ too many symbolic links
    socket: ✗ not a regular file
    a/b: ✗ not a directory
    ");
}

#[test]
fn a_file_that_was_opened_is_checked_again() {
    let (_temp, repo) = repository();
    let policy = argo(&repo.join("app"));
    let secret = repo.parent().unwrap().join("secret");
    let honest = repo.join("app/a");
    // Also where the system does not tell what was opened.
    for is_told in [true, false] {
        let check = |opened: &Path| {
            let place = match is_told {
                true => Ok(opened.to_owned()),
                false => Err(io::ErrorKind::NotFound.into()),
            };
            policy.check_opened(&File::open(opened).unwrap(), place, Path::new("a"))
        };
        assert!(matches!(check(&secret), Err(Refusal::Outside(_))));
        assert!(check(&honest).is_ok());
    }
    let file = File::open(&honest).unwrap();
    let told = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    assert_eq!(told.unwrap(), honest);
}

#[test]
fn a_file_has_a_bound() {
    let (_temp, repo) = repository();
    for policy in [argo(&repo), Policy::unlimited(&repo)] {
        assert!(policy.read(Path::new("b"), 1).is_ok());
        let refusal = policy.read(Path::new("b"), 0).unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge(0)));
    }
    let refusal = Refusal::TooLarge(8 << 20);
    insta::assert_snapshot!(format!("{}\n{}", refusal.reason(), refusal.advice()), @"
    more than 8 MiB
    split the file, as Kubernetes takes no Secret above 1 MiB; or raise KSOPS_FILE_SIZE, up to 64 MiB
    ");
}

#[test]
fn a_file_is_the_same_whatever_it_is_called() {
    let (_temp, repo) = repository();
    symlink("../b", repo.join("app/link")).unwrap();
    fs::hard_link(repo.join("b"), repo.join("app/hard")).unwrap();
    for policy in [
        argo(&repo.join("app")),
        Policy::unlimited(&repo.join("app")),
    ] {
        let identity = |path: &str| policy.identity(Path::new(path)).unwrap();
        for path in ["../b", "./../b", "link", "hard", "../app/../b"] {
            assert_eq!(identity(path), identity("../b"), "{path}");
        }
        assert_ne!(identity("a"), identity("../b"));
        assert!(policy.identity(Path::new("none")).is_err());
    }
    let policy = argo(&repo.join("app"));
    assert!(policy.identity(Path::new("../../secret")).is_err());
}

#[test]
fn the_setting_decides() {
    let (_temp, repo) = repository();
    let app = repo.join("app");
    let root = |confine: Confine, argo_cd: bool| {
        let settings = Settings {
            confine,
            argo_cd,
            ..Settings::default()
        };
        Policy::new(&settings, &app, None)
            .map(|policy| policy.root.map(|root| (root.folder, root.why)))
    };
    assert_eq!(root(Confine::Auto, false), Ok(None));
    assert_eq!(
        root(Confine::Auto, true),
        Ok(Some((repo.clone(), Why::Git)))
    );
    assert_eq!(root(Confine::Off, true), Ok(None));
    for argo_cd in [false, true] {
        let folder = Confine::Folder(app.clone());
        assert_eq!(root(folder, argo_cd), Ok(Some((app.clone(), Why::Set))));
        assert!(root(Confine::Folder("/no/such/folder".into()), argo_cd).is_err());
    }
}

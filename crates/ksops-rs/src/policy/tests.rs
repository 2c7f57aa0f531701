use std::{fmt::Write, os::unix::fs::symlink};

use super::*;

fn vars<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| {
        let pair = pairs.iter().find(|(n, _)| *n == name);
        pair.map(|(_, value)| OsString::from(value))
    }
}

const ARGO: &[(&str, &str)] = &[(APP_NAME, "shop")];

/// `outer/secret`, and a repository `outer/repo` with `app/a`.
fn repository() -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let outer = temp.path().canonicalize().unwrap();
    let repo = outer.join("repo");
    fs::create_dir_all(repo.join("app")).unwrap();
    fs::create_dir(repo.join(".git")).unwrap();
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
    let policy = Policy::from_vars(&vars(ARGO), &repo.join("app")).unwrap();
    assert_eq!(policy.root(), Some(repo.as_path()));
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
        assert_eq!(show(policy.read(Path::new(path))), expected, "{path}");
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
    let policy = Policy::from_vars(&vars(ARGO), &repo.join("app")).unwrap();
    let outside = format!("✗ {}", Refusal::Outside.reason());
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
        assert_eq!(show(policy.read(Path::new(path))), outside, "{path}");
    }
}

#[test]
fn inside_the_reasons_are_told() {
    let (_temp, repo) = repository();
    symlink("loop", repo.join("app/loop")).unwrap();
    // A socket, as opening a pipe would wait for its other end.
    let _socket = std::os::unix::net::UnixListener::bind(repo.join("app/socket")).unwrap();
    let policy = Policy::from_vars(&vars(ARGO), &repo.join("app")).unwrap();
    let mut all = String::new();
    for path in ["none", "..", "loop", "socket", "a/b"] {
        writeln!(all, "{path}: {}", show(policy.read(Path::new(path)))).unwrap();
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
    let policy = Policy::from_vars(&vars(ARGO), &repo.join("app")).unwrap();
    let swapped = File::open(repo.parent().unwrap().join("secret")).unwrap();
    assert!(matches!(
        policy.check_opened(&swapped, Path::new("a")),
        Err(Refusal::Outside)
    ));
    let honest = File::open(repo.join("app/a")).unwrap();
    assert!(policy.check_opened(&honest, Path::new("a")).is_ok());
}

#[test]
fn the_root_is_the_outermost_repository() {
    let (_temp, repo) = repository();
    let module = repo.join("app/module");
    fs::create_dir_all(module.join("deep")).unwrap();
    // A submodule has a file there.
    fs::write(module.join(".git"), "gitdir: …").unwrap();
    let root = |dir: &Path| Policy::repository(dir).unwrap().root.unwrap();
    assert_eq!(root(&module.join("deep")), repo);
    symlink(&module, repo.parent().unwrap().join("link")).unwrap();
    assert_eq!(root(&repo.parent().unwrap().join("link/deep")), repo);

    let plain = tempfile::tempdir().unwrap();
    let plain = plain.path().canonicalize().unwrap();
    assert_eq!(root(&plain), plain);
}

#[test]
fn the_setting_decides() {
    let (_temp, repo) = repository();
    let app = repo.join("app");
    let root = |pairs: &[(&str, &str)]| {
        Policy::from_vars(&vars(pairs), &app).map(|policy| policy.root.map(|r| r != app))
    };
    let inner = app.to_str().unwrap();
    assert_eq!(root(&[]), Ok(None));
    assert_eq!(root(&[(CONFINE, "auto")]), Ok(None));
    assert_eq!(root(ARGO), Ok(Some(true)));
    assert_eq!(root(&[(APP_NAME, "")]), Ok(Some(true)));
    assert_eq!(root(&[(APP_NAME, "x"), (CONFINE, "")]), Ok(Some(true)));
    assert_eq!(root(&[(APP_NAME, "x"), (CONFINE, "auto")]), Ok(Some(true)));
    assert_eq!(root(&[(APP_NAME, "x"), (CONFINE, "off")]), Ok(None));
    assert_eq!(root(&[(CONFINE, inner)]), Ok(Some(false)));
    for bad in [
        "on",
        "Off",
        "true",
        "relative/path",
        " auto",
        "/no/such/folder",
    ] {
        assert!(root(&[(CONFINE, bad)]).is_err(), "{bad}");
    }
    insta::assert_snapshot!(root(&[(CONFINE, "on")]).unwrap_err(), @r#"
    KSOPS_CONFINE is "on", which is none of: auto, off, an absolute path
    unset KSOPS_CONFINE, or set it to the folder that files may be read in
    "#);
}

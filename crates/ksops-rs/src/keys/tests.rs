use std::os::unix::fs::symlink;

use sops_core::keys::Found;

use std::ffi::OsString;

use super::*;
use crate::settings::{APP_NAME, KEY_DIR, KEY_PROJECTS, OLD_KEY_DIR};

/// Identities found, by the name of their folder or variable; none of
/// them is a key, so that each is an error that names its place.
fn places(pairs: &[(&str, &str)]) -> String {
    let keys = found(pairs).unwrap();
    let found = keys.keyring.places().into_iter();
    let found = found.filter(|place| !matches!(place.found, Found::NotSet | Found::NoHome));
    let mut names: Vec<_> = found.map(|place| place.location.to_string()).collect();
    names.extend(keys.note);
    names.join("\n")
}

fn found(pairs: &[(&str, &str)]) -> Result<Keys> {
    let var = |name: &str| {
        let pair = pairs.iter().find(|(n, _)| *n == name);
        pair.map(|(_, value)| OsString::from(value))
    };
    let settings = Settings::from_vars(&var)?;
    Keys::new(&settings, &var, Callbacks::none().run_commands())
}

fn keys() -> (tempfile::TempDir, String) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().to_str().unwrap().to_owned();
    for folder in ["team-a", "team-b", "_shared", "..data"] {
        fs::create_dir(temp.path().join(folder)).unwrap();
        fs::write(temp.path().join(folder).join("key.agekey"), "x").unwrap();
    }
    fs::write(temp.path().join("top.agekey"), "x").unwrap();
    (temp, dir)
}

fn of(project: &[(&str, &str)]) -> String {
    let (_temp, dir) = keys();
    let mut pairs = vec![
        (KEY_DIR, dir.as_str()),
        (APP_NAME, "shop"),
        ("SOPS_AGE_KEY", "a key of the whole repo-server"),
    ];
    pairs.extend(project);
    places(&pairs).replace(&dir, "")
}

#[test]
fn a_project_has_its_own_keys_and_the_shared_ones() {
    assert_eq!(
        of(&[(PROJECT, "team-a")]),
        "/team-a/key.agekey\n/_shared/key.agekey"
    );
    insta::assert_snapshot!(of(&[(PROJECT, "team-c")]), @r#"
    /team-c
    /_shared/key.agekey
    there is no folder of keys for the project "team-c" in KSOPS_KEY_DIR; the administrator of Argo CD can make one
    "#);
}

#[test]
fn without_a_good_name_there_are_only_the_shared_ones() {
    insta::assert_snapshot!(of(&[]), @r"
    /_shared/key.agekey
    keys are kept by project, and ARGOCD_APP_PROJECT_NAME is not set: Argo CD 3.0.0 and newer set it; until then only keys in _shared are used
    ");
    insta::assert_snapshot!(of(&[(PROJECT, "")]), @r"
    /_shared/key.agekey
    keys are kept by project, and ARGOCD_APP_PROJECT_NAME is empty, as Argo CD sets it for the details of an application (its Parameters, the form for a new one): there only keys in _shared are used; a sync has the name of the project
    ");
    let bad = of(&[(PROJECT, "..")]);
    insta::assert_snapshot!(bad, @r"
    /_shared/key.agekey
    keys are kept by project, and ARGOCD_APP_PROJECT_NAME is not a name of lower-case letters, digits and `-`; only keys in _shared are used
    ");
    let long = "a".repeat(64);
    for name in [
        "..data",
        "../team-b",
        "team-a/../team-b",
        "/",
        ".",
        "_shared",
        "Team-A",
        "team_a",
        "-a",
        "a-",
        "team-a\n",
        "é",
        "team.a",
        &long,
    ] {
        assert_eq!(of(&[(PROJECT, name)]), bad, "{name:?}");
    }
}

#[test]
fn a_shared_folder_without_keys_is_not_a_place_for_them() {
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir_all(temp.path().join("team-a")).unwrap();
    fs::write(temp.path().join("team-a/a.agekey"), "x").unwrap();
    fs::create_dir(temp.path().join("_shared")).unwrap();
    let dir = temp.path().to_str().unwrap();
    let found = places(&[(KEY_DIR, dir), (APP_NAME, "x"), (PROJECT, "team-a")]);
    assert_eq!(found.replace(dir, ""), "/team-a/a.agekey");
}

#[test]
fn a_mounted_secret_has_no_projects() {
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir(temp.path().join("..2026_01_01")).unwrap();
    fs::write(temp.path().join("..2026_01_01/a.agekey"), "x").unwrap();
    symlink("..2026_01_01", temp.path().join("..data")).unwrap();
    symlink("..data/a.agekey", temp.path().join("a.agekey")).unwrap();
    let dir = temp.path().to_str().unwrap();
    let found = places(&[(KEY_DIR, dir), (APP_NAME, "x"), ("SOPS_AGE_KEY", "x")]);
    assert_eq!(found.replace(dir, ""), "SOPS_AGE_KEY\n/a.agekey");
    // Projected, folders are links.
    symlink("..data", temp.path().join("team-a")).unwrap();
    let found = places(&[(KEY_DIR, dir), (APP_NAME, "x"), (PROJECT, "team-a")]);
    assert_eq!(found.replace(dir, ""), "/team-a/a.agekey");
}

#[test]
fn what_cannot_be_listed_opens_nothing_more() {
    let found = places(&[
        (KEY_DIR, "/nonexistent"),
        (APP_NAME, ""),
        ("SOPS_AGE_KEY", "x"),
        (PROJECT, "team-a"),
    ]);
    assert!(found.starts_with("/nonexistent/team-a\n"), "{found}");
}

#[test]
fn at_a_laptop_projects_are_of_no_interest() {
    let (_temp, dir) = keys();
    let found = places(&[(KEY_DIR, &dir), ("SOPS_AGE_KEY", "x"), (PROJECT, "team-a")]);
    assert_eq!(found.replace(&dir, ""), "SOPS_AGE_KEY\n/top.agekey");
}

/// What is meant for projects opens nothing else, however it failed.
#[test]
fn a_mount_that_failed_opens_no_more_than_one_that_did_not() {
    let temp = tempfile::tempdir().unwrap();
    let dir = |name: &str| {
        let dir = temp.path().join(name);
        fs::create_dir(&dir).unwrap();
        dir
    };
    dir("empty");
    let dangling = dir("dangling");
    symlink("/not/mounted/team-a", dangling.join("team-a")).unwrap();
    fs::write(dangling.join("top.agekey"), "x").unwrap();
    fs::write(dir("no-key").join("README.md"), "x").unwrap();
    fs::create_dir(dir("hidden").join("..data")).unwrap();
    let socket = dir("socket");
    fs::write(socket.join("top.agekey"), "x").unwrap();
    let _bound = std::os::unix::net::UnixListener::bind(socket.join("team-a")).unwrap();
    for name in [
        "empty",
        "dangling",
        "no-key",
        "hidden",
        "socket",
        "not-there",
    ] {
        let path = temp.path().join(name);
        let path = path.to_str().unwrap();
        for variable in [KEY_DIR, OLD_KEY_DIR] {
            let vars = [
                (variable, path),
                (APP_NAME, "x"),
                (PROJECT, "team-b"),
                ("SOPS_AGE_KEY", "the server's"),
            ];
            let found = places(&vars);
            assert!(
                found.starts_with(&format!("{path}/team-b")),
                "{name}: {found}"
            );
            assert!(!found.contains("SOPS_AGE_KEY\n"), "{name}: {found}");
            let projects = |value| [&vars[..], &[(KEY_PROJECTS, value)]].concat();
            // Nobody asked for projects.
            assert!(
                places(&projects("false")).starts_with("SOPS_AGE_KEY\n"),
                "{name}"
            );
            assert_eq!(places(&projects("true")), found, "{name}");
        }
    }
}

#[test]
fn projects_can_be_asked_for_or_not() {
    let (_temp, dir) = keys();
    let vars = |value| {
        [
            (KEY_DIR, dir.as_str()),
            (KEY_PROJECTS, value),
            (PROJECT, "team-a"),
            ("SOPS_AGE_KEY", "x"),
        ]
    };
    let of = |value| places(&vars(value)).replace(&dir, "");
    // Without Argo CD as well.
    assert_eq!(of("true"), "/team-a/key.agekey\n/_shared/key.agekey");
    assert_eq!(of("false"), "SOPS_AGE_KEY\n/top.agekey");
}

#[test]
fn a_command_of_the_repository_is_not_run() {
    let refused = |command: &str, path: &str| {
        let pairs = [("SOPS_AGE_KEY_CMD", command), ("PATH", path)];
        assert!(found(&pairs).is_ok(), "{command}");
        found(&[&pairs[..], &[(APP_NAME, "")]].concat()).err()
    };
    for command in [
        "./keys",
        "bin/keys --age",
        "'./my keys'",
        " \"x/keys\"",
        "~/keys",
        ".\\/keys",
    ] {
        assert!(refused(command, "/usr/bin").is_some(), "{command}");
    }
    for command in ["", "keys", "/opt/keys ./x", "'/opt/my keys'", "keys a/b"] {
        assert!(refused(command, "/usr/bin:/bin").is_none(), "{command}");
    }
    for path in ["", ":/usr/bin", "/usr/bin:.", "/usr/bin:bin"] {
        assert!(refused("keys", path).is_some(), "{path}");
    }
    insta::assert_snapshot!(refused("./keys", "/bin").unwrap(), @"
    SOPS_AGE_KEY_CMD: the program is named by a relative path, which in Argo CD is a folder of the repository
    name the program of SOPS_AGE_KEY_CMD by its absolute path
    ");
    insta::assert_snapshot!(refused("keys", ":/bin").unwrap(), @"
    SOPS_AGE_KEY_CMD: the program is looked for on PATH, which names a relative path, which in Argo CD is a folder of the repository
    name the program of SOPS_AGE_KEY_CMD by its absolute path
    ");
    // Where only the keys of a project are used no command is run.
    let (_temp, dir) = keys();
    let vars = [
        (KEY_DIR, dir.as_str()),
        (APP_NAME, "x"),
        ("SOPS_AGE_KEY_CMD", "./keys"),
    ];
    assert!(found(&vars).is_ok());
}

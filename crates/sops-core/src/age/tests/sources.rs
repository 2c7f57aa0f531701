//! The places that a keyring looks at.

use super::*;

#[test]
fn sources_are_merged_and_a_broken_one_hides_nothing() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir_all(path(".ssh")).unwrap();
    fs::create_dir_all(path(".config/sops/age")).unwrap();
    fs::write(path(".ssh/id_ed25519"), key("ssh-ed25519")).unwrap();
    fs::write(path(".ssh/id_rsa"), "garbage").unwrap();
    fs::write(path(".config/sops/age/keys.txt"), key("age-c.txt")).unwrap();
    fs::write(path("b.txt"), key("age-b.txt").replace('\n', "\r\n")).unwrap();
    let text = format!("{} {}", secret("age-a.txt"), secret("age-pq.txt"));
    let ring = keyring(
        &[
            ("HOME", &path("")),
            (
                "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
                key_path("ssh-rsa").to_str().unwrap(),
            ),
            ("SOPS_AGE_KEY", &text),
            ("SOPS_AGE_KEY_FILE", &path("b.txt")),
            ("SOPS_AGE_KEY_CMD", "no-such-program-anywhere"),
        ],
        Callbacks::none().run_commands(),
    );
    let found: Vec<_> = ring.places().iter().map(|p| p.found.clone()).collect();
    let count = |found: &Found| match found {
        Found::Identities { count, .. } => *count,
        _ => 0,
    };
    assert_eq!(
        found.iter().map(count).collect::<Vec<_>>(),
        [1, 0, 1, 0, 2, 1, 0, 1]
    );
    assert_eq!(found[1], Found::NotSet);
    assert_eq!(
        found[3],
        Found::Bad {
            line: None,
            flaw: Flaw::NotSsh
        }
    );
    assert_eq!(found[6], Found::NotRun);
    for recipient in [&key("ssh-ed25519.pub"), &key("ssh-rsa.pub"), A, B] {
        assert!(ring.can_open(&file(&[recipient])), "{recipient}");
    }
    // The label proves nothing: a wrong one does no harm.
    let enc = entry(&KEY, A).enc().to_owned();
    assert!(ring.can_open(&groups(vec![vec![age("not a recipient", enc)]], 0)));
}

#[test]
fn home_and_configuration_directory() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("elsewhere");
    fs::create_dir_all(config.join("sops/age")).unwrap();
    fs::write(config.join("sops/age/keys.txt"), key("age-a.txt")).unwrap();
    let ring = keyring(
        &[("XDG_CONFIG_HOME", config.to_str().unwrap())],
        Callbacks::none(),
    );
    assert!(ring.can_open(&file(&[A])));
    let last = |ring: Keyring| ring.places().pop().unwrap().found;
    assert_eq!(
        last(keyring(&[("HOME", "")], Callbacks::none())),
        Found::NoHome
    );
    if cfg!(target_os = "linux") {
        let relative = keyring(
            &[("XDG_CONFIG_HOME", "x"), ("HOME", "/h")],
            Callbacks::none(),
        );
        assert_eq!(last(relative), Found::RelativeConfig);
    }
}

#[test]
fn key_directory_of_a_mounted_secret() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("..2026_11_22");
    fs::create_dir(&data).unwrap();
    fs::create_dir(dir.path().join("folder.txt")).unwrap();
    fs::write(data.join("new.agekey"), key("age-b.txt")).unwrap();
    fs::write(data.join("old.txt"), key("age-a.txt")).unwrap();
    fs::write(data.join("README.md"), "not a key").unwrap();
    fs::write(dir.path().join(".hidden.txt"), "not a key").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink("..2026_11_22", dir.path().join("..data")).unwrap();
        for name in ["new.agekey", "old.txt", "README.md"] {
            symlink(Path::new("..data").join(name), dir.path().join(name)).unwrap();
        }
    }
    let mut ring = Keyring::new();
    ring.add_dir(dir.path());
    let names: Vec<_> = ring.places().iter().map(|p| p.to_string()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names[0].contains("folder.txt: a directory"));
    assert!(names[1].contains("new.agekey: 1 identity"));
    assert!(names[2].contains("old.txt: 1 identity"));
    assert!(ring.can_open(&file(&[A])) && ring.can_open(&file(&[B])));

    let mut ring = Keyring::new();
    ring.add_dir(data.join("missing"));
    ring.add_dir(data.join("old.txt"));
    let empty = tempfile::tempdir().unwrap();
    ring.add_dir(empty.path());
    let found: Vec<_> = ring.places().into_iter().map(|p| p.found).collect();
    let not_found = Found::NotFound { hint: None };
    assert_eq!(found, [not_found.clone(), not_found, Found::NoKeyFiles]);
}

/// Of a pipe nobody knows whether there is ever anything to read.
#[cfg(unix)]
#[test]
fn a_pipe_among_the_keys_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("a.agekey");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::write(dir.path().join("b.agekey"), key("age-a.txt")).unwrap();
    let mut ring = Keyring::new();
    ring.add_dir(dir.path());
    let names: Vec<_> = ring.places().iter().map(|p| p.to_string()).collect();
    assert!(
        names[0].ends_with("a.agekey: not a plain file"),
        "{names:?}"
    );
    assert!(ring.can_open(&file(&[A])));
}

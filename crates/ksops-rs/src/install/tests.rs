use std::os::unix::fs::symlink;

use super::*;

fn program(dir: &Path, text: &str) -> File {
    let path = dir.join("program");
    fs::write(&path, text).unwrap();
    File::open(path).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn both_names_are_one_executable_file() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [plain, plugin] = install(&program(from.path(), "one"), to.path()).unwrap();
    assert_eq!(plain, to.path().join("ksops"));
    assert_eq!(plugin, to.path().join("plugin/viaduct.ai/v1/ksops/ksops"));
    assert_eq!(fs::read(&plain).unwrap(), b"one");
    assert_eq!(mode(&plain), 0o755);
    let [a, b] = [&plain, &plugin].map(|path| fs::metadata(path).unwrap().ino());
    assert_eq!(a, b);
    assert_eq!(mode(plugin.parent().unwrap()), 0o755);
    assert_eq!(names(to.path()), ["ksops", "plugin"]);
    assert_eq!(names(plugin.parent().unwrap()), ["ksops"]);
}

#[test]
fn twice_replaces_and_leaves_nothing_behind() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let old = install(&program(from.path(), "old"), to.path()).unwrap();
    // As a container that was killed in the middle leaves it.
    fs::write(to.path().join(".ksops.new-0"), "half").unwrap();
    let held = File::open(&old[0]).unwrap();
    let new = install(&program(from.path(), "new"), to.path()).unwrap();
    assert_eq!(old, new);
    for path in &new {
        assert_eq!(fs::read(path).unwrap(), b"new");
    }
    // Who had the old one open still has it.
    assert_eq!(io::read_to_string(held).unwrap(), "old");
    assert_eq!(names(to.path()), [".ksops.new-0", "ksops", "plugin"]);
    let again = install(&program(from.path(), "new"), to.path()).unwrap();
    assert_eq!(again, new);
}

#[test]
fn onto_itself_is_no_change() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [plain, plugin] = install(&program(from.path(), "one"), to.path()).unwrap();
    fs::remove_file(&plugin).unwrap();
    for _ in 0..2 {
        install(&File::open(&plain).unwrap(), to.path()).unwrap();
        assert_eq!(fs::read(&plain).unwrap(), b"one");
        assert_eq!(fs::read(&plugin).unwrap(), b"one");
    }
    assert_eq!(names(plugin.parent().unwrap()), ["ksops"]);
}

#[test]
fn a_link_in_the_place_is_replaced_and_not_followed() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let victim = from.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, to.path().join("ksops")).unwrap();
    let [plain, _] = install(&program(from.path(), "one"), to.path()).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(fs::symlink_metadata(plain).unwrap().is_file());
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let from = tempfile::tempdir().unwrap();
    let error = install(&program(from.path(), "x"), &from.path().join("none")).unwrap_err();
    let text = error.to_string().replace(from.path().to_str().unwrap(), "");
    insta::assert_snapshot!(text, @r#"
    install: cannot write "/none": no such file or directory
    DIR must be an existing folder, such as the mount point of an emptyDir; check the path and the volumeMounts
    "#);
}

#[test]
fn a_failure_leaves_the_old_program() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [plain, plugin] = install(&program(from.path(), "old"), to.path()).unwrap();
    fs::remove_file(&plugin).unwrap();
    fs::create_dir(&plugin).unwrap();
    fs::write(plugin.join("x"), "x").unwrap();
    assert!(install(&program(from.path(), "new"), to.path()).is_err());
    assert_eq!(names(plugin.parent().unwrap()), ["ksops"]);
    assert_eq!(names(to.path()), ["ksops", "plugin"]);
    assert_eq!(mode(&plain), 0o755);
}

#[test]
fn the_first_kustomize_that_is_there_is_copied() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [a, b] = ["a", "b"].map(|name| from.path().join(name));
    fs::write(&a, "a").unwrap();
    fs::write(&b, "b").unwrap();
    fs::set_permissions(&b, Permissions::from_mode(0o555)).unwrap();
    let path = install_kustomize(&[a.clone(), b.clone()], to.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"b");
    assert_eq!(mode(&path), 0o755);
    // The one that is there already, when it is run from there.
    install_kustomize(std::slice::from_ref(&path), to.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"b");

    let error = install_kustomize(&[a, from.path().join("none")], to.path()).unwrap_err();
    let text = error.to_string().replace(from.path().to_str().unwrap(), "");
    insta::assert_snapshot!(text, @r"
    install: kustomize was not copied, as there is none to copy
      /a: not executable
      /none: no such file or directory
    use the image that holds kustomize, or leave out --with-kustomize: Argo CD brings its own
    ");
}

#[test]
fn arguments_are_those_of_ksops() {
    let parse = |args: &[&str]| {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        Arguments::parse(&args).map(|arguments| {
            arguments.map(|a| (a.dir.to_str().unwrap().to_owned(), a.with_kustomize))
        })
    };
    let dir = |with| Ok(Some(("/d".to_owned(), with)));
    assert_eq!(parse(&["/d"]), dir(false));
    assert_eq!(parse(&["--with-kustomize", "/d"]), dir(true));
    assert_eq!(parse(&["/d", "--with-kustomize"]), dir(true));
    assert_eq!(parse(&["/d", "/e", "--x"]), dir(false));
    assert_eq!(parse(&["--help"]), Ok(None));
    for bad in [&[][..], &["--with-kustomize"], &["--foo", "/d"], &[""]] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

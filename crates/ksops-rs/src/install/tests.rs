use std::os::unix::fs::symlink;

use testkit::files::names;

use super::*;

fn program(dir: &Path, text: &str) -> File {
    let path = dir.join("program");
    fs::write(&path, text).unwrap();
    File::open(path).unwrap()
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
    assert_eq!(names(to.path()), ["ksops", "plugin"]);
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
    let [a, b] = ["a/kustomize", "b/kustomize"].map(|name| from.path().join(name));
    for path in [&a, &b] {
        fs::create_dir(path.parent().unwrap()).unwrap();
    }
    fs::write(&a, "a").unwrap();
    fs::write(&b, "b").unwrap();
    fs::set_permissions(&b, Permissions::from_mode(0o555)).unwrap();
    let own = program(from.path(), "one");
    let path = install_other(&[a.clone(), b.clone()], &own, to.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"b");
    assert_eq!(mode(&path), 0o755);
    // The one that is there already, when it is run from there.
    install_other(std::slice::from_ref(&path), &own, to.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"b");

    let error = install_other(&[a, from.path().join("none")], &own, to.path()).unwrap_err();
    let text = error.to_string().replace(from.path().to_str().unwrap(), "");
    insta::assert_snapshot!(text, @r"
    install: kustomize was not copied, as there is none to copy
      /a/kustomize: not executable
      /none: no such file or directory
    use the image that holds kustomize, or leave out --with-kustomize: Argo CD brings its own
    ");
}

/// The image for another architecture, or one that was built wrongly.
#[test]
fn a_kustomize_for_another_machine_is_not_copied() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let elf = |folder: &str, machine: u8| {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(64, 0);
        header[18] = machine;
        let path = from.path().join(folder).join("kustomize");
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, header).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    };
    let (own, wrong, right) = (elf("ksops", 183), elf("amd64", 62), elf("arm64", 183));
    let own = File::open(own).unwrap();
    let error = install_other(std::slice::from_ref(&wrong), &own, to.path()).unwrap_err();
    let text = error.to_string().replace(from.path().to_str().unwrap(), "");
    insta::assert_snapshot!(text, @r"
    install: kustomize was not copied, as there is none to copy
      /amd64/kustomize: a program for x86_64 (amd64), and this machine is aarch64 (arm64)
    use the image that holds kustomize, or leave out --with-kustomize: Argo CD brings its own
    ");
    assert_eq!(names(to.path()), [""; 0]);
    install_other(&[wrong, right.clone()], &own, to.path()).unwrap();
    assert_eq!(
        fs::read(to.path().join("kustomize")).unwrap(),
        fs::read(right).unwrap()
    );
}

#[test]
fn arguments_are_those_of_ksops() {
    let parse = |args: &[&str]| {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        Arguments::parse(&args).map(|arguments| {
            arguments.map(|a| {
                assert_eq!(a.with_sops, args.contains(&"--with-sops".into()));
                (a.dir.to_str().unwrap().to_owned(), a.with_kustomize)
            })
        })
    };
    let dir = |with| Ok(Some(("/d".to_owned(), with)));
    assert_eq!(parse(&["/d"]), dir(false));
    assert_eq!(parse(&["--with-kustomize", "/d"]), dir(true));
    assert_eq!(parse(&["/d", "--with-kustomize"]), dir(true));
    assert_eq!(parse(&["--with-sops", "/d"]), dir(false));
    assert_eq!(parse(&["/d", "/e", "--x"]), dir(false));
    assert_eq!(parse(&["--help"]), Ok(None));
    for bad in [&[][..], &["--with-kustomize"], &["--foo", "/d"], &[""]] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_guard_stands_where_kustomize_is_looked_for() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let image = from.path().join("image");
    let guard = |needed| {
        let program = program(from.path(), "one");
        install(&program, to.path()).unwrap();
        // Run from there once more, it finds itself.
        let candidates = [to.path().join("kustomize"), image.clone()];
        super::guard::install(&program, &candidates, to.path(), needed)
    };
    assert_eq!(guard(false).unwrap(), [to.path().join("kustomize")]);
    let ino = |name: &str| fs::metadata(to.path().join(name)).unwrap().ino();
    assert_eq!(ino("kustomize"), ino("ksops"));
    assert!(guard(true).is_err());
    fs::write(&image, "two").unwrap();
    fs::set_permissions(&image, Permissions::from_mode(0o755)).unwrap();
    for needed in [true, false] {
        assert_eq!(guard(needed).unwrap().len(), 2);
        let real = fs::read(to.path().join("kustomize.real")).unwrap();
        assert_eq!(real, b"two");
        assert_eq!(fs::read(to.path().join("kustomize")).unwrap(), b"one");
    }
}

/// A folder of programs, and the guard put into it.
struct Tools(tempfile::TempDir);

impl Tools {
    fn with(programs: &[(&str, &str)]) -> Self {
        let tools = Tools(tempfile::tempdir().unwrap());
        for (name, text) in programs {
            let path = tools.0.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        tools
    }

    fn guard(&self, with_kustomize: bool) -> Result<Vec<PathBuf>> {
        let from = tempfile::tempdir().unwrap();
        let (own, image) = (program(from.path(), "this"), from.path().join("image"));
        fs::write(&image, "the image's").unwrap();
        fs::set_permissions(&image, Permissions::from_mode(0o755)).unwrap();
        install(&own, self.0.path()).unwrap();
        super::guard::install(&own, &[image], self.0.path(), with_kustomize)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

/// Such as the folder of an image of one's own.
#[test]
fn the_kustomize_in_the_guard_s_place_is_kept() {
    let tools = Tools::with(&[("kustomize", "real")]);
    for _ in 0..2 {
        tools.guard(false).unwrap();
        assert_eq!(tools.text("kustomize"), "this");
    }
    // Guarded already, the one of the image is newer.
    assert_eq!(tools.text("kustomize.real"), "the image's");

    let tools = Tools::with(&[("kustomize", "real")]);
    tools.guard(false).unwrap();
    assert_eq!(tools.text("kustomize.real"), "real");
    // By a link: what it leads to.
    let tools = Tools::with(&[("kustomize-5", "real")]);
    symlink("kustomize-5", tools.0.path().join("kustomize")).unwrap();
    tools.guard(false).unwrap();
    let kept = ["kustomize", "kustomize.real", "kustomize-5"].map(|name| tools.text(name));
    assert_eq!(kept, ["this", "real", "real"]);
    // The other one was asked for.
    let tools = Tools::with(&[("kustomize", "real")]);
    tools.guard(true).unwrap();
    assert_eq!(tools.text("kustomize.real"), "the image's");
}

#[test]
fn of_two_kustomize_none_is_lost() {
    let tools = Tools::with(&[("kustomize", "one"), ("kustomize.real", "other")]);
    let text = tools.guard(false).unwrap_err().to_string();
    let text = text.replace(tools.0.path().to_str().unwrap(), "");
    insta::assert_snapshot!(text, @r"
    install: /kustomize and /kustomize.real are two different kustomize, of which one would be lost
    remove the one that is not to be run, and run it again
    ");
    let both = ["kustomize", "kustomize.real"].map(|name| tools.text(name));
    assert_eq!(both, ["one", "other"]);
    let tools = Tools::with(&[("kustomize", "same"), ("kustomize.real", "same")]);
    tools.guard(false).unwrap();
    assert_eq!(tools.text("kustomize.real"), "same");
}

#[test]
fn an_older_version_of_this_program_is_no_kustomize() {
    let padding = "-".repeat(65_530);
    let older = format!("\x7fELF\x02\x01\x01{padding}DIR/plugin/{PLUGIN_PATH} the same");
    for names in [
        &["kustomize"][..],
        &["kustomize.real"],
        &["kustomize", "kustomize.real"],
    ] {
        let programs: Vec<_> = names.iter().map(|&name| (name, older.as_str())).collect();
        let tools = Tools::with(&programs);
        tools.guard(false).unwrap();
        assert_eq!(tools.text("kustomize"), "this");
        assert_eq!(tools.text("kustomize.real"), "the image's");
    }
    // And where there is no other, none is better than that one.
    let tools = Tools::with(&[("kustomize", &older), ("kustomize.real", &older)]);
    let own = tools.0.path().join("ksops");
    fs::write(&own, "this").unwrap();
    let own = File::open(own).unwrap();
    super::guard::install(&own, &[], tools.0.path(), false).unwrap();
    assert_eq!(names(tools.0.path()), ["ksops", "kustomize"]);
}

#[test]
fn what_a_killed_run_left_is_removed_and_no_more() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let own = program(from.path(), "one");
    for name in [
        ".ksops.new-0",
        ".ksops.new-17",
        ".ksops.new-x",
        ".ksops.new-",
        ".sops.new-0",
    ] {
        fs::write(to.path().join(name), "half").unwrap();
    }
    // Somebody writes it now.
    let busy = File::create(to.path().join(".ksops.new-3")).unwrap();
    assert!(lock(&busy));
    install(&own, to.path()).unwrap();
    let left = [
        ".ksops.new-",
        ".ksops.new-3",
        ".ksops.new-x",
        ".sops.new-0",
        "ksops",
        "plugin",
    ];
    assert_eq!(names(to.path()), left);
}

use super::*;

fn args(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

#[test]
fn only_building_is_guarded() {
    for line in [
        "build",
        "build /tmp/x --enable-alpha-plugins",
        "--stack-trace build .",
        "-x edit build",
    ] {
        assert!(builds(&args(line)), "{line}");
    }
    for line in [
        "",
        "version",
        "version --short",
        "edit set image build=x:1",
        "edit add resource build",
        "create --autodetect",
        "--help",
    ] {
        assert!(!builds(&args(line)), "{line}");
    }
}

#[test]
fn the_folder_that_is_built() {
    for (line, expected) in [
        ("build", None),
        ("build .", Some(".")),
        ("build /a/b --enable-alpha-plugins", Some("/a/b")),
        (
            "build --enable-helm --helm-command helm3 -o out a",
            Some("a"),
        ),
        ("build --load-restrictor=LoadRestrictionsNone a", Some("a")),
        ("build --load-restrictor LoadRestrictionsNone", None),
        ("kustomize --enable-alpha-plugins a", Some("a")),
    ] {
        assert_eq!(target(&args(line)), expected.map(OsStr::new), "{line}");
    }
}

#[test]
fn helm_is_the_one_that_is_named() {
    assert_eq!(helm_name(&args("build .")), "helm");
    assert_eq!(
        helm_name(&args("build --helm-command /x/helm3 .")),
        "/x/helm3"
    );
    assert_eq!(helm_name(&args("build --helm-command=helm3 .")), "helm3");
    assert!(has_helm(&args("build --enable-helm .")));
    assert!(!has_helm(&args("build --enable-helm=false .")));
    assert!(!has_helm(&args("build .")));
}

/// Programs in a folder, and the error of looking for kustomize with these
/// variables.
struct Place(tempfile::TempDir);

impl Place {
    fn new(programs: &[(&str, &str)]) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        for (name, text) in programs {
            let path = place.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn find(&self, named: Option<&str>, by_hand: bool) -> String {
        let var = |name: &str| match name {
            GUARD_KUSTOMIZE => named.map(|named| self.path(named).into_os_string()),
            "PATH" => {
                let folders = [PathBuf::from("rel"), self.path("own"), self.path("bin")];
                Some(std::env::join_paths(folders).unwrap())
            }
            _ => None,
        };
        let found = kustomize(&var, &self.path("own/kustomize"), by_hand);
        let text = match found {
            Ok(path) => path.display().to_string(),
            Err(error) => error.to_string(),
        };
        text.replace(self.0.path().to_str().unwrap(), "")
    }
}

#[test]
fn kustomize_is_found_and_never_this_program() {
    let place = Place::new(&[
        ("own/kustomize", "guard"),
        ("bin/kustomize", "real"),
        ("other/kustomize", "other"),
        ("copy/kustomize", "guard"),
        ("like/kustomize", "draug"),
    ]);
    assert_eq!(
        place.find(Some("other/kustomize"), false),
        "/other/kustomize"
    );
    assert_eq!(place.find(Some("like/kustomize"), false), "/like/kustomize");
    assert_eq!(place.find(None, true), "/bin/kustomize");
    fs::hard_link(place.path("own/kustomize"), place.path("own/ksops")).unwrap();
    insta::assert_snapshot!("itself", place.find(Some("own/ksops"), false));
    insta::assert_snapshot!("a_copy_of_itself", place.find(Some("copy/kustomize"), true));
    insta::assert_snapshot!("no_such_file", place.find(Some("none"), false));
    insta::assert_snapshot!("nothing_beside", place.find(None, false));
    fs::write(place.path("own/kustomize.real"), "real").unwrap();
    insta::assert_snapshot!("not_executable", place.find(None, false));
    let real = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place.path("own/kustomize.real"), real).unwrap();
    assert_eq!(place.find(None, false), "/own/kustomize.real");
    fs::remove_file(place.path("own/kustomize.real")).unwrap();
    fs::remove_file(place.path("bin/kustomize")).unwrap();
    insta::assert_snapshot!("none_on_path", place.find(None, true));
    let var = |_: &str| Some("rel/kustomize".into());
    let error = kustomize(&var, Path::new("/own"), false).unwrap_err();
    insta::assert_snapshot!("relative", error.to_string());
    let named = |name: &str| {
        let error = program(&|_| None, OsStr::new(name), Path::new("/own")).unwrap_err();
        error.to_string()
    };
    insta::assert_snapshot!("no_such_program", named("nope"));
    insta::assert_snapshot!("no_such_path", named("/nope/x"));
}

#[test]
fn a_folder_of_everybody_is_no_checkout() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap();
    let settings = Settings::default();
    assert!(root(&settings, &dir, &dir).is_ok());
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let error = root(&settings, &dir, &dir).unwrap_err().to_string();
    insta::assert_snapshot!("everybodys", error.replace(dir.to_str().unwrap(), "/tmp"));
    assert!(root(&settings, Path::new("/"), Path::new("/")).is_err());
}

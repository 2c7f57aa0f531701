use super::*;

fn limit(text: Option<&str>) -> Result<usize> {
    Settings::from_vars(&|name| text.filter(|_| name == LIMIT).map(OsString::from))
        .map(|s| s.concurrency.get())
}

#[test]
fn unset_and_empty_mean_twenty() {
    assert_eq!(limit(None), Ok(20));
    assert_eq!(limit(Some("")), Ok(20));
}

#[test]
fn numbers_are_read_as_go_reads_them() {
    assert_eq!(limit(Some("1")), Ok(1));
    assert_eq!(limit(Some("+5")), Ok(5));
    assert_eq!(limit(Some("007")), Ok(7));
    assert_eq!(limit(Some("9223372036854775807")), Ok(i64::MAX as usize));
}

#[test]
fn anything_else_is_refused() {
    for bad in [
        "0",
        "-0",
        "-1",
        "+",
        "-",
        "abc",
        " 5",
        "5 ",
        "0x10",
        "1_0",
        "5.0",
        "++5",
        "9223372036854775808",
        "٥",
    ] {
        assert!(limit(Some(bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn placeholders_are_never_for_argo_cd() {
    let of = |pairs: &[(&str, &str)]| {
        let settings = Settings::from_vars(&|name| {
            let pair = pairs.iter().find(|(n, _)| *n == name);
            pair.map(|(_, value)| OsString::from(value))
        });
        settings.map(|settings| settings.placeholder)
    };
    assert_eq!(of(&[]), Ok(false));
    assert_eq!(of(&[(PLACEHOLDER, "")]), Ok(false));
    assert_eq!(of(&[(PLACEHOLDER, "false")]), Ok(false));
    assert_eq!(of(&[(PLACEHOLDER, "true")]), Ok(true));
    assert!(of(&[(PLACEHOLDER, "1")]).is_err());
    let both = [(PLACEHOLDER, "true"), ("ARGOCD_APP_NAME", "")];
    insta::assert_snapshot!(of(&both).unwrap_err(), @r"
    KSOPS_PLACEHOLDER is set where Argo CD renders an application: the cluster would get placeholders for secrets
    unset KSOPS_PLACEHOLDER on the repo-server; it is for checks without keys
    ");
}

#[test]
fn the_message_says_what_to_set() {
    insta::assert_snapshot!(limit(Some("abc")).unwrap_err(), @r#"
    KSOPS_CONCURRENCY_LIMIT is "abc", which is not a whole number of 1 or more
    set KSOPS_CONCURRENCY_LIMIT to a number such as 8, or unset it: 20 files at a time are the default
    "#);
}

/// What the variables say, or the error's text.
fn settings(pairs: &[(&str, &str)]) -> std::result::Result<Settings, String> {
    let settings = Settings::from_vars(&|name| {
        let pair = pairs.iter().find(|(n, _)| *n == name);
        pair.map(|(_, value)| OsString::from(value))
    });
    settings.map_err(|error| error.to_string())
}

#[test]
fn the_confinement_is_a_word_or_a_folder() {
    let confine = |value: &str| settings(&[(CONFINE, value)]).map(|settings| settings.confine);
    assert_eq!(confine(""), Ok(Confine::Auto));
    assert_eq!(confine("auto"), Ok(Confine::Auto));
    assert_eq!(confine("off"), Ok(Confine::Off));
    assert_eq!(confine("/a"), Ok(Confine::Folder("/a".into())));
    // Whether there is Argo CD is not a matter of what its variable says.
    let argo_cd = |pairs| settings(pairs).map(|settings| settings.argo_cd);
    assert_eq!(argo_cd(&[]), Ok(false));
    assert_eq!(argo_cd(&[(APP_NAME, "")]), Ok(true));
    for bad in ["on", "Off", "true", "relative/path", " auto"] {
        assert!(confine(bad).is_err(), "{bad}");
    }
    insta::assert_snapshot!(confine("on").unwrap_err(), @r#"
    KSOPS_CONFINE is "on", which is none of: auto, off, an absolute path
    unset KSOPS_CONFINE, or set it to the folder that files may be read in
    "#);
}

#[test]
fn the_folder_of_keys_has_two_names() {
    let dir = |pairs: &[(&str, &str)]| {
        settings(pairs).map(|settings| {
            settings
                .key_dir
                .map(|dir| (dir.path.to_str().unwrap().to_owned(), dir.variable))
        })
    };
    assert_eq!(dir(&[(KEY_DIR, ""), (OLD_KEY_DIR, "")]), Ok(None));
    assert_eq!(dir(&[(KEY_DIR, "/a")]), Ok(Some(("/a".into(), KEY_DIR))));
    assert_eq!(
        dir(&[(OLD_KEY_DIR, "/a")]),
        Ok(Some(("/a".into(), OLD_KEY_DIR)))
    );
    let both = [(KEY_DIR, "/a"), (OLD_KEY_DIR, "/a/")];
    assert_eq!(dir(&both), Ok(Some(("/a".into(), KEY_DIR))));
    let mut errors = String::new();
    for bad in [
        &[(KEY_DIR, "/a"), (OLD_KEY_DIR, "/b")][..],
        &[(KEY_DIR, "keys")],
        &[(OLD_KEY_DIR, "./keys")],
        &[(KEY_PROJECTS, "true")],
        &[(KEY_DIR, "/a"), (KEY_PROJECTS, "yes")],
    ] {
        errors += &format!("{}\n", dir(bad).unwrap_err());
    }
    insta::assert_snapshot!(errors, @r#"
    KSOPS_KEY_DIR and KSOPS_AGE_KEY_DIR, its older name, name different folders
    unset KSOPS_AGE_KEY_DIR
    KSOPS_KEY_DIR is "keys", a relative path
    set KSOPS_KEY_DIR to the absolute path of a folder
    KSOPS_AGE_KEY_DIR is "./keys", a relative path
    set KSOPS_AGE_KEY_DIR to the absolute path of a folder
    KSOPS_KEY_PROJECTS is true, and KSOPS_KEY_DIR is not set: there are no folders of keys
    set KSOPS_KEY_DIR to the folder that holds one for each project
    KSOPS_KEY_PROJECTS is "yes", which is neither true nor false
    set KSOPS_KEY_PROJECTS to true, or unset it
    "#);
    let projects = |value| {
        settings(&[(KEY_DIR, "/a"), (KEY_PROJECTS, value)])
            .unwrap()
            .key_projects
    };
    assert_eq!(
        ["", "true", "false"].map(projects),
        [None, Some(true), Some(false)]
    );
}

#[test]
fn projects_have_the_names_of_folders() {
    let of = |name: &str| settings(&[(PROJECT, name)]).unwrap().project;
    assert_eq!(of("team-a"), Project::Named("team-a".into()));
    assert_eq!(of(""), Project::Empty);
    for bad in ["..", "a/b", "_shared", "Team", "a.b"] {
        assert_eq!(of(bad), Project::Bad);
    }
}

#[test]
fn a_file_has_eight_mebibytes_unless_more_are_allowed() {
    let size = |value: &str| settings(&[(FILE_SIZE, value)]).map(|settings| settings.file_size);
    assert_eq!(size(""), Ok(8 << 20));
    assert_eq!(size("16MiB"), Ok(16 << 20));
    assert_eq!(size("512KiB"), Ok(512 << 10));
    assert_eq!(size("1000"), Ok(1000));
    assert_eq!(size("64MiB"), Ok(64 << 20));
    for bad in [
        "0",
        "65MiB",
        "8M",
        "8 MiB",
        "-1",
        "99999999999999999999MiB",
        "MiB",
        "1e6",
    ] {
        assert!(size(bad).is_err(), "{bad}");
    }
    insta::assert_snapshot!(size("1GiB").unwrap_err(), @r#"
    KSOPS_FILE_SIZE is "1GiB", which is not a number of bytes from 1 to 64 MiB
    set KSOPS_FILE_SIZE to a number such as 16MiB, or unset it: 8 MiB are the default
    "#);
}

//! What real sops makes of what we changed.

use super::*;

/// What real sops makes of what we wrote: it opens it, and reads the same.
#[test]
fn real_sops_opens_what_was_changed() {
    let Some(sops) = sops() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (format, text) in FORMATS {
        let before = encrypted(text, format);
        let edit = || edit(&before, format);
        let mut set = edit();
        set.set(&path(format), "bob").unwrap();
        let mut rotate = edit();
        rotate.rotate().unwrap();
        rotate.wrap(&Keyring::new()).unwrap();
        let mut unset = edit();
        if format == Format::Binary {
            unset.set(&path(format), "").unwrap();
        } else {
            unset.unset(&path(format)).unwrap();
        }
        let mut rekey = rekey(&before, format);
        rekey.add_recipient(0, Recipient::age(B)).unwrap();
        rekey.wrap(&Keyring::new()).unwrap();
        for (what, bytes) in [
            ("set", set.finish(&new())),
            ("unset", unset.finish(&new())),
            ("rotate", rotate.finish(&new())),
            ("updatekeys", rekey.finish(&new())),
        ] {
            let file = folder.path().join(format!("{what}.{format}"));
            std::fs::write(&file, bytes.unwrap()).unwrap();
            let name = format.name();
            let arguments = ["decrypt", "--input-type", name, "--output-type", name];
            let theirs = sops(&arguments).arg(&file).output().unwrap();
            let error = String::from_utf8_lossy(&theirs.stderr).into_owned();
            assert!(theirs.status.success(), "{what} {format}: {error}");
            let ours = Document::parse(&std::fs::read(&file).unwrap(), format)
                .unwrap()
                .decrypt(&keyring(&["age-a.txt"]))
                .unwrap();
            // sops 3.11 moves comments from behind a value to above it.
            let style = sops_core::Style::default().with_inline_comments(false);
            let ours = ours.to_bytes(format, &style).unwrap();
            assert_eq!(show(&theirs.stdout), show(&ours), "{what} {format}");
        }
    }
}

/// The same commands on the same file, by real sops and by us: the same data.
#[test]
fn real_sops_changes_the_same() {
    let Some(sops) = sops() else { return };
    let folder = tempfile::tempdir().unwrap();
    let yaml = "a: 1\nc:\n    - x\n    - w\nm:\n    k: v\nz: null\nt: true\n";
    let before = encrypted(yaml, Format::Yaml);
    for (number, (path, value)) in [
        (r#"["a"]"#, Some("1")),
        (r#"["a"]"#, Some("1.5")),
        (r#"["a"]["x"]"#, Some("true")),
        (r#"["a"][0]"#, Some("true")),
        (r#"["c"][1]"#, Some(r#""q""#)),
        (r#"["c"][9]"#, Some(r#""q""#)),
        (r#"["c"][9]["k"]"#, Some(r#""q""#)),
        (r#"["c"][0]["k"]"#, Some(r#""q""#)),
        (
            r#"["new"][0]["k"][3]"#,
            // Without integers: those were floats until sops 3.12.
            Some(r#"{"s": "t", "f": 1.5, "l": [1.5, {}]}"#),
        ),
        (r#"["z"]["x"]"#, Some("null")),
        (r#"["m"]"#, Some("{}")),
        (r#"['m']['k']"#, Some("12345678901234567890")),
        (r#"["a"]"#, None),
        (r#"["c"][0]"#, None),
        (r#"["m"]["k"]"#, None),
        (r#"["m"]"#, None),
    ]
    .into_iter()
    .enumerate()
    {
        let file = folder.path().join(format!("{number}.yaml"));
        std::fs::write(&file, &before).unwrap();
        let mut command = sops(&[if value.is_some() { "set" } else { "unset" }]);
        let theirs = command.arg(&file).arg(path).args(value).output().unwrap();
        let error = String::from_utf8_lossy(&theirs.stderr).into_owned();
        assert!(theirs.status.success(), "{path} {value:?}: {error}");
        let theirs = std::fs::read(&file).unwrap();
        let theirs = Document::parse(&theirs, Format::Yaml).unwrap();
        let theirs = theirs.decrypt(&keyring(&["age-a.txt"])).unwrap();

        let mut ours = edit(&before, Format::Yaml);
        let steps = sops_core::query::parse_path(path).unwrap();
        match value {
            Some(value) => {
                let value = sops_core::query::parse_value(value).unwrap();
                ours.set(&steps, value).unwrap();
            }
            None => ours.unset(&steps).unwrap(),
        }
        let ours = ours.finish(&new()).unwrap();
        let ours = Document::parse(&ours, Format::Yaml).unwrap();
        let ours = ours.decrypt(&keyring(&["age-a.txt"])).unwrap();
        assert!(ours.tree() == theirs.tree(), "{path} {value:?}");
    }
}

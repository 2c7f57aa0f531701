use std::os::unix::fs::symlink;

use super::*;

#[test]
fn patterns_match_names() {
    for (pattern, yes, no) in [
        ("*", &["a", "a.b"][..], &[".a"][..]),
        (
            "*.enc.yaml",
            &["a.enc.yaml", "x.enc.enc.yaml"],
            &[".a.enc.yaml", "a.yaml", "a.enc.yamlx"],
        ),
        ("a*b*c", &["abc", "aXbbYc", "abcbc"], &["ab", "acb", "xabc"]),
        ("?", &["a", "é"], &["", "ab"]),
        ("a?c", &["abc"], &["ac", "abbc"]),
        ("[a-c]x", &["ax", "cx"], &["dx", "x", "aax"]),
        ("[!a-c]x", &["dx"], &["ax", "x"]),
        ("[^a]", &["b"], &["a"]),
        ("[]a]", &["]", "a"], &["b"]),
        ("[a-]", &["a", "-"], &["b"]),
        ("a[", &["a["], &["a", "ab"]),
        ("[]", &["[]"], &["]"]),
        (".*", &[".a"], &["a"]),
        ("*[0-9].yaml", &["a1.yaml", "10.yaml"], &["a.yaml"]),
    ] {
        for name in yes {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for name in no {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
    // Linear in effect, however many stars there are.
    assert!(!matches(&"*a".repeat(50), &"a".repeat(49)));
    assert!(!matches(
        &format!("{}b", "*a".repeat(200)),
        &"a".repeat(5_000)
    ));
}

#[test]
fn only_wildcards_make_a_glob() {
    for text in ["a*", "a/b?/c", "[ab]", "x[!y]z", "**"] {
        assert!(is_glob(text), "{text}");
    }
    for text in ["a", "a[", "a]", "[]", "a/b.yaml", "{a,b}", "a[/b]"] {
        assert!(!is_glob(text), "{text}");
    }
}

fn folder() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    for dir in ["s/eu", "s/us", "s/.hidden", "repo/sub", "repo/.git"] {
        fs::create_dir_all(temp.path().join(dir)).unwrap();
    }
    for file in [
        "b.enc.yaml",
        "a.enc.yaml",
        "B.enc.yaml",
        ".c.enc.yaml",
        "plain.yaml",
        "s/eu/1.enc",
        "s/us/1.enc",
        "s/us/2.enc",
        "s/.hidden/1.enc",
        "repo/in",
        "repo/sub/in",
        "outside",
    ] {
        fs::write(temp.path().join(file), file).unwrap();
    }
    temp
}

fn try_expand(policy: &Policy, manifest: &str) -> Result<Generator> {
    let generator = Generator::parse("g", manifest.as_bytes()).unwrap();
    expand(generator, policy, &mut Budget::default())
}

fn paths(policy: &Policy, pattern: &str) -> std::result::Result<String, String> {
    let generator = try_expand(policy, &format!("files: ['{pattern}']"));
    let generator = generator.map_err(|error| error.to_string())?;
    let paths: Vec<_> = generator
        .files
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    Ok(paths.join(" "))
}

#[test]
fn matches_come_in_byte_order() {
    let temp = folder();
    let policy = Policy::unlimited(temp.path());
    for (pattern, expected) in [
        ("*.enc.yaml", "B.enc.yaml a.enc.yaml b.enc.yaml"),
        ("./[ab].enc.yaml", "./a.enc.yaml ./b.enc.yaml"),
        ("s/*/1.enc", "s/eu/1.enc s/us/1.enc"),
        ("s/*/*", "s/eu/1.enc s/us/1.enc s/us/2.enc"),
        ("s/us/../eu/*", "s/us/../eu/1.enc"),
        ("s/.*/*", "s/.hidden/1.enc"),
        ("plain.yaml", "plain.yaml"),
        ("not there", "not there"),
    ] {
        assert_eq!(
            paths(&policy, pattern).as_deref(),
            Ok(expected),
            "{pattern}"
        );
    }
    let absolute = format!("{}/s/eu/*", temp.path().display());
    assert_eq!(
        paths(&policy, &absolute),
        Ok(format!("{}/s/eu/1.enc", temp.path().display()))
    );
}

#[test]
fn a_real_name_wins() {
    let temp = folder();
    fs::write(temp.path().join("[ab].enc.yaml"), "x").unwrap();
    let policy = Policy::unlimited(temp.path());
    assert_eq!(
        paths(&policy, "[ab].enc.yaml").as_deref(),
        Ok("[ab].enc.yaml")
    );
}

#[test]
fn keys_are_the_names_of_the_matches() {
    let temp = folder();
    let policy = Policy::unlimited(temp.path());
    let generator = try_expand(
        &policy,
        "secretFrom: [{files: ['s/us/*'], binaryFiles: ['s/eu/*'], envs: ['[ab].enc.yaml']}]",
    )
    .unwrap();
    let secret = &generator.secrets[0];
    let keys: Vec<_> = secret.files.iter().map(|file| file.key.as_str()).collect();
    assert_eq!(keys, ["1.enc", "2.enc"]);
    assert_eq!(secret.binary_files[0].entry.path, "s/eu/1.enc");
    assert_eq!(secret.envs.len(), 2);
}

#[test]
fn what_cannot_be_is_explained() {
    let temp = folder();
    let policy = Policy::unlimited(temp.path());
    let mut all = Vec::new();
    for pattern in ["*.sops.yaml", "**/*.enc", "missing/*"] {
        all.push(paths(&policy, pattern).unwrap_err());
    }
    let keyed = try_expand(&policy, "secretFrom: [{files: ['key=s/us/*']}]");
    all.push(keyed.unwrap_err().to_string());
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    line 1: files[0]: "*.sops.yaml" matches no file
    check the pattern: it starts from the folder of the kustomization.yaml, `*` stands for no `/`, and names with a leading dot are left out

    line 1: files[0]: "**/*.enc" has `**`, which stands for nothing here
    write one `*` for each folder on the way, as in `*/*.enc.yaml`

    line 1: files[0]: "missing/*" matches no file
    check the pattern: it starts from the folder of the kustomization.yaml, `*` stands for no `/`, and names with a leading dot are left out

    line 1: secretFrom[0].files[0]: "s/us/*" is a glob behind `key=`, and one key holds one file
    leave out the key, so that each file is named as it is; or name one file
    "#);
}

#[test]
fn confinement_holds_for_globs() {
    let temp = folder();
    let repo = temp.path().join("repo");
    fs::write(repo.join(".git/HEAD"), "").unwrap();
    let policy = Policy::repository(&repo.join("sub"), None, None).unwrap();
    assert_eq!(paths(&policy, "../i*").as_deref(), Ok("../in"));
    assert_eq!(
        paths(&policy, "../../repo/i*").as_deref(),
        Ok("../../repo/in")
    );
    for pattern in [
        "../../out*",
        "../../none*",
        "/etc/*",
        "/none/*",
        "../../*/in",
    ] {
        let error = paths(&policy, pattern).unwrap_err();
        assert!(error.contains("outside of "), "{error}");
    }
    symlink("../../outside", repo.join("sub/link")).unwrap();
    let error = paths(&policy, "l*k").unwrap_err();
    let repo = repo.canonicalize().unwrap();
    insta::assert_snapshot!(error.replace(repo.to_str().unwrap(), "REPO"), @r#"
    line 1: files[0]: "l*k" matches "link": outside of REPO, the repository (the nearest .git is there)
    keep encrypted files in the repository of the application; the limit is that of KSOPS_CONFINE on the repo-server
    "#);
}

/// The bounds are those of all patterns together.
#[test]
fn patterns_share_a_budget() {
    let temp = folder();
    let many = temp.path().join("many");
    fs::create_dir(&many).unwrap();
    for n in 0..200 {
        fs::write(many.join(n.to_string()), "").unwrap();
    }
    let policy = Policy::unlimited(temp.path());
    let times = |pattern: &str, count: usize| {
        let manifest = format!("files: [{}]", vec![format!("'{pattern}'"); count].join(","));
        try_expand(&policy, &manifest).map(|generator| generator.files.len())
    };
    assert_eq!(times("many/*", 50), Ok(10_000));
    insta::assert_snapshot!(times("many/*", 51).unwrap_err(), @"
    line 1: files[50]: more than 10000 files, counted as often as they are named
    write narrower patterns, and name each file once
    ");
    assert_eq!(times("a.enc.yaml", 10_000), Ok(10_000));
    assert!(times("a.enc.yaml", 10_001).is_err());
    // Names that do not match count as well.
    assert!(times("many/1[0]0", 5_000).is_ok());
    insta::assert_snapshot!(times("many/1[0]0", 5_001).unwrap_err(), @r#"
    line 1: files[5000]: "many/1[0]0" has too many files to look at
    write a narrower pattern
    "#);
}

//! What an outsider can do to a repository without any key, file by file:
//! the inputs of `testdata/trust`.

use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use crate::common::{Run, program, testdata};
use crate::world::{Built, Key, World};

fn folder(name: &str) -> PathBuf {
    testdata().join("trust").join(name)
}

/// The last lines of a run that must fail and print nothing.
fn refused(run: Run) -> String {
    assert_eq!((run.code, run.text()), (1, ""), "{}", run.stderr);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    run.stderr
}

#[test]
fn a_line_in_clear_does_not_become_another_variable() {
    let dir = folder("env-key-text");
    let run = program(&dir).arg("gen.yaml").run();
    insta::assert_snapshot!(refused(run), @r#"
    error: gen.yaml: line 3: secretFrom[0].envs[0]: "evil.enc.env": line 3: the key "DATABASE_URL: http://evil.example/${PASSWORD} #" of the file sets no variable of that name
      the text is read by other rules than the encrypted file, in which names, empty values and comments can be changed without a key: what does not say the same to both may be anybody's
      lines are those of the decrypted file
    name each variable with letters, digits, `_` and `.`, and write it on one line: NAME=value; where the file is meant to be read as it is, list it under `files:`
    "#);
    let good = std::fs::read_to_string(dir.join("gen.yaml")).unwrap();
    let temp = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("good.enc.env"), temp.path().join("good.enc.env")).unwrap();
    std::fs::write(temp.path().join("gen.yaml"), good.replace("evil", "good")).unwrap();
    let run = program(temp.path()).arg("gen.yaml").run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.text().contains("hunter2"));
}

/// sops made the file; KSOPS turns the character into a space.
#[test]
fn a_character_that_a_variable_cannot_carry() {
    let dir = folder("env-nel-advice");
    let run = program(&dir)
        .var("SOPS_AGE_KEY_FILE", dir.join("key.txt"))
        .arg("gen.yaml")
        .run();
    insta::assert_snapshot!(refused(run), @r#"
    error: gen.yaml: secretFrom[0]: stringData["A"] holds the character U+0085, which YAML cannot carry unchanged
    take the character out of the variable with `sops edit`; a value that needs it goes into a file of its own, listed under `binaryFiles:`
    "#);
}

/// Names of variables are in clear: an object can be made of them.
#[test]
fn lines_do_not_become_an_object() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    let object = "kind: Secret #=\nmetadata: {name: x} #=\nstringData: {a: #=\nb=hunter2\n } #=\n";
    world.encrypt("app/a.enc.env", &[&key], ".", object);
    world.encrypt("app/c.enc.env", &[&key], ".", "A=b: c\n");
    let run = |file: &str| {
        world.write("app/gen.yaml", format!("files: [{file}]\n"));
        program(&world.path("app"))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .arg("gen.yaml")
            .run()
    };
    insta::assert_snapshot!(refused(run("a.enc.env")), @r#"
    error: gen.yaml: line 1: files[0]: "a.enc.env" is a dotenv or INI file, and kustomize would take its lines for a Kubernetes object
      names in such a file can be changed without a key
    list under `files:` what is YAML or JSON; make a Secret of any other file with `secretFrom:`
    "#);
    // What kustomize refuses itself is printed, as KSOPS prints it.
    assert_eq!(run("c.enc.env").text(), "A=b: c\n");
}

/// The folder of keys is meant for projects, and its mounts are missing: the
/// key of the whole server is not for anybody.
#[test]
fn keys_of_projects_do_not_fail_open() {
    let dir = folder("project-keys-open");
    let server = std::fs::read_to_string(crate::common::key("age-a.txt")).unwrap();
    let temp = tempfile::tempdir().unwrap();
    let keys = |name: &str| temp.path().join(name);
    for name in ["empty", "dangling", "control/team-a", "closed/team-a"] {
        std::fs::create_dir_all(keys(name)).unwrap();
    }
    for team in ["team-a", "team-b"] {
        symlink(format!("/not/mounted/{team}"), keys("dangling").join(team)).unwrap();
    }
    let run = |name: &str, vars: &[(&str, &str)]| {
        let mut program = program(&dir)
            .without_key()
            .var("SOPS_AGE_KEY", &server)
            .var("KSOPS_AGE_KEY_DIR", keys(name))
            .var("ARGOCD_APP_NAME", "x")
            .var("ARGOCD_APP_PROJECT_NAME", "team-b")
            .arg("gen.yaml");
        for (name, value) in vars {
            program = program.var(name, value);
        }
        program.run()
    };
    for name in ["empty", "dangling", "control"] {
        let error = refused(run(name, &[]));
        assert!(
            error.contains("no folder of keys for the project"),
            "{error}"
        );
        // Whoever means it otherwise says so.
        assert_eq!(
            run(name, &[("KSOPS_KEY_PROJECTS", "false")]).code,
            0,
            "{name}"
        );
    }
    // A folder that may be listed and not searched.
    if crate::world::is_root() {
        let world = World::with_plugin(&Key::new());
        let closed = world.path("closed");
        std::fs::create_dir_all(closed.join("team-a")).unwrap();
        std::fs::set_permissions(&closed, Permissions::from_mode(0o744)).unwrap();
        for name in ["gen.yaml", "s.enc.yaml"] {
            world.write(
                &format!("app/{name}"),
                std::fs::read(dir.join(name)).unwrap(),
            );
        }
        let mut world = world;
        world.user = Some(65534);
        world.set("KSOPS_KEY_DIR", "closed");
        world.set_text("ARGOCD_APP_NAME", "x");
        world.set_text("ARGOCD_APP_PROJECT_NAME", "team-b");
        world.set_text("SOPS_AGE_KEY", &server);
        let plugin = world.path("plugin/viaduct.ai/v1/ksops/ksops");
        let output = world
            .command(&plugin, "app")
            .arg("gen.yaml")
            .output()
            .unwrap();
        let error = Built::of(output).refused();
        assert!(
            error.contains("no folder of keys for the project"),
            "{error}"
        );
    }
}

/// An entry called `.git` above the checkouts opens none of them to another.
#[test]
fn what_is_called_git_above_the_checkouts_opens_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let above = temp.path().canonicalize().unwrap();
    for repo in ["r1", "r2"] {
        std::fs::create_dir_all(above.join(repo).join(".git")).unwrap();
        std::fs::write(above.join(repo).join(".git/HEAD"), "ref: x\n").unwrap();
    }
    std::fs::create_dir(above.join("r1/app")).unwrap();
    let file = folder("project-keys-open").join("s.enc.yaml");
    std::fs::copy(file, above.join("r2/s.enc.yaml")).unwrap();
    std::fs::write(
        above.join("r1/app/gen.yaml"),
        "files: [../../r2/s.enc.yaml]\n",
    )
    .unwrap();
    let run = |app: bool| {
        let mut program = program(&above.join("r1/app")).arg("gen.yaml");
        if app {
            program = program.var("ARGOCD_APP_NAME", "x");
        }
        program.run()
    };
    assert_eq!(run(false).code, 0);
    let git = above.join(".git");
    insta::assert_snapshot!(refused(run(true)).replace(above.to_str().unwrap(), ""), @r#"
    error: gen.yaml: line 1: files[0]: cannot read "../../r2/s.enc.yaml": outside of /r1, the repository (the nearest .git is there)
    keep encrypted files in the repository of the application; the limit is that of KSOPS_CONFINE on the repo-server
    "#);
    std::fs::write(&git, "").unwrap();
    refused(run(true));
    std::fs::remove_file(&git).unwrap();
    symlink("nowhere", &git).unwrap();
    refused(run(true));
}

/// Without `.git`, Argo CD's own variables and its working directory tell
/// where the repository is: `../../secrets/x` works there.
#[test]
fn a_source_without_git_has_its_repository_around_it() {
    let world = World::with_plugin(&Key::new());
    for file in ["s.enc.yaml", "gen.yaml"] {
        let bytes = std::fs::read(folder("project-keys-open").join(file)).unwrap();
        world.write(&format!("tmp/oci/secrets/{file}"), bytes);
    }
    for dir in ["apps/x", "base"] {
        let path = if dir == "base" {
            "../secrets"
        } else {
            "../../secrets"
        };
        world.write(
            &format!("tmp/oci/{dir}/gen.yaml"),
            format!("files: [{path}/s.enc.yaml]\n"),
        );
    }
    let run = |dir: &str, vars: &[(&str, &str)], parent: &str| {
        let mut program = program(&world.path(&format!("tmp/oci/{dir}")))
            .var("ARGOCD_APP_NAME", "x")
            .parent(world.path(parent))
            .arg("gen.yaml");
        for (name, value) in vars {
            program = program.var(name, value);
        }
        program.run()
    };
    let path = [("ARGOCD_APP_SOURCE_PATH", "apps/x")];
    assert_eq!(run("apps/x", &path, "home").code, 0);
    assert_eq!(run("apps/x", &[], "tmp/oci").code, 0);
    assert_eq!(run("base", &path, "tmp/oci").code, 0);
    refused(run("apps/x", &[], "home"));
    // `tmp` is for everybody.
    refused(run("base", &path, "tmp"));
}

/// What is no file of SOPS is called by its name.
#[test]
fn other_tools_files_are_named() {
    let temp = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for (name, text) in [
        (
            "merge.yaml",
            "a: ENC[x]\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n",
        ),
        (
            "lfs.yaml",
            "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        ),
        ("vault.yaml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n"),
        ("crypt.json", "\0GITCRYPT\0x"),
    ] {
        std::fs::write(temp.path().join(name), text).unwrap();
        std::fs::write(temp.path().join("gen.yaml"), format!("files: [{name}]\n")).unwrap();
        all += &refused(program(temp.path()).arg("gen.yaml").run());
    }
    insta::assert_snapshot!(all, @r#"
    error: gen.yaml: line 1: files[0]: "merge.yaml": line 3: not valid YAML: could not find expected ':'
      it holds the conflict markers of a merge, the first on line 2
    take one side of the merge as a whole (`git checkout --ours` or `--theirs`), and make the other side's changes with `sops edit`
    error: gen.yaml: line 1: files[0]: "lfs.yaml": line 1: the document is a single value, not a mapping
      it is a Git LFS pointer, not the file
    fetch the file itself with `git lfs pull`
    error: gen.yaml: line 1: files[0]: "vault.yaml": line 1: the document is a single value, not a mapping
      it is a file of ansible-vault
    decrypt it with `ansible-vault decrypt`, and encrypt it with `sops encrypt`
    error: gen.yaml: line 1: files[0]: "crypt.json": line 1: a JSON file must start with {
      it is a file of git-crypt, still locked
    unlock the repository with `git-crypt unlock`
    "#);
}

/// The border between documents is not covered: sops and KSOPS print both
/// files too. THREAT-MODEL and COMPARE say so.
#[test]
fn a_value_moves_across_a_border() {
    let dir = folder("document-border");
    for file in ["good.yaml", "moved.yaml", "configmap-data.yaml"] {
        let run = program(&dir).args(["decrypt", file]).run();
        assert_eq!(run.code, 0, "{file}: {}", run.stderr);
        let moved = ["hunter2", "aHVudGVyMg=="];
        assert!(moved.iter().any(|text| run.text().contains(text)), "{file}");
        let temp = tempfile::tempdir().unwrap();
        std::fs::copy(dir.join(file), temp.path().join(file)).unwrap();
        std::fs::write(temp.path().join("gen.yaml"), format!("files: [{file}]\n")).unwrap();
        assert_eq!(program(temp.path()).arg("gen.yaml").run().code, 0, "{file}");
    }
}

/// Types are not covered; one that would change the text of a variable is
/// refused.
#[test]
fn a_type_label_changes_no_variable() {
    let dir = folder("type-label-dotenv");
    let good = program(&dir).args(["decrypt", "good.enc.env"]).run();
    assert_eq!(
        good.text(),
        "PIN=123456\nFLAG=True\nT=2001-01-01T00:00:00Z\n"
    );
    let file = "relabelled.enc.env";
    let run = program(&dir).args(["decrypt", file]).run();
    assert_eq!((run.code, run.text()), (25, ""));
    let mut all = run.stderr;
    let temp = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join(file), temp.path().join(file)).unwrap();
    for list in ["envs", "files", "binaryFiles"] {
        let generator = format!("secretFrom: [{{metadata: {{name: s}}, {list}: [{file}]}}]\n");
        std::fs::write(temp.path().join("gen.yaml"), generator).unwrap();
        all += &refused(program(temp.path()).arg("gen.yaml").run());
    }
    insta::assert_snapshot!(all);
}

/// A rule and a key that are made to be slow together, as the review made
/// them: the smallest file that is refused, and one that is not.
#[test]
fn a_rule_does_not_cost_minutes() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.encrypt("app/a.json", &[&key], "^NAME$", "{\"NAME\": \"hunter2\"}");
    let file = std::fs::read_to_string(world.path("app/a.json")).unwrap();
    world.write("app/gen.yaml", "files: [slow.json]\n");
    let run = |rule: &str, length: usize| {
        let name = "ab".repeat(length / 2);
        let slow = file
            .replace("^NAME$", rule)
            .replace("\"NAME\"", &format!("\"{name}\""));
        world.write("app/slow.json", slow);
        program(&world.path("app"))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .arg("gen.yaml")
            .run()
    };
    for (rule, length) in [
        ("[ab]*a[ab]{900}c", 3 << 20),
        ("((a|b)*a(a|b){30}){20}c", 1 << 20),
    ] {
        let error = refused(run(rule, length));
        assert!(
            error.contains("too complex for keys or comments"),
            "{rule}: {error}"
        );
        assert!(error.len() < 1000);
    }
    // One that nobody makes to be slow reads a key of that length; the name
    // was part of what the value is bound to.
    let error = refused(run("^ab|pass(word)?$", 4 << 20));
    assert!(!error.contains("too complex"), "{error}");
}

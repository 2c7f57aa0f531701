//! What is refused, and what is rendered without keys.

use crate::common::{Run, program};
use crate::world::{GENERATOR, Key, SECRETS, World, secret};

/// A folder with one encrypted file, and a generator for it.
fn app(text: &str, regex: &str) -> (World, Key) {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.encrypt("app/secret.enc.yaml", &[&key], regex, text);
    world.write("app/generator.yaml", GENERATOR);
    (world, key)
}

fn render(world: &World, vars: &[(&str, &str)]) -> Run {
    let mut program = program(&world.path("app"))
        .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
        .arg("generator.yaml");
    for (name, value) in vars {
        program = program.var(name, value);
    }
    program.run()
}

const ARGO: (&str, &str) = ("ARGOCD_APP_NAME", "shop");

#[test]
fn ciphertext_in_clear_places_is_not_passed_on() {
    let (world, _) = app(&secret("db", "password", "hunter2"), SECRETS);
    assert_eq!(render(&world, &[]).code, 0);
    // The rule of the file now leaves the password in clear, and the MAC was
    // made for that: somebody encrypted an encrypted text.
    let text = std::fs::read_to_string(world.path("app/secret.enc.yaml")).unwrap();
    let sealed = text.lines().find(|line| line.contains("ENC[")).unwrap();
    let sealed = sealed.trim().strip_prefix("password: ").unwrap();
    let (world, _) = app(&secret("db", "password", sealed), "^none$");
    let run = render(&world, &[]);
    assert_eq!((run.code, run.text()), (1, ""));
    insta::assert_snapshot!(run.stderr, @r#"
    error: generator.yaml: line 6: files[0]: "secret.enc.yaml": encrypted text stands where the rule of the file leaves values in clear, so it would be passed on as it is
      stringData.password
    the file was encrypted by another rule than its sops block names: decrypt those values as they were encrypted, then encrypt the file anew with sops
    "#);
    // A text that only starts so is a text.
    let (world, _) = app(&secret("db", "password", "ENC[x"), "^none$");
    assert_eq!(render(&world, &[]).code, 0);
    // And what decrypting gives may be anything.
    let (world, _) = app(&secret("db", "password", &format!("'{sealed}'")), SECRETS);
    let run = render(&world, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.text().contains(sealed));
}

#[test]
fn krm_style_takes_no_arguments() {
    let (world, _) = app(&secret("db", "password", "hunter2"), SECRETS);
    let list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n";
    let target = world.path("app");
    let target = target.to_str().unwrap();
    for args in [
        &["generator.yaml"][..],
        &["decrypt", "secret.enc.yaml"],
        &["decrypt", "--output", "stolen", "secret.enc.yaml"],
        &["install", target],
        &["doctor"],
        &["--version"],
        &["a", "b"],
    ] {
        let run = |in_argo: bool, list: &'static str| {
            let mut program = program(&world.path("app"))
                .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
                .args(args)
                .piped(list.as_bytes());
            if in_argo {
                program = program.var(ARGO.0, ARGO.1);
            }
            program.run()
        };
        let refused = run(true, list);
        assert_eq!((refused.code, refused.text()), (1, ""), "{args:?}");
        assert!(
            refused.stderr.contains("a KRM function takes none"),
            "{args:?}"
        );
        let entries = std::fs::read_dir(world.path("app")).unwrap().count();
        assert_eq!(entries, 2, "{args:?}");
        // Legacy style has an empty stdin.
        if args == ["generator.yaml"] {
            assert_eq!(run(true, "").code, 0);
            assert_eq!(run(false, list).code, 0);
        }
    }
}

#[test]
fn decrypt_is_confined_as_well() {
    let (world, _) = app(&secret("db", "password", "hunter2"), SECRETS);
    let decrypt = |dir: &str, vars: &[(&str, &str)]| {
        let mut program = program(&world.path(dir))
            .var("SOPS_AGE_KEY_FILE", world.path("age.agekey"))
            .args(["decrypt", "../app/secret.enc.yaml"]);
        for (name, value) in vars {
            program = program.var(name, value);
        }
        program.run()
    };
    assert_eq!(decrypt("tmp", &[]).code, 0);
    assert_eq!(decrypt("app", &[ARGO]).code, 0);
    let run = decrypt("tmp", &[ARGO]);
    assert_eq!((run.code, run.text()), (2, ""));
}

#[test]
fn placeholders_need_no_key_and_look_right() {
    let text = "\
apiVersion: v1
kind: Secret
metadata:
  name: registry
type: kubernetes.io/dockerconfigjson
data:
  .dockerconfigjson: aHVudGVyMg==
  other: aHVudGVyMg==
stringData:
  password: hunter2
  number: 5
";
    let (world, key) = app(text, SECRETS);
    world.encrypt("app/app.enc.env", &[&key], ".", "PASSWORD=hunter2\n");
    world.encrypt("app/docker.enc", &[&key], ".", "{\"auths\": {\"x\": 1}}");
    world.write(
        "app/generator.yaml",
        format!(
            "{GENERATOR}secretFrom:\n- metadata:\n    name: made\n  envs: [app.enc.env]\n  files: [.dockerconfigjson=docker.enc]\n"
        ),
    );
    let placeholders = ("KSOPS_PLACEHOLDER", "true");
    let run = render(
        &world,
        &[placeholders, ("SOPS_AGE_KEY_FILE", "/nonexistent")],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.text().contains("hunter2") && !run.text().contains("aHVudGVyMg"));
    insta::assert_snapshot!(run.text(), @r#"
    apiVersion: v1
    kind: Secret
    metadata:
        name: registry
        annotations:
            ksops-rs/placeholder: "true"
    type: kubernetes.io/dockerconfigjson
    data:
        .dockerconfigjson: eyJhdXRocyI6e319
        other: UExBQ0VIT0xERVI=
    stringData:
        password: PLACEHOLDER
        number: 0

    ---
    apiVersion: v1
    kind: Secret
    metadata:
      annotations:
        ksops-rs/placeholder: "true"
      name: made
    stringData:
      .dockerconfigjson: '{"auths":{}}'
      PASSWORD: PLACEHOLDER
    "#);
    insta::assert_snapshot!(run.stderr, @"warning: generator.yaml: KSOPS_PLACEHOLDER is set: EVERY SECRET IS A PLACEHOLDER, no key was used and nothing was verified; do not apply this");
    // A key that is there makes no difference.
    assert_eq!(render(&world, &[placeholders]).stdout, run.stdout);

    // Every object is marked, whatever it holds, and once.
    let objects = "kind: Bundle
metadata: {name: a}
items: []
---
kind: SecretList
items:
- metadata: {name: b, annotations: {ksops-rs/placeholder: \"false\"}}
- kind: Secret
  <<: {metadata: {name: c}}
";
    world.encrypt("app/secret.enc.yaml", &[&key], SECRETS, objects);
    world.write("app/generator.yaml", GENERATOR);
    let text = render(&world, &[placeholders]).stdout;
    insta::assert_snapshot!("every_object_is_marked", String::from_utf8_lossy(&text));

    let run = render(&world, &[placeholders, ARGO]);
    assert_eq!((run.code, run.text()), (1, ""));
    assert!(run.stderr.contains("the cluster would get placeholders"));
}

#[test]
fn placeholders_for_names_are_refused() {
    let (world, _) = app(
        &secret("db", "password", "hunter2"),
        "^(kind|name|password)$",
    );
    assert_eq!(render(&world, &[]).code, 0);
    let run = render(&world, &[("KSOPS_PLACEHOLDER", "true")]);
    assert_eq!((run.code, run.text()), (1, ""));
    insta::assert_snapshot!(run.stderr, @r#"
    error: generator.yaml: line 6: files[0]: "secret.enc.yaml": what names the resource is encrypted, so that there is no placeholder for it
      kind
      metadata.name
    leave apiVersion, kind and metadata in clear: encrypted_regex: ^(data|stringData)$ in .sops.yaml
    "#);
}

#[test]
fn globs_render_in_byte_order() {
    let (world, key) = app(&secret("b", "x", "y"), SECRETS);
    for name in ["c", "a"] {
        world.encrypt(
            &format!("app/{name}.enc.yaml"),
            &[&key],
            SECRETS,
            &secret(name, "x", "y"),
        );
    }
    world.write("app/generator.yaml", "files: ['*.enc.yaml']\n");
    let run = render(&world, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let names: Vec<_> = run
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("    name: "))
        .collect();
    assert_eq!(names, ["a", "c", "b"]);
}

#[test]
fn argo_cd_shows_no_more_than_it_must() {
    let (world, _) = app(&secret("db", "password", "hunter2"), SECRETS);
    let other = Key::new();
    world.write("age.agekey", &other.identity);
    let shown = |vars: &[(&str, &str)]| {
        let run = render(&world, vars);
        assert_eq!((run.code, run.text()), (1, ""));
        assert!(run.stderr.contains("age.agekey"), "{}", run.stderr);
        run.stderr.contains(&other.recipient[..12])
    };
    assert!(shown(&[]));
    assert!(!shown(&[ARGO]));
}

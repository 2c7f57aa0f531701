//! `docs/messages.md`: what kustomize really prints where it says so.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::world::{Built, GENERATOR, Key, SECRETS, World, kubectl, secret};

const PLUGIN: &str = "plugin/viaduct.ai/v1/ksops/ksops";

/// A world that builds, with `app` to be broken.
fn world() -> World {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.write("app/kustomization.yaml", "generators: [generator.yaml]\n");
    world.write("app/generator.yaml", GENERATOR);
    let text = secret("app", "password", "hunter2");
    world.encrypt("app/secret.enc.yaml", &[&key], SECRETS, &text);
    world.encrypt("app/other.enc.yaml", &[&key], SECRETS, &text);
    world.encrypt(
        "app/text.enc.yaml",
        &[&key],
        SECRETS,
        "stringData: {a: b}\n",
    );
    world.encrypt("outside.enc.yaml", &[&key], SECRETS, &text);
    world
}

fn edit(world: &World, path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(world.path(path)).unwrap();
    assert!(text.contains(from), "{text}");
    world.write(path, text.replace(from, to));
}

fn replace_plugin(world: &World, bytes: &[u8], mode: u32) {
    let path = world.path(PLUGIN);
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

type Break = fn(&mut World);

/// What stands at the beginning of a message in the table, and how to get it.
const CASES: &[(&str, &[&str], Break)] = &[
    ("external plugins disabled", &["."], |_| {}),
    ("unable to find plugin root", PLUGINS, |world| {
        world.set("KUSTOMIZE_PLUGIN_HOME", "none");
    }),
    ("expected file with Go object code", PLUGINS, |world| {
        fs::remove_file(world.path(PLUGIN)).unwrap();
    }),
    ("unexecutable plugin", PLUGINS, |world| {
        replace_plugin(world, b"x", 0o644);
    }),
    ("fork/exec …: exec format error", PLUGINS, |world| {
        // For a machine that there is none of.
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(64, 0);
        header[18] = 0xfe;
        replace_plugin(world, &header, 0o755);
    }),
    ("fork/exec …: no such file", PLUGINS, |world| {
        replace_plugin(world, b"#!/bin/none\n", 0o755);
    }),
    (
        "unknown flag: --enable-exec",
        &["--enable-alpha-plugins", "--enable-exec", "."],
        |_| {},
    ),
    ("an empty answer, exit code 0 |", PLUGINS, |world| {
        edit(
            world,
            "app/generator.yaml",
            "  name: secrets\n",
            "  name: secrets\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ksops}\n",
        );
    }),
    (
        "an empty answer, exit code 0, in legacy style",
        PLUGINS,
        |world| {
            edit(
                world,
                "app/generator.yaml",
                "files:\n- secret.enc.yaml",
                "files: []",
            );
        },
    ),
    ("no identity at hand", PLUGINS, |world| {
        world.write("age.agekey", Key::new().identity);
    }),
    ("outside of …", PLUGINS, |world| {
        world.write("app/.git/HEAD", "x");
        world.set_text("ARGOCD_APP_NAME", "app");
        edit(world, "app/generator.yaml", "- secret", "- ../outside");
    }),
    ("MAC mismatch", PLUGINS, |world| {
        edit(world, "app/secret.enc.yaml", "name: app", "name: other");
    }),
    ("missing Resource metadata", PLUGINS, |world| {
        edit(world, "app/generator.yaml", "- secret", "- text");
    }),
    ("may not add resource", PLUGINS, |world| {
        edit(
            world,
            "app/generator.yaml",
            "- secret",
            "- other.enc.yaml\n- secret",
        );
    }),
];

const PLUGINS: &[&str] = &["--enable-alpha-plugins", "."];

/// The messages of a row: what is between backquotes in its first column.
fn messages(row: &str) -> Vec<String> {
    let first = row.split(" | ").next().unwrap_or_default();
    let parts = first.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// Whether a text holds the parts of a message around `…`, in order.
fn holds(text: &str, message: &str) -> bool {
    let mut rest = text;
    message
        .split('…')
        .all(|part| match rest.split_once(part.trim()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
}

fn build(kubectl: &Path, world: &World, args: &[&str]) -> Built {
    let mut command = world.command(kubectl, "app");
    command.arg("kustomize").args(args);
    Built::of(command.output().unwrap())
}

#[test]
fn kustomize_prints_what_the_table_says() {
    let Some(kubectl) = kubectl() else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/messages.md");
    let table = fs::read_to_string(path).unwrap();
    let rows: Vec<_> = table
        .lines()
        .filter(|line| line.starts_with("| ✓ "))
        .collect();
    assert_eq!(rows.len(), CASES.len());
    for (start, args, spoil) in CASES {
        let start = match start.starts_with("an empty") {
            true => format!("| ✓ {start}"),
            false => format!("| ✓ `{start}"),
        };
        let row = rows.iter().find(|row| row.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("{start} is not in the table"));
        let mut world = world();
        spoil(&mut world);
        let built = build(&kubectl, &world, args);
        if start.contains("an empty answer") {
            assert_eq!(built.rendered(), "", "{row}");
            continue;
        }
        let errors = built.refused();
        let messages = messages(row);
        // Several are of several versions, or of the two programs.
        let said = messages.iter().any(|message| holds(&errors, message));
        assert!(said, "{messages:?} is not in {errors}");
    }
    // Whole, it builds.
    assert!(
        build(&kubectl, &world(), PLUGINS)
            .rendered()
            .contains("kind: Secret")
    );
}

/// This program's own words in the table are its words.
#[test]
fn the_plugin_says_what_the_table_says() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    world.encrypt("notes.enc.txt", &[&key], SECRETS, "some text\n");
    let generator = GENERATOR.replace("secret.enc.yaml", "notes.enc.txt");
    let list = format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- {}",
        generator.trim_end().replace('\n', "\n  ")
    );
    world.write("list.yaml", list);
    let mut command = world.command(Path::new(env!("CARGO_BIN_EXE_ksops-rs")), ".");
    command.stdin(fs::File::open(world.path("list.yaml")).unwrap());
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success()
            && errors.contains("starts no mapping, so it is no Kubernetes object"),
        "{errors}"
    );
}

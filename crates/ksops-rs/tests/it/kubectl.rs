//! Real kustomize over every case of `corpus/ksops` that has a
//! `build-legacy.out`: the plugin is found through `KUSTOMIZE_PLUGIN_HOME`,
//! in a throw-away copy, with a cleared environment and a HOME of its own.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::common::{Case, cases, key};

/// kustomize, alone or inside kubectl.
struct Kustomize {
    program: PathBuf,
    build: &'static [&'static str],
}

impl Kustomize {
    /// kubectl 1.27 or newer, or any kustomize 5; `None` and a line on stderr
    /// where there is neither. In CI that is a failure.
    fn find() -> Option<Self> {
        let found = Self::kubectl().or_else(Self::alone);
        if found.is_none() {
            let line = "SKIPPED: neither kubectl 1.27 or newer nor kustomize 5 is on PATH";
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "{line}, and CI=true"
            );
            // Not `eprintln!`, which the test runner hides.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
        found
    }

    fn kubectl() -> Option<Self> {
        let program = on_path("kubectl")?;
        let output = bare(&program)
            .args(["version", "--client", "--output=json"])
            .output()
            .ok()?;
        let version: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let number = |field: &str| -> Option<u32> {
            let text = version["clientVersion"][field].as_str()?;
            text.trim_end_matches('+').parse().ok()
        };
        let is_new = (number("major")?, number("minor")?) >= (1, 27);
        is_new.then_some(Kustomize {
            program,
            build: &["kustomize"],
        })
    }

    fn alone() -> Option<Self> {
        let program = on_path("kustomize")?;
        let output = bare(&program).arg("version").output().ok()?;
        String::from_utf8_lossy(&output.stdout)
            .contains("v5.")
            .then_some(Kustomize {
                program,
                build: &["build"],
            })
    }

    fn build(&self, dir: &Path, home: &Path, plugins: &Path) -> Output {
        bare(&self.program)
            .args(self.build)
            .args(["--enable-alpha-plugins", "."])
            .current_dir(dir)
            .env("HOME", home)
            .env("KUSTOMIZE_PLUGIN_HOME", plugins)
            .env(
                "SOPS_AGE_KEY_FILE",
                fs::canonicalize(key("age-a.txt")).unwrap(),
            )
            .output()
            .unwrap()
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

/// A command without any environment but PATH.
fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of the case whose kustomization lists the legacy generator.
fn prepared(case: &Case, root: &Path) -> PathBuf {
    let dir = root.join(&case.name);
    copy_dir(&case.dir, &dir);
    let app = dir.join("app");
    let path = app.join("kustomization.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("- krm.yaml"));
    fs::write(path, text.replace("- krm.yaml", "- generator.yaml")).unwrap();
    app
}

#[test]
fn every_case_builds_as_with_ksops() {
    let Some(kustomize) = Kustomize::find() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    let plugins = root.path().join("plugins");
    let plugin = plugins.join("viaduct.ai/v1/ksops/ksops");
    fs::create_dir_all(plugin.parent().unwrap()).unwrap();
    fs::create_dir(&home).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_ksops-rs"), &plugin).unwrap();

    let (mut equal, mut refused) = (0, 0);
    for case in cases() {
        let app = prepared(&case, root.path());
        let output = kustomize.build(&app, &home, &plugins);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let expected = case
            .file("build-legacy.out")
            // Bytes that are no text: KSOPS loses them, here it is an error.
            .filter(|_| case.name != "from-file-nonutf8");
        match expected {
            Some(expected) => {
                assert!(output.status.success(), "{}: {stderr}", case.name);
                let nothing = matches!(case.name.as_str(), "files-empty-list");
                assert_eq!(output.stdout.is_empty(), nothing, "{}: {stderr}", case.name);
                assert_eq!(
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&expected),
                    "{}",
                    case.name
                );
                equal += 1;
            }
            None => {
                assert!(!output.status.success(), "{}", case.name);
                assert!(output.stdout.is_empty(), "{}", case.name);
                // The other two kustomize refuses by itself.
                if !matches!(case.name.as_str(), "duplicate-resource" | "from-no-name") {
                    assert!(stderr.contains(case.culprit()), "{}: {stderr}", case.name);
                    assert!(
                        stderr.contains("generator \"gen\""),
                        "{}: {stderr}",
                        case.name
                    );
                }
                refused += 1;
            }
        }
    }
    assert_eq!((equal, refused), (39, 12));
}

//! What is released: archives, what an installer does with them, the context of
//! the image.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use testkit::files::names;

use crate::world::World;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The first bytes of a program for a system.
fn header(system: &str) -> Vec<u8> {
    let mut bytes = match system {
        "Linux_x86_64" | "Linux_arm64" => b"\x7fELF\x02\x01\x01".to_vec(),
        _ => b"\xcf\xfa\xed\xfe\x07\0\0\x01".to_vec(),
    };
    bytes.resize(64, 0);
    match system {
        "Linux_x86_64" => bytes[18] = 62,
        "Linux_arm64" => bytes[18] = 183,
        "Darwin_arm64" => bytes[4] = 12,
        _ => {}
    }
    bytes
}

const SYSTEMS: [&str; 4] = [
    "Linux_x86_64",
    "Linux_arm64",
    "Darwin_x86_64",
    "Darwin_arm64",
];

struct Release(World);

impl Release {
    /// Binaries for all systems; that of this machine is this program.
    fn new() -> Self {
        let world = World::new();
        for system in SYSTEMS {
            world.write(system, header(system));
        }
        if let Some(own) = own() {
            let program = fs::read(env!("CARGO_BIN_EXE_ksops-rs")).unwrap();
            world.write(own, program);
        }
        world.write("notices", "who wrote what\n");
        Release(world)
    }

    fn run(&self, script: &str, args: &[&str], vars: &[(&str, String)]) -> Output {
        Command::new(root().join(script))
            .args(args)
            .env("NOTICES", self.0.path("notices"))
            .envs(vars.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap()
    }

    fn pack(&self, out: &str, pairs: &[(&str, &str)]) -> Output {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(system, file)| format!("{system}={0},{0}", self.0.path(file).display()))
            .collect();
        let out = self.0.path(out).display().to_string();
        let mut args = vec!["1.2.3", &*out];
        args.extend(pairs.iter().map(|pair| pair.as_str()));
        self.run("plugin/release", &args, &[])
    }
}

/// The system of this machine, where a release has one for it.
fn own() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("Linux_x86_64"),
        ("linux", "aarch64") => Some("Linux_arm64"),
        _ => None,
    }
}

fn good(output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[test]
fn archives_are_those_of_ksops_and_programs_those_of_sops() {
    let release = Release::new();
    good(&release.pack("out", &SYSTEMS.map(|system| (system, system))));
    let out = release.0.path("out");
    let mut expected = vec!["checksums.txt".to_owned(), "install.sh".to_owned()];
    for system in SYSTEMS {
        for version in ["1.2.3", "latest"] {
            expected.push(format!("ksops_{version}_{system}.tar.gz"));
        }
    }
    for system in ["darwin.amd64", "darwin.arm64", "linux.amd64", "linux.arm64"] {
        expected.push(format!("sops-v1.2.3.{system}"));
    }
    expected.sort();
    assert_eq!(names(&out), expected);
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program)
            .args(args)
            .current_dir(&out)
            .output()
            .unwrap();
        good(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    let checked = run("sha256sum", &["--check", "checksums.txt"]);
    assert_eq!(checked.lines().count(), expected.len() - 1);
    let list = run("tar", &["-tzf", "ksops_latest_Linux_x86_64.tar.gz"]);
    let inside = "ksops LICENSE-APACHE LICENSE-MIT README.md THIRD-PARTY-NOTICES";
    assert_eq!(list.lines().collect::<Vec<_>>().join(" "), inside);
    // The same bytes from the same files.
    good(&release.pack("again", &SYSTEMS.map(|system| (system, system))));
    let sums = |dir: &str| fs::read(release.0.path(dir).join("checksums.txt")).unwrap();
    assert_eq!(sums("out"), sums("again"));
    // As an init script unpacks it.
    if let Some(own) = own() {
        run(
            "tar",
            &["-xzf", &format!("ksops_latest_{own}.tar.gz"), "ksops"],
        );
        assert!(run("./ksops", &["--version"]).starts_with("ksops-rs "));
    }
}

#[test]
fn a_program_is_not_packed_for_another_system() {
    let release = Release::new();
    for (system, file, says) in [
        (
            "Linux_arm64",
            "Linux_x86_64",
            "Linux_x86_64, and not for Linux_arm64",
        ),
        (
            "Linux_x86_64",
            "Darwin_x86_64",
            "Darwin_x86_64, and not for Linux_x86_64",
        ),
        (
            "Darwin_arm64",
            "Darwin_x86_64",
            "Darwin_x86_64, and not for Darwin_arm64",
        ),
        (
            "Linux_x86_64",
            "notices",
            "unknown, and not for Linux_x86_64",
        ),
        ("x86_64", "Linux_x86_64", "the system x86_64 is none of"),
    ] {
        let output = release.pack("out", &[(system, file)]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(says),
            "{errors}"
        );
    }
}

/// Against a release in a folder, as `file://` gives it.
#[test]
fn the_installer_takes_what_has_the_right_checksum() {
    let Some(own) = own() else {
        eprintln!("SKIPPED: there is no release for this system");
        return;
    };
    if Command::new("curl").arg("--version").output().is_err() {
        crate::world::skip::<()>("there is no curl, which install.sh downloads with");
        return;
    }
    let release = Release::new();
    let folder = "releases/latest/download";
    fs::create_dir_all(release.0.path(folder)).unwrap();
    good(&release.pack(folder, &SYSTEMS.map(|system| (system, system))));
    let base = format!("file://{}", release.0.path("releases").display());
    let install = |more: &[(&str, &str)]| {
        let mut vars = vec![
            ("BASE_URL", base.clone()),
            ("DEST", release.0.path("bin").display().to_string()),
        ];
        vars.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        release.run("plugin/install.sh", &[], &vars)
    };
    let output = install(&[]);
    good(&output);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("/bin/ksops, 1.2.3") && said.contains("/bin/sops, 1.2.3"),
        "{said}"
    );
    assert!(said.contains("is not on PATH"), "{said}");
    assert_eq!(names(&release.0.path("bin")), ["ksops", "sops"]);
    let output = Command::new(release.0.path("bin/ksops"))
        .arg("--version")
        .output()
        .unwrap();
    good(&output);
    // Over one that is there; by a version.
    fs::create_dir_all(release.0.path("releases/download")).unwrap();
    fs::rename(
        release.0.path(folder),
        release.0.path("releases/download/v1.2.3"),
    )
    .unwrap();
    good(&install(&[("VERSION", "v1.2.3"), ("PROGRAMS", "ksops")]));

    // What was changed on the way, or has no checksum, is not installed.
    fs::remove_dir_all(release.0.path("bin")).unwrap();
    let refused = |says: &str| {
        let output = install(&[("VERSION", "1.2.3")]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(says),
            "{errors}"
        );
        assert_eq!(names(&release.0.path("bin")), [""; 0]);
    };
    let archive = format!("releases/download/v1.2.3/ksops_1.2.3_{own}.tar.gz");
    let bytes = fs::read(release.0.path(&archive)).unwrap();
    release.0.write(&archive, [&bytes[..], b"x"].concat());
    refused("does not have the checksum of the release");
    release.0.write(&archive, bytes);
    let sums = "releases/download/v1.2.3/checksums.txt";
    release.0.write(sums, "");
    refused("checksums.txt does not name");
    fs::remove_file(release.0.path(sums)).unwrap();
    refused("cannot download");
    let output = install(&[("PROGRAMS", "kustomize")]);
    assert!(!output.status.success());
}

#[test]
fn the_image_holds_both_programs_licences_and_the_plugin_s_place() {
    let release = Release::new();
    let out = release.0.path("context");
    let file = |system| release.0.path(system).display().to_string();
    let pair = |arch, system| format!("{arch}={0},{0}", file(system));
    let amd64 = pair("amd64", "Linux_x86_64");
    let arm64 = pair("arm64", "Linux_arm64");
    let out_name = out.display().to_string();
    good(&release.run("plugin/image-context", &[&out_name, &amd64, &arm64], &[]));
    for arch in ["amd64", "arm64"] {
        assert_eq!(names(&out.join(arch).join("bin")), ["ksops", "sops"]);
    }
    let licenses = ["LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-NOTICES"];
    assert_eq!(names(&out.join("licenses")), licenses);
    let link = out
        .join("kustomize-plugin")
        .join(ksops_rs::install::PLUGIN_PATH);
    assert_eq!(
        fs::read_link(link).unwrap(),
        Path::new("/usr/local/bin/ksops")
    );
    let arm = pair("aarch64", "Linux_arm64");
    let wrong = release.run("plugin/image-context", &[&out_name, &arm], &[]);
    assert!(!wrong.status.success());
}

/// Everything that is linked is named with its licence, and nothing of ours.
#[test]
fn notices_name_what_is_linked() {
    let output = Command::new(root().join("plugin/notices"))
        .output()
        .unwrap();
    good(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["\nage ", "\naes-gcm ", "\nrustls ", "\nclap "] {
        assert!(text.contains(name), "{name}");
    }
    for name in ["\nsops-core ", "\ninsta ", "\ncriterion "] {
        assert!(!text.contains(name), "{name}");
    }
    assert!(text.contains("Permission is hereby granted") && !text.contains("Licence: see below"));
}

/// A cross build says what is missing before it builds anything.
#[test]
fn a_static_build_is_for_two_architectures() {
    let output = Command::new(root().join("plugin/build-static"))
        .arg("riscv64")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("neither x86_64 nor aarch64"), "{errors}");
}

/// Tests come before anything is pushed, the tag is the version, a candidate is
/// never the latest, and only one job may write.
#[test]
fn nothing_is_published_before_the_tests() {
    let text = fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    let workflow: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let jobs = workflow["jobs"].as_mapping().unwrap();
    for (name, job) in jobs {
        let writes = job["permissions"]
            .as_mapping()
            .is_some_and(|permissions| permissions.values().any(|value| value == "write"));
        let name = name.as_str().unwrap();
        assert_eq!(writes, name == "publish", "{name}");
        for step in job["steps"].as_sequence().unwrap() {
            let run = step["run"].as_str().unwrap_or_default();
            let pushes = run.contains("--push") || run.contains("gh release");
            assert!(!pushes || name == "publish", "{run}");
        }
    }
    let needs = |job: &str| {
        let needs = workflow["jobs"][job]["needs"].as_sequence().cloned();
        let needs = needs.unwrap_or_default();
        needs
            .iter()
            .map(|job| job.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(needs("publish"), ["test", "build", "build-macos"]);
    let version = "grep -qx \"version = \\\"${GITHUB_REF_NAME#v}\\\"\" Cargo.toml";
    assert!(text.contains(version));
    assert!(text.contains("*-*) flags=\"--prerelease --latest=false\""));
    assert!(!text.contains(":latest"));
    // Everything that is attested is what was packed or pushed.
    assert!(text.contains("subject-checksums: dist/checksums.txt"));
    assert_eq!(
        text.matches("subject-digest: ${{ steps.images.outputs.ksops")
            .count(),
        2
    );
    for system in SYSTEMS {
        assert!(text.contains(&format!("system: {system}")), "{system}");
    }
}

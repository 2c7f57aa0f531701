//! The set-up of a repo-server, whole and broken in one place at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use sops_core::{Document, EncryptOptions, metadata::Rule};
use testkit::generators::{KRM, LEGACY};

#[cfg(feature = "pgp")]
mod pgp;

use super::*;
use crate::guard::kernel::Kernel;

const KEY: &str = include_str!("../../../../testdata/corpus/keys/age-a.txt");
const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: app
stringData:
  password: hunter2
";

/// A pod as it should be.
struct Rig {
    temp: tempfile::TempDir,
    vars: BTreeMap<&'static str, String>,
    mounts: String,
    uid: u32,
    options: Options,
    /// What the guard would be made of.
    kernel: Kernel,
    /// What the ksops on `PATH` says it is.
    says: &'static str,
}

impl Rig {
    fn new() -> Self {
        let mut rig = Rig {
            temp: tempfile::tempdir().unwrap(),
            vars: BTreeMap::new(),
            mounts: String::new(),
            uid: 999,
            options: Options {
                dir: Some("app".into()),
                project: None,
                flags: Some(Flags::parse("--enable-alpha-plugins --enable-exec")),
                online: false,
            },
            kernel: Kernel::Landlock(7),
            says: concat!("ksops-rs ", env!("CARGO_PKG_VERSION"), "\n"),
        };
        let bin = "usr/local/bin/";
        for name in ["ksops", "argocd-repo-server"] {
            rig.program(&format!("{bin}{name}"), &elf(62));
        }
        // Any other program than this one.
        rig.program(&format!("{bin}kustomize"), &[elf(62), vec![0]].concat());
        let plugin = format!("{HOME}/ksops-plugin/viaduct.ai/v1/ksops/ksops");
        rig.program(&plugin, &elf(62));
        rig.program("custom-tools/ksops", &elf(62));
        rig.write(KEY_FILE, KEY);
        rig.write("app/kustomization.yaml", "generators:\n- generator.yaml\n");
        rig.write("app/generator.yaml", LEGACY);
        rig.encrypt("app/secret.enc.yaml", SECRET);
        rig.set("HOME", HOME);
        rig.set("PATH", bin);
        rig.set("KUSTOMIZE_PLUGIN_HOME", &format!("{HOME}/ksops-plugin"));
        rig.set("XDG_CONFIG_HOME", &format!("{HOME}/.config"));
        rig.set("SOPS_AGE_KEY_FILE", KEY_FILE);
        rig.mount("", "rw");
        rig.mount(&format!("{HOME}/ksops-plugin"), "rw");
        rig.mount(&format!("{HOME}/.config/sops/age"), "ro");
        rig
    }

    fn path(&self, path: &str) -> PathBuf {
        self.temp.path().canonicalize().unwrap().join(path)
    }

    fn set(&mut self, name: &'static str, path: &str) {
        let path = self.path(path).display().to_string();
        self.vars.insert(name, path);
    }

    fn mount(&mut self, path: &str, options: &str) {
        let path = self.path(path);
        let line = format!("1 1 0:1 / {} {options} - x x rw\n", path.display());
        self.mounts.push_str(&line);
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        for dir in path.ancestors().skip(1) {
            if dir.starts_with(self.temp.path().canonicalize().unwrap()) {
                fs::create_dir_all(dir).unwrap();
                fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
            }
        }
        let _ = fs::remove_file(&path);
        fs::write(&path, text).unwrap();
        self.chmod(path.to_str().unwrap(), 0o444);
    }

    fn program(&self, path: &str, text: &[u8]) {
        self.write(path, text);
        self.chmod(path, 0o755);
    }

    fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), Permissions::from_mode(mode)).unwrap();
    }

    fn encrypt(&self, path: &str, text: &str) {
        let plain = Document::parse_plain(text.as_bytes(), sops_core::Format::Yaml).unwrap();
        let options = EncryptOptions::new([sops_core::keys::Recipient::age(RECIPIENT)])
            .with_rule(Rule::EncryptedRegex("^(data|stringData)$".into()));
        self.write(
            path,
            plain.encrypt(&options, &sops_core::Keyring::new()).unwrap(),
        );
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{text}");
        self.write(path, text.replace(from, to));
    }

    fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    fn examine(&self) -> Report {
        let run = |program: &Path, args: &[&str]| -> io::Result<String> {
            let name = program.file_name().unwrap().to_str().unwrap();
            Ok(match (name, args) {
                ("kustomize", ["version"]) => "v5.8.1\n".into(),
                ("kustomize", ["build", "--help"]) => {
                    "--enable-alpha-plugins --enable-exec --enable-helm".into()
                }
                ("kubectl", ["version", "--client"]) => {
                    "Client Version: v1.32.4\nKustomize Version: v5.5.0\n".into()
                }
                ("kubectl", ["kustomize", "--help"]) => "--enable-alpha-plugins".into(),
                ("ksops", ["--version"]) if self.says.is_empty() => {
                    return Err(io::Error::other("it was ended by signal 11"));
                }
                ("ksops", ["--version"]) => self.says.into(),
                other => panic!("{other:?} is not run"),
            })
        };
        let host = Host {
            var: &|name| self.vars.get(name).map(OsString::from),
            var_later: |_| None,
            dir: self.path(""),
            program: self.path("custom-tools/ksops"),
            user: User {
                uid: self.uid,
                groups: BTreeSet::from([self.uid]),
            },
            mounts: self.mounts.clone(),
            run: &run,
            names: self.vars.keys().map(|name| (*name).into()).collect(),
            kernel: self.kernel.clone(),
        };
        examine(&host, &self.options)
    }

    fn text(&self, report: &Report) -> String {
        let root = self.path("").display().to_string();
        let text = report.to_string();
        assert!(!text.contains("hunter2") && !text.contains("1XT77XPG"));
        // Whoever runs the test owns the files.
        let own = fs::metadata(self.path("")).unwrap();
        let owner = format!("owner {}, group {}", own.uid(), own.gid());
        let text = text.replace(&owner, "owner O, group G");
        text.replace(&root, "/").replace("//", "/")
    }

    /// What is wrong, without what is right.
    fn wrong(&self) -> String {
        let mut report = self.examine();
        let exit = if report.is_ok() { 0 } else { 1 };
        report.checks.retain(|check| check.status != Status::Ok);
        format!("exit code {exit}\n{}", self.text(&report))
    }
}

const HOME: &str = "home/argocd";
const KEY_FILE: &str = "home/argocd/.config/sops/age/age.agekey";
const PLUGIN: &str = "home/argocd/ksops-plugin/viaduct.ai/v1/ksops/ksops";

/// The header of a static program for a machine.
fn elf(machine: u8) -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(64, 0);
    header[18] = machine;
    header
}

/// The header of a program that needs a loader.
fn dynamic_elf(loader: &str) -> Vec<u8> {
    let mut file = elf(62);
    file[32] = 64; // where the program headers are
    file[54] = 56; // how long one is
    file[56] = 1; // how many there are
    let mut segment = [0; 56];
    segment[0] = 3; // PT_INTERP
    segment[8] = 120; // where the name is
    segment[32] = u8::try_from(loader.len() + 1).unwrap();
    file.extend(segment);
    file.extend(loader.as_bytes());
    file.push(0);
    file
}

#[test]
fn a_set_up_that_works() {
    let rig = Rig::new();
    let report = rig.examine();
    assert!(report.is_ok());
    insta::assert_snapshot!(rig.text(&report));
    insta::assert_snapshot!("json", {
        let json = report.to_json();
        json.replace(rig.path("").to_str().unwrap(), "/")
    });
}

/// Each set-up is whole but for one thing.
macro_rules! broken {
    ($($name:ident: $break:expr;)*) => {$(
        #[test]
        fn $name() {
            let mut rig = Rig::new();
            let broken: fn(&mut Rig) = $break;
            broken(&mut rig);
            insta::assert_snapshot!(stringify!($name), rig.wrong());
        }
    )*};
}

/// The guard stands where kustomize is looked for.
fn guarded(rig: &mut Rig) {
    rig.program("usr/local/bin/kustomize", &elf(62));
    rig.program("opt/kustomize", b"real");
    rig.set("KSOPS_GUARD_KUSTOMIZE", "opt/kustomize");
    rig.vars.insert("REDIS_PASSWORD", "hunter2".into());
}

#[test]
fn a_guard_that_works() {
    let mut rig = Rig::new();
    guarded(&mut rig);
    let report = rig.examine();
    assert!(report.is_ok());
    let text = rig.text(&report);
    let lines: Vec<_> = text.lines().filter(|line| line.contains("guard")).collect();
    insta::assert_snapshot!("a_guard_that_works", lines.join("\n"));
    // What a repository may run is no matter any more.
    rig.write("keys/team-a/age.agekey", KEY);
    rig.set("KSOPS_KEY_DIR", "keys");
    rig.options.project = Some("team-a".into());
    let text = rig.text(&rig.examine());
    assert!(!text.contains("projects apart"), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| line.contains("guard")).collect();
    insta::assert_snapshot!("a_guard_and_projects", lines.join("\n"));
}

broken! {
    guard_without_kustomize: |rig| {
        guarded(rig);
        rig.remove("opt/kustomize");
    };
    guard_on_an_old_kernel: |rig| {
        guarded(rig);
        rig.kernel = Kernel::Landlock(2);
    };
    guard_on_an_old_kernel_by_best_effort: |rig| {
        guarded(rig);
        rig.kernel = Kernel::Off("it is switched off");
        rig.vars.insert("KSOPS_GUARD_BEST_EFFORT", "true".into());
    };
    guard_with_a_setting_that_is_none: |rig| {
        guarded(rig);
        rig.vars.insert("KSOPS_GUARD_READ", "relative".into());
    };
    ksops_is_not_mounted_on_path: |rig| {
        rig.remove("usr/local/bin/ksops");
    };
    plugin_folder_is_closed: |rig| {
        let folder = rig.path(&format!("{HOME}/ksops-plugin"));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    };
    plugin_home_is_relative: |rig| {
        rig.vars.insert("KUSTOMIZE_PLUGIN_HOME", "src".into());
    };
    plugin_folder_is_not_mounted: |rig| {
        rig.remove("home/argocd/ksops-plugin");
    };
    plugin_home_is_not_set: |rig| {
        rig.vars.remove("KUSTOMIZE_PLUGIN_HOME");
    };
    plugin_home_is_one_folder_too_high: |rig| {
        rig.set("KUSTOMIZE_PLUGIN_HOME", HOME);
    };
    plugin_is_in_the_wrong_folder: |rig| {
        rig.remove("home/argocd/ksops-plugin");
        rig.program("home/argocd/ksops-plugin/viaduct.ai/v1/ksops", &elf(62));
    };
    xdg_config_home_is_not_set: |rig| {
        rig.vars.remove("XDG_CONFIG_HOME");
    };
    key_file_is_not_set: |rig| {
        rig.vars.remove("SOPS_AGE_KEY_FILE");
    };
    key_secret_is_not_mounted: |rig| {
        rig.remove("home/argocd/.config");
    };
    key_secret_has_another_file_name: |rig| {
        rig.set("SOPS_AGE_KEY_FILE", "home/argocd/.config/sops/age/keys.txt");
    };
    key_file_is_for_root_only: |rig| {
        rig.chmod(KEY_FILE, 0o400);
        rig.uid = 998;
    };
    key_file_holds_a_public_key: |rig| {
        rig.write(KEY_FILE, RECIPIENT);
    };
    key_is_another_one: |rig| {
        rig.write(KEY_FILE, include_str!("../../../../testdata/corpus/keys/age-b.txt"));
    };
    nothing_is_set: |rig| {
        rig.vars.retain(|name, _| *name == "PATH");
        rig.options = Options::default();
        rig.mounts.clear();
    };
    plugin_is_not_executable: |rig| {
        rig.chmod(PLUGIN, 0o644);
    };
    plugin_is_on_a_noexec_mount: |rig| {
        rig.mount("home/argocd/ksops-plugin", "rw,noexec");
    };
    plugin_is_for_another_machine: |rig| {
        rig.program(PLUGIN, &elf(183));
    };
    plugin_needs_a_loader: |rig| {
        rig.program(PLUGIN, &dynamic_elf("/lib/ld-none.so"));
    };
    plugin_needs_a_shell: |rig| {
        rig.program(PLUGIN, b"#!/bin/no-shell\n");
    };
    plugin_is_an_error_page: |rig| {
        rig.program(PLUGIN, b"Not Found");
    };
    plugin_is_ksops: |rig| {
        rig.says = "unable to read in manifest: --version\n";
        rig.program(PLUGIN, &elf(62));
    };
    plugin_is_of_another_version: |rig| {
        rig.says = "ksops-rs 0.0.1\n";
    };
    plugin_is_broken: |rig| {
        rig.says = "";
        rig.program(PLUGIN, &elf(62));
    };
    kustomize_is_missing: |rig| {
        rig.remove("usr/local/bin/kustomize");
    };
    only_kubectl_for_krm_style: |rig| {
        rig.remove("usr/local/bin/kustomize");
        rig.program("usr/local/bin/kubectl", &elf(62));
        rig.write("app/generator.yaml", KRM);
    };
    build_options_are_missing: |rig| {
        rig.options.flags = Some(Flags::parse("--enable-helm"));
    };
    build_options_that_kustomize_does_not_have: |rig| {
        let options = "--enable-alpha-plugins --enable-exec=true --enable-helmm --x=--y --enable";
        rig.options.flags = Some(Flags::parse(options));
    };
    krm_style_and_the_flag_is_not_known: |rig| {
        rig.write("app/generator.yaml", KRM);
        rig.options.flags = None;
    };
    krm_style_without_enable_exec: |rig| {
        rig.write("app/generator.yaml", KRM);
        rig.options.flags = Some(Flags::parse("--enable-alpha-plugins"));
    };
    krm_style_with_arguments: |rig| {
        rig.write("app/generator.yaml", KRM.replace("ksops\nfiles", "ksops\n        args: [x]\nfiles"));
    };
    krm_style_with_a_program_that_is_not_there: |rig| {
        rig.write("app/generator.yaml", KRM.replace("path: ksops", "path: ./ksops-exec"));
    };
    krm_style_and_ksops_is_not_on_path: |rig| {
        rig.write("app/generator.yaml", KRM);
        rig.remove("usr/local/bin/ksops");
    };
    kustomization_is_missing: |rig| {
        rig.remove("app/kustomization.yaml");
    };
    generator_is_listed_as_a_resource: |rig| {
        rig.write("app/kustomization.yaml", "resources:\n- generator.yaml\n- secret.enc.yaml\n");
    };
    generator_is_not_listed: |rig| {
        rig.write("app/kustomization.yaml", "namePrefix: x-\n");
    };
    kustomization_is_named_itself: |rig| {
        rig.options.dir = Some("app/kustomization.yaml".into());
    };
    kustomization_is_no_file: |rig| {
        rig.remove("app/kustomization.yaml");
        let mode = rustix::fs::Mode::from(0o644);
        let path = rig.path("app/kustomization.yaml");
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    };
    two_kustomizations_in_one_folder: |rig| {
        rig.write("app/Kustomization", "resources: []\n");
    };
    // kustomize takes the names of fields in any case.
    generators_in_another_case: |rig| {
        rig.write("app/kustomization.yaml", "GENERATOR\u{17f}: [generator.yaml]\n");
        rig.edit("app/secret.enc.yaml", "name: app", "name: other");
    };
    generator_is_a_transformer_or_a_validator: |rig| {
        rig.write("app/kustomization.yaml", "Transformers: [generator.yaml]\n");
        rig.write("app/base/kustomization.yaml", "validators: [generator.yaml]\n");
        rig.write("app/base/generator.yaml", LEGACY.replace("secret.enc", "../secret.enc"));
        rig.edit("app/kustomization.yaml", "Tr", "resources: [base]\nTr");
    };
    what_kustomize_would_not_find: |rig| {
        rig.write("app/kustomization.yaml", "\
generators: [generator.yaml]
resources: [none.yaml, ./nowhere, https://example.com/x.yaml, github.com/a/b//c]
components: [../component]
transformers: [t.yaml]
patches:
- path: patch.yaml
- patch: |
    kind: x
patchesStrategicMerge: [merge.yaml]
replacements: [{path: replacement.yaml}]
configurations: [configuration.yaml]
crds: [crd.json]
openapi: {path: schema.json}
configMapGenerator:
- {name: a, files: [key=a.txt, b.txt], envs: [c.env]}
");
    };
    what_kustomize_may_not_read: |rig| {
        rig.write("app/kustomization.yaml", "generators: [../g.yaml]\nresources: [../c.yaml]\npatches: [{path: link}]\n");
        rig.write("g.yaml", LEGACY);
        rig.write("c.yaml", "kind: ConfigMap\nmetadata: {name: c}\n");
        std::os::unix::fs::symlink("../c.yaml", rig.path("app/link")).unwrap();
    };
    one_resource_twice: |rig| {
        rig.write("app/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
        rig.write("app/s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: app}\n");
        rig.write("app/kustomization.yaml", "generators: [generator.yaml]\nresources: [c.yaml, ./c.yaml, s.yaml]\n");
    };
    generator_renders_nothing: |rig| {
        rig.edit("app/generator.yaml", "files:\n- secret.enc.yaml", "files: []");
    };
    generator_is_missing: |rig| {
        rig.remove("app/generator.yaml");
    };
    generator_is_a_way_to_a_program: |rig| {
        let way = "viaduct.ai/../../../../../proc/self/cwd/evil";
        rig.edit("app/generator.yaml", "viaduct.ai/v1", way);
    };
    kind_is_a_way_to_a_program: |rig| {
        rig.edit("app/generator.yaml", "kind: ksops", "kind: ../x");
    };
    transformer_is_a_way_to_a_program: |rig| {
        let inline = "apiVersion: a/../b\n  kind: x\n  metadata: {name: x}\n";
        let text = format!("generators: [generator.yaml]\nvalidators: [t.yaml]\ntransformers:\n- |-\n  {inline}");
        rig.write("app/kustomization.yaml", text);
        rig.write("app/t.yaml", "apiVersion: a/b/c\nkind: x\n");
    };
    warnings_of_a_build_are_repeated: |rig| {
        rig.edit("app/generator.yaml", "files:", "bogus: 1\nsecretFrom: [{metadata: {name: s}, envs: [e.enc.yaml]}]\nfiles:");
        rig.encrypt("app/e.enc.yaml", "A: 'x #y'\nB: $A\n");
    };
    // As KSOPS's Helm values have it: KRM style, the mount on PATH alone.
    only_krm_is_set_up: |rig| {
        rig.vars.remove("KUSTOMIZE_PLUGIN_HOME");
        rig.vars.remove("XDG_CONFIG_HOME");
        rig.remove("home/argocd/ksops-plugin");
        rig.mounts.clear();
        rig.write("app/generator.yaml", KRM);
    };
    only_krm_is_set_up_and_no_generator_is_named: |rig| {
        rig.vars.remove("KUSTOMIZE_PLUGIN_HOME");
        rig.vars.remove("XDG_CONFIG_HOME");
        rig.remove("home/argocd/ksops-plugin");
        rig.mounts.clear();
        rig.options.dir = None;
    };
    only_krm_is_set_up_for_legacy_style: |rig| {
        rig.vars.remove("KUSTOMIZE_PLUGIN_HOME");
        rig.remove("home/argocd/ksops-plugin");
        rig.mounts.clear();
    };
    only_legacy_is_set_up: |rig| {
        rig.remove("usr/local/bin/ksops");
        rig.options.flags = Some(Flags::parse("--enable-alpha-plugins"));
    };
    a_file_is_named_twice: |rig| {
        rig.edit("app/generator.yaml", "- secret", "- ./secret.enc.yaml\n- secret");
    };
    two_files_hold_one_secret: |rig| {
        rig.encrypt("app/other.enc.yaml", SECRET);
        rig.write("app/second.yaml", LEGACY.replace("secret.enc", "other.enc").replace("secrets", "more"));
        rig.write("app/kustomization.yaml", "generators:\n- generator.yaml\n- second.yaml\n");
        // One that changes the other is meant to have its name.
        let merge = SECRET.replace("name: app", "name: app\n  annotations: {kustomize.config.k8s.io/behavior: merge}");
        rig.encrypt("app/merge.enc.yaml", &merge);
        rig.edit("app/second.yaml", "- other", "- merge.enc.yaml\n- other");
    };
    a_glob_takes_the_kustomization: |rig| {
        rig.edit("app/generator.yaml", "secret.enc.yaml", "'*.yaml'");
    };
    generator_is_of_another_version: |rig| {
        rig.edit("app/generator.yaml", "viaduct.ai/v1", "viaduct.ai/v1beta1");
    };
    generator_has_no_name: |rig| {
        rig.edit("app/generator.yaml", "  name:", "  names:");
    };
    generator_names_nothing: |rig| {
        rig.edit("app/generator.yaml", "files:", "fils:");
    };
    file_is_missing: |rig| {
        rig.remove("app/secret.enc.yaml");
    };
    file_is_not_encrypted: |rig| {
        rig.write("app/secret.enc.yaml", SECRET);
    };
    file_was_changed: |rig| {
        rig.edit("app/secret.enc.yaml", "name: app", "name: other");
    };
    file_has_no_age_recipient: |rig| {
        let path = rig.path("app/secret.enc.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let start = text.find("    age:\n").unwrap();
        let end = text.find("    lastmodified:").unwrap();
        let pgp = "    pgp:\n        - created_at: \"2026-01-01T00:00:00Z\"\n          enc: x\n          fp: ABCD\n";
        rig.write("app/secret.enc.yaml", format!("{}{pgp}{}", &text[..start], &text[end..]));
    };
    file_is_no_kubernetes_object: |rig| {
        rig.encrypt("app/secret.enc.yaml", "stringData:\n  password: hunter2\n");
    };
    file_is_outside_of_the_repository: |rig| {
        rig.write("app/.git/HEAD", "x");
        fs::rename(rig.path("app/secret.enc.yaml"), rig.path("secret.enc.yaml")).unwrap();
        rig.edit("app/generator.yaml", "- secret", "- ../secret");
    };
    glob_matches_nothing: |rig| {
        rig.edit("app/generator.yaml", "secret.enc.yaml", "'*.sops.yaml'");
    };
    project_has_no_keys: |rig| {
        rig.write("keys/team-a/key.agekey", KEY);
        rig.set("KSOPS_AGE_KEY_DIR", "keys");
        rig.options.project = Some("team-b".into());
        rig.options.flags = Some(Flags::parse("--enable-alpha-plugins"));
    };
    project_keys_are_not_kept_apart: |rig| {
        rig.options.project = Some("team-a".into());
    };
    projects_and_enable_exec: |rig| {
        rig.write("keys/team-a/key.agekey", KEY);
        rig.set("KSOPS_AGE_KEY_DIR", "keys");
        rig.options.project = Some("team-a".into());
    };
    project_is_not_named: |rig| {
        rig.write("keys/team-a/key.agekey", KEY);
        rig.set("KSOPS_AGE_KEY_DIR", "keys");
    };
    file_is_outside_of_the_confinement: |rig| {
        rig.set("KSOPS_CONFINE", "keys");
        rig.write("keys/x", "");
    };
    confinement_is_misspelt: |rig| {
        rig.vars.insert("KSOPS_CONFINE", "on".into());
    };
    placeholders_where_no_key_is: |rig| {
        rig.vars.insert("KSOPS_PLACEHOLDER", "true".into());
        rig.vars.remove("SOPS_AGE_KEY_FILE");
        rig.remove("usr/local/bin/argocd-repo-server");
    };
    placeholders_on_a_repo_server: |rig| {
        rig.vars.insert("KSOPS_PLACEHOLDER", "true".into());
    };
}

/// With the option that lets kustomize read any file, and without knowing.
#[test]
fn files_outside_of_the_folder_may_be_meant() {
    let mut rig = Rig::new();
    rig.write("c.yaml", "kind: ConfigMap\nmetadata: {name: c}\n");
    rig.edit(
        "app/kustomization.yaml",
        "generators",
        "resources: [../c.yaml]\ngenerators",
    );
    for option in [
        "--load-restrictor=LoadRestrictionsNone",
        "--load-restrictor LoadRestrictionsNone",
    ] {
        rig.options.flags = Some(Flags::parse(&format!("--enable-alpha-plugins {option}")));
        assert!(!rig.wrong().contains("c.yaml"), "{}", rig.wrong());
    }
    rig.options.flags = None;
    let wrong = rig.wrong();
    assert!(
        wrong.starts_with("exit code 0\n! app/../c.yaml: outside of"),
        "{wrong}"
    );
}

/// kustomize drops what a plugin says where it succeeds.
#[test]
fn an_empty_value_that_anybody_may_have_added() {
    let rig = Rig::new();
    rig.edit(
        "app/secret.enc.yaml",
        "stringData:\n",
        "stringData:\n    user: \"\"\n",
    );
    insta::assert_snapshot!(rig.wrong(), @r#"
    exit code 0
    ! app/generator.yaml: files[0]: "secret.enc.yaml": stringData.user: an empty value, which is never encrypted: anybody may have put it there
    "#);
    // One that stands twice is no warning but an error.
    let rig = Rig::new();
    let twice = "stringData:\n    !!binary cGFzc3dvcmQ=: \"\"\n";
    rig.edit("app/secret.enc.yaml", "stringData:\n", twice);
    let wrong = rig.wrong();
    assert!(wrong.starts_with("exit code 1\n✗"), "{wrong}");
    assert!(wrong.contains("stands more than once"), "{wrong}");
}

#[test]
fn files_that_are_none_of_sops_or_of_another_type() {
    let rig = Rig::new();
    rig.write("app/secret.enc.yaml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n");
    insta::assert_snapshot!(rig.wrong(), @r"
    exit code 1
    ✗ app/generator.yaml: secret.enc.yaml: line 1: the document is a single value, not a mapping; it is a file of ansible-vault
        decrypt it with `ansible-vault decrypt`, and encrypt it with `sops encrypt`
    ");
    let rig = Rig::new();
    rig.encrypt("app/secret.yaml.enc", SECRET);
    rig.edit("app/generator.yaml", "secret.enc.yaml", "secret.yaml.enc");
    let wrong = rig.wrong();
    assert!(
        wrong.contains("it looks like a file of type yaml"),
        "{wrong}"
    );
    assert!(wrong.contains("as in secret.enc.yaml"), "{wrong}");
}

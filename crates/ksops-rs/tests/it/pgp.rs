//! PGP files of real sops, opened by the plugin without gpg; and files of ours,
//! opened by real sops.

#![cfg(feature = "pgp")]

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use sops_core::{Document, EncryptOptions, Format, Keyring, keys::Recipient};
use sops_pgp::Pgp;

/// GnuPG and real sops; `None`, with a line that says so, where one is
/// missing. With `CI=true` that is an error.
struct World {
    dir: tempfile::TempDir,
    sops: PathBuf,
    fingerprint: String,
}

const PLAIN: &str =
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  password: hunter2\n";

impl World {
    fn new() -> Option<Self> {
        let own = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../target/ci-tools/bin/sops"
        );
        let paths = env::var_os("PATH").unwrap_or_default();
        let mut sops = env::split_paths(&paths).map(|dir| dir.join("sops"));
        let own = Path::new(own);
        let sops = if own.is_file() {
            Some(own.into())
        } else {
            sops.find(|sops| sops.is_file())
        };
        let gpg = Command::new("gpg").arg("--version").output().is_ok();
        let (Some(sops), true) = (sops, gpg) else {
            let line = "SKIPPED: there is no gpg, or no sops";
            assert!(
                env::var("CI").as_deref() != Ok("true"),
                "{line}, and CI=true"
            );
            eprintln!("{line}");
            return None;
        };
        // A socket's path has at most 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("p")
            .tempdir_in("/tmp")
            .unwrap();
        let mut world = World {
            dir,
            sops,
            fingerprint: String::new(),
        };
        fs::create_dir(world.path("home")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(world.path("home"), mode).unwrap();
        // GnuPG's own choice would take seconds without optimisation.
        fs::write(world.path("home/gpg-agent.conf"), "s2k-count 65536\n").unwrap();
        let lines = "Key-Type: RSA\nKey-Length: 2048\nSubkey-Type: RSA\nSubkey-Length: 2048\n\
                     Name-Real: me\n%no-protection\n%commit\n";
        let status = world.gpg(
            &["--status-fd", "1", "--full-generate-key"],
            lines.as_bytes(),
        );
        let status = String::from_utf8(status).unwrap();
        let created = status.lines().find(|l| l.contains("KEY_CREATED")).unwrap();
        world.fingerprint = created.split(' ').nth(3).unwrap().into();
        Some(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn gpg(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        let command = command
            .args(["--batch", "--quiet", "--homedir"])
            .arg(self.path("home"));
        ok(run(command.args(args), input))
    }

    fn sops(&self, args: &[&str]) -> Vec<u8> {
        // A `.sops.yaml` further up is none of ours.
        let rules = format!("creation_rules:\n- pgp: {}\n", self.fingerprint);
        fs::write(self.path(".sops.yaml"), rules).unwrap();
        let mut command = Command::new(&self.sops);
        let command = command.args(args).current_dir(self.dir.path());
        let command = command.env("GNUPGHOME", self.path("home"));
        ok(run(command, b""))
    }

    fn end_agent(&self) {
        let mut command = Command::new("gpgconf");
        let command = command.arg("--homedir").arg(self.path("home"));
        let _ = command.args(["--kill", "gpg-agent"]).output();
    }

    /// A generator of one file, and how the plugin renders it with this
    /// environment and no other.
    fn render(&self, enc: &[u8], vars: &[(&str, &Path)]) -> Output {
        fs::write(self.path("s.enc.yaml"), enc).unwrap();
        let generator = "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: g\nfiles:\n- ./s.enc.yaml\n";
        fs::write(self.path("g.yaml"), generator).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ksops-rs"));
        command
            .arg("g.yaml")
            .current_dir(self.dir.path())
            .env_clear();
        run(command.envs(vars.iter().copied()), b"")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end_agent();
    }
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn ok(output: Output) -> Vec<u8> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    output.stdout
}

#[test]
fn files_of_sops_open_without_gpg() {
    let Some(world) = World::new() else { return };
    fs::write(world.path("s.yaml"), PLAIN).unwrap();
    let plain = world.path("s.yaml");
    let enc = world.sops(&[
        "encrypt",
        "--pgp",
        &world.fingerprint,
        plain.to_str().unwrap(),
    ]);
    let key = world.gpg(&["--armor", "--export-secret-keys"], b"");
    let keys = world.path("keys");
    fs::create_dir(&keys).unwrap();
    fs::write(keys.join("cluster.asc"), key).unwrap();
    let file = keys.join("cluster.asc");
    let home = world.path("home");
    let app = Path::new("app");
    for vars in [
        &[("KSOPS_PGP_KEY_FILE", &*file)][..],
        &[("KSOPS_KEY_DIR", &*keys)],
        &[("KSOPS_AGE_KEY_DIR", &*keys), ("ARGOCD_APP_NAME", app)],
        &[("GNUPGHOME", &*home)],
        &[("GNUPGHOME", &*home), ("ARGOCD_APP_NAME", app)],
    ] {
        let rendered = ok(world.render(&enc, vars));
        let rendered = String::from_utf8(rendered).unwrap();
        assert!(
            rendered.contains("password: hunter2"),
            "{vars:?}: {rendered}"
        );
    }
    // Keys by project: no other place than the project's folder.
    let projects = world.path("projects");
    fs::create_dir_all(projects.join("team-a")).unwrap();
    fs::create_dir_all(projects.join("team-b")).unwrap();
    fs::copy(&file, projects.join("team-a/key.asc")).unwrap();
    for (project, opens) in [("team-a", true), ("team-b", false)] {
        let output = world.render(
            &enc,
            &[
                ("KSOPS_KEY_DIR", &projects),
                ("ARGOCD_APP_NAME", app),
                ("ARGOCD_APP_PROJECT_NAME", Path::new(project)),
                ("GNUPGHOME", &home),
                ("KSOPS_PGP_KEY_FILE", &file),
            ],
        );
        assert_eq!(output.status.success(), opens, "{project}");
        if !opens {
            // Advice names what counts here, and that alone.
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                said.contains("into the folder of keys as NAME.asc"),
                "{said}"
            );
            assert!(!said.contains("KSOPS_PGP_KEY_FILE"), "{said}");
        }
    }
    // In Argo CD gpg is not run, and the report says so.
    let brainpool = "Key-Type: ECDSA\nKey-Curve: brainpoolP256r1\nSubkey-Type: ECDH\n\
                     Subkey-Curve: brainpoolP256r1\nName-Real: b\n%no-protection\n%commit\n";
    world.gpg(&["--full-generate-key"], brainpool.as_bytes());
    let list = world.gpg(&["--with-colons", "--list-keys", "=b"], b"");
    let list = String::from_utf8(list).unwrap();
    let line = list.lines().find(|line| line.starts_with("fpr")).unwrap();
    let brainpool = line.split(':').nth(9).unwrap();
    let enc = world.sops(&["encrypt", "--pgp", brainpool, plain.to_str().unwrap()]);
    let path = env::var_os("PATH").unwrap();
    let vars = [("GNUPGHOME", &*home), ("PATH", Path::new(&path))];
    assert!(ok(world.render(&enc, &vars)).ends_with(b"hunter2\n"));
    let output = world.render(&enc, &[&vars[..], &[("ARGOCD_APP_NAME", app)]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("the gpg program: not run"), "{said}");
    assert!(said.contains("the curve brainpoolP256r1"), "{said}");
}

/// A key of each kind, each way: what sops writes opens from a home and from a
/// file, without any program, and sops opens what is written.
#[test]
fn every_algorithm_each_way() {
    let Some(world) = World::new() else { return };
    let home = world.path("home");
    fs::write(world.path("s.yaml"), PLAIN).unwrap();
    for (name, lines) in [
        (
            "rsa3072",
            "RSA\nKey-Length: 3072\nKey-Usage: sign,cert,encrypt",
        ),
        (
            "rsa4096",
            "RSA\nKey-Length: 2048\nSubkey-Type: RSA\nSubkey-Length: 4096",
        ),
        (
            "cv25519",
            "EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519",
        ),
        (
            "nistp256",
            "ECDSA\nKey-Curve: nistp256\nSubkey-Type: ECDH\nSubkey-Curve: nistp256",
        ),
        (
            "nistp384",
            "ECDSA\nKey-Curve: nistp384\nSubkey-Type: ECDH\nSubkey-Curve: nistp384",
        ),
        (
            "nistp521",
            "ECDSA\nKey-Curve: nistp521\nSubkey-Type: ECDH\nSubkey-Curve: nistp521",
        ),
    ] {
        let file = format!("Key-Type: {lines}\nName-Real: {name}\n%no-protection\n%commit\n");
        let status = world.gpg(
            &["--status-fd", "1", "--full-generate-key"],
            file.as_bytes(),
        );
        let status = String::from_utf8(status).unwrap();
        let created = status.lines().find(|l| l.contains("KEY_CREATED")).unwrap();
        let fingerprint = created.split(' ').nth(3).unwrap();

        let plain = world.path("s.yaml");
        let enc = world.sops(&["encrypt", "--pgp", fingerprint, plain.to_str().unwrap()]);
        let key = world.path("key.asc");
        let export = world.gpg(&["--armor", "--export-secret-keys", fingerprint], b"");
        fs::write(&key, export).unwrap();
        let nowhere = Path::new("");
        for vars in [("KSOPS_PGP_KEY_FILE", &*key), ("GNUPGHOME", &*home)] {
            let rendered = ok(world.render(&enc, &[vars, ("PATH", nowhere)]));
            let rendered = String::from_utf8(rendered).unwrap();
            assert!(rendered.contains("password: hunter2"), "{name} {vars:?}");
        }

        let mut pgp = Pgp::default();
        let _ = pgp.add_file(&key);
        let mut keyring = Keyring::without_services();
        keyring.add_service(pgp);
        let document = Document::parse_plain(PLAIN.as_bytes(), Format::Yaml).unwrap();
        let options = EncryptOptions::new([Recipient::pgp(fingerprint)]);
        let ours = world.path("ours.yaml");
        fs::write(&ours, document.encrypt(&options, &keyring).unwrap()).unwrap();
        let opened = world.sops(&["decrypt", ours.to_str().unwrap()]);
        let opened = String::from_utf8(opened).unwrap();
        assert!(opened.contains("password: hunter2"), "{name}: {opened}");

        // The same key behind a passphrase.
        let behind = ["--pinentry-mode", "loopback", "--passphrase", "pw"];
        world.gpg(&[&behind[..], &["--passwd", fingerprint]].concat(), b"");
        let export = [&behind[..], &["--export-secret-keys", fingerprint]].concat();
        fs::write(&key, world.gpg(&export, b"")).unwrap();
        let passphrase = world.path("passphrase");
        fs::write(&passphrase, "pw\n").unwrap();
        for place in [("KSOPS_PGP_KEY_FILE", &*key), ("GNUPGHOME", &*home)] {
            // A socket that nobody listens at, which is what agents leave.
            world.end_agent();
            let _ = fs::remove_file(home.join("S.gpg-agent"));
            drop(std::os::unix::net::UnixListener::bind(home.join("S.gpg-agent")).unwrap());
            let vars = [place, ("PATH", nowhere)];
            let output = world.render(&enc, &vars);
            assert!(!output.status.success(), "{name} {place:?}");
            let unlocked = [&vars[..], &[("KSOPS_PGP_PASSPHRASE_FILE", &passphrase)]].concat();
            let rendered = String::from_utf8(ok(world.render(&enc, &unlocked))).unwrap();
            assert!(rendered.contains("password: hunter2"), "{name} {place:?}");
        }
        fs::remove_file(home.join("S.gpg-agent")).unwrap();
    }
}

#[test]
fn sops_opens_what_is_written() {
    let Some(world) = World::new() else { return };
    let mut pgp = Pgp::default();
    pgp.add_home(world.path("home"));
    let mut keyring = Keyring::new();
    keyring.add_service(pgp);
    for recipient in [
        world.fingerprint.clone(),
        world.fingerprint[24..].to_lowercase(),
    ] {
        let document = Document::parse_plain(PLAIN.as_bytes(), Format::Yaml).unwrap();
        let options = EncryptOptions::new([Recipient::pgp(recipient)]);
        let enc = document.encrypt(&options, &keyring).unwrap();
        fs::write(world.path("ours.yaml"), &enc).unwrap();
        let opened = world.sops(&["decrypt", world.path("ours.yaml").to_str().unwrap()]);
        let opened = String::from_utf8(opened).unwrap();
        assert!(opened.contains("password: hunter2"), "{opened}");
    }
}

#[test]
fn the_passphrase_lies_beside_the_key() {
    let Some(mut world) = World::new() else {
        return;
    };
    let lines = "Key-Type: RSA\nKey-Length: 2048\nSubkey-Type: RSA\nSubkey-Length: 2048\n\
                 Name-Real: locked\nPassphrase: of-team-a\n%commit\n";
    let status = world.gpg(
        &[
            "--status-fd",
            "1",
            "--pinentry-mode",
            "loopback",
            "--full-generate-key",
        ],
        lines.as_bytes(),
    );
    let status = String::from_utf8(status).unwrap();
    let created = status.lines().find(|l| l.contains("KEY_CREATED")).unwrap();
    world.fingerprint = created.split(' ').nth(3).unwrap().into();
    let locked = ["--pinentry-mode", "loopback", "--passphrase", "of-team-a"];
    let export = ["--armor", "--export-secret-keys", &world.fingerprint];
    let key = world.gpg(&[&locked[..], &export].concat(), b"");
    fs::write(world.path("p.yaml"), PLAIN).unwrap();
    let enc = world.sops(&["--encrypt", "p.yaml"]);
    for (project, passphrase) in [
        ("team-a", Some("of-team-a\n")),
        ("team-b", Some("of-team-b")),
        ("team-c", None),
    ] {
        let folder = world.path("keys").join(project);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("key.asc"), &key).unwrap();
        if let Some(text) = passphrase {
            fs::write(folder.join("pgp.passphrase"), text).unwrap();
        }
    }
    let keys = world.path("keys");
    let render = |project: &str| {
        let vars = [
            ("KSOPS_KEY_DIR", keys.as_path()),
            ("ARGOCD_APP_NAME", Path::new("app")),
            ("ARGOCD_APP_PROJECT_NAME", Path::new(project)),
        ];
        world.render(&enc, &vars)
    };
    let opened = String::from_utf8(ok(render("team-a"))).unwrap();
    assert!(opened.contains("password: hunter2"), "{opened}");
    for project in ["team-b", "team-c"] {
        let output = render(project);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(!errors.contains("of-team"), "{errors}");
        let named = format!("{project}/pgp.passphrase");
        assert!(errors.contains(&named), "{errors}");
    }
    // One folder for all.
    let own = world.path("keys/team-a");
    let opened = ok(world.render(&enc, &[("KSOPS_KEY_DIR", &own)]));
    assert!(
        String::from_utf8(opened)
            .unwrap()
            .contains("password: hunter2")
    );
}

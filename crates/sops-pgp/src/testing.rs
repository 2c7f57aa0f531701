//! GnuPG for tests: homes of their own, keys made on the spot.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, LazyLock, Mutex, OnceLock},
};

use tempfile::TempDir;

/// A home of GnuPG that nothing else uses. Its agent ends with it.
pub(crate) struct Gnupg {
    dir: TempDir,
}

impl Gnupg {
    /// A new home; `None`, with a line that says so, where there is no GnuPG.
    /// With `CI=true` that is an error.
    pub(crate) fn new() -> Option<Self> {
        let there = Command::new("gpg").arg("--version").output().is_ok();
        let in_ci = std::env::var("CI").as_deref() == Ok("true");
        assert!(there || !in_ci, "there is no gpg, and CI=true");
        if !there {
            eprintln!("SKIPPED: there is no gpg");
            return None;
        }
        // A socket's path has at most 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("g")
            .tempdir_in("/tmp")
            .unwrap();
        let gnupg = Gnupg { dir };
        // gpg-agent would take a tenth of a second for each passphrase, and
        // so would whoever unlocks its keys: many times here.
        gnupg.configure("s2k-count 65536");
        Some(gnupg)
    }

    /// Adds a line to the configuration of the agent, before it starts.
    pub(crate) fn configure(&self, line: &str) {
        let path = self.file("gpg-agent.conf");
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, format!("{before}{line}\n")).unwrap();
    }

    /// The agent as it is where nobody configured it.
    pub(crate) fn unconfigured(self) -> Self {
        fs::remove_file(self.file("gpg-agent.conf")).unwrap();
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs gpg, which must succeed.
    pub(crate) fn gpg(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("gpg")
            .args([
                "--batch",
                "--quiet",
                "--pinentry-mode",
                "loopback",
                "--homedir",
            ])
            .arg(self.path())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {args:?}: {stderr}");
        output.stdout
    }

    /// A key from the lines of a parameter file; gives the fingerprint of the
    /// primary key. It is made once: what asks for the same gets a copy.
    pub(crate) fn generate(&self, lines: &str, passphrase: &str) -> String {
        static ALL: LazyLock<Mutex<HashMap<String, Arc<OnceLock<Made>>>>> =
            LazyLock::new(Mutex::default);
        let asked = format!("{lines}\n{passphrase}");
        let made = Arc::clone(ALL.lock().unwrap().entry(asked).or_default());
        let made = made.get_or_init(|| Made::new(lines, passphrase));
        self.gpg(&["--import"], &made.public);
        let keys = self.file("private-keys-v1.d");
        let mut dir = fs::DirBuilder::new();
        dir.recursive(true).mode(0o700).create(&keys).unwrap();
        for (name, content) in &made.private {
            fs::write(keys.join(name), content).unwrap();
        }
        made.fingerprint.clone()
    }

    /// Makes a key that is nobody else's, by the agent of this home.
    pub(crate) fn generate_here(&self, lines: &str, passphrase: &str) -> String {
        let protection = if passphrase.is_empty() {
            "%no-protection".into()
        } else {
            format!("Passphrase: {passphrase}")
        };
        let file = format!("{lines}\n{protection}\n%commit\n");
        let status = self.gpg(
            &["--status-fd", "1", "--full-generate-key"],
            file.as_bytes(),
        );
        created(&status)
    }

    /// Makes a key without a passphrase, as if it were another time.
    pub(crate) fn generate_at(&self, time: &str, lines: &str) -> String {
        let file = format!("{lines}\n%no-protection\n%commit\n");
        let status = self.gpg(
            &[
                "--faked-system-time",
                time,
                "--status-fd",
                "1",
                "--full-generate-key",
            ],
            file.as_bytes(),
        );
        created(&status)
    }

    /// A time so many seconds from now, as `--faked-system-time` takes it.
    pub(crate) fn later(&self, seconds: i64) -> String {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        (i64::try_from(now.as_secs()).unwrap() + seconds).to_string()
    }

    /// The fingerprints of a key's subkeys.
    pub(crate) fn subkeys(&self, fingerprint: &str) -> Vec<String> {
        let args = ["--with-colons", "--list-keys", fingerprint];
        let list = String::from_utf8(self.gpg(&args, b"")).unwrap();
        let mut keys = Vec::new();
        let mut in_subkey = false;
        for line in list.lines() {
            match line.split(':').next() {
                Some("sub") => in_subkey = true,
                Some("fpr") if in_subkey => keys.push(line.split(':').nth(9).unwrap().into()),
                _ => {}
            }
        }
        keys
    }

    /// Starts the agent of this home.
    pub(crate) fn start_agent(&self) {
        let mut command = Command::new("gpg-connect-agent");
        let command = command.arg("--homedir").arg(self.path()).arg("/bye");
        assert!(command.output().unwrap().status.success());
    }

    /// Has the agent remember the passphrase of a key.
    pub(crate) fn preset(&self, fingerprint: &str, passphrase: &str) {
        let args = [
            "--with-colons",
            "--with-keygrip",
            "--list-keys",
            fingerprint,
        ];
        let list = String::from_utf8(self.gpg(&args, b"")).unwrap();
        let digits: String = passphrase.bytes().map(|b| format!("{b:02X}")).collect();
        for line in list.lines().filter(|line| line.starts_with("grp:")) {
            let grip = line.split(':').nth(9).unwrap();
            let mut command = Command::new("gpg-connect-agent");
            let command = command.arg("--homedir").arg(self.path());
            let preset = format!("PRESET_PASSPHRASE {grip} -1 {digits}");
            let output = command.args([&preset, "/bye"]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.starts_with("OK"), "{said}");
        }
    }

    /// Encrypts for a key; the armor ends with a line break.
    pub(crate) fn encrypt(&self, fingerprint: &str, args: &[&str], data: &[u8]) -> String {
        let mut all = vec!["-a", "-r", fingerprint, "--trust-model", "always"];
        all.extend(args);
        all.push("-e");
        String::from_utf8(self.gpg(&all, data)).unwrap()
    }

    /// A file in the home.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn end_agent(&self) {
        let _ = Command::new("gpgconf")
            .args(["--homedir"])
            .arg(self.path())
            .args(["--kill", "gpg-agent"])
            .output();
    }

    /// Ends the agent of this home.
    pub(crate) fn kill_agent(&self) {
        self.end_agent();
        // A gpg that starts meanwhile would talk to the agent that is ending.
        for _ in 0..500 {
            if !self.file("S.gpg-agent").exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// A key, as it lies in a home.
struct Made {
    fingerprint: String,
    public: Vec<u8>,
    private: Vec<(OsString, Vec<u8>)>,
}

impl Made {
    fn new(lines: &str, passphrase: &str) -> Self {
        let home = Gnupg::new().unwrap();
        let fingerprint = home.generate_here(lines, passphrase);
        let files = fs::read_dir(home.file("private-keys-v1.d")).unwrap();
        let files = files.map(Result::unwrap);
        Made {
            public: home.gpg(&["--export"], b""),
            private: files
                .map(|file| (file.file_name(), fs::read(file.path()).unwrap()))
                .collect(),
            fingerprint,
        }
    }
}

/// The fingerprint of the key that was made.
fn created(status: &[u8]) -> String {
    let status = str::from_utf8(status).unwrap();
    let created = status.lines().find(|l| l.contains("KEY_CREATED")).unwrap();
    created.split(' ').nth(3).unwrap().into()
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        self.end_agent();
    }
}

/// The parameter files of keys of every kind, each with its name.
pub(crate) const ALGORITHMS: &[(&str, &str)] = &[
    (
        "rsa2048",
        "Key-Type: RSA\nKey-Length: 2048\nSubkey-Type: RSA\nSubkey-Length: 2048",
    ),
    (
        "rsa3072 without a subkey",
        "Key-Type: RSA\nKey-Length: 3072\nKey-Usage: sign,cert,encrypt",
    ),
    (
        "cv25519",
        "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519",
    ),
    (
        "nistp256",
        "Key-Type: ECDSA\nKey-Curve: nistp256\nSubkey-Type: ECDH\nSubkey-Curve: nistp256",
    ),
    (
        "nistp384",
        "Key-Type: ECDSA\nKey-Curve: nistp384\nSubkey-Type: ECDH\nSubkey-Curve: nistp384",
    ),
    (
        "nistp521",
        "Key-Type: ECDSA\nKey-Curve: nistp521\nSubkey-Type: ECDH\nSubkey-Curve: nistp521",
    ),
];

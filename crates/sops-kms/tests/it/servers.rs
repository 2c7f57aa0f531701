//! Real servers, started for one test and ended with it.

use std::{
    env, fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use sops_core::{Document, EncryptOptions, Format, Keyring, Plain, format::Style, keys::Recipient};

use super::fake::nobody;

/// A running server; its end is the end of the process.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a program on a free port, and waits until it listens.
    pub(crate) fn start(
        program: &Path,
        args: impl Fn(u16) -> Vec<String>,
        vars: &[(&str, &str)],
    ) -> Self {
        let port = nobody().port();
        let child = Command::new(program)
            .args(args(port))
            .envs(vars.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Server { child, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {ended:?}", program.display());
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "{} does not listen",
                program.display()
            );
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs sops in a folder with these variables alone (and `PATH`).
pub(crate) fn sops(program: &Path, dir: &Path, vars: &[(&str, &str)], args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .envs(vars.iter().copied())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sops {args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Real sops writes a file that we open, and we write one that it opens.
pub(crate) fn both_directions(
    program: &Path,
    vars: &[(&str, &str)],
    flags: &[&str],
    recipient: &Recipient,
    keyring: &Keyring,
) {
    const PLAIN: &str = "a: secret\nb:\n    - 1\n    - true\n";
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plain.yaml"), PLAIN).unwrap();
    let args = [&["encrypt"], flags, &["plain.yaml"]].concat();
    let theirs = sops(program, dir.path(), vars, &args);
    let document = Document::parse(theirs.as_bytes(), Format::Yaml).unwrap();
    let opened = document.decrypt(keyring).unwrap();
    let style = Style::default();
    assert_eq!(
        *opened.to_bytes(Format::Yaml, &style).unwrap(),
        PLAIN.as_bytes()
    );

    let plain = Document::<Plain>::parse_plain(PLAIN.as_bytes(), Format::Yaml).unwrap();
    let options = EncryptOptions::new([recipient.clone()]);
    let ours = plain.encrypt(&options, keyring).unwrap();
    fs::write(dir.path().join("ours.yaml"), &ours).unwrap();
    assert_eq!(
        sops(program, dir.path(), vars, &["decrypt", "ours.yaml"]),
        PLAIN
    );
    // Key by key as real sops writes it; its 3.11 has another order.
    let keys = |file: &str| -> Vec<String> {
        let lines = file
            .lines()
            .map(str::trim)
            .filter_map(|line| line.split_once(':'));
        let mut keys: Vec<_> = lines
            .map(|(key, _)| key.trim_start_matches("- ").to_owned())
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(std::str::from_utf8(&ours).unwrap()), keys(&theirs));
}

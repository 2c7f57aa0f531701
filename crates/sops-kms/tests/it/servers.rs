//! Real servers, started for one test and ended with it.

use std::{env, fs, path::Path, process::Command};

use sops_core::{Document, EncryptOptions, Format, Keyring, Plain, format::Style, keys::Recipient};

#[cfg(feature = "vault")]
use sops_kms::http::{Client, Request};
pub(crate) use testkit::servers::Server;
#[cfg(any(feature = "aws", feature = "vault"))]
pub(crate) use testkit::servers::tool;

#[cfg(feature = "vault")]
use super::world::env;

/// A running OpenBao, with what an administrator may do.
#[cfg(feature = "vault")]
pub(crate) struct Bao {
    server: Server,
    home: tempfile::TempDir,
    secure: bool,
}

/// Starts OpenBao for development, with the token `root`. Where there is none,
/// as [`tool`] says.
#[cfg(feature = "vault")]
pub(crate) fn open_bao() -> Option<Bao> {
    Bao::start(false)
}

/// The same with TLS, and an authority of its own.
#[cfg(feature = "vault")]
pub(crate) fn open_bao_with_tls() -> Option<Bao> {
    Bao::start(true)
}

#[cfg(feature = "vault")]
impl Bao {
    fn start(secure: bool) -> Option<Self> {
        let program = tool("bao")?;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().display().to_string();
        let args = |port: u16| {
            let mut args = vec![
                "server".into(),
                "-dev".into(),
                "-dev-root-token-id=root".into(),
                format!("-dev-listen-address=127.0.0.1:{port}"),
            ];
            if secure {
                args.extend(["-dev-tls".into(), format!("-dev-tls-cert-dir={path}")]);
            }
            args
        };
        let server = Server::start(&program, args, &[("HOME", &path)]);
        Some(Bao {
            server,
            home,
            secure,
        })
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.server.port)
    }

    /// The certificate of its authority.
    pub(crate) fn ca(&self) -> String {
        self.home.path().join("vault-ca.pem").display().to_string()
    }

    /// Asks for something in a namespace, as the administrator.
    pub(crate) fn post(&self, path: &str, namespace: &str, body: &str) -> serde_json::Value {
        let request = Request::post(format!("{}/v1/{path}", self.url()))
            .with_body(body.as_bytes().to_vec())
            .with_header("x-vault-namespace", namespace);
        self.ask(&request)
    }

    pub(crate) fn get(&self, path: &str) -> serde_json::Value {
        let path = path.replace(' ', "%20");
        self.ask(&Request::get(format!("{}/v1/{path}", self.url())))
    }

    fn ask(&self, request: &Request) -> serde_json::Value {
        let request = request.clone().with_header("x-vault-token", "root");
        let client = Client::new(&env(&[]));
        let client = client.trusting_file(self.secure.then(|| self.ca().into()));
        let answer = client.send(&request).unwrap();
        let body = String::from_utf8_lossy(answer.body());
        assert!(answer.is_success(), "{request:?}: {answer:?} {body}");
        serde_json::from_slice(answer.body()).unwrap_or_default()
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

//! Real servers, started for one test and ended with it.

use std::{
    env,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{fake::nobody, files::repository};

/// A running server; its end is the end of the process.
pub struct Server {
    child: Child,
    /// Where it listens, at 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// Starts a program on a free port, and waits until it listens.
    ///
    /// # Panics
    ///
    /// Where it does not start, or does not listen within a minute.
    #[must_use]
    pub fn start(program: &Path, args: impl Fn(u16) -> Vec<String>, vars: &[(&str, &str)]) -> Self {
        let port = nobody().port();
        let child = Command::new(program)
            .args(args(port))
            .envs(vars.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut server = Server { child, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().expect("a process");
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

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// drongo, which answers as Google does; `None` where it is not installed, as
/// [`tool`] says.
#[must_use]
pub fn drongo() -> Option<Server> {
    let args = |port: u16| {
        ["server", "--port", &port.to_string()]
            .map(Into::into)
            .into()
    };
    Some(Server::start(&tool("drongo")?, args, &[]))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that `.ci/run` installs into `target/ci-tools`, or that is on the
/// path. Where there is none the test says that it is skipped; with `CI` set
/// it fails.
///
/// # Panics
///
/// With `CI` set, where there is none.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let own = repository().join("target/ci-tools/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [own].into_iter().chain(env::split_paths(&path));
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(env::var_os("CI").is_none(), "{name} is not installed");
        eprintln!("skipped: {name} is not installed (see .ci/run)");
    }
    found
}

/// Go sops: what the variable `SOPS` names, else as [`tool`] finds it.
#[must_use]
pub fn sops() -> Option<PathBuf> {
    let named = env::var_os("SOPS").map(PathBuf::from);
    named.or_else(|| tool("sops"))
}

//! A tenant's programs. Each tries one thing, and says so by a name in what is
//! rendered; it must succeed without the guard, or the test shows nothing.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Child, Command, Stdio},
};

use super::{
    landlock,
    server::{LEGACY, OTHER, OWN, PASSWORD, Server},
};
use crate::world::{installed_kubectl as kubectl, is_root};

/// Runs a shell on the manifest itself: kustomize looks for the plugin at a
/// path made of these fields. The shell does not find the commands
/// `apiVersion:` and so on, and goes on to the script, whose first line is the end
/// of a pipe.
fn manifest(script: &str) -> String {
    let up = "../".repeat(20);
    let script: String = script.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: viaduct.ai/{up}usr/bin/x\nkind: ../sh\nmetadata:\n  name: x\nscript: |\n  :\n{script}"
    )
}

/// A generator that says in what it renders whether a shell command of the
/// tenant's succeeded: see [`said`].
pub(crate) fn generator(attempt: &str) -> String {
    manifest(&format!(
        r#"if ( {attempt} ) >/dev/null 2>&1; then result=yes; else result=no; fi
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  result: "%s"\n' "$result"
exit 0
"#
    ))
}

/// What [`generator`] rendered.
pub(crate) fn said(rendered: &str) -> Option<bool> {
    let mut lines = rendered.lines();
    let result = lines.find_map(|line| line.trim().strip_prefix("result: "))?;
    match result {
        "\"yes\"" => Some(true),
        "\"no\"" => Some(false),
        _ => None,
    }
}

impl Server {
    /// Whether a shell command of the tenant's succeeds.
    fn succeeds(&self, is_guarded: bool, attempt: &str) -> bool {
        let folder = format!("{OWN}/hostile");
        let generators = "generators: [x.yaml]\n";
        self.world
            .write(&format!("{folder}/kustomization.yaml"), generators);
        self.world
            .write(&format!("{folder}/x.yaml"), generator(attempt));
        let rendered = self.build(is_guarded, "hostile", LEGACY).rendered();
        said(&rendered).unwrap_or_else(|| panic!("{attempt}\n{rendered}"))
    }

    #[track_caller]
    fn is_kept_out(&self, attempt: &str) {
        assert!(self.succeeds(false, attempt), "not even without: {attempt}");
        assert!(!self.succeeds(true, attempt), "with the guard: {attempt}");
    }

    #[track_caller]
    fn is_let(&self, attempt: &str) {
        assert!(
            self.succeeds(true, attempt),
            "not with the guard: {attempt}"
        );
    }
}

/// A process of the repo-server's, which is ended with the test.
struct Process(Child);

impl Process {
    fn new(server: &Server) -> Self {
        let mut command = Command::new("sleep");
        command.arg("600").env("SECRET_OF_SERVER", PASSWORD);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if is_root() {
            command.uid(server.world.user.unwrap());
            command.gid(server.world.user.unwrap());
        }
        Process(command.spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn files_of_others() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let path = |path: &str| server.world.path(path).display().to_string();
    server.world.write("home/.ssh/id_ed25519", "key");
    server.world.write("elsewhere/file", "x");
    let ssh_key = format!("/dev/shm/ksops-guard-test-{}", std::process::id());
    fs::write(&ssh_key, "key").unwrap();
    fs::set_permissions(&ssh_key, fs::Permissions::from_mode(0o644)).unwrap();
    for file in [
        path(&format!("{OTHER}/private.txt")),
        path(&format!("{OTHER}/.git/HEAD")),
        path("keys/team-b/age.agekey"),
        path("home/.ssh/id_ed25519"),
        path("elsewhere/file"),
        ssh_key.clone(),
    ] {
        server.is_kept_out(&format!("cat '{file}'"));
        // A link in the checkout leads nowhere else.
        let link = path(&format!("{OWN}/link"));
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&file, &link).unwrap();
        server.is_kept_out(&format!("cat '{link}'"));
        // Nor does a way through /proc.
        server.is_kept_out(&format!("cat '/proc/self/root{file}'"));
        server.is_kept_out(&format!("cp '{file}' \"$TMPDIR/copy\""));
        // A kernel that protects hard links lets one's own files have them only.
        if file.contains("/_argocd-repo/") {
            server.is_kept_out(&format!(
                "ln -f '{file}' \"$TMPDIR/hard\" && cat \"$TMPDIR/hard\""
            ));
        }
    }
    fs::remove_file(&ssh_key).unwrap();
    for folder in [
        path("keys"),
        path("tmp/_argocd-repo"),
        path("tmp"),
        path("home"),
    ] {
        server.is_kept_out(&format!("ls '{folder}'"));
    }
    // The other checkout as a remote base.
    let base = format!("resources: ['file://{}?ref=main']", path(OTHER));
    let name = format!("{OWN}/base/kustomization.yaml");
    server.world.write(&name, base);
    let refused = server.build(true, "base", LEGACY);
    assert!(!refused.ok);

    // What it has to have, and what it cannot be kept from.
    for file in [
        path(&format!("{OWN}/private.txt")),
        path("keys/team-a/age.agekey"),
        path("keys/_shared/age.agekey"),
        "/etc/passwd".into(),
    ] {
        server.is_let(&format!("cat '{file}'"));
    }
    server.is_let(&format!("stat '{}'", path("keys/team-b/age.agekey")));
}

#[test]
fn writing() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    server.own("tmp");
    let path = |path: &str| server.world.path(path).display().to_string();
    for file in [
        format!("{OWN}/.git/hooks/post-checkout"),
        format!("{OWN}/.git/config"),
        format!("{OWN}/new"),
        format!("{OWN}/app/new"),
        format!("{OTHER}/new"),
        "tmp/new".into(),
        "tmp/.git".into(),
        "home/.gitconfig".into(),
        "custom-tools/new".into(),
    ] {
        server.is_kept_out(&format!("echo x > '{}'", path(&file)));
    }
    let other = path(&format!("{OTHER}/private.txt"));
    for attempt in [
        format!(": >> '{other}'"),
        format!("truncate -s 3 '{other}'"),
        format!("mv '{other}' '{other}.moved' && mv '{other}.moved' '{other}'"),
        format!("mkdir '{0}/d' && rmdir '{0}/d'", path("tmp")),
        format!("ln -s /etc '{0}/l' && rm '{0}/l'", path("tmp")),
        format!("mkfifo '{0}/p' && rm '{0}/p'", path("tmp")),
        format!(
            "mv '{0}/app' '{0}/moved' && mv '{0}/moved' '{0}/app'",
            path(OWN)
        ),
        format!("rm '{}'", path(&format!("{OTHER}/app/generator.yaml"))),
    ] {
        server.is_kept_out(&attempt);
    }
    server
        .is_let("echo x > \"$TMPDIR/x\" && mkdir \"$TMPDIR/d\" && mv \"$TMPDIR/x\" \"$TMPDIR/d\"");
    server.is_let("echo x > /dev/null");
    // Nothing that was written is run.
    server
        .is_kept_out("cp /bin/true \"$TMPDIR/own\" && chmod +x \"$TMPDIR/own\" && \"$TMPDIR/own\"");
    let is_private =
        |path: &std::path::PathBuf| path.display().to_string().contains("ksops-guard-");
    assert!(!server.left().iter().any(is_private));
}

/// A folder in the checkout that a build may write to would outlive it: with a
/// repository of git's in it, that the next commit names as a submodule, git
/// runs its hooks when Argo CD calls it next, outside of the guard.
#[test]
fn chart_folders() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let folder = format!("{OWN}/hostile");
    let chart = "resources: [evil]\nhelmCharts:\n- name: x\n  repo: http://127.0.0.1:1\n";
    for (name, text) in [("", chart), ("evil/", "generators: [x.yaml]\n")] {
        let name = format!("{folder}/{name}kustomization.yaml");
        server.world.write(&name, text);
    }
    server.own(OWN);
    let options = [LEGACY, &["--enable-helm"]].concat();
    for there in [false, true] {
        let charts = server.world.path(&folder).join("charts");
        let attempt = generator(
            "mkdir -p ../charts/.git/hooks && echo x > ../charts/.git/hooks/post-checkout",
        );
        server
            .world
            .write(&format!("{folder}/evil/x.yaml"), attempt);
        let hook = charts.join(".git/hooks/post-checkout");
        for is_guarded in [true, false] {
            let _ = fs::remove_dir_all(&charts);
            if there {
                fs::create_dir(&charts).unwrap();
                server.own(&folder);
            }
            // The chart cannot be had, after the program ran.
            assert!(!server.build(is_guarded, "hostile", &options).ok);
            assert_eq!(hook.exists(), !is_guarded, "{there}");
        }
    }
}

#[test]
fn programs_of_the_repository_are_not_run() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let name = format!("{OWN}/evil/x/x");
    server.script(&name, "#!/bin/sh\nexit 0\n");
    let program = server.world.path(&name);
    server.is_kept_out(&format!("'{}'", program.display()));
    // A second line only: an interpreter reads it.
    server.is_let(&format!("sh '{}'", program.display()));
}

#[test]
fn processes_of_others() {
    let (Some(kubectl), Some(version)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let other = Process::new(&server);
    let pid = other.0.id();
    for file in ["environ", "maps"] {
        server.is_kept_out(&format!("head -c 1 /proc/{pid}/{file}"));
    }
    for folder in ["root", "cwd"] {
        server.is_kept_out(&format!("ls /proc/{pid}/{folder}/"));
    }
    // Their numbers are told, and not what they are.
    for link in ["fd/0", "exe"] {
        server.is_kept_out(&format!("readlink /proc/{pid}/{link}"));
    }
    // Neither that of the repo-server, nor that of the guard itself.
    // (The manifest is in the environment too: the pattern is not to find itself.)
    let pattern = PASSWORD.replace("-password", "[-]password");
    server.is_kept_out(&format!(
        "grep -la '{pattern}' /proc/[0-9]*/environ | grep ."
    ));
    if version >= ksops_rs::guard::kernel::SIGNALS {
        server.is_kept_out(&format!("kill -0 {pid}"));
        server.is_kept_out(&format!("kill -CONT {pid}"));
        // The guard outside of the wall, which waits for its end.
        let guard = "$(cut -d' ' -f4 /proc/$PPID/stat)";
        server.is_let(&format!("test -n \"$(cat /proc/{guard}/comm)\""));
        assert!(!server.succeeds(true, &format!("kill -0 {guard}")));
        assert!(!server.succeeds(true, &format!("cat /proc/{guard}/environ")));
    } else {
        eprintln!("SKIPPED: signals are kept in by Landlock 6, and this is {version}");
    }
}

#[test]
fn the_environment() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let mut server = Server::new(&kubectl);
    for (name, value) in [
        ("SOPS_AGE_KEY", "AGE-SECRET-KEY-1"),
        ("AWS_SECRET_ACCESS_KEY", PASSWORD),
        ("VAULT_TOKEN", PASSWORD),
        ("GIT_SSL_NO_VERIFY", "true"),
    ] {
        server.world.set_text(name, value);
    }
    for name in [
        "REDIS_PASSWORD",
        "ARGOCD_REPO_SERVER_TOKEN",
        "SOPS_AGE_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "VAULT_TOKEN",
        "KSOPS_GUARD_KUSTOMIZE",
    ] {
        server.is_kept_out(&format!("test -n \"${name}\""));
    }
    for name in [
        "ARGOCD_APP_NAME",
        "ARGOCD_APP_PROJECT_NAME",
        "HOME",
        "PATH",
        "LANG",
        "KUSTOMIZE_PLUGIN_HOME",
        "KSOPS_GUARD_ROOT",
        "GIT_SSL_NO_VERIFY",
    ] {
        server.is_let(&format!("test -n \"${name}\""));
    }
    server
        .world
        .set_text("KSOPS_GUARD_ENV", "OTHER,REDIS_PASSWORD");
    server.is_let("test -n \"$REDIS_PASSWORD\"");
}

#[test]
fn abstract_sockets() {
    use std::os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    };
    let (Some(kubectl), Some(version)) = (kubectl(), landlock()) else {
        return;
    };
    if version < ksops_rs::guard::kernel::SIGNALS {
        return eprintln!("SKIPPED: sockets are kept in by Landlock 6, and this is {version}");
    }
    let server = Server::new(&kubectl);
    let name = format!("ksops-guard-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    server.is_kept_out(&format!(
        "perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) or exit 2; connect(S, sockaddr_un(\"\\0{name}\")) or exit 1'"
    ));
}

/// What others open and make is nobody's business: 254 is the call
/// `inotify_add_watch` on x86_64.
#[test]
fn watching_folders() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    if std::env::consts::ARCH != "x86_64" {
        return eprintln!("SKIPPED: the number of the system call is x86_64's");
    }
    let server = Server::new(&kubectl);
    server.is_kept_out(
        "perl -e '$fd = syscall(294, 0); $fd >= 0 or exit 2; $p = \"/\"; syscall(254, $fd, $p, 0x100) >= 0 or exit 1'",
    );
}

/// The repo-server listens on a port of its own, and renders for whatever
/// project a request names.
#[test]
fn ports() {
    let (Some(kubectl), Some(version)) = (kubectl(), landlock()) else {
        return;
    };
    if version < ksops_rs::guard::kernel::PORTS {
        return eprintln!("SKIPPED: ports are closed by Landlock 4, and this is {version}");
    }
    let mut server = Server::new(&kubectl);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = |protocol: u16| {
        format!(
            "perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, {protocol}) or exit 2; connect(S, sockaddr_in({port}, inet_aton(\"127.0.0.1\"))) or exit 1'"
        )
    };
    server.is_kept_out(&connect(0));
    // TCP Fast Open, which connects as it sends: as `sendto` and as `sendmsg`.
    if fs::read_to_string("/proc/sys/net/ipv4/tcp_fastopen").is_ok_and(|on| on.trim() != "0") {
        server.is_kept_out(&format!(
            "perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0) or exit 2; send(S, \"x\", 0x20000000, sockaddr_in({port}, inet_aton(\"127.0.0.1\"))) or exit 1'"
        ));
    }
    server.is_kept_out(
        "perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0) or exit 2; listen(S, 1) or exit 1'",
    );
    // MPTCP, which falls back to TCP.
    if fs::read_to_string("/proc/sys/net/mptcp/enabled").is_ok_and(|on| on.trim() == "1") {
        server.is_kept_out(&connect(262));
    }
    server
        .world
        .set_text("KSOPS_GUARD_PORTS", &port.to_string());
    server.is_let(&connect(0));
    server.world.set_text("KSOPS_GUARD_PORTS", "any");
    server.is_let(&connect(0));
}

#[test]
fn limits_of_others() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let other = Process::new(&server);
    let pid = other.0.id();
    for attempt in [
        format!("prlimit --pid {pid} --core=1:1"),
        format!("renice -n 19 {pid}"),
        format!("taskset -p 1 {pid}"),
        format!("ionice -c 3 -p {pid}"),
    ] {
        assert!(
            !server.succeeds(true, &attempt),
            "with the guard: {attempt}"
        );
        assert!(
            server.succeeds(false, &attempt),
            "not even without: {attempt}"
        );
    }
}

/// What everybody's builds may read must not hold the keys.
#[test]
fn keys_below_a_folder_of_everybody() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let mut server = Server::new(&kubectl);
    let link = server.world.path("link");
    std::os::unix::fs::symlink(server.world.path(""), link).unwrap();
    for around in ["keys", "", "link"] {
        server.world.set("KSOPS_GUARD_READ", around);
        let errors = server.build(true, "app", LEGACY).refused();
        let said = "the keys of all projects are in it";
        assert!(errors.contains(said), "{around}: {errors}");
    }
    server.world.set("KSOPS_GUARD_READ", "keys/team-a");
    assert!(server.build(true, "app", LEGACY).ok);
}

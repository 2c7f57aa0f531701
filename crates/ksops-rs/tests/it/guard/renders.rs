//! What a real render needs, behind the guard.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    landlock,
    server::{LEGACY, OWN, Server},
    skip,
};
use testkit::generators::KRM;

use crate::world::{
    Built, GENERATOR, SECRETS, installed_kubectl as kubectl, is_root, resources, secret,
};

#[test]
fn both_styles_components_and_bases() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let write = |path: &str, text: &str| server.world.write(&format!("{OWN}/{path}"), text);
    write(
        "overlay/kustomization.yaml",
        "resources: [../base]\ncomponents: [../component]\ngenerators: [generator.yaml]\n",
    );
    write(
        "overlay/generator.yaml",
        &GENERATOR.replace("secret.enc", "../secrets/s.enc"),
    );
    let keys = [&server.shared];
    let file = format!("{OWN}/secrets/s.enc.yaml");
    server
        .world
        .encrypt(&file, &keys, SECRETS, &secret("shared", "a", "b"));
    write("base/kustomization.yaml", "resources: [../app]\n");
    write(
        "component/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: x-\n",
    );
    let rendered = server.build(true, "overlay", LEGACY).rendered();
    let names: Vec<_> = resources(&rendered).into_keys().collect();
    assert_eq!(names, ["Secret/x-db", "Secret/x-shared"]);

    // KRM style, where the stand-in of kustomize asks the ksops on PATH.
    write("app/generator.yaml", KRM);
    let options = [LEGACY, &["--enable-exec"]].concat();
    let list = server.build(true, "app", &options).rendered();
    assert!(
        list.contains("kind: ResourceList") && list.contains("name: db"),
        "{list}"
    );
    // A generator cannot name another project, as the wall is the guard's.
    let other = format!("{OWN}/app/secret.enc.yaml");
    server
        .world
        .encrypt(&other, &[&server.team_b], SECRETS, &secret("db", "a", "b"));
    let refused = server.build(true, "app", &options);
    assert!(!refused.ok);
}

#[test]
fn the_root_is_handed_down() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let mut server = Server::new(&kubectl);
    // No .git, as of an OCI source.
    fs::remove_dir_all(server.world.path(OWN).join(".git")).unwrap();
    let generator = GENERATOR.replace("secret.enc", "../app/secret.enc");
    for (path, text) in [
        ("deep/kustomization.yaml", "generators: [generator.yaml]\n"),
        ("deep/generator.yaml", &generator),
    ] {
        server.world.write(&format!("{OWN}/{path}"), text);
    }
    server.world.set_text("ARGOCD_APP_SOURCE_PATH", "deep");
    assert!(server.build(true, "deep", LEGACY).ok);
    let outside = GENERATOR.replace("secret.enc.yaml", "../../9f8e/private.txt");
    server
        .world
        .write(&format!("{OWN}/deep/generator.yaml"), outside);
    let refused = server.build(true, "deep", LEGACY).errors;
    let root = server.world.path(OWN).display().to_string();
    let expected =
        format!("outside of {root}, the repository that ksops guard lets this build read");
    assert!(refused.contains(&expected), "{refused}");
}

#[test]
fn any_user_of_openshift() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    if !is_root() {
        return;
    }
    let mut server = Server::new(&kubectl);
    server.world.user = Some(1_000_680_000);
    server.own(OWN);
    assert!(server.build(true, "app", LEGACY).ok);
    assert!(server.left().is_empty());
}

#[test]
fn keys_of_everybody() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let mut server = Server::new(&kubectl);
    server.world.vars.remove("KSOPS_KEY_DIR");
    server.world.vars.remove("ARGOCD_APP_PROJECT_NAME");
    assert!(!server.build(true, "app", LEGACY).ok);
    let identity = server.team_a.identity.clone();
    // In a variable, in a file that one names, in a folder, and at home.
    server.world.set_text("SOPS_AGE_KEY", &identity);
    assert!(server.build(true, "app", LEGACY).ok);
    server.world.vars.remove("SOPS_AGE_KEY");
    server
        .world
        .set("SOPS_AGE_KEY_FILE", "keys/team-a/age.agekey");
    assert!(server.build(true, "app", LEGACY).ok);
    server.world.vars.remove("SOPS_AGE_KEY_FILE");
    server.world.set("KSOPS_KEY_DIR", "keys/team-a");
    assert!(server.build(true, "app", LEGACY).ok);
    server.world.vars.remove("KSOPS_KEY_DIR");
    server
        .world
        .write("home/.config/sops/age/keys.txt", &identity);
    assert!(server.build(true, "app", LEGACY).ok);
}

/// A key folder as kubelet mounts a projected volume: every name a link.
#[test]
fn keys_of_a_projected_volume() {
    use std::os::unix::fs::symlink;
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let mut server = Server::new(&kubectl);
    let keys = server.world.path("mounted");
    for (name, key) in [("team-a", &server.team_a), ("team-b", &server.team_b)] {
        let file = format!("mounted/..2026_11_25/{name}/age.agekey");
        server.world.write(&file, &key.identity);
        symlink(format!("..data/{name}"), keys.join(name)).unwrap();
    }
    symlink("..2026_11_25", keys.join("..data")).unwrap();
    server.world.set("KSOPS_KEY_DIR", "mounted");
    assert!(server.build(true, "app", LEGACY).ok);
    server.world.set_text("ARGOCD_APP_PROJECT_NAME", "team-b");
    assert!(!server.build(true, "app", LEGACY).ok);
}

/// A program that `.ci/kube` fetched, or on `PATH`.
fn tool(name: &str) -> Option<PathBuf> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/ci-tools/kube");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = [PathBuf::from(own)]
        .into_iter()
        .chain(std::env::split_paths(&paths))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("there is no {name}"));
    }
    found
}

/// Serves files over HTTP on a port of its own.
fn serve(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = move |mut stream: TcpStream| -> std::io::Result<()> {
        let mut request = [0; 4096];
        let count = stream.read(&mut request)?;
        let request = String::from_utf8_lossy(&request[..count]).into_owned();
        let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
        let found = fs::read(folder.join(path.trim_start_matches('/')));
        let (status, body) = match found {
            Ok(body) => ("200 OK", body),
            Err(_) => ("404 Not Found", Vec::new()),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )?;
        stream.write_all(&body)
    };
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream);
        }
    });
    port
}

#[test]
fn remote_helm_charts() {
    let (Some(kubectl), Some(_)) = (tool("kubectl"), landlock()) else {
        return;
    };
    let Some(helm) = tool("helm") else { return };
    let mut server = Server::new(&kubectl);
    let helm_copy = server.world.path("image/usr/local/bin/helm");
    fs::copy(&helm, &helm_copy).unwrap();
    fs::set_permissions(&helm_copy, fs::Permissions::from_mode(0o755)).unwrap();
    for (path, text) in [
        ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
        (
            "templates/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: {{ .Values.a | quote }}}\n",
        ),
        ("values.yaml", "a: b\n"),
        // Git would run what such a file names, when next it is called there.
        ("sub/.git/config", "[core]\nfsmonitor = evil\n"),
    ] {
        server.world.write(&format!("chart/web/{path}"), text);
    }
    server.world.open_dir("charts");
    let run = |args: &[&str]| {
        let mut command = server.world.command(&helm_copy, "");
        let output = command.args(args).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(&["package", "chart/web", "-d", "charts"]);
    run(&["repo", "index", "charts"]);
    let port = serve(server.world.path("charts"));
    server
        .world
        .set_text("KSOPS_GUARD_PORTS", &port.to_string());
    let folder = format!("{OWN}/web");
    let text = format!(
        "helmCharts:\n- name: web\n  repo: http://127.0.0.1:{port}\n  version: 0.1.0\n  releaseName: web\n  valuesInline: {{a: c}}\n"
    );
    server
        .world
        .write(&format!("{folder}/kustomization.yaml"), &text);
    server.own(OWN);
    let command = format!("--helm-command={}", helm_copy.display());
    let ksops = server.world.path("custom-tools/ksops");
    let mut build = server.world.command(&ksops, OWN);
    build.args(["guard", "--"]).arg(&kubectl);
    build.args(["kustomize", "web", "--enable-helm", &command]);
    let rendered = Built::of(build.output().unwrap());
    assert!(rendered.rendered().contains("a: c"));
    // It is there for the next time, as kustomize leaves it, but for what git
    // would take for a repository.
    let web = server.world.path(&folder).join("charts/web-0.1.0/web");
    assert!(web.join("Chart.yaml").is_file());
    assert!(!web.join("sub/.git").exists());
    assert!(server.left().is_empty());
    // And is not fetched again.
    fs::remove_dir_all(server.world.path("charts")).unwrap();
    let build = |folder: &str| {
        let mut build = server.world.command(&ksops, OWN);
        build.args(["guard", "--"]).arg(&kubectl);
        build.args(["kustomize", folder, "--enable-helm", &command]);
        Built::of(build.output().unwrap())
    };
    assert!(build("web").rendered().contains("a: c"));
    // What cannot be fetched is said, and kustomize stops there.
    let text = text.replace("0.1.0", "0.2.0");
    let name = format!("{OWN}/other/kustomization.yaml");
    server.world.write(&name, text);
    let errors = build("other").refused();
    let said = "warning: guard: the chart \"web\": helm did not fetch it";
    assert!(errors.contains(said), "{errors}");
    assert!(!server.world.path(OWN).join("other/charts").exists());
}

/// A server for git over ssh, on the loopback, which is ended with the test.
struct Sshd(Child);

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn remote_bases_over_ssh() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let sshd = Path::new("/usr/sbin/sshd");
    if !sshd.is_file() {
        return skip("there is no /usr/sbin/sshd");
    }
    if !is_root() {
        return skip("sshd needs root");
    }
    let mut server = Server::new(&kubectl);
    // ssh wants a name for its user.
    server.world.user = Some(65534);
    server.own(OWN);
    let path = |path: &str| server.world.path(path).display().to_string();
    let shell = |script: &str| {
        let status = Command::new("sh").args(["-ec", script]).output().unwrap();
        assert!(
            status.status.success(),
            "{}",
            String::from_utf8_lossy(&status.stderr)
        );
    };
    // The base has a generator: its files are in the clone.
    server.world.write(
        "base.git/kustomization.yaml",
        "generators: [generator.yaml]\n",
    );
    server.world.write("base.git/generator.yaml", GENERATOR);
    let keys = [&server.team_a];
    let text = secret("remote", "a", "b");
    server
        .world
        .encrypt("base.git/secret.enc.yaml", &keys, SECRETS, &text);
    shell(&format!(
        "cd '{}' && git init -q -b main && git add . && git -c user.name=x -c user.email=x@x commit -q -m x && git config receive.denyCurrentBranch ignore",
        path("base.git")
    ));
    fs::create_dir_all(server.world.path("ssh")).unwrap();
    shell(&format!(
        "cd '{}' && ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f user && mkdir -p /run/sshd",
        path("ssh")
    ));
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let git = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .find(|folder| folder.join("git-upload-pack").is_file())
        .unwrap();
    server.world.write(
        "ssh/config",
        format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {0}/host\nAuthorizedKeysFile {0}/user.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\nSetEnv PATH={1}:/usr/bin:/bin\n",
            path("ssh"),
            git.display()
        ),
    );
    let child = Command::new(sshd)
        .args(["-D", "-e", "-f", &path("ssh/config")])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Sshd(child);
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "sshd listens");
        thread::sleep(Duration::from_millis(20));
    }
    // As Argo CD does it: the key in a file of its own in /dev/shm.
    let key = format!("/dev/shm/ksops-guard-ssh-{}", std::process::id());
    fs::copy(server.world.path("ssh/user"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&key, server.world.user, server.world.user).unwrap();
    let host = fs::read_to_string(server.world.path("ssh/host.pub")).unwrap();
    server
        .world
        .write("ssh/known_hosts", format!("[127.0.0.1]:{port} {host}"));
    let command = format!(
        "ssh -F none -i {key} -o StrictHostKeyChecking=yes -o UserKnownHostsFile={}",
        path("ssh/known_hosts")
    );
    let base = format!(
        "resources: ['ssh://root@127.0.0.1:{port}{}?ref=main']\n",
        path("base.git")
    );
    server
        .world
        .write(&format!("{OWN}/remote/kustomization.yaml"), base);
    server.world.set_text("GIT_SSH_COMMAND", &command);
    server
        .world
        .set_text("KSOPS_GUARD_PORTS", &port.to_string());
    let built: Built = server.build(true, "remote", LEGACY);
    let _ = fs::remove_file(&key);
    let rendered = built.rendered();
    assert!(
        resources(&rendered).contains_key("Secret/remote"),
        "{rendered}"
    );
    assert!(server.left().is_empty());
}

//! Argo CD's sequence of calls, exit codes, signals, temporary files, and what
//! is said where the guard does not run.

use std::{
    fs, io,
    io::Read,
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    landlock,
    server::{LEGACY, OWN, Server},
};
use crate::world::{Built, installed_kubectl as kubectl, resources};

/// Waits until something is so, for half a minute at most.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn argo_cds_sequence() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let run = |args: &[&str], dir: &str| {
        let mut command = server.command(true, args);
        command.current_dir(server.world.path(dir));
        Built::of(command.output().unwrap()).rendered()
    };
    assert_eq!(run(&["version", "--short"], "/"), "v5.8.1\n");
    let app = format!("{OWN}/app");
    run(&["edit", "set", "image", "shop=registry/shop:2"], &app);
    run(&["edit", "add", "label", "build:1"], &app);
    let edited = fs::read_to_string(server.world.path(&app).join("kustomization.yaml")).unwrap();
    assert!(edited.contains("# edit set image shop=registry/shop:2\n# edit add label build:1\n"));
    let guarded = server.build(true, "app", LEGACY).rendered();
    assert!(resources(&guarded).contains_key("Secret/db"));
    assert!(server.left().is_empty());
    // The same bytes as without it, where the plugin is allowed everything.
    assert_eq!(guarded, server.build(false, "app", LEGACY).rendered());
}

#[test]
fn exit_codes_and_words_are_kustomizes() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let code = |args: &[&str]| server.command(true, args).output().unwrap().status.code();
    assert_eq!(code(&["exit", "7"]), Some(7));
    let guarded = server.build(true, "nothing-here", LEGACY);
    let plain = server.build(false, "nothing-here", LEGACY);
    assert!(!guarded.ok && !plain.ok);
    // Behind the time of day.
    let said = |built: &Built| {
        built
            .errors
            .split_once("err=")
            .map(|(_, said)| said.to_owned())
    };
    assert!(said(&plain).is_some());
    assert_eq!(said(&guarded), said(&plain));
    server.script("image/usr/local/bin/kustomize", "#!/bin/sh\nexit 41\n");
    assert_eq!(code(&["build", "."]), Some(41));
    server.script(
        "image/usr/local/bin/kustomize",
        "#!/bin/sh\nkill -TERM $$\n",
    );
    let ended = server.command(true, &["build", "."]).output().unwrap();
    assert_eq!(ended.status.signal(), Some(15));
    server.script(
        "image/usr/local/bin/kustomize",
        "#!/bin/sh\nkill -KILL $$\n",
    );
    let ended = server.command(true, &["build", "."]).output().unwrap();
    assert_eq!(ended.status.signal(), Some(9));
    assert!(server.left().is_empty());
}

/// A kustomize that waits in its temporary folder.
fn waiting(server: &Server) -> Child {
    server.script(
        "image/usr/local/bin/kustomize",
        "#!/bin/sh\ntrap 'echo got it; exit 9' TERM\nmkdir \"$TMPDIR/clone\"\necho $$ > \"$TMPDIR/pid\"\nwhile :; do sleep 0.05; done\n",
    );
    server
        .command(true, &["build", "."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn pid_file(server: &Server) -> Option<String> {
    let left = server.left();
    let text = fs::read_to_string(left.first()?.join("pid")).ok()?;
    text.ends_with('\n').then(|| text.trim().to_owned())
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn signals_are_passed_on() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let mut child = waiting(&server);
    until("it starts", || pid_file(&server).is_some());
    signal(child.id(), "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(9));
    let mut said = String::new();
    child.stdout.unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "got it\n");
    assert!(server.left().is_empty());
}

#[test]
fn what_a_killed_guard_leaves_is_ended_and_removed() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let mut child = waiting(&server);
    until("it starts", || pid_file(&server).is_some());
    let pid = pid_file(&server).unwrap();
    signal(child.id(), "KILL");
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    until("kustomize ends with it", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or_else(
            |error| error.kind() == io::ErrorKind::NotFound,
            |stat| stat.contains(") Z "),
        )
    });
    assert_eq!(server.left().len(), 1);
    server.script(
        "image/usr/local/bin/kustomize",
        "#!/bin/sh\nls -d \"$TMPDIR\"/..\n",
    );
    assert!(
        server
            .command(true, &["build", "."])
            .status()
            .unwrap()
            .success()
    );
    assert!(server.left().is_empty());
}

#[test]
fn by_hand() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let server = Server::new(&kubectl);
    let ksops = server.world.path("custom-tools/ksops");
    let run = |args: &[&str]| {
        let mut command = server.world.command(&ksops, OWN);
        Built::of(command.arg("guard").args(args).output().unwrap())
    };
    let program = kubectl.to_str().unwrap();
    let build = ["kustomize", "--enable-alpha-plugins", "app"];
    let own = [&["--", program][..], &build].concat();
    assert!(run(&own).rendered().contains("password: "));
    assert_eq!(run(&["--", "kustomize", "version"]).rendered(), "v5.8.1\n");
    let named = ["--", "kustomize", "build", "--enable-alpha-plugins", "app"];
    assert!(run(&named).rendered().contains("password: "));
    // Another program is guarded whatever it does.
    let other = server.world.path("keys/team-b/age.agekey");
    let cat = ["--", "cat", other.to_str().unwrap()];
    assert!(run(&cat).refused().contains("Permission denied"));
    let more = [&["--read", other.to_str().unwrap()][..], &cat].concat();
    assert!(run(&more).rendered().starts_with("AGE-SECRET-KEY"));
    let env = [
        "--env",
        "REDIS_PASSWORD",
        "--",
        "printenv",
        "REDIS_PASSWORD",
    ];
    assert_eq!(run(&env).rendered().trim(), super::server::PASSWORD);
    assert!(!run(&env[2..]).ok);
    let mut all = String::new();
    for args in [
        &[][..],
        &["--"],
        &["--env"],
        &["--env", "A=B", "--", "env"],
        &["kustomize", "build"],
        &["--read", "x", "--", "cat"],
        &["--", "/nowhere/kustomize", "build"],
        &["--", "no-such-program"],
    ] {
        let refused = run(args);
        assert!(!refused.ok);
        all += &format!("$ ksops guard {}\n{}\n", args.join(" "), refused.errors);
    }
    insta::assert_snapshot!("guard_by_hand", all);
    insta::assert_snapshot!("guard_help", run(&["--help"]).rendered());
}

#[test]
fn where_it_cannot_run_it_says_why() {
    let (Some(kubectl), Some(_)) = (kubectl(), landlock()) else {
        return;
    };
    let mut all = String::new();
    for (name, value) in [
        ("TMPDIR", "/nowhere"),
        ("KSOPS_GUARD_KUSTOMIZE", "kustomize"),
        ("KSOPS_GUARD_KUSTOMIZE", ""),
        ("KSOPS_GUARD_KUSTOMIZE", "/nowhere/kustomize"),
        ("KSOPS_GUARD_BEST_EFFORT", "yes"),
        ("KSOPS_GUARD_READ", "keys"),
        ("KSOPS_GUARD_PORTS", "https"),
        ("KSOPS_PLACEHOLDER", "true"),
    ] {
        let mut server = Server::new(&kubectl);
        server.world.set_text(name, value);
        let _ = fs::remove_file(server.world.path("custom-tools/kustomize.real"));
        let refused = server.build(true, "app", LEGACY);
        let text = refused.refused();
        let text = text.replace(server.world.path("").to_str().unwrap(), "/");
        all += &format!("$ {name}={value} kustomize build\n{text}\n");
    }
    let server = Server::new(&kubectl);
    server.script("image/usr/local/bin/kustomize", "#!/no/such/shell\n");
    let text = server.build(true, "app", LEGACY).refused();
    let text = text.replace(server.world.path("").to_str().unwrap(), "/");
    all += &format!("$ kustomize build # of another machine\n{text}\n");
    let mut command = server.command(true, &["build", "."]);
    command.current_dir("/");
    let text = Built::of(command.output().unwrap()).refused();
    all += &format!("$ cd / && kustomize build .\n{text}\n");
    insta::assert_snapshot!("guard_refusals", all);
}

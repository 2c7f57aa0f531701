//! The wall as each version of Landlock puts it up: a thread gives up what that
//! version knows of, and tries. What an older kernel lets through is let
//! through here too, as rights that a rule set does not name are not taken
//! away.

use std::{
    collections::BTreeMap,
    fmt::Write,
    net::{TcpListener, TcpStream},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
    termios::tcgetwinsize,
};

use super::*;
use crate::guard::kernel::ENOUGH;

const VERSIONS: [ABI; 7] = [
    ABI::V1,
    ABI::V2,
    ABI::V3,
    ABI::V4,
    ABI::V5,
    ABI::V6,
    ABI::V7,
];

/// What is tried, in a folder with `own`, which may be written to, `other`, and
/// `victim`, the number of a process outside.
fn attempts(at: &Path, victim: i32, port: u16, socket: &SocketAddr) -> Vec<(&'static str, bool)> {
    let own = |name: &str| at.join("own").join(name);
    let other = |name: &str| at.join("other").join(name);
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let truncate = format!(
        "truncate({:?}, 0) or exit 1",
        other("long").display().to_string()
    );
    fs::create_dir_all(own("a")).unwrap();
    fs::create_dir_all(own("b")).unwrap();
    fs::write(own("a/file"), "x").unwrap();
    vec![
        (
            "writes and removes its own",
            fs::remove_file(own("a/file")).is_ok(),
        ),
        ("moves its own to another folder", {
            fs::write(own("a/file"), "x").unwrap();
            fs::rename(own("a/file"), own("b/file")).is_ok()
        }),
        ("reads outside", fs::read(other("file")).is_ok()),
        ("lists outside", fs::read_dir(at.join("other")).is_ok()),
        (
            "writes outside",
            fs::OpenOptions::new()
                .append(true)
                .open(other("file"))
                .is_ok(),
        ),
        ("makes outside", fs::write(other("new"), "").is_ok()),
        ("removes outside", fs::remove_file(other("gone")).is_ok()),
        ("truncates outside", run("perl", &["-e", &truncate])),
        ("asks a device something", {
            let device = fs::File::open("/dev/zero").unwrap();
            tcgetwinsize(&device) == Err(Errno::NOTTY)
        }),
        (
            "connects to a port that is not open",
            TcpStream::connect(("127.0.0.1", port)).is_ok(),
        ),
        ("listens on one", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("signals a process outside", {
            test_kill_process(Pid::from_raw(victim).unwrap()).is_ok()
        }),
        (
            "connects to an abstract socket outside",
            UnixStream::connect_addr(socket).is_ok(),
        ),
        (
            "sees that a file outside is there",
            fs::metadata(other("file")).is_ok(),
        ),
        ("changes the mode of one", {
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            fs::set_permissions(other("file"), open).is_ok()
        }),
    ]
}

/// In threads: what one gives up, it and those that it starts have given up.
fn tried(abi: ABI) -> Vec<(&'static str, bool)> {
    let temp = tempfile::tempdir().unwrap();
    let at = temp.path().to_owned();
    for name in ["own/x", "other/file", "other/gone", "other/long"] {
        let path = at.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "text").unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = format!("ksops-guard-kernel-{}-{abi:?}", std::process::id());
    let socket = SocketAddr::from_abstract_name(socket).unwrap();
    let _socket = UnixListener::bind_addr(&socket).unwrap();
    let mut victim = Command::new("sleep").arg("600").spawn().unwrap();
    let pid = i32::try_from(victim.id()).unwrap();
    let thread = thread::spawn(move || {
        let rule = |path: &str, access| Rule {
            path: PathBuf::from(path),
            access,
        };
        let mut rules: Vec<_> = ["/usr", "/bin", "/lib", "/lib64"]
            .map(|path| rule(path, Access::Run))
            .into();
        rules.push(rule("/etc", Access::Read));
        rules.push(rule("/dev/null", Access::Device));
        rules.push(rule("/dev/zero", Access::Read));
        rules.push(rule(at.join("own").to_str().unwrap(), Access::Write));
        let status = apply(abi, &rules, Some(&BTreeSet::from([443]))).unwrap();
        assert_ne!(status.ruleset, RulesetStatus::NotEnforced);
        attempts(&at, pid, port, &socket)
    });
    let tried = thread.join();
    let _ = victim.kill();
    let _ = victim.wait();
    tried.unwrap()
}

#[test]
fn what_each_version_lets_through() {
    let Kernel::Landlock(newest) = current() else {
        return eprintln!("SKIPPED: no Landlock here");
    };
    if newest < 7 {
        return eprintln!("SKIPPED: Landlock {newest} cannot stand in for its successors");
    }
    let mut table: BTreeMap<usize, (&str, String)> = BTreeMap::new();
    for abi in VERSIONS {
        for (row, (what, succeeds)) in tried(abi).into_iter().enumerate() {
            let (_, cells) = table.entry(row).or_insert((what, String::new()));
            cells.push_str(if succeeds { " yes" } else { "  - " });
        }
    }
    let mut text = format!("{:42} 1   2   3   4   5   6   7\n", "Landlock");
    for (what, cells) in table.into_values() {
        writeln!(text, "{what:42}{}", cells.trim_end()).unwrap();
    }
    assert_eq!(ENOUGH, 3);
    insta::assert_snapshot!(text);
}

/// Other programs of this user, and ways around the rules about TCP.
#[test]
fn what_the_filter_refuses() {
    let mut victim = Command::new("sleep").arg("600").spawn().unwrap();
    let pid = victim.id();
    let script = format!(
        r#"
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    return libc.syscall(number, *args) != -1 or ctypes.get_errno() != 1
def makes(*args):
    try: socket.socket(*args).close(); return True
    except OSError as error: return error.errno != 1
limit = (ctypes.c_uint64 * 2)(50, 50)
mask = ctypes.c_uint64(0xffff)
arm = os.uname().machine == "aarch64"
prlimit, affinity, priority, uring = (261, 122, 140, 425) if arm else (302, 203, 141, 425)
keyctl = 219 if arm else 250
for what, done in [
    ("limits of another", call(prlimit, {pid}, 7, ctypes.byref(limit), None)),
    ("processors of another", call(affinity, {pid}, 8, ctypes.byref(mask))),
    ("priority of another", call(priority, 0, {pid}, 19)),
    ("priority of a group", call(priority, 1, 0, 19)),
    ("io_uring", call(uring, 1, None)),
    ("keyrings of the user", call(keyctl, 0, -4, 1)),
    ("MPTCP", makes(socket.AF_INET, socket.SOCK_STREAM, 262)),
    ("SMC", makes(43, socket.SOCK_STREAM, 0)),
    ("x32", not arm and call(0x40000000 + 39)),
    ("own limits", call(prlimit, 0, 7, None, ctypes.byref(limit))),
    ("own processors", call(affinity, 0, 8, ctypes.byref(mask))),
    ("own priority", call(priority, 0, 0, 1)),
    ("TCP", makes(socket.AF_INET, socket.SOCK_STREAM, 0)),
    ("UDP", makes(socket.AF_INET, socket.SOCK_DGRAM, 0)),
]: print(what + ": " + ("let" if done else "refused"))
"#
    );
    let thread = thread::spawn(move || {
        filter::restrict().unwrap();
        Command::new("python3").args(["-c", &script]).output()
    });
    let output = thread.join().unwrap();
    let _ = victim.kill();
    let _ = victim.wait();
    let Ok(output) = output else {
        let in_ci = std::env::var("CI").as_deref() == Ok("true");
        assert!(!in_ci, "there is no python3, and CI=true");
        return eprintln!("SKIPPED: there is no python3");
    };
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
}

use std::{
    cell::RefCell,
    env,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::ExitStatusExt,
    },
    process::Command,
    thread,
};

use rustix::process::{Signal, getpid, kill_process};
use testkit::files::names;

use super::*;

thread_local! {
    /// What happens at which step.
    static PLAN: RefCell<Plan> = const { RefCell::new(Plan { fails: Vec::new(), signal: None }) };
}

struct Plan {
    /// Steps that fail as on a file system without such files.
    fails: Vec<String>,
    /// A signal that comes at a step.
    signal: Option<(String, Signal)>,
}

pub(super) fn step(name: &str) -> io::Result<()> {
    PLAN.with_borrow(|plan| {
        if let Some((at, signal)) = &plan.signal
            && at == name
        {
            kill_process(getpid(), *signal).unwrap();
        }
        match plan.fails.iter().any(|at| at == name) {
            true => Err(io::ErrorKind::Unsupported.into()),
            false => Ok(()),
        }
    })
}

/// Replaces a file where these steps fail.
fn failing<T>(steps: &[&str], work: impl FnOnce() -> T) -> T {
    let steps = steps.iter().map(|&step| step.to_owned()).collect();
    PLAN.with_borrow_mut(|plan| plan.fails = steps);
    let result = work();
    PLAN.with_borrow_mut(|plan| plan.fails.clear());
    result
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The ways to write a file: as it should be, and where one thing or another
/// cannot be done.
const WAYS: [&[&str]; 4] = [&[], &["unnamed"], &["link"], &["named"]];

#[test]
fn a_new_file_is_for_its_owner_alone() {
    for way in WAYS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        failing(way, || replace(&path, b"one", New::Private)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(names(dir.path()), ["a"]);
    }
}

#[test]
fn an_existing_file_keeps_its_mode_and_owner() {
    let is_root = rustix::process::geteuid().is_root();
    for way in WAYS {
        for new in [New::Private, New::ForAll] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a");
            fs::write(&path, "long content").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            if is_root {
                std::os::unix::fs::chown(&path, Some(65534), Some(65533)).unwrap();
            }
            let before = fs::metadata(&path).unwrap();
            failing(way, || replace(&path, b"two", new)).unwrap();
            let after = fs::metadata(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"two");
            assert_eq!(mode(&path), 0o640);
            assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
            assert_eq!(names(dir.path()), ["a"], "{way:?}");
        }
    }
}

#[test]
fn a_symbolic_link_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    symlink("file", &link).unwrap();
    // What it leads to is not there, and then it is.
    for text in ["one", "two"] {
        replace(&link, text.as_bytes(), New::Private).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert_eq!(mode(&file), 0o600);
    }
    symlink("loop", dir.path().join("loop")).unwrap();
    assert!(replace(&dir.path().join("loop"), b"x", New::Private).is_err());
    assert_eq!(names(dir.path()), ["file", "link", "loop"]);
}

/// What the group may do stands elsewhere where there is an access control
/// list: here it may nothing, and somebody else may read.
#[test]
#[cfg(target_os = "linux")]
fn access_control_lists_and_attributes_stay() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    // Version 2; entries of tag, rights and id: owner, one user, group, mask,
    // others.
    let entry = |tag: u16, rights: u16, id: u32| {
        [
            &tag.to_le_bytes()[..],
            &rights.to_le_bytes(),
            &id.to_le_bytes(),
        ]
        .concat()
    };
    let none = u32::MAX;
    let list = [
        2u32.to_le_bytes().to_vec(),
        entry(1, 6, none),
        entry(2, 4, 1),
        entry(4, 0, none),
        entry(16, 4, none),
        entry(32, 0, none),
    ]
    .concat();
    for way in WAYS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "old").unwrap();
        for (name, value) in [
            ("system.posix_acl_access", list.as_slice()),
            ("user.note", b"x"),
        ] {
            let set = setxattr(&path, name, value, XattrFlags::empty());
            if set == Err(rustix::io::Errno::NOTSUP) {
                eprintln!("skipped: the file system of {path:?} has no {name}");
                continue;
            }
            set.unwrap();
            let before = mode(&path);
            failing(way, || replace(&path, b"new", New::ForAll)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            let mut found = vec![0; 100];
            let size = getxattr(&path, name, found.as_mut_slice()).unwrap();
            assert_eq!(&found[..size], value, "{way:?}");
            assert_eq!(mode(&path), before, "{way:?}");
        }
    }
}

#[test]
fn other_names_of_a_file_stay_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&a, "long content").unwrap();
    fs::hard_link(&a, &b).unwrap();
    replace(&a, b"new", New::Private).unwrap();
    assert_eq!(fs::read(&b).unwrap(), b"new");
}

#[test]
fn a_name_may_be_as_long_as_names_can_be() {
    for way in WAYS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n".repeat(255));
        fs::write(&path, "old").unwrap();
        failing(way, || replace(&path, b"new", New::Private)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}

/// As `/dev/stdout` where stdout is a file.
#[test]
#[cfg(target_os = "linux")]
fn an_open_file_stays_the_same_file() {
    use std::{io::Read, os::fd::AsRawFd};

    let mut open = tempfile::tempfile().unwrap();
    open.write_all(b"long content").unwrap();
    let path = format!("/proc/self/fd/{}", open.as_raw_fd());
    replace(Path::new(&path), b"new", New::Private).unwrap();
    let mut text = String::new();
    io::Seek::rewind(&mut open).unwrap();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, "new");
}

#[test]
fn a_pipe_is_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let reader = thread::spawn({
        let path = path.clone();
        move || fs::read(path).unwrap()
    });
    replace(&path, b"new", New::Private).unwrap();
    assert_eq!(reader.join().unwrap(), b"new");
    assert_eq!(names(dir.path()), ["pipe"]);
}

/// A folder that nobody may write into, and a file in it that we may.
#[test]
fn a_file_in_a_folder_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, "long content").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let written = replace(&path, b"new", New::Private);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    written.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

/// As a file that is mounted over another: no other can take its place.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let (on, from) = (dir.path().join("on"), dir.path().join("from"));
    fs::write(&on, "under").unwrap();
    fs::write(&from, "long content").unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--map-root-user", "sh", "-c"]);
    unshare.arg("mount --bind \"$1\" \"$2\" && exec \"$3\" --exact output::tests::child --ignored");
    unshare
        .arg("sh")
        .arg(&from)
        .arg(&on)
        .arg(env::current_exe().unwrap());
    unshare.env("OUTPUT_PATH", &on).env("OUTPUT_END", "1");
    match unshare.output() {
        Ok(output) if output.status.success() => {
            assert_eq!(fs::read(&from).unwrap(), b"new");
            assert_eq!(fs::read(&on).unwrap(), b"under");
            assert_eq!(names(dir.path()), ["from", "on"]);
        }
        _ => eprintln!("SKIPPED: nothing can be mounted here"),
    }
}

#[test]
fn failure_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    for way in WAYS {
        let replace = |path: &Path| failing(way, || replace(path, b"x", New::Private));
        assert!(replace(dir.path()).is_err());
        assert!(replace(&dir.path().join("none/a")).is_err());
        assert!(names(dir.path()).is_empty());
        // A disk that is full.
        let path = dir.path().join("a");
        let full = [way, &["written"]].concat();
        assert!(failing(&full, || super::replace(&path, b"x", New::Private)).is_err());
        assert!(names(dir.path()).is_empty());
    }
    // What is there stays, but where it can only be written in place.
    let path = dir.path().join("a");
    fs::write(&path, "old").unwrap();
    let failed = failing(&["written"], || replace(&path, b"x", New::Private));
    assert!(!failed.unwrap_err().is_cut);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let failed = failing(&["unnamed", "cut"], || replace(&path, b"x", New::Private));
    assert!(failed.unwrap_err().is_cut);
}

/// Not a test: a process of its own, that is ended at a step.
#[test]
#[ignore = "started by other tests"]
fn child() {
    let Some(path) = env::var_os("OUTPUT_PATH") else {
        return;
    };
    let var = |name| env::var(name).unwrap_or_default();
    let signal = match var("OUTPUT_SIGNAL").as_str() {
        "KILL" => Some(Signal::KILL),
        "TERM" => Some(Signal::TERM),
        "INT" => Some(Signal::INT),
        "HUP" => Some(Signal::HUP),
        _ => None,
    };
    PLAN.with_borrow_mut(|plan| {
        plan.fails = var("OUTPUT_FAILS")
            .split_whitespace()
            .map(Into::into)
            .collect();
        plan.signal = signal.map(|signal| (var("OUTPUT_STEP"), signal));
    });
    let new = match var("OUTPUT_NEW").as_str() {
        "all" => New::ForAll,
        _ => New::Private,
    };
    replace(Path::new(&path), b"new", new).unwrap();
    if var("OUTPUT_END").is_empty() {
        // The signal comes when it can.
        loop {
            thread::park();
        }
    }
}

/// What is in a folder after a process that wrote `a` was ended at a step:
/// other names than that, and what is in it.
fn after(
    signal: &str,
    step: &str,
    new: &str,
    fails: &str,
    old: Option<&str>,
) -> (usize, Option<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    if let Some(old) = old {
        fs::write(&path, old).unwrap();
    }
    let status = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "output::tests::child",
            "--ignored",
            "--nocapture",
        ])
        .env("OUTPUT_PATH", &path)
        .env("OUTPUT_SIGNAL", signal)
        .env("OUTPUT_STEP", step)
        .env("OUTPUT_NEW", new)
        .env("OUTPUT_FAILS", fails)
        .output()
        .unwrap()
        .status;
    let number = match signal {
        "KILL" => 9,
        "TERM" => 15,
        "INT" => 2,
        _ => 1,
    };
    assert_eq!(status.signal(), Some(number), "{signal} at {step}");
    let others = names(dir.path()).iter().filter(|name| *name != "a").count();
    (others, fs::read_to_string(&path).ok())
}

/// Whatever the moment: what was there, or what was to come, and nothing else.
#[test]
#[cfg(target_os = "linux")]
fn a_process_that_is_ended_leaves_nothing() {
    for signal in ["TERM", "INT", "HUP", "KILL"] {
        for step in ["unnamed", "opened", "written", "link", "linked"] {
            for new in ["private", "all"] {
                let (others, text) = after(signal, step, new, "", None);
                assert_eq!(others, 0, "{signal} at {step}");
                assert!(
                    matches!(text.as_deref(), None | Some("new")),
                    "{signal} at {step}: {text:?}"
                );
            }
        }
        for step in ["unnamed", "opened", "written", "link", "named", "renamed"] {
            let (others, text) = after(signal, step, "private", "", Some("old"));
            assert!(
                matches!(text.as_deref(), Some("old" | "new")),
                "{signal} at {step}: {text:?}"
            );
            // The one moment.
            let left = usize::from(signal == "KILL" && step == "named");
            assert_eq!(others, left, "{signal} at {step}");
        }
    }
}

/// Where files have a name from the start, signals take that away; only
/// SIGKILL does not wait.
#[test]
fn a_process_that_is_ended_where_files_have_names() {
    for signal in ["TERM", "INT", "HUP"] {
        for step in ["opened", "written"] {
            let (others, text) = after(signal, step, "private", "unnamed", None);
            assert_eq!(others, 0, "{signal} at {step}");
            assert!(matches!(text.as_deref(), None | Some("new")), "{text:?}");
            let (others, text) = after(signal, step, "all", "unnamed", Some("old"));
            assert_eq!(others, 0, "{signal} at {step}");
            assert!(matches!(text.as_deref(), Some("old" | "new")));
        }
    }
    // Of plaintext there is never a second file.
    for step in ["unnamed", "cut"] {
        let (others, _) = after("KILL", step, "private", "unnamed", Some("old"));
        assert_eq!(others, 0, "{step}");
    }
}

use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::*;

fn names(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn it_is_gone_at_the_end_whatever_is_in_it() {
    let temp = tempfile::tempdir().unwrap();
    let outside = temp.path().join("outside");
    fs::write(&outside, "").unwrap();
    let dir = PrivateDir::new(temp.path()).unwrap();
    assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o7777, 0o700);
    let closed = dir.path().join("closed/more");
    fs::create_dir_all(&closed).unwrap();
    symlink(&outside, closed.join("link")).unwrap();
    symlink(temp.path(), dir.path().join("up")).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    drop(dir);
    assert_eq!(names(temp.path()), [outside]);
}

#[test]
fn what_a_killed_build_left_is_removed_by_the_next() {
    let temp = tempfile::tempdir().unwrap();
    let left = temp.path().join(format!("{PREFIX}0123"));
    fs::create_dir_all(left.join("clone")).unwrap();
    let others = ["ksops", "ksops-guard", "x"].map(|name| temp.path().join(name));
    for other in &others {
        fs::create_dir(other).unwrap();
    }
    symlink(&others[2], temp.path().join(format!("{PREFIX}link"))).unwrap();
    fs::write(others[2].join("kept"), "").unwrap();
    let first = PrivateDir::new(temp.path()).unwrap();
    assert!(!left.exists());
    // One that is in use stays.
    let second = PrivateDir::new(temp.path()).unwrap();
    assert!(first.path().exists() && second.path().exists());
    assert!(others[2].join("kept").exists());
    drop((first, second));
    assert_eq!(names(temp.path()).len(), 4);
}

/// Deeper than any stack or number of open files allows a recursion, and than a
/// path can be long.
#[test]
fn a_deep_folder_is_removed_step_by_step() {
    let temp = tempfile::tempdir().unwrap();
    let dir = PrivateDir::new(temp.path()).unwrap();
    let (inner, outer) = (dir.path().join("d"), dir.path().join("n"));
    fs::create_dir(&inner).unwrap();
    let deepest = 4_000;
    for level in 0..deepest {
        fs::create_dir(&outer).unwrap();
        fs::write(outer.join("file"), "").unwrap();
        fs::rename(&inner, outer.join("d")).unwrap();
        if level % 100 == 0 {
            fs::set_permissions(outer.join("d"), Permissions::from_mode(0o000)).unwrap();
        }
        fs::rename(&outer, &inner).unwrap();
    }
    // The next one takes some of it away, and is not held up by the rest.
    let left = dir.path().to_owned();
    let mut effort = 500;
    remove(&left, &mut effort);
    assert_eq!((effort, left.exists()), (0, true));
    // A stack that is too small for a recursion.
    let thread = std::thread::Builder::new().stack_size(128 << 10);
    thread.spawn(|| drop(dir)).unwrap().join().unwrap();
    assert!(!left.exists());
}

#[test]
fn what_is_left_of_much_is_removed_by_later_builds() {
    let temp = tempfile::tempdir().unwrap();
    let left = temp.path().join(format!("{PREFIX}0123"));
    for folder in 0..10 {
        let folder = left.join(folder.to_string());
        fs::create_dir_all(&folder).unwrap();
        for file in 0..SWEPT / 4 {
            fs::write(folder.join(file.to_string()), "").unwrap();
        }
    }
    let mut builds = 0;
    while left.exists() {
        builds += 1;
        drop(PrivateDir::new(temp.path()).unwrap());
    }
    assert!((3..10).contains(&builds), "{builds}");
}

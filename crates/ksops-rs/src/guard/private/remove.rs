//! Removing what a stranger's programs left, however deep it is: neither the
//! stack nor the number of open files nor the length of a path may decide.

use std::{
    collections::hash_map::RandomState,
    ffi::CStr,
    fs::{self, Permissions},
    hash::{BuildHasher, Hasher},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags, fstat, openat, renameat, unlinkat},
    path::Arg,
};

/// Removes a folder, also one in which somebody closed folders to their owner.
/// `effort` is how many entries may be removed; what is left of it is given
/// back in it. What cannot be removed stays.
///
/// What lies in the folders of the folder is moved up into it, until there is
/// none: so at most three folders are open.
pub(super) fn remove(path: &Path, effort: &mut usize) {
    if let Ok(top) = enter(&CWD, path) {
        while round(&top, effort).unwrap_or(false) {}
    }
    let _ = fs::remove_dir(path);
}

/// Removes the entries of a folder, or moves up what is in them; whether
/// anything came of it.
fn round(top: &OwnedFd, effort: &mut usize) -> io::Result<bool> {
    let mut has_moved = false;
    each(top, effort, |name, effort| {
        if unlinkat(top, name, AtFlags::empty()).is_ok() {
            has_moved = true;
            return;
        }
        let Ok(folder) = enter(top, name) else { return };
        let _ = each(&folder, effort, |child, _| {
            has_moved |= unlinkat(&folder, child, AtFlags::empty()).is_ok()
                || unlinkat(&folder, child, AtFlags::REMOVEDIR).is_ok()
                || move_up(&folder, child, top);
        });
        has_moved |= unlinkat(top, name, AtFlags::REMOVEDIR).is_ok();
    })?;
    Ok(has_moved)
}

/// Does something with each entry of a folder, as long as the effort lasts.
fn each(
    folder: &OwnedFd,
    effort: &mut usize,
    mut what: impl FnMut(&CStr, &mut usize),
) -> io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Some(left) = effort.checked_sub(1) else {
            return Err(io::ErrorKind::QuotaExceeded.into());
        };
        *effort = left;
        what(name, effort);
    }
    Ok(())
}

/// Moves a folder up, under a name that nobody guesses.
fn move_up(from: &OwnedFd, name: &CStr, top: &OwnedFd) -> bool {
    // One that cannot be written to cannot be moved.
    let is_open = enter(from, name).is_ok();
    let number = RandomState::new().build_hasher().finish();
    is_open && renameat(from, name, top, format!(".{number:016x}")).is_ok()
}

/// Opens a folder, and opens it up to its owner. No link is followed.
fn enter(at: &impl rustix::fd::AsFd, name: impl Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(at, name, flags | OFlags::PATH, Mode::empty())?;
    let mode = Mode::from_raw_mode(fstat(&folder)?.st_mode);
    if !mode.contains(Mode::RWXU) {
        let link = format!("/proc/self/fd/{}", folder.as_raw_fd());
        fs::set_permissions(link, Permissions::from_mode(0o700))?;
    }
    Ok(openat(
        &folder,
        c".",
        flags | OFlags::RDONLY,
        Mode::empty(),
    )?)
}

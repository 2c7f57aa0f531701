//! Signals that end this process: what must not stay on the disk goes first,
//! and what must happen at once is not cut in two.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level,
};

/// What to do where a signal ends the process, once nothing is left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// End as the signal ends a process.
    Die,
    /// Say that the user did it, and end with exit code 1, as `edit`.
    Cancel,
}

/// What is there and must not stay. Whoever holds the lock is not ended by a
/// signal.
static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn lock() -> MutexGuard<'static, Vec<PathBuf>> {
    TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file or folder that is removed, with all that is in it, when this is
/// dropped, and when a signal ends the process.
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Makes it: no signal comes between that and its being known.
    ///
    /// # Errors
    ///
    /// Those of `make`; nothing is removed then.
    pub(crate) fn make<T>(
        path: &Path,
        make: impl FnOnce(&Path) -> io::Result<T>,
    ) -> io::Result<(Self, T)> {
        let path = std::path::absolute(path)?;
        let mut all = lock();
        let made = make(&path)?;
        all.push(path.clone());
        Ok((Temporary { path }, made))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Does what makes it stay, as another file or as it is. No signal comes
    /// in between.
    ///
    /// # Errors
    ///
    /// Those of `work`; it is removed then.
    pub(crate) fn keep(self, work: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        let mut all = lock();
        work(&self.path)?;
        all.retain(|path| *path != self.path);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let mut all = lock();
        let before = all.len();
        all.retain(|path| *path != self.path);
        if all.len() < before {
            remove(&self.path);
        }
    }
}

fn remove(path: &Path) {
    let is_dir = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let _ = match is_dir {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
}

/// Does what no signal may cut in two; one that comes waits.
pub(crate) fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let _held = lock();
    work()
}

/// Waits for signals that end the process, in a thread of its own. The first
/// caller says what then happens.
///
/// # Errors
///
/// Those of the operating system.
pub(crate) fn watch(on_signal: OnSignal) -> io::Result<()> {
    static WATCHING: Once = Once::new();
    let mut result = Ok(());
    WATCHING.call_once(|| result = start_watching(on_signal));
    result
}

fn start_watching(on_signal: OnSignal) -> io::Result<()> {
    let ignored = ignored();
    let all = [SIGINT, SIGTERM, SIGHUP].into_iter();
    let mut signals = Signals::new(all.filter(|signal| ignored >> (signal - 1) & 1 == 0))?;
    let work = move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        // Held to the end: nothing is made any more.
        let all = lock();
        all.iter().for_each(|path| remove(path));
        match on_signal {
            OnSignal::Cancel => {
                let _ = writeln!(io::stderr(), "User canceled operation");
                low_level::exit(1);
            }
            OnSignal::Die => {
                let _ = low_level::emulate_default_handler(signal);
                low_level::exit(128 + signal);
            }
        }
    };
    thread::Builder::new().spawn(work).map(drop)
}

/// The signals that whoever started this process wants it not to be ended by
/// (`nohup`, jobs in the background of a script), a bit for each. Only Linux
/// tells.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

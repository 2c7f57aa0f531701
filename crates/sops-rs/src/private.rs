//! Plaintext in files, for other programs: in a folder of its owner alone,
//! gone when it is no longer needed, also where this process is ended by a
//! signal.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, Once, PoisonError},
    thread,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level,
};

use crate::process::Lookup;

/// A folder that is removed with all that is in it.
pub(crate) struct PrivateDir {
    path: PathBuf,
}

/// What to do where a signal ends the process, once the folders are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// End as the signal ends a process.
    Die,
    /// Say that the user did it, and end with exit code 1, as `edit`.
    Cancel,
}

/// The folders that are there.
static OPEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

impl PrivateDir {
    /// A new folder in `TMPDIR`, else in `/tmp`.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(crate) fn new(var: &Lookup<'_>, prefix: &str, on_signal: OnSignal) -> io::Result<Self> {
        watch(on_signal)?;
        let parent = var("TMPDIR").filter(|dir| !dir.is_empty());
        let parent = parent.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        for _ in 0..100 {
            let number = RandomState::new().build_hasher().finish();
            let path = parent.join(format!("{prefix}{number}"));
            let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    let path = std::path::absolute(&path).unwrap_or(path);
                    open.push(path.clone());
                    return Ok(PrivateDir { path });
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A new file of this name, for its owner alone.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(crate) fn write(&self, name: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(&path)?.write_all(bytes)?;
        Ok(path)
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|path| *path != self.path);
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Waits for signals that end the process, in a thread of its own.
fn watch(on_signal: OnSignal) -> io::Result<()> {
    static WATCHING: Once = Once::new();
    let mut result = Ok(());
    WATCHING.call_once(|| result = start_watching(on_signal));
    result
}

fn start_watching(on_signal: OnSignal) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let work = move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        // Held to the end: no folder is made any more.
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        for path in open.iter() {
            let _ = fs::remove_dir_all(path);
        }
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

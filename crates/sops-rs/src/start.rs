//! Fills in a [`Process`] from the one that this is.

use std::{
    env,
    fs::File,
    io::{self, Read, Write},
    os::fd::AsFd,
    os::unix::fs::FileTypeExt,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use crate::{Process, pipe, terminal};

/// Runs a program with this process: its arguments, environment, streams and
/// terminal.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     sops_rs::start(sops_rs::run)
/// }
/// ```
pub fn start(run: fn(Process<'_>) -> u8) -> ExitCode {
    keep_memory_private();
    let stdin = Stream(own(io::stdin()));
    let stdin_is_device = match &stdin.0 {
        Ok(file) => file
            .metadata()
            .is_ok_and(|metadata| metadata.file_type().is_char_device()),
        Err(_) => false,
    };
    run(Process {
        args: env::args_os().skip(1).collect(),
        var: &|name| env::var_os(name),
        var_later: |name| env::var_os(name),
        dir: PathBuf::new(),
        parent_dir: parent_dir(),
        stdin: Box::new(stdin),
        stdin_is_device,
        first_of_stdin: &|| pipe::peek(io::stdin(), Duration::from_secs(2)),
        stdout: &mut Stream(own(io::stdout())),
        stderr: &mut io::stderr(),
        ask_passphrase: terminal::ask_passphrase,
    })
    .into()
}

/// Where the process works that started this one. Only Linux tells.
fn parent_dir() -> Option<PathBuf> {
    let parent = std::os::unix::process::parent_id();
    std::fs::read_link(format!("/proc/{parent}/cwd")).ok()
}

/// No core dumps, of this process and of those that it runs. On Linux this
/// also keeps other processes of the same user from looking into the memory
/// and the environment of this one. Where the system refuses, work goes on.
fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// A descriptor as a file: `io::stdin` and `io::stdout` take one that cannot
/// be read or written for an empty one, and all would seem well. (One that is
/// closed cannot be told from /dev/null, which stands in its place before
/// `main`.)
fn own(stream: impl AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

/// A stream that may not be there at all: the error comes with its first use.
struct Stream(io::Result<File>);

impl Stream {
    fn file(&mut self) -> io::Result<&mut File> {
        self.0
            .as_mut()
            .map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file()?.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}

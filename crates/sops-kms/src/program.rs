//! Programs that print credentials. Whether they may be run, the
//! [policy](crate::Policy) says; this is how.

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use crate::environment::FILE_SIZE;

/// Why a program gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It cannot be started.
    NotStarted,
    /// It was ended after the time that it had.
    TooLong,
    /// It said so.
    Unsuccessful,
}

/// Runs a program, which reads nothing, for so long at most, and gives what
/// it printed.
pub(crate) fn run(command: &mut Command, time: Duration) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|_| Failed::NotStarted)?;
    let output = child.stdout.take().ok_or(Failed::NotStarted)?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Room for any answer: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
        let read = output.take(FILE_SIZE).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    let deadline = Instant::now() + time;
    let mut output = receiver.recv_timeout(time);
    // One that closes its output may go on for ever.
    let mut ended = child.try_wait();
    while output.is_ok() && matches!(ended, Ok(None)) {
        if Instant::now() >= deadline {
            output = Err(mpsc::RecvTimeoutError::Timeout);
            break;
        }
        thread::sleep(Duration::from_millis(5));
        ended = child.try_wait();
    }
    if output.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|_| Failed::Unsuccessful)?;
    match output {
        Err(_) => Err(Failed::TooLong),
        Ok(Ok(bytes)) if status.success() => Ok(bytes),
        Ok(_) => Err(Failed::Unsuccessful),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A program that closes its output has no more time than another.
    #[test]
    fn the_time_is_for_all_of_it() {
        let run = |script: &str| {
            let mut command = Command::new("/bin/sh");
            run(command.args(["-c", script]), Duration::from_millis(300))
        };
        assert_eq!(run("exec 1>&-; exec sleep 600"), Err(Failed::TooLong));
        assert_eq!(run("exec sleep 600"), Err(Failed::TooLong));
        assert_eq!(run("exit 3"), Err(Failed::Unsuccessful));
    }
}

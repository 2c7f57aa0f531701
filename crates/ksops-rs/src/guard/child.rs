//! Waiting for kustomize: what comes to this process is for it, and as it ends
//! this process ends.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus},
};

use rustix::process::{Pid, Signal, getpid, kill_process};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
    iterator::Signals,
    low_level,
};

/// The signals that are passed on.
const PASSED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// Starts a program and waits for its end, passing signals on. It waits in one
/// place for both, so that there is no thread and no race: until its end was
/// seen the program's number belongs to nobody else.
///
/// # Errors
///
/// Where it cannot be started.
pub(super) fn run(command: &mut Command) -> io::Result<ExitStatus> {
    let mut signals = Signals::new(PASSED)?;
    signals.add_signal(SIGCHLD)?;
    let mut child = command.spawn()?;
    loop {
        for signal in signals.wait() {
            if signal != SIGCHLD {
                pass(&child, signal);
            }
        }
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
    }
}

fn pass(child: &Child, signal: i32) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) {
        let _ = kill_process(pid, signal);
    }
}

/// Ends as a program ended: with its exit code, or by the signal that ended it.
pub(super) fn end_as(status: ExitStatus) -> u8 {
    if let Some(signal) = status.signal() {
        if signal == Signal::KILL.as_raw() {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        let _ = low_level::emulate_default_handler(signal);
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    // A program ends with a byte.
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

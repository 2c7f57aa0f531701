//! A look at what a pipe holds, which stays in it.

use std::{io, os::fd::AsFd, time::Duration};

/// As much as is looked at: 4 KiB.
#[cfg(target_os = "linux")]
const MOST: usize = 4 << 10;

/// The first bytes in a pipe, 4 KiB of them at most: whoever reads it later
/// still gets them. Waits so long for a first one. Nothing where it is at its
/// end, where nothing comes, and where it is no pipe. Only Linux can do this
/// (`tee(2)`); elsewhere there is nothing ever.
///
/// # Errors
///
/// Those of the operating system.
#[cfg(target_os = "linux")]
pub(crate) fn peek(pipe: impl AsFd, wait: Duration) -> io::Result<Vec<u8>> {
    use std::{io::Read, os::unix::fs::FileTypeExt};

    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        io::{Errno, retry_on_intr},
        pipe::{SpliceFlags, tee},
    };

    let pipe = std::fs::File::from(pipe.as_fd().try_clone_to_owned()?);
    if !pipe.metadata()?.file_type().is_fifo() {
        return Ok(Vec::new());
    }
    let wait = Timespec::try_from(wait).ok();
    let mut polled = [PollFd::new(&pipe, PollFlags::IN)];
    if retry_on_intr(|| poll(&mut polled, wait.as_ref()))? == 0 {
        return Ok(Vec::new());
    }
    let (mut copy, into) = io::pipe()?;
    let copied = retry_on_intr(|| tee(&pipe, &into, MOST, SpliceFlags::NONBLOCK));
    match copied {
        // Somebody else was faster.
        Ok(_) | Err(Errno::AGAIN) => {}
        Err(error) => return Err(error.into()),
    }
    drop(into);
    let mut bytes = Vec::new();
    copy.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn peek(_: impl AsFd, _: Duration) -> io::Result<Vec<u8>> {
    Ok(Vec::new())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn what_was_seen_is_still_there() {
        let (mut pipe, mut writer) = io::pipe().unwrap();
        // Nothing came, and somebody may still write.
        assert_eq!(peek(&pipe, Duration::ZERO).unwrap(), b"");
        writer.write_all(b"one\n").unwrap();
        assert_eq!(peek(&pipe, Duration::ZERO).unwrap(), b"one\n");
        writer.write_all(&[b'x'; 5000]).unwrap();
        drop(writer);
        let wait = Duration::from_secs(600);
        assert!(peek(&pipe, wait).unwrap().starts_with(b"one\nxxx"));
        let mut all = Vec::new();
        pipe.read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 5004);
        // At its end.
        assert_eq!(peek(&pipe, wait).unwrap(), b"");
    }

    #[test]
    fn what_is_no_pipe_is_not_looked_at() {
        let file = std::fs::File::open("/dev/zero").unwrap();
        assert_eq!(peek(&file, Duration::ZERO).unwrap(), b"");
    }
}

//! Asking a person.

use std::{
    fs::File,
    io::{Read, Write},
};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use zeroize::Zeroizing;

/// Longer than a terminal lets a line be (Linux: 4096 bytes).
const MAX: usize = 8192;

/// Asks on the terminal of this process for a passphrase, which is not shown
/// while it is typed. Standard input and output are left alone: they may be
/// files. `None` where there is no terminal, or no answer.
pub fn ask_passphrase(of: &str) -> Option<Zeroizing<String>> {
    let mut terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .ok()?;
    let _quiet = Quiet::new(terminal.try_clone().ok()?)?;
    write!(terminal, "passphrase of {of}: ").ok()?;
    read_line(&mut terminal)
}

/// A line without its end. One buffer, so that no copies stay behind.
fn read_line(from: &mut impl Read) -> Option<Zeroizing<String>> {
    let mut buffer = Zeroizing::new(vec![0; MAX]);
    let mut length = 0;
    loop {
        let room = buffer.get_mut(length..).filter(|room| !room.is_empty())?;
        let read = from.read(room).ok()?;
        if read == 0 && length == 0 {
            return None;
        }
        length += read;
        let line = buffer.get(..length)?;
        if read == 0 || line.ends_with(b"\n") {
            let line = std::str::from_utf8(line).ok()?;
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            return Some(Zeroizing::new(line.to_owned()));
        }
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn new(terminal: File) -> Option<Self> {
        let before = termios::tcgetattr(&terminal).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet
            .local_modes
            .insert(LocalModes::ICANON | LocalModes::ECHONL | LocalModes::ISIG);
        termios::tcsetattr(&terminal, OptionalActions::Flush, &quiet).ok()?;
        Some(Quiet { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut text: &[u8]) -> Option<String> {
        read_line(&mut text).map(|line| line.to_string())
    }

    #[test]
    fn one_line_is_read_without_its_end() {
        assert_eq!(read(b"hunter2\n").as_deref(), Some("hunter2"));
        assert_eq!(read(b"hunter2\r\n").as_deref(), Some("hunter2"));
        assert_eq!(read(b" a b \n").as_deref(), Some(" a b "));
        assert_eq!(read(b"\n").as_deref(), Some(""));
        assert_eq!(read(b"cut").as_deref(), Some("cut"));
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\xff\n"), None);
        assert_eq!(read(&[b'x'; MAX + 1]), None);
    }
}

//! gpg-agent, spoken to over its socket: for keys whose passphrase it
//! remembers, and for smartcards.
//!
//! The agent is told to show no prompt. It never gives a private key away: it
//! decrypts one number, or computes one point, for a keygrip.

use std::{
    env::consts::OS,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::{keygrip::Keygrip, sexp::Sexp};

/// Why an agent was of no help.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// There is no socket.
    Missing,
    /// Nothing listens at the socket.
    Dead,
    /// It does not speak as an agent does, or not in time.
    Protocol,
    /// It has no such key.
    NoKey,
    /// The key takes a passphrase or a PIN that the agent does not remember.
    NotCached,
    /// What it gave opens nothing.
    Vain,
    /// It refuses, for another reason: the number of GnuPG's error.
    Error(u16),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trouble::Missing => "no agent is running",
            Trouble::Dead => "nothing answers at its socket",
            Trouble::Protocol => "it does not answer as gpg-agent does",
            Trouble::NoKey => "it has no such key",
            Trouble::NotCached => "it does not remember the passphrase",
            Trouble::Vain => "its key does not open the message",
            Trouble::Error(code) => return write!(f, "it refuses, with GnuPG's error {code}"),
        })
    }
}

/// Where the socket of a home's agent may be, in the order in which GnuPG
/// looks: in the user's run-time directory, and in the home itself.
pub(crate) fn sockets(home: &Path, is_default: bool, user: u32) -> Vec<PathBuf> {
    let mut sockets = Vec::new();
    if OS == "linux" {
        for base in [
            "/run/gnupg/user",
            "/run/user",
            "/var/run/gnupg/user",
            "/var/run/user",
        ] {
            let mut dir = Path::new(base).join(user.to_string()).join("gnupg");
            if !is_default {
                dir.push(format!(
                    "d.{}",
                    z_base_32(home.as_os_str().as_encoded_bytes())
                ));
            }
            sockets.push(dir.join("S.gpg-agent"));
        }
    }
    sockets.push(home.join("S.gpg-agent"));
    sockets
}

/// The name of a home among the sockets: 15 bytes of a hash of its path, in 24
/// letters.
fn z_base_32(path: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    let hash: [u8; 20] = Sha1::digest(path).into();
    let letter = |i: usize| {
        let bits = (0..5).fold(0, |bits, bit| {
            let at = i * 5 + bit;
            let byte = hash.get(at / 8).copied().unwrap_or_default();
            bits << 1 | usize::from(byte >> (7 - at % 8) & 1)
        });
        char::from(*LETTERS.get(bits).unwrap_or(&b'y'))
    };
    (0..24).map(letter).collect()
}

/// Where a file leads that stands in a socket's place (Assuan's redirection).
pub(crate) fn redirection(file: &[u8]) -> Option<PathBuf> {
    let path = file.strip_prefix(b"%Assuan%\nsocket=")?;
    let path = path.split(|byte| *byte == b'\n').next()?;
    let path = PathBuf::from(OsString::from(String::from_utf8(path.to_vec()).ok()?));
    path.is_absolute().then_some(path)
}

/// What to ask an agent.
pub(crate) enum Question<'q> {
    /// The number that an RSA key makes of this one.
    Rsa(&'q [u8]),
    /// The point that an ECDH key makes of this one.
    Ecdh {
        /// The point of the message.
        point: &'q [u8],
        /// The encrypted session key, which is of no use to the agent.
        wrapped: &'q [u8],
    },
}

impl Question<'_> {
    /// As the agent reads it.
    fn sexp(&self) -> Vec<u8> {
        fn atom(bytes: &[u8]) -> Sexp {
            Sexp::Atom(Zeroizing::new(bytes.to_vec()))
        }
        let list = |name: &str, rest: Vec<Sexp>| {
            let mut members = vec![atom(name.as_bytes())];
            members.extend(rest);
            Sexp::List(members)
        };
        let algorithm = match self {
            Question::Rsa(number) => list("rsa", vec![list("a", vec![atom(number)])]),
            Question::Ecdh { point, wrapped } => {
                let s = list("s", vec![atom(wrapped)]);
                list("ecdh", vec![s, list("e", vec![atom(point)])])
            }
        };
        let mut out = Vec::new();
        list("enc-val", vec![algorithm]).write(&mut out);
        out
    }
}

/// Asks the agent at a socket, without a prompt.
///
/// # Errors
///
/// Why there is no answer.
#[cfg(unix)]
pub(crate) fn ask(
    socket: &Path,
    keygrip: &Keygrip,
    question: &Question<'_>,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let mut agent = assuan::Connection::open(socket)?;
    agent.command("OPTION pinentry-mode=error", None)?;
    agent.command(&format!("SETKEY {keygrip}"), None)?;
    let answer = agent.command("PKDECRYPT", Some(&question.sexp()))?;
    let sexp = Sexp::parse(&answer).ok_or(Trouble::Protocol)?;
    match sexp.named() {
        Some((b"value", [value])) => {
            let value = value.atom().ok_or(Trouble::Protocol)?;
            Ok(Zeroizing::new(value.to_vec()))
        }
        _ => Err(Trouble::Protocol),
    }
}

/// As above: there are no such sockets here.
#[cfg(not(unix))]
pub(crate) fn ask(
    _: &Path,
    _: &Keygrip,
    question: &Question<'_>,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let _ = question.sexp();
    Err(Trouble::Missing)
}

/// The keygrips of the keys that an agent has, those on smartcards included.
///
/// # Errors
///
/// Why there is no answer.
#[cfg(unix)]
pub(crate) fn keygrips(socket: &Path) -> Result<Vec<Keygrip>, Trouble> {
    let mut agent = assuan::Connection::open(socket)?;
    agent.command("KEYINFO --list", None)?;
    let keys = agent
        .status
        .iter()
        .filter_map(|line| line.strip_prefix("KEYINFO "));
    Ok(keys
        .filter_map(|line| Keygrip::parse(line.get(..40)?))
        .collect())
}

/// As above: there are no such sockets here.
#[cfg(not(unix))]
pub(crate) fn keygrips(_: &Path) -> Result<Vec<Keygrip>, Trouble> {
    Err(Trouble::Missing)
}

#[cfg(unix)]
mod assuan {
    //! Assuan, the protocol of GnuPG's daemons: lines of at most 1,000 bytes.

    use std::{
        io::{self, BufRead, BufReader, Read, Write},
        os::unix::net::UnixStream,
        path::Path,
        time::Duration,
    };

    use zeroize::Zeroizing;

    use super::{Trouble, redirection};
    use crate::home::read_plain;

    /// How long an agent may take for one answer. A smartcard takes a second.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// The most lines of one answer, and the most bytes of one line.
    const LINES: usize = 4096;
    const LINE: u64 = 1002;

    pub(super) struct Connection {
        stream: BufReader<UnixStream>,
        /// What the last command said besides its answer.
        pub(super) status: Vec<String>,
    }

    impl Connection {
        pub(super) fn open(socket: &Path) -> Result<Self, Trouble> {
            let trouble = |error: io::Error| match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Trouble::Missing,
                _ => Trouble::Dead,
            };
            let stream = UnixStream::connect(socket).or_else(|error| {
                let file = read_plain(socket, 4096).ok();
                match file.and_then(|file| redirection(&file)) {
                    Some(socket) => UnixStream::connect(socket),
                    None => Err(error),
                }
            });
            let stream = stream.map_err(trouble)?;
            for timeout in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
                timeout(&stream, Some(PATIENCE)).map_err(|_| Trouble::Dead)?;
            }
            let mut connection = Connection {
                stream: BufReader::new(stream),
                status: Vec::new(),
            };
            connection.answer(None)?;
            Ok(connection)
        }

        /// Sends a command and reads the answer's data. Asked for more, it
        /// gives `data`.
        pub(super) fn command(
            &mut self,
            command: &str,
            data: Option<&[u8]>,
        ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
            self.send(format!("{command}\n").as_bytes())?;
            self.answer(data)
        }

        fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
            let sent = self.stream.get_mut().write_all(bytes);
            sent.map_err(|_| Trouble::Dead)
        }

        fn answer(&mut self, data: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, Trouble> {
            self.status.clear();
            let mut answer = Zeroizing::new(Vec::with_capacity(64 << 10));
            for _ in 0..LINES {
                let mut line = Zeroizing::new(Vec::with_capacity(1024));
                let read = (&mut self.stream).take(LINE).read_until(b'\n', &mut line);
                read.map_err(|_| Trouble::Dead)?;
                let line = line.strip_suffix(b"\n").ok_or(Trouble::Protocol)?;
                match line {
                    [b'D', b' ', data @ ..] => {
                        // A buffer that does not grow leaves no copies behind.
                        if answer.len() + data.len() > answer.capacity() {
                            return Err(Trouble::Protocol);
                        }
                        unescape(data, &mut answer).ok_or(Trouble::Protocol)?;
                    }
                    [b'O', b'K', ..] => return Ok(answer),
                    [b'E', b'R', b'R', b' ', rest @ ..] => return Err(error(rest)),
                    [b'S', b' ', rest @ ..] => {
                        let text = String::from_utf8_lossy(rest);
                        self.status.push(text.into_owned());
                    }
                    [b'#', ..] => {}
                    _ if line.starts_with(b"INQUIRE ") => {
                        match data.filter(|_| line == b"INQUIRE CIPHERTEXT") {
                            Some(data) => self.send(&escape(data))?,
                            None => self.send(b"CAN\n")?,
                        }
                    }
                    _ => return Err(Trouble::Protocol),
                }
            }
            Err(Trouble::Protocol)
        }
    }

    /// What an error line means: the lower 16 bits are the reason.
    fn error(line: &[u8]) -> Trouble {
        let number = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let number = std::str::from_utf8(number)
            .ok()
            .and_then(|n| n.parse::<u32>().ok());
        let Some(number) = number else {
            return Trouble::Protocol;
        };
        match u16::try_from(number & 0xffff).unwrap_or_default() {
            // No secret key, not found.
            17 | 27 => Trouble::NoKey,
            // No pinentry, canceled (also fully), a bad passphrase or PIN.
            85 | 86 | 99 | 198 | 11 | 87 => Trouble::NotCached,
            other => Trouble::Error(other),
        }
    }

    /// Data lines, and the line that ends them.
    fn escape(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() * 3 + 64);
        for part in data.chunks(300) {
            out.extend_from_slice(b"D ");
            for byte in part {
                match byte {
                    b'%' | b'\r' | b'\n' => out.extend(format!("%{byte:02X}").bytes()),
                    byte => out.push(*byte),
                }
            }
            out.push(b'\n');
        }
        out.extend_from_slice(b"END\n");
        out
    }

    fn unescape(mut data: &[u8], out: &mut Vec<u8>) -> Option<()> {
        while let [first, rest @ ..] = data {
            data = rest;
            if *first == b'%' {
                let (digits, rest) = data.split_at_checked(2)?;
                data = rest;
                let digits = std::str::from_utf8(digits).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
            } else {
                out.push(*first);
            }
        }
        Some(())
    }

    #[cfg(test)]
    mod tests {
        use super::{escape, unescape};

        #[test]
        fn what_is_escaped_is_read() {
            let data: Vec<u8> = (0..=255).cycle().take(1000).collect();
            let mut read = Vec::new();
            for line in escape(&data).split(|byte| *byte == b'\n') {
                assert!(line.len() <= 1000);
                if let Some(data) = line.strip_prefix(b"D ") {
                    unescape(data, &mut read).unwrap();
                }
            }
            assert_eq!(read, data);
            assert!(unescape(b"a%4", &mut read).is_none());
            assert!(unescape(b"%zz", &mut read).is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{redirection, sockets, z_base_32};
    use std::path::Path;

    #[test]
    fn names_of_homes() {
        assert_eq!(z_base_32(b"/root/.gnupg").len(), 24);
        let all = sockets(Path::new("/h"), true, 1000);
        assert!(all.contains(&"/run/user/1000/gnupg/S.gpg-agent".into()));
        assert_eq!(all.last(), Some(&"/h/S.gpg-agent".into()));
    }

    #[test]
    fn redirections() {
        let file = b"%Assuan%\nsocket=/tmp/S.gpg-agent\n";
        assert_eq!(redirection(file), Some("/tmp/S.gpg-agent".into()));
        assert_eq!(redirection(b"%Assuan%\nsocket=${HOME}/x\n"), None);
        assert_eq!(redirection(b""), None);
    }
}

//! Running a command with secrets.

use std::{
    fs, io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use crate::{Error, Result, error::quoted, exit, session::Session};

/// A command for the shell, as `exec-env` and `exec-file` take it.
pub(crate) struct Shell {
    command: Command,
    /// As whom it runs, where not as this process.
    user: Option<User>,
}

/// A user of this machine.
#[derive(Clone)]
pub(crate) struct User {
    name: String,
    home: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

impl Shell {
    /// `/bin/sh -c TEXT`, in the directory of the process.
    pub(crate) fn new(session: &Session<'_, '_>, text: &std::ffi::OsStr) -> Self {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(text);
        if !session.process.dir.as_os_str().is_empty() {
            command.current_dir(&session.process.dir);
        }
        Shell {
            command,
            user: None,
        }
    }

    /// With no variables but those that follow.
    pub(crate) fn without_variables(&mut self) {
        self.command.env_clear();
    }

    pub(crate) fn variable(&mut self, name: &std::ffi::OsStr, value: &std::ffi::OsStr) {
        self.command.env(name, value);
    }

    /// As another user, whose variables it gets.
    pub(crate) fn user(&mut self, user: &User) {
        self.command
            .env("HOME", &user.home)
            .env("USER", &user.name)
            .env("LOGNAME", &user.name);
        self.user = Some(user.clone());
    }

    /// Starts the command and does not wait.
    pub(crate) fn background(mut self) -> Result<()> {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.spawn().map(drop)
    }

    /// Becomes the command.
    pub(crate) fn replace(mut self) -> Result<()> {
        become_user(self.user.as_ref())?;
        Err(not_started(&self.command.exec()))
    }

    /// Starts the command from a thread of its own: only that one becomes the
    /// other user. This one stays who it is, so that it can take away again
    /// what it made for the command.
    pub(crate) fn spawn(&mut self) -> Result<Child> {
        let Shell { command, user } = self;
        let mut start = || {
            become_user(user.as_ref())?;
            command.spawn().map_err(|error| not_started(&error))
        };
        thread::scope(|scope| {
            let started = scope.spawn(&mut start).join();
            started.unwrap_or_else(|_| Err(Error::new("the command was not started")))
        })
    }

    /// Runs the command; what it ends with is what this program ends with.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut child = self.spawn()?;
        ended(child.wait())
    }
}

/// Makes this thread another user's, if any.
fn become_user(user: Option<&User>) -> Result<()> {
    let Some(user) = user else {
        return Ok(());
    };
    user.become_it().map_err(|error| {
        Error::io(
            format_args!("cannot become the user {}", quoted(&user.name)),
            &error,
        )
        .advise("run this as root, or leave --user out")
    })
}

/// The end of a command as the end of this program.
pub(crate) fn ended(status: io::Result<ExitStatus>) -> Result<()> {
    let status = status.map_err(|error| Error::io("cannot wait for the command", &error))?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(Error::new(format!("exit status {code}"))
            .with_exit_code(u8::try_from(code).unwrap_or(exit::GENERIC))
            .of_kind("command")),
        (None, signal) => Err(
            Error::new(format!("signal: {}", signal_name(signal.unwrap_or(0))))
                .with_exit_code(exit::SIGNALLED)
                .of_kind("command"),
        ),
    }
}

/// How Go calls the usual ones.
pub(crate) fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".into(),
        2 => "interrupt".into(),
        3 => "quit".into(),
        6 => "aborted".into(),
        9 => "killed".into(),
        11 => "segmentation fault".into(),
        13 => "broken pipe".into(),
        14 => "alarm clock".into(),
        15 => "terminated".into(),
        other => format!("signal {other}"),
    }
}

fn not_started(error: &io::Error) -> Error {
    Error::io("cannot run /bin/sh", error).advise("this command needs a shell at /bin/sh")
}

impl User {
    /// The user of this name, from `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let unknown = || {
            Error::new(format!("unknown user {}", quoted(name)))
                .advise("name a user of /etc/passwd")
        };
        let passwd = fs::read_to_string("/etc/passwd")
            .map_err(|error| Error::io("cannot read /etc/passwd", &error))?;
        let fields = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&name))
            .ok_or_else(unknown)?;
        let number = |at: usize| fields.get(at).and_then(|id| id.parse().ok());
        let (Some(uid), Some(gid)) = (number(2), number(3)) else {
            return Err(unknown());
        };
        Ok(User {
            name: name.into(),
            home: fields.get(5).copied().unwrap_or("/").into(),
            uid,
            gid,
            groups: groups_of(name, gid, Path::new("/etc/group")),
        })
    }

    #[cfg(target_os = "linux")]
    fn become_it(&self) -> io::Result<()> {
        use rustix::{
            fs::{Gid, Uid},
            thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
        };
        let id = |id: u32| {
            (id != u32::MAX)
                .then_some(id)
                .ok_or(io::ErrorKind::InvalidInput)
        };
        let (uid, gid) = (Uid::from_raw(id(self.uid)?), Gid::from_raw(id(self.gid)?));
        let groups = self
            .groups
            .iter()
            .map(|group| id(*group).map(Gid::from_raw));
        let groups: Vec<Gid> = groups.collect::<std::result::Result<_, _>>()?;
        // Of this thread, which starts the command, or becomes it.
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn become_it(&self) -> io::Result<()> {
        let _ = (self.uid, self.gid, &self.groups);
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn groups_of(name: &str, gid: u32, path: &Path) -> Vec<u32> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut groups = vec![gid];
    for line in text.lines() {
        let fields: Vec<_> = line.split(':').collect();
        let is_member = |members: &&str| members.split(',').any(|member| member == name);
        if fields.get(3).is_some_and(is_member) {
            groups.extend(fields.get(2).and_then(|id| id.parse::<u32>().ok()));
        }
    }
    groups
}

impl User {
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    pub(crate) fn gid(&self) -> u32 {
        self.gid
    }
}

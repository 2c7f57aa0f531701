//! What every command works with: the process, what the program around it
//! decides, and what was said in front of the command's name.

use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal},
    path::{Component, Path, PathBuf},
};

use sops_core::{Format, Keyring, Style, age::Callbacks, keys::parse_order};

use crate::{
    Access, Error, Process, Refusal, Result,
    args::{Given, flag},
    config,
    error::quoted,
    exit, messages, read,
};

/// A run of the program.
pub(crate) struct Session<'s, 'p> {
    pub(crate) process: &'s mut Process<'p>,
    pub(crate) access: &'s dyn Access,
    pub(crate) options: Options,
}

/// What was said in front of the command's name and counts for all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) messages: messages::Format,
    pub(crate) verbose: bool,
    /// The configuration that was named.
    pub(crate) config: Option<PathBuf>,
    pub(crate) indent: Option<i64>,
    pub(crate) mac_only_encrypted: bool,
    /// Options without a command (sops-cli §5).
    pub(crate) old_style: bool,
}

impl Options {
    pub(crate) fn of(given: &Given, messages: messages::Format) -> Self {
        Options {
            messages,
            verbose: given.switch(&flag::VERBOSE),
            config: given.text(&flag::CONFIG).map(PathBuf::from),
            indent: given.number(&flag::INDENT),
            mac_only_encrypted: given.switch(&flag::MAC_ONLY_ENCRYPTED),
            old_style: false,
        }
    }
}

impl Session<'_, '_> {
    pub(crate) fn warn(&mut self, text: &str) {
        self.options.messages.warn(self.process, text);
    }

    /// Says what went wrong with one of several things.
    pub(crate) fn complain(&mut self, error: Error) {
        let error = self.options.messages.error(self.process, error);
        if !error.is_quiet() {
            self.process.say("error", &error.to_string());
        }
    }

    /// Says what came of it, to people.
    pub(crate) fn tell(&mut self, text: &str) {
        match self.options.messages {
            messages::Format::Text => self.process.tell(text),
            messages::Format::Json if text.is_empty() => {}
            messages::Format::Json => self.options.messages.info(self.process, text),
        }
    }

    /// Says what was done, to those who asked for it.
    pub(crate) fn info(&mut self, text: &str) {
        if self.options.verbose {
            self.options.messages.info(self.process, text);
        }
    }

    /// The one file that a command works on; others are named in a warning.
    pub(crate) fn one_file(&mut self, given: &Given) -> Option<PathBuf> {
        let (file, others) = given.positionals.split_first()?;
        self.warn_of_others(others);
        Some(cleaned(file))
    }

    /// What stands behind the one file is ignored, as with sops, which is
    /// worth a word.
    pub(crate) fn warn_of_others(&mut self, others: &[OsString]) {
        if others.is_empty() {
            return;
        }
        self.warn("more than one file: only the first one counts, as with sops");
        let mut options = others
            .iter()
            .filter(|other| other.as_encoded_bytes().starts_with(b"-"));
        if let Some(option) = options.next() {
            let option = quoted(&option.to_string_lossy());
            self.warn(&format!(
                "{option} stands behind the file and is ignored: it is no option of this command, or one that must come first"
            ));
        }
    }

    /// The same for a file that was written in a style of its own, which
    /// counts where nobody says otherwise.
    pub(crate) fn style_of(&mut self, format: Format, own: Style) -> Result<Style> {
        let found = self.config()?;
        let style = found.style(format)?;
        let said = found.config.says_style(format);
        indented(if said { style } else { own }, self.options.indent)
    }

    /// Whether results are looked at by a person who likes colours.
    pub(crate) fn colours(&self) -> bool {
        let no = (self.process.var)("NO_COLOR").is_some_and(|value| !value.is_empty());
        !no && io::stdout().is_terminal()
    }

    /// How a result in this format looks, which the configuration and
    /// `--indent` have a say in.
    pub(crate) fn style(&mut self, format: Format) -> Result<Style> {
        let found = self.config()?;
        indented(found.style(format)?, self.options.indent)
    }

    /// A path made absolute, `.` and `..` taken out of it, links left alone: as
    /// Go's `filepath.Abs`.
    pub(crate) fn absolute(&self, path: &Path) -> Result<PathBuf> {
        let dir = self.working_directory()?;
        let mut out = PathBuf::new();
        for component in dir.join(path).components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => {
                    out.pop();
                }
                other => out.push(other),
            }
        }
        Ok(out)
    }

    /// The working directory as the shell calls it, where that is it: as Go.
    pub(crate) fn working_directory(&self) -> Result<PathBuf> {
        use std::os::unix::fs::MetadataExt;
        let here = self.process.resolve(Path::new("."));
        let same = |named: &Path| {
            let (named, here) = (named.metadata().ok()?, here.metadata().ok()?);
            Some((named.dev(), named.ino()) == (here.dev(), here.ino()))
        };
        let named = (self.process.var)("PWD").map(PathBuf::from);
        match named.filter(|named| named.is_absolute() && same(named) == Some(true)) {
            Some(named) => Ok(named),
            None => std::path::absolute(&here)
                .map_err(|error| Error::io("cannot find the working directory", &error)),
        }
    }

    /// Reads the file that an argument names, or stdin.
    pub(crate) fn read(&mut self, file: Option<&Path>) -> Result<Vec<u8>> {
        let result = match file {
            Some(path) => self.access.read(self.process, path),
            None => read::stream(&mut *self.process.stdin).map_err(Refusal::Io),
        };
        result.map_err(|refusal| {
            let name = file.map_or("stdin".into(), shown);
            let own =
                Error::new(format!("cannot read {name}: {}", refusal.reason())).of_kind("read");
            match refusal {
                Refusal::Io(error) => {
                    let missing = error.kind() == io::ErrorKind::NotFound;
                    own.advise("name a file that can be read, or pipe it to stdin")
                        .with_exit_code(if missing { exit::NO_FILE } else { exit::READ })
                }
                Refusal::Setting(error) => error.of_kind("configuration"),
                Refusal::Forbidden { advice, .. } => own.advise(advice).with_exit_code(exit::READ),
            }
        })
    }

    /// The configuration: the one that was named, or the nearest one.
    pub(crate) fn config(&mut self) -> Result<config::Found> {
        let dir = self.working_directory()?;
        let named = self.options.config.as_deref();
        let named = named.map(|path| self.process.resolve(path));
        let found = config::find(&dir, named).map_err(|error| error.of_kind("configuration"))?;
        if let Some(warning) = &found.warning {
            self.warn(warning);
        }
        Ok(found)
    }

    /// The keys that open files.
    pub(crate) fn keys(&mut self, access: &Opening) -> Result<crate::Keys> {
        let callbacks = Callbacks::none()
            .run_commands()
            .prompt(self.process.ask_passphrase);
        let mut keys = if access.local {
            self.access
                .keys(self.process, callbacks)
                .map_err(|error| error.of_kind("configuration"))?
        } else {
            crate::Keys {
                keyring: Keyring::without_services(),
                note: access.services.is_empty().then(|| "the keys of this machine are switched off (--enable-local-keyservice=false, SOPS_ENABLE_LOCAL_KEYSERVICE)".into()),
            }
        };
        self.add_key_services(&mut keys.keyring, &access.services);
        if let Some(order) = &access.order {
            let order = parse_order(order).map_err(|error| {
                Error::new(format!("the decryption order is wrong: {error}"))
                    .advise("name each kind of key once, as in age,pgp,kms")
                    .with_exit_code(exit::ORDER)
                    .of_kind("usage")
            })?;
            keys.keyring.set_order(&order);
        }
        Ok(keys)
    }
}

impl Session<'_, '_> {
    /// Key services of other processes, which are asked after the keys of this
    /// one.
    #[cfg(feature = "keyservice")]
    fn add_key_services(&mut self, keyring: &mut Keyring, services: &[String]) {
        use crate::keyservice::{address::Address, client::Remote};
        for uri in services {
            match Address::of_uri(uri) {
                Some(address) => keyring.add_service(Remote::new(address)),
                None => self.warn(&format!(
                    "the key service {} is left out: write tcp://HOST:PORT or unix:///PATH",
                    quoted(uri)
                )),
            }
        }
    }

    #[cfg(not(feature = "keyservice"))]
    fn add_key_services(&mut self, _: &mut Keyring, services: &[String]) {
        if !services.is_empty() {
            self.warn("key services are not asked: this program was built without them");
        }
    }
}

/// How files are opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// With the keys of this machine.
    pub local: bool,
    /// By these key services too.
    pub services: Vec<String>,
    /// Kinds of keys that are tried first, as `--decryption-order` names them.
    pub order: Option<String>,
}

impl Default for Opening {
    fn default() -> Self {
        Opening {
            local: true,
            services: Vec::new(),
            order: None,
        }
    }
}

impl Opening {
    pub(crate) fn of(given: &Given) -> Result<Self> {
        let services = given.strs(&flag::KEYSERVICE)?;
        Ok(Opening {
            local: given.switch(&flag::LOCAL_KEYSERVICE),
            services: services.into_iter().map(Into::into).collect(),
            order: given.str(&flag::DECRYPTION_ORDER)?.map(Into::into),
        })
    }
}

/// The format that a type names; what is no type says nothing, as with sops.
pub(crate) fn format_named(name: Option<&str>) -> Option<Format> {
    Some(match name? {
        "yaml" => Format::Yaml,
        "json" => Format::Json,
        "dotenv" => Format::Dotenv,
        "ini" => Format::Ini,
        "binary" => Format::Binary,
        _ => return None,
    })
}

/// What `--indent` makes of a style.
pub(crate) fn indented(mut style: Style, indent: Option<i64>) -> Result<Style> {
    let Some(indent) = indent else {
        return Ok(style);
    };
    let spaces = usize::try_from(indent).ok().filter(|spaces| *spaces <= 64);
    style.yaml_indent = match spaces {
        Some(0) => 4,
        Some(spaces @ 2..=9) => spaces,
        _ => 2,
    };
    style.json_indent = match (indent, spaces) {
        (-1, _) => None,
        (_, Some(spaces)) => Some(spaces),
        _ => {
            return Err(Error::new("--indent is not between -1 (a tab) and 64")
                .advise("give a number of spaces")
                .of_kind("usage"));
        }
    };
    Ok(style)
}

/// A path without what sops cleans away: `secret.yaml/` is that file.
pub(crate) fn cleaned(path: &OsStr) -> PathBuf {
    Path::new(path).components().collect()
}

/// A path as messages show it.
pub(crate) fn shown(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

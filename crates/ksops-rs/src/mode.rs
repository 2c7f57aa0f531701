//! What to do, from argv alone.

use std::ffi::{OsStr, OsString};

use crate::subcommand;

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Help on stdout: it was asked for.
    Help,
    /// The version on stdout.
    Version,
    /// An error, exit code 1: the arguments make no sense.
    Usage,
    /// No arguments: a ResourceList on stdin, if stdin is piped.
    Krm,
    /// One argument: the generator manifest, whatever it looks like.
    Legacy(OsString),
    /// A subcommand with its arguments, its name first.
    Subcommand(Vec<OsString>),
}

impl Mode {
    /// Decides by the arguments behind the program's name. Nothing is parsed
    /// as an option here: in the plugin modes argv comes from a repository.
    ///
    /// ```
    /// use ksops_rs::mode::Mode;
    /// assert_eq!(Mode::of(["--verbose"]), Mode::Legacy("--verbose".into()));
    /// assert_eq!(Mode::of(["a.yaml", "b.yaml"]), Mode::Usage);
    /// ```
    pub fn of(args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        match args.as_slice() {
            [] => Mode::Krm,
            [name, ..] if is_subcommand(name) => Mode::Subcommand(args),
            [help, name] if help == "help" && is_subcommand(name) => {
                Mode::Subcommand(vec![name.clone(), "--help".into()])
            }
            [one] if one == "--help" || one == "help" => Mode::Help,
            [one] if one == "--version" => Mode::Version,
            [one] => Mode::Legacy(one.clone()),
            _ => Mode::Usage,
        }
    }
}

fn is_subcommand(name: &OsStr) -> bool {
    subcommand::named(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_win_over_files() {
        assert_eq!(Mode::of(["--help"]), Mode::Help);
        assert_eq!(Mode::of(["help"]), Mode::Help);
        assert_eq!(Mode::of(["--version"]), Mode::Version);
        assert_eq!(
            Mode::of(["decrypt"]),
            Mode::Subcommand(vec!["decrypt".into()])
        );
        assert_eq!(
            Mode::of(["help", "decrypt"]),
            Mode::Subcommand(vec!["decrypt".into(), "--help".into()])
        );
    }

    #[test]
    fn any_other_single_argument_is_a_manifest() {
        for path in ["g.yaml", "-h", "--", "-", "", "version", "./help", "--Help"] {
            assert_eq!(Mode::of([path]), Mode::Legacy(path.into()), "{path:?}");
        }
    }

    #[test]
    fn several_arguments_need_a_subcommand() {
        for args in [
            ["a", "b"],
            ["--help", "x"],
            ["--version", "--help"],
            ["help", "x"],
            ["a", "decrypt"],
        ] {
            assert_eq!(Mode::of(args), Mode::Usage, "{args:?}");
        }
        assert_eq!(Mode::of(Vec::<OsString>::new()), Mode::Krm);
    }
}

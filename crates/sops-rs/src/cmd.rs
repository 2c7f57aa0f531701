//! The commands, one room each. A command reads its arguments into a plan,
//! carries it out, and ends with sops's exit code.

mod check;
pub(crate) mod completion;
pub mod decrypt;
mod edit;
mod encrypt;
mod exec_env;
mod exec_file;
mod filestatus;
mod groups;
#[cfg(feature = "keyservice")]
mod keyservice;
pub(crate) mod merge;
pub(crate) mod old_style;
mod publish;
mod rotate;
mod set;
mod textconv;
mod updatekeys;

use crate::{
    Result,
    args::{Flag, Given, flag},
    session::Session,
};

/// A command as the command line names it.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// What stands behind its options.
    pub(crate) arguments: &'static str,
    pub(crate) summary: &'static str,
    /// Its options, in groups that commands share.
    pub(crate) flags: &'static [&'static [&'static Flag]],
    pub(crate) run: fn(&mut Session<'_, '_>, &Given) -> Result<()>,
    /// Commands below it.
    pub(crate) commands: &'static [Command],
}

/// The commands, in the order of the help text: the one place where they are
/// named.
pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "decrypt",
        arguments: "[FILE]",
        summary: "Decrypt a file, or stdin, and print it",
        flags: &[
            &[
                &flag::IN_PLACE,
                &flag::EXTRACT,
                &flag::OUTPUT,
                &flag::INPUT_TYPE,
                &flag::OUTPUT_TYPE,
                &flag::IGNORE_MAC,
                &flag::FILENAME_OVERRIDE,
                &flag::DECRYPTION_ORDER,
            ],
            flag::SERVICES,
        ],
        run: decrypt::command,
        commands: &[],
    },
    Command {
        name: "encrypt",
        arguments: "[FILE]",
        summary: "Encrypt a file, or stdin, and print it",
        flags: &[
            &[
                &flag::IN_PLACE,
                &flag::OUTPUT,
                &flag::INPUT_TYPE,
                &flag::OUTPUT_TYPE,
                &flag::FILENAME_OVERRIDE,
            ],
            flag::KEYS,
            flag::SELECTION,
            flag::SERVICES,
        ],
        run: encrypt::command,
        commands: &[],
    },
    Command {
        name: "edit",
        arguments: "FILE",
        summary: "Edit a file in your editor; a new one starts from an example",
        flags: &[
            &[
                &flag::SHOW_MASTER_KEYS,
                &flag::INPUT_TYPE,
                &flag::OUTPUT_TYPE,
                &flag::IGNORE_MAC,
                &flag::DECRYPTION_ORDER,
            ],
            flag::KEYS,
            flag::SELECTION,
            flag::SERVICES,
        ],
        run: edit::command,
        commands: &[],
    },
    Command {
        name: "rotate",
        arguments: "FILE",
        summary: "Encrypt all values of a file anew, with a new data key",
        flags: &[
            &[
                &flag::IN_PLACE,
                &flag::OUTPUT,
                &flag::INPUT_TYPE,
                &flag::OUTPUT_TYPE,
                &flag::FILENAME_OVERRIDE,
                &flag::ENCRYPTION_CONTEXT,
                &flag::DECRYPTION_ORDER,
            ],
            flag::CHANGES,
            flag::SERVICES,
        ],
        run: rotate::command,
        commands: &[],
    },
    Command {
        name: "updatekeys",
        arguments: "FILE…",
        summary: "Make the recipients of files those of the configuration",
        flags: &[
            &[&flag::YES, &flag::CHECK, &flag::INPUT_TYPE],
            flag::SERVICES,
        ],
        run: updatekeys::command,
        commands: &[],
    },
    Command {
        name: "set",
        arguments: "FILE PATH [VALUE]",
        summary: "Set one value of an encrypted file",
        flags: &[
            &[
                &flag::VALUE_FILE,
                &flag::VALUE_STDIN,
                &flag::IDEMPOTENT,
                &flag::INPUT_TYPE,
                &flag::OUTPUT_TYPE,
                &flag::IGNORE_MAC,
                &flag::THRESHOLD,
                &flag::DECRYPTION_ORDER,
            ],
            flag::SERVICES,
        ],
        run: set::set,
        commands: &[],
    },
    Command {
        name: "unset",
        arguments: "FILE PATH",
        summary: "Remove one value from an encrypted file",
        flags: &[
            &[
                &flag::IDEMPOTENT,
                &flag::INPUT_TYPE,
                &flag::OUTPUT_TYPE,
                &flag::IGNORE_MAC,
                &flag::THRESHOLD,
                &flag::DECRYPTION_ORDER,
            ],
            flag::SERVICES,
        ],
        run: set::unset,
        commands: &[],
    },
    Command {
        name: "exec-env",
        arguments: "FILE COMMAND",
        summary: "Run a command with the values of a file as variables",
        flags: &[
            &[
                &flag::BACKGROUND,
                &flag::PRISTINE,
                &flag::USER,
                &flag::SAME_PROCESS,
                &flag::DECRYPTION_ORDER,
            ],
            flag::SERVICES,
        ],
        run: exec_env::command,
        commands: &[],
    },
    Command {
        name: "exec-file",
        arguments: "FILE COMMAND",
        summary: "Run a command with a decrypted file, whose path stands for each {}",
        flags: &[
            &[
                &flag::BACKGROUND,
                &flag::NO_FIFO,
                &flag::USER,
                &flag::INPUT_TYPE,
                &flag::OUTPUT_TYPE,
                &flag::FILENAME,
                &flag::DECRYPTION_ORDER,
            ],
            flag::SERVICES,
        ],
        run: exec_file::command,
        commands: &[],
    },
    Command {
        name: "filestatus",
        arguments: "FILE",
        summary: "Say as JSON whether a file is encrypted",
        flags: &[&[&flag::INPUT_TYPE]],
        run: filestatus::command,
        commands: &[],
    },
    Command {
        name: "check",
        arguments: "[PATH…]",
        summary: "Say which files are not encrypted as the configuration wants: for CI and hooks, without keys",
        flags: &[&[&flag::FORMAT, &flag::EXCLUDE]],
        run: check::command,
        commands: &[],
    },
    Command {
        name: "textconv",
        arguments: "FILE",
        summary: "Print a file decrypted where that can be done, else as it is: for git diff",
        flags: &[
            &[
                &flag::INPUT_TYPE,
                &flag::OUTPUT_TYPE,
                &flag::DECRYPTION_ORDER,
            ],
            flag::SERVICES,
        ],
        run: textconv::command,
        commands: &[],
    },
    Command {
        name: "merge",
        arguments: "BASE OURS THEIRS [NAME] | --resolve SIDE FILE",
        summary: "Merge encrypted files, as a merge driver of git",
        flags: &[
            &[&flag::RESOLVE, &flag::INPUT_TYPE, &flag::DECRYPTION_ORDER],
            flag::SERVICES,
        ],
        run: merge::command,
        commands: &[],
    },
    Command {
        name: "groups",
        arguments: "",
        summary: "Change the key groups of a file",
        flags: &[],
        run: |_, _| Ok(()),
        commands: &[
            Command {
                name: "add",
                arguments: "--file FILE",
                summary: "Add a key group",
                flags: &[
                    &[&flag::FILE, &flag::IN_PLACE],
                    flag::GROUP,
                    &[&flag::THRESHOLD],
                    flag::SERVICES,
                ],
                run: groups::add,
                commands: &[],
            },
            Command {
                name: "delete",
                arguments: "--file FILE INDEX",
                summary: "Remove a key group, counted from 0",
                flags: &[
                    &[&flag::FILE, &flag::IN_PLACE, &flag::THRESHOLD],
                    flag::SERVICES,
                ],
                run: groups::delete,
                commands: &[],
            },
        ],
    },
    Command {
        name: "publish",
        arguments: "FILE",
        summary: "Upload a file to where destination_rules say",
        flags: &[
            &[
                &flag::YES,
                &flag::OMIT_EXTENSIONS,
                &flag::RECURSIVE,
                &flag::VERBOSE,
                &flag::DECRYPTION_ORDER,
            ],
            flag::SERVICES,
        ],
        run: publish::command,
        commands: &[],
    },
    #[cfg(feature = "keyservice")]
    Command {
        name: "keyservice",
        arguments: "",
        summary: "Open and wrap data keys for programs that ask over a socket",
        flags: &[&[
            &flag::NETWORK,
            &flag::ADDRESS,
            &flag::PROMPT,
            &flag::VERBOSE,
        ]],
        run: keyservice::command,
        commands: &[],
    },
    Command {
        name: "completion",
        arguments: "",
        summary: "Print a script that completes commands and options, or the manual page",
        flags: &[],
        run: |_, _| Ok(()),
        commands: &[
            script("bash", "For bash: source it", completion::bash),
            script("zsh", "For zsh: source it", completion::zsh),
            script("fish", "For fish: source it", completion::fish),
            script("man", "The manual page, for man", completion::man),
        ],
    },
];

/// A command that prints something.
const fn script(
    name: &'static str,
    summary: &'static str,
    run: fn(&mut Session<'_, '_>, &Given) -> Result<()>,
) -> Command {
    Command {
        name,
        arguments: "",
        summary,
        flags: &[],
        run,
        commands: &[],
    }
}

/// Options that every command has.
static COMMON: &[&Flag] = &[&flag::ERROR_FORMAT, &flag::HELP];

impl Command {
    /// All options of the command.
    pub(crate) fn flags(&self) -> Vec<&'static Flag> {
        let own = self.flags.iter().copied().flatten().copied();
        own.chain(COMMON.iter().copied()).collect()
    }

    /// The command of this name.
    pub(crate) fn named(
        commands: &'static [Command],
        name: &std::ffi::OsStr,
    ) -> Option<&'static Command> {
        commands.iter().find(|command| name == command.name)
    }
}

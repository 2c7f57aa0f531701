//! Command lines of sops-rs.

use std::{ffi::OsString, os::unix::ffi::OsStrExt};

use sops_rs::CommandLine;

/// Lines of words: the first is a command. What is understood, written so that
/// no word can be taken for another thing, is understood as the same; no word
/// counts twice, and no file is made up.
pub fn arguments(data: &[u8]) {
    let mut words = data.split(|byte| *byte == b'\n');
    let word = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let command = words.next().map(word).unwrap_or_default();
    let args: Vec<OsString> = words.map(word).collect();
    let Some(Ok(line)) = CommandLine::of(&command, args.clone()) else {
        return;
    };
    let again = CommandLine::of(&command, line.to_args()).expect("the same command");
    assert_eq!(again.as_ref(), Ok(&line), "{command:?} {args:?}");
    assert!(line.options().len() + line.arguments().len() <= args.len());
    for argument in line.arguments() {
        assert!(args.contains(argument), "{argument:?} of {args:?}");
    }
}

//! `edit`: a person's editor on the plaintext of a file
//! (sops-encrypt-and-edit §5).

mod untouched;

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use sops_core::{Document, EncryptOptions, Format, Plain};
use untouched::Shown;
use zeroize::Zeroizing;

use super::encrypt;
use crate::{
    Error, Keys, Opening, Result,
    args::{Given, flag},
    changed::Changed,
    creation, editor, exit,
    input::Input,
    private::PrivateDir,
    read,
    session::Session,
    signals::OnSignal,
    target::Target,
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let Some(file) = session.one_file(given) else {
        return Err(Error::new("no file specified")
            .advise("see `sops-rs edit --help`")
            .with_exit_code(exit::NO_FILE)
            .of_kind("usage"));
    };
    let input = Input::given(given, Some(file.clone()))?;
    let bytes = edited(session, given, &input).map_err(|error| error.about(input.path()))?;
    let target = Target::File(file);
    target.write(session, &bytes)?;
    input.warn_of_format(session, &target);
    Ok(())
}

/// The encrypted file as it is after editing.
pub(crate) fn edited(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
) -> Result<Vec<u8>> {
    if given.switch(&flag::SHOW_MASTER_KEYS) {
        return Err(Error::new("--show-master-keys: edits of the sops block are not taken, here or by sops, which loses all others too")
            .advise("edit without it; `updatekeys`, `rotate --add-age` and `groups` change who can open the file")
            .of_kind("usage"));
    }
    let file = input.file.as_deref().unwrap_or(Path::new(""));
    let exists = session.process.resolve(file).metadata().is_ok();
    if exists {
        existing(session, given, input)
    } else {
        new(session, given, input)
    }
}

fn existing(session: &mut Session<'_, '_>, given: &Given, input: &Input) -> Result<Vec<u8>> {
    if session.options.old_style {
        let found = session.config()?;
        creation::rule(session, &found, input)?;
    }
    let mut changed = Changed::open(session, given, input)?;
    let style = session.style_of(input.output_format, changed.document.style())?;
    let text = changed
        .document
        .to_bytes(input.output_format, &style)
        .map_err(|error| input.error(session, error))?;
    let document = ask(session, input, &text, |_| Ok(()))?;
    let mut tree = document.tree().to_vec();
    let shown = Shown {
        format: input.output_format,
        style: &style,
    };
    shown.keep(changed.document.tree(), &mut tree);
    changed.document.set_tree(tree);
    changed.document.raise_version();
    changed.finish(session, input)
}

fn new(session: &mut Session<'_, '_>, given: &Given, input: &Input) -> Result<Vec<u8>> {
    let (options, _) = encrypt::options(session, given, input)?;
    let keys = session.keys(&Opening::of(given)?)?;
    prove(session, input, &options, &keys)?;
    let example = example(input.output_format);
    let text = Document::parse_plain(example.as_bytes(), input.output_format)
        .and_then(|document| document.to_bytes(input.output_format, &options.style))
        .map_err(|error| input.error(session, error))?;
    let document = ask(session, input, &text, |_| Ok(()))?;
    encrypt::seal(session, input, document, &options, &keys.keyring)
}

/// That a data key can be wrapped for all recipients is seen before anybody
/// types a word.
fn prove(
    session: &Session<'_, '_>,
    input: &Input,
    options: &EncryptOptions,
    keys: &Keys,
) -> Result<()> {
    let empty = Document::from_tree(vec![sops_core::tree::Mapping::default()], Format::Yaml);
    let wrapped = empty
        .into_editing(options)
        .and_then(|mut document| document.wrap(&keys.keyring));
    wrapped.map_err(|error| input.error(session, error).with_exit_code(exit::DATA_KEY))
}

/// Has a text edited until it can be read, and is otherwise as it must be.
pub(crate) fn ask(
    session: &mut Session<'_, '_>,
    input: &Input,
    text: &[u8],
    check: fn(&[u8]) -> Result<()>,
) -> Result<Document<Plain>> {
    let words = editor::command(session.process.var)?;
    let (dir, path) = place(session, input, text)?;
    loop {
        editor::run(&words, &path, &session.process.dir)?;
        let edited = read::file(&path).map_err(|error| {
            Error::io("cannot read what the editor left", &error)
                .advise("save the file in its place")
                .with_exit_code(exit::READ)
                .of_kind("read")
        })?;
        let edited = Zeroizing::new(edited);
        if edited.as_slice() == text {
            return Err(Error::new("File has not changed, exiting.")
                .with_exit_code(exit::UNCHANGED)
                .of_kind("unchanged"));
        }
        let parsed = check(&edited).map(|()| Document::parse_plain(&edited, input.output_format));
        let error = match parsed {
            Err(error) => error,
            Ok(Ok(document)) if !document.tree().is_empty() => {
                drop(dir);
                return Ok(document);
            }
            Ok(Ok(_)) => Error::new("the file is empty; it must contain at least one document")
                .advise("write an empty mapping, {}, at least"),
            Ok(Err(error)) => input.error(session, error),
        };
        let error = error.with_exit_code(exit::GENERIC);
        session.warn(&error.to_string());
        session.tell("Press enter to return to the editor, or Ctrl+C to exit.");
        if !line(&mut *session.process.stdin) {
            // Nobody is there to press a key.
            return Err(error.advise("nothing was changed"));
        }
    }
}

/// The plaintext in a file of its own, named as the one that is edited.
fn place(session: &Session<'_, '_>, input: &Input, text: &[u8]) -> Result<(PrivateDir, PathBuf)> {
    let name = editor::file_name(input.file.as_deref().unwrap_or(Path::new("file")));
    let made = PrivateDir::new(session.process.var, "", OnSignal::Cancel)
        .and_then(|dir| Ok((dir.write(&name, text)?, dir)));
    let (path, dir) = made.map_err(|error| {
        Error::io("cannot make a file for the editor", &error)
            .advise("set TMPDIR to a folder that can be written")
            .with_exit_code(exit::WRITE)
            .of_kind("write")
    })?;
    Ok((dir, path))
}

/// Waits for a line; whether there was one.
fn line(stdin: &mut dyn Read) -> bool {
    let mut byte = [0];
    while matches!(stdin.read(&mut byte), Ok(1)) {
        if byte == *b"\n" {
            return true;
        }
    }
    false
}

/// What a new file starts from: keys and types as in sops, in words of our
/// own.
fn example(format: Format) -> &'static str {
    match format {
        Format::Yaml => {
            "hello: This file will be encrypted. Put your own values here!\n\
             example_key: a text\n\
             # A comment, which is encrypted too\n\
             example_array:\n    - one\n    - two\n\
             example_number: 1234.56789\n\
             example_booleans:\n    - true\n    - false\n"
        }
        Format::Json => {
            "{\"hello\": \"This file will be encrypted. Put your own values here!\", \
             \"example_key\": \"a text\", \"example_array\": [\"one\", \"two\"], \
             \"example_number\": 1234.56789, \"example_booleans\": [true, false]}"
        }
        Format::Dotenv => {
            "# A comment, which is encrypted too\n\
             hello=This file will be encrypted. Put your own values here!\n\
             example_key=a text\nexample_multiline=one\\ntwo\\nthree\n"
        }
        Format::Ini => {
            "; A comment, which is encrypted too\n[Welcome!]\n\
             hello = This file will be encrypted. Put your own values here!\nexample_key = a text\n"
        }
        _ => "This file will be encrypted. Put your own content here!",
    }
}

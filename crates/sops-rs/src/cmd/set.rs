//! `set` and `unset` (sops-encrypt-and-edit §7).

use std::{ffi::OsStr, path::Path};

use serde::de::IgnoredAny;
use sops_core::{
    Document, ErrorKind, Format, Readable,
    query::{self, Step},
    tree::{ListItem, Mapping, Value},
};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    args::{Given, flag},
    changed::Changed,
    error::quoted,
    exit,
    input::Input,
    read,
    session::{Session, cleaned},
    target::Target,
};

pub(crate) fn set(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let (from_file, from_stdin) = (
        given.switch(&flag::VALUE_FILE),
        given.switch(&flag::VALUE_STDIN),
    );
    if from_file && from_stdin {
        return Err(
            Error::new("--value-file and --value-stdin exclude one another")
                .advise("see `sops-rs set --help`")
                .of_kind("usage"),
        );
    }
    let (file, path, value) = match given.positionals.as_slice() {
        [file, path, value] if !from_stdin => (file, path, Some(value)),
        [file, path] if from_stdin => (file, path, None),
        _ if from_stdin => {
            return Err(arguments(
                "a file and a path are needed, and the value on stdin",
                "set --value-stdin FILE '[\"a\"][\"b\"]'",
            ));
        }
        _ => {
            return Err(arguments(
                "a file, a path and a value are needed, and nothing else",
                "set FILE '[\"a\"][\"b\"]' '\"value\"'",
            ));
        }
    };
    let path = steps(path)?;
    let text = Zeroizing::new(match value {
        None => read::stream(&mut *session.process.stdin).map_err(|error| {
            Error::io("cannot read the value from stdin", &error).advise("pipe it to stdin")
        })?,
        Some(name) if from_file => {
            let name = Path::new(name);
            read::file(&session.process.resolve(name)).map_err(|error| {
                Error::io(
                    format_args!("cannot read the value from {}", crate::session::shown(name)),
                    &error,
                )
                .advise("name a file that holds JSON")
            })?
        }
        Some(text) => text.as_encoded_bytes().to_vec(),
    });
    let value = json(&text)?;
    let input = Input::given(given, Some(cleaned(file)))?;
    let result = change(session, given, &input, |changed| {
        let set = changed.document.set(&path, value);
        set.map_err(|error| exit::of_core(error, false).with_exit_code(exit::SET))
    });
    write(session, &input, result)
}

/// `--set 'PATH JSON'` of the old style.
pub(crate) fn old_style(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
) -> Result<Vec<u8>> {
    let text = given.str(&flag::SET)?.unwrap_or_default();
    let (path, value) = text.split_once("] ").ok_or_else(|| {
        Error::new("--set is not a path, a blank and a value")
            .advise("write it as in --set '[\"a\"][\"b\"] \"value\"'")
            .with_exit_code(exit::SET)
            .of_kind("usage")
    })?;
    let path = steps(OsStr::new(&format!("{path}]")))?;
    let value = json(value.as_bytes())?;
    let mut changed = Changed::open(session, given, input)?;
    changed
        .document
        .set(&path, value)
        .map_err(|error| exit::of_core(error, false).with_exit_code(exit::SET))?;
    changed.finish(session, input)
}

pub(crate) fn unset(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let [file, path] = given.positionals.as_slice() else {
        return Err(arguments(
            "a file and a path are needed, and nothing else",
            "unset FILE '[\"a\"][\"b\"]'",
        ));
    };
    let path = steps(path)?;
    let input = Input::given(given, Some(cleaned(file)))?;
    let idempotent = given.switch(&flag::IDEMPOTENT);
    let result = change(session, given, &input, |changed| {
        match changed.document.unset(&path) {
            Ok(()) => Ok(true),
            Err(error) if idempotent && error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(exit::of_core(error, false).with_exit_code(exit::GENERIC)),
        }
    });
    write(session, &input, result)
}

/// The new file; `None` where it is to be left alone.
fn change(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
    work: impl FnOnce(&mut Changed) -> Result<bool>,
) -> Result<Option<Vec<u8>>> {
    let mut changed = Changed::open(session, given, input)?;
    let differs = work(&mut changed).map_err(|error| error.at(input.name()))?;
    if !differs && given.switch(&flag::IDEMPOTENT) {
        return Ok(None);
    }
    changed.finish(session, input).map(Some)
}

fn write(
    session: &mut Session<'_, '_>,
    input: &Input,
    result: Result<Option<Vec<u8>>>,
) -> Result<()> {
    let bytes = result.map_err(|error| error.about(input.path()))?;
    match (bytes, &input.file) {
        (Some(bytes), Some(file)) => {
            let target = Target::File(file.clone());
            target.write(session, &bytes)?;
            input.warn_of_format(session, &target);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn steps(path: &OsStr) -> Result<Vec<Step>> {
    let text = path.to_string_lossy();
    query::parse_path(&text).map_err(|error| {
        exit::of_core(error, false)
            .at(quoted(&text))
            .with_exit_code(exit::SET)
            .of_kind("path")
    })
}

fn arguments(message: &str, example: &str) -> Error {
    Error::new(message)
        .advise(format!("write it as in: sops-rs {example}"))
        .with_exit_code(exit::NO_FILE)
        .of_kind("usage")
}

/// A value as JSON: a scalar, whose numbers are floats, or an object.
fn json(text: &[u8]) -> Result<Value> {
    let wrong = |message: &str| {
        Error::new(message)
            .advise(r#"write JSON: "text" in double quotes, 5432, true, null, or {"key": "value"}"#)
            .with_exit_code(exit::SET)
            .of_kind("usage")
    };
    if serde_json::from_slice::<IgnoredAny>(text).is_err() {
        return Err(wrong("the value is not valid JSON"));
    }
    // It is one JSON text, so that nothing else can come of it in an object.
    let document = Zeroizing::new([b"{\"v\":".as_slice(), text, b"}"].concat());
    let document = Document::parse_plain(&document, Format::Json)
        .map_err(|_| wrong("the value is not valid JSON"))?;
    let value = only_value(&document).ok_or_else(|| wrong("the value is not valid JSON"))?;
    match value {
        Value::List(_) => Err(wrong(
            "the value is a list, which can be set item by item only",
        )),
        #[expect(
            clippy::cast_precision_loss,
            reason = "as sops does with a number alone"
        )]
        Value::Int(int) => Ok(Value::Float(*int as f64)),
        value if !is_finite(value) => Err(wrong("a number of the value is too large")),
        value if has_duplicates(value) => {
            Err(wrong("a key stands twice in an object of the value"))
        }
        value => Ok(value.clone()),
    }
}

fn only_value(document: &Document<impl Readable>) -> Option<&Value> {
    let mut entries = document.tree().first()?.entries();
    let (_, value) = entries.next()?;
    entries.next().is_none().then_some(value)
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Float(float) => float.is_finite(),
        Value::Mapping(mapping) => mapping.entries().all(|(_, value)| is_finite(value)),
        Value::List(list) => list.values().all(is_finite),
        _ => true,
    }
}

fn has_duplicates(value: &Value) -> bool {
    let twice = |mapping: &Mapping| {
        let keys: Vec<_> = mapping.entries().map(|(key, _)| key).collect();
        let unique: std::collections::HashSet<_> = keys.iter().collect();
        unique.len() < keys.len()
    };
    match value {
        Value::Mapping(mapping) => {
            twice(mapping) || mapping.entries().any(|(_, value)| has_duplicates(value))
        }
        Value::List(list) => list.items.iter().any(|item| match item {
            ListItem::Value(value) => has_duplicates(value),
            ListItem::Comment(_) => false,
        }),
        _ => false,
    }
}

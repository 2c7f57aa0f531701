//! The part of `.sops.yaml` that concerns decrypting: `stores.*.indent`
//! (sops-cli §6).

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sops_core::Style;

use crate::{Error, Result, error::path_name, read};

/// How many directories upward sops looks.
const MAX_LEVELS: usize = 100;

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    stores: Option<Stores>,
    /// Of no concern here, but broken where it is no list.
    #[serde(default, rename = "creation_rules")]
    _creation_rules: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stores {
    yaml: Option<Indent>,
    json: Option<Indent>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Indent {
    indent: Option<i64>,
}

/// A style, and what to warn of.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) style: Style,
    pub(crate) warning: Option<String>,
}

/// The style that a configuration asks for: the one that is `named` (by
/// `SOPS_CONFIG`), else the nearest `.sops.yaml` at or above `dir`; that of
/// sops 3.13 where there is none.
///
/// # Errors
///
/// Where the file cannot be read or is not a configuration.
pub(crate) fn find(dir: &Path, named: Option<PathBuf>) -> Result<Found> {
    let mut style = Style::default();
    let (path, misnamed) = match named {
        Some(path) => (Some(path), None),
        None => search(dir),
    };
    let warning = misnamed.map(|misnamed| {
        let instead = path
            .as_ref()
            .map(|path| format!("; {} is used instead", path_name(path)))
            .unwrap_or_default();
        format!(
            "{} is ignored: a configuration file must be called .sops.yaml{instead}",
            path_name(&misnamed)
        )
    });
    if let Some(path) = path {
        let bytes = read::file(&path)
            .map_err(|error| Error::io(format_args!("cannot read {}", path_name(&path)), &error))?;
        apply(&bytes, &mut style).map_err(|reason| {
            Error::new(format!("{}: {reason}", path_name(&path)))
                .advise("mend it (`creation_rules` is a list, `stores.yaml.indent` a number), or decrypt from another directory")
        })?;
    }
    Ok(Found { style, warning })
}

/// The nearest `.sops.yaml`, and a `.sops.yml` passed on the way to it.
fn search(dir: &Path) -> (Option<PathBuf>, Option<PathBuf>) {
    let mut misnamed = None;
    for dir in dir.ancestors().take(MAX_LEVELS) {
        let path = dir.join(".sops.yaml");
        match path.metadata() {
            // Also a link that leads nowhere.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // What cannot be looked at is an error when it is read.
            _ => return (Some(path), misnamed),
        }
        let other = dir.join(".sops.yml");
        if misnamed.is_none() && other.exists() {
            misnamed = Some(other);
        }
    }
    (None, misnamed)
}

fn apply(bytes: &[u8], style: &mut Style) -> std::result::Result<(), String> {
    // Go reads the first document and stops.
    let Some(document) = serde_yaml::Deserializer::from_slice(bytes).next() else {
        return Ok(());
    };
    let config = Option::<Config>::deserialize(document)
        .map_err(|error| not_a_configuration(&error))?
        .unwrap_or_default();
    let stores = config.stores.unwrap_or_default();
    let indent = |store: Option<Indent>| store.and_then(|store| store.indent);
    match indent(stores.yaml) {
        None | Some(0) => {}
        Some(spaces @ 2..=9) => style.yaml_indent = usize::try_from(spaces).unwrap_or(4),
        Some(i64::MIN..0) => {
            return Err("stores.yaml.indent is negative".into());
        }
        Some(_) => style.yaml_indent = 2,
    }
    match indent(stores.json) {
        None | Some(-1) => {}
        Some(spaces) => {
            style.json_indent = usize::try_from(spaces)
                .ok()
                .filter(|&spaces| spaces <= 64)
                .map(Some)
                .ok_or("stores.json.indent is not between -1 (a tab) and 64")?;
        }
    }
    Ok(())
}

/// Without the text of the error: it quotes the file, and anything may have
/// been named `.sops.yaml`.
fn not_a_configuration(error: &serde_yaml::Error) -> String {
    let line = error
        .location()
        .map_or(String::new(), |at| format!("line {}: ", at.line()));
    format!("{line}not a sops configuration")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> std::result::Result<(usize, Option<usize>), String> {
        let mut style = Style::default();
        apply(text.as_bytes(), &mut style)?;
        Ok((style.yaml_indent, style.json_indent))
    }

    #[test]
    fn indents_are_those_of_sops() {
        assert_eq!(read(""), Ok((4, None)));
        assert_eq!(read("# nothing\n"), Ok((4, None)));
        assert_eq!(read("creation_rules:\n- age: x\n"), Ok((4, None)));
        assert_eq!(read("stores: {yaml: {indent: 2}}"), Ok((2, None)));
        assert_eq!(read("stores: {yaml: {indent: 0}}"), Ok((4, None)));
        assert_eq!(read("stores: {yaml: {indent: 1}}"), Ok((2, None)));
        assert_eq!(read("stores: {yaml: {indent: 10}}"), Ok((2, None)));
        assert_eq!(read("stores: {json: {indent: 0}}"), Ok((4, Some(0))));
        assert_eq!(read("stores: {json: {indent: 3}}"), Ok((4, Some(3))));
        assert_eq!(read("stores: {json: {indent: -1}}"), Ok((4, None)));
        assert_eq!(read("stores:\n---\nstores: 1"), Ok((4, None)));
        assert_eq!(read("stores: {other: {}, json: }"), Ok((4, None)));
    }

    #[test]
    fn a_broken_configuration_is_an_error() {
        for text in [
            "a: [",
            "stores: 1",
            "stores: {yaml: {indent: x}}",
            "stores: {yaml: {indent: -1}}",
            "stores: {json: {indent: -2}}",
            "creation_rules: 5",
            "just a text",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_nearest_file_upward_counts() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(
            root.path().join(".sops.yaml"),
            "stores: {yaml: {indent: 3}}",
        )
        .unwrap();
        let found = find(&deep, None).unwrap();
        assert_eq!((found.style.yaml_indent, found.warning), (3, None));

        fs::write(root.path().join("a/.sops.yml"), "").unwrap();
        let warning = find(&deep, None).unwrap().warning.unwrap();
        assert!(warning.contains("a/.sops.yml is ignored"), "{warning}");
        assert!(warning.contains(".sops.yaml is used instead"), "{warning}");

        fs::write(
            root.path().join("a/.sops.yaml"),
            "stores: {yaml: {indent: 5}}",
        )
        .unwrap();
        assert_eq!(find(&deep, None).unwrap().style.yaml_indent, 5);

        let named = root.path().join(".sops.yaml");
        assert_eq!(find(&deep, Some(named)).unwrap().style.yaml_indent, 3);
        assert!(find(&deep, Some(deep.join("none"))).is_err());

        fs::create_dir(deep.join(".sops.yaml")).unwrap();
        assert!(
            find(&deep, None)
                .unwrap_err()
                .to_string()
                .contains("directory")
        );
    }
}

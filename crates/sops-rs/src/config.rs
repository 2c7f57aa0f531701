//! Finding `.sops.yaml` (sops-config §1). What it says is read by
//! [`sops_core::config`].

use std::{
    io,
    path::{Path, PathBuf},
};

use sops_core::{
    Format, Style,
    config::{Config, CreationRule, DestinationRule, subject},
};

use crate::{Error, Result, error::path_name, read};

/// How many directories upward sops looks.
const MAX_LEVELS: usize = 100;

/// A configuration, and what to warn of.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Empty where there is none.
    pub(crate) config: Config,
    /// Where it was found.
    pub(crate) path: Option<PathBuf>,
    pub(crate) warning: Option<String>,
}

impl Found {
    /// How files of this format are to be written.
    ///
    /// # Errors
    ///
    /// Where the configuration asks for what cannot be done.
    pub(crate) fn style(&self, format: Format) -> Result<Style> {
        self.config.style(format).map_err(|error| self.blame(error))
    }

    /// The creation rule for a file, which may be relative to `cwd`; `None`
    /// where there are no rules at all.
    ///
    /// # Errors
    ///
    /// Where no rule fits, or the one that does cannot be used.
    pub(crate) fn rule(&self, cwd: &Path, file: &Path) -> Result<Option<CreationRule>> {
        let Some(path) = self
            .path
            .as_ref()
            .filter(|_| self.config.has_creation_rules())
        else {
            return Ok(None);
        };
        let subject = subject(path, cwd, file);
        let rule = self.config.creation_rule(&subject);
        match rule.map_err(|error| self.blame(error))? {
            Some(rule) => Ok(Some(rule)),
            None => Err(Error::new(format!(
                "{}: no matching creation rules found for {}",
                path_name(path),
                path_name(&subject)
            ))
            .advise("add a rule whose path_regex fits, or one without path_regex at the end")
            .of_kind("configuration")),
        }
    }

    /// The same where it is no error that no rule fits.
    ///
    /// # Errors
    ///
    /// Where the one that does cannot be used.
    pub(crate) fn rule_if_any(&self, cwd: &Path, file: &Path) -> Result<Option<CreationRule>> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        let rule = self.config.creation_rule(&subject(path, cwd, file));
        rule.map_err(|error| self.blame(error))
    }

    /// The destination rule for a file as it was typed.
    ///
    /// # Errors
    ///
    /// Where there is none, or it cannot be used.
    pub(crate) fn destination_rule(&self, typed: &Path) -> Result<DestinationRule> {
        let rule = self.config.destination_rule(typed);
        rule.map_err(|error| self.blame(error))?.ok_or_else(|| {
            Error::new("no matching destination found in config")
                .at(path_name(typed))
                .advise(
                    "add a rule to destination_rules whose path_regex fits the path as it is typed",
                )
                .of_kind("configuration")
        })
    }

    /// An error that is about the configuration.
    fn blame(&self, error: sops_core::Error) -> Error {
        let own = Error::from(error).of_kind("configuration");
        match &self.path {
            Some(path) => own.at(path_name(path)).about(path_name(path)),
            None => own,
        }
    }
}

/// The configuration that is `named` (by `SOPS_CONFIG`), else the nearest
/// `.sops.yaml` at or above `dir`; an empty one where there is none.
///
/// # Errors
///
/// Where the file cannot be read or is not a configuration.
pub(crate) fn find(dir: &Path, named: Option<PathBuf>) -> Result<Found> {
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
    let mut found = Found {
        path,
        warning,
        ..Found::default()
    };
    if let Some(path) = &found.path {
        let bytes = read::file(path)
            .map_err(|error| {
                Error::io(format_args!("cannot read {}", path_name(path)), &error)
                    .advise("name a configuration that can be read (--config, SOPS_CONFIG), or none: the nearest .sops.yaml is taken then")
            })?;
        found.config = Config::parse(&bytes).map_err(|error| found.blame(error))?;
    }
    Ok(found)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn yaml_indent(dir: &Path, named: Option<PathBuf>) -> usize {
        let found = find(dir, named).unwrap();
        found.style(Format::Yaml).unwrap().yaml_indent
    }

    #[test]
    fn the_nearest_file_upward_counts() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write(".sops.yaml", "stores: {yaml: {indent: 3}}");
        let found = find(&deep, None).unwrap();
        assert_eq!(found.warning, None);
        assert_eq!(yaml_indent(&deep, None), 3);

        write("a/.sops.yml", "");
        let warning = find(&deep, None).unwrap().warning.unwrap();
        assert!(warning.contains("a/.sops.yml is ignored"), "{warning}");
        assert!(warning.contains(".sops.yaml is used instead"), "{warning}");

        write("a/.sops.yaml", "stores: {yaml: {indent: 5}}");
        assert_eq!(yaml_indent(&deep, None), 5);
        let merged = "x: &x {indent: 0o7}\nstores: {yaml: {<<: *x}}";
        write("a/.sops.yaml", merged);
        assert_eq!(yaml_indent(&deep, None), 7);

        let named = root.path().join(".sops.yaml");
        assert_eq!(yaml_indent(&deep, Some(named)), 3);
        assert!(find(&deep, Some(deep.join("none"))).is_err());

        fs::create_dir(deep.join(".sops.yaml")).unwrap();
        let error = find(&deep, None).unwrap_err();
        assert!(error.to_string().contains("directory"), "{error}");
    }

    #[test]
    fn a_broken_configuration_is_an_error_that_names_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(".sops.yaml");
        fs::write(&path, "stores: {yaml: {indent: secret}, json: {}}").unwrap();
        let error = find(root.path(), None).unwrap_err().to_string();
        let expected = format!(
            "{}: line 1: stores.yaml.indent: expected an integer, found text\nwrite a number without quotes",
            path.display()
        );
        assert_eq!(error, expected);

        // Only where it is needed.
        fs::write(&path, "stores: {json: {indent: -7}}").unwrap();
        let found = find(root.path(), None).unwrap();
        assert!(found.style(Format::Yaml).is_ok());
        let error = found.style(Format::Json).unwrap_err().to_string();
        assert!(error.starts_with(path.to_str().unwrap()), "{error}");
    }
}

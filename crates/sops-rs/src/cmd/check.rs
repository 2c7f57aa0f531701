//! `check`: whether files are encrypted, by whom they can be opened, and as
//! `.sops.yaml` says; for CI and hooks, without keys and without the network.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    rc::Rc,
};

use sops_core::limits;

use crate::{
    Error, Result,
    args::{Given, flag},
    check::{
        files::{Files, Listed},
        finding::{Finding, Kind},
        judge::{self, Configured},
        report::{Form, NO_MAC, Report},
    },
    config, exit,
    glob::Glob,
    session::{Session, cleaned, shown},
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let form = form(given).map_err(|error| error.with_exit_code(exit::UNCHECKED))?;
    let exclude = given.strs(&flag::EXCLUDE)?.into_iter().map(Glob::new);
    let exclude = exclude
        .collect::<Result<Vec<_>>>()
        .map_err(|error| error.with_exit_code(exit::UNCHECKED))?;
    let here = |path: PathBuf| match path.strip_prefix(".") {
        Ok(below) if below != Path::new("") => below.to_owned(),
        _ => path,
    };
    let named = given.positionals.iter().map(|path| here(cleaned(path)));
    let mut named: Vec<PathBuf> = named.collect();
    if named.is_empty() {
        named.push(PathBuf::from("."));
    }
    let files = Files::find(session.process, &named, &exclude);
    for warning in &files.warnings {
        session.warn(warning);
    }
    let mut check = Check {
        report: Report {
            failed: files.failed,
            ..Report::default()
        },
        configs: HashMap::new(),
        cwd: session.working_directory()?,
        seen: Vec::new(),
    };
    for file in &files.listed {
        check.file(session, file);
    }
    let report = check.report;
    session.process.print(report.write(form).as_bytes())?;
    end(session, &report, form)
}

fn form(given: &Given) -> Result<Form> {
    let Some(name) = given.str(&flag::FORMAT)? else {
        return Ok(Form::Text);
    };
    Form::named(name).ok_or_else(|| {
        Error::new("--format takes text, json or sarif")
            .advise("see `sops-rs check --help`")
            .of_kind("usage")
    })
}

/// The exit code, and for people what to do.
fn end(session: &mut Session<'_, '_>, report: &Report, form: Form) -> Result<()> {
    let files = counted(report.files, "file");
    let errors = report.errors();
    if errors == 0 && report.failed.is_empty() {
        let encrypted = report.encrypted;
        session.tell(&format!(
            "{files} looked at, {encrypted} of them encrypted: nothing to be done ({NO_MAC})"
        ));
        return Ok(());
    }
    let found = match errors {
        0 => "nothing found".into(),
        _ => {
            let places = counted(report.files_with_errors(), "file");
            format!("{} in {places}", counted(errors, "finding"))
        }
    };
    let looked = format!("{files} looked at ({NO_MAC})");
    let mut error = if report.failed.is_empty() {
        Error::new(format!("{found}; {looked}")).of_kind("findings")
    } else {
        let count = counted(report.failed.len(), "thing");
        // In the other forms they stand in the report.
        let failed = match form {
            Form::Text => report.failed.clone(),
            _ => Vec::new(),
        };
        let headline = format!("{count} could not be checked; {found}; {looked}");
        Error::several(headline, failed)
            .with_exit_code(exit::UNCHECKED)
            .of_kind("unchecked")
    };
    for kind in report.kinds() {
        error = error.advise(format!("{}: {}", kind.id(), kind.advice()));
    }
    Err(error)
}

fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

struct Check {
    report: Report,
    /// The configurations by the folder of a file; `None` where one cannot be
    /// read, which was said.
    configs: HashMap<PathBuf, Option<Rc<config::Found>>>,
    cwd: PathBuf,
    /// What was said of a configuration, so that it is said once.
    seen: Vec<String>,
}

impl Check {
    fn file(&mut self, session: &mut Session<'_, '_>, file: &Listed) {
        let path = &file.path;
        if path.file_name().is_some_and(|name| name == ".sops.yaml") {
            return;
        }
        let folder = self.cwd.join(path);
        let folder = folder.parent().unwrap_or(&folder).to_owned();
        let Some(found) = self.config(session, &folder) else {
            return;
        };
        let rule = match found.rule_if_any(&self.cwd, path) {
            Ok(rule) => rule,
            Err(error) => return self.fail_once(error),
        };
        if let Some(rule) = &rule
            && let (Some(selection), Some(config)) = (rule.selection(), &found.path)
            && selection.check().is_err()
        {
            let field = selection.field().0;
            let finding = Finding::new(
                Kind::InvalidRule,
                format!("{field} is no regular expression"),
            )
            .at_line(Some(rule.line()));
            let name = self.name_of(config);
            let finding = (name, finding);
            if !self.report.findings.contains(&finding) {
                self.report.findings.push(finding);
            }
        }
        let configured_path = found.path.as_ref().map(|path| self.name_of(path));
        let configured = Configured {
            path: configured_path.as_ref().map(Path::new),
            rule: rule.as_ref(),
            named: file.named,
        };
        let size = session.process.resolve(path).metadata();
        let too_large = size.is_ok_and(|metadata| metadata.len() > limits::FILE_SIZE as u64);
        let bytes = if too_large {
            if !configured.wants_encryption() {
                self.report.files += 1;
                return;
            }
            let limit = limits::FILE_SIZE >> 20;
            Err(Error::new(format!(
                "cannot read {}: larger than {limit} MiB, which no file of SOPS may be",
                shown(path)
            )))
        } else {
            session.read(Some(path))
        };
        self.report.files += 1;
        let name = path.to_string_lossy().into_owned();
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return self.report.failed.push(error.about(name)),
        };
        let verdict = judge::judge(path, &bytes, &configured);
        self.report.encrypted += usize::from(verdict.encrypted);
        let findings = verdict.findings.into_iter();
        self.report
            .findings
            .extend(findings.map(|finding| (name.clone(), finding)));
        if let Some(error) = verdict.failed {
            self.report.failed.push(error.at(shown(path)).about(name));
        }
    }

    /// The configuration that is nearest to a folder, or the one that was
    /// named.
    fn config(
        &mut self,
        session: &mut Session<'_, '_>,
        folder: &Path,
    ) -> Option<Rc<config::Found>> {
        if let Some(known) = self.configs.get(folder) {
            return known.clone();
        }
        let named = session.options.config.as_deref();
        let named = named.map(|path| session.process.resolve(path));
        let found = match config::find(folder, named) {
            Ok(found) => {
                if let Some(warning) = &found.warning
                    && !self.seen.contains(warning)
                {
                    session.warn(warning);
                    self.seen.push(warning.clone());
                }
                Some(Rc::new(found))
            }
            Err(error) => {
                self.fail_once(error.of_kind("configuration"));
                None
            }
        };
        self.configs.insert(folder.to_owned(), found.clone());
        found
    }

    fn fail_once(&mut self, error: Error) {
        let text = error.to_string();
        if !self.seen.contains(&text) {
            self.seen.push(text);
            self.report.failed.push(error);
        }
    }

    /// A configuration's path as a person would type it here.
    fn name_of(&self, config: &Path) -> String {
        let name = config.strip_prefix(&self.cwd).unwrap_or(config);
        name.to_string_lossy().into_owned()
    }
}

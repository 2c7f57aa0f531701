//! A generator and the files that it names.

use std::{collections::BTreeSet, path::Path};

use sops_core::{
    Document, ErrorKind, Format,
    keys::{KeyKind, Outcome, Recipient},
    shown::printable,
};

use super::{
    Flags, Host, Report, Status,
    kustomization::{self, Found, Function, legacy_form},
    objects::{Objects, not_an_object},
};
use crate::{
    Error, Settings,
    budget::Budget,
    error::quoted,
    generate::{self, Context},
    generator::{Entry, Generator},
    glob,
    policy::{Policy, Refusal},
    unreadable::Unreadable,
    yaml,
};

/// What was seen of all generators together.
#[derive(Default)]
pub(super) struct Seen {
    /// Their resources, and those beside them.
    pub(super) objects: Objects,
    /// The kinds of key that files are encrypted for.
    pub(super) kinds: BTreeSet<KeyKind>,
}

/// What came of a file.
enum Looked {
    Opened,
    NotOpened,
    /// A cloud may open it, and was not asked.
    NotAsked,
}

/// Looks at one; whether a file of it was opened, or may be by a cloud that
/// was not asked.
pub(super) fn check(
    host: &Host<'_>,
    flags: Option<&Flags>,
    found: &Found,
    context: &Context,
    has_keys: bool,
    seen: &mut Seen,
    report: &mut Report,
) -> bool {
    style(host, flags, found, report);
    if let Some(root) = in_argo_cd(found, context).as_ref().and_then(Policy::root) {
        let detail = format!("in Argo CD, files are read inside {root}");
        if !report.checks.iter().any(|check| check.detail == detail) {
            report.ok("confinement", detail);
        }
    }
    let generator = found.generator.clone().and_then(|generator| {
        glob::expand(generator, &context.policy, &mut Budget::default())
            .map_err(|error| error.at(&found.name))
    });
    let generator = match generator {
        Ok(generator) => generator,
        Err(error) => {
            fail(report, &found.name, &error);
            return false;
        }
    };
    let before = report.checks.len();
    let (mut opened, mut not_asked) = (false, false);
    for entry in generate::distinct(&generator) {
        match file(found, entry, context, has_keys, &mut seen.kinds, report) {
            Looked::Opened => opened = true,
            Looked::NotAsked => not_asked = true,
            Looked::NotOpened => {}
        }
    }
    let files_are_ok = report
        .checks
        .iter()
        .skip(before)
        .all(|check| check.status != Status::Failure);
    if files_are_ok && !not_asked && (has_keys || opened) {
        render(found, &generator, context, seen, report);
    }
    opened || not_asked
}

fn style(host: &Host<'_>, flags: Option<&Flags>, found: &Found, report: &mut Report) {
    let Some(function) = &found.function else {
        return report.ok(&found.name, "legacy style");
    };
    let legacy = match legacy_form(&found.text) {
        Some(form) => format!(
            "or use legacy style, which fails loudly where plugins are off:\n{}",
            indented(&form)
        ),
        None => "or use legacy style: remove the annotation config.kubernetes.io/function".into(),
    };
    if function.has_args {
        return report.bad(
            Status::Failure,
            &found.name,
            "KRM style with `args`, which are refused: they come from the repository",
            format!("remove `args` from the annotation config.kubernetes.io/function;\n{legacy}"),
        );
    }
    if let Some(why) = unreachable(host, found, function) {
        return report.bad(
            Status::Failure,
            &found.name,
            why,
            format!(
                "write `path: ksops` in the annotation config.kubernetes.io/function;\n{legacy}"
            ),
        );
    }
    match flags {
        Some(flags) if flags.exec => report.ok(&found.name, "KRM style"),
        flags => {
            let known = match flags {
                None => "where --enable-exec is off, which cannot be seen from here",
                Some(_) => "as --enable-exec is off",
            };
            report.bad(
                Status::Failure,
                &found.name,
                format!(
                    "KRM style: kustomize renders nothing and exits with 0 {known}, and Argo CD then prunes the Secrets"
                ),
                format!(
                    "add --enable-exec to kustomize.buildOptions, and tell doctor with --build-options;\n{legacy}"
                ),
            );
        }
    }
}

/// Why kustomize would not find the program of a function.
fn unreachable(host: &Host<'_>, found: &Found, function: &Function) -> Option<String> {
    let Some(path) = &function.path else {
        return Some("KRM style without `exec.path`: it would not run this program".into());
    };
    let is_there = if path.contains('/') {
        found.dir.join(path).is_file()
    } else {
        // Whether it can be run there is a check of its own.
        host.which(path).is_some() || path == "ksops"
    };
    (!is_there).then(|| {
        format!(
            "KRM style with the program {}, which is not there",
            quoted(path)
        )
    })
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("  {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn fail(report: &mut Report, name: &str, error: &Error) {
    let text = error.to_string();
    let text = text.strip_prefix(&format!("{name}: ")).unwrap_or(&text);
    let (detail, fix) = text.split_once('\n').unwrap_or((text, ""));
    report.bad(Status::Failure, name, detail, fix);
}

/// One file: there, encrypted, for whom, opened, unchanged.
fn file(
    found: &Found,
    entry: &Entry,
    context: &Context,
    has_keys: bool,
    kinds: &mut BTreeSet<KeyKind>,
    report: &mut Report,
) -> Looked {
    let name = format!("{}: {}", found.name, entry.path);
    let bytes = match context
        .policy
        .read(entry.path.as_ref(), context.settings.file_size)
    {
        Ok(bytes) => bytes,
        Err(refusal) => {
            report.bad(Status::Failure, name, refusal.reason(), refusal.advice());
            return Looked::NotOpened;
        }
    };
    let document = match Document::parse(&bytes, Format::from_path(&entry.path)) {
        Ok(document) => document,
        Err(error) => {
            let why = Unreadable::of(&bytes, Format::from_path(&entry.path));
            let causes: String = why.causes.iter().map(|why| format!("; {why}")).collect();
            let fix = why.advice.as_deref().or(error.advice()).unwrap_or_default();
            let fix = not_meant(entry, &bytes).unwrap_or_else(|| fix.to_owned());
            report.bad(Status::Failure, name, format!("{error}{causes}"), fix);
            return Looked::NotOpened;
        }
    };
    kinds.extend(document.recipients().map(Recipient::kind));
    let recipients = document.recipients().map(|recipient| match recipient {
        Recipient::Age { recipient, .. } => recipient.clone(),
        other => format!("{} {}", other.kind().title(), printable(&other.to_string())),
    });
    let recipients: Vec<_> = recipients.collect();
    let only_age = document
        .recipients()
        .all(|recipient| recipient.kind() == KeyKind::Age);
    let whom = match recipients.as_slice() {
        [] => "encrypted for nobody".into(),
        recipients => format!("encrypted for {}", recipients.join(", ")),
    };
    match document.decrypt(&context.keys.keyring) {
        // Why there is none was said above.
        Err(error) if error.kind() == ErrorKind::DataKey && !has_keys && only_age => report.bad(
            Status::Warning,
            name,
            format!("{whom}; not opened, as there is no key"),
            "",
        ),
        Err(error) => {
            if let Some(kind) = not_asked(&error) {
                let detail = format!("{whom}; {} was not asked, --online does", kind.title());
                report.ok(name, detail);
                return Looked::NotAsked;
            }
            core_failure(report, name, &format!("{whom}; "), &error);
        }
        Ok(document) if !document.clear_ciphertexts().is_empty() => report.bad(
            Status::Failure,
            name,
            format!(
                "{whom}; encrypted text where its rule leaves values in clear: {}",
                document.clear_ciphertexts().join(", ")
            ),
            "decrypt those values by the rule they were encrypted by, and encrypt the file anew",
        ),
        Ok(_) => {
            match outside(found, entry, context) {
                Some(refusal) => report.bad(
                    Status::Warning,
                    name,
                    format!(
                        "{whom}; opened, its MAC holds; {}, so that Argo CD may not read it",
                        refusal.reason()
                    ),
                    refusal.advice(),
                ),
                None => report.ok(name, format!("{whom}; opened, its MAC holds")),
            }
            return Looked::Opened;
        }
    }
    Looked::NotOpened
}

/// The cloud that might have opened the file, and was not asked.
fn not_asked(error: &sops_core::Error) -> Option<KeyKind> {
    let mut recipients = error.report()?.recipients();
    let found = recipients.find(|recipient| {
        matches!(&recipient.outcome, Outcome::Failed { why } if why.name() == Some("not-asked"))
    });
    found.map(|recipient| recipient.kind)
}

/// What to do about a file that a glob took, and that nobody would encrypt.
fn not_meant(entry: &Entry, bytes: &[u8]) -> Option<String> {
    let name = Path::new(&entry.path).file_name()?.to_str()?;
    let is_kustomize = kustomization::NAMES.contains(&name);
    let documents = yaml::parse("", bytes).unwrap_or_default();
    let is_generator = documents.iter().any(|document| {
        document
            .root()
            .is_some_and(|root| kustomization::is_ours(document, root))
    });
    (is_kustomize || is_generator).then(|| {
        "it is not for encryption: take it out of the list, with a glob that names encrypted files only, such as `*.enc.yaml`".into()
    })
}

/// Why a file would not be read in Argo CD.
fn outside(found: &Found, entry: &Entry, context: &Context) -> Option<Refusal> {
    let policy = in_argo_cd(found, context)?;
    let refusal = policy.resolve(entry.path.as_ref()).err();
    refusal.filter(|refusal| matches!(refusal, Refusal::Outside(_)))
}

/// Which files Argo CD would read for a generator.
fn in_argo_cd(found: &Found, context: &Context) -> Option<Policy> {
    let settings = Settings {
        argo_cd: true,
        ..context.settings.clone()
    };
    Policy::new(&settings, &found.dir, None).ok()
}

fn core_failure(report: &mut Report, name: String, before: &str, error: &sops_core::Error) {
    let detail = match error.kind() {
        ErrorKind::DataKey => format!("{before}no key here opens it{}", answers(error)),
        _ => format!("{before}{error}"),
    };
    let advice = error.advice().unwrap_or_default();
    report.bad(Status::Failure, name, detail, advice);
}

/// What those said who were asked for the data key.
fn answers(error: &sops_core::Error) -> String {
    let recipients = error
        .report()
        .into_iter()
        .flat_map(|report| report.recipients());
    let answers = recipients.filter_map(|recipient| match &recipient.outcome {
        Outcome::Failed { why } => Some(format!("; {}: {why}", recipient.kind.title())),
        _ => None,
    });
    answers.collect()
}

/// All of it, as the plugin does it: whether Secrets come of it that
/// kustomize takes.
fn render(
    found: &Found,
    generator: &Generator,
    context: &Context,
    seen: &mut Seen,
    report: &mut Report,
) {
    match generate::render(generator, context, &mut generate::Run::default()) {
        Ok(rendered) => {
            // kustomize drops what a plugin says on stderr where it succeeds.
            for warning in generator.warnings.iter().chain(&rendered.warnings) {
                let prefix = format!("{}: ", found.name);
                let text = warning.strip_prefix(&prefix).unwrap_or(warning);
                let (what, fix) = text.rsplit_once("; ").unwrap_or((text, ""));
                report.bad(Status::Warning, &found.name, what, fix);
            }
            if rendered.parts.is_empty() {
                report.bad(
                    Status::Warning,
                    &found.name,
                    "it renders nothing",
                    "name encrypted files under `files:`",
                );
            }
            for part in &rendered.parts {
                let (text, origin) = (&part.text, &part.origin);
                seen.objects.add(&found.dir, text, origin, report);
                if let Some(why) = not_an_object(text) {
                    report.bad(
                        Status::Failure,
                        &part.origin,
                        why,
                        "list only Kubernetes objects under `files:`; any other file belongs under `secretFrom:`",
                    );
                }
            }
        }
        Err(error) => fail(report, &found.name, &error),
    }
}

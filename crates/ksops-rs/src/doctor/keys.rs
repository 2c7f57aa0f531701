//! The keys: where they come from and what they stand for.

use std::{collections::BTreeSet, ffi::OsString, fs, path::PathBuf};

use sops_core::{
    age::Callbacks,
    keys::{Found, KeyKind, Location, Place},
};

use super::{Check, Host, Options, Report, Status, Styles, host::Want, shown};
use crate::{
    Settings,
    keys::{self, Keys},
    settings::{KEY_DIR, Project, is_dns_label},
};

/// The name of the check that warns of programs of a repository.
pub(super) const APART: &str = "projects apart";

const FILE: &str = "SOPS_AGE_KEY_FILE";

/// What is said where there is nothing to open a file with.
const NONE: &str = "no private key anywhere, and no credentials of a cloud";

/// Where there is nothing to open a file with: what to do about it, by the
/// kinds of key that the files are for.
pub(super) fn advise(kinds: &BTreeSet<KeyKind>, host: &Host<'_>, report: &mut Report) {
    let nothing = report.checks.iter_mut().find(|check| is_about_none(check));
    if let Some(check) = nothing.filter(|_| !kinds.is_empty()) {
        let fixes: Vec<_> = kinds.iter().map(|kind| needed_for(*kind, host)).collect();
        check.fix = Some(fixes.join("\n"));
    }
}

/// What a pod needs to open files of a kind.
fn needed_for(kind: KeyKind, host: &Host<'_>) -> String {
    let mounted = |file: &str| format!("or mount {file} into the folder of {KEY_DIR}");
    match kind {
        KeyKind::Age => match key_files(host).first() {
            Some(file) => format!("set {FILE} to {}", shown(file)),
            None => format!("mount the Secret with the key, and set {FILE} to its file"),
        },
        KeyKind::Pgp => format!(
            "PGP: mount the Secret with the private key (*.asc), and set KSOPS_PGP_KEY_FILE to \
             its file, or {KEY_DIR} to its folder"
        ),
        KeyKind::AwsKms => format!(
            "AWS KMS: give the repo-server's service account a role (IRSA, EKS Pod Identity), {}",
            mounted("sops.aws-kms")
        ),
        KeyKind::GcpKms => format!(
            "GCP KMS: let the repo-server's service account use the key (Workload Identity), {}",
            mounted("sops.gcp-kms")
        ),
        KeyKind::AzureKeyVault => format!(
            "Azure Key Vault: annotate the repo-server's service account for workload identity, {}",
            mounted("sops.azure-kv")
        ),
        KeyKind::Vault => format!(
            "Vault: set VAULT_ADDR and KSOPS_VAULT_ROLE or VAULT_TOKEN, {}",
            mounted("sops.vault-token")
        ),
        KeyKind::HuaweiKms => "Huawei KMS: set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK".into(),
        other => format!("give the keys or credentials for {}", other.title()),
    }
}

/// Whether a check says that there is nothing to open a file with.
pub(super) fn is_about_none(check: &Check) -> bool {
    check.detail == NONE
}

/// The keys at hand, and whether there are any that can be used.
pub(super) fn check(
    host: &Host<'_>,
    options: &Options,
    styles: Styles,
    settings: &Settings,
    report: &mut Report,
) -> (Keys, bool) {
    // Placeholders are for checks where no key is.
    let needed = !settings.placeholder;
    let settings = match &options.project {
        None => settings.clone(),
        Some(project) => Settings {
            argo_cd: true,
            project: Project::of(Some(OsString::from(project))),
            ..settings.clone()
        },
    };
    let callbacks = Callbacks::none().run_commands();
    let mut keys = match Keys::new(&settings, host.var, callbacks) {
        Ok(keys) => keys,
        Err(error) => {
            let text = error.to_string();
            let (detail, fix) = text.split_once('\n').unwrap_or((&text, ""));
            report.bad(Status::Failure, "keys", detail, fix);
            return (Keys::default(), false);
        }
    };
    // A build in the repo-server asks nobody that a file names, and runs no
    // program for credentials.
    let clouds = Settings {
        argo_cd: settings.argo_cd || host.is_repo_server(),
        key_projects: Some(keys::by_project(&settings)),
        placeholder: false,
        offline: !options.online,
        ..settings.clone()
    };
    keys.survey_clouds();
    keys.add_clouds(&clouds, host.var_later);
    let unnamed = by_project(&settings, options, styles, report);
    let pgp = pgp(&keys, &settings, host, report);
    let clouds = ambient(&keys, &clouds, host, report);
    let others = pgp || clouds;
    let any = places(host, &keys, unnamed, needed, others, report) || others;
    (keys, any)
}

/// What the pod's own identity in a cloud is, where variables say that it has
/// one; whether there is any that counts.
fn ambient(keys: &Keys, settings: &Settings, host: &Host<'_>, report: &mut Report) -> bool {
    for folder in keys.ambient() {
        if keys::by_project(settings) {
            report.bad(
                Status::Warning,
                format!("keys: {}", shown(&folder.join(keys::AMBIENT))),
                "the project may use the identity of the repo-server: whatever that may open, every repository of the project opens",
                "",
            );
        }
    }
    let mut any = false;
    for (kind, outlook) in keys::outlooks(keys, settings, host.var, host.var_later) {
        let name = format!("keys: {}", kind.title());
        match outlook {
            Ok(who) => {
                any = true;
                report.ok(name, format!("{who}; asked when a file needs it"));
            }
            Err(error) => report.bad(
                Status::Warning,
                name,
                error.to_string(),
                error.advice().unwrap_or_default(),
            ),
        }
    }
    any
}

/// What is to be said about keys per project; whether keys are kept so and no
/// project is named.
fn by_project(settings: &Settings, options: &Options, styles: Styles, report: &mut Report) -> bool {
    let in_argo_cd = Settings {
        argo_cd: true,
        ..settings.clone()
    };
    let why = keys::why_by_project(&in_argo_cd);
    let has_projects = why.is_some();
    if let Some(project) = &options.project {
        if !is_dns_label(project) {
            report.bad(
                Status::Failure,
                "project",
                format!(
                    "{} is not the name of a project whose keys could be kept apart",
                    crate::error::quoted(project)
                ),
                "a name of up to 63 lower-case letters, digits and `-`",
            );
        } else if !has_projects {
            let what = match &settings.key_dir {
                None => format!("{KEY_DIR} is not set"),
                Some(dir) => format!("{} holds no folders of projects", shown(&dir.path)),
            };
            report.bad(
                Status::Failure,
                "project",
                format!("{what}, so that keys are not kept apart by project"),
                format!("mount the keys of each project at {KEY_DIR}/PROJECT, and common ones at {KEY_DIR}/_shared"),
            );
        } else {
            report.ok("project", format!("{project}: its own folder and _shared"));
        }
    }
    let unnamed = has_projects && options.project.is_none() && !settings.argo_cd;
    if unnamed {
        report.bad(
            Status::Warning,
            "project",
            format!(
                "in Argo CD keys are kept by project ({}), and without the name of one this is not what a build finds",
                why.unwrap_or_default()
            ),
            "check the keys of one project with --project NAME",
        );
    }
    let may_exec = match &options.flags {
        Some(flags) => flags.exec,
        None => styles.krm,
    };
    if has_projects && may_exec {
        report.bad(
            Status::Warning,
            APART,
            "keys are kept by project, but with --enable-exec a repository may run any program as the repo-server, and so read them all",
            "take --enable-exec out of kustomize.buildOptions, and use legacy style",
        );
    }
    unnamed
}

/// Goes through the places of PGP keys that were asked for, or where there are
/// any; whether there was a key that needs nobody.
fn pgp(keys: &Keys, settings: &Settings, host: &Host<'_>, report: &mut Report) -> bool {
    let mut good = false;
    for place in keys::pgp_places(keys, settings, host.var) {
        let name = format!("keys: {} (PGP)", place.location);
        let is_home = matches!(place.location, Location::Directory { .. });
        let detail = place.found.to_string();
        match &place.found {
            Found::Identities { recipients, .. } => {
                good = true;
                report.ok(&name, format!("for {}", recipients.join(", ")));
                if is_home && (settings.argo_cd || host.is_repo_server()) {
                    report.ok(
                        &name,
                        "no gpg is needed; an init container that imports keys can go, where \
                         KSOPS_KEY_DIR names the folder of the mounted *.asc",
                    );
                }
            }
            Found::Locked | Found::WrongPassphrase => report.bad(
                Status::Warning,
                name,
                detail,
                "name the file with the passphrase in KSOPS_PGP_PASSPHRASE_FILE, or export the key without one",
            ),
            Found::NotSet | Found::NoHome | Found::NotRun | Found::NotAllowed | Found::Usable { .. } => {}
            // Not there, or for other purposes than decryption.
            _ if is_home || !matches!(place.location, Location::File { .. }) => {}
            _ => report.bad(
                Status::Warning,
                name,
                detail,
                "put the private key there: gpg --armor --export-secret-keys",
            ),
        }
    }
    good
}

/// Goes through all places; whether there was a key in any. None is missed
/// where `others` may do.
fn places(
    host: &Host<'_>,
    keys: &Keys,
    unnamed: bool,
    needed: bool,
    others: bool,
    report: &mut Report,
) -> bool {
    let mut good = 0;
    let mut bad = Vec::new();
    for place in keys.keyring.places() {
        match judge(host, keys, unnamed, &place) {
            Judged::Nothing => {}
            Judged::Good(detail) => {
                good += 1;
                report.ok(format!("keys: {}", place.location), detail);
            }
            Judged::Bad(detail, fix) => {
                bad.push((format!("keys: {}", place.location), detail, fix));
            }
        }
    }
    let status = if good == 0 && needed && !others {
        Status::Failure
    } else {
        Status::Warning
    };
    if let Some(note) = &keys.note {
        report.bad(status, "keys", note, "");
    }
    if good == 0 && !others && bad.is_empty() && keys.note.is_none() {
        let fix = format!(
            "{}; where only a metadata server knows of an identity (GKE, EC2), see what `doctor --online DIR` can open",
            needed_for(KeyKind::Age, host)
        );
        report.bad(status, "keys", NONE, fix);
    }
    for (name, detail, fix) in bad {
        report.bad(status, name, detail, fix);
    }
    good > 0
}

enum Judged {
    Nothing,
    Good(String),
    Bad(String, String),
}

fn judge(host: &Host<'_>, keys: &Keys, unnamed: bool, place: &Place) -> Judged {
    let bad = |fix: &str| Judged::Bad(place.found.to_string(), fix.into());
    let is_folder = matches!(place.location, Location::Directory { .. });
    let is_default = matches!(place.location, Location::File { variable: None, .. });
    match &place.found {
        Found::NotSet | Found::NoHome => Judged::Nothing,
        Found::NotFound { .. } if is_default => Judged::Nothing,
        // There are folders of projects instead, which is said elsewhere.
        Found::NoKeyFiles if unnamed => Judged::Nothing,
        // Of a project: the note says so.
        Found::NotFound { .. } if is_folder && keys.note.is_some() => Judged::Nothing,
        Found::NotFound { .. } if is_folder => bad("mount the Secret with the keys there"),
        Found::Identities { recipients, .. } => {
            if let Location::File { path, .. } = &place.location
                && let Some(why) = host.user.refused(&host.dir.join(path), Want::Read)
            {
                return Judged::Bad(why, unreadable(host));
            }
            Judged::Good(format!("for {}", recipients.join(", ")))
        }
        Found::Usable { what } => Judged::Good(format!("{what}; asked when a file needs it")),
        Found::Unusable { .. } => bad("mend that key of the mounted Secret"),
        Found::NotRun => Judged::Good("a command, which is run when it is needed".into()),
        Found::NotReadable { .. } => Judged::Bad(place.found.to_string(), unreadable(host)),
        Found::NotFound { .. } => match key_files(host).first() {
            Some(file) => bad(&format!("set {FILE} to {}, which is there", shown(file))),
            None => bad("mount the Secret with the key there, or correct the path"),
        },
        Found::NoKeyFiles => {
            bad("put files named *.agekey, *.txt or *.asc there: the keys of the mounted Secret")
        }
        Found::Directory => bad("name the file in it; or name the folder with KSOPS_KEY_DIR"),
        Found::Locked | Found::NeedsPassphrase => {
            bad("nobody is asked for a passphrase here: use a key without one")
        }
        _ => bad("put a private key there, as age-keygen prints it"),
    }
}

fn unreadable(host: &Host<'_>) -> String {
    format!(
        "make it readable for user {}: defaultMode: 0444 for the Secret's volume, or an fsGroup",
        host.user.uid
    )
}

/// Key files that nothing points at: in the usual folders and where anything
/// is mounted.
fn key_files(host: &Host<'_>) -> Vec<PathBuf> {
    let set = |name: &str| host.set(name).map(PathBuf::from);
    let mut folders: Vec<PathBuf> = set("XDG_CONFIG_HOME")
        .into_iter()
        .chain(set("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("sops/age"))
        .collect();
    folders.extend(host.mount_points());
    let files = folders.iter().flat_map(|folder| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "agekey"))
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

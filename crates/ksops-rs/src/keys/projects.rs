//! Whether a folder of keys holds a folder for each project of Argo CD.

use std::{fs, io, path::Path};

use super::{AMBIENT, is_key_file};
use crate::{
    error::io_reason,
    settings::{KEY_PROJECTS, Settings},
};

/// Whether keys are kept by project: where `KSOPS_KEY_PROJECTS` says so, and
/// in Argo CD where the folder of keys [may hold projects](may_hold_projects).
pub fn by_project(settings: &Settings) -> bool {
    let Some(dir) = &settings.key_dir else {
        return false;
    };
    settings
        .key_projects
        .unwrap_or_else(|| settings.argo_cd && may_hold_projects(&dir.path).unwrap_or(true))
}

/// Whether a folder has key files, or lets projects use the identity of this
/// process, or cannot be listed.
pub(super) fn may_hold_keys(dir: &Path) -> bool {
    fs::read_dir(dir).map_or(true, |entries| {
        entries
            .filter_map(|entry| entry.ok())
            .any(|entry| is_key_file(&entry.file_name()) || entry.file_name() == AMBIENT)
    })
}

/// Whether a folder of keys is, or may be meant to be, one of folders of
/// projects: a mount that failed must not open more than one that did not.
///
/// It is none where all that can be seen in it are files, key files among
/// them. A dangling link or what cannot be looked at may be a project's
/// folder, and a folder without any key may be waiting for them. What starts
/// with a dot does not count: Kubernetes keeps the files of a mounted Secret
/// in `..data`.
///
/// # Errors
///
/// Where it cannot be listed.
pub fn may_hold_projects(dir: &Path) -> io::Result<bool> {
    let mut has_keys = false;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if !fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file()) {
            return Ok(true);
        }
        has_keys |= is_key_file(&name);
    }
    Ok(!has_keys)
}

/// Why the folder counts as one of projects, for messages; `None` where it
/// does not.
pub fn why_by_project(settings: &Settings) -> Option<String> {
    let dir = settings.key_dir.as_ref()?;
    if !by_project(settings) {
        return None;
    }
    Some(match settings.key_projects {
        Some(_) => format!("{KEY_PROJECTS} says so"),
        None => match may_hold_projects(&dir.path) {
            Err(error) => format!("it cannot be listed: {}", io_reason(&error)),
            Ok(_) if holds_folders(&dir.path) => "it holds folders".into(),
            Ok(_) => format!(
                "it holds no key file yet, or what cannot be looked at; where it is not meant for projects, set {KEY_PROJECTS} to false"
            ),
        },
    })
}

/// Whether a folder has folders that can be seen.
fn holds_folders(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|entries| {
        entries.filter_map(std::result::Result::ok).any(|entry| {
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            !is_hidden && entry.path().is_dir()
        })
    })
}

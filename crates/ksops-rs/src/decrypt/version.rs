//! The look that the sops command takes at a file's `version` before it
//! decrypts (sops-format §2.4). The plugin takes none, as KSOPS.

use crate::{Error, Result};

/// Refuses what sops refuses: a version that is no semantic version, unless
/// it starts with `1.`.
///
/// # Errors
///
/// Where it is none.
pub(super) fn check(version: &str) -> Result<()> {
    if version.starts_with("1.") || is_semver(version.strip_prefix('v').unwrap_or(version)) {
        return Ok(());
    }
    let what = if version.is_empty() {
        "the metadata names no sops version"
    } else {
        "the sops version in the metadata is not of the form 1.2.3"
    };
    Err(Error::new(what).advise(
        "restore the line `version: …` of the `sops` block; as a kustomize plugin, ksops-rs reads the file without it",
    ))
}

/// Semantic versioning 2.0: three numbers, then maybe `-` and a pre-release,
/// then maybe `+` and build metadata.
fn is_semver(text: &str) -> bool {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (core, pre) = match text.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (text, None),
    };
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let number = |part: &str| {
        digits(part) && (part == "0" || !part.starts_with('0')) && part.parse::<u64>().is_ok()
    };
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(|p| number(p) || (word(p) && !digits(p))))
        && build.is_none_or(|build| build.split('.').all(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_sops_accepts() {
        for good in [
            "3.13.2",
            "v3.7.1",
            "99.0.0",
            "1.0",
            "1.",
            "3.8.0-rc.1",
            "3.0.0+build.01",
            "0.0.0",
            "3.0.0--",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "3.7",
            "1",
            "v",
            "03.1.0",
            "3.1.0.0",
            "3.1.x",
            "3.1.0-",
            "3.1.0-01",
            "3.1.0+",
            " 3.1.0",
            "99999999999999999999.0.0",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}

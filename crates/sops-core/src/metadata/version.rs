//! The release of sops that a file says it was written by.

/// The release of sops whose files ours are like.
pub(crate) const CURRENT: &str = "3.13.2";

/// A semantic version, as far as order goes: three numbers, and whether it is
/// a pre-release.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    numbers: [u64; 3],
    is_release: bool,
}

/// Reads a semantic version (semver 2.0): three numbers without superfluous
/// zeros, then perhaps a pre-release and build metadata.
fn parse(version: &str) -> Option<Version> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let word = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let number = |s: &str| {
        (digits(s) && (s == "0" || !s.starts_with('0')))
            .then(|| s.parse::<u64>().ok())
            .flatten()
    };
    let (version, build) = match version.split_once('+') {
        Some((version, build)) => (version, Some(build)),
        None => (version, None),
    };
    let (core, pre) = match version.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (version, None),
    };
    let mut parts = core.split('.').map(number);
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    let pre_word = |s: &str| number(s).is_some() || (word(s) && !digits(s));
    (parts.next().is_none()
        && pre.is_none_or(|pre| pre.split('.').all(pre_word))
        && build.is_none_or(|build| build.split('.').all(word)))
    .then(|| Version {
        numbers,
        is_release: pre.is_none(),
    })
}

/// Whether sops's commands take a text for the version of one of its releases:
/// a semantic version, perhaps behind a `v`, or what starts with `1.`
/// (sops-format §2.4). Its library, so KSOPS, does not look.
///
/// ```
/// use sops_core::metadata::is_release;
/// assert!(is_release("3.13.2") && is_release("1.14"));
/// assert!(!is_release("3.7") && !is_release(""));
/// ```
#[must_use]
pub fn is_release(version: &str) -> bool {
    version.starts_with("1.") || parse(version.strip_prefix('v').unwrap_or(version)).is_some()
}

/// The version for a file that said this one and is written anew: raised to
/// ours where it is older, or none that can be compared; never lowered.
pub(crate) fn raised(version: &str) -> &str {
    let number = version.strip_prefix('v').unwrap_or(version);
    match (parse(number), parse(CURRENT)) {
        (Some(theirs), Some(ours)) if theirs >= ours => version,
        _ => CURRENT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_raised_and_never_lowered() {
        for (before, after) in [
            ("3.13.2", "3.13.2"),
            ("3.9.0", "3.13.2"),
            ("3.13.2-rc.1", "3.13.2"),
            ("3.13.3", "3.13.3"),
            ("v4.0.0", "v4.0.0"),
            ("99.0.0", "99.0.0"),
            ("1.14", "3.13.2"),
            ("", "3.13.2"),
            ("99999999999999999999.0.0", "3.13.2"),
        ] {
            assert_eq!(raised(before), after, "{before}");
        }
    }
}

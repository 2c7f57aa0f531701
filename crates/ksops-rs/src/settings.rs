//! What the environment says about how to work.

use std::{ffi::OsString, num::NonZeroUsize};

use crate::{Error, Result, policy::in_argo_cd};

/// Looks up an environment variable: `None` where it is not set.
pub type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// The `KSOPS_*` variables, read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `KSOPS_CONCURRENCY_LIMIT`: how many files are decrypted at the same
    /// time at most. 20 unless set.
    pub concurrency: NonZeroUsize,
    /// `KSOPS_PLACEHOLDER`: whether encrypted values are rendered as fixed
    /// ones, without any key.
    pub placeholder: bool,
    /// `ARGOCD_APP_NAME`: Argo CD renders an application, and shows errors to
    /// whoever may see it.
    pub argo_cd: bool,
}

/// `true`: encrypted values are rendered as fixed ones, without any key.
pub const PLACEHOLDER: &str = "KSOPS_PLACEHOLDER";

const LIMIT: &str = "KSOPS_CONCURRENCY_LIMIT";
const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(20).unwrap();

impl Default for Settings {
    fn default() -> Self {
        Settings {
            concurrency: DEFAULT_LIMIT,
            placeholder: false,
            argo_cd: false,
        }
    }
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// Where `KSOPS_CONCURRENCY_LIMIT` is not a whole number of 1 or more, or
    /// `KSOPS_PLACEHOLDER` is neither `true` nor `false`, or is `true` where
    /// Argo CD would put placeholders into a cluster.
    ///
    /// ```
    /// use ksops_rs::Settings;
    /// let settings = Settings::from_vars(&|_| None)?;
    /// assert_eq!(settings.concurrency.get(), 20);
    /// # Ok::<(), ksops_rs::Error>(())
    /// ```
    pub fn from_vars(var: &Lookup<'_>) -> Result<Self> {
        let concurrency = match var(LIMIT) {
            Some(text) if !text.is_empty() => text
                .to_str()
                .and_then(parse_limit)
                .ok_or_else(|| bad_limit(&text.to_string_lossy()))?,
            _ => DEFAULT_LIMIT,
        };
        Ok(Settings {
            concurrency,
            placeholder: placeholder(var)?,
            argo_cd: in_argo_cd(var),
        })
    }
}

fn placeholder(var: &Lookup<'_>) -> Result<bool> {
    let value = var(PLACEHOLDER).unwrap_or_default();
    match value.to_str() {
        Some("" | "false") => Ok(false),
        Some("true") if in_argo_cd(var) => Err(Error::new(format!(
            "{PLACEHOLDER} is set where Argo CD renders an application: the cluster would get placeholders for secrets"
        ))
        .advise(format!("unset {PLACEHOLDER} on the repo-server; it is for checks without keys"))),
        Some("true") => Ok(true),
        _ => Err(Error::new(format!(
            "{PLACEHOLDER} is {}, which is neither true nor false",
            crate::error::quoted(&value.to_string_lossy())
        ))
        .advise(format!("set {PLACEHOLDER} to true, or unset it"))),
    }
}

/// A number as Go's `strconv.Atoi` reads it: an optional sign, then decimal
/// digits, nothing around. Beyond `usize` it is as good as no limit, though
/// Go says "out of range": beyond 64 bits it is refused here too.
fn parse_limit(text: &str) -> Option<NonZeroUsize> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    NonZeroUsize::new(usize::try_from(number).unwrap_or(usize::MAX))
}

fn bad_limit(text: &str) -> Error {
    Error::new(format!(
        "{LIMIT} is {}, which is not a whole number of 1 or more",
        crate::error::quoted(text)
    ))
    .advise(format!(
        "set {LIMIT} to a number such as 8, or unset it: {DEFAULT_LIMIT} files at a time are the default"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: Option<&str>) -> Result<usize> {
        Settings::from_vars(&|name| text.filter(|_| name == LIMIT).map(OsString::from))
            .map(|s| s.concurrency.get())
    }

    #[test]
    fn unset_and_empty_mean_twenty() {
        assert_eq!(limit(None), Ok(20));
        assert_eq!(limit(Some("")), Ok(20));
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        assert_eq!(limit(Some("1")), Ok(1));
        assert_eq!(limit(Some("+5")), Ok(5));
        assert_eq!(limit(Some("007")), Ok(7));
        assert_eq!(limit(Some("9223372036854775807")), Ok(i64::MAX as usize));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "0",
            "-0",
            "-1",
            "+",
            "-",
            "abc",
            " 5",
            "5 ",
            "0x10",
            "1_0",
            "5.0",
            "++5",
            "9223372036854775808",
            "٥",
        ] {
            assert!(limit(Some(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn placeholders_are_never_for_argo_cd() {
        let of = |pairs: &[(&str, &str)]| {
            let settings = Settings::from_vars(&|name| {
                let pair = pairs.iter().find(|(n, _)| *n == name);
                pair.map(|(_, value)| OsString::from(value))
            });
            settings.map(|settings| settings.placeholder)
        };
        assert_eq!(of(&[]), Ok(false));
        assert_eq!(of(&[(PLACEHOLDER, "")]), Ok(false));
        assert_eq!(of(&[(PLACEHOLDER, "false")]), Ok(false));
        assert_eq!(of(&[(PLACEHOLDER, "true")]), Ok(true));
        assert!(of(&[(PLACEHOLDER, "1")]).is_err());
        let both = [(PLACEHOLDER, "true"), ("ARGOCD_APP_NAME", "")];
        insta::assert_snapshot!(of(&both).unwrap_err(), @r"
        KSOPS_PLACEHOLDER is set where Argo CD renders an application: the cluster would get placeholders for secrets
        unset KSOPS_PLACEHOLDER on the repo-server; it is for checks without keys
        ");
    }

    #[test]
    fn the_message_says_what_to_set() {
        insta::assert_snapshot!(limit(Some("abc")).unwrap_err(), @r#"
        KSOPS_CONCURRENCY_LIMIT is "abc", which is not a whole number of 1 or more
        set KSOPS_CONCURRENCY_LIMIT to a number such as 8, or unset it: 20 files at a time are the default
        "#);
    }
}

//! Errors as a person reads them.

use std::{fmt, io, path::Path};

use serde_json::{Value, json};
use sops_core::shown::may_be_key;

/// The result of everything here that can go wrong.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, why, and what can be done about it.
///
/// [`fmt::Display`] prints a headline, the causes indented below it, and at
/// last the advice. Never holds a value from a file, encrypted or not.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    headline: String,
    causes: Vec<String>,
    advice: Vec<String>,
    exit_code: u8,
    quiet: bool,
    /// What a person reads in the place of all this.
    said: Option<String>,
    kind: &'static str,
    file: Option<String>,
    /// The error of the library that it is, for programs.
    core: Option<sops_core::Error>,
}

impl Error {
    /// An error with a headline: a lower-case fragment that names the place.
    pub fn new(headline: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            headline: headline.into(),
            causes: Vec::new(),
            advice: Vec::new(),
            exit_code: 1,
            quiet: false,
            said: None,
            kind: "other",
            file: None,
            core: None,
        }))
    }

    /// An error of the operating system while doing something.
    pub fn io(doing: impl fmt::Display, error: &io::Error) -> Self {
        Error::new(format!("{doing}: {}", io_reason(error)))
    }

    /// Several errors under one headline. An error whose causes were printed
    /// already is cut to its headline, and an advice is given once.
    pub fn several(headline: impl Into<String>, errors: Vec<Error>) -> Self {
        let mut all = Error::new(headline);
        let mut seen: Vec<Vec<String>> = Vec::new();
        for Error(error) in errors {
            let Inner {
                headline,
                causes,
                advice,
                ..
            } = *error;
            let mut text = headline;
            if !causes.is_empty() {
                if seen.contains(&causes) {
                    text.push_str(" (for the same reasons as above)");
                } else {
                    for cause in &causes {
                        push_indented(&mut text, cause);
                    }
                    seen.push(causes);
                }
            }
            all.0.causes.push(text);
            for line in advice {
                all = all.advise(line);
            }
        }
        all
    }

    /// Adds a cause, of one line or more.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.causes.push(cause.into());
        self
    }

    /// Adds what a person can do, unless it was said already.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        let advice = advice.into();
        if !self.0.advice.contains(&advice) {
            self.0.advice.push(advice);
        }
        self
    }

    /// Says what a person can do, in the place of what was said before.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = vec![advice.into()];
        self
    }

    /// Puts the place in front of the headline: `place: headline`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.headline = format!("{place}: {}", self.0.headline);
        self
    }

    /// The exit code of the process; 1 unless this was called.
    #[must_use]
    pub fn with_exit_code(mut self, code: u8) -> Self {
        self.0.exit_code = code;
        self
    }

    /// Names the kind of failure, for programs; `other` unless this was
    /// called, or the error is one of the library.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str) -> Self {
        self.0.kind = kind;
        self
    }

    /// Names the file that it is about, for programs.
    #[must_use]
    pub fn about(mut self, file: String) -> Self {
        self.0.file = Some(file);
        self
    }

    /// The error as data: what stands under `error` in the output of
    /// `decrypt --error-format json`, see [`decrypt`](crate::cmd::decrypt).
    pub fn to_json(&self) -> Value {
        let error = &*self.0;
        let core = error.core.as_ref();
        let report = core.and_then(sops_core::Error::report);
        let mut causes = error.causes.clone();
        if let Some(core) = core.filter(|_| report.is_some()) {
            // It has a field of its own: the last of the library's causes.
            let end = core.causes().len();
            causes.drain(end.saturating_sub(1)..end.min(causes.len()));
        }
        json!({
            "kind": core.map_or(error.kind.to_owned(), |core| core.kind().to_string()),
            "message": core.map_or(error.headline.as_str(), sops_core::Error::message),
            "causes": causes,
            "file": error.file,
            "line": core.and_then(sops_core::Error::line),
            "key_path": core.and_then(sops_core::Error::key_path),
            "advice": error.advice,
            "exit_code": error.exit_code,
            "report": report.and_then(|report| serde_json::to_value(report).ok()),
        })
    }

    /// On stderr stands this line alone, as sops prints it: a text that its own
    /// functional tests compare with everything that is there. As data
    /// ([`to_json`](Self::to_json)) the error is what it was.
    #[must_use]
    pub fn in_words_of_sops(mut self, line: impl Into<String>) -> Self {
        self.0.said = Some(line.into());
        self
    }

    /// What is written to stderr for people: in front of what is not in the
    /// words of sops stands what it is.
    pub fn line(&self) -> String {
        match &self.0.said {
            Some(line) => line.clone(),
            None => format!("error: {self}"),
        }
    }

    /// Nobody is left to read it: the process ends without a word.
    #[must_use]
    pub fn quietly(mut self) -> Self {
        self.0.quiet = true;
        self
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        self.0.exit_code
    }

    /// Whether nothing is printed.
    pub fn is_quiet(&self) -> bool {
        self.0.quiet
    }
}

impl From<sops_core::Error> for Error {
    fn from(error: sops_core::Error) -> Self {
        Error::of_core(error, false)
    }
}

impl Error {
    /// An error of the library. Where it is `shown` to more people than those
    /// who run this program, as in the interface of Argo CD, what was tried is
    /// told without users and without keys that are not for the file.
    pub fn of_core(error: sops_core::Error, shown: bool) -> Self {
        let error = if shown { error.redacted() } else { error };
        let advice = error.advice();
        let mut own = Error::new(error.to_string())
            .advise(advice.unwrap_or("mend the file, or restore it from version control"));
        own.0.causes = error.causes();
        own.0.core = Some(error);
        own
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.headline.clone();
        for cause in &self.0.causes {
            push_indented(&mut text, cause);
        }
        for line in &self.0.advice {
            text.push('\n');
            text.push_str(line);
        }
        f.write_str(&text)
    }
}

impl std::error::Error for Error {}

/// Errors are the same that say the same, to people and to programs.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.is_quiet() == other.is_quiet()
            && self.to_string() == other.to_string()
            && self.to_json() == other.to_json()
    }
}

impl Eq for Error {}

fn push_indented(text: &mut String, block: &str) {
    for line in block.lines() {
        text.push_str("\n  ");
        text.push_str(line);
    }
}

/// The text of an operating system error as a lower-case fragment, without
/// its number.
pub fn io_reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = match text.find(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text),
        None => &text,
    };
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "unknown reason".into(),
    }
}

/// A path as it is where that is safe to print and something to see, else
/// [`quoted`].
pub fn path_name(path: &Path) -> String {
    let name = path.to_string_lossy();
    let is_plain = !name.is_empty() && !name.contains(char::is_control) && !may_be_key(&name);
    if is_plain { name.into() } else { quoted(&name) }
}

/// A name from argv, the environment or a manifest in quotes, safe to print:
/// no private key that somebody put in the wrong place, control characters
/// escaped, cut after 200 characters.
pub fn quoted(name: &str) -> String {
    const MAX: usize = 200;
    if may_be_key(name) {
        return "<a private key>".into();
    }
    let mut out = String::with_capacity(name.len().min(MAX) + 2);
    out.push('"');
    for (n, c) in name.chars().enumerate() {
        if n == MAX {
            out.push('…');
            break;
        }
        if c.is_control() || matches!(c, '"' | '\\' | '\u{2028}' | '\u{2029}') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_indented_and_advice_comes_last() {
        let error = Error::new("a.yaml: cannot")
            .because("one\n  two")
            .advise("do it");
        assert_eq!(error.to_string(), "a.yaml: cannot\n  one\n    two\ndo it");
    }

    #[test]
    fn several_errors_say_the_same_only_once() {
        let one = |name: &str| {
            Error::new(format!("{name}: no key"))
                .because("tried this")
                .advise("get a key")
        };
        let all = Error::several("2 files failed", vec![one("a"), one("b")]);
        assert_eq!(
            all.to_string(),
            "2 files failed\n  a: no key\n    tried this\n  b: no key (for the same reasons as above)\nget a key"
        );
    }

    #[test]
    fn names_cannot_break_the_line() {
        assert_eq!(quoted("a\nb\"\u{1b}"), r#""a\nb\"\u{1b}""#);
        assert_eq!(quoted(&"x".repeat(300)).chars().count(), 203);
    }

    #[test]
    fn a_key_in_the_wrong_place_is_not_shown() {
        for key in [
            "AGE-SECRET-KEY-1ABC",
            "./age-secret-key-1abc",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert_eq!(quoted(key), "<a private key>");
        }
    }
}

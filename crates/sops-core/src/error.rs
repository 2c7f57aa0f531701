//! The one public error.

mod limit;

use std::{fmt, sync::Arc};

use crate::keys::Report;

/// The result of reading or writing a SOPS file.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, where, and what can be done.
///
/// Never holds a value from the file, encrypted or not. [`fmt::Display`]
/// prints one line: `file: line N: key path: message`; the chain of
/// [`source`](std::error::Error::source)s says why; [`Error::advice`] is what
/// a person can do. `{:#}` prints them all: the line, the causes and the
/// [report](Error::report) indented below it, the advice last.
///
/// A copy costs nothing.
///
/// ```
/// use sops_core::{Document, ErrorKind, Format};
///
/// let error = Document::parse(br#"{"a": "x"}"#, Format::Json).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotEncrypted);
///
/// let error = error.in_file("app/secret.json");
/// assert_eq!(
///     format!("{error:#}"),
///     "app/secret.json: the file is not encrypted: it has no sops metadata\n\
///      encrypt it with `sops encrypt --in-place`, or check that it is the right file and format",
/// );
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    file: Option<String>,
    line: Option<u32>,
    key_path: Option<String>,
    message: String,
    advice: Option<String>,
    report: Option<Report>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of failure, for callers that act on them.
///
/// [`fmt::Display`] prints the name in lower case, with hyphens: `data-key`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not of its format.
    Syntax,
    /// The text is of its format, but holds what SOPS has no value for: a key
    /// that is not text, an integer beyond 64 bits.
    Unsupported,
    /// There is no SOPS metadata: the file is not encrypted.
    NotEncrypted,
    /// The SOPS metadata cannot be understood.
    Metadata,
    /// A bound of [`limits`](crate::limits) was hit.
    Limit,
    /// No key at hand opens the file. [`Error::report`] says why.
    DataKey,
    /// A value cannot be decrypted.
    Decrypt,
    /// The MAC is missing, damaged, or not that of the values.
    Mac,
    /// The data cannot be written in the format that was asked for.
    Emit,
    /// The data cannot be encrypted.
    Encrypt,
    /// The data cannot be encrypted because it has keys that belong to sops:
    /// most likely it is encrypted already.
    AlreadyEncrypted,
    /// A path to a value (`["a"][0]`) is not written as one, or does not fit
    /// the data: a key where a list stands.
    Path,
    /// A path leads nowhere.
    NotFound,
    /// A configuration (`.sops.yaml`) is not one, or says what cannot be done.
    Config,
    /// The data does not fit the type that was asked for.
    Deserialize,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Syntax => "syntax",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::NotEncrypted => "not-encrypted",
            ErrorKind::Metadata => "metadata",
            ErrorKind::Limit => "limit",
            ErrorKind::DataKey => "data-key",
            ErrorKind::Decrypt => "decrypt",
            ErrorKind::Mac => "mac",
            ErrorKind::Emit => "emit",
            ErrorKind::Encrypt => "encrypt",
            ErrorKind::AlreadyEncrypted => "already-encrypted",
            ErrorKind::Path => "path",
            ErrorKind::NotFound => "not-found",
            ErrorKind::Config => "configuration",
            ErrorKind::Deserialize => "deserialize",
        })
    }
}

impl Error {
    /// An error of this kind with a message: a lower-case fragment.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Arc::new(Inner {
            kind,
            file: None,
            line: None,
            key_path: None,
            message: message.into(),
            advice: None,
            report: None,
            source: None,
        }))
    }

    /// What this error says, for a change. Copies of it stay as they are.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    /// Names the line, counted from 1.
    pub(crate) fn at_line(mut self, line: u32) -> Self {
        self.inner().line = Some(line);
        self
    }

    /// Names the key path, as in `data.password`.
    pub(crate) fn at_key(mut self, path: impl Into<String>) -> Self {
        self.inner().key_path = Some(path.into());
        self
    }

    /// Names the key that the key path so far stands under.
    pub(crate) fn below(mut self, parent: String) -> Self {
        let inner = self.inner();
        inner.key_path = Some(match inner.key_path.take() {
            Some(path) => format!("{parent}.{path}"),
            None => parent,
        });
        self
    }

    /// Says what a person can do.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.inner().advice = Some(advice.into());
        self
    }

    /// Says what a person can do, where nothing better is known.
    pub(crate) fn or_advise(mut self, advice: &str) -> Self {
        self.inner().advice.get_or_insert_with(|| advice.into());
        self
    }

    /// Says why, by another error.
    pub(crate) fn because(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.inner().source = Some(Arc::from(source.into()));
        self
    }

    /// Attaches what was tried to open the data key.
    pub(crate) fn with_report(mut self, report: Report) -> Self {
        self.inner().report = Some(report);
        self
    }

    /// Names the file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.inner().file = Some(file.into());
        self
    }

    /// The same for the eyes of more people than those who run this program:
    /// see [`Report::redacted`]. Other errors are the same for everybody.
    ///
    /// ```
    /// use sops_core::{Document, Format, Keyring};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// let mut other = Keyring::new();
    /// let _ = other.add_identities("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX");
    /// let error = document.decrypt(&other).map(drop).unwrap_err();
    /// // In the log of a build that others read: not whose identities are here.
    /// assert!(format!("{:#}", error.clone()).contains("1 identity, for age1"));
    /// assert!(!format!("{:#}", error.redacted()).contains("1 identity, for age1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn redacted(mut self) -> Self {
        let inner = self.inner();
        if let Some(report) = inner.report.take().map(Report::redacted) {
            inner.advice = Some(report.advice().into());
            inner.report = Some(report);
        }
        self
    }

    /// What went wrong, without the place where.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file, if the caller named it.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.0.file.as_deref()
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.0.line
    }

    /// The path of the key whose value failed, as in `data.password`.
    #[must_use]
    pub fn key_path(&self) -> Option<&str> {
        self.0.key_path.as_deref()
    }

    /// What a person can do about it.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// Why, in words: each [`source`](std::error::Error::source) of the chain,
    /// and the [report](Self::report) without its advice, which may have
    /// several lines.
    ///
    /// ```
    /// use sops_core::query::parse_value;
    ///
    /// let error = parse_value("{").unwrap_err();
    /// assert_eq!(error.message(), "the value is not JSON");
    /// assert_eq!(error.causes(), ["line 1: a key in double quotes is missing"]);
    /// ```
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        if let Some(report) = self.report() {
            // Its last line is the advice.
            let text = report.to_string();
            let body = text.rsplit_once('\n').map_or("", |(body, _)| body);
            causes.push(body.to_owned());
        }
        causes
    }

    /// For [`ErrorKind::DataKey`]: what was tried, and where keys were looked
    /// for.
    ///
    /// ```
    /// use sops_core::{Document, Format, Keyring};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// let error = document.decrypt(&Keyring::new()).map(drop).unwrap_err();
    /// let report = error.report().unwrap();
    /// assert_eq!((report.needed(), report.opened()), (1, 0));
    /// assert!(report.places().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.0.file {
            write!(f, "{file}: ")?;
        }
        if let Some(line) = self.0.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(path) = &self.0.key_path {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.0.message)?;
        if !f.alternate() {
            return Ok(());
        }
        for cause in self.causes() {
            for line in cause.lines() {
                write!(f, "\n  {line}")?;
            }
        }
        match self.advice() {
            Some(advice) => write!(f, "\n{advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Format, Keyring};

    #[test]
    fn the_long_form() {
        let file = std::fs::read("examples/secret.enc.yaml").unwrap();
        let document = Document::parse(&file, Format::Yaml).unwrap();
        let error = document.decrypt(&Keyring::new()).map(drop).unwrap_err();
        let error = error.in_file("app/secret.yaml");
        insta::assert_snapshot!(format!("{error}\n\n{error:#}"), @r"
        app/secret.yaml: no identity at hand opens the data key

        app/secret.yaml: no identity at hand opens the data key
          the file's recipients:
            age1a7zz5jawu8m8…eetzuc: no matching identity
          identities were looked for in:
            no place at all
        give the private key of age1a7zz5jawu8m8…eetzuc
        ");

        let error = Error::new(ErrorKind::Syntax, "not so")
            .at_line(3)
            .at_key("b")
            .below("a".into())
            .because(Error::new(ErrorKind::Limit, "why").because("and why\nthat"))
            .advise("do it");
        insta::assert_snapshot!(format!("{error:#}"), @r"
        line 3: a.b: not so
          why
          and why
          that
        do it
        ");
        assert_eq!(format!("{error:#?}"), "Error(Syntax: line 3: a.b: not so)");
    }

    #[test]
    fn a_copy_stays_as_it_is() {
        let error = Error::new(ErrorKind::Path, "no");
        let copy = error.clone().in_file("a").or_advise("do it");
        assert_eq!((error.file(), error.advice()), (None, None));
        assert_eq!((copy.file(), copy.advice()), (Some("a"), Some("do it")));
        assert_eq!(copy.to_string(), "a: no");
    }
}

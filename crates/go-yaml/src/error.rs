//! Why a text is not YAML.

/// The result of reading YAML.
pub type Result<T> = std::result::Result<T, Error>;

/// A text that is not YAML, or that goes beyond a [limit](crate::Limits).
///
/// The message never quotes the text: it may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Error {
    /// The line where reading stopped, counted from 1.
    pub line: u32,
    /// The column where reading stopped, in characters, counted from 1.
    pub column: u32,
    /// What is wrong there: a lower-case fragment.
    pub message: String,
    /// Whether a bound of [`Limits`](crate::Limits) was hit, rather than the
    /// syntax broken.
    pub is_limit: bool,
}

//! How a change is written.

use crate::{Format, Result, Style, Timestamp, encrypt};

/// How an edited document is written. The default is as its file was: its
/// format and its indentation; and now.
///
/// ```
/// use sops_core::{Finish, Style, Timestamp};
/// let finish = Finish::new()
///     .at(Timestamp::from_unix(1_700_000_000).unwrap())
///     .with_style(Style::default().with_yaml_indent(2));
/// ```
#[derive(Clone, Default, Debug)]
#[non_exhaustive]
pub struct Finish {
    /// The time of the change: `lastmodified`, and `created_at` of keys that
    /// were wrapped for it. The system's where there is none.
    pub time: Option<Timestamp>,
    /// The format of the file; as before where there is none.
    pub format: Option<Format>,
    /// How it is written; as before where there is none.
    pub style: Option<Style>,
}

impl Finish {
    /// As the file was, and now.
    #[must_use]
    pub fn new() -> Self {
        Finish::default()
    }

    /// At this time.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// In this format.
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// In this style.
    #[must_use]
    pub fn with_style(mut self, style: Style) -> Self {
        self.style = Some(style);
        self
    }

    pub(super) fn time(&self, default: Option<Timestamp>) -> Result<Timestamp> {
        self.time.or(default).map_or_else(encrypt::now, Ok)
    }
}

//! Asking a person for a passphrase.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

type Ask = dyn Fn(&str) -> Option<Zeroizing<String>> + Send + Sync;

/// How a person is asked for the passphrases of keys. Nobody is, unless a
/// program says so. A copy asks in the same way.
///
/// ```
/// use sops_core::keys::Prompt;
///
/// let prompt = Prompt::new(|what| {
///     eprintln!("the passphrase of {what}, please");
///     Some(String::from("correct horse").into())
/// });
/// assert_eq!(prompt.ask("age.txt").unwrap().as_str(), "correct horse");
/// assert!(Prompt::none().ask("age.txt").is_none());
/// ```
#[derive(Clone, Default)]
pub struct Prompt(Option<Arc<Ask>>);

impl Prompt {
    /// Nobody is asked.
    #[must_use]
    pub fn none() -> Self {
        Prompt::default()
    }

    /// Asks with this function, which is given the name of what the passphrase
    /// is of. `None` means that none can be had.
    #[must_use]
    pub fn new(ask: impl Fn(&str) -> Option<Zeroizing<String>> + Send + Sync + 'static) -> Self {
        Prompt(Some(Arc::new(ask)))
    }

    /// Whether there is somebody to ask.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Asks for the passphrase of what is named.
    #[must_use]
    pub fn ask(&self, what: &str) -> Option<Zeroizing<String>> {
        self.0.as_ref()?(what)
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prompt({})", self.is_given())
    }
}

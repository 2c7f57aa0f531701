//! What a [`Pgp`](crate::Pgp) may do beyond reading files.

use sops_core::keys::Prompt;
use zeroize::Zeroizing;

/// What a [`Pgp`](crate::Pgp) may do to get at private keys: nothing but read
/// files, unless said so.
///
/// ```
/// use sops_pgp::Callbacks;
///
/// let callbacks = Callbacks::none()
///     .prompt(|what| {
///         eprintln!("the passphrase of {what}, please");
///         None
///     })
///     .run_gpg();
/// ```
#[derive(Default, Debug)]
pub struct Callbacks {
    pub(crate) prompt: Prompt,
    pub(crate) programs: bool,
}

impl Callbacks {
    /// Neither prompts nor programs.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Asks for passphrases with this function. It is given the name of the
    /// key, as in `the PGP key 43470F1F…B877414F (Alice <a@example.org>)`,
    /// and called at most once for each key, when nothing else will do; `None`
    /// means that no passphrase can be had.
    #[must_use]
    pub fn prompt(
        mut self,
        ask: impl Fn(&str) -> Option<Zeroizing<String>> + Send + Sync + 'static,
    ) -> Self {
        self.prompt = Prompt::new(ask);
        self
    }

    /// The prompt that age keys are given, and no programs.
    #[must_use]
    pub fn asking_as(age: &sops_core::age::Callbacks) -> Self {
        Callbacks {
            prompt: age.asks(),
            programs: false,
        }
    }

    /// Runs the gpg program where nothing else will do: `gpg -d`, and
    /// `gpg --encrypt` for keys whose public half was not found, as sops does.
    /// With a [`prompt`](Self::prompt) gpg may ask for a passphrase in its own
    /// way; without one it is told to ask nobody.
    #[must_use]
    pub fn run_gpg(mut self) -> Self {
        self.programs = true;
        self
    }
}

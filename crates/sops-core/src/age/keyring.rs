//! What a [`Keyring`] offers for age keys: by way of the one [`Age`] service
//! that it holds.

use std::path::Path;

use super::{Age, Callbacks};
use crate::{Keyring, keys::Found};

impl Default for Keyring {
    fn default() -> Self {
        Self::new()
    }
}

impl Keyring {
    /// A keyring that wraps for age recipients and opens nothing yet. It
    /// neither asks for passphrases nor runs commands.
    #[must_use]
    pub fn new() -> Self {
        Self::with_callbacks(Callbacks::none())
    }

    /// The same, with what may be done to get at identities.
    #[must_use]
    pub fn with_callbacks(callbacks: Callbacks) -> Self {
        let mut keyring = Keyring::without_services();
        keyring.add_service(Age::new(callbacks));
        keyring
    }

    /// [`Age::add_identities`].
    #[must_use = "it says whether the text holds an identity"]
    pub fn add_identities(&mut self, text: impl AsRef<[u8]>) -> Found {
        self.service::<Age>().add_identities(text)
    }

    /// [`Age::add_ssh_key`].
    ///
    /// ```
    /// use sops_core::{Keyring, keys::{Flaw, Found}};
    ///
    /// let mut keyring = Keyring::new();
    /// let found = keyring.add_ssh_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA");
    /// assert!(matches!(found, Found::Bad { flaw: Flaw::PublicKey, .. }));
    /// ```
    #[must_use = "it says whether the text is an SSH key"]
    pub fn add_ssh_key(&mut self, key: impl AsRef<[u8]>) -> Found {
        self.service::<Age>().add_ssh_key(key)
    }

    /// [`Age::add_file`].
    #[must_use = "it says whether the file holds an identity"]
    pub fn add_file(&mut self, path: impl AsRef<Path>) -> Found {
        self.service::<Age>().add_file(path)
    }

    /// [`Age::add_ssh_key_file`].
    #[must_use = "it says whether the file holds an SSH key"]
    pub fn add_ssh_key_file(&mut self, path: impl AsRef<Path>) -> Found {
        self.service::<Age>().add_ssh_key_file(path)
    }

    /// [`Age::add_dir`].
    ///
    /// ```
    /// use sops_core::Keyring;
    ///
    /// let mut keyring = Keyring::new();
    /// keyring.add_dir("examples");
    /// let places: Vec<_> = keyring.places().iter().map(ToString::to_string).collect();
    /// assert_eq!(places, ["examples/age.txt: 1 identity, for age1a7zz5jawu8m8…eetzuc"]);
    /// ```
    pub fn add_dir(&mut self, path: impl AsRef<Path>) {
        self.service::<Age>().add_dir(path);
    }
}

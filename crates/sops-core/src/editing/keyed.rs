//! Who can open the file: what can be done with them wherever the data key is
//! known.

use super::{Editing, Recipients, Rekeying, Wanted};
use crate::{
    Document, Keyring, Result,
    keys::{DataKey, Recipient, WrappedKey},
    metadata::{Metadata, Position},
};

/// States that know the data key, so that recipients can be changed.
pub trait Keyed: sealed::Keyed {}

impl Keyed for Editing {}
impl Keyed for Rekeying {}

mod sealed {
    use super::{Editing, Metadata, Recipients, Rekeying};

    pub trait Keyed {
        fn recipients(&self) -> &Recipients;
        fn recipients_mut(&mut self) -> &mut Recipients;
        fn metadata(&self) -> &Metadata;
    }

    impl Keyed for Editing {
        fn recipients(&self) -> &Recipients {
            &self.recipients
        }
        fn recipients_mut(&mut self) -> &mut Recipients {
            &mut self.recipients
        }
        fn metadata(&self) -> &Metadata {
            &self.metadata
        }
    }

    impl Keyed for Rekeying {
        fn recipients(&self) -> &Recipients {
            &self.recipients
        }
        fn recipients_mut(&mut self) -> &mut Recipients {
            &mut self.recipients
        }
        fn metadata(&self) -> &Metadata {
            &self.metadata
        }
    }
}

impl<State: Keyed> Document<State> {
    /// The `sops` block as it was read, without what was changed since.
    pub fn metadata(&self) -> &Metadata {
        self.state().metadata()
    }

    /// The data key. Who has it can open the file.
    pub fn data_key(&self) -> &DataKey {
        self.state().recipients().data_key()
    }

    /// Who is to open the file, by key group.
    pub fn key_groups(&self) -> Vec<Vec<&Recipient>> {
        self.state().recipients().groups()
    }

    /// How many groups must be opened; 0 where it is not said.
    pub fn shamir_threshold(&self) -> usize {
        self.state().recipients().threshold()
    }

    /// Adds a recipient to a key group, counted from 0. Tells whether it is
    /// new there; nobody is listed twice, and a PGP key not in two spellings.
    ///
    /// With several groups all recipients need a new share: only those of a
    /// group know its own.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, keys::Recipient};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.rekey(&keyring)?;
    /// let bob = Recipient::age("age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun");
    /// assert!(document.add_recipient(0, bob.clone())?);
    /// document.wrap(&keyring)?;
    /// let for_both = document.finish(&Finish::new())?;
    /// assert!(Document::parse(&for_both, Format::Yaml)?.recipients().any(|r| *r == bob));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`](crate::ErrorKind::Encrypt) where there is no such group.
    pub fn add_recipient(&mut self, group: usize, recipient: Recipient) -> Result<bool> {
        self.state_mut().recipients_mut().add(group, recipient)
    }

    /// Removes a recipient from all groups: every entry that reads the same
    /// ([`Recipient`]'s `Display`), as sops compares them, and of PGP every
    /// spelling of the same key: lower case, `0x`, `!`, the key id of 16 digits
    /// for the fingerprint that ends with it. Returns how many there were. A
    /// group that is left empty is an error when the document is finished.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, keys::Recipient};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.edit(&keyring)?;
    /// document.add_recipient(0, Recipient::age("age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun"))?;
    /// let alice = Recipient::age("age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc");
    /// assert_eq!(document.remove_recipient(&alice), 1);
    /// // Who leaves knows the old data key.
    /// document.rotate()?;
    /// document.wrap(&keyring)?;
    /// let changed = document.finish(&Finish::new())?;
    /// assert!(!keyring.can_open(&Document::parse(&changed, Format::Yaml)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove_recipient(&mut self, recipient: &Recipient) -> usize {
        self.state_mut().recipients_mut().remove(recipient)
    }

    /// Replaces all key groups. Recipients that stay in their group keep their
    /// wrapped key, and when it was made, as long as that can be: where groups
    /// are more or fewer than before, or one of several gets a recipient, the
    /// data key is split anew and wrapped for all.
    /// [`renew_recipients`](Self::renew_recipients) does that in any case.
    ///
    /// As in `sops updatekeys`, a threshold that is above the number of groups
    /// becomes that number.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, keys::Recipient};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.rekey(&keyring)?;
    /// let alice = Recipient::age("age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc");
    /// let bob = Recipient::age("age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun");
    /// document.set_key_groups(vec![vec![alice], vec![bob]]);
    /// document.set_shamir_threshold(2);
    /// document.wrap(&keyring)?;
    /// let for_both_together = document.finish(&Finish::new())?;
    /// assert!(!keyring.can_open(&Document::parse(&for_both_together, Format::Yaml)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_key_groups(&mut self, groups: Vec<Vec<Recipient>>) {
        self.state_mut().recipients_mut().set(groups);
    }

    /// How many groups must be opened; 0 means all of them. With one group the
    /// number is written and of no effect, as in sops.
    pub fn set_shamir_threshold(&mut self, threshold: usize) {
        self.state_mut().recipients_mut().set_threshold(threshold);
    }

    /// Wraps the data key anew for every recipient, as of now: `created_at` is
    /// that of the document's end. `sops updatekeys` always does; here, who
    /// stays keeps what there is unless this is called.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.rekey(&keyring)?;
    /// assert!(document.wanted()?.is_empty());
    /// document.renew_recipients();
    /// assert_eq!(document.wanted()?.len(), 1);
    /// document.wrap(&keyring)?;
    /// assert_ne!(document.finish(&Finish::new())?, file);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renew_recipients(&mut self) {
        self.state_mut().recipients_mut().renew();
    }

    /// The recipients that have no wrapped key yet, with what is to be wrapped
    /// for them, for programs that ask servers in their own way and await the
    /// answers: [`supply`](Self::supply) takes them.
    /// [`wrap`](Self::wrap) does it all.
    ///
    /// ```
    /// use sops_core::{Document, Finish, Format, keys::Recipient};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// # let mut keyring = sops_core::Keyring::new();
    /// # let _ = keyring.add_file("examples/age.txt");
    /// let mut document = Document::parse(&file, Format::Yaml)?.rekey(&keyring)?;
    /// document.add_recipient(0, Recipient::age("age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun"))?;
    /// for wanted in document.wanted()? {
    ///     // … or `client.encrypt(&wanted.recipient, &wanted.secret).await`
    ///     let key = keyring.wrap(&wanted.recipient, &wanted.secret)?;
    ///     document.supply(wanted.position, key)?;
    /// }
    /// let changed = document.finish(&Finish::new())?;
    /// assert_eq!(Document::parse(&changed, Format::Yaml)?.recipients().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`](crate::ErrorKind::Encrypt) for groups without recipients and for a
    /// threshold that cannot be.
    pub fn wanted(&mut self) -> Result<Vec<Wanted>> {
        self.state_mut().recipients_mut().wanted()
    }

    /// Takes what was [`wanted`](Self::wanted) for one recipient.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`](crate::ErrorKind::Encrypt) where no such recipient is, or the key is of
    /// another kind or empty.
    pub fn supply(&mut self, at: Position, key: WrappedKey) -> Result<()> {
        self.state_mut().recipients_mut().supply(at, key)
    }

    /// Wraps the data key for every recipient that has no wrapped key yet.
    ///
    /// # Errors
    ///
    /// As [`wanted`](Self::wanted); where a recipient is not valid, or its
    /// service cannot wrap.
    pub fn wrap(&mut self, keyring: &Keyring) -> Result<()> {
        self.state_mut().recipients_mut().wrap(keyring)
    }
}

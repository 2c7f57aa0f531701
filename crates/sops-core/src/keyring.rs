//! All that opens and wraps data keys, and in which order it is asked.

mod advice;
mod budget;
mod cache;
mod opening;

use std::{any::Any, fmt};

pub use opening::Opening;

#[cfg(test)]
pub(crate) use opening::opens_mac;

use crate::{
    Result,
    keys::{
        DataKey, Effort, KeyError, KeyKind, KeyService, Place, Reason, Recipient, Report, Secret,
        WrappedKey,
    },
    metadata::Metadata,
};
use budget::Budget;
use cache::Cache;

/// Key services, and the order in which they are asked.
///
/// A keyring may be shared among threads. It remembers the data keys that it
/// opened: files are often encrypted with one, and none is opened twice.
///
/// ```
/// use sops_core::Keyring;
///
/// let mut keyring = Keyring::new();
/// let found = keyring.add_identities(
///     "AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y",
/// );
/// assert_eq!(
///     found.to_string(),
///     "1 identity, for age1a7zz5jawu8m8…eetzuc",
/// );
/// ```
pub struct Keyring {
    services: Vec<Box<dyn KeyService>>,
    order: Vec<KeyKind>,
    cache: Cache,
}

/// The kinds that are tried first, as in sops.
const DEFAULT_ORDER: [KeyKind; 2] = [KeyKind::Age, KeyKind::Pgp];

impl Keyring {
    /// A keyring that can neither open nor wrap anything.
    /// [`Keyring::new`] knows age.
    #[must_use]
    pub fn without_services() -> Self {
        Keyring {
            services: Vec::new(),
            order: DEFAULT_ORDER.into(),
            cache: Cache::default(),
        }
    }

    /// Adds a service. Of several that handle a kind, the one that was added
    /// first is asked first.
    pub fn add_service(&mut self, service: impl KeyService) {
        self.services.push(Box::new(service));
    }

    /// The first service of this type, which is added where there is none.
    pub fn service<S: KeyService + Default>(&mut self) -> &mut S {
        fn is<S: KeyService>(service: &dyn KeyService) -> bool {
            (service as &dyn Any).is::<S>()
        }
        let at = match self.services.iter().position(|s| is::<S>(&**s)) {
            Some(at) => at,
            None => {
                self.add_service(S::default());
                self.services.len() - 1
            }
        };
        let service: &mut dyn Any = &mut *self.services[at];
        // It is the one that was just found to be of this type.
        service.downcast_mut().expect("a service of this type")
    }

    /// Sets which kinds of key are tried first, as sops's
    /// `SOPS_DECRYPTION_ORDER` does. The others follow in the order of the
    /// file. `age,pgp` unless set.
    pub fn set_order(&mut self, kinds: &[KeyKind]) {
        self.order = kinds.into();
    }

    /// Begins to open the data key of a file, for programs that ask keys in
    /// their own way. [`open`](Self::open) does it all.
    #[must_use]
    pub fn start<'a>(&'a self, metadata: &'a Metadata) -> Opening<'a> {
        Opening::new(self, metadata)
    }

    /// Opens the data key of a file.
    ///
    /// Keys at hand come first, and dearer ones only while the file is not
    /// open ([`Effort`]). Keys are not chosen by the recipients that the file
    /// names, which are labels: a wrong one does no harm. Of several key
    /// groups, all that can be opened with what is at hand count, in any
    /// order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::DataKey`](crate::ErrorKind::DataKey) with a [`Report`]
    /// where no quorum of key groups could be opened.
    pub fn open(&self, metadata: &Metadata) -> Result<DataKey> {
        self.attempt(metadata).finish()
    }

    /// Whether the data key of a file can be opened: of an encrypted
    /// [`Document`](crate::Document), or of its [`Metadata`] alone. Decrypts no
    /// value.
    pub fn can_open(&self, file: &impl AsRef<Metadata>) -> bool {
        self.open(file.as_ref()).is_ok()
    }

    /// What comes of trying to open the data key of a file, whether that
    /// works or not: each recipient with its outcome, and each place with
    /// what was found there.
    #[must_use]
    pub fn report(&self, metadata: &Metadata) -> Report {
        self.report_of(&self.attempt(metadata))
    }

    fn attempt<'a>(&'a self, metadata: &'a Metadata) -> Opening<'a> {
        let mut opening = self.start(metadata);
        for effort in Effort::ALL {
            let at_hand = effort == Effort::AtHand;
            let mut budget = Budget::of(effort);
            for (position, key) in opening.wanted() {
                if opening.is_open(position.group) {
                    continue;
                }
                if !at_hand && opening.is_done() {
                    break;
                }
                if let Some(answer) = self.try_key(key, effort, &mut budget) {
                    opening.supply(position, answer);
                }
            }
        }
        opening
    }

    /// Opens one wrapped key with an attempt of this effort alone, by the
    /// first service that can.
    ///
    /// # Errors
    ///
    /// What the service says, or [`Reason::Unsupported`] where none makes an
    /// attempt of this effort.
    pub fn unwrap(
        &self,
        key: &WrappedKey,
        effort: Effort,
    ) -> std::result::Result<Secret, KeyError> {
        self.try_key(key, effort, &mut Budget::unlimited(effort))
            .unwrap_or_else(|| Err(KeyError::new(Reason::Unsupported, "")))
    }

    fn try_key(
        &self,
        key: &WrappedKey,
        effort: Effort,
        budget: &mut Budget,
    ) -> Option<std::result::Result<Secret, KeyError>> {
        let mut services = self
            .services
            .iter()
            .filter(|s| s.handles(key.kind()) && s.efforts(key).contains(&effort))
            .peekable();
        services.peek()?;
        Some(self.cache.get_or(key, effort, || {
            let mut failure: Option<KeyError> = None;
            for service in services {
                budget.spend(match effort {
                    Effort::AtHand => service.operations(key),
                    _ => 1,
                })?;
                match service.unwrap(key, effort) {
                    Ok(secret) => return Ok(secret),
                    Err(why) if failure.as_ref().is_some_and(|f| f.reason() > why.reason()) => {}
                    Err(why) => failure = Some(why),
                }
            }
            Err(failure.unwrap_or_else(KeyError::not_ours))
        }))
    }

    /// Wraps a data key, or a share of one, for a recipient.
    ///
    /// # Errors
    ///
    /// What the service says, or [`Reason::Unsupported`] where no service
    /// handles the kind.
    pub fn wrap(
        &self,
        to: &Recipient,
        secret: &Secret,
    ) -> std::result::Result<WrappedKey, KeyError> {
        let mut failure = None;
        for service in self.services.iter().filter(|s| s.handles(to.kind())) {
            match service.wrap(to, secret) {
                Ok(key) => return Ok(key),
                Err(why) => failure = failure.or(Some(why)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            let kind = to.kind().title();
            KeyError::new(Reason::Unsupported, format!("no {kind} in this program"))
                .advise("use a program that was built with this kind of key")
        }))
    }

    /// Every place where keys were looked for, with what was found there so
    /// far.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        self.services.iter().flat_map(|s| s.places()).collect()
    }

    /// Forgets failures that were remembered, so that the next attempt is made
    /// anew: commands that failed, passphrases that were wrong, servers that
    /// did not answer. For programs that run long; one that ends soon asks
    /// nobody twice. Places that were read when they were added are not read
    /// again.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use sops_core::{Document, Format, Keyring, age::{Callbacks, CommandFailure}};
    ///
    /// static IS_UP: AtomicBool = AtomicBool::new(false);
    /// let callbacks = Callbacks::none().run(|_command| match IS_UP.load(Ordering::SeqCst) {
    ///     true => Ok(std::fs::read("examples/age.txt").unwrap().into()),
    ///     false => Err(CommandFailure::Failed { code: Some(1) }),
    /// });
    /// let variable = |name: &str| (name == "SOPS_AGE_KEY_CMD").then(|| "print-key".into());
    /// let keyring = Keyring::from_vars(variable, callbacks);
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// assert!(!keyring.can_open(&document));
    /// IS_UP.store(true, Ordering::SeqCst);
    /// assert!(!keyring.can_open(&document));
    /// keyring.forget_failures();
    /// assert!(keyring.can_open(&document));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forget_failures(&self) {
        self.services.iter().for_each(|s| s.forget_failures());
    }

    fn handles(&self, kind: KeyKind) -> bool {
        self.services.iter().any(|s| s.handles(kind))
    }

    /// The order in which the keys of a group are tried: by kind, and those
    /// first that name a key at hand. A label proves nothing, but is mostly
    /// right.
    fn order_of(&self, keys: &[WrappedKey]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        if order.len() > 1 {
            order.sort_by_cached_key(|i| {
                keys.get(*i).map(|key| {
                    let kinds = self.order.iter();
                    let rank = kinds.take_while(|kind| **kind != key.kind()).count();
                    (rank, !self.services.iter().any(|s| s.recognizes(key)))
                })
            });
        }
        order
    }

    fn report_of(&self, opening: &Opening<'_>) -> Report {
        let handled = KeyKind::ALL.into_iter().filter(|kind| self.handles(*kind));
        Report::new(
            opening.needed(),
            opening.group_reports(),
            self.places(),
            &handled.collect::<Vec<_>>(),
            |report| advice::choose(report, &self.services),
        )
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.places()).finish()
    }
}

#[cfg(test)]
mod tests;

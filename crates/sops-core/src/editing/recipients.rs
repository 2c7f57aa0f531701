//! Who is to open a file: the recipients of its key groups, which of them
//! have a wrapped key already, and which still need one.

use std::fmt;

use zeroize::Zeroizing;

use crate::{
    Error, ErrorKind, Keyring, Result, Timestamp,
    keys::{DataKey, KeyError, Reason, Recipient, Secret, WrappedKey, shamir},
    limits,
    metadata::{KeyGroup, Position},
    shown::shorten,
};

/// A recipient that the data key, or its group's share of it, is still to be
/// wrapped for.
#[non_exhaustive]
pub struct Wanted {
    /// Where it stands.
    pub position: Position,
    /// Whom to wrap for.
    pub recipient: Recipient,
    /// What to wrap.
    pub secret: Secret,
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("position", &self.position)
            .field("recipient", &self.recipient)
            .finish_non_exhaustive()
    }
}

/// The recipients of a file whose data key is known.
pub struct Recipients {
    data_key: DataKey,
    groups: Vec<Vec<Seat>>,
    threshold: usize,
    /// Each group's share, where the data key was split anew.
    shares: Option<Vec<Secret>>,
    /// Whether they are other than the file's.
    changed: bool,
}

/// A recipient and what is wrapped for it.
struct Seat {
    recipient: Recipient,
    /// Where the file said when its key was made, and that is to be kept.
    created_at: Option<Timestamp>,
    key: Option<WrappedKey>,
}

impl Seat {
    fn new(recipient: Recipient) -> Self {
        Seat {
            recipient,
            created_at: None,
            key: None,
        }
    }

    fn is(&self, recipient: &Recipient) -> bool {
        self.recipient.to_string() == recipient.to_string()
    }

    /// Whether it is the same key, of PGP however it is spelled.
    fn is_key(&self, recipient: &Recipient) -> bool {
        self.is(recipient) || Spelled::both(&self.recipient, recipient).is_some_and(Spelled::same)
    }

    /// Whether a recipient that is to go is this one: of PGP a key id names the
    /// fingerprints that end with it, too, and the other way round.
    fn is_meant_by(&self, recipient: &Recipient) -> bool {
        self.is(recipient) || Spelled::both(&self.recipient, recipient).is_some_and(Spelled::meant)
    }
}

/// The digits of a PGP key, in upper case, and whether it is to be that very
/// key (`!`): nobody types a fingerprint in the same way twice
/// (sops-master-keys §7).
#[derive(PartialEq, Eq)]
struct Spelled {
    digits: String,
    exact: bool,
}

impl Spelled {
    fn of(recipient: &Recipient) -> Option<Self> {
        let Recipient::Pgp { fingerprint } = recipient else {
            return None;
        };
        let text: String = fingerprint.split_whitespace().collect();
        let digits = text.strip_suffix('!').unwrap_or(&text);
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        Some(Spelled {
            digits: digits.to_ascii_uppercase(),
            exact: text.ends_with('!'),
        })
    }

    fn both(one: &Recipient, other: &Recipient) -> Option<(Self, Self)> {
        Self::of(one).zip(Self::of(other))
    }

    fn same((one, other): (Self, Self)) -> bool {
        one == other
    }

    fn meant((one, other): (Self, Self)) -> bool {
        let ends = |long: &str, id: &str| id.len() == 16 && long.len() == 40 && long.ends_with(id);
        let (one, other) = (&*one.digits, &*other.digits);
        one == other || ends(one, other) || ends(other, one)
    }
}

impl From<&WrappedKey> for Seat {
    fn from(key: &WrappedKey) -> Self {
        Seat {
            recipient: key.recipient().clone(),
            created_at: key.created_at(),
            key: Some(key.clone()),
        }
    }
}

impl Recipients {
    /// Those of a file, as it names them.
    pub(super) fn of_file(data_key: DataKey, groups: &[KeyGroup], threshold: usize) -> Self {
        let groups = groups.iter();
        Recipients {
            data_key,
            groups: groups
                .map(|group| group.keys.iter().map(Seat::from).collect())
                .collect(),
            threshold,
            shares: None,
            changed: false,
        }
    }

    /// Those of a new file.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub(super) fn new(
        data_key: DataKey,
        groups: &[Vec<Recipient>],
        threshold: usize,
    ) -> Result<Self> {
        let groups = groups.iter();
        let recipients = Recipients {
            data_key,
            groups: groups
                .map(|group| group.iter().cloned().map(Seat::new).collect())
                .collect(),
            threshold,
            shares: None,
            changed: true,
        };
        recipients.check()?;
        Ok(recipients)
    }

    pub(super) fn data_key(&self) -> &DataKey {
        &self.data_key
    }

    pub(super) fn groups(&self) -> Vec<Vec<&Recipient>> {
        let groups = self.groups.iter();
        groups
            .map(|group| group.iter().map(|seat| &seat.recipient).collect())
            .collect()
    }

    pub(super) fn threshold(&self) -> usize {
        self.threshold
    }

    pub(super) fn add(&mut self, group: usize, recipient: Recipient) -> Result<bool> {
        let count = self.groups.len();
        let Some(seats) = self.groups.get_mut(group) else {
            return Err(Error::new(
                ErrorKind::Encrypt,
                format!("there is no key group {group}: the file has {count}, counted from 0"),
            )
            .advise("choose one of them, or set all groups"));
        };
        if seats.iter().any(|seat| seat.is_key(&recipient)) {
            return Ok(false);
        }
        seats.push(Seat::new(recipient));
        self.changed = true;
        // The share of its group is known to those in it alone.
        if count > 1 && self.shares.is_none() {
            self.wrap_anew();
        }
        Ok(true)
    }

    pub(super) fn remove(&mut self, recipient: &Recipient) -> usize {
        let count = |groups: &[Vec<Seat>]| groups.iter().map(Vec::len).sum::<usize>();
        let before = count(&self.groups);
        for group in &mut self.groups {
            group.retain(|seat| !seat.is_meant_by(recipient));
        }
        let removed = before - count(&self.groups);
        self.changed |= removed > 0;
        removed
    }

    pub(super) fn set(&mut self, groups: Vec<Vec<Recipient>>) {
        let before = std::mem::take(&mut self.groups);
        let same_count = before.len() == groups.len();
        let find = |number: usize, recipient: &Recipient| {
            let own = before.get(number).filter(|_| same_count);
            let own = own.and_then(|seats| seats.iter().find(|seat| seat.is(recipient)));
            let elsewhere = || before.iter().flatten().find(|seat| seat.is(recipient));
            (own.is_some(), own.or_else(elsewhere))
        };
        let mut anew = !same_count;
        let groups = groups.into_iter().enumerate().map(|(number, group)| {
            let seats = group.into_iter().map(|recipient| {
                let (in_place, seat) = find(number, &recipient);
                anew |= !in_place;
                Seat {
                    created_at: seat.and_then(|seat| seat.created_at),
                    key: seat.filter(|_| in_place).and_then(|seat| seat.key.clone()),
                    recipient,
                }
            });
            seats.collect()
        });
        self.groups = groups.collect();
        self.changed = true;
        if self.groups.len() > 1 {
            if before.len() < 2 && self.threshold == 1 {
                // It had no effect.
                self.threshold = 0;
            }
            if !same_count || (anew && self.shares.is_none()) {
                self.wrap_anew();
            }
        } else if !same_count {
            self.wrap_anew();
        }
        self.threshold = self.threshold.min(self.groups.len());
    }

    pub(super) fn set_threshold(&mut self, threshold: usize) {
        if threshold == self.threshold {
            return;
        }
        self.threshold = threshold;
        self.changed = true;
        if self.groups.len() > 1 {
            self.wrap_anew();
        }
    }

    /// A new data key, to be wrapped for all.
    pub(super) fn rotate(&mut self) -> Result<()> {
        self.data_key = DataKey::generate()?;
        self.changed = true;
        self.wrap_anew();
        Ok(())
    }

    /// Forgets when the keys were made, and wraps them anew.
    pub(super) fn renew(&mut self) {
        self.changed = true;
        self.wrap_anew();
        for seat in self.groups.iter_mut().flatten() {
            seat.created_at = None;
        }
    }

    fn wrap_anew(&mut self) {
        self.shares = None;
        for seat in self.groups.iter_mut().flatten() {
            seat.key = None;
        }
    }

    /// How many groups must be opened; 0 where there is one, for which the
    /// number says nothing.
    fn check(&self) -> Result<usize> {
        let error = |message: String, advice: &str| {
            Err(Error::new(ErrorKind::Encrypt, message).advise(advice))
        };
        let count = self.groups.len();
        if count == 0 || self.groups.iter().any(Vec::is_empty) {
            return error(
                "a key group without recipients".into(),
                "name at least one recipient in each key group",
            );
        }
        if count > limits::GROUPS {
            return error(
                format!("more than {} key groups", limits::GROUPS),
                "put recipients into the same group",
            );
        }
        let recipients = self.groups.iter().map(Vec::len).sum::<usize>();
        if recipients > limits::RECIPIENTS {
            return error(
                format!("more than {} recipients", limits::RECIPIENTS),
                "encrypt to fewer recipients: people and clusters can share a key",
            );
        }
        match self.threshold {
            _ if count == 1 => Ok(0),
            0 => Ok(count),
            n if (2..=count).contains(&n) => Ok(n),
            n => error(
                format!("a threshold of {n} is impossible with {count} key groups"),
                "choose a threshold from 2 to the number of groups",
            ),
        }
    }

    /// What still is to be wrapped.
    pub(super) fn wanted(&mut self) -> Result<Vec<Wanted>> {
        let is_wrapped = |seat: &Seat| seat.key.is_some();
        if self.groups.iter().flatten().all(is_wrapped) {
            return Ok(Vec::new());
        }
        let threshold = self.check()?;
        let whole = || Secret::from(Zeroizing::new(self.data_key.as_bytes().to_vec()));
        let shares = match (threshold, self.shares.take()) {
            (0, _) => vec![whole()],
            (_, Some(shares)) if shares.len() == self.groups.len() => shares,
            _ => {
                let key = self.data_key.as_bytes();
                let shares = shamir::split(key, threshold, self.groups.len()).map_err(|why| {
                    Error::new(ErrorKind::Encrypt, "the data key cannot be split").because(why)
                })?;
                // As sops, so that the file says it.
                self.threshold = threshold;
                shares.into_iter().map(Secret::from).collect()
            }
        };
        let mut wanted = Vec::new();
        for (group, (seats, share)) in self.groups.iter().zip(&shares).enumerate() {
            for (key, seat) in seats.iter().enumerate() {
                if seat.key.is_none() {
                    wanted.push(Wanted {
                        position: Position { group, key },
                        recipient: seat.recipient.clone(),
                        secret: share.clone(),
                    });
                }
            }
        }
        if threshold > 0 {
            self.shares = Some(shares);
        }
        Ok(wanted)
    }

    pub(super) fn supply(&mut self, at: Position, key: WrappedKey) -> Result<()> {
        let group = self.groups.get_mut(at.group);
        let Some(seat) = group.and_then(|group| group.get_mut(at.key)) else {
            return Err(Error::new(
                ErrorKind::Encrypt,
                "a wrapped key for a place where no recipient is",
            )
            .advise("supply keys for what is wanted, before recipients are changed again"));
        };
        if key.kind() != seat.recipient.kind() || key.enc().is_empty() {
            return Err(Error::new(
                ErrorKind::Encrypt,
                format!(
                    "what is to open it for {} is no wrapped key",
                    title(&seat.recipient)
                ),
            )
            .advise("this is a defect of the key service: report it to its authors"));
        }
        seat.key = Some(key);
        Ok(())
    }

    /// Wraps what still is to be wrapped.
    pub(super) fn wrap(&mut self, keyring: &Keyring) -> Result<()> {
        for wanted in self.wanted()? {
            let key = keyring
                .wrap(&wanted.recipient, &wanted.secret)
                .map_err(|why| cannot_wrap(&wanted.recipient, &why))?;
            self.supply(wanted.position, key)?;
        }
        Ok(())
    }

    /// The key groups and the threshold as the file is to say them. Keys that
    /// are new were made at this time.
    pub(super) fn finish(&self, time: Timestamp) -> Result<(Vec<KeyGroup>, usize)> {
        if self.changed {
            self.check()?;
        }
        let key = |seat: &Seat| {
            let Some(key) = &seat.key else {
                return Err(Error::new(
                    ErrorKind::Encrypt,
                    format!("nothing is wrapped yet for {}", title(&seat.recipient)),
                )
                .advise("wrap the data key before the document is finished"));
            };
            // age entries have no such field.
            let says_when = !matches!(key.recipient(), Recipient::Age { .. });
            Ok(match key.created_at() {
                None if says_when => key.clone().with_created_at(seat.created_at.unwrap_or(time)),
                _ => key.clone(),
            })
        };
        let groups = self.groups.iter().map(|seats| {
            let keys: Result<Vec<_>> = seats.iter().map(key).collect();
            Ok(KeyGroup::from(keys?))
        });
        Ok((groups.collect::<Result<_>>()?, self.threshold))
    }
}

/// `age age1a7zz5jawu8m8…eetzuc`.
fn title(recipient: &Recipient) -> String {
    let shown = shorten(&recipient.to_string());
    format!("{} {shown}", recipient.kind().title())
}

/// Why the data key could not be wrapped. What is wrong with a recipient says
/// itself which one it is.
fn cannot_wrap(recipient: &Recipient, why: &KeyError) -> Error {
    let error = if why.reason() == Reason::Invalid {
        Error::new(ErrorKind::Encrypt, why.detail())
    } else {
        let title = title(recipient);
        Error::new(
            ErrorKind::Encrypt,
            format!("the data key cannot be wrapped for {title}"),
        )
        .because(why.clone())
    };
    match why.advice() {
        Some(advice) => error.advise(advice),
        None => error,
    }
}

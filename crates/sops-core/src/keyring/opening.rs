//! Opening a file's data key, as a machine without I/O: which keys are
//! wanted, what came of each, and whether a quorum of key groups is open
//! (sops-format §5).

use zeroize::Zeroizing;

use super::Keyring;
use crate::{
    Error, ErrorKind, Result,
    cipher::Cipher,
    keys::{
        DataKey, GroupReport, KeyError, Outcome, Reason, RecipientReport, Secret, WrappedKey,
        shamir,
    },
    limits,
    metadata::{Metadata, Position},
};

/// An attempt to open the data key of one file.
///
/// [`Keyring::open`] is a loop over it. Programs that ask servers in their own
/// way, and await the answers, go through the same steps:
///
/// ```
/// use sops_core::{Document, Format, Keyring, keys::{Effort, KeyError}};
///
/// # let file = std::fs::read("examples/secret.enc.yaml")?;
/// # let mut keyring = Keyring::new();
/// # keyring.add_file("examples/age.txt");
/// let document = Document::parse(&file, Format::Yaml)?;
/// let mut opening = keyring.start(document.metadata());
/// for (position, key) in opening.wanted() {
///     if opening.is_done() {
///         break;
///     }
///     // … or `client.decrypt(key.recipient(), key.enc()).await`
///     let answer = keyring.unwrap(key, Effort::AtHand);
///     opening.supply(position, answer);
/// }
/// let data_key = opening.finish()?;
/// let document = document.decrypt_with(&data_key)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Opening<'a> {
    keyring: &'a Keyring,
    metadata: &'a Metadata,
    groups: Vec<Group<'a>>,
    /// How many groups must be opened.
    needed: usize,
}

/// What came of one key group so far.
struct Group<'a> {
    keys: &'a [WrappedKey],
    /// For each key of the group.
    answers: Vec<Answer>,
    /// The order in which its keys are tried.
    order: Vec<usize>,
    share: Option<Zeroizing<Vec<u8>>>,
}

/// What came of one key so far.
#[derive(Clone)]
enum Answer {
    Untried { handled: bool },
    Opened,
    Failed(KeyError),
}

impl Group<'_> {
    fn opened(&self) -> bool {
        self.share.is_some()
    }

    fn report(&self) -> GroupReport {
        let keys = self.keys.iter().zip(&self.answers);
        let recipients =
            keys.map(|(key, answer)| RecipientReport::new(key, answer.outcome(), answer.needs()));
        GroupReport {
            opened: self.opened(),
            recipients: recipients.collect(),
        }
    }
}

impl Answer {
    fn outcome(&self) -> Outcome {
        match self {
            Answer::Untried { handled: true } => Outcome::NotNeeded,
            Answer::Untried { handled: false } => Outcome::Unsupported,
            Answer::Opened => Outcome::Opened,
            Answer::Failed(why) => why.into(),
        }
    }

    /// What it would take to open the key, where a service said so.
    fn needs(&self) -> Option<&str> {
        match self {
            Answer::Failed(why) => why.needs(),
            _ => None,
        }
    }
}

impl<'a> Opening<'a> {
    pub(super) fn new(keyring: &'a Keyring, metadata: &'a Metadata) -> Self {
        let groups = metadata.key_groups.iter().map(|group| Group {
            keys: &group.keys,
            answers: group
                .keys
                .iter()
                .map(|key| Answer::Untried {
                    handled: keyring.handles(key.kind()),
                })
                .collect(),
            order: keyring.order_of(&group.keys),
            share: None,
        });
        Opening {
            keyring,
            metadata,
            groups: groups.collect(),
            needed: match (metadata.key_groups.len(), metadata.shamir_threshold) {
                (0 | 1, _) => 1,
                (all, 0) => all,
                (_, threshold) => threshold.max(2),
            },
        }
    }

    /// The keys that it may still help to open, in the order in which they
    /// are to be tried: of groups that are not open, without those that
    /// nobody can open.
    #[must_use]
    pub fn wanted(&self) -> Vec<(Position, &'a WrappedKey)> {
        let mut wanted = Vec::new();
        for (number, group) in self.groups.iter().enumerate() {
            if group.opened() {
                continue;
            }
            for &i in &group.order {
                let (Some(key), Some(answer)) = (group.keys.get(i), group.answers.get(i)) else {
                    continue;
                };
                let lost = matches!(answer, Answer::Failed(why) if why.reason() == Reason::Damaged);
                if !lost {
                    let position = Position {
                        group: number,
                        key: i,
                    };
                    wanted.push((position, key));
                }
            }
        }
        wanted
    }

    /// Takes what came of trying one key. Of several failures the one that
    /// says most is kept; a key that is open stays so.
    pub fn supply(&mut self, at: Position, answer: std::result::Result<Secret, KeyError>) {
        let is_share = self.groups.len() > 1;
        let Some(group) = self.groups.get_mut(at.group) else {
            return;
        };
        let Some(before) = group.answers.get_mut(at.key) else {
            return;
        };
        let answer = answer.and_then(|secret| {
            let key = secret
                .as_bytes()
                .len()
                .saturating_sub(usize::from(is_share));
            if matches!(key, 16 | 24 | 32) {
                Ok(secret)
            } else {
                Err(KeyError::new(Reason::Damaged, "what it holds is no data key").named("length"))
            }
        });
        match (answer, &*before) {
            (_, Answer::Opened) => {}
            (Ok(secret), _) => {
                *before = Answer::Opened;
                if group.share.is_none() {
                    group.share = Some(secret.into_inner());
                }
            }
            (Err(why), Answer::Failed(earlier)) if earlier.reason() > why.reason() => {}
            (Err(why), _) => *before = Answer::Failed(why),
        }
    }

    /// Whether this key group is open.
    #[must_use]
    pub fn is_open(&self, group: usize) -> bool {
        self.groups.get(group).is_some_and(Group::opened)
    }

    /// Whether enough key groups are open.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.opened() >= self.needed
    }

    /// How many groups must be open.
    pub(super) fn needed(&self) -> usize {
        self.needed
    }

    /// What came of each group, in the order of the file.
    pub(super) fn group_reports(&self) -> Vec<GroupReport> {
        self.groups.iter().map(Group::report).collect()
    }

    /// How many groups are open.
    fn opened(&self) -> usize {
        self.groups.iter().filter(|g| g.opened()).count()
    }

    /// The data key.
    ///
    /// As in sops, all the shares that were obtained are combined. A wrong
    /// share beyond the threshold spoils that: where the key does not open
    /// the file's MAC, a quorum is searched for whose key does. Where there is
    /// none, the key is what all shares give, and the values will say that it
    /// is wrong.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::DataKey`] with a [`Report`](crate::keys::Report) where too few
    /// key groups are open.
    pub fn finish(self) -> Result<DataKey> {
        self.data_key().ok_or_else(|| {
            let report = self.keyring.report_of(&self);
            Error::new(ErrorKind::DataKey, report.summary())
                .advise(report.advice())
                .with_report(report)
        })
    }

    fn data_key(&self) -> Option<DataKey> {
        if let [group] = self.groups.as_slice() {
            return group.share.clone().map(DataKey);
        }
        let shares: Vec<&Zeroizing<Vec<u8>>> = self
            .groups
            .iter()
            .filter_map(|g| g.share.as_ref())
            .collect();
        if shares.len() < self.needed {
            return None;
        }
        let accept = |key: &DataKey| opens_mac(key, self.metadata);
        let all = combine(&shares);
        if shares.len() == self.needed || all.as_ref().is_some_and(accept) {
            return all;
        }
        quorums(&shares, self.needed)
            .filter_map(|quorum| combine(&quorum))
            .find(accept)
            .or(all)
    }
}

/// Whether a key is the one that encrypted a file's MAC.
pub(crate) fn opens_mac(key: &DataKey, metadata: &Metadata) -> bool {
    let time = metadata.last_modified.to_rfc3339_seconds();
    Cipher::new(key.as_bytes()).is_some_and(|cipher| {
        let mac = metadata.mac.as_bytes();
        cipher.open(mac, time.as_bytes(), None).is_ok()
    })
}

fn combine(shares: &[&Zeroizing<Vec<u8>>]) -> Option<DataKey> {
    let shares: Vec<&[u8]> = shares.iter().map(|share| share.as_slice()).collect();
    shamir::combine(&shares).ok().map(DataKey)
}

/// Every choice of so many of the first ten shares.
fn quorums<'s, T>(shares: &[&'s T], size: usize) -> impl Iterator<Item = Vec<&'s T>> {
    let shares: Vec<_> = shares
        .iter()
        .copied()
        .take(limits::SEARCHED_SHARES)
        .collect();
    (0u32..1 << shares.len())
        .filter(move |choice| choice.count_ones() as usize == size)
        .map(move |choice| {
            let chosen = shares
                .iter()
                .enumerate()
                .filter(|(i, _)| choice >> i & 1 == 1);
            chosen.map(|(_, share)| *share).collect()
        })
}

//! The keyring with services of no kind that sops has: order, effort, what is
//! remembered, and what is said.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    ErrorKind,
    keys::Found,
    limits,
    metadata::{KeyGroup, Metadata},
};

/// Opens what starts with its word, at one effort, and notes who was asked.
struct Fake {
    kind: KeyKind,
    effort: Effort,
    word: &'static str,
    fails: KeyError,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What a long key costs.
const COST: usize = 512;

impl KeyService for Fake {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == self.kind
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        std::slice::from_ref(&self.effort)
    }

    fn operations(&self, key: &WrappedKey) -> usize {
        if key.enc().len() >= COST { COST } else { 1 }
    }

    fn unwrap(&self, key: &WrappedKey, effort: Effort) -> std::result::Result<Secret, KeyError> {
        assert_eq!(effort, self.effort);
        self.asked.lock().unwrap().push(key.enc().to_owned());
        if key.enc().starts_with(self.word) {
            // A share has a number besides.
            let length = if key.enc().ends_with("share") { 33 } else { 32 };
            Ok(Secret::from(vec![7; length]))
        } else {
            Err(self.fails.clone())
        }
    }

    fn wrap(&self, to: &Recipient, _: &Secret) -> std::result::Result<WrappedKey, KeyError> {
        Ok(WrappedKey::new(to.clone(), self.word))
    }
}

struct World {
    keyring: Keyring,
    asked: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        World {
            keyring: Keyring::without_services(),
            asked: Arc::default(),
        }
    }

    fn with(mut self, kind: KeyKind, effort: Effort, fails: KeyError) -> Self {
        self.keyring.add_service(Fake {
            kind,
            effort,
            word: "good",
            fails,
            asked: Arc::clone(&self.asked),
        });
        self
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn kms(enc: &str) -> WrappedKey {
    WrappedKey::new(Recipient::aws_kms("arn:aws:kms:eu-west-1:1:key/a"), enc)
}

fn pgp(enc: &str) -> WrappedKey {
    WrappedKey::new(Recipient::pgp("FBC7"), enc)
}

fn vault(enc: &str) -> WrappedKey {
    WrappedKey::new(Recipient::vault("https://v", "transit", "k"), enc)
}

fn file(groups: Vec<Vec<WrappedKey>>) -> Metadata {
    Metadata {
        key_groups: groups.into_iter().map(|keys| KeyGroup { keys }).collect(),
        ..Metadata::default()
    }
}

fn all() -> World {
    let no = KeyError::not_ours;
    World::new()
        .with(KeyKind::AwsKms, Effort::Network, no())
        .with(KeyKind::Vault, Effort::Network, no())
        .with(KeyKind::Pgp, Effort::AtHand, no())
}

#[test]
fn what_is_at_hand_comes_before_the_network() {
    let world = all();
    let metadata = file(vec![vec![kms("good k"), pgp("good p")]]);
    assert!(world.keyring.open(&metadata).is_ok());
    assert_eq!(world.asked(), ["good p"]);
    let metadata = file(vec![vec![kms("good k"), pgp("p")]]);
    assert!(world.keyring.open(&metadata).is_ok());
    assert_eq!(world.asked(), ["p", "good k"]);
}

#[test]
fn the_order_of_kinds_is_the_caller_s() {
    let mut world = all();
    let metadata = file(vec![vec![kms("k"), vault("v"), pgp("p")]]);
    assert!(world.keyring.open(&metadata).is_err());
    assert_eq!(world.asked(), ["p", "k", "v"]);
    world.keyring.set_order(&[KeyKind::Vault]);
    assert!(world.keyring.open(&metadata).is_err());
    assert_eq!(world.asked(), ["p", "v", "k"]);
}

#[test]
fn one_key_is_opened_once() {
    let world = all();
    let metadata = file(vec![vec![kms("good")]]);
    for _ in 0..3 {
        assert!(world.keyring.open(&metadata).is_ok());
    }
    assert_eq!(world.asked(), ["good"]);
    // The same text for another key is another question.
    assert!(world.keyring.open(&file(vec![vec![vault("good")]])).is_ok());
    assert_eq!(world.asked(), ["good"]);
}

#[test]
fn threads_that_want_one_remote_key_ask_once() {
    let world = all();
    let metadata = file(vec![vec![kms("good")]]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(world.keyring.open(&metadata).is_ok()));
        }
    });
    assert_eq!(world.asked().len(), 1);
}

#[test]
fn a_file_costs_a_bounded_number_of_operations() {
    let world = all();
    // One that says what it costs.
    let keys = |count: usize, length: usize| {
        let keys = (0..count).map(|i| pgp(&format!("{i:length$}")));
        file(vec![keys.collect()])
    };
    let most = limits::OPERATIONS / COST;
    let report = world.keyring.report(&keys(most + 10, COST));
    assert_eq!(world.asked().len(), most);
    let last = report.recipients().last().unwrap();
    insta::assert_snapshot!(last, @"PGP FBC7: refused: more than 65536 operations with private keys for one file");
    // Each file has them anew.
    let _ = world.keyring.report(&keys(100, 7));
    assert_eq!(world.asked().len(), 100);
}

#[test]
fn a_file_costs_a_bounded_number_of_remote_calls() {
    let world = all();
    let keys = (0..100).map(|i| kms(&i.to_string())).collect();
    let report = world.keyring.report(&file(vec![keys]));
    assert_eq!(world.asked().len(), limits::REMOTE_CALLS);
    let last = report.recipients().last().unwrap();
    insta::assert_snapshot!(last, @"AWS KMS arn:aws:kms:eu-west-1:1:key/a: refused: more than 16 remote calls for one file");
}

#[test]
fn the_failure_that_says_most_is_reported() {
    let denied = KeyError::new(Reason::Denied, "HTTP 403").advise("ask for kms:Decrypt");
    let world = World::new()
        .with(KeyKind::AwsKms, Effort::AtHand, KeyError::not_ours())
        .with(KeyKind::AwsKms, Effort::Command, denied)
        .with(
            KeyKind::AwsKms,
            Effort::Network,
            KeyError::new(Reason::Unavailable, ""),
        );
    let metadata = file(vec![vec![kms("k"), pgp("p")]]);
    let error = world.keyring.open(&metadata).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataKey);
    assert_eq!(error.advice(), Some("ask for kms:Decrypt"));
    insta::assert_snapshot!(error.report().unwrap(), @r"
    the file's recipients:
      AWS KMS arn:aws:kms:eu-west-1:1:key/a: denied: HTTP 403
      PGP FBC7: not supported (needs GnuPG and the private key)
    identities were looked for in:
      no place at all
    help: ask for kms:Decrypt
    ");
    insta::assert_snapshot!(serde_json::to_string(&error.report().unwrap().groups()[0].recipients[0]).unwrap(), @r#"{"kind":"AWS KMS","recipient":"arn:aws:kms:eu-west-1:1:key/a","result":"failed","reason":"denied","detail":"HTTP 403","transient":false,"needs":null}"#);
}

#[test]
fn what_is_damaged_is_not_asked_for_again() {
    let damaged = KeyError::new(Reason::Damaged, "cut").named("cut");
    let world = World::new()
        .with(KeyKind::AwsKms, Effort::AtHand, damaged)
        .with(KeyKind::AwsKms, Effort::Network, KeyError::not_ours());
    let error = world.keyring.open(&file(vec![vec![kms("k")]])).unwrap_err();
    assert_eq!(world.asked(), ["k"]);
    assert!(
        error.advice().unwrap().contains("version control"),
        "{error}"
    );
}

#[test]
fn what_is_missing_is_what_would_help() {
    let world = all();
    let missing = |groups, threshold| {
        let metadata = Metadata {
            shamir_threshold: threshold,
            ..file(groups)
        };
        let report = world.keyring.report(&metadata);
        let missing = report.missing().map(|r| r.recipient.clone());
        missing.collect::<Vec<_>>()
    };
    let good = || vec![pgp("good share")];
    let bad = || vec![kms("k"), vault("v")];
    let names = [
        "arn:aws:kms:eu-west-1:1:key/a",
        "https://v/v1/transit/keys/k",
    ];
    assert!(missing(vec![vec![pgp("good p")]], 0).is_empty());
    assert_eq!(missing(vec![bad()], 0), names);
    assert_eq!(missing(vec![good(), bad()], 0), names);
    assert!(missing(vec![good(), bad(), good()], 2).is_empty());

    let damaged = KeyError::new(Reason::Damaged, "cut").named("cut");
    let world = World::new().with(KeyKind::AwsKms, Effort::AtHand, damaged);
    let report = world.keyring.report(&file(vec![vec![kms("k"), pgp("p")]]));
    assert_eq!(
        report.missing().map(|r| r.kind).collect::<Vec<_>>(),
        [KeyKind::Pgp]
    );
}

#[test]
fn a_secret_of_the_wrong_length_is_no_data_key() {
    struct Long(AtomicUsize);
    impl KeyService for Long {
        fn handles(&self, _: KeyKind) -> bool {
            true
        }
        fn unwrap(&self, _: &WrappedKey, _: Effort) -> std::result::Result<Secret, KeyError> {
            Ok(Secret::from(vec![0; self.0.load(Ordering::SeqCst)]))
        }
        fn wrap(&self, _: &Recipient, _: &Secret) -> std::result::Result<WrappedKey, KeyError> {
            Err(KeyError::not_ours())
        }
    }
    for (length, alone, as_share) in [
        (0, false, false),
        (31, false, false),
        (32, true, false),
        (33, false, true),
    ] {
        let mut keyring = Keyring::without_services();
        keyring.add_service(Long(length.into()));
        assert_eq!(
            keyring.can_open(&file(vec![vec![kms("k")]])),
            alone,
            "{length}"
        );
        let report = keyring.report(&file(vec![vec![kms("k")], vec![vault("k")]]));
        assert_eq!(report.opened() == 2, as_share, "{length}");
    }
}

#[test]
fn a_keyring_without_the_kind_says_so() {
    let error = Keyring::without_services()
        .wrap(&Recipient::pgp("FBC7"), &Secret::from(vec![0; 32]))
        .unwrap_err();
    assert_eq!(error.reason(), Reason::Unsupported);
    insta::assert_snapshot!(error, @"not supported: no PGP in this program");
}

#[test]
fn one_service_of_a_type() {
    let mut keyring = Keyring::new();
    let found = keyring.service::<crate::age::Age>().add_identities("");
    assert_eq!(found, Found::Empty);
    assert_eq!(keyring.places().len(), 1);
}

/// What the file has, and what is known here: no kind by name alone.
#[test]
fn kinds_that_are_not_known_here() {
    let summary = |world: World, groups| world.keyring.report(&file(groups)).summary().to_owned();
    let age = WrappedKey::new(Recipient::age("age1a"), "x");
    insta::assert_snapshot!(summary(World::new(), vec![vec![age.clone()]]), @"the file is encrypted for age; kinds of key known here: none");
    insta::assert_snapshot!(summary(all(), vec![vec![age]]), @"the file is encrypted for age; kinds of key known here: AWS KMS, HashiCorp Vault and PGP");
    let one = World::new().with(KeyKind::Vault, Effort::Network, KeyError::not_ours());
    insta::assert_snapshot!(summary(one, vec![vec![pgp("p"), kms("k"), kms("l")]]), @"the file is encrypted for AWS KMS and PGP; kinds of key known here: HashiCorp Vault");
}

//! The suite itself: services with one fault each, which it has to find.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
};

use sops_core::keys::{
    Effort, Found, KeyError, KeyKind, KeyService, Location, Place, Reason, Recipient, Secret,
    WrappedKey,
};

use super::Conformance;

const TOKEN: &str = "hunter2-hunter2-hunter2";

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    AnotherKind,
    NoEffort,
    CutsShares,
    OpensDamaged,
    QuotesTheEntry,
    QuotesTheToken,
    RetriesDamage,
    FullStop,
    OpensForeign,
    WrapsForAnyone,
    PlaceWithToken,
    PlaceWithControls,
    RemembersAFailure,
    Panics,
}

/// Wraps by writing numbers with a sum behind them.
struct Toy {
    fault: Fault,
    failed: AtomicUsize,
}

impl Toy {
    fn new(fault: Fault) -> Self {
        Toy {
            fault,
            failed: AtomicUsize::new(0),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn read(&self, enc: &str) -> Option<Vec<u8>> {
        let mut bytes: Vec<u8> = enc
            .split(' ')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        let sum = bytes.pop()?;
        let right = bytes.iter().fold(1, |a: u8, b| a.wrapping_mul(3) ^ b) == sum;
        (right || self.has(Fault::OpensDamaged)).then_some(bytes)
    }
}

impl KeyService for Toy {
    fn handles(&self, kind: KeyKind) -> bool {
        (kind == KeyKind::HuaweiKms) != self.has(Fault::AnotherKind)
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        if self.has(Fault::NoEffort) {
            &[]
        } else {
            &[Effort::AtHand]
        }
    }

    fn unwrap(&self, key: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        if key.kind() != KeyKind::HuaweiKms {
            if self.has(Fault::OpensForeign) {
                return Ok(vec![0; 32].into());
            }
            return Err(KeyError::not_ours());
        }
        let remembered = self.has(Fault::RemembersAFailure);
        if let Some(bytes) = self.read(key.enc())
            && !(remembered && self.failed.load(Ordering::Relaxed) > 0)
        {
            return Ok(bytes.into());
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        assert!(!self.has(Fault::Panics), "a panic");
        let why = |text: &str| KeyError::new(Reason::Damaged, text);
        Err(match self.fault {
            Fault::QuotesTheEntry => why(key.enc()),
            Fault::QuotesTheToken => why("not numbers").advise(format!("renew {TOKEN}")),
            Fault::RetriesDamage => why("not numbers").may_help_to_retry(),
            Fault::FullStop => why("These are not numbers."),
            _ => why("not numbers"),
        })
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        if to.kind() != KeyKind::HuaweiKms {
            return Err(KeyError::not_ours());
        }
        if to.to_string() != "moon:1" && !self.has(Fault::WrapsForAnyone) {
            return Err(KeyError::new(Reason::Invalid, "not on the moon"));
        }
        let mut bytes = secret.as_bytes().to_vec();
        if self.has(Fault::CutsShares) {
            bytes.truncate(32);
        }
        bytes.push(bytes.iter().fold(1, |a: u8, b| a.wrapping_mul(3) ^ b));
        let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
        Ok(WrappedKey::new(to.clone(), numbers.join(" ")))
    }

    fn places(&self) -> Vec<Place> {
        let path = match self.fault {
            Fault::PlaceWithToken => TOKEN.into(),
            Fault::PlaceWithControls => "\u{1b}[31m".into(),
            _ => "/moon".into(),
        };
        vec![Place::new(Location::Directory { path }, Found::NoKeyFiles)]
    }

    fn forget_failures(&self) {}
}

/// What the suite says of a service with this fault.
fn said(fault: Fault) -> Result<(), String> {
    let suite = Conformance::new(Recipient::huawei_kms("moon:1")).secret(TOKEN);
    catch_unwind(AssertUnwindSafe(|| suite.check(|| Toy::new(fault)))).map_err(|why| {
        why.downcast_ref::<String>()
            .cloned()
            .or_else(|| why.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_default()
    })
}

#[test]
fn a_good_service_passes() {
    assert_eq!(said(Fault::None), Ok(()));
}

#[test]
fn every_fault_is_found() {
    for (fault, message) in [
        (Fault::AnotherKind, "it does not handle the kind"),
        (Fault::NoEffort, "it names no effort at all"),
        (Fault::CutsShares, "other bytes came out of a key of 33"),
        (Fault::OpensDamaged, "another secret came out"),
        (Fault::QuotesTheEntry, "something secret is shown"),
        (Fault::QuotesTheToken, "something secret is shown"),
        (Fault::RetriesDamage, "what is damaged stays so"),
        (Fault::FullStop, "without a full stop"),
        (Fault::OpensForeign, "it opened a key of age"),
        (Fault::WrapsForAnyone, "it wrapped for"),
        (Fault::PlaceWithToken, "something secret is shown"),
        (Fault::PlaceWithControls, "a terminal would obey this"),
        (Fault::RemembersAFailure, "it does not open for a thread"),
        (Fault::Panics, "a panic"),
    ] {
        let said = said(fault).expect_err("the fault was not found");
        assert!(said.contains(message), "{fault:?}: {said}");
    }
}

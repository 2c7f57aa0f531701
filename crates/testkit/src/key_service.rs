//! What every [`KeyService`] must do, whatever opens its keys: a conformance
//! suite for implementations.
//!
//! ```
//! use sops_core::{age::Age, keys::Recipient};
//! use testkit::key_service::Conformance;
//!
//! let identity = "AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y";
//! let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
//! Conformance::new(Recipient::age(recipient))
//!     .secret(identity)
//!     .check(|| {
//!         let mut age = Age::default();
//!         let _ = age.add_identities(identity);
//!         age
//!     });
//! ```

use sops_core::{
    Document, EncryptOptions, Format, Keyring, Style,
    keys::{Effort, KeyError, KeyKind, KeyService, Reason, Recipient, Secret, WrappedKey},
    limits,
};

/// What the suite needs to know of an implementation.
pub struct Conformance {
    recipient: Recipient,
    secrets: Vec<String>,
}

/// Data keys and shares of them: what sops wraps for any recipient.
const LENGTHS: [u8; 6] = [16, 24, 32, 17, 25, 33];

/// A data key that would be seen in a message.
const READABLE: &str = "a data key of thirty-two letters";

/// Shorter texts may stand in a message by chance.
const TELLTALE: usize = 8;

impl Conformance {
    /// Keys are wrapped for this recipient, which the service can open.
    #[must_use]
    pub fn new(recipient: Recipient) -> Self {
        Conformance {
            recipient,
            secrets: Vec::new(),
        }
    }

    /// A text that must never be shown: a private key, a token, a passphrase.
    #[must_use]
    pub fn secret(mut self, text: impl Into<String>) -> Self {
        self.secrets.push(text.into());
        self
    }

    /// Runs the suite on services that `make` makes. All of them must have the
    /// same keys.
    ///
    /// # Panics
    ///
    /// Where a service breaks a promise of the trait.
    pub fn check<S: KeyService>(&self, make: impl Fn() -> S) {
        let service = make();
        assert!(
            service.handles(self.recipient.kind()),
            "it does not handle the kind of its own recipient"
        );
        self.round_trips(&service);
        self.damaged_keys(&service);
        self.foreign_keys(&service);
        self.other_recipients(&service);
        self.places(&service);
        // Of none of these failures anything is left.
        service.forget_failures();
        self.threads(&service);
        self.round_trips(&service);
        for format in [
            (Format::Yaml, "a: x\n"),
            (Format::Json, "{\n\t\"a\": \"x\"\n}\n"),
            (Format::Dotenv, "a=x\n"),
            (Format::Ini, "[s]\na = x\n"),
            (Format::Binary, "x"),
        ] {
            self.in_a_file(&make, format);
        }
    }

    fn wrap(&self, service: &dyn KeyService, secret: &[u8]) -> WrappedKey {
        let key = service
            .wrap(&self.recipient, &Secret::from(secret.to_vec()))
            .unwrap_or_else(|why| panic!("it does not wrap for its own recipient: {why}"));
        assert_eq!(key.kind(), self.recipient.kind(), "the kind of the entry");
        let length = key.enc().len();
        assert!(
            (1..=limits::ARMOR_SIZE).contains(&length),
            "an entry of {length} bytes: no file may hold it"
        );
        assert!(
            !format!("{key:?}").contains(key.enc()),
            "the entry's Debug shows what was wrapped"
        );
        key
    }

    fn round_trips(&self, service: &dyn KeyService) {
        for length in LENGTHS {
            // Bytes that no text survives with.
            let secret: Vec<u8> = (0..length).map(|i| (i * 7).wrapping_sub(length)).collect();
            let key = self.wrap(service, &secret);
            let opened = open(service, &key)
                .unwrap_or_else(|why| panic!("it does not open what it wrapped: {why}"));
            assert!(
                opened.as_bytes() == secret,
                "other bytes came out of a key of {length}"
            );
        }
    }

    /// Damage is a failure, never a panic, and never another secret.
    fn damaged_keys(&self, service: &dyn KeyService) {
        let key = self.wrap(service, READABLE.as_bytes());
        let enc = key.enc();
        let cut = (enc.len() / 2..)
            .find(|at| enc.is_char_boundary(*at))
            .unwrap_or_default();
        let flipped = |at: usize| {
            let mut bytes = enc.as_bytes().to_vec();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let mut cases = vec![
            String::new(),
            enc[..cut].to_owned(),
            enc[cut..].to_owned(),
            "no such thing as a wrapped key".into(),
            "\u{0}\u{1b}[31m\n".repeat(50),
            enc.repeat(3),
            "A".repeat(limits::ARMOR_SIZE),
        ];
        cases.extend((1..8).map(|part| flipped(enc.len() * part / 8)));
        for damaged in cases {
            let damaged = WrappedKey::new(self.recipient.clone(), damaged);
            for effort in Effort::ALL {
                match service.unwrap(&damaged, effort) {
                    Ok(opened) => assert!(
                        opened.as_bytes() == READABLE.as_bytes(),
                        "another secret came out of a damaged key"
                    ),
                    Err(why) => self.fit_to_be_shown(&why, &[damaged.enc(), READABLE]),
                }
            }
        }
    }

    /// Keys of other kinds are none of its business.
    fn foreign_keys(&self, service: &dyn KeyService) {
        let foreign = [
            Recipient::age("age1qqqq"),
            Recipient::pgp("FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4"),
            Recipient::aws_kms("arn:aws:kms:eu-west-1:123456789012:key/a"),
            Recipient::gcp_kms("projects/p/locations/l/keyRings/r/cryptoKeys/k"),
            Recipient::azure_key_vault("https://v.vault.azure.net", "k", "1"),
            Recipient::vault("https://vault.invalid", "transit", "k"),
            Recipient::huawei_kms("eu-west-0:k"),
        ];
        let foreign = foreign.iter().filter(|to| !service.handles(to.kind()));
        for recipient in foreign {
            let key = WrappedKey::new(recipient.clone(), "x");
            for effort in Effort::ALL {
                match service.unwrap(&key, effort) {
                    Ok(_) => panic!("it opened a key of {}", recipient.kind()),
                    Err(why) => self.fit_to_be_shown(&why, &[]),
                }
            }
            assert!(
                !service.recognizes(&key),
                "it recognizes a key of {}",
                recipient.kind()
            );
            match service.wrap(recipient, &Secret::from(READABLE.as_bytes().to_vec())) {
                Ok(_) => panic!("it wrapped for a recipient of {}", recipient.kind()),
                Err(why) => self.fit_to_be_shown(&why, &[READABLE]),
            }
        }
    }

    /// A recipient is a text that somebody wrote.
    fn other_recipients(&self, service: &dyn KeyService) {
        for text in ["", "-", "\u{1b}[31m", "../..", "https://evil.invalid/\n\n"] {
            let Ok(to) = Recipient::parse(self.recipient.kind(), text) else {
                continue;
            };
            match service.wrap(&to, &Secret::from(READABLE.as_bytes().to_vec())) {
                Ok(_) => panic!("it wrapped for {text:?}"),
                Err(why) => self.fit_to_be_shown(&why, &[READABLE]),
            }
        }
    }

    fn threads(&self, service: &dyn KeyService) {
        let key = self.wrap(service, READABLE.as_bytes());
        let opened = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| open(service, &key)));
            threads.map(|thread| thread.join().expect("it panics in a thread"))
        });
        for opened in opened {
            let opened =
                opened.unwrap_or_else(|why| panic!("it does not open for a thread: {why}"));
            assert!(
                opened.as_bytes() == READABLE.as_bytes(),
                "other bytes came out for a thread"
            );
        }
    }

    fn places(&self, service: &dyn KeyService) {
        for place in service.places() {
            self.look_at(&place.location.to_string(), &[]);
            self.look_at(&place.found.to_string(), &[]);
            self.look_at(&format!("{place:?}"), &[]);
        }
    }

    /// A whole file with the entry in its metadata, and one whose data key is
    /// shared between two groups.
    fn in_a_file<S: KeyService>(
        &self,
        make: &impl Fn() -> S,
        (format, text): (Format, &'static str),
    ) {
        let keyring = || {
            let mut keyring = Keyring::without_services();
            keyring.add_service(make());
            keyring
        };
        let plain = Document::parse_plain(text.as_bytes(), format).expect("plain text");
        let group = vec![self.recipient.clone()];
        for groups in [vec![group.clone()], vec![group.clone(), group]] {
            let options = EncryptOptions::with_key_groups(groups);
            let file = plain
                .encrypt(&options, &keyring())
                .unwrap_or_else(|why| panic!("{format:?} is not encrypted: {why:#}"));
            let read = Document::parse(&file, format).expect("the file that was written");
            for key in read.metadata().keys() {
                assert_eq!(key.kind(), self.recipient.kind(), "the kind in {format:?}");
                assert_eq!(key.created_at().is_none(), key.kind() == KeyKind::Age);
            }
            // A keyring of its own remembers nothing of the first.
            let opened = read
                .decrypt(&keyring())
                .unwrap_or_else(|why| panic!("{format:?} is not decrypted: {why:#}"));
            let bytes = opened.to_bytes(format, &Style::default());
            let bytes = bytes.expect("its own format holds it");
            assert_eq!(bytes.as_slice(), text.as_bytes(), "{format:?}");
        }
    }

    fn fit_to_be_shown(&self, why: &KeyError, more: &[&str]) {
        let line = why.to_string();
        self.look_at(&line, more);
        self.look_at(&format!("{why:?}"), more);
        self.look_at(why.advice().unwrap_or_default(), more);
        self.look_at(why.needs().unwrap_or_default(), more);
        assert!(
            !line.ends_with(['.', '!']),
            "an error is a fragment, without a full stop: {line:?}"
        );
        assert!(
            !(why.reason() == Reason::Damaged && why.is_transient()),
            "what is damaged stays so: {line:?}"
        );
    }

    fn look_at(&self, text: &str, more: &[&str]) {
        let secrets = self.secrets.iter().map(String::as_str);
        for secret in secrets.chain(more.iter().copied()) {
            assert!(
                secret.len() < TELLTALE || !text.contains(secret),
                "something secret is shown"
            );
        }
        assert!(
            !text.chars().any(char::is_control),
            "a terminal would obey this: {text:?}"
        );
    }
}

/// Every effort that the service names for the key, cheapest first.
fn open(service: &dyn KeyService, key: &WrappedKey) -> Result<Secret, KeyError> {
    let efforts = service.efforts(key);
    assert!(!efforts.is_empty(), "it names no effort at all");
    let mut failure = KeyError::not_ours();
    for effort in Effort::ALL {
        if efforts.contains(&effort) {
            match service.unwrap(key, effort) {
                Ok(secret) => return Ok(secret),
                Err(why) => failure = why,
            }
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests;

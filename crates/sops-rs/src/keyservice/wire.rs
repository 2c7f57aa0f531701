//! The messages of the key service in the encoding of Protocol Buffers: texts
//! and bytes within one another, and one map.
//!
//! Unknown fields are passed over; of a field that stands twice the last one
//! counts, as the encoding has it.

use std::collections::BTreeMap;

use sops_core::keys::Recipient;
use zeroize::Zeroizing;

/// Which method is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Encrypt,
    Decrypt,
}

impl Method {
    pub(super) fn path(self) -> &'static str {
        match self {
            Method::Encrypt => "/KeyService/Encrypt",
            Method::Decrypt => "/KeyService/Decrypt",
        }
    }

    pub(super) fn of_path(path: &str) -> Option<Self> {
        [Method::Encrypt, Method::Decrypt]
            .into_iter()
            .find(|method| method.path() == path)
    }
}

/// What is asked: for whom, and the text to be wrapped or the key to be
/// opened.
#[derive(Clone, PartialEq)]
pub(super) struct Request {
    pub(super) recipient: Recipient,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl Request {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.bytes.len() + 1024));
        put(&mut out, 1, &key(&self.recipient));
        put(&mut out, 2, &self.bytes);
        out
    }

    /// `None` where it is no such message, or names no kind of key that is
    /// known.
    pub(super) fn decode(message: &[u8]) -> Option<Self> {
        let (mut recipient, mut bytes) = (None, Zeroizing::new(Vec::new()));
        for field in Fields(message) {
            match field? {
                (1, Some(key)) => recipient = Some(recipient_of(key)?),
                (2, Some(text)) => bytes = Zeroizing::new(text.to_vec()),
                _ => {}
            }
        }
        Some(Request {
            recipient: recipient?,
            bytes,
        })
    }
}

/// What is answered, by either method.
pub(super) fn encode_answer(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() + 8));
    put(&mut out, 1, bytes);
    out
}

/// `None` where it is no such message.
pub(super) fn decode_answer(message: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut answer = Zeroizing::new(Vec::new());
    for field in Fields(message) {
        if let (1, Some(bytes)) = field? {
            answer = Zeroizing::new(bytes.to_vec());
        }
    }
    Some(answer)
}

fn key(recipient: &Recipient) -> Vec<u8> {
    let mut out = Vec::new();
    let mut texts = |number: u64, texts: &[(u64, &str)]| {
        let mut fields = Vec::new();
        for (number, text) in texts {
            if !text.is_empty() {
                put(&mut fields, *number, text.as_bytes());
            }
        }
        put(&mut out, number, &fields);
    };
    match recipient {
        Recipient::Pgp { fingerprint, .. } => texts(2, &[(1, fingerprint)]),
        Recipient::GcpKms { resource_id, .. } => texts(3, &[(1, resource_id)]),
        Recipient::AzureKeyVault {
            vault_url,
            name,
            version,
            ..
        } => texts(4, &[(1, vault_url), (2, name), (3, version)]),
        Recipient::Vault {
            address,
            engine_path,
            key_name,
            ..
        } => texts(5, &[(1, address), (2, engine_path), (3, key_name)]),
        Recipient::Age { recipient, .. } => texts(6, &[(1, recipient)]),
        Recipient::HuaweiKms { key_id, .. } => texts(7, &[(1, key_id)]),
        Recipient::AwsKms {
            arn,
            role,
            context,
            profile,
            ..
        } => {
            let mut fields = Vec::new();
            put(&mut fields, 1, arn.as_bytes());
            if let Some(role) = role {
                put(&mut fields, 2, role.as_bytes());
            }
            for (name, value) in context {
                let mut pair = Vec::new();
                put(&mut pair, 1, name.as_bytes());
                put(&mut pair, 2, value.as_bytes());
                put(&mut fields, 3, &pair);
            }
            if let Some(profile) = profile {
                put(&mut fields, 4, profile.as_bytes());
            }
            put(&mut out, 1, &fields);
        }
        // A kind that this protocol does not know: no server will.
        _ => {}
    }
    out
}

fn recipient_of(key: &[u8]) -> Option<Recipient> {
    let mut recipient = None;
    for field in Fields(key) {
        let (number, Some(fields)) = field? else {
            continue;
        };
        let texts = |wanted: &[u64]| -> Option<Vec<String>> {
            let mut texts = vec![String::new(); wanted.len()];
            for field in Fields(fields) {
                let (number, text) = field?;
                if let Some(at) = wanted.iter().position(|wanted| *wanted == number) {
                    *texts.get_mut(at)? = text_of(text?)?;
                }
            }
            Some(texts)
        };
        let three = || -> Option<[String; 3]> { texts(&[1, 2, 3])?.try_into().ok() };
        let one = || -> Option<String> { texts(&[1])?.pop() };
        recipient = Some(match number {
            1 => aws(fields)?,
            2 => Recipient::pgp(one()?),
            3 => Recipient::gcp_kms(one()?),
            4 => {
                let [url, name, version] = three()?;
                Recipient::azure_key_vault(url, name, version)
            }
            5 => {
                let [address, engine, name] = three()?;
                Recipient::vault(address, engine, name)
            }
            6 => Recipient::age(one()?),
            7 => Recipient::huawei_kms(one()?),
            _ => continue,
        });
    }
    recipient
}

fn aws(fields: &[u8]) -> Option<Recipient> {
    let (mut arn, mut role, mut profile) = (String::new(), String::new(), String::new());
    let mut context = BTreeMap::new();
    for field in Fields(fields) {
        match field? {
            (1, Some(text)) => arn = text_of(text)?,
            (2, Some(text)) => role = text_of(text)?,
            (3, Some(pair)) => {
                let (mut name, mut value) = (String::new(), String::new());
                for field in Fields(pair) {
                    match field? {
                        (1, Some(text)) => name = text_of(text)?,
                        (2, Some(text)) => value = text_of(text)?,
                        _ => {}
                    }
                }
                context.insert(name, value);
            }
            (4, Some(text)) => profile = text_of(text)?,
            _ => {}
        }
    }
    Some(
        Recipient::aws_kms(arn)
            .with_role(role)
            .with_context(context)
            .with_profile(profile),
    )
}

fn text_of(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(Into::into)
}

/// A field of a length and so many bytes.
fn put(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The fields of a message: their numbers, and their bytes where they have
/// such. `None` where it is no message; then nothing follows.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Option<&'a [u8]>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Option<&'a [u8]>)> {
        let tag = self.number()?;
        let number = tag >> 3;
        if number == 0 {
            return None;
        }
        let bytes = match tag & 7 {
            0 => {
                self.number()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let length = self.number()?;
                Some(self.take(usize::try_from(length).ok()?)?)
            }
            5 => {
                self.take(4)?;
                None
            }
            _ => return None,
        };
        Some((number, bytes))
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipients() -> Vec<Recipient> {
        let context = BTreeMap::from([("a".into(), "b".into()), ("c".into(), String::new())]);
        vec![
            Recipient::age("age1x"),
            Recipient::pgp("ABCD"),
            Recipient::gcp_kms("projects/p"),
            Recipient::azure_key_vault("https://v", "k", "1"),
            Recipient::azure_key_vault("https://v", "k", ""),
            Recipient::vault("https://v:8200", "transit", "k"),
            Recipient::huawei_kms("r:u"),
            Recipient::aws_kms("arn:aws:kms:r:1:key/k"),
            Recipient::aws_kms("arn")
                .with_role("role")
                .with_context(context)
                .with_profile("p"),
        ]
    }

    #[test]
    fn messages_are_read_as_they_are_written() {
        for recipient in recipients() {
            let request = Request {
                recipient,
                bytes: vec![0, 255, 7].into(),
            };
            let read = Request::decode(&request.encode()).unwrap();
            assert_eq!(read.recipient, request.recipient);
            assert_eq!(read.bytes, request.bytes);
        }
        let answer = decode_answer(&encode_answer(&[1; 300])).unwrap();
        assert_eq!(answer.as_slice(), [1; 300]);
    }

    #[test]
    fn the_encoding_is_that_of_protocol_buffers() {
        let request = Request {
            recipient: Recipient::age("age1"),
            bytes: b"xy".to_vec().into(),
        };
        // Field 1 { field 6 { field 1 "age1" } }, field 2 "xy".
        let bytes = b"\x0a\x08\x32\x06\x0a\x04age1\x12\x02xy";
        assert_eq!(request.encode().as_slice(), bytes);
        // What is unknown is passed over: a number, eight bytes, four bytes.
        let more = [&b"\x18\x80\x01\x2112345678\x2d1234"[..], bytes].concat();
        assert!(Request::decode(&more).is_some());
        for wrong in [
            &b""[..],
            b"\x0a",
            b"\x0a\x80",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x0a\x08\x32\x06\x0a\x04age",
            b"\x0b\x00",
            b"\x02\x00",
            b"\x0a\x00",
            b"\x0a\x04\x32\x02\x0a\x00\x12",
            b"\x0a\x05\x32\x03\x0a\x01\xff",
        ] {
            assert!(Request::decode(wrong).is_none(), "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            if let Some(request) = Request::decode(&bytes) {
                let again = Request::decode(&request.encode());
                proptest::prop_assert!(again.is_some_and(|again| again == request));
            }
            let _ = decode_answer(&bytes);
        }
    }
}

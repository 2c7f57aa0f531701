//! `private-keys-v1.d`: private keys as gpg-agent keeps them, one file for
//! each keygrip, with a passphrase or without.

use aes::{
    Aes128,
    cipher::{BlockDecryptMut, KeyIvInit, block_padding::NoPadding},
};
use ocb3::{
    AeadInPlace, KeyInit, Ocb3,
    aead::consts::{U12, U16},
};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::{
    key::KeyPacket,
    limits,
    sexp::{Sexp, find},
};

/// A private key as gpg-agent keeps it.
pub(crate) struct AgentKey {
    /// `(private-key (rsa …))` or another word in front.
    sexp: Sexp,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Clear,
    Protected,
    /// On a smartcard, or on another machine.
    Shadowed,
}

/// Why a private key of gpg-agent cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It takes a passphrase.
    Locked,
    /// It takes another one, or was changed.
    WrongPassphrase,
    /// Unlocking it would take more work than is allowed.
    TooMuchWork,
    /// It is on a smartcard.
    Shadowed,
    /// It is of a form that this crate does not know.
    Unknown,
}

impl AgentKey {
    /// Reads a key file: of GnuPG 2.2 and later a few lines of `Name: value`,
    /// before that the key alone.
    pub(crate) fn read(file: &[u8]) -> Option<Self> {
        let sexp = if file.starts_with(b"(") {
            Sexp::parse(file)?
        } else {
            Sexp::parse(&value(file, b"key:")?)?
        };
        let state = match sexp.named()?.0 {
            b"private-key" => State::Clear,
            b"protected-private-key" => State::Protected,
            b"shadowed-private-key" => State::Shadowed,
            _ => return None,
        };
        Some(AgentKey { sexp, state })
    }

    /// Whether the key takes a passphrase.
    pub(crate) fn is_locked(&self) -> bool {
        self.state == State::Protected
    }

    /// The body of a secret key packet without protection, for a public key.
    ///
    /// # Errors
    ///
    /// Why it cannot be had.
    pub(crate) fn secret_packet(
        &self,
        public: &KeyPacket<'_>,
        passphrase: Option<&[u8]>,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let key = self.sexp.named().and_then(|(_, rest)| rest.first());
        let key = key.ok_or(Refusal::Unknown)?;
        let opened;
        let numbers = match self.state {
            State::Clear => key.list().ok_or(Refusal::Unknown)?,
            State::Shadowed => return Err(Refusal::Shadowed),
            State::Protected => {
                opened = unprotect(key, passphrase.ok_or(Refusal::Locked)?)?;
                &opened
            }
        };
        let names: &[&str] = match public.algorithm {
            1..=3 => &["d", "p", "q", "u"],
            _ => &["d"],
        };
        let mut body = Zeroizing::new(Vec::with_capacity(public.public.len() + 8192));
        body.extend_from_slice(public.public);
        body.push(0);
        let start = body.len();
        for name in names {
            let number = find(numbers, name).and_then(|rest| rest.first()?.atom());
            append_mpi(&mut body, number.ok_or(Refusal::Unknown)?).ok_or(Refusal::Unknown)?;
        }
        if public.version == 4 {
            let secret = body.get(start..).unwrap_or_default().iter();
            let sum = secret.fold(0u16, |sum, byte| sum.wrapping_add((*byte).into()));
            body.extend_from_slice(&sum.to_be_bytes());
        }
        Ok(body)
    }
}

/// The value of a name in a file of `Name: value`. It goes on in lines that
/// begin with a space, which is no more part of it than the line break: GnuPG
/// breaks lines anywhere, in the middle of a word too.
fn value(file: &[u8], name: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut value = Zeroizing::new(Vec::with_capacity(file.len()));
    let mut found = false;
    for line in file.split(|byte| *byte == b'\n') {
        match line {
            [b' ' | b'\t', more @ ..] if found => value.extend_from_slice(more),
            _ if found => break,
            line => {
                let (head, rest) = line.split_at_checked(name.len()).unwrap_or_default();
                found = head.eq_ignore_ascii_case(name);
                value.extend_from_slice(if found { rest } else { &[] });
            }
        }
    }
    found.then_some(value)
}

/// Appends a number as OpenPGP writes it: without zeros in front.
fn append_mpi(body: &mut Vec<u8>, number: &[u8]) -> Option<()> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..)?;
    let bits = number.first().map_or(0, |first| 8 - first.leading_zeros());
    let bits = number.len().saturating_sub(1) * 8 + usize::try_from(bits).ok()?;
    body.extend_from_slice(&u16::try_from(bits).ok()?.to_be_bytes());
    // A buffer that does not grow leaves no copies behind.
    (body.len() + number.len() <= body.capacity()).then(|| body.extend_from_slice(number))
}

/// The secret numbers of a protected key (GnuPG's `agent/keyformat.txt`).
fn unprotect(key: &Sexp, passphrase: &[u8]) -> Result<Vec<Sexp>, Refusal> {
    let protected = key.find("protected").ok_or(Refusal::Unknown)?;
    let [mode, parameters, data] = protected else {
        return Err(Refusal::Unknown);
    };
    let [s2k, nonce] = parameters.list().ok_or(Refusal::Unknown)? else {
        return Err(Refusal::Unknown);
    };
    let key16 = derive(s2k, passphrase)?;
    let (nonce, data) = (
        nonce.atom().unwrap_or_default(),
        data.atom().unwrap_or_default(),
    );
    let plain = match mode.atom().unwrap_or_default() {
        b"openpgp-s2k3-ocb-aes" => ocb(&key16, nonce, data, &authenticated(key)),
        b"openpgp-s2k3-sha1-aes-cbc" => cbc(&key16, nonce, data),
        _ => return Err(Refusal::Unknown),
    };
    let plain = plain.ok_or(Refusal::WrongPassphrase)?;
    let Some(Sexp::List(mut members)) = Sexp::parse(&plain) else {
        return Err(Refusal::WrongPassphrase);
    };
    // The numbers are a list of their own; in CBC, a hash of all follows.
    if members.is_empty() {
        return Err(Refusal::WrongPassphrase);
    }
    let Sexp::List(numbers) = members.swap_remove(0) else {
        return Err(Refusal::WrongPassphrase);
    };
    if mode.atom() == Some(b"openpgp-s2k3-sha1-aes-cbc") {
        let hash = find(&members, "hash").and_then(|rest| rest.get(1)?.atom());
        let mut hashed = Zeroizing::new(Vec::with_capacity(16 << 10));
        hashed_key(key, &numbers, &mut hashed);
        if hash != Some(&Sha1::digest(&*hashed)) {
            return Err(Refusal::WrongPassphrase);
        }
    }
    Ok(numbers)
}

/// A key of 16 bytes from a passphrase: SHA-1, salted and iterated.
fn derive(s2k: &Sexp, passphrase: &[u8]) -> Result<Zeroizing<[u8; 16]>, Refusal> {
    let [hash, salt, count] = s2k.list().ok_or(Refusal::Unknown)? else {
        return Err(Refusal::Unknown);
    };
    let (Some(b"sha1"), Some(salt), Some(count)) = (hash.atom(), salt.atom(), count.atom()) else {
        return Err(Refusal::Unknown);
    };
    let count = std::str::from_utf8(count).ok().and_then(|c| c.parse().ok());
    let count: usize = count.ok_or(Refusal::Unknown)?;
    if salt.len() != 8 {
        return Err(Refusal::Unknown);
    }
    if count > limits::AGENT_S2K {
        return Err(Refusal::TooMuchWork);
    }
    let mut once = Zeroizing::new(Vec::with_capacity(8 + passphrase.len()));
    once.extend_from_slice(salt);
    once.extend_from_slice(passphrase);
    // As much as a block at a time: hashing eleven bytes each would be slow.
    let repeats = (4096 / once.len()).max(1);
    let block = Zeroizing::new(once.repeat(repeats));
    let mut left = count.max(once.len());
    let mut hash = Sha1::new();
    while left > 0 {
        let part = block.get(..left).unwrap_or(&block);
        hash.update(part);
        left -= part.len();
    }
    let digest = Zeroizing::new(<[u8; 20]>::from(hash.finalize()));
    let mut key = Zeroizing::new([0; 16]);
    key.iter_mut().zip(digest.iter()).for_each(|(k, d)| *k = *d);
    Ok(key)
}

/// What is authenticated with the secret numbers: the key without them.
fn authenticated(key: &Sexp) -> Vec<u8> {
    let mut out = vec![b'('];
    for member in key.list().unwrap_or_default() {
        if member.named().is_none_or(|(name, _)| name != b"protected") {
            member.write(&mut out);
        }
    }
    out.push(b')');
    out
}

/// The key with its secret numbers in the place where their protected form
/// stood: what the hash of older files is made of.
fn hashed_key(key: &Sexp, numbers: &[Sexp], out: &mut Vec<u8>) {
    out.push(b'(');
    for member in key.list().unwrap_or_default() {
        if member.named().is_some_and(|(name, _)| name == b"protected") {
            numbers.iter().for_each(|number| number.write(out));
        } else {
            member.write(out);
        }
    }
    out.push(b')');
}

fn ocb(
    key: &[u8; 16],
    nonce: &[u8],
    data: &[u8],
    authenticated: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let nonce: &[u8; 12] = nonce.try_into().ok()?;
    let (data, tag) = data.split_at_checked(data.len().checked_sub(16)?)?;
    let mut plain = Zeroizing::new(data.to_vec());
    let cipher = Ocb3::<Aes128, U12, U16>::new(key.into());
    let tag: &[u8; 16] = tag.try_into().ok()?;
    cipher
        .decrypt_in_place_detached(nonce.into(), authenticated, &mut plain, tag.into())
        .ok()?;
    Some(plain)
}

fn cbc(key: &[u8; 16], iv: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let iv: &[u8; 16] = iv.try_into().ok()?;
    let mut plain = Zeroizing::new(data.to_vec());
    let decryptor = cbc::Decryptor::<Aes128>::new(key.into(), iv.into());
    decryptor.decrypt_padded_mut::<NoPadding>(&mut plain).ok()?;
    Some(plain)
}

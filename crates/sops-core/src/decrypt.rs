//! From ciphertext to plaintext: every value is opened in place and counted
//! for the MAC.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest, Sha256};

use crate::{
    Error, ErrorKind, Format, Result,
    cipher::{Cipher, Failure, NONCE_SIZE, Opened, Sealed, kind_of},
    format,
    keys::DataKey,
    limits,
    mac::{self, Mac, with_plaintext},
    metadata::Metadata,
    repeated::{self, Values},
    selection::Selection,
    shown::key_path,
    tree::{Comment, Mapping, Text, Value},
    walk::{Place, Visitor, walk},
    warning::{WarningKind, Warnings},
};

/// What came of opening a tree.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) warnings: Warnings,
    /// The key paths of values in clear that look like `ENC[…]`.
    pub(crate) clear_ciphertexts: Vec<String>,
    /// Whether the file's rule leaves any value in clear that is not empty.
    pub(crate) has_clear_values: bool,
}

/// The nonces of a file, to be used again for values that did not change.
#[derive(Default)]
pub(crate) struct Nonces(HashMap<[u8; 32], VecDeque<[u8; NONCE_SIZE]>>);

impl Nonces {
    /// Type, place and plaintext in one hash, so that no plaintext is kept.
    fn key(kind: &str, aad: &[u8], plaintext: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update((kind.len() as u64).to_be_bytes());
        hash.update(kind);
        hash.update((aad.len() as u64).to_be_bytes());
        hash.update(aad);
        hash.update(plaintext);
        hash.finalize().into()
    }

    fn keep(&mut self, kind: &str, aad: &[u8], plaintext: &[u8], nonce: &[u8]) {
        if let Ok(nonce) = nonce.try_into() {
            let key = Self::key(kind, aad, plaintext);
            self.0.entry(key).or_default().push_back(nonce);
        }
    }

    /// The nonce that this very text had before. Equal texts under one key
    /// (items of a list) get theirs in order.
    pub(crate) fn take(
        &mut self,
        kind: &str,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Option<[u8; NONCE_SIZE]> {
        if self.0.is_empty() {
            return None;
        }
        self.0
            .get_mut(&Self::key(kind, aad, plaintext))?
            .pop_front()
    }

    /// Takes what another version of the file has for texts that are not in
    /// this one.
    pub(crate) fn add(&mut self, other: &Self) {
        for (key, nonces) in &other.0 {
            self.0.entry(*key).or_insert_with(|| nonces.clone());
        }
    }

    /// A copy of the table: nonces are used up by each encryption.
    pub(crate) fn copy(&self) -> Self {
        Nonces(self.0.clone())
    }
}

/// The cipher for a data key.
pub(crate) fn cipher(data_key: &DataKey) -> Result<Cipher> {
    Cipher::new(data_key.as_bytes()).ok_or_else(|| {
        Error::new(
            ErrorKind::DataKey,
            format!(
                "the data key has {} bytes, not 32",
                data_key.as_bytes().len()
            ),
        )
        .advise("the sops block was changed: restore it from version control")
    })
}

/// Decrypts a tree in place. The MAC, undecided yet, is returned beside what
/// else was found.
pub(crate) fn open(
    tree: &mut [Mapping],
    format: Format,
    metadata: &Metadata,
    cipher: &Cipher,
    nonces: Option<&mut Nonces>,
) -> Result<(Mac, Outcome)> {
    let mut opener = Opener {
        cipher,
        mac: Mac::new(metadata.mac_only_encrypted),
        has_sections: format == Format::Ini,
        has_texts_only: matches!(format, Format::Ini | Format::Dotenv),
        nonces,
        outcome: Outcome::default(),
        buffer: Vec::new(),
    };
    let mut selection = Selection::new(&metadata.rule);
    walk(tree, &mut selection, &mut opener)?;
    if opener.has_sections {
        for document in tree {
            let warnings = &mut opener.outcome.warnings;
            repeated::sections(document, metadata.mac_only_encrypted, |keys, covered| {
                warnings.add(WarningKind::RepeatedKey { covered }, || key_path(keys));
            });
        }
    }
    Ok((opener.mac, opener.outcome))
}

/// Checks a file's MAC against the one of its values.
pub(crate) fn check_mac(
    computed: Mac,
    metadata: &Metadata,
    cipher: &Cipher,
    nonces: Option<&mut Nonces>,
) -> Result<()> {
    let stored = open_mac(metadata, cipher, nonces)?;
    let computed = computed.finish();
    if !mac::equal(stored.as_bytes(), computed.as_bytes()) {
        return Err(mac_error("the MAC does not match the values"));
    }
    Ok(())
}

fn mac_error(message: &str) -> Error {
    Error::new(ErrorKind::Mac, message).advise(
        "the file was changed after it was encrypted: restore it from version control, and make \
         changes with `sops edit`",
    )
}

/// A file's MAC as it says itself.
pub(crate) fn open_mac(
    metadata: &Metadata,
    cipher: &Cipher,
    nonces: Option<&mut Nonces>,
) -> Result<Text> {
    let error = |message: &str| mac_error(message).at_key("sops.mac");
    if metadata.mac.is_empty() {
        return Err(error("the file has no MAC"));
    }
    let aad = metadata.last_modified.to_rfc3339_seconds();
    let mut nonce = Vec::new();
    let stored = cipher
        .open(metadata.mac.as_bytes(), aad.as_bytes(), Some(&mut nonce))
        .map_err(|why| error("the MAC cannot be decrypted").because(why))?;
    let Opened::Value(Value::String(stored)) = stored else {
        return Err(error("the MAC is not a string"));
    };
    if let Some(nonces) = nonces {
        nonces.keep("str", aad.as_bytes(), stored.as_bytes(), &nonce);
    }
    Ok(stored)
}

/// The error for a type that is not authenticated and would change a text.
fn changed_by_label(place: &Place<'_>) -> Error {
    let message = "the type that the value is labelled with would change its text";
    Error::new(ErrorKind::Decrypt, message)
        .at_key(place.key_path())
        .advise(
            "values of dotenv and INI files are texts (`type:str`): restore the file from version \
             control, or encrypt it again from a file of its own format",
        )
}

struct Opener<'a> {
    cipher: &'a Cipher,
    mac: Mac,
    /// Whether what stands at the top level are sections, which are told apart
    /// by more than their names.
    has_sections: bool,
    /// Whether the format knows texts only.
    has_texts_only: bool,
    nonces: Option<&'a mut Nonces>,
    outcome: Outcome,
    /// The ciphertext of the value before: its memory holds the plaintext of
    /// the next, so that no value needs new memory.
    buffer: Vec<u8>,
}

impl Opener<'_> {
    fn open(&mut self, text: &[u8], aad: &[u8]) -> std::result::Result<Opened, Failure> {
        let buffer = std::mem::take(&mut self.buffer);
        let Some(nonces) = self.nonces.as_deref_mut() else {
            return self.cipher.open_in(buffer, text, aad, None);
        };
        let mut nonce = Vec::new();
        let opened = self.cipher.open_in(buffer, text, aad, Some(&mut nonce))?;
        match &opened {
            Opened::Comment(text) => nonces.keep("comment", aad, text, &nonce),
            Opened::Value(value) => {
                if let Some(kind) = kind_of(value) {
                    with_plaintext(value, |bytes| nonces.keep(kind, aad, bytes, &nonce));
                }
            }
        }
        Ok(opened)
    }

    fn warn(&mut self, kind: WarningKind, place: &Place<'_>) {
        self.outcome.warnings.add(kind, || place.key_path());
    }
}

impl Visitor for Opener<'_> {
    fn value(&mut self, place: &Place<'_>, value: &mut Value) -> Result<Option<Comment>> {
        if !place.selected {
            if let Value::String(text) = value
                && self.outcome.clear_ciphertexts.len() < limits::WARNINGS
                && Sealed::parse(text.as_bytes()).is_some()
            {
                self.outcome.clear_ciphertexts.push(place.key_path());
            }
            self.outcome.has_clear_values |= repeated::is_hashed(value);
            self.mac.add(value, false);
            return Ok(None);
        }
        let Value::String(text) = value else {
            return Err(Error::new(
                ErrorKind::Decrypt,
                format!("{} where an encrypted value belongs", value.kind()),
            )
            .at_key(place.key_path())
            .advise(Failure::NotSealed.advice()));
        };
        // The empty string is never encrypted.
        if text.is_empty() {
            self.warn(WarningKind::EmptyValue, place);
            return Ok(None);
        }
        match self.open(text.as_bytes(), place.aad) {
            Ok(Opened::Value(opened)) => {
                if self.has_texts_only && !format::is_written_as_encrypted(&opened) {
                    return Err(changed_by_label(place));
                }
                self.mac.add(&opened, true);
                if let Value::String(ciphertext) = std::mem::replace(value, opened) {
                    self.buffer = ciphertext.into_bytes();
                }
                Ok(None)
            }
            Ok(Opened::Comment(text)) => Ok(Some(Comment {
                text: text.into(),
                inline: false,
            })),
            // What stands for a key is then a piece of an encrypted value.
            Err(why @ Failure::Piece) => Err(Error::new(ErrorKind::Decrypt, why.to_string())
                .at_key(place.parent_path())
                .advise(why.advice())),
            Err(why) => Err(Error::new(ErrorKind::Decrypt, why.to_string())
                .at_key(place.key_path())
                .advise(why.advice())),
        }
    }

    fn comment(&mut self, place: &Place<'_>, comment: &mut Comment) -> Result<Option<Value>> {
        if place.selected && !comment.text.is_empty() {
            match self.open(comment.text.as_bytes(), place.aad) {
                Ok(Opened::Comment(text)) => {
                    // As in sops, it moves to the line above; in a file that
                    // is being edited it stays, as long as it is one line.
                    let stays = self.nonces.is_some() && !text.contains(&b'\n');
                    comment.inline &= stays;
                    comment.text = text.into();
                }
                // Ancient releases; then the place is kept too.
                Ok(Opened::Value(Value::String(text))) => comment.text = text,
                Ok(Opened::Value(_)) | Err(_) => self.warn(WarningKind::ClearComment, place),
            }
        }
        Ok(None)
    }

    fn misplaced_comment(&mut self, place: &Place<'_>) {
        self.warn(WarningKind::MisplacedComment, place);
    }

    fn null(&mut self, place: &Place<'_>) {
        if place.selected {
            self.warn(WarningKind::EmptyValue, place);
        }
    }

    fn repeated(&mut self, place: &Place<'_>, values: &Values) {
        if self.has_sections && place.keys().len() == 1 {
            return;
        }
        let covered = values.covered(self.mac.only_encrypted());
        self.warn(WarningKind::RepeatedKey { covered }, place);
    }
}

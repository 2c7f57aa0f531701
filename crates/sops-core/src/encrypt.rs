//! From plaintext to ciphertext.

use std::time::{SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

use crate::{
    Error, ErrorKind, Format, Result, Style, Timestamp,
    cipher::{Cipher, NONCE_SIZE},
    decrypt::{self, Nonces, check_mac, kind_of},
    format,
    keys::{DataKey, KeyError, Keyring, Reason, Recipient, Secret, shamir},
    limits,
    mac::{Mac, with_plaintext},
    metadata::{KeyGroup, Metadata, Rule},
    selection::{Selection, compile},
    shown::{push_printable, shorten},
    tree::{Comment, Mapping, Tree, Value},
    walk::{Place, Visitor, walk},
};

/// The release of sops whose files ours are like.
const VERSION: &str = "3.13.2";

/// For whom and how [`Document::encrypt`](crate::Document::encrypt) encrypts.
///
/// ```
/// use sops_core::{EncryptOptions, keys::Recipient, metadata::Rule};
/// let options = EncryptOptions {
///     key_groups: vec![vec![Recipient::age("age1…")]],
///     rule: Rule::EncryptedRegex("^(data|stringData)$".into()),
///     ..EncryptOptions::default()
/// };
/// ```
#[derive(Clone, Default, Debug)]
pub struct EncryptOptions {
    /// The recipients of each key group. One group is the rule; with more, the
    /// data key is split between them.
    pub key_groups: Vec<Vec<Recipient>>,
    /// How many groups must be opened to decrypt; 0 means all of them. Of no
    /// effect with one group.
    pub shamir_threshold: usize,
    /// Which values are encrypted. Of no effect for binary files, which are
    /// encrypted as a whole.
    pub rule: Rule,
    /// Whether only encrypted values count for the MAC.
    pub mac_only_encrypted: bool,
    /// The time written into the file; the system's where there is none.
    pub last_modified: Option<Timestamp>,
    /// The format of the encrypted file; that of the document where there is
    /// none.
    pub format: Option<Format>,
    /// How the file is written.
    pub style: Style,
}

/// Encrypts a tree with a new data key.
pub(crate) fn encrypt(
    tree: &Tree,
    format: Format,
    options: &EncryptOptions,
    keyring: &Keyring,
) -> Result<Vec<u8>> {
    let output = options.format.unwrap_or(format);
    let rule = if format == Format::Binary || output == Format::Binary {
        Rule::default()
    } else {
        check_rule(&options.rule)?;
        options.rule.clone()
    };
    let data_key = DataKey::generate()?;
    let shamir_threshold = threshold(options)?;
    let last_modified = match options.last_modified {
        Some(time) => time,
        None => now()?,
    };
    let mut metadata = Metadata {
        key_groups: wrap(
            &data_key,
            &options.key_groups,
            shamir_threshold,
            last_modified,
            keyring,
        )?,
        shamir_threshold,
        last_modified,
        mac: String::new(),
        rule,
        mac_only_encrypted: options.mac_only_encrypted,
        version: VERSION.into(),
    };
    seal(
        tree.clone(),
        &mut metadata,
        &data_key,
        &mut Nonces::default(),
        output,
        &options.style,
    )
}

/// The system's time in whole seconds.
pub(crate) fn now() -> Result<Timestamp> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .and_then(Timestamp::from_unix)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Encrypt,
                "the system's clock is set to an impossible time",
            )
            .advise("set the clock")
        })
}

/// Encrypts a tree with this data key, and proves that what it wrote reads
/// back. The metadata receives the MAC.
pub(crate) fn seal(
    mut tree: Tree,
    metadata: &mut Metadata,
    data_key: &DataKey,
    nonces: &mut Nonces,
    output: Format,
    style: &Style,
) -> Result<Vec<u8>> {
    check_documents(&tree, output)?;
    let cipher = decrypt::cipher(data_key)?;
    let mut sealer = Sealer {
        cipher: &cipher,
        mac: Mac::new(metadata.mac_only_encrypted),
        nonces,
    };
    let mut selection = Selection::new(&metadata.rule);
    walk(&mut tree, &mut selection, &mut sealer)?;
    let Sealer { mac, nonces, .. } = sealer;
    let mac = Zeroizing::new(mac.finish().into_bytes());
    let aad = metadata.last_modified.to_rfc3339_seconds();
    metadata.mac = seal_bytes(&cipher, nonces, mac, "str", aad.as_bytes())?;
    let bytes = format::write_encrypted(tree, metadata, output, style)?;
    check(&bytes, output, &cipher)?;
    Ok(bytes)
}

/// Reads what was written. Some data has no place in some formats: a key with
/// `=` in dotenv, text that is not UTF-8 left in clear in JSON. Better no file
/// than one that nobody can open.
fn check(bytes: &[u8], format: Format, cipher: &Cipher) -> Result<()> {
    let read_back = || {
        let (mut tree, metadata) = format::read_encrypted(bytes, format)?;
        let (mac, _) = decrypt::open(&mut tree, &metadata, cipher, None)?;
        check_mac(mac, &metadata, cipher, None)
    };
    read_back().map_err(|why| {
        Error::new(
            ErrorKind::Encrypt,
            format!("a {} file cannot hold this data", format.name()),
        )
        .because(why)
        .advise("choose another format, or encrypt all values")
    })
}

/// What sops refuses to encrypt, and what would be lost in silence.
fn check_documents(tree: &[Mapping], output: Format) -> Result<()> {
    if tree.is_empty() {
        return Err(Error::new(
            ErrorKind::Encrypt,
            "the file is empty; it must contain at least one document",
        )
        .advise("write an empty mapping, {}, at least"));
    }
    if tree.len() > 1 && output != Format::Yaml {
        return Err(Error::new(
            ErrorKind::Encrypt,
            format!(
                "the file has {} documents, and a {} file holds one",
                tree.len(),
                output.name()
            ),
        )
        .advise("encrypt it as YAML"));
    }
    for (key, _) in tree.iter().flat_map(Mapping::entries) {
        if format::is_reserved(key, output) {
            let mut shown = String::new();
            push_printable(&mut shown, &key.to_utf8_lossy());
            return Err(Error::new(
                ErrorKind::AlreadyEncrypted,
                "this top-level key is reserved for the metadata of sops",
            )
            .at_key(shown)
            .advise(
                "if the file is encrypted already, edit it with `sops edit`; else rename the key",
            ));
        }
    }
    Ok(())
}

/// A rule that would read back as another one, or never match, is refused.
fn check_rule(rule: &Rule) -> Result<()> {
    let (field, text) = rule.field();
    let error = |message: &str| {
        Err(Error::new(
            ErrorKind::Encrypt,
            format!("the selection rule {field} {message}"),
        )
        .advise("give a suffix, or a regular expression in RE2 syntax"))
    };
    if text.is_empty() {
        return error("is empty");
    }
    match rule.regex() {
        Some(regex) if compile(regex).is_none() => error("is not a valid regular expression"),
        _ => Ok(()),
    }
}

/// How many key groups must be opened; 0 where there is one, which needs no
/// number.
fn threshold(options: &EncryptOptions) -> Result<usize> {
    let error =
        |message: String, advice: &str| Err(Error::new(ErrorKind::Encrypt, message).advise(advice));
    let groups = &options.key_groups;
    if groups.is_empty() || groups.iter().any(Vec::is_empty) {
        return error(
            "a key group without recipients".into(),
            "name at least one recipient in each key group",
        );
    }
    let count = groups.len();
    if count > limits::GROUPS {
        return error(
            format!("more than {} key groups", limits::GROUPS),
            "put recipients into the same group",
        );
    }
    match options.shamir_threshold {
        _ if count == 1 => Ok(0),
        0 => Ok(count),
        n if (2..=count).contains(&n) => Ok(n),
        n => error(
            format!("a threshold of {n} is impossible with {count} key groups"),
            "choose a threshold from 2 to the number of groups",
        ),
    }
}

/// The data key, or each group's share of it, wrapped for every recipient.
fn wrap(
    data_key: &DataKey,
    groups: &[Vec<Recipient>],
    threshold: usize,
    created_at: Timestamp,
    keyring: &Keyring,
) -> Result<Vec<KeyGroup>> {
    let shares = if threshold == 0 {
        vec![Zeroizing::new(data_key.as_bytes().to_vec())]
    } else {
        shamir::split(data_key.as_bytes(), threshold, groups.len()).map_err(|why| {
            Error::new(ErrorKind::Encrypt, "the data key cannot be split").because(why)
        })?
    };
    groups
        .iter()
        .zip(shares)
        .map(|(recipients, share)| {
            let share = Secret::from(share);
            let wrapped = recipients.iter().map(|recipient| {
                let key = keyring
                    .wrap(recipient, &share)
                    .map_err(|why| cannot_wrap(recipient, &why))?;
                // age entries have no such field.
                Ok(match recipient {
                    Recipient::Age { .. } => key,
                    _ => key.with_created_at(created_at),
                })
            });
            Ok(KeyGroup {
                keys: wrapped.collect::<Result<_>>()?,
            })
        })
        .collect()
}

/// Why the data key could not be wrapped. What is wrong with a recipient says
/// itself which one it is.
fn cannot_wrap(recipient: &Recipient, why: &KeyError) -> Error {
    let error = if why.reason() == Reason::Invalid {
        Error::new(ErrorKind::Encrypt, why.detail())
    } else {
        let shown = shorten(&recipient.to_string());
        let kind = recipient.kind().title();
        Error::new(
            ErrorKind::Encrypt,
            format!("the data key cannot be wrapped for {kind} {shown}"),
        )
        .because(why.clone())
    };
    match why.advice() {
        Some(advice) => error.advise(advice),
        None => error,
    }
}

struct Sealer<'a> {
    cipher: &'a Cipher,
    mac: Mac,
    nonces: &'a mut Nonces,
}

impl Visitor for Sealer<'_> {
    fn value(&mut self, place: &Place<'_>, value: &mut Value) -> Result<Option<Comment>> {
        self.mac.add(value, place.selected);
        let Some(kind) = kind_of(value).filter(|_| place.selected) else {
            return Ok(None);
        };
        let plaintext = Zeroizing::new(with_plaintext(value, <[u8]>::to_vec));
        if !plaintext.is_empty() {
            let sealed = seal_bytes(self.cipher, self.nonces, plaintext, kind, place.aad)?;
            *value = sealed.into();
        }
        Ok(None)
    }

    fn comment(&mut self, place: &Place<'_>, comment: &mut Comment) -> Result<Option<Value>> {
        if !place.selected || comment.text.is_empty() {
            return Ok(None);
        }
        let plaintext = Zeroizing::new(comment.text.as_bytes().to_vec());
        let sealed = seal_bytes(self.cipher, self.nonces, plaintext, "comment", place.aad)?;
        comment.text = sealed.as_str().into();
        Ok(Some(sealed.into()))
    }

    fn misplaced_comment(&mut self, _place: &Place<'_>) {}
}

/// An `ENC[…]` text: with the nonce it had before, or a new one.
fn seal_bytes(
    cipher: &Cipher,
    nonces: &mut Nonces,
    plaintext: Zeroizing<Vec<u8>>,
    kind: &str,
    aad: &[u8],
) -> Result<String> {
    let error = |message: &str| Error::new(ErrorKind::Encrypt, message);
    let nonce = match nonces.take(kind, aad, &plaintext) {
        Some(nonce) => nonce,
        None => {
            let mut nonce = [0; NONCE_SIZE];
            getrandom::getrandom(&mut nonce).map_err(|why| {
                error("the operating system gave no randomness").because(why.to_string())
            })?;
            nonce
        }
    };
    cipher
        .seal(plaintext, kind, aad, &nonce)
        .ok_or_else(|| error("a value is too large to encrypt"))
}

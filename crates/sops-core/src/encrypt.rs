//! From plaintext to ciphertext.

use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::{
    Error, ErrorKind, Format, Result, Style, Timestamp,
    cipher::{Cipher, NONCE_SIZE, kind_of},
    decrypt::{self, Nonces, check_mac},
    format,
    keys::{DataKey, Recipient},
    mac::{Mac, with_plaintext},
    metadata::{Metadata, Rule, version},
    selection::{Selection, compile},
    shown::push_printable,
    tree::{Comment, Mapping, Tree, Value},
    walk::{Place, Visitor, walk},
};

/// For whom and how [`Document::encrypt`](crate::Document::encrypt) encrypts.
///
/// ```
/// use sops_core::{EncryptOptions, keys::Recipient, metadata::Rule};
/// let options = EncryptOptions::new([Recipient::age("age1…")])
///     .with_rule(Rule::EncryptedRegex("^(data|stringData)$".into()));
/// ```
#[derive(Clone, Default, Debug)]
#[non_exhaustive]
pub struct EncryptOptions {
    /// The recipients of each key group. One group is the rule; with more, the
    /// data key is split between them.
    pub key_groups: Vec<Vec<Recipient>>,
    /// How many groups must be opened to decrypt; 0 means all of them. With
    /// one group the number is written, as sops does, and of no effect.
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

impl EncryptOptions {
    /// For these recipients, any of whom can open the file; what else there is
    /// as sops has it where nobody says otherwise.
    pub fn new(recipients: impl IntoIterator<Item = Recipient>) -> Self {
        Self::with_key_groups([recipients.into_iter().collect()])
    }

    /// For these key groups, all of which it takes to open the file, unless
    /// there is a [threshold](Self::with_shamir_threshold).
    ///
    /// ```
    /// use sops_core::{EncryptOptions, keys::Recipient};
    /// let group = |name: &str| vec![Recipient::age(name)];
    /// let options =
    ///     EncryptOptions::with_key_groups([group("age1…a"), group("age1…b"), group("age1…c")])
    ///         .with_shamir_threshold(2);
    /// ```
    pub fn with_key_groups(groups: impl IntoIterator<Item = Vec<Recipient>>) -> Self {
        EncryptOptions {
            key_groups: groups.into_iter().collect(),
            ..EncryptOptions::default()
        }
    }

    /// How many groups must be opened to decrypt.
    #[must_use]
    pub fn with_shamir_threshold(mut self, threshold: usize) -> Self {
        self.shamir_threshold = threshold;
        self
    }

    /// Which values are encrypted.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// Whether only encrypted values count for the MAC.
    #[must_use]
    pub fn with_mac_only_encrypted(mut self, only_encrypted: bool) -> Self {
        self.mac_only_encrypted = only_encrypted;
        self
    }

    /// The time written into the file.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        self.last_modified = Some(time);
        self
    }

    /// The format of the encrypted file.
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// How the file is written.
    #[must_use]
    pub fn with_style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

/// The metadata of a new file, without recipients, MAC and time.
///
/// A binary file is one value, which no rule is for (sops-config §6); what it is
/// written as does not matter, nor does that other data is written as one.
pub(crate) fn new_metadata(format: Format, options: &EncryptOptions) -> Result<Metadata> {
    let names_rule = format != Format::Binary;
    let rule = if names_rule {
        check_rule(&options.rule)?;
        options.rule.clone()
    } else {
        Rule::default()
    };
    Ok(Metadata {
        rule,
        names_rule,
        mac_only_encrypted: options.mac_only_encrypted,
        version: version::CURRENT.into(),
        ..Metadata::default()
    })
}

/// The system's time in whole seconds.
pub(crate) fn now() -> Result<Timestamp> {
    let now = Timestamp::try_from(SystemTime::now()).map_err(|_| {
        Error::new(
            ErrorKind::Encrypt,
            "the system's clock is set to an impossible time",
        )
        .advise("set the clock")
    })?;
    Ok(Timestamp {
        nanosecond: 0,
        ..now
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
    format::make_texts(&mut tree, output);
    let cipher = decrypt::cipher(data_key)?;
    let mut sealer = Sealer {
        cipher: &cipher,
        mac: Mac::new(metadata.mac_only_encrypted),
        nonces: Supply {
            known: nonces,
            fresh: Vec::new(),
        },
    };
    let mut selection = Selection::new(&metadata.rule);
    walk(&mut tree, &mut selection, &mut sealer)?;
    let Sealer {
        mac, mut nonces, ..
    } = sealer;
    let mac = Zeroizing::new(mac.finish().into_bytes());
    let aad = metadata.last_modified.to_rfc3339_seconds();
    metadata.mac = seal_bytes(&cipher, &mut nonces, mac, "str", aad.as_bytes())?;
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
        let (mac, _) = decrypt::open(&mut tree, format, &metadata, cipher, None)?;
        check_mac(mac, &metadata, cipher, None)
    };
    read_back().map_err(|why| {
        Error::new(
            ErrorKind::Encrypt,
            format!("{} cannot hold this data", format.file()),
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
                "the file has {} documents, and {} holds one",
                tree.len(),
                output.file()
            ),
        )
        .advise("encrypt it as YAML"));
    }
    check_keys(tree, output)
}

/// Refuses data with keys that belong to sops itself.
pub(crate) fn check_keys(tree: &[Mapping], format: Format) -> Result<()> {
    for (key, _) in tree.iter().flat_map(Mapping::entries) {
        if format::is_reserved(key, format) {
            let mut shown = String::new();
            push_printable(&mut shown, key);
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

impl Rule {
    /// Whether files may be encrypted by it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where it is empty, or a regex that is not one:
    /// sops then encrypts nothing and says that all is well.
    ///
    /// ```
    /// use sops_core::metadata::Rule;
    /// assert!(Rule::EncryptedRegex("^data$".into()).check().is_ok());
    /// assert!(Rule::EncryptedRegex("(".into()).check().is_err());
    /// ```
    pub fn check(&self) -> Result<()> {
        check_rule(self)
    }
}

/// A rule that would read back as another one, or never match, is refused.
pub(crate) fn check_rule(rule: &Rule) -> Result<()> {
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

struct Sealer<'a> {
    cipher: &'a Cipher,
    mac: Mac,
    nonces: Supply<'a>,
}

/// Where nonces come from.
struct Supply<'a> {
    known: &'a mut Nonces,
    /// New ones, asked of the system some at a time: a call for each value
    /// takes longer than to encrypt it.
    fresh: Vec<[u8; NONCE_SIZE]>,
}

impl Supply<'_> {
    const AT_ONCE: usize = 64;

    fn fresh(&mut self) -> Result<[u8; NONCE_SIZE]> {
        if let Some(nonce) = self.fresh.pop() {
            return Ok(nonce);
        }
        let mut block = [[0; NONCE_SIZE]; Self::AT_ONCE];
        fill_randomly(block.as_flattened_mut())?;
        let [first, rest @ ..] = block;
        self.fresh.extend(rest);
        Ok(first)
    }
}

impl Visitor for Sealer<'_> {
    fn value(&mut self, place: &Place<'_>, value: &mut Value) -> Result<Option<Comment>> {
        self.mac.add(value, place.selected);
        let Some(kind) = kind_of(value).filter(|_| place.selected) else {
            return Ok(None);
        };
        let plaintext = Zeroizing::new(with_plaintext(value, <[u8]>::to_vec));
        if !plaintext.is_empty() {
            let sealed = seal_bytes(self.cipher, &mut self.nonces, plaintext, kind, place.aad)?;
            *value = sealed.into();
        }
        Ok(None)
    }

    fn comment(&mut self, place: &Place<'_>, comment: &mut Comment) -> Result<Option<Value>> {
        if !place.selected || comment.text.is_empty() {
            return Ok(None);
        }
        let plaintext = Zeroizing::new(comment.text.as_bytes().to_vec());
        let sealed = seal_bytes(
            self.cipher,
            &mut self.nonces,
            plaintext,
            "comment",
            place.aad,
        )?;
        comment.text = sealed.as_str().into();
        Ok(Some(sealed.into()))
    }

    fn misplaced_comment(&mut self, _place: &Place<'_>) {}
}

/// An `ENC[…]` text: with the nonce it had before, or a new one.
fn seal_bytes(
    cipher: &Cipher,
    nonces: &mut Supply<'_>,
    plaintext: Zeroizing<Vec<u8>>,
    kind: &str,
    aad: &[u8],
) -> Result<String> {
    let error = |message: &str| Error::new(ErrorKind::Encrypt, message);
    let nonce = match nonces.known.take(kind, aad, &plaintext) {
        Some(nonce) => nonce,
        None => nonces.fresh()?,
    };
    cipher
        .seal(plaintext, kind, aad, &nonce)
        .ok_or_else(|| error("a value is too large to encrypt"))
}

impl DataKey {
    /// A new key of 32 bytes from the operating system's generator.
    ///
    /// ```
    /// use sops_core::keys::DataKey;
    /// let key = DataKey::generate()?;
    /// assert_eq!(key.as_bytes().len(), 32);
    /// assert!(key != DataKey::generate()?);
    /// # Ok::<(), sops_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encrypt`] where the system has no randomness to give.
    pub fn generate() -> Result<Self> {
        let mut key = Zeroizing::new(vec![0; 32]);
        fill_randomly(&mut key)?;
        Ok(DataKey(key))
    }
}

fn fill_randomly(bytes: &mut [u8]) -> Result<()> {
    getrandom::getrandom(bytes).map_err(|why| {
        Error::new(
            ErrorKind::Encrypt,
            "the operating system gave no randomness",
        )
        .because(why.to_string())
    })
}

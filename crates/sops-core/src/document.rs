//! The front door.

mod encrypted;
mod readable;

pub use encrypted::is_encrypted;

use std::fmt;

use crate::{
    Format, Result, Style,
    decrypt::Outcome,
    encrypt, format,
    metadata::Metadata,
    query::{self, Step},
    tree::Tree,
};

/// The state of a document whose values are ciphertext.
pub struct Encrypted {
    metadata: Metadata,
}

/// The state of a document that was decrypted and whose MAC holds, or that
/// was plain from the start.
pub struct Plain(pub(crate) ());

/// The state of a document that was decrypted without a look at its MAC:
/// anybody may have swapped, added or removed values.
pub struct Unverified(pub(crate) ());

/// States in which the values can be read.
pub trait Readable: sealed::Readable {}

impl Readable for Plain {}
impl Readable for Unverified {}

pub(crate) mod sealed {
    pub trait Readable {}
    impl Readable for super::Plain {}
    impl Readable for super::Unverified {}
}

/// A SOPS file in memory: `Document<Encrypted>` cannot be read,
/// `Document<Plain>` can, and `Document<Editing>` can be changed.
///
/// ```
/// use sops_core::{Document, EncryptOptions, Format, Keyring, Style, keys::Recipient};
///
/// # fn main() -> sops_core::Result<()> {
/// # let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
/// # let identity = "AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y";
/// let plain = Document::parse_plain(br#"{"password": "x"}"#, Format::Json)?;
/// let mut keyring = Keyring::new();
/// let options = EncryptOptions::new([Recipient::age(recipient)]);
/// let encrypted = plain.encrypt(&options, &keyring)?;
///
/// let _ = keyring.add_identities(identity);
/// let document = Document::parse(&encrypted, Format::Json)?.decrypt(&keyring)?;
/// assert_eq!(
///     document.to_bytes(Format::Json, &Style::default())?.as_slice(),
///     b"{\n\t\"password\": \"x\"\n}\n",
/// );
/// # Ok(())
/// # }
/// ```
pub struct Document<State> {
    format: Format,
    style: Style,
    tree: Tree,
    outcome: Outcome,
    state: State,
}

/// Shows the format, and how many documents there are.
impl<State> fmt::Debug for Document<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("format", &self.format)
            .field("documents", &self.tree.len())
            .finish_non_exhaustive()
    }
}

impl<State> Document<State> {
    /// The format that the document was read from.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How the file was written, as far as can be seen: the indentation of an
    /// encrypted file. The default where nothing is to be seen, and for files
    /// that were not encrypted.
    ///
    /// ```
    /// use sops_core::{Document, Format};
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// assert_eq!(Document::parse(&file, Format::Yaml)?.style().yaml_indent, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn style(&self) -> Style {
        self.style
    }

    /// The path of every value of the first document, in order, encrypted or
    /// not: keys are readable in any file. Values are what is no mapping and no
    /// list, and those of these that are empty. The `sops` block of a file is
    /// no part of it.
    ///
    /// ```
    /// use sops_core::{Document, Format, query::shown};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// let paths = document.key_paths();
    /// assert_eq!(shown(&paths[paths.len() - 1]), "stringData.password");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key_paths(&self) -> Vec<Vec<Step>> {
        self.tree.first().map(query::paths).unwrap_or_default()
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// Goes on in another state, to be written in this style.
    pub(crate) fn into_state<Other>(self, state: Other, style: Style) -> Document<Other> {
        Document {
            format: self.format,
            style,
            tree: self.tree,
            outcome: self.outcome,
            state,
        }
    }

    /// The tree, whatever is known of it.
    pub(crate) fn raw_tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn raw_tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }
}

impl AsRef<Metadata> for Document<Encrypted> {
    fn as_ref(&self) -> &Metadata {
        self.metadata()
    }
}

impl Document<Plain> {
    /// Reads a file that is not encrypted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)`::Syntax`, `Tree` or `Limit`;
    /// `AlreadyEncrypted` where it has a key that belongs to sops.
    ///
    /// ```
    /// use sops_core::{Document, ErrorKind, Format};
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// let error = Document::parse_plain(&file, Format::Yaml).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::AlreadyEncrypted);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn parse_plain(bytes: &[u8], format: Format) -> Result<Self> {
        let tree = format::read_plain(bytes, format)?;
        encrypt::check_keys(&tree, format)?;
        Ok(Self::from_tree(tree, format))
    }

    /// A document made by hand.
    ///
    /// ```
    /// use sops_core::{Document, Format, Style, tree::Mapping};
    /// let mut mapping = Mapping::default();
    /// mapping.push("A", "1");
    /// let document = Document::from_tree(vec![mapping], Format::Dotenv);
    /// let bytes = document.to_bytes(Format::Dotenv, &Style::default()).unwrap();
    /// assert_eq!(bytes.as_slice(), b"A=1\n");
    /// ```
    #[must_use]
    pub fn from_tree(tree: Tree, format: Format) -> Self {
        Document {
            format,
            style: Style::default(),
            tree,
            outcome: Outcome::default(),
            state: Plain(()),
        }
    }
}

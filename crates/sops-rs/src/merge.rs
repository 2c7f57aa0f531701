//! Three versions of an encrypted file made into one: what git needs of a
//! merge driver.
//!
//! Every version is opened, and its MAC verified, before anything is said of
//! its values: no file is signed whose parts were not.

mod recipients;
mod values;

use std::time::Duration;

use similar::{ChangeTag, TextDiff};
use sops_core::{
    Document, Editing, Finish, Format, Keyring, Result, Style, Timestamp,
    keys::Recipient,
    shown::shorten,
    tree::{Mapping, Tree},
};
use zeroize::Zeroizing;

pub use values::Side;

/// A version of a file that was opened.
pub struct Version<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) document: Document<Editing>,
}

impl<'a> Version<'a> {
    /// Opens a version with the keys of a keyring, and verifies its MAC.
    ///
    /// # Errors
    ///
    /// Those of [`Document::parse`] and [`Document::edit`].
    pub fn open(bytes: &'a [u8], format: Format, keyring: &Keyring) -> Result<Self> {
        let document = Document::parse(bytes, format)?.edit(keyring)?;
        Ok(Version { bytes, document })
    }

    fn groups(&self) -> recipients::Groups {
        let groups = self.document.key_groups().into_iter();
        groups
            .map(|group| group.into_iter().cloned().collect())
            .collect()
    }

    fn copy(&self, keyring: &Keyring) -> Result<Document<Editing>> {
        Document::parse(self.bytes, self.document.format())?.edit(keyring)
    }
}

/// What came of a merge.
pub enum Outcome {
    /// One version, with a MAC of its own.
    Clean(Vec<u8>),
    /// The key paths of the conflicts, and a file with both sides between
    /// markers; where the other halves are deleted, `ours` is left.
    Conflicts {
        /// The key path of each, in the order of the file.
        paths: Vec<String>,
        /// The file with its markers.
        marked: Vec<u8>,
    },
    /// It cannot be said what the file should be: the reason.
    Undecided(String),
}

/// Merges; what conflicts is decided for a side where one is given. `base` is
/// `None` where both sides made the file.
///
/// ```
/// use sops_core::{Document, EncryptOptions, Format, Keyring, Timestamp, keys::Recipient};
/// use sops_rs::merge::{Outcome, Version, merge};
///
/// # fn main() -> sops_core::Result<()> {
/// let mut keyring = Keyring::new();
/// let _ = keyring.add_identities(
///     "AGE-SECRET-KEY-1XT77XPGU6Z73K4ZYRMSZXG2HXL95DHPDNTS6Q9VVVP2ZZXPZ3J6QTHA59Y",
/// );
/// let to = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
/// let options = EncryptOptions::new([Recipient::age(to)]);
/// let file = Document::parse_plain(b"a: 1\n", Format::Yaml)?.encrypt(&options, &keyring)?;
///
/// let open = || Version::open(&file, Format::Yaml, &keyring);
/// let now = Timestamp::parse_rfc3339("2026-11-25T00:00:00Z").unwrap();
/// let merged = merge(Some(&open()?), &open()?, &open()?, &keyring, None, now)?;
/// assert!(matches!(merged, Outcome::Clean(same) if same == file));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Where the data key cannot be wrapped for a recipient, or the format cannot
/// hold the result.
pub fn merge(
    base: Option<&Version<'_>>,
    ours: &Version<'_>,
    theirs: &Version<'_>,
    keyring: &Keyring,
    side: Option<Side>,
    time: Timestamp,
) -> Result<Outcome> {
    let versions = Versions { base, ours, theirs };
    let settings = match versions.settings(side) {
        Ok(settings) => settings,
        Err(reason) => return Ok(Outcome::Undecided(reason)),
    };
    let merged = versions.trees(side.unwrap_or(Side::Ours));
    let is_clean = merged.conflicts.is_empty() || side.is_some();
    if is_clean && let Some(bytes) = versions.unchanged(&settings, &merged.tree) {
        return Ok(Outcome::Clean(bytes.to_vec()));
    }
    let finish = Finish::new().at(time);
    let result = match versions.sealed(settings, merged.tree, side, keyring)? {
        Ok(result) => result,
        Err(reason) => return Ok(Outcome::Undecided(reason)),
    };
    let Some(file) = written(&result, &finish)? else {
        return Ok(Outcome::Undecided(NOT_READ_BACK.into()));
    };
    if is_clean {
        return Ok(Outcome::Clean(file));
    }
    if result.format() == Format::Binary {
        return Ok(Outcome::Undecided(
            "a binary file is one value, and both sides changed it".into(),
        ));
    }
    // The same file with the other decisions: what did not conflict keeps its
    // ciphertext, so that the lines that differ are the conflicts.
    let mut other =
        Document::parse(&file, result.format())?.edit_with(result.data_key().clone())?;
    other.set_tree(versions.trees(Side::Theirs).tree);
    let other = other.finish(&finish)?;
    let (Ok(ours), Ok(theirs)) = (str::from_utf8(&file), str::from_utf8(&other)) else {
        return Ok(Outcome::Undecided(NOT_UTF8.into()));
    };
    Ok(Outcome::Conflicts {
        paths: merged.conflicts,
        marked: marked_file(ours, theirs, result.format())?,
    })
}

/// A merge whose conflicts a person decides in an editor.
pub(crate) struct ByHand {
    result: Document<Editing>,
    /// The plaintext of the merge, with both sides of each conflict between
    /// markers.
    pub(crate) text: Zeroizing<Vec<u8>>,
}

impl ByHand {
    /// Both sides as a text; `Err` with the reason where it cannot be said
    /// what the file should be.
    ///
    /// # Errors
    ///
    /// As [`merge`].
    pub(crate) fn new(
        base: Option<&Version<'_>>,
        ours: &Version<'_>,
        theirs: &Version<'_>,
        keyring: &Keyring,
        style: &Style,
    ) -> Result<std::result::Result<Self, String>> {
        let versions = Versions { base, ours, theirs };
        let settings = match versions.settings(None) {
            Ok(settings) => settings,
            Err(reason) => return Ok(Err(reason)),
        };
        let tree = versions.trees(Side::Ours).tree;
        let mut result = match versions.sealed(settings, tree, None, keyring)? {
            Ok(result) => result,
            Err(reason) => return Ok(Err(reason)),
        };
        let format = result.format();
        let ours = result.to_bytes(format, style)?;
        let tree = result.tree().to_vec();
        result.set_tree(versions.trees(Side::Theirs).tree);
        let theirs = result.to_bytes(format, style)?;
        result.set_tree(tree);
        let (Ok(ours), Ok(theirs)) = (str::from_utf8(&ours), str::from_utf8(&theirs)) else {
            return Ok(Err(NOT_UTF8.into()));
        };
        let text = marked(ours, theirs);
        Ok(Ok(ByHand {
            result,
            text: Zeroizing::new(text.into_bytes()),
        }))
    }

    /// The file with what the person decided.
    ///
    /// # Errors
    ///
    /// Where the format cannot hold the result.
    pub(crate) fn finish(mut self, tree: Tree, time: Timestamp) -> Result<Outcome> {
        self.result.set_tree(tree);
        let file = written(&self.result, &Finish::new().at(time))?;
        Ok(match file {
            Some(file) => Outcome::Clean(file),
            None => Outcome::Undecided(NOT_READ_BACK.into()),
        })
    }
}

/// The three versions.
struct Versions<'v, 'b> {
    base: Option<&'v Version<'b>>,
    ours: &'v Version<'b>,
    theirs: &'v Version<'b>,
}

/// What a result has besides its values.
struct Settings {
    groups: recipients::Groups,
    /// The side whose rule and threshold count, where the sides differ.
    of: Option<Side>,
}

impl Versions<'_, '_> {
    fn trees(&self, side: Side) -> values::Merged {
        let nothing: &[Mapping] = &[];
        values::trees(
            self.base.map_or(nothing, |base| base.document.tree()),
            self.ours.document.tree(),
            self.theirs.document.tree(),
            side,
        )
    }

    fn of(&self, side: Side) -> &Version<'_> {
        match side {
            Side::Ours => self.ours,
            Side::Theirs => self.theirs,
        }
    }

    /// The settings of the result, or why nobody can say them; a side that was
    /// chosen has the last word.
    fn settings(&self, side: Option<Side>) -> std::result::Result<Settings, String> {
        let differ = differ_in_the_rules(self.ours, self.theirs);
        let base_groups = self.base.map(Version::groups);
        let groups = recipients::merge(
            base_groups.as_ref(),
            &self.ours.groups(),
            &self.theirs.groups(),
        );
        // Each side may have removed whom the other kept.
        let is_whole = |groups: &recipients::Groups| groups.iter().all(|group| !group.is_empty());
        match (differ, groups, side) {
            (None, Some(groups), side) if side.is_none() || is_whole(&groups) => {
                Ok(Settings { groups, of: None })
            }
            (_, groups, Some(side)) => Ok(Settings {
                groups: groups
                    .filter(is_whole)
                    .unwrap_or_else(|| self.of(side).groups()),
                of: Some(side),
            }),
            (Some(reason), _, None) => Err(reason),
            (None, _, None) => Err("the sides have another number of key groups".into()),
        }
    }

    /// The version that is the result as it stands: nothing is written anew
    /// that is there already.
    fn unchanged(&self, settings: &Settings, tree: &Tree) -> Option<&[u8]> {
        let key = key_of_result(self.base, self.ours, self.theirs);
        let version = [Side::Ours, Side::Theirs].into_iter().find(|side| {
            let version = self.of(*side);
            key.is_of(version)
                && settings.of.is_none_or(|of| of == *side)
                && version.groups() == settings.groups
                && version.document.tree() == tree.as_slice()
        })?;
        Some(self.of(version).bytes)
    }

    /// The result, with its data key wrapped for everybody; or why it must not
    /// be. Nothing signs the recipients of a file: whoever can write a branch
    /// can name himself in it, without any key. A recipient of one side alone
    /// keeps what that side holds for him; a key that he may not have yet he
    /// gets of nobody but a person who takes his side.
    fn sealed(
        &self,
        settings: Settings,
        tree: Tree,
        side: Option<Side>,
        keyring: &Keyring,
    ) -> Result<std::result::Result<Document<Editing>, String>> {
        let mut result = carrier(self.base, self.ours, self.theirs, keyring)?;
        if let Some(side) = settings.of {
            let metadata = self.of(side).document.metadata();
            result.set_rule(metadata.rule.clone())?;
            result.set_mac_only_encrypted(metadata.mac_only_encrypted);
            result.set_shamir_threshold(metadata.shamir_threshold);
        }
        result.set_key_groups(settings.groups);
        result.set_tree(tree);
        self.adopt(&mut result)?;
        let known = [self.ours.groups(), self.theirs.groups()];
        let newcomers = result.wanted()?.into_iter().filter(|wanted| {
            let group = wanted.position.group;
            let knows = |side: &recipients::Groups| recipients::has(side, group, &wanted.recipient);
            match side {
                None => !known.iter().all(knows),
                Some(Side::Ours) => !knows(&known[0]),
                Some(Side::Theirs) => !knows(&known[1]),
            }
        });
        let newcomers: Vec<_> = newcomers.map(|wanted| wanted.recipient).collect();
        if !newcomers.is_empty() {
            let Some(side) = side else {
                return Ok(Err(newcomers_named(&newcomers)));
            };
            result.set_key_groups(self.of(side).groups());
            self.adopt(&mut result)?;
        }
        result.wrap(keyring)?;
        Ok(Ok(result))
    }

    fn adopt(&self, result: &mut Document<Editing>) -> Result<()> {
        adopt(result, self.theirs)?;
        adopt(result, self.ours)
    }
}

fn newcomers_named(newcomers: &[Recipient]) -> String {
    let mut names: Vec<_> = newcomers
        .iter()
        .map(|who| shorten(&who.to_string()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let noun = match names.len() {
        1 => "recipient",
        _ => "recipients",
    };
    format!(
        "one side alone has the {noun} {}, and would get a data key that the other side made",
        names.join(", ")
    )
}

/// The result as a file, which is read back before anybody relies on it;
/// `None` where it would say something else.
fn written(result: &Document<Editing>, finish: &Finish) -> Result<Option<Vec<u8>>> {
    let file = result.finish(finish)?;
    let format = result.format();
    let back = Document::parse(&file, format)?.edit_with(result.data_key().clone())?;
    let style = Style::default();
    let same = back.to_bytes(format, &style)? == result.to_bytes(format, &style)?;
    Ok(same.then_some(file))
}

/// Lines are put between markers as texts.
const NOT_UTF8: &str = "the file holds bytes that are not UTF-8, and its lines cannot be marked";

const NOT_READ_BACK: &str = "what was merged would not read back the same";

/// Settings of the file in which nothing can be merged.
fn differ_in_the_rules(ours: &Version<'_>, theirs: &Version<'_>) -> Option<String> {
    let (a, b) = (ours.document.metadata(), theirs.document.metadata());
    if a.rule != b.rule || a.mac_only_encrypted != b.mac_only_encrypted {
        Some("the sides have another rule of which values are encrypted".into())
    } else if a.key_groups.len() != b.key_groups.len() {
        Some("the sides have another number of key groups".into())
    } else if a.shamir_threshold != b.shamir_threshold {
        Some("the sides have another number of key groups that must be opened".into())
    } else {
        None
    }
}

/// The data key of the result: ours, unless only theirs was rotated, so that
/// who was shut out stays so; a new one where both were.
enum Key {
    Of(zeroize::Zeroizing<Vec<u8>>),
    New,
}

impl Key {
    fn is_of(&self, version: &Version<'_>) -> bool {
        matches!(self, Key::Of(key) if key.as_slice() == version.document.data_key().as_bytes())
    }
}

fn key_of_result(base: Option<&Version<'_>>, ours: &Version<'_>, theirs: &Version<'_>) -> Key {
    let key = |version: &Version<'_>| {
        zeroize::Zeroizing::new(version.document.data_key().as_bytes().to_vec())
    };
    let (ours, theirs) = (key(ours), key(theirs));
    match base.map(key) {
        _ if ours == theirs => Key::Of(ours),
        Some(base) if base == ours => Key::Of(theirs),
        Some(base) if base != theirs => Key::New,
        _ => Key::Of(ours),
    }
}

/// The version that the result is made of: it has the data key, and most of
/// the ciphertext.
fn carrier(
    base: Option<&Version<'_>>,
    ours: &Version<'_>,
    theirs: &Version<'_>,
    keyring: &Keyring,
) -> Result<Document<Editing>> {
    let key = key_of_result(base, ours, theirs);
    let mut result = if key.is_of(ours) {
        ours.copy(keyring)?
    } else if key.is_of(theirs) {
        theirs.copy(keyring)?
    } else {
        let mut result = ours.copy(keyring)?;
        result.rotate()?;
        result
    };
    for version in [ours, theirs] {
        result.keep_ciphertexts_of(&version.document);
    }
    result.raise_version();
    Ok(result)
}

/// Wrapped keys that a version has for the same data key need not be made
/// again.
fn adopt(result: &mut Document<Editing>, version: &Version<'_>) -> Result<()> {
    let metadata = version.document.metadata();
    let [group] = metadata.key_groups.as_slice() else {
        // A share is of no use in another division of the key.
        return Ok(());
    };
    if result.data_key() != version.document.data_key() {
        return Ok(());
    }
    for wanted in result.wanted()? {
        let key = group
            .keys
            .iter()
            .find(|key| *key.recipient() == wanted.recipient);
        if let Some(key) = key {
            result.supply(wanted.position, key.clone())?;
        }
    }
    Ok(())
}

/// Both files in one, with markers around the lines that differ. Of the sops
/// block there is one: that of `ours`.
fn marked_file(ours: &str, theirs: &str, format: Format) -> Result<Vec<u8>> {
    let (ours_mac, theirs_mac) = (mac(ours, format)?, mac(theirs, format)?);
    let theirs = theirs.replace(&theirs_mac, &ours_mac);
    Ok(marked(ours, &theirs).into_bytes())
}

/// Two texts in one, with markers around the lines that differ.
fn marked(ours: &str, theirs: &str) -> String {
    // Whoever wrote a branch must not choose how long we look for the smallest
    // difference; past this time it is a larger one that says the same.
    // A line ends where git has it end: not at a carriage return alone.
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<_>>();
    let (ours, theirs) = (lines(ours), lines(theirs));
    let diff = TextDiff::configure()
        .timeout(Duration::from_secs(3))
        .diff_slices(&ours, &theirs);
    let mut out = String::new();
    for operation in diff.ops() {
        let lines = |tag: ChangeTag| {
            diff.iter_changes(operation)
                .filter(move |change| change.tag() == tag)
                .map(|change| with_end(change.value()))
                .collect::<String>()
        };
        let (gone, new) = (lines(ChangeTag::Delete), lines(ChangeTag::Insert));
        if gone.is_empty() && new.is_empty() {
            out.push_str(&lines(ChangeTag::Equal));
        } else {
            out.push_str("<<<<<<< ours\n");
            out.push_str(&gone);
            out.push_str("=======\n");
            out.push_str(&new);
            out.push_str(">>>>>>> theirs\n");
        }
    }
    out
}

fn with_end(line: &str) -> String {
    if line.ends_with('\n') {
        line.into()
    } else {
        format!("{line}\n")
    }
}

fn mac(file: &str, format: Format) -> Result<String> {
    Ok(Document::parse(file.as_bytes(), format)?
        .metadata()
        .mac
        .clone())
}

#[cfg(test)]
mod tests;

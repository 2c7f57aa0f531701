//! Three versions of an encrypted file made into one: what git needs of a
//! merge driver.
//!
//! Every version is opened, and its MAC verified, before anything is said of
//! its values: no file is signed whose parts were not.

mod recipients;
mod values;

use similar::{ChangeTag, TextDiff};
use sops_core::{Document, Editing, Finish, Format, Keyring, Result, Timestamp, tree::Mapping};

pub(crate) use values::Side;

/// A version of a file that was opened.
pub(crate) struct Version<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) document: Document<Editing>,
}

impl<'a> Version<'a> {
    /// # Errors
    ///
    /// Those of [`Document::parse`] and [`Document::edit`].
    pub(crate) fn open(bytes: &'a [u8], format: Format, keyring: &Keyring) -> Result<Self> {
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
pub(crate) enum Outcome {
    /// One version, with a MAC of its own.
    Clean(Vec<u8>),
    /// The key paths of the conflicts, and a file with both sides between
    /// markers; where the other halves are deleted, `ours` is left.
    Conflicts { paths: Vec<String>, marked: Vec<u8> },
    /// It cannot be said what the file should be: the reason.
    Undecided(String),
}

/// Merges; what conflicts is decided for a side where one is given.
///
/// # Errors
///
/// Where the data key cannot be wrapped for a recipient, or the format cannot
/// hold the result.
pub(crate) fn merge(
    base: Option<&Version<'_>>,
    ours: &Version<'_>,
    theirs: &Version<'_>,
    keyring: &Keyring,
    side: Option<Side>,
    time: Timestamp,
) -> Result<Outcome> {
    if let Some(reason) = differ_in_the_rules(ours, theirs) {
        return Ok(Outcome::Undecided(reason));
    }
    let base_groups = base.map(Version::groups);
    let Some(groups) = recipients::merge(base_groups.as_ref(), &ours.groups(), &theirs.groups())
    else {
        return Ok(Outcome::Undecided(
            "the sides have another number of key groups".into(),
        ));
    };
    let base_tree = base.map_or(&[] as &[Mapping], |base| base.document.tree());
    let merge_for = |side| {
        values::trees(
            base_tree,
            ours.document.tree(),
            theirs.document.tree(),
            side,
        )
    };
    let merged = merge_for(side.unwrap_or(Side::Ours));
    let is_clean = merged.conflicts.is_empty() || side.is_some();

    // Nothing is written anew that is there already.
    for version in [ours, theirs] {
        let same_key = key_of_result(base, ours, theirs)
            == Key::Of(version.document.data_key().as_bytes().to_vec().into());
        if is_clean
            && same_key
            && version.groups() == groups
            && version.document.tree() == merged.tree
        {
            return Ok(Outcome::Clean(version.bytes.to_vec()));
        }
    }
    let mut result = carrier(base, ours, theirs, keyring)?;
    result.set_key_groups(groups);
    result.set_tree(merged.tree);
    adopt(&mut result, theirs)?;
    adopt(&mut result, ours)?;
    result.wrap(keyring)?;
    let finish = Finish::new().at(time);
    let file = result.finish(&finish)?;
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
    let mut other = Document::parse(&file, result.format())?.edit(keyring)?;
    other.set_tree(merge_for(Side::Theirs).tree);
    let other = other.finish(&finish)?;
    Ok(Outcome::Conflicts {
        paths: merged.conflicts,
        marked: marked(&file, &other, result.format())?,
    })
}

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
#[derive(PartialEq)]
enum Key {
    Of(zeroize::Zeroizing<Vec<u8>>),
    New,
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
    let same = |version: &Version<'_>| matches!(&key, Key::Of(key) if key.as_slice() == version.document.data_key().as_bytes());
    let mut result = if same(ours) {
        ours.copy(keyring)?
    } else if same(theirs) {
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
fn marked(ours: &[u8], theirs: &[u8], format: Format) -> Result<Vec<u8>> {
    let ours = String::from_utf8_lossy(ours);
    let theirs = String::from_utf8_lossy(theirs);
    let (ours_mac, theirs_mac) = (mac(&ours, format)?, mac(&theirs, format)?);
    let theirs = theirs.replace(&theirs_mac, &ours_mac);
    let diff = TextDiff::from_lines(ours.as_ref(), theirs.as_str());
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
    Ok(out.into_bytes())
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

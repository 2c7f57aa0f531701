//! Three versions of a file.

use sops_core::{Document, EncryptOptions, Finish, Format, Timestamp, keys::Recipient, tree::Tree};
use sops_rs::merge::{Outcome, Side, Version, merge as merge_versions};

use super::{
    RECIPIENT, keyring,
    same::{repeats_a_key, same_documents},
    show,
};

/// What stands between the plaintexts of base, ours and theirs.
const BETWEEN: &[u8] = b"\n=====\n";

/// The first byte says which format, three plaintexts follow. What is merged
/// opens; a side that changed nothing changes nothing; a side that was chosen
/// leaves no conflict; and where theirs' halves of conflicts are deleted, a
/// file is left that opens.
pub fn merge(data: &[u8]) {
    let Some((format, rest)) = data.split_first() else {
        return;
    };
    let format = Format::ALL[usize::from(*format) % Format::ALL.len()];
    let Some((base, rest)) = split(rest) else {
        return;
    };
    let Some((ours, theirs)) = split(rest) else {
        return;
    };
    let tree = |text| -> Option<Tree> {
        let document = Document::parse_plain(text, format).ok()?;
        Some(document.tree().to_vec())
    };
    let (Some(ours), Some(theirs)) = (tree(ours), tree(theirs)) else {
        return;
    };
    let Some(first) = encrypted(base, format) else {
        return;
    };
    let edited = |tree| changed(&first, tree, format);
    let (Some(second), Some(third)) = (edited(&ours), edited(&theirs)) else {
        return;
    };
    let run = |ours: &[u8], theirs: &[u8], side| {
        let time = Timestamp::parse_rfc3339("2026-11-25T00:00:00Z").expect("a time");
        let open = |bytes| Version::open(bytes, format, keyring()).ok();
        let (base, ours, theirs) = (open(&first)?, open(ours)?, open(theirs)?);
        merge_versions(Some(&base), &ours, &theirs, keyring(), side, time).ok()
    };
    match run(&second, &third, None) {
        Some(Outcome::Clean(file)) => _ = opened(&file, format),
        Some(Outcome::Conflicts { marked, .. }) => {
            if let Some(ours) = without_theirs(&marked) {
                opened(&ours, format);
            }
        }
        Some(Outcome::Undecided(_)) | None => {}
    }
    for side in [Side::Ours, Side::Theirs] {
        if let Some(Outcome::Conflicts { paths, .. }) = run(&second, &third, Some(side)) {
            panic!("conflicts where a side was chosen: {paths:?}");
        }
    }
    if ours.iter().any(repeats_a_key) {
        return;
    }
    for (ours_file, theirs_file) in [(&second, &first), (&first, &second), (&second, &second)] {
        match run(ours_file, theirs_file, None) {
            Some(Outcome::Clean(file)) => {
                let merged = opened(&file, format);
                assert!(same_documents(&merged, &ours), "{}", show(&file));
            }
            Some(Outcome::Conflicts { paths, .. }) => panic!("conflicts with nothing: {paths:?}"),
            Some(Outcome::Undecided(_)) | None => {}
        }
    }
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes
        .windows(BETWEEN.len())
        .position(|part| part == BETWEEN)?;
    Some((&bytes[..at], &bytes[at + BETWEEN.len()..]))
}

fn encrypted(text: &[u8], format: Format) -> Option<Vec<u8>> {
    let options = EncryptOptions::new([Recipient::age(RECIPIENT)]);
    let plain = Document::parse_plain(text, format).ok()?;
    plain.encrypt(&options, keyring()).ok()
}

/// The file as somebody left it who edited it.
fn changed(file: &[u8], tree: &Tree, format: Format) -> Option<Vec<u8>> {
    let mut document = Document::parse(file, format).ok()?.edit(keyring()).ok()?;
    document.set_tree(tree.clone());
    document.wrap(keyring()).ok()?;
    document.finish(&Finish::new()).ok()
}

fn opened(file: &[u8], format: Format) -> Tree {
    let document = Document::parse(file, format).and_then(|file| file.decrypt(keyring()));
    match document {
        Ok(document) => document.tree().to_vec(),
        Err(error) => panic!("what was merged does not open: {error:#}\n{}", show(file)),
    }
}

/// `None` where a marker may be a key of the file.
fn without_theirs(marked: &[u8]) -> Option<Vec<u8>> {
    let (mut kept, mut is_theirs) = (Vec::new(), false);
    let (mut starts, mut ends) = (0, 0);
    for line in marked.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"<<<<<<< ") {
            starts += 1;
        } else if line.starts_with(b"=======") {
            is_theirs = true;
        } else if line.starts_with(b">>>>>>> ") {
            ends += 1;
            is_theirs = false;
        } else if !is_theirs {
            kept.extend_from_slice(line);
        }
    }
    (starts == ends).then_some(kept)
}

//! Bytes to tree, in the format that they are in, and the metadata out of it.

use super::{Format, METADATA, binary, dotenv, ini, json, not_encrypted, yaml};
use crate::{
    Error, ErrorKind, Result, limits,
    metadata::Metadata,
    tree::{Mapping, MappingItem, Tree, Value},
};

/// Reads a file that is not encrypted.
pub(crate) fn read_plain(bytes: &[u8], format: Format) -> Result<Tree> {
    check_size(bytes)?;
    match format {
        Format::Yaml => yaml::read(bytes)
            .map_err(|e| e.or_advise("mend the line that is named, with a YAML linter's help")),
        Format::Json => json::read(bytes),
        Format::Dotenv => dotenv::read(bytes),
        Format::Ini => ini::read(bytes),
        Format::Binary => Ok(binary::read(bytes)),
    }
}

/// Reads an encrypted file and takes the metadata out of its tree.
pub(crate) fn read_encrypted(bytes: &[u8], format: Format) -> Result<(Tree, Metadata)> {
    check_size(bytes)?;
    let mut tree = match format {
        Format::Binary => json::read(bytes),
        _ => read_plain(bytes, format),
    }?;
    let block = match format {
        Format::Dotenv => dotenv::take_metadata(&mut tree)?,
        Format::Ini => ini::unflatten_metadata(&take_metadata(&mut tree)?)?,
        Format::Yaml | Format::Json | Format::Binary => take_metadata(&mut tree)?,
    };
    Ok((tree, Metadata::from_mapping(&block)?))
}

/// Takes the entry `sops` out of the first document; in others it is dropped
/// unread (sops-format §2.8).
fn take_metadata(tree: &mut [Mapping]) -> Result<Mapping> {
    let is_metadata = |item: &mut MappingItem| matches!(item, MappingItem::Entry { key, .. } if key.as_bytes() == METADATA.as_bytes());
    let mut found = Vec::new();
    for (i, document) in tree.iter_mut().enumerate() {
        for item in document.items.extract_if(.., is_metadata) {
            if let (0, MappingItem::Entry { value, .. }) = (i, item) {
                found.push(value);
            }
        }
    }
    let error = |message: String| {
        Error::new(ErrorKind::Metadata, message)
            .at_key(METADATA)
            .advise("restore the sops entry as sops wrote it")
    };
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(not_encrypted()),
        (Some(_), false) => Err(error("the entry occurs more than once".into())),
        (Some(Value::Mapping(block)), true) => Ok(block),
        (Some(other), true) => Err(error(format!("{} where a mapping belongs", other.kind()))),
    }
}

fn check_size(bytes: &[u8]) -> Result<()> {
    if bytes.len() <= limits::FILE_SIZE {
        return Ok(());
    }
    Err(Error::too_large())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_taken_from_the_first_document_only() {
        let entry = |value: Value| {
            let mut mapping = Mapping::default();
            mapping.push("sops", value);
            mapping
        };
        let mut tree = vec![
            entry(Value::Mapping(Mapping::default())),
            entry(Value::Null),
        ];
        assert!(take_metadata(&mut tree).unwrap().items.is_empty());
        assert!(tree.iter().all(|document| document.items.is_empty()));

        let mut tree = vec![
            Mapping::default(),
            entry(Value::Mapping(Mapping::default())),
        ];
        let error = take_metadata(&mut tree).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotEncrypted);

        let error = take_metadata(&mut [entry(Value::from("x"))]).unwrap_err();
        assert_eq!(error.to_string(), "sops: a string where a mapping belongs");

        let mut twice = entry(Value::Null);
        twice.push("sops", Value::Null);
        let error = take_metadata(&mut [twice]).unwrap_err();
        assert_eq!(error.to_string(), "sops: the entry occurs more than once");
    }
}

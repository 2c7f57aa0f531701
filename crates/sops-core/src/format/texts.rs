//! Formats that know texts only.

use super::{Format, dotenv};
use crate::{
    mac::with_plaintext,
    secret::SecretBuf,
    tree::{Mapping, MappingItem, Value},
};

/// Whether dotenv and INI write a value with the very bytes that were
/// encrypted. sops makes texts of all values of such files, of which that is
/// true; the label of a type is not authenticated.
pub(crate) fn is_written_as_encrypted(value: &Value) -> bool {
    if matches!(value, Value::String(_)) {
        return true;
    }
    let mut written = SecretBuf::default();
    dotenv::plain_scalar(value, &mut written)
        && with_plaintext(value, |bytes| bytes == written.as_bytes())
}

/// Makes texts of the scalars of a tree that is to be a dotenv or INI file, as
/// they would be printed: such files know nothing else, and another type is
/// refused when they are decrypted. Null has no text.
pub(crate) fn make_texts(tree: &mut [Mapping], format: Format) {
    fn make(mapping: &mut Mapping, sections: bool) {
        for item in &mut mapping.items {
            match item {
                MappingItem::Entry {
                    value: Value::Mapping(section),
                    ..
                } if sections => make(section, false),
                MappingItem::Entry { value, .. }
                    if !matches!(
                        value,
                        Value::Null | Value::String(_) | Value::Mapping(_) | Value::List(_)
                    ) =>
                {
                    let mut text = SecretBuf::default();
                    dotenv::plain_scalar(value, &mut text);
                    *value = Value::String(text.into_vec().into());
                }
                _ => {}
            }
        }
    }
    if matches!(format, Format::Dotenv | Format::Ini) {
        for document in tree {
            make(document, format == Format::Ini);
        }
    }
}

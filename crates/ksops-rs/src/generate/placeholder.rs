//! Rendering without keys, for checks of structure (KSOPS #278): every
//! encrypted value becomes a fixed one that is valid where it stands.

use base64::{Engine, prelude::BASE64_STANDARD};
use sops_core::{Document, Encrypted, Format, Placeholders, Slot};

use crate::{
    Error, Result,
    error::quoted,
    generator::{Entry, SecretSource},
    settings::PLACEHOLDER,
};

/// What stands in the place of a text.
const TEXT: &str = "PLACEHOLDER";

/// The annotation of what is rendered: nobody sees what a plugin says where it
/// succeeds, and a placeholder looks like a secret.
pub(super) const MARK: &str = "ksops-rs/placeholder";

/// A Secret that is to be made, with the annotation.
pub(super) fn marked(mut source: SecretSource) -> SecretSource {
    source.annotations.insert(MARK.into(), "true".into());
    source
}

/// The line on stderr.
pub(super) fn warning(name: &str) -> String {
    format!(
        "{name}: {PLACEHOLDER} is set: EVERY SECRET IS A PLACEHOLDER, no key was used and nothing was verified; do not apply this"
    )
}

/// A file with its encrypted values replaced.
pub(super) fn replace(
    document: Document<Encrypted>,
    entry: &Entry,
) -> Result<Document<Placeholders>> {
    let format = document.format();
    // The rest makes a Secret of its own.
    let is_resource = entry.place.secret.is_none();
    let mut names = Vec::new();
    let in_file =
        |error: sops_core::Error| Error::from(error.in_file(quoted(&entry.path))).at(entry.place);
    let document = document
        .placeholders(|slot| {
            if is_resource && is_name(slot) {
                names.push(slot.key_path.clone());
            }
            text_for(slot, format)
        })
        .map_err(in_file)?;
    if !names.is_empty() {
        let mut error = Error::new(format!(
            "{}: {}: what names the resource is encrypted, so that there is no placeholder for it",
            entry.place,
            quoted(&entry.path)
        ));
        for name in names {
            error = error.because(name);
        }
        return Err(error.advise(
            "leave apiVersion, kind and metadata in clear: encrypted_regex: ^(data|stringData)$ in .sops.yaml",
        ));
    }
    Ok(document)
}

/// The keys on the way, without those of a `List` around the resource.
fn keys<'a>(slot: &Slot<'a>) -> Vec<&'a str> {
    let keys = slot.keys.iter().map(|key| key.as_str().unwrap_or_default());
    let mut keys: Vec<_> = keys.collect();
    if keys.first() == Some(&"items") {
        keys.remove(0);
    }
    keys
}

fn is_name(slot: &Slot<'_>) -> bool {
    matches!(
        keys(slot).as_slice(),
        ["apiVersion" | "kind"] | ["metadata", "name"]
    )
}

fn text_for(slot: &Slot<'_>, format: Format) -> String {
    let keys = keys(slot);
    let text = for_key(keys.last().copied().unwrap_or_default()).unwrap_or(TEXT);
    let is_base64 = keys.first() == Some(&"data") && matches!(format, Format::Yaml | Format::Json);
    if is_base64 {
        BASE64_STANDARD.encode(text)
    } else {
        text.into()
    }
}

/// What stands under a key of a Secret that Kubernetes reads as JSON.
pub(super) fn for_key(key: &str) -> Option<&'static str> {
    match key {
        ".dockerconfigjson" => Some(r#"{"auths":{}}"#),
        ".dockercfg" => Some("{}"),
        _ => None,
    }
}

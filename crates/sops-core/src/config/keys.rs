//! The keys of a rule without groups: fields that sops reads without a type
//! and judges only when the rule is used (sops-config §4, §5).

use super::file::{Rule, present};
use super::untyped::{Untyped, Value};
use crate::{
    Error, ErrorKind, Result,
    keys::{KeyKind, Recipient},
};

/// A text that should name one recipient, and where it stands.
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    pub(super) line: u32,
    pub(super) place: String,
}

/// The recipients of a rule without groups, in sops's order.
pub(super) fn flat(rule: &Rule, place: &str) -> Result<Vec<Recipient>> {
    let mut all = Vec::new();
    let place = |name: &str| format!("{place}.{name}");
    add(KeyKind::Age, &rule.age, &place("age"), &mut all)?;
    add(KeyKind::Pgp, &rule.pgp, &place("pgp"), &mut all)?;
    add(KeyKind::AwsKms, &rule.kms, &place("kms"), &mut all)?;
    add(KeyKind::GcpKms, &rule.gcp_kms, &place("gcp_kms"), &mut all)?;
    for (index, item) in present(rule.hckms.iter()) {
        for text in item.value.split(',').filter(|text| !text.is_empty()) {
            let part = Part {
                text,
                line: item.line,
                place: place(&format!("hckms[{index}]")),
            };
            all.push(recipient(KeyKind::HuaweiKms, &part)?);
        }
    }
    let azure = place("azure_keyvault");
    add(
        KeyKind::AzureKeyVault,
        &rule.azure_keyvault,
        &azure,
        &mut all,
    )?;
    let vault = place("hc_vault_transit_uri");
    add(KeyKind::Vault, &rule.hc_vault_transit_uri, &vault, &mut all)?;
    let profile = |recipient: Recipient| recipient.with_profile(&rule.aws_profile);
    Ok(all.into_iter().map(profile).collect())
}

fn add(kind: KeyKind, field: &Untyped, place: &str, to: &mut Vec<Recipient>) -> Result<()> {
    for part in split(kind, field, place)? {
        to.push(recipient(kind, &part)?);
    }
    Ok(())
}

/// The texts of a field. One text is cut at its commas, and what is empty
/// dropped; so are the texts of a list, but there an empty one counts.
fn split<'a>(kind: KeyKind, field: &'a Untyped, place: &str) -> Result<Vec<Part<'a>>> {
    let items = match &field.value {
        Value::Nothing => return Ok(Vec::new()),
        Value::Text(text) => {
            let texts = text.split(',').map(str::trim);
            let parts = texts.filter(|text| !text.is_empty()).map(|text| Part {
                text,
                line: field.line,
                place: place.to_owned(),
            });
            return Ok(parts.collect());
        }
        Value::List(items) => items,
        Value::Other(found) => {
            let message = format!("expected text, a list of texts or nothing, found {found}");
            return Err(Error::new(ErrorKind::Config, message)
                .at_line(field.line)
                .at_key(place)
                .advise("write one recipient, or several in a list"));
        }
    };
    let mut parts = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = format!("{place}[{index}]");
        let Value::Text(text) = &item.value else {
            let message = format!("expected text, found {}", item.value.found());
            return Err(Error::new(ErrorKind::Config, message)
                .at_line(item.line)
                .at_key(place)
                .advise("write each recipient of the list as text"));
        };
        parts.extend(text.split(',').map(|text| Part {
            text,
            line: item.line,
            place: place.clone(),
        }));
    }
    let nothing = matches!(parts.as_slice(), [part] if part.text.is_empty());
    let skipped = |part: &Part<'_>| kind == KeyKind::Vault && part.text.is_empty();
    if nothing {
        parts.clear();
    }
    parts.retain(|part| !skipped(part));
    Ok(parts)
}

/// One recipient of a kind.
pub(super) fn recipient(kind: KeyKind, part: &Part<'_>) -> Result<Recipient> {
    Recipient::parse(kind, part.text).map_err(|error| {
        Error::new(ErrorKind::Config, error.to_string())
            .at_line(part.line)
            .at_key(part.place.clone())
            .advise(format!(
                "write the {} recipient as sops takes it, or leave it out",
                kind.title()
            ))
    })
}

//! Key groups: merged, in sops's order, and each recipient once (sops-config
//! §4).

use std::collections::{BTreeMap, HashSet};

use go_yaml::de::Located;

use super::file::{AwsKms, Group, List, present};
use super::keys::{Part, recipient};
use crate::{
    Error, ErrorKind, Result,
    keys::{KeyKind, Recipient},
    limits,
};

/// The recipients of one group.
pub(super) fn group(group: &Located<Group>, place: &str) -> Result<Vec<Recipient>> {
    let mut recipients = Vec::new();
    collect(group, place, &mut recipients)?;
    let mut seen = HashSet::new();
    recipients.retain(|recipient| seen.insert((recipient.kind(), recipient.to_string())));
    Ok(recipients)
}

/// What is merged first, then the group's own.
fn collect(group: &Located<Group>, place: &str, to: &mut Vec<Recipient>) -> Result<()> {
    let Located { line, value: group } = group;
    for (index, merged) in present(group.merge.iter()) {
        collect(merged, &format!("{place}.merge[{index}]"), to)?;
    }
    texts(KeyKind::Age, &group.age, &format!("{place}.age"), to)?;
    texts(KeyKind::Pgp, &group.pgp, &format!("{place}.pgp"), to)?;
    for (index, key) in present(group.kms.iter()) {
        to.push(aws_kms(key, &format!("{place}.kms[{index}]"))?);
    }
    for (_, key) in present(group.gcp_kms.iter()) {
        to.push(Recipient::gcp_kms(key.value.resource_id.replace(' ', "")));
    }
    for (index, key) in present(group.hckms.iter()) {
        let part = Part {
            text: &key.value.key_id,
            line: key.line,
            place: format!("{place}.hckms[{index}].key_id"),
        };
        to.push(recipient(KeyKind::HuaweiKms, &part)?);
    }
    for (_, key) in present(group.azure_keyvault.iter()) {
        let key = &key.value;
        to.push(Recipient::azure_key_vault(
            &key.vault_url,
            &key.key,
            &key.version,
        ));
    }
    texts(
        KeyKind::Vault,
        &group.hc_vault,
        &format!("{place}.hc_vault"),
        to,
    )?;
    if to.len() > limits::RECIPIENTS {
        let message = format!("more than {} recipients in one group", limits::RECIPIENTS);
        return Err(Error::new(ErrorKind::Limit, message)
            .at_line(*line)
            .at_key(place)
            .advise("merge fewer groups"));
    }
    Ok(())
}

/// An item for age may be several with commas between them.
fn texts(kind: KeyKind, items: &List<String>, place: &str, to: &mut Vec<Recipient>) -> Result<()> {
    for (index, item) in present(items.iter()) {
        let place = format!("{place}[{index}]");
        let texts: Vec<&str> = match kind {
            KeyKind::Age if item.value.is_empty() => Vec::new(),
            KeyKind::Age => item.value.split(',').collect(),
            _ => vec![&item.value],
        };
        for text in texts {
            let part = Part {
                text,
                line: item.line,
                place: place.clone(),
            };
            to.push(recipient(kind, &part)?);
        }
    }
    Ok(())
}

fn aws_kms(key: &Located<AwsKms>, place: &str) -> Result<Recipient> {
    let Located { line, value: key } = key;
    let mut context = BTreeMap::new();
    for (name, value) in &key.context {
        let Some(value) = value else {
            // sops ends with a panic.
            return Err(Error::new(
                ErrorKind::Config,
                "a value of an encryption context is null",
            )
            .at_line(*line)
            .at_key(format!("{place}.context"))
            .advise("write the value as text, or leave out its key"));
        };
        context.insert(name.clone(), value.clone());
    }
    Ok(Recipient::aws_kms(&key.arn)
        .with_role(&key.role)
        .with_context(context)
        .with_profile(&key.aws_profile))
}

//! Metadata into a mapping, in the order of sops 3.13 (sops-format §2.2).

use super::{KeyGroup, Metadata};
use crate::{
    keys::{KeyKind, Recipient, WrappedKey},
    tree::{List, ListItem, Mapping, MappingItem, Text, Value},
};

impl Metadata {
    /// The `sops` block, keys sorted at every level.
    #[must_use]
    pub fn to_mapping(&self) -> Mapping {
        let mut block = Mapping::default();
        if let [group] = self.key_groups.as_slice() {
            push_group(&mut block, group, false);
        } else {
            let groups = self.key_groups.iter().map(|group| {
                let mut mapping = Mapping::default();
                push_group(&mut mapping, group, true);
                mapping
            });
            block.push("key_groups", list(groups));
        }
        if self.shamir_threshold != 0 {
            let threshold = i64::try_from(self.shamir_threshold).unwrap_or(i64::MAX);
            block.push("shamir_threshold", Value::Int(threshold));
        }
        block.push("lastmodified", self.last_modified.to_rfc3339_seconds());
        block.push("mac", self.mac.as_str());
        if self.names_rule {
            let (name, text) = self.rule.field();
            block.push(name, text);
        }
        if self.mac_only_encrypted {
            block.push("mac_only_encrypted", Value::Bool(true));
        }
        block.push("version", self.version.as_str());
        sort(&mut block);
        block
    }
}

/// Appends the lists of a group. In `key_groups` the lists `age` and
/// `hc_vault` are written even when empty.
fn push_group(out: &mut Mapping, group: &KeyGroup, nested: bool) {
    for kind in KeyKind::ALL {
        let keys = group.keys.iter().filter(|key| key.kind() == kind);
        let entries: Vec<Mapping> = keys.map(entry).collect();
        let always = nested && matches!(kind, KeyKind::Age | KeyKind::Vault);
        if always || !entries.is_empty() {
            out.push(kind.name(), list(entries.into_iter()));
        }
    }
}

/// An entry without the empty fields that sops leaves out.
fn entry(key: &WrappedKey) -> Mapping {
    let mut entry = key.unknown.clone();
    match key.recipient() {
        Recipient::Age { recipient } => entry.push("recipient", recipient.as_str()),
        Recipient::Pgp { fingerprint } => entry.push("fp", fingerprint.as_str()),
        Recipient::GcpKms { resource_id } => entry.push("resource_id", resource_id.as_str()),
        Recipient::HuaweiKms { key_id } => entry.push("key_id", key_id.as_str()),
        Recipient::AzureKeyVault {
            vault_url,
            name,
            version,
        } => {
            entry.push("vault_url", vault_url.as_str());
            entry.push("name", name.as_str());
            entry.push("version", version.as_str());
        }
        Recipient::Vault {
            address,
            engine_path,
            key_name,
        } => {
            entry.push("vault_address", address.as_str());
            entry.push("engine_path", engine_path.as_str());
            entry.push("key_name", key_name.as_str());
        }
        Recipient::AwsKms {
            arn,
            role,
            context,
            profile,
        } => {
            entry.push("arn", arn.as_str());
            entry.push("aws_profile", profile.as_deref().unwrap_or_default());
            if let Some(role) = role {
                entry.push("role", role.as_str());
            }
            if !context.is_empty() {
                let mut pairs = Mapping::default();
                for (name, value) in context {
                    pairs.push(name.as_str(), value.as_str());
                }
                entry.push("context", Value::Mapping(pairs));
            }
        }
    }
    if let Some(time) = key.created_at() {
        entry.push("created_at", time.to_rfc3339_seconds());
    }
    entry.push("enc", key.enc());
    entry
}

fn list(mappings: impl Iterator<Item = Mapping>) -> Value {
    Value::List(List {
        items: mappings
            .map(|m| ListItem::Value(Value::Mapping(m)))
            .collect(),
    })
}

/// Sorts keys bytewise at every level.
fn sort(mapping: &mut Mapping) {
    fn key(item: &MappingItem) -> &[u8] {
        match item {
            MappingItem::Entry { key, .. } => Text::as_bytes(key),
            MappingItem::Comment(_) => b"",
        }
    }
    mapping.items.sort_by(|a, b| key(a).cmp(key(b)));
    for item in &mut mapping.items {
        match item {
            MappingItem::Entry {
                value: Value::Mapping(inner),
                ..
            } => sort(inner),
            MappingItem::Entry {
                value: Value::List(list),
                ..
            } => {
                for item in &mut list.items {
                    if let ListItem::Value(Value::Mapping(inner)) = item {
                        sort(inner);
                    }
                }
            }
            _ => {}
        }
    }
}

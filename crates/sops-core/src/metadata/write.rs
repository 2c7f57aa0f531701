//! Metadata into a mapping, in the order of sops 3.13 (sops-format §2.2).

use super::{KeyGroup, MasterKey, Metadata, OtherKind};
use crate::tree::{List, ListItem, Mapping, MappingItem, Text, Value};

impl Metadata {
    /// The `sops` block, keys sorted at every level. `with_rule` is false for
    /// binary files, which name no selection rule.
    pub fn to_mapping(&self, with_rule: bool) -> Mapping {
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
        if with_rule {
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
    let entries = |kind: Option<OtherKind>| -> Vec<Mapping> {
        group
            .keys
            .iter()
            .filter_map(|key| match (key, kind) {
                (MasterKey::Age { recipient, enc }, None) => {
                    let mut entry = Mapping::default();
                    entry.push("enc", enc.as_str());
                    entry.push("recipient", recipient.as_str());
                    Some(entry)
                }
                (
                    MasterKey::Other {
                        kind: k, fields, ..
                    },
                    Some(kind),
                ) if *k == kind => Some(other_entry(kind, fields)),
                _ => None,
            })
            .collect()
    };
    for kind in OtherKind::ALL.into_iter().map(Some).chain([None]) {
        let entries = entries(kind);
        let always = nested && matches!(kind, None | Some(OtherKind::Vault));
        if always || !entries.is_empty() {
            out.push(
                kind.map_or("age", OtherKind::name),
                list(entries.into_iter()),
            );
        }
    }
}

/// An entry without the empty fields that sops leaves out.
fn other_entry(kind: OtherKind, fields: &Mapping) -> Mapping {
    let mut entry = Mapping::default();
    for (key, value) in fields.entries() {
        let optional = kind
            .fields()
            .iter()
            .any(|(name, optional)| *optional && name.as_bytes() == key.as_bytes());
        if !(optional && value.as_str() == Some("")) {
            entry.push(key.clone(), value.clone());
        }
    }
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

//! What the file says, field by field (sops-config §4, §7, §8).
//!
//! As in Go, `null` in a list of typed items is left out, and everywhere else
//! as good as nothing.

use std::collections::BTreeMap;

use go_yaml::de::Located;
use serde::Deserialize;

use super::untyped::Untyped;

/// A list of which `null`s are left out.
pub(super) type List<T> = Vec<Option<Located<T>>>;

/// The items that are there, with their numbers in the file.
pub(super) fn present<'a, T: 'a>(
    list: impl Iterator<Item = &'a Option<Located<T>>>,
) -> impl Iterator<Item = (usize, &'a Located<T>)> {
    list.enumerate()
        .filter_map(|(index, item)| Some((index, item.as_ref()?)))
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct File {
    /// None at all is another thing than an empty list.
    pub(super) creation_rules: Option<List<Rule>>,
    pub(super) destination_rules: Option<List<Destination>>,
    pub(super) stores: Stores,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct Rule {
    pub(super) path_regex: Located<String>,
    pub(super) age: Untyped,
    pub(super) pgp: Untyped,
    pub(super) kms: Untyped,
    pub(super) gcp_kms: Untyped,
    pub(super) hckms: List<String>,
    pub(super) azure_keyvault: Untyped,
    pub(super) hc_vault_transit_uri: Untyped,
    pub(super) aws_profile: String,
    pub(super) key_groups: List<Group>,
    pub(super) shamir_threshold: Located<i64>,
    pub(super) unencrypted_suffix: String,
    pub(super) encrypted_suffix: String,
    pub(super) unencrypted_regex: String,
    pub(super) encrypted_regex: String,
    pub(super) unencrypted_comment_regex: String,
    pub(super) encrypted_comment_regex: String,
    pub(super) mac_only_encrypted: bool,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct Group {
    pub(super) merge: List<Group>,
    pub(super) age: List<String>,
    pub(super) pgp: List<String>,
    pub(super) kms: List<AwsKms>,
    pub(super) gcp_kms: List<GcpKms>,
    pub(super) hckms: List<HuaweiKms>,
    pub(super) azure_keyvault: List<AzureKeyVault>,
    pub(super) hc_vault: List<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct AwsKms {
    pub(super) arn: String,
    pub(super) role: String,
    pub(super) context: BTreeMap<String, Option<String>>,
    pub(super) aws_profile: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct GcpKms {
    pub(super) resource_id: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct HuaweiKms {
    pub(super) key_id: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct AzureKeyVault {
    #[serde(rename = "vaultUrl")]
    pub(super) vault_url: String,
    pub(super) key: String,
    pub(super) version: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct Destination {
    pub(super) path_regex: Located<String>,
    pub(super) s3_bucket: String,
    pub(super) s3_prefix: String,
    pub(super) gcs_bucket: String,
    pub(super) gcs_prefix: String,
    pub(super) vault_path: String,
    pub(super) vault_address: String,
    pub(super) vault_kv_mount_name: String,
    pub(super) vault_kv_version: i64,
    pub(super) recreation_rule: Rule,
    pub(super) omit_extensions: bool,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct Stores {
    pub(super) yaml: YamlStore,
    pub(super) json: JsonStore,
    pub(super) json_binary: JsonStore,
    pub(super) dotenv: Nothing,
    pub(super) ini: Nothing,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct YamlStore {
    pub(super) indent: Located<i64>,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(default)]
pub(super) struct JsonStore {
    pub(super) indent: Located<i64>,
}

impl Default for JsonStore {
    /// A tab.
    fn default() -> Self {
        JsonStore {
            indent: Located { line: 0, value: -1 },
        }
    }
}

/// A mapping that says nothing yet, but has to be one.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct Nothing {}

//! Metadata out of a mapping, with the tolerance that sops has (sops-format
//! §2.5 to §2.7).

use std::collections::BTreeMap;

use go_yaml::{Timestamp, number};

use super::{KeyGroup, Metadata, Rule};
use crate::{
    Error, ErrorKind, Result,
    cipher::parse_bool,
    keys::{KeyKind, Recipient, WrappedKey},
    limits,
    tree::{Mapping, Value},
};

impl Metadata {
    /// Reads the `sops` block. Fields that nobody knows are ignored.
    ///
    /// ```
    /// use sops_core::{Document, Format, metadata::Metadata};
    ///
    /// # let file = std::fs::read("examples/secret.enc.yaml")?;
    /// let document = Document::parse(&file, Format::Yaml)?;
    /// let block = document.metadata().to_mapping();
    /// assert!(block.get("lastmodified").is_some());
    /// assert_eq!(Metadata::from_mapping(&block)?, *document.metadata());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Metadata`] where a field has the wrong type, two rules
    /// exclude each other, or no keys are listed; [`ErrorKind::Limit`].
    pub fn from_mapping(block: &Mapping) -> Result<Self> {
        let block = Block {
            mapping: block,
            path: "sops".into(),
        };
        let mut budget = limits::RECIPIENTS;
        let flat = block.group(&mut budget)?;
        let key_groups = if flat.keys.is_empty() {
            let groups = block.list("key_groups")?;
            if groups.len() > limits::GROUPS {
                return Err(Error::new(
                    ErrorKind::Limit,
                    format!("more than {} key groups", limits::GROUPS),
                )
                .at_key("sops.key_groups")
                .advise("use fewer key groups; Shamir's secret sharing allows for no more"));
            }
            groups
                .iter()
                .map(|group| group.group(&mut budget))
                .collect::<Result<Vec<_>>>()?
        } else {
            vec![flat]
        };
        if key_groups.iter().all(|group| group.keys.is_empty()) {
            return Err(Error::new(
                ErrorKind::Metadata,
                "the file lists no keys that could open it",
            )
            .at_key("sops")
            .advise("restore the sops block from version control"));
        }
        let mac = block.text("mac")?;
        if mac.len() > limits::MAC_SIZE {
            return Err(Error::mac_too_long());
        }
        let rule = block.rule()?;
        Ok(Metadata {
            key_groups,
            shamir_threshold: block.threshold()?,
            last_modified: block.last_modified()?,
            mac,
            names_rule: rule.is_some(),
            rule: rule.unwrap_or_default(),
            mac_only_encrypted: block.flag("mac_only_encrypted")?,
            version: block.text("version")?,
        })
    }
}

/// A mapping of the metadata, and the way to it.
struct Block<'a> {
    mapping: &'a Mapping,
    path: String,
}

impl<'a> Block<'a> {
    /// The value of a field whose name may be in any case; the last one
    /// counts, an exact name before others.
    fn field(&self, name: &str) -> Option<&'a Value> {
        let find = |same: fn(&[u8], &[u8]) -> bool| {
            self.mapping
                .entries()
                .rev()
                .find(|(key, _)| same(key.as_bytes(), name.as_bytes()))
                .map(|(_, value)| value)
        };
        find(|a, b| a == b).or_else(|| find(|a, b| a.eq_ignore_ascii_case(b)))
    }

    fn error(&self, field: &str, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Metadata, message)
            .at_key(format!("{}.{field}", self.path))
            .advise("restore the sops block as sops wrote it, for instance from version control")
    }

    fn text(&self, name: &str) -> Result<String> {
        Ok(match self.field(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text
                .as_str()
                .ok_or_else(|| self.error(name, "not UTF-8"))?
                .to_owned(),
            Some(Value::Int(int)) => int.to_string(),
            Some(Value::Float(float)) => number::positional(*float).to_string(),
            Some(Value::Bool(bool)) => u8::from(*bool).to_string(),
            Some(Value::Time(time)) => time.to_rfc3339_nano(),
            Some(other @ (Value::Mapping(_) | Value::List(_))) => {
                return Err(self.error(name, format!("{} where a string belongs", other.kind())));
            }
        })
    }

    fn flag(&self, name: &str) -> Result<bool> {
        Ok(match self.field(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(bool)) => *bool,
            Some(Value::Int(int)) => *int != 0,
            Some(Value::Float(float)) => *float != 0.0,
            Some(Value::String(text)) if text.is_empty() => false,
            Some(value) => value
                .as_str()
                .and_then(parse_bool)
                .ok_or_else(|| self.error(name, "neither true nor false"))?,
        })
    }

    fn threshold(&self) -> Result<usize> {
        const NAME: &str = "shamir_threshold";
        let number = match self.field(NAME) {
            None | Some(Value::Null) => Some(0),
            Some(Value::Int(int)) => Some(*int),
            Some(Value::Bool(bool)) => Some(i64::from(*bool)),
            Some(Value::Float(float)) => whole(*float),
            Some(value) => value.as_str().and_then(parse_int),
        };
        number
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| self.error(NAME, "not a number of key groups"))
    }

    fn last_modified(&self) -> Result<Timestamp> {
        const NAME: &str = "lastmodified";
        match self.field(NAME) {
            Some(Value::Time(time)) => Ok(*time),
            None | Some(Value::Null) => Err(self.error(NAME, "missing")),
            Some(_) => Timestamp::parse_rfc3339(&self.text(NAME)?)
                .ok_or_else(|| self.error(NAME, "not a time such as 2006-01-02T15:04:05Z")),
        }
    }

    fn rule(&self) -> Result<Option<Rule>> {
        const RULES: [fn(String) -> Rule; 6] = [
            Rule::UnencryptedSuffix,
            Rule::EncryptedSuffix,
            Rule::UnencryptedRegex,
            Rule::EncryptedRegex,
            Rule::UnencryptedCommentRegex,
            Rule::EncryptedCommentRegex,
        ];
        let mut found: Option<Rule> = None;
        for rule in RULES {
            let name = rule(String::new()).field().0;
            let text = self.text(name)?;
            if text.is_empty() {
                continue;
            }
            if let Some(first) = &found {
                let first = first.field().0;
                return Err(self.error(
                    name,
                    format!(
                        "a file can have only one selection rule, and this one has {first} too"
                    ),
                ));
            }
            found = Some(rule(text));
        }
        Ok(found)
    }

    /// The mappings of a list; a mapping alone counts as a list of one.
    fn list(&self, name: &str) -> Result<Vec<Block<'a>>> {
        static EMPTY: Mapping = Mapping { items: Vec::new() };
        let items: Vec<&Value> = match self.field(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::List(list)) => list.values().collect(),
            Some(value @ Value::Mapping(_)) => vec![value],
            Some(other) => {
                return Err(self.error(name, format!("{} where a list belongs", other.kind())));
            }
        };
        items
            .into_iter()
            .enumerate()
            .map(|(i, item)| {
                let mapping = match item {
                    Value::Mapping(mapping) => mapping,
                    Value::Null => &EMPTY,
                    other => {
                        return Err(self.error(
                            &format!("{name}[{i}]"),
                            format!("{} where a mapping belongs", other.kind()),
                        ));
                    }
                };
                Ok(Block {
                    mapping,
                    path: format!("{}.{name}[{i}]", self.path),
                })
            })
            .collect()
    }

    /// The seven lists of keys, in sops's order.
    fn group(&self, budget: &mut usize) -> Result<KeyGroup> {
        let mut keys = Vec::new();
        for kind in KeyKind::ALL {
            for entry in self.list(kind.name())? {
                keys.push(entry.key(kind)?);
            }
        }
        *budget = budget.checked_sub(keys.len()).ok_or_else(|| {
            Error::new(
                ErrorKind::Limit,
                format!("more than {} recipients", limits::RECIPIENTS),
            )
            .at_key("sops")
            .advise("encrypt to fewer recipients: people and clusters can share a key")
        })?;
        Ok(KeyGroup { keys })
    }

    fn key(&self, kind: KeyKind) -> Result<WrappedKey> {
        let enc = self.text("enc")?;
        if enc.len() > limits::ARMOR_SIZE {
            return Err(Error::new(
                ErrorKind::Limit,
                format!(
                    "a wrapped data key of more than {} bytes",
                    limits::ARMOR_SIZE
                ),
            )
            .at_key(format!("{}.enc", self.path))
            .advise("a wrapped data key is far smaller; restore the sops block"));
        }
        let recipient = match kind {
            KeyKind::Age => Recipient::age(self.text("recipient")?),
            KeyKind::Pgp => Recipient::pgp(self.text("fp")?),
            KeyKind::AwsKms => Recipient::aws_kms(self.text("arn")?)
                .with_role(self.text("role")?)
                .with_profile(self.text("aws_profile")?)
                .with_context(self.context()?),
            KeyKind::GcpKms => Recipient::gcp_kms(self.text("resource_id")?),
            KeyKind::HuaweiKms => Recipient::huawei_kms(self.text("key_id")?),
            KeyKind::AzureKeyVault => Recipient::azure_key_vault(
                self.text("vault_url")?,
                self.text("name")?,
                self.text("version")?,
            ),
            KeyKind::Vault => Recipient::vault(
                self.text("vault_address")?,
                self.text("engine_path")?,
                self.text("key_name")?,
            ),
        };
        let mut key = WrappedKey::new(recipient, enc);
        if kind != KeyKind::Age {
            let created_at =
                Timestamp::parse_rfc3339(&self.text("created_at")?).ok_or_else(|| {
                    self.error("created_at", "not a time such as 2006-01-02T15:04:05Z")
                })?;
            key = key.with_created_at(created_at);
        }
        let known = super::fields(kind);
        for (name, value) in self.mapping.entries() {
            let same = |field: &&str| name.as_bytes().eq_ignore_ascii_case(field.as_bytes());
            if !known.iter().any(same) {
                key.unknown.push(name.clone(), value.clone());
            }
        }
        Ok(key)
    }

    /// The encryption context of AWS KMS.
    fn context(&self) -> Result<BTreeMap<String, String>> {
        let Some(Value::Mapping(mapping)) = self.field("context") else {
            return Ok(BTreeMap::new());
        };
        let context = Block {
            mapping,
            path: format!("{}.context", self.path),
        };
        let names = mapping.entries().filter_map(|(name, _)| name.as_str());
        names
            .map(|name| Ok((name.to_owned(), context.text(name)?)))
            .collect()
    }
}

/// An integer as Go's `ParseInt` with base 0 reads it, or a float without a
/// fraction, as very old dotenv files have it; the empty text is 0.
fn parse_int(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.replace('_', "");
    let (radix, rest) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some("0b") => (2, digits.get(2..)?),
        _ if digits.len() > 1 && digits.starts_with('0') && !digits.contains('.') => {
            (8, digits.get(1..)?)
        }
        _ => (10, digits.as_str()),
    };
    i64::from_str_radix(rest, radix)
        .ok()
        .or_else(|| text.parse().ok().and_then(whole))
}

/// A small float without fraction as an integer.
fn whole(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() < 1e9).then_some(float as i64)
}

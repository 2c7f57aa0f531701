//! AWS KMS (sops-master-keys §2).

mod answer;
mod arn;
mod chain;
mod client;
mod credentials;
mod fetch;
mod profile;
mod s3;
mod sign;

use std::{collections::BTreeMap, sync::OnceLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sops_core::keys::{
    Effort, KeyError, KeyKind, KeyService, Place, Reason, Recipient, Secret, WrappedKey,
};
use zeroize::Zeroizing;

use crate::{
    Environment,
    http::{Answer, Request, STRANGER},
    wire::{Text, damaged, decode, to_json},
};
use arn::Arn;
use chain::Chain;
use client::{Ask, Aws, Wanted};
pub use s3::S3;

/// Opens and wraps keys with AWS KMS.
///
/// Credentials come from where AWS's Go SDK, and so sops, takes them: the
/// key's profile alone if it names one; `AWS_ACCESS_KEY_ID`; a web identity
/// (`AWS_WEB_IDENTITY_TOKEN_FILE`, as EKS sets it for IRSA); the shared
/// configuration (keys, roles, SSO, `credential_process` where the
/// [policy](crate::Policy) lets programs be run); the container's (ECS, EKS
/// Pod Identity); the machine's (IMDSv2). A key's `role` is assumed on top.
/// The region is the ARN's.
///
/// A file's `arn`, `role` and `aws_profile` are used as they stand: whoever
/// writes a file chooses among what the credentials at hand allow.
///
/// ```no_run
/// use sops_core::Keyring;
/// use sops_kms::{AwsKms, Environment, Policy};
///
/// let mut keyring = Keyring::new();
/// keyring.add_service(AwsKms::new(Environment::of_process(Policy::default())));
/// ```
pub struct AwsKms {
    env: Environment,
    /// Made when the first key is asked for.
    aws: OnceLock<Aws>,
}

/// The fields of a recipient.
struct Key<'a> {
    arn: &'a str,
    context: &'a BTreeMap<String, String>,
    wanted: Wanted,
}

impl AwsKms {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        AwsKms {
            env,
            aws: OnceLock::new(),
        }
    }

    /// Whose credentials a key without a profile and a role would be asked
    /// for with, as far as variables and files say: nobody is asked.
    ///
    /// # Errors
    ///
    /// Where there are none.
    pub fn outlook(&self) -> Result<String, KeyError> {
        let source = Chain::new(&self.env).source(None)?;
        Ok(source.to_string())
    }

    fn aws(&self) -> &Aws {
        self.aws.get_or_init(|| Aws::new(&self.env))
    }

    fn ask(&self, key: &Key<'_>, action: &str, body: &[u8]) -> Result<Answer, KeyError> {
        let (aws, wanted) = (self.aws(), &key.wanted);
        let url = aws.endpoint("kms", &wanted.region, wanted.profile.as_deref())? + "/";
        let ask = Ask {
            service: "kms",
            action: &format!("kms:{action}"),
            what: key.arn,
            plain_path: false,
        };
        aws.ask(wanted, &ask, || {
            Request::post(url.clone())
                .with_header("content-type", "application/x-amz-json-1.1")
                .with_header("x-amz-target", format!("TrentService.{action}"))
                .with_body(body.to_vec())
        })
    }
}

impl<'a> Key<'a> {
    fn of(recipient: &'a Recipient) -> Result<Self, KeyError> {
        let Recipient::AwsKms {
            arn,
            role,
            context,
            profile,
            ..
        } = recipient
        else {
            return Err(KeyError::not_ours());
        };
        let Some(Arn { region }) = Arn::parse(arn) else {
            return Err(KeyError::new(
                Reason::Invalid,
                format!("{arn} is not the ARN of a KMS key"),
            )
            .advise("an ARN is like arn:aws:kms:eu-west-1:123456789012:key/… or …:alias/…"));
        };
        Ok(Key {
            arn,
            context,
            wanted: Wanted {
                profile: profile.clone(),
                role: role.clone(),
                region: region.into(),
            },
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Call<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<&'a str>,
    encryption_context: &'a BTreeMap<String, String>,
    key_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered<'a> {
    #[serde(borrow)]
    plaintext: Option<Text<'a>>,
    #[serde(borrow)]
    ciphertext_blob: Option<Text<'a>>,
}

impl KeyService for AwsKms {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::AwsKms
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::Network]
    }

    fn unwrap(&self, key: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        let fields = Key::of(key.recipient())?;
        let enc = key.enc().trim();
        if decode(&BASE64_STANDARD, enc).is_none() {
            return Err(damaged("enc is not base64", "base64"));
        }
        let call = Call {
            ciphertext_blob: Some(enc),
            encryption_context: fields.context,
            key_id: fields.arn,
            plaintext: None,
        };
        let answer = self.ask(&fields, "Decrypt", &to_json(&call))?;
        let read = || {
            let answered = answer.json::<Answered<'_>>()?;
            decode(&BASE64_STANDARD, answered.plaintext?.as_str())
        };
        read().map(Secret::from).ok_or_else(|| no_key("Decrypt"))
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let fields = Key::of(to)?;
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(secret.as_bytes()));
        let call = Call {
            ciphertext_blob: None,
            encryption_context: fields.context,
            key_id: fields.arn,
            plaintext: Some(&plaintext),
        };
        let answer = self.ask(&fields, "Encrypt", &to_json(&call))?;
        let answered = answer.json::<Answered<'_>>();
        let enc = answered.and_then(|answered| answered.ciphertext_blob);
        let enc = enc.filter(|enc| decode(&BASE64_STANDARD, enc.as_str()).is_some());
        let enc = enc.ok_or_else(|| no_key("Encrypt"))?;
        Ok(WrappedKey::new(to.clone(), enc.as_str()))
    }

    fn places(&self) -> Vec<Place> {
        self.aws.get().map_or_else(Vec::new, Aws::places)
    }

    fn forget_failures(&self) {
        if let Some(aws) = self.aws.get() {
            aws.forget_failures();
        }
    }
}

fn no_key(action: &str) -> KeyError {
    KeyError::new(
        Reason::Unavailable,
        format!("the answer to kms:{action} holds no key"),
    )
    .advise(STRANGER)
}

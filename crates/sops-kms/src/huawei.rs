//! Huawei Cloud KMS (sops-master-keys §6).

mod credentials;
mod fetch;
mod sign;

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::SystemTime,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use sops_core::keys::{
    Effort, KeyError, KeyKind, KeyService, Place, Reason, Recipient, Secret, WrappedKey,
};
use zeroize::Zeroizing;

use crate::{
    Environment,
    http::{Answer, Client, Origin, Request},
    kept::{Fresh, Kept},
    refusal::{codes, refused, unreadable},
    time,
    wire::{Text, damaged, decode, to_json},
};
use credentials::{Keys, Source, source};

/// How sops wraps with Huawei's KMS.
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// Opens and wraps keys with Huawei Cloud KMS.
///
/// Credentials come from where sops, by way of Huawei's Go library, takes
/// them: `HUAWEICLOUD_SDK_AK` and `HUAWEICLOUD_SDK_SK`; the file
/// `HUAWEICLOUD_SDK_CREDENTIALS_FILE`, else `~/.huaweicloud/credentials`; the
/// machine's metadata server. The project is `HUAWEICLOUD_SDK_PROJECT_ID`, or
/// is looked up by the region's name.
///
/// A file's region is matched whole before it becomes part of a host's name;
/// `HUAWEICLOUD_SDK_REGION_KMS_REGION` says where a region's KMS is.
///
/// ```no_run
/// use sops_core::Keyring;
/// use sops_kms::{Environment, HuaweiKms, Policy};
///
/// let mut keyring = Keyring::new();
/// keyring.add_service(HuaweiKms::new(Environment::of_process(Policy::default())));
/// ```
pub struct HuaweiKms {
    env: Environment,
    /// Made when the first key is asked for.
    huawei: OnceLock<Huawei>,
}

/// What works on requests.
struct Huawei {
    env: Environment,
    client: Client,
    metadata: Client,
    sources: Kept<(), Source, KeyError>,
    keys: Kept<(), Keys, KeyError>,
    /// Of each region.
    projects: Kept<String, String, KeyError>,
    /// Where credentials were looked for.
    places: Mutex<Vec<Place>>,
}

/// A key, by what names it.
struct Key<'a> {
    region: &'a str,
    id: &'a str,
}

impl<'a> Key<'a> {
    fn of(recipient: &'a Recipient) -> Result<Self, KeyError> {
        let Recipient::HuaweiKms { key_id, .. } = recipient else {
            return Err(KeyError::not_ours());
        };
        let good = |text: &str, others: &[u8]| {
            let good = |b: u8| b.is_ascii_alphanumeric() || others.contains(&b);
            !text.is_empty() && text.len() <= 64 && text.bytes().all(good)
        };
        match key_id.trim().split_once(':') {
            Some((region, id))
                if good(region, b"-")
                    && region.starts_with(|c: char| c.is_ascii_lowercase())
                    && !region.bytes().any(|b| b.is_ascii_uppercase())
                    && good(id, b"-_") =>
            {
                Ok(Key { region, id })
            }
            _ => Err(KeyError::new(
                Reason::Invalid,
                format!("{key_id} is not the id of a KMS key"),
            )
            .advise("an id is like tr-west-1:0d0466b0-e727-4d9c-b35d-f84bb474a37f")),
        }
    }
}

impl HuaweiKms {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        HuaweiKms {
            env,
            huawei: OnceLock::new(),
        }
    }

    /// Whose credentials KMS would be asked with, as far as variables and
    /// files say: nobody is asked.
    ///
    /// # Errors
    ///
    /// Where there are none.
    pub fn outlook(&self) -> Result<String, KeyError> {
        Ok(source(&self.env, &mut Vec::new())?.to_string())
    }

    fn huawei(&self) -> &Huawei {
        self.huawei.get_or_init(|| Huawei {
            env: self.env.clone(),
            client: Client::new(&self.env),
            metadata: Client::for_metadata(&self.env),
            sources: Kept::default(),
            keys: Kept::default(),
            projects: Kept::default(),
            places: Mutex::default(),
        })
    }
}

#[derive(Serialize)]
struct Call<'a> {
    key_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plain_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cipher_text: Option<&'a str>,
    encryption_algorithm: &'a str,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    plain_text: Option<Text<'a>>,
    #[serde(borrow)]
    cipher_text: Option<Text<'a>>,
}

impl Huawei {
    fn kms(&self, key: &Key<'_>, action: &str, call: &Call<'_>) -> Result<Answer, KeyError> {
        let source = self.source()?;
        let project = self.project(&source, key.region)?;
        let endpoint = self.endpoint(key.region)?;
        let url = format!("{endpoint}/v1.0/{project}/kms/{action}-data");
        let request = Request::post(url)
            .with_header("content-type", "application/json")
            .with_header("x-project-id", project)
            .with_body(to_json(call));
        let answer = self.signed(&request, &source)?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(refusal(&answer, action, key, &source))
    }

    /// Signs and sends; once more with fresh keys where they have ended.
    fn signed(&self, request: &Request, source: &Source) -> Result<Answer, KeyError> {
        let mut renewed = false;
        loop {
            let keys = self.keys(source)?;
            let origin = Origin::of(request.url()).map(|origin| origin.to_string());
            let host = origin.as_deref().and_then(|o| Some(o.split_once("://")?.1));
            let stamp = time::compact(SystemTime::now());
            let signed = sign::sign(request.clone(), &keys, host, &stamp);
            let answer = self.client.send(&signed)?;
            let can_renew = matches!(source, Source::Metadata { .. });
            if answer.status() == 401 && can_renew && !renewed {
                renewed = true;
                self.keys.forget(&(), |kept| kept.id == keys.id);
                continue;
            }
            return Ok(answer);
        }
    }

    fn source(&self) -> Result<Source, KeyError> {
        self.sources.get(&(), || {
            let mut found = Vec::new();
            let source = source(&self.env, &mut found);
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            *places = found;
            Ok(Fresh {
                value: source?,
                until: None,
            })
        })
    }

    fn keys(&self, source: &Source) -> Result<Keys, KeyError> {
        self.keys.get(&(), || match source {
            Source::Given { keys, .. } => Ok(Fresh {
                value: keys.clone(),
                until: None,
            }),
            Source::Metadata { server } => self.machine(server),
        })
    }

    /// Where a region's KMS is.
    fn endpoint(&self, region: &str) -> Result<String, KeyError> {
        let name = region.to_ascii_uppercase().replace('-', "_");
        let name = format!("HUAWEICLOUD_SDK_REGION_KMS_{name}");
        if let Some(url) = self.env.var(&name) {
            if Origin::of(&url).is_none() {
                return Err(self.env.unusable(&name, "an http or https address"));
            }
            return Ok(url.trim_end_matches('/').to_owned());
        }
        // Europe's own cloud.
        let end = if region == "eu-west-101" { "eu" } else { "com" };
        Ok(format!("https://kms.{region}.myhuaweicloud.{end}"))
    }
}

fn refusal(answer: &Answer, action: &str, key: &Key<'_>, who: &Source) -> KeyError {
    let Key { region, id } = key;
    let of = |reason, detail: String| refused(answer, reason, &detail);
    let codes = codes(answer);
    let has = |code: &str| codes.iter().any(|other| other == code);
    match answer.status() {
        401 => of(Reason::Denied, format!("{who} is not accepted")).advise(
            "check the access key, its secret and, of a temporary one, its token; and this \
             machine's clock",
        ),
        403 => of(
            Reason::Denied,
            format!("kms:dek:{action} is not allowed for {who} on {region}:{id}"),
        )
        .advise(format!(
            "allow it for {who} in IAM, or by a grant on the key"
        )),
        status if status == 404 || (status == 400 && has("KMS.0205")) => {
            of(Reason::NotFound, format!("{region}:{id}"))
                .advise("check region, project and id of the key")
        }
        400 if action == "decrypt" => of(Reason::NotOurs, format!("not opened with {region}:{id}"))
            .advise(
                "see whether the key is enabled; restore key_id and enc of the file's `sops` \
                 block from version control",
            ),
        _ => of(
            match answer.reason() {
                _ if answer.is_transient() => Reason::Unavailable,
                reason => reason,
            },
            format!("{action} with {region}:{id} failed"),
        ),
    }
}

impl KeyService for HuaweiKms {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == KeyKind::HuaweiKms
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::Network]
    }

    fn unwrap(&self, wrapped: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        let key = Key::of(wrapped.recipient())?;
        let enc = wrapped.enc().trim();
        if enc.is_empty() {
            return Err(damaged("enc is empty", "empty"));
        }
        let call = Call {
            key_id: key.id,
            plain_text: None,
            cipher_text: Some(enc),
            encryption_algorithm: ALGORITHM,
        };
        let answer = self.huawei().kms(&key, "decrypt", &call)?;
        // What was encrypted is the key's base64.
        let read = || {
            let text = answer.json::<Answered<'_>>()?.plain_text?;
            decode(&BASE64_STANDARD, text.as_str())
        };
        read().map(Secret::from).ok_or_else(|| unreadable(key.id))
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let key = Key::of(to)?;
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(secret.as_bytes()));
        let call = Call {
            key_id: key.id,
            plain_text: Some(&plaintext),
            cipher_text: None,
            encryption_algorithm: ALGORITHM,
        };
        let answer = self.huawei().kms(&key, "encrypt", &call)?;
        let read = || {
            let text = answer.json::<Answered<'_>>()?.cipher_text?;
            (!text.as_str().is_empty()).then(|| WrappedKey::new(to.clone(), text.as_str()))
        };
        read().ok_or_else(|| unreadable(key.id))
    }

    fn places(&self) -> Vec<Place> {
        let Some(huawei) = self.huawei.get() else {
            return Vec::new();
        };
        let places = huawei.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.clone()
    }

    fn forget_failures(&self) {
        if let Some(huawei) = self.huawei.get() {
            huawei.sources.forget_failures();
            huawei.keys.forget_failures();
            huawei.projects.forget_failures();
            huawei.client.forget_failures();
            huawei.metadata.forget_failures();
        }
    }
}

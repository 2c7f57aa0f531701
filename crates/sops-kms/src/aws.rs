//! AWS KMS (sops-master-keys §2).

mod answer;
mod arn;
mod chain;
mod credentials;
mod fetch;
mod profile;
mod sign;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sops_core::keys::{
    Effort, KeyError, KeyKind, KeyService, Place, Reason, Recipient, Secret, WrappedKey,
};
use zeroize::Zeroizing;

use crate::{
    Environment,
    http::{Answer, Client, Request},
    kept::{Fresh, Kept},
    wire::{Text, decode, to_json},
};
use answer::{Asked, passes, refusal};
use arn::Arn;
use chain::Chain;
use credentials::{Credentials, Source};

/// How far a clock may be off before it is corrected, as AWS's SDKs have it.
const SKEW: Duration = Duration::from_secs(4 * 60);

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

/// What works on requests.
struct Aws {
    env: Environment,
    client: Client,
    neighbours: Client,
    metadata: Client,
    credentials: Kept<Wanted, Credentials, KeyError>,
    /// Seconds that our clock is behind AWS's.
    offset: AtomicI64,
    /// Where credentials were looked for.
    places: Mutex<Vec<Place>>,
}

/// What decides which credentials a request takes.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Wanted {
    profile: Option<String>,
    role: Option<String>,
    region: String,
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
}

impl Aws {
    fn new(env: &Environment) -> Self {
        let bundle = env.path_var("AWS_CA_BUNDLE");
        Aws {
            env: env.clone(),
            client: Client::new(env).trusting_file(bundle.clone()),
            neighbours: Client::for_neighbours(env).trusting_file(bundle),
            metadata: Client::for_metadata(env),
            credentials: Kept::default(),
            offset: AtomicI64::new(0),
            places: Mutex::default(),
        }
    }

    /// Sends a request of KMS, with credentials that are renewed once where
    /// AWS says that they have ended.
    fn kms(&self, key: &Key<'_>, action: &str, body: &[u8]) -> Result<Answer, KeyError> {
        let wanted = &key.wanted;
        let url = self.endpoint("kms", &wanted.region, wanted.profile.as_deref())? + "/";
        let make = || {
            Request::post(url.clone())
                .with_header("content-type", "application/x-amz-json-1.1")
                .with_header("x-amz-target", format!("TrentService.{action}"))
                .with_body(body.to_vec())
                .retried_when(passes)
        };
        let mut renewed = false;
        loop {
            let credentials = self.credentials(wanted)?;
            let answer = self.signed(make, &credentials, "kms", &wanted.region)?;
            if answer.is_success() {
                return Ok(answer);
            }
            let ended = answer::code(&answer).is_some_and(|code| answer::has_ended(&code));
            if ended && !renewed {
                renewed = true;
                self.credentials
                    .forget(wanted, |kept| kept.keys == credentials.keys);
                continue;
            }
            return Err(refusal(
                &answer,
                &Asked {
                    action: &format!("kms:{action}"),
                    what: key.arn,
                    who: &credentials.who,
                },
            ));
        }
    }

    /// Signs and sends; once more with the server's time where ours is off.
    fn signed(
        &self,
        make: impl Fn() -> Request,
        credentials: &Credentials,
        service: &str,
        region: &str,
    ) -> Result<Answer, KeyError> {
        let send = || {
            let scope = sign::Scope {
                region,
                service,
                time: self.now(),
                plain_path: false,
            };
            self.client
                .send(&sign::sign(make(), &credentials.keys, &scope))
        };
        let answer = send()?;
        let code = answer::code(&answer).filter(|_| !answer.is_success());
        if code.is_some_and(|code| answer::may_be_the_clock(&code)) && self.correct(&answer) {
            return Ok(send()?);
        }
        Ok(answer)
    }

    /// Whether the answer's date shows that our clock is wrong; takes note.
    fn correct(&self, answer: &Answer) -> bool {
        let Some(theirs) = answer.header("date").and_then(crate::time::http_date) else {
            return false;
        };
        let ours = self.now();
        let off = theirs
            .duration_since(ours)
            .or_else(|_| ours.duration_since(theirs));
        if off.is_ok_and(|off| off < SKEW) {
            return false;
        }
        let now = SystemTime::now();
        let seconds = match theirs.duration_since(now) {
            Ok(ahead) => ahead.as_secs().try_into().unwrap_or(0),
            Err(behind) => i64::try_from(behind.duration().as_secs()).map_or(0, |s| -s),
        };
        self.offset.store(seconds, Ordering::Relaxed);
        true
    }

    fn now(&self) -> SystemTime {
        let offset = self.offset.load(Ordering::Relaxed);
        let distance = Duration::from_secs(offset.unsigned_abs());
        let now = SystemTime::now();
        let corrected = if offset < 0 {
            now.checked_sub(distance)
        } else {
            now.checked_add(distance)
        };
        corrected.unwrap_or(now)
    }

    fn credentials(&self, wanted: &Wanted) -> Result<Credentials, KeyError> {
        self.credentials.get(wanted, || {
            let credentials = match &wanted.role {
                None => {
                    let mut chain = Chain::new(&self.env);
                    let source = chain.source(wanted.profile.as_deref());
                    self.note(chain.places);
                    self.fetch(&source?, &wanted.region)?
                }
                Some(role) => {
                    let base = Wanted {
                        role: None,
                        ..wanted.clone()
                    };
                    let base = self.credentials(&base)?;
                    let source = Source::Role {
                        base: Box::new(Source::Given {
                            keys: base.keys.clone(),
                            from: base.who.clone(),
                        }),
                        role: role.clone(),
                        session: None,
                        external_id: None,
                        duration: None,
                    };
                    self.assume(&source, &base, &wanted.region)?
                }
            };
            Ok(Fresh {
                until: credentials.until,
                value: credentials,
            })
        })
    }

    fn note(&self, found: Vec<Place>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        for place in found {
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }

    /// Where a service is: what variables say, then the profile, then AWS.
    fn endpoint(
        &self,
        service: &str,
        region: &str,
        profile: Option<&str>,
    ) -> Result<String, KeyError> {
        let ignored = self.env.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        let given = self.override_of(service).or_else(|| {
            let mut chain = Chain::new(&self.env);
            chain.endpoint(profile, service).filter(|_| !ignored)
        });
        if let Some(url) = given {
            if crate::http::Origin::of(&url).is_none() {
                return Err(chain::missing(format!(
                    "the endpoint that is configured for {service} is not an http or https address"
                )));
            }
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let fips = self.env.flag("AWS_USE_FIPS_ENDPOINT");
        let dual_stack = self.env.flag("AWS_USE_DUALSTACK_ENDPOINT");
        Ok(arn::endpoint(service, region, fips, dual_stack))
    }

    /// `AWS_ENDPOINT_URL_KMS`, `AWS_ENDPOINT_URL`.
    fn override_of(&self, service: &str) -> Option<String> {
        if self.env.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            return None;
        }
        let name = service.to_ascii_uppercase().replace(['.', '-'], "_");
        let own = self.env.var(&format!("AWS_ENDPOINT_URL_{name}"));
        own.or_else(|| self.env.var("AWS_ENDPOINT_URL"))
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
            return Err(KeyError::new(Reason::Damaged, "enc is not base64").named("base64"));
        }
        let call = Call {
            ciphertext_blob: Some(enc),
            encryption_context: fields.context,
            key_id: fields.arn,
            plaintext: None,
        };
        let answer = self.aws().kms(&fields, "Decrypt", &to_json(&call))?;
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
        let answer = self.aws().kms(&fields, "Encrypt", &to_json(&call))?;
        let answered = answer.json::<Answered<'_>>();
        let enc = answered.and_then(|answered| answered.ciphertext_blob);
        let enc = enc.filter(|enc| decode(&BASE64_STANDARD, enc.as_str()).is_some());
        let enc = enc.ok_or_else(|| no_key("Encrypt"))?;
        Ok(WrappedKey::new(to.clone(), enc.as_str()))
    }

    fn places(&self) -> Vec<Place> {
        let Some(aws) = self.aws.get() else {
            return Vec::new();
        };
        aws.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn forget_failures(&self) {
        if let Some(aws) = self.aws.get() {
            aws.credentials.forget_failures();
            aws.client.forget_failures();
            aws.neighbours.forget_failures();
            aws.metadata.forget_failures();
        }
    }
}

fn no_key(action: &str) -> KeyError {
    KeyError::new(
        Reason::Unavailable,
        format!("the answer to kms:{action} holds no key"),
    )
}

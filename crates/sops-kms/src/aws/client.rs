//! Requests of AWS: signed, with credentials that are renewed, and at the
//! server's time.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use sops_core::keys::{KeyError, Place};

use super::{
    answer::{self, Asked, passes, refusal},
    arn,
    chain::{self, Chain},
    credentials::{Credentials, Source},
    sign,
};
use crate::{
    Environment,
    http::{Answer, Cause, Client, Request},
    kept::{Fresh, Kept},
};

/// How far a clock may be off before it is corrected, as AWS's SDKs have it.
const SKEW: Duration = Duration::from_secs(4 * 60);

/// What works on requests.
pub(super) struct Aws {
    pub(super) env: Environment,
    pub(super) client: Client,
    pub(super) neighbours: Client,
    pub(super) metadata: Client,
    credentials: Kept<Wanted, Credentials, KeyError>,
    /// Seconds that our clock is behind AWS's.
    offset: AtomicI64,
    /// Where credentials were looked for.
    places: Mutex<Vec<Place>>,
}

/// What decides which credentials a request takes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) profile: Option<String>,
    pub(super) role: Option<String>,
    pub(super) region: String,
}

/// What is asked for.
pub(super) struct Ask<'a> {
    /// `kms`: what the signature is good for.
    pub(super) service: &'a str,
    /// `kms:Decrypt`.
    pub(super) action: &'a str,
    /// The key, or the object.
    pub(super) what: &'a str,
    /// See [`sign::Scope::plain_path`].
    pub(super) plain_path: bool,
}

impl Aws {
    pub(super) fn new(env: &Environment) -> Self {
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

    /// Sends a request, with credentials that are renewed once where AWS says
    /// that they have ended.
    pub(super) fn ask(
        &self,
        wanted: &Wanted,
        ask: &Ask<'_>,
        make: impl Fn() -> Request,
    ) -> Result<Answer, KeyError> {
        let make = || make().retried_when(passes);
        let mut renewed = false;
        loop {
            let credentials = self.credentials(wanted)?;
            let answer = self.signed(make, &credentials, ask, &wanted.region)?;
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
                    action: ask.action,
                    what: ask.what,
                    who: &credentials.who,
                },
            ));
        }
    }

    /// Signs and sends; once more with the server's time where ours is off.
    pub(super) fn signed(
        &self,
        make: impl Fn() -> Request,
        credentials: &Credentials,
        ask: &Ask<'_>,
        region: &str,
    ) -> Result<Answer, KeyError> {
        let send = || {
            let scope = sign::Scope {
                region,
                service: ask.service,
                time: self.now(),
                plain_path: ask.plain_path,
            };
            let signed = sign::sign(make(), &credentials.keys, &scope);
            self.client.send(&signed).map_err(|failure| {
                // S3 sends those who ask the wrong region to another one.
                match failure.cause() {
                    Cause::Redirect(_) if ask.service == "s3" => answer::elsewhere(ask.what),
                    _ => failure.into(),
                }
            })
        };
        let answer = send()?;
        let code = answer::code(&answer).filter(|_| !answer.is_success());
        if code.is_some_and(|code| answer::may_be_the_clock(&code)) && self.correct(&answer) {
            return send();
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
    pub(super) fn endpoint(
        &self,
        service: &str,
        region: &str,
        profile: Option<&str>,
    ) -> Result<String, KeyError> {
        if let Some(url) = self.configured_endpoint(service, profile)? {
            return Ok(url);
        }
        let (fips, dual_stack) = self.variants();
        Ok(arn::endpoint(service, region, fips, dual_stack))
    }

    /// Whether AWS's own endpoints are to be those of FIPS, and those with
    /// IPv6.
    pub(super) fn variants(&self) -> (bool, bool) {
        (
            self.env.flag("AWS_USE_FIPS_ENDPOINT"),
            self.env.flag("AWS_USE_DUALSTACK_ENDPOINT"),
        )
    }

    /// Where variables or the profile say that a service is.
    pub(super) fn configured_endpoint(
        &self,
        service: &str,
        profile: Option<&str>,
    ) -> Result<Option<String>, KeyError> {
        let ignored = self.env.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        let given = self.override_of(service).or_else(|| {
            let mut chain = Chain::new(&self.env);
            chain.endpoint(profile, service).filter(|_| !ignored)
        });
        let Some(url) = given else { return Ok(None) };
        if crate::http::Origin::of(&url).is_none() {
            return Err(chain::missing(format!(
                "the endpoint that is configured for {service} is not an http or https address"
            )));
        }
        Ok(Some(url.trim_end_matches('/').to_owned()))
    }

    /// `AWS_ENDPOINT_URL_KMS`, `AWS_ENDPOINT_URL`.
    pub(super) fn override_of(&self, service: &str) -> Option<String> {
        if self.env.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            return None;
        }
        let name = service.to_ascii_uppercase().replace(['.', '-'], "_");
        let own = self.env.var(&format!("AWS_ENDPOINT_URL_{name}"));
        own.or_else(|| self.env.var("AWS_ENDPOINT_URL"))
    }

    pub(super) fn places(&self) -> Vec<Place> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.clone()
    }

    pub(super) fn forget_failures(&self) {
        self.credentials.forget_failures();
        self.client.forget_failures();
        self.neighbours.forget_failures();
        self.metadata.forget_failures();
    }
}

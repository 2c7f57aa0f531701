//! Gets credentials from where they come from.

mod process;

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use ring::digest;
use serde::Deserialize;
use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

use super::{
    answer::{Asked, passes, refusal, tag},
    chain::{missing, none},
    client::{Ask, Aws},
    credentials::{Credentials, Keys, Source},
};
use crate::{
    environment::MetadataServer,
    http::{Answer, Request, STRANGER, encode},
    time,
    wire::{Text, hex},
};

/// What containers, machines and programs answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given<'a> {
    #[serde(borrow)]
    access_key_id: Text<'a>,
    #[serde(borrow)]
    secret_access_key: Text<'a>,
    #[serde(borrow, alias = "SessionToken")]
    token: Option<Text<'a>>,
    #[serde(borrow)]
    expiration: Option<Text<'a>>,
}

impl Aws {
    /// Asks a source for credentials. `region` is the one whose STS is asked
    /// for roles.
    pub(super) fn fetch(&self, source: &Source, region: &str) -> Result<Credentials, KeyError> {
        match source {
            Source::Given { keys, from } => Ok(Credentials {
                keys: keys.clone(),
                until: None,
                who: from.clone(),
            }),
            Source::WebIdentity {
                token,
                role,
                session,
                ..
            } => self.web_identity(source, token, role, session.as_deref(), region),
            Source::Role { base, .. } => {
                let base = self.fetch(base, region)?;
                self.assume(source, &base, region)
            }
            Source::Sso { .. } => self.sso(source),
            Source::Process { profile, command } => {
                let output = process::run(profile, command)?;
                let bad = || {
                    missing(format!("{source} did not print credentials"))
                        .advise("run it by hand to see what it prints")
                };
                given(&output, source).ok_or_else(bad)
            }
            Source::Container { url, .. } => self.container(source, url),
            Source::Instance { server } => self.instance(source, server),
        }
    }

    fn web_identity(
        &self,
        source: &Source,
        token: &Path,
        role: &str,
        session: Option<&str>,
        region: &str,
    ) -> Result<Credentials, KeyError> {
        let token = self.env.read_token(token).map_err(|error| {
            missing(format!("{}: {}", token.display(), error.kind()))
                .advise("see whether the service account's token is mounted into this pod")
        })?;
        let session = session.map_or_else(session_name, str::to_owned);
        let request = Request::post(self.endpoint("sts", region, None)? + "/").with_form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", &session),
            ("WebIdentityToken", &token),
        ]);
        let answer = self.client.send(&request.retried_when(passes))?;
        let asked = Asked {
            action: "sts:AssumeRoleWithWebIdentity",
            what: role,
            who: "the service account's token",
        };
        from_sts(&answer, &asked, source)
    }

    /// A role, for credentials of somebody who may assume it.
    pub(super) fn assume(
        &self,
        source: &Source,
        base: &Credentials,
        region: &str,
    ) -> Result<Credentials, KeyError> {
        let Source::Role {
            role,
            session,
            external_id,
            duration,
            ..
        } = source
        else {
            return Err(none());
        };
        let session = session.clone().unwrap_or_else(session_name);
        let mut form = vec![
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", &session),
        ];
        form.extend(external_id.as_deref().map(|id| ("ExternalId", id)));
        form.extend(
            duration
                .as_deref()
                .map(|seconds| ("DurationSeconds", seconds)),
        );
        let url = self.endpoint("sts", region, None)? + "/";
        let make = || {
            Request::post(url.clone())
                .with_form(&form)
                .retried_when(passes)
        };
        let ask = Ask {
            service: "sts",
            action: "sts:AssumeRole",
            what: role,
            plain_path: false,
        };
        let answer = self.signed(make, base, &ask, region)?;
        let asked = Asked {
            action: "sts:AssumeRole",
            what: role,
            who: &base.who,
        };
        from_sts(&answer, &asked, source)
    }

    fn container(&self, source: &Source, url: &str) -> Result<Credentials, KeyError> {
        let mut request = Request::get(url);
        let file = self.env.path_var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        let token = match file {
            Some(path) => Some(self.env.read_token(&path).map_err(|error| {
                missing(format!("{}: {}", path.display(), error.kind())).advise(
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names the token that EKS \
                             mounts: see whether it is mounted into this pod",
                )
            })?),
            None => self.env.secret_var("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        if let Some(token) = token {
            request = request.with_header("authorization", token.as_str());
        }
        let answer = self.neighbours.send(&request)?;
        given_by(&answer, source)
    }

    fn instance(&self, source: &Source, server: &MetadataServer) -> Result<Credentials, KeyError> {
        const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
        let token = Request::put(format!("{}/latest/api/token", server.url()))
            .with_header("x-aws-ec2-metadata-token-ttl-seconds", "21600");
        // Nobody there: this is no machine of EC2.
        let token = self.metadata.send(&token);
        let token = token.map_err(|failure| failure.or_absent(none()))?;
        let text = |answer: &Answer| {
            let text = std::str::from_utf8(answer.body()).ok()?.trim();
            (answer.is_success() && !text.is_empty()).then(|| Zeroizing::new(text.to_owned()))
        };
        let token = text(&token).ok_or_else(none)?;
        let get = |path: String| {
            let request = Request::get(format!("{}{path}", server.url()))
                .with_header("x-aws-ec2-metadata-token", token.as_str());
            self.metadata.send(&request)
        };
        let roles = get(ROLES.into())?;
        let roles = text(&roles).ok_or_else(|| {
            missing("this machine has no role")
                .advise("give the instance a role (instance profile)")
        })?;
        let role = roles.lines().next().unwrap_or_default();
        given_by(&get(format!("{ROLES}{}", encode(role)))?, source)
    }

    fn sso(&self, source: &Source) -> Result<Credentials, KeyError> {
        let Source::Sso {
            profile,
            cached_as,
            region,
            account,
            role,
        } = source
        else {
            return Err(none());
        };
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Cached<'a> {
            #[serde(borrow)]
            access_token: Text<'a>,
            #[serde(borrow)]
            expires_at: Text<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answered<'a> {
            #[serde(borrow)]
            role_credentials: Role<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Role<'a> {
            #[serde(borrow)]
            access_key_id: Text<'a>,
            #[serde(borrow)]
            secret_access_key: Text<'a>,
            #[serde(borrow)]
            session_token: Text<'a>,
            /// Milliseconds since 1970.
            expiration: Option<u64>,
        }
        let log_in = |why: &str| {
            missing(format!("profile {profile}: {why}"))
                .advise(format!("run `aws sso login --profile {profile}`"))
        };
        let name = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, cached_as.as_bytes());
        let home = self.env.home().ok_or_else(|| log_in("no home directory"))?;
        let file = format!("{}.json", hex(name.as_ref()));
        let path = home.join(".aws").join("sso").join("cache").join(file);
        let cached = self.env.read(&path).map_err(|_| log_in("not logged in"))?;
        let cached: Cached<'_> =
            serde_json::from_slice(&cached).map_err(|_| log_in("not logged in"))?;
        if time::rfc3339(cached.expires_at.as_str()).is_none_or(|end| end < SystemTime::now()) {
            return Err(log_in("the login has expired"));
        }
        let endpoint = match self
            .override_of("portal.sso")
            .or_else(|| self.override_of("sso"))
        {
            Some(url) => url,
            None => super::arn::endpoint("portal.sso", region, false, false),
        };
        let url = format!(
            "{endpoint}/federation/credentials?role_name={}&account_id={}",
            encode(role),
            encode(account)
        );
        let request = Request::get(url)
            .with_header("x-amz-sso_bearer_token", cached.access_token.as_str())
            .retried_when(passes);
        let answer = self.client.send(&request)?;
        if answer.status() == 401 {
            return Err(log_in("the login has expired"));
        }
        let asked = Asked {
            action: "sso:GetRoleCredentials",
            what: role,
            who: &format!("profile {profile}"),
        };
        if !answer.is_success() {
            return Err(refusal(&answer, &asked));
        }
        let role = answer
            .json::<Answered<'_>>()
            .ok_or_else(|| unreadable(source))?
            .role_credentials;
        let end = role.expiration.map(Duration::from_millis);
        Ok(Credentials {
            keys: Keys::new(
                role.access_key_id.as_str(),
                role.secret_access_key.as_str(),
                Some(role.session_token.as_str()),
            ),
            until: end.and_then(|end| SystemTime::UNIX_EPOCH.checked_add(end)),
            who: source.to_string(),
        })
    }
}

fn given(json: &[u8], source: &Source) -> Option<Credentials> {
    let given: Given<'_> = serde_json::from_slice(json).ok()?;
    let token = given.token.as_ref().map(|token| token.as_str());
    Some(Credentials {
        keys: Keys::new(
            given.access_key_id.as_str(),
            given.secret_access_key.as_str(),
            token,
        ),
        until: given
            .expiration
            .as_ref()
            .and_then(|end| time::rfc3339(end.as_str())),
        who: source.to_string(),
    })
}

fn given_by(answer: &Answer, source: &Source) -> Result<Credentials, KeyError> {
    if !answer.is_success() {
        let who = source.to_string();
        let asked = Asked {
            action: "the request for credentials",
            what: &who,
            who: "this program",
        };
        let error = refusal(answer, &asked);
        return Err(match error.reason() {
            Reason::Unavailable => error,
            _ => missing(format!(
                "{source} gave no credentials ({})",
                answer.status()
            ))
            .advise(
                "see whether the pod, task or machine has a role, and whether its token for this \
                 server is still good",
            ),
        });
    }
    given(answer.body(), source).ok_or_else(|| unreadable(source))
}

fn from_sts(answer: &Answer, asked: &Asked<'_>, source: &Source) -> Result<Credentials, KeyError> {
    if !answer.is_success() {
        return Err(refusal(answer, asked));
    }
    let read = || {
        let xml = std::str::from_utf8(answer.body()).ok()?;
        Some(Credentials {
            keys: Keys::new(
                tag(xml, "AccessKeyId")?,
                tag(xml, "SecretAccessKey")?,
                tag(xml, "SessionToken"),
            ),
            until: tag(xml, "Expiration").and_then(time::rfc3339),
            who: source.to_string(),
        })
    };
    read().ok_or_else(|| unreadable(source))
}

fn unreadable(source: &Source) -> KeyError {
    KeyError::new(
        Reason::Unavailable,
        format!("the answer for {source} cannot be read"),
    )
    .advise(STRANGER)
}

/// `sops@` and this machine's name, without what a session's name may not
/// hold, as sops makes it (sops-master-keys §2).
fn session_name() -> String {
    session_name_of(&host())
}

fn session_name_of(host: &str) -> String {
    let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '=' | ',' | '.' | '@'..='_');
    format!("sops@{host}")
        .chars()
        .filter(good)
        .take(64)
        .collect()
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_named_as_sops_names_them() {
        assert_eq!(session_name_of("some-hostname"), "sops@somehostname");
        assert_eq!(session_name_of("a.b_c+d"), "sops@a.b_cd");
        assert_eq!(session_name_of(&"x".repeat(99)).len(), 64);
    }
}

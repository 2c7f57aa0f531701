//! Asks for tokens.

use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

use super::{
    Gcp,
    chain::none,
    credentials::{Source, Subject, SubjectPlace, bad},
};
use crate::{
    environment::MetadataServer,
    http::{Origin, Request, encode},
    jwt::{self, Algorithm},
    kept::Fresh,
    oauth::{self, Token},
    refusal::{refused, unreadable},
    wire::{Text, to_json},
};

/// All of Google Cloud that the account may use; KMS has nothing narrower
/// that all credentials know.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// As long as Google takes a token that we sign.
const SIGNED: Duration = Duration::from_secs(3600);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    scope: &'a str,
    iat: u64,
    exp: u64,
}

impl Gcp {
    pub(super) fn fetch(&self, source: &Source, depth: usize) -> Result<Fresh<Token>, KeyError> {
        let who = source.to_string();
        match source {
            Source::Given { token } => Ok(Fresh {
                value: Token::new(token.clone()),
                until: None,
            }),
            Source::ServiceAccount {
                email,
                key,
                key_id,
                from,
            } => sign(email, key, key_id.as_deref(), from),
            Source::User {
                url,
                client_id,
                client_secret,
                refresh_token,
                in_header,
                ..
            } => {
                let mut form = vec![
                    ("grant_type", "refresh_token"),
                    ("refresh_token", refresh_token.as_str()),
                ];
                let mut request = Request::post(url.clone());
                if *in_header {
                    request = with_client(request, client_id, client_secret);
                } else {
                    form.push(("client_id", client_id));
                    form.push(("client_secret", client_secret));
                }
                let log_in = "run `gcloud auth application-default login`";
                oauth::fetch(&self.client, &request.with_form(&form), &who).map_err(|error| {
                    match error.reason() {
                        Reason::Denied => error.advise(log_in),
                        _ => error,
                    }
                })
            }
            Source::External { .. } => self.exchange(source, &who),
            Source::Impersonated { base, .. } => {
                let left = depth.checked_sub(1).ok_or_else(none)?;
                let base = self.fetch(base, left)?.value;
                self.impersonate(source, &base, &who)
            }
            Source::Metadata { server } => self.metadata(server, &who),
        }
    }

    /// A token of Google's for one of somebody else's (RFC 8693).
    fn exchange(&self, source: &Source, who: &str) -> Result<Fresh<Token>, KeyError> {
        let Source::External {
            url,
            audience,
            subject_type,
            subject,
            client,
            user_project,
            from,
        } = source
        else {
            return Err(none());
        };
        let subject = self.subject(subject, from)?;
        let options = user_project
            .as_ref()
            .map(|project| serde_json::json!({ "userProject": project }).to_string());
        let mut form = vec![
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("audience", audience),
            ("scope", SCOPE),
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            ("subject_token", subject.as_str()),
            ("subject_token_type", subject_type),
        ];
        form.extend(options.as_deref().map(|options| ("options", options)));
        let mut request = Request::post(url.clone());
        if let Some((id, secret)) = client {
            request = with_client(request, id, secret);
        }
        oauth::fetch(&self.client, &request.with_form(&form), who)
    }

    /// The token of somebody else's.
    fn subject(&self, subject: &Subject, from: &str) -> Result<Zeroizing<String>, KeyError> {
        let text = match &subject.place {
            SubjectPlace::File(path) => self.env.read_token(path).map_err(|error| {
                bad(from, &format!("{}: {}", path.display(), error.kind()))
                    .advise("see whether the service account's token is mounted into this pod")
            })?,
            SubjectPlace::Url(url, headers) => {
                let mut request = Request::get(url.clone());
                for (name, value) in headers {
                    request = request.with_header(name.clone(), value.as_str());
                }
                let what = format!("the token that {from} asks for");
                // Without TLS it is the metadata server of another cloud.
                let client = match Origin::of(url) {
                    Some(origin) if origin.is_secure() => &self.client,
                    _ => &self.metadata,
                };
                let answer = client.send(&request)?;
                if !answer.is_success() {
                    return Err(refused(&answer, answer.reason(), &format!("not {what}")));
                }
                let text = std::str::from_utf8(answer.body()).map_err(|_| unreadable(&what))?;
                Zeroizing::new(text.trim().to_owned())
            }
        };
        let token = match &subject.field {
            None => Some(text),
            Some(field) => field_of(&text, field),
        };
        token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| bad(from, "the file or url of credential_source holds no token"))
    }

    fn impersonate(
        &self,
        source: &Source,
        base: &Token,
        who: &str,
    ) -> Result<Fresh<Token>, KeyError> {
        #[derive(Serialize)]
        struct Call<'a> {
            scope: [&'a str; 1],
            lifetime: String,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            delegates: &'a [String],
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answered<'a> {
            #[serde(borrow)]
            access_token: Text<'a>,
        }
        let Source::Impersonated {
            url,
            delegates,
            seconds,
            ..
        } = source
        else {
            return Err(none());
        };
        let call = Call {
            scope: [SCOPE],
            lifetime: format!("{seconds}s"),
            delegates,
        };
        let request = Request::post(url.clone())
            .with_header("content-type", "application/json")
            .with_body(to_json(&call));
        let answer = self.client.send(&base.sign(request))?;
        if !answer.is_success() {
            return Err(oauth::refusal(&answer, who));
        }
        let answered = answer.json::<Answered<'_>>();
        let answered = answered.ok_or_else(|| unreadable(&format!("a token of {who}")))?;
        let life = Duration::from_secs((*seconds).into());
        Ok(Fresh {
            value: Token::new(answered.access_token.to_owned()),
            until: SystemTime::now().checked_add(life),
        })
    }

    fn metadata(&self, server: &MetadataServer, who: &str) -> Result<Fresh<Token>, KeyError> {
        let url = format!(
            "{}/computeMetadata/v1/instance/service-accounts/default/token?scopes={}",
            server.url(),
            encode(SCOPE)
        );
        let request = Request::get(url).with_header("metadata-flavor", "Google");
        // Nobody there: this is no machine of Google's.
        let answer = self.metadata.send(&request);
        let answer = answer.map_err(|failure| failure.or_absent(none()))?;
        match answer.status() {
            200 => oauth::read(answer.body()).ok_or_else(none),
            404 => Err(none()),
            _ => Err(oauth::refusal(&answer, who)),
        }
    }
}

/// A token that KMS takes as it is (google.aip.dev/auth/4111): one request
/// less, and one server less to be reached.
fn sign(
    email: &str,
    key: &str,
    key_id: Option<&str>,
    from: &str,
) -> Result<Fresh<Token>, KeyError> {
    let (iat, exp) = jwt::from_now(SIGNED);
    let header = Header {
        alg: "RS256",
        typ: "JWT",
        kid: key_id.filter(|id| !id.is_empty()),
    };
    let claims = Claims {
        iss: email,
        sub: email,
        scope: SCOPE,
        iat,
        exp,
    };
    let sign = || {
        let key = jwt::Key::from_pem(key.as_bytes())?;
        key.sign(Algorithm::Rs256, &to_json(&header), &to_json(&claims))
    };
    let token = sign().ok_or_else(|| bad(from, "private_key is not an RSA key in PEM"))?;
    Ok(Fresh {
        value: Token::new(token),
        until: SystemTime::now().checked_add(SIGNED),
    })
}

fn with_client(request: Request, id: &str, secret: &str) -> Request {
    let pair = Zeroizing::new(format!("{id}:{secret}"));
    let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
    request.with_header("authorization", format!("Basic {}", pair.as_str()))
}

/// A field of a JSON object.
fn field_of(json: &str, field: &str) -> Option<Zeroizing<String>> {
    let mut fields: Map<String, Value> = serde_json::from_str(json).ok()?;
    match fields.remove(field)? {
        Value::String(text) => Some(Zeroizing::new(text)),
        _ => None,
    }
}

//! Access tokens (RFC 6749, RFC 8693).

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use serde_json::Value;
use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

use crate::{
    http::{Answer, Client, Request},
    kept::Fresh,
    refusal::{codes, refused, unreadable},
    wire::Text,
};

/// A token that is as good as a password while it lasts.
#[derive(Clone, PartialEq)]
pub(crate) struct Token(Zeroizing<String>);

impl Token {
    pub(crate) fn new(text: Zeroizing<String>) -> Self {
        Token(text)
    }

    /// The request, with the token.
    pub(crate) fn sign(&self, request: Request) -> Request {
        request.with_header("authorization", format!("Bearer {}", self.0.as_str()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What token endpoints and metadata servers answer.
#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    access_token: Text<'a>,
    /// Seconds; some say it as a text.
    expires_in: Option<Value>,
    /// Seconds since 1970; some say it as a text.
    expires_on: Option<Value>,
}

/// The token in an answer of success.
pub(crate) fn read(json: &[u8]) -> Option<Fresh<Token>> {
    let answered: Answered<'_> = serde_json::from_slice(json).ok()?;
    if answered.access_token.as_str().is_empty() {
        return None;
    }
    let seconds = |value: &Option<Value>| match value.as_ref()? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let until = match (seconds(&answered.expires_in), seconds(&answered.expires_on)) {
        (Some(left), _) => SystemTime::now().checked_add(Duration::from_secs(left)),
        (None, Some(end)) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(end)),
        (None, None) => None,
    };
    Some(Fresh {
        value: Token::new(answered.access_token.to_owned()),
        until,
    })
}

/// Asks for a token. `who` is whose it will be, for messages.
pub(crate) fn fetch(
    client: &Client,
    request: &Request,
    who: &str,
) -> Result<Fresh<Token>, KeyError> {
    let answer = client.send(request)?;
    if !answer.is_success() {
        return Err(refusal(&answer, who));
    }
    read(answer.body()).ok_or_else(|| unreadable(&format!("a token of {who}")))
}

pub(crate) fn refusal(answer: &Answer, who: &str) -> KeyError {
    let reason = match answer.status() {
        400 => Reason::Denied,
        _ => answer.reason(),
    };
    let error = refused(answer, reason, &format!("no token for {who}"));
    match codes(answer).first().map_or("", |code| code) {
        "invalid_grant" => error.advise(format!(
            "what {who} is proved with has expired, was revoked, or is not trusted: renew it, \
             and check this machine's clock"
        )),
        "invalid_client" | "unauthorized_client" => error.advise(format!(
            "check the id and the secret or certificate of {who}"
        )),
        "PERMISSION_DENIED" => error.advise(format!(
            "grant roles/iam.serviceAccountTokenCreator (for a pod: \
             roles/iam.workloadIdentityUser) on {who}"
        )),
        _ => error,
    }
}

//! What an answer that is no success says. Of an answer only the status, the
//! error's code and the request's number are ever shown.

use std::fmt::Write;

use serde::Deserialize;
use sops_core::keys::{KeyError, Reason};

use crate::http::{Answer, STRANGER};

/// The forms that errors have: `{"error": "invalid_grant"}` of OAuth
/// (RFC 6749 §5.2), `{"error": {"code": …, "status": …}}` of Google and of
/// Azure, `{"error_code": …}` of Huawei.
#[derive(Deserialize)]
struct Body {
    error: Option<Error>,
    error_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Error {
    Code(String),
    Object {
        status: Option<String>,
        code: Option<serde_json::Value>,
        /// Huawei's.
        error_code: Option<String>,
        innererror: Option<Inner>,
    },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Inner {
    code: Option<String>,
}

/// An error's codes, the most general first: `Forbidden`, `ForbiddenByRbac`. A
/// server could send anything: what does not look like a code is none.
pub(crate) fn codes(answer: &Answer) -> Vec<String> {
    let Some(body) = answer.json::<Body>() else {
        return Vec::new();
    };
    let mut codes = Vec::new();
    match body.error {
        Some(Error::Code(code)) => codes.push(code),
        Some(Error::Object {
            status,
            code,
            error_code,
            innererror,
        }) => {
            // Google's `code` is the status again, as a number.
            let code = code.and_then(|code| code.as_str().map(str::to_owned));
            codes.extend(status);
            codes.extend(code);
            codes.extend(error_code);
            codes.extend(innererror.and_then(|inner| inner.code));
        }
        Some(Error::Other(_)) | None => {}
    }
    codes.extend(body.error_code);
    codes.retain(|code| is_word(code));
    codes
}

/// Letters, digits and `._-`, at most 64: a code, or a request's number.
fn is_word(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(good)
}

/// `403 PERMISSION_DENIED, request 4711`.
fn said(answer: &Answer) -> String {
    let mut said = answer.status().to_string();
    for code in codes(answer) {
        let _ = write!(said, " {code}");
    }
    let headers = ["x-ms-request-id", "x-request-id", "x-goog-request-id"];
    let id = headers.iter().find_map(|name| answer.header(name));
    if let Some(id) = id.filter(|id| is_word(id)) {
        let _ = write!(said, ", request {id}");
    }
    said
}

/// A refusal as a failure: `detail`, with what the answer said, and advice for
/// where nothing better is known.
pub(crate) fn refused(answer: &Answer, reason: Reason, detail: &str) -> KeyError {
    let error = KeyError::new(reason, format!("{detail} ({})", said(answer)));
    if answer.is_transient() {
        error
            .may_help_to_retry()
            .advise("try again: the service is busy, or has a fault that will pass")
    } else {
        error.advise("the service's documentation says what the status and the error's code mean")
    }
}

/// An answer of success that does not hold what was asked for.
pub(crate) fn unreadable(what: &str) -> KeyError {
    KeyError::new(
        Reason::Unavailable,
        format!("the answer for {what} cannot be read"),
    )
    .advise(STRANGER)
}

//! Requests and answers.

use std::{borrow::Cow, fmt, time::Duration};

use serde::Deserialize;
use sops_core::keys::Reason;
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, Method};
use zeroize::Zeroizing;

use super::{Cause, Failure};

/// A request. What it carries is wiped when it is dropped.
#[derive(Clone)]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(Cow<'static, str>, Zeroizing<String>)>,
    body: Option<Zeroizing<Vec<u8>>>,
    again: fn(&Answer) -> bool,
}

impl Request {
    fn new(method: Method, url: impl Into<String>) -> Self {
        Request {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            again: |_| false,
        }
    }

    /// `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// `POST`, with a body that [`with_body`](Self::with_body) gives.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::POST, url)
    }

    /// `PUT`, with a body that [`with_body`](Self::with_body) gives.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new(Method::PUT, url)
    }

    /// The same with this header, too. The value may be a secret.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.headers
            .push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// The same with this body. It may be a secret.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The same with a form (`application/x-www-form-urlencoded`).
    #[must_use]
    pub fn with_form(self, fields: &[(&str, &str)]) -> Self {
        let encoded = |text: &&str| Zeroizing::new(super::encode(text));
        let fields: Vec<_> = fields
            .iter()
            .map(|(k, v)| (encoded(k), encoded(v)))
            .collect();
        let room = fields.iter().map(|(k, v)| k.len() + v.len() + 2).sum();
        let mut body = Zeroizing::new(Vec::with_capacity(room));
        for (key, value) in &fields {
            if !body.is_empty() {
                body.push(b'&');
            }
            body.extend_from_slice(key.as_bytes());
            body.push(b'=');
            body.extend_from_slice(value.as_bytes());
        }
        self.with_header("content-type", "application/x-www-form-urlencoded")
            .with_body(body)
    }

    /// The same, made again also where the answer is one that this function
    /// knows to be passing: some services say so in a body.
    #[must_use]
    pub fn retried_when(mut self, again: fn(&Answer) -> bool) -> Self {
        self.again = again;
        self
    }

    /// The method: `POST`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers that were given.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (&**name, &***value))
    }

    /// The body; empty where there is none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.as_deref().map_or(&[], |body| body)
    }

    pub(super) fn is_worth_retrying(&self, answer: &Answer) -> bool {
        answer.is_transient() || (self.again)(answer)
    }

    pub(super) fn to_http(&self) -> Result<http::Request<&[u8]>, Failure> {
        let bad = |_| Failure::new(&self.url, Cause::NotAnAddress);
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(&self.url)
            .body(self.body())
            .map_err(bad)?;
        for (header, value) in self.headers() {
            let name = HeaderName::from_bytes(header.as_bytes());
            let value = HeaderValue::from_str(value);
            let (Ok(name), Ok(mut value)) = (name, value) else {
                // A token with a line break in it, most of the time.
                return Err(Failure::new(
                    &self.url,
                    Cause::NotAHeader(header.to_string()),
                ));
            };
            value.set_sensitive(true);
            request.headers_mut().append(name, value);
        }
        Ok(request)
    }
}

/// Shows method and URL only.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.url)
    }
}

/// An answer. Its body is wiped when it is dropped.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    pub(super) fn new(status: u16, headers: HeaderMap, body: Zeroizing<Vec<u8>>) -> Self {
        Answer {
            status,
            headers,
            body,
        }
    }

    /// The status: 200.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is one of success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the status says to try again: 408, 429, 500, 502, 503, 504.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.status, 408 | 429 | 500 | 502 | 503 | 504)
    }

    /// A header, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON. Strings that are borrowed (`Cow<str>`, with
    /// `#[serde(borrow)]`) leave no copy of a secret behind.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What the status alone says of why a request failed.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self.status {
            401 | 403 => Reason::Denied,
            404 | 410 => Reason::NotFound,
            _ => Reason::Unavailable,
        }
    }

    /// How long to wait before another try, where the server says so in
    /// seconds.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

/// Shows the status only.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status)
    }
}

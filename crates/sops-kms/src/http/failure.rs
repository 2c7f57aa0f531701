//! Why there was no answer.

use std::{fmt, io};

use rustls::{CertificateError, Error as Tls};

use sops_core::keys::{KeyError, Reason};

use super::Origin;

/// Why there was no answer to a request, or none that is used. It names the
/// server, and nothing of what it said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    server: String,
    cause: Cause,
}

/// Advice for an answer that is none of the service's.
pub(crate) const STRANGER: &str =
    "see whether something else answers in the service's place, such as a proxy";

/// What went wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The URL is not one of `http` or `https`, or has a user in it.
    NotAnAddress,
    /// What would go into this header cannot stand in one.
    NotAHeader(String),
    /// A setting cannot be used: its name and what is wrong with it.
    Setting(String),
    /// The [policy](crate::Policy::asking_nobody) is to ask nobody.
    NotAsked,
    /// No such host.
    HostNotFound,
    /// No connection, or one that broke: what the operating system says.
    Connection(String),
    /// It took too long.
    Timeout,
    /// The proxy is not there, or did not let us through.
    Proxy,
    /// No secure connection: why.
    Tls(String),
    /// The answer sends us elsewhere: its status.
    Redirect(u16),
    /// The answer is larger than we read.
    TooLarge,
    /// The answer is not HTTP, or ends too early.
    Cut,
}

impl Failure {
    pub(super) fn new(url: &str, cause: Cause) -> Self {
        let server = Origin::of(url).map_or_else(|| "the server".into(), |o| o.to_string());
        Failure { server, cause }
    }

    pub(super) fn setting(name: &str, what: impl fmt::Display) -> Self {
        Failure {
            server: String::new(),
            cause: Cause::Setting(format!("{name}: {what}")),
        }
    }

    pub(super) fn redirect(url: &str, status: u16) -> Self {
        Self::new(url, Cause::Redirect(status))
    }

    pub(super) fn too_large(url: &str) -> Self {
        Self::new(url, Cause::TooLarge)
    }

    pub(super) fn of(url: &str, error: ureq::Error) -> Self {
        use ureq::Error as E;
        // What our own connector says passes through ureq.
        if let E::Other(error) = &error
            && let Some(failure) = error.downcast_ref::<Failure>()
        {
            return failure.clone();
        }
        let cause = match error {
            E::Timeout(_) => Cause::Timeout,
            E::HostNotFound => Cause::HostNotFound,
            E::Io(error) => of_io(&error),
            E::Other(error) => match error.downcast_ref::<Tls>() {
                Some(error) => Cause::Tls(of_tls(error)),
                None => Cause::Connection("it failed".into()),
            },
            E::Tls(what) => Cause::Tls(what.to_ascii_lowercase()),
            E::BadUri(_) | E::Http(_) => Cause::NotAnAddress,
            E::ConnectProxyFailed(_) | E::InvalidProxyUrl => Cause::Proxy,
            E::ConnectionFailed => Cause::Connection("it failed".into()),
            E::LargeResponseHeader(..) | E::BodyExceedsLimit(_) => Cause::TooLarge,
            _ => Cause::Cut,
        };
        Self::new(url, cause)
    }

    /// The same, where it is the proxy that was asked for a connection.
    pub(super) fn of_proxy(mut self) -> Self {
        if matches!(self.cause, Cause::HostNotFound | Cause::Connection(_)) {
            self.cause = Cause::Proxy;
        }
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whether another try may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.cause,
            Cause::HostNotFound | Cause::Connection(_) | Cause::Timeout | Cause::Proxy | Cause::Cut
        )
    }

    /// What it means that a metadata server, which need not be there, did not
    /// answer: `none`, unless it was not asked.
    #[cfg(any(
        feature = "aws",
        feature = "gcp",
        feature = "azure",
        feature = "huawei"
    ))]
    pub(crate) fn or_absent(self, none: KeyError) -> KeyError {
        match self.cause {
            Cause::NotAsked => self.into(),
            _ => none,
        }
    }

    /// What a person can do.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self.cause {
            Cause::Tls(_) => {
                "if the server's certificate is of your own authority, name that \
                 authority's certificate in SSL_CERT_FILE (for Vault VAULT_CACERT, for AWS \
                 AWS_CA_BUNDLE); if it is for another name, use that name"
            }
            Cause::Redirect(_) => {
                "redirects are not followed, since credentials would go with them: \
                 use the address that the server sends us to"
            }
            Cause::Proxy => "see HTTPS_PROXY and NO_PROXY",
            Cause::Cut | Cause::TooLarge => STRANGER,
            Cause::NotAHeader(_) => {
                "mend the variable or the file that it comes from, often by taking a line break \
                 off its end"
            }
            Cause::Setting(_) => "mend that setting, or the file that it names",
            Cause::HostNotFound | Cause::Connection(_) | Cause::Timeout => {
                "see whether the address can be reached from here, and whether HTTPS_PROXY \
                 and NO_PROXY are right"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = &self.server;
        match &self.cause {
            Cause::NotAnAddress => f.write_str("not an http or https address without a user in it"),
            Cause::NotAHeader(header) => write!(
                f,
                "what would be sent as {header} holds bytes that cannot be, such as a line break"
            ),
            Cause::Setting(what) => f.write_str(what),
            Cause::NotAsked => write!(f, "{server} was not asked"),
            Cause::HostNotFound => write!(f, "{server}: there is no such host"),
            Cause::Connection(why) => write!(f, "{server}: no connection: {why}"),
            Cause::Timeout => write!(f, "{server}: no answer in time"),
            Cause::Proxy => write!(f, "{server}: no connection through the proxy"),
            Cause::Tls(why) => write!(f, "{server}: no secure connection: {why}"),
            Cause::Redirect(status) => {
                write!(
                    f,
                    "{server}: the answer ({status}) sends us to another address"
                )
            }
            Cause::TooLarge => write!(f, "{server}: the answer is larger than 1 MiB"),
            Cause::Cut => write!(f, "{server}: the answer is not HTTP, or is cut"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for KeyError {
    fn from(failure: Failure) -> Self {
        let reason = match failure.cause {
            Cause::NotAnAddress => Reason::Invalid,
            Cause::NotAsked => Reason::Refused,
            Cause::NotAHeader(_) => Reason::NoCredentials,
            _ => Reason::Unavailable,
        };
        let mut error = KeyError::new(reason, failure.to_string());
        if failure.is_transient() {
            error = error.may_help_to_retry();
        }
        if failure.cause == Cause::NotAsked {
            error = error.named("not-asked");
        }
        match failure.advice() {
            Some(advice) => error.advise(advice),
            None => error,
        }
    }
}

fn of_io(error: &io::Error) -> Cause {
    if let Some(error) = error.get_ref().and_then(|e| e.downcast_ref::<Tls>()) {
        return Cause::Tls(of_tls(error));
    }
    // ureq hides its own errors in those of a reader.
    if let Some(error) = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<ureq::Error>())
    {
        return match error {
            ureq::Error::Timeout(_) => Cause::Timeout,
            ureq::Error::HostNotFound => Cause::HostNotFound,
            ureq::Error::Io(error) => of_io(error),
            _ => Cause::Cut,
        };
    }
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Cause::Timeout,
        io::ErrorKind::UnexpectedEof => Cause::Cut,
        kind => Cause::Connection(kind.to_string()),
    }
}

/// In our words: certificates hold names that somebody else chose.
fn of_tls(error: &Tls) -> String {
    let text = match error {
        Tls::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer => "nobody whom we trust has signed its certificate",
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired, or this machine's clock is wrong"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet, or this machine's clock is wrong"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            CertificateError::Revoked => "its certificate was revoked",
            // An authority's, as `openssl req -x509` makes them: it would be
            // taken if it were named.
            CertificateError::Other(why) if why.to_string() == "CaUsedAsEndEntity" => {
                "nobody whom we trust has signed its certificate"
            }
            _ => "its certificate is not valid",
        },
        Tls::AlertReceived(alert) => return format!("it refused ({alert:?})"),
        Tls::InvalidMessage(_) => "it does not speak TLS",
        Tls::PeerIncompatible(_) => "it speaks no TLS that we do (1.2 or 1.3)",
        _ => "the handshake failed",
    };
    text.into()
}

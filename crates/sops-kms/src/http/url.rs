//! Addresses, as far as a request needs them.

use std::fmt;

use ureq::http::Uri;

/// Where a server is: scheme, host and port, which together decide who gets
/// what is sent.
///
/// ```
/// use sops_kms::http::Origin;
///
/// let origin = Origin::of("HTTPS://Vault.Example.org/v1").unwrap();
/// assert_eq!(Some(&origin), Origin::of("https://vault.example.org:443").as_ref());
/// assert_ne!(Some(&origin), Origin::of("https://vault.example.org:8200").as_ref());
/// assert_eq!(origin.to_string(), "https://vault.example.org");
/// // A name before the host is how an address is made to look like another.
/// assert_eq!(Origin::of("https://vault.example.org@evil.example"), None);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an `http` or `https` URL, without user information.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        if url.bytes().any(|b| b == b'\\' || b <= b' ' || b == 0x7f) {
            return None;
        }
        let uri: Uri = url.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let host = authority.host().to_ascii_lowercase();
        let port = match authority.as_str().rsplit_once(':') {
            // An IPv6 address without a port ends in a bracket.
            Some((_, port)) if !port.ends_with(']') => port.parse().ok().filter(|&p| p != 0)?,
            _ if secure => 443,
            _ => 80,
        };
        (!host.is_empty()).then_some(Origin { secure, host, port })
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host in lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// As it stands in a URL, without a port that goes without saying.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.secure {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

/// A text as one segment of a path, or a value of a query or form: all but
/// letters, digits and `-._~` is escaped (RFC 3986 §2.3).
///
/// ```
/// assert_eq!(sops_kms::http::encode("a b/ü"), "a%20b%2F%C3%BC");
/// ```
#[must_use]
pub fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push('%');
            out.push(HEX[usize::from(byte >> 4)].into());
            out.push(HEX[usize::from(byte & 15)].into());
        }
    }
    out
}

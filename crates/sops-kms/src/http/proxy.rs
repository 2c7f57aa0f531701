//! Which requests go through a proxy, as Go's `net/http` reads the variables
//! (golang.org/x/net/http/httpproxy): `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`,
//! upper case first. This machine itself is never asked through one.

use std::net::IpAddr;

use super::{Failure, Origin};
use crate::Environment;

/// The proxies of the environment.
#[derive(Default)]
pub(super) struct Proxies {
    http: Setting,
    https: Setting,
    except: Vec<Exception>,
}

/// What a variable says. One that cannot be used is told of where a request
/// would go through it.
type Setting = Option<Result<ureq::Proxy, Failure>>;

enum Exception {
    All,
    /// A network in bits, and how many of them count.
    Network(IpAddr, u32),
    Address(IpAddr, Option<u16>),
    /// A name in lower case; whether the domain itself counts, or only what is
    /// below it.
    Domain {
        name: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    pub(super) fn new(env: &Environment) -> Self {
        let either = |upper: &str, lower: &str| env.var(upper).or_else(|| env.var(lower));
        // A server that runs us per request may let its client set this one.
        let cgi = env.var("REQUEST_METHOD").is_some();
        let http = either("HTTP_PROXY", "http_proxy").filter(|_| !cgi);
        let https = either("HTTPS_PROXY", "https_proxy");
        Proxies {
            http: http.map(|p| parse("HTTP_PROXY", &p)),
            https: https.map(|p| parse("HTTPS_PROXY", &p)),
            except: either("NO_PROXY", "no_proxy")
                .unwrap_or_default()
                .split(',')
                .filter_map(exception)
                .collect(),
        }
    }

    /// For `http` and for `https`.
    pub(super) fn both(&self) -> [Setting; 2] {
        [self.http.clone(), self.https.clone()]
    }

    /// Whether requests to this origin go through a proxy, if there is one.
    pub(super) fn serve(&self, origin: &Origin) -> bool {
        let host = origin.host().trim_end_matches('.');
        if host == "localhost" {
            return false;
        }
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let address: Option<IpAddr> = bare.unwrap_or(host).parse().ok();
        if address.is_some_and(|address| address.is_loopback()) {
            return false;
        }
        let same = |port: &Option<u16>| port.is_none_or(|port| port == origin.port());
        !self.except.iter().any(|exception| match exception {
            Exception::All => true,
            Exception::Network(network, length) => {
                address.is_some_and(|address| contains(*network, *length, address))
            }
            Exception::Address(ip, port) => address == Some(*ip) && same(port),
            Exception::Domain { name, itself, port } => {
                let below = host.strip_suffix(&**name).is_some_and(|h| h.ends_with('.'));
                (below || (*itself && host == name)) && same(port)
            }
        })
    }
}

/// A proxy without a scheme is one of `http`. Its password is not shown.
fn parse(variable: &str, text: &str) -> Result<ureq::Proxy, Failure> {
    let text = text.trim();
    let scheme = text.split_once("://").map_or("http", |(scheme, _)| scheme);
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Failure::setting(
            variable,
            "only http and https proxies are supported",
        ));
    }
    ureq::Proxy::new(text).map_err(|_| Failure::setting(variable, "not the address of a proxy"))
}

fn exception(entry: &str) -> Option<Exception> {
    let entry = entry.trim().to_ascii_lowercase();
    if entry.is_empty() {
        return None;
    }
    if entry == "*" {
        return Some(Exception::All);
    }
    if let Some((network, length)) = entry.split_once('/') {
        let (network, length): (IpAddr, u32) = (network.parse().ok()?, length.parse().ok()?);
        let bits = if network.is_ipv4() { 32 } else { 128 };
        return (length <= bits).then_some(Exception::Network(network, length));
    }
    let bare = |text: &str| -> Option<IpAddr> {
        let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        inner.unwrap_or(text).parse().ok()
    };
    if let Some(address) = bare(&entry) {
        return Some(Exception::Address(address, None));
    }
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (&*entry, None),
    };
    if let Some(address) = bare(name) {
        return Some(Exception::Address(address, port));
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    let (name, itself) = match name.strip_prefix('.') {
        Some(name) => (name, false),
        None => (name, true),
    };
    (!name.is_empty()).then(|| Exception::Domain {
        name: name.to_owned(),
        itself,
        port,
    })
}

fn contains(network: IpAddr, length: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.checked_shr(32 - length).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.checked_shr(128 - length).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn proxied(no_proxy: &'static str, url: &str) -> bool {
        let lookup = move |name: &str| match name {
            "HTTPS_PROXY" => Some("http://proxy:3128".into()),
            "NO_PROXY" => Some(no_proxy.into()),
            _ => None,
        };
        let proxies = Proxies::new(&Environment::new(lookup, Policy::default()));
        proxies.serve(&Origin::of(url).unwrap())
    }

    #[test]
    fn exceptions_are_as_go_reads_them() {
        assert!(proxied("", "https://kms.eu-west-1.amazonaws.com"));
        assert!(!proxied("*", "https://kms.eu-west-1.amazonaws.com"));
        assert!(!proxied(
            "amazonaws.com",
            "https://kms.eu-west-1.amazonaws.com"
        ));
        assert!(!proxied("amazonaws.com", "https://amazonaws.com"));
        assert!(proxied(".amazonaws.com", "https://amazonaws.com"));
        assert!(!proxied("*.amazonaws.com", "https://sts.amazonaws.com"));
        assert!(proxied("amazonaws.com", "https://evilamazonaws.com"));
        assert!(!proxied("a.org, Vault:8200", "https://vault:8200"));
        assert!(proxied("vault:8200", "https://vault"));
        assert!(!proxied("10.0.0.0/8", "https://10.1.2.3:8200"));
        assert!(proxied("10.0.0.0/8", "https://11.1.2.3:8200"));
        assert!(!proxied("0.0.0.0/0", "https://11.1.2.3"));
        assert!(!proxied("fd00::/8", "https://[fd00::1]"));
        assert!(!proxied("10.1.2.3", "https://10.1.2.3"));
    }

    #[test]
    fn this_machine_is_never_asked_through_a_proxy() {
        for url in [
            "https://localhost:8200",
            "https://127.0.0.2",
            "https://[::1]:1",
        ] {
            assert!(!proxied("", url), "{url}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let bad = |_: &str| Some("ftp://user:hunter2@proxy".into());
        let proxies = Proxies::new(&Environment::new(bad, Policy::default()));
        for error in proxies.both().into_iter().flatten() {
            let error = error.unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

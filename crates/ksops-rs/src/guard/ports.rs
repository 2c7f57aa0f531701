//! Which TCP ports a build may connect to: those of git, registries and key
//! services, not those of the repo-server itself. It answers on the loopback,
//! where no NetworkPolicy looks, and renders for any project that a request
//! names.

use std::{collections::BTreeSet, fmt};

use crate::{Error, Result, error::quoted};

/// ssh, DNS, HTTP, HTTPS, git.
const USUAL: [u16; 5] = [22, 53, 80, 443, 9418];

/// Those on which Redis, the repo-server and its metrics listen. No variable
/// but the administrator's own opens them.
const OF_ARGO_CD: [u16; 3] = [6379, 8081, 8084];

/// Variables that name servers by their addresses.
const ADDRESSES: [&str; 15] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AZURE_AUTHORITY_HOST",
    "IDENTITY_ENDPOINT",
    "VAULT_ADDR",
    "SOPS_HC_VAULT_ALLOWLIST",
    "SOPS_GCP_KMS_ENDPOINT",
];

/// The ports that the administrator opens besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports {
    /// Whether all of them are open.
    pub any: bool,
    /// The ports.
    pub more: BTreeSet<u16>,
}

impl Ports {
    /// Adds what an option or a variable says: ports between commas or blanks,
    /// or `any`.
    ///
    /// # Errors
    ///
    /// Where it says something else.
    pub fn add(&mut self, text: &str) -> Result<()> {
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            match word.parse() {
                Ok(port) if port > 0 => {
                    self.more.insert(port);
                }
                _ if word == "any" => self.any = true,
                _ => {
                    return Err(
                        Error::new(format!("guard: {} is no port", quoted(word))).advise(
                            "name ports by their numbers, or `any` (--port, KSOPS_GUARD_PORTS)",
                        ),
                    );
                }
            }
        }
        Ok(())
    }

    /// All ports that a build with these variables may connect to; `None`
    /// where that is any.
    pub fn open(&self, vars: &[(String, String)]) -> Option<BTreeSet<u16>> {
        if self.any {
            return None;
        }
        let addresses = vars
            .iter()
            .filter(|(name, _)| ADDRESSES.contains(&name.as_str()))
            .flat_map(|(_, value)| value.split([',', ' ']))
            .filter_map(port)
            .filter(|port| !OF_ARGO_CD.contains(port));
        let all = USUAL.into_iter().chain(addresses);
        Some(all.chain(self.more.iter().copied()).collect())
    }
}

/// As [`Ports::add`] reads it.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = self.any.then(|| "any".to_owned());
        let words = self.more.iter().map(u16::to_string).chain(any);
        f.write_str(&words.collect::<Vec<_>>().join(","))
    }
}

/// The port that an address names.
fn port(address: &str) -> Option<u16> {
    let (_, rest) = address.split_once("://").unwrap_or(("", address));
    let host = rest.split(['/', '?', '#']).next()?;
    let (_, port) = host.rsplit_once(':')?;
    port.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(more: &str, vars: &[(&str, &str)]) -> String {
        let mut ports = Ports::default();
        ports.add(more).unwrap();
        let vars: Vec<_> = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        match ports.open(&vars) {
            None => "any".into(),
            Some(ports) => format!("{ports:?}"),
        }
    }

    #[test]
    fn the_usual_ones_and_those_of_servers_that_are_named() {
        assert_eq!(open("", &[]), "{22, 53, 80, 443, 9418}");
        let vars = [
            ("HTTPS_PROXY", "http://user:pass@proxy:3128"),
            ("VAULT_ADDR", "https://[::1]:8200/v1"),
            ("SOPS_HC_VAULT_ALLOWLIST", "https://a:8201,https://b"),
            ("AWS_ENDPOINT_URL", "http://x"),
            ("OTHER", "http://x:1"),
        ];
        assert_eq!(open("", &vars), "{22, 53, 80, 443, 3128, 8200, 8201, 9418}");
        assert_eq!(
            open("7999, 3000", &[]),
            "{22, 53, 80, 443, 3000, 7999, 9418}"
        );
        assert_eq!(open("any", &[]), "any");
    }

    /// A proxy may be a setting of a repository, which a tenant may have made.
    #[test]
    fn those_of_argo_cd_are_the_administrators_to_open() {
        let vars = [("HTTPS_PROXY", "http://127.0.0.1:8081")];
        assert_eq!(open("", &vars), "{22, 53, 80, 443, 9418}");
        assert!(open("8081", &vars).contains("8081"));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for bad in ["0", "65536", "http", "1-3", "-1"] {
            assert!(Ports::default().add(bad).is_err(), "{bad}");
        }
        let mut ports = Ports::default();
        ports.add("any,5,4").unwrap();
        assert_eq!(ports.to_string(), "4,5,any");
    }
}

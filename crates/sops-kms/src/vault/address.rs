//! Which servers may be asked: a token goes there, and the file says where.

use sops_core::keys::{KeyError, Reason};

use crate::{Environment, http::Origin};

const ALLOWLIST: &str = "SOPS_HC_VAULT_ALLOWLIST";
const ADDRESS: &str = "VAULT_ADDR";
const AGENT: &str = "VAULT_AGENT_ADDR";

/// A server that may be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Address {
    /// Without a slash at its end.
    pub(super) url: String,
    pub(super) trusted: Trusted,
    /// It may add a token of its own.
    pub(super) is_agent: bool,
}

/// Why a server may be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trusted {
    /// A variable names it.
    Named,
    /// The file names it, and nobody forbids it.
    AsInSops,
}

impl Address {
    /// The server for a file that names this one.
    ///
    /// # Errors
    ///
    /// [`Reason::Refused`] where it may not be asked, [`Reason::Invalid`]
    /// where it is no address.
    pub(super) fn allowed(env: &Environment, text: &str) -> Result<Self, KeyError> {
        let url = text.trim_end_matches('/');
        let Some(origin) = Origin::of(url).filter(|_| is_plain(url)) else {
            return Err(
                KeyError::new(Reason::Invalid, format!("{text} is not an address"))
                    .advise("vault_address is like https://vault.example.org:8200"),
            );
        };
        let agent = agent(env)?;
        let trusted = match env.var(ALLOWLIST) {
            Some(list) => by_list(&list, text)?,
            // What the file says is not where the token goes.
            None if agent.is_some() => Trusted::Named,
            None => by_address(env, &origin)?,
        };
        Ok(match agent {
            Some(url) => Address {
                url,
                trusted: Trusted::Named,
                is_agent: true,
            },
            None => Address {
                url: url.to_owned(),
                trusted,
                is_agent: false,
            },
        })
    }
}

/// Which servers may be asked, in words.
pub(super) fn outlook(env: &Environment) -> Result<String, KeyError> {
    if let Some(list) = env.var(ALLOWLIST) {
        return Ok(format!("{list} ({ALLOWLIST})"));
    }
    if let Some(agent) = agent(env)? {
        return Ok(format!("{agent} ({AGENT})"));
    }
    match env.var(ADDRESS) {
        Some(address) => Ok(format!("{address} ({ADDRESS})")),
        None if env.policy().strangers_files() => Err(KeyError::new(
            Reason::Refused,
            format!("neither {ADDRESS} nor {ALLOWLIST} is set"),
        )
        .advise(format!("set {ADDRESS} to the address of Vault"))),
        None => Ok("the address that a file names".into()),
    }
}

/// The agent beside this program, which is asked in place of the server.
pub(super) fn agent(env: &Environment) -> Result<Option<String>, KeyError> {
    let Some(agent) = env.var(AGENT) else {
        return Ok(None);
    };
    let url = agent.trim_end_matches('/').to_owned();
    if Origin::of(&url).is_none() {
        return Err(KeyError::new(
            Reason::Unsupported,
            format!("{AGENT} is not an http or https address"),
        )
        .advise("let the agent listen on a port of this machine"));
    }
    Ok(Some(url))
}

/// Scheme, host, port and at most a plain path: nothing that would change
/// what is asked for.
fn is_plain(url: &str) -> bool {
    let after = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = after.split_once('/').map_or("", |(_, path)| path);
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !after.contains(['?', '#'])
        && (path.is_empty()
            || path
                .split('/')
                .all(|part| !matches!(part, "" | "." | "..") && part.chars().all(good)))
}

/// sops's own list (sops-master-keys §5).
fn by_list(list: &str, address: &str) -> Result<Trusted, KeyError> {
    match list {
        "all" => return Ok(Trusted::AsInSops),
        "none" => {}
        list => {
            let address = format!("{address}/");
            for (i, entry) in list.split(',').enumerate() {
                let entry = entry.trim();
                if entry.is_empty() {
                    return Err(KeyError::new(
                        Reason::Refused,
                        format!("entry {} of {ALLOWLIST} is empty", i + 1),
                    )
                    .advise(format!("mend {ALLOWLIST}: addresses with commas between")));
                }
                if address.starts_with(&format!("{entry}/")) {
                    return Ok(Trusted::Named);
                }
            }
        }
    }
    Err(KeyError::new(
        Reason::Refused,
        format!("{ALLOWLIST} does not allow {address}"),
    )
    .advise(format!(
        "add {address} to {ALLOWLIST}, if it is to be trusted with your token"
    )))
}

/// Our own rule, where there is no list: only the server that the variable
/// names.
fn by_address(env: &Environment, origin: &Origin) -> Result<Trusted, KeyError> {
    let named = env.var(ADDRESS).map(|named| Origin::of(named.trim()));
    match named {
        Some(None) => Err(env.unusable(ADDRESS, "an http or https address")),
        Some(Some(named)) if named == *origin => Ok(Trusted::Named),
        Some(Some(_)) => Err(KeyError::new(
            Reason::Refused,
            format!("the file names {origin}, which is not the server of {ADDRESS}"),
        )
        .advise(match env.policy().strangers_files() {
            // Whoever wrote the file may be the one who is not to be trusted.
            true => format!(
                "see why the file names another server than {ADDRESS}; {ALLOWLIST} names servers \
                 that may be asked besides it"
            ),
            false => format!(
                "if {origin} is to be trusted with your token, set {ALLOWLIST} to {origin}, or to \
                 `all` for any server"
            ),
        })),
        None if env.policy().strangers_files() => Err(KeyError::new(
            Reason::Refused,
            format!("the file names {origin}, and {ADDRESS} is not set"),
        )
        .advise(format!(
            "set {ADDRESS} on the repo-server to {origin}, if it is to be trusted with the token"
        ))),
        None => Ok(Trusted::AsInSops),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn asked(vars: &[(&str, &str)], strangers: bool, address: &str) -> String {
        let vars: Vec<_> = vars
            .iter()
            .map(|&(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        let mut policy = Policy::default();
        if strangers {
            policy = policy.with_strangers_files();
        }
        let env = Environment::new(
            move |name| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.into()),
            policy,
        );
        match Address::allowed(&env, address) {
            Ok(address) => format!("{} {:?}", address.url, address.trusted),
            Err(error) => error.reason().name().to_owned(),
        }
    }

    #[test]
    fn a_list_has_sops_s_meaning_everywhere() {
        let by = |list, address| asked(&[(ALLOWLIST, list), (ADDRESS, "https://v")], true, address);
        assert_eq!(by("all", "https://x"), "https://x AsInSops");
        assert_eq!(by("none", "https://v"), "refused");
        assert_eq!(by("https://a, https://b", "https://b"), "https://b Named");
        assert_eq!(by("https://a", "https://a.evil"), "refused");
        assert_eq!(by("https://a", "https://v"), "refused");
        assert_eq!(by("https://b,,https://a", "https://a"), "refused");
        // Not what a prefix would be taken for.
        assert_eq!(by("https://a", "https://a@evil"), "invalid");
        assert_eq!(by("https://a", "https://a/../x"), "invalid");
        assert_eq!(by("https://a", "https://a/?x=1"), "invalid");
        assert_eq!(
            by("https://a/vault", "https://a/vault"),
            "https://a/vault Named"
        );
    }

    #[test]
    fn without_a_list_only_the_named_server() {
        let named = [(ADDRESS, "https://v:8200/")];
        for strangers in [true, false] {
            let by = |address| asked(&named, strangers, address);
            assert_eq!(by("https://v:8200"), "https://v:8200 Named");
            assert_eq!(by("https://V:8200/"), "https://V:8200 Named");
            for other in [
                "http://v:8200",
                "https://v",
                "https://v:8200.evil",
                "https://v:82000",
                "https://w:8200",
            ] {
                assert!(
                    matches!(by(other).as_str(), "refused" | "invalid"),
                    "{other}"
                );
            }
        }
        // An empty list is none.
        let empty = [(ADDRESS, "https://v"), (ALLOWLIST, "")];
        assert_eq!(asked(&empty, true, "https://w"), "refused");
    }

    #[test]
    fn without_anything() {
        assert_eq!(asked(&[], true, "https://v"), "refused");
        assert_eq!(asked(&[], false, "https://v"), "https://v AsInSops");
    }

    #[test]
    fn an_agent_takes_the_place_of_the_file_s_server() {
        let agent = [(AGENT, "http://127.0.0.1:8100/")];
        assert_eq!(
            asked(&agent, true, "https://v"),
            "http://127.0.0.1:8100 Named"
        );
        let both = [agent[0], (ALLOWLIST, "https://w")];
        assert_eq!(asked(&both, true, "https://v"), "refused");
        assert_eq!(
            asked(&[(AGENT, "unix:///x")], true, "https://v"),
            "unsupported"
        );
    }
}

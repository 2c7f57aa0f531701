//! Vault's key/value engines, versions 1 and 2: where `sops publish` puts
//! plaintext (sops-encrypt-and-edit §11).

use serde_json::{Map, Value};
use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

use super::{address::Address, client::Servers};
use crate::{Environment, http::Request};

/// Writes secrets to key/value engines of Vault and OpenBao.
///
/// Tokens, and the servers that they may go to, are those of
/// [`Vault`](crate::Vault).
///
/// ```no_run
/// use sops_kms::{Environment, Policy, VaultKv};
///
/// let vault = VaultKv::new(Environment::of_process(Policy::default()));
/// let values = br#"{"password": "hunter2"}"#;
/// vault.put("https://vault.example.org", "secret/data/app", true, values)?;
/// # Ok::<(), sops_core::keys::KeyError>(())
/// ```
pub struct VaultKv {
    env: Environment,
    servers: Servers,
}

/// What became of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum VaultPut {
    /// It was written.
    Written,
    /// It was written, and whether that was needed could not be seen: the
    /// token may not read there, for example.
    WrittenUnseen,
    /// These values were there already.
    Unchanged,
}

impl VaultKv {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        VaultKv {
            servers: Servers::new(&env),
            env,
        }
    }

    /// Writes values, an object in JSON, unless they are there already.
    /// `path` is what stands behind `/v1/`: with the `data/` of an engine of
    /// version 2, which `versioned` says it is.
    ///
    /// # Errors
    ///
    /// Where the server may not be asked, or does not take them.
    pub fn put(
        &self,
        server: &str,
        path: &str,
        versioned: bool,
        values: &[u8],
    ) -> Result<VaultPut, KeyError> {
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(KeyError::new(
                Reason::Invalid,
                format!("{path} is not the path of a secret"),
            )
            .advise("a path is like secret/data/NAME"));
        }
        let address = Address::allowed(&self.env, server)?;
        let seen = self.servers.ask(&address, path, Request::get);
        let put = match &seen {
            Ok(answer) if is_there(answer.body(), versioned, values) => {
                return Ok(VaultPut::Unchanged);
            }
            Ok(_) => VaultPut::Written,
            Err(error) if error.reason() == Reason::NotFound => VaultPut::Written,
            // A token that may write there and not read is a good one.
            Err(error) if error.reason() == Reason::Denied => VaultPut::WrittenUnseen,
            Err(error) => return Err(error.clone()),
        };
        let written = self.servers.ask(&address, path, |url| {
            Request::put(url).with_body(body(versioned, values))
        });
        match written {
            Ok(_) => Ok(put),
            Err(error) if matches!(error.reason(), Reason::NotFound | Reason::NotOurs) => {
                let detail = format!("{} does not take a secret at {path}", address.url);
                Err(KeyError::new(Reason::Invalid, detail).advise(
                    "check vault_kv_mount_name and vault_kv_version of the rule, and \
                     VAULT_NAMESPACE",
                ))
            }
            Err(error) => Err(error),
        }
    }
}

/// The values as an engine takes them.
fn body(versioned: bool, values: &[u8]) -> Zeroizing<Vec<u8>> {
    let (before, after): (&[u8], &[u8]) = match versioned {
        true => (br#"{"data":"#, b"}"),
        false => (b"", b""),
    };
    let mut body = Zeroizing::new(Vec::with_capacity(
        before.len() + values.len() + after.len(),
    ));
    for part in [before, values, after] {
        body.extend_from_slice(part);
    }
    body
}

/// Whether an answer holds these values.
fn is_there(answer: &[u8], versioned: bool, values: &[u8]) -> bool {
    let read = || {
        let ours: Wiped = serde_json::from_slice(values).map(Wiped).ok()?;
        let theirs: Wiped = serde_json::from_slice(answer).map(Wiped).ok()?;
        let theirs = theirs.0.get("data")?;
        let theirs = match versioned {
            true => theirs.get("data")?,
            false => theirs,
        };
        Some(theirs.as_object()? == &ours.0)
    };
    read() == Some(true)
}

/// An object whose texts are wiped when it is dropped.
struct Wiped(Map<String, Value>);

impl Drop for Wiped {
    fn drop(&mut self) {
        fn wipe(value: &mut Value) {
            match value {
                Value::String(text) => zeroize::Zeroize::zeroize(text),
                Value::Array(values) => values.iter_mut().for_each(wipe),
                Value::Object(values) => values.values_mut().for_each(wipe),
                _ => {}
            }
        }
        self.0.values_mut().for_each(wipe);
    }
}

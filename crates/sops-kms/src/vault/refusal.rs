//! What Vault's refusals mean.

use serde::Deserialize;
use sops_core::keys::{KeyError, Reason};

use crate::http::Answer;

/// What Vault answers with.
#[derive(Deserialize)]
struct Errors {
    #[serde(rename = "errors")]
    _errors: Vec<serde::de::IgnoredAny>,
}

/// A refusal as a failure. Of the body only known phrases are looked for.
pub(super) fn refusal(answer: &Answer, address: &str, path: &str, who: &str) -> KeyError {
    let status = answer.status();
    let body = String::from_utf8_lossy(answer.body());
    let says = |phrase: &str| body.contains(phrase);
    let of = |reason, detail: String| KeyError::new(reason, format!("{detail} ({status})"));
    match status {
        403 if says("invalid token") || says("bad token") => {
            of(Reason::Denied, format!("{address} does not know {who}"))
                .advise("the token has expired or was revoked: get a new one")
        }
        401 | 403 => of(
            Reason::Denied,
            format!("{who} is not allowed to use {path} at {address}"),
        )
        .advise(format!(
            "give the token's policy the capability update on {path}, or get a new token if it \
             has expired; VAULT_NAMESPACE must be right, too"
        )),
        404 => of(Reason::NotFound, format!("{path} at {address}"))
            .advise("check the engine's path, and VAULT_NAMESPACE"),
        400 if says("encryption key not found") => {
            of(Reason::NotFound, format!("{path} at {address}")).advise("check the key's name")
        }
        400 if says("disallowed by policy") => of(
            Reason::Denied,
            format!("the key's version is too old for {path} at {address}"),
        )
        .advise("lower the key's min_decryption_version, or restore a newer file"),
        // Vault says why; another server, or one that wants TLS, does not.
        400 if answer.json::<Errors>().is_none() => of(
            Reason::Unavailable,
            format!("{address} does not answer as Vault does"),
        )
        .advise("see whether the address is Vault's, and whether it is https"),
        400 => of(
            Reason::NotOurs,
            format!("not made with {path} at {address}"),
        )
        .advise(
            "restore vault_address, engine_path, key_name and enc of the file's `sops` block \
             from version control",
        ),
        503 => of(
            Reason::Unavailable,
            format!("{address} is sealed, or not ready"),
        )
        .may_help_to_retry()
        .advise("unseal Vault, or try again later"),
        _ if answer.is_transient() => of(Reason::Unavailable, format!("{address} failed for now"))
            .may_help_to_retry()
            .advise("try again: the server is busy, or has a fault that will pass"),
        _ => of(answer.reason(), format!("{path} at {address} failed"))
            .advise("the log of Vault says more"),
    }
}

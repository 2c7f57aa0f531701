//! Opens and wraps the data keys of SOPS files with the key services of
//! clouds: each is a `KeyService` of `sops-core`, behind a feature of its own.
//!
//! Requests are made and signed by hand; there is no SDK and no runtime in it.
//! All of them go through one room, [`http`]: what it trusts, which proxy it
//! takes, how long it waits and how often it tries again is the same for all.
//!
//! Nothing is read and no socket is opened before a key is asked for. What
//! the services may know of the world around them comes from an
//! [`Environment`], which the caller makes.
//!
//! A file is written by somebody else: it does not choose where a credential
//! goes. What each service refuses is said at the service.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
pub mod environment;
#[cfg(feature = "gcp")]
mod gcp;
pub mod http;
#[cfg(feature = "huawei")]
mod huawei;
#[cfg(any(feature = "gcp", feature = "azure"))]
mod jwt;
pub mod kept;
#[cfg(any(feature = "gcp", feature = "azure"))]
mod oauth;
#[cfg(any(feature = "aws", feature = "azure"))]
mod program;
#[cfg(any(feature = "gcp", feature = "azure", feature = "huawei"))]
mod refusal;
#[cfg(any(feature = "aws", feature = "huawei"))]
mod time;
#[cfg(feature = "vault")]
mod vault;
#[cfg(any(
    feature = "aws",
    feature = "vault",
    feature = "gcp",
    feature = "azure",
    feature = "huawei"
))]
mod wire;

#[cfg(feature = "aws")]
pub use aws::{AwsKms, S3};
#[cfg(feature = "azure")]
pub use azure::AzureKeyVault;
pub use environment::{Environment, Policy};
#[cfg(feature = "gcp")]
pub use gcp::{CloudStorage, GcpKms};
#[cfg(feature = "huawei")]
pub use huawei::HuaweiKms;
use sops_core::keys::KeyKind;
#[cfg(feature = "vault")]
pub use vault::{Vault, VaultKv, VaultPut};

/// The example of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

/// Adds every service whose feature is on. They read nothing and open no
/// socket before a key of their kind is asked for.
///
/// ```
/// use sops_core::Keyring;
/// use sops_kms::{Environment, Policy};
///
/// let mut keyring = Keyring::new();
/// let env = Environment::of_process(Policy::default());
/// sops_kms::add_services(&mut keyring, &env);
/// ```
pub fn add_services(keyring: &mut sops_core::Keyring, env: &Environment) {
    for kind in kinds() {
        add_service(keyring, kind, env);
    }
}

/// The kinds of key whose feature is on.
pub fn kinds() -> impl Iterator<Item = KeyKind> {
    let kinds = [
        (KeyKind::AwsKms, cfg!(feature = "aws")),
        (KeyKind::Vault, cfg!(feature = "vault")),
        (KeyKind::GcpKms, cfg!(feature = "gcp")),
        (KeyKind::AzureKeyVault, cfg!(feature = "azure")),
        (KeyKind::HuaweiKms, cfg!(feature = "huawei")),
    ];
    kinds
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(kind, _)| kind)
}

/// Whose credentials a key of this kind would be asked for with, as far as
/// variables and files say: nobody is asked. `None` where its feature is off.
///
/// ```
/// use sops_core::keys::KeyKind;
/// use sops_kms::{Environment, Policy, outlook};
///
/// let nothing = Environment::new(|_| None, Policy::default().asking_nobody());
/// for kind in sops_kms::kinds() {
///     assert!(outlook(kind, &nothing).is_some());
/// }
/// assert!(outlook(KeyKind::Pgp, &nothing).is_none());
/// ```
pub fn outlook(
    kind: KeyKind,
    env: &Environment,
) -> Option<Result<String, sops_core::keys::KeyError>> {
    let _ = env;
    match kind {
        #[cfg(feature = "aws")]
        KeyKind::AwsKms => Some(AwsKms::new(env.clone()).outlook()),
        #[cfg(feature = "vault")]
        KeyKind::Vault => Some(Vault::new(env.clone()).outlook()),
        #[cfg(feature = "gcp")]
        KeyKind::GcpKms => Some(GcpKms::new(env.clone()).outlook()),
        #[cfg(feature = "azure")]
        KeyKind::AzureKeyVault => Some(AzureKeyVault::new(env.clone()).outlook()),
        #[cfg(feature = "huawei")]
        KeyKind::HuaweiKms => Some(HuaweiKms::new(env.clone()).outlook()),
        _ => None,
    }
}

/// Adds the service of one kind, if its feature is on: for programs that give
/// each its own credentials.
pub fn add_service(keyring: &mut sops_core::Keyring, kind: KeyKind, env: &Environment) {
    match kind {
        #[cfg(feature = "aws")]
        KeyKind::AwsKms => keyring.add_service(AwsKms::new(env.clone())),
        #[cfg(feature = "vault")]
        KeyKind::Vault => keyring.add_service(Vault::new(env.clone())),
        #[cfg(feature = "gcp")]
        KeyKind::GcpKms => keyring.add_service(GcpKms::new(env.clone())),
        #[cfg(feature = "azure")]
        KeyKind::AzureKeyVault => keyring.add_service(AzureKeyVault::new(env.clone())),
        #[cfg(feature = "huawei")]
        KeyKind::HuaweiKms => keyring.add_service(HuaweiKms::new(env.clone())),
        _ => {
            let _ = (keyring, env);
        }
    }
}

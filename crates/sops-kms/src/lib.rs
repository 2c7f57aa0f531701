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
#[cfg(any(feature = "gcp", feature = "azure"))]
mod jwt;
pub mod kept;
#[cfg(any(feature = "gcp", feature = "azure"))]
mod oauth;
#[cfg(feature = "azure")]
mod program;
#[cfg(any(feature = "gcp", feature = "azure", feature = "huawei"))]
mod refusal;
#[cfg(feature = "aws")]
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
pub use aws::AwsKms;
#[cfg(feature = "azure")]
pub use azure::AzureKeyVault;
pub use environment::{Environment, Policy};
#[cfg(feature = "gcp")]
pub use gcp::GcpKms;
#[cfg(feature = "vault")]
pub use vault::Vault;

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
    #[cfg(feature = "aws")]
    keyring.add_service(AwsKms::new(env.clone()));
    #[cfg(feature = "vault")]
    keyring.add_service(Vault::new(env.clone()));
    #[cfg(feature = "gcp")]
    keyring.add_service(GcpKms::new(env.clone()));
    #[cfg(feature = "azure")]
    keyring.add_service(AzureKeyVault::new(env.clone()));
    let _ = (keyring, env);
}

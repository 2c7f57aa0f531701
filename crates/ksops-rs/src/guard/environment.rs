//! Which variables a guarded program gets: what is on a list, not what is left
//! of one. The repo-server's own environment holds credentials, and kustomize
//! would inherit all of it.

use std::ffi::{OsStr, OsString};

use crate::settings::{GUARD_BEST_EFFORT, GUARD_ENV, GUARD_KUSTOMIZE, GUARD_PORTS, GUARD_READ};

/// Which variables about keys and credentials a build may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// All of them: every application has the same keys.
    All,
    /// Those of clouds: a project that may use the pod's identity.
    Clouds,
    /// None: keys are kept by project, in folders.
    None,
}

/// What every program may know.
const PLAIN: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "TMPDIR",
    "TERM",
    "NO_COLOR",
    "TZ",
    "LANG",
    "LANGUAGE",
    "HOSTNAME",
    // Go's runtime, which kustomize and helm have.
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "GOGC",
    "GODEBUG",
    // Argo CD's build environment besides ARGOCD_APP_…
    "KUBE_VERSION",
    "KUBE_API_VERSIONS",
    // How git asks Argo CD for the password of this application's repository.
    "ARGOCD_BINARY_NAME",
    "ARGOCD_GIT_ASKPASS_NONCE",
    "ARGOCD_ASK_PASS_SOCK",
    "ARGOCD_GIT_AUTH_HEADER",
    "ARGOCD_GIT_BEARER_AUTH_HEADER",
    // Proxies, and whose certificates are trusted.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    // Where key services are, and which of them may be asked.
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_STS",
    "AZURE_AUTHORITY_HOST",
    "VAULT_ADDR",
    "VAULT_NAMESPACE",
    "VAULT_CACERT",
    "VAULT_CAPATH",
    "SOPS_HC_VAULT_ALLOWLIST",
    "SOPS_GCP_KMS_ENDPOINT",
    "SOPS_GCP_KMS_UNIVERSE_DOMAIN",
];

/// What such a name may begin with. `ARGOCD_ENV_` and `PARAM_` are what authors
/// of an application give a config management plugin.
const PLAIN_PREFIXES: &[&str] = &[
    "LC_",
    "ARGOCD_APP_",
    "ARGOCD_ENV_",
    "PARAM_",
    "KUSTOMIZE_",
    "XDG_",
    "GIT_",
    "KSOPS_",
];

/// Of the names above, those that hold or name a key or a credential.
const KEYS: &[&str] = &["KSOPS_PGP_KEY_FILE", "KSOPS_PGP_PASSPHRASE_FILE"];

/// The beginnings of names that hold or name a key.
const KEY_PREFIXES: &[&str] = &["SOPS_", "GNUPGHOME"];

/// The beginnings of names of clouds' credentials.
const CLOUD_PREFIXES: &[&str] = &[
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "CLOUDSDK_",
    "VAULT_",
    "IDENTITY_",
    "HUAWEICLOUD_",
    "KSOPS_VAULT_",
];

/// The guard's own, which nobody behind it needs.
const OWN: &[&str] = &[GUARD_ENV, GUARD_KUSTOMIZE];

/// Whether a variable is passed on; `more` are names that the administrator
/// added.
///
/// ```
/// use ksops_rs::guard::{Credentials, is_kept};
/// assert!(is_kept("ARGOCD_APP_NAME", Credentials::None, &[]));
/// assert!(!is_kept("REDIS_PASSWORD", Credentials::All, &[]));
/// assert!(!is_kept("SOPS_AGE_KEY", Credentials::None, &[]));
/// ```
pub fn is_kept(name: &str, credentials: Credentials, more: &[String]) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if more.iter().any(|added| added == name) {
        return true;
    }
    if OWN.contains(&name) {
        return false;
    }
    if PLAIN.contains(&name) {
        return true;
    }
    if KEYS.contains(&name) || begins(KEY_PREFIXES) {
        return credentials == Credentials::All;
    }
    if begins(CLOUD_PREFIXES) {
        return credentials != Credentials::None;
    }
    begins(PLAIN_PREFIXES)
}

/// Whether a variable that is passed on may name a file that has to be
/// readable: where certificates and credentials lie.
pub(super) fn may_name_a_file(name: &str) -> bool {
    const NAMES: &[&str] = &[
        GUARD_READ,
        GUARD_BEST_EFFORT,
        GUARD_PORTS,
        "PATH",
        "HOME",
        "PWD",
        "TMPDIR",
        "SHELL",
    ];
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    !NAMES.contains(&name)
        && (KEYS.contains(&name)
            || begins(KEY_PREFIXES)
            || begins(CLOUD_PREFIXES)
            || begins(&["GIT_", "SSL_CERT_", "CURL_CA_"]))
}

/// The part of an environment that is passed on.
pub(super) fn kept(
    all: impl IntoIterator<Item = (OsString, OsString)>,
    credentials: Credentials,
    more: &[String],
) -> Vec<(OsString, OsString)> {
    let is_kept = |name: &OsStr| {
        name.to_str()
            .is_some_and(|name| is_kept(name, credentials, more))
    };
    all.into_iter().filter(|(name, _)| is_kept(name)).collect()
}

//! What the services may know of the world around them.

#[cfg(any(
    feature = "aws",
    feature = "gcp",
    feature = "azure",
    feature = "huawei"
))]
mod ambient;

use std::{
    ffi::OsString,
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

#[cfg(any(
    feature = "vault",
    feature = "gcp",
    feature = "azure",
    feature = "huawei"
))]
use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

#[cfg(any(
    feature = "aws",
    feature = "gcp",
    feature = "azure",
    feature = "huawei"
))]
pub(crate) use ambient::MetadataServer;

/// Bytes of one file of credentials, certificates or configuration: 1 MiB.
/// Such files are a few KiB; a bundle of all public roots is 300 KiB.
pub const FILE_SIZE: u64 = 1 << 20;

/// What the services may do, as the program decides. The default is the
/// careful one: that of a server which renders what strangers commit.
///
/// ```
/// use sops_kms::Policy;
/// let laptop = Policy::default().with_programs();
/// assert!(laptop.programs() && !laptop.strangers_files());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    strangers: bool,
    programs: bool,
    nobody: bool,
}

impl Policy {
    /// Files come from people who are not to be trusted with this machine's
    /// credentials, as in Argo CD: addresses in them are not followed unless
    /// whoever runs the program has named them.
    #[must_use]
    pub fn with_strangers_files(mut self) -> Self {
        self.strangers = true;
        self
    }

    /// Programs that a configuration file names may be run
    /// (`credential_process`, `az`).
    #[must_use]
    pub fn with_programs(mut self) -> Self {
        self.programs = true;
        self
    }

    /// No server is asked: each request fails instead, with an error that is
    /// named `not-asked`. For programs that only look.
    #[must_use]
    pub fn asking_nobody(mut self) -> Self {
        self.nobody = true;
        self
    }

    /// See [`with_strangers_files`](Self::with_strangers_files).
    #[must_use]
    pub fn strangers_files(self) -> bool {
        self.strangers
    }

    /// See [`asking_nobody`](Self::asking_nobody).
    #[must_use]
    pub fn asks_nobody(self) -> bool {
        self.nobody
    }

    /// See [`with_programs`](Self::with_programs).
    #[must_use]
    pub fn programs(self) -> bool {
        self.programs
    }
}

type Lookup = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// Variables that say where services are and how they are reached, and hold
/// no credentials: all that counts beside [credentials](Credentials) that were
/// given. Which others there are does not matter.
const PLACES: [&str; 30] = [
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AZURE_ADDITIONALLY_ALLOWED_TENANTS",
    "AZURE_AUTHORITY_HOST",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "KSOPS_AZURE_VAULT_DOMAINS",
    "NO_PROXY",
    "SOPS_GCP_KMS_ENDPOINT",
    "SOPS_GCP_KMS_UNIVERSE_DOMAIN",
    "SOPS_HC_VAULT_ALLOWLIST",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "VAULT_ADDR",
    "VAULT_CACERT",
    "VAULT_CACERT_BYTES",
    "VAULT_CAPATH",
    "VAULT_NAMESPACE",
    "VAULT_SKIP_VERIFY",
    "VAULT_TLS_SERVER_NAME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Credentials that stand in a file of the caller's format, as the variables
/// that would say the same.
#[derive(Default)]
pub struct Credentials {
    path: PathBuf,
    variables: Vec<(&'static str, Zeroizing<String>)>,
    certificate: Option<Zeroizing<Vec<u8>>>,
    of_machine: bool,
}

impl Credentials {
    /// None yet, of this file.
    #[must_use]
    pub fn of_file(path: impl Into<PathBuf>) -> Self {
        Credentials {
            path: path.into(),
            ..Credentials::default()
        }
    }

    /// Adds what a variable would say.
    #[must_use]
    pub fn with(mut self, variable: &'static str, value: Zeroizing<String>) -> Self {
        self.variables.push((variable, value));
        self
    }

    /// Adds a certificate and its key in PEM, as `variable` would name a file
    /// of them.
    #[must_use]
    pub fn with_certificate(mut self, variable: &'static str, pem: Zeroizing<Vec<u8>>) -> Self {
        self.certificate = Some(pem);
        let path = self.path.to_string_lossy().into_owned();
        self.with(variable, Zeroizing::new(path))
    }

    /// They are the machine's own: what is given says which of its identities,
    /// and its metadata server may be asked.
    #[must_use]
    pub fn of_machine(mut self) -> Self {
        self.of_machine = true;
        self
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut variables = self.variables.iter();
        let (_, value) = variables.find(|(variable, _)| *variable == name)?;
        Some(value)
    }
}

/// The environment variables, files and rules that services work with.
/// Cheap to clone.
///
/// ```
/// use sops_kms::{Environment, Policy};
///
/// let env = Environment::new(
///     |name| (name == "VAULT_ADDR").then(|| "https://vault.example.org".into()),
///     Policy::default(),
/// );
/// assert_eq!(env.var("VAULT_ADDR").as_deref(), Some("https://vault.example.org"));
/// assert_eq!(env.var("VAULT_TOKEN"), None);
/// ```
#[derive(Clone)]
pub struct Environment {
    lookup: Arc<Lookup>,
    policy: Policy,
    given: Option<Arc<Credentials>>,
    before: Option<fn()>,
    patience: Option<Duration>,
}

impl Environment {
    /// `lookup` gives the value of an environment variable. It is called when
    /// a service is first used, and may be called again.
    pub fn new(
        lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
        policy: Policy,
    ) -> Self {
        Environment {
            lookup: Arc::new(lookup),
            policy,
            given: None,
            before: None,
            patience: None,
        }
    }

    /// With these credentials, and no others: of the environment only what
    /// says where services are and how they are reached counts from now on,
    /// and neither the user's folder nor a metadata server is asked. Messages
    /// name the file that they stand in.
    ///
    /// ```
    /// use sops_kms::{Environment, Policy, environment::Credentials};
    /// use zeroize::Zeroizing;
    ///
    /// let env = Environment::new(|_| Some("of the process".into()), Policy::default());
    /// let token = Zeroizing::new("t".to_owned());
    /// let env = env.with_credentials(Credentials::of_file("/keys/token").with("VAULT_TOKEN", token));
    /// assert_eq!(env.var("VAULT_TOKEN").as_deref(), Some("t"));
    /// assert_eq!(env.var("VAULT_ADDR").as_deref(), Some("of the process"));
    /// assert_eq!(env.var("AWS_SECRET_ACCESS_KEY"), None);
    /// assert_eq!(env.home(), None);
    /// ```
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.given = Some(Arc::new(credentials));
        self
    }

    /// What a variable's value stands in: its name, or the file.
    #[cfg(any(
        feature = "aws",
        feature = "vault",
        feature = "gcp",
        feature = "azure",
        feature = "huawei"
    ))]
    pub(crate) fn name_of(&self, variable: &str) -> String {
        match self.given.as_ref().filter(|g| g.get(variable).is_some()) {
            Some(given) => given.path.display().to_string(),
            None => variable.to_owned(),
        }
    }

    /// A variable that holds what cannot be used: `what` says what it is not.
    #[cfg(any(
        feature = "vault",
        feature = "gcp",
        feature = "azure",
        feature = "huawei"
    ))]
    pub(crate) fn unusable(&self, variable: &str, what: &str) -> KeyError {
        let name = self.name_of(variable);
        KeyError::new(Reason::NoCredentials, format!("{name} is not {what}"))
            .advise(format!("mend {name}, or unset it"))
    }

    fn raw(&self, name: &str) -> Option<OsString> {
        match &self.given {
            None => (self.lookup)(name),
            Some(given) => match given.get(name) {
                Some(value) => Some(value.into()),
                None if PLACES.contains(&name) => (self.lookup)(name),
                None => None,
            },
        }
    }

    /// The environment of this process.
    #[must_use]
    pub fn of_process(policy: Policy) -> Self {
        Self::new(|name| std::env::var_os(name), policy)
    }

    /// The same, where this function is called before each request, on the
    /// thread that is about to wait for the answer.
    #[must_use]
    pub fn before_requests(mut self, call: fn()) -> Self {
        self.before = Some(call);
        self
    }

    /// The same, where a request may take so long in all, further tries
    /// included, instead of [`http::TOTAL`](crate::http::TOTAL).
    #[must_use]
    pub fn waiting_at_most(mut self, total: Duration) -> Self {
        self.patience = Some(total);
        self
    }

    /// How long a request may take, of what is usual for it.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        self.patience.map_or(usual, |total| total.min(usual))
    }

    pub(crate) fn about_to_wait(&self) {
        if let Some(call) = self.before {
            call();
        }
    }

    /// The rules.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The value of a variable, where it is set, not empty, and UTF-8.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<String> {
        let value = self.raw(name)?.into_string().ok()?;
        (!value.is_empty()).then_some(value)
    }

    /// The value of a variable that holds a secret: as [`var`](Self::var),
    /// wiped when dropped.
    #[must_use]
    pub fn secret_var(&self, name: &str) -> Option<Zeroizing<String>> {
        self.var(name).map(Zeroizing::new)
    }

    /// The path that a variable holds, where it is set and not empty.
    #[must_use]
    pub fn path_var(&self, name: &str) -> Option<PathBuf> {
        let value = self.raw(name).filter(|value| !value.is_empty())?;
        Some(PathBuf::from(value))
    }

    /// Whether a variable says yes: `1`, `t`, `true`, in any case, as in Go.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.var(name)
            .is_some_and(|value| matches!(&*value.to_ascii_lowercase(), "1" | "t" | "true"))
    }

    /// The home directory: `HOME`, on Windows `USERPROFILE`. None beside
    /// credentials that were [given](Self::with_credentials).
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        self.path_var(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
    }

    /// What a file holds, wiped when dropped.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is larger than [`FILE_SIZE`]
    /// ([`io::ErrorKind::FileTooLarge`]).
    pub fn read(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        if let Some(given) = &self.given
            && let Some(pem) = given.certificate.as_ref().filter(|_| given.path == path)
        {
            return Ok(pem.clone());
        }
        let file = fs::File::open(path)?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        // Room for all of it: a buffer that grows leaves copies behind.
        let room = size.min(FILE_SIZE) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room as usize));
        file.take(FILE_SIZE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_SIZE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    /// [`read`](Self::read), as text without white space around it: a token.
    ///
    /// # Errors
    ///
    /// Also where it is not UTF-8.
    pub fn read_token(&self, path: &Path) -> io::Result<Zeroizing<String>> {
        let bytes = self.read(path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Zeroizing::new(text.trim().to_owned()))
    }
}

/// Shows the rules only.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Environment").field(&self.policy).finish()
    }
}

//! Every request of every service: what is trusted, which proxy is taken, how
//! long we wait, how often we try.
//!
//! Redirects are not followed: they would take a token where the server says.
//! Answers are bounded. Nothing of an answer's body is ever part of a
//! [`Failure`].

mod failure;
mod message;
mod proxy;
mod resolver;
mod tls;
mod url;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    io::Read,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use ureq::{
    Agent,
    unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector},
};
use zeroize::Zeroizing;

use crate::Environment;

#[cfg(any(
    feature = "aws",
    feature = "vault",
    feature = "gcp",
    feature = "azure",
    feature = "huawei"
))]
pub(crate) use failure::STRANGER;
pub use failure::{Cause, Failure};
pub use message::{Answer, Request};
pub use url::{Origin, encode};

/// How long a connection may take: 5 s.
pub const CONNECT: Duration = Duration::from_secs(5);

/// How long a request may take in all, further tries included: 30 s, unless an
/// [`Environment`] has less patience.
pub const TOTAL: Duration = Duration::from_secs(30);

/// How often a request is made while the server does not answer, or says that
/// it cannot now: three times.
pub const TRIES: u32 = 3;

/// Bytes of an answer's body: 1 MiB. What we ask for takes a few KiB.
pub const ANSWER: usize = 1 << 20;

/// How long a metadata server may take, which is one hop away or not there.
const METADATA: Duration = Duration::from_secs(1);

/// The first wait before another try; each is twice the one before.
const WAIT: Duration = Duration::from_millis(100);

/// The longest wait that a server may ask for by `Retry-After`.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Connections that are kept open to one server: as many as requests are made
/// at a time.
const IDLE: usize = 32;

/// Makes requests. Connections are kept for as long as it lives, and nothing
/// is read or set up before the first request.
///
/// ```no_run
/// use sops_kms::{Environment, Policy, http::{Client, Request}};
///
/// let client = Client::new(&Environment::of_process(Policy::default()));
/// let answer = client.send(&Request::get("https://vault.example.org/v1/sys/health"))?;
/// println!("{}", answer.status());
/// # Ok::<(), sops_kms::http::Failure>(())
/// ```
pub struct Client {
    env: Environment,
    options: Options,
    agents: OnceLock<Result<Agents, Failure>>,
    /// Servers that did not answer at all: not asked again, or two hundred
    /// files would each wait for them.
    silent: Mutex<HashMap<Origin, Failure>>,
    /// Servers that said to try again until the last try: they are tried once
    /// from then on, until one succeeds.
    busy: Mutex<HashSet<Origin>>,
}

/// How a [`Client`] differs from the usual one.
#[derive(Clone, Default)]
struct Options {
    bundles: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    pem: Option<String>,
    identity: Option<(PathBuf, PathBuf)>,
    server_name: Option<String>,
    unverified: bool,
    direct: bool,
    brief: bool,
}

struct Agents {
    direct: Agent,
    proxies: proxy::Proxies,
    /// One for each proxy that the environment names: for `http` and `https`.
    through: [Option<Result<Agent, Failure>>; 2],
}

impl Client {
    /// The usual client. It trusts Mozilla's roots, `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR`, and where neither is set also what the system trusts;
    /// it takes the proxies of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    #[must_use]
    pub fn new(env: &Environment) -> Self {
        Client {
            env: env.clone(),
            options: Options::default(),
            agents: OnceLock::new(),
            silent: Mutex::default(),
            busy: Mutex::default(),
        }
    }

    /// A client for servers on this machine that the environment names, such
    /// as a container's credentials endpoint: never through a proxy.
    #[must_use]
    pub fn for_neighbours(env: &Environment) -> Self {
        let mut client = Self::new(env);
        client.options.direct = true;
        client
    }

    /// A client for servers that are one hop away or not there, such as a
    /// cloud's metadata server: 1 s, one try, never through a proxy.
    #[must_use]
    pub fn for_metadata(env: &Environment) -> Self {
        let mut client = Self::for_neighbours(env);
        client.options.brief = true;
        client
    }

    /// Trusts the certificates of this file of PEM, too.
    #[must_use]
    pub fn trusting_file(mut self, path: Option<PathBuf>) -> Self {
        self.options.bundles.extend(path);
        self
    }

    /// Trusts the certificates of the files in this directory, too.
    #[must_use]
    pub fn trusting_directory(mut self, path: Option<PathBuf>) -> Self {
        self.options.directories.extend(path);
        self
    }

    /// Trusts the certificates of this PEM text, too.
    #[must_use]
    pub fn trusting_pem(mut self, pem: Option<String>) -> Self {
        self.options.pem = pem;
        self
    }

    /// Shows this certificate (and its chain) to servers that ask for one:
    /// two files of PEM, the certificate and its key.
    #[must_use]
    pub fn with_identity(mut self, certificate: PathBuf, key: PathBuf) -> Self {
        self.options.identity = Some((certificate, key));
        self
    }

    /// Expects servers' certificates to be for this name.
    #[must_use]
    pub fn with_server_name(mut self, name: Option<String>) -> Self {
        self.options.server_name = name;
        self
    }

    /// Takes any certificate for good, where `really`. Whoever is between us
    /// and the server then reads all that we send.
    #[must_use]
    pub fn without_verification(mut self, really: bool) -> Self {
        self.options.unverified = really;
        self
    }

    /// Makes a request: at most [`TRIES`] times, while there is no answer, or
    /// one that says to try again ([`Answer::is_transient`]; more by
    /// [`Request::retried_when`]). The last answer is given back, whatever its
    /// status.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or one that is not used: a redirect, one
    /// that is larger than [`ANSWER`], one that is cut. A server that did not
    /// answer is not asked again, and one that said to try again until the last
    /// try is tried once only, until
    /// [`forget_failures`](Self::forget_failures): a file may name many keys.
    pub fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let origin = Origin::of(request.url())
            .ok_or_else(|| Failure::new(request.url(), Cause::NotAnAddress))?;
        if let Some(failure) = self.silent().get(&origin) {
            return Err(failure.clone());
        }
        if self.env.policy().asks_nobody() {
            return Err(Failure::new(request.url(), Cause::NotAsked));
        }
        let agent = self.agent(&origin)?;
        self.env.about_to_wait();
        let is_busy = self.busy().contains(&origin);
        let result = self.tries(agent, request, is_busy);
        match &result {
            Ok(answer) if request.is_worth_retrying(answer) => {
                self.busy().insert(origin);
            }
            Ok(_) if is_busy => {
                self.busy().remove(&origin);
            }
            Err(failure) if failure.is_transient() => {
                self.silent().insert(origin, failure.clone());
            }
            _ => {}
        }
        result
    }

    /// Forgets which servers did not answer.
    pub fn forget_failures(&self) {
        self.silent().clear();
        self.busy().clear();
    }

    fn busy(&self) -> MutexGuard<'_, HashSet<Origin>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silent(&self) -> MutexGuard<'_, HashMap<Origin, Failure>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tries(&self, agent: &Agent, request: &Request, is_busy: bool) -> Result<Answer, Failure> {
        let (total, tries) = match (self.options.brief, is_busy) {
            (true, _) => (METADATA, 1),
            (false, true) => (TOTAL, 1),
            (false, false) => (TOTAL, TRIES),
        };
        let deadline = Instant::now() + self.env.patience(total);
        let mut wait = WAIT;
        for left in (0..tries).rev() {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let result = self.once(agent, request, remaining);
            let asked = match &result {
                Ok(answer) if request.is_worth_retrying(answer) => answer.retry_after(),
                Err(failure) if failure.is_transient() => None,
                _ => return result,
            };
            let pause = asked.map_or(wait + jitter(wait), |asked| asked.min(RETRY_AFTER));
            if left == 0 || Instant::now() + pause >= deadline {
                return result;
            }
            thread::sleep(pause);
            wait *= 2;
        }
        unreachable!("there is at least one try")
    }

    fn once(&self, agent: &Agent, request: &Request, time: Duration) -> Result<Answer, Failure> {
        let fail = |error| Failure::of(request.url(), error);
        let message = request.to_http()?;
        let message = agent
            .configure_request(message)
            .timeout_global(Some(time))
            .build();
        let response = agent.run(message).map_err(|error| {
            let failure = fail(error);
            match agent.config().proxy() {
                // It is the proxy that was to be reached.
                Some(_) => failure.of_proxy(),
                None => failure,
            }
        })?;
        let (head, mut body) = response.into_parts();
        // 304 sends nobody anywhere: it is an answer to what we do not ask.
        if head.status.is_redirection() && head.status.as_u16() != 304 {
            return Err(Failure::redirect(request.url(), head.status.as_u16()));
        }
        let expected = body.content_length().unwrap_or(0);
        let mut reader = body.as_reader();
        let bytes = read(&mut reader, expected).map_err(|error| match error {
            Some(error) => fail(error.into()),
            None => Failure::too_large(request.url()),
        })?;
        Ok(Answer::new(head.status.as_u16(), head.headers, bytes))
    }

    fn agent(&self, origin: &Origin) -> Result<&Agent, Failure> {
        let agents = self
            .agents
            .get_or_init(|| Agents::new(&self.env, &self.options));
        let agents = agents.as_ref().map_err(Clone::clone)?;
        let secure = origin.is_secure();
        match agents.through[usize::from(secure)].as_ref() {
            Some(agent) if agents.proxies.serve(origin) => agent.as_ref().map_err(Clone::clone),
            _ => Ok(&agents.direct),
        }
    }
}

impl Agents {
    fn new(env: &Environment, options: &Options) -> Result<Self, Failure> {
        let tls = tls::Tls::new(env, options)?;
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(tls);
        let connector = Arc::new(connector);
        let agent = |proxy: Option<ureq::Proxy>| {
            let config = Agent::config_builder()
                .proxy(proxy)
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_connect(Some(if options.brief { METADATA } else { CONNECT }))
                .max_idle_connections(2 * IDLE)
                .max_idle_connections_per_host(IDLE)
                .input_buffer_size(16 << 10)
                .output_buffer_size(16 << 10)
                .user_agent(concat!("sops-kms/", env!("CARGO_PKG_VERSION")))
                .build();
            Agent::with_parts(
                config,
                tls::Shared(connector.clone()),
                resolver::Names::default(),
            )
        };
        let proxies = if options.direct {
            proxy::Proxies::default()
        } else {
            proxy::Proxies::new(env)
        };
        let through = proxies
            .both()
            .map(|proxy| proxy.map(|proxy| proxy.map(|proxy| agent(Some(proxy)))));
        Ok(Agents {
            direct: agent(None),
            proxies,
            through,
        })
    }
}

/// Reads a body into a buffer that leaves no copies behind. `None` as an
/// error: it is too large.
fn read(body: &mut impl Read, expected: u64) -> Result<Zeroizing<Vec<u8>>, Option<std::io::Error>> {
    let expected = usize::try_from(expected).map_err(|_| None)?;
    if expected > ANSWER {
        return Err(None);
    }
    let mut bytes = Zeroizing::new(vec![0; expected.max(4 << 10)]);
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            let mut larger = Zeroizing::new(vec![0; 2 * filled]);
            larger[..filled].copy_from_slice(&bytes);
            bytes = larger;
        }
        match body.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => return Err(Some(error)),
        }
        if filled > ANSWER {
            return Err(None);
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Up to half of a wait, so that many do not come back at once.
fn jitter(wait: Duration) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.subsec_nanos());
    wait * (nanos % 512) / 1024
}

/// Shows nothing: variables may hold secrets.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

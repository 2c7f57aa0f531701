//! TLS: whom we trust, and the connection.

use std::{
    fmt, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, StreamOwned,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use super::{Failure, Options};
use crate::Environment;

/// Where systems keep the roots that they trust, as Go looks for them.
const SYSTEM: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Wraps a connection in TLS where the URL asks for it. In place of ureq's own
/// because that one cannot trust Mozilla's roots and others too, nor check for
/// another name, and panics on a client certificate that it cannot use.
pub(super) struct Tls {
    /// Set up by the first connection that needs it.
    config: OnceLock<Arc<ClientConfig>>,
    env: Environment,
    options: Options,
    server_name: Option<ServerName<'static>>,
}

impl Tls {
    /// Reads no file yet, so that plain HTTP never does.
    pub(super) fn new(env: &Environment, options: &Options) -> Result<Self, Failure> {
        let server_name = match &options.server_name {
            None => None,
            Some(name) => Some(ServerName::try_from(name.clone()).map_err(|_| {
                Failure::setting("the server's name", "not a host's name or address")
            })?),
        };
        Ok(Tls {
            config: OnceLock::new(),
            env: env.clone(),
            options: options.clone(),
            server_name,
        })
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Failure> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        // Two threads may both build it; one of the two stays.
        let config = Arc::new(self.build()?);
        Ok(self.config.get_or_init(|| config).clone())
    }

    fn build(&self) -> Result<ClientConfig, Failure> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|_| Failure::setting("TLS", "no version that we speak"))?;
        let verifier: Arc<dyn ServerCertVerifier> = if self.options.unverified {
            Arc::new(Anybody(provider))
        } else {
            let roots = roots(&self.env, &self.options)?;
            Arc::new(Trust {
                own: verifier(roots, &provider)?,
                system: OnceLock::new(),
                provider,
                use_system: system_counts(&self.env),
            })
        };
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        match &self.options.identity {
            None => Ok(builder.with_no_client_auth()),
            Some((certificate, key)) => {
                let shown = |path: &Path| path.display().to_string();
                let bad = |path: &Path, what| Failure::setting(&shown(path), what);
                let pem = self.env.read(certificate);
                let pem = pem.map_err(|e| Failure::setting(&shown(certificate), e.kind()))?;
                let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
                let chain = chain.map_err(|_| bad(certificate, "not certificates in PEM"))?;
                let pem = self.env.read(key);
                let pem = pem.map_err(|e| Failure::setting(&shown(key), e.kind()))?;
                let der = PrivateKeyDer::from_pem_slice(&pem)
                    .map_err(|_| bad(key, "not a private key in PEM without a passphrase"))?;
                builder
                    .with_client_auth_cert(chain, der)
                    .map_err(|_| bad(certificate, "not a certificate that its key belongs to"))
            }
        }
    }
}

/// Whether the system's roots count: as in Go, not where the environment names
/// others in their place.
fn system_counts(env: &Environment) -> bool {
    env.var("SSL_CERT_FILE").is_none() && env.var("SSL_CERT_DIR").is_none()
}

fn roots(env: &Environment, options: &Options) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    // A variable that names nothing is passed over for SSL_CERT_*, as in Go;
    // what a service's own variable names must be there.
    if let Some(path) = env.path_var("SSL_CERT_FILE") {
        let _ = add_file(&mut roots, env, &path);
    }
    if let Some(list) = env.path_var("SSL_CERT_DIR") {
        for directory in std::env::split_paths(&list) {
            let _ = add_directory(&mut roots, env, &directory);
        }
    }
    for path in &options.bundles {
        add_file(&mut roots, env, path)
            .map_err(|error| Failure::setting(&path.display().to_string(), error.kind()))?;
    }
    for path in &options.directories {
        add_directory(&mut roots, env, path)
            .map_err(|error| Failure::setting(&path.display().to_string(), error.kind()))?;
    }
    if let Some(pem) = &options.pem {
        add(&mut roots, pem.as_bytes());
    }
    Ok(roots)
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> usize {
    let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    roots.add_parsable_certificates(certificates).0
}

fn add_file(roots: &mut RootCertStore, env: &Environment, path: &Path) -> io::Result<()> {
    match add(roots, &env.read(path)?) {
        0 => Err(io::ErrorKind::InvalidData.into()),
        _ => Ok(()),
    }
}

fn add_directory(roots: &mut RootCertStore, env: &Environment, path: &Path) -> io::Result<()> {
    /// A directory of roots holds some 300 files.
    const FILES: usize = 10_000;
    let entries = fs::read_dir(path)?.take(FILES).filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.is_file()) {
        let _ = add_file(roots, env, path);
    }
    Ok(())
}

fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Failure> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|_| Failure::setting("TLS", "no root certificates"))
}

/// Our own roots; and where they do not know who signed, those of the system,
/// which are not read before.
#[derive(Debug)]
struct Trust {
    own: Arc<WebPkiServerVerifier>,
    system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    provider: Arc<CryptoProvider>,
    use_system: bool,
}

impl Trust {
    fn system(&self) -> Option<&Arc<WebPkiServerVerifier>> {
        if !self.use_system {
            return None;
        }
        let system = self.system.get_or_init(|| {
            let pem = SYSTEM.iter().find_map(|path| fs::read(path).ok())?;
            let mut roots = RootCertStore::empty();
            add(&mut roots, &pem);
            verifier(roots, &self.provider).ok()
        });
        system.as_ref()
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match verify(&self.own) {
            Err(error @ Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                self.system().map_or(Err(error), |system| verify(system))
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.own.supported_verify_schemes()
    }
}

/// Takes any certificate, for those who insist (`VAULT_SKIP_VERIFY`). The
/// server must still own the key that it shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The one chain of connectors that all agents of a client share.
#[derive(Debug)]
pub(super) struct Shared<C>(pub(super) Arc<C>);

impl<In: Transport, C: Connector<In>> Connector<In> for Shared<C> {
    type Out = C::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<C::Out>, ureq::Error> {
        self.0.connect(details, chained)
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Secured>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let config = self
            .config()
            .map_err(|error| ureq::Error::Other(error.into()))?;
        let named = details.uri.host().unwrap_or_default();
        let bare = named.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(bare.unwrap_or(named).to_owned())
                .map_err(|_| ureq::Error::Tls("not a host's name"))?,
        };
        let connection = ClientConnection::new(config, name).map_err(tls_error)?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        let mut stream = StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock).map_err(|error| {
            match error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
                Some(tls) => tls_error(tls.clone()),
                None => ureq::Error::from(error),
            }
        })?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(Secured { buffers, stream })))
    }
}

fn tls_error(error: Error) -> ureq::Error {
    ureq::Error::Other(Box::new(error))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

/// A connection in TLS.
pub(super) struct Secured {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secured(…)")
    }
}

//! Whom we trust: who may have signed a server's certificate.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
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

/// Takes a server's certificate, or not.
#[derive(Debug)]
pub(super) struct Trust {
    /// None where anybody is trusted.
    roots: Option<Roots>,
    provider: Arc<CryptoProvider>,
}

/// Our own roots; and where they do not know who signed, those of the system,
/// which are not read before.
#[derive(Debug)]
struct Roots {
    own: Arc<WebPkiServerVerifier>,
    /// What the environment names, of the own ones.
    named: Vec<CertificateDer<'static>>,
    system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    /// Whether the system's count: as in Go, not where the environment names
    /// others in their place.
    use_system: bool,
}

impl Trust {
    /// Anybody, for those who insist (`VAULT_SKIP_VERIFY`). The server must
    /// still own the key that it shows.
    pub(super) fn anybody(provider: Arc<CryptoProvider>) -> Self {
        Trust {
            roots: None,
            provider,
        }
    }

    /// Mozilla's roots, and those that the environment and a client name.
    pub(super) fn new(
        env: &Environment,
        options: &Options,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Failure> {
        let named = named(env, options)?;
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        roots.add_parsable_certificates(named.iter().cloned());
        let roots = Roots {
            own: verifier(roots, &provider)?,
            named,
            system: OnceLock::new(),
            use_system: env.var("SSL_CERT_FILE").is_none() && env.var("SSL_CERT_DIR").is_none(),
        };
        Ok(Trust {
            roots: Some(roots),
            provider,
        })
    }
}

impl Roots {
    fn system(&self, provider: &Arc<CryptoProvider>) -> Option<&Arc<WebPkiServerVerifier>> {
        if !self.use_system {
            return None;
        }
        let system = self.system.get_or_init(|| {
            let pem = SYSTEM.iter().find_map(|path| fs::read(path).ok())?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(&pem));
            verifier(roots, provider).ok()
        });
        system.as_ref()
    }

    /// A certificate that signed itself and that the environment names as it
    /// stands, which is what `openssl req -x509` makes: Go takes it, rustls
    /// refuses it because it is an authority's. Its dates were found good
    /// before that; its name was not looked at.
    fn is_named(&self, end_entity: &CertificateDer<'_>, error: &CertificateError) -> bool {
        let CertificateError::Other(why) = error else {
            return false;
        };
        why.to_string() == "CaUsedAsEndEntity" && self.named.contains(end_entity)
    }
}

/// What the environment and a client name, beside Mozilla's roots.
fn named(env: &Environment, options: &Options) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let mut named = Vec::new();
    // A variable that names nothing is passed over for SSL_CERT_*, as in Go;
    // what a service's own variable names must be there.
    if let Some(path) = env.path_var("SSL_CERT_FILE") {
        let _ = add_file(&mut named, env, &path);
    }
    if let Some(list) = env.path_var("SSL_CERT_DIR") {
        for directory in std::env::split_paths(&list) {
            let _ = add_directory(&mut named, env, &directory);
        }
    }
    for path in &options.bundles {
        add_file(&mut named, env, path)
            .map_err(|error| Failure::setting(&path.display().to_string(), error.kind()))?;
    }
    for path in &options.directories {
        add_directory(&mut named, env, path)
            .map_err(|error| Failure::setting(&path.display().to_string(), error.kind()))?;
    }
    if let Some(pem) = &options.pem {
        named.extend(certificates(pem.as_bytes()));
    }
    Ok(named)
}

fn certificates(pem: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok)
}

fn add_file(
    named: &mut Vec<CertificateDer<'static>>,
    env: &Environment,
    path: &Path,
) -> io::Result<()> {
    let before = named.len();
    named.extend(certificates(&env.read(path)?));
    match named.len() == before {
        true => Err(io::ErrorKind::InvalidData.into()),
        false => Ok(()),
    }
}

fn add_directory(
    named: &mut Vec<CertificateDer<'static>>,
    env: &Environment,
    path: &Path,
) -> io::Result<()> {
    /// A directory of roots holds some 300 files.
    const FILES: usize = 10_000;
    let entries = fs::read_dir(path)?.take(FILES).filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.is_file()) {
        let _ = add_file(named, env, path);
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

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match verify(&roots.own) {
            Err(error @ Error::InvalidCertificate(CertificateError::UnknownIssuer)) => roots
                .system(&self.provider)
                .map_or(Err(error), |system| verify(system)),
            Err(Error::InvalidCertificate(error)) if roots.is_named(end_entity, &error) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
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
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

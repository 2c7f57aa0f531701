//! TLS: the connection.

mod trust;

use std::{
    fmt,
    io::{Read, Write},
    path::Path,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, ClientConnection, Error, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use super::{Failure, Options};
use crate::Environment;
use trust::Trust;

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
        let trust = match self.options.unverified {
            true => Trust::anybody(provider),
            false => Trust::new(&self.env, &self.options, provider)?,
        };
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust));
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

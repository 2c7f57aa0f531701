//! Servers of our own, with TLS and without, and proxies.

use std::{
    io::{BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use testkit::fake::read;
pub(crate) use testkit::fake::{Fake, Got, Reply, nobody};

/// A server with one of the certificates of `testdata/tls`; asking clients for
/// theirs, or not.
pub(crate) fn https(
    name: &str,
    ask: bool,
    handler: impl Fn(&Got) -> Reply + Send + Sync + 'static,
) -> Fake {
    let tls = Arc::new(tls(name, ask));
    let wrap = move |stream: TcpStream| {
        let connection = ServerConnection::new(tls.clone()).unwrap();
        Box::new(StreamOwned::new(connection, stream)) as Box<dyn testkit::fake::Stream>
    };
    Fake::https(wrap, handler)
}

/// A file of `testdata/tls`.
pub(crate) fn certificate(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/tls")).join(name)
}

fn tls(name: &str, ask: bool) -> ServerConfig {
    let read = |name: &str| CertificateDer::from_pem_file(certificate(name)).unwrap();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if ask {
        let mut roots = RootCertStore::empty();
        roots.add(read("ca.pem")).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(certificate(&format!("{name}.key"))).unwrap();
    let chain = vec![read(&format!("{name}.pem"))];
    builder.with_single_cert(chain, key).unwrap()
}

/// A server that takes connections and says nothing.
pub(crate) fn silent() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap(), listener)
}

/// A proxy that lets everybody through, and counts them.
pub(crate) fn proxy() -> (SocketAddr, Arc<AtomicUsize>) {
    proxy_to(None)
}

/// The same; all names and ports are one server's, where that is given.
pub(crate) fn proxy_to(server: Option<SocketAddr>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counter = counter.clone();
            thread::spawn(move || tunnel(stream, &counter, server));
        }
    });
    (address, count)
}

fn tunnel(stream: TcpStream, counter: &AtomicUsize, to: Option<SocketAddr>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let request = read(&mut reader)?;
    assert_eq!(request.method, "CONNECT");
    counter.fetch_add(1, Ordering::SeqCst);
    // Names that only the proxy knows are all at 127.0.0.1.
    let port = request.target.rsplit_once(':')?.1.parse::<u16>().ok()?;
    let server = to.unwrap_or_else(|| ([127, 0, 0, 1], port).into());
    let server = TcpStream::connect(server).ok()?;
    let mut client = stream;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        // What the server ends, ends for the client too.
        to.shutdown(std::net::Shutdown::Both)
    });
    std::io::copy(&mut reader, &mut &server).ok()?;
    Some(())
}

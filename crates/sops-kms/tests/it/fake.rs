//! An HTTP server of our own, for contracts that no emulator has and for
//! faults that no emulator shows.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// A request as the server got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Waits first.
    Slow(Duration, Box<Reply>),
    /// These bytes, and closes the connection.
    Raw(Vec<u8>),
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::with(status, &[("content-type", "application/json")], body)
    }

    pub(crate) fn with(
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<String>,
    ) -> Self {
        let headers = headers.iter().map(|&(k, v)| (k, v.to_owned())).collect();
        Reply::Answer(status, headers, body.into().into_bytes())
    }

    pub(crate) fn slow(self, millis: u64) -> Self {
        Reply::Slow(Duration::from_millis(millis), self.into())
    }
}

type Handler = dyn Fn(&Got) -> Reply + Send + Sync;

/// A server on a free port of this machine. Its threads end with the process.
pub(crate) struct Fake {
    address: SocketAddr,
    secure: bool,
    got: Arc<Mutex<Vec<Got>>>,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    pub(crate) fn http(handler: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(handler))
    }

    /// With one of the certificates of `testdata/tls`; asking clients for
    /// theirs, or not.
    pub(crate) fn https(
        name: &str,
        ask: bool,
        handler: impl Fn(&Got) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(Arc::new(tls(name, ask))), Arc::new(handler))
    }

    fn start(tls: Option<Arc<ServerConfig>>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Fake {
            address: listener.local_addr().unwrap(),
            secure: tls.is_some(),
            got: Arc::default(),
            connections: Arc::default(),
        };
        let (got, connections) = (fake.got.clone(), fake.connections.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).unwrap();
                let (tls, handler, got) = (tls.clone(), handler.clone(), got.clone());
                thread::spawn(move || match tls {
                    None => serve(BufReader::new(stream), &*handler, &got),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).unwrap();
                        let stream = StreamOwned::new(connection, stream);
                        serve(BufReader::new(stream), &*handler, &got);
                    }
                });
            }
        });
        fake
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The requests so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve<S: Read + Write>(mut stream: BufReader<S>, handler: &Handler, got: &Mutex<Vec<Got>>) {
    while let Some(request) = read(&mut stream) {
        got.lock().unwrap().push(request.clone());
        let mut reply = handler(&request);
        while let Reply::Slow(wait, next) = reply {
            thread::sleep(wait);
            reply = *next;
        }
        let (bytes, last) = match reply {
            Reply::Raw(bytes) => (bytes, true),
            Reply::Answer(status, headers, body) => {
                let mut head = format!(
                    "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n",
                    body.len()
                );
                for (name, value) in headers {
                    head += &format!("{name}: {value}\r\n");
                }
                head += "\r\n";
                ([head.as_bytes(), &body].concat(), false)
            }
            Reply::Slow(..) => unreachable!(),
        };
        if stream.get_mut().write_all(&bytes).is_err() || last {
            let _ = stream.get_mut().flush();
            return;
        }
        let _ = stream.get_mut().flush();
    }
}

fn read(stream: &mut impl BufRead) -> Option<Got> {
    let mut line = || {
        let mut line = String::new();
        match stream.read_line(&mut line) {
            Ok(1..) => Some(line.trim_end().to_owned()),
            _ => None,
        }
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Got {
        method,
        target,
        headers,
        body,
    })
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

/// A port where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A server that takes connections and says nothing.
pub(crate) fn silent() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap(), listener)
}

/// A proxy that lets everybody through, and counts them.
pub(crate) fn proxy() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counter = counter.clone();
            thread::spawn(move || tunnel(stream, &counter));
        }
    });
    (address, count)
}

fn tunnel(stream: TcpStream, counter: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let request = read(&mut reader)?;
    assert_eq!(request.method, "CONNECT");
    counter.fetch_add(1, Ordering::SeqCst);
    // Names that only the proxy knows are all at 127.0.0.1.
    let port = request.target.rsplit_once(':')?.1.parse::<u16>().ok()?;
    let server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let mut client = stream;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut reader, &mut &server).ok()?;
    Some(())
}

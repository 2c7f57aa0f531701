//! An HTTP server of our own, for contracts that no emulator has and for
//! faults that no emulator shows.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Got {
    /// `POST`.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Got {
    /// A header; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value)
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// Where it is none.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// What the server does with a request.
pub enum Reply {
    /// Status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Waits first.
    Slow(Duration, Box<Reply>),
    /// These bytes, and closes the connection.
    Raw(Vec<u8>),
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::with(status, &[("content-type", "application/json")], body)
    }

    /// An answer with these headers.
    pub fn with(status: u16, headers: &[(&'static str, &str)], body: impl Into<String>) -> Self {
        let headers = headers.iter().map(|&(k, v)| (k, v.to_owned())).collect();
        Reply::Answer(status, headers, body.into().into_bytes())
    }

    /// The same, after so many milliseconds.
    #[must_use]
    pub fn slow(self, millis: u64) -> Self {
        Reply::Slow(Duration::from_millis(millis), self.into())
    }
}

/// What bytes go through.
pub trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

type Wrap = dyn Fn(TcpStream) -> Box<dyn Stream> + Send + Sync;

type Handler = dyn Fn(&Got) -> Reply + Send + Sync;

/// A server on a free port of this machine. Its threads end with the process.
pub struct Fake {
    address: SocketAddr,
    secure: bool,
    got: Arc<Mutex<Vec<Got>>>,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    /// Over plain HTTP.
    #[must_use]
    pub fn http(handler: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(handler))
    }

    /// Over connections that something is wrapped around: TLS.
    #[must_use]
    pub fn https(
        wrap: impl Fn(TcpStream) -> Box<dyn Stream> + Send + Sync + 'static,
        handler: impl Fn(&Got) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(Arc::new(wrap)), Arc::new(handler))
    }

    fn start(wrap: Option<Arc<Wrap>>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let fake = Fake {
            address: listener.local_addr().expect("an address"),
            secure: wrap.is_some(),
            got: Arc::default(),
            connections: Arc::default(),
        };
        let (got, connections) = (fake.got.clone(), fake.connections.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).expect("a connection");
                let (wrap, handler, got) = (wrap.clone(), handler.clone(), got.clone());
                thread::spawn(move || match wrap {
                    None => serve(BufReader::new(stream), &*handler, &got),
                    Some(wrap) => serve(BufReader::new(wrap(stream)), &*handler, &got),
                });
            }
        });
        fake
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The requests so far.
    ///
    /// # Panics
    ///
    /// Where one made the server panic.
    #[must_use]
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().expect("no panic").clone()
    }

    /// The connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve<S: Read + Write>(mut stream: BufReader<S>, handler: &Handler, got: &Mutex<Vec<Got>>) {
    while let Some(request) = read(&mut stream) {
        got.lock().expect("no panic").push(request.clone());
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

/// Reads a request; none where the connection ends, or it is not one.
pub fn read(stream: &mut impl BufRead) -> Option<Got> {
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
        .map_or(0, |n| n.parse().unwrap_or(0));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Got {
        method,
        target,
        headers,
        body,
    })
}

/// A port where nobody listens.
///
/// # Panics
///
/// Where no port is free.
#[must_use]
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}
